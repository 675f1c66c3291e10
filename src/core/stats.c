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

static struct cr_authors asked_for_ranges(const struct cr_core *core)
{
    struct cr_authors peers = {0};
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++) {
        const struct cr_lane *lane = &core->syncer.lanes[i];
        if (lane->state != CR_LANE_FREE) cr_authors_add(&peers, lane->peer);
    }
    return peers;
}

void cr_core_stats(const struct cr_core *core, struct cr_core_stats *out)
{
    *out = (struct cr_core_stats){
        .epoch = core->committee->epoch,
        .closed = core->chain.closed,
        .round = core->own.round,
        .clock = clock(core),
        .gc_round = core->dag.gc_round,
        .leader_round = core->chain.leader_round,
        .commit_index = core->chain.index,
        .commit_digest = core->chain.digest,
        .commit_index_quorum = claimed_by_honest(core),
        .syncing = cr_sync_is_behind(core),
        .stalled = core->pacemaker.stalled,
        .twin = core->own.twin,
        .vertices = core->dag.accepted,
        .suspended = core->dag.suspended,
        .missing = core->dag.missing,
        .accepted_total = core->accepted_total,
        .proposed_total = core->proposed_total,
        .fetches_total = core->fetches_total,
        .syncs_total = core->syncs_total,
        .timeouts_total = core->timeouts_total,
        .sync_handovers_total = core->sync_handovers_total,
        .sync_forged_total = core->sync_forged_total,
        .sync_lanes = cr_sync_lanes(core),
        .sync_peers = asked_for_ranges(core),
        .slots_direct = core->decider.direct,
        .slots_indirect = core->decider.indirect,
        .slots_skipped = core->decider.skipped,
        .equivocations_total = core->equivocations_total,
        .differences_total = core->attest.differences_total,
        .round_timeout_us = (uint32_t)core->pacemaker.timeout_us,
        .suspended_leaders = cr_authors_without(core->committee->members, &core->schedule.allowed),
        .absent_leaders = core->schedule.absent,
        .bad_leaders = core->schedule.bad,
    };
    cr_probe_stats(core, &out->probe);
    memcpy(out->contradicting, core->attest.differing, sizeof out->contradicting);
    memcpy(out->verdicts, core->verdicts, sizeof out->verdicts);
    memcpy(out->last_round, core->dag.last_round, sizeof out->last_round);
}

/* Together: the hash takes one long run of bytes much faster than many short ones. */
static void hash_numbers(struct cr_hasher *hasher, const uint64_t *numbers, size_t count)
{
    enum { NUMBERS_MAX = 32 };
    uint8_t bytes[NUMBERS_MAX * 8];
    CR_ASSERT(count <= NUMBERS_MAX);
    for (size_t i = 0; i < count; i++)
        cr_store_le(bytes + i * 8, numbers[i], 8);
    cr_hasher_add(hasher, bytes, count * 8);
}
#define HASH(hasher, ...)                                 \
    hash_numbers(hasher, (const uint64_t[]){__VA_ARGS__}, \
                 sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void hash_vertex(struct cr_hasher *hasher, const struct cr_dag_vertex *v)
{
    cr_hasher_add(hasher, v->digest.bytes, CR_HASH_BYTES);
    HASH(hasher, v->state, v->committed, v->stored, v->payload, v->body, v->source, v->asks,
         v->ask_at_us);
}

static void hash_dag(struct cr_hasher *hasher, const struct cr_dag *dag)
{
    CR_ASSERT(dag->pool != NULL);
    for (uint32_t r = dag->gc_round + 1; r < dag->gc_round + dag->window; r++) {
        for (uint32_t a = 0; a < dag->validators_count; a++) {
            const struct cr_dag_slot *slot = cr_dag_slot(dag, r, a);
            const struct cr_dag_vertex *v = cr_dag_slot_first(dag, r, a);
            if (slot->evidence) HASH(hasher, r, a);
            for (; v != NULL; v = cr_dag_slot_next(dag, v))
                hash_vertex(hasher, v);
        }
        const struct cr_dag_round *round = cr_dag_round(dag, r);
        HASH(hasher, round->missing_count, round->variants);
        for (uint32_t i = round->missing; i != 0; i = dag->pool[i].missing_next)
            hash_vertex(hasher, &dag->pool[i]);
    }
    HASH(hasher, dag->gc_round, dag->highest, dag->gap_round, dag->accepted, dag->suspended,
         dag->missing, dag->free_first, dag->ready_head, dag->ready_count);
    for (uint32_t a = 0; a < dag->validators_count; a++)
        HASH(hasher, dag->last_round[a], dag->equivocal[a], dag->extra[a], dag->missing_by[a]);
}

/* The schedule and the scores by what they would save; the decider by what it has decided and not
 * delivered. */
static void hash_decisions(struct cr_hasher *hasher, const struct cr_core *core)
{
    struct cr_schedule_state schedule = {{0}};
    cr_schedule_save(&core->schedule, &core->score, &schedule);
    cr_hasher_add(hasher, schedule.bytes, sizeof schedule.bytes);
    const struct cr_decider *decider = &core->decider;
    HASH(hasher, decider->delivered, decider->conflict != NULL, decider->direct, decider->indirect,
         decider->skipped);
    for (uint32_t i = 0; i < core->dag.window; i++) {
        const struct cr_leader_round *round = &decider->rounds[i];
        if (round->round <= decider->delivered) continue;
        HASH(hasher, round->round, round->schedule, round->count);
        for (uint32_t k = 0; k < round->count; k++)
            HASH(hasher, round->order[k], round->slots[k].decision, round->slots[k].direct,
                 round->slots[k].vertex);
    }
}

static void hash_attest(struct cr_hasher *hasher, const struct cr_core *core)
{
    const struct cr_attest *attest = &core->attest;
    HASH(hasher, attest->differences_total);
    for (uint32_t k = 0; k < CR_ATTESTED_COUNT; k++) {
        HASH(hasher, attest->head[k]);
        for (uint32_t i = 0; i < CR_ATTEST_KEPT; i++) {
            if (attest->own[k][i].index == 0) continue;
            HASH(hasher, attest->own[k][i].index);
            cr_hasher_add(hasher, attest->own[k][i].digest.bytes, CR_HASH_BYTES);
        }
        for (uint32_t a = 0; a < core->validators_count; a++) {
            const struct cr_attest_claim *claim = &attest->claims[k][a];
            HASH(hasher, claim->index, claim->round, claim->waits,
                 cr_authors_has(&attest->differing[k], a));
            cr_hasher_add(hasher, claim->digest.bytes, CR_HASH_BYTES);
        }
    }
}

static void hash_claim(struct cr_hasher *hasher, const struct cr_claim *claim)
{
    HASH(hasher, claim->from, claim->count, claim->epoch, claim->closing);
    cr_hasher_add(hasher, claim->previous.bytes, CR_HASH_BYTES);
    for (uint32_t i = 0; i < claim->count; i++)
        cr_hasher_add(hasher, claim->digests[i].bytes, CR_HASH_BYTES);
}

static void hash_sync(struct cr_hasher *hasher, const struct cr_syncer *sync)
{
    HASH(hasher, sync->active, sync->rescue, sync->began_index, sync->head, sync->limit,
         sync->conflicts, sync->answered, sync->patience_us, sync->parts_us, sync->given_us,
         sync->index, sync->moved_us, sync->not_before_us, sync->relaxed, sync->wake_us,
         sync->said_next);
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++) {
        const struct cr_lane *lane = &sync->lanes[i];
        HASH(hasher, lane->state, lane->peer, lane->from, lane->to, lane->skip, lane->vertices,
             lane->part, lane->began_us, lane->asked_us, lane->give_up_us);
        if (lane->state >= CR_LANE_HELD) hash_claim(hasher, &lane->claim);
    }
    for (uint32_t i = 0; i < CR_SYNC_SAID; i++) {
        HASH(hasher, sync->said[i].peer, sync->said[i].to, sync->said[i].given);
        hash_claim(hasher, &sync->said[i].claim);
    }
}

