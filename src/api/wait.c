/* SPDX-License-Identifier: Apache-2.0 */
#include "api/wait.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
    BUCKETS = 1 << 14,
    TICK_US = 50 * 1000, /* how exact a deadline is */
};

struct cr_waiters {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t clock; /* wakes those whose time is up; sleeps while nobody waits */
    bool stopping, closing;
    uint32_t ids_count;
    void (*wake)(void *);
    struct cr_waiter *first;
    struct cr_wait_entry *buckets[BUCKETS];
};

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint32_t bucket_of(const struct cr_hash *id)
{
    return (uint32_t)cr_load_le(id->bytes + 4, 4) % BUCKETS;
}

static void unpark(struct cr_waiters *w, struct cr_waiter *waiter)
{
    if (!waiter->parked) return;
    waiter->parked = false;
    w->wake(waiter->wake_context);
}

static void *watch_clock(void *context)
{
    struct cr_waiters *w = context;
    pthread_mutex_lock(&w->lock);
    while (!w->closing) {
        struct timespec until;
        if (!w->first) {
            pthread_cond_wait(&w->changed, &w->lock);
            continue;
        }
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (long)TICK_US * 1000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&w->changed, &w->lock, &until);
        const uint64_t now = now_us();
        for (struct cr_waiter *i = w->first; i; i = i->next) {
            if (i->deadline_us <= now) unpark(w, i);
        }
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

struct cr_waiters *cr_waiters_new(void (*wake)(void *wake_context))
{
    pthread_condattr_t attributes;
    struct cr_waiters *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->wake = wake;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&w->clock, NULL, watch_clock, w) == 0) return w;
    free(w);
    return NULL;
}

void cr_waiters_free(struct cr_waiters *w)
{
    if (!w) return;
    pthread_mutex_lock(&w->lock);
    CR_ASSERT(w->first == NULL);
    w->closing = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->clock, NULL);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

bool cr_waiters_join(struct cr_waiters *w, struct cr_waiter *waiter)
{
    pthread_mutex_lock(&w->lock);
    const bool room = waiter->entries_count <= CR_WAIT_IDS_MAX - w->ids_count;
    if (room) {
        for (uint32_t i = 0; i < waiter->entries_count; i++) {
            struct cr_wait_entry *entry = &waiter->entries[i];
            entry->waiter = waiter;
            entry->next = w->buckets[bucket_of(&entry->id)];
            w->buckets[bucket_of(&entry->id)] = entry;
        }
        waiter->open = waiter->entries_count;
        waiter->previous = NULL;
        waiter->next = w->first;
        if (w->first) w->first->previous = waiter;
        w->first = waiter;
        w->ids_count += waiter->entries_count;
        pthread_cond_signal(&w->changed);
    }
    pthread_mutex_unlock(&w->lock);
    return room;
}

/* Under the lock. */
static void settle(struct cr_waiters *w, struct cr_wait_entry *entry,
                   const struct cr_api_result *result)
{
    if (entry->done) return;
    entry->done = true;
    entry->result = result->result;
    entry->commit_index = result->commit_index;
    entry->position = result->position;
    if (--entry->waiter->open == 0) unpark(w, entry->waiter);
}

void cr_waiters_settle(struct cr_waiters *w, struct cr_wait_entry *entry,
                       const struct cr_api_result *result)
{
    pthread_mutex_lock(&w->lock);
    settle(w, entry, result);
    pthread_mutex_unlock(&w->lock);
}

bool cr_waiters_park(struct cr_waiters *w, struct cr_waiter *waiter,
                     void (*park)(void *wake_context))
{
    pthread_mutex_lock(&w->lock);
    const bool sleeps = waiter->open > 0 && !w->stopping && waiter->deadline_us > now_us();
    if (sleeps) {
        waiter->parked = true;
        park(waiter->wake_context);
    }
    pthread_mutex_unlock(&w->lock);
    return sleeps;
}

void cr_waiters_leave(struct cr_waiters *w, struct cr_waiter *waiter)
{
    pthread_mutex_lock(&w->lock);
    for (uint32_t i = 0; i < waiter->entries_count; i++) {
        struct cr_wait_entry **link = &w->buckets[bucket_of(&waiter->entries[i].id)];
        while (*link != &waiter->entries[i])
            link = &(*link)->next;
        *link = waiter->entries[i].next;
    }
    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        w->first = waiter->next;
    if (waiter->next) waiter->next->previous = waiter->previous;
    w->ids_count -= waiter->entries_count;
    pthread_mutex_unlock(&w->lock);
}

void cr_waiters_final(struct cr_waiters *w, const struct cr_api_result *results, uint32_t count)
{
    pthread_mutex_lock(&w->lock);
    for (uint32_t i = 0; i < count; i++) {
        const struct cr_api_result *result = &results[i];
        for (struct cr_wait_entry *e = w->buckets[bucket_of(&result->id)]; e; e = e->next) {
            if (cr_hash_equal(&e->id, &result->id)) settle(w, e, result);
        }
    }
    pthread_mutex_unlock(&w->lock);
}

void cr_waiters_stop(struct cr_waiters *w)
{
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    for (struct cr_waiter *i = w->first; i; i = i->next)
        unpark(w, i);
    pthread_mutex_unlock(&w->lock);
}
