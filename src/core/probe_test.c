/* SPDX-License-Identifier: Apache-2.0 */
/* Starts of nodes that may have signed more than they know (docs/protocol.md 4.8): whole clusters
 * of cores. Whatever a test does, no node signs two vertices of one round in all its lives. */
#include "base/unit.h"

#include "core/cluster.h"

enum { SECOND = 1000 * 1000, ROUNDS_MAX = 65536 };

static struct cluster cluster;
static uint8_t signed_rounds[CLUSTER_NODES_MAX][ROUNDS_MAX]; /* shown to anybody */
static uint32_t signed_twice, highest_signed[CLUSTER_NODES_MAX];
static bool mute[CLUSTER_NODES_MAX], deaf[CLUSTER_NODES_MAX];

static bool is_cut(const struct cluster *c, uint32_t from, uint32_t to)
{
    (void)c;
    return mute[from] || deaf[to];
}

/* A second vertex of a round is one even when nobody but a liar gets it. */
static void watch_signatures(const struct cluster *c, uint32_t node, const struct cr_effect *effect)
{
    if (effect->kind != CR_EFFECT_BROADCAST) return;
    const uint32_t round = c->vertices[effect->body].round;
    assert_true(round < ROUNDS_MAX);
    if (signed_rounds[node][round]++ > 0) signed_twice++;
    if (round > highest_signed[node]) highest_signed[node] = round;
}

static void begin(uint32_t count, uint64_t seed)
{
    cluster_init(&cluster, count, seed);
    cluster.config.gc_depth = 16;
    cluster.cut = is_cut;
    cluster.trace = watch_signatures;
    memset(signed_rounds, 0, sizeof signed_rounds);
    memset(highest_signed, 0, sizeof highest_signed);
    memset(mute, 0, sizeof mute);
    memset(deaf, 0, sizeof deaf);
    signed_twice = 0;
    for (uint32_t i = 0; i < count; i++) {
        cluster.nodes[i].knows = CR_MEMORY_KEPT;
        start_node(&cluster, i, 0);
    }
}

static void end(void)
{
    assert_int_equal(signed_twice, 0);
    (void)agreement(&cluster);
    cluster_free(&cluster);
}

static void run_for(uint64_t us)
{
    run_until(&cluster, cluster.now_us + us);
}

static struct cr_core_stats stats_of(uint32_t node)
{
    struct cr_core_stats stats;
    cr_core_stats(cluster.nodes[node].core, &stats);
    return stats;
}

/* What it has on disk is what it had when the log had so many records. The guard says what it says:
 * nothing (0) or the round of the copy. */
static void lose(uint32_t i, uint32_t records, uint32_t guard_round, enum cr_memory memory)
{
    struct node *node = &cluster.nodes[i];
    if (node->up) stop_node(&cluster, i);
    while (node->commits > 0)
        free(node->commit_bodies[node->commits--]);
    node->log_count = records;
    for (uint32_t k = 0; k < records; k++)
        node->log[k].commit = 0;
    node->signed_round = guard_round;
    node->knows = memory;
}

static void forget(uint32_t i)
{
    lose(i, 0, 0, CR_MEMORY_LOST);
}

/* Goal: (a) nobody has ever signed: everybody begins at once, without a vertex to show. */
static void genesis_begins_at_once(void **state)
{
    (void)state;
    begin(4, 1);
    run_for(SECOND / 10);
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(signed_rounds[i][1] == 1);
        assert_false(stats_of(i).probe.open);
    }
    assert_true(agreement(&cluster) > 5);
    end();
}

/* Goal: (a) nobody signs before a quorum, itself included, has answered. */
static void two_of_four_sign_nothing(void **state)
{
    (void)state;
    begin(4, 2);
    stop_node(&cluster, 0);
    stop_node(&cluster, 1);
    stop_node(&cluster, 2);
    cluster.nodes[2].knows = cluster.nodes[3].knows = CR_MEMORY_KEPT;
    stop_node(&cluster, 3);
    const uint32_t before = highest_signed[2];
    start_node(&cluster, 2, 0);
    start_node(&cluster, 3, 0);
    run_for(SECOND);
    assert_true(stats_of(2).probe.open);
    assert_int_equal(highest_signed[2], before);
    start_node(&cluster, 1, 0);
    run_for(SECOND / 2);
    assert_false(stats_of(2).probe.open);
    assert_true(highest_signed[2] > before + 20);
    end();
}

