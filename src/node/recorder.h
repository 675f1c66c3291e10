/* SPDX-License-Identifier: Apache-2.0 */
/* recorder.h: the flight recorder: the events of the core in DATA/recording, a file of fixed size
 * (core/recording.h). What was written survives the process, not the loss of power: nothing waits
 * for this file, and no error of it stops the node. */
#ifndef CR_NODE_RECORDER_H
#define CR_NODE_RECORDER_H

#include "core/recording.h"

struct cr_recorder;

/* NULL: without a recording (`bytes` is 0, or a line in the log says why). */
struct cr_recorder *cr_recorder_open(const char *path, uint64_t bytes);
/* From now on this core, which is fresh: at the start, and whenever another one takes its place. It
 * outlives the recorder, or the next call. NULL is allowed. */
void cr_recorder_begin(struct cr_recorder *recorder, const struct cr_core *core,
                       const struct cr_core_config *config);
void cr_recorder_close(struct cr_recorder *recorder); /* NULL is allowed */
/* Before each step; NULL is allowed. */
void cr_recorder_add(struct cr_recorder *recorder, const struct cr_event *event);

#endif
