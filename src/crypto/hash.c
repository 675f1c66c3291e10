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

/* By the library's own state of 2 KB. */
static struct cr_hash hash_long(const void *bytes, size_t count)
{
    struct cr_hasher hasher __attribute__((uninitialized)); /* by init */
    cr_hasher_init(&hasher);
    cr_hasher_add(&hasher, bytes, count);
    return cr_hasher_end(&hasher);
}

#ifdef CR_BLAKE3_LANES

/* Inner functions of the library (blake3_impl.h), the ones that choose the kernel. The build looks
 * whether they can be linked, and a test compares their results with the public interface. */
void blake3_hash_many(const uint8_t *const *inputs, size_t num_inputs, size_t blocks,
                      const uint32_t key[8], uint64_t counter, bool increment_counter,
                      uint8_t flags, uint8_t flags_start, uint8_t flags_end, uint8_t *out);
void blake3_compress_in_place(uint32_t cv[8], const uint8_t block[BLAKE3_BLOCK_LEN],
                              uint8_t block_len, uint64_t counter, uint8_t flags);
size_t blake3_simd_degree(void);

enum { CHUNK_START = 1, CHUNK_END = 2, ROOT = 8 }; /* flags of the BLAKE3 paper, table 3 */

enum { WINDOW = 64 }; /* inputs looked at together; four times the widest kernel */

static const uint32_t iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                               0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/* One chunk, block by block: half of the time that it takes through the library's state, for most
 * of what is hashed has one block or two. */
static struct cr_hash hash_chunk(const uint8_t *bytes, size_t count)
{
    struct cr_hash hash;
    uint32_t cv[8];
    uint8_t flags = CHUNK_START;
    memcpy(cv, iv, sizeof cv);
    for (; count > BLAKE3_BLOCK_LEN; count -= BLAKE3_BLOCK_LEN, bytes += BLAKE3_BLOCK_LEN) {
        blake3_compress_in_place(cv, bytes, BLAKE3_BLOCK_LEN, 0, flags);
        flags = 0;
    }
    uint8_t last[BLAKE3_BLOCK_LEN] = {0};
    if (count > 0) memcpy(last, bytes, count);
    blake3_compress_in_place(cv, last, (uint8_t)count, 0, flags | CHUNK_END | ROOT);
    for (uint32_t i = 0; i < 8; i++)
        cr_store_le(hash.bytes + 4 * (size_t)i, cv[i], 4);
    return hash;
}

struct cr_hash cr_hash_of(const void *bytes, size_t count)
{
    return count <= BLAKE3_CHUNK_LEN ? hash_chunk(bytes, count) : hash_long(bytes, count);
}

static void end_partly(const struct cr_hash_input *input, const uint8_t cv_bytes[CR_HASH_BYTES],
                       struct cr_hash *out)
{
    uint8_t block[BLAKE3_BLOCK_LEN] = {0};
    uint32_t cv[8];
    const size_t rest = input->count % BLAKE3_BLOCK_LEN;
    memcpy(block, input->bytes + input->count - rest, rest);
    for (uint32_t i = 0; i < 8; i++)
        cv[i] = (uint32_t)cr_load_le(cv_bytes + 4 * (size_t)i, 4);
    blake3_compress_in_place(cv, block, (uint8_t)rest, 0, CHUNK_END | ROOT);
    for (uint32_t i = 0; i < 8; i++)
        cr_store_le(out->bytes + 4 * (size_t)i, cv[i], 4);
}

/* Those of a window that have `blocks` whole blocks and a rest, or none: one call for all. */
static void hash_alike(const struct cr_hash_input *inputs, uint32_t count, size_t blocks, bool rest,
                       struct cr_hash *out)
{
    const uint8_t *views[WINDOW];
    uint32_t from[WINDOW], alike = 0;
    uint8_t digests[WINDOW][CR_HASH_BYTES];
    for (uint32_t i = 0; i < count; i++) {
        if (inputs[i].count / BLAKE3_BLOCK_LEN != blocks) continue;
        if ((inputs[i].count % BLAKE3_BLOCK_LEN != 0) != rest) continue;
        views[alike] = inputs[i].bytes;
        from[alike++] = i;
    }
    blake3_hash_many(views, alike, blocks, iv, 0, false, 0, CHUNK_START,
                     rest ? 0 : CHUNK_END | ROOT, digests[0]);
    for (uint32_t i = 0; i < alike; i++) {
        if (rest)
            end_partly(&inputs[from[i]], digests[i], &out[from[i]]);
        else
            memcpy(out[from[i]].bytes, digests[i], CR_HASH_BYTES);
    }
}

static void hash_window(const struct cr_hash_input *inputs, uint32_t count, struct cr_hash *out)
{
    enum { BLOCKS = BLAKE3_CHUNK_LEN / BLAKE3_BLOCK_LEN };
    bool met[BLOCKS + 1][2] = {0};
    for (uint32_t i = 0; i < count; i++) {
        /* Shorter than a block there is nothing to share; longer than a chunk the library does. */
        if (inputs[i].count < BLAKE3_BLOCK_LEN || inputs[i].count > BLAKE3_CHUNK_LEN)
            out[i] = cr_hash_of(inputs[i].bytes, inputs[i].count);
        else
            met[inputs[i].count / BLAKE3_BLOCK_LEN][inputs[i].count % BLAKE3_BLOCK_LEN != 0] = true;
    }
    for (size_t blocks = 1; blocks <= BLOCKS; blocks++) {
        if (met[blocks][0]) hash_alike(inputs, count, blocks, false, out);
        if (met[blocks][1]) hash_alike(inputs, count, blocks, true, out);
    }
}

void cr_hash_many(const struct cr_hash_input *inputs, uint32_t count, struct cr_hash *out)
{
    for (uint32_t at = 0; at < count; at += WINDOW)
        hash_window(inputs + at, count - at < WINDOW ? count - at : WINDOW, out + at);
}

uint32_t cr_hash_lanes(void)
{
    return (uint32_t)blake3_simd_degree();
}

#else

struct cr_hash cr_hash_of(const void *bytes, size_t count)
{
    return hash_long(bytes, count);
}

void cr_hash_many(const struct cr_hash_input *inputs, uint32_t count, struct cr_hash *out)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = cr_hash_of(inputs[i].bytes, inputs[i].count);
}

uint32_t cr_hash_lanes(void)
{
    return 1;
}

#endif

/* The library does not say; this is its own rule (blake3_dispatch.c). */
const char *cr_hash_kernel(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) return "avx512";
    if (__builtin_cpu_supports("avx2")) return "avx2";
    return __builtin_cpu_supports("sse4.1") ? "sse4.1" : "sse2";
#elif defined(__aarch64__)
    return "neon";
#else
    return "portable";
#endif
}
