/* SPDX-License-Identifier: Apache-2.0 */
/* api.h: the HTTP interface of a node (docs/api.md): submit, status, state, commits, health,
 * metrics.
 *
 * Runs on threads of its own (libmicrohttpd). It never touches the replica: it hands transactions
 * to the node through `submit`, reads the executed state through snapshots of the state database,
 * and is told of results by cr_api_final. Everything a client can send is bounded.
 */
#ifndef CR_API_API_H
#define CR_API_API_H

#include "ledger/entry.h"
#include "ledger/ledger.h"
#include "store/epochs.h"
#include "store/state.h"
#include "wire/tx.h"

/* How catching up goes. */
struct cr_node_sync {
    uint64_t behind;        /* commits that more than F stake claims and we have not ordered */
    uint64_t commits_per_s; /* since it began */
    uint64_t forged;        /* ranges proven wrong, of all peers, since the start */
    uint32_t from_count;
    const char *from[CR_SYNC_LANES]; /* validators that are asked now; names stay for ever */
};

/* What a node says about itself; a copy, taken under the node's lock. */
struct cr_node_status {
    char chain[CR_NAME_BYTES_MAX + 1];
    struct cr_hash genesis_id;
    char validator[CR_NAME_BYTES_MAX + 1];
    uint32_t validator_index;
    uint32_t validators_count;
    uint64_t epoch;
    uint32_t round;
    uint64_t commit_index; /* ordered */
    struct cr_hash commit_digest;
    uint64_t executed_index; /* executed and visible in the state */
    struct cr_hash effects_digest;
    uint64_t checkpoint_index;
    struct cr_hash state_root;
    uint32_t degraded_level;                      /* 0 normal .. 4 halted */
    uint32_t peers_up;                            /* other validators connected */
    uint64_t stake_up, stake_total, stake_quorum; /* connected stake, own included */
    bool started;                                 /* log recovered, state loaded */
    bool ready;                                   /* caught up, connected to a quorum, signing */
    bool syncing;
    struct cr_node_sync sync; /* while syncing */
    bool probing; /* asks what its key has signed before it signs (docs/protocol.md 4.8) */
    bool halted;
    uint32_t leaders_absent, leaders_bad; /* validators that may not lead now, and why */
    uint32_t contradicted_by; /* validators whose newest attestation differs from ours */
    bool live;                /* the main loop turned less than 2 s ago and storage is writable */
    char not_ready_because[128]; /* empty when ready */
    uint32_t mempool_txs;
    uint64_t mempool_bytes;
};

/* Answer of the node to one submitted transaction. */
enum cr_submit {
    CR_SUBMIT_RECEIVED = 1, /* in the mempool now: it will be final, or expire */
    CR_SUBMIT_PENDING,      /* the same id waits already */
    CR_SUBMIT_EXECUTED,     /* the same id has a result already: ask for it */
    CR_SUBMIT_REJECTED,     /* `result` says why; definite, nothing was changed */
    CR_SUBMIT_FULL,         /* mempool or the account's share is full: retry later */
    CR_SUBMIT_UNAVAILABLE,  /* stopping, halted, not started, or no member of this epoch */
};

enum { CR_SUBMISSIONS_MAX = 4096 }; /* in one request */

/* A transaction on its way into the node. */
struct cr_submission {
    const struct cr_tx *tx; /* borrowed, as its bytes */
    const uint8_t *bytes;
    enum cr_submit answer; /* out */
    enum cr_result result; /* out, when REJECTED */
};

struct cr_text { /* a growing text for /metrics; appended by cr_text_print */
    char *bytes;
    size_t count, count_max;
    bool truncated;
};
void cr_text_print(struct cr_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* An offence that is recorded on the chain. */
struct cr_api_offence {
    const char *validator; /* its name; static */
    struct cr_entry_offence offence;
};

struct cr_api_backend {
    void *context;
    /* Any API thread. Up to CR_SUBMISSIONS_MAX; their signatures are checked together. */
    void (*submit)(void *context, struct cr_submission *list, uint32_t count);
    void (*status)(void *context, struct cr_node_status *out);
    /* Whether a transaction is known but not final: received (false: unknown) or ordered. */
    bool (*pending)(void *context, const struct cr_hash *id, bool *ordered);
    void (*metrics)(void *context, struct cr_text *out);
    /* Fills in up to CR_VALIDATORS_MAX of them, ascending author; returns how many. */
    uint32_t (*offences)(void *context, struct cr_api_offence *out);
    const struct cr_genesis *genesis; /* borrowed, outlives the API */
    struct cr_state_db *state;        /* NULL until started */
    struct cr_log *log;               /* commit records for /v1/commits */
    struct cr_epochs *epochs;         /* certificates for /v1/epochs */
};

struct cr_api_config {
    const char *listen; /* "127.0.0.1:7080" or "[::1]:7080" */
    uint32_t connections_max;
    const char *version;
    struct cr_api_backend backend;
};

struct cr_api;

/* CR_ERR_IO with a sentence: "cannot listen on 127.0.0.1:7080: Address already in use ...". */
CR_MUST_CHECK enum cr_err cr_api_open(const struct cr_api_config *config, struct cr_api **out,
                                      struct cr_store_failure *failure);
/* Refuses new requests with 503, answers waiting ones ("outcome unknown"), closes. NULL allowed. */
void cr_api_close(struct cr_api *api);

struct cr_api_result {
    struct cr_hash id;
    uint64_t commit_index;
    uint32_t position;
    enum cr_result result;
};
/* Tells that these transactions have results and are visible to readers. Executor thread. */
void cr_api_final(struct cr_api *api, const struct cr_api_result *results, uint32_t count);

#endif
