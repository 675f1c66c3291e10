/* SPDX-License-Identifier: Apache-2.0 */
/* pacemaker.c: when to propose the next vertex (docs/protocol.md 4). Local code: it may only change
 * when we speak, never what is valid. */
#include <string.h>

#include "base/cover.h"
#include "core/replica.h"

enum {
    GAPS_US = 10 * 1000, /* look again whether gaps have closed */
    QUIET_ROUNDS = 8,    /* rounds without a commit before the wait grows */
    MISSED_MAX = 3,      /* a leader that was late so often in a row is not waited for */
    STALL_US = 10 * 1000 * 1000,
};

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void cr_pacemaker_init(struct cr_core *core)
{
    core->pacemaker.timeout_us = core->config.round_timeout_us;
    core->pacemaker.wake_us = CR_NEVER;
    core->syncer.wake_us = CR_NEVER;
}

/* Nothing to order that we know of: neither at our host nor in the DAG. */
bool cr_core_is_idle(const struct cr_core *core)
{
    return core->waiting == 0 && core->payload_pending == 0;
}

/* How long to wait for leaders: the configured value; longer when leaders have lately been late,
 * but no longer than the quorum itself took: who needs twice the time of the others shall not set
 * the pace. Longer still while nothing commits, and towards the end of the window twice as long in
 * every round: a window without a commit would be the end, so its last rounds are kept for better
 * times. */
static uint64_t timeout_us(const struct cr_core *core, uint32_t round)
{
    const struct cr_pacemaker *pacemaker = &core->pacemaker;
    const uint64_t late = pacemaker->late_us + pacemaker->late_us / 2;
    const uint64_t learned = lesser(late, pacemaker->quorum_us);
    const uint64_t most = core->config.round_timeout_us_max;
    const uint32_t left = core->dag.window - (round - core->dag.gc_round);
    const uint32_t last = core->dag.window / 8 + 4;
    if (left >= last) return lesser(greater(pacemaker->timeout_us, learned), most);
    CR_COVER(window_almost_full);
    return most << (last - left);
}

/* Nothing is committed any more: carry nothing, wait for everybody who lives. It ends when commits
 * have caught up with half of the distance, so that it does not come and go. */
static void look_for_stall(struct cr_core *core, uint32_t round)
{
    struct cr_pacemaker *pacemaker = &core->pacemaker;
    const uint32_t open = round - core->chain.leader_round;
    const uint32_t most = (core->dag.window - core->config.gc_depth) / 3;
    if (pacemaker->committed_us == 0) pacemaker->committed_us = core->now_us;
    const bool quiet = core->now_us - pacemaker->committed_us >= STALL_US;
    if (open > most || (open > QUIET_ROUNDS && quiet)) {
        if (!pacemaker->stalled) CR_COVER(stall_begins);
        pacemaker->stalled = true;
    } else if (pacemaker->stalled && open <= most / 2 && !quiet) {
        CR_COVER(stall_ends);
        pacemaker->stalled = false;
    }
}

/* The only round we may propose: the one after the last, without gaps. Two exceptions: behind the
 * horizon it is the first whose parents can be referenced; and with nothing of our own above the
 * horizon we wait until that round is a new one (docs/protocol.md 4.1). 0: none now. */
static uint32_t next_round(const struct cr_core *core)
{
    const uint32_t gc_round = core->dag.gc_round;
    uint32_t round = core->own.proposed + 1;
    if (gc_round > 0 && round < gc_round + 2) {
        CR_COVER(jump_past_the_horizon);
        round = gc_round + 2;
    }
    if (round > 1 && cr_dag_get(&core->dag, core->own.vertex) == NULL && round != gc_round + 2)
        return 0;
    return round - gc_round < core->dag.window - 1 ? round : 0;
}

/* Our vertex of this round would be a certificate or a witness of a skip for this leader vertex. */
static bool settles(const struct cr_core *core, const struct cr_dag_vertex *b,
                    const struct cr_authors *parents)
{
    const struct cr_authors votes = cr_authors_and(*parents, &b->voters);
    const struct cr_authors others = cr_authors_without(*parents, &b->voters);
    return cr_core_quorum(core, &votes) || cr_core_quorum(core, &others);
}

/* Leaders that we would wait for in vain: late for our last vertices, all of them; in a stall only
 * those of whom nothing comes at all. The schedule will say the same in a few commits. Not if they
 * are more than F: then it is we who are cut off. */
