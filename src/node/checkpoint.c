/* SPDX-License-Identifier: Apache-2.0 */
#include "node/checkpoint.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/clock.h"

struct cr_checkpoint {
    struct cr_state_reader *reader;
    int wake_fd;
    struct cr_state snapshot; /* the reader's, that stops when asked to */
    struct cr_ledger *ledger;
    pthread_t thread;
    bool is_under_way, has_thread;
    uint64_t took_us; /* the thread's until it is done */
    _Atomic bool done;
    _Atomic bool given_up; /* relaxed: it only rises, and nothing else is told by it */
};

/* Once given up, the rest of the state is not looked at. What comes out is thrown away. */
static void scan(void *context, uint32_t bucket, cr_state_each *each, void *each_context)
{
    const struct cr_checkpoint *c = context;
    const struct cr_state *state = cr_state_reader_state(c->reader);
    if (atomic_load_explicit(&c->given_up, memory_order_relaxed)) return;
    state->scan(state->context, bucket, each, each_context);
}

static bool bucket_get(void *context, uint32_t bucket, struct cr_hash *digest)
{
    const struct cr_checkpoint *c = context;
    const struct cr_state *state = cr_state_reader_state(c->reader);
    return state->bucket_get(state->context, bucket, digest);
}

struct cr_checkpoint *cr_checkpoint_new(struct cr_state_db *db, int wake_fd)
{
    struct cr_checkpoint *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->wake_fd = wake_fd;
    c->snapshot = (struct cr_state){.context = c, .scan = scan, .bucket_get = bucket_get};
    if (cr_state_reader_open(db, &c->reader) == CR_OK) return c;
    free(c);
    return NULL;
}

void cr_checkpoint_free(struct cr_checkpoint *c)
{
    if (!c) return;
    atomic_store_explicit(&c->given_up, true, memory_order_relaxed);
    if (c->is_under_way) (void)cr_checkpoint_end(c);
    cr_state_reader_close(c->reader);
    free(c);
}

static void *work(void *context)
{
    struct cr_checkpoint *c = context;
    const uint64_t start_us = cr_now_us(), one = 1;
    cr_ledger_hash_checkpoint(c->ledger, &c->snapshot);
    c->took_us = cr_now_us() - start_us;
    atomic_store_explicit(&c->done, true, memory_order_release);
    if (write(c->wake_fd, &one, sizeof one) < 0) return NULL; /* full: it wakes anyway */
    return NULL;
}

enum cr_err cr_checkpoint_begin(struct cr_checkpoint *c, struct cr_ledger *ledger,
                                struct cr_store_failure *failure)
{
    CR_ASSERT(!c->is_under_way);
    const enum cr_err err = cr_state_reader_begin(c->reader);
    if (err != CR_OK) {
        *failure = (struct cr_store_failure){.err = err, .text = "cannot read the state cache"};
        return err;
    }
    c->ledger = ledger;
    c->is_under_way = true;
    atomic_store_explicit(&c->done, false, memory_order_relaxed);
    c->has_thread = pthread_create(&c->thread, NULL, work, c) == 0;
    if (!c->has_thread) (void)work(c); /* slow, but as good */
    return CR_OK;
}

bool cr_checkpoint_is_under_way(const struct cr_checkpoint *c)
{
    return c->is_under_way;
}

bool cr_checkpoint_is_done(const struct cr_checkpoint *c)
{
    return c->is_under_way && atomic_load_explicit(&c->done, memory_order_acquire);
}

uint64_t cr_checkpoint_end(struct cr_checkpoint *c)
{
    CR_ASSERT(c->is_under_way);
    if (c->has_thread) pthread_join(c->thread, NULL);
    cr_state_reader_end(c->reader);
    c->is_under_way = false;
    return c->took_us;
}
