/* SPDX-License-Identifier: Apache-2.0 */
/* sim.c: a whole cluster in one thread under one seed. Same seed, same run, same bytes. */
#include <getopt.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cluster.h"

static struct cr_sim sim; /* one per process: the assert handler must find it */
static struct cr_sim_options options;
static jmp_buf next_seed;
static bool running;

static void print_replay(FILE *out)
{
    fprintf(out, "  replay: creto-sim --seed 0x%" PRIx64 " --nodes %" PRIu32 " --seconds %" PRIu32,
            sim.seed, options.nodes_count, options.seconds);
    if (options.scenario != cr_scenario_find("swarm")) {
        fprintf(out, " --scenario %s", options.scenario->name);
    }
    if (options.skip) fprintf(out, " --skip %s", options.skip);
    fputc('\n', out);
}

static _Noreturn void leave_run(void)
{
    print_replay(stderr);
    if (running) longjmp(next_seed, 1);
    exit(EXIT_FAILURE);
}

_Noreturn void cr_run_fail(const char *format, ...)
{
    va_list arguments;
    fflush(stdout);
    fprintf(stderr, "seed 0x%" PRIx64 " at %.6f s: ", sim.seed, (double)sim.now_us / 1e6);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    leave_run();
}

_Noreturn void cr_assert_failed(const char *cond, const char *file, int line)
{
    fflush(stdout);
    fprintf(stderr, "seed 0x%" PRIx64 " at %.6f s: %s:%d: assertion failed: %s\n", sim.seed,
            (double)sim.now_us / 1e6, file, line, cond);
    leave_run();
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct totals {
    uint64_t held, failed, steps, frames, rounds, commits, txs, restarts;
    uint64_t vertices, refused, requeued;
    struct cr_core_stats cores; /* how often the rare paths were taken */
    double virtual_s;
};

static void add_up(struct totals *totals)
{
    for (uint32_t i = 0; i < sim.nodes_count; i++) {
        totals->steps += sim.hosts[i].counters.steps;
        totals->restarts += sim.hosts[i].counters.restarts;
        totals->vertices += sim.hosts[i].counters.vertices_decoded;
        totals->refused += sim.hosts[i].counters.bad_signatures;
        totals->requeued += sim.hosts[i].counters.requeued;
    }
    const struct cr_core_stats *sum = &sim.check.sum;
    totals->cores.fetches_total += sum->fetches_total;
    totals->cores.syncs_total += sum->syncs_total;
    totals->cores.timeouts_total += sum->timeouts_total;
    totals->cores.slots_direct += sum->slots_direct;
    totals->cores.slots_indirect += sum->slots_indirect;
    totals->cores.slots_skipped += sum->slots_skipped;
    totals->frames += sim.network.frames_total;
    totals->rounds += sim.check.rounds_max;
    totals->commits += sim.check.commits_count ? sim.check.commits_count - 1 : 0;
    totals->txs += sim.clients.final_count;
    totals->virtual_s += (double)sim.now_us / 1e6;
}

static void print_json(const struct totals *one, bool held, double elapsed_s)
{
    printf("{\"seed\":\"0x%" PRIx64 "\",\"nodes\":%" PRIu32 ",\"scenario\":\"%s\",\"held\":%s,"
           "\"virtual_s\":%.3f,\"events\":%" PRIu64 ",\"events_per_s\":%.0f,\"rounds\":%" PRIu64
           ",\"commits\":%" PRIu64 ",\"txs\":%" PRIu64 ",\"frames\":%" PRIu64
           ",\"vertices\":%" PRIu64 ",\"fetches\":%" PRIu64 ",\"syncs\":%" PRIu64
           ",\"restarts\":%" PRIu64 ",\"heal_s\":%.3f,\"latency_ms_max\":%" PRIu64
           ",\"trace\":\"%016" PRIx64 "\"}\n",
           sim.seed, options.nodes_count, options.scenario->name, held ? "true" : "false",
           one->virtual_s, one->steps, (double)one->steps / elapsed_s, one->rounds, one->commits,
           one->txs, one->frames, one->vertices, one->cores.fetches_total, one->cores.syncs_total,
           one->restarts, (double)sim.now_us / 1e6 - (double)options.seconds,
           sim.clients.latency_us_max / 1000, sim.trace.hash);
}

/* Whether the seed held. Everything it took is given back either way. */
static bool run_seed(uint64_t seed)
{
    if (setjmp(next_seed) != 0) {
        running = false;
        return false;
    }
    running = true;
    cr_cluster_init(&sim, &options, seed);
    if (options.plan) cr_cluster_print(&sim);
    cr_cluster_run(&sim);
    running = false;
    return true;
}

static void run_all(struct totals *all)
{
    for (uint64_t i = 0; i < options.count; i++) {
        const double start_s = seconds_now();
        const bool held = run_seed(options.seed + i);
        struct totals one = {0};
        add_up(&one);
        if (options.json) print_json(&one, held, seconds_now() - start_s);
        add_up(all);
        all->held += held;
        all->failed += !held;
        cr_run_give_all();
    }
}

static void print_totals(const struct totals *all, double elapsed_s)
{
    FILE *out = options.json ? stderr : stdout;
    const struct cr_core_stats *cores = &all->cores;
    fprintf(out,
            "simulated %.0f s in %.1f s: %" PRIu64 " events (%.0f/s), %" PRIu64 " rounds, %" PRIu64
            " commits, %" PRIu64 " transactions, %" PRIu64 " frames, %" PRIu64 " restarts\n",
            all->virtual_s, elapsed_s, all->steps, (double)all->steps / elapsed_s, all->rounds,
            all->commits, all->txs, all->frames, all->restarts);
    fprintf(out,
            "reached: slots direct %" PRIu64 " indirect %" PRIu64 " skipped %" PRIu64
            ", fetches %" PRIu64 ", syncs %" PRIu64 ", timeouts %" PRIu64 ", requeued %" PRIu64
            ", refused %" PRIu64 "\n",
            cores->slots_direct, cores->slots_indirect, cores->slots_skipped, cores->fetches_total,
            cores->syncs_total, cores->timeouts_total, all->requeued, all->refused);
    fprintf(out, "%" PRIu64 " seeds held, %" PRIu64 " failed\n", all->held, all->failed);
}

static void print_help(void)
{
    printf("usage: creto-sim [options]\n\n"
           "Runs a whole cluster on virtual time, with faults drawn from a seed, and checks that\n"
           "nothing that must hold is broken. docs/testing.md says what is checked.\n\n"
           "  --seed S         the first seed (1)\n"
           "  --count N        that many seeds in a row (1)\n"
           "  --nodes N        nodes in the cluster, 4 to %d (4)\n"
           "  --seconds S      virtual seconds of faults (10)\n"
           "  --scenario NAME  which faults:\n",
           CR_SIM_NODES_MAX);
    cr_scenarios_print();
    printf("  --plan           print what will go wrong\n"
           "  --skip I,J       leave these entries of the plan out\n"
           "  --trace          one line for every event of a node\n"
           "  --from S         trace only from this virtual second on\n"
           "  --check-every N  walk through all invariants of a core every N steps (64)\n"
           "  --json           one line for each seed\n");
}

enum option_key {
    KEY_SEED = 256,
    KEY_COUNT,
    KEY_NODES,
    KEY_SECONDS,
    KEY_SCENARIO,
    KEY_SKIP,
    KEY_FROM,
    KEY_CHECK_EVERY,
    KEY_PLAN,
    KEY_TRACE,
    KEY_JSON,
    KEY_HELP,
};

static const struct option rows[] = {
    {"seed", required_argument, NULL, KEY_SEED},
    {"count", required_argument, NULL, KEY_COUNT},
    {"nodes", required_argument, NULL, KEY_NODES},
    {"seconds", required_argument, NULL, KEY_SECONDS},
    {"scenario", required_argument, NULL, KEY_SCENARIO},
    {"skip", required_argument, NULL, KEY_SKIP},
    {"from", required_argument, NULL, KEY_FROM},
    {"check-every", required_argument, NULL, KEY_CHECK_EVERY},
    {"plan", no_argument, NULL, KEY_PLAN},
    {"trace", no_argument, NULL, KEY_TRACE},
    {"json", no_argument, NULL, KEY_JSON},
    {"help", no_argument, NULL, KEY_HELP},
    {NULL, 0, NULL, 0},
};

static uint64_t number_of(const char *what, uint64_t least, uint64_t most)
{
    char *end;
    const uint64_t value = strtoull(optarg, &end, 0);
    if (*optarg && !*end && value >= least && value <= most) return value;
    fprintf(stderr, "creto-sim: --%s must be a number from %" PRIu64 " to %" PRIu64 ", not '%s'\n",
            what, least, most, optarg);
    exit(EXIT_FAILURE);
}

static void read_option(int key)
{
    switch (key) {
    case KEY_SEED: options.seed = number_of("seed", 0, UINT64_MAX); return;
    case KEY_COUNT: options.count = number_of("count", 1, UINT32_MAX); return;
    case KEY_NODES: options.nodes_count = (uint32_t)number_of("nodes", 4, CR_SIM_NODES_MAX); return;
    case KEY_SECONDS: options.seconds = (uint32_t)number_of("seconds", 1, 100000); return;
    case KEY_FROM: options.trace_from_us = number_of("from", 0, 100000) * 1000000; return;
    case KEY_CHECK_EVERY:
        options.check_every = (uint32_t)number_of("check-every", 1, UINT32_MAX) - 1;
        return;
    case KEY_SKIP: options.skip = optarg; return;
    case KEY_PLAN: options.plan = true; return;
    case KEY_TRACE: options.trace = true; return;
    case KEY_JSON: options.json = true; return;
    case KEY_SCENARIO:
        options.scenario = cr_scenario_find(optarg);
        if (options.scenario) return;
        fprintf(stderr, "creto-sim: no scenario '%s'\n", optarg);
        exit(EXIT_FAILURE);
    case KEY_HELP: print_help(); exit(EXIT_SUCCESS);
    default: exit(EXIT_FAILURE); /* getopt has said why */
    }
}

int main(int argc, char **argv)
{
    options = (struct cr_sim_options){.seed = 1,
                                      .count = 1,
                                      .nodes_count = 4,
                                      .seconds = 10,
                                      .check_every = 63,
                                      .scenario = cr_scenario_find("swarm")};
    int key;
    while ((key = getopt_long(argc, argv, "", rows, NULL)) != -1)
        read_option(key);
    if (optind < argc) {
        fprintf(stderr, "creto-sim: what is '%s'?\n", argv[optind]);
        return EXIT_FAILURE;
    }

    const double start_s = seconds_now();
    struct totals all = {0};
    run_all(&all);
    print_totals(&all, seconds_now() - start_s);
    return all.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
