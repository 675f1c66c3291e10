/* SPDX-License-Identifier: Apache-2.0 */
/* state.h: what the ledger asks of whoever keeps the state: LMDB in the node, memory in the
 * simulator and in tests. The state is a sorted map from 32-byte keys to bytes.
 *
 * Key of an entry = BLAKE3 of its kind and name (ledger/entry.h), so that entries spread evenly
 * over CR_BUCKETS buckets: the bucket is the first CR_BUCKETS_LOG2 bits of the key, and a bucket
 * is a contiguous key range. A cached bucket digest is dropped by whoever keeps the state as soon
 * as an entry of that bucket changes: an absent digest means "compute it again".
 *
 * Failure: none of these calls can report one. A keeper whose disk fails remembers that, answers
 * anything (0 to expiry_take, which is asked until it says so), and its owner throws the whole
 * execution away (store/state.h).
 */
#ifndef CR_LEDGER_STATE_H
#define CR_LEDGER_STATE_H

#include "base/base.h"

struct cr_state_value {
    const uint8_t *bytes; /* valid until the next put, erase or end of execution */
    uint32_t count;
};

static inline uint32_t cr_state_bucket(const struct cr_hash *key)
{
    return ((uint32_t)key->bytes[0] << 8 | key->bytes[1]) >> (16 - CR_BUCKETS_LOG2);
}

struct cr_bucket_set {
    uint64_t words[CR_BUCKETS / 64];
};

static inline bool cr_bucket_set_has(const struct cr_bucket_set *set, uint32_t bucket)
{
    return (set->words[bucket / 64] >> (bucket % 64) & 1) != 0;
}

static inline void cr_bucket_set_add(struct cr_bucket_set *set, uint32_t bucket)
{
    set->words[bucket / 64] |= UINT64_C(1) << (bucket % 64);
}

static inline void cr_bucket_set_remove(struct cr_bucket_set *set, uint32_t bucket)
{
    set->words[bucket / 64] &= ~(UINT64_C(1) << (bucket % 64));
}

typedef void cr_state_each(void *each_context, const struct cr_hash *key,
                           const struct cr_state_value *value);

struct cr_state {
    void *context;
    bool (*get)(void *context, const struct cr_hash *key, struct cr_state_value *out);
    void (*put)(void *context, const struct cr_hash *key, const uint8_t *bytes, uint32_t count);
    void (*erase)(void *context, const struct cr_hash *key); /* of an absent entry: nothing */
    /* Every entry of a bucket, ascending by key. */
    void (*scan)(void *context, uint32_t bucket, cr_state_each *each, void *each_context);
    bool (*bucket_get)(void *context, uint32_t bucket, struct cr_hash *digest);
    void (*bucket_put)(void *context, uint32_t bucket, const struct cr_hash *digest);
    /* The expiry index: local order, derived from the entries, not under the state root. Takes out
     * up to `max` keys filed under exactly `commit`, ascending; returns how many. */
    void (*expiry_put)(void *context, uint64_t commit, const struct cr_hash *key);
    uint32_t (*expiry_take)(void *context, uint64_t commit, struct cr_hash *keys, uint32_t max);
};

#endif
