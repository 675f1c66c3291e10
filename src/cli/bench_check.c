/* SPDX-License-Identifier: Apache-2.0 */
/* A reply is not a commit: every transaction counted as final must be in the state of every node,
 * at the place that was answered. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/bench.h"

enum {
    CHUNK = 4096,   /* ids in one query */
    ROW_BYTES = 24, /* state u8, result u8, 0 u16, position u32, commit u64, 0 u64 */
    ROW_EXECUTED = 2,
    CATCH_UP_S = 20, /* a node may still be executing what the others have answered */
    PAUSE_MS = 50,
};

struct chunk {
    uint32_t count;
    uint64_t index[CHUNK]; /* of transactions */
    uint8_t ids[CHUNK * CR_HASH_BYTES];
};

static bool query(struct cr_http *http, const struct chunk *chunk, const uint8_t **rows)
{
    const struct cr_http_request request = {.method = "POST",
                                            .path = "/v1/transactions/query",
                                            .content_type = "application/octet-stream",
                                            .body = chunk->ids,
                                            .body_bytes = (size_t)chunk->count * CR_HASH_BYTES};
    int status = 0;
    size_t count = 0;
    if (cr_http_call(http, &request, &status, rows, &count) != CR_OK) return false;
    if (status == 200 && count == (size_t)chunk->count * ROW_BYTES) return true;
    (void)snprintf(http->text, sizeof http->text, "http://%s answers %d to a query",
                   http->url.authority, status);
    return false;
}

/* The next transactions from *at on that are in `state`. */
static void fill(const struct cr_bench *bench, enum cr_bench_state state, uint64_t *at,
                 struct chunk *out)
{
    out->count = 0;
    for (; *at < bench->plan.txs_count && out->count < CHUNK; ++*at) {
        const struct cr_bench_tx *tx = &bench->txs[*at];
        if (tx->state != state) continue;
        memcpy(out->ids + (size_t)out->count * CR_HASH_BYTES, tx->id.bytes, CR_HASH_BYTES);
        out->index[out->count++] = *at;
    }
}

/* ---- what the loop could not learn ---- */

/* Results of transactions whose answer never came, from one node. */
static void resolve(struct cr_bench *bench, struct cr_http *http, struct chunk *chunk)
{
    const uint8_t *rows = NULL;
    for (uint64_t at = 0; at < bench->plan.txs_count && bench->unknown > 0;) {
        fill(bench, CR_BENCH_SENT, &at, chunk);
        if (chunk->count == 0 || !query(http, chunk, &rows)) return;
        for (uint32_t i = 0; i < chunk->count; i++) {
            const uint8_t *row = rows + (size_t)i * ROW_BYTES;
            struct cr_bench_tx *tx = &bench->txs[chunk->index[i]];
            if (row[0] != ROW_EXECUTED) continue;
            tx->position = (uint32_t)cr_load_le(row + 4, 4);
            tx->commit_index = cr_load_le(row + 8, 8);
            tx->state = row[1] == 0 ? CR_BENCH_FINAL : CR_BENCH_REJECTED;
            bench->unknown--;
            if (row[1] != 0) {
                bench->rejected++;
                continue;
            }
            bench->final++;
            /* When it became final is not known: now is later, and thus honest. */
            cr_histogram_add(&bench->latency_us, cr_clock_us() - tx->due_us);
        }
    }
}

/* ---- every node ---- */

struct verdict {
    uint64_t missing, different, first; /* index of the first bad one */
};

static void compare(const struct cr_bench *bench, const struct chunk *chunk, const uint8_t *rows,
                    struct verdict *out)
{
    for (uint32_t i = 0; i < chunk->count; i++) {
        const uint8_t *row = rows + (size_t)i * ROW_BYTES;
        const struct cr_bench_tx *tx = &bench->txs[chunk->index[i]];
        const bool executed = row[0] == ROW_EXECUTED;
        const bool same = executed && row[1] == 0 && cr_load_le(row + 4, 4) == tx->position &&
                          cr_load_le(row + 8, 8) == tx->commit_index;
        if (same) continue;
        if (out->missing + out->different == 0) out->first = chunk->index[i];
        if (executed)
            out->different++;
        else
            out->missing++;
    }
}

/* One chunk on one node, asked again while something is missing and the time lasts. */
static bool check_chunk(const struct cr_bench *bench, struct cr_http *http,
                        const struct chunk *chunk, uint64_t deadline_us, struct verdict *verdict)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    const uint8_t *rows = NULL;
    for (;;) {
        struct verdict now = {0};
        if (!query(http, chunk, &rows)) return false;
        compare(bench, chunk, rows, &now);
        if (now.missing > 0 && now.different == 0 && cr_clock_us() < deadline_us) {
            (void)nanosleep(&pause, NULL); /* waking early only asks sooner */
            continue;
        }
        if (verdict->missing + verdict->different == 0) verdict->first = now.first;
        verdict->missing += now.missing;
        verdict->different += now.different;
        return true;
    }
}

static int check_node(struct cr_bench *bench, const char *url, struct chunk *chunk)
{
    struct cr_http http;
    struct verdict verdict = {0};
    bool ok = true;
    const uint64_t deadline_us = cr_clock_us() + UINT64_C(1000000) * CATCH_UP_S;
    CR_ASSERT(cr_http_open(&http, url, CR_CLIENT_TIMEOUT_MS)); /* cr_client_urls has checked it */
    for (uint64_t at = 0; ok && at < bench->plan.txs_count;) {
        fill(bench, CR_BENCH_FINAL, &at, chunk);
        if (chunk->count > 0) ok = check_chunk(bench, &http, chunk, deadline_us, &verdict);
    }
    cr_http_close(&http);
    if (!ok) return cr_cli_fail(CR_EXIT_UNKNOWN, "not verified: %s", http.text);
    if (verdict.missing + verdict.different == 0) {
        bench->nodes_verified++;
        return CR_EXIT_OK;
    }
    char id[2 * CR_HASH_BYTES + 1];
    cr_hex_encode(bench->txs[verdict.first].id.bytes, CR_HASH_BYTES, id);
    return cr_cli_fail(CR_EXIT_FAILED,
                       "%s: %" PRIu64 " final transactions are missing and %" PRIu64
                       " have another place or result; the first is %s",
                       url, verdict.missing, verdict.different, id);
}

int cr_bench_check(struct cr_bench *bench)
{
    struct chunk *chunk = malloc(sizeof *chunk);
    if (chunk == NULL) return cr_cli_fail(CR_EXIT_FAILED, "memory is out");
    for (uint32_t i = 0; i < bench->urls.count && bench->unknown > 0; i++) {
        struct cr_http http;
        CR_ASSERT(cr_http_open(&http, bench->urls.list[i], CR_CLIENT_TIMEOUT_MS)); /* checked */
        resolve(bench, &http, chunk);
        cr_http_close(&http);
    }
    int code = CR_EXIT_OK;
    for (uint32_t i = 0; i < bench->urls.count; i++) {
        const int one = check_node(bench, bench->urls.list[i], chunk);
        if (code != CR_EXIT_FAILED && one != CR_EXIT_OK) code = one;
    }
    free(chunk);
    return code;
}
