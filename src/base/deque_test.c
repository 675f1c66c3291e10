/* SPDX-License-Identifier: Apache-2.0 */
#define CR_STEPS
#include "base/deque.h"

#include <pthread.h>

#include "base/interleave.h"
#include "base/unit.h"

enum { SLOTS = 4, ITEMS = 50000, THIEVES = 3 };

static struct cr_deque deque;
static _Atomic(void *) slots[SLOTS];
static uint8_t things[ITEMS];
static _Atomic uint32_t got[ITEMS]; /* how often each was taken or stolen */
static uint32_t pushed;
static void *stolen[8];
static uint32_t stolen_count;

static void note(void *item)
{
    if (item == NULL) return;
    const ptrdiff_t i = (uint8_t *)item - things;
    assert_in_range(i, 0, ITEMS - 1);
    atomic_fetch_add(&got[i], 1);
}

/* Goal: the owner's side is a stack, the thieves' side a queue, full means refused. Method: small
 * cases with one thread, around the ring of slots several times. */
static void one_thread(void **state)
{
    (void)state;
    cr_deque_init(&deque, slots, SLOTS);
    for (uint32_t turn = 0; turn < 10; turn++) {
        assert_null(cr_deque_take(&deque));
        assert_null(cr_deque_steal(&deque));
        for (uint32_t i = 0; i < SLOTS; i++)
            assert_true(cr_deque_push(&deque, &things[i]));
        assert_false(cr_deque_push(&deque, &things[SLOTS]));
        assert_int_equal(cr_deque_count(&deque), SLOTS);
        assert_ptr_equal(cr_deque_steal(&deque), &things[0]);
        assert_ptr_equal(cr_deque_take(&deque), &things[3]);
        assert_ptr_equal(cr_deque_steal(&deque), &things[1]);
        assert_ptr_equal(cr_deque_take(&deque), &things[2]);
        assert_int_equal(cr_deque_count(&deque), 0);
    }
    expect_assert_failure(cr_deque_init(&deque, slots, 0));
    expect_assert_failure(cr_deque_init(&deque, slots, 12));
}

/* ---- every order of steps ---- */

static void start(void)
{
    cr_deque_init(&deque, slots, SLOTS);
    for (uint32_t i = 0; i < 16; i++)
        atomic_init(&got[i], 0);
    pushed = stolen_count = 0;
}

static void push(void)
{
    if (cr_deque_push(&deque, &things[pushed])) pushed++;
}

static void owner_few(void)
{
    push();
    push();
    note(cr_deque_take(&deque));
    note(cr_deque_take(&deque));
    push();
    note(cr_deque_take(&deque));
}

/* More than the slots hold, so that they are used again while a thief reads. */
static void owner_many(void)
{
    for (uint32_t i = 0; i < SLOTS + 2; i++)
        push();
    note(cr_deque_take(&deque));
    push();
}

static void thief(void)
{
    for (uint32_t i = 0; i < 2; i++) {
        void *item = cr_deque_steal(&deque);
        note(item);
        if (item) stolen[stolen_count++] = item;
    }
}

static void everything_once(void)
{
    for (void *item = cr_deque_steal(&deque); item; item = cr_deque_steal(&deque))
        note(item);
    assert_int_equal(cr_deque_count(&deque), 0);
    for (uint32_t i = 0; i < 16; i++)
        assert_int_equal(atomic_load(&got[i]), i < pushed ? 1 : 0);
}

/* Of one thief: what is stolen comes in the order in which it was pushed. */
static void everything_once_in_order(void)
{
    for (uint32_t i = 1; i < stolen_count; i++)
        assert_true(stolen[i - 1] < stolen[i]);
    everything_once();
}

/* Goal: nothing is lost and nothing is given out twice. Method: all schedules of an owner and one
 * or two thieves with a few preemptions; break the exchange in cr_deque_take, or its order of store
 * and load, to see this fail. */
static void every_order(void **state)
{
    (void)state;
    const struct cr_interleave few = {.start = start,
                                      .threads = {owner_few, thief},
                                      .end = everything_once_in_order,
                                      .preemptions = 4};
    const struct cr_interleave many = {.start = start,
                                       .threads = {owner_many, thief},
                                       .end = everything_once_in_order,
                                       .preemptions = 3};
    const struct cr_interleave two = {.start = start,
                                      .threads = {owner_few, thief, thief},
                                      .end = everything_once,
                                      .preemptions = 2};
    assert_true(cr_interleave_all(&few) > 1000);
    assert_true(cr_interleave_all(&many) > 1000);
    assert_true(cr_interleave_all(&two) > 1000);
}

/* ---- real threads ---- */

static _Atomic bool over;

static void *steal_all(void *unused)
{
    while (!atomic_load(&over) || cr_deque_count(&deque) > 0)
        note(cr_deque_steal(&deque));
    return unused;
}

/* Goal: the same with real threads and the thread sanitizer, which also watches what an item points
 * to. Method: the owner pushes 200,000 items, writes each before, and takes now and then. */
static void real_threads(void **state)
{
    pthread_t threads[THIEVES];
    (void)state;
    cr_deque_init(&deque, slots, SLOTS);
    for (uint32_t i = 0; i < ITEMS; i++)
        atomic_init(&got[i], 0);
    atomic_init(&over, false);
    for (uint32_t i = 0; i < THIEVES; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, steal_all, NULL), 0);
    for (uint32_t i = 0; i < ITEMS;) {
        things[i] = 1;
        if (cr_deque_push(&deque, &things[i])) i++;
        if (i % 3 == 0) note(cr_deque_take(&deque));
    }
    atomic_store(&over, true);
    for (uint32_t i = 0; i < THIEVES; i++)
        pthread_join(threads[i], NULL);
    for (uint32_t i = 0; i < ITEMS; i++)
        assert_int_equal(atomic_load(&got[i]), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread),
        cmocka_unit_test(every_order),
        cmocka_unit_test(real_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
