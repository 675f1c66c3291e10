/* SPDX-License-Identifier: Apache-2.0 */
/* The cache itself is included, so that its steps can be forced; the verifier is a stand-in whose
 * keys know when they are forgotten. */
#define CR_STEPS
#include "node/keycache.c" /* NOLINT(bugprone-suspicious-include) */

#include <pthread.h>

#include "base/interleave.h"
#include "base/prng.h"
#include "base/unit.h"

enum { THREADS = 3, ROUNDS = 20000, SET_ENTRIES = WAYS, KEYS = 64 };

struct cr_prepared_key {
    uint8_t mark; /* first byte of the public key; 0: forgotten */
};

static struct cr_prepared_key pool[THREADS * ROUNDS + 1000];
static _Atomic uint32_t pool_used, verified;
static struct cr_keycache *cache;

static struct cr_prepared_key *fake_prepare(const struct cr_public_key *key)
{
    struct cr_prepared_key *made = &pool[atomic_fetch_add(&pool_used, 1)];
    made->mark = key->bytes[0];
    return made;
}

static void fake_forget(struct cr_prepared_key *key)
{
    if (key) key->mark = 0;
}

/* A signature is valid when its bytes are the mark of the key. */
static void fake_verify(struct cr_verify_item *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        CR_STEP();
        items[i].valid = items[i].key != NULL && items[i].signature[0] == items[i].key->mark;
        atomic_fetch_add(&verified, 1);
    }
}

static const struct cr_verifier fake = {
    .name = "fake", .prepare = fake_prepare, .forget = fake_forget, .verify = fake_verify};

static struct cr_public_key key_of(uint8_t mark)
{
    struct cr_public_key key = {.alg = CR_ALG_MLDSA44};
    key.bytes[0] = mark;
    return key;
}

/* Without operations: the key is in the cache already, or given. */
static struct cr_tx tx_of(uint8_t mark, const uint8_t *signature)
{
    struct cr_tx tx = {
        .sig_alg = CR_ALG_MLDSA44, .signature = signature, .signature_bytes = CR_MLDSA44_SIG_BYTES};
    memset(tx.account.bytes, mark, CR_HASH_BYTES);
    memset(tx.account.bytes + 16, 0, 4); /* all in one set */
    memset(tx.id.bytes, mark, CR_HASH_BYTES);
    return tx;
}

static uint8_t signatures[256][CR_MLDSA44_SIG_BYTES];

static bool verify_with(uint8_t mark)
{
    const struct cr_public_key key = key_of(mark);
    const struct cr_tx tx = tx_of(mark, signatures[mark]);
    return cr_keycache_verify_with(cache, &key, &tx);
}

static struct cr_keycache_stats stats_of(void)
{
    struct cr_keycache_stats stats;
    cr_keycache_stats(cache, &stats);
    return stats;
}

static int open_cache(void **state)
{
    (void)state;
    cr_verifier_use(&fake);
    for (size_t i = 0; i < CR_COUNT_OF(signatures); i++)
        memset(signatures[i], (int)i, sizeof signatures[i]);
    atomic_store(&pool_used, 0);
    atomic_store(&verified, 0);
    cache = cr_keycache_new(SET_ENTRIES, 64);
    return cache ? 0 : -1;
}

static int close_cache(void **state)
{
    (void)state;
    cr_keycache_free(cache);
    for (uint32_t i = 0; i < atomic_load(&pool_used); i++)
        assert_int_equal(pool[i].mark, 0); /* every key was forgotten */
    return 0;
}

/* Goal: bounded, and the key that goes is the one not used for the longest time. */
static void least_recently_used_goes(void **state)
{
    (void)state;
    for (uint32_t mark = 1; mark <= WAYS; mark++)
        assert_true(verify_with((uint8_t)mark));
    assert_int_equal(stats_of().size, WAYS);
    for (uint32_t mark = 2; mark <= WAYS; mark++) /* all but the first are used again */
        assert_true(verify_with((uint8_t)mark));
    assert_int_equal(stats_of().hits, WAYS - 1);
    assert_true(verify_with(100));
    assert_int_equal(stats_of().evictions, 1);
    assert_int_equal(stats_of().size, WAYS);
    const uint64_t misses = stats_of().misses;
    for (uint32_t mark = 2; mark <= WAYS; mark++)
        assert_true(verify_with((uint8_t)mark));
    assert_int_equal(stats_of().misses, misses);
    assert_true(verify_with(1));
    assert_int_equal(stats_of().misses, misses + 1);
}

