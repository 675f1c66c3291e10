/* SPDX-License-Identifier: Apache-2.0 */
/* How vertices and clients' signatures go through the workers and come back. */
#include "node/verify.h"

#include <poll.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include <sys/eventfd.h>

#include "base/prng.h"
#include "base/unit.h"
#include "crypto/hash.h"
#include "wire/payload.h"

enum {
    AUTHORS = 4,
    VERTICES = 400,
    TXS = 8, /* in a payload, fewer than */
    KEYS = 32,
    PAYLOAD_BYTES = 64 * 1024,
};

/* ---- a verifier of which the time is noise; valid is what begins with the mark of the key ---- */

struct cr_prepared_key {
    uint8_t mark;
};

static struct cr_prepared_key prepared[256];
static uint32_t slowness_us;
static _Atomic uint32_t calls, widest;

static struct cr_prepared_key *fake_prepare(const struct cr_public_key *key)
{
    return &prepared[key->bytes[0]]; /* marked before any thread runs */
}

static void fake_forget(struct cr_prepared_key *key)
{
    (void)key;
}

static void fake_verify(struct cr_verify_item *items, uint32_t count)
{
    struct timespec pause = {0};
    for (uint32_t i = 0; i < count; i++) {
        items[i].valid = items[i].key && items[i].signature[0] == items[i].key->mark;
        if (slowness_us > 0) pause.tv_nsec += (long)items[i].message[1] * 4 * slowness_us;
    }
    if (pause.tv_nsec > 0) nanosleep(&pause, NULL);
    atomic_fetch_add(&calls, 1);
    if (atomic_load(&widest) < count) atomic_store(&widest, count);
}

static const struct cr_verifier fake = {
    .name = "fake", .prepare = fake_prepare, .forget = fake_forget, .verify = fake_verify};

/* ---- vertices ---- */

static uint8_t payloads[VERTICES][PAYLOAD_BYTES];
static uint8_t signatures[256][CR_SIG_BYTES_MAX];
static struct cr_vertex vertices[VERTICES];

static size_t put_tx(struct cr_prng *prng, uint8_t *bytes, size_t bytes_max)
{
    static struct cr_op op;
    struct cr_tx_builder builder;
    struct cr_hash id;
    const uint8_t mark = (uint8_t)(1 + cr_prng_below(prng, KEYS));
    op = (struct cr_op){.type = CR_OP_REGISTER, .register_key = {.alg = CR_ALG_MLDSA44}};
    op.register_key.bytes[0] = mark;
    struct cr_tx fields = {.account = cr_public_key_account(&op.register_key)};
    cr_store_le(fields.client_id, cr_prng_next(prng), 8);
    const bool unknown = cr_prng_below(prng, 10) == 0;
    if (unknown) fields.account.bytes[0] ^= 1;
    cr_tx_begin(&builder, bytes, bytes_max, &fields);
    cr_tx_add(&builder, &op);
    assert_int_equal(cr_tx_end(&builder, &id), CR_OK);
    const uint8_t *signature = signatures[cr_prng_below(prng, 10) == 0 ? 200 : mark];
    return cr_tx_sign_with(&builder, CR_ALG_MLDSA44, signature, CR_MLDSA44_SIG_BYTES);
}

static void fill_payload(struct cr_prng *prng, struct cr_header *header, uint8_t *bytes)
{
    const size_t room = sizeof payloads[0];
    header->payload_count = (uint32_t)cr_prng_below(prng, TXS);
    for (uint32_t i = 0; i < header->payload_count; i++) {
        const size_t at = header->payload_bytes + 4;
        const size_t count = put_tx(prng, bytes + at, room - at);
        assert_true(count > 0);
        cr_store_le(bytes + at - 4, count, 4);
        header->payload_bytes += 4 + (uint32_t)count;
    }
    if (cr_prng_below(prng, 20) == 0) header->payload_count++; /* not what is there */
    header->payload_root = cr_hash_of(bytes, header->payload_bytes);
    if (cr_prng_below(prng, 20) == 0) header->payload_root.bytes[3] ^= 1;
}

