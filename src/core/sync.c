/* SPDX-License-Identifier: Apache-2.0 */
/* sync.c: catching up with commits whose vertices peers no longer hold in memory (docs/protocol.md
 * 8): when, from whom, and who has lied.
 *
 * Up to CR_SYNC_LANES consecutive ranges are asked for at a time, each of another peer while there
 * are enough. Answers come in any order and wait at the host; their vertices go into the DAG in the
 * order of the chain, each range only when its records follow those before. Nothing is believed:
 * the vertices are signed, the commits are decided here as always, and what a peer said of them is
 * kept until then.
 */
#include "base/cover.h"
#include "core/replica.h"

enum {
    PATIENCE_US_MIN = 200 * 1000, /* at first: so long an answer may take until another is asked */
    PATIENCE_US_MAX = 4 * 1000 * 1000,
    USELESS_US = 50 * 1000, /* not asked for so long, after an answer that helps nobody; doubling */
    USELESS_US_MAX = 8 * 1000 * 1000,
    FORGED_US = 10 * 1000 * 1000, /* the same after one that is proven wrong */
    FORGED_US_MAX = 600 * 1000 * 1000,
    PARTS_US = 2 * 1000 * 1000, /* all parts of a commit; doubling until there is one */
    FRUITLESS_US = 1000 * 1000, /* no commit for so long, and everything asked for was given */
    CONFLICTS_MAX = 2,
    NO_PEER_US = 200 * 1000,
    STUCK_US = 10 * 1000 * 1000, /* no commit for so long: ordinary fetching must help */
    RESCUE_US = 1000 * 1000,     /* no commit for so long, and a peer has more: see protocol 8.4 */
    LATER_US = 100 * 1000,       /* no commit for so long, and a peer is in a later epoch */
    PAUSE_US = 1000 * 1000,      /* after the last range, before the next attempt */
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

/* ---- peers as servers ---- */

static bool can_serve(const struct cr_core *core, uint32_t p, uint64_t from)
{
    const struct cr_peer *peer = &core->peers[p];
    return p != core->self && peer->up && peer->claim >= from && peer->oldest <= from;
}

/* Not asked for a while, each time longer, until a commit of ours shows that it told the truth. */
static void pause_peer(struct cr_core *core, uint32_t p, uint64_t least_us)
{
    struct cr_peer *peer = &core->peers[p];
    peer->pause_us = peer->pause_us < least_us ? least_us : 2 * peer->pause_us;
    if (peer->pause_us > USELESS_US_MAX) peer->pause_us = USELESS_US_MAX;
    if (peer->ask_after_us < core->now_us + peer->pause_us)
        peer->ask_after_us = core->now_us + peer->pause_us;
}

static uint32_t asked_of(const struct cr_core *core, uint32_t p)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++) {
        const struct cr_lane *lane = &core->syncer.lanes[i];
        if (lane->state == CR_LANE_ASKED && lane->peer == p) count++;
    }
    return count;
}

/* Who should have the answer first: the quicker one has more to do. One that was never asked is
 * tried. Returns validators_count when nobody can be asked now. */
static uint32_t choose(const struct cr_core *core, uint64_t from)
{
    const uint32_t n = core->validators_count;
    uint32_t best = n;
    uint64_t best_us = UINT64_MAX;
    for (uint32_t i = 1; i <= n; i++) { /* n of them: who has no seat here is none of these */
        const uint32_t p = (core->self + i) % n; /* not all of us at the same one */
        if (!can_serve(core, p, from) || core->now_us < core->peers[p].ask_after_us) continue;
        const uint64_t wait_us = (asked_of(core, p) + 1) * (core->peers[p].range_us + 1);
        if (wait_us >= best_us) continue;
        best = p;
        best_us = wait_us;
    }
    return best;
}

static bool anybody_serves(const struct cr_core *core, uint64_t from)
{
    for (uint32_t p = 0; p < core->validators_count; p++) {
        if (can_serve(core, p, from)) return true;
    }
    return false;
}

