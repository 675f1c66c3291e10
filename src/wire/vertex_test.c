/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"
#include "crypto/hash.h"
#include "wire/sample.h"

static struct cr_header sample;
static struct cr_vertex vertex;
static uint8_t bytes[CR_HEADER_BYTES_MAX + 100];
static uint8_t again[CR_HEADER_BYTES_MAX + 100];

static bool is_untouched(const struct cr_vertex *decoded)
{
    const uint8_t *byte = (const uint8_t *)decoded;
    for (size_t i = 0; i < sizeof *decoded; i++) {
        if (byte[i] != 0xa5) return false;
    }
    return true;
}

static enum cr_err decode(const uint8_t *encoded, size_t count)
{
    memset(&vertex, 0xa5, sizeof vertex);
    const enum cr_err err = cr_vertex_decode(encoded, count, &vertex);
    if (err != CR_OK) assert_true(is_untouched(&vertex));
    return err;
}

/* The bytes that the decoded vertex encodes to. */
static size_t encode_again(const struct cr_vertex *decoded)
{
    const size_t head =
        cr_vertex_encode_head(&decoded->header, decoded->sig_alg, decoded->signature,
                              decoded->signature_bytes, again, sizeof again);
    memcpy(again + head, decoded->payload, decoded->header.payload_bytes);
    return head + decoded->header.payload_bytes;
}

static void assert_headers_equal(const struct cr_header *a, const struct cr_header *b)
{
    static struct cr_header x, y; /* with lists cleared beyond their counts */
    x = *a;
    y = *b;
    for (uint32_t i = x.old_count; i < CR_OLD_PARENTS_MAX; i++)
        memset(&x.old[i], 0, sizeof x.old[i]);
    for (uint32_t i = y.old_count; i < CR_OLD_PARENTS_MAX; i++)
        memset(&y.old[i], 0, sizeof y.old[i]);
    for (uint32_t i = x.evidence_count; i < CR_EVIDENCE_MAX; i++)
        memset(&x.evidence[i], 0, sizeof x.evidence[i]);
    for (uint32_t i = y.evidence_count; i < CR_EVIDENCE_MAX; i++)
        memset(&y.evidence[i], 0, sizeof y.evidence[i]);
    assert_memory_equal(&x.payload_root, &y.payload_root, sizeof x.payload_root);
    assert_memory_equal(&x.commit_digest, &y.commit_digest, sizeof x.commit_digest);
    assert_memory_equal(&x.parents, &y.parents, sizeof x.parents);
    assert_memory_equal(x.parent_digests, y.parent_digests, sizeof x.parent_digests);
    assert_memory_equal(x.old, y.old, sizeof x.old);
    assert_memory_equal(x.evidence, y.evidence, sizeof x.evidence);
    assert_true(x.epoch == y.epoch && x.round == y.round && x.author == y.author);
    assert_true(x.validators_count == y.validators_count && x.timestamp_ms == y.timestamp_ms);
    assert_true(x.payload_bytes == y.payload_bytes && x.payload_count == y.payload_count);
    assert_true(x.gc_round == y.gc_round && x.commit_index == y.commit_index);
    assert_true(x.executed_index == y.executed_index);
    assert_true(cr_hash_equal(&x.effects_digest, &y.effects_digest));
    assert_true(x.checkpoint_index == y.checkpoint_index);
    assert_true(cr_hash_equal(&x.state_root, &y.state_root));
    assert_true(x.old_count == y.old_count && x.evidence_count == y.evidence_count);
}

/* Goal: decode is the inverse of encode. Method: every committee size, ten vertices each. */
static void decode_gives_back_what_was_encoded(void **state)
{
    (void)state;
    struct cr_prng prng = cr_prng_stream(1, 1, 1);
    for (uint32_t i = 0; i < 10 * CR_VALIDATORS_MAX; i++) {
        const size_t count = cr_sample_vertex(&prng, 1 + i / 10, bytes, &sample);
        assert_int_equal(decode(bytes, count), CR_OK);
        assert_headers_equal(&vertex.header, &sample);
        assert_int_equal(vertex.header_bytes, cr_header_bytes(&sample));
        const struct cr_hash digest = cr_hash_of(bytes, vertex.header_bytes);
        assert_true(cr_hash_equal(&digest, &vertex.digest));
        assert_int_equal(encode_again(&vertex), count);
        assert_memory_equal(again, bytes, count);
    }
}

