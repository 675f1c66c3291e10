/* SPDX-License-Identifier: Apache-2.0 */
/* Two questions about waiting over a network.
 *
 * How long does the protocol itself take over a wide network? Ten cores, two in each of five
 * regions, virtual time; signatures, disks and processors cost nothing, so what is left is waiting
 * for messages. Measured: from the proposal of a vertex to its commit, over all vertices and
 * nodes.
 *
 * How long does a leader that dies, or comes 150 ms late from now on, slow down the others?
 * Measured: until it is suspended everywhere, commits until then, and until it leads again once it
 * is well. */
#include <stdio.h>

#include "core/cluster.h"

enum {
    NODES = 10,
    REGIONS = 5,
    SECONDS_BEFORE = 20, /* who crashed has been excluded for long */
    SECONDS_MEASURED = 60,
    SAMPLES_MAX = 4 * 1000 * 1000,
};

#define SECOND UINT64_C(1000000)

/* One way, in ms; the last 10 % are jitter (evenly spread). */
static const uint32_t one_way_ms[REGIONS][REGIONS] = {
    {1, 38, 32, 78, 108}, {38, 1, 64, 105, 87}, {32, 64, 1, 50, 83},
    {78, 105, 50, 1, 35}, {108, 87, 83, 35, 1},
};

static struct cluster cluster;
static struct samples {
    uint32_t *us;
    uint32_t count;
    double sum;
} samples;

static bool wide;
static uint32_t slow; /* NODES: nobody */

static uint64_t delay(struct cluster *c, uint32_t from, uint32_t to, const struct mail *mail)
{
    (void)mail;
    const uint64_t us =
        wide ? 1000 * (uint64_t)one_way_ms[from % REGIONS][to % REGIONS] : c->delay_us_min;
    const bool stream = c->delay_us_min == c->delay_us_max; /* what must keep its order */
    return us + (stream ? 0 : cr_prng_below(&c->random, us / 10)) + (from == slow ? 150000 : 0);
}

static void trace(const struct cluster *c, uint32_t node, const struct cr_effect *effect)
{
    (void)node;
    if (effect->kind != CR_EFFECT_COMMIT || c->now_us < SECONDS_BEFORE * SECOND) return;
    for (uint32_t i = 0; i < effect->commit.record.vertices_count; i++) {
        CR_ASSERT(samples.count < SAMPLES_MAX);
        const uint64_t us = c->now_us - c->vertices[effect->commit.bodies[i]].sealed_us;
        samples.us[samples.count++] = (uint32_t)us;
        samples.sum += (double)us;
    }
}

static int by_value(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Ten nodes with the profile `wan` or `lan`. */
static void start(uint64_t seed, bool wan)
{
    cluster_init(&cluster, NODES, seed);
    cluster.config.round_delay_us = cluster.config.idle_delay_us = (wan ? 25 : 4) * 1000;
    cluster.config.round_timeout_us = 2 * cluster.config.round_delay_us + 30 * 1000;
    cluster.config.score_window = wan ? 100 : 20;
    cluster.store_us = 0;
    cluster.check_every = 0;
    cluster.delay = delay;
    wide = wan;
    slow = NODES;
    for (uint32_t i = 0; i < NODES; i++)
        start_node(&cluster, i, 0);
}

static void measure(uint32_t crashed)
{
    start(1 + crashed, true);
    cluster.trace = trace;
    samples.count = 0;
    samples.sum = 0;
    run_until(&cluster, SECOND);
    for (uint32_t i = 0; i < crashed; i++)
        stop_node(&cluster, 3 * i); /* of different regions */
    run_until(&cluster, SECONDS_BEFORE * SECOND);
    const uint32_t commits = cluster.nodes[NODES - 1].commits;
    run_until(&cluster, (SECONDS_BEFORE + SECONDS_MEASURED) * SECOND);
    const uint32_t *us = samples.us;
    const double round_ms = SECONDS_MEASURED * 1e3 / (cluster.nodes[NODES - 1].commits - commits);
    qsort(samples.us, samples.count, sizeof samples.us[0], by_value);
    printf("{\"bench\": \"latency_wan_n10_crashed%u\", \"unit\": \"ms\", \"mean\": %.1f, "
           "\"median\": %.1f, \"p99\": %.1f, \"round\": %.1f, \"samples\": %u}\n",
           crashed, samples.sum / samples.count / 1e3, us[(size_t)(samples.count * 0.5)] / 1e3,
           us[(size_t)(samples.count * 0.99)] / 1e3, round_ms, samples.count);
    cluster_free(&cluster);
}

/* Runs until all others have `leader` suspended, or none has; -1: not within two minutes. */
static double until_suspended(uint32_t leader, bool suspended)
{
    const uint64_t from_us = cluster.now_us;
    while (cluster.now_us < from_us + 120 * SECOND) {
        uint32_t differ = 0;
        run_until(&cluster, cluster.now_us + 1000);
        for (uint32_t i = 0; i < NODES; i++) {
            struct cr_core_stats stats;
            if (i == leader) continue;
            cr_core_stats(cluster.nodes[i].core, &stats);
            differ += cr_authors_has(&stats.suspended_leaders, leader) != suspended;
        }
        if (differ == 0) return (double)(cluster.now_us - from_us) / 1e3;
    }
    return -1;
}

static void measure_exclusion(bool wan, bool dies)
{
    const uint32_t leader = 3;
    start(7, wan);
    run_until(&cluster, 5 * SECOND);
    const uint32_t before = cluster.nodes[0].commits;
    if (dies)
        stop_node(&cluster, leader);
    else
        slow = leader;
    const double out_ms = until_suspended(leader, true);
    const uint32_t commits = cluster.nodes[0].commits - before;
    run_until(&cluster, cluster.now_us + 5 * SECOND);
    if (dies)
        start_node(&cluster, leader, 0);
    else
        slow = NODES;
    const double back_ms = until_suspended(leader, false);
    printf("{\"bench\": \"leader_%s_%s\", \"unit\": \"ms\", \"until_suspended\": %.0f, "
           "\"commits\": %u, \"until_back\": %.0f}\n",
           dies ? "dies" : "slow", wan ? "wan" : "lan", out_ms, commits, back_ms);
    cluster_free(&cluster);
}

int main(void)
{
    samples.us = malloc(SAMPLES_MAX * sizeof samples.us[0]);
    measure(0);
    measure(1);
    measure(3);
    free(samples.us);
    for (uint32_t wan = 0; wan < 2; wan++) {
        measure_exclusion(wan, true);
        measure_exclusion(wan, false);
    }
    return 0;
}
