/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <string.h>

#include "core/recording.h"

/* Each input as one event, and as a whole recording. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
    static struct cr_event_parts parts;
    static uint8_t again[CR_EVENT_BYTES_MAX];
    struct cr_recording_segment segments[CR_RECORDING_SEGMENTS];
    struct cr_recording_segment bare = {.number = 1,
                                        .config = bytes,
                                        .config_bytes = bytes_count,
                                        .records = bytes,
                                        .records_bytes = bytes_count};
    struct cr_recording_walk walk = {.segment = &bare};
    struct cr_recording_record record;
    struct cr_committee committee;
    struct cr_core_config config;
    struct cr_event event;

    if (cr_event_decode(bytes, bytes_count, &event, &parts) == CR_OK) {
        CR_ASSERT(cr_event_encode(&event, again, sizeof again) == bytes_count);
        CR_ASSERT(memcmp(bytes, again, bytes_count) == 0);
    }
    (void)cr_recording_segments(bytes, bytes_count, segments);
    while (cr_recording_next(&walk, &record))
        CR_ASSERT(record.count > 0);
    if (cr_recording_config(&bare, &committee, &config) == CR_OK)
        CR_ASSERT(config.self < committee.validators_count);
    return 0;
}
