/* SPDX-License-Identifier: Apache-2.0 */
/* workers.h: threads that run small tasks; whoever has nothing to do takes from another.
 *
 * Tasks wait in deques (base/deque.h), each with one owner: one per worker, and the seats, which
 * belong to threads outside, one each. A worker looks at the urgent seat first, before each task;
 * then at what it has put aside itself, newest first; then at the other seats; then it steals from
 * the other workers, oldest first. There is no lock. A worker that finds nothing parks
 * (node/park.h) and costs nothing until something is put.
 *
 * A large task cuts itself into pieces: it takes a piece off, gives the rest away with
 * cr_worker_put, and does the piece. The rest wakes an idle worker if there is one, so that as many
 * take part as there is work for. */
#ifndef CR_NODE_WORKERS_H
#define CR_NODE_WORKERS_H

#include "base/base.h"

enum {
    CR_WORKERS_MAX = 64,
    CR_WORKERS_TASKS_MAX = 2048, /* of one deque */
};

enum cr_seat {
    CR_SEAT_URGENT = 0,
    CR_SEAT_LATER,
    CR_SEAT_SHARED, /* of a thread that works too, and takes back what nobody has begun */
    CR_SEATS_COUNT,
};

struct cr_worker;

/* Inside the object that it is about. It must stay until `run` gives it away or is done with it;
 * one task is never in two deques. */
struct cr_task {
    void (*run)(struct cr_task *task, struct cr_worker *worker);
};

struct cr_workers;

/* Threads named "cr-work-0" and so on. NULL when memory or threads are out. */
struct cr_workers *cr_workers_start(uint32_t count);
/* Waits for what is being run; what waits is not run any more. NULL is allowed. */
void cr_workers_stop(struct cr_workers *all);
/* By the owner of the seat. False: it is full. */
bool cr_workers_put(struct cr_workers *all, enum cr_seat seat, struct cr_task *task);
/* By the owner of the seat: the newest task that no worker has taken. NULL: they have them all. */
struct cr_task *cr_workers_take_back(struct cr_workers *all, enum cr_seat seat);

/* Within a task: */
uint32_t cr_worker_index(const struct cr_worker *worker); /* 0..count-1 */
/* Another task of the urgent seat, to be done together with the one that runs. NULL: none. */
struct cr_task *cr_worker_more_urgent(struct cr_worker *worker);
void cr_worker_put(struct cr_worker *worker, struct cr_task *task);
/* Whether the workers are to end: leave the rest. */
bool cr_worker_must_stop(const struct cr_worker *worker);

struct cr_workers_stats {
    uint64_t tasks;  /* run */
    uint64_t steals; /* of them, from another worker */
    uint64_t parks;
};
/* Any thread. */
void cr_workers_stats(const struct cr_workers *all, struct cr_workers_stats *out);

#endif
