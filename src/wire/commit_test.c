/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"
#include "crypto/hash.h"
#include "wire/sample.h"

enum { REFS = 300, BYTES = 100 + REFS * CR_REF_BYTES };

static struct cr_ref given[REFS];
static struct cr_ref got[REFS];
static uint8_t bytes[BYTES];
static uint8_t again[BYTES];

static enum cr_err decode(const uint8_t *encoded, size_t count, uint32_t refs_max,
                          struct cr_commit *commit)
{
    static struct cr_ref clean[REFS];
    struct cr_commit clean_commit;
    memset(clean, 0xa5, sizeof clean);
    memset(got, 0xa5, sizeof got);
    memset(&clean_commit, 0xa5, sizeof clean_commit);
    memset(commit, 0xa5, sizeof *commit);
    const enum cr_err err = cr_commit_decode(encoded, count, got, refs_max, commit);
    if (err != CR_OK) {
        assert_memory_equal(got, clean, sizeof got);
        assert_memory_equal(commit, &clean_commit, sizeof clean_commit);
    }
    return err;
}

/* Goal: decode and encode are inverse; the digest is that of the bytes. */
static void decode_and_encode_are_inverse(void **state)
{
    (void)state;
    struct cr_prng prng = cr_prng_stream(1, 4, 1);
    for (uint32_t i = 0; i < 200; i++) {
        const struct cr_commit commit = cr_sample_commit(&prng, 1 + i % 7, 1 + i, given);
        const size_t count = cr_commit_encode(&commit, bytes, sizeof bytes);
        assert_int_equal(count, cr_commit_bytes(&commit));
        const struct cr_hash digest = cr_commit_digest(&commit);
        const struct cr_hash expected = cr_hash_of(bytes, count);
        assert_true(cr_hash_equal(&digest, &expected));
        struct cr_commit decoded;
        assert_int_equal(decode(bytes, count, 8 + i, &decoded), CR_OK);
        assert_memory_equal(got, given,
                            (commit.leaders_count + commit.vertices_count) * sizeof given[0]);
        assert_true(decoded.timestamp_ms == commit.timestamp_ms && decoded.index == commit.index);
        assert_int_equal(cr_commit_encode(&decoded, again, sizeof again), count);
        assert_memory_equal(again, bytes, count);
    }
}

/* Goal: no other length, no list that does not fit. */
static void lengths(void **state)
{
    (void)state;
    struct cr_prng prng = cr_prng_stream(2, 4, 1);
    struct cr_commit commit = cr_sample_commit(&prng, 2, 5, given);
    const size_t count = cr_commit_encode(&commit, bytes, sizeof bytes);
    for (size_t cut = 0; cut < count; cut++)
        assert_int_equal(decode(bytes, cut, REFS, &commit), CR_ERR_TRUNCATED);
    assert_int_equal(decode(bytes, count + 1, REFS, &commit), CR_ERR_TRAILING);
    for (uint32_t refs_max = 0; refs_max < 7; refs_max++)
        assert_int_equal(decode(bytes, count, refs_max, &commit), CR_ERR_TOO_BIG);
    assert_int_equal(decode(bytes, count, 7, &commit), CR_OK);
}

/* Goal: one encoding for each commit. Method: every bit flipped: refused, or encodes to it. */
static void flipped_bits_fail_or_stay(void **state)
{
    (void)state;
    struct cr_prng prng = cr_prng_stream(3, 4, 1);
    struct cr_commit commit = cr_sample_commit(&prng, 2, 3, given);
    const size_t count = cr_commit_encode(&commit, bytes, sizeof bytes);
    uint32_t accepted = 0;
    for (size_t bit = 0; bit < 8 * count; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (decode(bytes, count, REFS, &commit) == CR_OK) {
            accepted++;
            assert_int_equal(cr_commit_encode(&commit, again, sizeof again), count);
            assert_memory_equal(again, bytes, count);
        }
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(accepted > 1000);
}

/* Goal: as many leaders as validators, no more. Method: one more is put into the bytes. */
static void leaders_have_a_cap(void **state)
{
    (void)state;
    enum { LEADERS = CR_VALIDATORS_MAX, END = 82 + LEADERS * CR_REF_BYTES };
    struct cr_prng prng = cr_prng_stream(5, 4, 1);
    struct cr_commit commit = cr_sample_commit(&prng, LEADERS, 1, given);
    const size_t count = cr_commit_encode(&commit, bytes, sizeof bytes);
    assert_int_equal(decode(bytes, count, REFS, &commit), CR_OK);
    memmove(bytes + END + CR_REF_BYTES, bytes + END, count - END);
    memcpy(bytes + END, bytes + 82, CR_REF_BYTES);
    cr_store_le(bytes + 80, LEADERS + 1, 2);
    assert_int_equal(decode(bytes, count + CR_REF_BYTES, REFS, &commit), CR_ERR_MALFORMED);
}

/* Goal: each rule of form is enforced, and ours to keep. */
static void each_rule_is_enforced(void **state)
{
    (void)state;
    enum { LEADER = 82 };
    static const struct {
        size_t at;
        size_t width;
        uint64_t value;
        enum cr_err err;
    } cases[] = {
        {0, 1, 0, CR_ERR_MALFORMED},
        {4, 2, 2, CR_ERR_VERSION},
        {6, 1, 0, CR_ERR_MALFORMED}, /* row */
        {6, 1, 2, CR_ERR_MALFORMED},
        {7, 1, 2, CR_ERR_MALFORMED},  /* flags */
        {8, 8, 0, CR_ERR_MALFORMED},  /* index */
        {80, 2, 0, CR_ERR_TRUNCATED}, /* leaders: the next bytes are a count of vertices */
        {LEADER + 4, 2, CR_VALIDATORS_MAX, CR_ERR_MALFORMED},
        {LEADER + CR_REF_BYTES, 4, UINT32_MAX, CR_ERR_TRUNCATED},
        {LEADER + CR_REF_BYTES, 4, 0, CR_ERR_TRAILING},
        {LEADER + CR_REF_BYTES + 4 + 4, 2, CR_VALIDATORS_MAX, CR_ERR_MALFORMED},
    };
    struct cr_prng prng = cr_prng_stream(4, 4, 1);
    struct cr_commit decoded;
    for (size_t i = 0; i < CR_COUNT_OF(cases); i++) {
        const struct cr_commit commit = cr_sample_commit(&prng, 1, 1, given);
        const size_t count = cr_commit_encode(&commit, bytes, sizeof bytes);
        cr_store_le(bytes + cases[i].at, cases[i].value, cases[i].width);
        const enum cr_err err = decode(bytes, count, REFS, &decoded);
        if (err != cases[i].err) fail_msg("case %zu: %s", i, cr_err_name(err));
    }
    struct cr_commit commit = cr_sample_commit(&prng, 1, 1, given);
    commit.vertices_count = 0;
    expect_assert_failure(cr_commit_encode(&commit, bytes, sizeof bytes));
    commit = cr_sample_commit(&prng, 1, 1, given);
    commit.leaders_count = 0;
    expect_assert_failure(cr_commit_digest(&commit));
    commit = cr_sample_commit(&prng, 1, 1, given);
    given[1].author = CR_VALIDATORS_MAX;
    expect_assert_failure(cr_commit_encode(&commit, bytes, sizeof bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode_and_encode_are_inverse), cmocka_unit_test(lengths),
        cmocka_unit_test(flipped_bits_fail_or_stay),     cmocka_unit_test(leaders_have_a_cap),
        cmocka_unit_test(each_rule_is_enforced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
