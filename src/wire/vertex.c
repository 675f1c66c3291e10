/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding is done in two walks: the first checks every rule and notes where the parts lie, the
 * second believes it and fills in the caller's header. So a refused input has written nothing, no
 * second 10 KiB header is needed, and the encoder can ask the same checks about its own result. */
#include "wire/vertex.h"

#include <string.h>

#include "crypto/hash.h"
#include "wire/cursor.h"

/* Offsets of the fixed part. */
enum {
    AT_TAG = 0,
    AT_VERSION = 4,
    AT_FLAGS = 6,
    AT_EPOCH = 8,
    AT_ROUND = 16,
    AT_AUTHOR = 20,
    AT_VALIDATORS = 22,
    AT_TIMESTAMP = 24,
    AT_PAYLOAD_BYTES = 32,
    AT_PAYLOAD_COUNT = 36,
    AT_PAYLOAD_ROOT = 40,
    AT_GC_ROUND = 72,
    AT_COMMIT_INDEX = 76,
    AT_COMMIT_DIGEST = 84,
    AT_EXECUTED_INDEX = 116,
    AT_EFFECTS_DIGEST = 124,
    AT_CHECKPOINT_INDEX = 156,
    AT_STATE_ROOT = 164,
    FIXED_BYTES = 196,

    OLD_BYTES = 2 + 4 + CR_HASH_BYTES,
    SIGNATURE_HEAD_BYTES = 1 + 2,
    /* An author has one reference, of either kind; an old one is longer. */
    HEADER_BYTES_WORST = FIXED_BYTES + CR_VALIDATORS_MAX / 8 + CR_VALIDATORS_MAX * OLD_BYTES + 2 +
                         2 + CR_EVIDENCE_MAX * CR_HASH_BYTES,
};

_Static_assert(HEADER_BYTES_WORST + SIGNATURE_HEAD_BYTES + CR_SIG_BYTES_MAX <=
                   (int)CR_HEADER_BYTES_MAX,
               "what is not payload fits its share of CR_VERTEX_BYTES_MAX");

static const uint8_t tag[4] = {'C', 'V', 'X', '1'};

/* Where the parts of a checked header lie, and what the later checks need of the earlier parts. */
struct parts {
    const uint8_t *fixed;
    const uint8_t *parents; /* digests */
    const uint8_t *old;
    const uint8_t *evidence;
    const uint8_t *signature;
    struct cr_authors parents_set;
    enum cr_alg sig_alg;
    uint32_t signature_bytes;
    uint32_t round;
    uint32_t validators_count;
    uint32_t payload_bytes;
    uint32_t old_count;
    uint32_t evidence_count;
};

static uint32_t load(const uint8_t *bytes, size_t count)
{
    return (uint32_t)cr_load_le(bytes, count);
}

static bool is_zero(const uint8_t hash[CR_HASH_BYTES])
{
    static const uint8_t zero[CR_HASH_BYTES];
    return memcmp(hash, zero, sizeof zero) == 0;
}

/* Index 0 means "none yet", and then, and only then, the digest that goes with it is zero. */
static bool goes_together(uint64_t index, const uint8_t digest[CR_HASH_BYTES])
{
    return (index == 0) == is_zero(digest);
}

static enum cr_err check_fixed(const uint8_t *fixed, struct parts *parts)
{
    if (memcmp(fixed + AT_TAG, tag, sizeof tag) != 0) return CR_ERR_MALFORMED;
    if (load(fixed + AT_VERSION, 2) != CR_VERTEX_VERSION) return CR_ERR_VERSION;
    if (load(fixed + AT_FLAGS, 2) != 0) return CR_ERR_MALFORMED;

    parts->fixed = fixed;
    parts->round = load(fixed + AT_ROUND, 4);
    parts->validators_count = load(fixed + AT_VALIDATORS, 2);
    parts->payload_bytes = load(fixed + AT_PAYLOAD_BYTES, 4);
    const uint32_t payload_count = load(fixed + AT_PAYLOAD_COUNT, 4);
    if (parts->round == 0) return CR_ERR_MALFORMED;
    if (parts->validators_count > CR_VALIDATORS_MAX) return CR_ERR_TOO_BIG;
    if (load(fixed + AT_AUTHOR, 2) >= parts->validators_count) return CR_ERR_MALFORMED;
    if (parts->payload_bytes > CR_PAYLOAD_BYTES_MAX) return CR_ERR_TOO_BIG;
    if (payload_count > CR_PAYLOAD_TXS_MAX) return CR_ERR_TOO_BIG;
    if ((payload_count == 0) != (parts->payload_bytes == 0)) return CR_ERR_MALFORMED;

