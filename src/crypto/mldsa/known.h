/* SPDX-License-Identifier: Apache-2.0 */
/* known.h: the test at start-up. Before kernels are used, they have to accept known signatures in
 * every lane and refuse spoilt ones, whatever the reason and whatever is in the other lanes: a
 * processor or a compiler that gets one bit wrong must not get a vote.
 */
#ifndef CR_CRYPTO_MLDSA_KNOWN_H
#define CR_CRYPTO_MLDSA_KNOWN_H

#include "crypto/mldsa/verify.h"

/* Hexadecimal. */
struct cr_mldsa_known {
    enum cr_alg alg;
    const char *message, *context, *key, *signature;
};

extern const struct cr_mldsa_known cr_mldsa_known[3];

enum cr_mldsa_spoil {
    CR_SPOIL_NOTHING,
    CR_SPOIL_LENGTH,
    CR_SPOIL_CONTEXT_LENGTH,
    CR_SPOIL_CONTEXT,
    CR_SPOIL_MESSAGE,
    CR_SPOIL_CTILDE,
    CR_SPOIL_Z,          /* still short */
    CR_SPOIL_HINT,       /* well-formed, but another one */
    CR_SPOIL_HINT_ORDER, /* from here on, only the form of the hints is wrong: */
    CR_SPOIL_HINT_TWICE, /* they are the same sets, or such as would be ignored */
    CR_SPOIL_HINT_PADDING,
    CR_SPOIL_HINT_ENDS,  /* a row that ends before it begins */
    CR_SPOIL_HINT_COUNT, /* a row that ends beyond omega */
    CR_SPOIL_NORM,       /* only z is too long: for a key with t1 = 0 */
    CR_SPOIL_KEY,
    CR_SPOILS,
};

/* A known signature, spoilt. `item` has its views into the rest; `key` is not prepared. */
struct cr_mldsa_spoilt {
    struct cr_public_key key;
    uint8_t message[64], context[CR_MLDSA_CONTEXT_BYTES_MAX + 1];
    uint8_t signature[CR_SIG_BYTES_MAX];
    struct cr_verify_item item;
};

void cr_mldsa_spoil(const struct cr_mldsa_known *known, enum cr_mldsa_spoil how,
                    struct cr_mldsa_spoilt *out);

/* True when the kernels pass. Takes some milliseconds and half a MiB of stack. */
bool cr_mldsa_known_answers(const struct cr_mldsa_kernels *kernels);

/* `wanted` when they pass, else the scalar kernels; when those fail too, the process stops. */
const struct cr_mldsa_kernels *cr_mldsa_trusted(const struct cr_mldsa_kernels *wanted);

#endif