/* Goal: (b) all restart at once with whole guards: they go on without a gap, in no time. */
static void all_restart_at_once(void **state)
{
    (void)state;
    begin(4, 3);
    run_for(SECOND);
    for (uint32_t i = 0; i < 4; i++)
        stop_node(&cluster, i);
    uint32_t before[4];
    memcpy(before, highest_signed, sizeof before);
    for (uint32_t i = 0; i < 4; i++)
        start_node(&cluster, i, 0);
    run_for(SECOND / 20);
    for (uint32_t i = 0; i < 4; i++) {
        assert_false(stats_of(i).probe.open);
        assert_false(stats_of(i).probe.lost);
        assert_true(highest_signed[i] > before[i]);
        assert_int_equal(signed_rounds[i][before[i] + 1], 1);
    }
    end();
}

/* Goal: (c) F nodes lose everything, again and again, at any moment: they come back, and sign no
 * round twice. Method: before, each of them is mute for a while, so that some of what it signs is
 * seen by nobody; sizes 4 and 7. */
static void up_to_f_lose_everything(void **state)
{
    (void)state;
    for (uint32_t seed = 10; seed < 22; seed++) {
        const uint32_t count = seed % 2 ? 7 : 4;
        const uint32_t faulty = (count - 1) / 3;
        begin(count, seed);
        for (uint32_t time = 0; time < 3; time++) {
            run_for(SECOND / 3 + 1000 * seed);
            for (uint32_t i = 0; i < faulty; i++)
                mute[(i + time) % count] = true;
            run_for(UINT64_C(3000) * (seed % 5));
            for (uint32_t i = 0; i < faulty; i++)
                forget((i + time) % count);
            memset(mute, 0, sizeof mute);
            run_for(UINT64_C(1000) * (seed % 7));
            for (uint32_t i = 0; i < faulty; i++)
                start_node(&cluster, (i + time) % count, 0);
            run_for(3 * (uint64_t)SECOND / 2);
            for (uint32_t i = 0; i < faulty; i++) {
                const struct cr_core_stats stats = stats_of((i + time) % count);
                assert_true(stats.probe.lost && !stats.probe.open && !stats.probe.listening);
                assert_true(stats.round + 10 > stats.clock);
                cluster.nodes[(i + time) % count].knows = CR_MEMORY_KEPT; /* guarded again */
            }
        }
        end();
    }
}

/* Goal: one that has lost everything signs only above what any quorum of answers allows, and the
 * bound is tight. Method: node 0 is heard by nobody, so its last vertex is seen by nobody: it is
 * of the round after the highest of the others, for it is not waited for. */
static void the_bound_is_tight(void **state)
{
    (void)state;
    uint32_t one_above = 0;
    for (uint32_t seed = 30; seed < 60; seed++) {
        begin(4, seed);
        run_for(SECOND / 3);
        mute[0] = true;
        run_for(SECOND / 100 + 211 * seed);
        uint32_t highest = 0;
        for (uint32_t i = 1; i < 4; i++)
            highest = highest_signed[i] > highest ? highest_signed[i] : highest;
        assert_true(highest_signed[0] <= highest + 1);
        if (highest_signed[0] == highest + 1) one_above++;
        forget(0);
        mute[0] = false;
        start_node(&cluster, 0, 0);
        run_for(SECOND);
        assert_true(stats_of(0).round + 10 > stats_of(0).clock);
        end();
    }
    assert_true(one_above > 0);
}

/* Goal: (c) the answer of a node that has lost its own memory does not count. Method: 0 and 1 of
 * four have lost everything; for each the other is none of three. (d) They say that it is hopeless,
 * and nobody signs, however long it lasts. */
static void more_than_f_sign_nothing(void **state)
{
    (void)state;
    begin(4, 60);
    run_for(SECOND / 2);
    forget(0);
    forget(1);
    const uint32_t before[2] = {highest_signed[0], highest_signed[1]};
    start_node(&cluster, 0, 0);
    start_node(&cluster, 1, 0);
    run_for(20 * (uint64_t)SECOND);
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(stats_of(i).probe.open && stats_of(i).probe.hopeless);
        assert_int_equal(highest_signed[i], before[i]);
        const struct cr_core_stats stats = stats_of(i);
        assert_int_equal(cr_authors_count(&stats.probe.answered), 2);
    }
    end();
}

