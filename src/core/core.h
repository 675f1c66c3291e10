/* SPDX-License-Identifier: Apache-2.0 */
/* core.h: one replica as a pure state machine: an event goes in, effects come out.
 *
 * The core never reads a clock, a socket, a disk or a random source, and never allocates after
 * init. The node (src/node), the simulator (sim) and the fuzzers drive this same function; only
 * they perform effects. Same events in the same order give the same effects, byte for byte.
 * A step cannot fail. What a peer sends wrong is data, answered by a DROP with a verdict; what we
 * do wrong is a bug, answered by CR_ASSERT.
 *
 * The driver's duties (it is called "host" here):
 *   1. Restart: RESTORE_HEAD once, RESTORE_VERTEX for every logged vertex of the window in log
 *      order, then START. On an empty log: START alone. The head may lie behind the log (commits
 *      are then made again, the same), never ahead of it: every vertex of the commits up to the
 *      head and above its horizon is restored, with `committed`. Anything else would be a fork.
 *   2. Before a vertex from outside becomes an event: decode, cr_core_admit, payload hash, payload
 *      form, signature of the header under the author's key. Only what passed becomes VERTEX.
 *   3. STORE effects are appended to the log in order. When everything up to `sequence` is durable
 *      (first the log, then the guard for own vertices, docs/protocol.md 4.5): STORED. Several
 *      STOREs may share one sync. Only own vertices need a STORED; more of them do no harm.
 *   4. BROADCAST and SEND may be lost; nothing else may. Effects of one step are performed in
 *      order; none waits for another step's.
 *   5. After each step the host arms its timer for cr_core_deadline_us and sends TICK then.
 *   6. A body handle belongs to the core from VERTEX, SEALED or RESTORE_VERTEX until its DROP.
 *   7. now_us never falls. wall_ms may jump.
 *   8. SYNC asks a peer for a range of commits on one of CR_SYNC_LANES lanes; whatever the host
 *      holds for that lane is void. An answer with the lane's from_commit and skip, of any peer
 *      that owes one, is held there once cr_range_check has passed it; then RANGE tells what it
 *      claims. GIVE: its vertices become VERTEX events now, in order and before those of a later
 *      GIVE, then GIVEN. A refusal is a RANGE without claim; an answer that contradicts itself, or
 *      a vertex of one that turns out badly signed, is told with `forged`.
 *   9. EXECUTED never names a commit that this core has not ordered (or restored with its head).
 *  10. START says what this process knows of what its key has signed: KEPT for the first core of a
 *      process, LOST when the guard was missing or is a copy; later cores get what the statistics
 *      of the one before say (docs/protocol.md 4.8).
 *  11. A core lives for one epoch. After a COMMIT that is `closing` it orders, proposes and commits
 *      nothing more, and goes on serving. The host executes that commit; when no SEALED is owed,
 *      CLOSE takes everything back, and a new core starts for the next epoch as in 1: with the
 *      vertices of that epoch that the log holds (none, unless this is a second life), no head,
 *      START, and a PEER for each connection.
 */
#ifndef CR_CORE_CORE_H
#define CR_CORE_CORE_H

#include "base/arena.h"
#include "consensus/committee.h"
#include "consensus/schedule.h"
#include "consensus/validity.h"
#include "core/range.h"
#include "wire/commit.h"
#include "wire/message.h"
#include "wire/vertex.h"

struct cr_core; /* opaque; lives in the arena */

struct cr_core_config {
    const struct cr_committee *committee; /* borrowed, outlives the core */
    uint32_t self; /* index in the committee; beyond it, as an observer: no seat in this one */
    uint32_t gc_depth;
    uint32_t round_delay_us; /* least time between two own vertices */
    uint32_t idle_delay_us;  /* the same with nothing to order and nothing undecided that matters */
    uint32_t round_timeout_us; /* first value of the adaptive wait for leaders */
    uint32_t round_timeout_us_max;
    uint32_t payload_bytes_max;
    uint32_t score_window; /* commits between two judgements of all leaders; 0: CR_SCORE_WINDOW */
    uint32_t round_window; /* 0: CR_ROUND_WINDOW; smaller powers of two stress the rings */
    struct cr_epoch epoch; /* where this one begins; zeros: with the genesis */
    uint32_t epoch_rounds; /* when it ends (docs/protocol.md 6.6); 0: not by this */
    uint32_t epoch_ms;
    uint64_t sequence;  /* of the last STORE of the core before in this process */
    uint32_t observer;  /* 1: accepts and decides, never proposes */
    bool twin_expected; /* a test host that equivocates on purpose: a TWIN is no news to it */
    uint64_t table_key; /* a secret of this process (0 in tests): spreads digests in the table,
                              so that nobody can grind collisions; no effect shows it */
};

