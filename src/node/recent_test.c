/* SPDX-License-Identifier: Apache-2.0 */
#define CR_STEPS
#include "node/recent.h"

#include <pthread.h>

#include "base/interleave.h"
#include "base/prng.h"
#include "base/unit.h"

enum { SETS = 64, THREADS = 3, ROUNDS = 100000 };

static struct cr_recent_set sets[SETS];
static struct cr_recent recent;

/* All of one set; words that differ everywhere, so that a mixture would be seen. */
static struct cr_hash digest_of(uint32_t number)
{
    struct cr_hash digest;
    memset(digest.bytes, (int)(number + 1), sizeof digest.bytes);
    memset(digest.bytes + 24, 0, 4);
    return digest;
}

static void start(void)
{
    memset(sets, 0, sizeof sets);
    cr_recent_init(&recent, sets, SETS);
}

/* Goal: what was added is found; when a set is full its oldest entry goes, and no other. */
static void oldest_of_a_set_goes(void **state)
{
    (void)state;
    start();
    for (uint32_t i = 0; i < 20; i++) {
        struct cr_hash digest = digest_of(i);
        assert_false(cr_recent_has(&recent, &digest));
        cr_recent_add(&recent, &digest);
        cr_recent_add(&recent, &digest); /* twice is once */
        for (uint32_t j = 0; j <= i; j++) {
            digest = digest_of(j);
            assert_int_equal(cr_recent_has(&recent, &digest), j + CR_RECENT_WAYS > i);
        }
    }
    expect_assert_failure(cr_recent_init(&recent, sets, 12));
}

/* Goal: it never invents. Method: many more digests than slots, and none that was not added. */
static void bounded_and_honest(void **state)
{
    struct cr_prng prng = cr_prng_stream(5, 5, 5);
    uint32_t kept = 0;
    (void)state;
    start();
    for (uint32_t i = 0; i < 10000; i++) {
        struct cr_hash digest = {{0}};
        for (size_t word = 0; word < 4; word++)
            cr_store_le(digest.bytes + 8 * word, cr_prng_next(&prng), 8);
        assert_false(cr_recent_has(&recent, &digest));
        if (i % 2 == 0) cr_recent_add(&recent, &digest);
        kept += cr_recent_has(&recent, &digest);
    }
    assert_int_equal(kept, 5000);
}

/* ---- every order of steps ---- */

static struct cr_hash mixed; /* first words of one, last of the other */

static void start_one_slot(void)
{
    start();
    for (uint32_t i = 0; i < CR_RECENT_WAYS - 1; i++) { /* the next two share the last slot */
        atomic_store(&sets[0].ways[i].version, 1);
    }
    mixed = digest_of(7);
    memcpy(mixed.bytes + 16, digest_of(8).bytes + 16, 16);
}

static void writer_7(void)
{
    const struct cr_hash digest = digest_of(7);
    atomic_store(&sets[0].turn, CR_RECENT_WAYS - 1);
    cr_recent_add(&recent, &digest);
}

static void writer_8(void)
{
    const struct cr_hash digest = digest_of(8);
    atomic_store(&sets[0].turn, CR_RECENT_WAYS - 1);
    cr_recent_add(&recent, &digest);
}

static void reader(void)
{
    assert_false(cr_recent_has(&recent, &mixed));
}

static void slot_is_whole(void)
{
    const struct cr_hash seven = digest_of(7), eight = digest_of(8);
    assert_false(cr_recent_has(&recent, &mixed));
    assert_int_equal(cr_recent_has(&recent, &seven) + cr_recent_has(&recent, &eight), 1);
}

/* Goal: a mixture of two digests is never seen, and a slot is left usable. Method: two writers of
 * one slot and a reader, in every order; ignore the version in either of them to see it. */
static void every_order(void **state)
{
    const struct cr_interleave test = {.start = start_one_slot,
                                       .threads = {writer_7, writer_8, reader},
                                       .end = slot_is_whole,
                                       .preemptions = 3};
    (void)state;
    assert_true(cr_interleave_all(&test) > 1000);
}

static void *use(void *context)
{
    struct cr_prng prng = cr_prng_stream(*(const uint64_t *)context, 5, 5);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct cr_hash digest = digest_of((uint32_t)cr_prng_below(&prng, 12));
        cr_recent_add(&recent, &digest);
        digest.bytes[31] ^= 0x80; /* half of it was never added */
        assert_false(cr_recent_has(&recent, &digest));
    }
    return NULL;
}

/* Goal: no data race that the thread sanitizer knows. */
static void real_threads(void **state)
{
    pthread_t threads[THREADS];
    uint64_t seeds[THREADS];
    (void)state;
    start();
    for (uint32_t i = 0; i < THREADS; i++) {
        seeds[i] = i + 1;
        assert_int_equal(pthread_create(&threads[i], NULL, use, &seeds[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oldest_of_a_set_goes),
        cmocka_unit_test(bounded_and_honest),
        cmocka_unit_test(every_order),
        cmocka_unit_test(real_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
