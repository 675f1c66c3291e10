/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/message.h"

#include <string.h>

#include "wire/payload.h"
#include "wire/ref.h"

/* All of these are called with what is behind the type; CR_OK leaves it to the caller to see that
 * nothing is left. */

static enum cr_err read_vertex(struct cr_reader *reader, struct cr_message *out)
{
    const size_t count = reader->count - reader->position;
    if (count == 0) return CR_ERR_TRUNCATED;
    if (count > CR_VERTEX_BYTES_MAX) return CR_ERR_TOO_BIG;
    out->vertex_bytes = (uint32_t)count;
    out->vertex = cr_read_bytes(reader, count);
    return CR_OK;
}

static enum cr_err read_status(struct cr_reader *reader, struct cr_message *out)
{
    out->status.epoch = cr_read_le(reader, 8);
    out->status.round = (uint32_t)cr_read_le(reader, 4);
    out->status.round_of_receiver = (uint32_t)cr_read_le(reader, 4);
    out->status.gc_round = (uint32_t)cr_read_le(reader, 4);
    out->status.commit_index = cr_read_le(reader, 8);
    out->status.oldest_commit = cr_read_le(reader, 8);
    return CR_OK;
}

static enum cr_err read_fetch(struct cr_reader *reader, struct cr_message *out)
{
    const uint32_t count = (uint32_t)cr_read_le(reader, 2);
    if (reader->bad) return CR_ERR_TRUNCATED;
    if (count == 0) return CR_ERR_MALFORMED;
    if (count > CR_FETCH_REFS_MAX) return CR_ERR_TOO_BIG;
    const uint8_t *refs = cr_read_bytes(reader, (size_t)count * CR_REF_BYTES);
    if (!refs) return CR_ERR_TRUNCATED;
    if (!cr_refs_are_well_formed(refs, count)) return CR_ERR_MALFORMED;
    cr_load_refs(refs, count, out->refs);
    out->refs_count = count;
    return CR_OK;
}

static enum cr_err read_sync(struct cr_reader *reader, struct cr_message *out)
{
    const uint64_t from = cr_read_le(reader, 8);
    const uint64_t commits = cr_read_le(reader, 2);
    out->skip = (uint32_t)cr_read_le(reader, 4);
    if (reader->bad) return CR_ERR_TRUNCATED;
    if (from == 0 || commits == 0 || commits - 1 > UINT64_MAX - from) return CR_ERR_MALFORMED;
    if (commits > CR_SYNC_COMMITS_MAX) return CR_ERR_TOO_BIG;
    out->from_commit = from;
    out->to_commit = from + (commits - 1);
    return CR_OK;
}

static enum cr_err check_range(const struct cr_message *message)
{
    if (message->from_commit == 0) return CR_ERR_MALFORMED;
    /* A refusal, or a part of a commit that is too large for one frame. */
    if (message->to_commit < message->from_commit && message->range_count > 0 &&
        message->to_commit + 1 != message->from_commit)
        return CR_ERR_MALFORMED;
    if (message->to_commit >= message->from_commit &&
        message->to_commit - message->from_commit >= CR_SYNC_COMMITS_MAX)
        return CR_ERR_TOO_BIG;
    if (message->records_count > CR_SYNC_COMMITS_MAX) return CR_ERR_TOO_BIG;
    struct cr_payload walk =
        cr_payload_begin(message->range, message->range_bytes, message->range_count);
    const uint8_t *vertex;
    uint32_t vertex_bytes;
    while (cr_payload_next(&walk, &vertex, &vertex_bytes)) {
        if (vertex_bytes > CR_VERTEX_BYTES_MAX) return CR_ERR_TOO_BIG;
    }
    return walk.reader.bad ? CR_ERR_MALFORMED : CR_OK;
}

