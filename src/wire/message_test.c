/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"
#include "wire/payload.h"
#include "wire/sample.h"

static uint8_t bytes[CR_FRAME_BYTES_MAX + 1];
static uint8_t again[CR_FRAME_BYTES_MAX + 1];
static uint8_t space[4096], records[512];

static enum cr_err decode(const uint8_t *encoded, size_t count, struct cr_message *out)
{
    struct cr_message clean;
    memset(&clean, 0xa5, sizeof clean);
    memset(out, 0xa5, sizeof *out);
    const enum cr_err err = cr_message_decode(encoded, count, out);
    if (err != CR_OK) assert_memory_equal(out, &clean, sizeof clean);
    return err;
}

/* Lengths before items of up to `max` bytes; returns all bytes. */
static uint32_t sample_list(struct cr_prng *prng, uint8_t *to, uint32_t count, uint32_t max)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t item = 1 + (uint32_t)cr_prng_below(prng, max);
        cr_store_le(to + total, item, 4);
        total += 4 + item;
    }
    return total;
}

static struct cr_message sample(struct cr_prng *prng, enum cr_message_type type)
{
    struct cr_message message = {.type = type};
    cr_sample_bytes(prng, space, sizeof space);
    cr_sample_bytes(prng, records, sizeof records);
    switch (type) {
    case CR_MESSAGE_VERTEX:
        message.vertex = space;
        message.vertex_bytes = 1 + (uint32_t)cr_prng_below(prng, sizeof space);
        break;
    case CR_MESSAGE_STATUS:
        message.status = (struct cr_status){.epoch = cr_prng_next(prng),
                                            .round = (uint32_t)cr_prng_next(prng),
                                            .round_of_receiver = (uint32_t)cr_prng_next(prng),
                                            .gc_round = (uint32_t)cr_prng_next(prng),
                                            .commit_index = cr_prng_next(prng),
                                            .oldest_commit = cr_prng_next(prng)};
        break;
    case CR_MESSAGE_FETCH:
        message.refs_count = 1 + (uint32_t)cr_prng_below(prng, CR_FETCH_REFS_MAX);
        for (uint32_t i = 0; i < message.refs_count; i++)
            message.refs[i] = cr_sample_ref(prng);
        break;
    case CR_MESSAGE_SYNC:
        message.from_commit = 1 + cr_prng_below(prng, 1000);
        message.to_commit = message.from_commit + cr_prng_below(prng, CR_SYNC_COMMITS_MAX);
        message.skip = (uint32_t)cr_prng_next(prng);
        break;
    case CR_MESSAGE_RANGE:
        message.from_commit = 1 + cr_prng_below(prng, 1000);
        message.to_commit = message.from_commit + cr_prng_below(prng, CR_SYNC_COMMITS_MAX);
        message.skip = (uint32_t)cr_prng_next(prng);
        message.range = space;
        message.range_count = (uint32_t)cr_prng_below(prng, 10);
        message.range_bytes = sample_list(prng, space, message.range_count, 300);
        message.records = records;
        message.records_count = (uint32_t)cr_prng_below(prng, 4);
        message.records_bytes = sample_list(prng, records, message.records_count, 100);
        break;
    case CR_MESSAGE_PROBE:
        message.probe = (struct cr_probe){.nonce = cr_prng_next(prng),
                                          .epoch = cr_prng_next(prng),
                                          .round = (uint32_t)cr_prng_next(prng)};
        break;
    case CR_MESSAGE_PROBE_REPLY:
        message.probe_reply =
            (struct cr_probe_reply){.nonce = cr_prng_next(prng),
                                    .epoch = cr_prng_next(prng),
                                    .round = (uint32_t)cr_prng_next(prng),
                                    .round_of_receiver = (uint32_t)cr_prng_next(prng),
                                    .recovering = cr_prng_next(prng) & 1};
        break;
    case CR_MESSAGE_EPOCH_VOTE:
    case CR_MESSAGE_EPOCH_CERT:
        message.epoch_cert = (struct cr_epoch_cert){
            .epoch = {.number = 2 + cr_prng_below(prng, 1000),
                      .index = 1 + cr_prng_below(prng, 1000),
                      .digest = cr_sample_hash(prng),
                      .state_root = cr_sample_hash(prng),
                      .committee = cr_sample_hash(prng)},
            .votes_count = (uint32_t)cr_prng_below(prng, 2), /* what fits into the space */
            .votes = space};
        cr_store_le(space, cr_prng_below(prng, CR_VALIDATORS_MAX), 2);
        break;
    }
    return message;
}

