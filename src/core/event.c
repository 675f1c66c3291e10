/* SPDX-License-Identifier: Apache-2.0 */
/* event.c: each kind of event is written and read by one function, `fields`, so that the two cannot
 * differ; a kind it does not know does not compile (its switch has no default). */
#include "core/event.h"

#include <string.h>

/* Reads or writes: exactly one of the two is set. */
struct codec {
    struct cr_reader *reader;
    struct cr_writer *writer;
    struct cr_event_parts *parts; /* reading */
    bool bad;                     /* a value that nothing is written as */
};

static void u64(struct codec *codec, uint64_t *value, size_t bytes)
{
    if (codec->reader)
        *value = cr_read_le(codec->reader, bytes);
    else
        cr_write_le(codec->writer, *value, bytes);
}

static void u32(struct codec *codec, uint32_t *value)
{
    uint64_t wide = *value;
    u64(codec, &wide, 4);
    *value = (uint32_t)wide;
}

static void flag(struct codec *codec, bool *value)
{
    uint64_t wide = *value;
    u64(codec, &wide, 1);
    codec->bad = codec->bad || wide > 1;
    *value = wide != 0;
}

static void bytes(struct codec *codec, uint8_t *value, size_t count)
{
    if (!codec->reader) {
        cr_write_bytes(codec->writer, value, count);
        return;
    }
    const uint8_t *view = cr_read_bytes(codec->reader, count);
    if (view) memcpy(value, view, count);
}

static void hash(struct codec *codec, struct cr_hash *value)
{
    bytes(codec, value->bytes, CR_HASH_BYTES);
}

static void head(struct codec *codec, const struct cr_core_head **head)
{
    struct cr_core_head copy = {0};
    if (codec->writer) copy = **head;
    u64(codec, &copy.commit_index, 8);
    hash(codec, &copy.commit_digest);
    u32(codec, &copy.leader_round);
    u32(codec, &copy.gc_round);
    u64(codec, &copy.timestamp_ms, 8);
    bytes(codec, copy.schedule.bytes, sizeof copy.schedule.bytes);
    if (!codec->reader) return;
    codec->parts->head = copy;
    *head = &codec->parts->head;
}

/* Handle and header; the digest follows from the header. */
static void vertex(struct codec *codec, struct cr_event_vertex *vertex)
{
    u32(codec, &vertex->body);
    uint32_t header_bytes = 0;
    if (codec->writer) header_bytes = (uint32_t)cr_header_bytes(vertex->header);
    u32(codec, &header_bytes);
    if (codec->writer) {
        struct cr_writer *writer = codec->writer;
        writer->position += cr_header_encode(vertex->header, writer->bytes + writer->position,
                                             writer->count_max - writer->position);
        return;
    }
    const uint8_t *view = cr_read_bytes(codec->reader, header_bytes);
    if (!view || cr_header_decode(view, header_bytes, &codec->parts->header) != CR_OK) {
        codec->bad = true;
        return;
    }
    vertex->header = &codec->parts->header;
    vertex->digest = cr_header_digest(view, header_bytes);
}

static void refs(struct codec *codec, struct cr_event *event)
{
    u32(codec, &event->refs_count);
    if (event->refs_count > CR_FETCH_REFS_MAX) {
        codec->bad = true;
        return;
    }
    for (uint32_t i = 0; i < event->refs_count; i++) {
        struct cr_ref ref = {0};
        if (codec->writer) ref = event->refs[i];
        u32(codec, &ref.round);
        u32(codec, &ref.author);
        hash(codec, &ref.digest);
        if (codec->reader) codec->parts->refs[i] = ref;
    }
    if (codec->reader) event->refs = codec->parts->refs;
}

static void status(struct codec *codec, struct cr_status *status)
{
    u64(codec, &status->epoch, 8);
    u32(codec, &status->round);
    u32(codec, &status->round_of_receiver);
    u32(codec, &status->gc_round);
    u64(codec, &status->commit_index, 8);
    u64(codec, &status->oldest_commit, 8);
}

static void start(struct codec *codec, struct cr_event *event)
{
    uint64_t memory = (uint64_t)event->memory;
    u32(codec, &event->signed_round);
    u64(codec, &memory, 1);
    u64(codec, &event->nonce, 8);
    codec->bad = codec->bad || memory > CR_MEMORY_LOST;
    event->memory = (enum cr_memory)memory;
}

static void probe(struct codec *codec, struct cr_probe *probe)
{
    u64(codec, &probe->nonce, 8);
    u64(codec, &probe->epoch, 8);
    u32(codec, &probe->round);
}

static void probe_reply(struct codec *codec, struct cr_probe_reply *reply)
{
    u64(codec, &reply->nonce, 8);
    u64(codec, &reply->epoch, 8);
    u32(codec, &reply->round);
    u32(codec, &reply->round_of_receiver);
    flag(codec, &reply->recovering);
}

static void executed(struct codec *codec, struct cr_event *event)
{
    u64(codec, &event->executed.index, 8);
    hash(codec, &event->executed.effects_digest);
    u64(codec, &event->executed.checkpoint_index, 8);
    hash(codec, &event->executed.state_root);
}

