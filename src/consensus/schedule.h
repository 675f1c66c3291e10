/* SPDX-License-Identifier: Apache-2.0 */
/* schedule.h: which validators may lead, and in which order in each round (docs/protocol.md 6).
 *
 * Agreed code: a pure function of the epoch and the committed prefix. Nothing local (time, arrival,
 * opinions) enters. A leader that was in none of the last CR_SCHEDULE_WINDOW commits is suspended;
 * it returns when its vertices were in time for that many commits in a row.
 *
 * Invariant: the stake of the allowed leaders is at least a quorum.
 */
#ifndef CR_CONSENSUS_SCHEDULE_H
#define CR_CONSENSUS_SCHEDULE_H

#include "consensus/committee.h"

enum {
    CR_SCHEDULE_WINDOW = 8, /* commits; one bit each in a byte */
    CR_SCHEDULE_STATE_BYTES = 1024,
};

/* The schedule after a commit, for a restart. Opaque; all zero means "before the first commit". */
struct cr_schedule_state {
    uint8_t bytes[CR_SCHEDULE_STATE_BYTES];
};

struct cr_schedule {
    const struct cr_committee *committee; /* borrowed, outlives this object */
    uint64_t number;                      /* counts changes of `allowed`; the first is 1 */
    struct cr_authors allowed;
    uint8_t present[CR_VALIDATORS_MAX]; /* bit i: in time for the i-th last commit */
};

void cr_schedule_init(struct cr_schedule *schedule, const struct cr_committee *committee);
/* Accounts for one more commit: `in_time` are the authors that count as present in it. Returns
 * whether the allowed set changed: then every decision not yet delivered must be made anew. */
bool cr_schedule_advance(struct cr_schedule *schedule, const struct cr_authors *in_time);
/* The leaders of a round in order: a weighted permutation of the allowed set drawn from
 * (epoch seed, schedule number, round). Returns how many. */
uint32_t cr_schedule_leaders(const struct cr_schedule *schedule, uint32_t round,
                             uint8_t order[CR_VALIDATORS_MAX]);

void cr_schedule_save(const struct cr_schedule *schedule, struct cr_schedule_state *out);
/* CR_ERR_CORRUPT: not a state that cr_schedule_save wrote for this committee. */
CR_MUST_CHECK enum cr_err cr_schedule_load(struct cr_schedule *schedule,
                                           const struct cr_schedule_state *state);

#endif
