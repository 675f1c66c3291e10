/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hash.h"

_Static_assert(BLAKE3_OUT_LEN == CR_HASH_BYTES, "one digest type");

void cr_hasher_init(struct cr_hasher *hasher)
{
    blake3_hasher_init(&hasher->state);
}

void cr_hasher_add(struct cr_hasher *hasher, const void *bytes, size_t count)
{
    if (count > 0) blake3_hasher_update(&hasher->state, bytes, count);
}

void cr_hasher_add_le(struct cr_hasher *hasher, uint64_t value, size_t count)
{
    CR_ASSERT(count >= 1);
    uint8_t bytes[8];
    cr_store_le(bytes, value, count);
    blake3_hasher_update(&hasher->state, bytes, count);
}

struct cr_hash cr_hasher_end(const struct cr_hasher *hasher)
{
    struct cr_hash hash;
    blake3_hasher_finalize(&hasher->state, hash.bytes, sizeof hash.bytes);
    return hash;
}

struct cr_hash cr_hash_of(const void *bytes, size_t count)
{
    struct cr_hasher hasher;
    cr_hasher_init(&hasher);
    cr_hasher_add(&hasher, bytes, count);
    return cr_hasher_end(&hasher);
}
