/* SPDX-License-Identifier: Apache-2.0 */
/* body.h: bytes on their way: frames, and the vertices found in them. Counted references, because
 * one frame is in flight to several nodes and in several logs at once. Immutable when made. */
#ifndef CR_SIM_BODY_H
#define CR_SIM_BODY_H

#include "disk.h"
#include "wire/message.h"

struct cr_frame {
    uint32_t refs;
    uint32_t bytes_count;
    uint8_t bytes[];
};

struct cr_frame *cr_frame_take(const struct cr_message *message); /* encoded; one reference */
struct cr_frame *cr_frame_copy(const struct cr_frame *frame);
struct cr_frame *cr_frame_share(struct cr_frame *frame);
void cr_frame_give(struct cr_frame *frame);

/* What a core's body handle stands for. */
struct cr_body {
    uint32_t refs;
    struct cr_frame *frame; /* holds the bytes below */
    const uint8_t *vertex;  /* encoded */
    uint32_t vertex_bytes;
    struct cr_hash digest;
    uint64_t epoch;
    uint32_t round;
    uint32_t author;
    const uint8_t *payload;
    uint32_t payload_bytes;
    uint32_t payload_count;
    bool checked_for_wire; /* an own vertex that was found durable before it was sent */
    struct cr_frame *push; /* the VERTEX frame, made at the first send */
};

struct cr_body *cr_body_take(struct cr_frame *frame, const struct cr_vertex *vertex,
                             const uint8_t *vertex_bytes, uint32_t vertex_bytes_count);
struct cr_body *cr_body_share(struct cr_body *body);
void cr_body_give(struct cr_body *body);
/* A new reference to the frame that pushes this vertex. */
struct cr_frame *cr_body_push(struct cr_body *body);
/* A vertex that has arrived, looked at once for all its receivers: what is in it, and whether it is
 * sound and signed, depends on its bytes alone. Only what a node itself decides (is it wanted, is
 * it new) is asked at each. */
struct cr_arrival {
    struct cr_frame *frame; /* one reference */
    const uint8_t *bytes;
    uint32_t bytes_count;
    bool decoded;
    bool valid; /* payload and signature */
    struct cr_vertex vertex;
};

enum { CR_ARRIVALS = 64 };

/* `arrivals` has CR_ARRIVALS places, zeroed before the first call. Valid until the next call. */
const struct cr_arrival *cr_arrival_look(struct cr_arrival *arrivals, struct cr_frame *frame,
                                         const uint8_t *bytes, uint32_t bytes_count);

/* Decodes what was decoded before: `out` cannot fail to be filled. */
void cr_body_decode(const struct cr_body *body, struct cr_vertex *out);

/* The decoded COMMIT record; its arrays are in static memory until the next call. */
const struct cr_commit *cr_disk_record_commit(const struct cr_disk_record *record);
uint64_t cr_disk_record_commit_index(const struct cr_disk_record *record);

/* The signatures of the simulation: a keyed BLAKE3 of digest and signer, stretched to the length
 * that the wire format wants. `signer` is an author or an account. */
void cr_stub_sign(const struct cr_hash *digest, const void *signer, size_t signer_bytes,
                  uint8_t *signature, size_t signature_bytes);
bool cr_stub_verify(const struct cr_hash *digest, const void *signer, size_t signer_bytes,
                    const uint8_t *signature, size_t signature_bytes);
/* Whether a vertex has the stub signature of its author. */
bool cr_stub_vertex_is_signed(const struct cr_vertex *vertex);

#endif
