/* SPDX-License-Identifier: Apache-2.0 */
/* chain.h: turns decided leaders into commits: linear order, agreed time, digest (docs/protocol.md
 * 6).
 *
 * Agreed code: a commit is a function of the commits before it and the cone of its leaders.
 * Invariants: indices are consecutive, leader rounds rise, time never falls, no vertex is committed
 * twice, none at or below the horizon of the previous commit.
 */
#ifndef CR_CONSENSUS_CHAIN_H
#define CR_CONSENSUS_CHAIN_H

#include "consensus/decide.h"

/* However short an epoch is meant to be: who comes late into it must be able to take part. Seed
 * 0x1388: epochs of one commit each, and one node always too late for it. */
enum { CR_EPOCH_ROUNDS_MIN = 8 };

struct cr_chain {
    const struct cr_committee *committee; /* borrowed */
    uint32_t gc_depth;
    uint32_t end_round; /* the first commit that reaches one of the two closes the epoch */
    uint64_t end_ms;
    /* The last commit. */
    uint64_t index;
    struct cr_hash digest;
    uint32_t leader_round;
    uint32_t gc_round;
    uint64_t timestamp_ms;
    bool closed; /* it was the closing commit: there are no more */
};

void cr_chain_init(struct cr_chain *chain, const struct cr_committee *committee, uint32_t gc_depth);
/* Index, digest and time go on from where the epoch before ended. A limit of 0: not by this. */
void cr_chain_begin(struct cr_chain *chain, const struct cr_epoch *epoch, uint32_t rounds,
                    uint32_t ms);
/* Whether a commit with these values is the last one of the epoch. */
bool cr_chain_ends(const struct cr_chain *chain, uint32_t leader_round, uint64_t timestamp_ms);

/* Where a commit is written. The arrays are the caller's; `refs` takes leaders, then vertices. */
struct cr_chain_commit {
    struct cr_commit record;
    struct cr_hash digest;
    struct cr_authors in_time; /* for cr_schedule_advance */
    struct cr_ref *refs;
    uint32_t refs_max;
    uint32_t *bodies; /* as many as record.vertices_count */
};

/* Makes the next commit of the leaders of `round` and marks its vertices committed. Returns false
 * and changes nothing when a vertex of their cone has not arrived (only in sync, protocol 8.3).
 * Does not advance the schedule. */
bool cr_chain_append(struct cr_chain *chain, struct cr_dag *dag, const struct cr_decider *decider,
                     uint32_t round, struct cr_chain_commit *out);

#endif
