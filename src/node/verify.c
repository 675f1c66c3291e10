/* SPDX-License-Identifier: Apache-2.0 */
#include "node/verify.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "node/clock.h"
#include "node/park.h"
#include "wire/payload.h"

enum { VERTICES_MAX = 64 }; /* in one batch */

/* A vertex. `done` is the hand-over back: release by the worker, acquire by the main loop. */
struct slot {
    struct cr_task task; /* first: a task is its slot */
    struct cr_verify *verify;
    struct cr_verify_job job;
    uint64_t put_us;
    _Atomic bool done;
};

/* The clients' signatures of a payload: a task that cuts itself into pieces. What is left to be cut
 * off belongs to whoever holds the task. */
struct clients {
    struct cr_task task; /* first, as above */
    struct cr_verify *verify;
    struct cr_verify_clients job;
    uint64_t put_us;
    struct cr_payload rest;
    uint32_t next;            /* index of the first transaction of the rest */
    _Atomic uint32_t invalid; /* relaxed; `left` orders it */
    _Atomic uint32_t left;    /* not checked yet: acq_rel, so that the last one has seen them all */
    _Atomic bool done;        /* as above */
};

/* A part of what clients have submitted. It belongs to whoever has the task. */
struct part {
    struct cr_task task; /* first, as above */
    struct cr_verify *verify;
    const struct cr_tx *const *txs;
    uint32_t count; /* CR_TX_MANY at most */
    enum cr_sig_verdict *verdicts;
};
enum { PARTS_MAX = CR_VERIFY_SUBMITTED_MAX / CR_TX_MANY };

/* What a worker needs for itself. */
struct bench {
    struct cr_state_reader *reader;
    struct cr_hash_input views[CR_BATCH_ITEMS_MAX]; /* transactions of a piece */
};

struct cr_verify {
    struct cr_verify_config config;
    /* By seat. Release by the main loop, acquire by workers: each key is there before the count
     * says so. */
    _Atomic uint32_t keys_count;
    struct cr_prepared_key *keys[CR_VALIDATORS_MAX];
    enum cr_alg algs[CR_VALIDATORS_MAX];
    struct cr_workers *workers;
    struct bench *benches; /* by worker */
    struct cr_batch vertices, clients, submitted;
    struct part parts[PARTS_MAX]; /* of whoever calls cr_verify_submitted */
    /* Of the parts given out, those not done. Sequentially consistent, for `parts_park`
     * (node/park.h), so whoever sees 0 sees all verdicts. */
    _Atomic uint32_t parts_left;
    struct cr_park parts_park;
    _Atomic uint64_t clients_waiting;                      /* relaxed: a figure */
    uint64_t put, taken, clients_put_count, clients_taken; /* main loop only */
    struct slot slots[CR_VERIFY_JOBS_MAX];                 /* modulo */
    struct clients clients_slots[CR_VERIFY_CLIENTS_MAX];   /* modulo */
};

static struct cr_verify_item item_of(const struct cr_vertex *vertex,
                                     const struct cr_prepared_key *key,
                                     const uint8_t context[CR_VERTEX_CONTEXT_BYTES])
{
    return (struct cr_verify_item){.key = key,
                                   .context = context,
                                   .context_bytes = CR_VERTEX_CONTEXT_BYTES,
                                   .message = vertex->digest.bytes,
                                   .message_bytes = CR_HASH_BYTES,
                                   .signature = vertex->signature,
                                   .signature_bytes = vertex->signature_bytes};
}

bool cr_verify_vertex(const struct cr_vertex *vertex, const struct cr_prepared_key *key,
                      const struct cr_hash *genesis_id)
{
    uint8_t context[CR_VERTEX_CONTEXT_BYTES];
    cr_vertex_context(genesis_id, context);
    struct cr_verify_item item = item_of(vertex, key, context);
    cr_verifier()->verify(&item, 1);
    return item.valid;
}

static void wake_main_loop(const struct cr_verify *v)
{
    const uint64_t one = 1;
    if (write(v->config.wake_fd, &one, sizeof one) < 0) return; /* full: it wakes anyway */
}

/* ---- vertices ---- */

/* The author's key; NULL, which makes it invalid: there is no such author, or it has another
 * algorithm. */
static const struct cr_prepared_key *key_of(const struct cr_verify *v,
                                            const struct cr_vertex *vertex)
{
    const uint32_t author = vertex->header.author;
    const uint32_t known = atomic_load_explicit(&v->keys_count, memory_order_acquire);
    if (author >= known || vertex->sig_alg != v->algs[author]) return NULL;
    return v->keys[author];
}

