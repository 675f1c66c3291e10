/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/testing.h"

#include "ledger/entry.h"

enum { KEYS = 300, STEPS = 40000 };

struct naive {
    bool exists[KEYS];
    uint32_t count[KEYS];
    uint8_t fill[KEYS];
};

struct seen {
    const struct naive *naive;
    const struct cr_hash *keys;
    uint32_t bucket, count;
    struct cr_hash last;
};

/* Three of four keys share a bucket with others, so that trees grow. */
static void make_keys(struct cr_hash keys[KEYS])
{
    for (uint32_t i = 0; i < KEYS; i++) {
        keys[i] = cr_hash_of(&i, sizeof i);
        if (i % 4 == 0) continue;
        keys[i].bytes[0] = (uint8_t)(i % 3);
        keys[i].bytes[1] = 0;
    }
}

static void see(void *context, const struct cr_hash *key, const struct cr_state_value *value)
{
    struct seen *seen = context;
    assert_true(seen->count == 0 || cr_hash_compare(&seen->last, key) < 0);
    assert_int_equal(cr_state_bucket(key), seen->bucket);
    uint32_t i = 0;
    while (i < KEYS && !cr_hash_equal(&seen->keys[i], key))
        i++;
    assert_true(i < KEYS && seen->naive->exists[i]);
    assert_int_equal(value->count, seen->naive->count[i]);
    for (uint32_t at = 0; at < value->count; at++)
        assert_int_equal(value->bytes[at], seen->naive->fill[i]);
    seen->last = *key;
    seen->count++;
}

static void compare(const struct cr_state *state, const struct cr_state_memory *memory,
                    const struct naive *naive, const struct cr_hash *keys)
{
    uint32_t seen_count = 0, expected = 0;
    for (uint32_t bucket = 0; bucket < CR_BUCKETS; bucket++) {
        struct seen seen = {.naive = naive, .keys = keys, .bucket = bucket};
        state->scan(state->context, bucket, see, &seen);
        seen_count += seen.count;
    }
    for (uint32_t i = 0; i < KEYS; i++) {
        struct cr_state_value value;
        assert_int_equal(state->get(state->context, &keys[i], &value), naive->exists[i]);
        expected += naive->exists[i];
    }
    assert_int_equal(seen_count, expected);
    assert_int_equal(cr_state_memory_entries(memory), expected);
}

static struct cr_state_memory *open_memory(const struct cr_state_memory_limits *limits, void **raw)
{
    struct cr_arena arena;
    cr_arena_init_measure(&arena);
    assert_null(cr_state_memory_init(&arena, limits));
    const size_t bytes = arena.bytes_used;
    *raw = aligned_alloc(64, bytes);
    assert_non_null(*raw);
    cr_arena_init(&arena, *raw, bytes);
    return cr_state_memory_init(&arena, limits);
}

/* Goal: it is a sorted map with a cache of digests, within its capacity, however long it is used.
 * Method: random puts of all sizes and erases against a plain array; capacity for as many blocks of
 * each size as there are keys and no more, so that a leak of memory would be noticed. */
static void behaves_like_a_map(void **unused)
{
    (void)unused;
    static struct cr_hash keys[KEYS];
    static uint8_t value[CR_ENTRY_BYTES_MAX];
    static struct naive naive;
    make_keys(keys);
    const struct cr_state_memory_limits limits = {
        .entries_max = KEYS, .expiries_max = 1, .bytes_max = (size_t)KEYS * 2 * 16384};
    void *raw;
    struct cr_state_memory *memory = open_memory(&limits, &raw);
    const struct cr_state state = cr_state_memory_keeper(memory);
    struct cr_prng prng = {11};
    for (uint32_t step = 0; step < STEPS; step++) {
        const uint32_t i = (uint32_t)cr_prng_below(&prng, KEYS);
        const uint32_t bucket = cr_state_bucket(&keys[i]);
        struct cr_hash digest = keys[0];
        state.bucket_put(state.context, bucket, &digest);
        if (cr_prng_below(&prng, 3) > 0) {
            const uint32_t size = 1u << cr_prng_below(&prng, 14);
            naive.count[i] = (uint32_t)cr_prng_below(&prng, size + 1);
            naive.fill[i] = (uint8_t)step;
            naive.exists[i] = true;
            memset(value, naive.fill[i], naive.count[i]);
            state.put(state.context, &keys[i], value, naive.count[i]);
            assert_false(state.bucket_get(state.context, bucket, &digest));
        } else {
            state.erase(state.context, &keys[i]);
            assert_int_equal(state.bucket_get(state.context, bucket, &digest), !naive.exists[i]);
            naive.exists[i] = false;
        }
        if (step % 500 == 0) compare(&state, memory, &naive, keys);
    }
    compare(&state, memory, &naive, keys);
    cr_state_memory_clear(memory);
    memset(&naive, 0, sizeof naive);
    compare(&state, memory, &naive, keys);
    free(raw);
}

enum { EACH = 100 };

/* Takes all of one commit, a few at a time. */
static void take_all(const struct cr_state *state, uint64_t commit, uint32_t expected)
{
    struct cr_hash keys[7], last = {{0}};
    uint32_t count = 0, taken;
    while ((taken = state->expiry_take(state->context, commit, keys, 7)) > 0) {
        for (uint32_t i = 0; i < taken; i++, count++) {
            assert_true(cr_hash_compare(&last, &keys[i]) < 0);
            last = keys[i];
        }
    }
    assert_int_equal(count, expected);
}

/* Goal: expiries come out under exactly their commit, ascending, each once. Method: random keys
 * under commits that share a tree (4096 apart), twice over. */
static void expiries_come_out_in_order(void **unused)
{
    (void)unused;
    static const uint64_t commits[] = {1, 4097, 8193, 2};
    const struct cr_state_memory_limits limits = {
        .entries_max = 1, .expiries_max = EACH * CR_COUNT_OF(commits), .bytes_max = 64};
    void *raw;
    struct cr_state_memory *memory = open_memory(&limits, &raw);
    const struct cr_state state = cr_state_memory_keeper(memory);
    for (uint32_t i = 0; i < 4 * EACH; i++) { /* every one twice, then all over again */
        const uint32_t name = i % EACH;
        const struct cr_hash key = cr_hash_of(&name, sizeof name);
        for (uint32_t c = 0; c < CR_COUNT_OF(commits); c++)
            state.expiry_put(state.context, commits[c], &key);
        if (i % (2 * EACH) != 2 * EACH - 1) continue;
        take_all(&state, 3, 0);
        take_all(&state, 12289, 0);
        take_all(&state, 4097, EACH);
        take_all(&state, 1, EACH);
        take_all(&state, 2, EACH);
        take_all(&state, 8193, EACH);
        take_all(&state, 8193, 0);
    }
    free(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_like_a_map),
        cmocka_unit_test(expiries_come_out_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
