/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/cursor.h"

#include <string.h>

const uint8_t *cr_read_bytes(struct cr_reader *reader, size_t count)
{
    CR_ASSERT(reader->position <= reader->count);
    if (reader->bad || count > reader->count - reader->position) {
        reader->bad = true;
        return NULL;
    }
    if (count == 0) return (const uint8_t *)""; /* `bytes` of nothing may be NULL */
    const uint8_t *view = reader->bytes + reader->position;
    reader->position += count;
    return view;
}

uint64_t cr_read_le(struct cr_reader *reader, size_t count)
{
    CR_ASSERT(count >= 1 && count <= 8);
    const uint8_t *bytes = cr_read_bytes(reader, count);
    return bytes ? cr_load_le(bytes, count) : 0;
}

struct cr_hash cr_read_hash(struct cr_reader *reader)
{
    struct cr_hash hash = {{0}};
    const uint8_t *bytes = cr_read_bytes(reader, sizeof hash.bytes);
    if (bytes) memcpy(hash.bytes, bytes, sizeof hash.bytes);
    return hash;
}

enum cr_err cr_reader_end(const struct cr_reader *reader)
{
    if (reader->bad) return CR_ERR_TRUNCATED;
    return reader->position == reader->count ? CR_OK : CR_ERR_TRAILING;
}

void cr_write_bytes(struct cr_writer *writer, const void *bytes, size_t count)
{
    CR_ASSERT(writer->position <= writer->count_max);
    CR_ASSERT(count <= writer->count_max - writer->position);
    if (count == 0) return;
    memcpy(writer->bytes + writer->position, bytes, count);
    writer->position += count;
}

void cr_write_le(struct cr_writer *writer, uint64_t value, size_t count)
{
    CR_ASSERT(count >= 1 && count <= 8);
    uint8_t bytes[8];
    cr_store_le(bytes, value, count);
    cr_write_bytes(writer, bytes, count);
}

void cr_write_hash(struct cr_writer *writer, const struct cr_hash *hash)
{
    cr_write_bytes(writer, hash->bytes, sizeof hash->bytes);
}
