/* SPDX-License-Identifier: Apache-2.0 */
/* bulk.h: BLAKE3 of a stream that comes in small pieces. BLAKE3 takes 16 KiB at once five times
 * faster than a few bytes at a time, so pieces are collected first. Pure; plain memory. */
#ifndef CR_LEDGER_BULK_H
#define CR_LEDGER_BULK_H

#include "crypto/hash.h"

/* A power of two: the library works on whole, aligned subtrees of that many bytes. */
enum { CR_BULK_BYTES = 16 * 1024 };

struct cr_bulk {
    struct cr_hasher hasher;
    size_t count; /* < CR_BULK_BYTES, in the buffer */
    uint8_t buffer[CR_BULK_BYTES];
};

void cr_bulk_init(struct cr_bulk *bulk);
void cr_bulk_add(struct cr_bulk *bulk, const void *bytes, size_t count);
/* Little-endian integer of `count` (1..8) bytes. */
void cr_bulk_add_le(struct cr_bulk *bulk, uint64_t value, size_t count);
struct cr_hash cr_bulk_end(struct cr_bulk *bulk);

#endif
