/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c: from a seed to a list of faults. */
#include "plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct fault_row {
    const char *name;
    uint32_t entries_max;
    uint32_t ms_min, ms_max;
    uint32_t value_min, value_max;
    const char *text;
};

#define FAULT_ROW(kind, label, entries, least, most, value_least, value_most, what) \
    [CR_FAULT_##kind] = {label, entries, least, most, value_least, value_most, what},
static const struct fault_row rows[CR_FAULTS_END] = {CR_FAULTS(FAULT_ROW)};

enum {
    ALL = (1 << CR_FAULTS_END) - 2,
    CUTS = 1 << CR_FAULT_PARTITION | 1 << CR_FAULT_ISOLATE | 1 << CR_FAULT_ONE_WAY,
    NOISE = 1 << CR_FAULT_LOSS | 1 << CR_FAULT_DUPLICATE | 1 << CR_FAULT_REORDER |
            1 << CR_FAULT_CORRUPT | 1 << CR_FAULT_DELAY | 1 << CR_FAULT_RESET | 1 << CR_FAULT_LINK,
    DEATHS = 1 << CR_FAULT_CRASH | 1 << CR_FAULT_WIPE | 1 << CR_FAULT_POWER,
    STALLS = 1 << CR_FAULT_PAUSE | 1 << CR_FAULT_DISK,
};

static const struct cr_scenario scenarios[] = {
    {"swarm", "a random half of all kinds of faults (the default)", ALL, true, false},
    {"calm", "no faults", 0, false, true},
    {"storm", "all kinds of faults in every seed", ALL, false, false},
    {"cuts", "partitions of every form", CUTS, false, false},
    {"noise", "loss, duplicates, reordering, corruption, resets, delay", NOISE, false, false},
    {"deaths", "killed processes, lost power, lost data", DEATHS, false, false},
    {"stalls", "nodes and disks that stand still", STALLS, false, false},
    {"clocks", "wall clocks that jump, with killed processes", 1 << CR_FAULT_CLOCK | DEATHS, false,
     false},
};

const struct cr_scenario *cr_scenario_find(const char *name)
{
    for (size_t i = 0; i < CR_COUNT_OF(scenarios); i++) {
        if (strcmp(scenarios[i].name, name) == 0) return &scenarios[i];
    }
    return NULL;
}

void cr_scenarios_print(void)
{
    for (size_t i = 0; i < CR_COUNT_OF(scenarios); i++)
        printf("  %-8s %s\n", scenarios[i].name, scenarios[i].text);
}

static uint32_t between(struct cr_prng *prng, uint32_t least, uint32_t most)
{
    return least + (uint32_t)cr_prng_below(prng, (uint64_t)most - least + 1);
}

/* Draws everything an entry of any kind may need, so that every entry costs the same draws. */
static struct cr_plan_entry draw(const struct cr_plan *plan, enum cr_fault fault,
                                 struct cr_prng *prng)
{
    const struct fault_row *row = &rows[fault];
    const uint32_t everyone = (1u << plan->nodes_count) - 1;
    const uint64_t until_us = plan->faults_until_us;
    struct cr_plan_entry entry = {.fault = fault};
    entry.from_us = cr_prng_below(prng, until_us);
    entry.to_us = entry.from_us + (uint64_t)between(prng, row->ms_min, row->ms_max) * 1000;
    if (entry.to_us > until_us) entry.to_us = until_us;
    entry.node = (uint32_t)cr_prng_below(prng, plan->nodes_count);
    entry.group = 1u + (uint32_t)cr_prng_below(prng, everyone - 1);
    entry.value = between(prng, row->value_min, row->value_max);
    return entry;
}

void cr_plan_make(struct cr_plan *plan, uint64_t seed, uint32_t nodes_count, uint64_t until_us,
                  uint32_t faults, bool swarm)
{
    CR_ASSERT(nodes_count >= 2 && nodes_count <= CR_SIM_NODES_MAX);
    *plan = (struct cr_plan){.nodes_count = nodes_count, .faults_until_us = until_us};
    struct cr_prng coin = cr_prng_stream(seed, CR_PURPOSE_SWARM, 0);
    for (uint32_t kind = 1; kind < CR_FAULTS_END; kind++) {
        const bool heads = cr_prng_next(&coin) & 1;
        if (!(faults & (1u << kind)) || (swarm && !heads)) continue;
        struct cr_prng prng = cr_prng_stream(seed, CR_PURPOSE_FAULTS, kind);
        const uint32_t count = between(&prng, 1, rows[kind].entries_max);
        for (uint32_t i = 0; i < count; i++) {
            CR_ASSERT(plan->entries_count < CR_PLAN_ENTRIES_MAX);
            plan->entries[plan->entries_count++] = draw(plan, (enum cr_fault)kind, &prng);
        }
    }
}

void cr_plan_print(const struct cr_plan *plan)
{
    printf("  faults until %.3f s\n", (double)plan->faults_until_us / 1e6);
    for (uint32_t i = 0; i < plan->entries_count; i++) {
        const struct cr_plan_entry *entry = &plan->entries[i];
        const struct fault_row *row = &rows[entry->fault];
        printf("  %3" PRIu32 "%s %-10s %8.3f .. %8.3f s  node %-2" PRIu32 " group %04" PRIx32
               "  %7" PRIu32 " %s\n",
               i, entry->skipped ? "-" : " ", row->name, (double)entry->from_us / 1e6,
               (double)entry->to_us / 1e6, entry->node, entry->group, entry->value, row->text);
    }
}
