/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"
#include "wire/evidence.h"
#include "wire/sample.h"

static uint8_t copies[2 * CR_HEADER_BYTES_MAX + 100];
static uint8_t bytes[CR_EVIDENCE_BYTES_MAX + 1], again[CR_EVIDENCE_BYTES_MAX];
static struct cr_evidence evidence;
static size_t first, both;

static size_t make(uint64_t seed, uint32_t validators)
{
    struct cr_prng prng = cr_prng_stream(seed, 5, 1);
    both = cr_sample_copies(&prng, validators, copies, &first);
    return cr_evidence_encode(copies, first, copies + first, both - first, bytes);
}

/* Goal: a pair has one encoding, whichever comes first, with payloads behind them or without. */
static void one_encoding(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        const size_t count = make(i, 1 + i * 3);
        assert_in_range(count, 2 * CR_MLDSA44_SIG_BYTES, CR_EVIDENCE_BYTES_MAX);
        assert_int_equal(
            cr_evidence_encode(copies + first, both - first + 100, copies, both, again), count);
        assert_memory_equal(again, bytes, count);
        assert_int_equal(cr_evidence_decode(bytes, count, &evidence), CR_OK);
        const struct cr_vertex *v = evidence.vertices;
        assert_true(cr_hash_compare(&v[0].digest, &v[1].digest) < 0);
        assert_true(v[0].header.author == v[1].header.author);
        assert_true(v[0].header.timestamp_ms + v[1].header.timestamp_ms != 0);
    }
}

/* Goal: what proves nothing is refused: one header signed twice, another epoch, author or round,
 * the higher digest first, and every other length. */
static void what_proves_nothing(void **state)
{
    (void)state;
    struct cr_header header;
    uint8_t signature[CR_MLDSA44_SIG_BYTES];
    static uint8_t other[CR_HEADER_BYTES_MAX];
    const size_t count = make(7, 4);
    assert_int_equal(cr_evidence_decode(bytes, count, &evidence), CR_OK);
    header = evidence.vertices[0].header;
    memset(signature, 9, sizeof signature);

    const size_t low = 4 + 4; /* where the head with the lower digest begins */
    const size_t low_bytes = evidence.vertices[0].header_bytes + 3u + sizeof signature;
    size_t made = cr_vertex_encode_head(&header, CR_ALG_MLDSA44, signature, sizeof signature, other,
                                        sizeof other);
    assert_int_equal(cr_evidence_encode(bytes + low, low_bytes, other, made, again), 0);
    struct cr_header changed[3] = {header, header, header};
    changed[0].round++;
    changed[1].epoch++;
    changed[2].author = (header.author + 1) % 4;
    for (uint32_t i = 0; i < 3; i++) {
        made = cr_vertex_encode_head(&changed[i], CR_ALG_MLDSA44, signature, sizeof signature,
                                     other, sizeof other);
        assert_int_equal(cr_evidence_encode(bytes + low, low_bytes, other, made, again), 0);
    }
    assert_int_equal(cr_evidence_encode(bytes + low, low_bytes - 1, other, made, again), 0);

    memcpy(again, bytes, 4);
    memcpy(again + 4, bytes + 8 + low_bytes, 4 + low_bytes);
    memcpy(again + 8 + low_bytes, bytes + 4, 4 + low_bytes);
    assert_int_equal(cr_evidence_decode(again, count, &evidence), CR_ERR_MALFORMED);
    memcpy(again + 8 + low_bytes, again + 4, 4 + low_bytes); /* the same twice */
    assert_int_equal(cr_evidence_decode(again, count, &evidence), CR_ERR_MALFORMED);

    for (size_t cut = 0; cut < count; cut++)
        assert_int_not_equal(cr_evidence_decode(bytes, cut, &evidence), CR_OK);
    bytes[count] = 0;
    assert_int_equal(cr_evidence_decode(bytes, count + 1, &evidence), CR_ERR_TRAILING);
    bytes[0] ^= 1;
    assert_int_equal(cr_evidence_decode(bytes, count, &evidence), CR_ERR_MALFORMED);
}

/* Goal: two rounds conflict by what they attest of one index, be it 0, the same, or another. */
static void statements_conflict(void **state)
{
    (void)state;
    static struct cr_header a, b;
    assert_int_equal(cr_evidence_decode(bytes, make(3, 4), &evidence), CR_OK);
    a = b = evidence.vertices[0].header;
    assert_int_equal(cr_header_conflict(&a, &b), CR_CONFLICT_EQUIVOCATION);
    b.round++;
    assert_int_equal(cr_header_conflict(&a, &b), CR_CONFLICT_NONE);
    struct {
        uint64_t *index[2];
        struct cr_hash *digest[2];
    } said[] = {{{&a.commit_index, &b.commit_index}, {&a.commit_digest, &b.commit_digest}},
                {{&a.executed_index, &b.executed_index}, {&a.effects_digest, &b.effects_digest}},
                {{&a.checkpoint_index, &b.checkpoint_index}, {&a.state_root, &b.state_root}}};
    for (size_t i = 0; i < CR_COUNT_OF(said); i++) {
        *said[i].index[0] = *said[i].index[1] = 9 - i;
        said[i].digest[1]->bytes[31] ^= 1;
        assert_int_equal(cr_header_conflict(&a, &b), CR_CONFLICT_STATEMENT);
        assert_int_equal(cr_header_conflict(&b, &a), CR_CONFLICT_STATEMENT);
        ++*said[i].index[1];
        assert_int_equal(cr_header_conflict(&a, &b), CR_CONFLICT_NONE);
        *said[i].index[0] = *said[i].index[1] = 0;
        assert_int_equal(cr_header_conflict(&a, &b), CR_CONFLICT_NONE);
        said[i].digest[1]->bytes[31] ^= 1;
    }
    b = a;
    b.round++;
    b.epoch++;
    b.commit_index = a.commit_index = 5;
    b.commit_digest.bytes[0] ^= 1;
    assert_int_equal(cr_header_conflict(&a, &b), CR_CONFLICT_NONE); /* not of one epoch */
}

static bool signed_unless(void *context, const struct cr_vertex *vertex)
{
    const struct cr_vertex *forged = context;
    return vertex != forged;
}

/* Goal: both signatures count. */
static void both_must_be_signed(void **state)
{
    (void)state;
    const size_t count = make(9, 10);
    assert_int_equal(cr_evidence_decode(bytes, count, &evidence), CR_OK);
    assert_true(cr_evidence_verify(&evidence, signed_unless, NULL));
    assert_false(cr_evidence_verify(&evidence, signed_unless, &evidence.vertices[0]));
    assert_false(cr_evidence_verify(&evidence, signed_unless, &evidence.vertices[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_encoding),
        cmocka_unit_test(what_proves_nothing),
        cmocka_unit_test(both_must_be_signed),
        cmocka_unit_test(statements_conflict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
