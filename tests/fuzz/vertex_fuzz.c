/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <string.h>

#include "wire/vertex.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
    static struct cr_vertex vertex;
    static uint8_t again[CR_HEADER_BYTES_MAX];

    if (cr_vertex_decode(bytes, bytes_count, &vertex) != CR_OK) return 0;
    const size_t head = cr_vertex_encode_head(&vertex.header, vertex.sig_alg, vertex.signature,
                                              vertex.signature_bytes, again, sizeof again);
    CR_ASSERT(vertex.header_bytes == cr_header_bytes(&vertex.header));
    CR_ASSERT(head + vertex.header.payload_bytes == bytes_count);
    CR_ASSERT(memcmp(bytes, again, head) == 0);
    CR_ASSERT(vertex.header.payload_bytes == 0 || vertex.payload == bytes + head);
    return 0;
}
