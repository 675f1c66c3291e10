/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h: secret keys: made, kept in files and used for signing by OpenSSL (>= 3.5).
 *
 * A key file is PKCS#8 PEM with mode 0600; any wider mode is refused on load. Signing is hedged
 * (FIPS 204, algorithm 2 with fresh randomness). A secret key may be used by one thread at a time.
 * Secrets are never logged and are cleansed when freed.
 */
#ifndef CR_CRYPTO_KEYS_H
#define CR_CRYPTO_KEYS_H

#include "crypto/mldsa.h"

struct cr_secret_key; /* opaque, owned by the caller who made or loaded it */

/* The OpenSSL verifier for cr_verifier_use. */
extern const struct cr_verifier cr_verifier_openssl;

/* CR_ERR_CRYPTO when OpenSSL refuses. */
CR_MUST_CHECK enum cr_err cr_secret_key_new(enum cr_alg alg, struct cr_secret_key **out);
/* Deterministic key from a 32-byte seed (FIPS 204 keygen xi): for tests and simulated clients. */
CR_MUST_CHECK enum cr_err cr_secret_key_from_seed(enum cr_alg alg, const uint8_t seed[32],
                                                  struct cr_secret_key **out);
/* CR_ERR_NOT_FOUND, CR_ERR_PERMISSION (mode wider than 0600, or not a regular file),
 * CR_ERR_MALFORMED (not an ML-DSA PKCS#8 PEM), CR_ERR_IO. */
CR_MUST_CHECK enum cr_err cr_secret_key_load(const char *path, struct cr_secret_key **out);
/* Creates the file with mode 0600 and syncs it. CR_ERR_EXISTS when there is one already. */
CR_MUST_CHECK enum cr_err cr_secret_key_save(const struct cr_secret_key *key, const char *path);
void cr_secret_key_free(struct cr_secret_key *key); /* NULL is allowed */

void cr_secret_key_public(const struct cr_secret_key *key, struct cr_public_key *out);

/* Signs `message` under FIPS 204 context `context` (at most 255 bytes). `signature` holds
 * CR_SIG_BYTES_MAX bytes; *signature_bytes becomes the algorithm's length. CR_ERR_CRYPTO. */
CR_MUST_CHECK enum cr_err cr_sign(const struct cr_secret_key *key, const uint8_t *context,
                                  size_t context_bytes, const uint8_t *message,
                                  size_t message_bytes, uint8_t *signature,
                                  size_t *signature_bytes);

/* The EVP_PKEY behind the key, for TLS certificates; borrowed. It is a void * to keep OpenSSL out
 * of headers. */
void *cr_secret_key_evp(const struct cr_secret_key *key);

#endif