static void make_vertices(void)
{
    struct cr_prng prng = cr_prng_stream(11, 7, 1);
    for (size_t i = 0; i < CR_COUNT_OF(signatures); i++) {
        memset(signatures[i], (int)i, sizeof signatures[i]);
        prepared[i].mark = (uint8_t)i;
    }
    for (uint32_t i = 0; i < VERTICES; i++) {
        struct cr_vertex *v = &vertices[i];
        *v = (struct cr_vertex){.sig_alg = CR_ALG_MLDSA65,
                                .signature_bytes = CR_MLDSA65_SIG_BYTES,
                                .payload = payloads[i]};
        v->header.author =
            cr_prng_below(&prng, 50) == 0 ? AUTHORS : (uint32_t)cr_prng_below(&prng, AUTHORS);
        for (size_t word = 0; word < 4; word++)
            cr_store_le(v->digest.bytes + 8 * word, cr_prng_next(&prng), 8);
        const bool bad = cr_prng_below(&prng, 10) == 0;
        v->signature = signatures[bad ? 200 : 100 + v->header.author];
        if (cr_prng_below(&prng, 30) == 0) v->sig_alg = CR_ALG_MLDSA87;
        fill_payload(&prng, &v->header, payloads[i]);
    }
}

/* ---- the main loop ---- */

/* What comes out, in the order in which it does. */
static struct outcome {
    uint32_t count, clients_count;
    struct {
        struct cr_hash digest;
        enum cr_verify_result result;
    } vertices[VERTICES];
    struct {
        uint32_t body, invalid;
        uint8_t verdicts[TXS];
    } clients[VERTICES];
} outcome, first;

static struct cr_keycache *cache;
static int wake_fd;

static struct cr_verify *open_verify(uint32_t workers)
{
    cr_verifier_use(&fake);
    cache = cr_keycache_new(16, 64);
    wake_fd = eventfd(0, EFD_CLOEXEC);
    assert_true(cache != NULL && wake_fd >= 0);
    const struct cr_verify_config config = {
        .workers = workers, .wake_fd = wake_fd, .keycache = cache};
    struct cr_verify *v = cr_verify_start(&config);
    assert_non_null(v);
    for (uint32_t i = 0; i < AUTHORS; i++) {
        struct cr_public_key key = {.alg = CR_ALG_MLDSA65};
        key.bytes[0] = (uint8_t)(100 + i);
        assert_true(cr_verify_know(v, &key));
    }
    return v;
}

static void close_verify(struct cr_verify *v)
{
    cr_verify_stop(v);
    cr_keycache_free(cache);
    close(wake_fd);
}

static void wait_for_wake(void)
{
    enum { LONG_MS = 20000 };
    uint64_t ignored;
    struct pollfd wake = {.fd = wake_fd, .events = POLLIN};
    assert_int_equal(poll(&wake, 1, LONG_MS), 1); /* else: a wake-up is missing */
    assert_int_equal(read(wake_fd, &ignored, sizeof ignored), sizeof ignored);
}

static void give_clients(struct cr_verify *v, uint32_t body)
{
    const struct cr_header *header = &vertices[body].header;
    if (header->payload_count == 0) return;
    const struct cr_verify_clients clients = {.body = body,
                                              .payload = payloads[body],
                                              .payload_bytes = header->payload_bytes,
                                              .payload_count = header->payload_count,
                                              .verdicts = outcome.clients[body].verdicts};
    cr_verify_clients(v, &clients);
}

/* Takes what is done; false when everything is. */
static bool pump(struct cr_verify *v)
{
    struct cr_verify_job *job;
    struct cr_verify_clients clients;
    while ((job = cr_verify_done(v)) != NULL) {
        outcome.vertices[outcome.count].digest = job->vertex.digest;
        outcome.vertices[outcome.count++].result = job->result;
        if (job->result == CR_VERIFY_GOOD) give_clients(v, job->body);
        cr_verify_release(v);
    }
    while (cr_verify_clients_done(v, &clients)) {
        outcome.clients[clients.body].invalid = clients.invalid;
        outcome.clients[outcome.clients_count++].body = clients.body;
    }
    struct cr_verify_stats stats;
    cr_verify_stats(v, &stats);
    return cr_verify_count(v) > 0 || stats.clients_waiting > 0;
}