/* How many commits fit one answer depends on what is in them: what was cut short was too much. */
static void learn(struct cr_core *core, uint32_t p, const struct cr_lane *lane, uint64_t to)
{
    struct cr_peer *peer = &core->peers[p];
    struct cr_syncer *syncer = &core->syncer;
    const uint64_t asked = lane->to - lane->from + 1;
    const uint64_t got = to + 1 > lane->from ? to - lane->from + 1 : 1;
    if (got < asked) peer->span = (uint32_t)got;
    if (got >= asked && peer->span > 0 && peer->span <= got) {
        const uint64_t more = got + got / 4 + 1;
        peer->span = more < CR_SYNC_COMMITS_MAX ? (uint32_t)more : CR_SYNC_COMMITS_MAX;
    }
    syncer->answered = true;
    if (p != lane->peer) return; /* asked before, and given up */
    const uint64_t took_us = core->now_us - lane->asked_us;
    peer->range_us = peer->range_us == 0 ? took_us : (3 * peer->range_us + took_us) / 4;
    syncer->patience_us = (7 * syncer->patience_us + 4 * took_us) / 8;
    if (syncer->patience_us < PATIENCE_US_MIN) syncer->patience_us = PATIENCE_US_MIN;
    if (syncer->patience_us > PATIENCE_US_MAX) syncer->patience_us = PATIENCE_US_MAX;
}

/* ---- what was said, and what is true ---- */

static bool covers(const struct cr_claim *claim, uint64_t index)
{
    return index >= claim->from && index - claim->from < claim->count;
}

/* What a claim says the digest of commit `index` is; NULL: nothing. */
static const struct cr_hash *said_of(const struct cr_claim *claim, uint64_t index)
{
    if (claim->count > 0 && index + 1 == claim->from) return &claim->previous;
    return covers(claim, index) ? &claim->digests[index - claim->from] : NULL;
}

/* Our own digest; NULL: not decided, or long ago. */
static const struct cr_hash *decided(const struct cr_core *core, uint64_t index)
{
    static const struct cr_hash none; /* of commit 0 */
    if (index == core->chain.index) return &core->chain.digest;
    return index == 0 ? &none : cr_attest_find(core, CR_ATTESTED_COMMIT, index);
}

/* The first commit of which the claim says something else than we have decided; 0: none. */
static uint64_t first_lie(const struct cr_core *core, const struct cr_claim *claim)
{
    for (uint32_t i = 0; i <= claim->count && claim->count > 0; i++) {
        const uint64_t index = claim->from - 1 + i;
        const struct cr_hash *own = index <= core->chain.index ? decided(core, index) : NULL;
        const struct cr_hash *its = said_of(claim, index);
        if (own != NULL && its != NULL && !cr_hash_equal(own, its)) return index;
    }
    return 0;
}

/* What a given range says commit `index` is, the newest that does; NULL: none. */
static const struct cr_hash *given_digest(const struct cr_syncer *syncer, uint64_t index)
{
    for (uint32_t i = 1; i <= CR_SYNC_SAID; i++) {
        const struct cr_said *said =
            &syncer->said[(syncer->said_next + CR_SYNC_SAID - i) % CR_SYNC_SAID];
        if (said->given && covers(&said->claim, index)) return said_of(&said->claim, index);
    }
    return NULL;
}

/* The oldest is forgotten: whoever said it may have got away with a lie, nobody is wronged. */
static void remember(struct cr_syncer *syncer, const struct cr_lane *lane, bool given)
{
    struct cr_said *said = &syncer->said[syncer->said_next];
    said->peer = lane->peer;
    said->to = lane->part ? lane->from : lane->to;
    said->given = given;
    said->claim = lane->claim;
    syncer->said_next = (syncer->said_next + 1) % CR_SYNC_SAID;
}

/* What was ordered from the host above our last commit may be rubbish: from there once more. What
 * waits at the host stays, its records are looked at when its turn comes. */
static void begin_again(struct cr_core *core)
{
    core->syncer.head = core->chain.index + 1;
    core->syncer.conflicts = 0;
    core->syncer.given_us = core->now_us;
    for (uint32_t i = 0; i < CR_SYNC_SAID; i++)
        core->syncer.said[i].given = false;
}

/* `peer` is proven to have sent something that no correct one sends. */
static void accuse(struct cr_core *core, uint32_t p, uint64_t index)
{
    struct cr_syncer *syncer = &core->syncer;
    struct cr_peer *peer = &core->peers[p];
    bool used = false;
    /* What was under way when it was found out belongs to the same offence. */
    if (peer->forged_us == 0)
        peer->forged_us = FORGED_US;
    else if (core->now_us >= peer->ask_after_us)
        peer->forged_us *= 2;
    if (peer->forged_us > FORGED_US_MAX) peer->forged_us = FORGED_US_MAX;
    peer->ask_after_us = core->now_us + peer->forged_us;
    for (uint32_t i = 0; i < CR_SYNC_SAID; i++) {
        struct cr_said *said = &syncer->said[i];
        if (said->to == 0 || said->peer != p) continue;
        used = used || said->given;
        *said = (struct cr_said){0};
    }
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++) {
        struct cr_lane *lane = &syncer->lanes[i];
        if (lane->peer != p) continue;
        used = used || lane->state == CR_LANE_GIVING;
        lane->state = CR_LANE_FREE;
    }
    if (used) begin_again(core);
    core->sync_forged_total++;
    struct cr_effect *forged = cr_core_emit(core, CR_EFFECT_FORGED);
    forged->peer = p;
    forged->range.from_commit = index;
}

