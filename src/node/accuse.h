/* SPDX-License-Identifier: Apache-2.0 */
/* accuse.h: what this node has against other validators: evidence on its way to the chain, and the
 * offences that are recorded there. One of each per validator; nothing a peer does makes it more.
 * Main loop only. */
#ifndef CR_NODE_ACCUSE_H
#define CR_NODE_ACCUSE_H

#include "ledger/entry.h"
#include "node/keycache.h"
#include "node/mempool.h"
#include "store/state.h"

struct cr_accuse;

struct cr_accuse_config {
    const struct cr_genesis *genesis;
    const struct cr_genesis_validator *validators; /* by seat */
    uint32_t validators_count;
    uint64_t epoch;            /* the running one */
    struct cr_secret_key *key; /* our consensus key, an instance of its own */
    struct cr_mempool *mempool;
    struct cr_state_reader *reader; /* of the main loop */
};

/* NULL when memory is out. Everything in the configuration is borrowed. */
struct cr_accuse *cr_accuse_new(const struct cr_accuse_config *config);
void cr_accuse_free(struct cr_accuse *accuse); /* NULL is allowed */

/* What is noted from now on happened in this epoch, which has so many seats. */
void cr_accuse_begin_epoch(struct cr_accuse *accuse, uint64_t epoch, uint32_t validators_count);
/* Takes note of two encoded vertices of `author` that prove an offence: the first pair counts. */
void cr_accuse_note(struct cr_accuse *accuse, uint32_t author, const uint8_t *a, size_t a_bytes,
                    const uint8_t *b, size_t b_bytes);
/* Looks up what is recorded by now, and sends again what is not and has no transaction under way.
 * Cheap enough for ten times a second. `may_send`: not while halted. */
void cr_accuse_run(struct cr_accuse *accuse, bool may_send);
/* The offence recorded for a validator; NULL: none. Valid until the next run. */
const struct cr_entry_offence *cr_accuse_recorded(const struct cr_accuse *accuse, uint32_t author);

#endif
