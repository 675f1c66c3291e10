/* SPDX-License-Identifier: Apache-2.0 */
/* udp.h: one non-blocking UDP socket with segmentation (UDP_SEGMENT, "GSO") and coalescing
 * (UDP_GRO) where the kernel has them.
 *
 * There is one buffer to send from. What the kernel does not take stays there, and the socket is
 * busy until it has left: QUIC counts these packets as sent already.
 */
#ifndef CR_NET_UDP_H
#define CR_NET_UDP_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/base.h"
#include "net/net.h"

enum {
    CR_UDP_TX_BYTES = 65507, /* the greatest payload of one UDP send over IPv4 */
    CR_UDP_RX_BYTES = 65536,
    CR_UDP_RX_MESSAGES = 8,
    CR_UDP_SEGMENTS_MAX = 64, /* UDP_MAX_SEGMENTS of kernels before 6.9 */
    CR_UDP_TEXT_BYTES = 64,   /* "[2001:db8::1]:65535" */
};

struct cr_udp_address {
    struct sockaddr_storage storage;
    socklen_t bytes;
};

bool cr_udp_address_equal(const struct cr_udp_address *a, const struct cr_udp_address *b);
/* Same host, whatever the port. */
bool cr_udp_host_equal(const struct cr_udp_address *a, const struct cr_udp_address *b);
void cr_udp_address_print(const struct cr_udp_address *address, char text[CR_UDP_TEXT_BYTES]);

struct cr_udp {
    int fd;
    bool gso, gro;
    struct cr_udp_address local;
    struct {
        struct cr_udp_address to;
        size_t offset, count, segment_bytes;
    } pending;
    uint64_t datagrams_in, datagrams_out, syscalls_in, syscalls_out, truncated, lost_out;
    uint8_t *tx; /* CR_UDP_TX_BYTES; write packets here, then cr_udp_send */
    uint8_t *rx; /* CR_UDP_RX_MESSAGES * CR_UDP_RX_BYTES */
};

CR_MUST_CHECK enum cr_err cr_udp_open(struct cr_udp *udp, const struct cr_udp_address *listen,
                                      bool gso, struct cr_net_failure *failure);
void cr_udp_close(struct cr_udp *udp);

/* An IPv4 address in the form that a socket of IPv6 needs. */
struct cr_udp_address cr_udp_reachable(const struct cr_udp *udp, const struct sockaddr_storage *to,
                                       socklen_t to_bytes);

static inline bool cr_udp_is_busy(const struct cr_udp *udp)
{
    return udp->pending.count > 0;
}

/* Sends `count` bytes of tx as datagrams of `segment_bytes` (the last may be shorter). Errors of
 * the network lose the datagrams: QUIC sends them again. The socket must not be busy. */
void cr_udp_send(struct cr_udp *udp, const struct cr_udp_address *to, size_t count,
                 size_t segment_bytes);
/* Sends what is pending. True when the socket is no longer busy. */
bool cr_udp_send_pending(struct cr_udp *udp);
/* One datagram past the buffer, lost when the kernel does not take it: closing and refusing. */
void cr_udp_send_now(struct cr_udp *udp, const struct cr_udp_address *to, const uint8_t *bytes,
                     size_t count);

struct cr_udp_sink {
    void *context;
    void (*take)(void *context, const struct cr_udp_address *from, const uint8_t *bytes,
                 size_t count);
};

/* One read of up to CR_UDP_RX_MESSAGES. False when the socket was empty. */
bool cr_udp_receive(struct cr_udp *udp, const struct cr_udp_sink *sink);

#endif
