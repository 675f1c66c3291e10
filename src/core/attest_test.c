/* SPDX-License-Identifier: Apache-2.0 */
/* Statements about the past (protocol 5.5): more than F stake that contradicts us halts us, F stake
 * never does, whatever it says and when. Method: clusters in which some nodes sign other digests
 * than their core gave them. */
#include "base/unit.h"

#include "core/cluster.h"
#include "core/replica.h"

enum { SECOND_US = 1000 * 1000 };

static uint32_t liars;       /* nodes 0..liars-1 lie */
static uint32_t kind;        /* enum cr_attested */
static bool each_at_its_own; /* only at indices that no other liar lies at */
static bool undecided; /* always about the same index, in odd rounds otherwise than in even ones */

static void lie(const struct cluster *c, uint32_t node, struct cr_header *header)
{
    uint64_t *indices[] = {&header->commit_index, &header->executed_index,
                           &header->checkpoint_index};
    struct cr_hash *digests[] = {&header->commit_digest, &header->effects_digest,
                                 &header->state_root};
    (void)c;
    if (node >= liars || *indices[kind] < 5) return;
    if (undecided) {
        memset(digests[1], 0, sizeof *digests[1]);
        *indices[1] = 0;
        *indices[kind] = 5;
        digests[kind]->bytes[0] = (uint8_t)(1 + header->round % 2);
    }
    if (each_at_its_own && *indices[kind] % liars != node) return;
    digests[kind]->bytes[3] ^= 0x40;
}

static uint32_t halted_of(const struct cluster *c, uint32_t from)
{
    uint32_t count = 0;
    for (uint32_t i = from; i < c->count; i++)
        count += c->nodes[i].halted != NULL;
    return count;
}

static void run_liars(struct cluster *c, uint32_t nodes, uint32_t count, uint32_t about)
{
    liars = count;
    kind = about;
    cluster_init(c, nodes, 7 + about);
    c->alter = lie;
    for (uint32_t i = 0; i < nodes; i++)
        start_node(c, i, 0);
    offer(c, nodes - 1, 100);
    run_until(c, SECOND_US);
}

/* Goal: B28. F liars are counted and named, and halt nobody, also not one that restarts. */
static void f_liars_halt_nobody(void **state)
{
    (void)state;
    for (uint32_t about = 0; about < 2; about++) {
        static struct cluster c;
        struct cr_core_stats stats;
        struct cr_contradiction said;
        each_at_its_own = false;
        run_liars(&c, 7, 2, about);
        stop_node(&c, 5);
        run_until(&c, UINT64_C(2) * SECOND_US);
        start_node(&c, 5, 1);
        run_until(&c, UINT64_C(3) * SECOND_US);
        assert_true(agreement(&c) > 100); /* asserts that nobody has halted */
        for (uint32_t i = 2; i < 7; i++) {
            cr_core_stats(c.nodes[i].core, &stats);
            assert_true(stats.differences_total > 0);
            assert_int_equal(cr_authors_count(&stats.contradicting[about]), 2);
            assert_int_equal(cr_authors_count(&stats.contradicting[1 - about]), 0);
            assert_int_equal(c.nodes[i].evidence, 0); /* they say the same of each index */
            assert_true(cr_core_contradiction(c.nodes[i].core, (enum cr_attested)about, 1, &said));
            assert_int_equal(said.vertex.author, 1);
            assert_false(cr_hash_equal(&said.own, &said.claimed));
            assert_false(cr_core_contradiction(c.nodes[i].core, (enum cr_attested)about, 2, &said));
        }
        cluster_free(&c);
    }
}

/* Goal: more than F halts everybody else, with the reason, before much more is committed, and who
 * has halted signs nothing more. */
static void more_than_f_halts(void **state)
{
    (void)state;
    static const char *const words[] = {"commits", "effects"};
    for (uint32_t about = 0; about < 2; about++) {
        static struct cluster c;
        each_at_its_own = false;
        run_liars(&c, 7, 3, about);
        assert_int_equal(halted_of(&c, 3), 4);
        for (uint32_t i = 3; i < 7; i++) {
            struct cr_core_stats stats;
            assert_non_null(strstr(c.nodes[i].halted, words[about]));
            assert_in_range(c.nodes[i].commits, 5, 12);
            cr_core_stats(c.nodes[i].core, &stats);
            assert_in_range(stats.proposed_total, 5, stats.leader_round + 8);
        }
        cluster_free(&c);
    }
}

/* Goal: statements that an author has taken back, by agreeing at a higher index, do not add up:
 * four liars of ten, each at indices of its own, do not halt. */
static void who_agrees_again_does_not_count(void **state)
{
    (void)state;
    static struct cluster c;
    struct cr_core_stats stats;
    each_at_its_own = true;
    run_liars(&c, 10, 4, CR_ATTESTED_COMMIT); /* F = 3 */
    assert_int_equal(halted_of(&c, 0), 0);
    cr_core_stats(c.nodes[9].core, &stats);
    assert_true(stats.differences_total > 10);
    cluster_free(&c);
}

