/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/unit.h"

#include "consensus/scene.h"

static const struct cr_hash genesis_id = {{5}};

static struct cr_committee weighted(const uint64_t *stakes, uint32_t count)
{
    struct cr_committee committee;
    assert_int_equal(cr_committee_init(&committee, &genesis_id, 3, stakes, count), CR_OK);
    return committee;
}

static struct cr_committee equal(uint32_t count)
{
    uint64_t stakes[CR_VALIDATORS_MAX];
    for (uint32_t a = 0; a < CR_VALIDATORS_MAX; a++)
        stakes[a] = 1;
    return weighted(stakes, count);
}

/* Goal: the order is a permutation, differs by round, and the first place follows the stake. */
static void leaders_are_a_weighted_permutation(void **state)
{
    (void)state;
    const uint64_t stakes[5] = {3, 3, 2, 1, 1};
    struct cr_committee c;
    struct cr_schedule s;
    assert_int_equal(cr_committee_init(&c, &genesis_id, 0, stakes, 5), CR_OK);
    cr_schedule_init(&s, &c);
    uint32_t first[5] = {0};
    for (uint32_t round = 1; round <= 10000; round++) {
        uint8_t order[CR_VALIDATORS_MAX];
        struct cr_authors seen = {0};
        assert_int_equal(cr_schedule_leaders(&s, round, order), 5);
        for (uint32_t i = 0; i < 5; i++)
            cr_authors_add(&seen, order[i]);
        assert_int_equal(cr_authors_count(&seen), 5);
        first[order[0]]++;
    }
    for (uint32_t a = 0; a < 5; a++) { /* four standard deviations are below 200 */
        assert_in_range(first[a], stakes[a] * 1000 - 200, stakes[a] * 1000 + 200);
    }
}

/* Goal: the order is protocol: nobody may change it by accident. */
static void leader_order_is_frozen(void **state)
{
    (void)state;
    const struct cr_committee c = equal(10);
    struct cr_schedule s;
    uint8_t order[CR_VALIDATORS_MAX];
    char text[11] = "";
    cr_schedule_init(&s, &c);
    cr_schedule_leaders(&s, 7, order);
    for (uint32_t i = 0; i < 10; i++)
        text[i] = (char)('0' + order[i]);
    assert_string_equal(text, "3719802654");
    s.number = 2;
    cr_schedule_leaders(&s, 7, order);
    for (uint32_t i = 0; i < 10; i++)
        text[i] = (char)('0' + order[i]);
    assert_string_equal(text, "8512067394");
}

static struct cr_authors all_but(uint32_t n, uint32_t absent)
{
    struct cr_authors set = {0};
    for (uint32_t a = 0; a < n; a++) {
        if (a != absent) cr_authors_add(&set, a);
    }
    return set;
}

static void absent_leader_leaves_and_returns(void **state)
{
    (void)state;
    const struct cr_committee c = equal(4);
    struct cr_schedule s;
    cr_schedule_init(&s, &c);
    const struct cr_authors without = all_but(4, 2), all = all_but(4, 9);
    for (uint32_t k = 1; k < CR_SCHEDULE_WINDOW; k++)
        assert_false(cr_schedule_advance(&s, &without));
    assert_true(cr_schedule_advance(&s, &without));
    assert_false(cr_authors_has(&s.allowed, 2));
    assert_int_equal(s.number, 2);
    for (uint32_t k = 1; k < CR_SCHEDULE_WINDOW; k++)
        assert_false(cr_schedule_advance(&s, &all));
    assert_true(cr_schedule_advance(&s, &all));
    assert_true(cr_authors_has(&s.allowed, 2));
    assert_int_equal(s.number, 3);
}

/* Goal: however many are absent, a quorum may lead. */
static void a_quorum_always_leads(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 20; n++) {
        const struct cr_committee c = equal(n);
        struct cr_schedule s;
        cr_schedule_init(&s, &c);
        const struct cr_authors only = {{1}};
        for (uint32_t k = 0; k < 20; k++)
            cr_schedule_advance(&s, &only);
        assert_int_equal(cr_authors_count(&s.allowed), c.quorum);
    }
}

