/* SPDX-License-Identifier: Apache-2.0 */
#include "node/verify.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "wire/payload.h"

enum {
    THREADS_MAX = 64,
    CLIENTS_NICE = 10, /* whatever moves consensus goes first */
};

struct slot {
    struct cr_verify_job job;
    _Atomic bool done; /* release by the worker, acquire by the main loop */
};

struct clients {
    struct cr_verify_clients job;
    _Atomic bool done; /* as above */
};

struct cr_verify {
    struct cr_verify_config config;
    _Atomic uint32_t keys_count; /* by seat; each is there before the count says so */
    struct cr_prepared_key *keys[CR_VALIDATORS_MAX];
    enum cr_alg algs[CR_VALIDATORS_MAX];
    pthread_mutex_t lock; /* put and claimed of both, stopping */
    pthread_cond_t more, more_clients;
    _Atomic bool hurry; /* stopping: leave the rest of a payload */
    uint64_t put, claimed;
    uint64_t clients_put, clients_claimed;
    bool stopping;
    uint64_t taken, clients_taken; /* main loop only */
    uint32_t threads_count;
    pthread_t threads[THREADS_MAX];
    struct slot slots[CR_VERIFY_JOBS_MAX];
    struct clients clients[CR_VERIFY_CLIENTS_MAX];
};

bool cr_verify_vertex(const struct cr_vertex *vertex, const struct cr_prepared_key *key,
                      const struct cr_hash *genesis_id)
{
    uint8_t context[CR_VERTEX_CONTEXT_BYTES];
    cr_vertex_context(genesis_id, context);
    struct cr_verify_item item = {.key = key,
                                  .context = context,
                                  .context_bytes = sizeof context,
                                  .message = vertex->digest.bytes,
                                  .message_bytes = CR_HASH_BYTES,
                                  .signature = vertex->signature,
                                  .signature_bytes = vertex->signature_bytes};
    cr_verifier()->verify(&item, 1);
    return item.valid;
}

static bool author_signed(const struct cr_verify *v, const struct cr_vertex *vertex)
{
    const uint32_t known = atomic_load_explicit(&v->keys_count, memory_order_acquire);
    if (vertex->header.author >= known) return false;
    if (vertex->sig_alg != v->algs[vertex->header.author]) return false;
    return cr_verify_vertex(vertex, v->keys[vertex->header.author], &v->config.genesis_id);
}

static bool payload_is_good(const struct cr_vertex *vertex)
{
    const struct cr_header *header = &vertex->header;
    const struct cr_hash root = cr_hash_of(vertex->payload, header->payload_bytes);
    if (!cr_hash_equal(&root, &header->payload_root)) return false;
    return cr_payload_check(vertex->payload, header->payload_bytes, header->payload_count) == CR_OK;
}

static enum cr_verify_result check(const struct cr_verify *v, const struct cr_vertex *vertex)
{
    if (!author_signed(v, vertex)) return CR_VERIFY_BAD_SIGNATURE;
    return payload_is_good(vertex) ? CR_VERIFY_GOOD : CR_VERIFY_BAD_PAYLOAD;
}

/* A bad signature of a client does not make the vertex invalid: whether a transaction counts is
 * decided at its execution, by everybody alike. */
static void check_clients(const struct cr_verify *v, struct cr_state_reader *reader,
                          const struct cr_verify_clients *job)
{
    const uint8_t *bytes;
    uint32_t bytes_count;
    struct cr_payload left = cr_payload_begin(job->payload, job->payload_bytes, job->payload_count);
    for (uint32_t i = 0; cr_payload_next(&left, &bytes, &bytes_count); i++) {
        struct cr_tx tx;
        if (cr_tx_decode(bytes, bytes_count, &tx) != CR_OK) continue;
        const enum cr_sig_verdict verdict = cr_keycache_verify(v->config.keycache, reader, &tx);
        __atomic_store_n(&job->verdicts[i], (uint8_t)verdict, __ATOMIC_RELAXED);
        if (atomic_load_explicit(&v->hurry, memory_order_relaxed)) return;
    }
}

/* The next job of one kind; false when the threads are to end. */
static bool claim(struct cr_verify *v, pthread_cond_t *more, const uint64_t *put, uint64_t *claimed,
                  uint64_t *index)
{
    pthread_mutex_lock(&v->lock);
    while (*claimed == *put && !v->stopping)
        pthread_cond_wait(more, &v->lock);
    const bool stopping = v->stopping;
    if (!stopping) *index = (*claimed)++;
    pthread_mutex_unlock(&v->lock);
    return !stopping;
}

static void *work(void *context)
{
    struct cr_verify *v = context;
    uint64_t index;
    while (claim(v, &v->more, &v->put, &v->claimed, &index)) {
        const uint64_t one = 1;
        struct slot *slot = &v->slots[index % CR_VERIFY_JOBS_MAX];
        slot->job.result = check(v, &slot->job.vertex);
        atomic_store_explicit(&slot->done, true, memory_order_release);
        if (write(v->config.wake_fd, &one, sizeof one) < 0) continue; /* full: it wakes anyway */
    }
    return NULL;
}

