/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <string.h>

#define ROW(name, code, text) {name, #name, text},
static const struct {
    enum cr_err err;
    const char *name;
    const char *text;
} rows[] = {CR_ERRORS(ROW)};

const char *cr_err_name(enum cr_err err)
{
    for (size_t i = 0; i < CR_COUNT_OF(rows); i++) {
        if (rows[i].err == err) return rows[i].name;
    }
    return "CR_ERR_UNKNOWN";
}

const char *cr_err_text(enum cr_err err)
{
    for (size_t i = 0; i < CR_COUNT_OF(rows); i++) {
        if (rows[i].err == err) return rows[i].text;
    }
    return "unknown error";
}

bool cr_hash_is_zero(const struct cr_hash *hash)
{
    static const struct cr_hash zero;
    return cr_hash_equal(hash, &zero);
}

int cr_hash_compare(const struct cr_hash *a, const struct cr_hash *b)
{
    return memcmp(a->bytes, b->bytes, CR_HASH_BYTES);
}

void cr_store_le(uint8_t *bytes, uint64_t value, size_t count)
{
    CR_ASSERT(count <= 8);
    CR_ASSERT(count == 8 || value >> (8 * count) == 0);
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

void cr_hex_encode(const uint8_t *bytes, size_t count, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * count] = 0;
}

enum { NO_DIGIT = 16 };

static uint32_t digit(char c)
{
    if (c >= '0' && c <= '9') return (uint32_t)(c - '0');
    if (c >= 'a' && c <= 'f') return (uint32_t)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') return (uint32_t)(c - 'A') + 10;
    return NO_DIGIT;
}

enum cr_err cr_hex_decode(const char *text, size_t text_count, uint8_t *bytes, size_t count)
{
    if (text_count < 2 * count) return CR_ERR_TRUNCATED;
    if (text_count > 2 * count) return CR_ERR_TRAILING;
    for (size_t i = 0; i < text_count; i++) {
        if (digit(text[i]) == NO_DIGIT) return CR_ERR_MALFORMED;
    }
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
    return CR_OK;
}
