/* SPDX-License-Identifier: Apache-2.0 */
/* effects.c: what the core orders, done at a simulated node. */
#include <inttypes.h>
#include <string.h>

#include "cluster.h"
#include "crypto/hash.h"
#include "wire/payload.h"

static struct cr_body *body_of(const struct cr_host *host, uint32_t handle)
{
    CR_ASSERT(handle < host->bodies_count && host->bodies[handle]);
    return host->bodies[handle];
}

/* ---- our proposal: payload, signature ---- */

/* Moves transactions from the mempool into `bytes`, oldest first, as many as fit. */
static uint32_t fill_payload(struct cr_host *host, uint8_t *bytes, uint32_t bytes_max,
                             uint32_t *bytes_count)
{
    const struct cr_clients *clients = &host->sim->clients;
    uint32_t taken = 0;
    uint32_t at = 0;
    while (taken < host->mempool_count && taken < CR_PAYLOAD_TXS_MAX) {
        const struct cr_client_tx *tx = &clients->txs[host->mempool[taken]];
        if (at + 4 + tx->bytes_count > bytes_max) break;
        cr_store_le(bytes + at, tx->bytes_count, 4);
        memcpy(bytes + at + 4, tx->bytes, tx->bytes_count);
        at += 4 + tx->bytes_count;
        taken++;
    }
    *bytes_count = at;
    if (taken == 0) return 0;
    host->mempool_count -= taken;
    memmove(host->mempool, host->mempool + taken, host->mempool_count * sizeof host->mempool[0]);
    return taken;
}

static void seal_later(struct cr_host *host, struct cr_body *body)
{
    struct cr_prng prng = cr_prng_stream(host->sim->seed, CR_PURPOSE_SEAL,
                                         (uint64_t)host->place << 40 | host->proposals_total++);
    const uint64_t delay_us = 50 + cr_prng_below(&prng, 1500);
    cr_heap_push(&host->sim->heap, (struct cr_happening){.at_us = host->sim->now_us + delay_us,
                                                         .kind = CR_HAPPENING_SEALED,
                                                         .node = host->place,
                                                         .incarnation = host->incarnation,
                                                         .item = body});
}

static void on_propose(struct cr_host *host, const struct cr_header *unsigned_header)
{
    static struct cr_header header;
    static struct cr_vertex vertex;
    static uint8_t bytes[CR_VERTEX_BYTES_MAX];
    static uint8_t payload[CR_PAYLOAD_BYTES_MAX];
    uint8_t signature[CR_MLDSA65_SIG_BYTES];
    uint8_t author[4];

    header = *unsigned_header;
    if (cr_byz_is_liar(host->sim, host->self)) cr_byz_propose(host, &header);
    host->sealing = true;
    header.payload_count =
        fill_payload(host, payload, unsigned_header->payload_bytes, &header.payload_bytes);
    header.payload_root = cr_hash_of(payload, header.payload_bytes);
    const size_t header_bytes = cr_header_encode(&header, bytes, sizeof bytes);
    const struct cr_hash digest = cr_header_digest(bytes, header_bytes);
    cr_store_le(author, header.author, sizeof author);
    cr_stub_sign(&digest, author, sizeof author, signature, sizeof signature);
    size_t count = cr_vertex_encode_head(&header, CR_ALG_MLDSA65, signature, sizeof signature,
                                         bytes, sizeof bytes);
    memcpy(bytes + count, payload, header.payload_bytes);
    count += header.payload_bytes;

    struct cr_frame *frame = cr_frame_take(&(struct cr_message){
        .type = CR_MESSAGE_VERTEX, .vertex = bytes, .vertex_bytes = (uint32_t)count});
    struct cr_message message;
    CR_ASSERT(cr_message_decode(frame->bytes, frame->bytes_count, &message) == CR_OK);
    CR_ASSERT(cr_vertex_decode(message.vertex, message.vertex_bytes, &vertex) == CR_OK);
    struct cr_body *body = cr_body_take(frame, &vertex, message.vertex, message.vertex_bytes);
    body->push = frame; /* our reference goes to the body */
    seal_later(host, body);
}

/* An own vertex that can no longer be committed: its transactions wait for the next one. */
static void on_requeue(struct cr_host *host, const struct cr_body *body)
{
    struct cr_payload payload =
        cr_payload_begin(body->payload, body->payload_bytes, body->payload_count);
    const uint8_t *tx;
    uint32_t tx_bytes;
    CR_ASSERT(body->author == host->self);
    while (cr_payload_next(&payload, &tx, &tx_bytes)) {
        const uint32_t number = cr_clients_find(host->sim, tx, tx_bytes);
        CR_ASSERT(number != CR_MAP_NONE || cr_byz_is_liar(host->sim, host->self));
        if (number == CR_MAP_NONE) continue; /* noise of its own */
        host->counters.requeued++;
        cr_host_submit(host, number);
    }
}

