/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to SYNC that agree with themselves, and all the ways in which they may not. */
#include "base/unit.h"

#include "core/range_sample.h"

enum { FROM = 7, COMMITS = 3 };

static struct cr_sample_range range;
static struct cr_claim claim;
static struct cr_vertex scratch;
static struct cr_prng prng;

static int set_up(void **state)
{
    (void)state;
    prng = cr_prng_stream(1, 5, 9);
    cr_sample_range(&range, &prng, FROM, COMMITS);
    return 0;
}

static bool agrees(void)
{
    return cr_range_check(&range.message, &scratch, &claim);
}

/* Goal: an honest answer passes, and its claim is the chain. */
static void an_honest_range_passes(void **state)
{
    (void)state;
    assert_true(agrees());
    assert_int_equal(claim.from, FROM);
    assert_int_equal(claim.count, COMMITS);
    assert_int_equal(claim.epoch, 1);
    assert_false(claim.closing);
    assert_true(cr_hash_equal(&claim.previous, &range.commits[0].previous));
    for (uint32_t i = 0; i < COMMITS; i++) {
        const struct cr_hash digest = cr_commit_digest(&range.commits[i]);
        assert_true(cr_hash_equal(&claim.digests[i], &digest));
    }
}

/* Goal: a changed first, middle or last record is seen, unless the chain is made anew behind it:
 * then it is another chain, and the claim says so. */
static void records_are_a_chain(void **state)
{
    for (uint32_t at = 0; at < COMMITS; at++) {
        set_up(state);
        assert_true(agrees());
        const struct cr_hash honest = claim.digests[COMMITS - 1];
        range.commits[at].timestamp_ms++;
        struct cr_commit kept[COMMITS];
        memcpy(kept, range.commits, sizeof kept);
        cr_sample_chain(&range, COMMITS);
        assert_true(agrees());
        assert_false(cr_hash_equal(&honest, &claim.digests[COMMITS - 1]));

        uint8_t *records = range.records; /* the next record's `previous` is no longer it */
        const size_t record = 4 + cr_commit_bytes(&kept[0]);
        records[at * record + 4 + 72] ^= 1;
        assert_int_equal(agrees(), at == COMMITS - 1);
    }
}

/* Goal: indices, the number of records, the epoch and the closing commit have to fit. */
static void records_fit_the_answer(void **state)
{
    range.message.records_count--;
    assert_false(agrees());
    set_up(state);
    range.message.to_commit++;
    assert_false(agrees());
    set_up(state);
    range.message.from_commit++, range.message.to_commit++;
    assert_false(agrees());
    set_up(state);
    range.commits[1].epoch = 2;
    cr_sample_chain(&range, COMMITS);
    assert_false(agrees());
    set_up(state);
    range.commits[1].closing = true; /* nothing comes behind it */
    cr_sample_chain(&range, COMMITS);
    assert_false(agrees());
    set_up(state);
    range.records[4] ^= 1; /* not a record */
    assert_false(agrees());
    set_up(state);
    range.message.range_count = range.message.range_bytes = 0;
    assert_false(agrees());
    range.message.to_commit = FROM - 1;
    assert_true(cr_range_is_refusal(&range.message));
}

static void vertices_are_those_that_are_named(void **state)
{
    struct cr_ref *refs = range.refs[1];
    const struct cr_ref first = refs[0];
    refs[0] = refs[1], refs[1] = first; /* swapped */
    cr_sample_chain(&range, COMMITS);
    assert_false(agrees());
    set_up(state);
    range.refs[2][1].digest.bytes[31] ^= 1; /* the last one is another */
    cr_sample_chain(&range, COMMITS);
    assert_false(agrees());
    set_up(state);
    range.refs[0][0].round++;
    cr_sample_chain(&range, COMMITS);
    assert_false(agrees());
    set_up(state);
    range.commits[2].vertices_count--; /* one too many is there */
    cr_sample_chain(&range, COMMITS);
    assert_false(agrees());
    set_up(state);
    range.message.range_count--; /* the last one lacks */
    range.message.range_bytes = 5 * (range.message.range_bytes / 6);
    assert_false(agrees());
    set_up(state);
    range.vertices[4] ^= 1; /* does not decode */
    assert_false(agrees());
}

/* Goal: a part has some of the vertices of one commit, and never all of the rest. */
static void parts(void **state)
{
    cr_sample_range(&range, &prng, FROM, 1);
    range.message.to_commit = FROM - 1;
    assert_false(agrees()); /* nothing lacks */
    const uint32_t all = range.message.range_bytes;
    const uint32_t first = 4 + (uint32_t)cr_load_le(range.vertices, 4);
    range.message.range_count = 1;
    range.message.range_bytes = first;
    assert_true(agrees());
    assert_int_equal(claim.count, 1);

    range.message.to_commit = FROM; /* the rest of it */
    range.message.range = range.vertices + first;
    range.message.range_bytes = all - first;
    assert_false(agrees());
    range.message.skip = 1;
    assert_true(agrees());
    range.message.skip = 2;
    assert_false(agrees());
    range.message.skip = 3;
    assert_false(agrees());

    range.message.records_count = range.message.records_bytes = 0; /* too large a record */
    assert_true(agrees());
    assert_int_equal(claim.count, 0);
    set_up(state);
    range.message.records_count = range.message.records_bytes = 0;
    assert_false(agrees()); /* for several commits there is no such excuse */
}

/* Goal: behind the closing commit come vertices that no record names, of the same epoch. */
static void closing_tail(void **state)
{
    (void)state;
    struct cr_ref ref;
    cr_sample_add_vertex(&range, &prng, &ref);
    assert_false(agrees());
    range.commits[COMMITS - 1].closing = true;
    cr_sample_chain(&range, COMMITS);
    assert_true(agrees());
    assert_true(claim.closing);

    cr_sample_range(&range, &prng, FROM, 1);
    range.commits[0].closing = true;
    cr_sample_chain(&range, 1);
    range.message.skip = 5; /* the commit and three of the tail are there */
    assert_true(agrees());
    range.message.to_commit = FROM - 1;
    assert_true(agrees());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_honest_range_passes, set_up),
        cmocka_unit_test_setup(records_are_a_chain, set_up),
        cmocka_unit_test_setup(records_fit_the_answer, set_up),
        cmocka_unit_test_setup(vertices_are_those_that_are_named, set_up),
        cmocka_unit_test_setup(parts, set_up),
        cmocka_unit_test_setup(closing_tail, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
