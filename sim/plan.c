/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c: from a seed to a plan. */
#include "plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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

enum { NEVER_MS = 1000000 }; /* longer than any entry lasts */

_Static_assert(CR_FAULTS_END < 64, "a set of kinds is one word");

#define BIT(kind) (UINT64_C(1) << CR_FAULT_##kind)
#define ALL       (((UINT64_C(1) << CR_FAULTS_END) - 2) & ~(BIT(SLEEP) | BIT(DOUBLE)))
#define SPLITS    (BIT(BRIDGE) | BIT(RING) | BIT(FLAP))
#define CUTS      (BIT(PARTITION) | BIT(ISOLATE) | BIT(ONE_WAY) | SPLITS)
#define NOISE                                                                             \
    (BIT(LOSS) | BIT(DUPLICATE) | BIT(REORDER) | BIT(CORRUPT) | BIT(DELAY) | BIT(RESET) | \
     BIT(LINK) | BIT(BANDWIDTH) | BIT(STALL))
#define DISKS          (BIT(SYNC_ERROR) | BIT(FULL) | BIT(ROT) | BIT(BACKUP) | BIT(CRASH_AT))
#define CLOCKS         (BIT(CLOCK) | BIT(RATE) | BIT(WALL))
#define DEATHS         (BIT(CRASH) | BIT(WIPE) | BIT(POWER) | BIT(FORGET))
#define MEMORY         (BIT(FORGET) | BIT(ROLLBACK) | BIT(WIPE) | BIT(BACKUP))
#define STALLS         (BIT(PAUSE) | BIT(DISK))
#define LIE(kind, ...) | BIT(kind)
#define LIES           (UINT64_C(0) CR_LIES(LIE))
#define COPIES         (BIT(EQUIVOCATE) | BIT(LATE_COPY) | BIT(WITHHOLD) | BIT(ONE_LISTENER))
#define SERVERS        (BIT(LIE_RANGE) | BIT(LIE_STATUS) | BIT(ISOLATE) | BIT(PAUSE) | BIT(CRASH))
#define FLOODS \
    (BIT(FLOOD) | BIT(FORGE) | BIT(GARBAGE) | BIT(BAD_SIGNATURE) | BIT(FALSE_EVIDENCE) | BIT(JUNK))

#define TWINS (BIT(TWIN) | BIT(OLD_TWIN))

