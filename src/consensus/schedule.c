/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus/schedule.h"

#include <string.h>

#include "base/cover.h"
#include "crypto/hash.h"

__extension__ typedef unsigned __int128 u128;

enum { STATE_VERSION = 1, PRESENT_ALWAYS = 0xff };
_Static_assert(CR_SCHEDULE_WINDOW == 8, "the history of an author is one byte");
_Static_assert(2 + 8 + CR_VALIDATORS_MAX / 8 + CR_VALIDATORS_MAX <= CR_SCHEDULE_STATE_BYTES,
               "the saved state fits");

void cr_schedule_init(struct cr_schedule *schedule, const struct cr_committee *committee)
{
    *schedule = (struct cr_schedule){.committee = committee, .number = 1};
    for (uint32_t a = 0; a < committee->validators_count; a++) {
        cr_authors_add(&schedule->allowed, a);
        schedule->present[a] = PRESENT_ALWAYS;
    }
}

/* Returning comes before leaving, so that one who returns can make room for one who must go. Both
 * walk in ascending author: every node does the same. */
bool cr_schedule_advance(struct cr_schedule *schedule, const struct cr_authors *in_time)
{
    const struct cr_committee *committee = schedule->committee;
    struct cr_authors allowed = schedule->allowed;

    for (uint32_t a = 0; a < committee->validators_count; a++) {
        const unsigned history = (unsigned)schedule->present[a] << 1;
        schedule->present[a] = (uint8_t)(history | (cr_authors_has(in_time, a) ? 1u : 0u));
        if (schedule->present[a] != PRESENT_ALWAYS || cr_authors_has(&allowed, a)) continue;
        CR_COVER(leader_returned);
        cr_authors_add(&allowed, a);
    }
    uint64_t stake = cr_committee_stake_of(committee, &allowed);
    for (uint32_t a = 0; a < committee->validators_count; a++) {
        if (schedule->present[a] != 0 || !cr_authors_has(&allowed, a)) continue;
        if (stake - committee->stake[a] < committee->quorum) {
            CR_COVER(leader_kept_for_the_quorum);
            continue;
        }
        CR_COVER(leader_suspended);
        stake -= committee->stake[a];
        cr_authors_remove(&allowed, a);
    }
    CR_ASSERT(stake >= committee->quorum);

    if (memcmp(&allowed, &schedule->allowed, sizeof allowed) == 0) return false;
    CR_COVER(schedule_change);
    schedule->allowed = allowed;
    schedule->number++;
    return true;
}

static const char leaders_tag[] = "creto/leaders/1";

/* Four 64-bit draws of the round's random stream. */
static void draw(const struct cr_schedule *schedule, uint32_t round, uint32_t block,
                 uint64_t draws[4])
{
    struct cr_hasher hasher;
    cr_hasher_init(&hasher);
    cr_hasher_add(&hasher, leaders_tag, sizeof leaders_tag - 1);
    cr_hasher_add(&hasher, schedule->committee->seed.bytes, CR_HASH_BYTES);
    cr_hasher_add_le(&hasher, schedule->number, 8);
    cr_hasher_add_le(&hasher, round, 4);
    cr_hasher_add_le(&hasher, block, 4);
    const struct cr_hash hash = cr_hasher_end(&hasher);
    for (uint32_t i = 0; i < 4; i++)
        draws[i] = cr_load_le(hash.bytes + 8 * (size_t)i, 8);
}

/* Fisher-Yates by remaining weight. Multiply-shift maps a draw to [0, weight) with a bias below
 * 2^-64 * weight; no division, no rejection, the same everywhere. */
uint32_t cr_schedule_leaders(const struct cr_schedule *schedule, uint32_t round,
                             uint8_t order[CR_VALIDATORS_MAX])
{
    const uint64_t *stake = schedule->committee->stake;
    struct cr_authors left = schedule->allowed;
    uint64_t weight = cr_committee_stake_of(schedule->committee, &left);
    uint64_t draws[4] = {0};

    uint32_t count = 0;
    while (weight > 0) {
        if (count % 4 == 0) draw(schedule, round, count / 4, draws);
        uint64_t point = (uint64_t)(((u128)draws[count % 4] * weight) >> 64);
        uint32_t a = cr_authors_next(&left, 0);
        while (point >= stake[a]) {
            point -= stake[a];
            a = cr_authors_next(&left, a + 1);
        }
        cr_authors_remove(&left, a);
        weight -= stake[a];
        order[count++] = (uint8_t)a;
    }
    CR_ASSERT(count == cr_authors_count(&schedule->allowed));
    return count;
}

void cr_schedule_save(const struct cr_schedule *schedule, struct cr_schedule_state *out)
{
    memset(out, 0, sizeof *out);
    uint8_t *at = out->bytes;
    cr_store_le(at, STATE_VERSION, 2);
    cr_store_le(at + 2, schedule->number, 8);
    for (uint32_t i = 0; i < CR_AUTHOR_WORDS; i++)
        cr_store_le(at + 10 + 8 * (size_t)i, schedule->allowed.words[i], 8);
    memcpy(at + 10 + sizeof schedule->allowed, schedule->present, sizeof schedule->present);
}

enum cr_err cr_schedule_load(struct cr_schedule *schedule, const struct cr_schedule_state *state)
{
    const struct cr_committee *committee = schedule->committee;
    const uint8_t *at = state->bytes;
    struct cr_schedule loaded;

    cr_schedule_init(&loaded, committee);
    if (cr_load_le(at, 2) != 0) { /* all zero: before the first commit */
        const struct cr_authors all = loaded.allowed;
        if (cr_load_le(at, 2) != STATE_VERSION) return CR_ERR_CORRUPT;
        loaded.number = cr_load_le(at + 2, 8);
        for (uint32_t i = 0; i < CR_AUTHOR_WORDS; i++)
            loaded.allowed.words[i] = cr_load_le(at + 10 + 8 * (size_t)i, 8);
        memcpy(loaded.present, at + 10 + sizeof loaded.allowed, sizeof loaded.present);

        const struct cr_authors foreign = cr_authors_without(loaded.allowed, &all);
        if (!cr_authors_is_empty(&foreign)) return CR_ERR_CORRUPT;
        if (cr_committee_stake_of(committee, &loaded.allowed) < committee->quorum)
            return CR_ERR_CORRUPT;
    }
    *schedule = loaded;
    return CR_OK;
}