/* `peer` says in a range that commit `index` is another one than ours. If more than F stake does,
 * it is not they who have lied: that is no matter of sync (docs/protocol.md 5.5). */
static void contradicts(struct cr_core *core, uint32_t peer, uint64_t index,
                        const struct cr_hash *own, const struct cr_hash *its)
{
    cr_attest_range(core, peer, index, own, its);
    accuse(core, peer, index);
}

void cr_sync_on_commit(struct cr_core *core, uint64_t index, const struct cr_hash *digest)
{
    struct cr_syncer *syncer = &core->syncer;
    for (uint32_t i = 0; i < CR_SYNC_SAID; i++) {
        struct cr_said *said = &syncer->said[i];
        const struct cr_hash *its = said_of(&said->claim, index);
        if (its != NULL && !cr_hash_equal(its, digest)) {
            CR_COVER(range_was_forged);
            contradicts(core, said->peer, index, digest, its);
        } else if (said->to != 0 && index >= said->to) {
            if (its != NULL) core->peers[said->peer].pause_us = 0; /* all of it was true */
            *said = (struct cr_said){0};
        }
    }
}

/* An answer that says something else than we have decided. Its vertices are given all the same, and
 * that is all that happens with it: what they attest is signed, and may be what halts us. */
static void hear_out(struct cr_core *core, struct cr_lane *lane, uint32_t peer, uint64_t index,
                     const struct cr_claim *claim)
{
    contradicts(core, peer, index, decided(core, index), said_of(claim, index));
    if (core->halted) return;
    lane->state = CR_LANE_GIVING;
    lane->peer = peer;
    lane->part = false;
    cr_core_emit(core, CR_EFFECT_GIVE)->range.lane = (uint32_t)(lane - core->syncer.lanes);
}

/* ---- lanes ---- */

static void stop(struct cr_core *core, uint64_t pause_us)
{
    struct cr_syncer *syncer = &core->syncer;
    syncer->active = false;
    syncer->not_before_us = core->now_us + pause_us;
    syncer->wake_us = CR_NEVER;
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++)
        syncer->lanes[i].state = CR_LANE_FREE;
    cr_fetch_expect(core, core->now_us); /* what is missing now is ours to find */
}

static void ask(struct cr_core *core, struct cr_lane *lane, uint32_t peer)
{
    struct cr_syncer *syncer = &core->syncer;
    lane->state = CR_LANE_ASKED;
    lane->peer = peer;
    lane->asked_us = core->now_us;
    lane->give_up_us = core->now_us + syncer->patience_us;
    struct cr_effect *sync = cr_core_emit(core, CR_EFFECT_SYNC);
    sync->peer = peer;
    sync->range.lane = (uint32_t)(lane - syncer->lanes);
    sync->range.from_commit = lane->from;
    sync->range.commits = (uint32_t)(lane->to - lane->from + 1);
    sync->range.skip = lane->skip;
    core->syncs_total++;
    CR_COVER(range_sync);
}

/* Commits that were made meanwhile are wanted no more. */
static void forget_old(struct cr_core *core)
{
    struct cr_syncer *syncer = &core->syncer;
    if (syncer->head <= core->chain.index) syncer->head = core->chain.index + 1;
    if (syncer->head > syncer->limit) syncer->limit = UINT64_MAX;
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++) {
        struct cr_lane *lane = &syncer->lanes[i];
        if (lane->state != CR_LANE_GIVING && lane->to < syncer->head) lane->state = CR_LANE_FREE;
    }
}

/* The peer is slow, and not the first choice any more. If nobody has answered meanwhile, it may be
 * we who are too impatient. */