/* ---- events: facts ---- */
enum cr_event_kind {
    CR_EVENT_RESTORE_HEAD = 1, /* head */
    CR_EVENT_RESTORE_VERTEX,   /* vertex, committed */
    CR_EVENT_START,            /* signed_round: what the guard says this key has signed last;
                                  memory, nonce: how far that can be relied on */
    CR_EVENT_TICK,
    CR_EVENT_VERTEX,      /* vertex, peer: verified, from outside */
    CR_EVENT_SEALED,      /* vertex: our proposal with payload and signature */
    CR_EVENT_STORED,      /* sequence */
    CR_EVENT_EXECUTED,    /* executed */
    CR_EVENT_WAITING,     /* waiting: transactions that wait for a vertex of ours */
    CR_EVENT_PEER,        /* peer, up */
    CR_EVENT_STATUS,      /* peer, status */
    CR_EVENT_FETCH,       /* peer, refs: a peer asks for vertices */
    CR_EVENT_RANGE,       /* peer, range: an answer to SYNC is there */
    CR_EVENT_CLOSE,       /* the last event: the closing commit is executed */
    CR_EVENT_PROBE,       /* peer, probe: a peer that has started asks */
    CR_EVENT_PROBE_REPLY, /* peer, probe_reply */
    CR_EVENT_GIVEN, /* range.lane, range.forged: the vertices of the lane have been VERTEX events */
    CR_EVENT_REFUTED, /* more than F has signed another end of an epoch than ours (core/ballot.h) */
};

/* What START knows of what this key has signed (docs/protocol.md 4.8). */
enum cr_memory {
    CR_MEMORY_SURE = 0, /* all: this very process has signed it (or nothing can have been signed) */
    CR_MEMORY_KEPT,     /* guard and log look whole, but may be an old copy: ask */
    CR_MEMORY_LOST,     /* the guard is gone, or a copy: ask, and begin above whatever it was */
};

/* Where the committed prefix stood when the host went down. `schedule` is what the COMMIT effect of
 * that commit carried; the host keeps it beside the commit row and never looks inside. */
struct cr_core_head {
    uint64_t commit_index;
    struct cr_hash commit_digest;
    uint32_t leader_round;
    uint32_t gc_round;
    uint64_t timestamp_ms;
    struct cr_schedule_state schedule;
};

struct cr_event_vertex {
    const struct cr_header *header; /* borrowed for the step */
    struct cr_hash digest;
    uint32_t body; /* the host's handle; must be unique among live ones */
};

struct cr_event {
    enum cr_event_kind kind;
    uint64_t now_us;  /* monotonic */
    uint64_t wall_ms; /* Unix time: only for the timestamp of own vertices and to hold early ones */
    uint32_t peer;    /* VERTEX, PEER, STATUS, FETCH, RANGE */
    union {
        const struct cr_core_head *head; /* RESTORE_HEAD; borrowed for the step */
        struct {
            struct cr_event_vertex vertex; /* RESTORE_VERTEX, VERTEX, SEALED */
            bool committed;                /* RESTORE_VERTEX: part of the prefix up to head */
        };
        struct {
            uint32_t signed_round;
            enum cr_memory memory;
            uint64_t nonce; /* no other START has had it */
        };
        uint64_t sequence;
        struct {
            uint64_t index;
            struct cr_hash effects_digest;
            uint64_t checkpoint_index;
            struct cr_hash state_root;
        } executed;
        uint32_t waiting;
        bool up;
        struct cr_status status;
        struct {
            const struct cr_ref *refs; /* borrowed */
            uint32_t refs_count;
        };
        struct {
            uint64_t from_commit, to_commit; /* to < from: a refusal, or a part of commit `from` */
            uint32_t lane;
            uint32_t skip, vertices;      /* of commit `from`: not in the answer; in it */
            bool forged;                  /* it contradicts itself; then nothing else counts */
            const struct cr_claim *claim; /* borrowed for the step; NULL: refused */
        } range;
        struct cr_probe probe;
        struct cr_probe_reply probe_reply;
    };
};

