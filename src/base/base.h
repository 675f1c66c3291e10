/* SPDX-License-Identifier: Apache-2.0 */
/* base.h: the words every other layer speaks: errors, assertions, small macros. No I/O.
 *
 * Three classes of failure are never mixed (CONTRIBUTING.md):
 *   bug    an invariant of ours is broken: CR_ASSERT, always on, the process stops
 *   world  disk full, bad configuration, port taken: enum cr_err, returned and checked
 *   peer   malformed or hostile input: data; a verdict and a counter, never an assertion
 */
#ifndef CR_BASE_BASE_H
#define CR_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/limits.h"

#define CR_ERRORS(X)                                                  \
    X(CR_OK, 0, "success")                                            \
    X(CR_ERR_TRUNCATED, -1, "the input ends before the message does") \
    X(CR_ERR_TRAILING, -2, "the input goes on after the message")     \
    X(CR_ERR_MALFORMED, -3, "the input is not a canonical message")   \
    X(CR_ERR_TOO_BIG, -4, "the input exceeds a protocol limit")       \
    X(CR_ERR_VERSION, -5, "the format version is not known here")     \
    X(CR_ERR_CHECKSUM, -6, "the checksum does not match")             \
    X(CR_ERR_SIGNATURE, -7, "the signature does not verify")          \
    X(CR_ERR_NOT_FOUND, -8, "no such thing")                          \
    X(CR_ERR_EXISTS, -9, "it exists already")                         \
    X(CR_ERR_FULL, -10, "a limit is reached")                         \
    X(CR_ERR_IO, -11, "the operating system refused")                 \
    X(CR_ERR_NO_SPACE, -12, "no space is left on the device")         \
    X(CR_ERR_PERMISSION, -13, "the permissions are wrong")            \
    X(CR_ERR_CONFIG, -14, "the configuration is wrong")               \
    X(CR_ERR_CORRUPT, -15, "stored data is damaged")                  \
    X(CR_ERR_MISMATCH, -16, "two things that must be equal differ")   \
    X(CR_ERR_CRYPTO, -17, "the cryptographic library refused")        \
    X(CR_ERR_BUSY, -18, "it is in use by another process")            \
    X(CR_ERR_UNAVAILABLE, -19, "not available now; try again")

#define CR_ERRORS_ENUM(name, code, text) name = (code),
enum cr_err { CR_ERRORS(CR_ERRORS_ENUM) };

/* "CR_ERR_IO" and "the operating system refused"; a code that is not in the list gives
 * "CR_ERR_UNKNOWN" and "unknown error". Static strings. */
const char *cr_err_name(enum cr_err err);
const char *cr_err_text(enum cr_err err);

/* Always on, also in release builds: a stopped replica is a fault that the protocol tolerates, a
 * wrong one is not. One fact per assertion; none may be reachable from a peer's bytes. */
#define CR_ASSERT(cond)  ((cond) ? (void)0 : cr_assert_failed(#cond, __FILE__, __LINE__))
#define CR_UNREACHABLE() cr_assert_failed("unreachable", __FILE__, __LINE__)
#define CR_IMPLIES(a, b) (!(a) || (b))

/* Supplied by the program: the node logs and aborts, the simulator also prints the seed. */
_Noreturn void cr_assert_failed(const char *cond, const char *file, int line);

#define CR_MUST_CHECK     __attribute__((warn_unused_result))
#define CR_COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))

__extension__ typedef unsigned __int128 cr_u128; /* products of stakes; never on the wire */

/* A 256-bit digest: BLAKE3 unless a name says otherwise. All zero means "none". */
struct cr_hash {
    uint8_t bytes[CR_HASH_BYTES];
};

static inline bool cr_hash_equal(const struct cr_hash *a, const struct cr_hash *b)
{
    return memcmp(a->bytes, b->bytes, CR_HASH_BYTES) == 0;
}

bool cr_hash_is_zero(const struct cr_hash *hash);
/* Order of the bytes as an unsigned big-endian number: < 0, 0, > 0. Used for every agreed sort. */
int cr_hash_compare(const struct cr_hash *a, const struct cr_hash *b);

/* Little-endian loads and stores of untyped bytes. Only wire/ and store/ formats use them. */
static inline uint64_t cr_load_le(const uint8_t *bytes, size_t count)
{
    uint64_t value = 0;
    CR_ASSERT(count <= sizeof value);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (count == sizeof value) { /* one instruction, where the compiler knows the count */
        memcpy(&value, bytes, sizeof value);
        return value;
    }
#endif
    for (size_t i = 0; i < count; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

void cr_store_le(uint8_t *bytes, uint64_t value, size_t count);

/* Lower-case hexadecimal. `text` holds 2 * count + 1 bytes and is zero-terminated.
 * cr_hex_decode wants exactly 2 * count digits of either case and leaves `bytes` alone on failure.
 */
void cr_hex_encode(const uint8_t *bytes, size_t count, char *text);
CR_MUST_CHECK enum cr_err cr_hex_decode(const char *text, size_t text_count, uint8_t *bytes,
                                        size_t count);

#endif
