/* SPDX-License-Identifier: Apache-2.0 */
/* crash.c: complete where the seeds are random.
 *
 * A node that dies at its j-th write, sync or end of a sync has performed the first j and nothing
 * after them, not even the rest of that step's effects. Each point is tried twice: the process is
 * killed; the machine loses power. The node starts again after CR_SIM_TRAP_DOWN_US, and then
 * everything that a run demands must hold.
 */
#include "crash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    ENTRIES_MAX = 2,
    TRAP_NUMBER = 1000, /* of the plan entry that is added */
    POINTS_MAX = 100000,
};

struct script {
    const char *name;
    const char *text;
    uint32_t ms;
    struct cr_plan_entry entries[ENTRIES_MAX]; /* up to the first without a fault */
    uint32_t liars;                            /* bit mask */
    uint32_t epoch_rounds;                     /* 0: one epoch */
    uint32_t nodes;                            /* 0: four */
    uint32_t changes;                          /* of the validators */
};

#define US(ms)          (UINT64_C(1000) * (ms))
#define AT(from, until) .from_us = US(from), .to_us = US(until)

static const struct script scripts[] = {
    {.name = "start", .text = "a calm start", .ms = 500},
    {.name = "heal",
     .text = "two against two, then together again",
     .ms = 800,
     .entries = {{.fault = CR_FAULT_PARTITION, AT(200, 500), .group = 3}}},
    {.name = "restart",
     .text = "a node is killed, another loses power",
     .ms = 800,
     .entries = {{.fault = CR_FAULT_CRASH, AT(200, 300), .node = 1, .group = 1, .value = 0},
                 {.fault = CR_FAULT_CRASH, AT(400, 500), .node = 2, .group = 1, .value = 1}}},
    {.name = "blackout",
     .text = "all lose power at once",
     .ms = 800,
     .entries = {{.fault = CR_FAULT_POWER, AT(300, 350), .group = 1}}},
    {.name = "catch-up",
     .text = "a node is away for so long that only ranges help",
     .ms = 1200,
     .entries = {{.fault = CR_FAULT_CRASH, AT(100, 900), .node = 3, .group = 1}}},
    {.name = "wipe",
     .text = "a node has to begin with an empty log",
     .ms = 900,
     .entries = {{.fault = CR_FAULT_WIPE, AT(500, 520), .node = 0, .group = 1}}},
    {.name = "backup",
     .text = "a node gets an old log back",
     .ms = 900,
     .entries = {{.fault = CR_FAULT_BACKUP, AT(200, 500), .node = 2, .group = 1}}},
    {.name = "forget",
     .text = "a node has lost log and guard, and asks",
     .ms = 1200,
     .entries = {{.fault = CR_FAULT_FORGET, AT(300, 320), .node = 1, .group = 1}}},
    {.name = "copies",
     .text = "a liar shows half of the others a second copy of each vertex",
     .ms = 900,
     .liars = 1 << 3,
     .entries = {{.fault = CR_FAULT_EQUIVOCATE, AT(300, 500), .node = 3, .group = 3, .value = 1}}},
    {.name = "witness",
     .text = "a liar shows one node alone second copies",
     .ms = 900,
     .liars = 1 << 3,
     .entries = {{.fault = CR_FAULT_LATE_COPY, AT(300, 360), .node = 3, .group = 2, .value = 30}}},
    {.name = "epoch", .text = "epochs end", .ms = 1500, .epoch_rounds = 8},
    {.name = "missed",
     .text = "a node misses the end of an epoch",
     .ms = 1500,
     .epoch_rounds = 8,
     .entries = {{.fault = CR_FAULT_PARTITION, AT(300, 1000), .group = 1 << 2}}},
    {.name = "changes",
     .text = "validators go and come back with the epochs",
     .ms = 900,
     .epoch_rounds = 8,
     .nodes = 5, /* of four, none may go */
     .changes = 6},
};

void cr_crash_points_print(void)
{
    for (size_t i = 0; i < CR_COUNT_OF(scripts); i++)
        printf("  %-9s %s\n", scripts[i].name, scripts[i].text);
}

static void make_plan(struct cr_plan *plan, const struct script *script)
{
    *plan = (struct cr_plan){.seed = 1,
                             .scenario = cr_scenario_find("swarm"),
                             .nodes_count = script->nodes ? script->nodes : CR_SIM_NODES_MIN,
                             .faults_until_us = US(script->ms),
                             .setup = {.network_kind = 1,
                                       .equal_stakes = 1,
                                       .gc_depth = 8,
                                       .round_window = 32,
                                       .round_delay_us = 60000,
                                       .idle_delay_us = 60000,
                                       .round_timeout_us = 50000,
                                       .checkpoint_commits = 4,
                                       .payload_bytes_max = 16384,
                                       .txs_count = 12,
                                       .epoch_rounds = script->epoch_rounds,
                                       .changes = script->changes,
                                       .liars = script->liars}};
    for (uint32_t i = 0; i < ENTRIES_MAX && script->entries[i].fault != CR_FAULT_NONE; i++) {
        plan->entries[i] = script->entries[i];
        plan->entries[i].number = i;
        plan->entries_count++;
    }
}

struct tally {
    uint64_t runs, deaths;
};

/* One death. False: the run failed. `reached` says whether the node got that far. */
static bool die_at(const struct cr_plan *script_plan, uint32_t node, uint32_t point, bool power,
                   const struct cr_sim_options *options, struct tally *tally, bool *reached)
{
    static struct cr_plan plan;
    struct cr_failure failure;
    plan = *script_plan;
    plan.entries[plan.entries_count++] = (struct cr_plan_entry){.number = TRAP_NUMBER,
                                                                .fault = CR_FAULT_CRASH_AT,
                                                                .from_us = 0,
                                                                .to_us = plan.faults_until_us,
                                                                .node = node,
                                                                .group = 1,
                                                                .value = 2 * point + power};
    cr_run_plan(&plan, options, &failure);
    *reached = cr_run_sim()->traps_total > 0;
    tally->runs++;
    tally->deaths += *reached;
    if (!failure.failed) return true;
    fprintf(stderr, "node %" PRIu32 " dies at operation %" PRIu32 " (%s): %s\n", node, point,
            power ? "power lost" : "killed", failure.text);
    if (cr_plan_write(&plan, "repro.plan"))
        fprintf(stderr, "  replay: creto-sim --replay repro.plan\n");
    return false;
}

static bool run_script(const struct script *script, const struct cr_sim_options *options)
{
    static struct cr_plan plan;
    struct tally tally = {0};
    make_plan(&plan, script);
    for (uint32_t node = 0; node < plan.nodes_count; node++) {
        bool reached = true;
        for (uint32_t point = 1; reached && point < POINTS_MAX; point++) {
            bool again;
            if (!die_at(&plan, node, point, false, options, &tally, &reached)) return false;
            if (!die_at(&plan, node, point, true, options, &tally, &again)) return false;
        }
    }
    printf("%-9s %6" PRIu64 " deaths in %6" PRIu64 " runs: %s\n", script->name, tally.deaths,
           tally.runs, script->text);
    return tally.deaths > 0;
}

bool cr_crash_points(const char *name, const struct cr_sim_options *options)
{
    bool found = false;
    for (size_t i = 0; i < CR_COUNT_OF(scripts); i++) {
        if (name && strcmp(scripts[i].name, name) != 0) continue;
        found = true;
        if (!run_script(&scripts[i], options)) return false;
    }
    if (!found) fprintf(stderr, "creto-sim: no script '%s'\n", name);
    return found;
}
