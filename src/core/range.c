/* SPDX-License-Identifier: Apache-2.0 */
#include "core/range.h"

#include <string.h>

#include "base/cover.h"
#include "crypto/hash.h"
#include "wire/payload.h"
#include "wire/ref.h"

struct check {
    struct cr_vertex *vertex; /* scratch */
    struct cr_payload vertices;
    bool part;
    uint32_t skip; /* vertices of the next record that are not in the answer */
};

bool cr_range_is_refusal(const struct cr_message *range)
{
    return range->to_commit < range->from_commit && range->range_count == 0;
}

static bool next_vertex(struct check *check)
{
    const uint8_t *bytes;
    uint32_t count;
    return cr_payload_next(&check->vertices, &bytes, &count) &&
           cr_vertex_decode(bytes, count, check->vertex) == CR_OK;
}

static bool names(const struct cr_commit_view *record, uint32_t i, const struct cr_vertex *vertex)
{
    struct cr_ref ref;
    cr_load_refs(record->vertices + (size_t)i * CR_REF_BYTES, 1, &ref);
    return ref.round == vertex->header.round && ref.author == vertex->header.author &&
           cr_hash_equal(&ref.digest, &vertex->digest);
}

/* The vertices of one record, from the skipped ones on; of a part those that are there. */
static bool check_vertices(struct check *check, const struct cr_commit_view *record)
{
    const uint32_t count = record->head.vertices_count;
    if (check->skip > count && !record->head.closing) return false;
    for (uint32_t i = check->skip; i < count; i++) {
        if (check->part && check->vertices.count_left == 0) return true;
        if (!next_vertex(check) || !names(record, i, check->vertex)) return false;
    }
    check->skip = 0;
    /* A part that lacks nothing would be asked for again and again. */
    return !check->part || record->head.closing;
}

/* The record of commit `index`: follows the one before, and names what is there. */
static bool check_record(struct check *check, const uint8_t *bytes, uint32_t bytes_count,
                         struct cr_claim *claim)
{
    struct cr_commit_view record;
    if (cr_commit_open(bytes, bytes_count, &record) != CR_OK) return false;
    const struct cr_commit *head = &record.head;
    if (head->index != claim->from + claim->count) return false;
    if (claim->count == 0) {
        claim->previous = head->previous;
        claim->epoch = head->epoch;
    } else if (!cr_hash_equal(&head->previous, &claim->digests[claim->count - 1])) {
        CR_COVER(range_records_do_not_chain);
        return false;
    }
    if (claim->closing || head->epoch != claim->epoch) return false;
    claim->closing = head->closing;
    claim->digests[claim->count++] = cr_hash_of(bytes, bytes_count);
    return check_vertices(check, &record);
}

bool cr_range_check(const struct cr_message *range, struct cr_vertex *scratch, struct cr_claim *out)
{
    struct check check = {
        .vertex = scratch,
        .vertices = cr_payload_begin(range->range, range->range_bytes, range->range_count),
        .part = range->to_commit < range->from_commit,
        .skip = range->skip,
    };
    const uint64_t commits = check.part ? 1 : range->to_commit - range->from_commit + 1;
    memset(out, 0, sizeof *out);
    out->from = range->from_commit;
    if (range->range_count == 0) return false;
    if (range->records_count == 0) return commits == 1;
    if (range->records_count != commits) return false;
    struct cr_payload records =
        cr_payload_begin(range->records, range->records_bytes, range->records_count);
    const uint8_t *bytes;
    uint32_t bytes_count;
    while (cr_payload_next(&records, &bytes, &bytes_count)) {
        if (!check_record(&check, bytes, bytes_count, out)) return false;
    }
    while (check.vertices.count_left > 0) { /* the closing tail */
        if (!out->closing || !next_vertex(&check)) return false;
        if (check.vertex->header.epoch != out->epoch) return false;
    }
    return true;
}
