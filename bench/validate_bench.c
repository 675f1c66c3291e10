/* SPDX-License-Identifier: Apache-2.0 */
/* validate_bench.c (bench-validate): how much does a node validate, network and execution apart?
 * The node's own path (node/verify.h) with one worker and with two, trials in turn, on vertices of
 * about half a megabyte:
 *
 *   validate_records  1,000 puts of 512 bytes, 64 to a transaction. Payload hash, form of all
 *                     transactions, the author's ML-DSA-65 signature; not the clients'.
 *   validate_clients  250 transactions of 512 bytes, each with its own ML-DSA-44 signature behind
 *                     them (more do not fit a vertex). The same, and all of these signatures; their
 *                     keys are prepared already.
 *   hash_records      1,000 records of 512 bytes in one call, and one by one.
 *
 * Not in it: receiving, copying and decoding the frame, the core, execution. Figures are the best
 * tenth of short trials, for machines are shared.
 *
 *      bench-validate [seconds for each question]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "crypto/keys.h"
#include "crypto/verifier.h"
#include "node/clock.h"
#include "node/verify.h"

enum {
    VERTICES = 16,
    RECORDS = 1000,       /* of a vertex */
    RECORDS_SIGNED = 250, /* of one where each has a signature */
    RECORD_BYTES = 512,
    OPS = 64, /* of a transaction, where many share a signature */
    CLIENTS = 64,
    TRIAL_NS = 40000000, /* about, with one worker */
    TRIALS_MAX = 4096,
};

static struct {
    struct cr_secret_key *author, *clients[CLIENTS];
    struct cr_hash genesis_id;
    struct cr_vertex vertices[VERTICES];
    uint8_t signatures[VERTICES][CR_SIG_BYTES_MAX];
    uint8_t payloads[VERTICES][CR_PAYLOAD_BYTES_MAX];
    uint8_t verdicts[RECORDS_SIGNED];
    int wake_fd;
} bench;

_Noreturn void cr_assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, cond);
    abort();
}

static void need(enum cr_err err)
{
    CR_ASSERT(err == CR_OK);
}

/* ---- vertices ---- */

/* A transaction of `ops` puts. One put fills its signed part up to RECORD_BYTES; of many each has
 * so many itself. */
static size_t put_tx(uint64_t number, uint32_t ops, uint8_t *bytes)
{
    static uint8_t value[RECORD_BYTES];
    uint8_t key[16] = {0}, signature[CR_SIG_BYTES_MAX] = {0};
    struct cr_public_key public_key;
    struct cr_tx_builder builder;
    struct cr_hash id;
    size_t signature_bytes = CR_MLDSA44_SIG_BYTES;
    const struct cr_secret_key *client = bench.clients[number % CLIENTS];
    cr_secret_key_public(client, &public_key);
    struct cr_tx fields = {.account = cr_public_key_account(&public_key)};
    cr_store_le(fields.client_id, number, 8);
    cr_tx_begin(&builder, bytes, CR_TX_BYTES_MAX, &fields);
    const uint32_t around = 1 + 2 + sizeof key + 4 + (ops == 1 ? (uint32_t)builder.bytes_count : 0);
    for (uint32_t i = 0; i < ops; i++) {
        key[0] = (uint8_t)i;
        const struct cr_op op = {.type = CR_OP_PUT,
                                 .key = key,
                                 .key_bytes = sizeof key,
                                 .value = value,
                                 .value_bytes = RECORD_BYTES - around};
        cr_tx_add(&builder, &op);
    }
    need(cr_tx_end(&builder, &id));
    if (ops == 1) /* else nobody will look at it */
        need(cr_sign(client, (const uint8_t *)CR_TX_CONTEXT, CR_TX_CONTEXT_BYTES, id.bytes,
                     CR_HASH_BYTES, signature, &signature_bytes));
    return cr_tx_sign_with(&builder, CR_ALG_MLDSA44, signature, signature_bytes);
}

