/* SPDX-License-Identifier: Apache-2.0 */
/* forge_range.c: answers to SYNC that no honest node would give. */
#include "forge_range.h"

#include <string.h>

#include "wire/commit.h"
#include "wire/payload.h"

enum { REFS_MAX = 8192 };

static uint8_t vertices[CR_FRAME_BYTES_MAX], records[CR_FRAME_BYTES_MAX];

/* What a liar does to one record, before it is chained to the one before. */
typedef void record_change(struct cr_commit *commit, uint32_t i, uint32_t count);

static void another_time(struct cr_commit *commit, uint32_t i, uint32_t count)
{
    if (i == count / 2) commit->timestamp_ms++;
}

static void another_past(struct cr_commit *commit, uint32_t i, uint32_t count)
{
    (void)count;
    if (i == 0) commit->previous.bytes[0] ^= 1;
}

static void fewer_vertices(struct cr_commit *commit, uint32_t i, uint32_t count)
{
    (void)i;
    (void)count;
    if (commit->vertices_count > 1) commit->vertices_count--;
}

/* The next vertex of the honest answer; `keep`: it is in the forged one too. */
static void copy_vertex(struct cr_payload *from, struct cr_message *to, bool keep)
{
    const uint8_t *bytes;
    uint32_t count;
    if (!cr_payload_next(from, &bytes, &count) || !keep) return;
    cr_store_le(vertices + to->range_bytes, count, 4);
    memcpy(vertices + to->range_bytes + 4, bytes, count);
    to->range_bytes += 4 + count;
    to->range_count++;
}

static void put_record(struct cr_message *to, const struct cr_commit *commit)
{
    uint8_t *at = records + to->records_bytes;
    const size_t count = cr_commit_encode(commit, at + 4, sizeof records - to->records_bytes - 4);
    cr_store_le(at, count, 4);
    to->records_bytes += 4 + (uint32_t)count;
    to->records_count++;
}

/* Another chain, consistent in itself, with just the vertices that it names; or (`chained` false)
 * one that shows its seam. */
static void rewrite(struct cr_message *range, record_change *change, bool chained)
{
    static struct cr_ref refs[REFS_MAX];
    const struct cr_message honest = *range;
    struct cr_payload from = cr_payload_begin(honest.range, honest.range_bytes, honest.range_count);
    struct cr_payload walk =
        cr_payload_begin(honest.records, honest.records_bytes, honest.records_count);
    struct cr_hash before = {{0}};
    const uint8_t *bytes;
    uint32_t count, skip = honest.skip;
    range->range = vertices;
    range->records = records;
    range->range_count = range->range_bytes = range->records_count = range->records_bytes = 0;
    for (uint32_t i = 0; cr_payload_next(&walk, &bytes, &count); i++) {
        struct cr_commit commit;
        CR_ASSERT(cr_commit_decode(bytes, count, refs, REFS_MAX, &commit) == CR_OK);
        const uint32_t named = commit.vertices_count;
        if (i > 0 && chained) commit.previous = before;
        change(&commit, i, honest.records_count);
        before = cr_commit_digest(&commit);
        put_record(range, &commit);
        for (uint32_t v = skip; v < named; v++)
            copy_vertex(&from, range, v < commit.vertices_count);
        skip = 0;
    }
    while (from.count_left > 0)
        copy_vertex(&from, range, true);
}

/* Half of the commits: nothing is wrong with that. */
static void stop_in_the_middle(struct cr_message *range)
{
    const uint32_t kept = (range->records_count + 1) / 2;
    struct cr_payload from = cr_payload_begin(range->range, range->range_bytes, range->range_count);
    struct cr_payload walk =
        cr_payload_begin(range->records, range->records_bytes, range->records_count);
    struct cr_message half = *range;
    const uint8_t *bytes;
    uint32_t count, skip = range->skip;
    half.range = vertices;
    half.range_count = half.range_bytes = half.records_count = half.records_bytes = 0;
    for (uint32_t i = 0; i < kept && cr_payload_next(&walk, &bytes, &count); i++) {
        struct cr_commit_view record;
        CR_ASSERT(cr_commit_open(bytes, count, &record) == CR_OK);
        for (uint32_t v = skip; v < record.head.vertices_count; v++)
            copy_vertex(&from, &half, true);
        skip = 0;
        half.records_count++;
        half.records_bytes += 4 + count;
    }
    half.to_commit = half.from_commit + kept - 1;
    *range = half;
}

static void swap_vertices(struct cr_message *range)
{
    const uint32_t first = 4 + (uint32_t)cr_load_le(range->range, 4);
    const uint32_t second = 4 + (uint32_t)cr_load_le(range->range + first, 4);
    memcpy(vertices, range->range + first, second);
    memcpy(vertices + second, range->range, first);
    memcpy(vertices + first + second, range->range + first + second,
           range->range_bytes - first - second);
    range->range = vertices;
}

/* The last vertex ends with its payload, or its signature. */
static void spoil_a_vertex(struct cr_message *range)
{
    memcpy(vertices, range->range, range->range_bytes);
    vertices[range->range_bytes - 1] ^= 1;
    range->range = vertices;
}

/* "Too large a record", and one vertex. */
static void name_nothing(struct cr_message *range)
{
    range->to_commit = range->from_commit;
    range->records_count = range->records_bytes = 0;
    range->range_count = 1;
    range->range_bytes = 4 + (uint32_t)cr_load_le(range->range, 4);
}

void cr_forge_range(struct cr_message *range, enum cr_range_forgery kind)
{
    const bool whole = range->to_commit >= range->from_commit;
    if (!whole || range->records_count == 0 || range->range_count < 2) return;
    switch (kind) {
    case CR_RANGE_OTHER_CHAIN: rewrite(range, another_time, true); return;
    case CR_RANGE_OTHER_PAST: rewrite(range, another_past, true); return;
    case CR_RANGE_PAST_UNCHAINED: rewrite(range, another_past, false); return;
    case CR_RANGE_CHAIN_UNCHAINED: rewrite(range, another_time, false); return;
    case CR_RANGE_FEWER_VERTICES: rewrite(range, fewer_vertices, true); return;
    case CR_RANGE_HALF: stop_in_the_middle(range); return;
    case CR_RANGE_SWAPPED: swap_vertices(range); return;
    case CR_RANGE_SPOILED: spoil_a_vertex(range); return;
    case CR_RANGE_NAMELESS: name_nothing(range); return;
    case CR_RANGE_FORGERIES: break;
    }
    CR_UNREACHABLE();
}
