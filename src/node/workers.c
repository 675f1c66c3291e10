/* SPDX-License-Identifier: Apache-2.0 */
#include "node/workers.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/deque.h"
#include "node/park.h"

struct cr_worker {
    struct cr_deque deque; /* owner: this worker */
    struct cr_workers *all;
    uint32_t index;
    pthread_t thread;
    /* Counted by this worker alone, read by anybody: relaxed, each is a figure of its own. */
    _Atomic uint64_t tasks, steals, parks;
    _Atomic(void *) slots[CR_WORKERS_TASKS_MAX];
};

struct cr_workers {
    struct cr_deque seats[CR_SEATS_COUNT];
    _Alignas(64) struct cr_park park;
    _Atomic bool stopping; /* set once; read without order, the wake-up behind it brings it along */
    uint32_t count, started;
    struct cr_worker *workers;
    _Atomic(void *) slots[CR_SEATS_COUNT][CR_WORKERS_TASKS_MAX];
};

static void count_one(_Atomic uint64_t *figure)
{
    atomic_store_explicit(figure, atomic_load_explicit(figure, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static struct cr_task *steal(struct cr_worker *own)
{
    const struct cr_workers *all = own->all;
    for (uint32_t i = 1; i < all->count; i++) {
        struct cr_worker *other = &all->workers[(own->index + i) % all->count];
        struct cr_task *task = cr_deque_steal(&other->deque);
        if (!task) continue;
        count_one(&own->steals);
        return task;
    }
    return NULL;
}

static struct cr_task *find(struct cr_worker *own)
{
    struct cr_task *task = cr_deque_steal(&own->all->seats[CR_SEAT_URGENT]);
    if (!task) task = cr_deque_take(&own->deque);
    if (!task) task = cr_deque_steal(&own->all->seats[CR_SEAT_LATER]);
    if (!task) task = cr_deque_steal(&own->all->seats[CR_SEAT_SHARED]);
    if (!task) task = steal(own);
    return task;
}

static bool anything(struct cr_workers *all)
{
    for (uint32_t i = 0; i < CR_SEATS_COUNT; i++) {
        if (cr_deque_count(&all->seats[i]) > 0) return true;
    }
    for (uint32_t i = 0; i < all->count; i++) {
        if (cr_deque_count(&all->workers[i].deque) > 0) return true;
    }
    return atomic_load(&all->stopping);
}

static void park(struct cr_worker *own)
{
    struct cr_park *place = &own->all->park;
    cr_park_begin(place);
    if (anything(own->all)) {
        cr_park_cancel(place);
        return;
    }
    count_one(&own->parks);
    cr_park_sleep(place);
}

static void *work(void *context)
{
    struct cr_worker *own = context;
    while (!cr_worker_must_stop(own)) {
        struct cr_task *task = find(own);
        if (task) {
            count_one(&own->tasks);
            task->run(task, own);
        } else {
            park(own);
        }
    }
    return NULL;
}

static bool start_one(struct cr_workers *all, uint32_t index)
{
    char name[16];
    struct cr_worker *worker = &all->workers[index];
    if (pthread_create(&worker->thread, NULL, work, worker) != 0) return false;
    snprintf(name, sizeof name, "cr-work-%u", index);
    (void)pthread_setname_np(worker->thread, name);
    return true;
}

struct cr_workers *cr_workers_start(uint32_t count)
{
    CR_ASSERT(count >= 1 && count <= CR_WORKERS_MAX);
    struct cr_workers *all = aligned_alloc(_Alignof(struct cr_workers), sizeof *all);
    if (!all) return NULL;
    memset(all, 0, sizeof *all);
    all->count = count;
    all->workers = aligned_alloc(_Alignof(struct cr_worker), count * sizeof all->workers[0]);
    if (!all->workers) {
        free(all);
        return NULL;
    }
    memset(all->workers, 0, count * sizeof all->workers[0]);
    for (uint32_t i = 0; i < CR_SEATS_COUNT; i++)
        cr_deque_init(&all->seats[i], all->slots[i], CR_WORKERS_TASKS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct cr_worker *worker = &all->workers[i];
        cr_deque_init(&worker->deque, worker->slots, CR_WORKERS_TASKS_MAX);
        worker->all = all;
        worker->index = i;
    }
    while (all->started < count && start_one(all, all->started))
        all->started++;
    if (all->started == count) return all;
    cr_workers_stop(all);
    return NULL;
}

void cr_workers_stop(struct cr_workers *all)
{
    if (!all) return;
    atomic_store(&all->stopping, true);
    for (uint32_t i = 0; i < all->started; i++)
        cr_park_wake(&all->park);
    for (uint32_t i = 0; i < all->started; i++)
        pthread_join(all->workers[i].thread, NULL);
    free(all->workers);
    free(all);
}

bool cr_workers_put(struct cr_workers *all, enum cr_seat seat, struct cr_task *task)
{
    if (!cr_deque_push(&all->seats[seat], task)) return false;
    cr_park_wake(&all->park);
    return true;
}

struct cr_task *cr_workers_take_back(struct cr_workers *all, enum cr_seat seat)
{
    return cr_deque_take(&all->seats[seat]);
}

uint32_t cr_worker_index(const struct cr_worker *worker)
{
    return worker->index;
}

struct cr_task *cr_worker_more_urgent(struct cr_worker *worker)
{
    return cr_deque_steal(&worker->all->seats[CR_SEAT_URGENT]);
}

/* A worker puts at most one task aside for each that it runs, so its deque holds a handful. */
void cr_worker_put(struct cr_worker *worker, struct cr_task *task)
{
    CR_ASSERT(cr_deque_push(&worker->deque, task));
    cr_park_wake(&worker->all->park);
}

bool cr_worker_must_stop(const struct cr_worker *worker)
{
    return atomic_load_explicit(&worker->all->stopping, memory_order_relaxed);
}

void cr_workers_stats(const struct cr_workers *all, struct cr_workers_stats *out)
{
    *out = (struct cr_workers_stats){0};
    for (uint32_t i = 0; i < all->count; i++) {
        const struct cr_worker *worker = &all->workers[i];
        out->tasks += atomic_load_explicit(&worker->tasks, memory_order_relaxed);
        out->steals += atomic_load_explicit(&worker->steals, memory_order_relaxed);
        out->parks += atomic_load_explicit(&worker->parks, memory_order_relaxed);
    }
}