static struct cr_authors given_up(const struct cr_core *core, uint32_t round)
{
    struct cr_authors set = {0};
    const struct cr_dag *dag = &core->dag;
    for (uint32_t a = 0; a < dag->validators_count; a++) {
        if (a == core->self || core->pacemaker.missed[a] < MISSED_MAX) continue;
        if (core->pacemaker.stalled && dag->last_round[a] + QUIET_ROUNDS >= round) continue;
        cr_authors_add(&set, a);
    }
    if (cr_committee_stake_of(core->committee, &set) > core->committee->faulty)
        return (struct cr_authors){0};
    return set;
}

/* A quorum of the round before whose authors are not known to equivocate. Whoever builds on an
 * equivocator without need keeps its copies coming (docs/protocol.md 4.2). */
static bool trusted_quorum(const struct cr_core *core, const struct cr_authors *present)
{
    struct cr_authors trusted = *present;
    for (uint32_t a = 0; a < core->validators_count; a++) {
        if (core->dag.equivocal[a] > core->dag.gc_round) cr_authors_remove(&trusted, a);
    }
    return cr_core_quorum(core, &trusted);
}

/* Everybody we wait for is here. Known equivocators are not waited for. */
static bool leaders_ready(const struct cr_core *core, uint32_t round)
{
    const struct cr_dag *dag = &core->dag;
    if (round == 1) return true;
    const struct cr_authors *present = &cr_dag_round(dag, round - 1)->present;
    if (!trusted_quorum(core, present)) return false;
    const struct cr_authors hopeless = given_up(core, round);
    for (uint32_t a = 0; a < dag->validators_count; a++) {
        if (!cr_authors_has(&core->schedule.allowed, a)) continue;
        if (dag->equivocal[a] > dag->gc_round) {
            CR_COVER(equivocator_not_waited_for);
            continue;
        }
        if (!cr_authors_has(present, a)) {
            if (!cr_authors_has(&hopeless, a)) return false;
            CR_COVER(leader_given_up);
        }
        if (round == 2 || !cr_dag_in_window(dag, round - 2)) continue;
        if (cr_decider_slot(&core->decider, round - 2, a) != CR_DECISION_NONE) continue;
        const struct cr_dag_vertex *b = cr_dag_slot_first(dag, round - 2, a);
        for (; b != NULL; b = cr_dag_slot_next(dag, b)) {
            if (b->state == CR_DAG_ACCEPTED && !settles(core, b, present)) return false;
        }
    }
    return true;
}

static void note_missed(struct cr_core *core, uint32_t round)
{
    if (round == 1) return;
    const struct cr_authors *present = &cr_dag_round(&core->dag, round - 1)->present;
    for (uint32_t a = 0; a < core->validators_count; a++) {
        uint8_t *missed = &core->pacemaker.missed[a];
        if (cr_authors_has(present, a))
            *missed = 0;
        else if (*missed < MISSED_MAX)
            ++*missed;
    }
}

static void propose(struct cr_core *core, uint32_t round)
{
    struct cr_header *header = core->header;
    struct cr_pacemaker *pacemaker = &core->pacemaker;
    memset(header, 0, sizeof *header);
    if (core->dag.gap_round > core->dag.gc_round) cr_dag_mark_gaps(&core->dag);
    header->epoch = core->committee->epoch;
    header->round = round;
    header->author = core->self;
    header->validators_count = core->validators_count;
    header->timestamp_ms = core->wall_ms;
    /* Rounds that we only catch up with carry nothing. */
    const bool behind = core->dag.highest > round + 2;
    if (behind) CR_COVER(empty_round_to_catch_up);
    header->payload_bytes = behind || pacemaker->stalled ? 0 : core->config.payload_bytes_max;
    header->gc_round = core->dag.gc_round;
    header->commit_index = core->chain.index;
    header->commit_digest = core->chain.digest;
    header->executed_index = core->executed_index;
    header->effects_digest = core->effects_digest;
    header->checkpoint_index = core->checkpoint_index;
    header->state_root = core->state_root;
    if (!cr_parents_choose(core, round, header)) { /* too many have gaps */
        CR_COVER(parents_with_gaps);
        pacemaker->wake_us = core->now_us + GAPS_US;
        return;
    }

    const uint64_t quiet_since = greater(core->chain.leader_round, pacemaker->grown_round);
    if (round >= quiet_since + QUIET_ROUNDS) {
        const uint64_t grown = pacemaker->timeout_us + pacemaker->timeout_us / 2;
        CR_COVER(timeout_grown);
        pacemaker->timeout_us = lesser(grown, core->config.round_timeout_us_max);
        pacemaker->grown_round = round;
    }
    note_missed(core, round);
    core->own.proposal = CR_PROPOSAL_SEALING;
    core->own.proposed = round;
    core->own.proposed_us = core->now_us;
    core->proposed_total++;
    cr_core_emit(core, CR_EFFECT_PROPOSE)->header = header;
}

