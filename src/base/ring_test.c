/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ring.h"

#include <pthread.h>
#include <sched.h>

#include "base/prng.h"
#include "base/unit.h"

enum { SLOTS = 8, ITEMS = 200000 };

static struct cr_ring ring;
static uint64_t slots[SLOTS];

/* Goal: first in, first out, never more than the capacity. Method: random steps beside two
 * counters, long enough for many turns of the ring. */
static void one_thread(void **state)
{
    (void)state;
    struct cr_prng prng = cr_prng_stream(1, 1, 1);
    uint64_t put = 0;
    uint64_t taken = 0;
    cr_ring_init(&ring, SLOTS);
    for (uint32_t step = 0; step < 10000; step++) {
        assert_int_equal(cr_ring_count(&ring), put - taken);
        assert_int_equal(cr_ring_room(&ring), SLOTS - (put - taken));
        if (cr_prng_below(&prng, 2) == 0 && cr_ring_room(&ring) > 0) {
            slots[cr_ring_put_slot(&ring)] = put++;
            cr_ring_put(&ring);
        } else if (cr_ring_count(&ring) > 0) {
            assert_int_equal(slots[cr_ring_take_slot(&ring)], taken++);
            cr_ring_take(&ring);
        }
    }
    assert_true(taken > 1000);
    expect_assert_failure(cr_ring_init(&ring, 0));
    expect_assert_failure(cr_ring_init(&ring, 12));
}

static void *produce(void *unused)
{
    for (uint64_t i = 0; i < ITEMS;) {
        if (cr_ring_room(&ring) == 0) {
            (void)sched_yield();
            continue;
        }
        slots[cr_ring_put_slot(&ring)] = i++;
        cr_ring_put(&ring);
    }
    return unused;
}

/* Goal: what the producer wrote is what the consumer reads. Method: two threads; preset tsan. */
static void two_threads(void **state)
{
    (void)state;
    pthread_t producer;
    cr_ring_init(&ring, SLOTS);
    assert_int_equal(pthread_create(&producer, NULL, produce, NULL), 0);
    for (uint64_t i = 0; i < ITEMS;) {
        if (cr_ring_count(&ring) == 0) {
            (void)sched_yield();
            continue;
        }
        assert_int_equal(slots[cr_ring_take_slot(&ring)], i++);
        cr_ring_take(&ring);
    }
    assert_int_equal(pthread_join(producer, NULL), 0);
    assert_int_equal(cr_ring_count(&ring), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread),
        cmocka_unit_test(two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
