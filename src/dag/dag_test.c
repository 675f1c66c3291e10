/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include "dag/dag.h"

enum { N = 4, WINDOW = 16, MEMORY = 8 * 1024 * 1024 };

static struct cr_dag dag;
static struct cr_header header;

static int setup(void **state)
{
    static void *memory;
    struct cr_arena arena;
    (void)state;
    if (memory == NULL) memory = aligned_alloc(64, MEMORY);
    cr_arena_init(&arena, memory, MEMORY);
    cr_dag_init(&dag, &arena, N, WINDOW, 42);
    return 0;
}

static struct cr_hash name(uint32_t round, uint32_t author, uint32_t copy)
{
    return (struct cr_hash){{(uint8_t)copy, (uint8_t)round, (uint8_t)author, 1}};
}

/* A vertex with first copies of everybody as parents. */
static struct cr_dag_arrival vertex(uint32_t round, uint32_t author, uint32_t copy)
{
    static struct cr_hash digest;
    digest = name(round, author, copy);
    memset(&header, 0, sizeof header);
    header.round = round;
    header.author = author;
    header.validators_count = N;
    for (uint32_t a = 0; a < N; a++) {
        cr_authors_add(&header.parents, a);
        header.parent_digests[a] = name(round - 1, a, 0);
    }
    return (struct cr_dag_arrival){
        .header = &header, .digest = &digest, .source = author, .wait_above = dag.gc_round};
}

static uint32_t accept_ready(void)
{
    uint32_t count = 0;
    for (struct cr_dag_vertex *v = cr_dag_next_ready(&dag); v != NULL;
         v = cr_dag_next_ready(&dag), count++)
        cr_dag_accept(&dag, v);
    cr_dag_check(&dag, dag.gc_round);
    return count;
}

static uint32_t feed(uint32_t round, uint32_t author, uint32_t copy)
{
    const struct cr_dag_arrival arrival = vertex(round, author, copy);
    assert_true(cr_dag_has_room(&dag, &arrival));
    cr_dag_insert(&dag, &arrival);
    return accept_ready();
}

static void raise_horizon(void)
{
    struct cr_dag_round *round = cr_dag_round(&dag, dag.gc_round + 1);
    while (round->first != 0)
        cr_dag_release(&dag, &dag.pool[round->first]);
    cr_dag_raise_horizon(&dag);
}

/* Goal: acceptance is causal and cascades. Method: three rounds arrive backwards. */
static void acceptance_cascades(void **state)
{
    (void)state;
    for (uint32_t r = 3; r > 1; r--) {
        for (uint32_t a = 0; a < N; a++)
            assert_int_equal(feed(r, a, 0), 0);
    }
    assert_int_equal(dag.suspended, 2 * N);
    assert_int_equal(dag.missing, N);
    for (uint32_t a = 0; a + 1 < N; a++)
        assert_int_equal(feed(1, a, 0), 1);
    assert_int_equal(feed(1, N - 1, 0), 1 + 2 * N);
    assert_int_equal(dag.missing + dag.suspended, 0);
    assert_int_equal(dag.highest, 3);
}

/* What the horizon passes counts as present, whether it ever came or not. */
static void horizon_releases_what_waits(void **state)
{
    (void)state;
    for (uint32_t a = 0; a < N; a++)
        feed(2, a, 0);
    assert_int_equal(dag.accepted, 0);
    raise_horizon();
    assert_int_equal(accept_ready(), N);
    assert_int_equal(dag.missing, 0);
    for (uint32_t r = 3; r < 3 * WINDOW; r++) { /* all rings wrap */
        for (uint32_t a = 0; a < N; a++)
            assert_int_equal(feed(r, a, 0), 1);
        if (r > 6) raise_horizon();
    }
    cr_dag_check(&dag, dag.gc_round);
}

static void ids_of_dropped_vertices_resolve_to_nothing(void **state)
{
    (void)state;
    feed(1, 0, 0);
    const struct cr_hash digest = name(1, 0, 0);
    const uint32_t id = cr_dag_find(&dag, 1, 0, &digest)->id;
    assert_non_null(cr_dag_get(&dag, id));
    raise_horizon();
    assert_null(cr_dag_get(&dag, id));
    feed(2, 1, 0); /* takes the place */
    assert_null(cr_dag_get(&dag, id));
    assert_null(cr_dag_get(&dag, CR_DAG_NONE));
}

