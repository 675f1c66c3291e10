/* SPDX-License-Identifier: Apache-2.0 */
/* degraded.h: how well this node can serve, as a level for people and gateways. Local opinion: no
 * validator believes another one's level, and only level 4 stops signing.
 */
#ifndef CR_PEER_DEGRADED_H
#define CR_PEER_DEGRADED_H

#include "base/base.h"

enum cr_degraded {
    CR_DEGRADED_NORMAL = 0,
    CR_DEGRADED_STRAINED = 1, /* a queue is more than half full */
    CR_DEGRADED_IMPAIRED = 2, /* connected to a quorum, but not to everybody; or catching up */
    CR_DEGRADED_READ_ONLY =
        3,                  /* no quorum in reach, or no commit for 10 s: writes would only wait */
    CR_DEGRADED_HALTED = 4, /* safety halt */
};

struct cr_degraded_signals {
    uint64_t stake_up, stake_total, stake_quorum;
    uint64_t commit_age_us;
    uint32_t queue_percent;
    bool syncing;
    bool halted;
};

enum cr_degraded cr_degraded_level(const struct cr_degraded_signals *signals);

#endif
