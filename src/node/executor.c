/* SPDX-License-Identifier: Apache-2.0 */
#include "node/executor.h"

#include <stdlib.h>
#include <string.h>

#include "node/checkpoint.h"
#include "node/clock.h"
#include "node/verify.h"
#include "store/commit_record.h"

enum {
    COMMITS_PER_RUN = 64, /* in one database transaction */
    RUN_US = 20 * 1000,   /* no commit begins later in a run: timers and sockets wait */
    EXPIRED_PER_RUN = 1024,
};

struct pending {
    struct cr_ledger_commit commit; /* payloads are filled in when it runs */
    uint32_t leader_round, gc_round;
    struct cr_log_position position; /* sequence 0: not in the log yet */
    uint8_t *record;                 /* owned: what the disk writes */
    uint32_t bodies_count;
    uint32_t *bodies; /* owned, a reference each */
};

struct cr_executor {
    struct cr_executor_config config;
    struct cr_api *api;
    void *arena_memory;
    struct cr_ledger *ledger;
    struct cr_ledger_host host;
    struct cr_checkpoint *checkpoint;
    uint64_t first, end; /* pending commits, modulo CR_EXECUTOR_COMMITS_MAX */
    struct pending pending[CR_EXECUTOR_COMMITS_MAX];
    uint32_t results_count, results_max;
    struct cr_api_result *results;
    uint32_t txs_in_commit;
    struct cr_executor_stats stats;
};

/* ---- the ledger's host ---- */

static bool verify(void *context, const struct cr_public_key *key, const struct cr_tx *tx)
{
    struct cr_executor *e = context;
    return cr_keycache_verify_with(e->config.keycache, key, tx);
}

static bool room_for_result(struct cr_executor *e)
{
    if (e->results_count < e->results_max) return true;
    const uint32_t more = e->results_max ? e->results_max * 2 : 1024;
    struct cr_api_result *grown = realloc(e->results, more * sizeof *grown);
    if (!grown) return false;
    e->results = grown;
    e->results_max = more;
    return true;
}

/* Whether this result says something final of the transaction with this id. A forged copy does not:
 * the id leaves the signature out, so anybody may have had one ordered first. Expiry does: its time
 * is under the id. */
static bool is_definite(const struct cr_ledger_tx_result *result)
{
    return result->authentic || result->result == CR_RESULT_EXPIRED;
}

/* Rare: evidence only. */
static bool verify_vertex(void *context, const struct cr_public_key *key,
                          const struct cr_vertex *vertex)
{
    const struct cr_executor *e = context;
    struct cr_prepared_key *prepared = cr_verifier()->prepare(key);
    const bool valid = cr_verify_vertex(vertex, prepared, &e->config.genesis->id);
    cr_verifier()->forget(prepared);
    return valid;
}

static void on_result(void *context, const struct cr_ledger_tx_result *result)
{
    struct cr_executor *e = context;
    e->stats.results[result->result]++;
    e->stats.operations += result->ops_count;
    if (result->result == CR_RESULT_DUPLICATE) return;
    e->txs_in_commit++;
    if (!is_definite(result)) return;
    cr_state_db_put_tx(e->config.db, result);
    if (!room_for_result(e)) return;
    e->results[e->results_count++] = (struct cr_api_result){.id = result->tx->id,
                                                            .commit_index = result->commit_index,
                                                            .position = result->position,
                                                            .result = result->result};
}

static struct cr_ledger *make_ledger(struct cr_executor *e)
{
    struct cr_arena arena;
    cr_arena_init_measure(&arena);
    cr_ledger_init(&arena, e->config.genesis, &e->host);
    e->arena_memory = aligned_alloc(64, arena.bytes_used);
    if (!e->arena_memory) return NULL;
    cr_arena_init(&arena, e->arena_memory, arena.bytes_used);
    return cr_ledger_init(&arena, e->config.genesis, &e->host);
}

