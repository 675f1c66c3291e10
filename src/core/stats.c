/* SPDX-License-Identifier: Apache-2.0 */
/* stats.c: looking at a core from outside: counters, the hash of the state, the check of it. */
#include <string.h>

#include "core/replica.h"
#include "crypto/hash.h"

/* The highest index that more than F stake claims: raise the candidate claim by claim. */
static uint64_t claimed_by_honest(const struct cr_core *core)
{
    uint64_t best = core->chain.index;
    for (uint32_t p = 0; p < core->validators_count; p++) {
        const uint64_t claim = core->peers[p].claim;
        if (claim > best && cr_sync_claims(core, claim) > core->committee->faulty) best = claim;
    }
    return best;
}

static uint32_t clock(const struct cr_core *core)
{
    uint32_t round = core->dag.highest > 0 ? core->dag.highest : 1;
    if (cr_dag_in_window(&core->dag, round) &&
        cr_core_quorum(core, &cr_dag_round(&core->dag, round)->present))
        round++;
    return round;
}

void cr_core_stats(const struct cr_core *core, struct cr_core_stats *out)
{
    struct cr_authors all = {0};
    for (uint32_t a = 0; a < core->validators_count; a++)
        cr_authors_add(&all, a);
    *out = (struct cr_core_stats){
        .round = core->own.round,
        .clock = clock(core),
        .gc_round = core->dag.gc_round,
        .leader_round = core->chain.leader_round,
        .commit_index = core->chain.index,
        .commit_digest = core->chain.digest,
        .commit_index_quorum = claimed_by_honest(core),
        .syncing = cr_sync_is_behind(core),
        .vertices = core->dag.accepted,
        .suspended = core->dag.suspended,
        .missing = core->dag.missing,
        .accepted_total = core->accepted_total,
        .proposed_total = core->proposed_total,
        .fetches_total = core->fetches_total,
        .syncs_total = core->syncs_total,
        .timeouts_total = core->timeouts_total,
        .slots_direct = core->decider.direct,
        .slots_indirect = core->decider.indirect,
        .slots_skipped = core->decider.skipped,
        .equivocations_total = core->equivocations_total,
        .differences_total = core->attest.differences_total,
        .round_timeout_us = (uint32_t)core->pacemaker.timeout_us,
        .suspended_leaders = cr_authors_without(all, &core->schedule.allowed),
        .absent_leaders = core->schedule.absent,
        .bad_leaders = core->schedule.bad,
    };
    memcpy(out->contradicting, core->attest.differing, sizeof out->contradicting);
    memcpy(out->verdicts, core->verdicts, sizeof out->verdicts);
    memcpy(out->last_round, core->dag.last_round, sizeof out->last_round);
}

static void hash_vertices(struct cr_hasher *hasher, const struct cr_dag *dag)
{
    for (uint32_t r = dag->gc_round + 1; r < dag->gc_round + dag->window; r++) {
        for (uint32_t a = 0; a < dag->validators_count; a++) {
            const struct cr_dag_vertex *v = cr_dag_slot_first(dag, r, a);
            for (; v != NULL; v = cr_dag_slot_next(dag, v)) {
                cr_hasher_add(hasher, v->digest.bytes, CR_HASH_BYTES);
                cr_hasher_add_le(hasher, v->state, 1);
                cr_hasher_add_le(hasher, v->committed, 1);
                cr_hasher_add_le(hasher, v->body, 4);
            }
        }
        cr_hasher_add_le(hasher, cr_dag_round(dag, r)->missing_count, 4);
    }
}

uint64_t cr_core_hash(const struct cr_core *core)
{
    const uint64_t numbers[] = {
        core->now_us,
        core->sequence,
        core->stored,
        core->waiting,
        core->payload_pending,
        core->executed_index,
        core->chain.index,
        core->chain.gc_round,
        core->chain.timestamp_ms,
        core->schedule.number,
        core->own.proposal,
        core->own.proposed,
        core->own.round,
        core->own.proposed_us,
        core->pacemaker.since_us,
        core->pacemaker.late_us,
        core->pacemaker.timeout_us,
        core->syncer.active,
        core->syncer.cursor,
        core->syncer.moved_us,
        core->fetch_us,
        core->status_us,
        core->accepted_total,
        core->fetches_total,
        core->attest.differences_total,
        cr_core_deadline_us(core),
    };
    struct cr_hasher hasher;
    cr_hasher_init(&hasher);
    cr_hasher_add(&hasher, core->chain.digest.bytes, CR_HASH_BYTES);
    for (size_t i = 0; i < CR_COUNT_OF(numbers); i++)
        cr_hasher_add_le(&hasher, numbers[i], 8);
    hash_vertices(&hasher, &core->dag);
    const struct cr_hash hash = cr_hasher_end(&hasher);
    return cr_load_le(hash.bytes, 8);
}

void cr_core_check(const struct cr_core *core)
{
    const struct cr_dag *dag = &core->dag;
    CR_ASSERT(dag->gc_round == core->chain.gc_round);               /* I7 */
    CR_ASSERT(core->chain.leader_round == core->decider.delivered); /* I5 */
    CR_ASSERT(core->stored <= core->sequence);                      /* I1 */
    CR_ASSERT(core->own.round <= core->own.proposed);               /* I1 */
    CR_ASSERT(dag->ready_count == 0);                               /* I2 */
    CR_ASSERT(core->executed_index <= core->chain.index);
    CR_ASSERT(cr_committee_stake_of(core->committee, &core->schedule.allowed) >=
              core->committee->quorum);          /* I8 */
    cr_dag_check(dag, core->chain.leader_round); /* I2, I3, I9 */
    cr_decider_check(&core->decider);            /* I4 */

    uint32_t payload = 0;
    for (uint32_t i = 1; i < dag->pool_max; i++) {
        const struct cr_dag_vertex *v = &dag->pool[i];
        if (v->state == CR_DAG_ACCEPTED && v->payload && !v->committed) payload++;
    }
    CR_ASSERT(payload == core->payload_pending);
}