static void give_up(struct cr_core *core, const struct cr_lane *lane)
{
    struct cr_syncer *syncer = &core->syncer;
    struct cr_peer *peer = &core->peers[lane->peer];
    const uint64_t waited_us = core->now_us - lane->asked_us;
    CR_COVER(range_timeout);
    pause_peer(core, lane->peer, USELESS_US);
    if (peer->range_us < waited_us) peer->range_us = waited_us;
    if (!syncer->answered) syncer->patience_us *= 2;
    if (syncer->patience_us > PATIENCE_US_MAX) syncer->patience_us = PATIENCE_US_MAX;
    syncer->answered = false;
}

/* A range whose peer is silent, or gone, is asked for elsewhere; whoever answers first will do. */
static void hand_over(struct cr_core *core)
{
    struct cr_syncer *syncer = &core->syncer;
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++) {
        struct cr_lane *lane = &syncer->lanes[i];
        if (lane->state != CR_LANE_ASKED) continue;
        const bool gone = !core->peers[lane->peer].up;
        if (!gone && core->now_us < lane->give_up_us) continue;
        if (!gone) give_up(core, lane);
        const uint32_t other = choose(core, lane->from);
        if (other == core->validators_count) {
            lane->give_up_us = core->now_us + syncer->patience_us;
            if (gone) lane->state = CR_LANE_FREE;
            continue;
        }
        CR_COVER(range_handed_over);
        core->sync_handovers_total++;
        if (lane->to > core->peers[other].claim) lane->to = core->peers[other].claim;
        lane->skip = 0; /* its parts are not those of the other */
        lane->began_us = core->now_us;
        ask(core, lane, other);
    }
}

static bool is_giving(const struct cr_syncer *syncer)
{
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++) {
        if (syncer->lanes[i].state == CR_LANE_GIVING) return true;
    }
    return false;
}

static struct cr_lane *next_held(struct cr_syncer *syncer)
{
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++) {
        struct cr_lane *lane = &syncer->lanes[i];
        if (lane->state == CR_LANE_HELD && lane->from <= syncer->head && lane->to >= syncer->head)
            return lane;
    }
    return NULL;
}

/* Two ranges that do not fit: one of the two peers lies, and nobody can say yet which. A third one
 * is asked; if it does not fit either, all that was given is in doubt. */
static void conflict(struct cr_core *core, struct cr_lane *lane)
{
    struct cr_syncer *syncer = &core->syncer;
    CR_COVER(range_conflict);
    remember(syncer, lane, false);
    pause_peer(core, lane->peer, USELESS_US);
    lane->state = CR_LANE_FREE;
    if (++syncer->conflicts < CONFLICTS_MAX) return;
    CR_COVER(range_conflict_with_all);
    for (uint32_t i = 0; i < CR_SYNC_SAID; i++) {
        const struct cr_said *said = &syncer->said[i];
        if (said->given && covers(&said->claim, syncer->head - 1))
            pause_peer(core, said->peer, USELESS_US);
    }
    begin_again(core);
}

/* Orders from the host what follows what it was ordered before. It may lie beyond the window now:
 * the host keeps the order, and the commits before it will have made room. */
static void give(struct cr_core *core)
{
    struct cr_syncer *syncer = &core->syncer;
    for (struct cr_lane *lane = next_held(syncer); lane != NULL; lane = next_held(syncer)) {
        const struct cr_claim *claim = &lane->claim;
        const uint64_t lie = first_lie(core, claim); /* commits were made since it came */
        if (lie != 0) {
            CR_COVER(range_does_not_follow);
            hear_out(core, lane, lane->peer, lie, claim);
            continue;
        }
        const struct cr_hash *before = given_digest(syncer, lane->from - 1);
        if (claim->count > 0 && before != NULL && !cr_hash_equal(before, &claim->previous)) {
            conflict(core, lane);
            continue;
        }
        lane->state = CR_LANE_GIVING;
        syncer->given_us = core->now_us;
        if (lane->from > core->chain.index + 1) CR_COVER(range_given_ahead);
        remember(syncer, lane, true);
        if (!lane->part) syncer->head = lane->to + 1;
        cr_core_emit(core, CR_EFFECT_GIVE)->range.lane = (uint32_t)(lane - syncer->lanes);
        if (lane->part) return;
    }
}

