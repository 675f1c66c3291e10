/* SPDX-License-Identifier: Apache-2.0 */
/* executor.c: commits to ledger calls. */
#include "executor.h"

#include <stdlib.h>
#include <string.h>

#include "cluster.h"
#include "wire/payload.h"

enum {
    ENTRIES_MAX = 4096,
    EXPIRIES_MAX = 4096,
    VALUES_BYTES_MAX = 1 << 20,
    PAYLOADS_MAX = 4096, /* vertices of one commit */
};

static bool verify(void *context, const struct cr_public_key *key, const struct cr_tx *tx)
{
    (void)context; /* the stub needs no prepared keys */
    const struct cr_hash account = cr_public_key_account(key);
    return cr_stub_verify(&tx->id, account.bytes, sizeof account.bytes, tx->signature,
                          tx->signature_bytes);
}

static bool verify_vertex(void *context, const struct cr_public_key *key,
                          const struct cr_vertex *vertex)
{
    (void)context, (void)key; /* the stub signs by index */
    return cr_stub_vertex_is_signed(vertex);
}

static void on_result(void *context, const struct cr_ledger_tx_result *result)
{
    const struct cr_executor *executor = context;
    cr_clients_on_result(executor->sim, executor->node, result);
}

static struct cr_ledger *build(struct cr_executor *executor, struct cr_arena *arena)
{
    const struct cr_state_memory_limits limits = {
        .entries_max = ENTRIES_MAX, .expiries_max = EXPIRIES_MAX, .bytes_max = VALUES_BYTES_MAX};
    executor->keeper = cr_state_memory_init(arena, &limits);
    executor->host = (struct cr_ledger_host){.context = executor,
                                             .verify = verify,
                                             .verify_vertex = verify_vertex,
                                             .on_result = on_result};
    if (executor->keeper) executor->host.state = cr_state_memory_keeper(executor->keeper);
    return cr_ledger_init(arena, executor->sim->genesis, &executor->host);
}

void cr_executor_init(struct cr_executor *executor, struct cr_sim *sim, uint32_t node)
{
    *executor = (struct cr_executor){.sim = sim, .node = node};
    struct cr_arena measure;
    cr_arena_init_measure(&measure);
    build(executor, &measure);
    cr_ledger_init(&measure, sim->genesis, &executor->host); /* the one that goes on */
    executor->memory_bytes = measure.bytes_used;
    executor->memory = cr_run_take_aligned(executor->memory_bytes);
}

static void execute(struct cr_executor *executor, const struct cr_pending_commit *commit)
{
    static struct cr_ledger_payload payloads[PAYLOADS_MAX];
    static uint8_t verdicts[CR_PAYLOAD_TXS_MAX];
    CR_ASSERT(commit->bodies_count <= PAYLOADS_MAX);
    /* A verdict may be known early or not: that must make no difference. */
    const bool known = executor->node % 2 == 1;
    uint32_t verdicts_used = 0;
    for (uint32_t i = 0; i < commit->bodies_count; i++) {
        const struct cr_body *body = commit->bodies[i];
        payloads[i] = (struct cr_ledger_payload){.bytes = body->payload,
                                                 .bytes_count = body->payload_bytes,
                                                 .txs_count = body->payload_count};
        if (!known || verdicts_used + body->payload_count > CR_PAYLOAD_TXS_MAX) continue;
        payloads[i].verdicts = verdicts + verdicts_used;
        cr_clients_verdicts(executor->sim, body, verdicts + verdicts_used);
        verdicts_used += body->payload_count;
    }
    cr_ledger_execute(executor->ledger,
                      &(struct cr_ledger_commit){.index = commit->index,
                                                 .digest = commit->digest,
                                                 .timestamp_ms = commit->timestamp_ms,
                                                 .closing = commit->closing,
                                                 .payloads_count = commit->bodies_count,
                                                 .payloads = payloads});
    cr_check_executed(executor->sim, executor->node, cr_ledger_head(executor->ledger));
}

static void execute_logged(struct cr_executor *executor, const struct cr_disk *disk, uint64_t index)
{
    static struct cr_body *bodies[PAYLOADS_MAX];
    const struct cr_disk_record *record = cr_disk_commit(disk, index);
    CR_ASSERT(record); /* the host starts from a commit that is in the log */
    const struct cr_commit *commit = cr_disk_record_commit(record);
    struct cr_pending_commit pending = {.index = index,
                                        .digest = cr_commit_digest(commit),
                                        .timestamp_ms = commit->timestamp_ms,
                                        .closing = commit->closing,
                                        .bodies_count = commit->vertices_count,
                                        .bodies = bodies};
    CR_ASSERT(commit->vertices_count <= PAYLOADS_MAX);
    for (uint32_t i = 0; i < commit->vertices_count; i++) {
        const struct cr_disk_record *vertex = cr_disk_vertex(disk, &commit->vertices[i].digest);
        if (!vertex)
            cr_run_fail("node %u: a vertex of logged commit %llu is not in the log", executor->node,
                        (unsigned long long)index);
        bodies[i] = vertex->body;
    }
    execute(executor, &pending);
}

void cr_executor_rebuild(struct cr_executor *executor, const struct cr_disk *disk,
                         uint64_t persisted, uint64_t head)
{
    CR_ASSERT(persisted <= head && executor->queue_count == 0);
    cr_arena_init(&executor->arena, executor->memory, executor->memory_bytes);
    executor->ledger = build(executor, &executor->arena);
    cr_ledger_start_genesis(executor->ledger);
    for (uint64_t index = 1; index <= persisted; index++)
        execute_logged(executor, disk, index);
    if (persisted == 0) {
        cr_check_executed(executor->sim, executor->node, cr_ledger_head(executor->ledger));
    } else {
        const struct cr_ledger_head kept = *cr_ledger_head(executor->ledger);
        executor->ledger =
            cr_ledger_init(&executor->arena, executor->sim->genesis, &executor->host);
        cr_ledger_start_at(executor->ledger, &kept);
    }
    for (uint64_t index = persisted + 1; index <= head; index++)
        execute_logged(executor, disk, index);
}

void cr_executor_add(struct cr_executor *executor, const struct cr_pending_commit *commit)
{
    executor->queue = cr_run_grow(executor->queue, &executor->queue_max, executor->queue_count + 1,
                                  sizeof executor->queue[0]);
    executor->queue[executor->queue_count++] = *commit;
}

static void give(const struct cr_pending_commit *commit)
{
    for (uint32_t i = 0; i < commit->bodies_count; i++)
        cr_body_give(commit->bodies[i]);
    cr_run_give(commit->bodies);
}

void cr_executor_run(struct cr_executor *executor)
{
    CR_ASSERT(executor->queue_count > 0);
    const struct cr_pending_commit commit = executor->queue[0];
    executor->queue_count--;
    memmove(executor->queue, executor->queue + 1,
            executor->queue_count * sizeof executor->queue[0]);
    execute(executor, &commit);
    give(&commit);
}

void cr_executor_forget(struct cr_executor *executor)
{
    for (uint32_t i = 0; i < executor->queue_count; i++)
        give(&executor->queue[i]);
    executor->queue_count = 0;
}
