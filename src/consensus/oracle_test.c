/* SPDX-License-Identifier: Apache-2.0 */
/* The deciders, the chain and the schedule against the definitions: random DAGs with twins, unequal
 * stakes, suspended leaders and a near horizon. CR_SEEDS=100000 makes it a long search. */
#include <stdlib.h>
#include <string.h>

#include "base/unit.h"

#include "consensus/scene.h"

#include "consensus/oracle.h"

static struct scene scene;
static struct oracle oracle;
static struct cr_chain chain;

/* What was committed, as numbers: for each commit round, horizon, time, schedule, leaders,
 * vertices. A longer view of the same DAG must begin with the story of a shorter one. */
struct story {
    uint32_t count;
    uint64_t words[8192];
};

/* What one seed has drawn. */
struct draw {
    uint32_t validators, gc_depth;
    const uint64_t *stakes;
    bool absent[ORACLE_AUTHORS];
    uint8_t present[ORACLE_AUTHORS];
};

static void tell(struct story *story, uint64_t word)
{
    CR_ASSERT(story->count < CR_COUNT_OF(story->words));
    story->words[story->count++] = word;
}

/* ---- the product ---- */

static void prepare(const struct draw *draw)
{
    const uint32_t count = scene.count;
    scene_init(&scene, draw->validators, draw->stakes);
    scene.count = count;
    for (uint32_t a = 0; a < draw->validators; a++) {
        scene.schedule.authors[a].present = draw->present[a];
        if (draw->absent[a]) cr_authors_add(&scene.schedule.absent, a);
    }
    scene.schedule.allowed = cr_authors_without(scene.schedule.allowed, &scene.schedule.absent);
    cr_chain_init(&chain, &scene.committee, draw->gc_depth);
}

static void raise_horizon(void)
{
    while (scene.dag.gc_round < chain.gc_round) {
        const struct cr_dag_round *lowest = cr_dag_round(&scene.dag, scene.dag.gc_round + 1);
        while (lowest->first != 0)
            cr_dag_release(&scene.dag, &scene.dag.pool[lowest->first]);
        cr_dag_raise_horizon(&scene.dag);
    }
    scene_settle(&scene);
}

static void deliver(struct story *story)
{
    static struct cr_ref refs[2 * SCENE_VERTICES_MAX];
    static uint32_t bodies[SCENE_VERTICES_MAX];
    for (;;) {
        const uint32_t round = cr_decider_run(&scene.decider);
        assert_null(scene.decider.conflict);
        if (round == 0) return;
        struct cr_chain_commit made = {
            .refs = refs, .refs_max = (uint32_t)CR_COUNT_OF(refs), .bodies = bodies};
        assert_true(cr_chain_append(&chain, &scene.dag, &scene.decider, round, &made));
        tell(story, round);
        tell(story, made.record.gc_round);
        tell(story, made.record.timestamp_ms);
        tell(story, made.record.schedule);
        for (uint32_t i = 0; i < made.record.leaders_count; i++)
            tell(story, (uint64_t)oracle_named(&oracle, &made.record.leaders[i].digest));
        for (uint32_t i = 0; i < made.record.vertices_count; i++)
            tell(story, bodies[i]);
        cr_decider_deliver(&scene.decider, round);
        cr_schedule_advance(&scene.schedule, &made.in_time);
        raise_horizon();
    }
}

/* ---- the definitions ---- */

static void oracle_prepare(const struct draw *draw)
{
    oracle_read(&oracle, &scene);
    for (uint32_t a = 0; a < draw->validators; a++) {
        oracle.absent[a] = draw->absent[a];
        for (uint32_t i = 0; i < 8; i++)
            oracle.in_time[a][i] = draw->present[a] >> i & 1;
    }
}

