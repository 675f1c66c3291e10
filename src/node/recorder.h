/* SPDX-License-Identifier: Apache-2.0 */
/* recorder.h: the flight recorder: the events of the core in DATA/recording, a file of fixed size
 * (core/recording.h). What was written survives the process, not the loss of power: nothing waits
 * for this file, and no error of it stops the node. */
#ifndef CR_NODE_RECORDER_H
#define CR_NODE_RECORDER_H

#include "core/recording.h"

struct cr_recorder;

/* Records a fresh core behind what the file has. NULL: without a recording, and a line in the log
 * says why. `core` outlives the recorder. */
struct cr_recorder *cr_recorder_open(const char *path, uint64_t bytes, const struct cr_core *core,
                                     const struct cr_core_config *config);
void cr_recorder_close(struct cr_recorder *recorder); /* NULL is allowed */
/* Before each step; NULL is allowed. */
void cr_recorder_add(struct cr_recorder *recorder, const struct cr_event *event);

#endif
