/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "base/prng.h"
#include "crypto/hash.h"
#include "crypto/keys.h"

static const uint8_t context[] = "test";
static const uint8_t message[32] = {1, 2, 3};

/* A key of a level, prepared, and one signature of it. */
struct fixture {
    struct cr_secret_key *secret;
    struct cr_public_key public;
    struct cr_prepared_key *prepared;
    uint8_t signature[CR_SIG_BYTES_MAX];
    size_t signature_bytes;
};

static struct fixture fixtures[3];

static struct cr_verify_item item_of(const struct fixture *fixture)
{
    return (struct cr_verify_item){.key = fixture->prepared,
                                   .context = context,
                                   .context_bytes = sizeof context,
                                   .message = message,
                                   .message_bytes = sizeof message,
                                   .signature = fixture->signature,
                                   .signature_bytes = fixture->signature_bytes};
}

static bool is_valid(struct cr_verify_item item)
{
    item.valid = true;
    cr_verifier_openssl.verify(&item, 1);
    return item.valid;
}

static int make_fixtures(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        struct fixture *fixture = &fixtures[i];
        const uint8_t seed[32] = {(uint8_t)(i + 1)};
        assert_int_equal(cr_secret_key_from_seed((enum cr_alg)(i + 1), seed, &fixture->secret),
                         CR_OK);
        cr_secret_key_public(fixture->secret, &fixture->public);
        fixture->prepared = cr_verifier_openssl.prepare(&fixture->public);
        assert_non_null(fixture->prepared);
        assert_int_equal(cr_sign(fixture->secret, context, sizeof context, message, sizeof message,
                                 fixture->signature, &fixture->signature_bytes),
                         CR_OK);
    }
    return 0;
}

static int free_fixtures(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        cr_verifier_openssl.forget(fixtures[i].prepared);
        cr_secret_key_free(fixtures[i].secret);
    }
    return 0;
}

/* Goal: what was signed verifies, and nothing else. Method: each input is changed on its own. */
static void only_what_was_signed_verifies(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        const struct cr_verify_item good = item_of(&fixtures[i]);
        assert_int_equal(good.signature_bytes, cr_alg_sig_bytes((enum cr_alg)(i + 1)));
        assert_true(is_valid(good));

        struct cr_verify_item item = good;
        item.context_bytes--;
        assert_false(is_valid(item));
        item.context_bytes = 0;
        assert_false(is_valid(item));
        item = good;
        item.context = (const uint8_t *)"tesu";
        assert_false(is_valid(item));
        item = good;
        item.message_bytes--;
        assert_false(is_valid(item));
        const uint8_t other[32] = {1, 2, 4};
        item = good;
        item.message = other;
        assert_false(is_valid(item));
        item = good;
        item.key = fixtures[(i + 1) % 3].prepared;
        assert_false(is_valid(item));
        item.key = NULL;
        assert_false(is_valid(item));
    }
}

/* Goal: any flipped bit makes a signature invalid. Method: one bit in each 37; the last byte of the
 * hint and both ends in full. */
static void flipped_bits_are_invalid(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        uint8_t signature[CR_SIG_BYTES_MAX];
        struct cr_verify_item item = item_of(&fixtures[i]);
        memcpy(signature, fixtures[i].signature, item.signature_bytes);
        item.signature = signature;
        const size_t bits = 8 * item.signature_bytes;
        for (size_t bit = 0; bit < bits; bit += bit < 8 || bit + 16 >= bits ? 1 : 37) {
            signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_false(is_valid(item));
            signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_true(is_valid(item));
    }
}