static void claim(struct codec *codec, const struct cr_claim **claim)
{
    struct cr_claim copy = {0};
    bool refused = *claim == NULL;
    flag(codec, &refused);
    if (refused) return;
    if (codec->writer) copy = **claim;
    u64(codec, &copy.from, 8);
    u32(codec, &copy.count);
    u64(codec, &copy.epoch, 8);
    flag(codec, &copy.closing);
    hash(codec, &copy.previous);
    if (copy.count > CR_SYNC_COMMITS_MAX) {
        codec->bad = true;
        return;
    }
    for (uint32_t i = 0; i < copy.count; i++)
        hash(codec, &copy.digests[i]);
    if (!codec->reader) return;
    codec->parts->claim = copy;
    *claim = &codec->parts->claim;
}

static void range(struct codec *codec, struct cr_event *event)
{
    u64(codec, &event->range.from_commit, 8);
    u64(codec, &event->range.to_commit, 8);
    u32(codec, &event->range.lane);
    u32(codec, &event->range.skip);
    u32(codec, &event->range.vertices);
    flag(codec, &event->range.forged);
    claim(codec, &event->range.claim);
}

static void fields(struct codec *codec, struct cr_event *event)
{
    switch (event->kind) {
    case CR_EVENT_RESTORE_HEAD: head(codec, &event->head); return;
    case CR_EVENT_RESTORE_VERTEX:
        flag(codec, &event->committed);
        vertex(codec, &event->vertex);
        return;
    case CR_EVENT_START: start(codec, event); return;
    case CR_EVENT_TICK:
    case CR_EVENT_CLOSE:
    case CR_EVENT_REFUTED: return;
    case CR_EVENT_VERTEX:
    case CR_EVENT_SEALED: vertex(codec, &event->vertex); return;
    case CR_EVENT_STORED: u64(codec, &event->sequence, 8); return;
    case CR_EVENT_EXECUTED: executed(codec, event); return;
    case CR_EVENT_WAITING: u32(codec, &event->waiting); return;
    case CR_EVENT_PEER: flag(codec, &event->up); return;
    case CR_EVENT_STATUS: status(codec, &event->status); return;
    case CR_EVENT_FETCH: refs(codec, event); return;
    case CR_EVENT_RANGE: range(codec, event); return;
    case CR_EVENT_GIVEN:
        u32(codec, &event->range.lane);
        flag(codec, &event->range.forged);
        return;
    case CR_EVENT_PROBE: probe(codec, &event->probe); return;
    case CR_EVENT_PROBE_REPLY: probe_reply(codec, &event->probe_reply); return;
    }
    codec->bad = true; /* read from a file: no such kind */
}

static void whole(struct codec *codec, struct cr_event *event)
{
    uint64_t kind = (uint64_t)event->kind;
    u64(codec, &kind, 1);
    event->kind = (enum cr_event_kind)kind;
    u64(codec, &event->now_us, 8);
    u64(codec, &event->wall_ms, 8);
    u32(codec, &event->peer);
    fields(codec, event);
}

size_t cr_event_encode(const struct cr_event *event, uint8_t *bytes, size_t bytes_max)
{
    struct cr_writer writer = cr_writer_of(bytes, bytes_max);
    struct codec codec = {.writer = &writer};
    struct cr_event copy = *event; /* `fields` writes only what it reads */
    whole(&codec, &copy);
    CR_ASSERT(!codec.bad);
    return writer.position;
}

enum cr_err cr_event_decode(const uint8_t *bytes, size_t count, struct cr_event *out,
                            struct cr_event_parts *parts)
{
    struct cr_reader reader = cr_reader_of(bytes, count);
    struct codec codec = {.reader = &reader, .parts = parts};
    struct cr_event event = {0};
    whole(&codec, &event);
    if (codec.bad) return CR_ERR_MALFORMED;
    const enum cr_err err = cr_reader_end(&reader);
    if (err == CR_OK) *out = event;
    return err;
}

const char *cr_event_kind_text(enum cr_event_kind kind)
{
    switch (kind) {
    case CR_EVENT_RESTORE_HEAD: return "RESTORE_HEAD";
    case CR_EVENT_RESTORE_VERTEX: return "RESTORE_VERTEX";
    case CR_EVENT_START: return "START";
    case CR_EVENT_TICK: return "TICK";
    case CR_EVENT_VERTEX: return "VERTEX";
    case CR_EVENT_SEALED: return "SEALED";
    case CR_EVENT_STORED: return "STORED";
    case CR_EVENT_EXECUTED: return "EXECUTED";
    case CR_EVENT_WAITING: return "WAITING";
    case CR_EVENT_PEER: return "PEER";
    case CR_EVENT_STATUS: return "STATUS";
    case CR_EVENT_FETCH: return "FETCH";
    case CR_EVENT_RANGE: return "RANGE";
    case CR_EVENT_CLOSE: return "CLOSE";
    case CR_EVENT_PROBE: return "PROBE";
    case CR_EVENT_PROBE_REPLY: return "PROBE_REPLY";
    case CR_EVENT_GIVEN: return "GIVEN";
    case CR_EVENT_REFUTED: return "REFUTED";
    }
    return "?";
}