static enum cr_err start(struct cr_executor *e, const struct cr_ledger_head *head, bool empty,
                         struct cr_store_failure *failure)
{
    enum cr_err err = cr_state_db_begin(e->config.db, failure);
    if (err != CR_OK) return err;
    e->host.state = *cr_state_db_writer(e->config.db);
    if (empty)
        cr_ledger_start_genesis(e->ledger);
    else
        cr_ledger_start_at(e->ledger, head);
    return cr_state_db_end(e->config.db, cr_ledger_head(e->ledger), failure);
}

struct cr_executor *cr_executor_new(const struct cr_executor_config *config,
                                    const struct cr_ledger_head *head, bool empty,
                                    struct cr_store_failure *failure)
{
    struct cr_executor *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    e->config = *config;
    e->host = (struct cr_ledger_host){
        .context = e, .verify = verify, .verify_vertex = verify_vertex, .on_result = on_result};
    e->host.state = *cr_state_db_writer(config->db);
    e->ledger = make_ledger(e);
    e->checkpoint = cr_checkpoint_new(config->db, config->wake_fd);
    *failure = (struct cr_store_failure){.err = CR_ERR_FULL, .text = "memory is out"};
    if (e->ledger && e->checkpoint && start(e, head, empty, failure) == CR_OK) return e;
    cr_executor_free(e);
    return NULL;
}

static void forget(struct cr_executor *e, struct pending *p)
{
    for (uint32_t i = 0; i < p->bodies_count; i++)
        cr_body_give(e->config.bodies, p->bodies[i]);
    free(p->bodies);
    free(p->record);
    *p = (struct pending){0};
}

void cr_executor_free(struct cr_executor *e)
{
    if (!e) return;
    for (; e->first < e->end; e->first++)
        forget(e, &e->pending[e->first % CR_EXECUTOR_COMMITS_MAX]);
    cr_checkpoint_free(e->checkpoint);
    free(e->results);
    free(e->arena_memory);
    free(e);
}

void cr_executor_set_api(struct cr_executor *e, struct cr_api *api)
{
    e->api = api;
}

/* ---- commits of the core ---- */

uint32_t cr_executor_room(const struct cr_executor *e)
{
    return CR_EXECUTOR_COMMITS_MAX - (uint32_t)(e->end - e->first);
}

static bool hold(struct cr_executor *e, struct pending *p, const struct cr_effect *effect,
                 const struct cr_commit_record *record)
{
    const struct cr_commit *commit = &effect->commit.record;
    const size_t bytes = cr_commit_record_bytes(record, commit);
    p->record = malloc(bytes);
    p->bodies = malloc((commit->vertices_count + 1) * sizeof p->bodies[0]);
    if (!p->record || !p->bodies) return false;
    p->commit = (struct cr_ledger_commit){.index = commit->index,
                                          .digest = effect->commit.digest,
                                          .timestamp_ms = commit->timestamp_ms,
                                          .closing = commit->closing};
    p->leader_round = commit->leader_round;
    p->gc_round = commit->gc_round;
    for (uint32_t i = 0; i < commit->vertices_count; i++) {
        p->bodies[i] = effect->commit.bodies[i];
        cr_body_take(e->config.bodies, p->bodies[i]);
    }
    p->bodies_count = commit->vertices_count;
    return cr_commit_record_encode(record, commit, p->record, bytes) == bytes;
}

bool cr_executor_put(struct cr_executor *e, const struct cr_effect *effect,
                     const struct cr_log_position *scan, struct cr_disk *disk)
{
    if (cr_executor_room(e) == 0 || cr_disk_room(disk) == 0) return false;
    const uint32_t tag = (uint32_t)(e->end % CR_EXECUTOR_COMMITS_MAX);
    struct pending *p = &e->pending[tag];
    uint32_t schedule_bytes = CR_SCHEDULE_STATE_BYTES; /* zeros at its end are not written */
    while (schedule_bytes > 0 && effect->commit.schedule->bytes[schedule_bytes - 1] == 0)
        schedule_bytes--;
    const struct cr_commit_record record = {.schedule = effect->commit.schedule->bytes,
                                            .schedule_bytes = schedule_bytes,
                                            .scan = *scan};
    CR_ASSERT(effect->commit.record.index == cr_executor_head(e)->index + (e->end - e->first) + 1);
    if (!hold(e, p, effect, &record)) {
        forget(e, p);
        return false;
    }
    const struct cr_disk_item item = {.kind = CR_LOG_COMMIT,
                                      .tag = tag,
                                      .bytes = p->record,
                                      .bytes_count =
                                          cr_commit_record_bytes(&record, &effect->commit.record)};
    CR_ASSERT(cr_disk_put(disk, &item));
    e->end++;
    return true;
}

