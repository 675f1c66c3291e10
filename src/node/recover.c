/* SPDX-License-Identifier: Apache-2.0 */
/* recover.c: from the log to a running replica (docs/storage.md, "Recovery").
 *
 *   1. Roll the executed state forward: every COMMIT record after the executed head is run from
 *      the log. An empty or rebuilt state begins at the genesis.
 *   2. Restore the core: the head of the last logged commit, then every logged vertex above its
 *      horizon; a vertex is committed when the state database knows its place.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/clock.h"
#include "node/replica.h"
#include "store/commit_record.h"
#include "wire/message.h"

/* Digest -> position of the vertices met so far: open addressing, at most half full. */
struct places {
    uint32_t count, mask;
    struct place {
        struct cr_hash digest;
        struct cr_log_position position;
    } * items;
};

static struct place *place_of(const struct places *places, const struct cr_hash *digest)
{
    uint32_t i = (uint32_t)cr_load_le(digest->bytes, 4) & places->mask;
    while (places->items[i].position.sequence > 0 &&
           !cr_hash_equal(&places->items[i].digest, digest))
        i = (i + 1) & places->mask;
    return &places->items[i];
}

static bool grow(struct places *places)
{
    struct places grown = {.count = places->count,
                           .mask = places->items ? places->mask * 2 + 1 : (1u << 16) - 1};
    grown.items = calloc((size_t)grown.mask + 1, sizeof grown.items[0]);
    if (!grown.items) return false;
    for (uint32_t i = 0; places->items && i <= places->mask; i++) {
        if (places->items[i].position.sequence > 0)
            *place_of(&grown, &places->items[i].digest) = places->items[i];
    }
    free(places->items);
    *places = grown;
    return true;
}

/* False when memory is out. The first place of a digest stays. */
static bool add_place(struct places *places, const struct cr_hash *digest,
                      const struct cr_log_position *position)
{
    if ((!places->items || places->count > places->mask / 2) && !grow(places)) return false;
    struct place *place = place_of(places, digest);
    if (place->position.sequence > 0) return true;
    *place = (struct place){.digest = *digest, .position = *position};
    places->count++;
    return true;
}

static enum cr_err fail(struct cr_store_failure *failure, enum cr_err err, const char *what,
                        const struct cr_log_position *position)
{
    failure->err = err;
    snprintf(failure->text, sizeof failure->text,
             "log record %" PRIu64 ": %s (%s); restore the data folder or let the node start from "
             "an empty one",
             position->sequence, what, cr_err_text(err));
    return err;
}

/* What the last COMMIT record says besides the commit. */
struct head_record {
    struct cr_core_head head;
    struct cr_log_position scan;
};

struct walk {
    struct cr_node *node;
    struct places places;
    struct cr_vertex *vertex;
    struct head_record last;
    struct cr_guard_record own; /* our newest vertex in the log; round 0: none above the horizon */
    uint64_t replayed;
};

static void note_head(struct walk *walk, const struct cr_commit *commit,
                      const struct cr_hash *digest, const struct cr_commit_record *record)
{
    walk->last.scan = record->scan;
    walk->last.head = (struct cr_core_head){.commit_index = commit->index,
                                            .commit_digest = *digest,
                                            .leader_round = commit->leader_round,
                                            .gc_round = commit->gc_round,
                                            .timestamp_ms = commit->timestamp_ms};
    CR_ASSERT(record->schedule_bytes <= sizeof walk->last.head.schedule.bytes);
    memcpy(walk->last.head.schedule.bytes, record->schedule, record->schedule_bytes);
}

/* Runs a logged commit when it is the next one. */
static enum cr_err roll(struct walk *walk, const struct cr_log_position *position,
                        const struct cr_commit *commit, const struct cr_hash *digest,
                        struct cr_store_failure *failure)
{
    const struct cr_ledger_head *head = cr_executor_head(walk->node->executor);
    if (commit->index <= head->index) return CR_OK;
    /* The first commit follows nothing; the ledger's head names the genesis then. */
    const bool follows = head->index == 0 ? cr_hash_is_zero(&commit->previous)
                                          : cr_hash_equal(&commit->previous, &head->commit_digest);
    if (commit->index != head->index + 1 || !follows)
        return fail(failure, CR_ERR_CORRUPT, "a commit does not follow the executed one", position);
    struct cr_log_position *vertices = calloc(commit->vertices_count + 1, sizeof *vertices);
    enum cr_err err = vertices ? CR_OK : CR_ERR_FULL;
    for (uint32_t i = 0; err == CR_OK && i < commit->vertices_count; i++) {
        if (walk->places.items)
            vertices[i] = place_of(&walk->places, &commit->vertices[i].digest)->position;
        if (vertices[i].sequence == 0)
            err = fail(failure, CR_ERR_CORRUPT, "a committed vertex is not in the log", position);
    }
    if (err == CR_OK)
        err = cr_executor_replay(walk->node->executor, commit, digest, position, vertices, failure);
    free(vertices);
    walk->replayed++;
    return err;
}

