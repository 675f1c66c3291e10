/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c: what may our key have signed before this start, and is it signing somewhere else
 * (docs/protocol.md 4.8)? Everything here is over before the first own vertex, and local.
 *
 * KEPT: guard and log look whole. A quorum, ourselves among it, has to answer: nobody can go on
 * without a quorum anyway, so this costs no liveness. A vertex of ours that we do not know proves
 * that what looks whole is an old copy; then it is
 * LOST: a quorum without ourselves has to answer. Our last vertex had a quorum of parents; one of
 * their authors is honest, remembers, and answers: we cannot have signed anything above the highest
 * answer plus one. So that is where the burnt rounds end. Then we listen before we speak. */
#include "base/cover.h"
#include "core/replica.h"

enum {
    ASK_US_MIN = 100 * 1000,
    ASK_US_MAX = 2 * 1000 * 1000,
    LISTEN_US = 5 * 1000 * 1000,
};

void cr_probe_start(struct cr_core *core, const struct cr_event *start)
{
    struct cr_prober *prober = &core->prober;
    prober->memory = start->memory;
    prober->nonce = start->nonce;
    prober->kept = start->memory == CR_MEMORY_KEPT;
    prober->ask_us = core->now_us;
    prober->forgotten = core->dag.gc_round;
    if (start->memory != CR_MEMORY_LOST) return;
    CR_COVER(start_without_memory);
    core->own.inherited = UINT32_MAX; /* whatever comes, an earlier life may have signed it */
}

/* Who only watches, or has no seat, asks nobody; the core of a later epoch will. */
static bool is_asking(const struct cr_core *core)
{
    return core->prober.memory != CR_MEMORY_SURE && !core->config.observer;
}

bool cr_probe_is_over(const struct cr_core *core)
{
    return core->prober.memory == CR_MEMORY_SURE && core->prober.listen_round == 0;
}

/* Whether there is something behind what a peer says of itself and of us. What nobody ever shows is
 * said by liars only, and counts no more than silence. */
static bool counts(const struct cr_core *core, uint32_t peer)
{
    const struct cr_probe_answer *answer = &core->prober.answers[peer];
    const uint32_t gc_round = core->dag.gc_round;
    if (!answer->heard || answer->recovering) return false;
    /* A vertex of ours that we have not met: it comes, or the horizon passes it. */
    if (answer->round_of_ours > core->own.proposed && answer->round_of_ours > gc_round)
        return false;
    if (core->prober.memory != CR_MEMORY_LOST) return true;
    return answer->round <= core->dag.last_round[peer] || answer->round <= gc_round;
}

static struct cr_authors counting(const struct cr_core *core)
{
    struct cr_authors set = {0};
    for (uint32_t p = 0; p < core->validators_count; p++) {
        if (p != core->self && counts(core, p)) cr_authors_add(&set, p);
    }
    return set;
}

/* Nobody can have gone on without us, or we cannot have gone further than that. */
static bool is_enough(const struct cr_core *core, const struct cr_authors *answered)
{
    struct cr_authors set = *answered;
    if (core->prober.memory == CR_MEMORY_KEPT) cr_authors_add(&set, core->self);
    return cr_core_quorum(core, &set);
}

/* Above this round nothing was signed before: no answer, and nothing of ours, is further. */
static void bound(struct cr_core *core, const struct cr_authors *answered)
{
    struct cr_prober *prober = &core->prober;
    struct cr_own *own = &core->own;
    uint32_t highest = 0;
    for (uint32_t p = 0; p < core->validators_count; p++) {
        if (cr_authors_has(answered, p) && prober->answers[p].round > highest)
            highest = prober->answers[p].round;
    }
    const uint32_t last = highest + 1;
    CR_COVER(memory_bounded_by_answers);
    if (last > own->proposed) own->proposed = last;
    prober->lost = true;
    prober->listen_round = last + CR_PROBE_LISTEN;
    prober->listen_us = core->now_us + LISTEN_US;
    if (prober->seen > last && !core->config.twin_expected) {
        CR_COVER(twin_met_at_start);
        cr_core_twin(core, prober->seen);
    }
    own->inherited = own->proposed;
}

/* Somebody else with our key would be heard before the others have made a few rounds: as they made
 * them, not as we catch up with them. When they make none they wait for us. */
static void listen(struct cr_core *core)
{
    struct cr_prober *prober = &core->prober;
    const bool early = core->dag.highest < prober->listen_round || core->dag.missing > 0;
    if (early && core->now_us < prober->listen_us) {
        prober->wake_us = prober->listen_us;
        return;
    }
    if (core->dag.highest < prober->listen_round) CR_COVER(nobody_to_listen_to);
    prober->listen_round = 0;
}

static void ask(struct cr_core *core, uint32_t peer)
{
    struct cr_effect *effect = cr_core_emit(core, CR_EFFECT_SEND_PROBE);
    effect->peer = peer;
    effect->probe = (struct cr_probe){
        .nonce = core->prober.nonce, .epoch = core->committee->epoch, .round = core->own.proposed};
}

void cr_probe_peer(struct cr_core *core, uint32_t peer)
{
    if (is_asking(core)) ask(core, peer);
}

static void ask_again(struct cr_core *core)
{
    struct cr_prober *prober = &core->prober;
    if (core->now_us >= prober->ask_us) {
        uint64_t wait_us = ASK_US_MIN;
        for (uint32_t i = 0; i < prober->asked && wait_us < ASK_US_MAX; i++)
            wait_us *= 2;
        for (uint32_t p = 0; p < core->validators_count; p++) {
            if (p != core->self && core->peers[p].up && !counts(core, p)) ask(core, p);
        }
        prober->asked++;
        prober->ask_us = core->now_us + wait_us;
    }
    prober->wake_us = prober->ask_us;
}

