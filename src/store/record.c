/* SPDX-License-Identifier: Apache-2.0 */
#include "store/record.h"

#include <string.h>

#include "store/io.h"
#include "wire/cursor.h"

static const char segment_magic[8] = {'C', 'R', 'E', 'T', 'O', 'L', 'O', 'G'};
static const char record_tag[8] = {'C', 'R', 'R', 'E', 'C', 'O', 'R', 'D'};

enum { SEGMENT_CHECKSUM_AT = CR_SEGMENT_HEADER_BYTES - CR_RECORD_CHECKSUM_BYTES };

void cr_segment_header_encode(const struct cr_segment_header *header,
                              uint8_t bytes[CR_SEGMENT_HEADER_BYTES])
{
    struct cr_writer writer = cr_writer_of(bytes, CR_SEGMENT_HEADER_BYTES);
    cr_write_bytes(&writer, segment_magic, sizeof segment_magic);
    cr_write_le(&writer, header->version, 4);
    cr_write_le(&writer, header->index, 4);
    cr_write_hash(&writer, &header->genesis_id);
    cr_write_le(&writer, header->first_sequence, 8);
    cr_write_le(&writer, header->segment_bytes, 4);
    cr_write_le(&writer, 0, 4);
    CR_ASSERT(writer.position == SEGMENT_CHECKSUM_AT);
    const struct cr_hash hash = cr_hash_of(bytes, SEGMENT_CHECKSUM_AT);
    cr_write_bytes(&writer, hash.bytes, CR_RECORD_CHECKSUM_BYTES);
}

enum cr_segment_form cr_segment_header_decode(const uint8_t bytes[CR_SEGMENT_HEADER_BYTES],
                                              struct cr_segment_header *out)
{
    if (cr_io_is_zero(bytes, CR_SEGMENT_HEADER_BYTES)) return CR_SEGMENT_EMPTY;
    if (memcmp(bytes, segment_magic, sizeof segment_magic) != 0) return CR_SEGMENT_BAD;

    struct cr_reader reader = cr_reader_of(bytes, CR_SEGMENT_HEADER_BYTES);
    (void)cr_read_bytes(&reader, sizeof segment_magic); /* compared above */
    struct cr_segment_header header = {.version = (uint32_t)cr_read_le(&reader, 4)};
    if (header.version > CR_LOG_VERSION) { /* its checksum may lie elsewhere */
        *out = header;
        return CR_SEGMENT_NEWER;
    }
    header.index = (uint32_t)cr_read_le(&reader, 4);
    header.genesis_id = cr_read_hash(&reader);
    header.first_sequence = cr_read_le(&reader, 8);
    header.segment_bytes = (uint32_t)cr_read_le(&reader, 4);
    const struct cr_hash hash = cr_hash_of(bytes, SEGMENT_CHECKSUM_AT);
    if (memcmp(hash.bytes, bytes + SEGMENT_CHECKSUM_AT, CR_RECORD_CHECKSUM_BYTES) != 0) {
        return CR_SEGMENT_BAD;
    }
    *out = header;
    return CR_SEGMENT_VALID;
}

struct cr_hasher cr_record_hasher(const struct cr_hash *genesis_id)
{
    struct cr_hasher hasher;
    cr_hasher_init(&hasher);
    cr_hasher_add(&hasher, record_tag, sizeof record_tag);
    cr_hasher_add(&hasher, genesis_id->bytes, CR_HASH_BYTES);
    return hasher;
}

static struct cr_hash record_hash(const struct cr_hasher *start,
                                  const struct cr_record_header *header, const uint8_t *body,
                                  const uint8_t *more, size_t more_bytes)
{
    struct cr_hasher hasher = *start;
    cr_hasher_add_le(&hasher, header->sequence, 8);
    cr_hasher_add_le(&hasher, header->bytes, 4);
    cr_hasher_add_le(&hasher, (uint64_t)header->kind, 4);
    cr_hasher_add(&hasher, body, header->bytes - more_bytes);
    if (more_bytes > 0) cr_hasher_add(&hasher, more, more_bytes);
    return cr_hasher_end(&hasher);
}

void cr_record_encode(const struct cr_hasher *hasher, const struct cr_record_header *fields,
                      const uint8_t *body, const uint8_t *more, size_t more_bytes,
                      uint8_t bytes[CR_RECORD_HEADER_BYTES])
{
    CR_ASSERT(more_bytes <= fields->bytes);
    CR_ASSERT(fields->sequence > 0);
    const struct cr_hash hash = record_hash(hasher, fields, body, more, more_bytes);
    struct cr_writer writer = cr_writer_of(bytes, CR_RECORD_HEADER_BYTES);
    cr_write_bytes(&writer, hash.bytes, CR_RECORD_CHECKSUM_BYTES);
    cr_write_le(&writer, fields->sequence, 8);
    cr_write_le(&writer, fields->bytes, 4);
    cr_write_le(&writer, (uint64_t)fields->kind, 4);
    CR_ASSERT(writer.position == CR_RECORD_HEADER_BYTES);
}

bool cr_record_decode(const uint8_t bytes[CR_RECORD_HEADER_BYTES], struct cr_record_header *out)
{
    struct cr_reader reader = cr_reader_of(bytes, CR_RECORD_HEADER_BYTES);
    struct cr_record_header header = {.sequence = 0};
    memcpy(header.checksum, cr_read_bytes(&reader, CR_RECORD_CHECKSUM_BYTES),
           CR_RECORD_CHECKSUM_BYTES);
    header.sequence = cr_read_le(&reader, 8);
    header.bytes = (uint32_t)cr_read_le(&reader, 4);
    const uint64_t kind = cr_read_le(&reader, 4);
    if (header.sequence == 0) return false;
    if (header.bytes > CR_LOG_RECORD_BYTES_MAX) return false;
    if (kind != CR_LOG_VERTEX && kind != CR_LOG_COMMIT) return false;
    header.kind = (enum cr_log_kind)kind;
    *out = header;
    return true;
}

bool cr_record_is_valid(const struct cr_hasher *hasher, const struct cr_record_header *header,
                        const uint8_t *body)
{
    const struct cr_hash hash = record_hash(hasher, header, body, NULL, 0);
    return memcmp(hash.bytes, header->checksum, CR_RECORD_CHECKSUM_BYTES) == 0;
}
