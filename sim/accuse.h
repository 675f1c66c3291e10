/* SPDX-License-Identifier: Apache-2.0 */
/* accuse.h: evidence on its way to the chain, and the offences that stand there.
 *
 * A correct node puts what its core reports into a transaction of its own, as src/node/accuse.c
 * does; liars send false evidence, and true evidence again (perjury.c). What must hold:
 *   - only liars are on record, each at the same commit at every node;
 *   - whoever a correct node has something against is on record when all is well again.
 */
#ifndef CR_SIM_ACCUSE_H
#define CR_SIM_ACCUSE_H

#include "body.h"
#include "ledger/ledger.h"

struct cr_sim;
struct cr_host;

struct cr_offence {
    uint64_t epoch;
    uint32_t author;
    uint64_t commit_index;
};

struct cr_accusations {
    struct cr_offence *offences; /* on record: one per author and epoch */
    uint32_t offences_count, offences_max;
    uint64_t refused_total; /* operations of liars that the ledger has refused */
};

/* Gives the validators of the genesis their keys. */
void cr_accuse_init(struct cr_sim *sim);
/* The core of a correct node has reported two vertices that conflict: the first pair of an author
 * goes into a transaction. */
void cr_accuse_note(struct cr_host *host, const struct cr_body *a, const struct cr_body *b);
/* `evidence` in a transaction of this node's, into its mempool. */
void cr_accuse_send(struct cr_host *host, const uint8_t *evidence, size_t bytes);
/* A correct node has executed a transaction. */
void cr_accuse_on_result(struct cr_sim *sim, uint32_t node,
                         const struct cr_ledger_tx_result *result);
void cr_accuse_check_end(struct cr_sim *sim);

/* Who has signed two vertices of one slot, as far as logs tell. Zeroed before the first call. */
struct cr_blame {
    struct cr_map slots;     /* epoch, round and author, hashed -> place in digests */
    struct cr_hash *digests; /* the first vertex of each */
    uint32_t count, count_max;
    uint32_t guilty; /* bit mask */
};
void cr_blame_add(struct cr_blame *blame, const struct cr_body *vertex);
void cr_blame_clear(struct cr_blame *blame);
/* A node has started: a report that was not final may have died with the process before, so whoever
 * is guilty by what was restored is accused again. */
void cr_accuse_check_start(const struct cr_host *host, const struct cr_blame *restored);

/* ---- perjury.c ---- */
/* A liar sends evidence that proves nothing, or nothing new; kind < CR_PERJURIES. Against the first
 * correct node of the group, where it is against somebody. */
void cr_perjure(struct cr_host *host, uint32_t kind, uint32_t group);
/* Transactions that are no use: executed before, twice at once, no transaction; kind < 3. */
void cr_send_junk(struct cr_host *host, uint32_t kind, struct cr_prng *prng);
enum { CR_PERJURIES = 10 };

#endif
