/* SPDX-License-Identifier: Apache-2.0 */
/* cursor.h: the one way raw bytes are read and written. A cursor never passes its end: after the
 * first short read it is `bad` and yields zeros, so that a decoder checks once, at its end. */
#ifndef CR_WIRE_CURSOR_H
#define CR_WIRE_CURSOR_H

#include "base/base.h"

struct cr_reader {
    const uint8_t *bytes; /* borrowed */
    size_t count;
    size_t position;
    bool bad; /* something was missing */
};

static inline struct cr_reader cr_reader_of(const uint8_t *bytes, size_t count)
{
    return (struct cr_reader){.bytes = bytes, .count = count};
}
/* Little-endian integer of `count` (1..8) bytes. */
uint64_t cr_read_le(struct cr_reader *reader, size_t count);
struct cr_hash cr_read_hash(struct cr_reader *reader);
/* A view of the next `count` bytes, NULL (and bad) when there are fewer. */
const uint8_t *cr_read_bytes(struct cr_reader *reader, size_t count);
/* CR_ERR_TRUNCATED when something was missing, CR_ERR_TRAILING when something is left. */
CR_MUST_CHECK enum cr_err cr_reader_end(const struct cr_reader *reader);

/* Writes into a buffer whose size the caller has computed; running over is a bug. */
struct cr_writer {
    uint8_t *bytes; /* borrowed */
    size_t count_max;
    size_t position;
};

static inline struct cr_writer cr_writer_of(uint8_t *bytes, size_t count_max)
{
    return (struct cr_writer){.bytes = bytes, .count_max = count_max};
}
void cr_write_le(struct cr_writer *writer, uint64_t value, size_t count);
void cr_write_hash(struct cr_writer *writer, const struct cr_hash *hash);
void cr_write_bytes(struct cr_writer *writer, const void *bytes, size_t count);

#endif
