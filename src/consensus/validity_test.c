/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include "consensus/validity.h"

static struct cr_committee committee;
static struct cr_header header;

/* A valid vertex of round 5 of author 1 in a committee of four; a test then breaks one thing. */
static void make_valid(uint32_t round)
{
    const uint64_t stakes[4] = {1, 1, 1, 1};
    const struct cr_hash genesis_id = {{5}};
    assert_int_equal(cr_committee_init(&committee, &genesis_id, 2, stakes, 4), CR_OK);
    memset(&header, 0, sizeof header);
    header.epoch = 2;
    header.round = round;
    header.author = 1;
    header.validators_count = 4;
    for (uint32_t a = 0; a < 3; a++) {
        cr_authors_add(&header.parents, a);
        header.parent_digests[a] = cr_committee_genesis_digest(&committee, a);
    }
    assert_int_equal(cr_header_judge(&committee, &header), CR_VERDICT_OK);
}

#define EXPECT(verdict) assert_int_equal(cr_header_judge(&committee, &header), verdict)

static void each_rule_has_its_verdict(void **state)
{
    (void)state;
    make_valid(5), header.epoch = 1; /* a neighbour: nobody's fault */
    EXPECT(CR_VERDICT_OLD);
    make_valid(5), header.epoch = 3;
    EXPECT(CR_VERDICT_FAR);
    make_valid(5), header.epoch = 0;
    EXPECT(CR_VERDICT_EPOCH);
    make_valid(5), header.epoch = 4;
    EXPECT(CR_VERDICT_EPOCH);
    make_valid(5), header.author = 4;
    EXPECT(CR_VERDICT_AUTHOR);
    make_valid(5), committee.stake[1] = 0; /* a seat without a voice */
    EXPECT(CR_VERDICT_AUTHOR);
    make_valid(5), header.validators_count = 5;
    EXPECT(CR_VERDICT_WIDTH);
    make_valid(5), cr_authors_add(&header.parents, 4);
    EXPECT(CR_VERDICT_WIDTH);
    make_valid(5), header.payload_bytes = CR_PAYLOAD_BYTES_MAX + 1;
    EXPECT(CR_VERDICT_PAYLOAD);
    make_valid(5), cr_authors_remove(&header.parents, 0);
    EXPECT(CR_VERDICT_QUORUM);
    make_valid(1), header.parent_digests[2].bytes[3] ^= 1;
    EXPECT(CR_VERDICT_GENESIS);
    make_valid(1), header.gc_round = 1;
    EXPECT(CR_VERDICT_GC_ROUND);
}

/* A header's references lie above its own horizon: gc_round <= round - 2. */
static void horizon_is_below_the_parents(void **state)
{
    (void)state;
    make_valid(5), header.gc_round = 3;
    EXPECT(CR_VERDICT_OK);
    make_valid(5), header.gc_round = 4;
    EXPECT(CR_VERDICT_GC_ROUND);
    make_valid(5), header.gc_round = UINT32_MAX;
    EXPECT(CR_VERDICT_GC_ROUND);
    make_valid(5), header.old_count = 1, header.old[0] = (struct cr_ref){.round = 2, .author = 3};
    EXPECT(CR_VERDICT_OK);
    header.gc_round = 2;
    EXPECT(CR_VERDICT_GC_ROUND);
}

/* An author counts once: two references to one of them, in whichever list, are refused. */
static void one_reference_per_author(void **state)
{
    (void)state;
    make_valid(5), header.old_count = 1, header.old[0] = (struct cr_ref){.round = 2, .author = 0};
    EXPECT(CR_VERDICT_GC_ROUND);
    header.old[0].author = 3;
    EXPECT(CR_VERDICT_OK);
    header.old[0].round = 4;
    EXPECT(CR_VERDICT_GC_ROUND);
}

/* The own vertex is a parent, or an older reference after a gap, or the author has just jumped over
 * its horizon. */
static void own_parent_is_there_or_below_the_horizon(void **state)
{
    (void)state;
    make_valid(5);
    cr_authors_remove(&header.parents, 1);
    cr_authors_add(&header.parents, 3);
    EXPECT(CR_VERDICT_SELF_PARENT);
    header.gc_round = 3;
    EXPECT(CR_VERDICT_OK);
    header.gc_round = 0;
    header.old_count = 1;
    header.old[0] = (struct cr_ref){.round = 2, .author = 1};
    EXPECT(CR_VERDICT_OK);
    make_valid(1);
    cr_authors_remove(&header.parents, 1);
    cr_authors_add(&header.parents, 3);
    header.parent_digests[3] = cr_committee_genesis_digest(&committee, 3);
    EXPECT(CR_VERDICT_SELF_PARENT);
}

static void every_verdict_has_a_text(void **state)
{
    (void)state;
    for (int v = 0; v < CR_VERDICTS_COUNT; v++)
        assert_string_not_equal(cr_verdict_text((enum cr_verdict)v), "unknown verdict");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_has_its_verdict),
        cmocka_unit_test(horizon_is_below_the_parents),
        cmocka_unit_test(one_reference_per_author),
        cmocka_unit_test(own_parent_is_there_or_below_the_horizon),
        cmocka_unit_test(every_verdict_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
