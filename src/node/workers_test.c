/* SPDX-License-Identifier: Apache-2.0 */
#include "node/workers.h"

#include <stdatomic.h>
#include <time.h>

#include "base/unit.h"

enum { TASKS = 1000, PIECES = 100, WORKERS = 4 };

struct piece_task {
    struct cr_task task;
    uint32_t pieces_left; /* of whoever holds the task */
    uint32_t order;       /* in which it was run first */
    _Atomic uint32_t runs;
};

static struct piece_task tasks[TASKS];
static _Atomic uint32_t finished, started, urgent_with;
static _Atomic bool gate;

static void wait_for(const _Atomic uint32_t *figure, uint32_t value)
{
    const struct timespec ms = {.tv_nsec = 1000000};
    for (uint32_t i = 0; i < 20000 && atomic_load(figure) < value; i++)
        nanosleep(&ms, NULL);
    assert_int_equal(atomic_load(figure), value);
}

static void run(struct cr_task *task, struct cr_worker *worker)
{
    struct piece_task *own = (struct piece_task *)task;
    (void)worker;
    while (atomic_load(&gate))
        continue;
    own->order = atomic_fetch_add(&started, 1);
    atomic_fetch_add(&own->runs, 1);
    atomic_fetch_add(&finished, 1);
}

static void run_piece(struct cr_task *task, struct cr_worker *worker)
{
    struct piece_task *own = (struct piece_task *)task;
    assert_true(cr_worker_index(worker) < WORKERS);
    if (--own->pieces_left > 0) cr_worker_put(worker, task);
    /* `own` may be with another worker now. */
    nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    atomic_fetch_add(&own->runs, 1);
    atomic_fetch_add(&finished, 1);
}

static void clear(void (*task)(struct cr_task *, struct cr_worker *))
{
    for (uint32_t i = 0; i < TASKS; i++)
        tasks[i] = (struct piece_task){.task = {.run = task}, .pieces_left = PIECES};
    atomic_store(&finished, 0);
    atomic_store(&started, 0);
    atomic_store(&gate, false);
}

/* Goal: each task runs once, from both seats, also after everybody has parked. */
static void each_runs_once(void **state)
{
    (void)state;
    clear(run);
    struct cr_workers *workers = cr_workers_start(WORKERS);
    assert_non_null(workers);
    for (uint32_t i = 0; i < TASKS; i++) {
        const enum cr_seat seat = i % 2 ? CR_SEAT_URGENT : CR_SEAT_LATER;
        assert_true(cr_workers_put(workers, seat, &tasks[i].task));
        if (i % 100 == 99) wait_for(&finished, i + 1);
    }
    wait_for(&finished, TASKS);
    for (uint32_t i = 0; i < TASKS; i++)
        assert_int_equal(atomic_load(&tasks[i].runs), 1);
    struct cr_workers_stats stats;
    cr_workers_stats(workers, &stats);
    assert_int_equal(stats.tasks, TASKS);
    assert_true(stats.parks > 0);
    cr_workers_stop(workers);
}

/* Goal: what cuts itself into pieces is done by several, each piece once. Method: two tasks of many
 * pieces; somebody must have stolen. */
static void pieces_are_stolen(void **state)
{
    enum { LARGE = 2 };
    (void)state;
    clear(run_piece);
    struct cr_workers *workers = cr_workers_start(WORKERS);
    assert_non_null(workers);
    for (uint32_t i = 0; i < LARGE; i++)
        assert_true(cr_workers_put(workers, CR_SEAT_LATER, &tasks[i].task));
    wait_for(&finished, LARGE * PIECES);
    for (uint32_t i = 0; i < LARGE; i++)
        assert_int_equal(atomic_load(&tasks[i].runs), PIECES);
    struct cr_workers_stats stats;
    cr_workers_stats(workers, &stats);
    assert_true(stats.steals > 0);
    cr_workers_stop(workers);
}

/* Goal: urgent first. Method: one worker, held at a task while both seats fill. */
static void urgent_goes_first(void **state)
{
    (void)state;
    clear(run);
    struct cr_workers *workers = cr_workers_start(1);
    assert_non_null(workers);
    atomic_store(&gate, true);
    for (uint32_t i = 0; i < 20; i++)
        assert_true(cr_workers_put(workers, CR_SEAT_LATER, &tasks[i].task));
    for (uint32_t i = 20; i < 40; i++)
        assert_true(cr_workers_put(workers, CR_SEAT_URGENT, &tasks[i].task));
    atomic_store(&gate, false);
    wait_for(&finished, 40);
    uint32_t before = 0; /* of the later ones, run before the last urgent one: what it had begun */
    for (uint32_t i = 0; i < 20; i++)
        before += tasks[i].order < 20;
    assert_true(before <= 1);
    cr_workers_stop(workers);
}

static void run_with_more(struct cr_task *task, struct cr_worker *worker)
{
    run(task, worker);
    for (struct cr_task *more = cr_worker_more_urgent(worker); more;
         more = cr_worker_more_urgent(worker)) {
        atomic_fetch_add(&urgent_with, 1);
        run(more, worker);
    }
}

/* Goal: a full seat refuses and loses nothing; what waits together is got together; stopping does
 * not wait for what was not begun. */
static void full_seat_refuses(void **state)
{
    static struct piece_task many[CR_WORKERS_TASKS_MAX + 2];
    (void)state;
    clear(run);
    struct cr_workers *workers = cr_workers_start(1);
    assert_non_null(workers);
    atomic_store(&gate, true);
    uint32_t put = 0;
    for (uint32_t i = 0; i < CR_COUNT_OF(many); i++) {
        many[i] = (struct piece_task){.task = {.run = run_with_more}};
        put += cr_workers_put(workers, CR_SEAT_URGENT, &many[i].task);
    }
    assert_in_range(put, CR_WORKERS_TASKS_MAX, CR_WORKERS_TASKS_MAX + 1); /* one is being run */
    atomic_store(&gate, false);
    wait_for(&finished, put);
    assert_int_equal(atomic_load(&urgent_with), put - 1);
    atomic_store(&gate, true);
    for (uint32_t i = 0; i < 10; i++)
        assert_true(cr_workers_put(workers, CR_SEAT_LATER, &tasks[i].task));
    atomic_store(&gate, false);
    cr_workers_stop(workers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_runs_once),
        cmocka_unit_test(pieces_are_stolen),
        cmocka_unit_test(urgent_goes_first),
        cmocka_unit_test(full_seat_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