static enum cr_err read_range(struct cr_reader *reader, struct cr_message *out)
{
    out->from_commit = cr_read_le(reader, 8);
    out->to_commit = cr_read_le(reader, 8);
    out->range_count = (uint32_t)cr_read_le(reader, 4);
    out->skip = (uint32_t)cr_read_le(reader, 4);
    out->records_count = (uint32_t)cr_read_le(reader, 2);
    const size_t records = reader->position;
    for (uint32_t i = 0; i < out->records_count && !reader->bad; i++) {
        const uint32_t bytes = (uint32_t)cr_read_le(reader, 4);
        if (bytes == 0) return CR_ERR_MALFORMED;
        (void)cr_read_bytes(reader, bytes);
    }
    if (reader->bad) return CR_ERR_TRUNCATED;
    out->records = reader->bytes + records;
    out->records_bytes = (uint32_t)(reader->position - records);
    out->range_bytes = (uint32_t)(reader->count - reader->position);
    out->range = cr_read_bytes(reader, out->range_bytes);
    return check_range(out);
}

static enum cr_err read_probe(struct cr_reader *reader, struct cr_message *out)
{
    out->probe.nonce = cr_read_le(reader, 8);
    out->probe.epoch = cr_read_le(reader, 8);
    out->probe.round = (uint32_t)cr_read_le(reader, 4);
    return CR_OK;
}

static enum cr_err read_probe_reply(struct cr_reader *reader, struct cr_message *out)
{
    out->probe_reply.nonce = cr_read_le(reader, 8);
    out->probe_reply.epoch = cr_read_le(reader, 8);
    out->probe_reply.round = (uint32_t)cr_read_le(reader, 4);
    out->probe_reply.round_of_receiver = (uint32_t)cr_read_le(reader, 4);
    const uint64_t recovering = cr_read_le(reader, 1);
    out->probe_reply.recovering = recovering == 1;
    return recovering > 1 ? CR_ERR_MALFORMED : CR_OK;
}

static enum cr_err read_body(struct cr_reader *reader, struct cr_message *out)
{
    switch (out->type) {
    case CR_MESSAGE_VERTEX: return read_vertex(reader, out);
    case CR_MESSAGE_STATUS: return read_status(reader, out);
    case CR_MESSAGE_FETCH: return read_fetch(reader, out);
    case CR_MESSAGE_SYNC: return read_sync(reader, out);
    case CR_MESSAGE_RANGE: return read_range(reader, out);
    case CR_MESSAGE_PROBE: return read_probe(reader, out);
    case CR_MESSAGE_PROBE_REPLY: return read_probe_reply(reader, out);
    case CR_MESSAGE_EPOCH_VOTE:
    case CR_MESSAGE_EPOCH_CERT: return cr_epoch_cert_read(reader, &out->epoch_cert);
    }
    return CR_ERR_MALFORMED; /* a type we do not know */
}

enum cr_err cr_message_decode(const uint8_t *bytes, size_t count, struct cr_message *out)
{
    if (count == 0) return CR_ERR_TRUNCATED;
    if (count > CR_FRAME_BYTES_MAX) return CR_ERR_TOO_BIG;
    struct cr_reader reader = cr_reader_of(bytes, count);
    struct cr_message message = {.type = (enum cr_message_type)cr_read_le(&reader, 1)};
    enum cr_err err = read_body(&reader, &message);
    if (err == CR_OK) err = cr_reader_end(&reader);
    if (err == CR_OK) *out = message;
    return err;
}

size_t cr_message_bytes(const struct cr_message *message)
{
    switch (message->type) {
    case CR_MESSAGE_VERTEX: return 1 + (size_t)message->vertex_bytes;
    case CR_MESSAGE_STATUS: return 1 + 8 + 4 + 4 + 4 + 8 + 8;
    case CR_MESSAGE_FETCH: return 1 + 2 + (size_t)message->refs_count * CR_REF_BYTES;
    case CR_MESSAGE_SYNC: return 1 + 8 + 2 + 4;
    case CR_MESSAGE_RANGE:
        return 1 + 8 + 8 + 4 + 4 + 2 + (size_t)message->records_bytes + message->range_bytes;
    case CR_MESSAGE_PROBE: return 1 + 8 + 8 + 4;
    case CR_MESSAGE_PROBE_REPLY: return 1 + 8 + 8 + 4 + 4 + 1;
    case CR_MESSAGE_EPOCH_VOTE:
    case CR_MESSAGE_EPOCH_CERT: return 1 + cr_epoch_cert_bytes(&message->epoch_cert);
    }
    CR_UNREACHABLE();
}

