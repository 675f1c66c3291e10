/* SPDX-License-Identifier: Apache-2.0 */
/* epoch_chain.h: certificates of epochs, verified: by anybody, from the genesis alone
 * (docs/protocol.md 6.8). */
#ifndef CR_NODE_EPOCH_CHAIN_H
#define CR_NODE_EPOCH_CHAIN_H

#include "consensus/committee.h"
#include "ledger/genesis.h"
#include "wire/epoch_cert.h"

/* Verifies one vote about an origin. Any thread. */
bool cr_epoch_vote_valid(const struct cr_hash *origin, const struct cr_public_key *key,
                         const uint8_t *signature);

enum cr_cert_fault {
    CR_CERT_GOOD = 0,
    CR_CERT_NO_MEMBER,     /* `seat` has no voice in the epoch that ends */
    CR_CERT_BAD_SIGNATURE, /* of `seat` */
    CR_CERT_NO_QUORUM,     /* `stake` is less than it takes */
};
struct cr_cert_verdict {
    enum cr_cert_fault fault;
    uint32_t seat;
    uint64_t stake;
    struct cr_authors signers;
};
/* Whether a quorum of `signers`, the committee of the epoch that ends, has signed; `validators` by
 * seat. Every vote has to be good. */
struct cr_cert_verdict cr_epoch_cert_judge(const struct cr_hash *genesis_id,
                                           const struct cr_epoch_cert *cert,
                                           const struct cr_committee *signers,
                                           const struct cr_genesis_validator *validators);

/* A certificate as it goes around in files: with the table of validators that its hash stands for.
 * Large. */
struct cr_epoch_proof {
    struct cr_epoch_cert cert; /* votes: a view of the bytes below */
    uint32_t count;            /* seats of the epoch that begins */
    uint64_t stake[CR_VALIDATORS_MAX];
    struct cr_genesis_validator added[CR_VALIDATORS_MAX]; /* by seat: those not in the genesis */
    uint8_t bytes[CR_EPOCH_CERT_BYTES_MAX];
    char text[160]; /* why it could not be read */
};

/* The validators as far as they are proved. About 700 KiB. */
struct cr_epoch_chain {
    const struct cr_genesis *genesis; /* borrowed */
    uint64_t epoch;
    struct cr_epoch began;         /* how it began; zeros: with the genesis */
    struct cr_committee committee; /* of that epoch */
    struct cr_genesis_validator validators[CR_VALIDATORS_MAX];
    char text[200]; /* what was wrong */
};

/* CR_ERR_CONFIG: the stakes of the genesis are none of a committee. */
CR_MUST_CHECK enum cr_err cr_epoch_chain_begin(struct cr_epoch_chain *chain,
                                               const struct cr_genesis *genesis);
/* One epoch further. False: chain->text says what is wrong, and the chain stays where it was. */
bool cr_epoch_chain_add(struct cr_epoch_chain *chain, const struct cr_epoch_proof *proof);

#endif
