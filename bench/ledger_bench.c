/* SPDX-License-Identifier: Apache-2.0 */
/* How many operations per second does the executor carry out, over a keeper in memory and with
 * signatures already checked, and how long does a state root take when every bucket has changed?
 * Prints the median of RUNS runs and the spread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/hash.h"
#include "ledger/ledger.h"
#include "ledger/root.h"
#include "ledger/state_memory.h"

enum {
    RUNS = 9,
    COMMITS = 64,
    COMMIT_TXS = 16,
    TX_OPS = 64,
    OPS = COMMITS * COMMIT_TXS * TX_OPS,
    VALUE_BYTES = 128,
    ACCOUNTS = 64,
    COMMIT_BYTES = COMMIT_TXS * 32 * 1024,
};

enum workload {
    CREATE, /* each put is of a new record */
    UPDATE, /* the records of CREATE again */
    TRANSFER,
    WORKLOADS,
};

static struct bench {
    struct cr_genesis genesis;
    struct cr_ledger_host host;
    struct cr_ledger *ledger;
    struct cr_state_memory *memory;
    uint8_t verdicts[COMMIT_TXS];
    uint32_t failed;
    uint8_t payloads[COMMITS][COMMIT_BYTES];
    uint32_t payload_bytes[COMMITS];
} bench;

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(const char *name, const char *unit, double values[RUNS])
{
    qsort(values, RUNS, sizeof values[0], by_value);
    printf(
        "{\"bench\": \"%s\", \"unit\": \"%s\", \"median\": %.4g, \"min\": %.4g, \"max\": %.4g}\n",
        name, unit, values[RUNS / 2], values[0], values[RUNS - 1]);
}

static bool never_asked(void *context, const struct cr_public_key *key, const struct cr_tx *tx)
{
    (void)context, (void)key, (void)tx;
    return false;
}

static bool no_evidence(void *context, const struct cr_public_key *key,
                        const struct cr_vertex *vertex)
{
    (void)context, (void)key, (void)vertex;
    return false;
}

static void on_result(void *context, const struct cr_ledger_tx_result *result)
{
    struct bench *own = context;
    if (result->result != CR_RESULT_OK) own->failed++;
}

static void take(struct cr_arena *arena)
{
    const struct cr_state_memory_limits limits = {
        .entries_max = OPS + 8192, .expiries_max = 8192, .bytes_max = (size_t)(OPS + 8192) * 512};
    bench.memory = cr_state_memory_init(arena, &limits);
    if (bench.memory) bench.host.state = cr_state_memory_keeper(bench.memory);
    bench.ledger = cr_ledger_init(arena, &bench.genesis, &bench.host);
}

static void open_ledger(void)
{
    bench.genesis.params.checkpoint_commits = 1u << 30; /* measured apart */
    bench.genesis.params.tx_ttl_max = CR_TX_TTL_MAX;
    bench.genesis.accounts_count = ACCOUNTS;
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        bench.genesis.accounts[i].key.alg = CR_ALG_MLDSA44;
        bench.genesis.accounts[i].key.bytes[0] = (uint8_t)i;
        bench.genesis.accounts[i].balance = CR_BALANCE_MAX / 128;
    }
    memset(bench.verdicts, CR_SIG_VALID, sizeof bench.verdicts);
    bench.host.context = &bench;
    bench.host.verify = never_asked;
    bench.host.verify_vertex = no_evidence;
    bench.host.on_result = on_result;

    struct cr_arena arena;
    cr_arena_init_measure(&arena);
    take(&arena);
    const size_t bytes = arena.bytes_used;
    void *raw = aligned_alloc(64, bytes);
    if (!raw) abort();
    cr_arena_init(&arena, raw, bytes);
    take(&arena);
}

