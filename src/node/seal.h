/* SPDX-License-Identifier: Apache-2.0 */
/* seal.h: the signer thread: turns a proposed header and a payload into a signed vertex. One job at
 * a time, for the core has at most one proposal open. Signing takes a millisecond and more, so it
 * never happens on the main loop. */
#ifndef CR_NODE_SEAL_H
#define CR_NODE_SEAL_H

#include "crypto/keys.h"
#include "node/body.h"
#include "wire/vertex.h"

struct cr_seal_job {
    struct cr_header header; /* in: payload_bytes and payload_count set; out: payload_root too */
    uint32_t body;
    uint8_t *vertex;       /* the block's vertex bytes; the payload is in place at the end */
    size_t vertex_bytes;   /* exactly cr_seal_vertex_bytes(header, key) */
    struct cr_hash digest; /* out */
    bool failed;           /* out: OpenSSL refused */
};

struct cr_seal;

struct cr_seal *cr_seal_start(const struct cr_secret_key *key, const struct cr_hash *genesis_id,
                              int wake_fd);
void cr_seal_stop(struct cr_seal *seal); /* waits for the job under way; NULL is allowed */

/* Size of the encoded vertex with this header. */
size_t cr_seal_vertex_bytes(const struct cr_header *header, enum cr_alg alg);
/* Main loop: the free job to fill in (it must be free: a second proposal is a bug), then submit. */
struct cr_seal_job *cr_seal_new(struct cr_seal *seal);
void cr_seal_submit(struct cr_seal *seal);
/* Main loop: the job when it is done, else NULL. Free again after cr_seal_release. */
struct cr_seal_job *cr_seal_done(struct cr_seal *seal);
void cr_seal_release(struct cr_seal *seal);

#endif
