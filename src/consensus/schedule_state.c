/* SPDX-License-Identifier: Apache-2.0 */
/* schedule_state.c: what a restart needs to know of the schedule (docs/storage.md). Little-endian,
 * masks of ceil(n / 8) bytes:
 *
 *   version u16 | number u64 | commits u32 | began_round u32 | slots u32
 *   | absent | bad | copied
 *   | n x {present u8, stay u8, stays u8, since u8, votes u32, support 12 bytes}
 *   | committed leaders of every round from the last leader round down to gc_round + 1
 */
#include <string.h>

#include "consensus/schedule.h"

enum {
    STATE_VERSION = 2,
    AUTHOR_BYTES = 20,
    FIXED_BYTES = 2 + 8 + 3 * 4,
    MASK_BYTES = CR_VALIDATORS_MAX / 8,
};
_Static_assert(FIXED_BYTES + (3 + CR_GC_DEPTH) * MASK_BYTES + CR_VALIDATORS_MAX * AUTHOR_BYTES <=
                   CR_SCHEDULE_STATE_BYTES,
               "the saved state fits");

static uint8_t *put(uint8_t *at, uint64_t value, size_t bytes)
{
    cr_store_le(at, value, bytes);
    return at + bytes;
}

static uint64_t take(const uint8_t **at, size_t bytes)
{
    const uint64_t value = cr_load_le(*at, bytes);
    *at += bytes;
    return value;
}

static uint8_t *put_mask(uint8_t *at, const struct cr_authors *set, uint32_t validators)
{
    for (uint32_t i = 0; i < (validators + 7) / 8; i++)
        *at++ = (uint8_t)(set->words[i / 8] >> (8 * (i % 8)));
    return at;
}

static struct cr_authors take_mask(const uint8_t **at, uint32_t validators)
{
    struct cr_authors set = {0};
    for (uint32_t i = 0; i < (validators + 7) / 8; i++)
        set.words[i / 8] |= (uint64_t) * (*at)++ << (8 * (i % 8));
    return set;
}

static struct cr_authors *leaders_at(const struct cr_score *score, uint32_t round)
{
    return &score->rounds[round & (score->rounds_max - 1)].leaders;
}

void cr_schedule_save(const struct cr_schedule *schedule, const struct cr_score *score,
                      struct cr_schedule_state *out)
{
    const uint32_t n = schedule->committee->validators_count;
    CR_ASSERT(score->leader_round - score->gc_round <= CR_GC_DEPTH);
    memset(out, 0, sizeof *out);
    uint8_t *at = put(out->bytes, STATE_VERSION, 2);
    at = put(at, schedule->number, 8);
    at = put(at, score->commits, 4);
    at = put(at, score->began_round, 4);
    at = put(at, score->slots, 4);
    at = put_mask(at, &schedule->absent, n);
    at = put_mask(at, &schedule->bad, n);
    at = put_mask(at, &score->copied, n);
    for (uint32_t a = 0; a < n; a++) {
        const struct cr_schedule_author *of = &schedule->authors[a];
        const struct cr_score_author *counts = &score->authors[a];
        at = put(at, of->present, 1);
        at = put(at, of->stay, 1);
        at = put(at, of->stays, 1);
        at = put(at, of->since, 1);
        at = put(at, counts->votes, 4);
        at = put(at, (uint64_t)counts->support, 8);
        at = put(at, (uint64_t)(counts->support >> 64), 4);
    }
    for (uint32_t r = score->leader_round; r > score->gc_round; r--)
        at = put_mask(at, leaders_at(score, r), n);
}

static void load_authors(struct cr_schedule *schedule, struct cr_score *score, const uint8_t **at)
{
    for (uint32_t a = 0; a < schedule->committee->validators_count; a++) {
        struct cr_schedule_author *of = &schedule->authors[a];
        struct cr_score_author *counts = &score->authors[a];
        of->present = (uint8_t)take(at, 1);
        of->stay = (uint8_t)take(at, 1);
        of->stays = (uint8_t)take(at, 1);
        of->since = (uint8_t)take(at, 1);
        counts->votes = (uint32_t)take(at, 4);
        counts->support = take(at, 8);
        counts->support |= (cr_u128)take(at, 4) << 64;
    }
}

enum cr_err cr_schedule_load(struct cr_schedule *schedule, struct cr_score *score,
                             uint32_t leader_round, uint32_t gc_round,
                             const struct cr_schedule_state *state)
{
    const struct cr_committee *committee = schedule->committee;
    const uint32_t n = committee->validators_count;
    const uint8_t *at = state->bytes;
    struct cr_schedule loaded;
    struct cr_score counts = *score;

    cr_schedule_init(&loaded, committee);
    const struct cr_authors all = loaded.allowed;
    const uint64_t version = take(&at, 2);
    if (version == 0) { /* all zero: before the first commit */
        *schedule = loaded;
        return CR_OK;
    }
    if (version != STATE_VERSION || leader_round < gc_round ||
        leader_round - gc_round > CR_GC_DEPTH)
        return CR_ERR_CORRUPT;
    loaded.number = take(&at, 8);
    counts.commits = (uint32_t)take(&at, 4);
    counts.began_round = (uint32_t)take(&at, 4);
    counts.slots = (uint32_t)take(&at, 4);
    loaded.absent = take_mask(&at, n);
    loaded.bad = take_mask(&at, n);
    counts.copied = take_mask(&at, n);
    load_authors(&loaded, &counts, &at);
    loaded.allowed = cr_authors_without(all, &loaded.absent);
    loaded.allowed = cr_authors_without(loaded.allowed, &loaded.bad);

    struct cr_authors foreign = cr_authors_or(loaded.absent, &loaded.bad);
    foreign = cr_authors_without(foreign, &all);
    if (!cr_authors_is_empty(&foreign)) return CR_ERR_CORRUPT;
    if (cr_committee_stake_of(committee, &loaded.allowed) < committee->quorum)
        return CR_ERR_CORRUPT;
    if (counts.commits >= score->window || counts.began_round > leader_round) return CR_ERR_CORRUPT;

    counts.gc_round = gc_round;
    counts.leader_round = leader_round;
    for (uint32_t r = leader_round; r > gc_round; r--)
        *leaders_at(&counts, r) = take_mask(&at, n);
    *schedule = loaded;
    *score = counts;
    return CR_OK;
}