static void add_op(struct cr_tx_builder *builder, enum workload workload, uint64_t number)
{
    static uint8_t value[VALUE_BYTES];
    uint8_t key[16] = {0};
    struct cr_op op = {.type = CR_OP_PUT,
                       .key = key,
                       .key_bytes = sizeof key,
                       .value = value,
                       .value_bytes = sizeof value};
    cr_store_le(key, number, 8);
    cr_store_le(value, number + (uint64_t)workload, 8);
    if (workload == TRANSFER) {
        op.type = CR_OP_TRANSFER;
        op.to = cr_public_key_account(&bench.genesis.accounts[number % ACCOUNTS].key);
        op.amount = 1;
    }
    cr_tx_add(builder, &op);
}

static void fill_payload(enum workload workload, uint64_t first_commit, uint32_t commit)
{
    static const uint8_t signature[CR_SIG_BYTES_MAX];
    uint8_t *bytes = bench.payloads[commit];
    size_t at = 0;
    for (uint32_t i = 0; i < COMMIT_TXS; i++) {
        const uint64_t number = (uint64_t)commit * COMMIT_TXS + i;
        struct cr_tx fields = {.account =
                                   cr_public_key_account(&bench.genesis.accounts[i % ACCOUNTS].key),
                               .valid_until_commit = first_commit + COMMITS};
        struct cr_tx_builder builder;
        struct cr_hash id;
        cr_store_le(fields.client_id, number, 8);
        cr_tx_begin(&builder, bytes + at + 4, COMMIT_BYTES - at - 4, &fields);
        for (uint32_t op = 0; op < TX_OPS; op++)
            add_op(&builder, workload, number * TX_OPS + op);
        if (cr_tx_end(&builder, &id) != CR_OK) abort();
        const size_t count =
            cr_tx_sign_with(&builder, CR_ALG_MLDSA44, signature, CR_MLDSA44_SIG_BYTES);
        if (count == 0) abort();
        cr_store_le(bytes + at, count, 4);
        at += 4 + count;
    }
    bench.payload_bytes[commit] = (uint32_t)at;
}

static double run(enum workload workload)
{
    const uint64_t first = cr_ledger_head(bench.ledger)->index + 1;
    for (uint32_t commit = 0; commit < COMMITS; commit++)
        fill_payload(workload, first, commit);

    const double start = now_s();
    for (uint32_t i = 0; i < COMMITS; i++) {
        const struct cr_ledger_payload payload = {.bytes = bench.payloads[i],
                                                  .bytes_count = bench.payload_bytes[i],
                                                  .txs_count = COMMIT_TXS,
                                                  .verdicts = bench.verdicts};
        const struct cr_ledger_commit commit = {
            .index = first + i, .payloads_count = 1, .payloads = &payload};
        cr_ledger_execute(bench.ledger, &commit);
    }
    return OPS / (now_s() - start);
}

int main(void)
{
    static struct cr_root root;
    const struct cr_bucket_set none = {0};
    static double rates[WORKLOADS][RUNS], root_ms[RUNS], small_root_ms[RUNS];
    open_ledger();
    for (uint32_t i = 0; i < RUNS; i++) {
        cr_state_memory_clear(bench.memory);
        cr_ledger_start_genesis(bench.ledger);
        for (uint32_t workload = 0; workload < WORKLOADS; workload++)
            rates[workload][i] = run((enum workload)workload);
        double start = now_s();
        cr_root_update(&root, &bench.host.state);
        cr_root_cache(&root, &bench.host.state, &none);
        root_ms[i] = (now_s() - start) * 1e3;
        start = now_s();
        cr_root_update(&root, &bench.host.state);
        small_root_ms[i] = (now_s() - start) * 1e3;
    }
    if (bench.failed > 0) {
        fprintf(stderr, "ledger_bench: %u transactions failed\n", bench.failed);
        return EXIT_FAILURE;
    }
    print("ledger_create", "put/s", rates[CREATE]);
    print("ledger_update", "put/s", rates[UPDATE]);
    print("ledger_transfer", "transfer/s", rates[TRANSFER]);
    print("ledger_root_all_of_66k_entries", "ms", root_ms);
    print("ledger_root_unchanged", "ms", small_root_ms);
    return EXIT_SUCCESS;
}
