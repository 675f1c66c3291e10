/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/testing.h"

#include "ledger/entry.h"

/* Goal: the bytes are those of entry.h. Method: written out by hand. */
static void bytes_are_as_documented(void **unused)
{
    (void)unused;
    uint8_t bytes[CR_ENTRY_BYTES_MAX];
    const struct cr_public_key key = test_key(0);
    const struct cr_entry_account account = {
        .alg = key.alg, .key = key.bytes, .registered_at = 0x0102, .balance = 0x0304};
    assert_int_equal(cr_entry_encode_account(&account, bytes), 19 + CR_MLDSA44_KEY_BYTES);
    static const uint8_t head[19] = {1, 1, 1, 2, 1, 0, 0, 0, 0, 0, 0, 4, 3};
    assert_memory_equal(bytes, head, sizeof head);
    assert_memory_equal(bytes + sizeof head, key.bytes, CR_MLDSA44_KEY_BYTES);

    struct cr_hash hash;
    memset(&hash, 0xab, sizeof hash);
    const struct cr_entry_record record = {.owner = hash,
                                           .version = 0x0506,
                                           .key = (const uint8_t *)"key",
                                           .key_bytes = 3,
                                           .value = (const uint8_t *)"value",
                                           .value_bytes = 5};
    assert_int_equal(cr_entry_encode_record(&record, bytes), 44 + 3 + 5);
    assert_memory_equal(bytes, "\x02\x01", 2);
    assert_memory_equal(bytes + 2, hash.bytes, 32);
    assert_memory_equal(bytes + 34, "\x06\x05\0\0\0\0\0\0\x03\0keyvalue", 18);

    const struct cr_entry_recent recent = {.id = hash, .valid_until_commit = 9};
    assert_int_equal(cr_entry_encode_recent(&recent, bytes), 42);
    assert_memory_equal(bytes, "\x03\x01", 2);
    assert_memory_equal(bytes + 2, hash.bytes, 32);
    assert_memory_equal(bytes + 34, "\x09\0\0\0\0\0\0\0", 8);

    struct cr_hash higher = hash;
    higher.bytes[31]++;
    const struct cr_entry_offence offence = {.conflict = CR_CONFLICT_STATEMENT,
                                             .validator = hash,
                                             .epoch = 1,
                                             .author = 2,
                                             .round = 3,
                                             .first = hash,
                                             .second = higher,
                                             .commit_index = 4,
                                             .reporter = higher};
    assert_int_equal(cr_entry_encode_offence(&offence, bytes), 153);
    assert_memory_equal(bytes, "\x04\x01\x02", 3);
    assert_memory_equal(bytes + 3, hash.bytes, 32);
    assert_memory_equal(bytes + 35, "\x01\0\0\0\0\0\0\0\x02\0\x03\0\0\0", 14);
    assert_memory_equal(bytes + 49, hash.bytes, 32);
    assert_memory_equal(bytes + 81, higher.bytes, 32);
    assert_memory_equal(bytes + 113, "\x04\0\0\0\0\0\0\0", 8);
    assert_memory_equal(bytes + 121, higher.bytes, 32);
    struct cr_entry_offence offence_out;
    uint8_t again[CR_ENTRY_BYTES_MAX];
    assert_int_equal(cr_entry_decode_offence(bytes, 153, &offence_out), CR_OK);
    assert_int_equal(cr_entry_encode_offence(&offence_out, again), 153);
    assert_memory_equal(again, bytes, 153);
}

