/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/unit.h"

#include "consensus/scene.h"

static struct scene scene;

static enum cr_decision decision(uint32_t round, char author)
{
    return cr_decider_slot(&scene.decider, round, (uint32_t)(author - 'a'));
}

static uint32_t body_of(uint32_t id)
{
    const struct cr_dag_vertex *v = cr_dag_get(&scene.dag, id);
    CR_ASSERT(v != NULL);
    return v->body;
}

static void play(const char *text)
{
    scene_init(&scene, 4, NULL);
    scene_parse(&scene, text);
    scene_feed_all(&scene);
    cr_decider_run(&scene.decider);
    cr_dag_check(&scene.dag, 0);
    cr_decider_check(&scene.decider);
}

#define SKIP   CR_DECISION_SKIP
#define COMMIT CR_DECISION_COMMIT
#define NONE   CR_DECISION_NONE

/* ---- the cases every committer of this family is tried with ---- */

static void full_rounds_commit_directly(void **state)
{
    (void)state;
    play("r1: a b c d; r2: a b c d; r3: a b c d");
    for (int a = 'a'; a <= 'd'; a++) {
        assert_int_equal(decision(1, (char)a), COMMIT);
        assert_int_equal(decision(2, (char)a), NONE);
    }
    assert_int_equal(cr_decider_run(&scene.decider), 1);
    assert_int_equal(cr_decider_run(&scene.decider), 1); /* the same until delivered */
}

static void two_rounds_decide_nothing(void **state)
{
    (void)state;
    play("r1: a b c d; r2: a b c d");
    for (int a = 'a'; a <= 'd'; a++)
        assert_int_equal(decision(1, (char)a), NONE);
    assert_int_equal(cr_decider_run(&scene.decider), 0);
}

static void certificates_of_a_quorum_suffice(void **state)
{
    (void)state;
    play("r1: a b c d; r2: a b c d; r3: a b c");
    assert_int_equal(decision(1, 'd'), COMMIT);
    play("r1: a b c d; r2: a b c d; r3: a b");
    assert_int_equal(decision(1, 'd'), NONE);
}

static void votes_of_a_quorum_make_a_certificate(void **state)
{
    (void)state;
    /* c has three votes, but each vertex of round 3 sees two of them only */
    play("r1: a b c d; r2: a b c d(abd); r3: a(abd) b(abd) c(bcd) d(acd)");
    assert_int_equal(decision(1, 'c'), NONE);
    assert_int_equal(decision(1, 'a'), COMMIT);
}

static void absent_leader_is_skipped(void **state)
{
    (void)state;
    play("r1: a b c; r2: a b c; r3: a b c");
    assert_int_equal(decision(1, 'd'), SKIP);
    assert_int_equal(decision(1, 'a'), COMMIT);
    assert_int_equal(cr_decider_run(&scene.decider), 1);
}

/* A skip needs one round only. */
static void unvoted_leader_is_skipped_after_one_round(void **state)
{
    (void)state;
    play("r1: a b c d; r2: a(abc) b(abc) c(abc)");
    assert_int_equal(decision(1, 'd'), SKIP);
    play("r1: a b c d; r2: a(abc) b(abc) c(abc) d");
    assert_int_equal(decision(1, 'd'), SKIP);
    play("r1: a b c d; r2: a(abc) b(abc)");
    assert_int_equal(decision(1, 'd'), NONE);
}

/* A vertex that comes after everybody went on is skipped as if it had never come. */
static void late_vertex_changes_nothing(void **state)
{
    (void)state;
    scene_init(&scene, 4, NULL);
    scene_parse(&scene, "r1: a b c d; r2: a(abc) b(abc) c(abc)");
    for (uint32_t i = 0; i < scene.count; i++) {
        if (i != 3) scene_feed(&scene, i);
    }
    cr_decider_run(&scene.decider);
    assert_int_equal(decision(1, 'd'), SKIP);
    scene_feed(&scene, 3);
    cr_decider_run(&scene.decider);
    assert_int_equal(decision(1, 'd'), SKIP);
    assert_null(scene.decider.conflict);
}