    const uint64_t commit = cr_load_le(fixed + AT_COMMIT_INDEX, 8);
    const uint64_t executed = cr_load_le(fixed + AT_EXECUTED_INDEX, 8);
    const uint64_t checkpoint = cr_load_le(fixed + AT_CHECKPOINT_INDEX, 8);
    if (executed > commit || checkpoint > executed) return CR_ERR_MALFORMED;
    if (!goes_together(commit, fixed + AT_COMMIT_DIGEST)) return CR_ERR_MALFORMED;
    if (!goes_together(executed, fixed + AT_EFFECTS_DIGEST)) return CR_ERR_MALFORMED;
    if (!goes_together(checkpoint, fixed + AT_STATE_ROOT)) return CR_ERR_MALFORMED;
    return CR_OK;
}

static enum cr_err check_parents(struct cr_reader *reader, struct parts *parts)
{
    const uint32_t bitmap_bytes = (parts->validators_count + 7) / 8;
    const uint8_t *bitmap = cr_read_bytes(reader, bitmap_bytes);
    if (!bitmap) return CR_ERR_TRUNCATED;
    const uint32_t used = parts->validators_count % 8; /* bits of the last byte, 0: all */
    if (used != 0 && bitmap[bitmap_bytes - 1] >> used != 0) return CR_ERR_MALFORMED;
    parts->parents_set = (struct cr_authors){{0}};
    for (uint32_t i = 0; i < bitmap_bytes; i++)
        parts->parents_set.words[i / 8] |= (uint64_t)bitmap[i] << (8 * (i % 8));

    const uint32_t count = cr_authors_count(&parts->parents_set);
    parts->parents = cr_read_bytes(reader, (size_t)count * CR_HASH_BYTES);
    if (!parts->parents) return CR_ERR_TRUNCATED;
    for (uint32_t i = 0; i < count; i++) {
        if (is_zero(parts->parents + (size_t)i * CR_HASH_BYTES)) return CR_ERR_MALFORMED;
    }
    return CR_OK;
}

static enum cr_err check_old(struct cr_reader *reader, struct parts *parts)
{
    parts->old_count = (uint32_t)cr_read_le(reader, 2);
    if (parts->old_count > CR_OLD_PARENTS_MAX) return CR_ERR_TOO_BIG;
    parts->old = cr_read_bytes(reader, (size_t)parts->old_count * OLD_BYTES);
    if (!parts->old) return CR_ERR_TRUNCATED;
    uint32_t author_min = 0;
    for (uint32_t i = 0; i < parts->old_count; i++) {
        const uint8_t *old = parts->old + (size_t)i * OLD_BYTES;
        const uint32_t author = load(old, 2);
        const uint32_t round = load(old + 2, 4);
        if (author < author_min || author >= parts->validators_count) return CR_ERR_MALFORMED;
        if (cr_authors_has(&parts->parents_set, author)) return CR_ERR_MALFORMED;
        if (round == 0 || round >= parts->round - 1) return CR_ERR_MALFORMED;
        if (is_zero(old + 6)) return CR_ERR_MALFORMED;
        author_min = author + 1;
    }
    return CR_OK;
}

static enum cr_err check_evidence(struct cr_reader *reader, struct parts *parts)
{
    static const uint8_t zero[CR_HASH_BYTES];
    parts->evidence_count = (uint32_t)cr_read_le(reader, 2);
    if (parts->evidence_count > CR_EVIDENCE_MAX) return CR_ERR_TOO_BIG;
    parts->evidence = cr_read_bytes(reader, (size_t)parts->evidence_count * CR_HASH_BYTES);
    if (!parts->evidence) return CR_ERR_TRUNCATED;
    const uint8_t *below = zero; /* so the first is not zero either */
    for (uint32_t i = 0; i < parts->evidence_count; i++) {
        const uint8_t *digest = parts->evidence + (size_t)i * CR_HASH_BYTES;
        if (memcmp(digest, below, CR_HASH_BYTES) <= 0) return CR_ERR_MALFORMED;
        below = digest;
    }
    return CR_OK;
}

static enum cr_err check_header(struct cr_reader *reader, struct parts *parts)
{
    const uint8_t *fixed = cr_read_bytes(reader, FIXED_BYTES);
    if (!fixed) return CR_ERR_TRUNCATED;
    enum cr_err err = check_fixed(fixed, parts);
    if (err == CR_OK) err = check_parents(reader, parts);
    if (err == CR_OK) err = check_old(reader, parts);
    if (err == CR_OK) err = check_evidence(reader, parts);
    return err;
}

