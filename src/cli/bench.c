/* SPDX-License-Identifier: Apache-2.0 */
/* creto bench */
#include "cli/bench.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    MAX_TXS_PER_SECOND = 2000, /* closed loop: so many are signed beforehand per second */
    REQUEST_BYTES_MAX = 1024 * 1024,
};
#define MEMORY_MAX (UINT64_C(4) << 30)

static int read_rate(const char *text, uint64_t *out)
{
    char *end = NULL;
    if (strcmp(text, "max") == 0) {
        *out = 0;
        return CR_EXIT_OK;
    }
    const unsigned long rate = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != 0 || rate == 0 || rate > 1000000) {
        return cr_cli_fail(CR_EXIT_USAGE, "--rate: '%s' is neither max nor 1 to 1000000", text);
    }
    *out = rate;
    return CR_EXIT_OK;
}

/* How many transactions to sign, and whether they fit. */
static int size_plan(struct cr_bench_plan *plan)
{
    const uint64_t each = cr_bench_tx_bytes(plan);
    if (each == 0 || each + 4 > REQUEST_BYTES_MAX) {
        return cr_cli_fail(CR_EXIT_USAGE,
                           "a transaction of %" PRIu64 " operations of %" PRIu64
                           " B exceeds %d bytes; lower --ops-per-tx or --op-bytes",
                           plan->ops_per_tx, plan->op_bytes, CR_TX_BYTES_MAX);
    }
    if (plan->rate > 0) {
        plan->txs_count = plan->rate * plan->seconds;
    } else if (plan->txs_count == 0) {
        const uint64_t fits = MEMORY_MAX / 2 / each;
        plan->txs_count = plan->seconds * MAX_TXS_PER_SECOND;
        if (plan->txs_count > fits) plan->txs_count = fits;
    }
    if (plan->txs_count < plan->clients) plan->txs_count = plan->clients;
    if (plan->txs_count <= MEMORY_MAX / each) return CR_EXIT_OK;
    return cr_cli_fail(CR_EXIT_USAGE,
                       "%" PRIu64 " transactions of %" PRIu64
                       " B exceed 4 GiB of memory; lower --seconds or --rate",
                       plan->txs_count, each);
}

static struct cr_bench bench;
static const char *api, *rate = "100";
static bool json;

static const struct cr_option list[] = {
    {.name = "api",
     .kind = CR_OPTION_TEXT,
     .value = "URL[,URL]",
     .out = &api,
     .meaning = "all nodes of the network; default: the local one"},
    {.name = "rate",
     .kind = CR_OPTION_TEXT,
     .value = "N|max",
     .out = &rate,
     .meaning = "transactions per second, or max; default 100"},
    {.name = "seconds",
     .kind = CR_OPTION_NUMBER,
     .value = "S",
     .out = &bench.plan.seconds,
     .meaning = "of submission; default 10",
     .least = 1,
     .most = 86400},
    {.name = "clients",
     .kind = CR_OPTION_NUMBER,
     .value = "C",
     .out = &bench.plan.clients,
     .meaning = "accounts that sign; default 16",
     .least = 1,
     .most = 4096},
    {.name = "ops-per-tx",
     .kind = CR_OPTION_NUMBER,
     .value = "N",
     .out = &bench.plan.ops_per_tx,
     .meaning = "put operations under one signature; default 1",
     .least = 1,
     .most = CR_OPS_MAX},
    {.name = "op-bytes",
     .kind = CR_OPTION_NUMBER,
     .value = "B",
     .out = &bench.plan.op_bytes,
     .meaning = "bytes of each value; default 128",
     .least = 0,
     .most = CR_STATE_VALUE_BYTES_MAX},
    {.name = "in-flight",
     .kind = CR_OPTION_NUMBER,
     .value = "N",
     .out = &bench.plan.in_flight,
     .meaning = "with --rate max: open per client; default 32",
     .least = 1,
     .most = 4096},
    {.name = "txs",
     .kind = CR_OPTION_NUMBER,
     .value = "N",
     .out = &bench.plan.txs_count,
     .meaning = "with --rate max: sign so many; default 2000/s",
     .least = 1,
     .most = 10000000},
    {.name = "batch",
     .kind = CR_OPTION_NUMBER,
     .value = "N",
     .out = &bench.plan.batch_txs,
     .meaning = "at most so many transactions per request; default 64",
     .least = 1,
     .most = 4096},
    {.name = "connections",
     .kind = CR_OPTION_NUMBER,
     .value = "N",
     .out = &bench.plan.connections,
     .meaning = "at most so many per node; default 200",
     .least = 1,
     .most = 1000},
    {.name = "ttl",
     .kind = CR_OPTION_NUMBER,
     .value = "N",
     .out = &bench.plan.ttl,
     .meaning = "commits a transaction stays valid; default 60000",
     .least = 16,
     .most = CR_TX_TTL_MAX},
    {.name = "sign-live",
     .kind = CR_OPTION_SWITCH,
     .out = &bench.plan.sign_live,
     .meaning = "sign while the clock runs, not before"},
    {.name = "json", .kind = CR_OPTION_SWITCH, .meaning = "one JSON object", .out = &json},
};