/* Goal: decode and encode are inverse; no other length. Method: all types, every prefix. */
static void decode_and_encode_are_inverse(void **state)
{
    (void)state;
    struct cr_prng prng = cr_prng_stream(1, 5, 1);
    for (uint32_t i = 0; i < 200; i++) {
        const enum cr_message_type type = (enum cr_message_type)(1 + i % 9);
        const struct cr_message message = sample(&prng, type);
        const size_t count = cr_message_encode(&message, bytes, sizeof bytes);
        assert_int_equal(count, cr_message_bytes(&message));
        struct cr_message got;
        assert_int_equal(decode(bytes, count, &got), CR_OK);
        assert_int_equal(got.type, type);
        assert_memory_equal(&got.status, &message.status, sizeof got.status);
        assert_memory_equal(&got.probe, &message.probe, sizeof got.probe);
        assert_memory_equal(&got.epoch_cert.epoch, &message.epoch_cert.epoch,
                            sizeof got.epoch_cert.epoch);
        assert_memory_equal(&got.probe_reply, &message.probe_reply, sizeof got.probe_reply);
        assert_memory_equal(got.refs, message.refs, sizeof got.refs);
        assert_true(got.from_commit == message.from_commit && got.to_commit == message.to_commit);
        assert_true(got.vertex_bytes == message.vertex_bytes);
        assert_true(got.range_count == message.range_count);
        assert_true(got.records_count == message.records_count);
        assert_int_equal(cr_message_encode(&got, again, sizeof again), count);
        assert_memory_equal(again, bytes, count);
        if (type == CR_MESSAGE_VERTEX) continue; /* any length is one */
        for (size_t cut = 0; cut < count; cut++)
            assert_int_not_equal(decode(bytes, cut, &got), CR_OK);
        bytes[count] = 0;
        assert_int_not_equal(decode(bytes, count + 1, &got), CR_OK);
    }
}