static enum cr_err on_commit(struct walk *walk, const struct cr_log_position *position,
                             const uint8_t *bytes, size_t count, struct cr_store_failure *failure)
{
    struct cr_commit_record record;
    struct cr_commit commit;
    struct cr_ref *refs;
    enum cr_err err = cr_commit_record_decode(bytes, count, &record, &commit, &refs);
    if (err != CR_OK) {
        free(refs);
        return fail(failure, err, "not a commit record", position);
    }
    const struct cr_hash digest = cr_commit_digest(&commit);
    err = roll(walk, position, &commit, &digest, failure);
    if (err == CR_OK && commit.index > walk->last.head.commit_index)
        note_head(walk, &commit, &digest, &record);
    free(refs);
    return err;
}

static enum cr_err roll_forward(struct walk *walk, struct cr_log_position position,
                                struct cr_store_failure *failure)
{
    struct cr_node *node = walk->node;
    for (;;) {
        enum cr_log_kind kind;
        size_t count;
        struct cr_log_position here = position;
        enum cr_err err = cr_log_next(node->log, &position, &kind, node->record_scratch,
                                      CR_LOG_RECORD_BYTES_MAX, &count);
        if (err == CR_ERR_NOT_FOUND) return CR_OK;
        if (err != CR_OK) return fail(failure, err, "cannot be read", &here);
        if (kind == CR_LOG_COMMIT) {
            err = on_commit(walk, &here, node->record_scratch, count, failure);
            if (err != CR_OK) return err;
            continue;
        }
        if (cr_vertex_decode(node->record_scratch, count, walk->vertex) != CR_OK)
            return fail(failure, CR_ERR_CORRUPT, "not a vertex", &here);
        if (!add_place(&walk->places, &walk->vertex->digest, &here))
            return fail(failure, CR_ERR_FULL, "memory is out", &here);
    }
}

static enum cr_err restore_vertex(struct walk *walk, const struct cr_log_position *position,
                                  size_t count, struct cr_store_failure *failure)
{
    struct cr_node *node = walk->node;
    const struct cr_header *header = &walk->vertex->header;
    struct cr_log_position committed_at;
    const uint32_t handle = cr_body_new(&node->bodies, 1 + count);
    if (handle == CR_BODY_NONE) return fail(failure, CR_ERR_FULL, "memory is out", position);
    struct cr_body *body = cr_body_get(&node->bodies, handle);
    body->block->bytes[0] = CR_MESSAGE_VERTEX;
    memcpy(body->block->bytes + 1, node->record_scratch, count);
    cr_body_describe(body, walk->vertex);
    body->position = *position;
    cr_node_note_position(node, header->round, position);
    if (header->author == node->self && header->round > walk->own.round) {
        walk->own = (struct cr_guard_record){
            .epoch = header->epoch, .round = header->round, .digest = walk->vertex->digest};
    }

    struct cr_event event = {.kind = CR_EVENT_RESTORE_VERTEX};
    event.committed = cr_state_reader_vertex(node->reader, &walk->vertex->digest, &committed_at);
    event.vertex =
        (struct cr_event_vertex){.header = header, .digest = walk->vertex->digest, .body = handle};
    cr_node_step(node, &event);
    return CR_OK;
}

static enum cr_err restore_window(struct walk *walk, struct cr_store_failure *failure)
{
    struct cr_node *node = walk->node;
    struct cr_log_position position = walk->last.scan;
    struct places seen = {0};
    enum cr_err err = cr_state_reader_begin(node->reader);
    while (err == CR_OK) {
        enum cr_log_kind kind;
        size_t count;
        struct cr_log_position here = position;
        err = cr_log_next(node->log, &position, &kind, node->record_scratch,
                          CR_LOG_RECORD_BYTES_MAX, &count);
        if (err != CR_OK || kind != CR_LOG_VERTEX) continue;
        err = cr_vertex_decode(node->record_scratch, count, walk->vertex);
        if (err != CR_OK || walk->vertex->header.round <= walk->last.head.gc_round) continue;
        if (walk->vertex->header.epoch != node->epoch.number) continue;
        if (seen.items && place_of(&seen, &walk->vertex->digest)->position.sequence > 0) continue;
        if (!add_place(&seen, &walk->vertex->digest, &here)) err = CR_ERR_FULL;
        if (err == CR_OK) err = restore_vertex(walk, &here, count, failure);
    }
    cr_state_reader_end(node->reader);
    free(seen.items);
    if (err == CR_ERR_NOT_FOUND) return CR_OK; /* the end of the log */
    return fail(failure, err, "cannot be restored", &position);
}

