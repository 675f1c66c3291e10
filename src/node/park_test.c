/* SPDX-License-Identifier: Apache-2.0 */
#define CR_STEPS
#include "node/park.h"

#include "base/interleave.h"
#include "base/unit.h"

enum { ITEMS = 2 };

static struct cr_park shared;
static uint32_t waiting, done; /* items */
static uint32_t asleep, woken; /* as the kernel sees it */
static uint32_t wakes;         /* calls of the kernel */

static bool is_woken(void)
{
    return woken > 0;
}

/* The kernel compares and goes to sleep in one step. */
void cr_park_futex_wait(struct cr_park *park)
{
    if (atomic_load(&park->tokens) != 0) return;
    asleep++;
    cr_interleave_wait(is_woken);
    woken--;
    asleep--;
}

void cr_park_futex_wake(struct cr_park *park, uint32_t count)
{
    (void)park;
    wakes++;
    for (uint32_t i = 0; i < count && woken < asleep; i++)
        woken++;
}

static void start(void)
{
    memset(&shared, 0, sizeof shared);
    waiting = done = asleep = woken = wakes = 0;
}

static bool take(void)
{
    CR_STEP();
    if (waiting == 0) return false;
    waiting--;
    done++;
    return true;
}

static void sleeper(void)
{
    while (done < ITEMS) {
        if (take()) continue;
        cr_park_begin(&shared);
        CR_STEP();
        if (waiting > 0 || done == ITEMS)
            cr_park_cancel(&shared);
        else
            cr_park_sleep(&shared);
    }
    cr_park_wake(&shared); /* the other one may sleep still */
}

static void waker(void)
{
    for (uint32_t i = 0; i < ITEMS; i++) {
        CR_STEP();
        waiting++;
        cr_park_wake(&shared);
    }
}

static void all_done(void)
{
    assert_int_equal(done, ITEMS);
    assert_int_equal(waiting, 0);
    assert_int_equal(atomic_load(&shared.sleepers), 0);
    assert_int_equal(atomic_load(&shared.tokens), 0);
    assert_int_equal(asleep, 0);
}

/* Goal: whoever sleeps is woken for what is put, and nobody is left counted. Method: every schedule
 * of one or two sleepers and a waker with a few preemptions; when all wait for ever the search
 * itself asserts. Let the sleeper look for work before it counts itself, or cancel without the
 * token, to see it. */
static void no_wake_up_is_lost(void **state)
{
    (void)state;
    const struct cr_interleave one = {
        .start = start, .threads = {sleeper, waker}, .end = all_done, .preemptions = 5};
    const struct cr_interleave two = {
        .start = start, .threads = {sleeper, sleeper, waker}, .end = all_done, .preemptions = 3};
    assert_true(cr_interleave_all(&one) > 1000);
    assert_true(cr_interleave_all(&two) > 1000);
}

/* Goal: with nobody asleep, and for a sleeper that is claimed already, no call of the kernel. */
static void wakes_are_few(void **state)
{
    (void)state;
    start();
    cr_park_wake(&shared);
    assert_int_equal(wakes, 0);
    cr_park_begin(&shared);
    cr_park_wake(&shared);
    cr_park_wake(&shared);
    assert_int_equal(wakes, 1);
    cr_park_cancel(&shared); /* takes the token of the waker */
    assert_int_equal(atomic_load(&shared.tokens), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_wake_up_is_lost),
        cmocka_unit_test(wakes_are_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
