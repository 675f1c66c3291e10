/* SPDX-License-Identifier: Apache-2.0 */
/* check.c: the invariants of the cluster. */
#include "check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cluster.h"
#include "crypto/hash.h"
#include "wire/evidence.h"

enum {
    STEPS_IN_INSTANT_MAX = 20000,   /* a restart replays its window in one instant */
    DOUBLE_US = 8 * 1000 * 1000,    /* in which a double has heard of the first process */
    CONNECTED_US = 5 * 1000 * 1000, /* who came late at the start leads by then */
};

static const char *digest_text(const struct cr_hash *digest)
{
    static char text[4][17];
    static uint32_t next;
    char *out = text[next++ % 4];
    cr_hex_encode(digest->bytes, 8, out);
    return out;
}

static struct cr_check_commit *commit_at(struct cr_sim *sim, uint64_t index)
{
    struct cr_check *check = &sim->check;
    CR_ASSERT(index < UINT32_MAX);
    check->commits = cr_run_grow(check->commits, &check->commits_max, (uint32_t)index + 1,
                                 sizeof check->commits[0]);
    if (index >= check->commits_count) check->commits_count = (uint32_t)index + 1;
    return &check->commits[index];
}

/* ---- agreement ---- */

void cr_check_commit(struct cr_host *host, const struct cr_commit *commit,
                     const struct cr_hash *digest)
{
    if (cr_byz_is_liar(host->sim, host->self)) return;
    if (commit->index != host->commit_index + 1) {
        cr_run_fail("node %" PRIu32 " goes from commit %" PRIu64 " to commit %" PRIu64, host->self,
                    host->commit_index, commit->index);
    }
    if (commit->epoch != host->config.epoch.number) {
        cr_run_fail("commit %" PRIu64 " of node %" PRIu32 " is of epoch %" PRIu64
                    ", its core of epoch %" PRIu64,
                    commit->index, host->self, commit->epoch, host->config.epoch.number);
    }
    if (cr_check_forks(host, commit, commit_at(host->sim, commit->index), digest)) return;
    const struct cr_check_commit *before = commit_at(host->sim, commit->index - 1);
    if (commit->index > 1 && !cr_hash_equal(&commit->previous, &before->digest)) {
        cr_run_fail("node %" PRIu32 ": commit %" PRIu64 " does not follow the one before it",
                    host->self, commit->index);
    }
    if (commit->leader_round <= before->leader_round && !before->closing) {
        cr_run_fail("node %" PRIu32 ": the leader round of commit %" PRIu64 " does not rise",
                    host->self, commit->index);
    }
    struct cr_check_commit *agreed = commit_at(host->sim, commit->index);
    if (!agreed->committed) {
        const struct cr_hash own = cr_commit_digest(commit);
        if (!cr_hash_equal(&own, digest)) {
            cr_run_fail("node %" PRIu32 " calls commit %" PRIu64 " %s, but its record hashes to %s",
                        host->self, commit->index, digest_text(digest), digest_text(&own));
        }
        agreed->committed = true;
        agreed->digest = *digest;
        agreed->leader_round = commit->leader_round;
        agreed->closing = commit->closing;
    }
    if (cr_hash_equal(&agreed->digest, digest)) return;
    cr_run_fail("FORK: commit %" PRIu64 " is %s (leader round %" PRIu32 ") at node %" PRIu32
                ", %s (leader round %" PRIu32 ") elsewhere",
                commit->index, digest_text(digest), commit->leader_round, host->self,
                digest_text(&agreed->digest), agreed->leader_round);
}

