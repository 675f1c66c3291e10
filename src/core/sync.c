/* SPDX-License-Identifier: Apache-2.0 */
/* sync.c: catching up with commits whose vertices peers no longer hold in memory (docs/protocol.md
 * 8).
 *
 * The answer to a request is a series of ordinary VERTEX events in linear order, then RANGE.
 * Nothing in it is believed: the vertices are signed, and the commits are decided here as always.
 */
#include "base/cover.h"
#include "core/replica.h"

enum {
    REQUEST_US = 2 * 1000 * 1000,
    NO_PEER_US = 200 * 1000,
    REFUSED_US = 50 * 1000, /* after an answer that helps nobody: a liar's come at once, for ever */
    STUCK_US = 10 * 1000 * 1000, /* no commit for so long: ordinary fetching must help */
    RESCUE_US = 1000 * 1000,     /* no commit for so long, and a peer has more: see protocol 8.4 */
    LATER_US = 100 * 1000,       /* no commit for so long, and a peer is in a later epoch */
    PAUSE_US = 1000 * 1000,      /* after the last range, before the next attempt */
    STALL_US = 2 * 1000 * 1000,  /* behind by little, and no commit for so long */
};

uint64_t cr_sync_claims(const struct cr_core *core, uint64_t index)
{
    uint64_t stake = 0;
    for (uint32_t p = 0; p < core->validators_count; p++) {
        if (p != core->self && core->peers[p].claim >= index) stake += core->committee->stake[p];
    }
    return stake;
}

/* The stake that says it is in a later epoch: so the commits of ours are all decided. */
static uint64_t later(const struct cr_core *core)
{
    uint64_t stake = 0;
    for (uint32_t p = 0; p < core->validators_count; p++) {
        if (core->peers[p].epoch > core->committee->epoch) stake += core->committee->stake[p];
    }
    return stake;
}

static bool behind_by(const struct cr_core *core, uint64_t commits)
{
    return cr_sync_claims(core, core->chain.index + commits) > core->committee->faulty ||
           later(core) > core->committee->faulty;
}

static void stop(struct cr_core *core, uint64_t pause_us)
{
    core->syncer.active = false;
    core->syncer.asked = false;
    core->syncer.not_before_us = core->now_us + pause_us;
    core->syncer.wake_us = CR_NEVER;
    core->syncer.peer = (core->syncer.peer + 1) % core->validators_count; /* for the next time */
    cr_fetch_expect(core, core->now_us); /* what is missing now is ours to find */
}

static void give_up_request(struct cr_core *core)
{
    core->syncer.asked = false;
    core->syncer.peer = (core->syncer.peer + 1) % core->validators_count;
    core->syncer.cursor = core->chain.index + 1;
}

static bool can_serve(const struct cr_core *core, uint32_t p, uint64_t from)
{
    const struct cr_peer *peer = &core->peers[p];
    return p != core->self && peer->up && peer->claim >= from && peer->oldest <= from;
}

/* The next peer that can serve the cursor, from the last one on; validators_count: none. */
static uint32_t choose(const struct cr_core *core)
{
    const uint32_t n = core->validators_count;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t p = (core->syncer.peer + i) % n;
        if (can_serve(core, p, core->syncer.cursor)) return p;
    }
    return n;
}

static void request(struct cr_core *core)
{
    struct cr_syncer *syncer = &core->syncer;
    if (syncer->cursor <= core->chain.index) syncer->cursor = core->chain.index + 1;
    const uint32_t peer = choose(core);
    if (peer == core->validators_count) {
        if (syncer->cursor > core->chain.index + 1)
            stop(core, PAUSE_US); /* we have all there is; the rest is fresh enough to fetch */
        else
            syncer->wake_us = core->now_us + NO_PEER_US;
        return;
    }
    syncer->peer = peer;
    syncer->asked = true;
    syncer->give_up_us = core->now_us + REQUEST_US;
    syncer->wake_us = syncer->give_up_us;
    struct cr_effect *sync = cr_core_emit(core, CR_EFFECT_SYNC);
    sync->peer = peer;
    sync->range.from_commit = syncer->cursor;
    sync->range.commits = CR_SYNC_COMMITS_MAX;
    core->syncs_total++;
    CR_COVER(range_sync);
}

