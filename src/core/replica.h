/* SPDX-License-Identifier: Apache-2.0 */
/* replica.h: the inside of a core, shared by the files of this folder only.
 *
 * A step is: the handler of the event, then `settle` (accept, decide, commit, clean up, until
 * nothing moves), then the four that act on time: propose, fetch, sync, status. Each of those says
 * when it wants to be called next; the earliest of them is the deadline. No signal can be missed,
 * because everything is looked at again after every step.
 */
#ifndef CR_CORE_REPLICA_H
#define CR_CORE_REPLICA_H

#include "consensus/chain.h"
#include "core/core.h"

#define CR_NEVER UINT64_MAX

enum {
    CR_CLOCK_TIMES = 8,      /* rounds whose beginning is remembered for the adaptive wait */
    CR_STATUS_PUSH_MAX = 16, /* own vertices sent in answer to one STATUS */
    CR_HELP_MAX = 32,        /* vertices of others pushed in one step */
    CR_HELPERS = 2,          /* nodes that push the same one to the same peer */
    CR_CLOCK_DRIFT_MS = 500, /* a vertex may be this much ahead of our clock */
    CR_SYNC_LAG = 8,         /* commits behind before old commits are asked for */
    CR_SYNC_NEAR = 2,        /* and how close is close enough */
    CR_SYNC_SAID = 8,        /* claims of others about commits that are not decided here */
    CR_ATTEST_KEPT = 256,    /* own digests of each kind that statements are compared with */
    CR_PROBE_LISTEN = 4,     /* rounds of others without us before we sign again */
};

enum cr_proposal {
    CR_PROPOSAL_NONE = 0, /* free to propose */
    CR_PROPOSAL_SEALING,  /* PROPOSE ordered */
    CR_PROPOSAL_STORING,  /* STORE ordered */
};

struct cr_own {
    enum cr_proposal proposal;
    uint32_t proposed;    /* highest round ever signed or being signed; never again */
    uint32_t inherited;   /* highest round that earlier lives can have signed */
    bool twin;            /* our key signs elsewhere: nothing more is signed (protocol 4.7) */
    uint32_t vertex;      /* id of our highest accepted vertex */
    uint32_t round;       /* its round */
    uint32_t pending;     /* id while it is not durable */
    uint64_t sequence;    /* of its STORE */
    uint64_t proposed_us; /* when the last one was proposed */
};

struct cr_pacemaker {
    uint32_t waiting_round;            /* the round we could propose ... */
    uint64_t since_us;                 /* ... since then: its parents have a quorum */
    uint64_t began_us[CR_CLOCK_TIMES]; /* the same for the last rounds, by round */
    uint32_t began_round[CR_CLOCK_TIMES];
    uint64_t late_us;    /* decaying maximum of how late leaders were after a quorum ... */
    uint64_t quorum_us;  /* ... and of how long the quorum took after our own vertex */
    uint64_t timeout_us; /* grows while nothing commits */
    uint32_t grown_round;
    uint64_t committed_us; /* when the last commit was made, or the core started */
    bool stalled;
    uint8_t missed[CR_VALIDATORS_MAX]; /* own vertices in a row without one of this author */
    uint64_t wake_us;
};

struct cr_peer {
    bool up;
    bool fresh;           /* came up since its last STATUS: what was sent before may be lost */
    uint64_t epoch;       /* as its last STATUS says */
    uint64_t claim;       /* highest commit index it has claimed, in a status or a header */
    uint64_t oldest;      /* first commit it can serve */
    uint64_t answered_us; /* when a STATUS of it was last answered by one of ours */
    /* As a server of old commits (sync.c). */
    uint64_t range_us;     /* how long an answer takes, a moving mean; 0: not known */
    uint32_t span;         /* commits that fit one, as far as is known; 0: not known */
    uint64_t ask_after_us; /* it is not asked before */
    uint64_t pause_us;     /* for being of no use: the last one */
    uint64_t forged_us;    /* for something forged */
};

enum cr_lane_state {
    CR_LANE_FREE = 0,
    CR_LANE_ASKED,
    CR_LANE_HELD,   /* an answer waits at the host for its turn */
    CR_LANE_GIVING, /* its vertices come as events */
};

/* One range of old commits on its way. */
struct cr_lane {
    enum cr_lane_state state;
    uint32_t peer;     /* asked last; from HELD on, whose answer it is */
    uint64_t from, to; /* the commits it stands for */
    uint32_t skip;     /* vertices of `from` that came in parts */
    uint32_t vertices; /* of the answer */
    bool part;         /* the answer is a part of `from` */
    uint64_t began_us; /* with this peer, through all parts */
    uint64_t asked_us, give_up_us;
    struct cr_claim claim; /* of the answer */
};

/* What a peer has said and we have not decided yet. */
struct cr_said {
    uint32_t peer;
    uint64_t to; /* the last commit that it is about; 0: none */
    bool given;  /* the vertices are in the DAG, or on their way there */
    struct cr_claim claim;
};

