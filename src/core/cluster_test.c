/* SPDX-License-Identifier: Apache-2.0 */
/* Whole cores against each other: agreement, progress, crash, restart, sync. */
#include "base/unit.h"

#include "core/cluster.h"
#include "core/replica.h"

#define SECOND UINT64_C(1000000)

static struct cluster cluster;

static void start_all(void)
{
    for (uint32_t i = 0; i < cluster.count; i++)
        start_node(&cluster, i, 0);
}

/* Goal: the thinnest path: four cores reach 200 equal commits, every offered transaction once. */
static void four_cores_agree(void **state)
{
    (void)state;
    cluster_init(&cluster, 4, 1);
    start_all();
    for (uint32_t i = 0; i < 4; i++)
        offer(&cluster, i, 100);
    run_until(&cluster, 2 * SECOND);
    assert_true(agreement(&cluster) >= 200);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(cluster.nodes[i].txs_committed, 400);
    cluster_free(&cluster);
}

/* Goal: the smallest committees work; F is 0. */
static void small_committees_work(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 3; n++) {
        cluster_init(&cluster, n, n);
        start_all();
        offer(&cluster, n - 1, 30);
        run_until(&cluster, SECOND);
        assert_true(agreement(&cluster) > 100);
        for (uint32_t i = 0; i < n; i++)
            assert_int_equal(cluster.nodes[i].txs_committed, 30);
        cluster_free(&cluster);
    }
}

/* Goal: one of four crashed costs the wait only until it is suspended. */
static void one_of_four_crashed(void **state)
{
    (void)state;
    cluster_init(&cluster, 4, 2);
    start_all();
    run_until(&cluster, 1 * SECOND);
    stop_node(&cluster, 3);
    const uint32_t before = cluster.nodes[0].commits;
    run_until(&cluster, 3 * SECOND);
    assert_true(agreement(&cluster) >= before - 5);
    assert_true(cluster.nodes[0].commits > before + 200);
    struct cr_core_stats stats;
    cr_core_stats(cluster.nodes[0].core, &stats);
    assert_true(cr_authors_has(&stats.suspended_leaders, 3));
    assert_int_equal(cr_authors_count(&stats.suspended_leaders), 1);

    start_node(&cluster, 3, 0);
    run_until(&cluster, 6 * SECOND);
    cr_core_stats(cluster.nodes[0].core, &stats);
    assert_int_equal(cr_authors_count(&stats.suspended_leaders), 0);
    assert_true(agreement(&cluster) > before + 400);
    cluster_free(&cluster);
}

/* Goal: a node that starts thousands of rounds late gets there by sync and then takes part. */
static void late_joiner_syncs(void **state)
{
    (void)state;
    cluster_init(&cluster, 4, 3);
    for (uint32_t i = 0; i < 3; i++)
        start_node(&cluster, i, 0);
    run_until(&cluster, 3 * SECOND);
    const uint32_t head = cluster.nodes[0].commits;
    assert_true(head > 300);
    start_node(&cluster, 3, 0);
    run_until(&cluster, 8 * SECOND);
    assert_true(agreement(&cluster) > head);
    struct cr_core_stats stats;
    cr_core_stats(cluster.nodes[3].core, &stats);
    assert_true(stats.syncs_total > 0);
    assert_false(stats.syncing);
    assert_true(stats.round + 10 > stats.clock);
    cluster_free(&cluster);
}

/* Goal: a restart rebuilds the same DAG and decides the same commits again (the harness asserts
 * it), also when the host is several commits behind its log, and when all go down at once. */
static void restarts_change_nothing(void **state)
{
    (void)state;
    for (uint32_t back = 0; back < 4; back++) {
        cluster_init(&cluster, 4, 10 + back);
        start_all();
        run_until(&cluster, SECOND);
        for (uint32_t k = 0; k < 8; k++) {
            offer(&cluster, k % 4, 5);
            stop_node(&cluster, k % 4);
            run_until(&cluster, cluster.now_us + UINT64_C(37777) * (k + 1));
            start_node(&cluster, k % 4, back);
            run_until(&cluster, cluster.now_us + UINT64_C(23456) * k);
        }
        for (uint32_t i = 0; i < 4; i++)
            stop_node(&cluster, i);
        for (uint32_t i = 0; i < 4; i++)
            start_node(&cluster, i, back);
        const uint32_t before = cluster.nodes[1].commits;
        run_until(&cluster, cluster.now_us + 2 * SECOND);
        assert_true(agreement(&cluster) > before + 100);
        for (uint32_t i = 0; i < 4; i++)
            assert_true(cluster.nodes[i].txs_committed >= 40);
        cluster_free(&cluster);
    }
}

