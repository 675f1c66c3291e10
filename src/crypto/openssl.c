/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/openssl.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>

#include "crypto/keys.h"

enum { CONTEXT_BYTES_MAX = 255 }; /* FIPS 204, algorithms 2 and 3 */

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static OSSL_LIB_CTX *library;
static EVP_SIGNATURE *schemes[CR_ALG_MLDSA87 + 1];

static void start(void)
{
    /* The host's openssl.cnf must not choose providers for the default context, which QUIC uses. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    OSSL_LIB_CTX *made = OSSL_LIB_CTX_new();
    if (!made) return;
    if (!OSSL_PROVIDER_load(made, "default")) {
        OSSL_LIB_CTX_free(made);
        return;
    }
    for (enum cr_alg alg = CR_ALG_MLDSA44; alg <= CR_ALG_MLDSA87; alg++)
        schemes[alg] = EVP_SIGNATURE_fetch(made, cr_alg_name(alg), NULL);
    library = made;
}

OSSL_LIB_CTX *cr_openssl_context(void)
{
    return CRYPTO_THREAD_run_once(&once, start) ? library : NULL;
}

EVP_SIGNATURE *cr_openssl_scheme(enum cr_alg alg)
{
    if (!cr_openssl_context() || cr_alg_name(alg) == NULL) return NULL;
    return schemes[alg];
}

void cr_openssl_params(const uint8_t *context, size_t context_bytes, OSSL_PARAM params[2])
{
    union { /* OSSL_PARAM has no const, though OpenSSL only reads what is set */
        const uint8_t *in;
        void *out;
    } bytes = {.in = context};
    params[0] = params[1] = OSSL_PARAM_construct_end();
    if (context_bytes > 0) {
        params[0] = OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_CONTEXT_STRING,
                                                      bytes.out, context_bytes);
    }
}

/* EVP_PKEY is immutable after this, which makes it safe to share. The matrix is expanded from the
 * key on each verification: OpenSSL keeps no expanded form. */
struct cr_prepared_key {
    EVP_PKEY *key;
    EVP_SIGNATURE *scheme; /* borrowed */
    size_t signature_bytes;
};

/* Every string of the right length is a key (FIPS 204, algorithm 23), so that failing means that
 * memory is out, and then the reason in is_valid applies. */
static struct cr_prepared_key *prepare(const struct cr_public_key *key)
{
    EVP_SIGNATURE *scheme = cr_openssl_scheme(key->alg);
    if (!scheme) return NULL;
    struct cr_prepared_key *made = OPENSSL_zalloc(sizeof *made);
    CR_ASSERT(made != NULL);
    made->scheme = scheme;
    made->signature_bytes = cr_alg_sig_bytes(key->alg);
    made->key = EVP_PKEY_new_raw_public_key_ex(cr_openssl_context(), cr_alg_name(key->alg), NULL,
                                               key->bytes, cr_alg_key_bytes(key->alg));
    CR_ASSERT(made->key != NULL);
    return made;
}

static void forget(struct cr_prepared_key *key)
{
    if (!key) return;
    EVP_PKEY_free(key->key);
    OPENSSL_free(key);
}

static bool memory_ran_out(void)
{
    bool found = false;
    for (unsigned long error = ERR_get_error(); error != 0; error = ERR_get_error())
        found = found || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
    return found;
}

/* Replicas must agree on every signature. So memory that runs out stops this one: "invalid" would
 * be a wrong answer. What remains depends on the bytes alone. */
static bool is_valid(const struct cr_verify_item *item)
{
    const struct cr_prepared_key *key = item->key;
    if (!key || item->signature_bytes != key->signature_bytes) return false;
    if (item->context_bytes > CONTEXT_BYTES_MAX) return false;
    /* A context per call costs 0.6 us of the 110..270 us; kept ones would have to be per thread. */
    EVP_PKEY_CTX *call = EVP_PKEY_CTX_new_from_pkey(cr_openssl_context(), key->key, NULL);
    CR_ASSERT(call != NULL);
    OSSL_PARAM params[2];
    cr_openssl_params(item->context, item->context_bytes, params);
    const int started = EVP_PKEY_verify_message_init(call, key->scheme, params);
    CR_ASSERT(started == 1);
    const uint8_t *message = item->message_bytes > 0 ? item->message : (const uint8_t *)"";
    const bool valid = EVP_PKEY_verify(call, item->signature, item->signature_bytes, message,
                                       item->message_bytes) == 1;
    CR_ASSERT(valid || !memory_ran_out());
    EVP_PKEY_CTX_free(call);
    return valid;
}

/* OpenSSL's queue of errors, one per thread, is empty at the start, so that what is found in it is
 * ours, and at the end. */
static void verify(struct cr_verify_item *items, uint32_t count)
{
    ERR_clear_error();
    for (uint32_t i = 0; i < count; i++)
        items[i].valid = is_valid(&items[i]);
    ERR_clear_error();
}

const struct cr_verifier cr_verifier_openssl = {
    .name = "openssl",
    .lanes = 1,
    .prepare = prepare,
    .forget = forget,
    .verify = verify,
};
