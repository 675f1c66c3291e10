/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/bulk.h"

#include <string.h>

void cr_bulk_init(struct cr_bulk *bulk)
{
    cr_hasher_init(&bulk->hasher);
    bulk->count = 0;
}

void cr_bulk_add(struct cr_bulk *bulk, const void *bytes, size_t count)
{
    const uint8_t *from = bytes;
    while (count > 0) {
        const size_t room = CR_BULK_BYTES - bulk->count;
        const size_t part = count < room ? count : room;
        memcpy(bulk->buffer + bulk->count, from, part);
        bulk->count += part;
        from += part;
        count -= part;
        if (bulk->count < CR_BULK_BYTES) return;
        cr_hasher_add(&bulk->hasher, bulk->buffer, CR_BULK_BYTES);
        bulk->count = 0;
    }
}

void cr_bulk_add_le(struct cr_bulk *bulk, uint64_t value, size_t count)
{
    uint8_t bytes[8];
    cr_store_le(bytes, value, count);
    cr_bulk_add(bulk, bytes, count);
}

struct cr_hash cr_bulk_end(struct cr_bulk *bulk)
{
    cr_hasher_add(&bulk->hasher, bulk->buffer, bulk->count);
    bulk->count = 0;
    return cr_hasher_end(&bulk->hasher);
}
