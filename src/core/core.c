/* SPDX-License-Identifier: Apache-2.0 */
#include "core/core.h"

#include <string.h>

#include "base/cover.h"
#include "core/replica.h"

static uint32_t window_of(const struct cr_core_config *config)
{
    return config->round_window != 0 ? config->round_window : CR_ROUND_WINDOW;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

struct cr_core *cr_core_init(struct cr_arena *arena, const struct cr_core_config *config)
{
    const uint32_t n = config->committee->validators_count;
    const uint32_t window = window_of(config);
    CR_ASSERT(config->self < n || config->observer);
    CR_ASSERT(window <= CR_ROUND_WINDOW);
    CR_ASSERT(config->gc_depth >= 3); /* a wave: decisions read no deeper */
    CR_ASSERT(config->gc_depth + window / 4 + 4 <= window);
    CR_ASSERT(config->round_timeout_us > 0);
    CR_ASSERT(config->round_timeout_us <= config->round_timeout_us_max);

    const size_t before = arena->bytes_used;
    struct cr_core *core = cr_arena_take(arena, 1, sizeof *core);
    struct cr_core plan = {
        .config = *config,
        .committee = config->committee,
        .self = config->self,
        .validators_count = n,
        .rounds_ahead = least(CR_ROUNDS_AHEAD, window / 4),
        .fetch_us = CR_NEVER,
        .status_us = CR_NEVER,
        .sequence = config->sequence,
        .stored = config->sequence,
    };
    cr_dag_init(&plan.dag, arena, n, window, config->table_key);
    plan.header = cr_arena_take(arena, 1, sizeof *plan.header);
    plan.fetch_refs = cr_arena_take(arena, (size_t)n * CR_FETCH_REFS_MAX, sizeof(struct cr_ref));
    plan.fetch_counts = cr_arena_take(arena, n, sizeof(uint32_t));
    plan.commit_refs_max = 2 * plan.dag.pool_max;
    plan.commit_refs = cr_arena_take(arena, plan.commit_refs_max, sizeof(struct cr_ref));
    plan.commit_bodies = cr_arena_take(arena, plan.dag.pool_max, sizeof(uint32_t));
    plan.commit_schedules = cr_arena_take(arena, window, sizeof(struct cr_schedule_state));
    cr_score_init(&plan.score, arena, config->committee,
                  config->score_window != 0 ? config->score_window : CR_SCORE_WINDOW, window);
    cr_decider_init(&plan.decider, arena, &plan.dag, config->committee, &plan.schedule);
    if (core == NULL) return NULL;
    const bool seated = config->self < n;
    if (!seated) CR_COVER(core_without_a_seat);
    if (seated && config->committee->stake[config->self] == 0) CR_COVER(core_without_a_voice);

    *core = plan;
    core->memory_bytes = arena->bytes_used - before;
    core->decider.dag = &core->dag;
    core->decider.schedule = &core->schedule;
    cr_schedule_init(&core->schedule, core->committee);
    cr_chain_init(&core->chain, core->committee, config->gc_depth);
    cr_chain_begin(&core->chain, &config->epoch, config->epoch_rounds, config->epoch_ms);
    cr_attest_own(core, CR_ATTESTED_COMMIT, core->chain.index, &core->chain.digest);
    core->prober.wake_us = CR_NEVER;
    cr_pacemaker_init(core);
    return core;
}

/* One step: every held vertex may be accepted (STORE), committed in at most `window` commits
 * and dropped, own ones with a REQUEUE before; the arriving one adds EVIDENCE of two kinds with 2n
 * SENDs, or a DROP; PEER and STATUS and FETCH add SENDs; the timed parts one message per peer
 * each; and sync one FORGED per claim, at most two SYNCs and a GIVE per lane, and two SYNCs
 * more. */
static uint32_t effects_max(uint32_t n, uint32_t window, uint32_t pool)
{
    return 2 * pool + 2 * window + pool / n + 5 * n + CR_STATUS_PUSH_MAX + CR_HELP_MAX +
           CR_FETCH_REFS_MAX + CR_SYNC_SAID + 5 * CR_SYNC_LANES + 18;
}

void cr_effects_init(struct cr_arena *arena, struct cr_effects *effects,
                     const struct cr_core_config *config)
{
    const uint32_t n = config->committee->validators_count;
    const uint32_t window = window_of(config);
    struct cr_arena measure;
    struct cr_dag dag;
    cr_arena_init_measure(&measure);
    cr_dag_init(&dag, &measure, n, window, 0);
    const uint32_t max = effects_max(n, window, dag.pool_max);
    *effects = (struct cr_effects){
        .count_max = max,
        .items = cr_arena_take(arena, max, sizeof(struct cr_effect)),
    };
}

struct cr_effect *cr_core_emit(struct cr_core *core, enum cr_effect_kind kind)
{
    struct cr_effects *effects = core->effects;
    CR_ASSERT(effects->count < effects->count_max);
    struct cr_effect *effect = &effects->items[effects->count++];
    memset(effect, 0, sizeof *effect);
    effect->kind = kind;
    return effect;
}

void cr_core_drop(struct cr_core *core, uint32_t body, enum cr_verdict verdict)
{
    struct cr_effect *drop = cr_core_emit(core, CR_EFFECT_DROP);
    drop->body = body;
    drop->verdict = verdict;
    core->verdicts[verdict]++;
}

bool cr_core_quorum(const struct cr_core *core, const struct cr_authors *set)
{
    return cr_committee_stake_of(core->committee, set) >= core->committee->quorum;
}

/* ---- arrival ---- */

/* Whether a valid header can be taken now. */
static enum cr_verdict place(const struct cr_core *core, const struct cr_header *header,
                             const struct cr_hash *digest)
{
    const struct cr_dag *dag = &core->dag;
    if (header->round == dag->gc_round) CR_COVER(arrival_at_the_horizon);
    if (header->round == dag->gc_round + 1) CR_COVER(arrival_above_the_horizon);
    if (header->round <= dag->gc_round) return CR_VERDICT_OLD;
    if (!cr_dag_in_window(dag, header->round)) return CR_VERDICT_FAR;
    const struct cr_dag_vertex *v = cr_dag_find(dag, header->round, header->author, digest);
    if (v != NULL && v->state != CR_DAG_MISSING) return CR_VERDICT_KNOWN;
    if (!core->started) return CR_VERDICT_OK; /* from our own log */
    if (header->round - dag->gc_round > dag->highest - dag->gc_round + core->rounds_ahead) {
        CR_COVER(arrival_far_ahead);
        return CR_VERDICT_FAR;
    }
    /* Too early by our clock: it is asked for when something needs it. Then it is taken: whoever
     * built on it may be correct, and no clock may keep us from following. */
    const bool wanted = cr_dag_find(dag, header->round, header->author, digest) != NULL;
    if (!core->syncer.active && !wanted && header->timestamp_ms > core->wall_ms &&
        header->timestamp_ms - core->wall_ms > CR_CLOCK_DRIFT_MS) {
        CR_COVER(arrival_from_the_future);
        return CR_VERDICT_FAR;
    }
    return CR_VERDICT_OK;
}

static bool has_room(const struct cr_core *core, const struct cr_header *header,
                     const struct cr_hash *digest, uint32_t source)
{
    const struct cr_dag_arrival arrival = {
        .header = header, .digest = digest, .source = source, .returning = !core->started};
    return cr_dag_has_room(&core->dag, &arrival);
}

enum cr_verdict cr_core_admit(const struct cr_core *core, uint32_t peer,
                              const struct cr_header *header, const struct cr_hash *digest)
{
    enum cr_verdict verdict = cr_header_judge(core->committee, header);
    if (verdict == CR_VERDICT_OK) verdict = place(core, header, digest);
    if (verdict != CR_VERDICT_OK) return verdict;
    if (has_room(core, header, digest, peer)) return CR_VERDICT_OK;
    /* The first second copy is worth a signature check for the evidence alone. */
    CR_COVER(no_room_for_a_vertex);
    const struct cr_dag_slot *slot = cr_dag_slot(&core->dag, header->round, header->author);
    return slot->held > 0 && !slot->evidence ? CR_VERDICT_OK : CR_VERDICT_CROWDED;
}

/* Twice for each author and horizon, everybody is shown both copies. Who knows only one builds
 * on it, and where half of us do, the slots of a liar stay undecided (docs/protocol.md 3.5). */
static void expose(struct cr_core *core, uint32_t author, uint32_t body)
{
    for (uint32_t p = 0; p < core->validators_count; p++) {
        if (!core->peers[p].up || p == author || p == core->self) continue;
        struct cr_effect *send = cr_core_emit(core, CR_EFFECT_SEND);
        send->peer = p;
        send->body = body;
    }
}

static void report_equivocation(struct cr_core *core, const struct cr_event_vertex *arrival)
{
    const struct cr_header *header = arrival->header;
    struct cr_dag_slot *slot = cr_dag_slot(&core->dag, header->round, header->author);
    if (slot->held == 0 || slot->evidence) return;
    slot->evidence = true;
    core->equivocations_total++;
    const bool committed = core->dag.pool[slot->first].committed;
    if (committed) CR_COVER(equivocation_after_commit);
    if (!committed) CR_COVER(equivocation_before_commit);
    struct cr_effect *evidence = cr_core_emit(core, CR_EFFECT_EVIDENCE);
    evidence->body = arrival->body;
    evidence->body_other = core->dag.pool[slot->first].body;
    if (!core->started) { /* the report of the earlier life may have died with it */
        CR_COVER(evidence_of_an_earlier_life);
        return;
    }
    uint32_t *shown = &core->exposed[header->author];
    if (*shown > 0 && header->round < *shown + core->config.gc_depth / 2) return;
    *shown = header->round;
    expose(core, header->author, arrival->body);
    expose(core, header->author, core->dag.pool[slot->first].body);
}

static struct cr_dag_vertex *take(struct cr_core *core, const struct cr_event_vertex *arrival,
                                  uint32_t source, uint32_t holds)
{
    const uint32_t gc_round = core->dag.gc_round;
    const uint32_t leader_round = core->chain.leader_round;
    const struct cr_dag_arrival in = {
        .header = arrival->header,
        .digest = &arrival->digest,
        .body = arrival->body,
        .source = source,
        .ask_at_us = core->now_us + cr_fetch_first_us(core),
        /* In sync, ancestors that no undecided slot can need may be absent (protocol 8.3). */
        .wait_above = core->syncer.active && leader_round > gc_round ? leader_round : gc_round,
        .holds = holds,
        .returning = !core->started,
    };
    if (in.wait_above > gc_round) CR_COVER(relaxed_wait);
    const uint32_t missing = core->dag.missing;
    struct cr_dag_vertex *v = cr_dag_insert(&core->dag, &in);
    if (core->dag.missing > missing) CR_COVER(ancestor_missing);
    if (core->dag.missing > 0) cr_fetch_expect(core, in.ask_at_us);
    return v;
}

void cr_core_twin(struct cr_core *core, uint32_t round)
{
    core->own.twin = true;
    cr_core_emit(core, CR_EFFECT_TWIN)->round = round;
}

/* Signed by our key, but unknown to us. Others build on it, so we take it like any other, and never
 * sign its round, even if there is no room for it. Only up to `inherited` can an earlier life have
 * signed it; above, somebody else has our key, or our own past was taken from us. */
static void note_own(struct cr_core *core, const struct cr_event_vertex *arrival)
{
    struct cr_own *own = &core->own;
    const uint32_t round = arrival->header->round;
    core->verdicts[CR_VERDICT_SELF]++;
    const bool may_be_twin = !own->twin && !core->config.twin_expected;
    if (round > own->proposed) own->proposed = round;
    if (round > core->prober.seen) core->prober.seen = round;
    if (may_be_twin && cr_probe_is_later(core, arrival->header)) {
        cr_core_twin(core, round);
        return;
    }
    if (round <= own->inherited) {
        CR_COVER(own_vertex_of_an_earlier_life);
        return;
    }
    if (!may_be_twin) return;
    if (cr_probe_explains(core, round)) return;
    cr_core_twin(core, round);
}

static void on_vertex(struct cr_core *core, const struct cr_event *event)
{
    const struct cr_event_vertex *arrival = &event->vertex;
    const struct cr_header *header = arrival->header;
    CR_ASSERT(event->peer < core->validators_count);
    enum cr_verdict verdict = cr_header_judge(core->committee, header);
    if (verdict == CR_VERDICT_OK) {
        struct cr_peer *author = &core->peers[header->author];
        if (header->commit_index > author->claim) author->claim = header->commit_index;
        cr_attest_hear(core, arrival);
        verdict = place(core, header, &arrival->digest);
    }
    if (verdict == CR_VERDICT_OK) {
        if (header->author == core->self) note_own(core, arrival);
        report_equivocation(core, arrival);
        if (!has_room(core, header, &arrival->digest, event->peer)) verdict = CR_VERDICT_CROWDED;
    }
    if (verdict != CR_VERDICT_OK) {
        cr_core_drop(core, arrival->body, verdict);
        return;
    }
    take(core, arrival, event->peer, 0);
}

/* ---- acceptance, commits, the horizon ---- */

static void store(struct cr_core *core, struct cr_dag_vertex *v, bool own)
{
    struct cr_effect *effect = cr_core_emit(core, CR_EFFECT_STORE);
    effect->body = v->body;
    effect->store.sequence = ++core->sequence;
    effect->store.own = own;
    effect->store.lost = core->prober.old && v->author == core->self && core->proposed_total == 0;
    effect->store.round = v->round;
    effect->store.digest = v->digest;
    v->stored = true;
}

static void accept(struct cr_core *core, struct cr_dag_vertex *v)
{
    cr_dag_accept(&core->dag, v);
    core->accepted_total++;
    core->undecided = true;
    if (!cr_decider_accept(&core->decider, v)) core->verdicts[CR_VERDICT_LEADER_CLAUSE]++;
    if (!v->stored) store(core, v, false);
    if (v->payload && !v->committed) core->payload_pending++;
    if (v->author == core->self) {
        cr_dag_mark_own(&core->dag, v);
        if (v->round > core->own.round) {
            core->own.round = v->round;
            core->own.vertex = v->id;
        }
        if (v->round > core->own.proposed) core->own.proposed = v->round;
    }
    cr_pacemaker_on_accept(core, v);
    if (core->started) cr_fetch_help(core, v);
}

static void release(struct cr_core *core, struct cr_dag_vertex *v)
{
    if (v->state != CR_DAG_MISSING) {
        if (v->state == CR_DAG_ACCEPTED && v->payload && !v->committed) core->payload_pending--;
        if (v->state == CR_DAG_SUSPENDED) CR_COVER(suspended_below_the_horizon);
        if (v->author == core->self && !v->committed) {
            CR_COVER(own_vertex_requeued);
            struct cr_effect *requeue = cr_core_emit(core, CR_EFFECT_REQUEUE);
            requeue->body = v->body;
        }
        cr_core_drop(core, v->body, CR_VERDICT_RELEASED);
    }
    cr_dag_release(&core->dag, v);
}

static void raise_horizon(struct cr_core *core)
{
    struct cr_dag *dag = &core->dag;
    while (dag->gc_round < core->chain.gc_round) {
        const struct cr_dag_round *round = cr_dag_round(dag, dag->gc_round + 1);
        while (round->first != 0)
            release(core, &dag->pool[round->first]);
        cr_dag_raise_horizon(dag);
    }
}

void cr_core_halt(struct cr_core *core, const char *reason)
{
    if (core->halted) return;
    core->halted = true;
    cr_core_emit(core, CR_EFFECT_HALT)->reason = reason;
}

static const struct cr_dag_vertex *committed(const struct cr_core *core, const struct cr_ref *ref)
{
    const struct cr_dag_vertex *v = cr_dag_find(&core->dag, ref->round, ref->author, &ref->digest);
    CR_ASSERT(v != NULL);
    return v;
}

/* What the commit means for the schedule of the next one. */
static void reschedule(struct cr_core *core, const struct cr_chain_commit *made)
{
    const struct cr_commit *record = &made->record;
    struct cr_authors leaders = {0};
    uint64_t scores[CR_VALIDATORS_MAX];
    for (uint32_t i = 0; i < record->vertices_count; i++) {
        const struct cr_dag_vertex *v = committed(core, &record->vertices[i]);
        cr_score_vertex(&core->score, v->round, v->author, &v->parents);
    }
    for (uint32_t i = 0; i < record->leaders_count; i++)
        cr_authors_add(&leaders, record->leaders[i].author);
    cr_schedule_advance(&core->schedule, &made->in_time);
    if (cr_score_commit(&core->score, &leaders, record->leader_round, record->gc_round, scores))
        cr_schedule_judge(&core->schedule, scores);
}

static void announce(struct cr_core *core, const struct cr_chain_commit *commit,
                     const struct cr_schedule_state *schedule)
{
    struct cr_effect *effect = cr_core_emit(core, CR_EFFECT_COMMIT);
    effect->commit.record = commit->record;
    effect->commit.digest = commit->digest;
    effect->commit.bodies = commit->bodies;
    effect->commit.schedule = schedule;
    for (uint32_t i = 0; i < commit->record.vertices_count; i++) {
        if (committed(core, &commit->record.vertices[i])->payload) core->payload_pending--;
    }
}

/* Makes one commit, if one is due. The horizon moves with it and may release suspended vertices,
 * so the caller accepts again before it asks for the next. */
static bool commit(struct cr_core *core)
{
    if (core->halted || core->chain.closed || !core->undecided) return false;
    const uint32_t round = cr_decider_run(&core->decider);
    if (core->decider.conflict != NULL) cr_core_halt(core, core->decider.conflict);
    if (round == 0) {
        core->undecided = false;
        return false;
    }
    struct cr_chain_commit made = {
        .refs = core->commit_refs + core->commit_refs_used,
        .refs_max = core->commit_refs_max - core->commit_refs_used,
        .bodies = core->commit_bodies + core->commit_bodies_used,
    };
    if (!cr_chain_append(&core->chain, &core->dag, &core->decider, round, &made)) {
        core->undecided = false; /* what lacks will be accepted one day */
        return false;
    }
    core->commit_refs_used += made.record.leaders_count + made.record.vertices_count;
    core->commit_bodies_used += made.record.vertices_count;
    if (core->commits == 1) CR_COVER(two_commits_in_a_step);
    if (core->commits == 8) CR_COVER(catch_up_burst);

    cr_decider_deliver(&core->decider, round);
    reschedule(core, &made);
    CR_ASSERT(core->commits < core->dag.window);
    struct cr_schedule_state *schedule = &core->commit_schedules[core->commits++];
    cr_schedule_save(&core->schedule, &core->score, schedule);
    announce(core, &made, schedule);
    cr_attest_own(core, CR_ATTESTED_COMMIT, made.record.index, &made.digest);
    cr_sync_on_commit(core, made.record.index, &made.digest);
    raise_horizon(core);
    cr_pacemaker_on_commit(core);
    return true;
}

static void settle(struct cr_core *core)
{
    do {
        cr_sync_relax(core);
        for (struct cr_dag_vertex *v = cr_dag_next_ready(&core->dag); v != NULL;
             v = cr_dag_next_ready(&core->dag))
            accept(core, v);
    } while (commit(core));
}

/* ---- the other events ---- */

static void on_restore_head(struct cr_core *core, const struct cr_core_head *head)
{
    CR_ASSERT(!core->started);
    CR_ASSERT(core->chain.leader_round == 0 && core->dag.accepted == 0);
    core->chain.index = head->commit_index;
    core->chain.digest = head->commit_digest;
    core->chain.leader_round = head->leader_round;
    core->chain.gc_round = head->gc_round;
    core->chain.timestamp_ms = head->timestamp_ms;
    core->chain.closed = cr_chain_ends(&core->chain, head->leader_round, head->timestamp_ms);
    core->decider.delivered = head->leader_round;
    cr_attest_own(core, CR_ATTESTED_COMMIT, head->commit_index, &head->commit_digest);
    cr_dag_start_at(&core->dag, head->gc_round);
    const enum cr_err err = cr_schedule_load(&core->schedule, &core->score, head->leader_round,
                                             head->gc_round, &head->schedule);
    CR_ASSERT(err == CR_OK); /* what we saved, under the checksum of the host */
}

static void on_restore_vertex(struct cr_core *core, const struct cr_event *event)
{
    const struct cr_event_vertex *arrival = &event->vertex;
    /* Who has no seat in this committee has nothing to pay with (core.h, `self`). */
    const uint32_t source =
        core->self < core->validators_count ? core->self : arrival->header->author;
    CR_ASSERT(!core->started);
    enum cr_verdict verdict = cr_header_judge(core->committee, arrival->header);
    if (verdict == CR_VERDICT_OK) verdict = place(core, arrival->header, &arrival->digest);
    if (verdict == CR_VERDICT_OK) {
        report_equivocation(core, arrival);
        if (!has_room(core, arrival->header, &arrival->digest, source))
            verdict = CR_VERDICT_CROWDED;
    }
    /* Forgetting that a vertex was committed would commit it again: a fork. */
    CR_ASSERT(CR_IMPLIES(event->committed, verdict == CR_VERDICT_OK || verdict == CR_VERDICT_OLD));
    if (verdict != CR_VERDICT_OK) {
        cr_core_drop(core, arrival->body, verdict);
        return;
    }
    struct cr_dag_vertex *v = take(core, arrival, source, 0);
    v->stored = true;
    v->committed = event->committed;
    if (v->committed) cr_score_restore(&core->score, v->round, v->author, &v->parents);
}

/* The log must hold the whole committed prefix above the horizon. If the head ran ahead of the log
 * we would fetch what lacks, take it for new and commit it twice: better to stop here. */
static void check_restored(const struct cr_core *core)
{
    const struct cr_dag *dag = &core->dag;
    bool leader = core->chain.leader_round == 0;
    for (uint32_t i = 1; i < dag->pool_max; i++) {
        const struct cr_dag_vertex *v = &dag->pool[i];
        if (v->state == CR_DAG_FREE || !v->committed) continue;
        CR_ASSERT(v->state == CR_DAG_ACCEPTED);
        if (v->round == core->chain.leader_round) leader = true;
        for (uint32_t a = 0; a < dag->validators_count; a++) {
            const struct cr_dag_vertex *to = cr_dag_ref(dag, v, a);
            CR_ASSERT(to == NULL || to->committed);
        }
    }
    CR_ASSERT(leader);
}

static void on_start(struct cr_core *core, const struct cr_event *start)
{
    const uint32_t signed_round = start->signed_round;
    CR_ASSERT(!core->started);
    check_restored(core);
    core->started = true;
    if (core->chain.leader_round > 0) CR_COVER(restart_from_a_head);
    if (signed_round > core->own.proposed) {
        CR_COVER(restart_with_a_burned_round);
        core->own.proposed = signed_round;
    }
    /* An observer has signed in a later epoch: all of this one is an earlier life's. */
    core->own.inherited = core->config.observer ? UINT32_MAX : core->own.proposed;
    cr_probe_start(core, start);
    core->status_us = core->now_us;
    core->syncer.index = core->chain.index;
    core->syncer.moved_us = core->now_us;
}

/* Whether what the host has just signed may still be shown. */
static enum cr_verdict judge_sealed(const struct cr_core *core,
                                    const struct cr_event_vertex *sealed)
{
    const uint32_t round = sealed->header->round;
    if (core->chain.closed) return CR_VERDICT_OLD;
    if (round <= core->dag.gc_round) return CR_VERDICT_OLD; /* sealing took too long */
    /* A vertex of ours from an earlier life came meanwhile, or our key has a twin. */
    if (core->own.twin || round < core->own.proposed) return CR_VERDICT_CROWDED;
    if (cr_dag_slot(&core->dag, round, core->self)->held > 0) return CR_VERDICT_CROWDED;
    const bool room = has_room(core, sealed->header, &sealed->digest, core->self);
    return room ? CR_VERDICT_OK : CR_VERDICT_CROWDED;
}

static void on_sealed(struct cr_core *core, const struct cr_event_vertex *sealed)
{
    struct cr_own *own = &core->own;
    CR_ASSERT(own->proposal == CR_PROPOSAL_SEALING);
    CR_ASSERT(sealed->header->author == core->self);
    CR_ASSERT(sealed->header->round == core->header->round);
    const enum cr_verdict verdict = judge_sealed(core, sealed);
    if (verdict != CR_VERDICT_OK) {
        CR_COVER(sealed_too_late);
        cr_core_emit(core, CR_EFFECT_REQUEUE)->body = sealed->body;
        cr_core_drop(core, sealed->body, verdict);
        own->proposal = CR_PROPOSAL_NONE;
        return;
    }
    struct cr_dag_vertex *v = take(core, sealed, core->self, 1);
    store(core, v, true);
    own->pending = v->id;
    own->sequence = core->sequence;
    own->proposal = CR_PROPOSAL_STORING;
}

/* Durable: only now may anybody see it, ourselves included. */
static void on_stored(struct cr_core *core, uint64_t sequence)
{
    struct cr_own *own = &core->own;
    CR_ASSERT(sequence >= core->stored);
    CR_ASSERT(sequence <= core->sequence);
    core->stored = sequence;
    if (own->proposal != CR_PROPOSAL_STORING || sequence < own->sequence) return;
    if (own->twin) return; /* it may be the second one of its round: it stays unseen */

    own->proposal = CR_PROPOSAL_NONE;
    struct cr_dag_vertex *v = cr_dag_get(&core->dag, own->pending);
    if (v == NULL) { /* the horizon took it meanwhile */
        CR_COVER(horizon_took_the_own_vertex);
        return;
    }
    cr_dag_unhold(&core->dag, v);
    core->sent_us[v->round % CR_ROUND_WINDOW] = core->now_us;
    cr_core_emit(core, CR_EFFECT_BROADCAST)->body = v->body;
}

static void on_executed(struct cr_core *core, const struct cr_event *event)
{
    CR_ASSERT(event->executed.index <= core->chain.index);
    CR_ASSERT(event->executed.checkpoint_index <= event->executed.index);
    core->executed_index = event->executed.index;
    core->effects_digest = event->executed.effects_digest;
    core->checkpoint_index = event->executed.checkpoint_index;
    core->state_root = event->executed.state_root;
    cr_attest_own(core, CR_ATTESTED_EFFECTS, core->executed_index, &core->effects_digest);
    cr_attest_own(core, CR_ATTESTED_ROOT, core->checkpoint_index, &core->state_root);
}

static void on_peer(struct cr_core *core, const struct cr_event *event)
{
    CR_ASSERT(event->peer < core->validators_count);
    CR_ASSERT(event->peer != core->self);
    core->peers[event->peer].up = event->up;
    core->peers[event->peer].fresh = event->up;
    if (!event->up || !core->started) return;
    cr_status_send(core, event->peer);
    cr_probe_peer(core, event->peer);
}

/* Everything held goes back. What is ours and was not committed can no longer be. */
static void on_close(struct cr_core *core)
{
    CR_ASSERT(core->chain.closed);
    CR_ASSERT(core->own.proposal != CR_PROPOSAL_SEALING);
    for (uint32_t i = 1; i < core->dag.pool_max; i++) {
        const struct cr_dag_vertex *v = &core->dag.pool[i];
        if (v->state == CR_DAG_FREE || v->state == CR_DAG_MISSING) continue;
        if (v->author == core->self && !v->committed) {
            CR_COVER(own_vertex_void_at_an_epochs_end);
            cr_core_emit(core, CR_EFFECT_REQUEUE)->body = v->body;
        }
        cr_core_drop(core, v->body, CR_VERDICT_RELEASED);
    }
    core->started = false;
    core->ended = true;
}

static void dispatch(struct cr_core *core, const struct cr_event *event)
{
    switch (event->kind) {
    case CR_EVENT_RESTORE_HEAD: on_restore_head(core, event->head); return;
    case CR_EVENT_RESTORE_VERTEX: on_restore_vertex(core, event); return;
    case CR_EVENT_START: on_start(core, event); return;
    case CR_EVENT_TICK: return;
    case CR_EVENT_VERTEX: on_vertex(core, event); return;
    case CR_EVENT_SEALED: on_sealed(core, &event->vertex); return;
    case CR_EVENT_STORED: on_stored(core, event->sequence); return;
    case CR_EVENT_EXECUTED: on_executed(core, event); return;
    case CR_EVENT_WAITING: core->waiting = event->waiting; return;
    case CR_EVENT_PEER: on_peer(core, event); return;
    case CR_EVENT_STATUS: cr_status_receive(core, event->peer, &event->status); return;
    case CR_EVENT_FETCH: cr_fetch_answer(core, event); return;
    case CR_EVENT_RANGE: cr_sync_on_range(core, event); return;
    case CR_EVENT_CLOSE: on_close(core); return;
    case CR_EVENT_PROBE: cr_probe_answer(core, event); return;
    case CR_EVENT_PROBE_REPLY: cr_probe_receive(core, event); return;
    case CR_EVENT_GIVEN: cr_sync_on_given(core, event); return;
    case CR_EVENT_REFUTED:
        cr_core_halt(core, "more than a third of the stake has signed another end of an epoch");
        return;
    }
    CR_UNREACHABLE();
}

void cr_core_step(struct cr_core *core, const struct cr_event *event, struct cr_effects *effects)
{
    CR_ASSERT(event->now_us >= core->now_us);
    CR_ASSERT(!core->ended);
    effects->count = 0;
    core->effects = effects;
    core->now_us = event->now_us;
    core->wall_ms = event->wall_ms;
    core->commit_refs_used = 0;
    core->commit_bodies_used = 0;
    core->commits = 0;
    core->helped = 0;

    dispatch(core, event);
    if (!core->ended) settle(core);
    if (core->started) {
        cr_sync_run(core);
        cr_probe_run(core);
        cr_pacemaker_run(core);
        cr_fetch_run(core);
        cr_status_run(core);
    }
    core->effects = NULL;
}

uint64_t cr_core_deadline_us(const struct cr_core *core)
{
    if (!core->started) return CR_NEVER;
    const uint64_t wishes[] = {core->pacemaker.wake_us, core->fetch_us, core->syncer.wake_us,
                               core->status_us, core->prober.wake_us};
    uint64_t first = CR_NEVER;
    for (size_t i = 0; i < CR_COUNT_OF(wishes); i++) {
        if (wishes[i] < first) first = wishes[i];
    }
    return first;
}
