/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <string.h>

#include "wire/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
    static struct cr_evidence evidence;
    static uint8_t again[CR_EVIDENCE_BYTES_MAX];

    if (cr_evidence_decode(bytes, bytes_count, &evidence) != CR_OK) return 0;
    const struct cr_vertex *a = &evidence.vertices[0];
    const struct cr_vertex *b = &evidence.vertices[1];
    CR_ASSERT(!cr_hash_equal(&a->digest, &b->digest));
    CR_ASSERT(a->header.author == b->header.author && a->header.round == b->header.round);
    /* The two heads, given the other way round, give the same bytes. */
    const size_t first = a->header_bytes + 3 + a->signature_bytes;
    const uint8_t *second = bytes + 4 + 4 + first + 4;
    const size_t left = bytes_count - (size_t)(second - bytes);
    CR_ASSERT(cr_evidence_encode(second, left, bytes + 8, first, again) == bytes_count);
    CR_ASSERT(memcmp(bytes, again, bytes_count) == 0);
    return 0;
}
