/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CR_CLI_STATUS_H
#define CR_CLI_STATUS_H

#include <jansson.h>
#include <stddef.h>

/* One line: whether a node is in sync, else how far it is and how it gets on. `node` is its status
 * as the HTTP interface gives it. */
void cr_status_sync(const json_t *node, char *out, size_t out_bytes);

#endif
