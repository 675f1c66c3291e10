/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the log, from any thread. Only what is durable is readable, so a reader never meets a
 * record that is being written. */
#include "store/log_internal.h"

/* Reads at one place. CR_ERR_NOT_FOUND: the segment ends here and the record is not in it. */
static enum cr_err read_header(struct cr_log *log, const struct cr_log_position *at,
                               struct cr_record_header *header)
{
    const uint32_t segment_bytes = log->options.segment_bytes;
    if (at->offset > segment_bytes - CR_RECORD_HEADER_BYTES) return CR_ERR_NOT_FOUND;
    uint8_t bytes[CR_RECORD_HEADER_BYTES];
    size_t got = 0;
    const enum cr_err err =
        cr_segment_files_read(&log->files, at->segment, at->offset, bytes, sizeof bytes, &got);
    if (err != CR_OK) return err;
    if (got < sizeof bytes || cr_io_is_zero(bytes, sizeof bytes)) return CR_ERR_NOT_FOUND;
    if (!cr_record_decode(bytes, header)) return CR_ERR_CHECKSUM;
    if (header->sequence != at->sequence) return CR_ERR_NOT_FOUND;
    if (header->bytes > segment_bytes - at->offset - CR_RECORD_HEADER_BYTES) return CR_ERR_CHECKSUM;
    return CR_OK;
}

/* Does segment `at->segment` begin with record `at->sequence`? Then sets the offset. */
static enum cr_err find_first(struct cr_log *log, struct cr_log_position *at)
{
    uint8_t bytes[CR_SEGMENT_HEADER_BYTES];
    size_t got = 0;
    const enum cr_err err =
        cr_segment_files_read(&log->files, at->segment, 0, bytes, sizeof bytes, &got);
    if (err != CR_OK) return err;
    if (got < sizeof bytes) return CR_ERR_NOT_FOUND;
    struct cr_segment_header header;
    switch (cr_segment_header_decode(bytes, &header)) {
    case CR_SEGMENT_EMPTY: return CR_ERR_NOT_FOUND;
    case CR_SEGMENT_NEWER:
    case CR_SEGMENT_BAD: return CR_ERR_CHECKSUM;
    case CR_SEGMENT_VALID: break;
    }
    if (header.first_sequence != at->sequence) return CR_ERR_NOT_FOUND;
    at->offset = CR_SEGMENT_HEADER_BYTES;
    return CR_OK;
}

/* Finds the record. The place behind the last record of a segment is also the place of the first
 * record of the next one: whoever walks learns only there that the segment is over. */
static enum cr_err locate(struct cr_log *log, struct cr_log_position *at,
                          struct cr_record_header *header)
{
    if (at->sequence == 0 || at->sequence > cr_log_durable(log)) return CR_ERR_NOT_FOUND;
    if (at->offset >= CR_SEGMENT_HEADER_BYTES) {
        const enum cr_err err = read_header(log, at, header);
        if (err != CR_ERR_NOT_FOUND) return err;
        at->segment++;
    }
    const enum cr_err err = find_first(log, at);
    return err != CR_OK ? err : read_header(log, at, header);
}

static enum cr_err read_at(struct cr_log *log, struct cr_log_position *at, enum cr_log_kind *kind,
                           uint8_t *buffer, size_t buffer_bytes, size_t *count)
{
    struct cr_record_header header;
    enum cr_err err = locate(log, at, &header);
    if (err != CR_OK) return err;
    *count = header.bytes;
    if (header.bytes > buffer_bytes) return CR_ERR_TOO_BIG;
    size_t got = 0;
    const uint64_t body = (uint64_t)at->offset + CR_RECORD_HEADER_BYTES;
    err = cr_segment_files_read(&log->files, at->segment, body, buffer, header.bytes, &got);
    if (err != CR_OK) return err;
    if (got < header.bytes || !cr_record_is_valid(&log->hasher, &header, buffer)) {
        return CR_ERR_CHECKSUM;
    }
    *kind = header.kind;
    return CR_OK;
}

enum cr_err cr_log_read(struct cr_log *log, const struct cr_log_position *position,
                        enum cr_log_kind *kind, uint8_t *buffer, size_t buffer_bytes, size_t *count)
{
    struct cr_log_position at = *position;
    return read_at(log, &at, kind, buffer, buffer_bytes, count);
}

enum cr_err cr_log_next(struct cr_log *log, struct cr_log_position *position,
                        enum cr_log_kind *kind, uint8_t *buffer, size_t buffer_bytes, size_t *count)
{
    struct cr_log_position at = *position;
    const enum cr_err err = read_at(log, &at, kind, buffer, buffer_bytes, count);
    if (err != CR_OK) return err;
    *position = (struct cr_log_position){
        .sequence = at.sequence + 1,
        .segment = at.segment,
        .offset = at.offset + CR_RECORD_HEADER_BYTES + (uint32_t)*count,
    };
    return CR_OK;
}