/* Goal: lengths are strict. Method: every kind of wrong one, in a buffer that is long enough. */
static void lengths_are_strict(void **state)
{
    (void)state;
    static uint8_t bytes[2 * CR_SIG_BYTES_MAX];
    for (uint32_t i = 0; i < 3; i++) {
        struct cr_verify_item item = item_of(&fixtures[i]);
        memcpy(bytes, fixtures[i].signature, item.signature_bytes);
        item.signature = bytes;
        const size_t right = item.signature_bytes;
        const size_t wrong[] = {0, 1, right - 1, right + 1, 2 * right, CR_MLDSA44_SIG_BYTES + 1};
        for (size_t k = 0; k < CR_COUNT_OF(wrong); k++) {
            item.signature_bytes = wrong[k];
            assert_false(is_valid(item));
        }
        item.signature_bytes = 0;
        item.signature = NULL;
        assert_false(is_valid(item));
    }
}

/* Goal: contexts of 0..255 bytes and empty messages work; a longer context does not. */
static void contexts_and_empty_messages(void **state)
{
    (void)state;
    static const uint8_t wide[256] = {7};
    for (uint32_t i = 0; i < 3; i++) {
        for (size_t bytes = 0; bytes <= 256; bytes += bytes == 0 ? 1 : 51) {
            struct cr_verify_item item = item_of(&fixtures[i]);
            uint8_t signature[CR_SIG_BYTES_MAX];
            size_t signature_bytes = 99;
            const enum cr_err err = cr_sign(fixtures[i].secret, bytes > 0 ? wide : NULL, bytes,
                                            NULL, 0, signature, &signature_bytes);
            assert_int_equal(err, bytes <= 255 ? CR_OK : CR_ERR_CRYPTO);
            item.signature = signature;
            item.context = bytes > 0 ? wide : NULL;
            item.context_bytes = bytes;
            item.message = NULL;
            item.message_bytes = 0;
            if (bytes > 255) assert_int_equal(signature_bytes, 99);
            assert_int_equal(is_valid(item), bytes <= 255);
        }
    }
}

/* Goal: the items of a batch are independent. Method: every third one is spoilt. */
static void one_verdict_for_each_item(void **state)
{
    (void)state;
    struct cr_verify_item items[12];
    for (uint32_t i = 0; i < 12; i++) {
        items[i] = item_of(&fixtures[i % 3]);
        items[i].valid = i % 2 == 0;
        if (i % 4 == 1) items[i].message_bytes = 31;
        if (i % 4 == 2) items[i].context_bytes = 1000;
    }
    cr_verifier_openssl.verify(items, 12);
    for (uint32_t i = 0; i < 12; i++)
        assert_int_equal(items[i].valid, i % 4 == 0 || i % 4 == 3);
    cr_verifier_openssl.verify(items, 0);
}

/* Goal: no bytes crash it, and OpenSSL's queue of errors stays empty. Method: noise as keys and
 * signatures; all ones; hints that are out of order. */
static void noise_is_invalid(void **state)
{
    (void)state;
    struct cr_prng prng = cr_prng_stream(1, 6, 1);
    static struct cr_public_key key;
    static uint8_t signature[CR_SIG_BYTES_MAX];
    for (uint32_t round = 0; round < 60; round++) {
        key.alg = (enum cr_alg)(1 + round % 3);
        for (size_t i = 0; i < sizeof key.bytes; i++)
            key.bytes[i] = round < 6 ? 255 : (uint8_t)cr_prng_next(&prng);
        for (size_t i = 0; i < sizeof signature; i++)
            signature[i] = round < 6 ? (uint8_t)(round - 3) : (uint8_t)cr_prng_next(&prng);
        const size_t hint = round % 2 ? 90 : 0; /* a plausible start, an empty hint */
        memset(signature + cr_alg_sig_bytes(key.alg) - hint, 0, hint);
        struct cr_prepared_key *prepared = cr_verifier_openssl.prepare(&key);
        assert_non_null(prepared); /* every string of the right length is a key */
        struct cr_verify_item item = item_of(&fixtures[0]);
        item.key = prepared;
        item.signature = signature;
        item.signature_bytes = cr_alg_sig_bytes(key.alg);
        assert_false(is_valid(item));
        cr_verifier_openssl.forget(prepared);
    }
    assert_int_equal(ERR_peek_error(), 0);
}

