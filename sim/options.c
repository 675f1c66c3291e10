/* SPDX-License-Identifier: Apache-2.0 */
/* options.c: from words to numbers. */
#include "options.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crash.h"

static void print_help(void)
{
    printf("usage: creto-sim [options]\n\n"
           "Runs a whole cluster on virtual time, with faults drawn from a seed, and checks that\n"
           "nothing that must hold is broken. docs/testing.md says what is checked.\n\n"
           "  --seed S           the first seed (1)\n"
           "  --count N          that many seeds in a row (1)\n"
           "  --nodes N          nodes in the cluster, %d to %d (4)\n"
           "  --seconds S        virtual seconds of faults (10)\n"
           "  --scenario NAME    which faults:\n",
           CR_SIM_NODES_MIN, CR_SIM_NODES_MAX);
    cr_scenarios_print();
    printf(
        "  --plan-random      the plan comes from the seed (the default)\n"
        "  --replay FILE      execute the plan in this file\n"
        "  --write-plan FILE  write the plan, execute nothing\n"
        "  --shrink [FILE]    when a run fails: the smallest plan that fails in the same way\n"
        "                     (repro.plan)\n"
        "  --record NODE:FILE write the events of a node for creto replay\n"
        "  --plan             print what will go wrong\n"
        "  --skip I,J         leave these entries of the plan out\n"
        "  --trace            one line for every event of a node\n"
        "  --from S           trace only from this virtual second on\n"
        "  --check-every N    walk through all invariants of a core every N steps (128)\n"
        "  --canary A,B       fail on purpose when faults of these kinds overlap\n"
        "  --crash-points [NAME]  a short script again and again, one node dying at each of its\n"
        "                     disk operations in turn; without a name all of them:\n");
    cr_crash_points_print();
    printf("  --cover            print how often every mark was reached; fail if one never was\n"
           "  --shuffles N       decide the DAG again in N random orders, and each log in its own\n"
           "  --json             one line for each seed\n\n"
           "Exit code 0: every run held.\n");
}

enum option_key {
    KEY_SEED = 256,
    KEY_COUNT,
    KEY_NODES,
    KEY_SECONDS,
    KEY_SCENARIO,
    KEY_PLAN_RANDOM,
    KEY_REPLAY,
    KEY_WRITE_PLAN,
    KEY_SHRINK,
    KEY_RECORD,
    KEY_PLAN,
    KEY_SKIP,
    KEY_TRACE,
    KEY_FROM,
    KEY_CHECK_EVERY,
    KEY_CANARY,
    KEY_COVER,
    KEY_SHUFFLES,
    KEY_CRASH_POINTS,
    KEY_JSON,
    KEY_HELP,
};

