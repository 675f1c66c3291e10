/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/unit.h"

#include "consensus/scene.h"

static struct scene scene;
static struct cr_chain chain;
static struct cr_ref refs[2 * SCENE_VERTICES_MAX];
static uint32_t bodies[SCENE_VERTICES_MAX];
static char text[4096];

__attribute__((format(printf, 1, 2))) static void add(const char *format, ...)
{
    va_list list;
    const size_t used = strlen(text);
    va_start(list, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is; clang 14 errs across files */
    const int count = vsnprintf(text + used, sizeof text - used, format, list);
    va_end(list);
    assert_in_range(count, 1, sizeof text - used - 1);
}

/* Delivers all that is decided, as "round/leaders: vertices in order @time". */
static const char *deliver_all(uint32_t gc_depth)
{
    text[0] = 0;
    cr_chain_init(&chain, &scene.committee, gc_depth);
    for (;;) {
        const uint32_t round = cr_decider_run(&scene.decider);
        if (round == 0) return text;
        struct cr_chain_commit made = {
            .refs = refs, .refs_max = (uint32_t)CR_COUNT_OF(refs), .bodies = bodies};
        assert_true(cr_chain_append(&chain, &scene.dag, &scene.decider, round, &made));
        cr_decider_deliver(&scene.decider, round);
        cr_schedule_advance(&scene.schedule, &made.in_time);
        add("%u/%u:", round, made.record.leaders_count);
        for (uint32_t i = 0; i < made.record.vertices_count; i++)
            add(" %c%u", 'a' + made.record.vertices[i].author, made.record.vertices[i].round);
        add(" @%u; ", (unsigned)made.record.timestamp_ms);
        while (scene.dag.gc_round < chain.gc_round) {
            struct cr_dag_round *lowest = cr_dag_round(&scene.dag, scene.dag.gc_round + 1);
            while (lowest->first != 0)
                cr_dag_release(&scene.dag, &scene.dag.pool[lowest->first]);
            cr_dag_raise_horizon(&scene.dag);
        }
    }
}

static const char *play(const char *dag, uint32_t gc_depth)
{
    scene_init(&scene, 4, NULL);
    scene_parse(&scene, dag);
    scene_feed_all(&scene);
    return deliver_all(gc_depth);
}

/* Time is the lower median of the parents of the leaders, one per author: round * 100 + author. */
static void one_commit_per_leader_round(void **state)
{
    (void)state;
    assert_string_equal(play("r1: a b c d; r2: a b c d; r3: a b c d; r4: a b c d", 60),
                        "1/4: a1 b1 c1 d1 @101; 2/4: a2 b2 c2 d2 @101; ");
}

/* A vertex that comes in by a weak link only is committed with the round that reaches it. */
static void late_vertex_is_not_lost(void **state)
{
    (void)state;
    assert_string_equal(play("r1: a b c d; r2: a(abc) b(abc) c(abc); r3: a(abc d1) b c;"
                             "r4: a b c; r5: a b c",
                             60),
                        "1/3: a1 b1 c1 @101; 2/3: a2 b2 c2 @101; 3/3: d1 a3 b3 c3 @201; ");
}

/* Both copies of an equivocator may be committed, in the order of their digests. */
static void copies_are_ordered_by_digest(void **state)
{
    (void)state;
    play("r1: a a' b c d; r2: b(a'bcd) c(abcd) d(abcd); r3: b(bcd) c(bcd) d(bcd);"
         "r4: b c d; r5: b c d; r6: b c d; r7: b c d",
         60);
    uint32_t copies = 0;
    for (const char *at = text; (at = strstr(at, " a1")) != NULL; at++)
        copies++;
    assert_int_equal(copies, 2);
}

/* The horizon of the previous commit bounds what a commit takes in. */
static void nothing_below_the_horizon_is_committed(void **state)
{
    (void)state;
    const char *dag = "r1: a b c d; r2: a(abc) b(abc) c(abc); r3: a b c; r4: a b c; r5: a b c;"
                      "r6: a b c; r7: a(abc d1) b c; r8: a b c; r9: a b c";
    assert_non_null(strstr(play(dag, 60), " d1"));
    assert_null(strstr(play(dag, 4), " d1"));
}

/* Goal: the digests chain, and the same commits come out for every order of arrival. */
static void every_order_gives_the_same_chain(void **state)
{
    (void)state;
    struct cr_prng random = cr_prng_stream(1, 2, 3);
    scene_init(&scene, 7, NULL);
    scene_draw(&scene, 10, 2, &random);
    scene_feed_all(&scene);
    deliver_all(60);
    const struct cr_hash digest = chain.digest;
    const uint64_t index = chain.index;
    assert_true(index > 2);
    for (uint32_t k = 0; k < 100; k++) {
        uint32_t order[SCENE_VERTICES_MAX];
        const uint32_t count = scene.count;
        scene_init(&scene, 7, NULL);
        scene.count = count;
        scene_shuffle(order, count, &random);
        for (uint32_t i = 0; i < count; i++)
            scene_feed(&scene, order[i]);
        deliver_all(60);
        assert_int_equal(chain.index, index);
        assert_true(cr_hash_equal(&chain.digest, &digest));
    }
}

/* Goal: an epoch ends at the first commit that reaches one of its limits, and never before round
 * 8. Method: each limit alone, at its edge. */
static void an_epoch_ends_at_its_limits(void **state)
{
    (void)state;
    const struct cr_epoch epoch = {.index = 40, .digest = {{4}}, .timestamp_ms = 1000};
    scene_init(&scene, 4, NULL);
    cr_chain_init(&chain, &scene.committee, 3);
    assert_false(cr_chain_ends(&chain, UINT32_MAX - 1, UINT64_MAX - 1));
    cr_chain_begin(&chain, &epoch, 20, 0);
    assert_int_equal(chain.index, 40);
    assert_memory_equal(&chain.digest, &epoch.digest, sizeof chain.digest);
    assert_false(cr_chain_ends(&chain, 19, UINT64_MAX - 1));
    assert_true(cr_chain_ends(&chain, 20, 0));
    cr_chain_init(&chain, &scene.committee, 3);
    cr_chain_begin(&chain, &epoch, 0, 500);
    assert_false(cr_chain_ends(&chain, UINT32_MAX - 1, 1499));
    assert_true(cr_chain_ends(&chain, CR_EPOCH_ROUNDS_MIN, 1500));
    assert_false(cr_chain_ends(&chain, CR_EPOCH_ROUNDS_MIN - 1, 1500));
}

static int free_scene(void **state)
{
    (void)state;
    scene_free(&scene);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_commit_per_leader_round),
        cmocka_unit_test(late_vertex_is_not_lost),
        cmocka_unit_test(copies_are_ordered_by_digest),
        cmocka_unit_test(nothing_below_the_horizon_is_committed),
        cmocka_unit_test(every_order_gives_the_same_chain),
        cmocka_unit_test(an_epoch_ends_at_its_limits),
    };
    return cmocka_run_group_tests(tests, NULL, free_scene);
}
