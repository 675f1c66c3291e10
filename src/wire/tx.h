/* SPDX-License-Identifier: Apache-2.0 */
/* tx.h: a client's transaction: 1..1024 operations under one ML-DSA signature.
 *
 * signed part, little-endian:
 *   tag "CTX1" | version u16 | flags u16 | chain[8] | account[32] | client_id[16]
 *   | valid_until_commit u64 | ops_count u16 | operations
 * then: sig_alg u8 | sig_bytes u16 | signature
 * operation = type u8 | body:
 *   REGISTER 1  alg u8 | key_bytes u16 | key
 *   TRANSFER 2  to[32] | amount u64
 *   PUT      3  key_bytes u16 | key | value_bytes u32 | value
 *   DELETE   4  key_bytes u16 | key
 *   EVIDENCE 5  bytes u32, 1..CR_EVIDENCE_BYTES_MAX | evidence (wire/evidence.h, not looked into)
 *   VALIDATOR 6 action u8 | stake u64, below 2^63 | ADD 1: profile (wire/profile.h)
 *               | STAKE 2: validator[32], the account of its consensus key
 * The id is BLAKE3 of the signed part: resending is harmless. `chain` is the first 8 bytes of the
 * genesis id. The signature is over the 32 bytes of the id, FIPS 204 context "creto/tx/1".
 */
#ifndef CR_WIRE_TX_H
#define CR_WIRE_TX_H

#include "crypto/hash.h"
#include "crypto/mldsa.h"
#include "wire/cursor.h"

enum {
    CR_TX_VERSION = 1,
    CR_TX_CHAIN_BYTES = 8,
    CR_TX_CLIENT_ID_BYTES = 16,
};
#define CR_TX_CONTEXT       "creto/tx/1"
#define CR_TX_CONTEXT_BYTES (sizeof CR_TX_CONTEXT - 1)

enum cr_tx_flags {
    CR_TX_INDEPENDENT = 1, /* every operation has its own fate; without it all or none (ATOMIC) */
};

enum cr_op_type {
    CR_OP_REGISTER = 1, /* makes the signer's account known: BLAKE3 of the key is the account */
    CR_OP_TRANSFER = 2,
    CR_OP_PUT = 3,       /* creates a record owned by the account, or changes an own one */
    CR_OP_DELETE = 4,    /* of an own record */
    CR_OP_EVIDENCE = 5,  /* names a validator that has signed two vertices for one round */
    CR_OP_VALIDATOR = 6, /* the operator adds a validator or sets the stake of one */
};

enum cr_validator_action {
    CR_VALIDATOR_ADD = 1,
    CR_VALIDATOR_STAKE = 2, /* 0: it is no member of the next committee any more */
};
#define CR_STAKE_MAX UINT64_C(0x7fffffffffffffff)

struct cr_op {
    enum cr_op_type type;
    struct cr_public_key register_key; /* REGISTER */
    struct cr_hash to;                 /* TRANSFER; VALIDATOR: whose stake */
    uint64_t amount;                   /* TRANSFER; VALIDATOR: the stake */
    const uint8_t *key;                /* PUT, DELETE: 1..CR_STATE_KEY_BYTES_MAX bytes */
    uint32_t key_bytes;
    const uint8_t *value; /* PUT: 0..CR_STATE_VALUE_BYTES_MAX bytes; EVIDENCE: the evidence;
                             VALIDATOR: the profile to be added, NULL: set the stake of `to` */
    uint32_t value_bytes;
};

/* A decoded transaction: views into the bytes given to cr_tx_decode. */
struct cr_tx {
    struct cr_hash id;
    uint8_t chain[CR_TX_CHAIN_BYTES];
    struct cr_hash account;
    uint8_t client_id[CR_TX_CLIENT_ID_BYTES];
    uint64_t valid_until_commit; /* the last commit index at which it may execute */
    uint32_t flags;
    uint32_t ops_count;
    const uint8_t *ops;
    uint32_t ops_bytes;
    enum cr_alg sig_alg;
    const uint8_t *signature;
    uint32_t signature_bytes;
    uint32_t bytes_count; /* of the whole encoded transaction */
};

/* Decodes one transaction that fills `bytes` exactly and checks the form of every operation. `out`
 * is written only on CR_OK. Computes the id; does not verify the signature. */
CR_MUST_CHECK enum cr_err cr_tx_decode(const uint8_t *bytes, size_t count, struct cr_tx *out);
/* The same checks without the id: cheap, for whoever only needs to know that it would decode. */
CR_MUST_CHECK enum cr_err cr_tx_check(const uint8_t *bytes, size_t count);

/* Up to CR_TX_MANY of them: as cr_tx_decode, with the ids hashed together. Where `good` is false,
 * the transaction is not to be looked at. */
enum { CR_TX_MANY = 64 };
void cr_tx_decode_many(const struct cr_hash_input *views, uint32_t count, struct cr_tx *out,
                       bool *good);

/* Operations of a decoded transaction in order: start with position 0; false after the last. Views
 * point into the transaction. `register_key` is written for REGISTER only (it is 2.6 KiB); every
 * other field that does not belong to the type becomes zero. */
bool cr_tx_op_next(const struct cr_tx *tx, size_t *position, struct cr_op *out);

/* The signed part is built in the caller's buffer: begin, then every operation, then end. The first
 * failure (no room in the buffer, or beyond the size of a transaction; an operation that would not
 * decode) leaves the builder unusable, and cr_tx_end reports it. */
struct cr_tx_builder {
    uint8_t *bytes; /* borrowed */
    size_t bytes_max;
    size_t bytes_count;
    uint32_t ops_count;
    enum cr_err err;
};

/* Of `fields` chain, account, client_id, valid_until_commit and flags are used. */
void cr_tx_begin(struct cr_tx_builder *builder, uint8_t *bytes, size_t bytes_max,
                 const struct cr_tx *fields);
void cr_tx_add(struct cr_tx_builder *builder, const struct cr_op *op);
/* Closes the signed part and gives its id, to be signed. CR_ERR_TOO_BIG, CR_ERR_MALFORMED (no
 * operations or too many, an unknown flag, an operation outside its limits). */
CR_MUST_CHECK enum cr_err cr_tx_end(struct cr_tx_builder *builder, struct cr_hash *id);
/* Appends the signature after a successful cr_tx_end; returns the length of the whole transaction,
 * 0 when it does not fit or the length of the signature is not the algorithm's. */
size_t cr_tx_sign_with(struct cr_tx_builder *builder, enum cr_alg alg, const uint8_t *signature,
                       size_t signature_bytes);

#endif