/* Goal: a seed gives one key, for ever; signing is hedged, and both signatures verify. */
static void seeds_and_hedging(void **state)
{
    (void)state;
    static const char *accounts[3] = {
        "0577050bf0ce487e66d2bae6a17f50d0f73f355f708e36d028494b0e5ec84f4e",
        "10c57a01aa3ab7838b9b48a453c76d35909388c02ef11b7d30439beb674f5da8",
        "79d281b4fe5b9a8f8a8ef50c3cc9e28c949cee9646651d3d9e5bbd14f3699cc0",
    };
    for (uint32_t i = 0; i < 3; i++) {
        char text[2 * CR_HASH_BYTES + 1];
        const struct cr_hash account = cr_public_key_account(&fixtures[i].public);
        cr_hex_encode(account.bytes, CR_HASH_BYTES, text);
        assert_string_equal(text, accounts[i]);

        struct cr_verify_item item = item_of(&fixtures[i]);
        uint8_t signature[CR_SIG_BYTES_MAX];
        size_t count = 0;
        assert_int_equal(cr_sign(fixtures[i].secret, context, sizeof context, message,
                                 sizeof message, signature, &count),
                         CR_OK);
        assert_memory_not_equal(signature, fixtures[i].signature, count);
        item.signature = signature;
        assert_true(is_valid(item));
    }
    struct cr_secret_key *fresh[2];
    struct cr_public_key public[2];
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(cr_secret_key_new(CR_ALG_MLDSA44, &fresh[i]), CR_OK);
        cr_secret_key_public(fresh[i], &public[i]);
        assert_true(EVP_PKEY_is_a(cr_secret_key_evp(fresh[i]), "ML-DSA-44"));
        cr_secret_key_free(fresh[i]);
    }
    assert_memory_not_equal(&public[0], &public[1], sizeof public[0]);
}

static void unknown_algorithms(void **state)
{
    (void)state;
    struct cr_secret_key *none = NULL;
    struct cr_public_key key = fixtures[0].public;
    const uint8_t seed[32] = {0};
    for (int alg = -1; alg < 300; alg += alg == 0 ? 4 : 1) {
        key.alg = (enum cr_alg)alg;
        assert_null(cr_verifier_openssl.prepare(&key));
        assert_int_equal(cr_secret_key_new((enum cr_alg)alg, &none), CR_ERR_CRYPTO);
        assert_int_equal(cr_secret_key_from_seed((enum cr_alg)alg, seed, &none), CR_ERR_CRYPTO);
    }
    assert_null(none);
    cr_secret_key_free(NULL);
    cr_verifier_openssl.forget(NULL);
}

static void *verify_often(void *failures)
{
    uint32_t *count = failures;
    for (uint32_t i = 0; i < 100; i++) {
        struct cr_verify_item items[2] = {item_of(&fixtures[i % 3]), item_of(&fixtures[i % 3])};
        items[1].message_bytes = 8;
        cr_verifier_openssl.verify(items, 2);
        *count += !items[0].valid || items[1].valid;
    }
    return NULL;
}

/* Goal: prepared keys may be shared by threads. Method: four at once (and the preset tsan). */
static void threads_share_prepared_keys(void **state)
{
    (void)state;
    pthread_t threads[4];
    uint32_t failures[4] = {0};
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, verify_often, &failures[i]), 0);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(failures[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_was_signed_verifies),
        cmocka_unit_test(flipped_bits_are_invalid),
        cmocka_unit_test(lengths_are_strict),
        cmocka_unit_test(contexts_and_empty_messages),
        cmocka_unit_test(one_verdict_for_each_item),
        cmocka_unit_test(noise_is_invalid),
        cmocka_unit_test(seeds_and_hedging),
        cmocka_unit_test(unknown_algorithms),
        cmocka_unit_test(threads_share_prepared_keys),
    };
    return cmocka_run_group_tests(tests, make_fixtures, free_fixtures);
}