/* d@1 gets certificates from b and c only; the anchor of round 4 has one of them in its cone. */
static void anchor_commits_what_is_certified(void **state)
{
    (void)state;
    play("r1: a b c d; r2: a b c d(abcd); r3: a(abc) b(abc) c(abc) d(abd);"
         "r4: a b c d; r5: a b c d; r6: a b c d");
    assert_int_equal(decision(1, 'd'), COMMIT);
    play("r1: a b c d; r2: a b c d(abc); r3: a(abd) b c(abd) d(abd);"
         "r4: a b c d; r5: a b c d; r6: a b c d");
    assert_int_equal(decision(1, 'd'), COMMIT); /* only b@3 is a certificate */
    assert_int_equal(decision(4, 'a'), COMMIT);
}

/* Two votes for d@1, two against: no certificate can exist, none directly skips; the anchor
 * does. */
static void anchor_skips_what_is_not_certified(void **state)
{
    (void)state;
    play("r1: a b c d; r2: a(abcd) b(abc) c(abc) d; r3: a b c d");
    assert_int_equal(decision(1, 'd'), NONE);
    play("r1: a b c d; r2: a(abcd) b(abc) c(abc) d; r3: a b c d; r4: a b c d; r5: a b c d;"
         "r6: a b c d");
    assert_int_equal(decision(1, 'd'), SKIP);
    assert_int_equal(cr_decider_run(&scene.decider), 1);
}

/* While the first open slot of the anchor round is undecided, nothing below it is decided by it,
 * even if later slots are committed. */
static void undecided_anchor_blocks(void **state)
{
    (void)state;
    scene_init(&scene, 4, NULL);
    uint8_t order[CR_VALIDATORS_MAX];
    cr_schedule_leaders(&scene.schedule, 4, order);
    const char first = (char)('a' + order[0]);
    char text[512] = "r1: a b c d; r2: a(abcd) b(abc) c(abc) d; r3: a b c d; r4: a b c d; r5:";
    /* the first leader of round 4 gets two votes: undecided */
    size_t end = strlen(text);
    for (int x = 'a'; x <= 'd'; x++) {
        text[end++] = ' ';
        text[end++] = (char)x;
        text[end++] = '(';
        for (int p = 'a'; p <= 'd'; p++) {
            const bool drop = p == first && x != first && x != (first == 'a' ? 'b' : 'a');
            if (!drop) text[end++] = (char)p;
        }
        text[end++] = ')';
    }
    (void)snprintf(text + end, sizeof text - end, "; r6: a b c d");
    scene_parse(&scene, text);
    scene_feed_all(&scene);
    cr_decider_run(&scene.decider);
    assert_int_equal(decision(4, first), NONE);
    assert_int_equal(decision(4, (char)('a' + order[1])), COMMIT);
    assert_int_equal(decision(1, 'd'), NONE);
    assert_int_equal(cr_decider_run(&scene.decider), 0);
}

/* Without an anchor in round 4 the one of round 5 decides. */
static void skipped_anchor_round_is_passed_over(void **state)
{
    (void)state;
    play("r1: a b c d; r2: a(abcd) b(abc) c(abc) d; r3: a b c d; r4: a b c;"
         "r5: a b c; r6: a b c; r7: a b c; r8: a b c");
    assert_int_equal(decision(4, 'd'), SKIP);
    assert_int_equal(decision(1, 'd'), SKIP);
}

/* Both copies of a are known; one is certified, the other is not, and only that one is
 * committed. */
static void certified_copy_wins(void **state)
{
    (void)state;
    play("r1: a a' b c d; r2: a b c d(a'bcd); r3: a(abc) b(abc) c(abc) d(abcd)");
    assert_int_equal(decision(1, 'a'), COMMIT);
    uint32_t ids[CR_VALIDATORS_MAX];
    assert_int_equal(cr_decider_run(&scene.decider), 1);
    const uint32_t count = cr_decider_leaders(&scene.decider, 1, ids);
    assert_int_equal(count, 4);
    for (uint32_t i = 0; i < count; i++)
        assert_int_not_equal(body_of(ids[i]), 1); /* a' */
}

