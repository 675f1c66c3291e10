/* SPDX-License-Identifier: Apache-2.0 */
/* halt.h: the safety halt of a node, and its mark in the data folder. */
#ifndef CR_NODE_HALT_H
#define CR_NODE_HALT_H

#include "node/replica.h"

enum { CR_HALT_PATH_BYTES = CR_PATH_BYTES_MAX + 32 };

/* Stops signing and taking transactions, and writes DATA/halted.json. `reason` is static text. */
void cr_node_halt(struct cr_node *node, const char *reason);
/* Whether there is such a file, of an earlier life; `path` is its name. */
bool cr_node_was_halted(const struct cr_node *node, char path[CR_HALT_PATH_BYTES]);

#endif