static int read_plan(const struct cr_command *command, int words, char **word)
{
    const struct cr_options options = {
        .command = command, .list = list, .count = CR_COUNT_OF(list)};
    bench.plan = (struct cr_bench_plan){.clients = 16,
                                        .ops_per_tx = 1,
                                        .op_bytes = 128,
                                        .seconds = 10,
                                        .in_flight = 32,
                                        .batch_txs = 64,
                                        .connections = 200,
                                        .ttl = 60000};
    int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;
    code = read_rate(rate, &bench.plan.rate);
    if (code == CR_EXIT_OK) code = size_plan(&bench.plan);
    if (code == CR_EXIT_OK) code = cr_client_urls(api, &bench.urls);
    return code == CR_EXIT_OK ? -1 : code;
}

static int prepare(void)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    bench.signers_count = cores < 1                      ? 1
                          : cores > CR_BENCH_SIGNERS_MAX ? CR_BENCH_SIGNERS_MAX
                                                         : (uint32_t)cores;
    bench.clients = calloc(bench.plan.clients, sizeof *bench.clients);
    bench.txs = calloc(bench.plan.txs_count, sizeof *bench.txs);
    if (bench.clients == NULL || bench.txs == NULL) {
        return cr_cli_fail(CR_EXIT_FAILED, "memory is out");
    }
    for (uint64_t i = 0; i < bench.plan.txs_count; i++)
        bench.txs[i].state = CR_BENCH_MADE;
    if (getrandom(bench.run_id, sizeof bench.run_id, 0) != sizeof bench.run_id) {
        return cr_cli_fail(CR_EXIT_FAILED, "no random bytes");
    }
    const int code = cr_client_chain(&bench.urls, &bench.chain);
    return code == CR_EXIT_OK ? cr_bench_register(&bench) : code;
}

static int run(void)
{
    int code = prepare();
    if (code != CR_EXIT_OK) return code;
    const uint64_t begin_us = cr_clock_us();
    if (!cr_bench_sign_start(&bench)) return cr_cli_fail(CR_EXIT_FAILED, "cannot start threads");
    if (!bench.plan.sign_live) {
        if (!cr_bench_sign_join(&bench)) return cr_cli_fail(CR_EXIT_FAILED, "cannot sign");
        fprintf(stderr, "creto: signed %" PRIu64 " transactions in %.1f s\n", bench.plan.txs_count,
                (double)(cr_clock_us() - begin_us) / 1e6);
    }
    code = cr_bench_load(&bench);
    if (bench.plan.sign_live) {
        atomic_store(&bench.stop_signing, true);
        if (!cr_bench_sign_join(&bench)) return cr_cli_fail(CR_EXIT_FAILED, "cannot sign");
    }
    if (code == CR_EXIT_OK) code = cr_bench_check(&bench);
    if (code != CR_EXIT_OK || bench.unknown == 0) return code;
    return cr_cli_fail(CR_EXIT_UNKNOWN, "the outcome of %" PRIu64 " transactions is unknown",
                       bench.unknown);
}

int cr_cli_bench(const struct cr_command *command, int words, char **word)
{
    int code = read_plan(command, words, word);
    if (code >= 0) return code;
    code = run();
    if (bench.submitted > 0) cr_bench_report(&bench, json);
    for (uint64_t i = 0; bench.txs != NULL && i < bench.plan.txs_count; i++)
        free(bench.txs[i].bytes);
    free(bench.txs);
    free(bench.clients);
    return code;
}