/* What acts on time. */
static void hash_local(struct cr_hasher *hasher, const struct cr_core *core)
{
    const struct cr_own *own = &core->own;
    const struct cr_pacemaker *pace = &core->pacemaker;
    const struct cr_syncer *sync = &core->syncer;
    HASH(hasher, own->proposal, own->proposed, own->inherited, own->twin, own->vertex, own->round,
         own->pending, own->sequence, own->proposed_us);
    HASH(hasher, pace->waiting_round, pace->since_us, pace->late_us, pace->timeout_us,
         pace->grown_round, pace->wake_us, pace->quorum_us, pace->committed_us, pace->stalled);
    const struct cr_prober *prober = &core->prober;
    HASH(hasher, prober->memory, prober->kept, prober->old, prober->lost, prober->nonce,
         prober->seen, prober->forgotten, prober->listen_round, prober->listen_us, prober->asked,
         prober->ask_us, prober->wake_us);
    for (uint32_t p = 0; p < core->validators_count; p++) {
        const struct cr_probe_answer *answer = &prober->answers[p];
        HASH(hasher, answer->heard, answer->recovering, answer->round, answer->round_of_ours);
    }
    for (uint32_t a = 0; a < core->validators_count; a++)
        HASH(hasher, pace->missed[a]);
    for (uint32_t i = 0; i < CR_CLOCK_TIMES; i++)
        HASH(hasher, pace->began_us[i], pace->began_round[i]);
    hash_sync(hasher, sync);
    for (uint32_t p = 0; p < core->validators_count; p++) {
        const struct cr_peer *peer = &core->peers[p];
        HASH(hasher, peer->up, peer->fresh, peer->claim, peer->oldest, peer->answered_us,
             peer->range_us, peer->span, peer->ask_after_us, peer->pause_us, peer->forged_us,
             core->exposed[p]);
    }
    for (uint32_t i = 0; i < CR_ROUND_WINDOW; i++)
        if (core->sent_us[i] != 0) HASH(hasher, i, core->sent_us[i]);
}

uint64_t cr_core_hash(const struct cr_core *core)
{
    struct cr_hasher hasher;
    cr_hasher_init(&hasher);
    HASH(&hasher, core->now_us, core->wall_ms, core->started, core->halted, core->undecided,
         core->sequence, core->stored, core->waiting, core->payload_pending, core->executed_index,
         core->checkpoint_index, core->fetch_us, core->status_us, core->accepted_total,
         core->proposed_total, core->fetches_total, core->syncs_total, core->timeouts_total,
         core->equivocations_total, core->sync_handovers_total, core->sync_forged_total,
         cr_core_deadline_us(core));
    hash_numbers(&hasher, core->verdicts, CR_VERDICTS_COUNT);
    cr_hasher_add(&hasher, core->effects_digest.bytes, CR_HASH_BYTES);
    cr_hasher_add(&hasher, core->state_root.bytes, CR_HASH_BYTES);
    HASH(&hasher, core->chain.index, core->chain.leader_round, core->chain.gc_round,
         core->chain.timestamp_ms);
    cr_hasher_add(&hasher, core->chain.digest.bytes, CR_HASH_BYTES);
    hash_dag(&hasher, &core->dag);
    hash_decisions(&hasher, core);
    hash_attest(&hasher, core);
    hash_local(&hasher, core);
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
