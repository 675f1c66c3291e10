/* SPDX-License-Identifier: Apache-2.0 */
/* payload.h: the transactions of a vertex: {bytes u32, transaction} repeated `count` times. */
#ifndef CR_WIRE_PAYLOAD_H
#define CR_WIRE_PAYLOAD_H

#include "wire/cursor.h"

/* Walks a payload. Start with cr_payload_begin; cr_payload_next gives a view of the next
 * transaction, false at the end or when malformed (then reader.bad is set): an empty transaction,
 * a length beyond the end, bytes left after the last one. */
struct cr_payload {
    struct cr_reader reader;
    uint32_t count_left;
};

struct cr_payload cr_payload_begin(const uint8_t *bytes, size_t bytes_count, uint32_t count);
bool cr_payload_next(struct cr_payload *payload, const uint8_t **tx, uint32_t *tx_bytes);

/* Form of the whole: every transaction decodes (wire/tx.h), counts and lengths agree and are within
 * the limits, nothing is left. */
CR_MUST_CHECK enum cr_err cr_payload_check(const uint8_t *bytes, size_t bytes_count,
                                           uint32_t count);

#endif
