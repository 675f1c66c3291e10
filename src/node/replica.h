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
#include "node/certify.h"
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
#include "wire/message.h"
#include "wire/payload.h"

enum {
    CR_NODE_BODIES_MAX = 65536,
    CR_NODE_RANGE_JOBS_MAX = 64, /* vertices of ranges under verification at a time */
};
#define CR_NODE_BODY_BYTES_MAX (UINT64_C(512) * 1024 * 1024)

/* A lane of SYNC: what was asked for last, and the answer that waits for its turn. */
struct cr_node_lane {
    bool asked;       /* an answer is wanted */
    uint32_t request; /* its number over all lanes; what belongs to an older one is void */
    uint64_t from_commit;
    uint32_t skip;              /* vertices of from_commit that came in parts */
    uint32_t peer;              /* whose answer is held */
    uint8_t *frame;             /* CR_FRAME_BYTES_MAX bytes: its vertices */
    struct cr_payload vertices; /* what is left of them */
    bool fed;                   /* all have been given to the verifier */
    uint32_t under_way;         /* there */
    bool forged;                /* one was badly signed, or not what its header says */
};

struct cr_node_lanes {
    struct cr_node_lane lanes[CR_SYNC_LANES];
    uint32_t requests;
    uint32_t queue[CR_SYNC_LANES]; /* lanes whose answers the core wants, in its order */
    uint32_t queue_count;
    uint32_t under_way;               /* vertices of all ranges, of void ones too */
    uint32_t owed[CR_VALIDATORS_MAX]; /* answers that a peer owes us */
    struct cr_claim claim;            /* scratch for the check of an answer */
    struct cr_vertex vertex;          /* the same */
};

struct cr_node_counters {
    uint64_t vertices_refused; /* bodies full */
    uint64_t ranges_served, ranges_refused;
    uint64_t wakeups;
};

/* Transactions of one request, while their signatures are checked. */
struct cr_node_submitted {
    const struct cr_tx *txs[CR_SUBMISSIONS_MAX];
    struct cr_submission *of[CR_SUBMISSIONS_MAX];
    enum cr_sig_verdict verdicts[CR_SUBMISSIONS_MAX];
};
_Static_assert((int)CR_SUBMISSIONS_MAX <= (int)CR_VERIFY_SUBMITTED_MAX, "a request is verified");

struct cr_node {
    const struct cr_config *config;
    struct cr_genesis *genesis;
    struct cr_epoch epoch; /* that the core is in */
    struct cr_committee committee;
    /* By seat, [CR_VALIDATORS_MAX]: who they are. Entries are added and stay; a stake in here is
     * an old one, the committee has those of the epoch. */
    struct cr_genesis_validator *validators;
    uint32_t self; /* our seat; CR_NET_NOBODY: none in this epoch */

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
    struct cr_epochs *epochs; /* certificates */
    struct cr_certify *certify;

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
    struct cr_node_lanes sync;
    uint64_t sync_began_us, sync_began_index; /* of what the status tells */
    struct cr_header sealed;                  /* of our newest signed vertex, during its step */
    uint8_t *payload_scratch;                 /* CR_PAYLOAD_BYTES_MAX */
    uint8_t *record_scratch;                  /* CR_LOG_RECORD_BYTES_MAX */
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
    struct cr_report_limit report_limit, equivocation_limit, forgery_limit;

    /* Shared with API threads. */
    pthread_mutex_t submit_lock; /* the two below it */
    struct cr_state_reader *submit_reader;
    struct cr_node_submitted *submitted;
    pthread_mutex_t status_lock; /* what stands below it */
    struct cr_node_status status;
    struct cr_core_stats core_stats;
    struct cr_executor_stats executor_stats;
    struct cr_node_counters counters_shown;
    struct cr_blame blame_shown;
    struct cr_certify_stats certify_shown;
    struct cr_net_stats net_stats;
    struct cr_net_peer_stats peer_stats[CR_VALIDATORS_MAX];
    uint32_t offences_count;
    struct cr_entry_offence offences[CR_VALIDATORS_MAX]; /* recorded ones, ascending author */
    uint64_t status_us, commit_us; /* when the status was made; when the last commit came */
    _Atomic uint64_t turned_us;    /* the loop's sign of life */
    _Atomic bool accepting;
    _Atomic bool member; /* of the running epoch: what clients send can be proposed */
};