static void validators_are_as_documented(void **unused)
{
    (void)unused;
    uint8_t bytes[CR_ENTRY_BYTES_MAX];
    const struct cr_entry_committee committee = {.epoch = 7, .count = 2, .stake = {8, 9}};
    assert_int_equal(cr_entry_encode_committee(&committee, bytes), 12 + 2 * 8);
    assert_memory_equal(bytes,
                        "\x06\x01\x07\0\0\0\0\0\0\0\x02\0\x08\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0", 28);
    const uint8_t keys[2 * CR_MLDSA65_KEY_BYTES] = {1};
    const struct cr_entry_validator validator = {
        .seat = 4,
        .since_epoch = 3,
        .profile = {.name = "eve",
                    .address = "e:7000",
                    .consensus_key = keys,
                    .transport_key = keys + CR_MLDSA65_KEY_BYTES}};
    assert_int_equal(cr_entry_encode_validator(&validator, bytes), 12 + 4 + 7 + sizeof keys);
    assert_memory_equal(bytes,
                        "\x05\x01\x04\0\x03\0\0\0\0\0\0\0\x03"
                        "eve\x06"
                        "e:7000",
                        23);
    assert_memory_equal(bytes + 23, keys, sizeof keys);

    const struct cr_hash expected = cr_hash_of("CEK1\x02key", 8);
    const struct cr_hash derived = cr_entry_key(CR_ENTRY_RECORD, (const uint8_t *)"key", 3);
    assert_true(cr_hash_equal(&derived, &expected));
}

/* Goal: entries come back as they went in, under their own key. Method: random ones of each kind,
 * encoded, decoded, and encoded again. */
static void round_trip(void **unused)
{
    (void)unused;
    static uint8_t value[CR_STATE_VALUE_BYTES_MAX], key[CR_STATE_KEY_BYTES_MAX];
    uint8_t bytes[CR_ENTRY_BYTES_MAX], again[CR_ENTRY_BYTES_MAX];
    struct cr_prng prng = {7};
    for (uint32_t i = 0; i < 200; i++) {
        const struct cr_public_key public_key = test_key(i);
        const struct cr_entry_account account = {.alg = public_key.alg,
                                                 .key = public_key.bytes,
                                                 .registered_at = cr_prng_next(&prng),
                                                 .balance = cr_prng_next(&prng) >> 1};
        uint32_t count = cr_entry_encode_account(&account, bytes);
        struct cr_entry_account account_out;
        assert_int_equal(cr_entry_decode_account(bytes, count, &account_out), CR_OK);
        assert_int_equal(cr_entry_encode_account(&account_out, again), count);
        assert_memory_equal(bytes, again, count);
        struct cr_hash own;
        const struct cr_hash name = test_account(i);
        const struct cr_hash wanted = cr_entry_key(CR_ENTRY_ACCOUNT, name.bytes, 32);
        assert_int_equal(cr_entry_key_of(bytes, count, &own), CR_OK);
        assert_true(cr_hash_equal(&own, &wanted));

        const struct cr_entry_record record = {
            .owner = name,
            .version = cr_prng_next(&prng),
            .key = key,
            .key_bytes = 1 + (uint32_t)cr_prng_below(&prng, CR_STATE_KEY_BYTES_MAX),
            .value = value,
            .value_bytes = (uint32_t)cr_prng_below(&prng, CR_STATE_VALUE_BYTES_MAX + 1)};
        key[0] = (uint8_t)i;
        count = cr_entry_encode_record(&record, bytes);
        struct cr_entry_record record_out;
        assert_int_equal(cr_entry_decode_record(bytes, count, &record_out), CR_OK);
        assert_int_equal(cr_entry_encode_record(&record_out, again), count);
        assert_memory_equal(bytes, again, count);
        const struct cr_hash record_key = cr_entry_key(CR_ENTRY_RECORD, key, record.key_bytes);
        assert_int_equal(cr_entry_key_of(bytes, count, &own), CR_OK);
        assert_true(cr_hash_equal(&own, &record_key));
    }
}

static enum cr_err decode(const uint8_t *bytes, size_t count)
{
    struct cr_hash key;
    return cr_entry_key_of(bytes, count, &key);
}

/* Goal: what is no entry is refused and never read beyond. Method: every truncation (of a copy of
 * exactly that size, for the sanitizer) and a byte too many, for each kind; wrong fields. */