static void run(uint32_t workers)
{
    struct cr_verify *v = open_verify(workers);
    memset(&outcome, 0, sizeof outcome);
    for (uint32_t i = 0; i < VERTICES;) {
        struct cr_verify_job *job = cr_verify_new(v);
        if (!job) { /* full: the network waits */
            wait_for_wake();
            pump(v);
            continue;
        }
        *job = (struct cr_verify_job){.body = i, .vertex = vertices[i]};
        assert_false(cr_verify_has(v, &vertices[i].digest));
        cr_verify_submit(v);
        assert_true(cr_verify_has(v, &vertices[i].digest));
        i++;
    }
    while (pump(v))
        wait_for_wake();
    pump(v);
    close_verify(v);
}

/* Goal: threads never show. Method: the same 400 vertices (good ones and every kind of bad ones)
 * with a verifier whose time is noise, by 1, 2, 3 and 8 workers: results, their order and all
 * verdicts are the same. */
static void workers_do_not_show(void **state)
{
    const uint32_t workers[] = {1, 2, 3, 8};
    uint32_t results[CR_VERIFY_BAD_SIGNATURE + 1] = {0}, verdicts[CR_SIG_INVALID + 1] = {0};
    (void)state;
    make_vertices();
    slowness_us = 50;
    for (uint32_t i = 0; i < CR_COUNT_OF(workers); i++) {
        run(workers[i]);
        assert_int_equal(outcome.count, VERTICES);
        if (i == 0) first = outcome;
        assert_memory_equal(&outcome, &first, sizeof first);
    }
    slowness_us = 0;
    for (uint32_t i = 0; i < VERTICES; i++) {
        assert_true(cr_hash_equal(&first.vertices[i].digest, &vertices[i].digest));
        results[first.vertices[i].result]++;
        if (first.vertices[i].result != CR_VERIFY_GOOD) continue;
        uint32_t invalid = 0;
        for (uint32_t tx = 0; tx < vertices[i].header.payload_count; tx++) {
            verdicts[first.clients[i].verdicts[tx]]++;
            invalid += first.clients[i].verdicts[tx] == CR_SIG_INVALID;
        }
        assert_int_equal(first.clients[i].invalid, invalid);
    }
    assert_true(results[CR_VERIFY_GOOD] > 200 && results[CR_VERIFY_BAD_PAYLOAD] > 20);
    assert_true(results[CR_VERIFY_BAD_SIGNATURE] > 20);
    assert_true(verdicts[CR_SIG_VALID] > 200 && verdicts[CR_SIG_INVALID] > 20);
    assert_true(verdicts[CR_SIG_UNKNOWN] > 20);
}

/* Goal: what clients submit has the same verdicts as if it came alone, in its place, whoever does
 * which part. Method: lists of 0 to 4,096 transactions, some of them bad or of unknown accounts, by
 * 1 and 3 workers. */
