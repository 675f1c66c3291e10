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

struct cr_chain {
    const struct cr_committee *committee; /* borrowed */
    uint32_t gc_depth;
    /* The last commit. */
    uint64_t index;
    struct cr_hash digest;
    uint32_t leader_round;
    uint32_t gc_round;
    uint64_t timestamp_ms;
};

void cr_chain_init(struct cr_chain *chain, const struct cr_committee *committee, uint32_t gc_depth);

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
