/* SPDX-License-Identifier: Apache-2.0 */
/* ranges.c: answers SYNC from the log: the vertices of old commits in linear order. */
#include <stdlib.h>
#include <string.h>

#include "node/byz.h"
#include "node/replica.h"
#include "store/commit_record.h"
#include "wire/message.h"

/* An answer under construction: {bytes u32, vertex} repeated, and the same with commit records. */
struct answer {
    uint8_t *bytes; /* CR_SYNC_BYTES_MAX and room for one vertex more */
    uint32_t bytes_count;
    uint32_t vertices;
    uint8_t *records; /* CR_SYNC_BYTES_MAX and room for one record more */
    uint32_t records_bytes;
    uint32_t records_count;
    bool closing; /* it holds the closing commit of an epoch */
};

struct logged {
    struct cr_log_position position;
    struct cr_commit_record record;
    struct cr_commit commit;
    struct cr_ref *refs; /* owned */
};

struct tail {
    struct cr_log_position at;
    uint64_t epoch;
    uint32_t gc_round;
};

/* The vertex at a place of the log, if it fits. */
static bool add_logged(struct cr_node *node, const struct cr_log_position *position,
                       struct answer *answer)
{
    enum cr_log_kind kind;
    size_t count;
    const uint32_t used = answer->bytes_count + answer->records_bytes;
    if (used + 4 >= CR_SYNC_BYTES_MAX) return false;
    uint8_t *to = answer->bytes + answer->bytes_count;
    if (cr_log_read(node->log, position, &kind, to + 4, CR_FRAME_BYTES_MAX - 64 - used - 4,
                    &count) != CR_OK)
        return false;
    if (answer->vertices > 0 && used + 4 + count > CR_SYNC_BYTES_MAX) return false;
    cr_store_le(to, count, 4);
    answer->bytes_count += 4 + (uint32_t)count;
    answer->vertices++;
    return true;
}

static bool add_vertex(struct cr_node *node, const struct cr_ref *ref, struct answer *answer)
{
    struct cr_log_position position;
    if (!cr_state_reader_vertex(node->reader, &ref->digest, &position)) return false;
    return add_logged(node, &position, answer);
}

/* One that is too large is left out: its commit goes alone, and unnamed. */
static void add_record(const struct cr_commit *commit, struct answer *answer)
{
    const size_t bytes = cr_commit_bytes(commit);
    uint8_t *to = answer->records + answer->records_bytes;
    if (bytes > CR_SYNC_RECORD_BYTES_MAX || answer->records_bytes > CR_SYNC_BYTES_MAX) return;
    cr_store_le(to, bytes, 4);
    answer->records_bytes += 4 + (uint32_t)cr_commit_encode(commit, to + 4, bytes);
    answer->records_count++;
}

/* A logged commit; `refs` belongs to the caller, also on failure. */
static bool read_commit(struct cr_node *node, uint64_t index, struct logged *out)
{
    struct cr_commit_row row;
    enum cr_log_kind kind;
    size_t count;
    *out = (struct logged){0};
    if (!cr_state_reader_commit(node->reader, index, &row)) return false;
    out->position = row.position;
    if (cr_log_read(node->log, &row.position, &kind, node->record_scratch, CR_LOG_RECORD_BYTES_MAX,
                    &count) != CR_OK)
        return false;
    return kind == CR_LOG_COMMIT &&
           cr_commit_record_decode(node->record_scratch, count, &out->record, &out->commit,
                                   &out->refs) == CR_OK;
}

/* Where the vertices begin that somebody lacks who stands before commit `from` of the epoch. */
static bool begin_of_tail(struct cr_node *node, uint64_t from, uint64_t epoch, struct tail *out)
{
    struct logged before;
    *out = (struct tail){.epoch = epoch, .at = {.sequence = 1}};
    if (from == 1) return true;
    const bool found = read_commit(node, from - 1, &before);
    if (found && before.commit.epoch == epoch) {
        out->at = before.record.scan;
        out->gc_round = before.commit.gc_round;
    } else {
        out->at = before.position; /* that commit closed the epoch before */
    }
    free(before.refs);
    return found;
}

/* The closing tail (docs/protocol.md 8.5): what was accepted and nobody commits any more, in the
 * order of the log. Returns whether all of it fits. */