static void note_beginning(struct cr_core *core, uint32_t round)
{
    struct cr_pacemaker *pacemaker = &core->pacemaker;
    if (pacemaker->waiting_round == round) return;
    pacemaker->waiting_round = round;
    pacemaker->since_us = core->now_us;
    pacemaker->began_us[round % CR_CLOCK_TIMES] = core->now_us;
    pacemaker->began_round[round % CR_CLOCK_TIMES] = round;
    if (core->own.proposed_us == 0) return;
    const uint64_t took =
        lesser(core->now_us - core->own.proposed_us, core->config.round_timeout_us_max);
    pacemaker->quorum_us += took / 8;
    pacemaker->quorum_us -= pacemaker->quorum_us / 8;
}

void cr_pacemaker_run(struct cr_core *core)
{
    struct cr_pacemaker *pacemaker = &core->pacemaker;
    pacemaker->wake_us = CR_NEVER;
    if (core->halted || core->chain.closed || core->config.observer) return;
    if (core->own.twin || !cr_probe_is_over(core) || cr_sync_is_behind(core)) return;
    if (core->own.proposal != CR_PROPOSAL_NONE) return;
    const uint32_t round = next_round(core);
    if (round == 0) return;
    if (round > 1 && !cr_core_quorum(core, &cr_dag_round(&core->dag, round - 1)->present)) return;

    note_beginning(core, round);
    look_for_stall(core, round);
    if (cr_core_quorum(core, &cr_dag_round(&core->dag, round)->present)) {
        CR_COVER(others_have_moved_on);
        propose(core, round);
        return;
    }
    const uint64_t delay =
        cr_core_is_idle(core) ? core->config.idle_delay_us : core->config.round_delay_us;
    const uint64_t earliest = core->own.proposed_us > 0 ? core->own.proposed_us + delay : 0;
    if (core->now_us < earliest) {
        pacemaker->wake_us = earliest;
        return;
    }
    if (!leaders_ready(core, round)) {
        const uint64_t latest = pacemaker->since_us + timeout_us(core, round);
        if (core->now_us < latest) {
            pacemaker->wake_us = latest;
            return;
        }
        CR_COVER(leader_timeout);
        core->timeouts_total++;
    }
    propose(core, round);
}

/* How late after its round's beginning did a leader come? Learned also after the timeout: else the
 * wait could never learn that it is too short. */
void cr_pacemaker_on_accept(struct cr_core *core, const struct cr_dag_vertex *v)
{
    struct cr_pacemaker *pacemaker = &core->pacemaker;
    const uint32_t next = v->round + 1;
    if (v->author == core->self || !cr_authors_has(&core->schedule.allowed, v->author)) return;
    if (pacemaker->missed[v->author] == MISSED_MAX) return; /* not waited for */
    if (pacemaker->began_round[next % CR_CLOCK_TIMES] != next) return;
    const uint64_t late = core->now_us - pacemaker->began_us[next % CR_CLOCK_TIMES];
    const uint64_t decayed = pacemaker->late_us - pacemaker->late_us / 64;
    pacemaker->late_us = greater(decayed, lesser(late, core->config.round_timeout_us_max));
}

void cr_pacemaker_on_commit(struct cr_core *core)
{
    struct cr_pacemaker *pacemaker = &core->pacemaker;
    if (pacemaker->timeout_us > core->config.round_timeout_us) CR_COVER(timeout_shrunk);
    const uint64_t shrunk = pacemaker->timeout_us - pacemaker->timeout_us / 4;
    pacemaker->timeout_us = greater(shrunk, core->config.round_timeout_us);
    pacemaker->committed_us = core->now_us;
}
