/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/evidence.h"

#include <string.h>

#include "wire/cursor.h"

static const uint8_t tag[4] = {'C', 'E', 'V', '1'};

static size_t head_bytes(const struct cr_vertex *vertex)
{
    return (size_t)vertex->header_bytes + 1 + 2 + vertex->signature_bytes;
}

static bool differ(uint64_t index, uint64_t other_index, const struct cr_hash *digest,
                   const struct cr_hash *other_digest)
{
    return index != 0 && index == other_index && !cr_hash_equal(digest, other_digest);
}

enum cr_conflict cr_header_conflict(const struct cr_header *a, const struct cr_header *b)
{
    if (a->epoch != b->epoch || a->author != b->author) return CR_CONFLICT_NONE;
    if (a->round == b->round) return CR_CONFLICT_EQUIVOCATION;
    if (differ(a->commit_index, b->commit_index, &a->commit_digest, &b->commit_digest) ||
        differ(a->executed_index, b->executed_index, &a->effects_digest, &b->effects_digest) ||
        differ(a->checkpoint_index, b->checkpoint_index, &a->state_root, &b->state_root))
        return CR_CONFLICT_STATEMENT;
    return CR_CONFLICT_NONE;
}

const char *cr_conflict_name(enum cr_conflict conflict)
{
    switch (conflict) {
    case CR_CONFLICT_EQUIVOCATION: return "equivocation";
    case CR_CONFLICT_STATEMENT: return "statement";
    case CR_CONFLICT_NONE: break;
    }
    return "none";
}

/* CR_OK: the two conflict, and stand in canonical order. */
static enum cr_err check_pair(const struct cr_vertex *first, const struct cr_vertex *second)
{
    if (cr_header_conflict(&first->header, &second->header) == CR_CONFLICT_NONE)
        return CR_ERR_MALFORMED;
    if (cr_hash_compare(&first->digest, &second->digest) >= 0) return CR_ERR_MALFORMED;
    return CR_OK;
}

static void write_head(struct cr_writer *writer, const uint8_t *bytes,
                       const struct cr_vertex *vertex)
{
    cr_write_le(writer, head_bytes(vertex), 4);
    cr_write_bytes(writer, bytes, head_bytes(vertex));
}

size_t cr_evidence_encode(const uint8_t *a, size_t a_bytes, const uint8_t *b, size_t b_bytes,
                          uint8_t *out)
{
    struct cr_evidence evidence;
    struct cr_vertex *first = &evidence.vertices[0];
    struct cr_vertex *second = &evidence.vertices[1];
    if (cr_vertex_decode_head(a, a_bytes, first) != CR_OK) return 0;
    if (cr_vertex_decode_head(b, b_bytes, second) != CR_OK) return 0;
    const bool swap = cr_hash_compare(&first->digest, &second->digest) > 0;
    if (check_pair(swap ? second : first, swap ? first : second) != CR_OK) return 0;

    struct cr_writer writer = cr_writer_of(out, CR_EVIDENCE_BYTES_MAX);
    cr_write_bytes(&writer, tag, sizeof tag);
    write_head(&writer, swap ? b : a, swap ? second : first);
    write_head(&writer, swap ? a : b, swap ? first : second);
    return writer.position;
}

static enum cr_err read_head(struct cr_reader *reader, struct cr_vertex *out)
{
    const uint32_t count = (uint32_t)cr_read_le(reader, 4);
    if (count > CR_HEADER_BYTES_MAX) return CR_ERR_TOO_BIG;
    const uint8_t *bytes = cr_read_bytes(reader, count);
    if (!bytes) return CR_ERR_TRUNCATED;
    const enum cr_err err = cr_vertex_decode_head(bytes, count, out);
    if (err != CR_OK) return err;
    return head_bytes(out) == count ? CR_OK : CR_ERR_TRAILING;
}

enum cr_err cr_evidence_decode(const uint8_t *bytes, size_t count, struct cr_evidence *out)
{
    struct cr_evidence evidence;
    if (count > CR_EVIDENCE_BYTES_MAX) return CR_ERR_TOO_BIG;
    struct cr_reader reader = cr_reader_of(bytes, count);
    const uint8_t *magic = cr_read_bytes(&reader, sizeof tag);
    if (!magic) return CR_ERR_TRUNCATED;
    if (memcmp(magic, tag, sizeof tag) != 0) return CR_ERR_MALFORMED;
    enum cr_err err = read_head(&reader, &evidence.vertices[0]);
    if (err == CR_OK) err = read_head(&reader, &evidence.vertices[1]);
    if (err == CR_OK) err = cr_reader_end(&reader);
    if (err == CR_OK) err = check_pair(&evidence.vertices[0], &evidence.vertices[1]);
    if (err == CR_OK) *out = evidence;
    return err;
}

bool cr_evidence_verify(const struct cr_evidence *evidence, cr_vertex_verify *verify, void *context)
{
    return verify(context, &evidence->vertices[0]) && verify(context, &evidence->vertices[1]);
}