/* Goal: a restart at any commit of a run gives the later commits and the state of the schedule
 * after each of them again, byte for byte (the harness asserts it): with an equivocator, a late
 * node, leaders that turn bad and return, and a horizon that moves. */
static void restart_at_every_commit(void **state)
{
    (void)state;
    cluster_init(&cluster, 4, 5);
    cluster.config.gc_depth = 8;
    cluster.config.score_window = 3;
    cluster.lying = true;
    cluster.check_every = 0;
    start_all();
    run_until(&cluster, SECOND / 5);
    stop_node(&cluster, 2);
    run_until(&cluster, SECOND / 2);
    start_node(&cluster, 2, 0);
    run_until(&cluster, SECOND);
    const uint32_t commits = cluster.nodes[1].commits;
    struct cr_core_stats stats;
    cr_core_stats(cluster.nodes[1].core, &stats);
    assert_true(commits > 100);
    assert_true(stats.commit_index == commits);
    for (uint32_t back = 0; back <= commits; back++) {
        stop_node(&cluster, 1);
        start_node(&cluster, 1, back);
        cr_core_stats(cluster.nodes[1].core, &stats);
        assert_true(stats.commit_index >= commits);
        cr_core_check(cluster.nodes[1].core);
    }
    cluster_free(&cluster);
}

/* Goal: what the guard says was signed is never signed again (the harness asserts it), and the node
 * comes back: after a torn tail the round is burned, after a lost log everything is fetched. */
static void signed_rounds_are_burned(void **state)
{
    (void)state;
    cluster_init(&cluster, 4, 30);
    start_all();
    for (uint32_t k = 0; k < 8; k++) {
        struct node *node = &cluster.nodes[k % 4];
        run_until(&cluster, cluster.now_us + SECOND / 3);
        stop_node(&cluster, k % 4);
        if (k % 2 == 0) {
            while (cluster.vertices[node->log[node->log_count - 1].body].round + 1 >
                   node->signed_round)
                node->log_count--; /* the last rounds, ours too, were not durable */
            while (node->commits > 0 &&
                   node->heads[node->commits].leader_round + 3 > node->signed_round)
                free(node->commit_bodies[node->commits--]);
        } else {
            while (node->commits > 0)
                free(node->commit_bodies[node->commits--]);
            node->log_count = 0;
        }
        start_node(&cluster, k % 4, 1);
        run_until(&cluster, cluster.now_us + 2 * SECOND);
        struct cr_core_stats stats;
        cr_core_stats(node->core, &stats);
        assert_true(stats.round + 10 > stats.clock);
    }
    assert_true(agreement(&cluster) > 1000);
    cluster_free(&cluster);
}

static bool halves(const struct cluster *c, uint32_t from, uint32_t to)
{
    (void)c;
    return (from < 2) != (to < 2);
}

/* Goal: nothing commits on either side of a split, and all goes on after it, with a tenth of the
 * messages lost all the time. */
static void partition_heals(void **state)
{
    (void)state;
    cluster_init(&cluster, 4, 20);
    cluster.drop_per_1000 = 100;
    start_all();
    run_until(&cluster, SECOND);
    cluster.cut = halves;
    run_until(&cluster, 2 * SECOND);
    const uint32_t before = cluster.nodes[0].commits;
    run_until(&cluster, 5 * SECOND);
    assert_int_equal(cluster.nodes[0].commits, before);
    cluster.cut = NULL;
    run_until(&cluster, 10 * SECOND);
    assert_true(agreement(&cluster) > before + 50);
    cluster_free(&cluster);
}

static uint64_t chance(uint64_t bound)
{
    return cr_prng_below(&cluster.random, bound);
}

