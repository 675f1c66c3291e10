/* SPDX-License-Identifier: Apache-2.0 */
/* recorder.h: the events of one node in a file for `creto replay`, as a real node writes it. */
#ifndef CR_SIM_RECORDER_H
#define CR_SIM_RECORDER_H

#include "core/core.h"

/* Which node, into which file; the file is made anew. False: it cannot be. */
bool cr_sim_record(uint32_t node, const char *path);
/* A fresh core of a node, and an event before its step; of other nodes they do nothing. */
void cr_sim_recorder_begin(uint32_t node, const struct cr_core *core,
                           const struct cr_core_config *config);
void cr_sim_recorder_add(uint32_t node, const struct cr_event *event);

#endif