static void submitted_in_place(void **state)
{
    enum { MANY = CR_VERIFY_SUBMITTED_MAX, DIFFERENT = 64 };
    static uint8_t bytes[DIFFERENT][8192];
    static struct cr_tx decoded[DIFFERENT];
    static const struct cr_tx *list[MANY];
    static enum cr_sig_verdict verdicts[MANY], expected[DIFFERENT];
    struct cr_prng prng = cr_prng_stream(13, 7, 1);
    const uint32_t counts[] = {0, 1, CR_TX_MANY, CR_TX_MANY + 1, 1000, MANY};
    uint32_t seen[CR_SIG_INVALID + 1] = {0};
    (void)state;
    make_vertices();
    for (uint32_t i = 0; i < DIFFERENT; i++) {
        const size_t count = put_tx(&prng, bytes[i], sizeof bytes[i]);
        assert_int_equal(cr_tx_decode(bytes[i], count, &decoded[i]), CR_OK);
    }
    for (uint32_t workers = 1; workers <= 3; workers += 2) {
        struct cr_verify *v = open_verify(workers);
        for (uint32_t i = 0; i < DIFFERENT; i++) {
            const struct cr_tx *one = &decoded[i];
            cr_verify_submitted(v, NULL, &one, 1, &expected[i]);
            seen[expected[i]]++;
        }
        slowness_us = 1;
        for (uint32_t i = 0; i < CR_COUNT_OF(counts); i++) {
            memset(verdicts, 0, sizeof verdicts);
            for (uint32_t at = 0; at < counts[i]; at++)
                list[at] = &decoded[(at * 7 + i) % DIFFERENT];
            cr_verify_submitted(v, NULL, list, counts[i], verdicts);
            for (uint32_t at = 0; at < counts[i]; at++)
                assert_int_equal(verdicts[at], expected[(at * 7 + i) % DIFFERENT]);
        }
        slowness_us = 0;
        struct cr_verify_stats stats;
        cr_verify_stats(v, &stats);
        assert_true(stats.submitted.items[CR_BATCH_SMALL] > MANY);
        assert_true(stats.workers.tasks > 0);
        close_verify(v);
    }
    assert_true(seen[CR_SIG_VALID] > 20 && seen[CR_SIG_INVALID] > 2 && seen[CR_SIG_UNKNOWN] > 2);
}

/* Goal: a vertex that comes alone is verified at once and alone; what waits is taken together, by
 * the lanes, and never more than fits. */
static void batches_follow_the_load(void **state)
{
    struct cr_verify_stats stats;
    (void)state;
    make_vertices();
    struct cr_verify *v = open_verify(1);
    atomic_store(&widest, 0);
    atomic_store(&calls, 0);
    for (uint32_t i = 0; i < 3; i++) {
        *cr_verify_new(v) = (struct cr_verify_job){.body = i, .vertex = vertices[i]};
        cr_verify_submit(v);
        while (!cr_verify_done(v))
            wait_for_wake();
        cr_verify_release(v);
    }
    assert_int_equal(atomic_load(&calls), 3);
    assert_int_equal(atomic_load(&widest), 1);
    slowness_us = 1;
    for (uint32_t i = 0; i < CR_VERIFY_JOBS_MAX; i++) {
        *cr_verify_new(v) = (struct cr_verify_job){.body = i, .vertex = vertices[i]};
        cr_verify_submit(v);
    }
    assert_null(cr_verify_new(v));
    for (uint32_t i = 0; i < CR_VERIFY_JOBS_MAX; i++) {
        while (!cr_verify_done(v))
            wait_for_wake();
        cr_verify_release(v);
    }
    slowness_us = 0;
    cr_verify_stats(v, &stats);
    assert_true(stats.vertices.items[CR_BATCH_SMALL] + stats.vertices.items[CR_BATCH_MEDIUM] +
                    stats.vertices.items[CR_BATCH_LARGE] ==
                3 + CR_VERIFY_JOBS_MAX);
    close_verify(v);
}

/* Goal: the queue of clients' signatures says when it is full; whoever goes on all the same is a
 * bug; stopping with a full queue ends. */
static void full_queue_says_so(void **state)
{
    uint32_t good = 0;
    (void)state;
    make_vertices();
    while (vertices[good].header.payload_count == 0 ||
           cr_payload_check(payloads[good], vertices[good].header.payload_bytes,
                            vertices[good].header.payload_count) != CR_OK)
        good++;
    struct cr_verify *v = open_verify(1);
    slowness_us = 50;
    uint32_t given = 0;
    while (cr_verify_clients_room(v)) {
        give_clients(v, good);
        given++;
    }
    assert_int_equal(given, CR_VERIFY_CLIENTS_MAX);
    expect_assert_failure(give_clients(v, good));
    close_verify(v);
    slowness_us = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_do_not_show),
        cmocka_unit_test(submitted_in_place),
        cmocka_unit_test(batches_follow_the_load),
        cmocka_unit_test(full_queue_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
