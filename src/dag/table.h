/* SPDX-License-Identifier: Apache-2.0 */
/* table.h: digest -> index of the pool, inside the DAG. Linear probing at most half full; deletion
 * shifts back, so that no tombstone is ever left. */
#ifndef CR_DAG_TABLE_H
#define CR_DAG_TABLE_H

#include "dag/dag.h"

void cr_dag_table_add(struct cr_dag *dag, const struct cr_dag_vertex *v);
void cr_dag_table_remove(struct cr_dag *dag, const struct cr_dag_vertex *v);
/* Every vertex in use is found, and nothing else is in the table. */
void cr_dag_table_check(const struct cr_dag *dag);

#endif