/* The state knows of a commit that the log does not have: the log counts. */
static enum cr_err contradicted(struct cr_node *node, struct cr_store_failure *failure,
                                const struct cr_log_position *position)
{
    cr_state_db_condemn(node->db);
    failure->err = CR_ERR_CORRUPT;
    snprintf(failure->text, sizeof failure->text,
             "the state is ahead of the log, which has no commit at record %" PRIu64
             "; start again: the state is rebuilt from the log",
             position->sequence);
    return CR_ERR_CORRUPT;
}

/* Where to begin reading: at the scan position of the executed head, or at the first record. */
static enum cr_err begin_of_walk(struct walk *walk, struct cr_log_position *begin,
                                 struct cr_store_failure *failure)
{
    struct cr_node *node = walk->node;
    struct cr_commit_row row;
    enum cr_log_kind kind;
    size_t count;
    const uint64_t index = cr_executor_head(node->executor)->index;
    *begin = (struct cr_log_position){.sequence = 1};
    walk->last.scan = *begin;
    if (index == 0) return CR_OK;

    enum cr_err err = cr_state_reader_begin(node->reader);
    if (err != CR_OK) return fail(failure, err, "the state cannot be read", begin);
    const bool found = cr_state_reader_commit(node->reader, index, &row);
    cr_state_reader_end(node->reader);
    if (!found) return contradicted(node, failure, begin);
    err = cr_log_read(node->log, &row.position, &kind, node->record_scratch,
                      CR_LOG_RECORD_BYTES_MAX, &count);
    if (err != CR_OK || kind != CR_LOG_COMMIT) return contradicted(node, failure, &row.position);
    err = on_commit(walk, &row.position, node->record_scratch, count, failure);
    *begin = walk->last.scan;
    return err;
}

/* The guard is at most one round behind the log. A log that is behind the guard was lost or
 * replaced: then one round more than the guard knows may have been signed. */
static enum cr_err reconcile_guard(struct walk *walk, struct cr_store_failure *failure)
{
    struct cr_node *node = walk->node;
    const bool same = node->guard_record.epoch == node->epoch.number;
    const uint32_t round = same ? node->guard_record.round : 0;
    node->signed_round = round;
    if (node->guard_record.epoch > node->epoch.number) return CR_OK; /* we only watch */
    if (walk->own.round < round && walk->last.head.gc_round < round) node->signed_round++;
    if (walk->own.round <= round) return CR_OK;
    node->signed_round = walk->own.round;
    if (node->guard_record.lost) return CR_OK; /* it stays so until something is signed */
    walk->own.log_sequence = cr_log_durable(node->log);
    return cr_guard_write(node->guard, &walk->own, failure);
}

enum cr_err cr_node_recover(struct cr_node *node, struct cr_store_failure *failure)
{
    const uint64_t start_us = cr_now_us();
    struct walk walk = {.node = node, .vertex = malloc(sizeof *walk.vertex)};
    struct cr_log_position begin = {.sequence = 1};
    enum cr_err err = walk.vertex ? CR_OK : fail(failure, CR_ERR_FULL, "memory is out", &begin);
    if (err == CR_OK) err = begin_of_walk(&walk, &begin, failure);
    if (err == CR_OK) err = roll_forward(&walk, begin, failure);
    free(walk.places.items);
    if (err == CR_OK) err = cr_node_begin_epoch(node);
    if (err != CR_OK && failure->err == CR_OK)
        *failure = (struct cr_store_failure){.err = err, .text = "memory is out"};
    const bool fresh = walk.last.head.commit_index <= node->epoch.index;
    if (fresh) walk.last.head.gc_round = 0; /* that head is of the epoch before */
    if (err == CR_OK && !fresh) {
        struct cr_event event = {.kind = CR_EVENT_RESTORE_HEAD, .head = &walk.last.head};
        cr_node_step(node, &event);
    }
    node->newest = walk.last.scan;
    if (err == CR_OK) err = restore_window(&walk, failure);
    if (err == CR_OK) err = reconcile_guard(&walk, failure);
    free(walk.vertex);
    if (err != CR_OK) return err;
    cr_report(CR_LOG_LEVEL_INFO, "store", "recovered",
              "commit=%" PRIu64 " replayed=%" PRIu64 " log_records=%" PRIu64 " took_ms=%" PRIu64,
              walk.last.head.commit_index, walk.replayed, cr_log_end(node->log).sequence - 1,
              (cr_now_us() - start_us) / 1000);
    return CR_OK;
}
