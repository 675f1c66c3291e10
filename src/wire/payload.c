/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/payload.h"

#include "wire/tx.h"

struct cr_payload cr_payload_begin(const uint8_t *bytes, size_t bytes_count, uint32_t count)
{
    return (struct cr_payload){.reader = cr_reader_of(bytes, bytes_count), .count_left = count};
}

bool cr_payload_next(struct cr_payload *payload, const uint8_t **tx, uint32_t *tx_bytes)
{
    struct cr_reader *reader = &payload->reader;
    if (reader->bad) return false;
    if (payload->count_left == 0) {
        reader->bad = reader->position != reader->count;
        return false;
    }
    const uint32_t bytes = (uint32_t)cr_read_le(reader, 4);
    const uint8_t *view = cr_read_bytes(reader, bytes);
    if (bytes == 0) reader->bad = true;
    if (reader->bad) return false;
    payload->count_left--;
    *tx = view;
    *tx_bytes = bytes;
    return true;
}

enum cr_err cr_payload_check(const uint8_t *bytes, size_t bytes_count, uint32_t count)
{
    if (bytes_count > CR_PAYLOAD_BYTES_MAX || count > CR_PAYLOAD_TXS_MAX) return CR_ERR_TOO_BIG;
    struct cr_payload payload = cr_payload_begin(bytes, bytes_count, count);
    const uint8_t *tx;
    uint32_t tx_bytes;
    while (cr_payload_next(&payload, &tx, &tx_bytes)) {
        const enum cr_err err = cr_tx_check(tx, tx_bytes);
        if (err != CR_OK) return err;
    }
    return payload.reader.bad ? CR_ERR_MALFORMED : CR_OK;
}