static void check_vertex(struct cr_host *host, const struct cr_commit *commit,
                         const struct cr_ref *ref, uint32_t body)
{
    static struct cr_vertex vertex;
    struct cr_sim *sim = host->sim;
    cr_body_decode(host->bodies[body], &vertex);
    const struct cr_header *header = &vertex.header;
    const enum cr_verdict verdict = cr_header_judge(&host->committee, header);
    const uint32_t first = cr_map_add(&sim->check.ordered, &ref->digest, (uint32_t)commit->index);
    if (header->round != ref->round || header->author != ref->author || verdict != CR_VERDICT_OK) {
        cr_run_fail("commit %" PRIu64 " of node %" PRIu32 " holds v%" PRIu32 "@%" PRIu32 ": %s",
                    commit->index, host->self, ref->author, ref->round, cr_verdict_text(verdict));
    }
    if (header->round > commit->leader_round || header->round <= host->stats.gc_round) {
        cr_run_fail("commit %" PRIu64 " of node %" PRIu32 " holds v%" PRIu32 "@%" PRIu32
                    ", not between the horizon %" PRIu32 " and its leader round %" PRIu32,
                    commit->index, host->self, ref->author, ref->round, host->stats.gc_round,
                    commit->leader_round);
    }
    if (first == commit->index) return;
    cr_run_fail("v%" PRIu32 "@%" PRIu32 " is in commit %" PRIu32 " and in commit %" PRIu64
                " of node %" PRIu32,
                ref->author, ref->round, first, commit->index, host->self);
}

void cr_check_order(struct cr_host *host, const struct cr_effect *effect)
{
    if (cr_byz_is_liar(host->sim, host->self) || host->forked) return;
    const struct cr_commit *commit = &effect->commit.record;
    struct cr_check_commit *agreed = commit_at(host->sim, commit->index);
    const bool first = agreed->schedule == NULL;
    if (first) {
        agreed->schedule = cr_run_take(sizeof *agreed->schedule);
        *agreed->schedule = *effect->commit.schedule;
    }
    if (memcmp(agreed->schedule, effect->commit.schedule, sizeof *agreed->schedule) != 0) {
        cr_run_fail("after commit %" PRIu64 " node %" PRIu32 " has other leaders than the others",
                    commit->index, host->self);
    }
    for (uint32_t i = 0; first && i < commit->vertices_count; i++)
        check_vertex(host, commit, &commit->vertices[i], effect->commit.bodies[i]);
}

void cr_check_peer(const struct cr_host *host, uint32_t peer)
{
    if (peer < host->sim->nodes_count && host->peers_up[peer]) return;
    cr_run_fail("node %" PRIu32 " sends to node %" PRIu32 ", which is not connected", host->self,
                peer);
}

void cr_check_executed(struct cr_sim *sim, uint32_t node, const struct cr_ledger_head *head)
{
    if (cr_byz_is_liar(sim, node) || sim->hosts[node].forked) return;
    struct cr_check_commit *agreed = commit_at(sim, head->index);
    if (!agreed->executed) {
        agreed->executed = true;
        agreed->effects_digest = head->effects_digest;
        agreed->checkpoint_index = head->checkpoint_index;
        agreed->state_root = head->state_root;
    }
    if (!cr_hash_equal(&agreed->effects_digest, &head->effects_digest)) {
        cr_run_fail("effects of commit %" PRIu64 " are %s at node %" PRIu32 ", %s elsewhere",
                    head->index, digest_text(&head->effects_digest), node,
                    digest_text(&agreed->effects_digest));
    }
    if (agreed->checkpoint_index != head->checkpoint_index ||
        !cr_hash_equal(&agreed->state_root, &head->state_root)) {
        cr_run_fail("after commit %" PRIu64 " node %" PRIu32 " has state root %s of commit %" PRIu64
                    ", others have %s of commit %" PRIu64,
                    head->index, node, digest_text(&head->state_root), head->checkpoint_index,
                    digest_text(&agreed->state_root), agreed->checkpoint_index);
    }
}

/* ---- one voice, disk first ---- */

static void count_round(struct cr_check *check, uint64_t epoch, uint32_t round)
{
    if (epoch < check->newest_epoch) return;
    if (epoch > check->newest_epoch) {
        check->newest_epoch = epoch;
        check->newest_round = 0;
    }
    if (round <= check->newest_round) return;
    check->rounds_total += round - check->newest_round;
    check->newest_round = round;
}

