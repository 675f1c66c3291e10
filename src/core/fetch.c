/* SPDX-License-Identifier: Apache-2.0 */
/* fetch.c: asking for missing ancestors, answering such questions, and telling where we stand
 * (docs/protocol.md 7). Local code. */
#include "base/cover.h"
#include "core/replica.h"

enum {
    RETRY_US_MIN = 20 * 1000,
    RETRY_US_MAX = 2 * 1000 * 1000,
    CROWDED_US = 1000, /* another scan when a request was full */
    STATUS_BUSY_US = 200 * 1000,
    STATUS_IDLE_US = 1000 * 1000,
    ANSWER_AGAIN_US = 20 * 1000,
    PUSH_AGAIN_US = 100 * 1000, /* what was sent later than this may still be on its way */
};

/* A missing vertex is mostly on its way already: wait a little before the first request. */
uint64_t cr_fetch_first_us(const struct cr_core *core)
{
    return core->config.round_timeout_us / 8;
}

void cr_fetch_expect(struct cr_core *core, uint64_t ask_at_us)
{
    if (ask_at_us < core->fetch_us) core->fetch_us = ask_at_us;
}

/* Everybody once without haste, for most of those asked first may be lying; then less and less. */
static uint64_t retry_us(const struct cr_core *core, uint32_t asks)
{
    uint64_t wait = core->config.round_timeout_us;
    if (wait < RETRY_US_MIN) wait = RETRY_US_MIN;
    for (uint32_t i = core->validators_count; i < asks && wait < RETRY_US_MAX; i++)
        wait *= 2;
    return wait < RETRY_US_MAX ? wait : RETRY_US_MAX;
}

static bool can_ask(const struct cr_core *core, uint32_t peer)
{
    return peer != core->self && core->peers[peer].up;
}

/* First who told us of it, then its author, then everybody in turn. Returns validators_count when
 * nobody is there. */
static uint32_t whom(const struct cr_core *core, const struct cr_dag_vertex *v)
{
    const uint32_t n = core->validators_count;
    if (v->asks == 0 && can_ask(core, v->source)) return v->source;
    if (v->asks <= 1 && can_ask(core, v->author)) return v->author;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t peer = (v->author + v->asks + i - 1) % n;
        if (can_ask(core, peer)) return peer;
    }
    return n;
}

/* Returns when this vertex wants to be looked at again. */
static uint64_t ask(struct cr_core *core, struct cr_dag_vertex *v)
{
    if (core->now_us < v->ask_at_us) return v->ask_at_us;
    const uint32_t peer = whom(core, v);
    if (peer == core->validators_count) {
        v->ask_at_us = core->now_us + RETRY_US_MIN;
        return v->ask_at_us;
    }
    if (core->fetch_counts[peer] == CR_FETCH_REFS_MAX) {
        CR_COVER(fetch_full);
        return core->now_us + CROWDED_US;
    }
    if (v->asks == 2) CR_COVER(fetch_from_anybody);
    struct cr_ref *refs = core->fetch_refs + (size_t)peer * CR_FETCH_REFS_MAX;
    refs[core->fetch_counts[peer]++] = (struct cr_ref){v->round, v->author, v->digest};
    v->asks++;
    v->ask_at_us = core->now_us + retry_us(core, v->asks);
    return v->ask_at_us;
}

/* Lowest rounds first: they are nearest to what we have and unblock the rest. */
void cr_fetch_run(struct cr_core *core)
{
    const struct cr_dag *dag = &core->dag;
    if (dag->missing == 0 || cr_sync_is_behind(core) || core->halted || core->chain.closed) {
        core->fetch_us = CR_NEVER;
        return;
    }
    if (core->fetch_us != CR_NEVER && core->now_us < core->fetch_us) return;
    for (uint32_t p = 0; p < core->validators_count; p++)
        core->fetch_counts[p] = 0;

    core->fetch_us = CR_NEVER;
    uint32_t seen = 0;
    for (uint32_t r = dag->gc_round + 1; seen < dag->missing; r++) {
        for (uint32_t i = cr_dag_round(dag, r)->missing; i != 0; i = dag->pool[i].missing_next) {
            seen++;
            cr_fetch_expect(core, ask(core, &dag->pool[i]));
        }
    }
    for (uint32_t p = 0; p < core->validators_count; p++) {
        if (core->fetch_counts[p] == 0) continue;
        struct cr_effect *fetch = cr_core_emit(core, CR_EFFECT_FETCH);
        fetch->peer = p;
        fetch->refs = core->fetch_refs + (size_t)p * CR_FETCH_REFS_MAX;
        fetch->refs_count = core->fetch_counts[p];
        core->fetches_total++;
    }
}

static void send(struct cr_core *core, uint32_t peer, const struct cr_dag_vertex *v)
{
    struct cr_effect *effect = cr_core_emit(core, CR_EFFECT_SEND);
    effect->peer = peer;
    effect->body = v->body;
}

/* Losing copies of an equivocation are served like any other: somebody has built on them. Ours only
 * when durable. */