/* ---- who is bad ---- */

static uint64_t part(uint64_t thousandths)
{
    return CR_SCORE_ONE / 1000 * thousandths;
}

static bool judge(struct cr_schedule *s, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    const uint64_t scores[CR_VALIDATORS_MAX] = {part(a), part(b), part(c), part(d)};
    return cr_schedule_judge(s, scores);
}

/* Goal: the vector of the specification. Median .9: out below .45, back from .675 on. */
static void bad_below_half_of_the_median(void **state)
{
    (void)state;
    const uint64_t stakes[4] = {30, 30, 20, 20};
    const struct cr_committee c = weighted(stakes, 4);
    struct cr_schedule s;
    cr_schedule_init(&s, &c);
    assert_false(judge(&s, 1000, 900, 451, 950));
    assert_true(judge(&s, 1000, 900, 200, 950));
    assert_int_equal(s.bad.words[0], 1 << 2);
    assert_int_equal(s.allowed.words[0], 1 << 0 | 1 << 1 | 1 << 3);
    assert_int_equal(s.number, 2);
    assert_false(judge(&s, 1000, 900, 674, 950));
    assert_true(judge(&s, 1000, 900, 676, 950));
    assert_int_equal(s.bad.words[0], 0);
    assert_int_equal(s.number, 3);
}

/* Goal: whoever comes back and fails again stays away 1, 2, 4, 8, 8 windows; 16 good windows make
 * it forgotten. */
static void relapses_stay_longer(void **state)
{
    (void)state;
    static const uint32_t stays[] = {1, 2, 4, 8, 8};
    const struct cr_committee c = equal(4);
    struct cr_schedule s;
    cr_schedule_init(&s, &c);
    for (size_t i = 0; i < CR_COUNT_OF(stays); i++) {
        assert_true(judge(&s, 1000, 0, 1000, 1000));
        for (uint32_t w = 1; w < stays[i]; w++)
            assert_false(judge(&s, 1000, 1000, 1000, 1000));
        assert_true(judge(&s, 1000, 1000, 1000, 1000));
    }
    for (uint32_t w = 0; w < 16; w++)
        assert_false(judge(&s, 1000, 1000, 1000, 1000));
    assert_true(judge(&s, 1000, 0, 1000, 1000));
    assert_true(judge(&s, 1000, 1000, 1000, 1000));
}

/* Goal: whatever the scores and whoever is absent, a quorum leads; the worst go first. */
static void a_quorum_leads_whatever_the_scores(void **state)
{
    (void)state;
    struct cr_prng random = cr_prng_stream(11, 0, 0);
    for (uint32_t n = 1; n <= 40; n++) {
        uint64_t stakes[CR_VALIDATORS_MAX], scores[CR_VALIDATORS_MAX];
        for (uint32_t a = 0; a < n; a++)
            stakes[a] = 100 + cr_prng_below(&random, n < 7 ? 20 : 150);
        const struct cr_committee c = weighted(stakes, n);
        struct cr_schedule s;
        cr_schedule_init(&s, &c);
        for (uint32_t w = 0; w < 200; w++) {
            const uint64_t half = cr_prng_next(&random);
            const struct cr_authors in_time = {{half | cr_prng_next(&random)}};
            for (uint32_t a = 0; a < n; a++)
                scores[a] = cr_prng_below(&random, 4) * (CR_SCORE_ONE / 3);
            for (uint32_t k = 0; k < 3; k++)
                cr_schedule_advance(&s, &in_time);
            cr_schedule_judge(&s, scores);
            assert_true(cr_committee_stake_of(&c, &s.allowed) >= c.quorum);
            assert_true(cr_committee_stake_of(&c, &s.bad) <= c.faulty);
        }
    }
    const struct cr_committee c = equal(5); /* two deserve it, one fits */
    const uint64_t scores[CR_VALIDATORS_MAX] = {part(100), part(50), part(900), part(900),
                                                part(900)};
    struct cr_schedule s;
    cr_schedule_init(&s, &c);
    assert_true(cr_schedule_judge(&s, scores));
    assert_int_equal(s.bad.words[0], 1 << 1);
}

