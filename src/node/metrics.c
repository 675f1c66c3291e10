/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.c: the node's figures in Prometheus text form. Labels come from closed sets: validator
 * names, verdicts, results. */
#include <inttypes.h>
#include <stdlib.h>

#include "crypto/verifier.h"
#include "node/replica.h"

static void head(struct cr_text *out, const char *name, const char *kind, const char *help)
{
    cr_text_print(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void one(struct cr_text *out, const char *name, const char *kind, const char *help,
                uint64_t value)
{
    head(out, name, kind, help);
    cr_text_print(out, "%s %" PRIu64 "\n", name, value);
}

static void consensus(struct cr_text *out, const struct cr_core_stats *core)
{
    one(out, "creto_round", "gauge", "Newest durable own vertex.", core->round);
    one(out, "creto_commit_index", "gauge", "Last commit ordered here.", core->commit_index);
    one(out, "creto_commit_index_quorum", "gauge", "Highest commit that more than F stake claims.",
        core->commit_index_quorum);
    one(out, "creto_vertices_accepted_total", "counter", "Vertices accepted into the DAG.",
        core->accepted_total);
    one(out, "creto_vertices_proposed_total", "counter", "Own vertices.", core->proposed_total);
    one(out, "creto_vertices_suspended", "gauge", "Vertices that wait for an ancestor.",
        core->suspended);
    one(out, "creto_stalled", "gauge", "1 while nothing is committed any more.", core->stalled);
    one(out, "creto_probing", "gauge", "1 while it is asked what our key has signed.",
        core->probe.open || core->probe.listening);
    one(out, "creto_vertices_missing", "gauge", "Ancestors wanted from peers.", core->missing);
    one(out, "creto_fetches_total", "counter", "Requests for missing vertices.",
        core->fetches_total);
    one(out, "creto_syncs_total", "counter", "Requests for ranges of old commits.",
        core->syncs_total);
    one(out, "creto_syncing", "gauge", "1 while catching up.", core->syncing);
    one(out, "creto_sync_lanes", "gauge", "Ranges of old commits under way.", core->sync_lanes);
    one(out, "creto_sync_handovers_total", "counter", "Ranges asked of another peer.",
        core->sync_handovers_total);
    one(out, "creto_sync_forged_total", "counter", "Ranges proven wrong.", core->sync_forged_total);
    one(out, "creto_round_timeouts_total", "counter", "Rounds that did not wait for all leaders.",
        core->timeouts_total);
    one(out, "creto_equivocations_total", "counter",
        "Second vertices seen for one author and round.", core->equivocations_total);
    head(out, "creto_leader_slots_total", "counter", "Decided leader slots by outcome.");
    cr_text_print(out,
                  "creto_leader_slots_total{outcome=\"direct\"} %" PRIu64 "\n"
                  "creto_leader_slots_total{outcome=\"indirect\"} %" PRIu64 "\n"
                  "creto_leader_slots_total{outcome=\"skipped\"} %" PRIu64 "\n",
                  core->slots_direct, core->slots_indirect, core->slots_skipped);
    head(out, "creto_vertices_dropped_total", "counter", "Vertices let go, by verdict.");
    for (uint32_t i = CR_VERDICT_KNOWN; i < CR_VERDICTS_COUNT; i++)
        cr_text_print(out, "creto_vertices_dropped_total{verdict=\"%s\"} %" PRIu64 "\n",
                      cr_verdict_text((enum cr_verdict)i), core->verdicts[i]);
}

static void ledger(struct cr_text *out, const struct cr_executor_stats *executor)
{
    head(out, "creto_transactions_total", "counter", "Executed transactions by result.");
    for (uint32_t i = 0; i < CR_RESULTS_COUNT; i++)
        cr_text_print(out, "creto_transactions_total{result=\"%s\"} %" PRIu64 "\n",
                      cr_result_label((enum cr_result)i), executor->results[i]);
    one(out, "creto_operations_total", "counter", "Executed operations.", executor->operations);
}

static void faults(struct cr_text *out, const char *name, const struct cr_blame_peer *peer)
{
    for (uint32_t reason = 0; reason < CR_BLAMES_COUNT; reason++) {
        if (peer->counts[reason] == 0) continue;
        cr_text_print(out, "creto_peer_faults_total{validator=\"%s\",reason=\"%s\"} %" PRIu64 "\n",
                      name, cr_blame_text(reason), peer->counts[reason]);
    }
}

static void peers(struct cr_text *out, const struct cr_node *node, uint32_t count,
                  const struct cr_net_peer_stats *stats, const struct cr_core_stats *core,
                  const struct cr_blame *blame)
{
    head(out, "creto_peer_up", "gauge", "1 when connected.");
    for (uint32_t i = 0; i < count; i++) {
        const char *name = node->validators[i].name;
        if (i == node->self) continue;
        cr_text_print(out, "creto_peer_up{validator=\"%s\"} %d\n", name, stats[i].up);
    }
    head(out, "creto_peer_rtt_seconds", "gauge", "Smoothed round-trip time.");
    for (uint32_t i = 0; i < count; i++) {
        if (i == node->self) continue;
        cr_text_print(out, "creto_peer_rtt_seconds{validator=\"%s\"} %.6f\n",
                      node->validators[i].name, (double)stats[i].rtt_us / 1e6);
    }
    head(out, "creto_peer_faults_total", "counter",
         "What a peer sent and should not have, by reason; reasons that occurred.");
    for (uint32_t i = 0; i < count; i++)
        faults(out, node->validators[i].name, &blame->peers[i]);
    head(out, "creto_validator_last_round", "gauge", "Highest accepted round of each validator.");
    for (uint32_t i = 0; i < count; i++)
        cr_text_print(out, "creto_validator_last_round{validator=\"%s\"} %u\n",
                      node->validators[i].name, core->last_round[i]);
}

static void leaders(struct cr_text *out, const struct cr_node *node, uint32_t count,
                    const struct cr_core_stats *core)
{
    head(out, "creto_validator_suspended", "gauge", "1 when it may not lead now, by reason.");
    for (uint32_t i = 0; i < count; i++) {
        const char *name = node->validators[i].name;
        cr_text_print(out,
                      "creto_validator_suspended{validator=\"%s\",why=\"absent\"} %d\n"
                      "creto_validator_suspended{validator=\"%s\",why=\"bad\"} %d\n",
                      name, cr_authors_has(&core->absent_leaders, i), name,
                      cr_authors_has(&core->bad_leaders, i));
    }
}

static void accused(struct cr_text *out, const struct cr_node *node, uint32_t count,
                    const struct cr_core_stats *core, const struct cr_certify_stats *certify,
                    const struct cr_authors *offenders)
{
    static const char *const about[CR_ATTESTED_COUNT] = {"commit", "effects", "state-root"};
    head(out, "creto_validator_offence", "gauge",
         "1 when an offence of it is recorded on the chain.");
    for (uint32_t i = 0; i < count; i++)
        cr_text_print(out, "creto_validator_offence{validator=\"%s\"} %d\n",
                      node->validators[i].name, cr_authors_has(offenders, i));
    head(out, "creto_validator_contradicts", "gauge",
         "1 when its newest attestation differs from our own value.");
    for (uint32_t kind = 0; kind < CR_ATTESTED_COUNT; kind++) {
        for (uint32_t i = 0; i < count; i++) {
            cr_text_print(out, "creto_validator_contradicts{validator=\"%s\",about=\"%s\"} %d\n",
                          node->validators[i].name, about[kind],
                          cr_authors_has(&core->contradicting[kind], i));
        }
    }
    for (uint32_t i = 0; i < count; i++)
        cr_text_print(out, "creto_validator_contradicts{validator=\"%s\",about=\"epoch\"} %d\n",
                      node->validators[i].name, cr_authors_has(&certify->differed, i));
    one(out, "creto_contradictions_total", "counter",
        "Attestations that differ from our own values.", core->differences_total);
    one(out, "creto_epoch_certified", "gauge",
        "Certificates of all epochs up to this one are kept here.", certify->certified);
    one(out, "creto_epoch_conflicts_total", "counter",
        "Validators seen to sign two ends of one epoch.", certify->conflicts);
}

static void storage(struct cr_text *out, struct cr_node *node)
{
    struct cr_log_stats log;
    struct cr_disk_stats *disk = malloc(sizeof *disk);
    cr_log_stats(node->log, &log);
    one(out, "creto_log_bytes_total", "counter", "Bytes appended to the segment log.", log.bytes);
    if (!disk) return;
    cr_disk_stats(node->disk, disk);
    head(out, "creto_log_sync_seconds", "summary", "The log made durable, per group.");
    cr_text_print(out,
                  "creto_log_sync_seconds{quantile=\"0.5\"} %.6f\n"
                  "creto_log_sync_seconds{quantile=\"0.99\"} %.6f\n"
                  "creto_log_sync_seconds_sum %.6f\ncreto_log_sync_seconds_count %" PRIu64 "\n",
                  (double)cr_histogram_quantile(&disk->sync_us, 50000) / 1e6,
                  (double)cr_histogram_quantile(&disk->sync_us, 99000) / 1e6,
                  (double)disk->sync_us.sum / 1e6, disk->sync_us.count);
    free(disk);
}

static void batches(struct cr_text *out, const char *kind, const struct cr_verify_batches *b)
{
    static const char *const about[CR_BATCH_TIERS] = {"10", "100", "1000"};
    for (uint32_t i = 0; i < CR_BATCH_TIERS; i++) {
        cr_text_print(out,
                      "creto_verify_batches_total{of=\"%s\",about=\"%s\"} %" PRIu64 "\n"
                      "creto_verify_items_total{of=\"%s\",about=\"%s\"} %" PRIu64 "\n",
                      kind, about[i], b->batches[i], kind, about[i], b->items[i]);
    }
    cr_text_print(out, "creto_verify_item_seconds{of=\"%s\"} %.9f\n", kind,
                  (double)b->item_ns / 1e9);
}

static void workers(struct cr_text *out, const struct cr_verify *verify)
{
    struct cr_verify_stats stats;
    cr_verify_stats(verify, &stats);
    head(out, "creto_verify_batches_total", "counter", "Batches by the size that was aimed at.");
    head(out, "creto_verify_items_total", "counter", "What was in them.");
    head(out, "creto_verify_item_seconds", "gauge", "What one costs lately.");
    batches(out, "vertices", &stats.vertices);
    batches(out, "clients", &stats.clients);
    batches(out, "submitted", &stats.submitted);
    one(out, "creto_verify_waiting", "gauge", "Clients' signatures not checked yet.",
        stats.clients_waiting);
    one(out, "creto_worker_tasks_total", "counter", "Tasks of the workers.", stats.workers.tasks);
    one(out, "creto_worker_steals_total", "counter", "Of them, taken from another worker.",
        stats.workers.steals);
    one(out, "creto_worker_parks_total", "counter", "Times that a worker had nothing to do.",
        stats.workers.parks);
}

static void client_keys(struct cr_text *out, const struct cr_keycache_stats *keys)
{
    head(out, "creto_client_key_lookups_total", "counter", "Prepared keys of clients by outcome.");
    cr_text_print(out,
                  "creto_client_key_lookups_total{outcome=\"hit\"} %" PRIu64 "\n"
                  "creto_client_key_lookups_total{outcome=\"miss\"} %" PRIu64 "\n",
                  keys->hits, keys->misses);
    one(out, "creto_client_keys", "gauge", "Prepared keys of clients kept.", keys->size);
    one(out, "creto_client_key_evictions_total", "counter", "Kept keys replaced by others.",
        keys->evictions);
    one(out, "creto_client_keys_passed_total", "counter",
        "Keys prepared for one use: not registered yet, or all places were in use.", keys->passed);
    one(out, "creto_signatures_repeated_total", "counter",
        "Valid signatures of clients that came again and were not verified again.", keys->repeated);
}

static void inputs(struct cr_text *out, const struct cr_net_stats *net,
                   const struct cr_node_counters *counters, struct cr_keycache *keycache)
{
    struct cr_keycache_stats keys;
    cr_keycache_stats(keycache, &keys);
    client_keys(out, &keys);
    head(out, "creto_signature_verifications_total", "counter", "Client signatures by result.");
    cr_text_print(out,
                  "creto_signature_verifications_total{impl=\"%s\",result=\"valid\"} %" PRIu64 "\n"
                  "creto_signature_verifications_total{impl=\"%s\",result=\"invalid\"} %" PRIu64
                  "\n",
                  cr_verifier()->name, keys.valid, cr_verifier()->name, keys.invalid);
    struct cr_verifier_stats verifier;
    cr_verifier_stats(&verifier);
    head(out, "creto_verifier_alarm", "gauge",
         "1: the kernels for this processor failed their test; scalar ones are in use.");
    cr_text_print(out, "creto_verifier_alarm{impl=\"%s\"} %d\n", cr_verifier()->name,
                  verifier.fell_back ? 1 : 0);
    one(out, "creto_cross_checks_total", "counter", "Signatures verified by OpenSSL too.",
        verifier.cross_checks);
    one(out, "creto_cross_check_mismatches_total", "counter",
        "Cross-checks in which OpenSSL had another verdict.", verifier.mismatches);
    one(out, "creto_vertices_refused_total", "counter", "Vertices refused for want of memory.",
        counters->vertices_refused);
    one(out, "creto_ranges_served_total", "counter", "Ranges of old commits served.",
        counters->ranges_served);
    one(out, "creto_datagrams_bad_total", "counter",
        "Datagrams that belong to no connection or do not decrypt.", net->datagrams_bad);
    one(out, "creto_handshakes_bad_total", "counter",
        "Connections refused: wrong key, wrong genesis, not a validator.", net->handshakes_bad);
    one(out, "creto_loop_wakeups_total", "counter", "Turns of the main loop.", counters->wakeups);
}

/* A copy of everything under the lock, printed outside of it. */
struct figures {
    struct cr_node_status status;
    struct cr_core_stats core;
    struct cr_executor_stats executor;
    struct cr_node_counters counters;
    struct cr_blame blame;
    struct cr_certify_stats certify;
    struct cr_authors offenders;
    struct cr_net_stats net;
    struct cr_net_peer_stats peers[CR_VALIDATORS_MAX];
};

void cr_node_metrics(void *context, struct cr_text *out)
{
    struct cr_node *node = context;
    struct figures *f = malloc(sizeof *f);
    if (!f) return;
    pthread_mutex_lock(&node->status_lock);
    f->status = node->status;
    f->core = node->core_stats;
    f->executor = node->executor_stats;
    f->counters = node->counters_shown;
    f->blame = node->blame_shown;
    f->certify = node->certify_shown;
    f->offenders = (struct cr_authors){0};
    for (uint32_t i = 0; i < node->offences_count; i++)
        cr_authors_add(&f->offenders, node->offences[i].author);
    f->net = node->net_stats;
    for (uint32_t i = 0; i < CR_VALIDATORS_MAX; i++)
        f->peers[i] = node->peer_stats[i];
    pthread_mutex_unlock(&node->status_lock);

    consensus(out, &f->core);
    ledger(out, &f->executor);
    one(out, "creto_executed_index", "gauge", "Last commit executed and visible.",
        f->status.executed_index);
    one(out, "creto_checkpoint_index", "gauge", "Last state checkpoint.",
        f->status.checkpoint_index);
    head(out, "creto_checkpoint_seconds", "gauge",
         "How long the state was hashed for the last checkpoint that ended no epoch.");
    cr_text_print(out, "creto_checkpoint_seconds %.6f\n", (double)f->executor.checkpoint_us / 1e6);
    one(out, "creto_degraded_level", "gauge",
        "0 normal, 1 strained, 2 impaired, 3 read-only, 4 halted.", f->status.degraded_level);
    one(out, "creto_ready", "gauge", "1 when /readyz answers 200.", f->status.ready);
    one(out, "creto_mempool_transactions", "gauge", "Transactions without a result.",
        f->status.mempool_txs);
    one(out, "creto_mempool_bytes", "gauge", "Their bytes.", f->status.mempool_bytes);
    const uint32_t count = f->status.validators_count;
    peers(out, node, count, f->peers, &f->core, &f->blame);
    leaders(out, node, count, &f->core);
    accused(out, node, count, &f->core, &f->certify, &f->offenders);
    storage(out, node);
    workers(out, node->verify);
    inputs(out, &f->net, &f->counters, node->keycache);
    free(f);
}