void cr_executor_logged(struct cr_executor *e, uint32_t tag, const struct cr_log_position *position)
{
    CR_ASSERT(tag < CR_EXECUTOR_COMMITS_MAX);
    CR_ASSERT(e->pending[tag].record != NULL);
    e->pending[tag].position = *position;
}

static void put_rows(struct cr_executor *e, const struct cr_ledger_commit *commit,
                     uint32_t leader_round, uint32_t gc_round,
                     const struct cr_log_position *position)
{
    const struct cr_ledger_head *head = cr_ledger_head(e->ledger);
    struct cr_commit_row row = {.index = commit->index,
                                .digest = commit->digest,
                                .effects_digest = head->effects_digest,
                                .leader_round = leader_round,
                                .gc_round = gc_round,
                                .timestamp_ms = commit->timestamp_ms,
                                .txs_count = e->txs_in_commit,
                                .position = *position};
    if (head->checkpoint_index == commit->index) row.state_root = head->state_root;
    cr_state_db_put_commit(e->config.db, &row);
}

/* Waits for it if it is not done. */
static void take_checkpoint(struct cr_executor *e)
{
    const struct cr_ledger_head *head = cr_ledger_head(e->ledger);
    e->stats.checkpoint_us = cr_checkpoint_end(e->checkpoint);
    cr_ledger_take_checkpoint(e->ledger);
    cr_state_db_put_root(e->config.db, head->checkpoint_index, &head->state_root);
}

static void execute(struct cr_executor *e, struct pending *p, struct cr_ledger_payload *payloads)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->bodies_count; i++) {
        const struct cr_body *body = cr_body_get(e->config.bodies, p->bodies[i]);
        cr_state_db_put_vertex(e->config.db, &body->ref.digest, &body->position);
        if (body->payload_count == 0) continue;
        payloads[count++] =
            (struct cr_ledger_payload){.bytes = body->block->bytes + body->payload_offset,
                                       .bytes_count = body->payload_bytes,
                                       .txs_count = body->payload_count,
                                       .verdicts = body->verdicts};
    }
    p->commit.payloads = payloads;
    p->commit.payloads_count = count;
    p->commit.later = true;
    e->txs_in_commit = 0;
    if (cr_ledger_has_open_checkpoint(e->ledger) && cr_ledger_is_checkpoint(e->ledger, &p->commit))
        take_checkpoint(e);
    cr_ledger_execute(e->ledger, &p->commit);
    put_rows(e, &p->commit, p->leader_round, p->gc_round, &p->position);
}

/* Transactions of ours that can no longer execute get the definite result "expired". */
static void expire(struct cr_executor *e)
{
    struct cr_hash ids[EXPIRED_PER_RUN];
    const uint64_t index = cr_ledger_head(e->ledger)->index;
    const uint32_t count = cr_mempool_expire(e->config.mempool, index, ids, EXPIRED_PER_RUN);
    for (uint32_t i = 0; i < count; i++) {
        const struct cr_tx tx = {.id = ids[i]};
        const struct cr_ledger_tx_result result = {
            .tx = &tx, .commit_index = index, .result = CR_RESULT_EXPIRED};
        cr_state_db_put_tx(e->config.db, &result);
        e->stats.results[CR_RESULT_EXPIRED]++;
        if (!room_for_result(e)) continue;
        e->results[e->results_count++] = (struct cr_api_result){
            .id = ids[i], .commit_index = index, .result = CR_RESULT_EXPIRED};
    }
}

