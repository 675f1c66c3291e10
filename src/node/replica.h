/* SPDX-License-Identifier: Apache-2.0 */
/* replica.h: everything a running validator consists of, seen from its main loop. Only files of
 * this folder include it. The main loop owns all of it; what other threads touch is behind the
 * modules named thread-safe (mempool, keycache, status) or behind rings (verify, seal, disk).
 */
#ifndef CR_NODE_REPLICA_H
#define CR_NODE_REPLICA_H

#include <pthread.h>
#include <stdatomic.h>

#include "api/api.h"
#include "core/core.h"
#include "net/net.h"
#include "node/accuse.h"
#include "node/blame.h"
#include "node/body.h"
#include "node/config.h"
#include "node/disk.h"
#include "node/executor.h"
#include "node/keycache.h"
#include "node/mempool.h"
#include "node/node.h"
#include "node/recorder.h"
#include "node/report.h"
#include "node/seal.h"
#include "node/verify.h"
#include "store/guard.h"
#include "store/state.h"
#include "wire/payload.h"

enum {
    CR_NODE_BODIES_MAX = 65536,
    CR_NODE_RANGE_JOBS_MAX = 64, /* vertices of one range under verification at a time */
};
#define CR_NODE_BODY_BYTES_MAX (UINT64_C(512) * 1024 * 1024)

/* An answer to SYNC on its way into the core: one at a time. */
struct cr_node_range {
    bool asked;
    uint32_t peer;
    uint64_t from_commit, to_commit; /* asked for */
    uint32_t skip;                   /* vertices of from_commit that came in parts */
    uint64_t asked_us;
    uint64_t answered_to; /* what the answer covers; below from_commit: nothing, or a part of it */
    uint32_t answered_count;
    bool delivering;
    uint8_t *frame; /* CR_FRAME_BYTES_MAX bytes */
    struct cr_payload vertices;
    uint32_t under_way;
};

struct cr_node_counters {
    uint64_t vertices_refused; /* bodies full */
    uint64_t ranges_served, ranges_refused;
    uint64_t wakeups;
};

struct cr_node {
    const struct cr_config *config;
    struct cr_genesis *genesis;
    struct cr_epoch epoch; /* that the core is in */
    struct cr_committee committee;
    uint32_t self;

    struct cr_secret_key *consensus_key, *transport_key;
    struct cr_secret_key *report_key; /* consensus.key once more: one thread, one instance */
    struct cr_guard *guard;
    struct cr_guard_record guard_record; /* as it was found */
    struct cr_probe_stats probe;         /* as the log has told it last */
    uint32_t signed_round;               /* no vertex of ours above it was ever signed */
    struct cr_log *log;
    struct cr_state_db *db;
    struct cr_state_reader *reader;
    struct cr_ledger_head recovered_head;

    struct cr_bodies bodies;
    struct cr_mempool *mempool;
    struct cr_keycache *keycache;
    struct cr_executor *executor;
    struct cr_accuse *accuse;
    struct cr_verify *verify;
    struct cr_seal *seal;
    struct cr_disk *disk;
    struct cr_net *net;
    struct cr_net_peer *net_peers; /* what the net borrows */
    uint32_t net_events;           /* what the loop watches its socket for */
    struct cr_api *api;

    void *core_memory;
    size_t core_bytes;
    struct cr_core *core;
    struct cr_recorder *recorder; /* NULL: off */
    struct cr_effects effects;

    int epoll_fd, wake_fd, signal_fd;
    uint64_t now_us;       /* of this turn of the loop */
    bool sealing;          /* a SEALED is owed to the core */
    uint32_t stores_open;  /* vertices given to the disk, not yet placed */
    uint64_t stored;       /* sequence of the newest STORE */
    uint64_t durable_told; /* greatest sequence the core has been told of */
    uint32_t waiting_told;
    struct cr_authors up;     /* peers connected */
    struct cr_authors paused; /* peers whose frame was refused for want of room */
    struct cr_node_range range;
    struct cr_header sealed;  /* of our newest signed vertex, during its step */
    uint8_t *payload_scratch; /* CR_PAYLOAD_BYTES_MAX */
    uint8_t *record_scratch;  /* CR_LOG_RECORD_BYTES_MAX */
    struct cr_log_position first_of_round[CR_ROUND_WINDOW]; /* sequence 0: none */
    uint32_t round_of_first[CR_ROUND_WINDOW];
    struct cr_log_position newest; /* last position that the log gave out */

