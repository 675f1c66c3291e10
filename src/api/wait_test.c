/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include <time.h>
#include <unistd.h>

#include "api/wait.h"

static int woken;
static int parked;

static void wake(void *context)
{
    (void)context;
    __atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
}

static void park(void *context)
{
    (void)context;
    parked++;
}

static uint64_t in_ms(uint64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000 + ms * 1000;
}

static struct cr_api_result result_of(uint8_t id)
{
    struct cr_api_result result = {.commit_index = 9, .position = id, .result = CR_RESULT_OK};
    memset(result.id.bytes, id, CR_HASH_BYTES);
    return result;
}

/* Goal: a request is woken once, when its last id has a result; a result that came before it sleeps
 * keeps it awake; two requests may wait for one id. Method: the calls in both orders. */
static void last_result_wakes(void **state)
{
    (void)state;
    struct cr_wait_entry a[2] = {{.id = result_of(1).id}, {.id = result_of(2).id}};
    struct cr_wait_entry b[1] = {{.id = result_of(2).id}};
    struct cr_waiter first = {.entries = a, .entries_count = 2, .deadline_us = in_ms(60000)};
    struct cr_waiter second = {.entries = b, .entries_count = 1, .deadline_us = in_ms(60000)};
    const struct cr_api_result one = result_of(1), two = result_of(2), other = result_of(3);
    struct cr_waiters *w = cr_waiters_new(wake);
    woken = parked = 0;
    assert_true(cr_waiters_join(w, &first));
    assert_true(cr_waiters_join(w, &second));
    cr_waiters_final(w, &one, 1);
    assert_true(cr_waiters_park(w, &first, park));
    cr_waiters_final(w, &other, 1);
    assert_int_equal(woken, 0);
    cr_waiters_final(w, &two, 1);
    assert_int_equal(woken, 1);
    cr_waiters_final(w, &two, 1);
    assert_int_equal(woken, 1);
    assert_false(cr_waiters_park(w, &second, park)); /* answered before it slept */
    assert_int_equal(parked, 1);
    assert_int_equal(a[1].commit_index, 9);
    assert_int_equal(b[0].position, 2);
    cr_waiters_leave(w, &first);
    cr_waiters_leave(w, &second);
    cr_waiters_free(w);
}

/* Goal: of two answers to one id the first stays, whichever way it came. Method: both orders. */
static void first_answer_stays(void **state)
{
    (void)state;
    struct cr_wait_entry a[2] = {{.id = result_of(1).id}, {.id = result_of(2).id}};
    struct cr_waiter waiter = {.entries = a, .entries_count = 2, .deadline_us = in_ms(60000)};
    const struct cr_api_result one = result_of(1), two = result_of(2);
    const struct cr_api_result refused = {.result = CR_RESULT_BAD_SIGNATURE};
    struct cr_waiters *w = cr_waiters_new(wake);
    assert_true(cr_waiters_join(w, &waiter));
    cr_waiters_final(w, &one, 1);
    cr_waiters_settle(w, &a[0], &refused);
    cr_waiters_settle(w, &a[1], &refused);
    cr_waiters_final(w, &two, 1);
    cr_waiters_leave(w, &waiter);
    assert_int_equal(waiter.open, 0);
    assert_int_equal(a[0].result, CR_RESULT_OK);
    assert_int_equal(a[0].position, 1);
    assert_int_equal(a[1].result, CR_RESULT_BAD_SIGNATURE);
    assert_int_equal(a[1].position, 0);
    cr_waiters_free(w);
}

/* Goal: time wakes a request whose result does not come; stopping wakes all and lets none sleep.
 * Method: a deadline 100 ms ahead, then stop. */
static void time_and_stop_wake(void **state)
{
    (void)state;
    struct cr_wait_entry a[1] = {{.id = result_of(1).id}};
    struct cr_wait_entry b[1] = {{.id = result_of(2).id}};
    struct cr_waiter first = {.entries = a, .entries_count = 1, .deadline_us = in_ms(100)};
    struct cr_waiter second = {.entries = b, .entries_count = 1, .deadline_us = in_ms(60000)};
    struct cr_waiters *w = cr_waiters_new(wake);
    woken = parked = 0;
    cr_waiters_join(w, &first);
    cr_waiters_join(w, &second);
    assert_true(cr_waiters_park(w, &first, park));
    assert_true(cr_waiters_park(w, &second, park));
    for (int i = 0; i < 500 && __atomic_load_n(&woken, __ATOMIC_SEQ_CST) == 0; i++)
        usleep(10000);
    assert_int_equal(__atomic_load_n(&woken, __ATOMIC_SEQ_CST), 1);
    cr_waiters_stop(w);
    assert_int_equal(__atomic_load_n(&woken, __ATOMIC_SEQ_CST), 2);
    assert_false(cr_waiters_park(w, &second, park));
    cr_waiters_leave(w, &first);
    cr_waiters_leave(w, &second);
    cr_waiters_free(w);
}

/* Goal: the number of waiting ids is bounded. Method: one request at the bound, one beyond it. */
static void ids_are_bounded(void **state)
{
    (void)state;
    struct cr_wait_entry *many = calloc(CR_WAIT_IDS_MAX, sizeof *many);
    struct cr_wait_entry one = {.id = result_of(1).id};
    struct cr_waiter full = {.entries = many, .entries_count = CR_WAIT_IDS_MAX};
    struct cr_waiter more = {.entries = &one, .entries_count = 1};
    struct cr_waiters *w = cr_waiters_new(wake);
    for (uint32_t i = 0; i < CR_WAIT_IDS_MAX; i++)
        cr_store_le(many[i].id.bytes + 4, i, 4);
    assert_true(cr_waiters_join(w, &full));
    assert_false(cr_waiters_join(w, &more));
    cr_waiters_leave(w, &full);
    assert_true(cr_waiters_join(w, &more));
    cr_waiters_leave(w, &more);
    cr_waiters_free(w);
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_result_wakes), cmocka_unit_test(first_answer_stays),
        cmocka_unit_test(time_and_stop_wake), cmocka_unit_test(ids_are_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
