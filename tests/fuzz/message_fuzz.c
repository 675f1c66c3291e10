/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <string.h>

#include "wire/message.h"
#include "wire/payload.h"

/* Whoever gets a RANGE walks it without checking again. */
static void walk(const struct cr_message *message)
{
    struct cr_payload range =
        cr_payload_begin(message->range, message->range_bytes, message->range_count);
    const uint8_t *vertex;
    uint32_t vertex_bytes;
    uint32_t count = 0;
    while (cr_payload_next(&range, &vertex, &vertex_bytes)) {
        CR_ASSERT(vertex_bytes >= 1 && vertex_bytes <= CR_VERTEX_BYTES_MAX);
        count++;
    }
    CR_ASSERT(!range.reader.bad);
    CR_ASSERT(count == message->range_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
    static struct cr_message message;
    static uint8_t again[CR_FRAME_BYTES_MAX];

    if (cr_message_decode(bytes, bytes_count, &message) != CR_OK) return 0;
    CR_ASSERT(cr_message_bytes(&message) == bytes_count);
    CR_ASSERT(cr_message_encode(&message, again, sizeof again) == bytes_count);
    CR_ASSERT(memcmp(bytes, again, bytes_count) == 0);
    if (message.type == CR_MESSAGE_RANGE) walk(&message);
    return 0;
}