/* open.c: everything before the loop and after it. Each step of opening that fails says in one
 * sentence what is wrong; the results are exit codes (enum cr_exit). */
CR_MUST_CHECK int cr_node_open(struct cr_node *node);
void cr_node_close(struct cr_node *node); /* also what was opened only in part */
int cr_node_refuse(int code, const char *what, const char *text);
int cr_node_refuse_store(const struct cr_store_failure *failure);
/* One event through the core and all its effects. Never called from within effects. */
void cr_node_step(struct cr_node *node, struct cr_event *event);
/* Whether we have a voice in the running epoch. */
static inline bool cr_node_is_member(const struct cr_node *node)
{
    return node->self != CR_NET_NOBODY && node->committee.stake[node->self] > 0;
}
/* Ours; empty without a seat. */
static inline const char *cr_node_name(const struct cr_node *node)
{
    return node->self != CR_NET_NOBODY ? node->validators[node->self].name : "";
}
/* open.c: where to dial a peer: what the configuration says, else what the chain says. False: it is
 * not resolved. */
bool cr_node_resolve_peer(struct cr_node *node, uint32_t peer);
/* epoch.c: makes the committee and the core of the epoch that the executed state is in. */
CR_MUST_CHECK enum cr_err cr_node_begin_epoch(struct cr_node *node);
/* START: how far `signed_round` can be relied on, and a nonce. False: no randomness. */
CR_MUST_CHECK bool cr_node_start_core(struct cr_node *node, uint32_t signed_round,
                                      enum cr_memory memory);
/* epoch.c: what collects certificates. False: memory is out. */
CR_MUST_CHECK bool cr_node_open_certify(struct cr_node *node);
/* When the epoch is over: the core of the next one. */
CR_MUST_CHECK enum cr_err cr_node_end_epoch(struct cr_node *node, bool *ended);
/* effects.c */
/* False: it is not on its way. Whatever is lost is asked for again. */
CR_MUST_CHECK bool cr_node_send(struct cr_node *node, uint32_t peer, enum cr_net_class class,
                                const struct cr_message *message);
void cr_node_perform(struct cr_node *node, const struct cr_effect *effect);
void cr_node_note_position(struct cr_node *node, uint32_t round,
                           const struct cr_log_position *position);
/* frames.c: the callbacks of the network, and what they left to do */
bool cr_node_on_frame(void *context, uint32_t peer, enum cr_net_class class, const uint8_t *bytes,
                      size_t count);
void cr_node_on_peer(void *context, uint32_t peer, bool up, const char *reason);
void cr_node_on_net_report(void *context, const char *text);
void cr_node_pump_verified(struct cr_node *node);
/* Starts the verification of one encoded vertex from a peer; lane CR_SYNC_LANES: nobody asked. */
enum cr_node_given { CR_NODE_GIVEN, CR_NODE_NO_ROOM, CR_NODE_REFUSED };
enum cr_node_given cr_node_give_vertex(struct cr_node *node, uint32_t peer, const uint8_t *bytes,
                                       uint32_t count, uint32_t lane);
/* Counts what a peer should not have sent, and cuts it off when no honest one would have. */
void cr_node_blame(struct cr_node *node, uint32_t peer, uint32_t reason);
/* lanes.c: ranges of old commits that we have asked for */
CR_MUST_CHECK bool cr_node_open_lanes(struct cr_node *node); /* false: memory is out */
void cr_node_close_lanes(struct cr_node *node);
void cr_node_void_lanes(struct cr_node *node); /* nothing was asked for */
void cr_node_start_lane(struct cr_node *node, const struct cr_effect *effect);
void cr_node_give_lane(struct cr_node *node, uint32_t number);
void cr_node_on_range(struct cr_node *node, uint32_t peer, const struct cr_message *message);
/* A vertex of a lane is verified, before its event. */
void cr_node_note_verified(struct cr_node *node, const struct cr_verify_job *job);
void cr_node_pump_lanes(struct cr_node *node);
/* Whether the core may be given more vertices now. */
bool cr_node_has_room(const struct cr_node *node);
/* ranges.c */
void cr_node_serve_range(struct cr_node *node, uint32_t peer, const struct cr_message *asked);
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
