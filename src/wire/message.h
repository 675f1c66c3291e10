/* SPDX-License-Identifier: Apache-2.0 */
/* message.h: what validators say to each other above the transport: one message per frame.
 *
 * frame = type u8 | body
 *   VERTEX  1  encoded vertex (wire/vertex.h), pushed or answering FETCH
 *   STATUS  2  epoch u64 | round u32 | highest_round_of_receiver u32 | gc_round u32
 *              | commit_index u64 | oldest_commit u64 (the first commit this peer can serve)
 *   FETCH   3  count u16 | count x ref {round u32, author u16, digest[32]}
 *   SYNC    4  from_commit u64 | commits u16 | skip u32        (asks for a range of old commits)
 *   RANGE   5  from_commit u64 | to_commit u64 | count u32 | skip u32 | records u16
 *              | records x {bytes u32, commit record} | count x {bytes u32, encoded vertex}
 *              records (wire/commit.h) of commits from..to, and their vertices in linear order;
 *              to < from: "cannot serve", count 0
 *   PROBE   6  nonce u64 | epoch u64 | round u32   (what has my key signed, and what have you?)
 *   PROBE_REPLY 7  nonce u64 | epoch u64 | round u32 | round_of_receiver u32 | recovering u8
 *   EPOCH_VOTE 8  certificate with one vote, the sender's (wire/epoch_cert.h)
 *   EPOCH_CERT 9  certificate; with no vote: asks for that of its epoch
 *
 * Form: 1..CR_FETCH_REFS_MAX references with authors < CR_VALIDATORS_MAX; from_commit >= 1;
 * 1..CR_SYNC_COMMITS_MAX commits, as many records at most; vertices of 1..CR_VERTEX_BYTES_MAX
 * bytes. Records and vertices are not looked into: what they say together is core/range.h.
 * recovering is 0 or 1.
 */
#ifndef CR_WIRE_MESSAGE_H
#define CR_WIRE_MESSAGE_H

#include "wire/cursor.h"
#include "wire/epoch_cert.h"
#include "wire/vertex.h"

enum cr_message_type {
    CR_MESSAGE_VERTEX = 1,
    CR_MESSAGE_STATUS = 2,
    CR_MESSAGE_FETCH = 3,
    CR_MESSAGE_SYNC = 4,
    CR_MESSAGE_RANGE = 5,
    CR_MESSAGE_PROBE = 6,
    CR_MESSAGE_PROBE_REPLY = 7,
    CR_MESSAGE_EPOCH_VOTE = 8,
    CR_MESSAGE_EPOCH_CERT = 9,
};

struct cr_status {
    uint64_t epoch;             /* that the sender is in: the rounds below are of it */
    uint32_t round;             /* of the sender's newest own vertex */
    uint32_t round_of_receiver; /* highest round of the receiver's vertices the sender accepted */
    uint32_t gc_round;
    uint64_t commit_index;
    uint64_t oldest_commit;
};

/* A node that has just started asks what it may have signed (docs/protocol.md 4.8). */
struct cr_probe {
    uint64_t nonce; /* of this start: an answer to an earlier one says nothing */
    uint64_t epoch; /* that the sender is in */
    uint32_t round; /* highest round that it knows to be signed by its key */
};

struct cr_probe_reply {
    uint64_t nonce;
    uint64_t epoch;             /* that the replier is in */
    uint32_t round;             /* it has signed nothing above this in that epoch */
    uint32_t round_of_receiver; /* it has accepted no vertex of the receiver above this */
    bool recovering;            /* it does not know what it has signed: round says nothing */
};

struct cr_message {
    enum cr_message_type type;
    const uint8_t *vertex; /* VERTEX: view of the encoded vertex */
    uint32_t vertex_bytes;
    struct cr_status status;               /* STATUS */
    struct cr_probe probe;                 /* PROBE */
    struct cr_probe_reply probe_reply;     /* PROBE_REPLY */
    struct cr_epoch_cert epoch_cert;       /* EPOCH_VOTE, EPOCH_CERT: a view */
    uint32_t refs_count;                   /* FETCH */
    struct cr_ref refs[CR_FETCH_REFS_MAX]; /* FETCH */
    uint64_t from_commit, to_commit;       /* SYNC: from and from + commits - 1; RANGE */
    uint32_t skip;                         /* SYNC, RANGE: vertices of from_commit left out */
    uint32_t range_count;                  /* RANGE: vertices */
    const uint8_t *range;                  /* RANGE: {bytes u32, vertex} repeated; walk with
                                                  cr_payload_begin/next (wire/payload.h) */
    uint32_t range_bytes;
    uint32_t records_count; /* RANGE: {bytes u32, record} repeated; the same walk */
    const uint8_t *records;
    uint32_t records_bytes;
};

/* Form only. `out` is written only on CR_OK: the fields of the type, zeros elsewhere. Views point
 * into `bytes`. */
CR_MUST_CHECK enum cr_err cr_message_decode(const uint8_t *bytes, size_t count,
                                            struct cr_message *out);
/* Exact size of the encoding, and the encoding. VERTEX and RANGE copy their views. A message that
 * would not decode is a bug of ours. */
size_t cr_message_bytes(const struct cr_message *message);
size_t cr_message_encode(const struct cr_message *message, uint8_t *bytes, size_t bytes_max);

#endif
