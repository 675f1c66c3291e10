/* SPDX-License-Identifier: Apache-2.0 */
/* body.h: the bytes of the vertices that the core knows by handle: a fixed table of
 * reference-counted frames. The frame is exactly what goes on the wire (message type VERTEX and the
 * encoded vertex), so one copy serves the log, every peer and the executor.
 *
 * Only the main loop takes and gives; other threads read the bytes while a reference is held for
 * them.
 */
#ifndef CR_NODE_BODY_H
#define CR_NODE_BODY_H

#include "net/net.h"
#include "store/log.h"
#include "wire/vertex.h"

struct cr_body {
    uint32_t references; /* 0: free */
    uint32_t next_free;
    struct cr_net_block *block; /* type u8, encoded vertex */
    struct cr_ref ref;
    uint32_t payload_offset; /* in the block */
    uint32_t payload_bytes;
    uint32_t payload_count;
    uint8_t *verdicts;               /* enum cr_sig_verdict per transaction, NULL: none known */
    bool verifying;                  /* the workers are at the verdicts: hands off */
    struct cr_log_position position; /* sequence 0: not in the log yet */
};

#define CR_BODY_NONE UINT32_MAX

struct cr_bodies {
    uint32_t count_max;
    uint32_t free_first;
    uint32_t count_used;
    uint64_t bytes_used;
    uint64_t bytes_max;
    struct cr_body *items;
};

/* False when memory is out. */
bool cr_bodies_init(struct cr_bodies *bodies, uint32_t count_max, uint64_t bytes_max);
void cr_bodies_deinit(struct cr_bodies *bodies);

/* A new body with one reference and an uninitialised block of `block_bytes`; CR_BODY_NONE when the
 * table or its byte limit is full. */
uint32_t cr_body_new(struct cr_bodies *bodies, size_t block_bytes);
struct cr_body *cr_body_get(struct cr_bodies *bodies, uint32_t body);
void cr_body_take(struct cr_bodies *bodies, uint32_t body);
void cr_body_give(struct cr_bodies *bodies, uint32_t body);
/* Fills in what a decoded vertex tells; the vertex's bytes are those of the block. */
void cr_body_describe(struct cr_body *body, const struct cr_vertex *vertex);

static inline const uint8_t *cr_body_vertex(const struct cr_body *body)
{
    return body->block->bytes + 1;
}
static inline uint32_t cr_body_vertex_bytes(const struct cr_body *body)
{
    return body->block->bytes_count - 1;
}

#endif