/* Two copies with two votes each: neither can ever be certified. */
static void split_copies_are_skipped_by_the_anchor(void **state)
{
    (void)state;
    play("r1: a a' b c d; r2: a b c(a'bcd) d(a'bcd); r3: b(bcd) c(bcd) d(bcd);"
         "r4: b c d; r5: b c d; r6: b c d");
    assert_int_equal(decision(1, 'a'), SKIP);
}

/* Each copy has three votes against it, by authors: the equivocating voter counts on both sides. */
static void copies_are_counted_by_author(void **state)
{
    (void)state;
    /* d@2 exists twice, once for a and once against: votes a,b,d; against c,d: two, no skip */
    play("r1: a b c d; r2: a b c(bcd) d d'(bcd)");
    assert_int_equal(decision(1, 'a'), NONE);
    /* votes a,d; against b,c,d: the author of both copies counts against it too */
    play("r1: a b c d; r2: a b(bcd) c(bcd) d d'(bcd)");
    assert_int_equal(decision(1, 'a'), SKIP);
}

/* A certificate is counted by the copy it really references. */
static void certificate_through_a_nonvoting_copy_does_not_count(void **state)
{
    (void)state;
    play("r1: a b c d; r2: a b c(bcd) d d'(bcd); r3: a(abd') b(abd') c(abcd') d(abcd')");
    assert_int_equal(decision(1, 'a'), NONE);
    play("r1: a b c d; r2: a b c(bcd) d d'(bcd); r3: a(abd) b(abd) c(abcd) d(abcd)");
    assert_int_equal(decision(1, 'a'), COMMIT);
}

/* An older reference is no vote. */
static void weak_link_is_no_vote(void **state)
{
    (void)state;
    play("r1: a b c d; r2: a(abc) b(abc) c(abc) d(abcd); r3: a(abc d1) b(abc d1) c(abc d1)");
    assert_int_equal(decision(1, 'd'), SKIP);
}

/* x shows both copies of a and builds on a's next vertex: no certificate for that slot. */
static void leader_clause_takes_the_certificate(void **state)
{
    (void)state;
    play("r1: a a' b c d; r2: a b c d(a'bcd); r3: a b c d");
    assert_int_equal(decision(1, 'a'), NONE); /* all parents: a@2 is among them */
    assert_int_equal(decision(1, 'b'), COMMIT);
    play("r1: a a' b c d; r2: a b c d(a'bcd); r3: a(abc) b(abc) c(abc) d");
    assert_int_equal(decision(1, 'a'), COMMIT); /* these do not show a' */
}

static void weights_are_counted(void **state)
{
    (void)state;
    static const uint64_t stakes[] = {3, 3, 2, 2}; /* N 10, F 3, Q 7 */
    scene_init(&scene, 4, stakes);
    scene_parse(&scene, "r1: a b c d; r2: a b c d; r3: a c d");
    scene_feed_all(&scene);
    cr_decider_run(&scene.decider);
    assert_int_equal(decision(1, 'd'), COMMIT);
    scene_init(&scene, 4, stakes);
    scene_parse(&scene, "r1: a b c d; r2: a(abd) b c(abd) d(abd); r3: a b c d");
    scene_feed_all(&scene);
    cr_decider_run(&scene.decider);
    assert_int_equal(decision(1, 'c'), SKIP); /* 3 + 2 + 2 against it */
}

static void genesis_is_never_a_leader(void **state)
{
    (void)state;
    play("r1: a b c d");
    assert_int_equal(cr_decider_slot(&scene.decider, 0, 0), NONE);
    assert_int_equal(cr_decider_run(&scene.decider), 0);
}

/* More than F lie: a is certified for two different copies. Stop rather than choose. */
static void two_certified_copies_stop_everything(void **state)
{
    (void)state;
    play("r1: a a' b c d; r2: a b b'(a'bcd) c c'(a'bcd) d d'(a'bcd);"
         "r3: b(bcd) c(bcd) d(bcd) b'(b'c'd') c'(b'c'd') d'(b'c'd')");
    assert_non_null(scene.decider.conflict);
    assert_int_equal(cr_decider_run(&scene.decider), 0);
}