static const struct cr_scenario scenarios[] = {
    {"swarm", "a random half of all kinds of faults (the default)", ALL, true, false, false,
     CR_EXPECT_HELD},
    {"calm", "no faults", 0, false, true, false, CR_EXPECT_HELD},
    {"storm", "all kinds of faults in every seed", ALL, false, false, false, CR_EXPECT_HELD},
    {"cuts", "partitions of every form", CUTS, false, false, false, CR_EXPECT_HELD},
    {"noise", "loss, duplicates, reordering, corruption, resets, delay", NOISE, false, false, false,
     CR_EXPECT_HELD},
    {"deaths", "killed processes, lost power, lost data", DEATHS, false, false, false,
     CR_EXPECT_HELD},
    {"amnesia", "a node that loses its guard, in a network that splits and dies",
     MEMORY | BIT(ONE_WAY) | BIT(ISOLATE) | BIT(CRASH) | BIT(POWER) | BIT(DELAY), false, false,
     false, CR_EXPECT_HELD},
    {"slow", "leaders that are slow or dead for a while", BIT(DELAY) | BIT(LINK) | BIT(CRASH),
     false, false, false, CR_EXPECT_HELD},
    {"stalls", "nodes and disks that stand still", STALLS, false, false, false, CR_EXPECT_HELD},
    {"disks", "disks that fail, fill up, rot, go back in time, with killed processes",
     DISKS | DEATHS | BIT(DISK), false, false, false, CR_EXPECT_HELD},
    {"clocks", "clocks that jump, race, stand, with killed processes", CLOCKS | DEATHS, false,
     false, false, CR_EXPECT_HELD},
    {"sleeps", "nodes that stand still for minutes (with --seconds 200)", BIT(SLEEP) | BIT(CRASH),
     false, false, false, CR_EXPECT_HELD},
    {"byz", "a random half of all lies", LIES, true, false, false, CR_EXPECT_HELD},
    {"copies", "equivocation in every form", COPIES, false, false, false, CR_EXPECT_HELD},
    {"doubles", "a correct node is started a second time, by mistake",
     BIT(DOUBLE) | BIT(REORDER) | BIT(STALL) | BIT(DUPLICATE), false, false, false, CR_EXPECT_HELD},
    {"twins", "several processes with one key", TWINS | BIT(SPLIT), false, false, false,
     CR_EXPECT_HELD},
    {"floods", "nonsense in every form", FLOODS, false, false, false, CR_EXPECT_HELD},
    {"servers", "who falls behind is lied to when it catches up", SERVERS, false, false, false,
     CR_EXPECT_HELD},
    {"changes", "the operator changes the validators, and one of them lies",
     LIES | BIT(CRASH) | BIT(ISOLATE) | BIT(DELAY) | BIT(POWER), true, false, true, CR_EXPECT_HELD},
    {"broken", "more than F stake lies: no fork may go unnoticed",
     COPIES | TWINS | BIT(MUTE) | BIT(SPLIT) | BIT(LIE_DIGEST), true, false, false,
     CR_EXPECT_NOTICED},
    {"fork", "more than F stake runs twice and makes a fork: it must be noticed", 0, false, false,
     false, CR_EXPECT_FORK},
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

bool cr_fault_is_lie(enum cr_fault fault)
{
    return (LIES >> fault) & 1;
}

static const char *const expectations[] = {[CR_EXPECT_HELD] = "held",
                                           [CR_EXPECT_NOTICED] = "noticed",
                                           [CR_EXPECT_FORK] = "fork",
                                           [CR_EXPECT_HALT] = "halt"};

const char *cr_expect_name(enum cr_expect expect)
{
    return expectations[expect];
}

bool cr_expect_find(const char *name, enum cr_expect *out)
{
    for (uint32_t i = 0; i < CR_COUNT_OF(expectations); i++) {
        if (strcmp(expectations[i], name) != 0) continue;
        *out = (enum cr_expect)i;
        return true;
    }
    return false;
}

const char *cr_fault_name(enum cr_fault fault)
{
    return rows[fault].name;
}

enum cr_fault cr_fault_find(const char *name, size_t name_bytes)
{
    for (uint32_t kind = 1; kind < CR_FAULTS_END; kind++) {
        if (strlen(rows[kind].name) == name_bytes && memcmp(rows[kind].name, name, name_bytes) == 0)
            return (enum cr_fault)kind;
    }
    return CR_FAULT_NONE;
}

/* In most seeds nobody lies; a scenario of lies alone, or of chosen ones, has liars in each. */
static uint32_t draw_liars(const struct cr_plan *plan)
{
    struct cr_prng prng = cr_prng_stream(plan->seed, CR_PURPOSE_SETUP, 2);
    const uint64_t faults = plan->scenario->faults;
    const bool meant =
        (faults & ~(LIES | BIT(SPLIT))) == 0 || (faults & LIES) != LIES || plan->scenario->operated;
    const bool lies = cr_prng_below(&prng, 3) == 0 || meant;
    if ((faults & LIES) == 0 || !lies) return 0;
    uint32_t most = (plan->nodes_count - 1) / 3;
    const bool broken = plan->scenario->expect != CR_EXPECT_HELD;
    if (broken) most = plan->nodes_count / 2;
    uint32_t count = broken ? most : between(&prng, 1, most);
    uint32_t liars = 0;
    while (count > 0) {
        const uint32_t bit = 1u << cr_prng_below(&prng, plan->nodes_count);
        if (!(liars & bit)) count--;
        liars |= bit;
    }
    return liars;
}

/* Half of the seeds have epochs, so short that crashes and partitions meet their ends. */
static void draw_epochs(struct cr_plan *plan)
{
    struct cr_prng prng = cr_prng_stream(plan->seed, CR_PURPOSE_SETUP, 3);
    const uint64_t kind = cr_prng_below(&prng, plan->scenario->operated ? 3 : 6);
    const uint32_t rounds = 3 + (uint32_t)cr_prng_below(&prng, 60);
    const uint32_t ms = 200 + (uint32_t)cr_prng_below(&prng, 4000);
    if (kind <= 1) plan->setup.epoch_rounds = rounds;
    if (kind >= 1 && kind <= 2) plan->setup.epoch_ms = ms;
}

static void draw_setup(struct cr_plan *plan)
{
    static const uint32_t gc_depths[] = {8, 12, 16, 32, 64};
    static const uint32_t round_delays_us[] = {5000, 10000, 20000, 50000};
    struct cr_prng prng = cr_prng_stream(plan->seed, CR_PURPOSE_SETUP, 0);
    struct cr_sim_setup *setup = &plan->setup;
    setup->network_kind = (uint32_t)cr_prng_below(&prng, 4);
    const bool wide = setup->network_kind >= 2;
    setup->round_timeout_us = wide ? 250000 : 50000;
    setup->txs_count = 20 + (uint32_t)cr_prng_below(&prng, 200);
    setup->equal_stakes = cr_prng_next(&prng) & 1;
    setup->gc_depth = gc_depths[cr_prng_below(&prng, CR_COUNT_OF(gc_depths))];
    setup->round_delay_us = round_delays_us[cr_prng_below(&prng, CR_COUNT_OF(round_delays_us))];
    setup->idle_delay_us = setup->round_delay_us * (1 + (uint32_t)cr_prng_below(&prng, 4));
    setup->checkpoint_commits = 1 + (uint32_t)cr_prng_below(&prng, 32);
    setup->payload_bytes_max = 16384u << cr_prng_below(&prng, 4);
    setup->liars = draw_liars(plan);
    if (cr_prng_below(&prng, 3) > 0) return;
    /* Small, with room for some rounds without a commit: a liar whose slots stay undecided, and who
     * happens to be first in the order of every third round, keeps everybody waiting. */
    uint32_t window = 64;
    while (setup->gc_depth + 24 > window)
        window *= 2;
    setup->round_window = window;
}

/* The draw-th liar, counted round and round. */
static uint32_t nth_liar(uint32_t liars, uint32_t draw)
{
    for (uint32_t skip = draw % (uint32_t)__builtin_popcount(liars); skip > 0; skip--)
        liars &= liars - 1;
    return (uint32_t)__builtin_ctz(liars);
}

/* Draws everything an entry of any kind may need, so that every entry costs the same draws. */
static struct cr_plan_entry draw(const struct cr_plan *plan, enum cr_fault fault,
                                 struct cr_prng *prng)
{
    const struct fault_row *row = &rows[fault];
    const uint32_t everyone = (1u << plan->nodes_count) - 1;
    const uint64_t until_us = plan->faults_until_us;
    struct cr_plan_entry entry = {.number = plan->entries_count, .fault = fault};
    entry.from_us = cr_prng_below(prng, until_us);
    entry.to_us = entry.from_us + (uint64_t)between(prng, row->ms_min, row->ms_max) * 1000;
    if (entry.to_us > until_us) entry.to_us = until_us;
    entry.node = (uint32_t)cr_prng_below(prng, plan->nodes_count);
    entry.group = 1u + (uint32_t)cr_prng_below(prng, everyone - 1);
    entry.value = between(prng, row->value_min, row->value_max);
    if (cr_fault_is_lie(fault)) entry.node = nth_liar(plan->setup.liars, entry.node);
    return entry;
}

bool cr_fault_forgets(enum cr_fault fault)
{
    return fault == CR_FAULT_WIPE || fault == CR_FAULT_ROT || fault == CR_FAULT_BACKUP ||
           fault == CR_FAULT_FORGET || fault == CR_FAULT_ROLLBACK;
}

/* How many nodes may forget, beside liars: F in all, by stake. */
static uint32_t forgetters_max(const struct cr_plan *plan)
{
    const uint32_t liars = (uint32_t)__builtin_popcount(plan->setup.liars);
    /* Where the operator changes the stakes, one is never more than F of them, two may be. */
    if (!plan->setup.equal_stakes || plan->setup.changes > 0) return liars == 0 ? 1 : 0;
    const uint32_t faulty = (plan->nodes_count - 1) / 3;
    return faulty > liars ? faulty - liars : 0;
}

/* One that has forgotten may have signed a round that nobody will ever show again, which is as bad
 * as a lie: together they are F at most. Where liars are F it is a liar that forgets. */
static void let_few_forget(struct cr_plan *plan)
{
    const uint32_t most = forgetters_max(plan);
    uint32_t chosen = 0;
    uint32_t last = 0; /* of them */
    for (uint32_t i = 0; i < plan->entries_count; i++) {
        struct cr_plan_entry *entry = &plan->entries[i];
        if (!cr_fault_forgets(entry->fault)) continue;
        const bool is_free = !(plan->setup.liars >> entry->node & 1);
        const bool room = (uint32_t)__builtin_popcount(chosen) < most;
        if (most == 0 && plan->setup.liars != 0)
            entry->node = (uint32_t)__builtin_ctz(plan->setup.liars);
        else if (chosen >> entry->node & 1 || (is_free && room))
            last = entry->node;
        else if (is_free)
            entry->node = last;
        if (is_free && most > 0) chosen |= 1u << entry->node;
    }
}

static void add(struct cr_plan *plan, enum cr_fault fault, uint32_t node, uint32_t group,
                uint64_t from_us, uint64_t to_us)
{
    CR_ASSERT(plan->entries_count < CR_PLAN_ENTRIES_MAX);
    plan->entries[plan->entries_count] = (struct cr_plan_entry){.number = plan->entries_count,
                                                                .fault = fault,
                                                                .from_us = from_us,
                                                                .to_us = to_us,
                                                                .node = node,
                                                                .group = group,
                                                                .value = NEVER_MS};
    plan->entries_count++;
}

/* The least that makes a fork certain: F + 1 liars, all of them twice; the others are in two halves
 * that hear nothing of each other, each with a quorum of its own. Then the halves meet. */
static void make_fork(struct cr_plan *plan)
{
    struct cr_prng prng = cr_prng_stream(plan->seed, CR_PURPOSE_SWARM, 1);
    const uint64_t until_us = plan->faults_until_us;
    const uint64_t from_us = until_us / 20 + cr_prng_below(&prng, until_us / 4);
    const uint64_t to_us = from_us + until_us / 2 + cr_prng_below(&prng, until_us / 8);
    const uint32_t faulty = (plan->nodes_count - 1) / 3;
    uint32_t half = 0, others = 0;
    plan->setup.network_kind %= 2; /* near, so that both get far enough */
    plan->setup.equal_stakes = 1;
    plan->setup.changes = plan->setup.joiner = 0; /* a quorum on each side, to the last node */
    plan->setup.liars = 0;
    while ((uint32_t)__builtin_popcount(plan->setup.liars) < faulty + 1)
        plan->setup.liars |= 1u << cr_prng_below(&prng, plan->nodes_count);
    for (uint32_t i = 0; i < plan->nodes_count; i++) {
        if (!((plan->setup.liars >> i) & 1) && others++ % 2 == 0) half |= 1u << i;
    }
    for (uint32_t i = 0; i < plan->nodes_count; i++) {
        if ((plan->setup.liars >> i) & 1)
            add(plan, CR_FAULT_TWIN, i, half | (plan->setup.liars & ~(1u << i)), from_us, to_us);
    }
    add(plan, CR_FAULT_SPLIT, 0, half, from_us, to_us);
}

/* The operator changes the validators in half of the seeds that have epochs. Liars are F at most in
 * each (cr_byz_is_bounded); where they may be more, what that is does not change. */
static void draw_changes(struct cr_plan *plan)
{
    struct cr_prng prng = cr_prng_stream(plan->seed, CR_PURPOSE_SETUP, 4);
    struct cr_sim_setup *setup = &plan->setup;
    const bool wanted = cr_prng_below(&prng, 2) == 0 || plan->scenario->operated;
    const uint32_t changes = 2 + (uint32_t)cr_prng_below(&prng, 30);
    const bool joiner = cr_prng_below(&prng, 2) == 0;
    if (!wanted || plan->expect != CR_EXPECT_HELD) return;
    if (setup->epoch_rounds == 0 && setup->epoch_ms == 0) return;
    setup->changes = changes;
    setup->joiner = joiner && plan->nodes_count > CR_SIM_NODES_MIN;
}

void cr_plan_make(struct cr_plan *plan, uint64_t seed, uint32_t nodes_count, uint64_t until_us,
                  const struct cr_scenario *scenario)
{
    CR_ASSERT(nodes_count >= CR_SIM_NODES_MIN && nodes_count <= CR_SIM_NODES_MAX);
    *plan = (struct cr_plan){.seed = seed,
                             .scenario = scenario,
                             .nodes_count = nodes_count,
                             .faults_until_us = until_us,
                             .expect = scenario->expect};
    draw_setup(plan);
    draw_epochs(plan);
    draw_changes(plan);
    if (scenario->expect == CR_EXPECT_FORK) {
        make_fork(plan);
        return;
    }
    struct cr_prng coin = cr_prng_stream(seed, CR_PURPOSE_SWARM, 0);
    for (uint32_t kind = 1; kind < CR_FAULTS_END; kind++) {
        const bool heads = cr_prng_next(&coin) & 1;
        if (!(scenario->faults & (UINT64_C(1) << kind)) || (scenario->swarm && !heads)) continue;
        if (cr_fault_is_lie((enum cr_fault)kind) && plan->setup.liars == 0) continue;
        struct cr_prng prng = cr_prng_stream(seed, CR_PURPOSE_FAULTS, kind);
        const uint32_t count = between(&prng, 1, rows[kind].entries_max);
        for (uint32_t i = 0; i < count; i++) {
            CR_ASSERT(plan->entries_count < CR_PLAN_ENTRIES_MAX);
            plan->entries[plan->entries_count] = draw(plan, (enum cr_fault)kind, &prng);
            plan->entries_count++;
        }
    }
    let_few_forget(plan);
}

static void remove_number(struct cr_plan *plan, uint64_t number)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < plan->entries_count; i++) {
        if (plan->entries[i].number != number) plan->entries[kept++] = plan->entries[i];
    }
    plan->entries_count = kept;
}

