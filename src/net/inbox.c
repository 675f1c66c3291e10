/* SPDX-License-Identifier: Apache-2.0 */
#include "net/inbox.h"

#include <stdlib.h>
#include <string.h>

enum { PREFIX = CR_NET_PREFIX_BYTES, KEEP_BYTES = 64 * 1024, FIRST_BYTES = 4096 };

void cr_inbox_deinit(struct cr_inbox *inbox)
{
    free(inbox->bytes);
    memset(inbox, 0, sizeof *inbox);
}

static enum cr_err reserve(struct cr_inbox *inbox, size_t bytes_max)
{
    if (bytes_max <= inbox->bytes_max) return CR_OK;
    uint8_t *bytes = realloc(inbox->bytes, bytes_max);
    if (!bytes) return CR_ERR_UNAVAILABLE;
    inbox->bytes = bytes;
    inbox->bytes_max = bytes_max;
    return CR_OK;
}

/* Removes what was handed on. A big buffer is not kept for a stream that is quiet. */
static void drop_front(struct cr_inbox *inbox, size_t count)
{
    inbox->bytes_count -= count;
    if (inbox->bytes_count > 0 && count > 0) {
        memmove(inbox->bytes, inbox->bytes + count, inbox->bytes_count);
    }
    if (inbox->bytes_count == 0 && inbox->bytes_max > KEEP_BYTES) cr_inbox_deinit(inbox);
}

/* Offers the whole frames at `data`; *used says how many bytes they had. */
static enum cr_err offer(struct cr_inbox *inbox, const uint8_t *data, size_t count,
                         const struct cr_inbox_sink *sink, size_t *used)
{
    *used = 0;
    while (count - *used >= PREFIX) {
        const uint8_t *frame = data + *used;
        const size_t frame_bytes = (size_t)cr_load_le(frame, PREFIX);
        if (frame_bytes > CR_FRAME_BYTES_MAX) return CR_ERR_TOO_BIG;
        if (count - *used - PREFIX < frame_bytes) return CR_OK;
        switch (sink->take(sink->context, frame + PREFIX, frame_bytes)) {
        case CR_INBOX_TAKEN: *used += PREFIX + frame_bytes; break;
        case CR_INBOX_HELD: inbox->held = true; return CR_OK;
        case CR_INBOX_FAULT: return CR_ERR_MALFORMED;
        }
    }
    return CR_OK;
}

/* Copies to the end of the buffer, which grows to what the first frame needs at once. */
static enum cr_err append(struct cr_inbox *inbox, const uint8_t *data, size_t count)
{
    const size_t wanted = inbox->bytes_count + count;
    if (wanted > inbox->bytes_max) {
        size_t bytes_max = inbox->bytes_max == 0 ? FIRST_BYTES : 2 * inbox->bytes_max;
        const enum cr_err err = reserve(inbox, bytes_max < wanted ? wanted : bytes_max);
        if (err != CR_OK) return err;
    }
    memcpy(inbox->bytes + inbox->bytes_count, data, count);
    inbox->bytes_count = wanted;
    return CR_OK;
}

/* Adds to the one incomplete frame in the buffer no more than it lacks. */
static enum cr_err complete(struct cr_inbox *inbox, const uint8_t *data, size_t count, size_t *used)
{
    size_t whole = PREFIX;
    if (inbox->bytes_count >= PREFIX) {
        whole = PREFIX + (size_t)cr_load_le(inbox->bytes, PREFIX);
        if (whole > PREFIX + CR_FRAME_BYTES_MAX) return CR_ERR_TOO_BIG;
        const enum cr_err err = reserve(inbox, whole);
        if (err != CR_OK) return err;
    }
    const size_t lacking = whole - inbox->bytes_count;
    *used = lacking < count ? lacking : count;
    return append(inbox, data, *used);
}

static enum cr_err offer_buffer(struct cr_inbox *inbox, const struct cr_inbox_sink *sink,
                                size_t *consumed)
{
    size_t used;
    const enum cr_err err = offer(inbox, inbox->bytes, inbox->bytes_count, sink, &used);
    if (err != CR_OK) return err;
    drop_front(inbox, used);
    *consumed += used;
    return CR_OK;
}

enum cr_err cr_inbox_put(struct cr_inbox *inbox, const uint8_t *data, size_t count, size_t held_max,
                         const struct cr_inbox_sink *sink, size_t *consumed)
{
    while (count > 0) {
        size_t used = 0;
        enum cr_err err = CR_OK;
        if (inbox->held) {
            if (count > held_max || inbox->bytes_count > held_max - count) return CR_ERR_TOO_BIG;
            return append(inbox, data, count);
        }
        if (inbox->bytes_count > 0) {
            err = complete(inbox, data, count, &used);
            if (err == CR_OK) err = offer_buffer(inbox, sink, consumed);
        } else {
            err = offer(inbox, data, count, sink, &used);
            *consumed += used;
            /* The rest is held, or it is the beginning of a frame: `complete` goes on with it. */
            if (err == CR_OK && used < count && !inbox->held) {
                const size_t begin = count - used < PREFIX ? count - used : PREFIX;
                err = append(inbox, data + used, begin);
                used += begin;
            }
        }
        if (err != CR_OK) return err;
        data += used;
        count -= used;
    }
    return CR_OK;
}

enum cr_err cr_inbox_resume(struct cr_inbox *inbox, const struct cr_inbox_sink *sink,
                            size_t *consumed)
{
    if (!inbox->held) return CR_OK;
    inbox->held = false;
    return offer_buffer(inbox, sink, consumed);
}
