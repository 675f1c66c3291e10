/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"

#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_ossl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "crypto/hash.h"

enum {
    PRIVATE_BYTES_MAX = 8192, /* ML-DSA-65 has 4032 (FIPS 204, table 2) */
    CERTIFICATES_BYTES_MAX = 16 * 1024,
};

/* OpenSSL's macros cast const away. */
static char groups[] = "X25519MLKEM768", schemes[] = "mldsa65";
static const uint8_t alpn[] = {7, 'c', 'r', 'e', 't', 'o', '/', '1'};

void cr_tls_random(uint8_t *bytes, size_t count)
{
    CR_ASSERT(count <= INT32_MAX);
    const int made = RAND_bytes(bytes, (int)count);
    CR_ASSERT(made == 1); /* without randomness there is no security to go on with */
}

/* Runs in place of OpenSSL's chain building. */
static int verify(X509_STORE_CTX *store, void *context)
{
    const struct cr_tls *tls = context;
    const SSL *session = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const ngtcp2_crypto_conn_ref *ref = session ? SSL_get_app_data(session) : NULL;
    const X509 *shown = X509_STORE_CTX_get0_cert(store);
    const EVP_PKEY *key = shown ? X509_get0_pubkey(shown) : NULL;
    uint8_t bytes[CR_KEY_BYTES_MAX];
    size_t count = sizeof bytes;
    const bool good = ref && key && EVP_PKEY_is_a(key, cr_alg_name(CR_ALG_MLDSA65)) &&
                      EVP_PKEY_get_raw_public_key(key, bytes, &count) == 1 &&
                      count == CR_MLDSA65_KEY_BYTES && tls->judge(ref->user_data, bytes, count);
    if (!good) X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
    return good ? 1 : 0;
}