/* Only vertices above the last leader round can decide anything still open. Lower ones that lack
 * are either below the horizon of the commit that needs their children, and then nobody may have
 * them any more, or in the cone of a commit, which then waits for them (docs/protocol.md 8.3). */
void cr_sync_relax(struct cr_core *core)
{
    struct cr_syncer *syncer = &core->syncer;
    if (!syncer->active || core->chain.leader_round <= syncer->relaxed) return;
    cr_dag_stop_waiting(&core->dag, syncer->relaxed + 1, core->chain.leader_round);
    syncer->relaxed = core->chain.leader_round;
}

bool cr_sync_is_behind(const struct cr_core *core)
{
    return core->syncer.active && !core->syncer.rescue;
}

/* Something lacks, nothing is committed, and at least one peer has got further: it may have what
 * lacks in its log only. Any claim will do: nothing is believed, nothing else stops meanwhile. */
static bool needs_rescue(const struct cr_core *core)
{
    const uint64_t quiet_us = core->now_us - core->syncer.moved_us;
    if (later(core) > 0 && quiet_us >= LATER_US) return true;
    if (core->dag.missing == 0 || quiet_us < RESCUE_US) return false;
    return cr_sync_claims(core, core->chain.index + 1) > 0;
}

static bool begin(struct cr_core *core)
{
    struct cr_syncer *syncer = &core->syncer;
    if (core->now_us < syncer->not_before_us) return false;
    const bool behind = behind_by(core, CR_SYNC_LAG);
    if (!behind && !needs_rescue(core)) return false;
    if (!behind) CR_COVER(rescue);
    syncer->active = true;
    syncer->rescue = !behind;
    syncer->asked = false;
    syncer->cursor = core->chain.index + 1;
    syncer->began_index = core->chain.index;
    syncer->moved_us = core->now_us;
    syncer->relaxed = 0;
    return true;
}

static bool is_over(const struct cr_core *core)
{
    if (core->syncer.rescue) return core->chain.index > core->syncer.began_index;
    return !behind_by(core, CR_SYNC_NEAR + 1);
}

void cr_sync_run(struct cr_core *core)
{
    struct cr_syncer *syncer = &core->syncer;
    if (core->chain.index > syncer->index) {
        syncer->index = core->chain.index;
        syncer->moved_us = core->now_us;
    }
    if (core->halted || core->chain.closed) {
        syncer->active = false;
        syncer->wake_us = CR_NEVER;
        return;
    }
    if (!syncer->active && !begin(core)) return;
    if (syncer->rescue && behind_by(core, CR_SYNC_LAG)) syncer->rescue = false;
    if (is_over(core)) {
        stop(core, 0);
        cr_status_send_all(core); /* whoever got on meanwhile answers (protocol 8.1) */
        return;
    }
    if (core->now_us - syncer->moved_us >= STUCK_US) {
        CR_COVER(sync_stuck);
        stop(core, STUCK_US);
        return;
    }
    if (syncer->asked && core->now_us >= syncer->give_up_us) {
        CR_COVER(range_timeout);
        give_up_request(core);
    }
    if (!syncer->asked && core->now_us >= syncer->wake_us) syncer->wake_us = CR_NEVER;
    if (!syncer->asked && syncer->wake_us == CR_NEVER) request(core);
}

void cr_sync_on_range(struct cr_core *core, const struct cr_event *event)
{
    struct cr_syncer *syncer = &core->syncer;
    if (!syncer->active || !syncer->asked || event->peer != syncer->peer) return;
    if (event->range.from_commit != syncer->cursor) return;
    syncer->wake_us = CR_NEVER;
    if (event->range.to_commit < syncer->cursor ||
        event->range.to_commit - syncer->cursor >= CR_SYNC_COMMITS_MAX) {
        CR_COVER(range_refused);
        give_up_request(core);
        syncer->wake_us = core->now_us + REFUSED_US;
        return;
    }
    syncer->asked = false;
    syncer->cursor = event->range.to_commit + 1;
    /* Far ahead of what we could commit: something in between is lacking. Begin again elsewhere. */
    if (syncer->cursor > core->chain.index + UINT64_C(2) * CR_SYNC_COMMITS_MAX) {
        CR_COVER(range_without_commits);
        give_up_request(core);
        syncer->wake_us = core->now_us + PAUSE_US;
    }
}
