/* SPDX-License-Identifier: Apache-2.0 */
/* twins.h: several processes with one key (T1 to T3 of the known attacks, docs/testing.md).
 *
 * A twin is a process more of a liar: an unmodified core that knows nothing of the other. It begins
 * with a copy of its log and guard, or with an old one, while its plan entry lasts. Every peer is
 * connected to one process of that key at a time, and the plan deals the peers anew again and
 * again. Whatever concerns the key (dead machines, clocks, other lies) concerns all its processes.
 *
 * The double of a correct node is a twin that lies as little as the node: it was started by
 * mistake, on a copy of the folder that tells that it is one, and asks before it signs. It has to
 * find out and end without a signature (check.h). Peers come to it F at a time, by turns; so the
 * first process is heard all the while, as docs/protocol.md 4.8 wants it.
 *
 * Processes have places: those of validators are their index, those of twins come behind.
 */
#ifndef CR_SIM_TWINS_H
#define CR_SIM_TWINS_H

#include "base/base.h"

struct cr_sim;
struct cr_host;

enum { CR_SIM_TWINS_MAX = 6 };

/* Makes the twins that the plan may start; the hosts of all validators are made. */
void cr_twins_init(struct cr_sim *sim);
/* The process of `node` that `peer` is connected to, or would be. */
struct cr_host *cr_twins_of(struct cr_sim *sim, uint32_t node, uint32_t peer);
/* Whether `peer` is connected to this process, if to any of its key. */
bool cr_twins_is_heard(const struct cr_host *host, uint32_t peer);
bool cr_twins_is_wanted(const struct cr_host *host); /* by the plan, now */

/* The entry at this place of the plan has begun: its twin gets its log. It is started by whoever
 * starts hosts. */
void cr_twins_prepare(struct cr_sim *sim, uint32_t place);
/* Deals the peers, for the times-th time: first to the twin those of the group, then by lot. */
void cr_twins_deal(struct cr_sim *sim, uint32_t place, uint32_t times);
/* The entry is over: all its peers go to the first process. */
void cr_twins_end(struct cr_sim *sim, uint32_t place);
/* A process that was started beside another one of a correct node. */
bool cr_twins_is_double(const struct cr_host *host);

#endif