static void say(struct cr_core *core, uint32_t author, uint32_t round, uint64_t index, uint8_t what)
{
    static struct cr_header header;
    const struct cr_hash vertex = {{(uint8_t)author, (uint8_t)round}};
    header.author = author;
    header.round = round;
    header.commit_index = index;
    header.commit_digest = (struct cr_hash){{what}};
    const struct cr_event_vertex arrival = {.header = &header, .digest = vertex};
    cr_attest_hear(core, &arrival);
}

/* Goal: statements ahead of us are compared when we get there, also of authors that are always
 * ahead; what is older than the ring, our own and index 0 are not. Method: a core without a cluster
 * around it. */
static void statements_ahead_of_us_wait(void **state)
{
    (void)state;
    static struct cluster c;
    liars = 0;
    cluster_init(&c, 4, 1);
    start_node(&c, 0, 0);
    struct cr_core *core = c.nodes[0].core;
    core->effects = &c.nodes[0].effects;
    core->effects->count = 0;
    const struct cr_hash ours = {{1}};
    for (uint64_t index = 300; index <= 600; index++)
        cr_attest_own(core, CR_ATTESTED_COMMIT, index, &ours);

    say(core, 0, 9, 500, 2);  /* ourselves */
    say(core, 1, 9, 0, 0);    /* nothing yet */
    say(core, 1, 10, 300, 2); /* no longer known */
    assert_int_equal(core->attest.differences_total, 0);
    say(core, 1, 11, 602, 2); /* waits */
    say(core, 1, 12, 603, 1); /* not looked at: the first one stays */
    say(core, 2, 11, 601, 2);
    say(core, 3, 11, 602, 1);
    assert_int_equal(core->attest.differences_total, 0);
    cr_attest_own(core, CR_ATTESTED_COMMIT, 601, &ours);
    assert_int_equal(core->attest.differences_total, 1);
    assert_false(core->halted);
    cr_attest_own(core, CR_ATTESTED_COMMIT, 602, &ours);
    assert_true(core->halted);
    assert_int_equal(core->attest.differences_total, 2);
    assert_int_equal(core->effects->count, 1);
    assert_int_equal(core->effects->items[0].kind, CR_EFFECT_HALT);

    say(core, 2, 9, 601, 1); /* an older vertex of that author takes nothing back */
    assert_true(cr_authors_has(&core->attest.differing[CR_ATTESTED_COMMIT], 2));
    say(core, 2, 13, 602, 1);
    assert_false(cr_authors_has(&core->attest.differing[CR_ATTESTED_COMMIT], 2));
    cluster_free(&c);
}

/* Goal: what a peer says of our commits in a range counts like a statement, until it agrees in a
 * newer vertex; more than F stake of them halts. */
static void ranges_contradict_like_statements(void **state)
{
    (void)state;
    static struct cluster c;
    const struct cr_hash ours = {{1}}, theirs = {{2}};
    struct cr_contradiction said;
    liars = 0;
    cluster_init(&c, 4, 1);
    start_node(&c, 0, 0);
    struct cr_core *core = c.nodes[0].core;
    core->effects = &c.nodes[0].effects;
    core->effects->count = 0;
    cr_attest_own(core, CR_ATTESTED_COMMIT, 9, &ours);
    cr_attest_range(core, 1, 9, &ours, &theirs);
    cr_attest_range(core, 1, 8, &ours, &theirs);
    assert_false(core->halted);
    assert_true(cr_core_contradiction(core, CR_ATTESTED_COMMIT, 1, &said));
    assert_int_equal(said.index, 8);
    assert_int_equal(said.vertex.round, 0);
    say(core, 1, 12, 9, 1);
    assert_false(cr_core_contradiction(core, CR_ATTESTED_COMMIT, 1, &said));
    cr_attest_range(core, 2, 9, &ours, &theirs);
    assert_false(core->halted);
    say(core, 3, 12, 9, 2);
    assert_true(core->halted);
    cluster_free(&c);
}

/* Goal: who says two things about one index is reported by everybody else, once; nobody else is. */
static void two_statements_are_evidence(void **state)
{
    (void)state;
    for (uint32_t about = 0; about < 2; about++) {
        static struct cluster c;
        undecided = true;
        run_liars(&c, 4, 1, about);
        undecided = false;
        assert_true(agreement(&c) > 100);
        for (uint32_t i = 0; i < 4; i++) {
            const struct cr_core *core = c.nodes[i].core;
            assert_int_equal(c.nodes[i].evidence, i > 0 ? 1 : 0);
            assert_int_equal(cr_authors_count(&core->attest.reported), i > 0 ? 1 : 0);
            assert_true(i == 0 || cr_authors_has(&core->attest.reported, 0));
        }
        cluster_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f_liars_halt_nobody),
        cmocka_unit_test(more_than_f_halts),
        cmocka_unit_test(ranges_contradict_like_statements),
        cmocka_unit_test(who_agrees_again_does_not_count),
        cmocka_unit_test(statements_ahead_of_us_wait),
        cmocka_unit_test(two_statements_are_evidence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
