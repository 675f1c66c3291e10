/* SPDX-License-Identifier: Apache-2.0 */
/* openssl.h: what keys.c, key_file.c and openssl.c share. Not for other layers. */
#ifndef CR_CRYPTO_OPENSSL_H
#define CR_CRYPTO_OPENSSL_H

#include <openssl/evp.h>
#include <openssl/params.h>

#include "crypto/mldsa.h"

struct cr_secret_key {
    EVP_PKEY *key; /* owned */
    struct cr_public_key public;
};

/* Takes `key` over, also on failure: CR_ERR_MALFORMED when it is no ML-DSA key. */
CR_MUST_CHECK enum cr_err cr_openssl_secret_key(EVP_PKEY *key, struct cr_secret_key **out);

/* A library context of our own, made on first use and kept: no openssl.cnf of the host can put
 * another provider under a consensus node. NULL when OpenSSL refuses (out of memory). */
OSSL_LIB_CTX *cr_openssl_context(void);

/* The signature scheme, fetched once; NULL as above, or for an unknown algorithm. */
EVP_SIGNATURE *cr_openssl_scheme(enum cr_alg alg);

/* The context string as OpenSSL wants it; `params` has room for two. */
void cr_openssl_params(const uint8_t *context, size_t context_bytes, OSSL_PARAM params[2]);

#endif