static void make_vertex(uint32_t number, uint32_t ops)
{
    const uint32_t records = ops == 1 ? RECORDS_SIGNED : RECORDS;
    struct cr_vertex *vertex = &bench.vertices[number];
    struct cr_header *header = &vertex->header;
    uint8_t context[CR_VERTEX_CONTEXT_BYTES];
    size_t signature_bytes;
    *vertex = (struct cr_vertex){.sig_alg = CR_ALG_MLDSA65, .payload = bench.payloads[number]};
    for (uint32_t done = 0; done < records; done += ops) {
        uint8_t *at = bench.payloads[number] + header->payload_bytes;
        const uint32_t some = records - done < ops ? records - done : ops;
        const size_t bytes = put_tx((uint64_t)number * RECORDS + done, some, at + 4);
        CR_ASSERT(bytes > 0);
        cr_store_le(at, bytes, 4);
        header->payload_bytes += 4 + (uint32_t)bytes;
        header->payload_count++;
    }
    header->payload_root = cr_hash_of(bench.payloads[number], header->payload_bytes);
    vertex->digest = header->payload_root; /* any: nobody encodes the header here */
    cr_vertex_context(&bench.genesis_id, context);
    need(cr_sign(bench.author, context, sizeof context, vertex->digest.bytes, CR_HASH_BYTES,
                 bench.signatures[number], &signature_bytes));
    vertex->signature = bench.signatures[number];
    vertex->signature_bytes = (uint32_t)signature_bytes;
}

static struct cr_verify *start(uint32_t workers, struct cr_keycache *cache)
{
    const struct cr_verify_config config = {.workers = workers,
                                            .wake_fd = bench.wake_fd,
                                            .genesis_id = bench.genesis_id,
                                            .keycache = cache};
    struct cr_verify *verify = cr_verify_start(&config);
    struct cr_public_key key;
    CR_ASSERT(verify != NULL);
    cr_secret_key_public(bench.author, &key);
    CR_ASSERT(cr_verify_know(verify, &key));
    return verify;
}

/* Each key once, so that it is prepared. */
static void warm(struct cr_keycache *cache)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct cr_public_key key;
        uint8_t signature[CR_SIG_BYTES_MAX] = {0};
        cr_secret_key_public(bench.clients[i], &key);
        const struct cr_tx tx = {.account = cr_public_key_account(&key),
                                 .sig_alg = key.alg,
                                 .signature = signature,
                                 .signature_bytes = CR_MLDSA44_SIG_BYTES};
        CR_ASSERT(!cr_keycache_verify_with(cache, &key, &tx));
    }
}

/* ---- one trial: the main loop's side ---- */

struct trial {
    struct cr_verify *verify;
    uint32_t vertices, given, done, clients_given, clients_done;
    bool clients;
};

static void give(struct trial *t)
{
    struct cr_verify_job *job;
    while (t->given < t->vertices && (job = cr_verify_new(t->verify)) != NULL) {
        *job = (struct cr_verify_job){.body = t->given % VERTICES,
                                      .vertex = bench.vertices[t->given % VERTICES]};
        cr_verify_submit(t->verify);
        t->given++;
    }
}

static void take(struct trial *t)
{
    struct cr_verify_job *job;
    struct cr_verify_clients clients;
    while ((job = cr_verify_done(t->verify)) != NULL) {
        CR_ASSERT(job->result == CR_VERIFY_GOOD);
        const struct cr_verify_clients own = {.payload = job->vertex.payload,
                                              .payload_bytes = job->vertex.header.payload_bytes,
                                              .payload_count = job->vertex.header.payload_count,
                                              .verdicts = bench.verdicts};
        if (t->clients) cr_verify_clients(t->verify, &own);
        t->clients_given += t->clients;
        t->done++;
        cr_verify_release(t->verify);
    }
    while (cr_verify_clients_done(t->verify, &clients)) {
        CR_ASSERT(clients.invalid == 0);
        t->clients_done++;
    }
}

/* Records per second, of so many rounds of all vertices. */
static double try(struct cr_verify *verify, bool clients, uint32_t rounds)
{
    struct trial t = {.verify = verify, .clients = clients, .vertices = rounds * VERTICES};
    const uint64_t start_ns = cr_now_ns();
    uint64_t ignored;
    for (give(&t); t.done < t.vertices || t.clients_done < t.clients_given; give(&t)) {
        CR_ASSERT(read(bench.wake_fd, &ignored, sizeof ignored) == sizeof ignored);
        take(&t);
    }
    return (double)t.vertices * (clients ? RECORDS_SIGNED : RECORDS) * 1e9 /
           (double)(cr_now_ns() - start_ns);
}

static double try_anew(uint32_t workers, struct cr_keycache *cache, bool clients, uint32_t rounds)
{
    struct cr_verify *verify = start(workers, cache);
    const double per_second = try(verify, clients, rounds);
    cr_verify_stop(verify);
    return per_second;
}

