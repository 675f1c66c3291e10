/* SPDX-License-Identifier: Apache-2.0 */
/* status.c: what the node says about itself: to the API, to metrics, at start. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <blake3.h>

#include "crypto/hash.h"
#include "crypto/verifier.h"
#include "node/clock.h"
#include "node/replica.h"
#include "peer/degraded.h"

enum {
    LAG_COMMITS_READY_MAX = 64,
    BACKLOG_US_MAX = 1000 * 1000, /* of clients' signatures to be verified: then clients wait */
};

static uint64_t stake_up(const struct cr_node *node)
{
    struct cr_authors up = node->up;
    if (node->self != CR_NET_NOBODY) cr_authors_add(&up, node->self);
    return cr_committee_stake_of(&node->committee, &up);
}

static const char *probing(const struct cr_probe_stats *probe)
{
    if (probe->hopeless)
        return "more than a third of the stake has lost what it signed: see Lost guards in "
               "operations.md";
    if (probe->memory == CR_MEMORY_LOST && probe->open)
        return "does not know what its key has signed: asks a quorum of the others";
    if (probe->open) return "asks the others what its key has signed";
    return probe->listening ? "listens whether its key signs elsewhere" : "";
}

static void explain(const struct cr_node *node, const struct cr_core_stats *core,
                    struct cr_node_status *s)
{
    const char *because = "";
    if (!s->started)
        because = "recovering the log";
    else if (s->halted)
        because = "halted: see the log and halted.json in the data folder";
    else if (node->twin)
        because = "its key was seen signing elsewhere: see the log";
    else if (!cr_node_is_member(node))
        because = "no member of the running epoch: it follows and serves";
    else if (s->stake_up < s->stake_quorum)
        because = "not connected to a quorum of stake";
    else if (core->probe.open || core->probe.listening)
        because = probing(&core->probe);
    else if (s->syncing)
        because = "catching up with the other validators";
    else if (core->commit_index + LAG_COMMITS_READY_MAX < core->commit_index_quorum)
        because = "behind the other validators";
    else if (s->round == 0)
        because = "has not signed a vertex yet";
    snprintf(s->not_ready_because, sizeof s->not_ready_because, "%s", because);
    s->ready = because[0] == 0;
}

static uint32_t count_contradicting(const struct cr_core_stats *core)
{
    struct cr_authors all = {0};
    for (uint32_t kind = 0; kind < CR_ATTESTED_COUNT; kind++)
        all = cr_authors_or(all, &core->contradicting[kind]);
    return cr_authors_count(&all);
}

static void fill_sync(struct cr_node *node, const struct cr_core_stats *core,
                      struct cr_node_sync *sync)
{
    if (!core->syncing) return;
    if (!node->status.syncing) {
        node->sync_began_us = node->now_us;
        node->sync_began_index = core->commit_index;
    }
    const uint64_t took_us = node->now_us - node->sync_began_us;
    const uint64_t made = core->commit_index - node->sync_began_index;
    if (took_us > 0) sync->commits_per_s = made * 1000000 / took_us;
    sync->behind = core->commit_index_quorum - core->commit_index;
    for (uint32_t p = 0; p < node->committee.validators_count; p++) {
        sync->forged += node->blame.peers[p].counts[CR_BLAME_FORGED];
        if (cr_authors_has(&core->sync_peers, p))
            sync->from[sync->from_count++] = node->validators[p].name;
    }
}

