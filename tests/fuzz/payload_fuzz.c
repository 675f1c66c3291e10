/* SPDX-License-Identifier: Apache-2.0 */
/* The first two bytes are the count of transactions. */
#include "fuzz.h"

#include "wire/payload.h"
#include "wire/tx.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
    if (bytes_count < 2) return 0;
    const uint32_t count = (uint32_t)cr_load_le(bytes, 2);
    const uint8_t *tx_bytes;
    uint32_t tx_count;
    size_t total = 2;
    struct cr_payload payload = cr_payload_begin(bytes + 2, bytes_count - 2, count);
    uint32_t walked = 0;
    bool decodes = true;
    while (cr_payload_next(&payload, &tx_bytes, &tx_count)) {
        struct cr_tx tx;
        CR_ASSERT(tx_bytes == bytes + total + 4);
        total += 4 + (size_t)tx_count;
        walked++;
        decodes = decodes && cr_tx_decode(tx_bytes, tx_count, &tx) == CR_OK;
    }
    const bool good = decodes && !payload.reader.bad;
    CR_ASSERT(CR_IMPLIES(good, walked == count && total == bytes_count));
    const enum cr_err err = cr_payload_check(bytes + 2, bytes_count - 2, count);
    const bool fits = bytes_count - 2 <= CR_PAYLOAD_BYTES_MAX && count <= CR_PAYLOAD_TXS_MAX;
    CR_ASSERT((err == CR_OK) == (good && fits));
    return 0;
}