/* Goal: one encoding for each message. Method: every bit flipped: refused, or encodes to it. */
static void flipped_bits_fail_or_stay(void **state)
{
    (void)state;
    struct cr_prng prng = cr_prng_stream(2, 5, 1);
    for (uint32_t i = 0; i < 50; i++) {
        const struct cr_message message = sample(&prng, (enum cr_message_type)(1 + i % 9));
        const size_t count = cr_message_encode(&message, bytes, sizeof bytes);
        const size_t bits = 8 * (count < 400 ? count : 400);
        for (size_t bit = 0; bit < bits; bit++) {
            struct cr_message got;
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (decode(bytes, count, &got) == CR_OK) {
                assert_int_equal(cr_message_encode(&got, again, sizeof again), count);
                assert_memory_equal(again, bytes, count);
            }
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

static enum cr_err decode_parts(uint32_t type, uint64_t a, size_t a_bytes, uint64_t b,
                                size_t b_bytes)
{
    struct cr_message got;
    bytes[0] = (uint8_t)type;
    cr_store_le(bytes + 1, a, a_bytes);
    if (b_bytes > 0) cr_store_le(bytes + 1 + a_bytes, b, b_bytes);
    const size_t skip_bytes = type == CR_MESSAGE_SYNC ? 4 : 0;
    memset(bytes + 1 + a_bytes + b_bytes, 0, skip_bytes);
    return decode(bytes, 1 + a_bytes + b_bytes + skip_bytes, &got);
}

/* Goal: counts and ranges are checked against their caps. */
static void caps(void **state)
{
    (void)state;
    struct cr_message got;
    assert_int_equal(decode(NULL, 0, &got), CR_ERR_TRUNCATED);
    for (uint32_t type = 0; type < 256; type++) {
        bytes[0] = (uint8_t)type;
        if (type < 1 || type > 9) assert_int_equal(decode(bytes, 32, &got), CR_ERR_MALFORMED);
    }
    bytes[0] = CR_MESSAGE_VERTEX;
    assert_int_equal(decode(bytes, 1, &got), CR_ERR_TRUNCATED);
    assert_int_equal(decode(bytes, 1 + (size_t)CR_VERTEX_BYTES_MAX, &got), CR_OK);
    assert_int_equal(decode(bytes, 2 + (size_t)CR_VERTEX_BYTES_MAX, &got), CR_ERR_TOO_BIG);
    assert_int_equal(decode(bytes, sizeof bytes, &got), CR_ERR_TOO_BIG);

    assert_int_equal(decode_parts(CR_MESSAGE_FETCH, 0, 2, 0, 0), CR_ERR_MALFORMED);
    assert_int_equal(decode_parts(CR_MESSAGE_FETCH, CR_FETCH_REFS_MAX + 1, 2, 0, 0),
                     CR_ERR_TOO_BIG);
    assert_int_equal(decode_parts(CR_MESSAGE_SYNC, 1, 8, CR_SYNC_COMMITS_MAX, 2), CR_OK);
    assert_int_equal(decode_parts(CR_MESSAGE_SYNC, 1, 8, CR_SYNC_COMMITS_MAX + 1, 2),
                     CR_ERR_TOO_BIG);
    assert_int_equal(decode_parts(CR_MESSAGE_SYNC, 0, 8, 1, 2), CR_ERR_MALFORMED);
    assert_int_equal(decode_parts(CR_MESSAGE_SYNC, 1, 8, 0, 2), CR_ERR_MALFORMED);
    assert_int_equal(decode_parts(CR_MESSAGE_SYNC, UINT64_MAX, 8, 1, 2), CR_OK);
    assert_int_equal(decode_parts(CR_MESSAGE_SYNC, UINT64_MAX, 8, 2, 2), CR_ERR_MALFORMED);
}

/* Goal: RANGE: a refusal is empty, a part is of the first commit, a range is not longer than
 * allowed, vertices fill it. */
static void ranges(void **state)
{
    (void)state;
    struct cr_message got;
    struct cr_message refusal = {.type = CR_MESSAGE_RANGE, .from_commit = 9, .to_commit = 8};
    refusal.range = space;
    size_t count = cr_message_encode(&refusal, bytes, sizeof bytes);
    assert_int_equal(decode(bytes, count, &got), CR_OK);
    assert_true(got.to_commit < got.from_commit && got.range_bytes == 0);
    cr_store_le(bytes + 17, 1, 4);
    assert_int_equal(decode(bytes, count, &got), CR_ERR_MALFORMED);
    refusal.to_commit = 9 + CR_SYNC_COMMITS_MAX;
    expect_assert_failure(cr_message_encode(&refusal, bytes, sizeof bytes));
    cr_store_le(bytes + 17, 0, 4);
    cr_store_le(bytes + 9, refusal.to_commit, 8);
    assert_int_equal(decode(bytes, count, &got), CR_ERR_TOO_BIG);
    cr_store_le(bytes + 1, 0, 8);
    assert_int_equal(decode(bytes, count, &got), CR_ERR_MALFORMED);

    memcpy(bytes + 27, "\1\0\0\0a", 5); /* a refusal with a vertex */
    cr_store_le(bytes + 1, 9, 8);
    cr_store_le(bytes + 9, 7, 8);
    cr_store_le(bytes + 17, 1, 4);
    assert_int_equal(decode(bytes, 32, &got), CR_ERR_MALFORMED);
    cr_store_le(bytes + 9, 8, 8); /* a part */
    assert_int_equal(decode(bytes, 32, &got), CR_OK);
    cr_store_le(bytes + 9, 9, 8);
    assert_int_equal(decode(bytes, 32, &got), CR_OK);

    cr_store_le(bytes + 25, 1, 2); /* the vertex was a record, and one vertex lacks */
    assert_int_equal(decode(bytes, 32, &got), CR_ERR_MALFORMED);
    cr_store_le(bytes + 17, 0, 4);
    assert_int_equal(decode(bytes, 32, &got), CR_OK);
    assert_true(got.records_count == 1 && got.records_bytes == 5 && got.range_bytes == 0);
    cr_store_le(bytes + 27, 0, 4); /* a record of no bytes */
    assert_int_equal(decode(bytes, 32, &got), CR_ERR_MALFORMED);
    cr_store_le(bytes + 27, UINT32_MAX, 4);
    assert_int_equal(decode(bytes, 32, &got), CR_ERR_TRUNCATED);
    memset(bytes + 25, 0, sizeof bytes - 25);
    for (uint32_t i = 0; i <= CR_SYNC_COMMITS_MAX; i++)
        cr_store_le(bytes + 27 + (size_t)5 * i, 1, 4);
    cr_store_le(bytes + 25, CR_SYNC_COMMITS_MAX, 2);
    assert_int_equal(decode(bytes, 27 + 5 * CR_SYNC_COMMITS_MAX, &got), CR_OK);
    cr_store_le(bytes + 25, CR_SYNC_COMMITS_MAX + 1, 2);
    assert_int_equal(decode(bytes, 27 + 5 * (CR_SYNC_COMMITS_MAX + 1), &got), CR_ERR_TOO_BIG);

    struct cr_prng prng = cr_prng_stream(3, 5, 1);
    struct cr_message full = sample(&prng, CR_MESSAGE_RANGE);
    count = cr_message_encode(&full, bytes, sizeof bytes);
    cr_store_le(bytes + 17, full.range_count + 1, 4);
    assert_int_equal(decode(bytes, count, &got), CR_ERR_MALFORMED);
    cr_store_le(bytes + 17, UINT32_MAX, 4);
    assert_int_equal(decode(bytes, count, &got), CR_ERR_MALFORMED);
}

/* Goal: sizes. Method: RANGE with a vertex of the largest size and one more; a frame of the largest
 * size and one more. */
static void largest_ranges(void **state)
{
    (void)state;
    struct cr_message got;
    memset(bytes, 0, sizeof bytes);
    bytes[0] = CR_MESSAGE_RANGE;
    cr_store_le(bytes + 1, 1, 8);
    cr_store_le(bytes + 9, 1, 8);
    cr_store_le(bytes + 17, 1, 4);
    cr_store_le(bytes + 27, CR_VERTEX_BYTES_MAX, 4);
    assert_int_equal(decode(bytes, 31 + (size_t)CR_VERTEX_BYTES_MAX, &got), CR_OK);
    cr_store_le(bytes + 27, CR_VERTEX_BYTES_MAX + 1, 4);
    assert_int_equal(decode(bytes, 32 + (size_t)CR_VERTEX_BYTES_MAX, &got), CR_ERR_TOO_BIG);

    const size_t second = 31 + (size_t)CR_VERTEX_BYTES_MAX;
    const size_t left = CR_FRAME_BYTES_MAX - second - 4;
    cr_store_le(bytes + 17, 2, 4);
    cr_store_le(bytes + 27, CR_VERTEX_BYTES_MAX, 4);
    cr_store_le(bytes + second, left, 4);
    assert_int_equal(decode(bytes, CR_FRAME_BYTES_MAX, &got), CR_OK);
    cr_store_le(bytes + second, left + 1, 4);
    assert_int_equal(decode(bytes, CR_FRAME_BYTES_MAX + 1, &got), CR_ERR_TOO_BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode_and_encode_are_inverse),
        cmocka_unit_test(flipped_bits_fail_or_stay),
        cmocka_unit_test(caps),
        cmocka_unit_test(ranges),
        cmocka_unit_test(largest_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
