/* SPDX-License-Identifier: Apache-2.0 */
/* everybody_testing.h: one question to OpenSSL, to the reference and to every back end of this
 * processor, in each lane; all must give one answer. For tests that include base/unit.h. */
#ifndef CR_CRYPTO_MLDSA_EVERYBODY_TESTING_H
#define CR_CRYPTO_MLDSA_EVERYBODY_TESTING_H

#include "crypto/keys.h"
#include "crypto/mldsa/reference.h"
#include "crypto/mldsa/verify.h"

enum { EVERYBODY_MAX = 8 };

/* A key, prepared for everybody. */
struct everybody {
    struct cr_public_key public;
    struct cr_prepared_key *openssl;
    uint32_t count;
    const struct cr_mldsa_kernels *kernels[EVERYBODY_MAX];
    struct cr_prepared_key *keys[EVERYBODY_MAX];
};

static void everybody_prepare(const struct cr_public_key *public, struct everybody *out)
{
    out->public = *public;
    out->openssl = cr_verifier_openssl.prepare(public);
    assert_non_null(out->openssl);
    for (out->count = 0; (out->kernels[out->count] = cr_mldsa_kernels_at(out->count));) {
        struct cr_prepared_key *made = aligned_alloc(64, cr_mldsa_key_bytes(public->alg));
        assert_non_null(made);
        cr_mldsa_prepare(out->kernels[out->count], 1, &public, &made);
        out->keys[out->count++] = made;
    }
}

static void everybody_forget(struct everybody *key)
{
    cr_verifier_openssl.forget(key->openssl);
    for (uint32_t i = 0; i < key->count; i++)
        free(key->keys[i]);
}

static bool reference_verify(const struct cr_public_key *key, const struct cr_verify_item *item,
                             bool internal)
{
    return internal ? cr_mldsa_reference_verify_internal(key, item)
                    : cr_mldsa_reference_verify(key, item);
}

/* The same item in every lane, and alone: n + 1 times. */
static void lanes_verify(const struct everybody *key, uint32_t which,
                         const struct cr_verify_item *item, bool internal, bool expected)
{
    struct cr_verify_item items[CR_MLDSA_LANES_MAX + 1];
    const struct cr_mldsa_kernels *kernels = key->kernels[which];
    for (uint32_t i = 0; i <= kernels->lanes; i++) {
        items[i] = *item;
        items[i].key = key->keys[which];
        items[i].valid = !expected;
    }
    if (internal)
        cr_mldsa_verify_internal(kernels, items, kernels->lanes + 1);
    else
        cr_mldsa_verify(kernels, items, kernels->lanes + 1);
    for (uint32_t i = 0; i <= kernels->lanes; i++) {
        if (items[i].valid != expected) fail_msg("%s, lane %u", kernels->name, i);
    }
}

/* `item->key` is not looked at. OpenSSL is not asked about the internal function. */
static bool everybody_verify(const struct everybody *key, const struct cr_verify_item *item,
                             bool internal)
{
    const bool valid = reference_verify(&key->public, item, internal);
    if (!internal) {
        struct cr_verify_item again = *item;
        again.key = key->openssl;
        cr_verifier_openssl.verify(&again, 1);
        assert_int_equal(again.valid, valid);
    }
    for (uint32_t i = 0; i < key->count; i++)
        lanes_verify(key, i, item, internal, valid);
    return valid;
}

#endif
