/* SPDX-License-Identifier: Apache-2.0 */
/* range_sample.h: an answer to SYNC as an honest peer sends it, for tests and fuzz seeds. */
#ifndef CR_CORE_RANGE_SAMPLE_H
#define CR_CORE_RANGE_SAMPLE_H

#include "core/range.h"
#include "wire/sample.h"

enum { CR_SAMPLE_COMMITS_MAX = 4, CR_SAMPLE_VERTICES = 2 };

struct cr_sample_range {
    struct cr_commit commits[CR_SAMPLE_COMMITS_MAX];
    struct cr_ref refs[CR_SAMPLE_COMMITS_MAX][CR_SAMPLE_VERTICES];
    uint8_t records[2048], vertices[64 * 1024];
    struct cr_message message;
};

static inline void cr_sample_add_vertex(struct cr_sample_range *range, struct cr_prng *prng,
                                        struct cr_ref *ref)
{
    static const uint8_t signature[CR_MLDSA44_SIG_BYTES];
    static struct cr_header header;
    struct cr_message *message = &range->message;
    uint8_t *to = range->vertices + message->range_bytes;
    cr_sample_header(prng, 4, &header);
    header.epoch = 1;
    header.payload_bytes = header.payload_count = 0;
    const size_t count =
        cr_vertex_encode_head(&header, CR_ALG_MLDSA44, signature, sizeof signature, to + 4, 8192);
    cr_store_le(to, count, 4);
    message->range_bytes += 4 + (uint32_t)count;
    message->range_count++;
    *ref = (struct cr_ref){header.round, header.author,
                           cr_header_digest(to + 4, cr_header_bytes(&header))};
}

/* Writes the records anew, chained from the first one's `previous` on. */
static inline void cr_sample_chain(struct cr_sample_range *range, uint32_t commits)
{
    struct cr_message *message = &range->message;
    message->records_bytes = 0;
    message->records_count = commits;
    for (uint32_t i = 0; i < commits; i++) {
        struct cr_commit *commit = &range->commits[i];
        uint8_t *to = range->records + message->records_bytes;
        if (i > 0) commit->previous = cr_commit_digest(&range->commits[i - 1]);
        const size_t count = cr_commit_encode(commit, to + 4, sizeof range->records);
        cr_store_le(to, count, 4);
        message->records_bytes += 4 + (uint32_t)count;
    }
}

/* Commits from..from + commits - 1 of epoch 1, two vertices each. */
static inline void cr_sample_range(struct cr_sample_range *range, struct cr_prng *prng,
                                   uint64_t from, uint32_t commits)
{
    memset(range, 0, sizeof *range);
    range->message = (struct cr_message){.type = CR_MESSAGE_RANGE,
                                         .from_commit = from,
                                         .to_commit = from + commits - 1,
                                         .range = range->vertices,
                                         .records = range->records};
    for (uint32_t i = 0; i < commits; i++) {
        for (uint32_t v = 0; v < CR_SAMPLE_VERTICES; v++)
            cr_sample_add_vertex(range, prng, &range->refs[i][v]);
        range->commits[i] = (struct cr_commit){.index = from + i,
                                               .epoch = 1,
                                               .row = CR_ROW_CLASSIC,
                                               .leader_round = 10 + i,
                                               .leaders_count = 1,
                                               .leaders = range->refs[i],
                                               .vertices_count = CR_SAMPLE_VERTICES,
                                               .vertices = range->refs[i]};
    }
    range->commits[0].previous = cr_sample_hash(prng);
    cr_sample_chain(range, commits);
}

#endif