/* ---- disk ---- */

/* False: the disk is full, and the process ends here. */
static bool may_write(struct cr_host *host)
{
    if (!host->faults.disk_full) return true;
    cr_host_doom(host, CR_DOOM_KILLED, host->faults.repaired_us);
    return false;
}

void cr_host_count_operation(struct cr_host *host)
{
    host->disk.operations_total++;
    if (host->operations_left == 0 || --host->operations_left > 0) return;
    host->sim->traps_total++;
    cr_host_doom(host, host->operations_end_power ? CR_DOOM_POWER : CR_DOOM_KILLED,
                 host->sim->now_us + CR_SIM_TRAP_DOWN_US);
}

void cr_host_sync_disk(struct cr_host *host)
{
    if (!cr_disk_sync_begin(&host->disk)) return;
    struct cr_prng prng = cr_prng_stream(host->sim->seed, CR_PURPOSE_DISK,
                                         (uint64_t)host->place << 40 | host->disk.syncs_total);
    const uint64_t delay_us = 100 + cr_prng_below(&prng, 3000) + host->faults.sync_extra_us;
    cr_host_count_operation(host);
    cr_heap_push(&host->sim->heap, (struct cr_happening){.at_us = host->sim->now_us + delay_us,
                                                         .kind = CR_HAPPENING_SYNCED,
                                                         .node = host->place,
                                                         .incarnation = host->incarnation});
}

static void on_store(struct cr_host *host, const struct cr_effect *effect)
{
    struct cr_body *body = body_of(host, effect->body);
    CR_ASSERT(effect->store.sequence > host->stored_last);
    /* A vertex of ours that comes from a peer, after we have lost it, is not signed again. */
    CR_ASSERT(CR_IMPLIES(effect->store.own, body->author == host->self));
    CR_ASSERT(effect->store.round == body->round);
    CR_ASSERT(cr_hash_equal(&effect->store.digest, &body->digest));
    if (!may_write(host)) return;
    host->stored_last = effect->store.sequence;
    cr_disk_append(&host->disk, &(struct cr_disk_record){.kind = CR_RECORD_VERTEX,
                                                         .sequence = effect->store.sequence,
                                                         .body = cr_body_share(body)});
    if (effect->store.lost) cr_disk_mark_guard_lost(&host->disk);
    if (effect->store.own) {
        CR_ASSERT(cr_disk_guard_allows(&host->disk.guard, body->epoch, body->round));
        host->disk.guard = (struct cr_disk_guard){
            .epoch = body->epoch, .round = body->round, .digest = body->digest};
    }
    cr_host_count_operation(host);
    if (host->doom == CR_DOOM_NONE) cr_host_sync_disk(host);
}

/* ---- wire ---- */

void cr_host_send(struct cr_host *host, uint32_t peer, enum cr_stream stream,
                  struct cr_frame *frame)
{
    if (cr_byz_is_liar(host->sim, host->self)) {
        cr_byz_send(host, peer, frame);
        return;
    }
    host->counters.frames_sent++;
    cr_network_send(host->sim, host->self, peer, stream, frame);
}

static void send_vertex(struct cr_host *host, uint32_t peer, enum cr_stream stream,
                        struct cr_body *body)
{
    if (body->author == host->self && !body->checked_for_wire) {
        cr_check_wire(host, body);
        body->checked_for_wire = true;
    }
    cr_host_send(host, peer, stream, cr_body_push(body));
}

static void on_fetch(struct cr_host *host, const struct cr_effect *effect)
{
    struct cr_message message = {.type = CR_MESSAGE_FETCH, .refs_count = effect->refs_count};
    cr_check_peer(host, effect->peer);
    CR_ASSERT(effect->refs_count >= 1 && effect->refs_count <= CR_FETCH_REFS_MAX);
    memcpy(message.refs, effect->refs, effect->refs_count * sizeof message.refs[0]);
    cr_host_send(host, effect->peer, CR_STREAM_FETCH, cr_frame_take(&message));
}