/* Goal: a seat without stake (a former validator, one that will be) never leads, and is neither
 * absent nor bad, whatever it does: there is nothing to leave. */
static void a_seat_without_stake_has_no_voice(void **state)
{
    (void)state;
    const uint64_t stakes[5] = {1, 0, 1, 1, 1},
                   scores[CR_VALIDATORS_MAX] = {part(900), 0, part(900), part(900), part(900)};
    uint8_t order[CR_VALIDATORS_MAX];
    struct cr_committee c;
    struct cr_schedule s;
    assert_int_equal(cr_committee_init(&c, &genesis_id, 0, stakes, 5), CR_OK);
    cr_schedule_init(&s, &c);
    assert_int_equal(s.allowed.words[0], 0x1d);
    const struct cr_authors others = all_but(5, 1);
    for (uint32_t commit = 0; commit < 20; commit++)
        assert_false(cr_schedule_advance(&s, &others));
    assert_false(cr_schedule_judge(&s, scores));
    for (uint32_t round = 1; round < 20; round++) {
        assert_int_equal(cr_schedule_leaders(&s, round, order), 4);
        for (uint32_t i = 0; i < 4; i++)
            assert_int_not_equal(order[i], 1);
    }
    assert_true(cr_authors_is_empty(&s.absent) && cr_authors_is_empty(&s.bad));
}

/* ---- counting ---- */

static struct scene scene;
static struct cr_ref refs[2 * SCENE_VERTICES_MAX];
static uint32_t bodies[SCENE_VERTICES_MAX];

enum { SCORE_MEMORY = 256 * 1024 };

struct counter {
    _Alignas(64) uint8_t memory[SCORE_MEMORY];
    struct cr_score score;
};
static struct counter running, restarted;

static void counter_init(struct counter *counter, uint32_t window)
{
    struct cr_arena arena;
    memset(counter->memory, 0, sizeof counter->memory);
    cr_arena_init(&arena, counter->memory, sizeof counter->memory);
    cr_score_init(&counter->score, &arena, &scene.committee, window, scene.dag.window);
}

static void raise_horizon(uint32_t gc_round)
{
    while (scene.dag.gc_round < gc_round) {
        struct cr_dag_round *lowest = cr_dag_round(&scene.dag, scene.dag.gc_round + 1);
        while (lowest->first != 0)
            cr_dag_release(&scene.dag, &scene.dag.pool[lowest->first]);
        cr_dag_raise_horizon(&scene.dag);
    }
}

/* Counts one commit and judges when the window ends, as the core does. */
static bool count(struct counter *counter, struct cr_schedule *schedule,
                  const struct cr_chain_commit *made, uint64_t scores[CR_VALIDATORS_MAX])
{
    struct cr_authors leaders = {0};
    for (uint32_t i = 0; i < made->record.vertices_count; i++) {
        const struct cr_ref *ref = &made->record.vertices[i];
        const struct cr_dag_vertex *v =
            cr_dag_find(&scene.dag, ref->round, ref->author, &ref->digest);
        cr_score_vertex(&counter->score, v->round, v->author, &v->parents);
    }
    for (uint32_t i = 0; i < made->record.leaders_count; i++)
        cr_authors_add(&leaders, made->record.leaders[i].author);
    cr_schedule_advance(schedule, &made->in_time);
    if (!cr_score_commit(&counter->score, &leaders, made->record.leader_round,
                         made->record.gc_round, scores))
        return false;
    cr_schedule_judge(schedule, scores);
    return true;
}

static bool next_commit(struct cr_chain *chain, struct cr_chain_commit *made)
{
    const uint32_t round = cr_decider_run(&scene.decider);
    *made = (struct cr_chain_commit){
        .refs = refs, .refs_max = (uint32_t)CR_COUNT_OF(refs), .bodies = bodies};
    if (round == 0) return false;
    assert_true(cr_chain_append(chain, &scene.dag, &scene.decider, round, made));
    cr_decider_deliver(&scene.decider, round);
    return true;
}