static uint32_t isolated;
static bool isolation(const struct cluster *c, uint32_t from, uint32_t to)
{
    (void)c;
    return from == isolated || to == isolated;
}

/* Down and up at most F of them; drop, delay and cut at will. */
static void trouble(uint32_t rounds)
{
    for (uint32_t k = 0; k < rounds; k++) {
        const uint32_t i = (uint32_t)chance(cluster.count);
        cluster.drop_per_1000 = (uint32_t)chance(3) * 50;
        cluster.delay_us_max = cluster.delay_us_min + chance(20000);
        offer(&cluster, (uint32_t)chance(cluster.count), (uint32_t)chance(20));
        if (chance(3) == 0) {
            isolated = i;
            cluster.cut = isolation;
        } else {
            cluster.cut = NULL;
        }
        stop_node(&cluster, i);
        run_until(&cluster, cluster.now_us + chance(chance(4) == 0 ? 2 * SECOND : 50000));
        start_node(&cluster, i, (uint32_t)chance(5));
        run_until(&cluster, cluster.now_us + chance(300000));
    }
}

/* Goal: agreement always, progress after the trouble ends; small windows make every ring wrap. */
static void troubled_clusters_recover(void **state)
{
    (void)state;
    const char *more = getenv("CR_SEEDS");
    const uint32_t seeds = more != NULL ? (uint32_t)strtoul(more, NULL, 10) : 6;
    static const uint64_t stakes[] = {3, 3, 2, 2, 2, 1, 1};
    for (uint32_t seed = 1; seed <= seeds; seed++) {
        if (seed % 3 == 0)
            cluster_init_stakes(&cluster, 7, stakes, seed);
        else
            cluster_init(&cluster, 4, seed);
        if (seed % 2 == 0) {
            cluster.config.round_window = seed % 4 == 0 ? 64 : 32;
            cluster.config.gc_depth = seed % 4 == 0 ? 16 : 8;
        }
        if (seed % 5 == 0) cluster.config.idle_delay_us = 200 * 1000;
        cluster.lying = seed % 4 == 1;
        start_all();
        run_until(&cluster, SECOND / 2);
        trouble(8);
        cluster.cut = NULL;
        cluster.drop_per_1000 = 0;
        cluster.delay_us_max = cluster.delay_us_min + 300;
        run_until(&cluster, cluster.now_us + 8 * SECOND);
        const uint32_t before = agreement(&cluster);
        for (uint32_t i = 0; i < cluster.count; i++)
            offer(&cluster, i, 10);
        run_until(&cluster, cluster.now_us + 3 * SECOND);
        if (agreement(&cluster) <= before + 10) {
            print_error("seed %u: %u then %u\n", seed, before, agreement(&cluster));
            fail();
        }
        for (uint32_t i = cluster.lying ? 1 : 0; i < cluster.count; i++)
            assert_int_equal(cluster.nodes[i].txs_waiting, 0);
        cluster_free(&cluster);
    }
}

static bool can_be_fetched(const struct cr_dag_vertex *copy)
{
    const struct cr_ref ref = {copy->round, copy->author, copy->digest};
    const uint32_t body = copy->body;
    struct cr_event fetch = {.kind = CR_EVENT_FETCH, .peer = 2, .refs = &ref, .refs_count = 1};
    const struct cr_effects *effects = &cluster.nodes[1].effects;
    bool sent = false;
    step(&cluster, 1, &fetch);
    for (uint32_t i = 0; i < effects->count; i++) {
        const struct cr_effect *effect = &effects->items[i];
        sent |= effect->kind == CR_EFFECT_SEND && effect->peer == 2 && effect->body == body;
    }
    return sent;
}

/* Asks node 1 for both copies of all decided slots of node 0; returns how many slots have two. */
static uint32_t fetch_copies_of_decided_slots(void)
{
    const struct cr_dag *dag = &cluster.nodes[1].core->dag;
    struct cr_core_stats stats;
    uint32_t slots = 0;
    cr_core_stats(cluster.nodes[1].core, &stats);
    for (uint32_t round = stats.gc_round + 1; round <= stats.leader_round; round++) {
        struct cr_dag_vertex *v = cr_dag_slot_first(dag, round, 0);
        if (v == NULL || cr_dag_slot_next(dag, v) == NULL) continue;
        slots++;
        for (; v != NULL; v = cr_dag_slot_next(dag, v))
            assert_true(can_be_fetched(v));
    }
    return slots;
}

