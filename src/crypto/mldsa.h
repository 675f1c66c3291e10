/* SPDX-License-Identifier: Apache-2.0 */
/* mldsa.h: verification of ML-DSA signatures (FIPS 204, algorithm 3, pure, with context string)
 * behind one table. Who verifies faster fills in another table; nothing above changes.
 *
 * A public key is prepared once (decoded, expanded, cached) and used many times. A prepared key is
 * only ever built from encoded bytes by our own code; it is never received or stored.
 * Thread rule: a prepared key is immutable and may be shared; verify calls run on any thread.
 */
#ifndef CR_CRYPTO_MLDSA_H
#define CR_CRYPTO_MLDSA_H

#include "base/base.h"

enum cr_alg {
    CR_ALG_MLDSA44 = 1,
    CR_ALG_MLDSA65 = 2,
    CR_ALG_MLDSA87 = 3,
};

/* Sizes in bytes; 0 for an unknown algorithm. */
uint32_t cr_alg_key_bytes(enum cr_alg alg);
uint32_t cr_alg_sig_bytes(enum cr_alg alg);
/* "ML-DSA-65"; NULL for an unknown one. cr_alg_parse accepts that form and "ml-dsa-65";
 * returns 0 when unknown. */
const char *cr_alg_name(enum cr_alg alg);
enum cr_alg cr_alg_parse(const char *name);

struct cr_public_key {
    enum cr_alg alg;
    uint8_t bytes[CR_KEY_BYTES_MAX]; /* cr_alg_key_bytes(alg) of them count */
};

/* An account is the BLAKE3 of {"CRACCT1\0", alg u8, key bytes}. */
struct cr_hash cr_public_key_account(const struct cr_public_key *key);
bool cr_public_key_equal(const struct cr_public_key *a, const struct cr_public_key *b);

struct cr_prepared_key; /* defined by the verifier */

struct cr_verify_item {
    const struct cr_prepared_key *key; /* borrowed; NULL (no key was prepared): invalid */
    const uint8_t *context;            /* FIPS 204 ctx, at most 255 bytes */
    size_t context_bytes;
    const uint8_t *message;
    size_t message_bytes;
    const uint8_t *signature;
    size_t signature_bytes; /* any other length than the algorithm's makes it invalid */
    bool valid;             /* out */
};

struct cr_verifier {
    const char *name; /* "avx2", "openssl" */
    /* Batches of so many signatures, or a multiple, are verified at full speed. */
    uint32_t lanes;
    /* NULL when there is no such algorithm. Like verify, it stops the process when memory is
     * out. */
    struct cr_prepared_key *(*prepare)(const struct cr_public_key *key);
    void (*forget)(struct cr_prepared_key *key); /* NULL is allowed */
    /* Sets `valid` of every item; items are independent of each other. Any bytes are allowed. The
     * verdict depends on them alone: a verifier that cannot work (no memory) stops the process. */
    void (*verify)(struct cr_verify_item *items, uint32_t count);
};

/* The table in use: set once at start, before threads run. cr_verifier() without one is a bug. */
void cr_verifier_use(const struct cr_verifier *verifier);
const struct cr_verifier *cr_verifier(void);

#endif
