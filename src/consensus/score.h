/* SPDX-License-Identifier: Apache-2.0 */
/* score.h: how well every validator has served in a window of commits (docs/protocol.md 6.3).
 *
 * Agreed code: a function of the committed prefix alone, in integers. Two things count: whether
 * others could build on a validator's vertices in time, and whether it voted for those that led.
 *
 * A restart brings back the counts of the open window (cr_schedule_state) and the committed
 * vertices above the horizon, in any order; the marks of rounds and slots follow from these. They
 * are kept so that the order does not matter: who supports a slot is a set.
 *
 * Invariant: after a restart the saved state is byte for byte what it would have been without one.
 */
#ifndef CR_CONSENSUS_SCORE_H
#define CR_CONSENSUS_SCORE_H

#include "base/arena.h"
#include "consensus/committee.h"

#define CR_SCORE_ONE (UINT64_C(1) << 32) /* nothing was missing */

struct cr_score_round {
    struct cr_authors committed; /* authors with a committed vertex */
    struct cr_authors copied;    /* with two: an equivocation that counts for nothing */
    struct cr_authors leaders;   /* committed as leaders */
};

struct cr_score_slot {
    struct cr_authors supporters; /* authors whose committed vertex of the next round refers here */
    uint64_t stake;               /* of them */
};

struct cr_score_author {
    cr_u128 support; /* T: sum over slots of their supporters' stake, each up to Q; < 2^95 */
    uint32_t votes;  /* V: references to committed leaders of the round before */
};

struct cr_score {
    const struct cr_committee *committee; /* borrowed */
    uint32_t window;                      /* commits after which the scores are taken */
    uint32_t rounds_max;                  /* a power of two, as in the DAG */
    uint32_t gc_round, leader_round;      /* of the last commit */
    /* The open window. */
    uint32_t commits;
    uint32_t began_round; /* leader round of the last commit before it */
    uint32_t slots;       /* L: committed leaders */
    struct cr_authors copied;
    struct cr_score_author authors[CR_VALIDATORS_MAX];
    /* Rounds above the horizon, by round & (rounds_max - 1). */
    struct cr_score_round *rounds; /* [rounds_max] */
    struct cr_score_slot *slot;    /* [rounds_max][validators_count] */
};

void cr_score_init(struct cr_score *score, struct cr_arena *arena,
                   const struct cr_committee *committee, uint32_t window, uint32_t rounds_max);

/* One vertex of the next commit, in linear order. */
void cr_score_vertex(struct cr_score *score, uint32_t round, uint32_t author,
                     const struct cr_authors *parents);
/* The commit is complete. Returns whether it ends a window; `scores` (0..CR_SCORE_ONE, by author)
 * are written only then. */
bool cr_score_commit(struct cr_score *score, const struct cr_authors *leaders,
                     uint32_t leader_round, uint32_t gc_round, uint64_t scores[CR_VALIDATORS_MAX]);

/* A restart: a vertex of the committed prefix above the horizon, after cr_schedule_load. */
void cr_score_restore(struct cr_score *score, uint32_t round, uint32_t author,
                      const struct cr_authors *parents);

#endif
