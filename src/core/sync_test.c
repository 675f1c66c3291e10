/* SPDX-License-Identifier: Apache-2.0 */
/* Catching up from several peers, some of whom are slow or lie. Method: three cores run ahead, the
 * fourth starts later; what it is answered is delayed, withheld or changed. One may lie: F is 1. */
#include <stdio.h>

#include "base/unit.h"

#include "core/cluster.h"

#define SECOND UINT64_C(1000000)

enum { LATE = 3, LIAR = 1, AHEAD_MAX = 4 * CR_SYNC_COMMITS_MAX };

static struct cluster cluster;
static uint64_t asked_from[CR_SYNC_LANES], given_to, lied_at;
static uint32_t asked_count[CR_SYNC_LANES], asked_of[4], in_flight, in_flight_max, ahead;
static bool hidden;

/* What the late node orders: ranges are given in the order of the chain. */
static void watch_orders(const struct cluster *c, uint32_t node, const struct cr_effect *effect)
{
    (void)c;
    if (node != LATE) return;
    if (effect->kind == CR_EFFECT_SYNC) {
        asked_from[effect->range.lane] = effect->range.from_commit;
        asked_count[effect->range.lane] = effect->range.commits;
        asked_of[effect->peer]++;
        if (++in_flight > in_flight_max) in_flight_max = in_flight;
    }
    if (effect->kind == CR_EFFECT_GIVE) {
        const uint64_t from = cluster.nodes[LATE].lanes[effect->range.lane].from;
        if (from > given_to + 1) ahead++; /* a gap: nothing may do that */
        if (cluster.nodes[LATE].lanes[effect->range.lane].to > given_to)
            given_to = cluster.nodes[LATE].lanes[effect->range.lane].to;
    }
}

static void count_answers(struct cluster *c, uint32_t i, const struct cr_event *event)
{
    (void)c;
    if (i == LATE && event->kind == CR_EVENT_RANGE && in_flight > 0) in_flight--;
}

/* Three nodes make commits alone. Returns how many. */
static uint32_t run_ahead(uint64_t seed)
{
    cluster_init(&cluster, 4, seed);
    cluster.trace = watch_orders;
    cluster.watch = count_answers;
    memset(asked_of, 0, sizeof asked_of);
    given_to = lied_at = in_flight = in_flight_max = ahead = 0;
    hidden = false;
    for (uint32_t i = 0; i < LATE; i++)
        start_node(&cluster, i, 0);
    run_until(&cluster, 4 * SECOND);
    const uint32_t head = cluster.nodes[0].commits;
    assert_true(head > AHEAD_MAX);
    return head;
}

/* How long the late node needs to get there, in ms. */
static uint64_t catch_up(uint32_t head)
{
    const uint64_t began_us = cluster.now_us;
    start_node(&cluster, LATE, 0);
    while (cluster.nodes[LATE].commits < head) {
        if (cluster.now_us > began_us + 60 * SECOND) fail_msg("still behind after a minute");
        run_until(&cluster, cluster.now_us + SECOND / 100);
    }
    assert_true(agreement(&cluster) >= head - 5);
    assert_int_equal(ahead, 0);
    return (cluster.now_us - began_us) / 1000;
}

static uint64_t slow_head(struct cluster *c, uint32_t from, uint32_t to, const struct mail *mail)
{
    (void)from;
    if (to == LATE && mail->event.kind == CR_EVENT_RANGE) {
        /* Of each four ranges the first is the last to come. */
        const uint64_t place = mail->event.range.from_commit / CR_SYNC_COMMITS_MAX % CR_SYNC_LANES;
        return 30000 - 9000 * place;
    }
    return c->delay_us_min;
}

/* Goal: several ranges are under way at a time, of several peers, and come in any order; what is
 * given to the DAG is in the order of the chain (`ahead` stays 0). */
static void ranges_come_out_of_order(void **state)
{
    (void)state;
    const uint32_t head = run_ahead(1);
    cluster.delay = slow_head;
    (void)catch_up(head);
    assert_true(in_flight_max >= 3);
    for (uint32_t p = 0; p < LATE; p++)
        assert_true(asked_of[p] >= 1);
    assert_int_equal(cluster.nodes[LATE].accused, 0);
    cluster_free(&cluster);
}