static void oracle_deliver(uint32_t gc_depth, struct story *story)
{
    for (;;) {
        oracle_decide(&oracle);
        const int round = oracle_next_round(&oracle);
        if (round == 0) return;
        int order[ORACLE_AUTHORS] = {0}, leaders[ORACLE_AUTHORS], list[SCENE_VERTICES_MAX];
        int count = 0;
        const int allowed = oracle_leaders(&oracle, round, order);
        for (int i = 0; i < allowed; i++) {
            const struct oracle_slot *slot = &oracle.slots[round][order[i]];
            if (slot->decision == CR_DECISION_COMMIT) leaders[count++] = slot->vertex;
        }
        const int listed = oracle_list(&oracle, leaders, count, list);
        oracle.time = oracle_time(&oracle, leaders, count);
        oracle.leader_round = round;
        oracle.gc_round = round > (int)gc_depth ? round - (int)gc_depth : 0;
        tell(story, (uint64_t)round);
        tell(story, (uint64_t)oracle.gc_round);
        tell(story, oracle.time);
        tell(story, oracle.schedule);
        for (int i = 0; i < count; i++)
            tell(story, (uint64_t)leaders[i]);
        for (int i = 0; i < listed; i++)
            tell(story, (uint64_t)list[i]);
        oracle_advance(&oracle, leaders, count);
    }
}

/* Both must have told the same, and agree on what is still open. */
static void agree(const struct story *product, const struct story *definition)
{
    assert_int_equal(product->count, definition->count);
    assert_memory_equal(product->words, definition->words, product->count * sizeof(uint64_t));
    for (int round = oracle.leader_round + 1; round <= (int)scene.dag.highest; round++) {
        const struct cr_leader_round *leaders = &scene.decider.rounds[round];
        int order[ORACLE_AUTHORS] = {0};
        assert_int_equal(leaders->count, oracle_leaders(&oracle, round, order));
        for (uint32_t i = 0; i < leaders->count; i++) {
            const struct oracle_slot *slot = &oracle.slots[round][leaders->order[i]];
            assert_int_equal(leaders->order[i], order[i]);
            assert_int_equal(leaders->slots[i].decision, slot->decision);
            if (slot->decision != CR_DECISION_COMMIT) continue;
            const struct cr_dag_vertex *v = cr_dag_get(&scene.dag, leaders->slots[i].vertex);
            assert_int_equal(v->body, slot->vertex);
        }
    }
}

/* ---- random DAGs ---- */

static const uint64_t seven[] = {2, 1, 3, 2, 2, 1, 2};        /* N 13, F 4 */
static const uint64_t ten[] = {1, 1, 4, 1, 2, 3, 1, 1, 1, 3}; /* N 18, F 5 */

static void draw_suspended(struct draw *draw, struct cr_prng *random)
{
    uint64_t left = scene.committee.total;
    for (uint32_t a = 0; a < draw->validators; a++) {
        draw->present[a] = (uint8_t)cr_prng_below(random, 256);
        if (cr_prng_below(random, 2)) draw->present[a] = draw->present[a] & 1 ? 0xff : 0x80;
        const uint64_t stake = scene.committee.stake[a];
        if (cr_prng_below(random, 5) > 0 || left - stake < scene.committee.quorum) continue;
        draw->absent[a] = true;
        left -= stake;
    }
}

static struct draw draw_dag(struct cr_prng *random)
{
    static const struct draw kinds[] = {{.validators = 4},
                                        {.validators = 7},
                                        {.validators = 7, .stakes = seven},
                                        {.validators = 10, .stakes = ten}};
    struct draw draw = kinds[cr_prng_below(random, CR_COUNT_OF(kinds))];
    uint32_t liars = 0;
    uint64_t stake = 0;
    draw.gc_depth = 4 + (uint32_t)cr_prng_below(random, 12);
    scene_init(&scene, draw.validators, draw.stakes);
    while (stake + scene.committee.stake[liars] <= scene.committee.faulty)
        stake += scene.committee.stake[liars++];
    liars = (uint32_t)cr_prng_below(random, liars + 1);
    draw_suspended(&draw, random);
    scene_draw(&scene, 5 + (uint32_t)cr_prng_below(random, 15), liars, random);
    for (uint32_t i = 0; i < scene.count; i++) /* liars lie about the time, too */
        scene.vertices[i].header.timestamp_ms += cr_prng_below(random, 300);
    return draw;
}

