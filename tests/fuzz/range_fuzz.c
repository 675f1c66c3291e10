/* SPDX-License-Identifier: Apache-2.0 */
#include "core/range.h"
#include "fuzz.h"

/* What is claimed stays within the answer, whatever is in it. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
    static struct cr_message message;
    static struct cr_vertex scratch;
    static struct cr_claim claim;

    if (cr_message_decode(bytes, bytes_count, &message) != CR_OK) return 0;
    if (message.type != CR_MESSAGE_RANGE || cr_range_is_refusal(&message)) return 0;
    if (!cr_range_check(&message, &scratch, &claim)) return 0;
    CR_ASSERT(claim.from == message.from_commit && claim.count <= CR_SYNC_COMMITS_MAX);
    CR_ASSERT(claim.count == message.records_count);
    CR_ASSERT(message.range_count > 0);
    return 0;
}
