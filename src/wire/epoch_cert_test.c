/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include "wire/epoch_cert.h"
#include "wire/sample.h"

enum { VOTES = 3 };

static uint8_t votes[CR_VALIDATORS_MAX * CR_EPOCH_VOTE_BYTES];
static uint8_t bytes[CR_EPOCH_CERT_BYTES_MAX + CR_EPOCH_VOTE_BYTES];

static struct cr_epoch_cert sample(uint32_t count)
{
    struct cr_prng prng = cr_prng_stream(4, 5, 6);
    cr_sample_bytes(&prng, votes, sizeof votes);
    for (uint32_t i = 0; i < count; i++)
        cr_store_le(votes + (size_t)i * CR_EPOCH_VOTE_BYTES, count == VOTES ? 5 * i : i, 2);
    return (struct cr_epoch_cert){.epoch = {.number = 9,
                                            .index = 1234,
                                            .digest = cr_sample_hash(&prng),
                                            .state_root = cr_sample_hash(&prng),
                                            .committee = cr_sample_hash(&prng)},
                                  .votes_count = count,
                                  .votes = votes};
}

static size_t write(const struct cr_epoch_cert *cert)
{
    struct cr_writer writer = cr_writer_of(bytes, sizeof bytes);
    cr_epoch_cert_write(&writer, cert);
    assert_int_equal(writer.position, cr_epoch_cert_bytes(cert));
    return writer.position;
}

static enum cr_err read(size_t count, struct cr_epoch_cert *out)
{
    struct cr_epoch_cert untouched;
    struct cr_reader reader = cr_reader_of(bytes, count);
    memset(&untouched, 0xa5, sizeof untouched);
    *out = untouched;
    const enum cr_err err = cr_epoch_cert_read(&reader, out);
    if (err != CR_OK) assert_memory_equal(out, &untouched, sizeof untouched);
    return err;
}

/* Goal: read gives what was written, of no vote, of three, of all seats. */
static void read_gives_what_was_written(void **state)
{
    (void)state;
    static const uint32_t counts[] = {0, 1, VOTES, CR_VALIDATORS_MAX};
    for (uint32_t i = 0; i < CR_COUNT_OF(counts); i++) {
        const struct cr_epoch_cert cert = sample(counts[i]);
        struct cr_epoch_cert got;
        const size_t count = write(&cert);
        assert_int_equal(read(count, &got), CR_OK);
        assert_memory_equal(&got.epoch, &cert.epoch, sizeof got.epoch);
        assert_int_equal(got.votes_count, counts[i]);
        for (uint32_t vote = 0; vote < counts[i]; vote++) {
            const uint8_t *a, *b;
            assert_int_equal(cr_epoch_cert_vote(&got, vote, &a),
                             cr_epoch_cert_vote(&cert, vote, &b));
            assert_memory_equal(a, b, CR_MLDSA65_SIG_BYTES);
        }
    }
}

/* Goal: every cut is refused. */
static void truncated(void **state)
{
    (void)state;
    const struct cr_epoch_cert cert = sample(VOTES);
    struct cr_epoch_cert got;
    const size_t count = write(&cert);
    for (size_t cut = 0; cut < count; cut++)
        assert_int_equal(read(cut, &got), CR_ERR_TRUNCATED);
}

/* Goal: the form. A signer that is named twice, or out of order, is refused: no quorum can be made
 * of one vote. Neither is there a first epoch, a commit 0, a seat that nobody can have. */
static void form(void **state)
{
    (void)state;
    const struct cr_epoch_cert cert = sample(VOTES);
    struct cr_epoch_cert got;
    const size_t count = write(&cert);
    uint8_t *seat = bytes + CR_EPOCH_CERT_HEAD_BYTES;
    for (uint32_t value = 0; value < 7; value++) { /* the second of 0, 5, 10 */
        cr_store_le(seat + CR_EPOCH_VOTE_BYTES, value, 2);
        assert_int_equal(read(count, &got), value > 0 ? CR_OK : CR_ERR_MALFORMED);
    }
    cr_store_le(seat + CR_EPOCH_VOTE_BYTES, 10, 2);
    assert_int_equal(read(count, &got), CR_ERR_MALFORMED);
    cr_store_le(seat + CR_EPOCH_VOTE_BYTES, 11, 2);
    assert_int_equal(read(count, &got), CR_ERR_MALFORMED);
    cr_store_le(seat + CR_EPOCH_VOTE_BYTES, 5, 2);
    cr_store_le(seat + (size_t)2 * CR_EPOCH_VOTE_BYTES, CR_VALIDATORS_MAX - 1, 2);
    assert_int_equal(read(count, &got), CR_OK);
    cr_store_le(seat + (size_t)2 * CR_EPOCH_VOTE_BYTES, CR_VALIDATORS_MAX, 2);
    assert_int_equal(read(count, &got), CR_ERR_MALFORMED);
    write(&cert);
    cr_store_le(bytes, 1, 8);
    assert_int_equal(read(count, &got), CR_ERR_MALFORMED);
    write(&cert);
    cr_store_le(bytes + 8, 0, 8);
    assert_int_equal(read(count, &got), CR_ERR_MALFORMED);
    write(&cert);
    cr_store_le(bytes + CR_EPOCH_CERT_HEAD_BYTES - 2, CR_VALIDATORS_MAX + 1, 2);
    assert_int_equal(read(sizeof bytes, &got), CR_ERR_TOO_BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_gives_what_was_written),
        cmocka_unit_test(truncated),
        cmocka_unit_test(form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