/* A random part that is closed under references. */
static void draw_view(struct cr_prng *random)
{
    const uint64_t lost = 1 + cr_prng_below(random, 30);
    for (int x = 0; x < (int)scene.count; x++) { /* parents come before children */
        bool closed = cr_prng_below(random, 200) >= lost;
        for (int a = 0; a < oracle_authors(&oracle); a++) {
            const int p = oracle.parent[x][a], old = oracle.old[x][a];
            if ((p != NOBODY && !oracle.known[p]) || (old != NOBODY && !oracle.known[old]))
                closed = false;
        }
        oracle.known[x] = closed;
    }
}

/* One vertex after the other, commits in between, as a node lives it. */
static void live(const uint32_t *order, struct story *story)
{
    for (uint32_t i = 0; i < scene.count; i++) {
        const uint32_t x = order[i];
        if (scene.vertices[x].header.round <= scene.dag.gc_round) continue; /* too late */
        scene_feed(&scene, x);
        deliver(story);
    }
}

struct totals {
    uint32_t commits, reschedules, views;
};

static void try_seed(uint64_t seed, struct totals *totals)
{
    static struct story whole, now, definition;
    struct cr_prng random = cr_prng_stream(seed, 0x0AC1E, 0);
    uint32_t order[SCENE_VERTICES_MAX] = {0};
    scene.count = 0;
    const struct draw draw = draw_dag(&random);

    /* All of it, at once, by definition and as it comes. */
    whole.count = definition.count = now.count = 0;
    prepare(&draw);
    oracle_prepare(&draw);
    for (uint32_t i = 0; i < scene.count; i++)
        oracle.known[i] = true;
    scene_feed_all(&scene);
    deliver(&whole);
    oracle_deliver(draw.gc_depth, &definition);
    agree(&whole, &definition);
    totals->commits += (uint32_t)chain.index;
    totals->reschedules += oracle.schedule > 1;

    prepare(&draw);
    scene_shuffle(order, scene.count, &random);
    live(order, &now);
    agree(&now, &definition);

    /* A part of it: the same decisions by definition, and a beginning of the whole. */
    now.count = definition.count = 0;
    prepare(&draw);
    oracle_prepare(&draw);
    draw_view(&random);
    for (uint32_t i = 0; i < scene.count; i++) {
        if (oracle.known[i]) scene_feed(&scene, i);
    }
    deliver(&now);
    oracle_deliver(draw.gc_depth, &definition);
    agree(&now, &definition);
    assert_true(now.count <= whole.count);
    assert_memory_equal(now.words, whole.words, now.count * sizeof(uint64_t));
    totals->views += now.count > 0 && now.count < whole.count;
}

/* Goal: the product's masks, caches and marks give what the definitions say: decisions, leaders,
 * order, time, horizon and schedule. The order of arrival changes nothing, more vertices change no
 * commit, two views of one DAG never contradict each other. */
static void the_product_is_as_defined(void **state)
{
    (void)state;
    const char *more = getenv("CR_SEEDS");
    const uint64_t seeds = more != NULL ? strtoull(more, NULL, 10) : 3000;
    struct totals totals = {0};
    for (uint64_t seed = 1; seed <= seeds; seed++)
        try_seed(seed, &totals);
    /* No empty praise: all of it has happened. */
    assert_true(totals.commits > 2 * seeds);
    assert_true(totals.reschedules > seeds / 20);
    assert_true(totals.views > seeds / 20);
}

static int free_scene(void **state)
{
    (void)state;
    scene_free(&scene);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_product_is_as_defined)};
    return cmocka_run_group_tests(tests, NULL, free_scene);
}
