/* SPDX-License-Identifier: Apache-2.0 */
/* tls.h: TLS 1.3 as the mesh speaks it: X25519MLKEM768, ML-DSA-65 certificates on both sides,
 * AES-256-GCM, ALPN "creto/1"; no tickets, no early data, no compression.
 *
 * A certificate only carries the key. Names, dates, issuers and the self-signature mean nothing:
 * the judge compares the key with the validator set, and TLS has the peer prove that it owns the
 * key.
 */
#ifndef CR_NET_TLS_H
#define CR_NET_TLS_H

#include <openssl/ssl.h>

#include "net/net.h"

enum { CR_TLS_SECRET_BYTES = 32 };

/* Whether the owner of `key` may go on; `user_data` is that of the ngtcp2_crypto_conn_ref. */
typedef bool (*cr_tls_judge)(void *user_data, const uint8_t *key, size_t key_bytes);

struct cr_tls {
    cr_tls_judge judge;
    OSSL_LIB_CTX *library; /* our own: no openssl.cnf of the host reaches it */
    OSSL_PROVIDER *provider;
    SSL_CTX *dial, *accept;
    uint8_t reset_secret[CR_TLS_SECRET_BYTES]; /* the same after a restart: see tls.c */
    uint8_t retry_secret[CR_TLS_SECRET_BYTES];
};

/* *tls must stay where it is until cr_tls_close. */
CR_MUST_CHECK enum cr_err cr_tls_open(struct cr_tls *tls, const struct cr_secret_key *key,
                                      cr_tls_judge judge, struct cr_net_failure *failure);
void cr_tls_close(struct cr_tls *tls);

/* NULL when memory is out. `ref` is a ngtcp2_crypto_conn_ref that outlives the session. */
SSL *cr_tls_session(struct cr_tls *tls, bool dial, void *ref);
bool cr_tls_alpn_agreed(const SSL *session);
void cr_tls_random(uint8_t *bytes, size_t count);

#endif
