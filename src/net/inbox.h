/* SPDX-License-Identifier: Apache-2.0 */
/* inbox.h: cuts the bytes of one incoming stream into frames and holds back what is refused.
 *
 * A frame that arrives whole is handed on where it lies; only the parts of a frame that is still
 * incomplete, and what follows a refused frame, are copied. QUIC flow control bounds that: credit
 * is given back for handed-on frames only (*consumed). Pure: no I/O.
 *
 * Invariant: `bytes` begins with the prefix of a frame; unless held, it has less than that frame.
 */
#ifndef CR_NET_INBOX_H
#define CR_NET_INBOX_H

#include "net/net.h"

enum cr_inbox_verdict {
    CR_INBOX_TAKEN = 1,
    CR_INBOX_HELD,  /* keep it, and call cr_inbox_resume later */
    CR_INBOX_FAULT, /* the peer broke the protocol */
};

struct cr_inbox_sink {
    void *context;
    enum cr_inbox_verdict (*take)(void *context, const uint8_t *bytes, size_t count);
};

struct cr_inbox {
    uint8_t *bytes;
    size_t bytes_count, bytes_max;
    bool held;
};

void cr_inbox_deinit(struct cr_inbox *inbox);

/* Bytes of the stream, in order. *consumed grows by prefix and length of every frame taken.
 * CR_ERR_TOO_BIG: a frame above CR_FRAME_BYTES_MAX, or more held bytes than `held_max`.
 * CR_ERR_MALFORMED: the sink found a fault. CR_ERR_UNAVAILABLE: memory is out. After an error the
 * inbox is only good for deinit. */
CR_MUST_CHECK enum cr_err cr_inbox_put(struct cr_inbox *inbox, const uint8_t *data, size_t count,
                                       size_t held_max, const struct cr_inbox_sink *sink,
                                       size_t *consumed);
/* Offers the held frames again. Same errors. */
CR_MUST_CHECK enum cr_err cr_inbox_resume(struct cr_inbox *inbox, const struct cr_inbox_sink *sink,
                                          size_t *consumed);

#endif
