/* SPDX-License-Identifier: Apache-2.0 */
/* decide.h: which leader vertices are committed and which leader slots are skipped
 * (docs/protocol.md 5).
 *
 * Agreed code. A decision reads accepted vertices above the last committed leader round, and, where
 * it is indirect, only the cone of its anchor. It never reads the horizon, time or arrival order.
 *
 * Invariants: a decision never changes while its round is undelivered and the schedule the same;
 * one copy per slot is committed. A broken one means that more than F stake lies: `conflict` is
 * set, nothing more may be delivered.
 */
#ifndef CR_CONSENSUS_DECIDE_H
#define CR_CONSENSUS_DECIDE_H

#include "consensus/schedule.h"
#include "dag/dag.h"

enum cr_decision {
    CR_DECISION_NONE = 0,
    CR_DECISION_SKIP,
    CR_DECISION_COMMIT,
};

struct cr_leader_slot {
    enum cr_decision decision;
    bool direct;
    uint32_t vertex; /* id, when committed */
};

struct cr_leader_round {
    uint32_t round;    /* 0: not filled */
    uint64_t schedule; /* number of the schedule it was filled under */
    uint32_t count;
    uint8_t order[CR_VALIDATORS_MAX];
    struct cr_leader_slot slots[CR_VALIDATORS_MAX]; /* by position in `order` */
};

struct cr_decider {
    struct cr_dag *dag;                   /* borrowed */
    const struct cr_committee *committee; /* borrowed */
    const struct cr_schedule *schedule;   /* borrowed; changes only between runs */
    struct cr_leader_round *rounds;       /* [dag->window] */
    uint32_t delivered;                   /* leader round of the last commit */
    const char *conflict;                 /* why agreement is broken; NULL: it is not */
    uint64_t direct, indirect, skipped;   /* delivered slots */
};

void cr_decider_init(struct cr_decider *decider, struct cr_arena *arena, struct cr_dag *dag,
                     const struct cr_committee *committee, const struct cr_schedule *schedule);
/* Right after cr_dag_accept: which blocks two rounds below does `v` certify? Returns false when `v`
 * breaks the leader clause for some slot (it counts as no certificate there). */
bool cr_decider_accept(struct cr_decider *decider, const struct cr_dag_vertex *v);
/* Decides what can be decided. Returns the next leader round to deliver, or 0. */
uint32_t cr_decider_run(struct cr_decider *decider);
/* The ids of the committed leaders of a round, in the order of the schedule. */
uint32_t cr_decider_leaders(const struct cr_decider *decider, uint32_t round,
                            uint32_t ids[CR_VALIDATORS_MAX]);
/* The round has become a commit; call before the schedule advances. */
void cr_decider_deliver(struct cr_decider *decider, uint32_t round);

/* Whether x (two rounds up) is a certificate for b: a quorum of its parents votes for b. */
bool cr_decider_certifies(const struct cr_decider *decider, const struct cr_dag_vertex *x,
                          const struct cr_dag_vertex *b);
/* What is known of a slot; NONE for authors who do not lead. */
enum cr_decision cr_decider_slot(const struct cr_decider *decider, uint32_t round, uint32_t author);
/* Recomputes certificates. */
void cr_decider_check(const struct cr_decider *decider);

#endif