static void on_sync(struct cr_host *host, const struct cr_effect *effect)
{
    const struct cr_message message = {.type = CR_MESSAGE_SYNC,
                                       .from_commit = effect->range.from_commit,
                                       .to_commit =
                                           effect->range.from_commit + effect->range.commits - 1,
                                       .skip = effect->range.skip};
    cr_check_peer(host, effect->peer);
    CR_ASSERT(effect->range.commits >= 1 && effect->range.commits <= CR_SYNC_COMMITS_MAX);
    CR_ASSERT(effect->range.lane < CR_SYNC_LANES);
    struct cr_asked *lane = &host->lanes[effect->range.lane];
    if (lane->frame) cr_frame_give(lane->frame);
    *lane = (struct cr_asked){.active = true,
                              .number = ++host->syncs_asked,
                              .from_commit = effect->range.from_commit,
                              .skip = effect->range.skip};
    cr_host_send(host, effect->peer, CR_STREAM_SYNC, cr_frame_take(&message));
}

/* Its vertices are verified first, in the order in which ranges are wanted. */
static void on_give(struct cr_host *host, uint32_t number)
{
    const struct cr_asked *lane = &host->lanes[number];
    CR_ASSERT(lane->frame);
    struct cr_prng prng = cr_prng_stream(host->sim->seed, CR_PURPOSE_VERIFY,
                                         (uint64_t)host->place << 40 | lane->number);
    if (host->given_us < host->sim->now_us) host->given_us = host->sim->now_us;
    host->given_us += 100 + cr_prng_below(&prng, 3000);
    cr_heap_push(&host->sim->heap, (struct cr_happening){.at_us = host->given_us,
                                                         .kind = CR_HAPPENING_GIVE,
                                                         .node = host->place,
                                                         .incarnation = host->incarnation,
                                                         .peer = number,
                                                         .number = lane->number});
}

static void send_plain(struct cr_host *host, uint32_t peer, const struct cr_message *message)
{
    cr_check_peer(host, peer);
    cr_host_send(host, peer, CR_STREAM_CONSENSUS, cr_frame_take(message));
}

static void on_send_status(struct cr_host *host, const struct cr_effect *effect)
{
    struct cr_message message = {.type = CR_MESSAGE_STATUS, .status = effect->status};
    message.status.oldest_commit = 1; /* a simulated log is never trimmed */
    send_plain(host, effect->peer, &message);
}

enum {
    RANGE_BYTES_MAX = 128 * 1024, /* so little that large commits come in parts ... */
    RECORD_BYTES_MAX = 16 * 1024, /* ... and the largest without their record */
};

/* What an answer to SYNC is made of. */
struct answer {
    const struct cr_host *host;
    uint8_t *bytes;
    uint32_t bytes_count, vertices_count;
    uint8_t *records;
    uint32_t records_bytes, records_count;
    uint32_t skip; /* vertices of the first commit that the asker has */
    bool full;
};

static void add_vertex(struct answer *answer, const struct cr_body *body)
{
    if (answer->skip > 0) {
        answer->skip--;
        return;
    }
    const uint32_t at = answer->bytes_count;
    const uint32_t bytes = at + answer->records_bytes + 4 + body->vertex_bytes;
    if (at > 0 && bytes > RANGE_BYTES_MAX) answer->full = true;
    if (answer->full) return;
    cr_store_le(answer->bytes + at, body->vertex_bytes, 4);
    memcpy(answer->bytes + at + 4, body->vertex, body->vertex_bytes);
    answer->bytes_count += 4 + body->vertex_bytes;
    answer->vertices_count++;
}

/* The closing tail (docs/protocol.md 8.5): what we accepted and nobody commits any more. Whoever
 * misses the end decides by it as we did. In the order of the log, which is that of acceptance. */
static void add_tail(struct answer *answer, uint64_t epoch, uint32_t gc_round)
{
    const struct cr_disk *disk = &answer->host->disk;
    for (uint32_t i = 0; i < disk->durable; i++) {
        const struct cr_disk_record *record = &disk->records[i];
        if (record->kind != CR_RECORD_VERTEX || record->body->epoch != epoch) continue;
        if (cr_disk_vertex(disk, &record->body->digest) != record) continue; /* twice */
        if (record->body->round > gc_round) add_vertex(answer, record->body);
    }
}

static void add_record(struct answer *answer, const struct cr_disk_record *record)
{
    uint8_t *to = answer->records + answer->records_bytes;
    if (record->commit_bytes > RECORD_BYTES_MAX) return;
    cr_store_le(to, record->commit_bytes, 4);
    memcpy(to + 4, record->commit, record->commit_bytes);
    answer->records_bytes += 4 + record->commit_bytes;
    answer->records_count++;
}

