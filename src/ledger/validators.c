/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/validators.h"

#include <string.h>

#include "crypto/hash.h"

static bool is_fixed(const struct cr_genesis *genesis)
{
    return cr_hash_is_zero(&genesis->operator_account);
}

static bool read_stakes(const struct cr_state *state, uint64_t epoch,
                        struct cr_entry_committee *out)
{
    const struct cr_hash key = cr_entry_committee_key(epoch);
    struct cr_state_value value;
    return state->get(state->context, &key, &value) &&
           cr_entry_decode_committee(value.bytes, value.count, out) == CR_OK;
}

bool cr_validators_stakes(const struct cr_genesis *genesis, const struct cr_state *state,
                          uint64_t epoch, struct cr_entry_committee *out)
{
    if (epoch < CR_GENESIS_EPOCH) return false;
    if (!is_fixed(genesis)) {
        if (!read_stakes(state, epoch, out) && !read_stakes(state, epoch - 1, out)) return false;
        out->epoch = epoch;
        return true;
    }
    *out = (struct cr_entry_committee){.epoch = epoch, .count = genesis->validators_count};
    for (uint32_t i = 0; i < out->count; i++)
        out->stake[i] = genesis->validators[i].stake;
    return true;
}

bool cr_validators_profile(const struct cr_genesis *genesis, const struct cr_state *state,
                           uint32_t seat, struct cr_profile *out)
{
    if (seat < genesis->validators_count) {
        const struct cr_genesis_validator *v = &genesis->validators[seat];
        memcpy(out->name, v->name, sizeof out->name);
        memcpy(out->address, v->address, sizeof out->address);
        out->consensus_key = v->consensus_key.bytes;
        out->transport_key = v->transport_key.bytes;
        return true;
    }
    const struct cr_hash key = cr_entry_validator_key(seat);
    struct cr_entry_validator entry;
    struct cr_state_value value;
    if (!state->get(state->context, &key, &value)) return false;
    if (cr_entry_decode_validator(value.bytes, value.count, &entry) != CR_OK) return false;
    *out = entry.profile;
    return true;
}

static bool fill(const struct cr_genesis *genesis, const struct cr_state *state, uint32_t seat,
                 uint64_t stake, struct cr_genesis_validator *out)
{
    struct cr_profile profile;
    if (!cr_validators_profile(genesis, state, seat, &profile)) return false;
    memcpy(out->name, profile.name, sizeof out->name);
    memcpy(out->address, profile.address, sizeof out->address);
    out->stake = stake;
    out->consensus_key.alg = out->transport_key.alg = CR_ALG_MLDSA65;
    memcpy(out->consensus_key.bytes, profile.consensus_key, CR_MLDSA65_KEY_BYTES);
    memcpy(out->transport_key.bytes, profile.transport_key, CR_MLDSA65_KEY_BYTES);
    return true;
}

bool cr_validators_find(const struct cr_genesis *genesis, const struct cr_state *state,
                        uint64_t epoch, uint32_t seat, struct cr_genesis_validator *out)
{
    struct cr_entry_committee committee;
    return cr_validators_stakes(genesis, state, epoch, &committee) && seat < committee.count &&
           fill(genesis, state, seat, committee.stake[seat], out);
}

uint32_t cr_validators_list(const struct cr_genesis *genesis, const struct cr_state *state,
                            uint64_t epoch, struct cr_genesis_validator *out)
{
    struct cr_entry_committee committee;
    if (!cr_validators_stakes(genesis, state, epoch, &committee)) return 0;
    for (uint32_t seat = 0; seat < committee.count; seat++)
        if (!fill(genesis, state, seat, committee.stake[seat], &out[seat])) return 0;
    return committee.count;
}

/* ---- the table as one hash ---- */

static void add_text(struct cr_hasher *hasher, const char *text)
{
    const size_t bytes = strlen(text);
    cr_hasher_add_le(hasher, bytes, 1);
    cr_hasher_add(hasher, text, bytes);
}

