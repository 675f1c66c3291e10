/* SPDX-License-Identifier: Apache-2.0 */
#include "node/disk.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/ring.h"
#include "node/clock.h"

struct cr_disk {
    struct cr_log *log;
    struct cr_guard *guard;
    int wake_fd;
    int kick_fd;
    pthread_t thread;
    _Atomic bool stopping;
    _Atomic bool failed; /* release after `failure` is written */
    struct cr_store_failure failure;
    _Atomic uint64_t durable; /* release after the sync, acquire by the main loop */
    pthread_mutex_t stats_lock;
    struct cr_disk_stats stats;
    struct cr_ring in, out;
    struct cr_disk_item in_items[CR_DISK_ITEMS_MAX];
    struct cr_disk_item out_items[CR_DISK_ITEMS_MAX];
};

static void signal_fd(int fd)
{
    const uint64_t one = 1;
    if (write(fd, &one, sizeof one) < 0) return; /* full: the reader wakes anyway */
}

static void fail(struct cr_disk *d, const struct cr_store_failure *failure)
{
    d->failure = *failure;
    atomic_store_explicit(&d->failed, true, memory_order_release);
    signal_fd(d->wake_fd);
}

static bool append_one(struct cr_disk *d, struct cr_disk_item *item)
{
    struct cr_store_failure failure = {0};
    if (item->lost && cr_guard_mark_lost(d->guard, &failure) != CR_OK) {
        fail(d, &failure);
        return false;
    }
    if (cr_log_append(d->log, item->kind, item->bytes, item->bytes_count, NULL, 0, &item->position,
                      &failure) == CR_OK)
        return true;
    fail(d, &failure);
    return false;
}

/* Appends what waits and writes it, so that it survives the process; only then the main loop learns
 * of it. Returns whether one of our own vertices is among it. Nobody takes results any more once we
 * are stopping. */
static bool append(struct cr_disk *d, bool stopping, uint64_t *sequence,
                   struct cr_guard_record *guard)
{
    bool own = false;
    struct cr_store_failure failure = {0};
    const uint32_t waiting = cr_ring_count(&d->in);
    const uint32_t room = cr_ring_room(&d->out);
    const uint32_t count = stopping || waiting < room ? waiting : room;
    const uint32_t first = cr_ring_take_slot(&d->in);
    for (uint32_t i = 0; i < count; i++) {
        struct cr_disk_item *item = &d->in_items[(first + i) % CR_DISK_ITEMS_MAX];
        if (!append_one(d, item)) return false;
        if (item->sequence > *sequence) *sequence = item->sequence;
        if (item->own) *guard = item->guard;
        own = own || item->own;
    }
    if (cr_log_write(d->log, &failure) != CR_OK) {
        fail(d, &failure);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (cr_ring_room(&d->out) > 0) {
            d->out_items[cr_ring_put_slot(&d->out)] = d->in_items[cr_ring_take_slot(&d->in)];
            cr_ring_put(&d->out);
        }
        cr_ring_take(&d->in);
    }
    return own;
}

static bool sync_log(struct cr_disk *d, uint64_t sequence)
{
    struct cr_store_failure failure = {0};
    const uint64_t start_us = cr_now_us();
    if (cr_log_sync(d->log, &failure) != CR_OK) {
        fail(d, &failure);
        return false;
    }
    atomic_store_explicit(&d->durable, sequence, memory_order_release);
    signal_fd(d->wake_fd);
    pthread_mutex_lock(&d->stats_lock);
    d->stats.syncs++;
    cr_histogram_add(&d->stats.sync_us, cr_now_us() - start_us);
    pthread_mutex_unlock(&d->stats_lock);
    return true;
}

/* The guard follows the log, in the time while the vertex travels, and before the next one of ours
 * is synced: it is at most one round behind what peers have seen, and a node that finds its log
 * lost burns one round more (recover.c). It must not go first: a guard that knows of a vertex which
 * the log has lost burns that round, and when a machine room loses power in between, burnt rounds
 * at many validators stop the chain for ever. */