static void add_commit(struct answer *answer, uint64_t index)
{
    const struct cr_disk *disk = &answer->host->disk;
    const struct cr_commit commit = *cr_disk_record_commit(cr_disk_commit(disk, index));
    add_record(answer, cr_disk_commit(disk, index));
    for (uint32_t i = 0; i < commit.vertices_count; i++) {
        const struct cr_disk_record *record = cr_disk_vertex(disk, &commit.vertices[i].digest);
        CR_ASSERT(record); /* what was committed was stored before */
        add_vertex(answer, record->body);
    }
}

/* The horizon that somebody has who stands before this commit. */
static uint32_t horizon_before(const struct cr_host *host, uint64_t index, uint64_t epoch)
{
    const struct cr_disk_record *record = cr_disk_commit(&host->disk, index - 1);
    if (!record) return 0;
    const struct cr_commit *commit = cr_disk_record_commit(record);
    return commit->epoch == epoch ? commit->gc_round : 0;
}

static bool is_closing(const struct cr_host *host, uint64_t index, uint64_t *epoch)
{
    const struct cr_commit *commit = cr_disk_record_commit(cr_disk_commit(&host->disk, index));
    *epoch = commit->epoch;
    return commit->closing;
}

void cr_host_serve_sync(struct cr_host *host, uint32_t peer, const struct cr_message *asked)
{
    static uint8_t bytes[CR_SYNC_BYTES_MAX];
    static uint8_t records[CR_SYNC_COMMITS_MAX * (4 + RECORD_BYTES_MAX)];
    const uint64_t newest = cr_disk_commits_durable(&host->disk);
    const uint64_t from = asked->from_commit;
    const uint64_t to = asked->to_commit < newest ? asked->to_commit : newest;
    struct answer answer = {.host = host, .bytes = bytes, .records = records, .skip = asked->skip};
    uint64_t index = from;
    bool closing = false; /* an answer never goes beyond the end of an epoch */
    while (index <= to && !closing) {
        const struct answer before = answer;
        uint64_t epoch;
        closing = is_closing(host, index, &epoch);
        add_commit(&answer, index);
        if (closing) add_tail(&answer, epoch, horizon_before(host, from, epoch));
        const bool named = answer.records_count == index - from + 1; /* else it goes alone */
        if (answer.full || answer.skip > 0 || (!named && index > from)) {
            /* Only the first commit may be cut: the asker asks for its rest. */
            if (index > from) answer = before;
            break;
        }
        index++;
        if (!named) break;
    }
    if (answer.vertices_count == 0) answer.records_count = answer.records_bytes = 0;
    const struct cr_message message = {.type = CR_MESSAGE_RANGE,
                                       .from_commit = from,
                                       .to_commit = index - 1,
                                       .skip = asked->skip,
                                       .records = records,
                                       .records_count = answer.records_count,
                                       .records_bytes = answer.records_bytes,
                                       .range = bytes,
                                       .range_count = answer.vertices_count,
                                       .range_bytes = answer.bytes_count};
    host->counters.ranges_served++;
    cr_host_send(host, peer, CR_STREAM_SYNC, cr_frame_take(&message));
}

/* ---- commits ---- */

void cr_host_execute_later(struct cr_host *host)
{
    if (host->executing || host->executor.queue_count == 0) return;
    host->executing = true;
    struct cr_prng prng =
        cr_prng_stream(host->sim->seed, CR_PURPOSE_EXECUTE,
                       (uint64_t)host->place << 40 | host->executor.queue[0].index);
    const uint64_t delay_us = 20 + cr_prng_below(&prng, 4000);
    cr_heap_push(&host->sim->heap, (struct cr_happening){.at_us = host->sim->now_us + delay_us,
                                                         .kind = CR_HAPPENING_EXECUTE,
                                                         .node = host->place,
                                                         .incarnation = host->incarnation});
}

static void log_commit(struct cr_host *host, const struct cr_commit *commit,
                       const struct cr_schedule_state *schedule)
{
    if (!may_write(host)) return;
    struct cr_disk_record record = {.kind = CR_RECORD_COMMIT, .sequence = host->stored_last};
    const size_t bytes = cr_commit_bytes(commit);
    record.commit = cr_run_take(bytes);
    record.commit_bytes = (uint32_t)bytes;
    record.schedule = cr_run_take(sizeof *schedule);
    *record.schedule = *schedule;
    CR_ASSERT(cr_commit_encode(commit, record.commit, bytes) == bytes);
    cr_disk_append_commit(&host->disk, commit->index, &record);
    cr_host_count_operation(host);
    if (host->doom == CR_DOOM_NONE) cr_host_sync_disk(host);
}