static void *work_for_clients(void *context)
{
    struct cr_verify *v = context;
    struct cr_state_reader *reader = NULL;
    uint64_t index;
    /* Linux: of this thread alone. Refused is no harm. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), CLIENTS_NICE);
    /* Without a reader registered keys are not found early; the executor verifies then. */
    if (cr_state_reader_open(v->config.db, &reader) != CR_OK) reader = NULL;
    while (claim(v, &v->more_clients, &v->clients_put, &v->clients_claimed, &index)) {
        struct clients *clients = &v->clients[index % CR_VERIFY_CLIENTS_MAX];
        check_clients(v, reader, &clients->job);
        atomic_store_explicit(&clients->done, true, memory_order_release);
    }
    cr_state_reader_close(reader);
    return NULL;
}

struct cr_verify *cr_verify_start(const struct cr_verify_config *config)
{
    CR_ASSERT(config->threads >= 1 && 2 * config->threads <= THREADS_MAX);
    struct cr_verify *v = calloc(1, sizeof *v);
    if (!v) return NULL;
    v->config = *config;
    pthread_mutex_init(&v->lock, NULL);
    pthread_cond_init(&v->more, NULL);
    pthread_cond_init(&v->more_clients, NULL);
    bool good = true;
    for (uint32_t i = 0; good && i < 2 * config->threads; i++) {
        void *(*run)(void *) = i % 2 == 0 ? work : work_for_clients;
        good = pthread_create(&v->threads[i], NULL, run, v) == 0;
        if (good) v->threads_count++;
    }
    if (good) return v;
    cr_verify_stop(v);
    return NULL;
}

bool cr_verify_know(struct cr_verify *v, const struct cr_public_key *key)
{
    const uint32_t index = v->keys_count;
    CR_ASSERT(index < CR_VALIDATORS_MAX);
    v->keys[index] = cr_verifier()->prepare(key);
    v->algs[index] = key->alg;
    if (!v->keys[index]) return false;
    atomic_store_explicit(&v->keys_count, index + 1, memory_order_release);
    return true;
}

uint32_t cr_verify_known(const struct cr_verify *v)
{
    return v->keys_count;
}

void cr_verify_stop(struct cr_verify *v)
{
    if (!v) return;
    pthread_mutex_lock(&v->lock);
    v->stopping = true;
    atomic_store_explicit(&v->hurry, true, memory_order_relaxed);
    pthread_cond_broadcast(&v->more);
    pthread_cond_broadcast(&v->more_clients);
    pthread_mutex_unlock(&v->lock);
    for (uint32_t i = 0; i < v->threads_count; i++)
        pthread_join(v->threads[i], NULL);
    for (uint32_t i = 0; i < v->keys_count; i++)
        cr_verifier()->forget(v->keys[i]);
    pthread_cond_destroy(&v->more);
    pthread_cond_destroy(&v->more_clients);
    pthread_mutex_destroy(&v->lock);
    free(v);
}

struct cr_verify_job *cr_verify_new(struct cr_verify *v)
{
    if (v->put - v->taken == CR_VERIFY_JOBS_MAX) return NULL;
    return &v->slots[v->put % CR_VERIFY_JOBS_MAX].job;
}

void cr_verify_submit(struct cr_verify *v)
{
    struct slot *slot = &v->slots[v->put % CR_VERIFY_JOBS_MAX];
    atomic_store_explicit(&slot->done, false, memory_order_relaxed);
    pthread_mutex_lock(&v->lock);
    v->put++;
    pthread_cond_signal(&v->more);
    pthread_mutex_unlock(&v->lock);
}

struct cr_verify_job *cr_verify_done(struct cr_verify *v)
{
    if (v->taken == v->put) return NULL;
    struct slot *slot = &v->slots[v->taken % CR_VERIFY_JOBS_MAX];
    if (!atomic_load_explicit(&slot->done, memory_order_acquire)) return NULL;
    return &slot->job;
}

void cr_verify_release(struct cr_verify *v)
{
    CR_ASSERT(v->taken < v->put);
    v->taken++;
}

bool cr_verify_clients(struct cr_verify *v, const struct cr_verify_clients *clients)
{
    if (v->clients_put - v->clients_taken == CR_VERIFY_CLIENTS_MAX) return false;
    struct clients *slot = &v->clients[v->clients_put % CR_VERIFY_CLIENTS_MAX];
    slot->job = *clients;
    atomic_store_explicit(&slot->done, false, memory_order_relaxed);
    pthread_mutex_lock(&v->lock);
    v->clients_put++;
    pthread_cond_signal(&v->more_clients);
    pthread_mutex_unlock(&v->lock);
    return true;
}

bool cr_verify_clients_done(struct cr_verify *v, uint32_t *body)
{
    if (v->clients_taken == v->clients_put) return false;
    struct clients *slot = &v->clients[v->clients_taken % CR_VERIFY_CLIENTS_MAX];
    if (!atomic_load_explicit(&slot->done, memory_order_acquire)) return false;
    *body = slot->job.body;
    v->clients_taken++;
    return true;
}

bool cr_verify_has(const struct cr_verify *v, const struct cr_hash *digest)
{
    for (uint64_t i = v->taken; i < v->put; i++) {
        const struct cr_verify_job *job = &v->slots[i % CR_VERIFY_JOBS_MAX].job;
        if (cr_hash_equal(&job->vertex.digest, digest)) return true;
    }
    return false;
}

uint32_t cr_verify_count(const struct cr_verify *v)
{
    return (uint32_t)(v->put - v->taken);
}