static void write_guard(struct cr_disk *d, struct cr_guard_record *guard)
{
    struct cr_store_failure failure = {0};
    guard->log_sequence = cr_log_durable(d->log);
    if (cr_guard_write(d->guard, guard, &failure) != CR_OK) fail(d, &failure);
}

static void wait_for_work(struct cr_disk *d, bool lingering)
{
    uint64_t count;
    struct pollfd poll_fd = {.fd = d->kick_fd, .events = POLLIN};
    if (poll(&poll_fd, 1, lingering ? CR_DISK_LINGER_MS : -1) <= 0) return;
    if (read(d->kick_fd, &count, sizeof count) < 0) return; /* nothing there: look anyway */
}

static void *work(void *context)
{
    struct cr_disk *d = context;
    uint64_t sequence = 0;
    bool unsynced = false;
    while (!atomic_load_explicit(&d->failed, memory_order_relaxed)) {
        struct cr_guard_record guard;
        const bool stopping = atomic_load_explicit(&d->stopping, memory_order_acquire);
        const bool waiting = cr_ring_count(&d->in) > 0;
        if (!stopping && !waiting) wait_for_work(d, unsynced);
        const bool idle = cr_ring_count(&d->in) == 0;
        const bool own = append(d, stopping, &sequence, &guard);
        if (!idle) signal_fd(d->wake_fd);
        unsynced = unsynced || !idle;
        if (unsynced && (own || idle || stopping) &&
            !atomic_load_explicit(&d->failed, memory_order_relaxed)) {
            if (sync_log(d, sequence) && own) write_guard(d, &guard);
            unsynced = false;
        }
        if (stopping && cr_ring_count(&d->in) == 0) return NULL;
    }
    return NULL;
}

struct cr_disk *cr_disk_start(struct cr_log *log, struct cr_guard *guard, int wake_fd)
{
    struct cr_disk *d = aligned_alloc(64, (sizeof *d + 63) & ~(size_t)63);
    if (!d) return NULL;
    memset(d, 0, sizeof *d);
    d->log = log;
    d->guard = guard;
    d->wake_fd = wake_fd;
    cr_ring_init(&d->in, CR_DISK_ITEMS_MAX);
    cr_ring_init(&d->out, CR_DISK_ITEMS_MAX);
    pthread_mutex_init(&d->stats_lock, NULL);
    d->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (d->kick_fd >= 0 && pthread_create(&d->thread, NULL, work, d) == 0) return d;
    if (d->kick_fd >= 0) close(d->kick_fd);
    free(d);
    return NULL;
}

void cr_disk_stop(struct cr_disk *d)
{
    if (!d) return;
    atomic_store_explicit(&d->stopping, true, memory_order_release);
    signal_fd(d->kick_fd);
    pthread_join(d->thread, NULL);
    close(d->kick_fd);
    pthread_mutex_destroy(&d->stats_lock);
    free(d);
}

bool cr_disk_put(struct cr_disk *d, const struct cr_disk_item *item)
{
    if (cr_ring_room(&d->in) == 0) return false;
    d->in_items[cr_ring_put_slot(&d->in)] = *item;
    cr_ring_put(&d->in);
    return true;
}

void cr_disk_kick(struct cr_disk *d)
{
    signal_fd(d->kick_fd);
}

uint32_t cr_disk_room(const struct cr_disk *d)
{
    return cr_ring_room(&d->in);
}

bool cr_disk_take(struct cr_disk *d, struct cr_disk_item *item)
{
    if (cr_ring_count(&d->out) == 0) return false;
    *item = d->out_items[cr_ring_take_slot(&d->out)];
    cr_ring_take(&d->out);
    return true;
}

uint64_t cr_disk_durable(const struct cr_disk *d)
{
    return atomic_load_explicit(&d->durable, memory_order_acquire);
}

bool cr_disk_failed(struct cr_disk *d, struct cr_store_failure *failure)
{
    if (!atomic_load_explicit(&d->failed, memory_order_acquire)) return false;
    *failure = d->failure;
    return true;
}

void cr_disk_stats(struct cr_disk *d, struct cr_disk_stats *out)
{
    pthread_mutex_lock(&d->stats_lock);
    *out = d->stats;
    pthread_mutex_unlock(&d->stats_lock);
}
