/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "crypto/openssl.h"

static enum cr_alg alg_of(const EVP_PKEY *key)
{
    for (enum cr_alg alg = CR_ALG_MLDSA44; alg <= CR_ALG_MLDSA87; alg++) {
        if (EVP_PKEY_is_a(key, cr_alg_name(alg))) return alg;
    }
    return (enum cr_alg)0;
}

enum cr_err cr_openssl_secret_key(EVP_PKEY *key, struct cr_secret_key **out)
{
    const enum cr_alg alg = alg_of(key);
    struct cr_secret_key *made = OPENSSL_zalloc(sizeof *made);
    if (!made) {
        EVP_PKEY_free(key);
        return CR_ERR_CRYPTO;
    }
    made->key = key;
    made->public.alg = alg;
    size_t count = sizeof made->public.bytes;
    if (alg != 0 && EVP_PKEY_get_raw_public_key(key, made->public.bytes, &count) == 1 &&
        count == cr_alg_key_bytes(alg)) {
        *out = made;
        return CR_OK;
    }
    cr_secret_key_free(made);
    return CR_ERR_MALFORMED;
}

/* seed NULL: fresh randomness. */
static enum cr_err generate(enum cr_alg alg, const uint8_t *seed, struct cr_secret_key **out)
{
    OSSL_LIB_CTX *library = cr_openssl_context();
    if (!library || !cr_alg_name(alg)) return CR_ERR_CRYPTO;
    uint8_t xi[32] = {0};
    OSSL_PARAM params[2] = {OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end()};
    if (seed) {
        for (size_t i = 0; i < sizeof xi; i++)
            xi[i] = seed[i];
        params[0] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ML_DSA_SEED, xi, sizeof xi);
    }
    ERR_set_mark();
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *call = EVP_PKEY_CTX_new_from_name(library, cr_alg_name(alg), NULL);
    const bool made = call && EVP_PKEY_keygen_init(call) == 1 &&
                      EVP_PKEY_CTX_set_params(call, params) == 1 &&
                      EVP_PKEY_generate(call, &key) == 1;
    EVP_PKEY_CTX_free(call);
    OPENSSL_cleanse(xi, sizeof xi);
    ERR_pop_to_mark();
    if (!made) return CR_ERR_CRYPTO;
    return cr_openssl_secret_key(key, out) == CR_OK ? CR_OK : CR_ERR_CRYPTO;
}

enum cr_err cr_secret_key_new(enum cr_alg alg, struct cr_secret_key **out)
{
    return generate(alg, NULL, out);
}

enum cr_err cr_secret_key_from_seed(enum cr_alg alg, const uint8_t seed[32],
                                    struct cr_secret_key **out)
{
    return generate(alg, seed, out);
}

void cr_secret_key_free(struct cr_secret_key *key)
{
    if (!key) return;
    EVP_PKEY_free(key->key); /* OpenSSL cleanses the secret */
    OPENSSL_free(key);
}

void cr_secret_key_public(const struct cr_secret_key *key, struct cr_public_key *out)
{
    *out = key->public;
}

enum cr_err cr_sign(const struct cr_secret_key *key, const uint8_t *context, size_t context_bytes,
                    const uint8_t *message, size_t message_bytes, uint8_t *signature,
                    size_t *signature_bytes)
{
    const enum cr_alg alg = key->public.alg;
    const uint8_t *bytes = message_bytes > 0 ? message : (const uint8_t *)"";
    size_t count = cr_alg_sig_bytes(alg);
    OSSL_PARAM params[2];
    cr_openssl_params(context, context_bytes, params);
    ERR_set_mark();
    EVP_PKEY_CTX *call = EVP_PKEY_CTX_new_from_pkey(cr_openssl_context(), key->key, NULL);
    const bool made = call &&
                      EVP_PKEY_sign_message_init(call, cr_openssl_scheme(alg), params) == 1 &&
                      EVP_PKEY_sign(call, signature, &count, bytes, message_bytes) == 1 &&
                      count == cr_alg_sig_bytes(alg);
    EVP_PKEY_CTX_free(call);
    ERR_pop_to_mark();
    if (!made) return CR_ERR_CRYPTO;
    *signature_bytes = count;
    return CR_OK;
}

void *cr_secret_key_evp(const struct cr_secret_key *key)
{
    return key->key;
}