struct cr_syncer {
    bool active;
    bool rescue;          /* not behind, but stuck: we go on as usual beside it (protocol 8.4) */
    uint64_t began_index; /* commit index when it began */
    uint64_t head;        /* first commit whose vertices have not been ordered from the host */
    uint64_t limit;       /* last commit of the epoch, if somebody says so; else UINT64_MAX */
    uint32_t conflicts;   /* answers in a row that do not follow what was given before */
    uint64_t patience_us; /* how long an answer may take */
    bool answered;        /* somebody has, since the last one that did not in time */
    uint64_t parts_us;    /* how long all parts of a commit may take */
    uint64_t given_us;    /* when the last range was ordered from the host */
    uint64_t index;       /* last commit index seen, and when it moved */
    uint64_t moved_us;
    uint64_t not_before_us;
    uint32_t relaxed; /* nobody waits for rounds up to here (protocol 8.3) */
    uint64_t wake_us;
    struct cr_lane lanes[CR_SYNC_LANES];
    struct cr_said said[CR_SYNC_SAID];
    uint32_t said_next; /* the oldest */
};

struct cr_probe_answer {
    bool heard;
    bool recovering;
    uint32_t round;         /* in our epoch */
    uint32_t round_of_ours; /* highest one of our key that it has accepted */
};

struct cr_prober {
    enum cr_memory memory; /* SURE: nothing is open */
    bool kept;             /* at START: until we sign, a vertex of ours may still prove it old */
    bool old;              /* that has happened */
    bool lost;             /* bounded in this epoch */
    uint64_t nonce;
    uint32_t seen;      /* highest round of our key that came from outside */
    uint32_t forgotten; /* horizon at START: what was accepted up to here, we do not know */
    struct cr_probe_answer answers[CR_VALIDATORS_MAX];
    uint32_t listen_round; /* not before this round is reached; 0: not listening */
    uint64_t listen_us;    /* ... or this time */
    uint32_t asked;        /* times */
    uint64_t ask_us;
    uint64_t wake_us;
};

struct cr_attest_own {
    uint64_t index; /* 0: none */
    struct cr_hash digest;
};

/* The newest statement of an author, or (waits) the first one ahead of us. */
struct cr_attest_claim {
    uint64_t index;
    struct cr_hash digest;
    struct cr_hash vertex; /* that says so */
    uint32_t round;        /* of it */
    bool waits;
};

struct cr_attest {
    uint64_t head[CR_ATTESTED_COUNT];                            /* highest own index */
    struct cr_attest_own own[CR_ATTESTED_COUNT][CR_ATTEST_KEPT]; /* by index */
    struct cr_attest_claim claims[CR_ATTESTED_COUNT][CR_VALIDATORS_MAX];
    struct cr_authors differing[CR_ATTESTED_COUNT]; /* who contradicts us now */
    struct cr_contradiction differed[CR_ATTESTED_COUNT][CR_VALIDATORS_MAX]; /* and with what */
    uint64_t differences_total;
    struct cr_authors reported; /* for two statements about one index */
};

struct cr_core {
    struct cr_core_config config;
    const struct cr_committee *committee;
    uint32_t self;
    uint32_t validators_count;
    uint32_t rounds_ahead;
    size_t memory_bytes; /* of all this, from here on in one piece */

    struct cr_dag dag;
    struct cr_schedule schedule;
    struct cr_score score;
    struct cr_decider decider;
    struct cr_chain chain;

    uint64_t now_us;
    uint64_t wall_ms;
    bool started;
    bool halted;
    bool ended;               /* taken apart by CLOSE */
    bool undecided;           /* something was accepted since the decider last ran */
    uint64_t sequence;        /* last STORE */
    uint64_t stored;          /* last STORED */
    uint32_t waiting;         /* transactions at the host */
    uint32_t payload_pending; /* accepted, not committed vertices with transactions */
    uint64_t executed_index;
    struct cr_hash effects_digest;
    uint64_t checkpoint_index;
    struct cr_hash state_root;

    struct cr_own own;
    struct cr_prober prober;
    struct cr_pacemaker pacemaker;
    struct cr_syncer syncer;
    struct cr_attest attest;
    struct cr_peer peers[CR_VALIDATORS_MAX];
    uint32_t exposed[CR_VALIDATORS_MAX]; /* round in which its copies were last shown to all */
    uint64_t sent_us[CR_ROUND_WINDOW];   /* when own vertices were broadcast, by round */
    uint64_t fetch_us;
    uint64_t status_us;
    uint32_t helped; /* vertices of others pushed in this step */