/* A reference that lies about the round must not stand in the way of the real vertex. */
static void lying_reference_is_another_vertex(void **state)
{
    (void)state;
    struct cr_dag_arrival arrival = vertex(5, 3, 0);
    header.parent_digests[1] = name(2, 1, 0);
    cr_dag_insert(&dag, &arrival);
    arrival = vertex(2, 1, 0);
    cr_dag_insert(&dag, &arrival);
    const struct cr_hash digest = name(2, 1, 0);
    assert_int_equal(cr_dag_find(&dag, 2, 1, &digest)->state, CR_DAG_SUSPENDED);
    assert_int_equal(cr_dag_find(&dag, 4, 1, &digest)->state, CR_DAG_MISSING);
    cr_dag_check(&dag, 0);
}

/* Goal: an equivocator cannot fill the pool, and what others reference is taken all the same. */
static void copies_have_a_quota(void **state)
{
    (void)state;
    for (uint32_t copy = 0; copy < CR_VARIANTS_MAX; copy++)
        feed(1, 0, copy);
    struct cr_dag_arrival arrival = vertex(1, 0, 9);
    assert_false(cr_dag_has_room(&dag, &arrival));
    arrival = vertex(2, 1, 0);
    header.parent_digests[0] = name(1, 0, 9);
    cr_dag_insert(&dag, &arrival);
    arrival = vertex(1, 0, 9);
    assert_true(cr_dag_has_room(&dag, &arrival)); /* wanted */
    cr_dag_insert(&dag, &arrival);
    accept_ready();

    for (uint32_t round = 2; round < 8; round++) {
        for (uint32_t copy = 0; copy < 8; copy++) {
            arrival = vertex(round, 0, copy);
            if (cr_dag_has_room(&dag, &arrival)) cr_dag_insert(&dag, &arrival);
        }
    }
    assert_true(dag.extra[0] <= dag.extra_max);
    cr_dag_check(&dag, 0);
}

/* Goal: a copy too many is taken from a peer that answers for it: others may have decided by
 * it, and show it in a range (simulator scenario floods, 7 nodes, seed 0x2340). */
static void a_copy_too_many_is_paid_by_its_sender(void **state)
{
    (void)state;
    for (uint32_t copy = 0; copy < CR_VARIANTS_MAX; copy++)
        feed(1, 0, copy);
    struct cr_dag_arrival arrival = vertex(1, 0, 9);
    assert_false(cr_dag_has_room(&dag, &arrival));
    const uint32_t of_liar = dag.extra[0];
    arrival.source = 2;
    assert_true(cr_dag_has_room(&dag, &arrival));
    cr_dag_insert(&dag, &arrival);
    accept_ready();
    assert_int_equal(dag.extra[0], of_liar);
    assert_int_equal(dag.extra[2], 1);
}

/* Goal: invented references cannot fill the pool. */
static void missing_vertices_have_a_quota(void **state)
{
    (void)state;
    uint32_t taken = 0;
    for (uint32_t i = 0; i < 40; i++) {
        const struct cr_dag_arrival arrival = vertex(2 + i % 12, 2, i / 12);
        for (uint32_t a = 0; a < N; a++)
            header.parent_digests[a].bytes[9] = (uint8_t)(i + 1);
        if (!cr_dag_has_room(&dag, &arrival)) continue;
        cr_dag_insert(&dag, &arrival);
        taken++;
    }
    assert_int_equal(taken, dag.missing_max / 2 / N);
    cr_dag_check(&dag, 0);
}

/* Author 0 invents references until it may bring up nothing more, then builds on that itself. */
static void use_up_account_of_0(void)
{
    for (uint32_t i = 0; i < 200; i++) {
        const struct cr_dag_arrival arrival = vertex(3 + i % 10, 0, i / 10);
        for (uint32_t a = 0; a < N; a++)
            header.parent_digests[a].bytes[9] = (uint8_t)(i + 1);
        if (cr_dag_has_room(&dag, &arrival)) cr_dag_insert(&dag, &arrival);
    }
    const uint32_t before = dag.missing_by[0];
    const struct cr_dag_arrival more = vertex(2, 0, 0);
    assert_false(cr_dag_has_room(&dag, &more));
    assert_true(before > dag.missing_max / 2 - N);
}

/* Goal: a liar that has used up its quotas cannot keep out a vertex of its own that a correct
 * author has built on: that author pays (found by simulator scenario floods, seed 0x3a). */
static void whoever_builds_on_it_pays(void **state)
{
    (void)state;
    use_up_account_of_0();
    const uint32_t of_liar = dag.missing_by[0];
    struct cr_dag_arrival arrival = vertex(3, 1, 0);
    header.parent_digests[0] = name(2, 0, 7);
    cr_dag_insert(&dag, &arrival);
    arrival = vertex(2, 0, 7);
    assert_true(cr_dag_has_room(&dag, &arrival));
    cr_dag_insert(&dag, &arrival);
    assert_int_equal(dag.missing_by[0], of_liar);
    cr_dag_check(&dag, 0);
}

/* Goal: a correct peer can send what is committed, whatever its author has done to its own account
 * (found by simulator scenario byz, 7 nodes, seed 0x2338). */
