/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/testing.h"

#include "ledger/bulk.h"

static uint8_t bytes[3 * CR_BULK_BYTES + 2];

static void compare(struct cr_prng *prng, size_t count, size_t piece_max)
{
    static struct cr_bulk bulk;
    cr_bulk_init(&bulk);
    for (size_t at = 0; at < count;) {
        size_t piece = (size_t)cr_prng_below(prng, piece_max + 1);
        if (piece > count - at) piece = count - at;
        cr_bulk_add(&bulk, bytes + at, piece);
        at += piece;
    }
    const struct cr_hash hash = cr_bulk_end(&bulk), expected = cr_hash_of(bytes, count);
    assert_true(cr_hash_equal(&hash, &expected));
}

/* Goal: it is BLAKE3, however the bytes come. Method: streams of every length around the buffer's
 * borders, in pieces of random length, against the hash of the whole. */
static void equals_the_hash_of_the_whole(void **unused)
{
    (void)unused;
    struct cr_prng prng = {3};
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)cr_prng_next(&prng);
    for (size_t count = 0; count <= sizeof bytes; count++) {
        if ((count + 2) % CR_BULK_BYTES > 4) continue;
        for (size_t piece_max = 1; piece_max <= sizeof bytes; piece_max *= 7)
            compare(&prng, count, piece_max);
    }
    struct cr_bulk bulk;
    cr_bulk_init(&bulk);
    cr_bulk_add_le(&bulk, 0x0201, 3);
    const struct cr_hash hash = cr_bulk_end(&bulk), expected = cr_hash_of("\1\2\0", 3);
    assert_true(cr_hash_equal(&hash, &expected));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_hash_of_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
