/* SPDX-License-Identifier: Apache-2.0 */
/* recording.h: the events of a core in a ring of bytes, so that the same program can go through
 * them again (`creto replay`, docs/operations.md). Pure: the host brings the bytes to a file.
 *
 * file = CR_RECORDING_SEGMENTS segments of equal size. A segment begins with the configuration of
 * its core and, unless the core is fresh, with the core's image; records follow until the segment
 * is full and the oldest one is written over. Bytes of an earlier turn are not taken for records:
 * each carries its number and a check over it. docs/storage.md, "Recording", has every byte.
 */
#ifndef CR_CORE_RECORDING_H
#define CR_CORE_RECORDING_H

#include "core/event.h"

enum {
    CR_RECORDING_SEGMENTS = 4,
    CR_RECORDING_MARK_EVENTS = 256, /* events between two hashes of the state */
    CR_RECORDING_HEAD_BYTES = 64,
    CR_RECORDING_CONFIG_BYTES_MAX = 512 + CR_VALIDATORS_MAX * 8,
    CR_RECORDING_RECORD_BYTES_MAX = 16 + CR_EVENT_BYTES_MAX,
};

/* Writes at a position of the file; false ends the recording. */
typedef bool cr_recording_write(void *context, uint64_t at, const void *bytes, size_t count);

struct cr_recording {
    cr_recording_write *write;
    void *context;
    uint64_t segment_bytes;
    uint64_t number;            /* of the segment being written; the first is 1 */
    uint64_t events;            /* recorded in this file so far, over all its lives */
    uint64_t at;                /* in the segment */
    uint64_t records;           /* in the segment */
    const struct cr_core *core; /* borrowed; what is recorded */
    struct cr_core_config config;
    bool on;
    uint8_t scratch[CR_RECORDING_RECORD_BYTES_MAX];
};

/* The least size of a file that this core can be recorded in. */
uint64_t cr_recording_bytes_min(const struct cr_core *core);
/* Begins to record a fresh core behind what the file has: `number` and `events` of its end (0, 0:
 * nothing), as cr_recording_end found them. */
void cr_recording_begin(struct cr_recording *recording, uint64_t file_bytes,
                        const struct cr_core *core, const struct cr_core_config *config);
/* Before the step that is given this event. */
void cr_recording_add(struct cr_recording *recording, const struct cr_event *event);

/* ---- reading: `file` is the whole file ---- */
struct cr_recording_segment {
    uint64_t number;
    uint64_t event; /* number of its first event */
    uint64_t hash;  /* of the state before it */
    const uint8_t *config, *image, *records;
    size_t config_bytes, image_bytes, records_bytes; /* no image: the core is fresh */
};
/* The whole segments, oldest first. */
uint32_t cr_recording_segments(const uint8_t *file, uint64_t file_bytes,
                               struct cr_recording_segment out[CR_RECORDING_SEGMENTS]);
CR_MUST_CHECK enum cr_err cr_recording_config(const struct cr_recording_segment *segment,
                                              struct cr_committee *committee,
                                              struct cr_core_config *out);

struct cr_recording_walk {
    const struct cr_recording_segment *segment;
    size_t at;
    uint64_t records;
};
/* One record: an event, or a mark with the hash that the state had here. */
struct cr_recording_record {
    bool mark;
    uint64_t hash;
    const uint8_t *bytes; /* of the event; cr_event_decode */
    size_t count;
};
/* False at the end of the segment. */
bool cr_recording_next(struct cr_recording_walk *walk, struct cr_recording_record *out);
/* Where a recording in this file goes on: number of its last segment, events so far. */
void cr_recording_end(const uint8_t *file, uint64_t file_bytes, uint64_t *number, uint64_t *events);

#endif
