/* SPDX-License-Identifier: Apache-2.0 */
/* reorder.c: the same DAG, again and in other orders. */
#include "reorder.h"

#include <inttypes.h>
#include <stdlib.h>

struct arrival {
    struct cr_body *body; /* in the log of a node, which outlives this */
    uint64_t key;         /* arrives in ascending key */
};

struct pile {
    struct arrival *arrivals;
    uint32_t count, count_max;
    struct cr_map known;
};

static void add_log(struct pile *pile, const struct cr_disk *disk)
{
    for (uint32_t i = 0; i < disk->count; i++) {
        const struct cr_disk_record *record = &disk->records[i];
        if (record->kind != CR_RECORD_VERTEX) continue;
        if (cr_map_find(&pile->known, &record->body->digest) != CR_MAP_NONE) continue;
        cr_map_put(&pile->known, &record->body->digest, 1);
        pile->arrivals = cr_run_grow(pile->arrivals, &pile->count_max, pile->count + 1,
                                     sizeof pile->arrivals[0]);
        pile->arrivals[pile->count] = (struct arrival){.body = record->body, .key = pile->count};
        pile->count++;
    }
}

static int by_key(const void *a, const void *b)
{
    const struct arrival *left = a, *right = b;
    return left->key < right->key ? -1 : left->key > right->key;
}

/* Nobody's vertex comes earlier than the rounds that a node holds allow; else it would only be
 * refused and sent again. */
static void shuffle(struct pile *pile, struct cr_prng *prng)
{
    const uint64_t spread = UINT64_C(16) << cr_prng_below(prng, 5);
    for (uint32_t i = 0; i < pile->count; i++) {
        struct arrival *arrival = &pile->arrivals[i];
        const uint64_t place = arrival->body->round * UINT64_C(16);
        arrival->key = (place + cr_prng_below(prng, spread)) << 32 | i;
    }
    if (pile->count > 0) qsort(pile->arrivals, pile->count, sizeof pile->arrivals[0], by_key);
}

/* ---- a core that only listens ---- */

struct listener {
    struct cr_sim *sim;
    struct cr_core_config config;
    struct cr_core *core;
    struct cr_effects effects;
    uint64_t commit_index;
};

static void hear(struct listener *listener, struct cr_event *event)
{
    const struct cr_check *check = &listener->sim->check;
    event->now_us = 1;
    event->wall_ms = CR_SIM_EPOCH_MS * 2; /* nothing comes from the future */
    cr_core_step(listener->core, event, &listener->effects);
    for (uint32_t i = 0; i < listener->effects.count; i++) {
        const struct cr_effect *effect = &listener->effects.items[i];
        if (effect->kind == CR_EFFECT_HALT)
            cr_run_fail("REORDER: a core halts: %s", effect->reason);
        if (effect->kind != CR_EFFECT_COMMIT) continue;
        const uint64_t index = ++listener->commit_index;
        if (effect->commit.record.index != index) {
            cr_run_fail("REORDER: commit %" PRIu64 " comes as the %" PRIu64 "th",
                        effect->commit.record.index, index);
        }
        if (index >= check->commits_count || !check->commits[index].committed) continue;
        if (!cr_hash_equal(&check->commits[index].digest, &effect->commit.digest))
            cr_run_fail("REORDER: commit %" PRIu64 " differs when vertices come in another order",
                        index);
    }
}

static void begin(struct listener *listener, const struct cr_host *host, uint64_t table_key,
                  void *memory)
{
    struct cr_arena arena;
    cr_arena_init(&arena, memory, host->memory_bytes);
    *listener = (struct listener){.sim = host->sim, .config = host->config};
    listener->effects = host->effects; /* its own core makes no more steps */
    listener->config.table_key = table_key;
    listener->commit_index = host->config.epoch.index; /* vertices of earlier epochs are refused */
    listener->core = cr_core_init(&arena, &listener->config);
    hear(listener, &(struct cr_event){.kind = CR_EVENT_START});
}

/* Ourselves, or anybody when we have no seat. */
static uint32_t source_of(const struct listener *listener)
{
    const uint32_t self = listener->config.self;
    return self < listener->config.committee->validators_count ? self : 0;
}

/* False: it cannot be taken yet. */
static bool offer(struct listener *listener, const struct cr_body *body, uint32_t handle)
{
    static struct cr_vertex vertex;
    cr_body_decode(body, &vertex);
    const enum cr_verdict verdict =
        cr_core_admit(listener->core, source_of(listener), &vertex.header, &vertex.digest);
    if (verdict == CR_VERDICT_FAR || verdict == CR_VERDICT_CROWDED) return false;
    if (verdict != CR_VERDICT_OK) return true; /* it has it, or it is past needing it */
    hear(listener,
         &(struct cr_event){
             .kind = CR_EVENT_VERTEX,
             .peer = source_of(listener),
             .vertex = {.header = &vertex.header, .digest = vertex.digest, .body = handle}});
    return true;
}

/* Offers everything again and again, as long as something is taken. */
static void listen(struct listener *listener, const struct pile *pile)
{
    static bool taken[1 << 20];
    CR_ASSERT(pile->count <= CR_COUNT_OF(taken));
    for (uint32_t i = 0; i < pile->count; i++)
        taken[i] = false;
    uint32_t first = 0;
    for (bool more = true; more;) {
        uint32_t refused = 0; /* in a row: the rest of the pile is no nearer */
        more = false;
        while (first < pile->count && taken[first])
            first++;
        for (uint32_t i = first; i < pile->count && refused < 2000; i++) {
            if (taken[i]) continue;
            taken[i] = offer(listener, pile->arrivals[i].body, i + 1);
            refused = taken[i] ? 0 : refused + 1;
            more = more || taken[i];
        }
    }
}

/* Where nobody lies or forgets, all that was decided can be decided from the logs. */
static bool is_complete(const struct cr_sim *sim)
{
    for (uint32_t i = 0; i < sim->plan.entries_count; i++) {
        if (cr_fault_forgets(sim->plan.entries[i].fault)) return false;
    }
    return sim->liars == 0;
}

void cr_reorder_check(struct cr_sim *sim, uint32_t shuffles)
{
    struct pile all = {0};
    struct listener listener;
    struct cr_prng prng = cr_prng_stream(sim->seed, CR_PURPOSE_REORDER, 0);
    void *memory = cr_run_take_aligned(sim->hosts[0].memory_bytes);
    for (uint32_t i = 0; i < sim->nodes_count; i++) {
        struct pile log = {0};
        if (cr_byz_is_liar(sim, i)) continue;
        add_log(&log, &sim->hosts[i].disk);
        begin(&listener, &sim->hosts[i], cr_prng_next(&prng), memory);
        listen(&listener, &log);
        add_log(&all, &sim->hosts[i].disk);
        cr_map_clear(&log.known);
        cr_run_give(log.arrivals);
    }
    for (uint32_t i = 0; i < shuffles; i++) {
        const struct cr_host *host = &sim->hosts[cr_prng_below(&prng, sim->nodes_count)];
        begin(&listener, host, cr_prng_next(&prng), memory);
        shuffle(&all, &prng);
        listen(&listener, &all);
        if (listener.commit_index + 1 >= sim->check.commits_count || !is_complete(sim)) continue;
        cr_run_fail("REORDER: %" PRIu64 " commits from the whole DAG, but there are %" PRIu32,
                    listener.commit_index, sim->check.commits_count - 1);
    }
}