static const struct option rows[] = {
    {"seed", required_argument, NULL, KEY_SEED},
    {"count", required_argument, NULL, KEY_COUNT},
    {"nodes", required_argument, NULL, KEY_NODES},
    {"seconds", required_argument, NULL, KEY_SECONDS},
    {"scenario", required_argument, NULL, KEY_SCENARIO},
    {"plan-random", no_argument, NULL, KEY_PLAN_RANDOM},
    {"replay", required_argument, NULL, KEY_REPLAY},
    {"write-plan", required_argument, NULL, KEY_WRITE_PLAN},
    {"shrink", optional_argument, NULL, KEY_SHRINK},
    {"record", required_argument, NULL, KEY_RECORD},
    {"plan", no_argument, NULL, KEY_PLAN},
    {"skip", required_argument, NULL, KEY_SKIP},
    {"trace", no_argument, NULL, KEY_TRACE},
    {"from", required_argument, NULL, KEY_FROM},
    {"check-every", required_argument, NULL, KEY_CHECK_EVERY},
    {"canary", required_argument, NULL, KEY_CANARY},
    {"crash-points", optional_argument, NULL, KEY_CRASH_POINTS},
    {"shuffles", required_argument, NULL, KEY_SHUFFLES},
    {"cover", no_argument, NULL, KEY_COVER},
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

static const struct cr_scenario *scenario_of(const char *name)
{
    const struct cr_scenario *scenario = cr_scenario_find(name);
    if (scenario) return scenario;
    fprintf(stderr, "creto-sim: no scenario '%s'\n", name);
    exit(EXIT_FAILURE);
}

/* "partition,crash" */
static uint64_t faults_of(const char *list)
{
    uint64_t faults = 0;
    for (;;) {
        const size_t bytes = strcspn(list, ",");
        const enum cr_fault fault = cr_fault_find(list, bytes);
        if (fault == CR_FAULT_NONE) {
            fprintf(stderr, "creto-sim: no fault '%.*s'\n", (int)bytes, list);
            exit(EXIT_FAILURE);
        }
        faults |= UINT64_C(1) << fault;
        if (list[bytes] == 0) return faults;
        list += bytes + 1;
    }
}

/* The value of an option whose value may be left out: the next word, if it is none of an option. */
static const char *optional_value(int argc, char **argv, const char *otherwise)
{
    if (optarg) return optarg;
    if (optind < argc && argv[optind][0] != '-') return argv[optind++];
    return otherwise;
}

static void read_option(struct cr_sim_arguments *out, int key, int argc, char **argv)
{
    switch (key) {
    case KEY_SEED: out->seed = number_of("seed", 0, UINT64_MAX); return;
    case KEY_COUNT: out->count = number_of("count", 1, UINT32_MAX); return;
    case KEY_NODES:
        out->nodes_count = (uint32_t)number_of("nodes", CR_SIM_NODES_MIN, CR_SIM_NODES_MAX);
        return;
    case KEY_SECONDS: out->seconds = (uint32_t)number_of("seconds", 1, CR_SIM_SECONDS_MAX); return;
    case KEY_SCENARIO: out->scenario = scenario_of(optarg); return;
    case KEY_PLAN_RANDOM: return; /* what happens anyway */
    case KEY_REPLAY: out->replay = optarg; return;
    case KEY_WRITE_PLAN: out->write_plan = optarg; return;
    case KEY_SHRINK: out->shrink = optional_value(argc, argv, "repro.plan"); return;
    case KEY_RECORD: out->record = optarg; return;
    case KEY_PLAN: out->plan = true; return;
    case KEY_SKIP: out->skip = optarg; return;
    case KEY_TRACE: out->run.trace = true; return;
    case KEY_FROM:
        out->run.trace_from_us = number_of("from", 0, CR_SIM_SECONDS_MAX) * 1000000;
        return;
    case KEY_CHECK_EVERY:
        out->run.check_every = (uint32_t)number_of("check-every", 1, UINT32_MAX) - 1;
        return;
    case KEY_CANARY: out->run.canary = faults_of(optarg); return;
    case KEY_CRASH_POINTS:
        out->crash_points = true;
        out->script = optional_value(argc, argv, NULL);
        return;
    case KEY_SHUFFLES: out->run.shuffles = (uint32_t)number_of("shuffles", 1, 100000); return;
    case KEY_COVER: out->cover = true; return;
    case KEY_JSON: out->json = true; return;
    case KEY_HELP: print_help(); exit(EXIT_SUCCESS);
    default: exit(EXIT_FAILURE); /* getopt has said why */
    }
}

void cr_sim_arguments_read(struct cr_sim_arguments *out, int argc, char **argv)
{
    *out = (struct cr_sim_arguments){.seed = 1,
                                     .count = 1,
                                     .nodes_count = 4,
                                     .seconds = 10,
                                     .scenario = scenario_of("swarm"),
                                     .run = {.check_every = 127}};
    int key;
    while ((key = getopt_long(argc, argv, "", rows, NULL)) != -1)
        read_option(out, key, argc, argv);
    if (optind < argc) {
        fprintf(stderr, "creto-sim: what is '%s'?\n", argv[optind]);
        exit(EXIT_FAILURE);
    }
    if (out->seed > UINT64_MAX - out->count) {
        fprintf(stderr, "creto-sim: there are not so many seeds\n");
        exit(EXIT_FAILURE);
    }
}