static void write_vertex(struct cr_writer *writer, const struct cr_message *message)
{
    CR_ASSERT(message->vertex_bytes >= 1 && message->vertex_bytes <= CR_VERTEX_BYTES_MAX);
    cr_write_bytes(writer, message->vertex, message->vertex_bytes);
}

static void write_status(struct cr_writer *writer, const struct cr_status *status)
{
    cr_write_le(writer, status->epoch, 8);
    cr_write_le(writer, status->round, 4);
    cr_write_le(writer, status->round_of_receiver, 4);
    cr_write_le(writer, status->gc_round, 4);
    cr_write_le(writer, status->commit_index, 8);
    cr_write_le(writer, status->oldest_commit, 8);
}

static void write_fetch(struct cr_writer *writer, const struct cr_message *message)
{
    CR_ASSERT(message->refs_count >= 1 && message->refs_count <= CR_FETCH_REFS_MAX);
    cr_write_le(writer, message->refs_count, 2);
    for (uint32_t i = 0; i < message->refs_count; i++)
        cr_write_ref(writer, &message->refs[i]);
}

static void write_sync(struct cr_writer *writer, const struct cr_message *message)
{
    CR_ASSERT(message->from_commit >= 1);
    CR_ASSERT(message->to_commit >= message->from_commit);
    CR_ASSERT(message->to_commit - message->from_commit < CR_SYNC_COMMITS_MAX);
    cr_write_le(writer, message->from_commit, 8);
    cr_write_le(writer, message->to_commit - message->from_commit + 1, 2);
    cr_write_le(writer, message->skip, 4);
}

static void write_range(struct cr_writer *writer, const struct cr_message *message)
{
    const enum cr_err err = check_range(message);
    CR_ASSERT(err == CR_OK);
    cr_write_le(writer, message->from_commit, 8);
    cr_write_le(writer, message->to_commit, 8);
    cr_write_le(writer, message->range_count, 4);
    cr_write_le(writer, message->skip, 4);
    cr_write_le(writer, message->records_count, 2);
    cr_write_bytes(writer, message->records, message->records_bytes);
    cr_write_bytes(writer, message->range, message->range_bytes);
}

static void write_probe(struct cr_writer *writer, const struct cr_probe *probe)
{
    cr_write_le(writer, probe->nonce, 8);
    cr_write_le(writer, probe->epoch, 8);
    cr_write_le(writer, probe->round, 4);
}

static void write_probe_reply(struct cr_writer *writer, const struct cr_probe_reply *reply)
{
    cr_write_le(writer, reply->nonce, 8);
    cr_write_le(writer, reply->epoch, 8);
    cr_write_le(writer, reply->round, 4);
    cr_write_le(writer, reply->round_of_receiver, 4);
    cr_write_le(writer, reply->recovering, 1);
}

size_t cr_message_encode(const struct cr_message *message, uint8_t *bytes, size_t bytes_max)
{
    struct cr_writer writer = cr_writer_of(bytes, bytes_max);
    cr_write_le(&writer, message->type, 1);
    switch (message->type) {
    case CR_MESSAGE_VERTEX: write_vertex(&writer, message); break;
    case CR_MESSAGE_STATUS: write_status(&writer, &message->status); break;
    case CR_MESSAGE_FETCH: write_fetch(&writer, message); break;
    case CR_MESSAGE_SYNC: write_sync(&writer, message); break;
    case CR_MESSAGE_RANGE: write_range(&writer, message); break;
    case CR_MESSAGE_PROBE: write_probe(&writer, &message->probe); break;
    case CR_MESSAGE_PROBE_REPLY: write_probe_reply(&writer, &message->probe_reply); break;
    case CR_MESSAGE_EPOCH_VOTE:
    case CR_MESSAGE_EPOCH_CERT: cr_epoch_cert_write(&writer, &message->epoch_cert); break;
    }
    CR_ASSERT(writer.position <= CR_FRAME_BYTES_MAX);
    CR_ASSERT(writer.position == cr_message_bytes(message));
    return writer.position;
}
