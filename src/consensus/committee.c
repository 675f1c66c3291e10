/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus/committee.h"

#include <string.h>

#include "crypto/hash.h"

/* Tags: what is derived. Of one length, so that no two inputs can be the same bytes. */
enum { TAG_BYTES = 20 };
static const char seed_tag[TAG_BYTES + 1] = "creto/epoch-seed/1..";
static const char origin_tag[TAG_BYTES + 1] = "creto/epoch-origin/1";
static const char genesis_tag[TAG_BYTES + 1] = "creto/genesis-vtx/1.";

static struct cr_hash derive(const char *tag, const struct cr_hash *origin, uint64_t epoch,
                             uint64_t author)
{
    struct cr_hasher hasher;
    cr_hasher_init(&hasher);
    cr_hasher_add(&hasher, tag, TAG_BYTES);
    cr_hasher_add(&hasher, origin->bytes, CR_HASH_BYTES);
    cr_hasher_add_le(&hasher, epoch, 8);
    cr_hasher_add_le(&hasher, author, 8);
    return cr_hasher_end(&hasher);
}

struct cr_hash cr_epoch_origin(const struct cr_hash *genesis_id, const struct cr_epoch *epoch)
{
    if (epoch->index == 0) return *genesis_id;
    struct cr_hasher hasher;
    cr_hasher_init(&hasher);
    cr_hasher_add(&hasher, origin_tag, TAG_BYTES);
    cr_hasher_add(&hasher, genesis_id->bytes, CR_HASH_BYTES);
    cr_hasher_add_le(&hasher, epoch->number, 8);
    cr_hasher_add_le(&hasher, epoch->index, 8);
    cr_hasher_add(&hasher, epoch->digest.bytes, CR_HASH_BYTES);
    cr_hasher_add(&hasher, epoch->state_root.bytes, CR_HASH_BYTES);
    cr_hasher_add(&hasher, epoch->committee.bytes, CR_HASH_BYTES);
    return cr_hasher_end(&hasher);
}

static enum cr_err sum(const uint64_t *stake, uint32_t count, uint64_t *total)
{
    *total = 0;
    for (uint32_t a = 0; a < count; a++) {
        if (stake[a] >> 63 != 0) return CR_ERR_CONFIG;
        *total += stake[a];
        if (*total >> 63 != 0) return CR_ERR_CONFIG;
    }
    return *total > 0 ? CR_OK : CR_ERR_CONFIG;
}

static void fill_quads(struct cr_committee *committee)
{
    for (uint32_t quad = 0; quad < CR_VALIDATORS_MAX / 4; quad++) {
        for (uint32_t subset = 1; subset < 16; subset++) {
            const uint32_t lowest = (uint32_t)__builtin_ctz(subset);
            committee->quads[quad][subset] =
                committee->quads[quad][subset & (subset - 1)] + committee->stake[4 * quad + lowest];
        }
    }
}

enum cr_err cr_committee_init(struct cr_committee *committee, const struct cr_hash *origin,
                              uint64_t epoch, const uint64_t *stake, uint32_t validators_count)
{
    uint64_t total;
    if (validators_count == 0 || validators_count > CR_VALIDATORS_MAX) return CR_ERR_CONFIG;
    if (sum(stake, validators_count, &total) != CR_OK) return CR_ERR_CONFIG;

    const uint64_t faulty = (total - 1) / 3;
    struct cr_authors members = {0};
    bool equal = true;
    uint64_t largest = 0;
    for (uint32_t a = 0; a < validators_count; a++) {
        if (stake[a] > 0) cr_authors_add(&members, a);
        if (stake[a] > largest) largest = stake[a];
        equal = equal && stake[a] == stake[0];
    }
    if (largest > faulty && cr_authors_count(&members) > 3) return CR_ERR_CONFIG;
    *committee = (struct cr_committee){
        .epoch = epoch,
        .row = CR_ROW_CLASSIC,
        .origin = *origin,
        .seed = derive(seed_tag, origin, epoch, 0),
        .validators_count = validators_count,
        .members = members,
        .total = total,
        .faulty = faulty,
        .quorum = total - faulty,
        .honest = faulty + 1,
        .equal = equal,
    };
    memcpy(committee->stake, stake, validators_count * sizeof stake[0]);
    fill_quads(committee);
    return CR_OK;
}

bool cr_committee_same_stakes(const struct cr_committee *a, const struct cr_committee *b)
{
    return a->validators_count == b->validators_count &&
           memcmp(a->stake, b->stake, a->validators_count * sizeof a->stake[0]) == 0;
}

uint64_t cr_committee_stake_of(const struct cr_committee *committee, const struct cr_authors *set)
{
    if (committee->equal) return cr_authors_count(set) * committee->stake[0];
    uint64_t stake = 0;
    for (uint32_t word = 0; word < CR_AUTHOR_WORDS; word++) {
        const uint64_t(*quad)[16] = &committee->quads[word * (size_t)16];
        for (uint64_t bits = set->words[word]; bits != 0; bits >>= 4)
            stake += (*quad++)[bits & 15];
    }
    return stake;
}

struct cr_hash cr_committee_genesis_digest(const struct cr_committee *committee, uint32_t author)
{
    CR_ASSERT(author < committee->validators_count);
    return derive(genesis_tag, &committee->origin, committee->epoch, author);
}
