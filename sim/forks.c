/* SPDX-License-Identifier: Apache-2.0 */
/* forks.c: runs in which more than F stake lies. Nobody can promise that such a cluster agrees;
 * what must hold is that its correct nodes do not go on as if nothing had happened. */
#include <inttypes.h>
#include <stdio.h>

#include "cluster.h"

void cr_check_halt(struct cr_host *host, const char *reason)
{
    struct cr_sim *sim = host->sim;
    cr_trace_note(sim, host->self, "halts", host->commit_index);
    host->halted = true;
    if (cr_byz_is_liar(sim, host->self)) return;
    if (sim->plan.expect == CR_EXPECT_HELD)
        cr_run_fail("node %" PRIu32 " halts: %s", host->self, reason);
    sim->check.halts_total++;
}

bool cr_check_forks(struct cr_host *host, const struct cr_commit *commit,
                    const struct cr_check_commit *agreed, const struct cr_hash *digest)
{
    struct cr_check *check = &host->sim->check;
    if (host->sim->plan.expect == CR_EXPECT_HELD) return false;
    if (host->forked) return true; /* what follows is another chain */
    if (!agreed->committed || cr_hash_equal(&agreed->digest, digest)) return false;
    cr_trace_note(host->sim, host->self, "forks at commit", commit->index);
    host->forked = true;
    check->forks_total++;
    if (check->forked_at == 0 || commit->index < check->forked_at) check->forked_at = commit->index;
    return true;
}

/* ---- is it noticed? ---- */

/* What a process has committed at an index; NULL: it has not. */
static const struct cr_disk_record *commit_of(const struct cr_host *host, uint64_t index)
{
    return index <= host->commit_index ? cr_disk_commit(&host->disk, index) : NULL;
}

/* Whether the two have made different commits of the newest index that both have. */
static bool contradict(const struct cr_host *a, const struct cr_host *b)
{
    const uint64_t index = a->commit_index < b->commit_index ? a->commit_index : b->commit_index;
    const struct cr_disk_record *at_a = commit_of(a, index);
    const struct cr_disk_record *at_b = commit_of(b, index);
    if (at_a == NULL || at_b == NULL) return false;
    const struct cr_hash digest = cr_commit_digest(cr_disk_record_commit(at_a));
    const struct cr_hash other = cr_commit_digest(cr_disk_record_commit(at_b));
    return !cr_hash_equal(&digest, &other);
}

/* The stake of all that go on and that this node can hear saying otherwise. Who has halted says
 * nothing any more. */
static uint64_t stake_against(struct cr_sim *sim, const struct cr_host *host)
{
    uint64_t stake = 0;
    for (uint32_t i = 0; i < sim->nodes_count; i++) {
        if (i == host->self) continue;
        const struct cr_host *other = cr_twins_of(sim, i, host->self);
        if (!other->alive || other->halted || !contradict(host, other)) continue;
        stake += sim->committee.stake[i];
    }
    return stake;
}

bool cr_check_is_noticed(struct cr_sim *sim)
{
    for (uint32_t i = 0; i < sim->nodes_count; i++) {
        const struct cr_host *host = &sim->hosts[i];
        if (cr_byz_is_liar(sim, i) || host->halted) continue;
        if (stake_against(sim, host) > sim->committee.faulty) return false;
    }
    return sim->check.forks_total == 0 || sim->check.halts_total > 0;
}

/* ---- who was it? ---- */

static void blame(struct cr_blame *blame, const struct cr_disk *log)
{
    for (uint32_t i = 0; i < log->count; i++) {
        if (log->records[i].kind == CR_RECORD_VERTEX) cr_blame_add(blame, log->records[i].body);
    }
}

/* As `creto forensics` does: the logs of two nodes that have made different commits prove more than
 * F stake guilty (two quorums have voted differently), and nobody who is not. */
static void check_blame(struct cr_sim *sim, const struct cr_host *a, const struct cr_host *b)
{
    struct cr_blame both = {0};
    struct cr_authors guilty = {0};
    blame(&both, &a->disk);
    blame(&both, &b->disk);
    for (uint32_t i = 0; i < sim->nodes_count; i++) {
        if (!((both.guilty >> i) & 1)) continue;
        cr_authors_add(&guilty, i);
        if (cr_byz_is_liar(sim, i)) continue;
        cr_run_fail("BLAME: the logs of node %" PRIu32 " and node %" PRIu32 " name node %" PRIu32
                    ", which is correct",
                    a->self, b->self, i);
    }
    if (cr_committee_stake_of(&sim->committee, &guilty) <= sim->committee.faulty) {
        cr_run_fail("BLAME: node %" PRIu32 " and node %" PRIu32
                    " have made different commits, and their logs prove too few guilty (%04" PRIx32
                    ")",
                    a->self, b->self, both.guilty);
    }
    sim->check.blames_total++;
}

/* Each correct node beside the first one that is on another branch. */
static void check_blames(struct cr_sim *sim)
{
    for (uint32_t a = 0; a < sim->nodes_count; a++) {
        bool compared = false;
        for (uint32_t b = a + 1; b < sim->nodes_count && !compared; b++) {
            if (cr_byz_is_liar(sim, a) || cr_byz_is_liar(sim, b)) continue;
            compared = contradict(&sim->hosts[a], &sim->hosts[b]);
            if (compared) check_blame(sim, &sim->hosts[a], &sim->hosts[b]);
        }
    }
}

void cr_check_expected(struct cr_sim *sim)
{
    const uint64_t forks = sim->check.forks_total, halts = sim->check.halts_total;
    const uint32_t correct = sim->nodes_count - (uint32_t)__builtin_popcount(sim->liars);
    if (!cr_check_is_noticed(sim)) {
        cr_run_fail("UNNOTICED: a fork at commit %" PRIu64 ", %" PRIu64 " of %" PRIu32
                    " correct nodes have halted",
                    sim->check.forked_at, halts, correct);
    }
    if (sim->plan.expect == CR_EXPECT_FORK && forks == 0)
        cr_run_fail("EXPECTED a fork: there was none");
    if (sim->plan.expect == CR_EXPECT_HALT && halts < correct)
        cr_run_fail("EXPECTED all to halt: %" PRIu64 " of %" PRIu32 " have", halts, correct);
    check_blames(sim);
}