static void fill(struct cr_node *node, const struct cr_core_stats *core, struct cr_node_status *s)
{
    const struct cr_ledger_head *head = cr_executor_head(node->executor);
    struct cr_mempool_stats mempool;
    cr_mempool_stats(node->mempool, &mempool);
    snprintf(s->chain, sizeof s->chain, "%s", node->genesis->chain);
    snprintf(s->validator, sizeof s->validator, "%s", cr_node_name(node));
    s->genesis_id = node->genesis->id;
    s->validator_index = node->self;
    s->validators_count = node->committee.validators_count;
    s->epoch = node->committee.epoch;
    s->round = core->round;
    s->commit_index = core->commit_index;
    s->commit_digest = core->commit_index > 0 ? core->commit_digest : node->genesis->id;
    s->executed_index = head->index;
    s->effects_digest = head->effects_digest;
    s->checkpoint_index = head->checkpoint_index;
    s->state_root = head->state_root;
    s->peers_up = cr_authors_count(&node->up);
    s->stake_up = stake_up(node);
    s->stake_total = node->committee.total;
    s->stake_quorum = node->committee.quorum;
    s->syncing = core->syncing;
    fill_sync(node, core, &s->sync);
    s->probing = core->probe.open || core->probe.listening;
    s->halted = node->halted;
    s->leaders_absent = cr_authors_count(&core->absent_leaders);
    s->leaders_bad = cr_authors_count(&core->bad_leaders);
    s->contradicted_by = count_contradicting(core);
    s->mempool_txs = mempool.txs;
    s->mempool_bytes = mempool.bytes;
    s->started = true;
    const struct cr_degraded_signals signals = {
        .stake_up = s->stake_up,
        .stake_total = s->stake_total,
        .stake_quorum = s->stake_quorum,
        .commit_age_us = node->now_us - node->commit_us,
        .queue_percent = (uint32_t)(mempool.bytes * 100 / node->config->mempool_bytes),
        .syncing = core->syncing,
        .halted = node->halted};
    s->degraded_level = (uint32_t)cr_degraded_level(&signals);
    explain(node, core, s);
}

/* The log says once what was found, and what it has led to. */
static void tell_probe(struct cr_node *node, const struct cr_probe_stats *probe)
{
    const struct cr_probe_stats before = node->probe;
    node->probe = *probe;
    if (probe->lost && !before.lost) {
        cr_report(CR_LOG_LEVEL_WARN, "consensus", "memory-lost",
                  "guard=%s text=\"what consensus.key has signed is not known here; nothing is "
                  "signed until a quorum of the others has said how far it can be\"",
                  node->guard_record.lost ? "\"missing or a copy\""
                                          : "\"older than the others know\"");
    }
    if (probe->hopeless && !before.hopeless) {
        cr_report(CR_LOG_LEVEL_ERROR, "consensus", "memory-lost-widely",
                  "text=\"more than a third of the stake has lost what it signed: no answer can "
                  "bound it, nothing is signed; guards that were only moved: creto guard adopt; "
                  "else see docs/operations.md, Lost guards\"");
    }
    /* All of it may have happened since the last look. */
    if (probe->lost && !probe->open && (!before.lost || before.open))
        cr_report(CR_LOG_LEVEL_INFO, "consensus", "memory-bounded", "listening=%s",
                  probe->listening ? "yes" : "no");
}

void cr_node_update_status(struct cr_node *node)
{
    struct cr_core_stats core;
    struct cr_node_status status = {0};
    struct cr_executor_stats executor;
    cr_core_stats(node->core, &core);
    cr_executor_stats(node->executor, &executor);
    tell_probe(node, &core.probe);
    fill(node, &core, &status);
    cr_accuse_run(node->accuse, node->net && !node->halted);
    pthread_mutex_lock(&node->status_lock);
    const bool was_ready = node->status.ready;
    const bool differs = strcmp(node->status.not_ready_because, status.not_ready_because) != 0;
    node->status = status;
    node->core_stats = core;
    node->executor_stats = executor;
    node->counters_shown = node->counters;
    node->blame_shown = node->blame;
    node->certify_shown = cr_certify_stats(node->certify);
    node->offences_count = 0;
    for (uint32_t i = 0; i < node->committee.validators_count; i++) {
        const struct cr_entry_offence *offence = cr_accuse_recorded(node->accuse, i);
        if (offence) node->offences[node->offences_count++] = *offence;
    }
    if (node->net) cr_net_stats(node->net, &node->net_stats);
    for (uint32_t i = 0; node->net && i < node->committee.validators_count; i++)
        cr_net_peer_stats(node->net, i, &node->peer_stats[i]);
    pthread_mutex_unlock(&node->status_lock);
    node->status_us = node->now_us;
    if (status.ready && !was_ready) {
        cr_report(CR_LOG_LEVEL_INFO, "node", "ready", "round=%u commit=%" PRIu64, status.round,
                  status.commit_index);
    } else if (!status.ready && differs) {
        cr_report(CR_LOG_LEVEL_INFO, "node", "not-ready", "because=\"%s\"",
                  status.not_ready_because);
    }
}