static void publish(struct cr_executor *e)
{
    for (uint32_t i = 0; i < e->results_count; i++)
        cr_mempool_remove(e->config.mempool, &e->results[i].id);
    if (e->api && e->results_count > 0) cr_api_final(e->api, e->results, e->results_count);
    e->results_count = 0;
}

static uint32_t payloads_max(const struct cr_executor *e, uint64_t commits)
{
    uint32_t max = 1;
    for (uint64_t i = 0; i < commits; i++) {
        const uint32_t count = e->pending[(e->first + i) % CR_EXECUTOR_COMMITS_MAX].bodies_count;
        if (count > max) max = count;
    }
    return max;
}

/* In the log, and the workers are through with its clients' signatures: they are many, and the main
 * loop would verify them one by one. */
static bool is_ready(const struct cr_executor *e, const struct pending *p)
{
    for (uint32_t i = 0; i < p->bodies_count; i++) {
        if (cr_body_get(e->config.bodies, p->bodies[i])->verifying) return false;
    }
    return p->position.sequence > 0;
}

static uint64_t count_ready(const struct cr_executor *e)
{
    uint64_t ready = 0;
    while (e->first + ready < e->end && ready < COMMITS_PER_RUN &&
           is_ready(e, &e->pending[(e->first + ready) % CR_EXECUTOR_COMMITS_MAX]))
        ready++;
    return ready;
}

bool cr_executor_is_ready(const struct cr_executor *e)
{
    return count_ready(e) > 0;
}

/* The last commit has opened one: its state has to be the one that readers see. */
static bool has_new_checkpoint(const struct cr_executor *e)
{
    return cr_ledger_has_open_checkpoint(e->ledger) && !cr_checkpoint_is_under_way(e->checkpoint);
}

/* Returns how many of the commits that are ready it has executed: a commit is not divided. */
static uint64_t execute_ready(struct cr_executor *e, uint64_t ready,
                              struct cr_ledger_payload *payloads)
{
    const uint64_t end_us = cr_now_us() + RUN_US;
    uint64_t count = 0;
    while (count < ready && !has_new_checkpoint(e) && (count == 0 || cr_now_us() < end_us)) {
        execute(e, &e->pending[(e->first + count) % CR_EXECUTOR_COMMITS_MAX], payloads);
        count++;
    }
    return count;
}

enum cr_err cr_executor_run(struct cr_executor *e, bool *executed, struct cr_store_failure *failure)
{
    const uint64_t ready = count_ready(e);
    const bool hashed = cr_checkpoint_is_done(e->checkpoint);
    *executed = false;
    if (ready == 0 && !hashed) return CR_OK;

    const uint64_t start_us = cr_now_us();
    struct cr_ledger_payload *payloads = calloc(payloads_max(e, ready), sizeof *payloads);
    if (!payloads) return CR_OK; /* memory is short: again at the next turn */
    enum cr_err err = cr_state_db_begin(e->config.db, failure);
    if (err == CR_OK && hashed) take_checkpoint(e);
    const uint64_t count = err == CR_OK ? execute_ready(e, ready, payloads) : 0;
    free(payloads);
    if (err != CR_OK) return err;
    expire(e);
    err = cr_state_db_end(e->config.db, cr_ledger_head(e->ledger), failure);
    if (err != CR_OK) return err;

    for (uint64_t i = 0; i < count; i++, e->first++)
        forget(e, &e->pending[e->first % CR_EXECUTOR_COMMITS_MAX]);
    publish(e);
    cr_histogram_add(&e->stats.commit_us, cr_now_us() - start_us);
    *executed = true;
    return has_new_checkpoint(e) ? cr_checkpoint_begin(e->checkpoint, e->ledger, failure) : CR_OK;
}

/* ---- recovery ---- */

struct replayed {
    uint8_t *bytes; /* all vertex records, one after the other */
    size_t count, count_max;
};

