/* SPDX-License-Identifier: Apache-2.0 */
/* check.h: what must be true of the whole cluster, checked as it runs.
 *
 *   agreement    the k-th commit, its effects digest and its state root are the same everywhere
 *   one voice    a node sends at most one vertex for a round, in all its lives
 *   disk first   what a node sends of its own is durable there, with all it refers to and the guard
 *   order        what is committed is valid, above the horizon, and there once; leaders are equal
 *   peers        nothing is sent to a node that is not connected
 *   forward      the commit index of a process never falls and never skips
 *   correctness  nobody sends what another one must refuse, or is blamed for what it sends
 *   bounds       everything a node keeps has a limit
 *   price        frames and vertices looked at have a limit for each round
 *   counters     what a core counts is what it has ordered
 * docs/testing.md has them all, with their numbers.
 */
#ifndef CR_SIM_CHECK_H
#define CR_SIM_CHECK_H

#include "host.h"

struct cr_check_commit {
    bool committed, executed;
    struct cr_hash digest;
    struct cr_schedule_state *schedule; /* of leaders, after this commit */
    bool closing;
    uint32_t leader_round;
    struct cr_hash effects_digest;
    uint64_t checkpoint_index;
    struct cr_hash state_root;
};

struct cr_check {
    struct cr_map ordered;           /* vertices in commits -> commit index */
    struct cr_check_commit *commits; /* by index: the first node to get there wrote it */
    uint32_t commits_count, commits_max;
    struct {
        struct cr_map rounds;    /* epoch and round, hashed -> place in digests */
        struct cr_hash *digests; /* of the first vertex sent for it */
        uint32_t count, count_max;
    } sent[CR_SIM_NODES_MAX];
    uint64_t newest_epoch; /* of an own vertex on the wire, and its round */
    uint32_t newest_round;
    uint64_t rounds_total; /* over all epochs */
    uint64_t steps_until_walk;
    uint64_t steps_in_instant; /* steps while virtual time stood still */
    uint64_t instant_us;
    struct cr_core_stats peak; /* greatest counters seen */
    struct cr_core_stats sum;  /* totals of all processes that have ended */
    uint64_t verdicts[CR_VERDICTS_COUNT];
    uint64_t evidence_total; /* reported by correct nodes */
    uint64_t forked_at;      /* the first commit that two correct nodes have made differently */
    uint64_t forks_total, halts_total;
    uint64_t blames_total;  /* pairs of nodes on different branches whose logs name the guilty */
    uint64_t doubles_total; /* processes that ended since their key signs elsewhere */
    uint64_t forged_total;  /* ranges of old commits that they called forged */
};

void cr_check_step(struct cr_host *host);
/* Its key signs elsewhere: only the double of a node may find that, and it has to. */
void cr_check_twin(struct cr_host *host, uint32_t round);
void cr_check_double(const struct cr_host *host, uint64_t lived_us); /* it is still there */
void cr_check_wire(struct cr_host *host, const struct cr_body *own);
void cr_check_commit(struct cr_host *host, const struct cr_commit *commit,
                     const struct cr_hash *digest);
/* What stands in a commit that cr_check_commit has let pass, and the leaders after it. */
void cr_check_order(struct cr_host *host, const struct cr_effect *effect);
/* A message that names a peer goes to one that is connected, as far as this node knows. */
void cr_check_peer(const struct cr_host *host, uint32_t peer);
void cr_check_executed(struct cr_sim *sim, uint32_t node, const struct cr_ledger_head *head);
/* forks.c: whether this commit is of another branch than the one that is measured by. That fails
 * the run, or is expected of it. */
bool cr_check_forks(struct cr_host *host, const struct cr_commit *commit,
                    const struct cr_check_commit *agreed, const struct cr_hash *digest);
void cr_check_halt(struct cr_host *host, const char *reason);
/* A node reports two vertices of one slot. */
void cr_check_evidence(struct cr_host *host, const struct cr_body *a, const struct cr_body *b);
/* A node says that what `peer` sent as old commits is wrong, at commit `index`. */
void cr_check_forged(struct cr_host *host, uint32_t peer, uint64_t index);
void cr_check_drop(struct cr_host *host, const struct cr_body *body, enum cr_verdict verdict);
/* Adds the totals of a process that ends. */
void cr_check_sum(struct cr_host *host);
/* Whether the work done stands in proportion to the rounds; fails the run if not. */
void cr_check_price(struct cr_sim *sim);
/* Fails the run when faults of all kinds of options->canary are active at once. No such thing is
 * wrong: it proves that a run can fail, and that shrinking finds what made it fail. */
void cr_check_canary(const struct cr_sim *sim);
/* At the end of a run: all nodes are alive and quiet. */
void cr_check_end(struct cr_sim *sim);
/* Where more than F stake may lie: whether every correct node has halted that more than F stake of
 * those it is connected to contradicts, and at least one if there was a fork. */
bool cr_check_is_noticed(struct cr_sim *sim);
/* The end of such a run: whether it has come to what the plan expects. */
void cr_check_expected(struct cr_sim *sim);

#endif