static void else_the_sender_pays(void **state)
{
    (void)state;
    use_up_account_of_0();
    const uint32_t of_liar = dag.missing_by[0];
    struct cr_dag_arrival arrival = vertex(2, 0, 7);
    assert_false(cr_dag_has_room(&dag, &arrival));
    arrival.source = 3;
    assert_true(cr_dag_has_room(&dag, &arrival));
    cr_dag_insert(&dag, &arrival);
    assert_int_equal(dag.missing_by[0], of_liar);
    assert_true(dag.missing_by[3] > 0);
    cr_dag_check(&dag, 0);
}

/* Goal: what the author keeps back is asked for where somebody else has built on it. */
static void a_second_teller_is_asked(void **state)
{
    (void)state;
    struct cr_dag_arrival arrival = vertex(2, 0, 0);
    arrival.source = 0;
    arrival.ask_at_us = 10;
    cr_dag_insert(&dag, &arrival);
    const struct cr_hash digest = name(1, 0, 0);
    struct cr_dag_vertex *v = cr_dag_find(&dag, 1, 0, &digest);
    v->asks = 5;
    v->ask_at_us = 1000;
    arrival = vertex(2, 2, 0);
    arrival.source = 2;
    arrival.ask_at_us = 20;
    cr_dag_insert(&dag, &arrival);
    assert_int_equal(v->source, 2);
    assert_int_equal(v->asks, 0);
    assert_int_equal(v->ask_at_us, 20);
    v->asks = 1;
    arrival = vertex(2, 3, 0); /* once is enough: others are asked in turn */
    arrival.source = 3;
    cr_dag_insert(&dag, &arrival);
    assert_int_equal(v->source, 2);
    assert_int_equal(v->asks, 1);
}

static void votes_are_counted_by_author(void **state)
{
    (void)state;
    for (uint32_t a = 0; a < N; a++)
        feed(1, a, 0);
    feed(1, 0, 1);
    feed(2, 0, 0);
    feed(2, 1, 0);
    struct cr_dag_arrival arrival = vertex(2, 1, 1);
    header.parent_digests[0] = name(1, 0, 1);
    cr_dag_insert(&dag, &arrival);
    accept_ready();
    const struct cr_hash first = name(1, 0, 0), second = name(1, 0, 1);
    const struct cr_dag_vertex *v = cr_dag_find(&dag, 1, 0, &first);
    assert_int_equal(v->voters.words[0], 3);
    assert_int_equal(v->nonvoters.words[0], 2); /* author 1 stands on both sides */
    v = cr_dag_find(&dag, 1, 0, &second);
    assert_int_equal(v->voters.words[0], 2);
    assert_int_equal(v->nonvoters.words[0], 3);
}

static void cone_and_own_marks(void **state)
{
    (void)state;
    for (uint32_t r = 1; r <= 4; r++) {
        for (uint32_t a = 0; a < N; a++)
            feed(r, a, 0);
    }
    const struct cr_hash top = name(4, 1, 0), side = name(4, 2, 0), low = name(1, 3, 0);
    const uint32_t stamp = cr_dag_new_stamp(&dag);
    cr_dag_stamp_cone(&dag, cr_dag_find(&dag, 4, 1, &top), 2, stamp);
    uint32_t stamped = 0;
    for (uint32_t i = 1; i < dag.pool_max; i++)
        stamped += dag.pool[i].stamp == stamp;
    assert_int_equal(stamped, 1 + 2 * N);
    assert_true(cr_dag_find(&dag, 1, 3, &low)->stamp != stamp);
    cr_dag_mark_own(&dag, cr_dag_find(&dag, 4, 1, &top));
    assert_true(cr_dag_find(&dag, 1, 3, &low)->own_cone);
    assert_false(cr_dag_find(&dag, 4, 2, &side)->own_cone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(acceptance_cascades, setup),
        cmocka_unit_test_setup(horizon_releases_what_waits, setup),
        cmocka_unit_test_setup(ids_of_dropped_vertices_resolve_to_nothing, setup),
        cmocka_unit_test_setup(lying_reference_is_another_vertex, setup),
        cmocka_unit_test_setup(copies_have_a_quota, setup),
        cmocka_unit_test_setup(a_copy_too_many_is_paid_by_its_sender, setup),
        cmocka_unit_test_setup(missing_vertices_have_a_quota, setup),
        cmocka_unit_test_setup(whoever_builds_on_it_pays, setup),
        cmocka_unit_test_setup(else_the_sender_pays, setup),
        cmocka_unit_test_setup(a_second_teller_is_asked, setup),
        cmocka_unit_test_setup(votes_are_counted_by_author, setup),
        cmocka_unit_test_setup(cone_and_own_marks, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