    /* What the effects of one step point to. */
    struct cr_effects *effects;
    struct cr_header *header;
    struct cr_ref *fetch_refs;  /* [validators_count][CR_FETCH_REFS_MAX] */
    uint32_t *fetch_counts;     /* [validators_count] */
    struct cr_ref *commit_refs; /* leaders and vertices of the commits of this step */
    uint32_t commit_refs_max, commit_refs_used;
    uint32_t *commit_bodies;
    uint32_t commit_bodies_used;
    struct cr_schedule_state *commit_schedules; /* [window] */
    uint32_t commits;

    uint64_t accepted_total, proposed_total, fetches_total, syncs_total, timeouts_total;
    uint64_t sync_handovers_total, sync_forged_total;
    uint64_t equivocations_total;
    uint64_t verdicts[CR_VERDICTS_COUNT];
};

/* core.c */
void cr_core_twin(struct cr_core *core, uint32_t round);
struct cr_effect *cr_core_emit(struct cr_core *core, enum cr_effect_kind kind);
void cr_core_drop(struct cr_core *core, uint32_t body, enum cr_verdict verdict);
bool cr_core_quorum(const struct cr_core *core, const struct cr_authors *set);
void cr_core_halt(struct cr_core *core, const char *reason);

/* probe.c: after a start, what may our key have signed (docs/protocol.md 4.8)? */
void cr_probe_start(struct cr_core *core, const struct cr_event *start);
void cr_probe_run(struct cr_core *core);
void cr_probe_peer(struct cr_core *core, uint32_t peer); /* has come up */
void cr_probe_answer(struct cr_core *core, const struct cr_event *event);
void cr_probe_receive(struct cr_core *core, const struct cr_event *event);
/* A vertex of our key came from outside, above all that we knew of. False: it is not lost memory
 * that explains it. */
bool cr_probe_explains(struct cr_core *core, uint32_t round);
/* Whether a vertex of our key was signed after this start. */
bool cr_probe_is_later(const struct cr_core *core, const struct cr_header *header);
bool cr_probe_is_over(const struct cr_core *core); /* we may sign */
void cr_probe_stats(const struct cr_core *core, struct cr_probe_stats *out);

/* pacemaker.c: when to propose, and what. */
void cr_pacemaker_init(struct cr_core *core);
void cr_pacemaker_run(struct cr_core *core);
void cr_pacemaker_on_accept(struct cr_core *core, const struct cr_dag_vertex *v);
void cr_pacemaker_on_commit(struct cr_core *core);
bool cr_core_is_idle(const struct cr_core *core);

/* parents.c: docs/protocol.md 4.4. False: not yet, a quorum of parents or a vertex of ours lacks
 * without a gap. */
bool cr_parents_choose(const struct cr_core *core, uint32_t round, struct cr_header *header);

/* fetch.c: missing ancestors; answers; status. */
void cr_fetch_expect(struct cr_core *core, uint64_t ask_at_us);
uint64_t cr_fetch_first_us(const struct cr_core *core);
void cr_fetch_run(struct cr_core *core);
void cr_fetch_answer(struct cr_core *core, const struct cr_event *event);
/* The author of a new vertex gets what it visibly lacks. */
void cr_fetch_help(struct cr_core *core, const struct cr_dag_vertex *v);
void cr_status_run(struct cr_core *core);
void cr_status_send_all(struct cr_core *core);
void cr_status_send(struct cr_core *core, uint32_t peer);
void cr_status_receive(struct cr_core *core, uint32_t peer, const struct cr_status *status);

/* attest.c: others on our own past. A value of ours; and a signed header of somebody. */
void cr_attest_own(struct cr_core *core, enum cr_attested kind, uint64_t index,
                   const struct cr_hash *digest);
/* `peer` has said in a range that commit `index`, which is `own` to us, is `claimed`. */
void cr_attest_range(struct cr_core *core, uint32_t peer, uint64_t index, const struct cr_hash *own,
                     const struct cr_hash *claimed);
void cr_attest_hear(struct cr_core *core, const struct cr_event_vertex *arrival);
/* Our own value of that index; NULL: not kept, or not reached. */
const struct cr_hash *cr_attest_find(const struct cr_core *core, enum cr_attested kind,
                                     uint64_t index);

/* sync.c: old commits. */
/* In sync, lets go what waits for vertices that no undecided slot can need. */
void cr_sync_relax(struct cr_core *core);
void cr_sync_run(struct cr_core *core);
void cr_sync_on_range(struct cr_core *core, const struct cr_event *event);
void cr_sync_on_given(struct cr_core *core, const struct cr_event *event);
/* A commit of ours: shows who has told the truth about it. */
void cr_sync_on_commit(struct cr_core *core, uint64_t index, const struct cr_hash *digest);
/* In sync because we are behind: no proposals, no fetching. */
bool cr_sync_is_behind(const struct cr_core *core);
/* Ranges asked for, held or on their way into the DAG. */
uint32_t cr_sync_lanes(const struct cr_core *core);
/* The stake that claims to have committed `index` or more. */
uint64_t cr_sync_claims(const struct cr_core *core, uint64_t index);

#endif