void cr_probe_run(struct cr_core *core)
{
    struct cr_prober *prober = &core->prober;
    prober->wake_us = CR_NEVER;
    if (is_asking(core)) {
        const struct cr_authors answered = counting(core);
        if (core->own.twin || core->chain.closed) return;
        if (!is_enough(core, &answered)) {
            ask_again(core);
            return;
        }
        if (prober->memory == CR_MEMORY_LOST) bound(core, &answered);
        prober->memory = CR_MEMORY_SURE;
    }
    if (prober->listen_round != 0) listen(core);
}

/* What we say here holds for all that this node has signed before, except in the course of being
 * sent: what nobody has got yet, no earlier life of the asker has built on. */
void cr_probe_answer(struct cr_core *core, const struct cr_event *event)
{
    const uint32_t peer = event->peer;
    CR_ASSERT(peer < core->validators_count && peer != core->self);
    const bool lost = core->prober.memory == CR_MEMORY_LOST;
    const bool same = event->probe.epoch == core->committee->epoch;
    const uint32_t known = core->dag.last_round[peer];
    const uint32_t forgotten = core->prober.forgotten;
    const uint32_t theirs = !same ? 0 : known > forgotten ? known : forgotten;
    uint32_t round = core->own.round;
    if (!lost && core->own.inherited > round) round = core->own.inherited;
    struct cr_effect *effect = cr_core_emit(core, CR_EFFECT_SEND_PROBE_REPLY);
    effect->peer = peer;
    effect->probe_reply = (struct cr_probe_reply){
        .nonce = event->probe.nonce,
        .epoch = core->committee->epoch,
        .round = round,
        .round_of_receiver = theirs,
        .recovering = lost || core->own.twin || core->config.observer,
    };
    if (theirs <= event->probe.round || !cr_dag_in_window(&core->dag, theirs)) return;
    const struct cr_dag_vertex *v = cr_dag_slot_first(&core->dag, theirs, peer);
    if (v == NULL || v->state != CR_DAG_ACCEPTED) return;
    CR_COVER(lost_vertex_shown);
    struct cr_effect *send = cr_core_emit(core, CR_EFFECT_SEND);
    send->peer = peer;
    send->body = v->body;
}

void cr_probe_receive(struct cr_core *core, const struct cr_event *event)
{
    const struct cr_probe_reply *reply = &event->probe_reply;
    struct cr_prober *prober = &core->prober;
    CR_ASSERT(event->peer < core->validators_count && event->peer != core->self);
    if (!is_asking(core) || reply->nonce != prober->nonce) return;
    if (reply->epoch > core->committee->epoch) return; /* we come there first */
    const bool same = reply->epoch == core->committee->epoch;
    if (reply->recovering) CR_COVER(answer_of_one_that_recovers);
    prober->answers[event->peer] = (struct cr_probe_answer){
        .heard = true,
        .recovering = reply->recovering,
        .round = same ? reply->round : 0, /* in our epoch it has signed nothing yet */
        .round_of_ours = same ? reply->round_of_receiver : 0,
    };
}

bool cr_probe_explains(struct cr_core *core, uint32_t round)
{
    struct cr_prober *prober = &core->prober;
    if (!prober->kept || core->proposed_total > 0 || prober->lost) return false;
    CR_COVER(memory_proved_old);
    CR_ASSERT(round > core->own.inherited);
    prober->memory = CR_MEMORY_LOST;
    prober->kept = false;
    prober->old = true;
    core->own.inherited = UINT32_MAX;
    return true;
}

/* It builds on vertices that more than F stake had not signed when they answered us. */
bool cr_probe_is_later(const struct cr_core *core, const struct cr_header *header)
{
    struct cr_authors younger = {0};
    if (cr_probe_is_over(core)) return false;
    for (uint32_t p = 0; p < core->validators_count; p++) {
        const struct cr_probe_answer *answer = &core->prober.answers[p];
        if (answer->heard && !answer->recovering && answer->round + 1 < header->round &&
            cr_authors_has(&header->parents, p))
            cr_authors_add(&younger, p);
    }
    if (cr_committee_stake_of(core->committee, &younger) <= core->committee->faulty) return false;
    CR_COVER(vertex_signed_after_our_start);
    return true;
}

void cr_probe_stats(const struct cr_core *core, struct cr_probe_stats *out)
{
    const struct cr_prober *prober = &core->prober;
    struct cr_authors reachable = {0};
    *out = (struct cr_probe_stats){.memory = prober->memory,
                                   .open = is_asking(core),
                                   .lost = prober->lost || prober->memory == CR_MEMORY_LOST,
                                   .listening = prober->listen_round != 0};
    if (out->open) out->answered = counting(core);
    /* The next epoch asks once more while the copy may still be proved old, or a twin be met. */
    if (prober->kept && core->proposed_total == 0) out->memory = CR_MEMORY_KEPT;
    if (out->listening) out->memory = CR_MEMORY_LOST;
    if (!out->open || prober->memory != CR_MEMORY_LOST) return;
    for (uint32_t p = 0; p < core->validators_count; p++) {
        if (p != core->self && !prober->answers[p].recovering) cr_authors_add(&reachable, p);
    }
    out->hopeless = !cr_core_quorum(core, &reachable);
}