/* ---- properties ---- */

struct outcome {
    uint8_t decision;
    uint32_t body;
};

static void outcomes(struct outcome out[16][8])
{
    memset(out, 0, 16 * sizeof out[0]);
    for (uint32_t r = 1; r <= scene.dag.highest; r++) {
        const struct cr_leader_round *leaders = &scene.decider.rounds[r];
        for (uint32_t i = 0; i < leaders->count; i++) {
            const struct cr_leader_slot *slot = &leaders->slots[i];
            struct outcome *o = &out[r][leaders->order[i]];
            o->decision = (uint8_t)slot->decision;
            if (slot->decision == COMMIT) o->body = body_of(slot->vertex);
        }
    }
}

static const uint64_t weights[] = {2, 1, 3, 2, 2, 1, 2}; /* N 13, F 4 */

static void draw(uint64_t seed, struct cr_prng *random)
{
    *random = cr_prng_stream(seed, 2, 0);
    if (seed % 3 == 0)
        scene_init(&scene, 7, weights);
    else
        scene_init(&scene, seed % 3 == 1 ? 4 : 7, NULL);
    const uint32_t liars = seed % 4 == 0 ? 0 : (seed % 3 == 1 ? 1 : 2);
    scene_draw(&scene, 5 + (uint32_t)cr_prng_below(random, 6), liars, random);
}

static void restart_scene(uint64_t seed)
{
    const uint32_t count = scene.count;
    const uint32_t n = scene.committee.validators_count;
    scene_init(&scene, n, seed % 3 == 0 ? weights : NULL);
    scene.count = count;
}

/* Goal: the order of arrival changes nothing, and no decision ever changes on the way. */
static void order_of_arrival_does_not_matter(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct cr_prng random;
        draw(seed, &random);
        scene_feed_all(&scene);
        cr_decider_run(&scene.decider);
        struct outcome first[16][8], now[16][8];
        outcomes(first);
        for (uint32_t k = 0; k < 100; k++) {
            uint32_t order[SCENE_VERTICES_MAX] = {0};
            restart_scene(seed);
            scene_shuffle(order, scene.count, &random);
            for (uint32_t i = 0; i < scene.count; i++) {
                scene_feed(&scene, order[i]);
                cr_decider_run(&scene.decider);
            }
            assert_null(scene.decider.conflict);
            outcomes(now);
            assert_memory_equal(first, now, sizeof first);
        }
        cr_dag_check(&scene.dag, 0);
        cr_decider_check(&scene.decider);
    }
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
        cmocka_unit_test(full_rounds_commit_directly),
        cmocka_unit_test(two_rounds_decide_nothing),
        cmocka_unit_test(certificates_of_a_quorum_suffice),
        cmocka_unit_test(votes_of_a_quorum_make_a_certificate),
        cmocka_unit_test(absent_leader_is_skipped),
        cmocka_unit_test(unvoted_leader_is_skipped_after_one_round),
        cmocka_unit_test(late_vertex_changes_nothing),
        cmocka_unit_test(anchor_commits_what_is_certified),
        cmocka_unit_test(anchor_skips_what_is_not_certified),
        cmocka_unit_test(undecided_anchor_blocks),
        cmocka_unit_test(skipped_anchor_round_is_passed_over),
        cmocka_unit_test(certified_copy_wins),
        cmocka_unit_test(split_copies_are_skipped_by_the_anchor),
        cmocka_unit_test(copies_are_counted_by_author),
        cmocka_unit_test(certificate_through_a_nonvoting_copy_does_not_count),
        cmocka_unit_test(weak_link_is_no_vote),
        cmocka_unit_test(leader_clause_takes_the_certificate),
        cmocka_unit_test(weights_are_counted),
        cmocka_unit_test(genesis_is_never_a_leader),
        cmocka_unit_test(two_certified_copies_stop_everything),
        cmocka_unit_test(order_of_arrival_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, free_scene);
}
