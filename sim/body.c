/* SPDX-License-Identifier: Apache-2.0 */
/* body.c: frames, vertices, stub signatures. */
#include "body.h"

#include <string.h>

#include "crypto/hash.h"
#include "wire/payload.h"

static struct cr_frame *frame_of(uint32_t bytes_count)
{
    struct cr_frame *frame = cr_run_take_raw(sizeof *frame + bytes_count);
    frame->refs = 1;
    frame->bytes_count = bytes_count;
    return frame;
}

struct cr_frame *cr_frame_take(const struct cr_message *message)
{
    const size_t bytes = cr_message_bytes(message);
    CR_ASSERT(bytes <= CR_FRAME_BYTES_MAX);
    struct cr_frame *frame = frame_of((uint32_t)bytes);
    CR_ASSERT(cr_message_encode(message, frame->bytes, bytes) == bytes);
    return frame;
}

struct cr_frame *cr_frame_copy(const struct cr_frame *frame)
{
    struct cr_frame *copy = frame_of(frame->bytes_count);
    memcpy(copy->bytes, frame->bytes, frame->bytes_count);
    return copy;
}

struct cr_frame *cr_frame_share(struct cr_frame *frame)
{
    frame->refs++;
    return frame;
}

void cr_frame_give(struct cr_frame *frame)
{
    if (!frame) return;
    CR_ASSERT(frame->refs > 0);
    if (--frame->refs == 0) cr_run_give(frame);
}

struct cr_body *cr_body_take(struct cr_frame *frame, const struct cr_vertex *vertex,
                             const uint8_t *vertex_bytes, uint32_t vertex_bytes_count)
{
    struct cr_body *body = cr_run_take(sizeof *body);
    *body = (struct cr_body){
        .refs = 1,
        .frame = cr_frame_share(frame),
        .vertex = vertex_bytes,
        .vertex_bytes = vertex_bytes_count,
        .digest = vertex->digest,
        .epoch = vertex->header.epoch,
        .round = vertex->header.round,
        .author = vertex->header.author,
        .payload = vertex->payload,
        .payload_bytes = vertex->header.payload_bytes,
        .payload_count = vertex->header.payload_count,
    };
    return body;
}

struct cr_body *cr_body_share(struct cr_body *body)
{
    body->refs++;
    return body;
}

void cr_body_give(struct cr_body *body)
{
    CR_ASSERT(body->refs > 0);
    if (--body->refs > 0) return;
    cr_frame_give(body->frame);
    cr_frame_give(body->push);
    cr_run_give(body);
}

struct cr_frame *cr_body_push(struct cr_body *body)
{
    if (!body->push) {
        body->push = cr_frame_take(&(struct cr_message){
            .type = CR_MESSAGE_VERTEX, .vertex = body->vertex, .vertex_bytes = body->vertex_bytes});
    }
    return cr_frame_share(body->push);
}

void cr_body_decode(const struct cr_body *body, struct cr_vertex *out)
{
    CR_ASSERT(cr_vertex_decode(body->vertex, body->vertex_bytes, out) == CR_OK);
    CR_ASSERT(cr_hash_equal(&out->digest, &body->digest));
}

const struct cr_commit *cr_disk_record_commit(const struct cr_disk_record *record)
{
    enum { REFS_MAX = CR_VALIDATORS_MAX * (CR_ROUND_WINDOW * CR_VARIANTS_MAX + 1) };
    static struct cr_ref refs[REFS_MAX];
    static struct cr_commit commit;
    CR_ASSERT(record->kind == CR_RECORD_COMMIT);
    CR_ASSERT(cr_commit_decode(record->commit, record->commit_bytes, refs, REFS_MAX, &commit) ==
              CR_OK);
    return &commit;
}

uint64_t cr_disk_record_commit_index(const struct cr_disk_record *record)
{
    return cr_disk_record_commit(record)->index;
}

static bool payload_is_well_formed(const struct cr_vertex *vertex)
{
    const struct cr_header *header = &vertex->header;
    const struct cr_hash root = cr_hash_of(vertex->payload, header->payload_bytes);
    if (!cr_hash_equal(&root, &header->payload_root)) return false;
    return cr_payload_check(vertex->payload, header->payload_bytes, header->payload_count) == CR_OK;
}

bool cr_stub_vertex_is_signed(const struct cr_vertex *vertex)
{
    uint8_t author[4];
    cr_store_le(author, vertex->header.author, sizeof author);
    return vertex->sig_alg == CR_ALG_MLDSA65 &&
           cr_stub_verify(&vertex->digest, author, sizeof author, vertex->signature,
                          vertex->signature_bytes);
}

const struct cr_arrival *cr_arrival_look(struct cr_arrival *arrivals, struct cr_frame *frame,
                                         const uint8_t *bytes, uint32_t bytes_count)
{
    /* Frames lie at multiples of 16; those of a range hold several vertices. */
    const uintptr_t place = ((uintptr_t)bytes >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 58;
    struct cr_arrival *arrival = &arrivals[place % CR_ARRIVALS];
    if (arrival->frame == frame && arrival->bytes == bytes && arrival->bytes_count == bytes_count)
        return arrival;
    cr_frame_give(arrival->frame);
    arrival->frame = cr_frame_share(frame); /* as long as we hold it, no other has its address */
    arrival->bytes = bytes;
    arrival->bytes_count = bytes_count;
    arrival->decoded = cr_vertex_decode(bytes, bytes_count, &arrival->vertex) == CR_OK;
    arrival->valid = arrival->decoded && payload_is_well_formed(&arrival->vertex) &&
                     cr_stub_vertex_is_signed(&arrival->vertex);
    return arrival;
}

static void stub_seed(const struct cr_hash *digest, const void *signer, size_t signer_bytes,
                      uint8_t seed[CR_HASH_BYTES])
{
    static const uint8_t key[BLAKE3_KEY_LEN] = "signatures of the simulation";
    blake3_hasher hasher;
    blake3_hasher_init_keyed(&hasher, key);
    blake3_hasher_update(&hasher, digest->bytes, sizeof digest->bytes);
    blake3_hasher_update(&hasher, signer, signer_bytes);
    blake3_hasher_finalize(&hasher, seed, CR_HASH_BYTES);
}

void cr_stub_sign(const struct cr_hash *digest, const void *signer, size_t signer_bytes,
                  uint8_t *signature, size_t signature_bytes)
{
    CR_ASSERT(signature_bytes >= CR_HASH_BYTES);
    stub_seed(digest, signer, signer_bytes, signature);
    for (size_t at = CR_HASH_BYTES; at < signature_bytes; at += CR_HASH_BYTES) {
        const size_t left = signature_bytes - at;
        memcpy(signature + at, signature, left < CR_HASH_BYTES ? left : CR_HASH_BYTES);
    }
}

bool cr_stub_verify(const struct cr_hash *digest, const void *signer, size_t signer_bytes,
                    const uint8_t *signature, size_t signature_bytes)
{
    uint8_t seed[CR_HASH_BYTES];
    if (signature_bytes < sizeof seed) return false;
    stub_seed(digest, signer, signer_bytes, seed);
    return memcmp(signature, seed, sizeof seed) == 0 &&
           memcmp(signature + sizeof seed, signature, signature_bytes - sizeof seed) == 0;
}