/* ---- effects: orders ---- */
enum cr_effect_kind {
    CR_EFFECT_PROPOSE = 1, /* header: fill payload_*, encode, sign, answer with SEALED. Its
                              payload_bytes says how much the host may put in: 0 while catching
                              up */
    CR_EFFECT_STORE,       /* body, sequence, own, lost, round, digest: append; guard it too when
                              own. `lost`: before that, the guard is marked as one that may know
                              too little: what is stored here proves it, and hides it afterwards */
    CR_EFFECT_BROADCAST,   /* body: our vertex, to every peer */
    CR_EFFECT_SEND,        /* peer, body: a vertex the peer lacks or asked for */
    CR_EFFECT_SEND_STATUS, /* peer, status; the host fills in status.oldest_commit */
    CR_EFFECT_FETCH,       /* peer, refs */
    CR_EFFECT_SYNC,        /* peer, range: ask for old commits */
    CR_EFFECT_COMMIT,      /* commit. Some bodies may be DROPped later in the same step */
    CR_EFFECT_DROP,        /* body, verdict: the core needs it no more */
    CR_EFFECT_REQUEUE,     /* body: own vertex fell below the horizon uncommitted; its transactions
                              go back to the mempool. Its DROP follows */
    CR_EFFECT_EVIDENCE,    /* body, body_other: two vertices that conflict (wire/evidence.h) */
    CR_EFFECT_HALT,        /* reason: stop signing, keep serving */
    CR_EFFECT_TWIN, /* round: of a vertex of our key that no life of this node can have signed;
                       once. Nothing more is signed; everything else goes on */
    CR_EFFECT_SEND_PROBE,       /* peer, probe */
    CR_EFFECT_SEND_PROBE_REPLY, /* peer, probe_reply */
    CR_EFFECT_GIVE,             /* range.lane: the answer that is held there is wanted now */
    CR_EFFECT_FORGED, /* peer, range.from_commit: what it sent as old commits is proven wrong, at
                         that commit */
};

struct cr_effect {
    enum cr_effect_kind kind;
    uint32_t peer;
    uint32_t body;
    union {
        const struct cr_header *header; /* PROPOSE; valid until the next step */
        struct {
            uint64_t sequence;
            bool own, lost;
            uint32_t round;
            struct cr_hash digest;
        } store;
        struct cr_status status;
        struct {
            const struct cr_ref *refs; /* valid until the next step */
            uint32_t refs_count;
        };
        struct {
            uint64_t from_commit;
            uint32_t commits;
            uint32_t lane;
            uint32_t skip; /* vertices of from_commit that are here already */
        } range;
        struct {
            struct cr_commit record; /* its arrays are valid until the next step */
            struct cr_hash digest;
            const uint32_t *bodies; /* record.vertices_count of them, in linear order */
            const struct cr_schedule_state *schedule; /* after this commit; for cr_core_head */
        } commit;
        enum cr_verdict verdict;
        uint32_t round; /* TWIN */
        struct cr_probe probe;
        struct cr_probe_reply probe_reply;
        uint32_t body_other;
        const char *reason; /* static text */
    };
};

/* Filled by a step. `items` has room for whatever one step can order (cr_core_effects_max). */
struct cr_effects {
    uint32_t count;
    uint32_t count_max;
    struct cr_effect *items;
};

/* ---- functions ---- */
/* With a measuring arena it only counts and returns NULL. */
struct cr_core *cr_core_init(struct cr_arena *arena, const struct cr_core_config *config);
void cr_effects_init(struct cr_arena *arena, struct cr_effects *effects,
                     const struct cr_core_config *config);

void cr_core_step(struct cr_core *core, const struct cr_event *event, struct cr_effects *effects);

/* When the next TICK is wanted, on the clock of now_us; UINT64_MAX: never. */
uint64_t cr_core_deadline_us(const struct cr_core *core);