static int select_alpn(SSL *session, const unsigned char **out, unsigned char *out_bytes,
                       const unsigned char *in, unsigned in_bytes, void *context)
{
    (void)session, (void)context;
    for (unsigned at = 0; at < in_bytes; at += 1u + in[at]) {
        if (in_bytes - at < sizeof alpn || memcmp(in + at, alpn, sizeof alpn) != 0) continue;
        *out = in + at + 1;
        *out_bytes = in[at];
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool cr_tls_alpn_agreed(const SSL *session)
{
    const unsigned char *name = NULL;
    unsigned count = 0;
    SSL_get0_alpn_selected(session, &name, &count);
    return count == sizeof alpn - 1 && memcmp(name, alpn + 1, count) == 0;
}

/* Moves the key into our library context and derives the secret of the stateless reset tokens from
 * it: a node that was killed and started again must be able to tell peers that it has forgotten
 * their connections (RFC 9000, 10.3), else they would wait for a timeout. */
static EVP_PKEY *import(struct cr_tls *tls, const struct cr_secret_key *key)
{
    const EVP_PKEY *theirs = cr_secret_key_evp(key);
    uint8_t secret[PRIVATE_BYTES_MAX];
    size_t count = sizeof secret;
    if (EVP_PKEY_get_raw_private_key(theirs, secret, &count) != 1) return NULL;
    struct cr_hasher hasher;
    cr_hasher_init(&hasher);
    cr_hasher_add(&hasher, "CRRESET1", 8);
    cr_hasher_add(&hasher, secret, count);
    struct cr_hash digest = cr_hasher_end(&hasher);
    memcpy(tls->reset_secret, digest.bytes, sizeof tls->reset_secret);
    EVP_PKEY *ours = EVP_PKEY_new_raw_private_key_ex(tls->library, cr_alg_name(CR_ALG_MLDSA65),
                                                     NULL, secret, count);
    OPENSSL_cleanse(secret, sizeof secret);
    OPENSSL_cleanse(&hasher, sizeof hasher);
    OPENSSL_cleanse(&digest, sizeof digest);
    return ours;
}

/* The least that parsers accept as X.509. */
static X509 *make_certificate(const struct cr_tls *tls, EVP_PKEY *key)
{
    X509 *made = X509_new_ex(tls->library, NULL);
    if (!made) return NULL;
    X509_NAME *name = X509_get_subject_name(made);
    const uint8_t text[] = "creto";
    const bool good =
        X509_set_version(made, X509_VERSION_3) == 1 &&
        ASN1_INTEGER_set(X509_get_serialNumber(made), 1) == 1 &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, sizeof text - 1, -1, 0) == 1 &&
        X509_set_issuer_name(made, name) == 1 &&
        ASN1_TIME_set_string(X509_getm_notBefore(made), "20200101000000Z") == 1 &&
        ASN1_TIME_set_string(X509_getm_notAfter(made), "99991231235959Z") == 1 &&
        X509_set_pubkey(made, key) == 1 && X509_sign(made, key, NULL) > 0;
    if (good) return made;
    X509_free(made);
    return NULL;
}

static SSL_CTX *make_role(struct cr_tls *tls, const SSL_METHOD *method, EVP_PKEY *key,
                          X509 *certificate)
{
    SSL_CTX *role = SSL_CTX_new_ex(tls->library, NULL, method);
    if (!role) return NULL;
    SSL_CTX_set_options(role, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                  SSL_OP_NO_RX_CERTIFICATE_COMPRESSION |
                                  SSL_OP_NO_TX_CERTIFICATE_COMPRESSION);
    SSL_CTX_set_session_cache_mode(role, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(role, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(role, verify, tls);
    SSL_CTX_set_max_cert_list(role, CERTIFICATES_BYTES_MAX);
    SSL_CTX_set_alpn_select_cb(role, select_alpn, NULL);
    const bool good = SSL_CTX_set_min_proto_version(role, TLS1_3_VERSION) == 1 &&
                      SSL_CTX_set_max_proto_version(role, TLS1_3_VERSION) == 1 &&
                      SSL_CTX_set_ciphersuites(role, "TLS_AES_256_GCM_SHA384") == 1 &&
                      SSL_CTX_set1_groups_list(role, groups) == 1 &&
                      SSL_CTX_set1_sigalgs_list(role, schemes) == 1 &&
                      SSL_CTX_set1_client_sigalgs_list(role, schemes) == 1 &&
                      SSL_CTX_set_num_tickets(role, 0) == 1 &&
                      SSL_CTX_set_alpn_protos(role, alpn, sizeof alpn) == 0 &&
                      SSL_CTX_use_certificate(role, certificate) == 1 &&
                      SSL_CTX_use_PrivateKey(role, key) == 1;
    if (good) return role;
    SSL_CTX_free(role);
    return NULL;
}

static enum cr_err fail(struct cr_net_failure *failure, const char *what)
{
    char text[120];
    ERR_error_string_n(ERR_peek_last_error(), text, sizeof text);
    failure->err = CR_ERR_CRYPTO;
    snprintf(failure->text, sizeof failure->text, "cannot %s: %s", what, text);
    return CR_ERR_CRYPTO;
}

enum cr_err cr_tls_open(struct cr_tls *tls, const struct cr_secret_key *key, cr_tls_judge judge,
                        struct cr_net_failure *failure)
{
    memset(tls, 0, sizeof *tls);
    tls->judge = judge;
    /* ngtcp2's helper fetches its ciphers from OpenSSL's default context. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    tls->library = OSSL_LIB_CTX_new();
    if (tls->library) tls->provider = OSSL_PROVIDER_load(tls->library, "default");
    if (!tls->provider || ngtcp2_crypto_ossl_init() != 0) return fail(failure, "start OpenSSL");
    cr_tls_random(tls->retry_secret, sizeof tls->retry_secret);
    EVP_PKEY *ours = import(tls, key);
    if (!ours) return fail(failure, "use the transport key");
    X509 *certificate = make_certificate(tls, ours);
    if (certificate) {
        tls->dial = make_role(tls, TLS_client_method(), ours, certificate);
        tls->accept = make_role(tls, TLS_server_method(), ours, certificate);
    }
    X509_free(certificate);
    EVP_PKEY_free(ours);
    if (!tls->dial || !tls->accept) return fail(failure, "set up TLS");
    return CR_OK;
}

void cr_tls_close(struct cr_tls *tls)
{
    SSL_CTX_free(tls->dial);
    SSL_CTX_free(tls->accept);
    if (tls->provider) OSSL_PROVIDER_unload(tls->provider);
    OSSL_LIB_CTX_free(tls->library);
    OPENSSL_cleanse(tls, sizeof *tls);
}

SSL *cr_tls_session(struct cr_tls *tls, bool dial, void *ref)
{
    SSL *session = SSL_new(dial ? tls->dial : tls->accept);
    if (!session) return NULL;
    SSL_set_app_data(session, ref);
    if (dial) {
        SSL_set_connect_state(session);
    } else {
        SSL_set_accept_state(session);
    }
    const int configured = dial ? ngtcp2_crypto_ossl_configure_client_session(session)
                                : ngtcp2_crypto_ossl_configure_server_session(session);
    if (configured == 0) return session;
    SSL_set_app_data(session, NULL);
    SSL_free(session);
    return NULL;
}
