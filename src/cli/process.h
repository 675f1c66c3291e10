/* SPDX-License-Identifier: Apache-2.0 */
/* process.h: one background `creto start`: a folder with node.log and node.pid.
 *
 * node.pid holds the process id and the kernel's start time of that process; both must fit before
 * a signal is sent, so that a reused id never hits somebody else's process. */
#ifndef CR_CLI_PROCESS_H
#define CR_CLI_PROCESS_H

#include <sys/types.h>

#include "base/base.h"

enum cr_process_state { CR_PROCESS_NONE = 1, CR_PROCESS_RUNNING, CR_PROCESS_STOPPED };

struct cr_process {
    pid_t pid; /* 0: none */
    enum cr_process_state state;
};

/* What node.pid in `folder` points to, when that is still ours. */
struct cr_process cr_process_find(const char *folder);
/* Starts this very program as `creto start --home FOLDER` in a session of its own, its output
 * appended to node.log, and writes node.pid. CR_ERR_IO with errno. */
CR_MUST_CHECK enum cr_err cr_process_start(const char *folder);
/* Sends a signal when the process is still ours; false when it is not there. */
bool cr_process_signal(const char *folder, int signal);
/* Removes node.pid. */
void cr_process_forget(const char *folder);

#endif