/* ---- the backend of the API: called on API threads ---- */

static enum cr_submit check_fields(const struct cr_node *node, uint64_t index,
                                   struct cr_submission *s)
{
    bool carried;
    if (memcmp(s->tx->chain, node->genesis->id.bytes, CR_TX_CHAIN_BYTES) != 0)
        s->result = CR_RESULT_WRONG_CHAIN;
    else if (s->tx->valid_until_commit <= index)
        s->result = CR_RESULT_EXPIRED;
    else if (s->tx->valid_until_commit > index + node->genesis->params.tx_ttl_max)
        s->result = CR_RESULT_TTL_TOO_LONG;
    else if (cr_mempool_find(node->mempool, &s->tx->id, &carried))
        return CR_SUBMIT_PENDING;
    else
        return CR_SUBMIT_RECEIVED;
    return CR_SUBMIT_REJECTED;
}

/* Under the lock of the reader: has it a result already? */
static void find_executed(struct cr_state_reader *reader, struct cr_submission *list,
                          uint32_t count)
{
    struct cr_tx_row row;
    if (cr_state_reader_begin(reader) != CR_OK) return;
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].answer == CR_SUBMIT_RECEIVED &&
            cr_state_reader_tx(reader, &list[i].tx->id, &row))
            list[i].answer = CR_SUBMIT_EXECUTED;
    }
    cr_state_reader_end(reader);
}

/* Under the lock of the reader, all of them together. */
static void check_signatures(struct cr_node *node, struct cr_submission *list, uint32_t count)
{
    struct cr_node_submitted *all = node->submitted;
    uint32_t txs_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].answer != CR_SUBMIT_RECEIVED) continue;
        all->of[txs_count] = &list[i];
        all->txs[txs_count++] = list[i].tx;
    }
    cr_verify_submitted(node->verify, node->submit_reader, all->txs, txs_count, all->verdicts);
    for (uint32_t i = 0; i < txs_count; i++) {
        const enum cr_sig_verdict verdict = all->verdicts[i];
        if (verdict == CR_SIG_VALID) continue;
        all->of[i]->answer = CR_SUBMIT_REJECTED;
        all->of[i]->result =
            verdict == CR_SIG_INVALID ? CR_RESULT_BAD_SIGNATURE : CR_RESULT_UNKNOWN_ACCOUNT;
    }
}

/* Clients wait before the workers fall far behind: what is taken now is verified by all others. */
static enum cr_submit may_submit(const struct cr_node *node)
{
    struct cr_verify_stats stats;
    if (!atomic_load_explicit(&node->accepting, memory_order_acquire)) return CR_SUBMIT_UNAVAILABLE;
    if (!atomic_load_explicit(&node->member, memory_order_acquire)) return CR_SUBMIT_UNAVAILABLE;
    cr_verify_stats(node->verify, &stats);
    return stats.backlog_us > BACKLOG_US_MAX ? CR_SUBMIT_FULL : CR_SUBMIT_RECEIVED;
}