static void fill_fixed(const uint8_t *fixed, struct cr_header *out)
{
    out->epoch = cr_load_le(fixed + AT_EPOCH, 8);
    out->round = load(fixed + AT_ROUND, 4);
    out->author = load(fixed + AT_AUTHOR, 2);
    out->validators_count = load(fixed + AT_VALIDATORS, 2);
    out->timestamp_ms = cr_load_le(fixed + AT_TIMESTAMP, 8);
    out->payload_bytes = load(fixed + AT_PAYLOAD_BYTES, 4);
    out->payload_count = load(fixed + AT_PAYLOAD_COUNT, 4);
    memcpy(&out->payload_root, fixed + AT_PAYLOAD_ROOT, CR_HASH_BYTES);
    out->gc_round = load(fixed + AT_GC_ROUND, 4);
    out->commit_index = cr_load_le(fixed + AT_COMMIT_INDEX, 8);
    memcpy(&out->commit_digest, fixed + AT_COMMIT_DIGEST, CR_HASH_BYTES);
    out->executed_index = cr_load_le(fixed + AT_EXECUTED_INDEX, 8);
    memcpy(&out->effects_digest, fixed + AT_EFFECTS_DIGEST, CR_HASH_BYTES);
    out->checkpoint_index = cr_load_le(fixed + AT_CHECKPOINT_INDEX, 8);
    memcpy(&out->state_root, fixed + AT_STATE_ROOT, CR_HASH_BYTES);
}

static void fill_links(const struct parts *parts, struct cr_header *out)
{
    out->parents = parts->parents_set;
    memset(out->parent_digests, 0, sizeof out->parent_digests);
    const uint8_t *digest = parts->parents;
    for (uint32_t author = cr_authors_next(&parts->parents_set, 0); author < CR_VALIDATORS_MAX;
         author = cr_authors_next(&parts->parents_set, author + 1)) {
        memcpy(&out->parent_digests[author], digest, CR_HASH_BYTES);
        digest += CR_HASH_BYTES;
    }
    out->old_count = parts->old_count;
    for (uint32_t i = 0; i < parts->old_count; i++) {
        const uint8_t *old = parts->old + (size_t)i * OLD_BYTES;
        out->old[i].author = load(old, 2);
        out->old[i].round = load(old + 2, 4);
        memcpy(&out->old[i].digest, old + 6, CR_HASH_BYTES);
    }
    out->evidence_count = parts->evidence_count;
    memcpy(out->evidence, parts->evidence, (size_t)parts->evidence_count * CR_HASH_BYTES);
}

/* Where the signature lies, in a vertex whose header has been checked. */
static enum cr_err check_signature(struct cr_reader *reader, struct parts *parts)
{
    parts->sig_alg = (enum cr_alg)cr_read_le(reader, 1);
    parts->signature_bytes = (uint32_t)cr_read_le(reader, 2);
    if (reader->bad) return CR_ERR_TRUNCATED;
    if (parts->signature_bytes == 0) return CR_ERR_MALFORMED;
    if (parts->signature_bytes != cr_alg_sig_bytes(parts->sig_alg)) return CR_ERR_MALFORMED;
    parts->signature = cr_read_bytes(reader, parts->signature_bytes);
    return parts->signature ? CR_OK : CR_ERR_TRUNCATED;
}

static void fill(const struct parts *parts, const uint8_t *bytes, size_t header_bytes,
                 struct cr_vertex *out)
{
    fill_fixed(parts->fixed, &out->header);
    fill_links(parts, &out->header);
    out->digest = cr_header_digest(bytes, header_bytes);
    out->sig_alg = parts->sig_alg;
    out->signature = parts->signature;
    out->signature_bytes = parts->signature_bytes;
    out->payload = NULL;
    out->header_bytes = (uint32_t)header_bytes;
}

enum cr_err cr_vertex_decode(const uint8_t *bytes, size_t count, struct cr_vertex *out)
{
    if (count > CR_VERTEX_BYTES_MAX) return CR_ERR_TOO_BIG;
    struct cr_reader reader = cr_reader_of(bytes, count);
    struct parts parts;
    enum cr_err err = check_header(&reader, &parts);
    if (err != CR_OK) return err;
    const size_t header_bytes = reader.position;
    err = check_signature(&reader, &parts);
    if (err != CR_OK) return err;
    const uint8_t *payload = cr_read_bytes(&reader, parts.payload_bytes);
    err = cr_reader_end(&reader);
    if (err != CR_OK) return err;
    fill(&parts, bytes, header_bytes, out);
    out->payload = payload;
    return CR_OK;
}

enum cr_err cr_vertex_decode_head(const uint8_t *bytes, size_t count, struct cr_vertex *out)
{
    struct cr_reader reader = cr_reader_of(bytes, count);
    struct parts parts;
    enum cr_err err = check_header(&reader, &parts);
    const size_t header_bytes = reader.position;
    if (err == CR_OK) err = check_signature(&reader, &parts);
    if (err == CR_OK) fill(&parts, bytes, header_bytes, out);
    return err;
}

