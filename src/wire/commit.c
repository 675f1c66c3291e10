/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/commit.h"

#include <string.h>

#include "crypto/hash.h"
#include "wire/cursor.h"
#include "wire/ref.h"

enum {
    HEAD_BYTES = 4 + 2 + 1 + 1 + 8 + CR_HASH_BYTES + 8 + 4 + 4 + 8 + 8 + 2, /* up to the leaders */
    COUNT_BYTES = 4,                                                        /* of vertices */
    FLAG_CLOSING = 1,
};

static const uint8_t tag[4] = {'C', 'C', 'M', '1'};

static bool is_known(enum cr_row row)
{
    switch (row) {
    case CR_ROW_CLASSIC: return true;
    }
    return false;
}

static bool is_well_formed(const struct cr_commit *commit)
{
    return commit->index >= 1 && is_known(commit->row) && commit->leaders_count >= 1 &&
           commit->leaders_count <= CR_VALIDATORS_MAX && commit->vertices_count >= 1;
}

static void encode_head(const struct cr_commit *commit, uint8_t bytes[HEAD_BYTES])
{
    CR_ASSERT(is_well_formed(commit));
    struct cr_writer writer = cr_writer_of(bytes, HEAD_BYTES);
    cr_write_bytes(&writer, tag, sizeof tag);
    cr_write_le(&writer, CR_COMMIT_VERSION, 2);
    cr_write_le(&writer, commit->row, 1);
    cr_write_le(&writer, commit->closing ? FLAG_CLOSING : 0, 1);
    cr_write_le(&writer, commit->index, 8);
    cr_write_hash(&writer, &commit->previous);
    cr_write_le(&writer, commit->epoch, 8);
    cr_write_le(&writer, commit->leader_round, 4);
    cr_write_le(&writer, commit->gc_round, 4);
    cr_write_le(&writer, commit->schedule, 8);
    cr_write_le(&writer, commit->timestamp_ms, 8);
    cr_write_le(&writer, commit->leaders_count, 2);
    CR_ASSERT(writer.position == HEAD_BYTES);
}

size_t cr_commit_bytes(const struct cr_commit *commit)
{
    return HEAD_BYTES + (size_t)commit->leaders_count * CR_REF_BYTES + COUNT_BYTES +
           (size_t)commit->vertices_count * CR_REF_BYTES;
}

size_t cr_commit_encode(const struct cr_commit *commit, uint8_t *bytes, size_t bytes_max)
{
    uint8_t head[HEAD_BYTES];
    encode_head(commit, head);
    struct cr_writer writer = cr_writer_of(bytes, bytes_max);
    cr_write_bytes(&writer, head, sizeof head);
    for (uint32_t i = 0; i < commit->leaders_count; i++)
        cr_write_ref(&writer, &commit->leaders[i]);
    cr_write_le(&writer, commit->vertices_count, COUNT_BYTES);
    for (uint32_t i = 0; i < commit->vertices_count; i++)
        cr_write_ref(&writer, &commit->vertices[i]);
    CR_ASSERT(writer.position == cr_commit_bytes(commit));
    return writer.position;
}

static void add_refs(struct cr_hasher *hasher, const struct cr_ref *refs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t bytes[CR_REF_BYTES];
        struct cr_writer writer = cr_writer_of(bytes, sizeof bytes);
        cr_write_ref(&writer, &refs[i]);
        cr_hasher_add(hasher, bytes, sizeof bytes);
    }
}

struct cr_hash cr_commit_digest(const struct cr_commit *commit)
{
    uint8_t head[HEAD_BYTES];
    encode_head(commit, head);
    struct cr_hasher hasher;
    cr_hasher_init(&hasher);
    cr_hasher_add(&hasher, head, sizeof head);
    add_refs(&hasher, commit->leaders, commit->leaders_count);
    cr_hasher_add_le(&hasher, commit->vertices_count, COUNT_BYTES);
    add_refs(&hasher, commit->vertices, commit->vertices_count);
    return cr_hasher_end(&hasher);
}

/* The fields before the lists. */
static enum cr_err read_head(struct cr_reader *reader, struct cr_commit *commit)
{
    const uint8_t *magic = cr_read_bytes(reader, sizeof tag);
    const uint32_t version = (uint32_t)cr_read_le(reader, 2);
    commit->row = (enum cr_row)cr_read_le(reader, 1);
    const uint32_t flags = (uint32_t)cr_read_le(reader, 1);
    commit->index = cr_read_le(reader, 8);
    commit->previous = cr_read_hash(reader);
    commit->epoch = cr_read_le(reader, 8);
    commit->leader_round = (uint32_t)cr_read_le(reader, 4);
    commit->gc_round = (uint32_t)cr_read_le(reader, 4);
    commit->schedule = cr_read_le(reader, 8);
    commit->timestamp_ms = cr_read_le(reader, 8);
    commit->leaders_count = (uint32_t)cr_read_le(reader, 2);
    commit->closing = flags == FLAG_CLOSING;
    if (reader->bad) return CR_ERR_TRUNCATED;
    if (memcmp(magic, tag, sizeof tag) != 0) return CR_ERR_MALFORMED;
    if (version != CR_COMMIT_VERSION) return CR_ERR_VERSION;
    return flags <= FLAG_CLOSING ? CR_OK : CR_ERR_MALFORMED;
}

enum cr_err cr_commit_open(const uint8_t *bytes, size_t count, struct cr_commit_view *out)
{
    struct cr_reader reader = cr_reader_of(bytes, count);
    struct cr_commit_view view = {0};
    struct cr_commit *head = &view.head;
    enum cr_err err = read_head(&reader, head);
    if (err != CR_OK) return err;
    view.leaders = cr_read_bytes(&reader, (size_t)head->leaders_count * CR_REF_BYTES);
    head->vertices_count = (uint32_t)cr_read_le(&reader, COUNT_BYTES);
    view.vertices = cr_read_bytes(&reader, (size_t)head->vertices_count * CR_REF_BYTES);
    err = cr_reader_end(&reader);
    if (err != CR_OK) return err;
    if (!is_well_formed(head)) return CR_ERR_MALFORMED;
    if (!cr_refs_are_well_formed(view.leaders, head->leaders_count)) return CR_ERR_MALFORMED;
    if (!cr_refs_are_well_formed(view.vertices, head->vertices_count)) return CR_ERR_MALFORMED;
    *out = view;
    return CR_OK;
}

enum cr_err cr_commit_decode(const uint8_t *bytes, size_t count, struct cr_ref *refs,
                             uint32_t refs_max, struct cr_commit *out)
{
    struct cr_commit_view view;
    const enum cr_err err = cr_commit_open(bytes, count, &view);
    if (err != CR_OK) return err;
    struct cr_commit *head = &view.head;
    if (head->leaders_count > refs_max || head->vertices_count > refs_max - head->leaders_count)
        return CR_ERR_TOO_BIG;
    cr_load_refs(view.leaders, head->leaders_count, refs);
    cr_load_refs(view.vertices, head->vertices_count, refs + head->leaders_count);
    head->leaders = refs;
    head->vertices = refs + head->leaders_count;
    *out = *head;
    return CR_OK;
}