void cr_fetch_answer(struct cr_core *core, const struct cr_event *event)
{
    CR_ASSERT(event->peer < core->validators_count);
    for (uint32_t i = 0; i < event->refs_count && i < CR_FETCH_REFS_MAX; i++) {
        const struct cr_ref *ref = &event->refs[i];
        const struct cr_dag_vertex *v =
            cr_dag_find(&core->dag, ref->round, ref->author, &ref->digest);
        if (v == NULL || v->state == CR_DAG_MISSING) {
            CR_COVER(fetch_miss);
            continue;
        }
        if (v->state == CR_DAG_SUSPENDED && v->author == core->self) {
            CR_COVER(fetch_of_what_is_not_durable);
            continue;
        }
        send(core, event->peer, v);
    }
}

/* A vertex without one of the round before had to do without it: its author has not got it, though
 * we have. Two of us push it, others for every author and round, so that neither one dead node nor
 * a lost frame is in the way and no peer gets ten copies. Only for who keeps up: the rest comes by
 * sync. Equivocators are left out on purpose and need no help. */
void cr_fetch_help(struct cr_core *core, const struct cr_dag_vertex *v)
{
    const struct cr_dag *dag = &core->dag;
    const uint32_t n = core->validators_count;
    if (v->author == core->self || !core->peers[v->author].up) return;
    if (v->round + 2 < dag->highest || !cr_dag_in_window(dag, v->round - 1)) return;
    const struct cr_authors lacks =
        cr_authors_without(cr_dag_round(dag, v->round - 1)->present, &v->parents);
    for (uint32_t a = cr_authors_next(&lacks, 0); a < CR_VALIDATORS_MAX;
         a = cr_authors_next(&lacks, a + 1)) {
        const struct cr_dag_vertex *y = cr_dag_slot_first(dag, v->round - 1, a);
        if ((core->self + n - (a + v->round) % n) % n >= CR_HELPERS) continue;
        if (a == core->self || a == v->author || dag->equivocal[a] > dag->gc_round) continue;
        if (y == NULL || y->state != CR_DAG_ACCEPTED || core->helped == CR_HELP_MAX) continue;
        CR_COVER(peer_helped);
        core->helped++;
        send(core, v->author, y);
    }
}

/* ---- status ---- */

void cr_status_send(struct cr_core *core, uint32_t peer)
{
    struct cr_effect *effect = cr_core_emit(core, CR_EFFECT_SEND_STATUS);
    effect->peer = peer;
    effect->status = (struct cr_status){
        .epoch = core->committee->epoch,
        .round = core->own.round,
        .round_of_receiver = core->dag.last_round[peer],
        .gc_round = core->dag.gc_round,
        .commit_index = core->chain.index,
        .oldest_commit = 1, /* the host knows better and fills it in */
    };
}

/* The peer lacks own vertices above the round it names: push them, lowest first. */
static void push_own(struct cr_core *core, uint32_t peer, uint32_t above)
{
    const struct cr_dag *dag = &core->dag;
    const bool fresh = core->peers[peer].fresh;
    uint32_t sent = 0;
    if (above < dag->gc_round) above = dag->gc_round;
    for (uint32_t r = above + 1; r <= core->own.round && r > above; r++) {
        if (!fresh && core->now_us - core->sent_us[r % CR_ROUND_WINDOW] < PUSH_AGAIN_US) break;
        const struct cr_dag_vertex *v = cr_dag_slot_first(dag, r, core->self);
        if (v == NULL || v->state != CR_DAG_ACCEPTED) continue;
        send(core, peer, v);
        CR_COVER(own_vertex_pushed);
        if (++sent < CR_STATUS_PUSH_MAX) continue;
        CR_COVER(push_limit);
        break;
    }
    core->peers[peer].fresh = false;
}

/* A peer that catches up wants to know how far we have got meanwhile: what we have told it is too
 * old as soon as it has come near. */
static void answer_straggler(struct cr_core *core, uint32_t peer, const struct cr_status *status)
{
    struct cr_peer *from = &core->peers[peer];
    const bool earlier = status->epoch < core->committee->epoch;
    if (status->commit_index > core->chain.index) return;
    if (core->chain.index - status->commit_index < CR_SYNC_LAG && !earlier) return;
    if (core->now_us - from->answered_us < ANSWER_AGAIN_US) return;
    from->answered_us = core->now_us;
    cr_status_send(core, peer);
}

void cr_status_receive(struct cr_core *core, uint32_t peer, const struct cr_status *status)
{
    CR_ASSERT(peer < core->validators_count);
    CR_ASSERT(peer != core->self);
    struct cr_peer *from = &core->peers[peer];
    if (status->commit_index > from->claim) from->claim = status->commit_index;
    from->oldest = status->oldest_commit;
    /* It has just come into our epoch: what we sent before, it could not take. */
    if (status->epoch != from->epoch) from->fresh = true;
    from->epoch = status->epoch;
    if (!core->started) return;
    if (status->epoch == core->committee->epoch) push_own(core, peer, status->round_of_receiver);
    answer_straggler(core, peer, status);
}

void cr_status_send_all(struct cr_core *core)
{
    for (uint32_t p = 0; p < core->validators_count; p++) {
        if (core->peers[p].up) cr_status_send(core, p);
    }
}

void cr_status_run(struct cr_core *core)
{
    if (core->now_us < core->status_us) return;
    const bool idle = cr_core_is_idle(core);
    core->status_us = core->now_us + (idle ? STATUS_IDLE_US : STATUS_BUSY_US);
    cr_status_send_all(core);
}