static uint64_t far_away(struct cluster *c, uint32_t from, uint32_t to, const struct mail *mail)
{
    (void)mail;
    return from == LATE || to == LATE ? 100000 : c->delay_us_min;
}

/* Goal: distance costs little: while one answer is on its way for 100 ms, so are three others. */
static void distance_costs_little(void **state)
{
    (void)state;
    const uint32_t head = run_ahead(4);
    cluster.delay = far_away;
    const uint64_t took_ms = catch_up(head);
    printf("{\"bench\":\"catch_up_far\",\"commits\":%u,\"virtual_ms\":%u}\n", head,
           (uint32_t)took_ms);
    assert_true(took_ms < 300 + 100 * (head / (3 * CR_SYNC_COMMITS_MAX)));
    cluster_free(&cluster);
}

static uint64_t silent_liar(struct cluster *c, uint32_t from, uint32_t to, const struct mail *mail)
{
    if (to == LATE && from == LIAR && mail->event.kind == CR_EVENT_RANGE) return 3600 * SECOND;
    return c->delay_us_min;
}

static uint64_t slow_liar(struct cluster *c, uint32_t from, uint32_t to, const struct mail *mail)
{
    if (to == LATE && from == LIAR && mail->event.kind == CR_EVENT_RANGE) return 120000;
    return c->delay_us_min;
}

/* Goal: a peer that never answers costs its range to another one: a wait or two. Nobody is accused
 * of silence. */
static void silence_is_failed_over(void **state)
{
    (void)state;
    const uint32_t head = run_ahead(2);
    cluster.delay = silent_liar;
    const uint64_t took_ms = catch_up(head);
    struct cr_core_stats stats;
    cr_core_stats(cluster.nodes[LATE].core, &stats);
    assert_true(stats.sync_handovers_total > 0);
    assert_true(took_ms < 2500);
    assert_int_equal(cluster.nodes[LATE].accused, 0);
    cluster_free(&cluster);
}

/* Goal: the quick ones get more to do than the slow one. */
static void the_quick_get_more(void **state)
{
    (void)state;
    const uint32_t head = run_ahead(3);
    cluster.delay = slow_liar;
    (void)catch_up(head);
    assert_true(asked_of[LIAR] > 0);
    assert_true(asked_of[0] > asked_of[LIAR] && asked_of[2] > asked_of[LIAR]);
    cluster_free(&cluster);
}

/* Another chain from commit `lied_at` on, consistent in itself. With `hidden` the vertices lack. */
static void forge(struct cluster *c, struct cr_event *event, struct cr_claim *claim,
                  struct lane *lane)
{
    (void)c;
    if (event->peer != LIAR) return;
    for (uint32_t i = 0; i < claim->count; i++) {
        if (claim->from + i < lied_at) continue;
        claim->digests[i].bytes[0] ^= 1;
        if (i == 0 && claim->from > lied_at) claim->previous.bytes[0] ^= 1;
        lane->empty = hidden;
    }
}

/* Goal: a forged chain is found out when we have decided ourselves, wherever it departs from ours:
 * in the first range, in the middle, in the last, at a boundary. The liar is accused, nobody else,
 * and it stops nobody, whether or not it sends the vertices. */
static void forged_chains_accuse_the_liar(void **state)
{
    (void)state;
    const uint64_t places[] = {1, 2, 20, 64, 65, 128, 150, 192, 230};
    for (uint32_t i = 0; i < 2 * CR_COUNT_OF(places); i++) {
        const uint32_t head = run_ahead(10 + i);
        cluster.answer = forge;
        lied_at = places[i / 2];
        hidden = i % 2;
        const uint64_t took_ms = catch_up(head);
        run_until(&cluster, cluster.now_us + SECOND);
        assert_true(took_ms < 5000);
        assert_int_equal(cluster.nodes[LATE].accused & ~(1u << LIAR), 0);
        /* It may never have been asked for what it lies about. */
        struct cr_core_stats stats;
        cr_core_stats(cluster.nodes[LATE].core, &stats);
        if (lied_at <= 2) assert_int_equal(cluster.nodes[LATE].accused, 1u << LIAR);
        cluster_free(&cluster);
    }
}