static void on_commit(struct cr_host *host, const struct cr_effect *effect)
{
    const struct cr_commit *commit = &effect->commit.record;
    cr_check_commit(host, commit, &effect->commit.digest);
    cr_check_order(host, effect);
    host->commit_index = commit->index;
    log_commit(host, commit, effect->commit.schedule);
    struct cr_pending_commit pending = {.index = commit->index,
                                        .digest = effect->commit.digest,
                                        .timestamp_ms = commit->timestamp_ms,
                                        .closing = commit->closing,
                                        .bodies_count = commit->vertices_count};
    pending.bodies = cr_run_take(commit->vertices_count * sizeof(struct cr_body *));
    for (uint32_t i = 0; i < commit->vertices_count; i++) {
        struct cr_body *body = body_of(host, effect->commit.bodies[i]);
        CR_ASSERT(cr_hash_equal(&body->digest, &commit->vertices[i].digest));
        pending.bodies[i] = cr_body_share(body);
    }
    cr_executor_add(&host->executor, &pending);
    cr_host_execute_later(host);
}

static void on_drop(struct cr_host *host, const struct cr_effect *effect)
{
    struct cr_body *body = body_of(host, effect->body);
    host->bodies[effect->body] = NULL;
    host->handles_free[host->handles_free_count++] = effect->body;
    cr_check_drop(host, body, effect->verdict);
    cr_body_give(body);
}

static void perform(struct cr_host *host, const struct cr_effect *effect)
{
    switch (effect->kind) {
    case CR_EFFECT_PROPOSE: on_propose(host, effect->header); return;
    case CR_EFFECT_STORE: on_store(host, effect); return;
    case CR_EFFECT_BROADCAST:
        for (uint32_t peer = 0; peer < host->sim->nodes_count; peer++) {
            if (peer == host->self || !cr_host_knows(host, peer)) continue;
            send_vertex(host, peer, CR_STREAM_CONSENSUS, body_of(host, effect->body));
        }
        return;
    case CR_EFFECT_SEND:
        cr_check_peer(host, effect->peer);
        send_vertex(host, effect->peer, CR_STREAM_FETCH, body_of(host, effect->body));
        return;
    case CR_EFFECT_SEND_STATUS: on_send_status(host, effect); return;
    case CR_EFFECT_FETCH: on_fetch(host, effect); return;
    case CR_EFFECT_SYNC: on_sync(host, effect); return;
    case CR_EFFECT_GIVE: on_give(host, effect->range.lane); return;
    case CR_EFFECT_FORGED: cr_check_forged(host, effect->peer, effect->range.from_commit); return;
    case CR_EFFECT_COMMIT: on_commit(host, effect); return;
    case CR_EFFECT_DROP: on_drop(host, effect); return;
    case CR_EFFECT_REQUEUE: on_requeue(host, body_of(host, effect->body)); return;
    case CR_EFFECT_EVIDENCE:
        cr_check_evidence(host, body_of(host, effect->body), body_of(host, effect->body_other));
        cr_accuse_note(host, body_of(host, effect->body), body_of(host, effect->body_other));
        return;
    case CR_EFFECT_HALT: cr_check_halt(host, effect->reason); return;
    case CR_EFFECT_TWIN:
        cr_check_twin(host, effect->round);
        if (cr_twins_is_double(host)) cr_host_doom(host, CR_DOOM_KILLED, UINT64_MAX);
        return;
    case CR_EFFECT_SEND_PROBE:
        send_plain(host, effect->peer,
                   &(struct cr_message){.type = CR_MESSAGE_PROBE, .probe = effect->probe});
        return;
    case CR_EFFECT_SEND_PROBE_REPLY:
        send_plain(host, effect->peer,
                   &(struct cr_message){.type = CR_MESSAGE_PROBE_REPLY,
                                        .probe_reply = effect->probe_reply});
        return;
    }
    CR_UNREACHABLE();
}

void cr_host_perform(struct cr_host *host)
{
    CR_ASSERT(host->effects.count <= host->effects.count_max);
    for (uint32_t i = 0; i < host->effects.count && host->doom == CR_DOOM_NONE; i++) {
        const struct cr_effect *effect = &host->effects.items[i];
        host->orders.proposals += effect->kind == CR_EFFECT_PROPOSE;
        host->orders.fetches += effect->kind == CR_EFFECT_FETCH;
        host->orders.syncs += effect->kind == CR_EFFECT_SYNC;
        perform(host, effect);
    }
}
