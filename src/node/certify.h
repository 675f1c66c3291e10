/* SPDX-License-Identifier: Apache-2.0 */
/* certify.h: votes on the ends of epochs, and the certificates that they make
 * (docs/protocol.md 6.8).
 *
 * When an epoch begins, whoever had a voice in the one before signs its origin, once, and shows
 * the vote to everybody, in whatever epoch they are. A quorum of votes is a certificate: kept, and
 * given to whoever asks. Votes and certificates that say something else than we do are what shows a
 * fork that lies in another epoch; more than F of stake on them stops this node.
 *
 * Everything here belongs to the main loop, and knows nothing of the rest of the node. */
#ifndef CR_NODE_CERTIFY_H
#define CR_NODE_CERTIFY_H

#include "crypto/keys.h"
#include "ledger/entry.h"
#include "ledger/genesis.h"
#include "store/epochs.h"
#include "store/state.h"
#include "wire/message.h"

enum { CR_CERTIFY_OPEN = 16 }; /* epochs that votes are collected for at a time */

struct cr_certify_config {
    const struct cr_genesis *genesis;
    const struct cr_genesis_validator *validators; /* by seat */
    const struct cr_secret_key *key;               /* our consensus key */
    struct cr_epochs *epochs;
    void *context;
    /* The stakes of an epoch; false: not known. */
    bool (*stakes)(void *context, uint64_t epoch, struct cr_entry_committee *out);
    /* Whether an epoch before the running one began like this here. */
    bool (*is_ours)(void *context, const struct cr_epoch *epoch);
    void (*send)(void *context, uint32_t peer, const struct cr_message *message);
    /* More than F has signed another end of an epoch than ours. */
    void (*refuted)(void *context);
};

struct cr_certify_stats {
    uint64_t certified;         /* certificates of all epochs up to here are kept */
    uint64_t conflicts;         /* validators that were seen to sign two ends of one epoch */
    struct cr_authors differed; /* who has signed an end that is not ours */
};

struct cr_certify;

/* NULL: memory is out. The configuration is copied, what it points to is borrowed. */
struct cr_certify *cr_certify_new(const struct cr_certify_config *config);
void cr_certify_free(struct cr_certify *certify); /* NULL is allowed */

/* An epoch has begun here; `self` is our seat, CR_VALIDATORS_MAX: none; `may_sign`: not while
 * halted. CR_ERR_FULL: memory is out; CR_ERR_CORRUPT: the state does not know the epoch before. */
CR_MUST_CHECK enum cr_err cr_certify_begin(struct cr_certify *certify, const struct cr_epoch *epoch,
                                           uint32_t self, bool may_sign);
/* Shows our votes again and asks for what is missing. `up`: the peers connected. */
void cr_certify_run(struct cr_certify *certify, const struct cr_authors *up, uint64_t now_us);

enum cr_certify_verdict {
    CR_CERTIFY_FINE = 0, /* or of no use */
    CR_CERTIFY_FORM,     /* nobody sends this */
    CR_CERTIFY_BAD,      /* a signature is not what it should be */
};
/* EPOCH_VOTE or EPOCH_CERT of a peer. */
enum cr_certify_verdict cr_certify_receive(struct cr_certify *certify, uint32_t peer,
                                           const struct cr_message *message);
struct cr_certify_stats cr_certify_stats(const struct cr_certify *certify);

/* Whether an epoch before the running one began like this, by the executed state; also true while
 * that cannot be read. */
bool cr_certify_began_here(const struct cr_genesis *genesis, struct cr_state_reader *reader,
                           const struct cr_epoch *epoch);

#endif
