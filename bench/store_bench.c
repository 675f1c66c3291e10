/* SPDX-License-Identifier: Apache-2.0 */
/* store_bench.c: what does it cost to make a group durable, to open a log, to keep the state?
 *
 *   store_bench FOLDER    a folder on the disk in question; files are made in it and stay
 *
 * One JSON line per question. The disk is part of the answer: note which one it was, and whether it
 * is virtual (a flush may then end in the host's memory). */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/histogram.h"
#include "base/prng.h"
#include "store/guard.h"
#include "store/log.h"
#include "store/state.h"

enum {
    VALUE_BYTES = 100,
    MAP_BYTES = 1024 * 1024 * 1024,
};

static const struct cr_hash genesis = {{1}};
static struct cr_store_failure failure;
static char path[512];

_Noreturn void cr_assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, cond);
    abort();
}

static void must(enum cr_err err)
{
    if (err == CR_OK) return;
    fprintf(stderr, "store_bench: %s: %s\n", cr_err_text(err), failure.text);
    exit(EXIT_FAILURE);
}

static uint64_t now_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void print_latency(const char *name, size_t group_bytes,
                          const struct cr_histogram *latencies, uint64_t cpu_us, uint64_t wall_us)
{
    printf("{\"bench\":\"%s\",\"group_bytes\":%zu,\"count\":%" PRIu64
           ",\"unit\":\"us\",\"p50\":%" PRIu64 ",\"p99\":%" PRIu64 ",\"p999\":%" PRIu64
           ",\"max\":%" PRIu64 ",\"cpu\":%.1f,\"per_second\":%.0f}\n",
           name, group_bytes, latencies->count, cr_histogram_quantile(latencies, 50000),
           cr_histogram_quantile(latencies, 99000), cr_histogram_quantile(latencies, 99900),
           latencies->max, (double)cpu_us / (double)latencies->count,
           (double)latencies->count * 1e6 / (double)wall_us);
    fflush(stdout);
}

/* Groups of one record, with a pause between them that lets the disk breathe, as rounds do. */
static void bench_sync(struct cr_log *log, size_t group_bytes, uint32_t count)
{
    static struct cr_histogram latencies;
    static uint8_t body[1024 * 1024];
    struct cr_log_position position;
    memset(&latencies, 0, sizeof latencies);
    const uint64_t start_us = now_us(CLOCK_MONOTONIC);
    const uint64_t start_cpu_us = now_us(CLOCK_PROCESS_CPUTIME_ID);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t begin_us = now_us(CLOCK_MONOTONIC);
        must(cr_log_append(log, CR_LOG_VERTEX, body, group_bytes, NULL, 0, &position, &failure));
        must(cr_log_sync(log, &failure));
        cr_histogram_add(&latencies, now_us(CLOCK_MONOTONIC) - begin_us);
        usleep(100);
    }
    print_latency("log_append_sync", group_bytes, &latencies,
                  now_us(CLOCK_PROCESS_CPUTIME_ID) - start_cpu_us,
                  now_us(CLOCK_MONOTONIC) - start_us);
}

static void bench_log(const char *folder)
{
    struct cr_log *log;
    struct cr_log_stats stats;
    snprintf(path, sizeof path, "%s/log", folder);
    must(cr_log_open(path, &genesis, 0, &log, &failure));
    bench_sync(log, 4096, 12000); /* three segments */
    bench_sync(log, (size_t)64 << 10, 1000);
    bench_sync(log, (size_t)512 << 10, 200);
    cr_log_close(log);

    const uint64_t start_us = now_us(CLOCK_MONOTONIC);
    must(cr_log_open(path, &genesis, 0, &log, &failure));
    const uint64_t took_us = now_us(CLOCK_MONOTONIC) - start_us;
    cr_log_stats(log, &stats);
    printf("{\"bench\":\"log_open\",\"bytes\":%" PRIu64 ",\"records\":%" PRIu64
           ",\"unit\":\"MB/s\",\"value\":%.0f}\n",
           stats.bytes, stats.records, (double)stats.bytes / (double)took_us);
    cr_log_close(log);
}