/* Goal: a validator that signs two vertices in every round stops nobody and splits nobody; both
 * copies can be fetched as long as they lie above the horizon, and everybody sees the evidence. */
static void equivocator_is_contained(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 4; seed++) {
        cluster_init(&cluster, seed % 2 ? 4 : 7, 40 + seed);
        cluster.lying = true;
        if (seed > 1) cluster.config.round_window = 32;
        if (seed > 1) cluster.config.gc_depth = 8;
        start_all();
        for (uint32_t i = 0; i < cluster.count; i++)
            offer(&cluster, i, 20);
        uint32_t slots = 0;
        while (cluster.now_us < 4 * SECOND) {
            run_until(&cluster, cluster.now_us + SECOND / 50);
            slots += fetch_copies_of_decided_slots();
        }
        assert_true(slots > 0);
        assert_true(agreement(&cluster) > 200);
        for (uint32_t i = 1; i < cluster.count; i++) {
            assert_true(cluster.nodes[i].evidence > 0);
            assert_int_equal(cluster.nodes[i].txs_waiting, 0);
        }
        cluster_free(&cluster);
    }
}

/* The two bodies of the newest evidence of a node, and the frames that showed them to others. */
static uint32_t evident[CLUSTER_NODES_MAX][2], shown[CLUSTER_NODES_MAX];

static void watch_evidence(const struct cluster *c, uint32_t node, const struct cr_effect *effect)
{
    if (effect->kind == CR_EFFECT_EVIDENCE && c->nodes[node].evidence == 0) {
        evident[node][0] = effect->body;
        evident[node][1] = effect->body_other;
    }
    if (effect->kind != CR_EFFECT_SEND || evident[node][0] == evident[node][1]) return;
    shown[node] += effect->body == evident[node][0] || effect->body == evident[node][1];
}

/* Goal: who sees two copies shows both to all others at once: else half of us build on one, half on
 * the other, and the slots of the liar stay undecided. */
static void both_copies_are_shown_to_everybody(void **state)
{
    (void)state;
    memset(evident, 0, sizeof evident);
    memset(shown, 0, sizeof shown);
    cluster_init(&cluster, 7, 40);
    cluster.lying = true;
    cluster.trace = watch_evidence;
    start_all();
    for (uint32_t i = 1; i < cluster.count; i++) {
        while (cluster.nodes[i].evidence == 0)
            run_until(&cluster, cluster.now_us + 10);
        assert_true(shown[i] >= 2 * (cluster.count - 2));
    }
    cluster_free(&cluster);
}

/* Goal: an observer follows and never signs. */
static void an_observer_signs_nothing(void **state)
{
    (void)state;
    struct cr_core_stats stats;
    cluster_init(&cluster, 4, 41);
    for (uint32_t i = 0; i < 4; i++) {
        cluster.config.observer = i == 3;
        start_node(&cluster, i, 0);
    }
    run_until(&cluster, 2 * SECOND);
    assert_true(agreement(&cluster) > 100);
    cr_core_stats(cluster.nodes[3].core, &stats);
    assert_int_equal(stats.proposed_total, 0);
    assert_true(stats.commit_index > 100);
    cluster_free(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_cores_agree),
        cmocka_unit_test(small_committees_work),
        cmocka_unit_test(one_of_four_crashed),
        cmocka_unit_test(late_joiner_syncs),
        cmocka_unit_test(restart_at_every_commit),
        cmocka_unit_test(restarts_change_nothing),
        cmocka_unit_test(signed_rounds_are_burned),
        cmocka_unit_test(partition_heals),
        cmocka_unit_test(equivocator_is_contained),
        cmocka_unit_test(troubled_clusters_recover),
        cmocka_unit_test(an_observer_signs_nothing),
        cmocka_unit_test(both_copies_are_shown_to_everybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