/* Goal: a set of which everything is in use serves a further key all the same. */
static void all_pinned_is_passed(void **state)
{
    struct use uses[WAYS];
    (void)state;
    for (uint32_t mark = 1; mark <= WAYS; mark++) {
        const struct cr_tx tx = tx_of((uint8_t)mark, signatures[mark]);
        const struct cr_public_key key = key_of((uint8_t)mark);
        assert_true(prepare(cache, &tx.account, &key, &uses[mark - 1]));
    }
    assert_true(verify_with(100));
    assert_int_equal(stats_of().passed, 1);
    assert_int_equal(stats_of().evictions, 0);
    for (uint32_t i = 0; i < WAYS; i++)
        end_use(&uses[i]);
}

/* Goal: what was valid is not verified again; the same id under another signature is, and what was
 * invalid is. */
static void repeated_is_not_verified(void **state)
{
    enum cr_sig_verdict verdicts[3];
    struct cr_tx txs[3] = {tx_of(1, signatures[1]), tx_of(2, signatures[3]), tx_of(9, NULL)};
    (void)state;
    assert_true(verify_with(1) && verify_with(2));
    txs[2] = tx_of(9, signatures[9]); /* nobody knows its key */
    cr_keycache_verify(cache, NULL, txs, 3, verdicts);
    assert_int_equal(verdicts[0], CR_SIG_VALID);
    assert_int_equal(verdicts[1], CR_SIG_INVALID);
    assert_int_equal(verdicts[2], CR_SIG_UNKNOWN);
    assert_int_equal(atomic_load(&verified), 4);
    cr_keycache_verify(cache, NULL, txs, 3, verdicts);
    assert_int_equal(verdicts[0], CR_SIG_VALID);
    assert_int_equal(verdicts[1], CR_SIG_INVALID);
    assert_int_equal(stats_of().repeated, 1);
    assert_int_equal(atomic_load(&verified), 5);
    for (uint32_t at = 0; at < CR_MLDSA44_SIG_BYTES; at += 601) { /* in each piece */
        uint8_t forged[CR_MLDSA44_SIG_BYTES];
        memset(forged, 1, sizeof forged);
        forged[at] = 77;
        const struct cr_tx tx = tx_of(1, forged);
        cr_keycache_verify(cache, NULL, &tx, 1, verdicts);
        assert_int_equal(verdicts[0], at == 0 ? CR_SIG_INVALID : CR_SIG_VALID);
    }
    assert_int_equal(stats_of().repeated, 1);
    txs[0].sig_alg = CR_ALG_MLDSA65;
    cr_keycache_verify(cache, NULL, txs, 1, verdicts);
    assert_int_equal(verdicts[0], CR_SIG_INVALID);
}

/* Goal: keys that are made up for nothing drive out none that is in use. Method: many transactions
 * that register keys nobody knows, valid and not, into one full cache. */