/* The lowest commits from the head on for which no lane stands. */
static uint64_t first_gap(const struct cr_syncer *syncer, uint64_t *to)
{
    uint64_t from = syncer->head;
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t i = 0; i < CR_SYNC_LANES; i++) {
            const struct cr_lane *lane = &syncer->lanes[i];
            if (lane->state == CR_LANE_FREE || lane->from > from || lane->to < from) continue;
            from = lane->to + 1;
            moved = true;
        }
    }
    *to = syncer->limit;
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++) {
        const struct cr_lane *lane = &syncer->lanes[i];
        if (lane->state != CR_LANE_FREE && lane->from > from && lane->from <= *to)
            *to = lane->from - 1;
    }
    return from;
}

/* For the head the one that is farthest ahead makes room. */
static struct cr_lane *lane_for(struct cr_syncer *syncer, uint64_t from)
{
    struct cr_lane *last = NULL;
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++) {
        struct cr_lane *lane = &syncer->lanes[i];
        if (lane->state == CR_LANE_FREE) return lane;
        if (lane->state != CR_LANE_GIVING && (last == NULL || lane->from > last->from)) last = lane;
    }
    return from == syncer->head ? last : NULL;
}

/* Asks for what is wanted next, as far as there are lanes and peers. */
static void fill(struct cr_core *core)
{
    struct cr_syncer *syncer = &core->syncer;
    for (;;) {
        uint64_t to;
        const uint64_t from = first_gap(syncer, &to);
        struct cr_lane *lane = lane_for(syncer, from);
        if (lane == NULL || from > to) return;
        const uint32_t peer = choose(core, from);
        if (peer == core->validators_count) return;
        const struct cr_peer *server = &core->peers[peer];
        const uint32_t span = server->span > 0 ? server->span : CR_SYNC_COMMITS_MAX;
        if (to - from >= span) to = from + span - 1;
        if (to > server->claim) to = server->claim;
        *lane = (struct cr_lane){.from = from, .to = to, .began_us = core->now_us};
        ask(core, lane, peer);
    }
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

uint32_t cr_sync_lanes(const struct cr_core *core)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++)
        used += core->syncer.lanes[i].state != CR_LANE_FREE;
    return used;
}

/* ---- when ---- */

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
    syncer->began_index = core->chain.index;
    syncer->moved_us = core->now_us;
    syncer->relaxed = 0;
    syncer->limit = UINT64_MAX;
    syncer->parts_us = PARTS_US;
    if (syncer->patience_us == 0) syncer->patience_us = PATIENCE_US_MIN;
    begin_again(core);
    return true;
}

static bool is_over(const struct cr_core *core)
{
    if (core->syncer.rescue) return core->chain.index > core->syncer.began_index;
    return !behind_by(core, CR_SYNC_NEAR + 1);
}

/* Ranges were given and commits do not come of it: who sent those that are about the next ones is
 * of no use now. */
static void check_fruit(struct cr_core *core)
{
    struct cr_syncer *syncer = &core->syncer;
    if (syncer->head == core->chain.index + 1 || is_giving(syncer)) return;
    const uint64_t since_us =
        syncer->moved_us > syncer->given_us ? syncer->moved_us : syncer->given_us;
    const bool far = syncer->head > core->chain.index + UINT64_C(2) * CR_SYNC_COMMITS_MAX;
    if (!far && core->now_us - since_us < FRUITLESS_US) return;
    CR_COVER(range_without_commits);
    for (uint32_t i = 0; i < CR_SYNC_SAID; i++) {
        const struct cr_said *said = &syncer->said[i];
        if (said->given && said->claim.from <= core->chain.index + 1 + CR_SYNC_NEAR &&
            said->to > core->chain.index)
            pause_peer(core, said->peer, FRUITLESS_US);
    }
    begin_again(core);
}

/* When to look again, besides at events. */
static uint64_t next_look(const struct cr_core *core)
{
    const struct cr_syncer *syncer = &core->syncer;
    uint64_t next = syncer->moved_us + STUCK_US;
    if (syncer->head > core->chain.index + 1 && !is_giving(syncer)) {
        const uint64_t since_us =
            syncer->moved_us > syncer->given_us ? syncer->moved_us : syncer->given_us;
        if (since_us + FRUITLESS_US < next) next = since_us + FRUITLESS_US;
    }
    bool idle = false; /* a lane that nobody can be asked for now */
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++) {
        const struct cr_lane *lane = &syncer->lanes[i];
        if (lane->state == CR_LANE_FREE) idle = true;
        if (lane->state == CR_LANE_ASKED && lane->give_up_us < next) next = lane->give_up_us;
    }
    for (uint32_t p = 0; idle && p < core->validators_count; p++) {
        const uint64_t after_us = core->peers[p].ask_after_us;
        if (after_us > core->now_us && after_us < next) next = after_us;
    }
    if (idle && core->now_us + NO_PEER_US < next) next = core->now_us + NO_PEER_US;
    return next;
}