void cr_plan_skip(struct cr_plan *plan, const char *list)
{
    while (list && *list) {
        char *end;
        const unsigned long number = strtoul(list, &end, 10);
        if (end == list) return;
        remove_number(plan, number);
        list = *end == ',' ? end + 1 : end;
    }
}

void cr_plan_print(const struct cr_plan *plan)
{
    const struct cr_sim_setup *setup = &plan->setup;
    printf("seed 0x%" PRIx64 ": %" PRIu32 " nodes, %s stakes, network %" PRIu32 ", %" PRIu32
           " transactions\n"
           "  gc depth %" PRIu32 ", window %" PRIu32 ", round delay %" PRIu32 " us, idle %" PRIu32
           " us, timeout %" PRIu32 " us, checkpoint every %" PRIu32 " commits\n",
           plan->seed, plan->nodes_count, setup->equal_stakes ? "equal" : "unequal",
           setup->network_kind, setup->txs_count, setup->gc_depth,
           setup->round_window ? setup->round_window : CR_ROUND_WINDOW, setup->round_delay_us,
           setup->idle_delay_us, setup->round_timeout_us, setup->checkpoint_commits);
    printf("  faults until %.3f s\n", (double)plan->faults_until_us / 1e6);
    for (uint32_t i = 0; i < plan->entries_count; i++) {
        const struct cr_plan_entry *entry = &plan->entries[i];
        const struct fault_row *row = &rows[entry->fault];
        printf("  %3" PRIu32 " %-10s %8.3f .. %8.3f s  node %-2" PRIu32 " group %04" PRIx32
               "  %7" PRIu32 " %s\n",
               entry->number, row->name, (double)entry->from_us / 1e6, (double)entry->to_us / 1e6,
               entry->node, entry->group, entry->value, row->text);
    }
}