/* Whether a vertex from outside is worth verifying: stateless checks (epoch, author, width, quorum,
 * own parent, window) and whether we have it. Cheap; changes nothing. */
enum cr_verdict cr_core_admit(const struct cr_core *core, uint32_t peer,
                              const struct cr_header *header, const struct cr_hash *digest);

/* All that a core knows, as the bytes of its memory, and a fresh core of the same configuration
 * made the same: for recordings. Bytes of another build, or not of a core, are not recognised:
 * false only says that the sizes differ. */
size_t cr_core_image_bytes(const struct cr_core *core);
const uint8_t *cr_core_image(const struct cr_core *core); /* valid until the next step */
CR_MUST_CHECK bool cr_core_load(struct cr_core *core, const uint8_t *image, size_t bytes);

/* A hash over the whole state: equal for equal histories (determinism checks). */
uint64_t cr_core_hash(const struct cr_core *core);
/* Walks everything and asserts the invariants of docs/protocol.md. Slow: for tests and
 * simulators. */
void cr_core_check(const struct cr_core *core);

/* What a vertex attests of its author's past (docs/protocol.md 5.5). */
enum cr_attested {
    CR_ATTESTED_COMMIT = 0, /* commit_index, commit_digest */
    CR_ATTESTED_EFFECTS,    /* executed_index, effects_digest */
    CR_ATTESTED_ROOT,       /* checkpoint_index, state_root */
};
enum { CR_ATTESTED_COUNT = 3 };

struct cr_contradiction {
    uint64_t index;
    struct cr_hash own, claimed;
    struct cr_ref vertex; /* says so under its author's signature; round 0: a RANGE of it does */
};

/* Whether this node may sign, after a start (docs/protocol.md 4.8). */
struct cr_probe_stats {
    enum cr_memory memory; /* for the START of the next epoch's core in this process */
    bool open;             /* answers are awaited */
    bool lost;             /* what was signed was lost: it had to be bounded by answers */
    bool hopeless;         /* open, and too many others have lost it as well */
    bool listening;        /* bounded; whether somebody else signs is watched for some rounds */
    struct cr_authors answered; /* whose answers count */
};

struct cr_core_stats {
    uint64_t epoch;
    bool closed;    /* the epoch is over */
    uint32_t round; /* newest own vertex that is durable */
    uint32_t clock; /* highest round whose previous round has a quorum here */
    uint32_t gc_round;
    uint32_t leader_round; /* of the last commit */
    uint64_t commit_index;
    struct cr_hash commit_digest;
    uint64_t commit_index_quorum; /* highest index that more than F stake claims */
    bool syncing;
    bool stalled; /* no commit for too long (docs/protocol.md 4.6) */
    bool twin;    /* our key signs elsewhere: we do not any more (docs/protocol.md 4.7) */
    struct cr_probe_stats probe;
    uint32_t vertices; /* in the window, accepted */
    uint32_t suspended;
    uint32_t missing; /* distinct vertices wanted */
    uint64_t accepted_total, proposed_total, fetches_total, syncs_total, timeouts_total;
    uint64_t sync_handovers_total, sync_forged_total;     /* ranges asked elsewhere; proven wrong */
    uint32_t sync_lanes;                                  /* ranges asked for or held now */
    struct cr_authors sync_peers;                         /* of whom */
    uint64_t slots_direct, slots_indirect, slots_skipped; /* decided leader slots */
    uint64_t equivocations_total;
    uint64_t differences_total; /* statements heard that contradict our own values */
    struct cr_authors contradicting[CR_ATTESTED_COUNT]; /* whose newest ones do */
    uint64_t verdicts[CR_VERDICTS_COUNT];
    uint32_t round_timeout_us;           /* the adaptive wait now */
    struct cr_authors suspended_leaders; /* not allowed to lead now: absent or bad */
    struct cr_authors absent_leaders, bad_leaders;
    uint32_t last_round[CR_VALIDATORS_MAX]; /* highest accepted round of each author */
};
void cr_core_stats(const struct cr_core *core, struct cr_core_stats *out);
/* How `author` contradicts us now; false when it does not. For the report of a halt. */
bool cr_core_contradiction(const struct cr_core *core, enum cr_attested kind, uint32_t author,
                           struct cr_contradiction *out);

#endif
