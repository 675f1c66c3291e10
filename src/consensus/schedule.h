/* SPDX-License-Identifier: Apache-2.0 */
/* schedule.h: which validators may lead, and in which order in each round (docs/protocol.md 6).
 *
 * Agreed code: a pure function of the epoch and the committed prefix. Nothing local (time, arrival,
 * opinions) enters. Two ways lead out of the allowed set: the fast one for who is *absent*, looked
 * at after every commit, and the score of a window of commits (score.h) for who is *bad*.
 *
 * Invariant: the stake of the allowed leaders is at least a quorum.
 */
#ifndef CR_CONSENSUS_SCHEDULE_H
#define CR_CONSENSUS_SCHEDULE_H

#include "consensus/score.h"

enum {
    CR_SCHEDULE_WINDOW = 8, /* commits; one bit each in a byte */
    CR_SCHEDULE_STATE_BYTES = 4096,
};

/* The schedule after a commit, for a restart, as long as the committee is large: 3.6 KiB for 128
 * validators, 0.2 KiB for 4, then zeros. Opaque; all zero means "before the first commit". */
struct cr_schedule_state {
    uint8_t bytes[CR_SCHEDULE_STATE_BYTES];
};

struct cr_schedule_author {
    uint8_t present; /* bit i: in time for the i-th last commit */
    uint8_t stay;    /* of a bad one: windows before it may return */
    uint8_t stays;   /* how many they were the last time; 0: it never was bad */
    uint8_t since;   /* windows since it returned, no more than matter */
};

struct cr_schedule {
    const struct cr_committee *committee; /* borrowed, outlives this object */
    uint64_t number;                      /* counts changes of `allowed`; the first is 1 */
    struct cr_authors allowed;            /* neither absent nor bad */
    struct cr_authors absent, bad;
    struct cr_schedule_author authors[CR_VALIDATORS_MAX];
};

void cr_schedule_init(struct cr_schedule *schedule, const struct cr_committee *committee);
/* Accounts for one more commit: `in_time` are the authors that count as present in it. Returns
 * whether the allowed set changed: then every decision not yet delivered must be made anew. */
bool cr_schedule_advance(struct cr_schedule *schedule, const struct cr_authors *in_time);
/* A window has ended with these scores: who is bad from now on? Returns as above. */
bool cr_schedule_judge(struct cr_schedule *schedule, const uint64_t scores[CR_VALIDATORS_MAX]);
/* The leaders of a round in order: a weighted permutation of the allowed set drawn from
 * (epoch seed, schedule number, round). Returns how many. */
uint32_t cr_schedule_leaders(const struct cr_schedule *schedule, uint32_t round,
                             uint8_t order[CR_VALIDATORS_MAX]);

void cr_schedule_save(const struct cr_schedule *schedule, const struct cr_score *score,
                      struct cr_schedule_state *out);
/* For the commit with this leader round and horizon; `score` is a new one. CR_ERR_CORRUPT: not a
 * state that cr_schedule_save wrote for this committee; nothing is changed. */
CR_MUST_CHECK enum cr_err cr_schedule_load(struct cr_schedule *schedule, struct cr_score *score,
                                           uint32_t leader_round, uint32_t gc_round,
                                           const struct cr_schedule_state *state);

#endif
