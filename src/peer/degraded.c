/* SPDX-License-Identifier: Apache-2.0 */
#include "peer/degraded.h"

enum { COMMIT_AGE_US_MAX = 10 * 1000 * 1000 };

enum cr_degraded cr_degraded_level(const struct cr_degraded_signals *signals)
{
    if (signals->halted) return CR_DEGRADED_HALTED;
    if (signals->stake_up < signals->stake_quorum) return CR_DEGRADED_READ_ONLY;
    if (signals->commit_age_us > COMMIT_AGE_US_MAX) return CR_DEGRADED_READ_ONLY;
    if (signals->stake_up < signals->stake_total || signals->syncing) return CR_DEGRADED_IMPAIRED;
    if (signals->queue_percent > 50) return CR_DEGRADED_STRAINED;
    return CR_DEGRADED_NORMAL;
}