static void submit(void *context, struct cr_submission *list, uint32_t count)
{
    struct cr_node *node = context;
    const uint64_t one = 1;
    const enum cr_submit may = may_submit(node);
    bool any = false;
    pthread_mutex_lock(&node->status_lock);
    const uint64_t index = node->status.executed_index;
    pthread_mutex_unlock(&node->status_lock);
    CR_ASSERT(count <= CR_SUBMISSIONS_MAX);
    for (uint32_t i = 0; i < count; i++)
        list[i].answer = may == CR_SUBMIT_RECEIVED ? check_fields(node, index, &list[i]) : may;
    pthread_mutex_lock(&node->submit_lock);
    find_executed(node->submit_reader, list, count);
    check_signatures(node, list, count);
    pthread_mutex_unlock(&node->submit_lock);
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].answer != CR_SUBMIT_RECEIVED) continue;
        const enum cr_err err = cr_mempool_add(node->mempool, list[i].tx, list[i].bytes);
        if (err != CR_OK)
            list[i].answer = err == CR_ERR_EXISTS ? CR_SUBMIT_PENDING : CR_SUBMIT_FULL;
        any = any || err == CR_OK;
    }
    if (any && write(node->wake_fd, &one, sizeof one) < 0) return; /* it wakes anyway */
}

static void status(void *context, struct cr_node_status *out)
{
    struct cr_node *node = context;
    pthread_mutex_lock(&node->status_lock);
    *out = node->status;
    pthread_mutex_unlock(&node->status_lock);
    const uint64_t turned_us = atomic_load_explicit(&node->turned_us, memory_order_relaxed);
    out->live = cr_now_us() < turned_us + 2000000;
}

static bool pending(void *context, const struct cr_hash *id, bool *ordered)
{
    struct cr_node *node = context;
    bool carried;
    *ordered = false; /* from order to result takes less than one turn of the loop */
    return cr_mempool_find(node->mempool, id, &carried);
}

static uint32_t offences(void *context, struct cr_api_offence *out)
{
    struct cr_node *node = context;
    pthread_mutex_lock(&node->status_lock);
    const uint32_t count = node->offences_count;
    for (uint32_t i = 0; i < count; i++) {
        out[i].offence = node->offences[i];
        out[i].validator = node->validators[node->offences[i].author].name;
    }
    pthread_mutex_unlock(&node->status_lock);
    return count;
}

void cr_node_backend(struct cr_node *node, struct cr_api_backend *out)
{
    *out = (struct cr_api_backend){.context = node,
                                   .submit = submit,
                                   .status = status,
                                   .pending = pending,
                                   .metrics = cr_node_metrics,
                                   .offences = offences,
                                   .genesis = node->genesis,
                                   .state = node->db,
                                   .log = node->log,
                                   .epochs = node->epochs};
}

/* ---- the plan, printed at start ---- */

void cr_node_print_plan(const struct cr_node *node)
{
    const double mib = 1024 * 1024;
    cr_report(CR_LOG_LEVEL_INFO, "node", "memory-plan",
              "core_mib=%.1f verify_mib=%.1f mempool_mib_max=%.0f bodies_mib_max=%.0f "
              "state_map_gib=%.0f",
              (double)node->core_bytes / mib,
              (double)(CR_VERIFY_JOBS_MAX * sizeof(struct cr_verify_job)) / mib,
              (double)node->config->mempool_bytes / mib, (double)CR_NODE_BODY_BYTES_MAX / mib,
              (double)node->config->state_map_bytes / mib / 1024);
    cr_report(CR_LOG_LEVEL_INFO, "node", "threads",
              "main=\"io, core, executor\" workers=%u seal=1 disk=1 api=libmicrohttpd",
              cr_node_workers(node->config));
    cr_report(CR_LOG_LEVEL_INFO, "node", "cpu",
              "sse41=%s avx2=%s avx512=%s verifier=%s hash=blake3-%s hash_kernel=%s hash_lanes=%u",
              __builtin_cpu_supports("sse4.1") ? "yes" : "no",
              __builtin_cpu_supports("avx2") ? "yes" : "no",
              __builtin_cpu_supports("avx512f") ? "yes" : "no", cr_verifier()->name,
              blake3_version(), cr_hash_kernel(), cr_hash_lanes());
    struct cr_verifier_stats verifier;
    cr_verifier_stats(&verifier);
    if (verifier.fell_back) {
        cr_report(CR_LOG_LEVEL_ERROR, "node", "verifier-alarm",
                  "reason=\"the kernels for this processor failed their test\" verifier=%s",
                  cr_verifier()->name);
    }
}