/* Goal: (e) one restarts while F others are gone: it does not wait for them. */
static void restart_with_f_gone(void **state)
{
    (void)state;
    begin(4, 70);
    run_for(SECOND / 2);
    stop_node(&cluster, 3);
    run_for(SECOND / 2);
    stop_node(&cluster, 0);
    const uint32_t before = highest_signed[0];
    start_node(&cluster, 0, 0);
    run_for(SECOND / 2);
    assert_int_equal(signed_rounds[0][before + 1], 1);
    assert_true(highest_signed[0] > before + 20);
    end();
}

/* Goal: but who has lost everything waits for a quorum without itself. */
static void amnesia_with_f_gone_waits(void **state)
{
    (void)state;
    begin(4, 71);
    run_for(SECOND / 2);
    stop_node(&cluster, 3);
    forget(0);
    const uint32_t before = highest_signed[0];
    start_node(&cluster, 0, 0);
    run_for(2 * (uint64_t)SECOND);
    assert_true(stats_of(0).probe.open && !stats_of(0).probe.hopeless);
    assert_int_equal(highest_signed[0], before);
    start_node(&cluster, 3, 0);
    run_for(6 * (uint64_t)SECOND);
    assert_false(stats_of(0).probe.open);
    assert_true(stats_of(0).round + 10 > stats_of(0).clock);
    end();
}

/* Goal: an old copy of log and guard that nothing on this machine gives away: a vertex that the
 * others have proves it, then it counts as lost. Method: copies of many ages. */
static void old_copy_is_proved_old(void **state)
{
    (void)state;
    for (uint32_t age = 1; age <= 12; age++) {
        begin(4, 80 + age);
        run_for(SECOND / 2);
        const uint32_t records = cluster.nodes[0].log_count;
        const uint32_t guard = cluster.nodes[0].signed_round;
        run_for(UINT64_C(4000) * age * age);
        lose(0, records, guard, CR_MEMORY_KEPT);
        run_for(UINT64_C(500) * age);
        start_node(&cluster, 0, 0);
        run_for(SECOND);
        assert_true(stats_of(0).probe.lost);
        assert_true(stats_of(0).round + 10 > stats_of(0).clock);
        end();
    }
}

static void withhold(const struct cluster *c, uint32_t node, struct cr_probe_reply *reply)
{
    (void)c;
    if (node == 2) reply->nonce ^= 1;
}

/* The living owner of node 0's key: builds a vertex on what node 1 has built its newest on. */
static void sign_elsewhere(uint32_t *round)
{
    static struct cr_header header;
    for (uint32_t v = cluster.vertices_count; v > 0; v--) {
        header = *header_of(&cluster, v - 1);
        if (header.author != 1 || header.round <= *round) continue;
        if (!cr_authors_has(&header.parents, 0)) return;
        header.author = 0;
        *round = header.round;
        const uint32_t body = seal(&cluster, &header);
        for (uint32_t to = 0; to < 4; to++)
            send_vertex(&cluster, 3, to, body);
        return;
    }
}

/* Goal: a key that is live somewhere else: its second process signs nothing and says so. Method:
 * with nothing, with an old copy, and with nothing where one of three never answers, so that there
 * is no bound. */
static void live_key_is_refused(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < 3; k++) {
        begin(4, 100 + k);
        cluster.twins_allowed = true;
        run_for(SECOND / 2);
        const uint32_t records = cluster.nodes[0].log_count;
        const uint32_t guard = cluster.nodes[0].signed_round;
        run_for(SECOND / 10);
        if (k == 1) lose(0, records, guard, CR_MEMORY_KEPT);
        if (k != 1) forget(0);
        if (k == 2) cluster.alter_reply = withhold;
        uint32_t round = highest_signed[0];
        const uint32_t before = round;
        start_node(&cluster, 0, 0);
        for (uint32_t ms = 0; ms < 3000 && cluster.nodes[0].twin_round == 0; ms++) {
            run_for(1000);
            sign_elsewhere(&round);
        }
        assert_int_not_equal(cluster.nodes[0].twin_round, 0);
        assert_true(stats_of(0).twin);
        run_for(SECOND);
        assert_int_equal(highest_signed[0], before);
        end();
    }
}

static void boast(const struct cluster *c, uint32_t node, struct cr_probe_reply *reply)
{
    (void)c;
    if (node == 3) reply->round += 1000000;
}

static void boast_of_ours(const struct cluster *c, uint32_t node, struct cr_probe_reply *reply)
{
    (void)c;
    if (node == 3) reply->round_of_receiver += 1000000;
}