static void malformed_entries_are_refused(void **unused)
{
    (void)unused;
    uint8_t entries[6][CR_ENTRY_BYTES_MAX + 1];
    uint32_t counts[6];
    const struct cr_public_key key = test_key(0);
    const struct cr_entry_account account = {.alg = key.alg, .key = key.bytes};
    const struct cr_entry_record record = {.key = (const uint8_t *)"k", .key_bytes = 1};
    const struct cr_entry_recent recent = {.valid_until_commit = 1};
    counts[0] = cr_entry_encode_account(&account, entries[0]);
    counts[1] = cr_entry_encode_record(&record, entries[1]);
    const struct cr_entry_offence offence = {
        .conflict = CR_CONFLICT_EQUIVOCATION, .round = 1, .second = {{1}}};
    counts[2] = cr_entry_encode_recent(&recent, entries[2]);
    counts[3] = cr_entry_encode_offence(&offence, entries[3]);
    const uint8_t keys[2 * CR_MLDSA65_KEY_BYTES] = {1};
    const struct cr_entry_validator validator = {
        .seat = 4,
        .profile = {.name = "e",
                    .address = "e:7000",
                    .consensus_key = keys,
                    .transport_key = keys + CR_MLDSA65_KEY_BYTES}};
    const struct cr_entry_committee committee = {.epoch = 2, .count = 5, .stake = {1}};
    counts[4] = cr_entry_encode_validator(&validator, entries[4]);
    counts[5] = cr_entry_encode_committee(&committee, entries[5]);
    for (uint32_t kind = 0; kind < 6; kind++) {
        assert_int_equal(decode(entries[kind], counts[kind]), CR_OK);
        for (uint32_t count = 0; count < counts[kind]; count++) {
            uint8_t *copy = malloc(count + (count == 0));
            assert_non_null(copy);
            memcpy(copy, entries[kind], count);
            assert_int_equal(decode(copy, count), CR_ERR_TRUNCATED);
            free(copy);
        }
        entries[kind][1] = 2;
        assert_int_equal(decode(entries[kind], counts[kind]), CR_ERR_VERSION);
        entries[kind][1] = 1;
        entries[kind][counts[kind]] = 0;
        if (kind != 1) {
            assert_int_equal(decode(entries[kind], counts[kind] + 1), CR_ERR_TRAILING);
        }
    }
    entries[0][18] = 0x80; /* the balance is 2^63 */
    assert_int_equal(decode(entries[0], counts[0]), CR_ERR_MALFORMED);
    entries[0][18] = 0;
    entries[0][2] = 9;
    assert_int_equal(decode(entries[0], counts[0]), CR_ERR_MALFORMED);
    entries[1][42] = 0; /* no key */
    assert_int_equal(decode(entries[1], counts[1]), CR_ERR_MALFORMED);
    entries[1][42] = 1;
    entries[1][43] = 1; /* a key of 257 bytes */
    assert_int_equal(decode(entries[1], sizeof entries[1]), CR_ERR_MALFORMED);
    entries[1][43] = 0;
    assert_int_equal(decode(entries[1], 44 + 1 + CR_STATE_VALUE_BYTES_MAX + 1), CR_ERR_TOO_BIG);
    entries[2][0] = 7;
    assert_int_equal(decode(entries[2], counts[2]), CR_ERR_MALFORMED);
    entries[3][2] = CR_CONFLICT_STATEMENT + 1;
    assert_int_equal(decode(entries[3], counts[3]), CR_ERR_MALFORMED);
    entries[3][2] = CR_CONFLICT_STATEMENT;
    entries[3][44] = 0xff; /* no such author */
    assert_int_equal(decode(entries[3], counts[3]), CR_ERR_MALFORMED);
    entries[3][44] = 0;
    entries[3][49] = 1; /* the same vertex twice */
    assert_int_equal(decode(entries[3], counts[3]), CR_ERR_MALFORMED);
    entries[4][13] = '-'; /* no name */
    assert_int_equal(decode(entries[4], counts[4]), CR_ERR_MALFORMED);
    entries[4][13] = 'e';
    entries[4][3] = 1; /* no such seat */
    assert_int_equal(decode(entries[4], counts[4]), CR_ERR_MALFORMED);
    entries[5][10] = 0; /* nobody */
    assert_int_equal(decode(entries[5], counts[5]), CR_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_as_documented),
        cmocka_unit_test(validators_are_as_documented),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(malformed_entries_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