/* Returns whether this vertex has been on the wire before. */
static bool check_one_voice(struct cr_host *host, const struct cr_body *own)
{
    struct cr_check *check = &host->sim->check;
    const uint64_t name[2] = {own->epoch, own->round};
    const struct cr_hash key = cr_hash_of(name, sizeof name);
    const uint32_t at = cr_map_find(&check->sent[host->self].rounds, &key);
    count_round(check, own->epoch, own->round);
    if (at == CR_MAP_NONE && cr_twins_is_double(host)) {
        cr_run_fail("DOUBLE: the second process of node %" PRIu32 " has signed round %" PRIu32,
                    host->self, own->round);
    }
    if (at == CR_MAP_NONE) {
        const uint32_t count = check->sent[host->self].count++;
        struct cr_hash **digests = &check->sent[host->self].digests;
        *digests = cr_run_grow(*digests, &check->sent[host->self].count_max, count + 1,
                               sizeof(struct cr_hash));
        (*digests)[count] = own->digest;
        cr_map_put(&check->sent[host->self].rounds, &key, count);
        return false;
    }
    const struct cr_hash *sent = &check->sent[host->self].digests[at];
    if (cr_hash_equal(sent, &own->digest)) return true;
    cr_run_fail("EQUIVOCATION: node %" PRIu32 " sends %s for round %" PRIu32
                " and has sent %s before",
                host->self, digest_text(&own->digest), own->round, digest_text(sent));
}

/* Genesis is nowhere, and what lies below our horizon need not be here any more. */
static void check_durable(struct cr_host *host, const struct cr_body *own, uint32_t author,
                          uint32_t round, const struct cr_hash *digest)
{
    if (round == 0 || round <= host->stats.gc_round) return;
    if (cr_disk_is_durable(&host->disk, digest)) return;
    cr_run_fail("node %" PRIu32 " sends its vertex of round %" PRIu32 " before v%" PRIu32
                "@%" PRIu32 ", which it refers to, is durable",
                host->self, own->round, author, round);
}

void cr_check_twin(struct cr_host *host, uint32_t round)
{
    if (cr_byz_is_liar(host->sim, host->self)) return;
    if (!cr_twins_is_double(host)) {
        cr_run_fail("node %" PRIu32 " takes its own vertex of round %" PRIu32 " for another's",
                    host->self, round);
    }
    host->sim->check.doubles_total++;
}

/* Where epochs end it asks again and again. */
void cr_check_double(const struct cr_host *host, uint64_t lived_us)
{
    const struct cr_sim_setup *setup = &host->sim->plan.setup;
    if (lived_us < DOUBLE_US || setup->epoch_rounds > 0 || setup->epoch_ms > 0) return;
    cr_run_fail("DOUBLE: the second process of node %" PRIu32 " has not found the first one",
                host->self);
}

void cr_check_wire(struct cr_host *host, const struct cr_body *own)
{
    static struct cr_vertex vertex;
    if (cr_byz_is_liar(host->sim, host->self)) return;
    if (check_one_voice(host, own)) return; /* of an earlier life, from the log or from a peer */
    if (!cr_disk_is_durable(&host->disk, &own->digest)) {
        cr_run_fail("node %" PRIu32 " sends its vertex of round %" PRIu32 " before it is durable",
                    host->self, own->round);
    }
    const struct cr_disk_guard *guard = &host->disk.guard_durable;
    if (cr_disk_guard_allows(guard, own->epoch, own->round)) {
        cr_run_fail("node %" PRIu32 " sends its vertex of round %" PRIu32
                    ", but its guard stands at %" PRIu32,
                    host->self, own->round, guard->round);
    }
    cr_body_decode(own, &vertex);
    const struct cr_header *header = &vertex.header;
    for (uint32_t author = 0; author < host->sim->nodes_count; author++) {
        if (!cr_authors_has(&header->parents, author)) continue;
        check_durable(host, own, author, own->round - 1, &header->parent_digests[author]);
    }
    for (uint32_t i = 0; i < header->old_count; i++)
        check_durable(host, own, header->old[i].author, header->old[i].round,
                      &header->old[i].digest);
}

