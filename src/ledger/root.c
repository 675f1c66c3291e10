/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/root.h"

#include "ledger/bulk.h"

static void add_entry(void *context, const struct cr_hash *key, const struct cr_state_value *value)
{
    struct cr_bulk *bulk = context;
    cr_bulk_add(bulk, key->bytes, sizeof key->bytes);
    cr_bulk_add_le(bulk, value->count, 4);
    cr_bulk_add(bulk, value->bytes, value->count);
}

struct cr_hash cr_root_bucket(const struct cr_state *state, uint32_t bucket)
{
    CR_ASSERT(bucket < CR_BUCKETS);
    /* Its buffer of 16 KiB is written before it is read: zeroing it for each of the buckets, as our
     * build does with locals, took longer than hashing them. */
    struct cr_bulk bulk __attribute__((uninitialized));
    cr_bulk_init(&bulk);
    cr_bulk_add(&bulk, "CBK1", 4);
    state->scan(state->context, bucket, add_entry, &bulk);
    return cr_bulk_end(&bulk);
}

static struct cr_hash join(const struct cr_hash *left, const struct cr_hash *right)
{
    struct cr_hasher hasher;
    cr_hasher_init(&hasher);
    cr_hasher_add(&hasher, "CND1", 4);
    cr_hasher_add(&hasher, left->bytes, sizeof left->bytes);
    cr_hasher_add(&hasher, right->bytes, sizeof right->bytes);
    return cr_hasher_end(&hasher);
}

static void update_bucket(struct cr_root *root, const struct cr_state *state, uint32_t bucket)
{
    struct cr_hash digest;
    if (!state->bucket_get(state->context, bucket, &digest)) {
        digest = cr_root_bucket(state, bucket);
        cr_bucket_set_add(&root->hashed, bucket);
    }
    const uint32_t node = CR_BUCKETS + bucket;
    root->changed[node] = !cr_hash_equal(&root->nodes[node], &digest);
    root->nodes[node] = digest;
}

static bool same_children(const struct cr_root *root, uint32_t a, uint32_t b)
{
    const size_t first = (size_t)2 * a, second = (size_t)2 * b;
    return cr_hash_equal(&root->nodes[first], &root->nodes[second]) &&
           cr_hash_equal(&root->nodes[first + 1], &root->nodes[second + 1]);
}

struct cr_hash cr_root_update(struct cr_root *root, const struct cr_state *state)
{
    root->hashed = (struct cr_bucket_set){0};
    for (uint32_t bucket = 0; bucket < CR_BUCKETS; bucket++)
        update_bucket(root, state, bucket);
    uint32_t last = 0; /* the last node joined: in an empty region its neighbour is the same */
    for (uint32_t node = CR_BUCKETS - 1; node >= 1; node--) {
        const uint32_t left = 2 * node;
        root->changed[node] = root->changed[left] || root->changed[left + 1];
        if (!root->changed[node]) continue;
        const bool same = last != 0 && same_children(root, node, last);
        root->nodes[node] =
            same ? root->nodes[last] : join(&root->nodes[left], &root->nodes[left + 1]);
        last = node;
    }
    return root->nodes[1];
}

void cr_root_cache(const struct cr_root *root, const struct cr_state *state,
                   const struct cr_bucket_set *touched)
{
    for (uint32_t bucket = 0; bucket < CR_BUCKETS; bucket++) {
        if (!cr_bucket_set_has(&root->hashed, bucket)) continue;
        if (cr_bucket_set_has(touched, bucket)) continue;
        state->bucket_put(state->context, bucket, &root->nodes[CR_BUCKETS + bucket]);
    }
}

struct cr_hash cr_root_seal(const struct cr_ledger_head *head, const struct cr_hash *top)
{
    struct cr_hasher hasher;
    cr_hasher_init(&hasher);
    cr_hasher_add(&hasher, "CSR1", 4);
    cr_hasher_add_le(&hasher, head->index, 8);
    cr_hasher_add(&hasher, head->commit_digest.bytes, sizeof head->commit_digest.bytes);
    cr_hasher_add(&hasher, head->effects_digest.bytes, sizeof head->effects_digest.bytes);
    cr_hasher_add_le(&hasher, head->timestamp_ms, 8);
    cr_hasher_add_le(&hasher, head->txs_count, 8);
    cr_hasher_add_le(&hasher, head->epoch.number, 8);
    cr_hasher_add_le(&hasher, head->epoch.index, 8);
    cr_hasher_add(&hasher, head->epoch.digest.bytes, CR_HASH_BYTES);
    cr_hasher_add(&hasher, head->epoch.state_root.bytes, CR_HASH_BYTES);
    cr_hasher_add(&hasher, head->epoch.committee.bytes, CR_HASH_BYTES);
    cr_hasher_add_le(&hasher, head->epoch.timestamp_ms, 8);
    cr_hasher_add(&hasher, top->bytes, sizeof top->bytes);
    return cr_hasher_end(&hasher);
}
