/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/ref.h"

#include <string.h>

bool cr_refs_are_well_formed(const uint8_t *encoded, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (cr_load_le(encoded + i * CR_REF_BYTES + 4, 2) >= CR_VALIDATORS_MAX) return false;
    }
    return true;
}

void cr_load_refs(const uint8_t *encoded, size_t count, struct cr_ref *out)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *ref = encoded + i * CR_REF_BYTES;
        out[i].round = (uint32_t)cr_load_le(ref, 4);
        out[i].author = (uint32_t)cr_load_le(ref + 4, 2);
        memcpy(&out[i].digest, ref + 6, CR_HASH_BYTES);
    }
}

void cr_write_ref(struct cr_writer *writer, const struct cr_ref *ref)
{
    CR_ASSERT(ref->author < CR_VALIDATORS_MAX);
    cr_write_le(writer, ref->round, 4);
    cr_write_le(writer, ref->author, 2);
    cr_write_hash(writer, &ref->digest);
}

int cr_ref_compare(const struct cr_ref *a, const struct cr_ref *b)
{
    if (a->round != b->round) return a->round < b->round ? -1 : 1;
    if (a->author != b->author) return a->author < b->author ? -1 : 1;
    return cr_hash_compare(&a->digest, &b->digest);
}

static char *print_number(char *out, uint32_t value)
{
    char digits[10];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (count > 0)
        *out++ = digits[--count];
    return out;
}

void cr_ref_print(const struct cr_ref *ref, char *out, size_t out_bytes)
{
    CR_ASSERT(out_bytes >= CR_REF_TEXT_BYTES);
    *out++ = 'v';
    out = print_number(out, ref->author);
    *out++ = '@';
    out = print_number(out, ref->round);
    *out++ = ' ';
    cr_hex_encode(ref->digest.bytes, 4, out);
}