    bool halted;
    bool twin;   /* our key signs elsewhere (docs/protocol.md 4.7) */
    bool spoken; /* this process has signed something */
    const char *halt_reason;
    int exit_code;
    bool stopping;
    struct cr_node_counters counters;
    struct cr_blame blame;
    struct cr_report_limit report_limit, equivocation_limit;

    /* Shared with API threads. */
    pthread_mutex_t submit_lock; /* the submit reader below */
    struct cr_state_reader *submit_reader;
    pthread_mutex_t status_lock; /* what stands below it */
    struct cr_node_status status;
    struct cr_core_stats core_stats;
    struct cr_executor_stats executor_stats;
    struct cr_node_counters counters_shown;
    struct cr_blame blame_shown;
    struct cr_net_stats net_stats;
    struct cr_net_peer_stats peer_stats[CR_VALIDATORS_MAX];
    uint32_t offences_count;
    struct cr_entry_offence offences[CR_VALIDATORS_MAX]; /* recorded ones, ascending author */
    uint64_t status_us, commit_us; /* when the status was made; when the last commit came */
    _Atomic uint64_t turned_us;    /* the loop's sign of life */
    _Atomic bool accepting;
};

/* open.c: everything before the loop and after it. Each step of opening that fails says in one
 * sentence what is wrong; the results are exit codes (enum cr_exit). */
CR_MUST_CHECK int cr_node_open(struct cr_node *node);
void cr_node_close(struct cr_node *node); /* also what was opened only in part */
int cr_node_refuse(int code, const char *what, const char *text);
int cr_node_refuse_store(const struct cr_store_failure *failure);
/* One event through the core and all its effects. Never called from within effects. */
void cr_node_step(struct cr_node *node, struct cr_event *event);
/* epoch.c: makes the committee and the core of the epoch that the executed state is in. */
CR_MUST_CHECK enum cr_err cr_node_begin_epoch(struct cr_node *node);
/* START: how far `signed_round` can be relied on, and a nonce. False: no randomness. */
CR_MUST_CHECK bool cr_node_start_core(struct cr_node *node, uint32_t signed_round,
                                      enum cr_memory memory);
/* When the epoch is over: the core of the next one. */
CR_MUST_CHECK enum cr_err cr_node_end_epoch(struct cr_node *node, bool *ended);
/* effects.c */
void cr_node_ask_range(struct cr_node *node);
void cr_node_perform(struct cr_node *node, const struct cr_effect *effect);
void cr_node_note_position(struct cr_node *node, uint32_t round,
                           const struct cr_log_position *position);
/* frames.c: the callbacks of the network, and what they left to do */
bool cr_node_on_frame(void *context, uint32_t peer, enum cr_net_class class, const uint8_t *bytes,
                      size_t count);
void cr_node_on_peer(void *context, uint32_t peer, bool up, const char *reason);
void cr_node_on_net_report(void *context, const char *text);
void cr_node_pump_range(struct cr_node *node);
void cr_node_pump_verified(struct cr_node *node);
/* Whether the core may be given more vertices now. */
bool cr_node_has_room(const struct cr_node *node);
/* ranges.c */
void cr_node_serve_range(struct cr_node *node, uint32_t peer, uint64_t from_commit,
                         uint64_t to_commit, uint32_t skip);
/* recover.c: log -> executed state -> core. */
CR_MUST_CHECK enum cr_err cr_node_recover(struct cr_node *node, struct cr_store_failure *failure);
/* status.c */
void cr_node_update_status(struct cr_node *node);
void cr_node_backend(struct cr_node *node, struct cr_api_backend *out);
void cr_node_print_plan(const struct cr_node *node);
uint32_t cr_node_workers(const struct cr_config *config);
/* metrics.c; any thread */
void cr_node_metrics(void *context, struct cr_text *out);

#endif