static void unregistered_keys_do_not_stay(void **state)
{
    static uint8_t bytes[64 * 1024];
    static struct cr_op op;
    (void)state;
    for (uint32_t mark = 1; mark <= WAYS; mark++)
        assert_true(verify_with((uint8_t)mark));
    for (uint32_t mark = 20; mark < 80; mark++) {
        struct cr_tx_builder builder;
        struct cr_hash id;
        struct cr_tx tx;
        enum cr_sig_verdict verdict;
        op = (struct cr_op){.type = CR_OP_REGISTER, .register_key = key_of((uint8_t)mark)};
        const struct cr_tx fields = {.account = cr_public_key_account(&op.register_key)};
        cr_tx_begin(&builder, bytes, sizeof bytes, &fields);
        cr_tx_add(&builder, &op);
        assert_int_equal(cr_tx_end(&builder, &id), CR_OK);
        const bool good = mark % 2 == 0;
        const size_t count = cr_tx_sign_with(&builder, CR_ALG_MLDSA44, signatures[good ? mark : 1],
                                             CR_MLDSA44_SIG_BYTES);
        assert_int_equal(cr_tx_decode(bytes, count, &tx), CR_OK);
        cr_keycache_verify(cache, NULL, &tx, 1, &verdict);
        assert_int_equal(verdict, good ? CR_SIG_VALID : CR_SIG_INVALID);
    }
    const uint64_t misses = stats_of().misses;
    for (uint32_t mark = 1; mark <= WAYS; mark++)
        assert_true(verify_with((uint8_t)mark));
    assert_int_equal(stats_of().misses, misses);
    assert_int_equal(stats_of().evictions, 0);
    assert_int_equal(stats_of().passed, 60);
}

/* ---- every order of steps ---- */

static void start(void)
{
    memset(cache->entries, 0, SET_ENTRIES * sizeof cache->entries[0]);
    for (uint32_t i = 1; i < WAYS; i++)
        atomic_store(&cache->entries[i].pins, 1); /* one free entry for everybody */
    atomic_store(&pool_used, 0);
}

static void user_1(void)
{
    assert_true(verify_with(1));
    assert_true(verify_with(1));
}

static void user_2(void)
{
    assert_true(verify_with(2));
}

static void user_3(void)
{
    assert_true(verify_with(3));
}

static void nothing_pinned(void)
{
    assert_int_equal(atomic_load(&cache->entries[0].pins), 0);
    cr_verifier()->forget(cache->entries[0].key);
    for (uint32_t i = 0; i < atomic_load(&pool_used); i++)
        assert_int_equal(pool[i].mark, 0);
    cache->entries[0].key = NULL;
}

/* Goal: a key is never forgotten or exchanged under its user, and all pins are given back. Method:
 * two or three users that want one entry, in every order; leave out the pin, the look at BUSY or
 * the comparison of the account to see it. */
static void every_order(void **state)
{
    const struct cr_interleave two = {
        .start = start, .threads = {user_1, user_2}, .end = nothing_pinned, .preemptions = 3};
    const struct cr_interleave three = {.start = start,
                                        .threads = {user_1, user_2, user_3},
                                        .end = nothing_pinned,
                                        .preemptions = 2};
    (void)state;
    assert_true(cr_interleave_all(&two) > 1000);
    assert_true(cr_interleave_all(&three) > 1000);
    for (uint32_t i = 1; i < WAYS; i++)
        atomic_store(&cache->entries[i].pins, 0);
}

static void *use_many(void *context)
{
    struct cr_prng prng = cr_prng_stream(*(const uint64_t *)context, 6, 6);
    for (uint32_t i = 0; i < ROUNDS; i++)
        assert_true(verify_with((uint8_t)(1 + cr_prng_below(&prng, KEYS))));
    return NULL;
}

/* Goal: the same with real threads and more keys than entries, for the thread sanitizer. */
static void real_threads(void **state)
{
    pthread_t threads[THREADS];
    uint64_t seeds[THREADS];
    (void)state;
    for (uint32_t i = 0; i < THREADS; i++) {
        seeds[i] = i + 1;
        assert_int_equal(pthread_create(&threads[i], NULL, use_many, &seeds[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(stats_of().valid, THREADS * ROUNDS);
    assert_true(stats_of().evictions > 0);
    assert_true(stats_of().size <= SET_ENTRIES);
}

#define WITH_CACHE(test) cmocka_unit_test_setup_teardown(test, open_cache, close_cache)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CACHE(least_recently_used_goes),
        WITH_CACHE(all_pinned_is_passed),
        WITH_CACHE(repeated_is_not_verified),
        WITH_CACHE(unregistered_keys_do_not_stay),
        WITH_CACHE(every_order),
        WITH_CACHE(real_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