enum cr_err cr_header_decode(const uint8_t *bytes, size_t count, struct cr_header *out)
{
    struct cr_reader reader = cr_reader_of(bytes, count);
    struct parts parts;
    enum cr_err err = check_header(&reader, &parts);
    if (err == CR_OK) err = cr_reader_end(&reader);
    if (err != CR_OK) return err;
    fill_fixed(parts.fixed, out);
    fill_links(&parts, out);
    return CR_OK;
}

size_t cr_header_bytes(const struct cr_header *header)
{
    return FIXED_BYTES + (header->validators_count + 7) / 8 +
           (size_t)cr_authors_count(&header->parents) * CR_HASH_BYTES + 2 +
           (size_t)header->old_count * OLD_BYTES + 2 +
           (size_t)header->evidence_count * CR_HASH_BYTES;
}

static void write_fixed(struct cr_writer *writer, const struct cr_header *header)
{
    cr_write_bytes(writer, tag, sizeof tag);
    cr_write_le(writer, CR_VERTEX_VERSION, 2);
    cr_write_le(writer, 0, 2); /* flags */
    cr_write_le(writer, header->epoch, 8);
    cr_write_le(writer, header->round, 4);
    cr_write_le(writer, header->author, 2);
    cr_write_le(writer, header->validators_count, 2);
    cr_write_le(writer, header->timestamp_ms, 8);
    cr_write_le(writer, header->payload_bytes, 4);
    cr_write_le(writer, header->payload_count, 4);
    cr_write_hash(writer, &header->payload_root);
    cr_write_le(writer, header->gc_round, 4);
    cr_write_le(writer, header->commit_index, 8);
    cr_write_hash(writer, &header->commit_digest);
    cr_write_le(writer, header->executed_index, 8);
    cr_write_hash(writer, &header->effects_digest);
    cr_write_le(writer, header->checkpoint_index, 8);
    cr_write_hash(writer, &header->state_root);
}

static void write_links(struct cr_writer *writer, const struct cr_header *header)
{
    const uint32_t bitmap_bytes = (header->validators_count + 7) / 8;
    for (uint32_t i = 0; i < bitmap_bytes; i++)
        cr_write_le(writer, header->parents.words[i / 8] >> (8 * (i % 8)) & 255, 1);
    for (uint32_t author = cr_authors_next(&header->parents, 0); author < CR_VALIDATORS_MAX;
         author = cr_authors_next(&header->parents, author + 1)) {
        CR_ASSERT(author < header->validators_count);
        cr_write_hash(writer, &header->parent_digests[author]);
    }
    cr_write_le(writer, header->old_count, 2);
    for (uint32_t i = 0; i < header->old_count; i++) {
        cr_write_le(writer, header->old[i].author, 2);
        cr_write_le(writer, header->old[i].round, 4);
        cr_write_hash(writer, &header->old[i].digest);
    }
    cr_write_le(writer, header->evidence_count, 2);
    for (uint32_t i = 0; i < header->evidence_count; i++)
        cr_write_hash(writer, &header->evidence[i]);
}

size_t cr_header_encode(const struct cr_header *header, uint8_t *bytes, size_t bytes_max)
{
    CR_ASSERT(header->validators_count <= CR_VALIDATORS_MAX);
    CR_ASSERT(header->old_count <= CR_OLD_PARENTS_MAX);
    CR_ASSERT(header->evidence_count <= CR_EVIDENCE_MAX);
    struct cr_writer writer = cr_writer_of(bytes, bytes_max);
    write_fixed(&writer, header);
    write_links(&writer, header);

    struct cr_reader reader = cr_reader_of(bytes, writer.position);
    struct parts parts;
    const enum cr_err err = check_header(&reader, &parts);
    CR_ASSERT(err == CR_OK); /* we send only what others accept */
    CR_ASSERT(reader.position == cr_header_bytes(header));
    return writer.position;
}

struct cr_hash cr_header_digest(const uint8_t *header_bytes, size_t count)
{
    return cr_hash_of(header_bytes, count);
}

size_t cr_vertex_encode_head(const struct cr_header *header, enum cr_alg alg,
                             const uint8_t *signature, size_t signature_bytes, uint8_t *bytes,
                             size_t bytes_max)
{
    CR_ASSERT(signature_bytes > 0 && signature_bytes == cr_alg_sig_bytes(alg));
    struct cr_writer writer = cr_writer_of(bytes, bytes_max);
    writer.position = cr_header_encode(header, bytes, bytes_max);
    cr_write_le(&writer, alg, 1);
    cr_write_le(&writer, signature_bytes, 2);
    cr_write_bytes(&writer, signature, signature_bytes);
    return writer.position;
}

void cr_vertex_context(const struct cr_hash *genesis_id, uint8_t out[CR_VERTEX_CONTEXT_BYTES])
{
    memcpy(out, "creto/vertex/1", 14);
    memcpy(out + 14, genesis_id->bytes, 8);
}