/* Moves the lanes on. */
static void work(struct cr_core *core)
{
    struct cr_syncer *syncer = &core->syncer;
    forget_old(core);
    check_fruit(core);
    hand_over(core);
    give(core);
    fill(core);
    if (cr_sync_lanes(core) == 0 && !anybody_serves(core, syncer->head) &&
        syncer->head > core->chain.index + 1) {
        stop(core, PAUSE_US); /* we have all there is; the rest is fresh enough to fetch */
        return;
    }
    syncer->wake_us = next_look(core);
}

void cr_sync_run(struct cr_core *core)
{
    struct cr_syncer *syncer = &core->syncer;
    if (core->chain.index > syncer->index) {
        syncer->index = core->chain.index;
        syncer->moved_us = core->now_us;
        syncer->conflicts = 0;
        syncer->parts_us = PARTS_US;
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
    work(core);
}

/* ---- answers ---- */

static void refuse(struct cr_core *core, struct cr_lane *lane, uint32_t peer)
{
    CR_COVER(range_refused);
    if (peer != lane->peer) return; /* another one was asked since */
    pause_peer(core, peer, USELESS_US);
    lane->state = CR_LANE_FREE;
}

/* The peer has gone on into the next epoch. For the head of our chain that is no answer; farther
 * ahead there is nothing to ask for. */
static void end_at(struct cr_core *core, struct cr_lane *lane, uint32_t peer)
{
    struct cr_syncer *syncer = &core->syncer;
    CR_COVER(range_of_another_epoch);
    if (lane->from <= syncer->head) {
        refuse(core, lane, peer);
        return;
    }
    syncer->limit = lane->from - 1;
    lane->state = CR_LANE_FREE;
}

void cr_sync_on_range(struct cr_core *core, const struct cr_event *event)
{
    struct cr_syncer *syncer = &core->syncer;
    const struct cr_claim *claim = event->range.claim;
    const uint32_t peer = event->peer;
    if (event->range.forged) {
        CR_COVER(range_contradicts_itself);
        accuse(core, peer, event->range.from_commit);
        return;
    }
    if (!syncer->active || event->range.lane >= CR_SYNC_LANES) return;
    struct cr_lane *lane = &syncer->lanes[event->range.lane];
    if (lane->state != CR_LANE_ASKED || event->range.from_commit != lane->from ||
        event->range.skip != lane->skip)
        return;
    if (claim == NULL) {
        refuse(core, lane, peer);
        return;
    }
    const uint64_t lie = first_lie(core, claim);
    if (lie != 0) {
        CR_COVER(range_does_not_follow);
        hear_out(core, lane, peer, lie, claim);
        return;
    }
    if (claim->count > 0 && claim->epoch != core->committee->epoch) {
        end_at(core, lane, peer);
        return;
    }
    learn(core, peer, lane, event->range.to_commit);
    lane->state = CR_LANE_HELD;
    lane->peer = peer;
    lane->part = event->range.to_commit < lane->from;
    if (!lane->part) lane->to = event->range.to_commit;
    lane->vertices = event->range.vertices;
    lane->claim = *claim;
    if (claim->closing && !lane->part) syncer->limit = lane->to;
    if (lane->from > syncer->head) CR_COVER(range_out_of_order);
}

void cr_sync_on_given(struct cr_core *core, const struct cr_event *event)
{
    struct cr_syncer *syncer = &core->syncer;
    if (event->range.lane >= CR_SYNC_LANES) return;
    struct cr_lane *lane = &syncer->lanes[event->range.lane];
    if (!syncer->active || lane->state != CR_LANE_GIVING) return;
    if (event->range.forged) {
        CR_COVER(range_badly_signed);
        accuse(core, lane->peer, lane->from);
        return;
    }
    if (!lane->part || lane->from <= core->chain.index || !core->peers[lane->peer].up) {
        lane->state = CR_LANE_FREE;
        return;
    }
    if (core->now_us - lane->began_us >= syncer->parts_us) {
        CR_COVER(range_in_too_many_parts);
        pause_peer(core, lane->peer, USELESS_US);
        syncer->parts_us *= 2;
        lane->state = CR_LANE_FREE;
        return;
    }
    CR_COVER(range_in_parts);
    lane->skip += lane->vertices;
    ask(core, lane, lane->peer);
}
