/* SPDX-License-Identifier: Apache-2.0 */
/* hash.h: BLAKE3-256 through the official library. Every hashed encoding begins with its own tag,
 * so that no two kinds of object share a digest (docs/wire.md). Pure. */
#ifndef CR_CRYPTO_HASH_H
#define CR_CRYPTO_HASH_H

#include <blake3.h>

#include "base/base.h"

struct cr_hasher {
    blake3_hasher state;
};

void cr_hasher_init(struct cr_hasher *hasher);
void cr_hasher_add(struct cr_hasher *hasher, const void *bytes, size_t count);
/* Little-endian integer of `count` (1..8) bytes. */
void cr_hasher_add_le(struct cr_hasher *hasher, uint64_t value, size_t count);
struct cr_hash cr_hasher_end(const struct cr_hasher *hasher);

struct cr_hash cr_hash_of(const void *bytes, size_t count);

#endif
