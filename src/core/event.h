/* SPDX-License-Identifier: Apache-2.0 */
/* event.h: events of a core as bytes, for recordings (core/recording.h). Local: no peer ever sees
 * them, and another version of the program may write them differently.
 *
 * event = kind u8 | now_us u64 | wall_ms u64 | peer u32 | by kind (docs/storage.md, "Recording")
 */
#ifndef CR_CORE_EVENT_H
#define CR_CORE_EVENT_H

#include "core/core.h"
#include "wire/cursor.h"

enum {
    CR_EVENT_HEAD_BYTES = 1 + 8 + 8 + 4,
    CR_EVENT_BYTES_MAX = CR_EVENT_HEAD_BYTES + 16 + CR_HEADER_BYTES_MAX,
};
_Static_assert(sizeof(struct cr_core_head) + CR_FETCH_REFS_MAX * CR_REF_BYTES <=
                   CR_HEADER_BYTES_MAX,
               "a vertex is the longest event");
_Static_assert(sizeof(struct cr_claim) + 64 <= CR_HEADER_BYTES_MAX, "so it is");

/* What a decoded event points to. */
struct cr_event_parts {
    struct cr_header header;
    struct cr_core_head head;
    struct cr_ref refs[CR_FETCH_REFS_MAX];
    struct cr_claim claim;
};

/* Writes at most CR_EVENT_BYTES_MAX bytes and returns how many. */
size_t cr_event_encode(const struct cr_event *event, uint8_t *bytes, size_t bytes_max);
/* One encoding for each event; anything else is refused. `out` borrows from `parts`. */
CR_MUST_CHECK enum cr_err cr_event_decode(const uint8_t *bytes, size_t count, struct cr_event *out,
                                          struct cr_event_parts *parts);
/* "VERTEX". */
const char *cr_event_kind_text(enum cr_event_kind kind);

#endif
