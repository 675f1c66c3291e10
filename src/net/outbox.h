/* SPDX-License-Identifier: Apache-2.0 */
/* outbox.h: the frames one connection still has to send or to get acknowledged on one stream.
 *
 * Blocks stay until the peer has acknowledged their last byte, because QUIC sends lost bytes again
 * from here. Pure: no I/O; memory for the ring of pointers only.
 *
 *      offset_first          offset_written                offset_end
 *      |  acknowledged later |  not yet given to QUIC      |
 *      [frame][frame][frame] [frame][frame] ...
 *
 * Invariant: offset_first <= offset_written <= offset_end, all are positions in the stream.
 */
#ifndef CR_NET_OUTBOX_H
#define CR_NET_OUTBOX_H

#include <ngtcp2/ngtcp2.h>

#include "net/net.h"

enum { CR_OUTBOX_FRAMES_MAX = 65536 };

struct cr_outbox {
    struct cr_net_block **ring; /* `slots` of them, a power of two */
    uint32_t slots, first, count;
    uint32_t next;      /* blocks from `first` on that are written whole */
    size_t next_offset; /* bytes written of block `next`, prefix included */
    uint64_t offset_first, offset_written, offset_end;
};

void cr_outbox_deinit(struct cr_outbox *outbox);

/* Takes a reference of its own. CR_ERR_FULL: CR_NET_QUEUE_BYTES_MAX or CR_OUTBOX_FRAMES_MAX would
 * be exceeded, or memory is out. An empty outbox takes any frame. */
CR_MUST_CHECK enum cr_err cr_outbox_put(struct cr_outbox *outbox, struct cr_net_block *block);

/* The next unwritten bytes, at most `vectors_max` frames. Returns the number of vectors. */
size_t cr_outbox_vectors(const struct cr_outbox *outbox, ngtcp2_vec *vectors, size_t vectors_max);
/* `bytes` of these have been given to QUIC. Returns how many frames that completed. */
uint32_t cr_outbox_wrote(struct cr_outbox *outbox, size_t bytes);
/* The peer has everything before stream position `offset`. */
void cr_outbox_acked(struct cr_outbox *outbox, uint64_t offset);

static inline uint64_t cr_outbox_bytes(const struct cr_outbox *outbox)
{
    return outbox->offset_end - outbox->offset_first;
}

static inline bool cr_outbox_has_unwritten(const struct cr_outbox *outbox)
{
    return outbox->offset_written < outbox->offset_end;
}

#endif
