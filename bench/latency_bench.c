/* SPDX-License-Identifier: Apache-2.0 */
/* How long does the protocol itself take over a wide network? Ten cores, two in each of five
 * regions, virtual time; signatures, disks and processors cost nothing, so what is left is waiting
 * for messages. Measured: from the proposal of a vertex to its commit, over all vertices and
 * nodes. */
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

static uint64_t delay(struct cluster *c, uint32_t from, uint32_t to)
{
    const uint64_t us = 1000 * (uint64_t)one_way_ms[from % REGIONS][to % REGIONS];
    return us + cr_prng_below(&c->random, us / 10);
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

static void measure(uint32_t crashed)
{
    cluster_init(&cluster, NODES, 1 + crashed);
    cluster.config.round_delay_us = cluster.config.idle_delay_us = 25 * 1000; /* profile wan */
    cluster.config.round_timeout_us = 5 * cluster.config.round_delay_us + 20 * 1000;
    cluster.store_us = 0;
    cluster.check_every = 0;
    cluster.delay = delay;
    cluster.trace = trace;
    samples.count = 0;
    samples.sum = 0;
    for (uint32_t i = 0; i < NODES; i++)
        start_node(&cluster, i, 0);
    run_until(&cluster, SECOND);
    for (uint32_t i = 0; i < crashed; i++)
        stop_node(&cluster, 3 * i); /* of different regions */
    run_until(&cluster, SECONDS_BEFORE * SECOND);
    const uint32_t commits = cluster.nodes[NODES - 1].commits;
    run_until(&cluster, (SECONDS_BEFORE + SECONDS_MEASURED) * SECOND);
    const double round_ms =
        SECONDS_MEASURED * 1000.0 / (cluster.nodes[NODES - 1].commits - commits);
    qsort(samples.us, samples.count, sizeof samples.us[0], by_value);
    printf("{\"bench\": \"latency_wan_n10_crashed%u\", \"unit\": \"ms\", \"mean\": %.1f, "
           "\"median\": %.1f, \"p99\": %.1f, \"round\": %.1f, \"samples\": %u}\n",
           crashed, samples.sum / samples.count / 1e3, samples.us[samples.count / 2] / 1e3,
           samples.us[samples.count / 100 * 99] / 1e3, round_ms, samples.count);
    cluster_free(&cluster);
}

int main(void)
{
    samples.us = malloc(SAMPLES_MAX * sizeof samples.us[0]);
    measure(0);
    measure(1);
    measure(3);
    free(samples.us);
    return 0;
}