static bool add_tail(struct cr_node *node, struct tail *tail, uint32_t skip, struct answer *answer)
{
    struct cr_vertex *vertex = malloc(sizeof *vertex);
    bool whole = vertex != NULL;
    while (whole) {
        struct cr_log_position committed, here = tail->at;
        enum cr_log_kind kind;
        size_t count;
        if (cr_log_next(node->log, &tail->at, &kind, node->record_scratch, CR_LOG_RECORD_BYTES_MAX,
                        &count) != CR_OK)
            break;
        if (kind != CR_LOG_VERTEX || cr_vertex_decode(node->record_scratch, count, vertex) != CR_OK)
            continue;
        if (vertex->header.epoch > tail->epoch) break;
        if (vertex->header.epoch < tail->epoch || vertex->header.round <= tail->gc_round) continue;
        if (cr_state_reader_vertex(node->reader, &vertex->digest, &committed)) continue;
        if (skip > 0)
            skip--;
        else
            whole = add_logged(node, &here, answer);
    }
    free(vertex);
    return whole && skip == 0;
}

/* The vertices of one commit from `skip` on, as many as fit. Returns whether those are all. */
static bool add_commit(struct cr_node *node, uint64_t from, uint64_t index, uint32_t skip,
                       struct answer *answer)
{
    struct logged logged;
    bool whole = read_commit(node, index, &logged);
    const struct cr_commit *commit = &logged.commit;
    if (whole) add_record(commit, answer);
    for (uint32_t i = skip; whole && i < commit->vertices_count; i++)
        whole = add_vertex(node, &commit->vertices[i], answer);
    const uint32_t over =
        whole && skip > commit->vertices_count ? skip - commit->vertices_count : 0;
    if (whole && commit->closing) {
        struct tail tail;
        answer->closing = true;
        whole =
            begin_of_tail(node, from, commit->epoch, &tail) && add_tail(node, &tail, over, answer);
    } else if (over > 0) {
        whole = false;
    }
    free(logged.refs);
    return whole;
}

/* As many commits as fit, and never beyond the end of an epoch. Returns the first one that is not
 * there as a whole. */
static uint64_t add_commits(struct cr_node *node, const struct cr_message *asked,
                            struct answer *answer)
{
    const uint64_t from = asked->from_commit;
    uint64_t index = from;
    while (!answer->closing && index <= asked->to_commit) {
        const struct answer before = *answer;
        const bool first = index == from;
        bool whole = add_commit(node, from, index, first ? asked->skip : 0, answer);
        const bool named = answer->records_count == index - from + 1;
        if (!named && !first) whole = false;
        /* Only the first commit of an answer may be cut: the receiver asks for its rest. */
        if (!whole && !first) *answer = before;
        if (!whole) break;
        index++;
        if (!named) break;
    }
    return index;
}

void cr_node_serve_range(struct cr_node *node, uint32_t peer, const struct cr_message *asked)
{
    struct answer answer = {.bytes = malloc(CR_FRAME_BYTES_MAX),
                            .records = malloc(CR_FRAME_BYTES_MAX + CR_SYNC_RECORD_BYTES_MAX)};
    uint64_t index = asked->from_commit;
    const bool memory = answer.bytes && answer.records;
    if (memory && cr_state_reader_begin(node->reader) == CR_OK) {
        index = add_commits(node, asked, &answer);
        cr_state_reader_end(node->reader);
    }
    if (answer.vertices == 0) answer.records_count = answer.records_bytes = 0;
    struct cr_message message = {.type = CR_MESSAGE_RANGE,
                                 .from_commit = asked->from_commit,
                                 .to_commit = index - 1,
                                 .skip = asked->skip,
                                 .records_count = answer.records_count,
                                 .records = answer.records,
                                 .records_bytes = answer.records_bytes,
                                 .range_count = answer.vertices,
                                 .range = answer.bytes,
                                 .range_bytes = answer.bytes_count};
    if (answer.vertices > 0)
        node->counters.ranges_served++;
    else
        node->counters.ranges_refused++;
    if (cr_byz_answer(&message))
        (void)!cr_node_send(node, peer, CR_NET_SYNC, &message); /* the peer asks somebody else */
    free(answer.bytes);
    free(answer.records);
}