static void belittle(const struct cluster *c, uint32_t node, struct cr_probe_reply *reply)
{
    (void)c;
    if (node == 3) reply->round = reply->round_of_receiver = 0;
}

static void repeat(const struct cluster *c, uint32_t node, struct cr_probe_reply *reply)
{
    (void)c;
    (void)node;
    reply->nonce ^= 1;
}

/* Goal: a liar that names rounds which do not exist is as good as silent: it cannot send a node
 * into the far future, and with a quorum of others not even delay it. */
static void boasts_count_as_silence(void **state)
{
    (void)state;
    begin(7, 120);
    for (uint32_t k = 0; k < 2; k++) {
        cluster.alter_reply = k ? boast : boast_of_ours;
        run_for(SECOND / 2);
        forget(0);
        start_node(&cluster, 0, 0);
        stop_node(&cluster, 1);
        start_node(&cluster, 1, 0);
        run_for(SECOND);
        for (uint32_t i = 0; i < 2; i++) {
            assert_false(stats_of(i).probe.open);
            assert_true(stats_of(i).round + 10 > stats_of(i).clock);
        }
    }
    end();
    begin(4, 121); /* here it is needed: silence holds the node back, and no longer than it lasts */
    run_for(SECOND / 2);
    forget(0);
    cluster.alter_reply = boast;
    start_node(&cluster, 0, 0);
    run_for(SECOND);
    const struct cr_core_stats stats = stats_of(0);
    assert_true(stats.probe.open);
    assert_false(cr_authors_has(&stats.probe.answered, 3));
    cluster.alter_reply = NULL;
    run_for(4 * (uint64_t)SECOND);
    assert_false(stats_of(0).probe.open);
    end();
}

/* Goal: a liar and one that lags are no quorum of answers. Method: node 0 signs with 1 and 3 while
 * 2 hears nothing; its last vertex is seen by nobody. Then it forgets, 1 is away, 3 says that it
 * has signed nothing. 0 must wait for 1, whatever vertices it gets. */
static void liar_and_laggard_are_no_quorum(void **state)
{
    (void)state;
    for (uint32_t seed = 140; seed < 150; seed++) {
        begin(4, seed);
        cluster.alter_reply = belittle;
        run_for(SECOND / 4);
        deaf[2] = mute[2] = true;
        run_for(SECOND / 4);
        mute[0] = true;
        run_for(SECOND / 20);
        forget(0);
        memset(mute, 0, sizeof mute);
        memset(deaf, 0, sizeof deaf);
        deaf[1] = mute[1] = true;
        const uint32_t before = highest_signed[0];
        start_node(&cluster, 0, 0);
        run_for(2 * (uint64_t)SECOND);
        assert_true(stats_of(0).probe.open);
        assert_int_equal(highest_signed[0], before);
        deaf[1] = mute[1] = false;
        run_for(3 * (uint64_t)SECOND);
        assert_false(stats_of(0).probe.open);
        end();
    }
}

/* Goal: answers below the truth do no harm beside a quorum of others; answers to an earlier start
 * are none. */
static void lies_downward_and_old_answers(void **state)
{
    (void)state;
    begin(4, 130);
    cluster.alter_reply = belittle;
    run_for(SECOND / 2);
    mute[0] = true;
    run_for(SECOND / 50);
    forget(0);
    mute[0] = false;
    start_node(&cluster, 0, 0);
    run_for(SECOND);
    assert_true(stats_of(0).round + 10 > stats_of(0).clock);
    stop_node(&cluster, 0);
    cluster.nodes[0].knows = CR_MEMORY_KEPT;
    cluster.alter_reply = repeat;
    start_node(&cluster, 0, 0);
    run_for(SECOND);
    assert_true(stats_of(0).probe.open);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(genesis_begins_at_once),
        cmocka_unit_test(two_of_four_sign_nothing),
        cmocka_unit_test(all_restart_at_once),
        cmocka_unit_test(up_to_f_lose_everything),
        cmocka_unit_test(the_bound_is_tight),
        cmocka_unit_test(more_than_f_sign_nothing),
        cmocka_unit_test(restart_with_f_gone),
        cmocka_unit_test(amnesia_with_f_gone_waits),
        cmocka_unit_test(old_copy_is_proved_old),
        cmocka_unit_test(live_key_is_refused),
        cmocka_unit_test(liar_and_laggard_are_no_quorum),
        cmocka_unit_test(boasts_count_as_silence),
        cmocka_unit_test(lies_downward_and_old_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
