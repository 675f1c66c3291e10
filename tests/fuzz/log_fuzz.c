/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <string.h>

#include "store/record.h"

/* The headers of segments and records: what is valid encodes to the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
    if (bytes_count >= CR_SEGMENT_HEADER_BYTES) {
        struct cr_segment_header header;
        uint8_t again[CR_SEGMENT_HEADER_BYTES];
        if (cr_segment_header_decode(bytes, &header) == CR_SEGMENT_VALID) {
            cr_segment_header_encode(&header, again);
            CR_ASSERT(memcmp(bytes, again, sizeof again) == 0);
        }
    }
    if (bytes_count >= CR_RECORD_HEADER_BYTES) {
        static const struct cr_hash genesis_id = {{1}};
        const struct cr_hasher hasher = cr_record_hasher(&genesis_id);
        const size_t body_bytes = bytes_count - CR_RECORD_HEADER_BYTES;
        const uint8_t *body = bytes + CR_RECORD_HEADER_BYTES;
        struct cr_record_header header;
        uint8_t again[CR_RECORD_HEADER_BYTES];
        if (cr_record_decode(bytes, &header) && header.bytes == body_bytes) {
            const bool valid = cr_record_is_valid(&hasher, &header, body);
            cr_record_encode(&hasher, &header, body, NULL, 0, again);
            CR_ASSERT(valid == (memcmp(bytes, again, sizeof again) == 0));
        }
    }
    return 0;
}