static void begin_hash(struct cr_hasher *hasher, uint32_t count)
{
    cr_hasher_init(hasher);
    cr_hasher_add(hasher, "CVT1", 4);
    cr_hasher_add_le(hasher, count, 2);
}

static void add_validator(struct cr_hasher *hasher, const struct cr_genesis_validator *v)
{
    add_text(hasher, v->name);
    add_text(hasher, v->address);
    cr_hasher_add_le(hasher, v->stake, 8);
    cr_hasher_add(hasher, v->consensus_key.bytes, CR_MLDSA65_KEY_BYTES);
    cr_hasher_add(hasher, v->transport_key.bytes, CR_MLDSA65_KEY_BYTES);
}

struct cr_hash cr_validators_hash(const struct cr_genesis_validator *validators, uint32_t count)
{
    struct cr_hasher hasher;
    begin_hash(&hasher, count);
    for (uint32_t i = 0; i < count; i++)
        add_validator(&hasher, &validators[i]);
    return cr_hasher_end(&hasher);
}

bool cr_validators_hash_of(const struct cr_genesis *genesis, const struct cr_state *state,
                           uint64_t epoch, struct cr_hash *out)
{
    struct cr_entry_committee committee;
    struct cr_hasher hasher;
    if (!cr_validators_stakes(genesis, state, epoch, &committee)) return false;
    begin_hash(&hasher, committee.count);
    for (uint32_t seat = 0; seat < committee.count; seat++) {
        struct cr_genesis_validator validator;
        if (!fill(genesis, state, seat, committee.stake[seat], &validator)) return false;
        add_validator(&hasher, &validator);
    }
    *out = cr_hasher_end(&hasher);
    return true;
}

/* ---- what may follow what ---- */

struct sums {
    uint64_t total, largest;
    uint32_t members;
};

/* False: 2^63 or more. */
static bool sum(const struct cr_entry_committee *committee, struct sums *out)
{
    *out = (struct sums){0};
    for (uint32_t i = 0; i < committee->count; i++) {
        const uint64_t stake = committee->stake[i];
        if (stake > CR_STAKE_MAX - out->total) return false;
        out->total += stake;
        if (stake > out->largest) out->largest = stake;
        if (stake > 0) out->members++;
    }
    return true;
}

/* Those whose stake stays are a quorum of both epochs: they can go on alone until the new ones
 * have come, and a fork of the old epoch would need one of them to lie. Three or fewer members
 * tolerate nothing anyway; there it is one validator at a time. */
static bool change_fits(const struct cr_entry_committee *now, const struct cr_entry_committee *next,
                        const struct sums *before, const struct sums *after)
{
    uint64_t raised = 0, lowered = 0;
    uint32_t changed = 0;
    for (uint32_t i = 0; i < next->count; i++) {
        const uint64_t old = i < now->count ? now->stake[i] : 0;
        if (next->stake[i] > old) raised += next->stake[i] - old;
        if (next->stake[i] < old) lowered += old - next->stake[i];
        if (next->stake[i] != old) changed++;
    }
    if (before->members < CR_VALIDATORS_LEAST) return changed <= 1;
    return raised <= (after->total - 1) / 3 && lowered <= (before->total - 1) / 3;
}

enum cr_result cr_validators_judge(const struct cr_entry_committee *now,
                                   const struct cr_entry_committee *next)
{
    struct sums before, after;
    if (!sum(now, &before) || !sum(next, &after)) return CR_RESULT_STAKE_TOO_LARGE;
    if (after.members < CR_VALIDATORS_LEAST && after.members < before.members)
        return CR_RESULT_VALIDATORS_LIMIT;
    if (after.largest > (after.total - 1) / 3 && after.members >= CR_VALIDATORS_LEAST)
        return CR_RESULT_STAKE_TOO_LARGE;
    return change_fits(now, next, &before, &after) ? CR_RESULT_OK : CR_RESULT_CHANGE_TOO_LARGE;
}