static bool conflict(const struct cr_body *a, const struct cr_body *b)
{
    static struct cr_vertex vertices[2];
    cr_body_decode(a, &vertices[0]);
    cr_body_decode(b, &vertices[1]);
    return !cr_hash_equal(&a->digest, &b->digest) &&
           cr_header_conflict(&vertices[0].header, &vertices[1].header) != CR_CONFLICT_NONE;
}

void cr_check_evidence(struct cr_host *host, const struct cr_body *a, const struct cr_body *b)
{
    struct cr_sim *sim = host->sim;
    if (cr_byz_is_liar(sim, host->self)) return;
    if (!conflict(a, b))
        cr_run_fail("node %" PRIu32 " calls two vertices evidence that do not conflict",
                    host->self);
    if (!cr_byz_is_liar(sim, a->author))
        cr_run_fail("node %" PRIu32 " holds evidence against node %" PRIu32 ", which is correct",
                    host->self, a->author);
    sim->check.evidence_total++;
}

void cr_check_forged(struct cr_host *host, uint32_t peer, uint64_t index)
{
    struct cr_sim *sim = host->sim;
    if (cr_byz_is_liar(sim, host->self)) return;
    /* Where more than F lie, two correct nodes may have made different commits. */
    if (!cr_byz_is_liar(sim, peer) && sim->plan.expect == CR_EXPECT_HELD) {
        cr_run_fail("node %" PRIu32 " blames node %" PRIu32 ", which is correct, for a forged "
                    "commit %" PRIu64,
                    host->self, peer, index);
    }
    sim->check.forged_total++;
}

void cr_check_drop(struct cr_host *host, const struct cr_body *body, enum cr_verdict verdict)
{
    CR_ASSERT((uint32_t)verdict < CR_VERDICTS_COUNT);
    host->sim->check.verdicts[verdict]++;
    if (verdict < CR_VERDICT_CROWDED) return; /* nobody's fault */
    if (cr_byz_is_liar(host->sim, host->self) || cr_byz_is_liar(host->sim, body->author)) return;
    cr_run_fail("node %" PRIu32 " refuses v%" PRIu32 "@%" PRIu32 " (%s), though both are correct",
                host->self, body->author, body->round, cr_verdict_text(verdict));
}

/* ---- bounds ---- */

static void check_bounds(struct cr_host *host)
{
    const struct cr_sim *sim = host->sim;
    const struct cr_core_stats *stats = &host->stats;
    const uint32_t window = host->config.round_window ? host->config.round_window : CR_ROUND_WINDOW;
    const uint32_t extra = window > sim->nodes_count ? window : sim->nodes_count;
    const uint32_t slots = sim->nodes_count * (window + (sim->liars != 0 ? extra : 0));
    const uint32_t live = host->bodies_count - host->handles_free_count;
    if (stats->vertices > slots || stats->suspended > slots || stats->missing > slots ||
        live > slots * 2) {
        cr_run_fail("node %" PRIu32 " keeps too much: %" PRIu32 " vertices, %" PRIu32
                    " suspended, %" PRIu32 " missing, %" PRIu32 " bodies; slots: %" PRIu32,
                    host->self, stats->vertices, stats->suspended, stats->missing, live, slots);
    }
    struct cr_core_stats *peak = &host->sim->check.peak;
    if (stats->vertices > peak->vertices) peak->vertices = stats->vertices;
    if (stats->suspended > peak->suspended) peak->suspended = stats->suspended;
    if (stats->missing > peak->missing) peak->missing = stats->missing;
}

static void check_counters(const struct cr_host *host)
{
    const struct cr_core_stats *stats = &host->stats;
    const struct cr_host_orders *orders = &host->orders;
    if (stats->proposed_total == orders->proposals && stats->fetches_total == orders->fetches &&
        stats->syncs_total == orders->syncs)
        return;
    cr_run_fail("node %" PRIu32 " counts %" PRIu64 " proposals, %" PRIu64 " fetches, %" PRIu64
                " syncs; it has ordered %" PRIu64 ", %" PRIu64 ", %" PRIu64,
                host->self, stats->proposed_total, stats->fetches_total, stats->syncs_total,
                orders->proposals, orders->fetches, orders->syncs);
}