/* Reads a record at the end of `all`; *vertex is where its bytes begin. */
static enum cr_err read_vertex(struct cr_executor *e, const struct cr_log_position *position,
                               struct replayed *all, size_t *begin, size_t *count)
{
    enum cr_log_kind kind;
    if (all->count_max - all->count < CR_VERTEX_BYTES_MAX) {
        const size_t more = all->count_max * 2 + CR_VERTEX_BYTES_MAX;
        uint8_t *grown = realloc(all->bytes, more);
        if (!grown) return CR_ERR_FULL;
        all->bytes = grown;
        all->count_max = more;
    }
    const enum cr_err err = cr_log_read(e->config.log, position, &kind, all->bytes + all->count,
                                        all->count_max - all->count, count);
    *begin = all->count;
    if (err == CR_OK) all->count += *count;
    return err;
}

static enum cr_err read_payloads(struct cr_executor *e, const struct cr_commit *commit,
                                 const struct cr_log_position *vertices, struct replayed *all,
                                 struct cr_ledger_payload *payloads, uint32_t *payloads_count)
{
    size_t *begins = calloc(2 * (size_t)commit->vertices_count + 2, sizeof *begins);
    struct cr_vertex *vertex = malloc(sizeof *vertex);
    enum cr_err err = begins && vertex ? CR_OK : CR_ERR_FULL;
    for (uint32_t i = 0; err == CR_OK && i < commit->vertices_count; i++)
        err = read_vertex(e, &vertices[i], all, &begins[2 * (size_t)i], &begins[2 * (size_t)i + 1]);
    for (uint32_t i = 0; err == CR_OK && i < commit->vertices_count; i++) {
        const size_t *at = &begins[2 * (size_t)i];
        err = cr_vertex_decode(all->bytes + at[0], at[1], vertex);
        if (err != CR_OK || vertex->header.payload_count == 0) continue;
        payloads[(*payloads_count)++] =
            (struct cr_ledger_payload){.bytes = vertex->payload,
                                       .bytes_count = vertex->header.payload_bytes,
                                       .txs_count = vertex->header.payload_count};
    }
    free(vertex);
    free(begins);
    return err;
}

enum cr_err cr_executor_replay(struct cr_executor *e, const struct cr_commit *commit,
                               const struct cr_hash *digest, const struct cr_log_position *position,
                               const struct cr_log_position *vertices,
                               struct cr_store_failure *failure)
{
    struct replayed all = {0};
    struct cr_ledger_commit run = {.index = commit->index,
                                   .digest = *digest,
                                   .timestamp_ms = commit->timestamp_ms,
                                   .closing = commit->closing};
    struct cr_ledger_payload *payloads = calloc(commit->vertices_count + 1, sizeof *payloads);
    enum cr_err err = payloads ? CR_OK : CR_ERR_FULL;
    *failure = (struct cr_store_failure){.err = CR_ERR_FULL, .text = "memory is out"};
    if (err == CR_OK) err = read_payloads(e, commit, vertices, &all, payloads, &run.payloads_count);
    if (err == CR_OK) err = cr_state_db_begin(e->config.db, failure);
    if (err == CR_OK) {
        run.payloads = payloads;
        for (uint32_t i = 0; i < commit->vertices_count; i++)
            cr_state_db_put_vertex(e->config.db, &commit->vertices[i].digest, &vertices[i]);
        e->txs_in_commit = 0;
        cr_ledger_execute(e->ledger, &run);
        put_rows(e, &run, commit->leader_round, commit->gc_round, position);
        err = cr_state_db_end(e->config.db, cr_ledger_head(e->ledger), failure);
    }
    e->results_count = 0;
    free(payloads);
    free(all.bytes);
    return err;
}

const struct cr_ledger_head *cr_executor_head(const struct cr_executor *e)
{
    return cr_ledger_head(e->ledger);
}

void cr_executor_stats(const struct cr_executor *e, struct cr_executor_stats *out)
{
    *out = e->stats;
}