/* The scores of the first window of a scene of four, as text in thousandths. */
static const char *scores_of(const char *dag, uint32_t window)
{
    static char text[64];
    struct cr_chain chain;
    struct cr_chain_commit made;
    uint64_t scores[CR_VALIDATORS_MAX];
    scene_init(&scene, 4, NULL);
    scene_parse(&scene, dag);
    scene_feed_all(&scene);
    cr_chain_init(&chain, &scene.committee, 60);
    counter_init(&running, window);
    while (next_commit(&chain, &made)) {
        if (!count(&running, &scene.schedule, &made, scores)) continue;
        uint32_t of[4];
        for (uint32_t a = 0; a < 4; a++)
            of[a] = (uint32_t)((scores[a] * 1000) >> 32);
        (void)snprintf(text, sizeof text, "%u %u %u %u", of[0], of[1], of[2], of[3]);
        return text;
    }
    return "no window has ended";
}

/* Goal: the golden vectors of counting. A window of three commits ends with round 3, whose support
 * is not committed yet: two of three rounds are full. */
static void scores_are_frozen(void **state)
{
    (void)state;
    assert_string_equal(
        scores_of("r1: a b c d; r2: a b c d; r3: a b c d; r4: a b c d; r5: a b c d", 3),
        "666 666 666 666");
    /* Nobody builds on d: no support. a, b and c are a quorum: theirs is complete. */
    assert_string_equal(scores_of("r1: a b c d; r2: a(abc) b(abc) c(abc) d;"
                                  "r3: a(abc) b(abc) c(abc) d; r4: a(abc) b(abc) c(abc) d;"
                                  "r5: a(abc) b(abc) c(abc)",
                                  3),
                        "666 666 666 0");
    /* d refers to a and b only where it must not: one vote of three is missing. */
    assert_string_equal(scores_of("r1: a b c d; r2: a b c d(abd); r3: a b c d(abd);"
                                  "r4: a b c d; r5: a b c d",
                                  3),
                        "666 666 666 500");
    /* d makes two vertices of round 1 and both are committed: nothing counts for it. */
    assert_string_equal(scores_of("r1: a b c d d'; r2: a b c(abcd') d; r3: a b c d; r4: a b c d;"
                                  "r5: a b c d; r6: a b c d",
                                  3),
                        "636 636 636 0");
    /* Only a refers to its vertex of round 2. That the one of round 1 has four supporters instead
     * of three does not make up for it. */
    assert_string_equal(scores_of("r1: a b c d; r2: a b c d; r3: a b(bcd) c(bcd) d(bcd);"
                                  "r4: a b c d; r5: a b c d",
                                  3),
                        "444 636 636 636");
    /* b1 has two supporters, one of them by two vertices. */
    assert_string_equal(scores_of("r1: a b c d; r2: a(acd) b c(acd) d(abd) d'(abd);"
                                  "r3: a b(abcd') c d; r4: a b c d; r5: a b c d; r6: a b c d;"
                                  "r7: a b c d; r8: a b c d",
                                  3),
                        "599 555 599 0");
}

static void restart(struct cr_schedule *schedule, const struct cr_chain *chain, uint32_t window,
                    const struct cr_schedule_state *saved, struct cr_prng *random)
{
    uint32_t order[SCENE_VERTICES_MAX] = {0};
    counter_init(&restarted, window);
    memset(schedule, 0x5a, sizeof *schedule);
    cr_schedule_init(schedule, &scene.committee);
    assert_int_equal(
        cr_schedule_load(schedule, &restarted.score, chain->leader_round, chain->gc_round, saved),
        CR_OK);
    scene_shuffle(order, scene.count, random);
    for (uint32_t i = 0; i < scene.count; i++) {
        const struct scene_vertex *drawn = &scene.vertices[order[i]];
        const struct cr_dag_vertex *v =
            cr_dag_find(&scene.dag, drawn->header.round, drawn->header.author, &drawn->digest);
        if (v == NULL || !v->committed) continue;
        cr_score_restore(&restarted.score, v->round, v->author, &v->parents);
    }
}

