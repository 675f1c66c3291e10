/* SPDX-License-Identifier: Apache-2.0 */
/* genesis.h: what every node of a chain agrees on before the first commit. The file is canonical
 * JSON (docs/storage.md); its BLAKE3 is the genesis id. This is the decoded form. Pure data. */
#ifndef CR_LEDGER_GENESIS_H
#define CR_LEDGER_GENESIS_H

#include "crypto/mldsa.h"

enum {
    CR_GENESIS_ACCOUNTS_MAX = 1024,
    CR_GENESIS_EPOCH = 1, /* of the validators in it */
};

/* Of one account: fits the signed 64-bit integers of every language, and two of them add up
 * within 64 bits. */
#define CR_BALANCE_MAX UINT64_C(0x7fffffffffffffff)

/* Consensus parameters: agreed, never taken from a node's own configuration. */
struct cr_params {
    uint32_t gc_depth;           /* rounds, 8..CR_GC_DEPTH */
    uint32_t round_delay_us;     /* least time between two own vertices */
    uint32_t idle_delay_us;      /* the same while there is nothing to order */
    uint32_t checkpoint_commits; /* a state checkpoint every so many commits */
    uint32_t score_window;       /* leaders are judged every so many commits */
    uint32_t tx_ttl_max;         /* commits, <= CR_TX_TTL_MAX */
    uint32_t epoch_rounds;       /* an epoch ends after so many rounds ... */
    uint32_t epoch_ms;           /* ... or so long after its beginning; 0: not by this */
    uint32_t payload_bytes_max;  /* of one vertex, <= CR_PAYLOAD_BYTES_MAX */
};

struct cr_genesis_validator {
    char name[CR_NAME_BYTES_MAX + 1];
    char address[CR_ADDRESS_BYTES_MAX]; /* where peers dial; a node's configuration may override */
    uint64_t stake;
    struct cr_public_key consensus_key; /* ML-DSA-65: signs vertices */
    struct cr_public_key transport_key; /* ML-DSA-65: the QUIC certificate */
};

struct cr_genesis_account {
    struct cr_public_key key; /* no two accounts have the same */
    uint64_t balance;         /* <= CR_BALANCE_MAX */
};

struct cr_genesis {
    struct cr_hash id; /* BLAKE3 of the canonical JSON */
    char chain[CR_NAME_BYTES_MAX + 1];
    uint64_t timestamp_ms;
    struct cr_params params;
    uint32_t validators_count; /* >= 1, sorted by consensus key bytes: their seats */
    struct cr_genesis_validator validators[CR_VALIDATORS_MAX];
    struct cr_hash operator_account; /* may change the validators; zero: nobody may */
    uint32_t accounts_count;
    struct cr_genesis_account accounts[CR_GENESIS_ACCOUNTS_MAX];
};

#endif