/* Goal: nothing shorter or longer is a vertex. Method: every prefix, and one more byte. */
static void every_other_length_is_refused(void **state)
{
    (void)state;
    struct cr_prng prng = cr_prng_stream(2, 1, 1);
    for (uint32_t i = 0; i < 4; i++) {
        const size_t count = cr_sample_vertex(&prng, 1 + 10 * i, bytes, &sample);
        for (size_t cut = 0; cut < count; cut++)
            assert_int_equal(decode(bytes, cut), CR_ERR_TRUNCATED);
        bytes[count] = 0;
        assert_int_equal(decode(bytes, count + 1), CR_ERR_TRAILING);
    }
    assert_int_equal(decode(bytes, (size_t)CR_VERTEX_BYTES_MAX + 1), CR_ERR_TOO_BIG);
    assert_int_equal(decode(NULL, 0), CR_ERR_TRUNCATED);
}

/* Goal: no two encodings of one vertex. Method: every bit of header and signature head is flipped;
 * the result is refused or encodes to exactly the flipped bytes. */
static void flipped_bits_fail_or_stay(void **state)
{
    (void)state;
    struct cr_prng prng = cr_prng_stream(3, 1, 1);
    uint32_t accepted = 0;
    for (uint32_t i = 0; i < 8; i++) {
        const size_t count = cr_sample_vertex(&prng, 1 + i * 5, bytes, &sample);
        const size_t head = cr_header_bytes(&sample) + 3;
        for (size_t bit = 0; bit < 8 * head; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (decode(bytes, count) == CR_OK) {
                accepted++;
                assert_int_equal(encode_again(&vertex), count);
                assert_memory_equal(again, bytes, count);
            }
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    assert_true(accepted > 1000); /* digests, epoch, timestamp: many bits are free */
}

/* A small vertex to break: 5 validators, round 9, parents 0 and 1, old 3@4, no evidence. */
static size_t small(void)
{
    static const uint8_t signature[CR_MLDSA44_SIG_BYTES];
    memset(&sample, 0, sizeof sample);
    sample.round = 9;
    sample.validators_count = 5;
    sample.author = 4;
    sample.commit_index = 5;
    sample.executed_index = 4;
    sample.checkpoint_index = 3;
    memset(&sample.commit_digest, 1, CR_HASH_BYTES);
    memset(&sample.effects_digest, 2, CR_HASH_BYTES);
    memset(&sample.state_root, 3, CR_HASH_BYTES);
    sample.parents.words[0] = 3;
    memset(sample.parent_digests, 4, 2 * sizeof sample.parent_digests[0]);
    sample.old_count = 1;
    sample.old[0] = (struct cr_ref){.round = 4, .author = 3, .digest = {{5}}};
    return cr_vertex_encode_head(&sample, CR_ALG_MLDSA44, signature, sizeof signature, bytes,
                                 sizeof bytes);
}

/* Goal: each rule of form is enforced. Method: one field at a time gets a value that is not
 * allowed; the offsets are those of docs/wire.md. */
static void each_rule_is_enforced(void **state)
{
    (void)state;
    enum {
        BITMAP = 196,
        PARENT = 197,
        OLD = 197 + 64,
        EVIDENCE = OLD + 2 + 38,
        SIG = EVIDENCE + 2
    };
    static const struct {
        size_t at;
        size_t width;
        uint64_t value;
        enum cr_err err;
    } cases[] = {
        {0, 1, 'c', CR_ERR_MALFORMED},
        {3, 1, '2', CR_ERR_MALFORMED},
        {4, 2, 0, CR_ERR_VERSION},
        {4, 2, 2, CR_ERR_VERSION},
        {6, 2, 1, CR_ERR_MALFORMED},
        {6, 2, 0x8000, CR_ERR_MALFORMED},
        {16, 4, 0, CR_ERR_MALFORMED}, /* round 0 */
        {16, 4, 5, CR_ERR_MALFORMED}, /* old parent would be of round - 1 */
        {20, 2, 5, CR_ERR_MALFORMED}, /* author */
        {22, 2, 4, CR_ERR_MALFORMED}, /* author = validators */
        {22, 2, 0, CR_ERR_MALFORMED},
        {22, 2, 129, CR_ERR_TOO_BIG},
        {32, 4, CR_PAYLOAD_BYTES_MAX + 1, CR_ERR_TOO_BIG},
        {32, 4, 1, CR_ERR_MALFORMED}, /* bytes without a transaction */
        {36, 4, 1, CR_ERR_MALFORMED}, /* a transaction without bytes */
        {36, 4, CR_PAYLOAD_TXS_MAX + 1, CR_ERR_TOO_BIG},
        {76, 8, 3, CR_ERR_MALFORMED},  /* executed > commit */
        {116, 8, 2, CR_ERR_MALFORMED}, /* checkpoint > executed */
        {116, 8, 6, CR_ERR_MALFORMED},
        {156, 8, 5, CR_ERR_MALFORMED},
        {156, 8, 0, CR_ERR_MALFORMED},       /* root without a checkpoint */
        {BITMAP, 1, 0x23, CR_ERR_MALFORMED}, /* a bit beyond the committee */
        {BITMAP, 1, 0x83, CR_ERR_MALFORMED},
        {OLD, 2, 129, CR_ERR_TOO_BIG},
        {OLD + 2, 2, 5, CR_ERR_MALFORMED}, /* author */
        {OLD + 2, 2, 1, CR_ERR_MALFORMED}, /* a parent already */
        {OLD + 4, 4, 0, CR_ERR_MALFORMED}, /* rounds */
        {OLD + 4, 4, 8, CR_ERR_MALFORMED},
        {OLD + 4, 4, 9, CR_ERR_MALFORMED},
        {OLD + 8, 1, 0, CR_ERR_MALFORMED}, /* digest of zeros */
        {EVIDENCE, 2, 5, CR_ERR_TOO_BIG},
        {SIG, 1, 0, CR_ERR_MALFORMED},
        {SIG, 1, 2, CR_ERR_MALFORMED},
        {SIG, 1, 4, CR_ERR_MALFORMED},
        {SIG + 1, 2, 0, CR_ERR_MALFORMED},
        {SIG + 1, 2, CR_MLDSA44_SIG_BYTES + 1, CR_ERR_MALFORMED},
    };
    for (size_t i = 0; i < CR_COUNT_OF(cases); i++) {
        const size_t count = small();
        assert_int_equal(decode(bytes, count), CR_OK);
        cr_store_le(bytes + cases[i].at, cases[i].value, cases[i].width);
        if (decode(bytes, count) != cases[i].err) fail_msg("case %zu", i);
    }
    const size_t zeros[] = {84, 124, 164, PARENT, PARENT + 32};
    for (size_t i = 0; i < CR_COUNT_OF(zeros); i++) {
        const size_t count = small();
        memset(bytes + zeros[i], 0, CR_HASH_BYTES);
        assert_int_equal(decode(bytes, count), CR_ERR_MALFORMED);
    }
}

/* Goal: lists have one order. Method: two old parents and two evidences, swapped and doubled: in
 * the bytes they are refused, in a header of ours they are a bug. */
static void lists_are_ascending(void **state)
{
    (void)state;
    small();
    sample.old_count = 2;
    sample.old[0].author = 2;
    sample.old[1] = (struct cr_ref){.round = 2, .author = 3, .digest = {{6}}};
    sample.evidence_count = 2;
    memset(&sample.evidence[0], 7, CR_HASH_BYTES);
    memset(&sample.evidence[1], 8, CR_HASH_BYTES);
    static struct cr_header good;
    good = sample;
    assert_int_equal(cr_header_encode(&good, bytes, sizeof bytes), cr_header_bytes(&good));

    sample.old[0].author = 3;
    expect_assert_failure(cr_header_encode(&sample, bytes, sizeof bytes));
    sample.old[1].author = 2;
    expect_assert_failure(cr_header_encode(&sample, bytes, sizeof bytes));
    sample = good;
    sample.evidence[1] = sample.evidence[0];
    expect_assert_failure(cr_header_encode(&sample, bytes, sizeof bytes));
    memset(&sample.evidence[1], 6, CR_HASH_BYTES);
    expect_assert_failure(cr_header_encode(&sample, bytes, sizeof bytes));
    sample = good;
    memset(&sample.evidence[0], 0, CR_HASH_BYTES);
    expect_assert_failure(cr_header_encode(&sample, bytes, sizeof bytes));
    sample = good;
    cr_authors_add(&sample.parents, 5);
    expect_assert_failure(cr_header_encode(&sample, bytes, sizeof bytes));
    sample = good;
    expect_assert_failure(cr_header_encode(&sample, bytes, cr_header_bytes(&good) - 1));
}

/* Goal: the largest header fits its share. Method: 128 validators, every other one old. */
static void largest_header(void **state)
{
    (void)state;
    small();
    sample.validators_count = CR_VALIDATORS_MAX;
    sample.parents = (struct cr_authors){{0}};
    memset(sample.parent_digests, 0, sizeof sample.parent_digests);
    sample.old_count = CR_VALIDATORS_MAX;
    for (uint32_t i = 0; i < CR_VALIDATORS_MAX; i++)
        sample.old[i] = (struct cr_ref){.round = 1, .author = i, .digest = {{1}}};
    sample.evidence_count = CR_EVIDENCE_MAX;
    for (uint32_t i = 0; i < CR_EVIDENCE_MAX; i++)
        memset(&sample.evidence[i], (int)i + 1, CR_HASH_BYTES);
    static const uint8_t signature[CR_SIG_BYTES_MAX];
    const size_t count = cr_vertex_encode_head(&sample, CR_ALG_MLDSA87, signature, sizeof signature,
                                               bytes, CR_HEADER_BYTES_MAX);
    assert_int_equal(decode(bytes, count), CR_OK);
    assert_headers_equal(&vertex.header, &sample);
    assert_true(count <= CR_HEADER_BYTES_MAX);
}

/* Goal: the order of references is total; printing never overruns. */
static void references(void **state)
{
    (void)state;
    const struct cr_ref sorted[] = {
        {.round = 1, .author = 9, .digest = {{9}}},
        {.round = 2, .author = 1, .digest = {{9}}},
        {.round = 2, .author = 2, .digest = {{1}}},
        {.round = 2, .author = 2, .digest = {{2}}},
        {.round = UINT32_MAX, .author = 0, .digest = {{0}}},
    };
    for (int i = 0; i < (int)CR_COUNT_OF(sorted); i++) {
        for (int k = 0; k < (int)CR_COUNT_OF(sorted); k++) {
            const int order = cr_ref_compare(&sorted[i], &sorted[k]);
            assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
        }
    }
    char text[CR_REF_TEXT_BYTES];
    const struct cr_ref ref = {.round = 7, .author = 3, .digest = {{0x5f, 0x1c, 0x9a, 0x02, 1}}};
    cr_ref_print(&ref, text, sizeof text);
    assert_string_equal(text, "v3@7 5f1c9a02");
    const struct cr_ref wide = {.round = UINT32_MAX, .author = UINT32_MAX};
    cr_ref_print(&wide, text, sizeof text);
    assert_string_equal(text, "v4294967295@4294967295 00000000");
}

static void context_is_name_and_chain(void **state)
{
    (void)state;
    const struct cr_hash id = {{1, 2, 3, 4, 5, 6, 7, 8, 9}};
    uint8_t context[CR_VERTEX_CONTEXT_BYTES];
    cr_vertex_context(&id, context);
    assert_memory_equal(context, "creto/vertex/1\1\2\3\4\5\6\7\10", sizeof context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode_gives_back_what_was_encoded),
        cmocka_unit_test(every_other_length_is_refused),
        cmocka_unit_test(flipped_bits_fail_or_stay),
        cmocka_unit_test(each_rule_is_enforced),
        cmocka_unit_test(lists_are_ascending),
        cmocka_unit_test(largest_header),
        cmocka_unit_test(references),
        cmocka_unit_test(context_is_name_and_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
