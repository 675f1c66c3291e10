/* SPDX-License-Identifier: Apache-2.0 */
#include "store/commit_record.h"

#include <stdlib.h>

#include "wire/cursor.h"

enum {
    VERSION = 1,
    REF_BYTES = 4 + 2 + CR_HASH_BYTES,
};

static size_t prefix_bytes(const struct cr_commit_record *record)
{
    return 2 + 2 + (size_t)record->schedule_bytes + 8 + 4 + 4;
}

size_t cr_commit_record_bytes(const struct cr_commit_record *record, const struct cr_commit *commit)
{
    return prefix_bytes(record) + cr_commit_bytes(commit);
}

size_t cr_commit_record_encode(const struct cr_commit_record *record,
                               const struct cr_commit *commit, uint8_t *bytes, size_t bytes_max)
{
    struct cr_writer w = cr_writer_of(bytes, bytes_max);
    cr_write_le(&w, VERSION, 2);
    cr_write_le(&w, record->schedule_bytes, 2);
    cr_write_bytes(&w, record->schedule, record->schedule_bytes);
    cr_write_le(&w, record->scan.sequence, 8);
    cr_write_le(&w, record->scan.segment, 4);
    cr_write_le(&w, record->scan.offset, 4);
    return w.position + cr_commit_encode(commit, bytes + w.position, bytes_max - w.position);
}

enum cr_err cr_commit_record_decode(const uint8_t *bytes, size_t count,
                                    struct cr_commit_record *record, struct cr_commit *commit,
                                    struct cr_ref **refs)
{
    struct cr_reader r = cr_reader_of(bytes, count);
    *refs = NULL;
    if (cr_read_le(&r, 2) != VERSION) return CR_ERR_VERSION;
    record->schedule_bytes = (uint32_t)cr_read_le(&r, 2);
    record->schedule = cr_read_bytes(&r, record->schedule_bytes);
    record->scan.sequence = cr_read_le(&r, 8);
    record->scan.segment = (uint32_t)cr_read_le(&r, 4);
    record->scan.offset = (uint32_t)cr_read_le(&r, 4);
    if (r.bad) return CR_ERR_TRUNCATED;

    const uint32_t refs_max = (uint32_t)((count - r.position) / REF_BYTES) + 1;
    *refs = malloc(refs_max * sizeof **refs);
    if (!*refs) return CR_ERR_FULL;
    return cr_commit_decode(bytes + r.position, count - r.position, *refs, refs_max, commit);
}
