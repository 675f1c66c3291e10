/* SPDX-License-Identifier: Apache-2.0 */
/* ranges.c: answers SYNC from the log: the vertices of old commits in linear order. */
#include <stdlib.h>
#include <string.h>

#include "node/replica.h"
#include "store/commit_record.h"
#include "wire/message.h"

/* An answer under construction: {bytes u32, vertex} repeated. */
struct answer {
    uint8_t *bytes; /* CR_SYNC_BYTES_MAX and room for one vertex more */
    uint32_t bytes_count;
    uint32_t vertices;
};

static bool add_vertex(struct cr_node *node, const struct cr_ref *ref, struct answer *answer)
{
    struct cr_log_position position;
    enum cr_log_kind kind;
    size_t count;
    if (!cr_state_reader_vertex(node->reader, &ref->digest, &position)) return false;
    if (answer->bytes_count + 4 >= CR_SYNC_BYTES_MAX) return false;
    uint8_t *to = answer->bytes + answer->bytes_count;
    if (cr_log_read(node->log, &position, &kind, to + 4,
                    CR_FRAME_BYTES_MAX - 64 - answer->bytes_count - 4, &count) != CR_OK)
        return false;
    if (answer->vertices > 0 && answer->bytes_count + 4 + count > CR_SYNC_BYTES_MAX) return false;
    cr_store_le(to, count, 4);
    answer->bytes_count += 4 + (uint32_t)count;
    answer->vertices++;
    return true;
}

/* The vertices of one commit from `skip` on, as many as fit. Returns whether those are all. */
static bool add_commit(struct cr_node *node, uint64_t index, uint32_t skip, struct answer *answer)
{
    struct cr_commit_row row;
    struct cr_commit_record record;
    struct cr_commit commit;
    struct cr_ref *refs;
    enum cr_log_kind kind;
    size_t count;

    if (!cr_state_reader_commit(node->reader, index, &row)) return false;
    if (cr_log_read(node->log, &row.position, &kind, node->record_scratch, CR_LOG_RECORD_BYTES_MAX,
                    &count) != CR_OK)
        return false;
    if (kind != CR_LOG_COMMIT) return false;
    bool whole =
        cr_commit_record_decode(node->record_scratch, count, &record, &commit, &refs) == CR_OK;
    if (whole && skip > commit.vertices_count) whole = false;
    for (uint32_t i = skip; whole && i < commit.vertices_count; i++)
        whole = add_vertex(node, &commit.vertices[i], answer);
    free(refs);
    return whole;
}

void cr_node_serve_range(struct cr_node *node, uint32_t peer, uint64_t from_commit,
                         uint64_t to_commit, uint32_t skip)
{
    struct answer answer = {.bytes = malloc(CR_FRAME_BYTES_MAX)};
    uint64_t index = from_commit;
    if (!answer.bytes) return;
    if (cr_state_reader_begin(node->reader) == CR_OK) {
        bool whole = true;
        while (whole && index <= to_commit && index - from_commit < CR_SYNC_COMMITS_MAX) {
            const struct answer before = answer;
            const bool first = index == from_commit;
            whole = add_commit(node, index, first ? skip : 0, &answer);
            if (whole) index++;
            /* Only the first commit of an answer may be cut: the receiver asks for its rest. */
            if (!whole && !first) answer = before;
        }
        cr_state_reader_end(node->reader);
    }
    const struct cr_message message = {.type = CR_MESSAGE_RANGE,
                                       .from_commit = from_commit,
                                       .to_commit = index - 1,
                                       .skip = skip,
                                       .range_count = answer.vertices,
                                       .range = answer.bytes,
                                       .range_bytes = answer.bytes_count};
    if (answer.vertices > 0)
        node->counters.ranges_served++;
    else
        node->counters.ranges_refused++;
    const size_t bytes = cr_message_bytes(&message);
    struct cr_net_block *block = cr_net_block_new(bytes);
    if (block) {
        cr_message_encode(&message, block->bytes, bytes);
        (void)!cr_net_send(node->net, peer, CR_NET_SYNC, block); /* the peer asks somebody else */
        cr_net_block_give(block);
    }
    free(answer.bytes);
}