static void bench_guard(const char *folder)
{
    static struct cr_histogram latencies;
    struct cr_guard *guard;
    struct cr_guard_record record;
    bool found;
    memset(&latencies, 0, sizeof latencies);
    snprintf(path, sizeof path, "%s/guard", folder);
    must(cr_guard_open(path, &genesis, &guard, &record, &found, &failure));
    const uint64_t start_us = now_us(CLOCK_MONOTONIC);
    const uint64_t start_cpu_us = now_us(CLOCK_PROCESS_CPUTIME_ID);
    for (uint32_t i = 1; i <= 2000; i++) {
        const uint64_t begin_us = now_us(CLOCK_MONOTONIC);
        record.round = i;
        must(cr_guard_write(guard, &record, &failure));
        cr_histogram_add(&latencies, now_us(CLOCK_MONOTONIC) - begin_us);
        usleep(100);
    }
    print_latency("guard_write", 4096, &latencies, now_us(CLOCK_PROCESS_CPUTIME_ID) - start_cpu_us,
                  now_us(CLOCK_MONOTONIC) - start_us);
    cr_guard_close(guard);
}

static struct cr_hash random_key(struct cr_prng *prng)
{
    struct cr_hash key;
    for (size_t i = 0; i < sizeof key.bytes; i++)
        key.bytes[i] = (uint8_t)cr_prng_next(prng);
    return key;
}

static void print_rate(const char *name, uint32_t batch, uint32_t count, uint64_t wall_us,
                       uint64_t cpu_us)
{
    printf("{\"bench\":\"%s\",\"batch\":%u,\"count\":%u,\"unit\":\"1/s\",\"value\":%.0f,"
           "\"cpu_us\":%.2f}\n",
           name, batch, count, (double)count * 1e6 / (double)wall_us,
           (double)cpu_us / (double)count);
    fflush(stdout);
}

/* Executions of `batch` puts until `total` entries are there. */
static void bench_puts(struct cr_state_db *db, struct cr_prng *prng, uint32_t total, uint32_t batch)
{
    static uint8_t value[VALUE_BYTES];
    static struct cr_ledger_head head;
    const struct cr_state *state = cr_state_db_writer(db);
    const uint64_t start_us = now_us(CLOCK_MONOTONIC);
    const uint64_t start_cpu_us = now_us(CLOCK_PROCESS_CPUTIME_ID);
    for (uint32_t i = 0; i < total; i += batch) {
        must(cr_state_db_begin(db, &failure));
        for (uint32_t k = 0; k < batch; k++) {
            const struct cr_hash key = random_key(prng);
            state->put(state->context, &key, value, sizeof value);
        }
        head.index++;
        must(cr_state_db_end(db, &head, &failure));
    }
    print_rate("state_put", batch, total, now_us(CLOCK_MONOTONIC) - start_us,
               now_us(CLOCK_PROCESS_CPUTIME_ID) - start_cpu_us);
}

static void bench_gets(struct cr_state_db *db, uint32_t count)
{
    struct cr_prng prng = cr_prng_stream(1, 1, 1); /* the keys that were put first */
    struct cr_state_reader *reader;
    struct cr_state_value value;
    uint32_t found = 0;
    must(cr_state_reader_open(db, &reader));
    const struct cr_state *state = cr_state_reader_state(reader);
    const uint64_t start_us = now_us(CLOCK_MONOTONIC);
    const uint64_t start_cpu_us = now_us(CLOCK_PROCESS_CPUTIME_ID);
    for (uint32_t i = 0; i < count; i++) {
        const struct cr_hash key = random_key(&prng);
        must(cr_state_reader_begin(reader));
        found += state->get(state->context, &key, &value);
        cr_state_reader_end(reader);
    }
    print_rate("state_get", 1, found, now_us(CLOCK_MONOTONIC) - start_us,
               now_us(CLOCK_PROCESS_CPUTIME_ID) - start_cpu_us);
    cr_state_reader_close(reader);
}

static void bench_state(const char *folder)
{
    struct cr_state_db *db;
    struct cr_ledger_head head;
    bool rebuilt;
    struct cr_prng prng = cr_prng_stream(1, 1, 1);
    snprintf(path, sizeof path, "%s/state", folder);
    must(cr_state_db_open(path, &genesis, MAP_BYTES, &db, &head, &rebuilt, &failure));
    bench_puts(db, &prng, 200000, 1000);
    bench_puts(db, &prng, 200000, 1000);
    bench_puts(db, &prng, 50000, 100);
    bench_puts(db, &prng, 5000, 10);
    bench_gets(db, 200000);
    cr_state_db_close(db);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: store_bench FOLDER (an empty one, on the disk to be measured)\n");
        return EXIT_FAILURE;
    }
    bench_log(argv[1]);
    bench_guard(argv[1]);
    bench_state(argv[1]);
    return EXIT_SUCCESS;
}