/* Goal: a node that restarts after every commit, with its vertices in any order, has byte for byte
 * the state of one that never does: random scenes with equivocators, silence and weak links. */
static void restarts_change_no_byte(void **state)
{
    (void)state;
    uint32_t windows = 0, changes = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct cr_prng random = cr_prng_stream(seed, 2, 0);
        const uint32_t n = seed % 3 == 0 ? 7 : 4, window = 1 + (uint32_t)(seed % 6);
        const uint64_t stakes[7] = {3, 3, 3, 2, 2, 2, 2};
        struct cr_schedule_state saved = {{0}}, again;
        struct cr_schedule other;
        struct cr_chain chain;
        struct cr_chain_commit made;
        uint64_t scores[CR_VALIDATORS_MAX];
        scene_init(&scene, n, seed % 2 ? NULL : stakes);
        scene_draw(&scene, n == 7 ? 40 : 60, (uint32_t)(seed % 2), &random);
        counter_init(&running, window);
        cr_chain_init(&chain, &scene.committee, 4 + (uint32_t)(seed % 5));
        restart(&other, &chain, window, &saved, &random);
        for (uint32_t i = 0; i < scene.count; i++) {
            if (scene.vertices[i].header.round > chain.gc_round) scene_feed(&scene, i);
            while (next_commit(&chain, &made)) {
                windows += count(&running, &scene.schedule, &made, scores);
                count(&restarted, &other, &made, scores);
                cr_schedule_save(&scene.schedule, &running.score, &saved);
                cr_schedule_save(&other, &restarted.score, &again);
                assert_memory_equal(&saved, &again, sizeof saved);
                raise_horizon(chain.gc_round);
                restart(&other, &chain, window, &saved, &random);
            }
        }
        changes += (uint32_t)scene.schedule.number - 1;
    }
    assert_true(windows > 1000);
    assert_true(changes > 100);
}

/* Goal: what is not a state of this committee at this commit is refused and changes nothing. */
static void foreign_states_are_refused(void **state)
{
    (void)state;
    scene_init(&scene, 7, NULL);
    counter_init(&running, 3);
    struct cr_schedule s, before;
    struct cr_schedule_state saved;
    cr_schedule_init(&s, &scene.committee);
    before = s;
    cr_schedule_save(&s, &running.score, &saved);
    assert_int_equal(cr_schedule_load(&s, &running.score, 0, 0, &saved), CR_OK);
    assert_memory_equal(&s, &before, sizeof s);
    static const struct {
        uint32_t at;
        uint8_t value;
    } damages[] = {{0, 9}, {10, 3}, {14, 1}, {22, 0xff}, {22, 0x80}, {23, 0x0f}};
    for (size_t i = 0; i < CR_COUNT_OF(damages); i++) {
        struct cr_schedule_state damaged = saved;
        damaged.bytes[damages[i].at] = damages[i].value;
        assert_int_equal(cr_schedule_load(&s, &running.score, 0, 0, &damaged), CR_ERR_CORRUPT);
        assert_memory_equal(&s, &before, sizeof s);
    }
    assert_int_equal(cr_schedule_load(&s, &running.score, 3, 4, &saved), CR_ERR_CORRUPT);
    assert_int_equal(cr_schedule_load(&s, &running.score, 99, 4, &saved), CR_ERR_CORRUPT);
    scene_free(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaders_are_a_weighted_permutation),
        cmocka_unit_test(leader_order_is_frozen),
        cmocka_unit_test(absent_leader_leaves_and_returns),
        cmocka_unit_test(a_quorum_always_leads),
        cmocka_unit_test(bad_below_half_of_the_median),
        cmocka_unit_test(relapses_stay_longer),
        cmocka_unit_test(a_quorum_leads_whatever_the_scores),
        cmocka_unit_test(a_seat_without_stake_has_no_voice),
        cmocka_unit_test(scores_are_frozen),
        cmocka_unit_test(restarts_change_no_byte),
        cmocka_unit_test(foreign_states_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
