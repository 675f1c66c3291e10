/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus/score.h"

#include <string.h>

void cr_score_init(struct cr_score *score, struct cr_arena *arena,
                   const struct cr_committee *committee, uint32_t window, uint32_t rounds_max)
{
    const size_t slots = (size_t)rounds_max * committee->validators_count;
    CR_ASSERT(window > 0);
    CR_ASSERT((rounds_max & (rounds_max - 1)) == 0);
    *score = (struct cr_score){
        .committee = committee,
        .window = window,
        .rounds_max = rounds_max,
        .rounds = cr_arena_take(arena, rounds_max, sizeof *score->rounds),
        .slot = cr_arena_take(arena, slots, sizeof *score->slot),
    };
}

static struct cr_score_round *round_at(const struct cr_score *score, uint32_t round)
{
    CR_ASSERT(round > score->gc_round && round - score->gc_round < score->rounds_max);
    return &score->rounds[round & (score->rounds_max - 1)];
}

static struct cr_score_slot *slots_at(const struct cr_score *score, uint32_t round)
{
    const uint32_t row = round & (score->rounds_max - 1);
    return &score->slot[(size_t)row * score->committee->validators_count];
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Returns whether the author has another committed vertex in this round. */
static bool enter(struct cr_score *score, uint32_t round, uint32_t author)
{
    struct cr_score_round *own = round_at(score, round);
    const bool copy = cr_authors_has(&own->committed, author);
    cr_authors_add(copy ? &own->copied : &own->committed, author);
    return copy;
}

/* `author` refers to `slot`. Returns what that adds to the support of the slot's author: up to a
 * quorum, so that F who refuse to refer to somebody take nothing from him. */
static uint64_t support(const struct cr_committee *committee, struct cr_score_slot *slot,
                        uint32_t author)
{
    if (cr_authors_has(&slot->supporters, author)) return 0; /* by another copy */
    cr_authors_add(&slot->supporters, author);
    const uint64_t before = lesser(slot->stake, committee->quorum);
    slot->stake += committee->stake[author];
    return lesser(slot->stake, committee->quorum) - before;
}

void cr_score_vertex(struct cr_score *score, uint32_t round, uint32_t author,
                     const struct cr_authors *parents)
{
    if (enter(score, round, author)) cr_authors_add(&score->copied, author);
    if (round - 1 <= score->gc_round) return; /* too late to help anybody */
    const struct cr_score_round *before = round_at(score, round - 1);
    struct cr_score_slot *slots = slots_at(score, round - 1);
    for (uint32_t a = cr_authors_next(parents, 0); a < CR_VALIDATORS_MAX;
         a = cr_authors_next(parents, a + 1)) {
        const uint64_t added = support(score->committee, &slots[a], author);
        if (!cr_authors_has(&before->copied, a)) score->authors[a].support += added;
    }
    const struct cr_authors votes = cr_authors_and(*parents, &before->leaders);
    score->authors[author].votes += cr_authors_count(&votes);
}

void cr_score_restore(struct cr_score *score, uint32_t round, uint32_t author,
                      const struct cr_authors *parents)
{
    enter(score, round, author);
    if (round - 1 <= score->gc_round) return;
    struct cr_score_slot *slots = slots_at(score, round - 1);
    for (uint32_t a = cr_authors_next(parents, 0); a < CR_VALIDATORS_MAX;
         a = cr_authors_next(parents, a + 1))
        support(score->committee, &slots[a], author);
}

/* min, not mean: who is supported well because he only supports his friends shall not hide it. */
static uint64_t score_of(const struct cr_score *score, uint32_t author, uint32_t rounds)
{
    const struct cr_score_author *of = &score->authors[author];
    if (cr_authors_has(&score->copied, author)) return 0;
    const cr_u128 due = (cr_u128)rounds * score->committee->quorum; /* < 2^95 */
    const uint64_t timely =
        of->support >= due ? CR_SCORE_ONE : (uint64_t)(of->support * CR_SCORE_ONE / due);
    const uint64_t voted = of->votes >= score->slots
                               ? CR_SCORE_ONE
                               : (uint64_t)of->votes * CR_SCORE_ONE / score->slots;
    return lesser(timely, voted);
}

static void raise_horizon(struct cr_score *score, uint32_t gc_round)
{
    while (score->gc_round < gc_round) {
        struct cr_score_slot *slots = slots_at(score, score->gc_round + 1);
        memset(slots, 0, score->committee->validators_count * sizeof *slots);
        *round_at(score, score->gc_round + 1) = (struct cr_score_round){0};
        score->gc_round++;
    }
}

bool cr_score_commit(struct cr_score *score, const struct cr_authors *leaders,
                     uint32_t leader_round, uint32_t gc_round, uint64_t scores[CR_VALIDATORS_MAX])
{
    CR_ASSERT(leader_round > score->leader_round);
    score->leader_round = leader_round;
    round_at(score, leader_round)->leaders = *leaders;
    score->slots += cr_authors_count(leaders);
    raise_horizon(score, gc_round);
    if (++score->commits < score->window) return false;

    const uint32_t rounds = leader_round - score->began_round;
    for (uint32_t a = 0; a < score->committee->validators_count; a++)
        scores[a] = score_of(score, a, rounds);
    memset(score->authors, 0, sizeof score->authors);
    score->copied = (struct cr_authors){0};
    score->commits = score->slots = 0;
    score->began_round = leader_round;
    return true;
}