static bool payload_is_good(const struct cr_vertex *vertex)
{
    const struct cr_header *header = &vertex->header;
    const struct cr_hash root = cr_hash_of(vertex->payload, header->payload_bytes);
    if (!cr_hash_equal(&root, &header->payload_root)) return false;
    return cr_payload_check(vertex->payload, header->payload_bytes, header->payload_count) == CR_OK;
}

static void check_vertices(const struct cr_verify *v, struct slot *const *slots, uint32_t count)
{
    struct cr_verify_item items[VERTICES_MAX];
    uint8_t context[CR_VERTEX_CONTEXT_BYTES];
    cr_vertex_context(&v->config.genesis_id, context);
    for (uint32_t i = 0; i < count; i++)
        items[i] = item_of(&slots[i]->job.vertex, key_of(v, &slots[i]->job.vertex), context);
    cr_verifier()->verify(items, count);
    for (uint32_t i = 0; i < count; i++) {
        struct cr_verify_job *job = &slots[i]->job;
        job->result = CR_VERIFY_BAD_SIGNATURE;
        if (!items[i].valid) continue;
        job->result = payload_is_good(&job->vertex) ? CR_VERIFY_GOOD : CR_VERIFY_BAD_PAYLOAD;
    }
}

/* What waits beside the first is done with it, as far as the batch allows. */
static void run_vertices(struct cr_task *task, struct cr_worker *worker)
{
    struct slot *slots[VERTICES_MAX] = {(struct slot *)task};
    struct cr_verify *v = slots[0]->verify;
    const uint64_t start_ns = cr_now_ns();
    const uint64_t delay_us = start_ns / 1000 - slots[0]->put_us;
    uint32_t size = cr_batch_size(&v->vertices, delay_us), count = 1;
    if (size > VERTICES_MAX) size = VERTICES_MAX;
    while (count < size && (task = cr_worker_more_urgent(worker)) != NULL)
        slots[count++] = (struct slot *)task;
    check_vertices(v, slots, count);
    cr_batch_note(&v->vertices, delay_us, count, cr_now_ns() - start_ns);
    for (uint32_t i = 0; i < count; i++)
        atomic_store_explicit(&slots[i]->done, true, memory_order_release);
    wake_main_loop(v);
}

/* ---- clients' signatures ---- */

/* Views of the next transactions, at most `max`. */
static uint32_t cut(struct clients *clients, struct cr_hash_input *views, uint32_t max)
{
    const uint8_t *bytes;
    uint32_t bytes_count, count = 0;
    while (count < max && cr_payload_next(&clients->rest, &bytes, &bytes_count))
        views[count++] = (struct cr_hash_input){.bytes = bytes, .count = bytes_count};
    clients->next += count;
    return count;
}

/* A bad signature of a client does not make the vertex invalid: whether a transaction counts is
 * decided at its execution, by everybody alike. Returns how many are invalid. */
static uint32_t check_some(const struct cr_verify *v, struct cr_state_reader *reader,
                           const struct cr_hash_input *views, uint32_t count, uint8_t *verdicts)
{
    struct cr_tx txs[CR_TX_MANY];
    bool good[CR_TX_MANY];
    enum cr_sig_verdict found[CR_TX_MANY];
    uint32_t invalid = 0;
    cr_tx_decode_many(views, count, txs, good);
    for (uint32_t i = 0; i < count; i++)
        CR_ASSERT(good[i]); /* the payload was checked with its vertex */
    cr_keycache_verify(v->config.keycache, reader, txs, count, found);
    for (uint32_t i = 0; i < count; i++) {
        verdicts[i] = (uint8_t)found[i];
        invalid += found[i] == CR_SIG_INVALID;
    }
    return invalid;
}