static void contradict(struct cluster *c, struct cr_event *event, struct cr_claim *claim,
                       struct lane *lane)
{
    (void)c;
    (void)claim;
    (void)lane;
    event->range.forged = event->peer == LIAR;
}

/* Goal: who contradicts itself is accused at once, and not asked for a while. */
static void contradictions_accuse_at_once(void **state)
{
    (void)state;
    const uint32_t head = run_ahead(40);
    cluster.answer = contradict;
    assert_true(catch_up(head) < 1500);
    assert_int_equal(cluster.nodes[LATE].accused, 1u << LIAR);
    assert_true(asked_of[LIAR] <= CR_SYNC_LANES);
    cluster_free(&cluster);
}

/* Goal: who was caught once is not asked again, however long the rest takes: for 10 s. Method: it
 * lies in its first answer, and answers take 100 ms. */
static void the_liar_is_shunned(void **state)
{
    (void)state;
    const uint32_t head = run_ahead(41);
    cluster.answer = contradict;
    cluster.delay = far_away;
    (void)catch_up(head);
    assert_int_equal(cluster.nodes[LATE].accused, 1u << LIAR);
    assert_true(asked_of[LIAR] <= 2);
    cluster_free(&cluster);
}

/* Goal: ranges are ordered beyond the window of the DAG while the vertices of others are verified,
 * and the verifier is never idle; nothing is dropped and asked for again. */
static void the_verifier_is_kept_busy(void **state)
{
    (void)state;
    const uint32_t head = run_ahead(5);
    cluster.verify_us = 50;
    const uint64_t took_ms = catch_up(head);
    const uint32_t asked = asked_of[0] + asked_of[1] + asked_of[2];
    assert_true(asked <= cluster.nodes[0].commits / CR_SYNC_COMMITS_MAX + 4);
    assert_true(took_ms <= 3ULL * head * cluster.verify_us / 1000 + 50);
    cluster_free(&cluster);
}

static void other_epoch(struct cluster *c, struct cr_event *event, struct cr_claim *claim,
                        struct lane *lane)
{
    (void)c;
    (void)lane;
    if (event->peer == LIAR) claim->epoch++;
}

static void closes(struct cluster *c, struct cr_event *event, struct cr_claim *claim,
                   struct lane *lane)
{
    (void)c;
    (void)lane;
    if (event->peer == LIAR) claim->closing = true;
}

static void without_record(struct cluster *c, struct cr_event *event, struct cr_claim *claim,
                           struct lane *lane)
{
    (void)c;
    if (event->peer != LIAR) return;
    claim->count = 0;
    lane->empty = true;
}

static void part_for_ever(struct cluster *c, struct cr_event *event, struct cr_claim *claim,
                          struct lane *lane)
{
    (void)c;
    if (event->peer != LIAR) return;
    claim->count = 1;
    event->range.to_commit = event->range.from_commit - 1;
    lane->empty = true;
}

/* Goal: lies that nobody can prove cost time only: another epoch, an end of the epoch, no record
 * and no vertices, one vertex at a time. */
static void unprovable_lies_cost_little(void **state)
{
    (void)state;
    void (*const lies[])(struct cluster *, struct cr_event *, struct cr_claim *,
                         struct lane *) = {other_epoch, closes, without_record, part_for_ever};
    for (uint32_t i = 0; i < CR_COUNT_OF(lies); i++) {
        const uint32_t head = run_ahead(50 + i);
        cluster.answer = lies[i];
        const uint64_t took_ms = catch_up(head);
        if (took_ms >= 5000) fail_msg("lie %u costs %u ms", i, (uint32_t)took_ms);
        assert_int_equal(cluster.nodes[LATE].accused, 0);
        cluster_free(&cluster);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_come_out_of_order),
        cmocka_unit_test(distance_costs_little),
        cmocka_unit_test(silence_is_failed_over),
        cmocka_unit_test(the_quick_get_more),
        cmocka_unit_test(forged_chains_accuse_the_liar),
        cmocka_unit_test(contradictions_accuse_at_once),
        cmocka_unit_test(the_liar_is_shunned),
        cmocka_unit_test(the_verifier_is_kept_busy),
        cmocka_unit_test(unprovable_lies_cost_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
