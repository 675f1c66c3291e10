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

/* Many independent inputs at once, `out[i]` of `inputs[i]`: the same digests as cr_hash_of. The
 * library's own parallelism begins above 1,024 bytes, within one input; here as many inputs as the
 * processor has lanes (8 with AVX2, 16 with AVX-512) go through it together, if their lengths are
 * alike (the same number of whole blocks of 64 bytes). */
struct cr_hash_input {
    const uint8_t *bytes;
    size_t count;
};
void cr_hash_many(const struct cr_hash_input *inputs, uint32_t count, struct cr_hash *out);
/* What BLAKE3 runs on here: "avx512", "avx2", "sse4.1", "sse2", "neon" or "portable", and whether
 * cr_hash_many has lanes. */
const char *cr_hash_kernel(void);
uint32_t cr_hash_lanes(void); /* 1: none */

#endif