static void run_clients(struct cr_task *task, struct cr_worker *worker)
{
    struct clients *own = (struct clients *)task;
    struct cr_verify *v = own->verify;
    struct bench *bench = &v->benches[cr_worker_index(worker)];
    const uint64_t start_ns = cr_now_ns();
    const uint64_t delay_us = start_ns / 1000 - own->put_us;
    const uint32_t first = own->next;
    const uint32_t count = cut(own, bench->views, cr_batch_size(&v->clients, delay_us));
    CR_ASSERT(count > 0); /* counts and lengths were checked with the vertex */
    if (own->next < own->job.payload_count) cr_worker_put(worker, task);
    /* From here on the rest may be another worker's. */
    uint32_t invalid = 0;
    for (uint32_t at = 0; at < count; at += CR_TX_MANY) {
        const uint32_t some = count - at < CR_TX_MANY ? count - at : CR_TX_MANY;
        invalid +=
            check_some(v, bench->reader, bench->views + at, some, own->job.verdicts + first + at);
    }
    cr_batch_note(&v->clients, delay_us, count, cr_now_ns() - start_ns);
    atomic_fetch_sub_explicit(&v->clients_waiting, count, memory_order_relaxed);
    atomic_fetch_add_explicit(&own->invalid, invalid, memory_order_relaxed);
    if (atomic_fetch_sub_explicit(&own->left, count, memory_order_acq_rel) != count) return;
    atomic_store_explicit(&own->done, true, memory_order_release);
    wake_main_loop(v);
}

/* ---- what clients submit ---- */

static void check_part(const struct part *part, struct cr_state_reader *reader)
{
    struct cr_tx txs[CR_TX_MANY];
    const uint64_t start_ns = cr_now_ns();
    struct cr_verify *v = part->verify;
    for (uint32_t i = 0; i < part->count; i++)
        txs[i] = *part->txs[i];
    cr_keycache_verify(v->config.keycache, reader, txs, part->count, part->verdicts);
    cr_batch_note(&v->submitted, 0, part->count, cr_now_ns() - start_ns);
    /* From here on the part may be used again. */
    if (atomic_fetch_sub(&v->parts_left, 1) == 1) cr_park_wake(&v->parts_park);
}

static void run_part(struct cr_task *task, struct cr_worker *worker)
{
    const struct part *part = (struct part *)task;
    check_part(part, part->verify->benches[cr_worker_index(worker)].reader);
}

/* Until the workers have done what they have begun. */
static void wait_for_parts(struct cr_verify *v)
{
    while (atomic_load(&v->parts_left) > 0) {
        cr_park_begin(&v->parts_park);
        if (atomic_load(&v->parts_left) == 0)
            cr_park_cancel(&v->parts_park);
        else
            cr_park_sleep(&v->parts_park);
    }
}

void cr_verify_submitted(struct cr_verify *v, struct cr_state_reader *reader,
                         const struct cr_tx *const *txs, uint32_t count,
                         enum cr_sig_verdict *verdicts)
{
    const uint32_t parts = (count + CR_TX_MANY - 1) / CR_TX_MANY;
    struct cr_task *task;
    CR_ASSERT(count <= CR_VERIFY_SUBMITTED_MAX);
    if (count == 0) return;
    atomic_store_explicit(&v->parts_left, parts, memory_order_relaxed); /* the seat orders it */
    for (uint32_t i = 0; i < parts; i++) {
        const uint32_t at = i * CR_TX_MANY;
        struct part *part = &v->parts[i];
        part->txs = txs + at;
        part->verdicts = verdicts + at;
        part->count = count - at < CR_TX_MANY ? count - at : CR_TX_MANY;
        /* The last one is ours: to wake a thread takes longer than a lone signature. */
        if (i + 1 < parts) CR_ASSERT(cr_workers_put(v->workers, CR_SEAT_SHARED, &part->task));
    }
    check_part(&v->parts[parts - 1], reader);
    while ((task = cr_workers_take_back(v->workers, CR_SEAT_SHARED)) != NULL)
        check_part((struct part *)task, reader);
    wait_for_parts(v);
}

/* ---- start and stop ---- */

struct cr_verify *cr_verify_start(const struct cr_verify_config *config)
{
    struct cr_verify *v = calloc(1, sizeof *v);
    if (!v) return NULL;
    v->config = *config;
    v->benches = calloc(config->workers, sizeof v->benches[0]);
    const bool good = v->benches != NULL;
    for (uint32_t i = 0; i < CR_VERIFY_JOBS_MAX; i++) {
        v->slots[i].task.run = run_vertices;
        v->slots[i].verify = v;
    }
    for (uint32_t i = 0; i < CR_VERIFY_CLIENTS_MAX; i++) {
        v->clients_slots[i].task.run = run_clients;
        v->clients_slots[i].verify = v;
    }
    for (uint32_t i = 0; i < PARTS_MAX; i++) {
        v->parts[i].task.run = run_part;
        v->parts[i].verify = v;
    }
    /* Without a reader registered keys are not found early; the executor verifies then. */
    for (uint32_t i = 0; good && config->db && i < config->workers; i++) {
        if (cr_state_reader_open(config->db, &v->benches[i].reader) != CR_OK)
            v->benches[i].reader = NULL;
    }
    if (good) v->workers = cr_workers_start(config->workers);
    if (v->workers) return v;
    cr_verify_stop(v);
    return NULL;
}

