/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus/schedule.h"

#include <string.h>

#include "base/cover.h"
#include "crypto/hash.h"

enum {
    PRESENT_ALWAYS = 0xff,
    RELAPSE_WINDOWS = 16, /* who is bad again within these stays away twice as long */
    STAY_WINDOWS_MAX = 8,
};
_Static_assert(CR_SCHEDULE_WINDOW == 8, "the history of an author is one byte");

void cr_schedule_init(struct cr_schedule *schedule, const struct cr_committee *committee)
{
    *schedule = (struct cr_schedule){.committee = committee, .number = 1};
    schedule->allowed = committee->members;
    for (uint32_t a = 0; a < committee->validators_count; a++)
        schedule->authors[a] = (struct cr_schedule_author){.present = PRESENT_ALWAYS};
}

static struct cr_authors allowed_of(const struct cr_schedule *schedule)
{
    const struct cr_authors allowed =
        cr_authors_without(schedule->committee->members, &schedule->absent);
    return cr_authors_without(allowed, &schedule->bad);
}

/* The absent and bad sets have changed, or not. */
static bool settle(struct cr_schedule *schedule)
{
    const struct cr_authors allowed = allowed_of(schedule);
    CR_ASSERT(cr_committee_stake_of(schedule->committee, &allowed) >= schedule->committee->quorum);
    if (memcmp(&allowed, &schedule->allowed, sizeof allowed) == 0) return false;
    CR_COVER(schedule_change);
    schedule->allowed = allowed;
    schedule->number++;
    return true;
}

/* Returning comes before leaving, so that one who returns can make room for one who must go. Both
 * walk in ascending author: every node does the same. */
bool cr_schedule_advance(struct cr_schedule *schedule, const struct cr_authors *in_time)
{
    const struct cr_committee *committee = schedule->committee;
    for (uint32_t a = 0; a < committee->validators_count; a++) {
        struct cr_schedule_author *of = &schedule->authors[a];
        of->present = (uint8_t)(of->present << 1 | (cr_authors_has(in_time, a) ? 1 : 0));
        if (of->present != PRESENT_ALWAYS || !cr_authors_has(&schedule->absent, a)) continue;
        CR_COVER(leader_returned);
        cr_authors_remove(&schedule->absent, a);
    }
    const struct cr_authors allowed = allowed_of(schedule);
    uint64_t stake = cr_committee_stake_of(committee, &allowed);
    for (uint32_t a = 0; a < committee->validators_count; a++) {
        if (schedule->authors[a].present != 0 || cr_authors_has(&schedule->absent, a)) continue;
        if (!cr_authors_has(&committee->members, a)) continue;
        const uint64_t less = cr_authors_has(&schedule->bad, a) ? 0 : committee->stake[a];
        if (stake - less < committee->quorum) {
            CR_COVER(leader_kept_for_the_quorum);
            continue;
        }
        CR_COVER(leader_suspended);
        stake -= less;
        cr_authors_add(&schedule->absent, a);
    }
    return settle(schedule);
}

/* ---- who is bad ---- */

/* Ascending (score, author). */
static void rank(const uint64_t *scores, uint32_t count, uint8_t order[CR_VALIDATORS_MAX])
{
    for (uint32_t a = 0; a < count; a++) {
        uint32_t i = a;
        for (; i > 0 && scores[order[i - 1]] > scores[a]; i--)
            order[i] = order[i - 1];
        order[i] = (uint8_t)a;
    }
}

/* The lowest score that, with all lower ones, holds half of the stake. */
static uint64_t median(const struct cr_committee *committee, const uint64_t *scores,
                       const uint8_t *order)
{
    uint64_t stake = 0;
    for (uint32_t i = 0; i < committee->validators_count; i++) {
        stake += committee->stake[order[i]];
        if (stake >= committee->total - stake) return scores[order[i]];
    }
    CR_UNREACHABLE();
}

/* Who is to be excluded if there is room: below half of the median; once out, until the stay is
 * over and three quarters are reached. One threshold would let a borderline case come and go. */
static bool deserves(const struct cr_schedule *schedule, uint32_t author, uint64_t score,
                     uint64_t middle)
{
    if (!cr_authors_has(&schedule->bad, author)) return 2 * score < middle;
    return schedule->authors[author].stay > 0 || 4 * score < 3 * middle;
}

static void begin_stay(struct cr_schedule_author *of)
{
    const bool relapse = of->stays > 0 && of->since < RELAPSE_WINDOWS;
    if (relapse) CR_COVER(bad_leader_relapses);
    of->stays = relapse ? (uint8_t)(2 * of->stays) : 1;
    if (of->stays > STAY_WINDOWS_MAX) of->stays = STAY_WINDOWS_MAX;
    of->stay = of->stays;
}

static void count_window(struct cr_schedule *schedule)
{
    for (uint32_t a = 0; a < schedule->committee->validators_count; a++) {
        struct cr_schedule_author *of = &schedule->authors[a];
        if (!cr_authors_has(&schedule->bad, a)) {
            if (of->since < RELAPSE_WINDOWS) of->since++;
        } else if (of->stay > 0) {
            of->stay--;
        }
    }
}

/* The worst first; whose stake does not fit beside the absent ones is passed over. */
bool cr_schedule_judge(struct cr_schedule *schedule, const uint64_t scores[CR_VALIDATORS_MAX])
{
    const struct cr_committee *committee = schedule->committee;
    const struct cr_authors before = schedule->bad;
    struct cr_authors bad = {0}, out = schedule->absent;
    uint8_t order[CR_VALIDATORS_MAX] = {0};
    rank(scores, committee->validators_count, order);
    const uint64_t middle = median(committee, scores, order);
    count_window(schedule);
    for (uint32_t i = 0; i < committee->validators_count; i++) {
        const uint32_t a = order[i];
        if (!cr_authors_has(&committee->members, a)) continue;
        if (!deserves(schedule, a, scores[a], middle)) continue;
        struct cr_authors more = out;
        cr_authors_add(&more, a);
        if (cr_committee_stake_of(committee, &more) > committee->faulty) {
            CR_COVER(bad_leader_does_not_fit);
            continue;
        }
        out = more;
        cr_authors_add(&bad, a);
    }
    for (uint32_t a = 0; a < committee->validators_count; a++) {
        struct cr_schedule_author *of = &schedule->authors[a];
        const bool was = cr_authors_has(&before, a), is = cr_authors_has(&bad, a);
        if (is && !was) {
            CR_COVER(leader_turns_bad);
            begin_stay(of);
        } else if (was && !is) {
            CR_COVER(bad_leader_returns);
            of->stay = of->since = 0;
        }
    }
    schedule->bad = bad;
    return settle(schedule);
}

/* ---- the order of a round ---- */

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
        uint64_t point = (uint64_t)(((cr_u128)draws[count % 4] * weight) >> 64);
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
