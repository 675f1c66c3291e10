/* SPDX-License-Identifier: Apache-2.0 */
/* record.h: the bytes of segment headers and of record headers (docs/storage.md). Pure. Internal to
 * store/. */
#ifndef CR_STORE_RECORD_H
#define CR_STORE_RECORD_H

#include "crypto/hash.h"
#include "store/log.h"

enum {
    CR_LOG_VERSION = 1,
    CR_SEGMENT_HEADER_BYTES = 80,
    CR_RECORD_HEADER_BYTES = 32,
    CR_RECORD_CHECKSUM_BYTES = 16,
};
_Static_assert(CR_SEGMENT_HEADER_BYTES + CR_RECORD_HEADER_BYTES <= 512,
               "a segment header lies in one sector: it is written whole or not at all");

struct cr_segment_header {
    uint32_t version;
    uint32_t index;
    struct cr_hash genesis_id;
    uint64_t first_sequence;
    uint32_t segment_bytes;
};

enum cr_segment_form {
    CR_SEGMENT_VALID = 1,
    CR_SEGMENT_EMPTY, /* all zero: prepared, not in use yet */
    CR_SEGMENT_NEWER, /* of a later format; only `version` is known */
    CR_SEGMENT_BAD,
};

void cr_segment_header_encode(const struct cr_segment_header *header,
                              uint8_t bytes[CR_SEGMENT_HEADER_BYTES]);
enum cr_segment_form cr_segment_header_decode(const uint8_t bytes[CR_SEGMENT_HEADER_BYTES],
                                              struct cr_segment_header *out);

struct cr_record_header {
    uint8_t checksum[CR_RECORD_CHECKSUM_BYTES];
    uint64_t sequence;
    uint32_t bytes; /* of the body */
    enum cr_log_kind kind;
};

/* A hasher that has taken in what all records of a log share: tag and genesis id. */
struct cr_hasher cr_record_hasher(const struct cr_hash *genesis_id);

/* Computes the checksum and writes the header. The body may come in two parts. */
void cr_record_encode(const struct cr_hasher *hasher, const struct cr_record_header *fields,
                      const uint8_t *body, const uint8_t *more, size_t more_bytes,
                      uint8_t bytes[CR_RECORD_HEADER_BYTES]);
/* False when no record begins so; zeros begin none. The checksum is not looked at. */
bool cr_record_decode(const uint8_t bytes[CR_RECORD_HEADER_BYTES], struct cr_record_header *out);
bool cr_record_is_valid(const struct cr_hasher *hasher, const struct cr_record_header *header,
                        const uint8_t *body);

#endif