bool cr_verify_know(struct cr_verify *v, const struct cr_public_key *key)
{
    const uint32_t index = cr_verify_known(v);
    CR_ASSERT(index < CR_VALIDATORS_MAX);
    v->keys[index] = cr_verifier()->prepare(key);
    v->algs[index] = key->alg;
    if (!v->keys[index]) return false;
    atomic_store_explicit(&v->keys_count, index + 1, memory_order_release);
    return true;
}

uint32_t cr_verify_known(const struct cr_verify *v)
{
    return atomic_load_explicit(&v->keys_count, memory_order_relaxed); /* own */
}

void cr_verify_stop(struct cr_verify *v)
{
    if (!v) return;
    cr_workers_stop(v->workers);
    for (uint32_t i = 0; v->benches && i < v->config.workers; i++)
        cr_state_reader_close(v->benches[i].reader);
    for (uint32_t i = 0; i < cr_verify_known(v); i++)
        cr_verifier()->forget(v->keys[i]);
    free(v->benches);
    free(v);
}

/* ---- the main loop's side ---- */

struct cr_verify_job *cr_verify_new(struct cr_verify *v)
{
    if (v->put - v->taken == CR_VERIFY_JOBS_MAX) return NULL;
    return &v->slots[v->put % CR_VERIFY_JOBS_MAX].job;
}

void cr_verify_submit(struct cr_verify *v)
{
    struct slot *slot = &v->slots[v->put++ % CR_VERIFY_JOBS_MAX];
    atomic_store_explicit(&slot->done, false, memory_order_relaxed); /* the seat orders it */
    slot->put_us = cr_now_us();
    CR_ASSERT(cr_workers_put(v->workers, CR_SEAT_URGENT, &slot->task));
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

bool cr_verify_clients_room(const struct cr_verify *v)
{
    return v->clients_put_count - v->clients_taken < CR_VERIFY_CLIENTS_MAX;
}

void cr_verify_clients(struct cr_verify *v, const struct cr_verify_clients *job)
{
    CR_ASSERT(cr_verify_clients_room(v));
    CR_ASSERT(job->payload_count > 0);
    struct clients *slot = &v->clients_slots[v->clients_put_count++ % CR_VERIFY_CLIENTS_MAX];
    slot->job = *job;
    slot->rest = cr_payload_begin(job->payload, job->payload_bytes, job->payload_count);
    slot->next = 0;
    slot->put_us = cr_now_us();
    /* Relaxed: the seat orders them. */
    atomic_store_explicit(&slot->invalid, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->left, job->payload_count, memory_order_relaxed);
    atomic_store_explicit(&slot->done, false, memory_order_relaxed);
    atomic_fetch_add_explicit(&v->clients_waiting, job->payload_count, memory_order_relaxed);
    CR_ASSERT(cr_workers_put(v->workers, CR_SEAT_LATER, &slot->task));
}

bool cr_verify_clients_done(struct cr_verify *v, struct cr_verify_clients *out)
{
    if (v->clients_taken == v->clients_put_count) return false;
    struct clients *slot = &v->clients_slots[v->clients_taken % CR_VERIFY_CLIENTS_MAX];
    if (!atomic_load_explicit(&slot->done, memory_order_acquire)) return false;
    *out = slot->job;
    out->invalid = atomic_load_explicit(&slot->invalid, memory_order_relaxed);
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

static void copy_batches(const struct cr_batch *batch, struct cr_verify_batches *out)
{
    out->item_ns = atomic_load_explicit(&batch->item_ns, memory_order_relaxed);
    for (uint32_t i = 0; i < CR_BATCH_TIERS; i++) {
        out->batches[i] = atomic_load_explicit(&batch->batches[i], memory_order_relaxed);
        out->items[i] = atomic_load_explicit(&batch->items[i], memory_order_relaxed);
    }
}

void cr_verify_stats(const struct cr_verify *v, struct cr_verify_stats *out)
{
    cr_workers_stats(v->workers, &out->workers);
    copy_batches(&v->vertices, &out->vertices);
    copy_batches(&v->clients, &out->clients);
    copy_batches(&v->submitted, &out->submitted);
    out->clients_waiting = atomic_load_explicit(&v->clients_waiting, memory_order_relaxed);
    out->backlog_us = out->clients_waiting * out->clients.item_ns / 1000 / v->config.workers;
}