void cr_check_step(struct cr_host *host)
{
    struct cr_sim *sim = host->sim;
    struct cr_check *check = &sim->check;
    cr_core_stats(host->core, &host->stats);
    if (cr_byz_is_liar(sim, host->self)) return;
    check_bounds(host);
    check_counters(host);
    if (host->stats.commit_index != host->commit_index) {
        cr_run_fail("node %" PRIu32 " stands at commit %" PRIu64 " but has delivered %" PRIu64,
                    host->self, host->stats.commit_index, host->commit_index);
    }
    if (sim->plan.scenario->steady && sim->plan.setup.changes == 0 && sim->now_us > CONNECTED_US &&
        !cr_authors_is_empty(&host->stats.suspended_leaders))
        cr_run_fail("node %" PRIu32 " has suspended a leader without a fault", host->self);
    if (check->instant_us != sim->now_us) check->steps_in_instant = 0;
    check->instant_us = sim->now_us;
    if (++check->steps_in_instant > STEPS_IN_INSTANT_MAX) {
        cr_run_fail("node %" PRIu32 " spins: virtual time does not move", host->self);
    }
    if (check->steps_until_walk-- > 0) return;
    check->steps_until_walk = sim->options->check_every;
    cr_core_check(host->core);
}

/* ---- the price ---- */

void cr_check_sum(struct cr_host *host)
{
    struct cr_core_stats *sum = &host->sim->check.sum;
    const struct cr_core_stats *stats = &host->stats;
    sum->accepted_total += stats->accepted_total;
    sum->proposed_total += stats->proposed_total;
    sum->fetches_total += stats->fetches_total;
    sum->syncs_total += stats->syncs_total;
    sum->timeouts_total += stats->timeouts_total;
    sum->slots_direct += stats->slots_direct;
    sum->slots_indirect += stats->slots_indirect;
    sum->slots_skipped += stats->slots_skipped;
}

void cr_check_price(struct cr_sim *sim)
{
    const uint64_t n = sim->nodes_count;
    const uint64_t rounds = sim->check.rounds_total;
    const bool steady = sim->plan.scenario->steady;
    const uint64_t frames_max =
        n * (n - 1) *
        (steady ? CR_SIM_FRAMES_STEADY * rounds + 100 : CR_SIM_FRAMES_FAULTY * rounds + 2000);
    if (sim->network.frames_correct > frames_max) {
        cr_run_fail("STORM: %" PRIu64 " frames for %" PRIu64 " rounds, more than %" PRIu64,
                    sim->network.frames_correct, rounds, frames_max);
    }
    uint64_t decoded = 0;
    for (uint32_t i = 0; i < sim->nodes_count; i++)
        decoded += sim->hosts[i].counters.vertices_decoded;
    /* Liars make others ask, and answer, for nothing. */
    const uint64_t idle = sim->liars != 0 ? 2000 : 1000;
    const uint64_t decoded_max = n * n * (CR_SIM_VERTICES_FAULTY * rounds + idle);
    if (decoded > decoded_max) {
        cr_run_fail("STORM: %" PRIu64 " vertices received for %" PRIu64
                    " rounds, more than %" PRIu64,
                    decoded, rounds, decoded_max);
    }
}

void cr_check_canary(const struct cr_sim *sim)
{
    uint64_t active = 0;
    for (uint32_t i = 0; i < sim->plan.entries_count; i++) {
        if (sim->active[i]) active |= UINT64_C(1) << sim->plan.entries[i].fault;
    }
    const uint64_t canary = sim->options->canary;
    if (canary != 0 && (active & canary) == canary)
        cr_run_fail("CANARY: the faults that --canary names are there at the same time");
}

void cr_check_end(struct cr_sim *sim)
{
    cr_check_price(sim);
    cr_accuse_check_end(sim);
    for (uint32_t i = 0; i < sim->nodes_count; i++) {
        if (cr_byz_is_liar(sim, i)) continue;
        cr_check_sum(&sim->hosts[i]);
        cr_core_check(sim->hosts[i].core);
        cr_ledger_check(sim->hosts[i].executor.ledger);
    }
}
