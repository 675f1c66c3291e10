/* SPDX-License-Identifier: Apache-2.0 */
/* node.h: a validator as a process: everything below meets here. */
#ifndef CR_NODE_NODE_H
#define CR_NODE_NODE_H

#include "node/config.h"

/* Exit codes of `creto start` beyond 0 (clean stop): see docs/operations.md. */
enum cr_exit {
    CR_EXIT_OK = 0,
    CR_EXIT_FAILED = 1,
    CR_EXIT_USAGE = 2, /* usage or configuration */
    CR_EXIT_NOT_FOUND = 3,
    CR_EXIT_VERIFICATION = 4,
    CR_EXIT_UNKNOWN = 5, /* unavailable or timed out; the outcome is unknown, retrying is safe */
    CR_EXIT_AUTH = 6,
    CR_EXIT_CONFLICT = 7,
    CR_EXIT_HALT = 8,  /* safety halt */
    CR_EXIT_TWIN = 77, /* ended after its key had been seen signing elsewhere */
    CR_EXIT_IO = 74,   /* the disk failed: restart after a look at it */
};

/* Runs until SIGTERM or SIGINT, then drains and returns CR_EXIT_OK (< 2 s). Logs to stderr. */
int cr_node_run(const struct cr_config *config);

#endif
