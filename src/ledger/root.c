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

/* Inner nodes to be hashed together, of one level and ascending. In an empty region neighbours are
 * the same: they share one input. */
enum { JOIN_BYTES = 4 + 2 * CR_HASH_BYTES, JOINED_MAX = 64 };

struct joins {
    uint32_t count, inputs_count;
    uint32_t nodes[JOINED_MAX], input_of[JOINED_MAX];
    uint8_t bytes[JOINED_MAX][JOIN_BYTES];
};

static void join_all(struct cr_root *root, struct joins *joins)
{
    struct cr_hash_input inputs[JOINED_MAX] = {0};
    struct cr_hash digests[JOINED_MAX];
    for (uint32_t i = 0; i < joins->inputs_count; i++)
        inputs[i] = (struct cr_hash_input){.bytes = joins->bytes[i], .count = JOIN_BYTES};
    cr_hash_many(inputs, joins->inputs_count, digests);
    for (uint32_t i = 0; i < joins->count; i++)
        root->nodes[joins->nodes[i]] = digests[joins->input_of[i]];
    joins->count = joins->inputs_count = 0;
}

static void join_later(struct cr_root *root, struct joins *joins, uint32_t node)
{
    uint8_t *bytes = joins->bytes[joins->inputs_count];
    memcpy(bytes, "CND1", 4);
    memcpy(bytes + 4, root->nodes[(size_t)2 * node].bytes, CR_HASH_BYTES);
    memcpy(bytes + 4 + CR_HASH_BYTES, root->nodes[(size_t)2 * node + 1].bytes, CR_HASH_BYTES);
    if (joins->count == 0 || memcmp(bytes - JOIN_BYTES, bytes, JOIN_BYTES) != 0)
        joins->inputs_count++;
    joins->input_of[joins->count] = joins->inputs_count - 1;
    joins->nodes[joins->count++] = node;
    if (joins->count == JOINED_MAX) join_all(root, joins);
}

struct cr_hash cr_root_update(struct cr_root *root, const struct cr_state *state)
{
    root->hashed = (struct cr_bucket_set){0};
    struct joins joins __attribute__((uninitialized));
    joins.count = joins.inputs_count = 0;
    for (uint32_t bucket = 0; bucket < CR_BUCKETS; bucket++)
        update_bucket(root, state, bucket);
    for (uint32_t level = CR_BUCKETS / 2; level >= 1; level /= 2) {
        for (uint32_t node = level; node < 2 * level; node++) {
            const size_t left = (size_t)2 * node;
            root->changed[node] = root->changed[left] || root->changed[left + 1];
            if (root->changed[node]) join_later(root, &joins, node);
        }
        join_all(root, &joins);
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