static uint32_t rounds_for(struct cr_keycache *cache, bool clients)
{
    const double round = VERTICES * (clients ? RECORDS_SIGNED : RECORDS);
    const double rounds = try_anew(1, cache, clients, 1) / round * TRIAL_NS / 1e9;
    return rounds > 1 ? (uint32_t)rounds : 1;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double best_tenth(double *values, uint32_t count)
{
    qsort(values, count, sizeof values[0], by_value);
    return values[count - 1 - count / 10];
}

static void ask(const char *name, bool clients, uint64_t seconds)
{
    static double values[3][TRIALS_MAX];
    /* Four places for remembered transactions: looked for and added, but never found. */
    struct cr_keycache *cache = cr_keycache_new(4 * CLIENTS, 4);
    uint32_t trials = 0;
    CR_ASSERT(cache != NULL);
    warm(cache);
    const uint32_t rounds = rounds_for(cache, clients);
    const uint64_t end_us = cr_now_us() + seconds * 1000000;
    while (trials < TRIALS_MAX && (trials < 3 || cr_now_us() < end_us)) {
        for (uint32_t workers = 1; workers <= 2; workers++)
            values[workers][trials] = try_anew(workers, cache, clients, rounds);
        trials++;
    }
    const double one = best_tenth(values[1], trials), two = best_tenth(values[2], trials);
    for (uint32_t workers = 1; workers <= 2; workers++) {
        printf("{\"bench\": \"%s\", \"workers\": %u, \"verifier\": \"%s\", \"hash\": \"%s\", "
               "\"trials\": %u, \"per_second\": %.0f, \"speedup\": %.2f}\n",
               name, workers, cr_verifier()->name, cr_hash_kernel(), trials,
               workers == 1 ? one : two, workers == 1 ? 1.0 : two / one);
    }
    cr_keycache_free(cache);
}

static void ask_hash(void)
{
    static double many[TRIALS_MAX / 8], single[TRIALS_MAX / 8];
    struct cr_hash_input inputs[RECORDS];
    static struct cr_hash out[RECORDS];
    for (uint32_t i = 0; i < RECORDS; i++)
        inputs[i] =
            (struct cr_hash_input){bench.payloads[0] + (size_t)i * RECORD_BYTES, RECORD_BYTES};
    for (uint32_t trial = 0; trial < CR_COUNT_OF(many); trial++) {
        uint64_t start_ns = cr_now_ns();
        cr_hash_many(inputs, RECORDS, out);
        many[trial] = RECORDS * RECORD_BYTES * 1e9 / (double)(cr_now_ns() - start_ns);
        start_ns = cr_now_ns();
        for (uint32_t i = 0; i < RECORDS; i++)
            out[i] = cr_hash_of(inputs[i].bytes, RECORD_BYTES);
        single[trial] = RECORDS * RECORD_BYTES * 1e9 / (double)(cr_now_ns() - start_ns);
    }
    printf("{\"bench\": \"hash_records\", \"hash\": \"%s\", \"lanes\": %u, \"bytes_per_second\": "
           "%.3g, \"one_by_one\": %.3g}\n",
           cr_hash_kernel(), cr_hash_lanes(), best_tenth(many, CR_COUNT_OF(many)),
           best_tenth(single, CR_COUNT_OF(single)));
}

int main(int argc, char **argv)
{
    const uint64_t seconds = argc > 1 ? strtoull(argv[1], NULL, 10) : 5;
    cr_verifier_use(cr_verifier_start(NULL));
    bench.wake_fd = eventfd(0, EFD_CLOEXEC);
    need(cr_secret_key_new(CR_ALG_MLDSA65, &bench.author));
    for (uint32_t i = 0; i < CLIENTS; i++)
        need(cr_secret_key_new(CR_ALG_MLDSA44, &bench.clients[i]));
    for (uint32_t i = 0; i < VERTICES; i++)
        make_vertex(i, OPS);
    ask_hash();
    ask("validate_records", false, seconds);
    for (uint32_t i = 0; i < VERTICES; i++)
        make_vertex(i, 1);
    ask("validate_clients", true, seconds);
    for (uint32_t i = 0; i < CLIENTS; i++)
        cr_secret_key_free(bench.clients[i]);
    cr_secret_key_free(bench.author);
    close(bench.wake_fd);
    return 0;
}
