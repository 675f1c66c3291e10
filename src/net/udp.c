/* SPDX-License-Identifier: Apache-2.0 */
#include "net/udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SOCKET_BUFFER_BYTES = 8 * 1024 * 1024 };

/* Room for one control message, aligned as the kernel wants it. */
struct control {
    _Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(int))];
};

static const struct sockaddr_in *as_ipv4(const struct cr_udp_address *address)
{
    return (const struct sockaddr_in *)(const void *)&address->storage;
}

static const struct sockaddr_in6 *as_ipv6(const struct cr_udp_address *address)
{
    return (const struct sockaddr_in6 *)(const void *)&address->storage;
}

static in_port_t port_of(const struct cr_udp_address *address)
{
    if (address->storage.ss_family == AF_INET) return as_ipv4(address)->sin_port;
    if (address->storage.ss_family == AF_INET6) return as_ipv6(address)->sin6_port;
    return 0;
}

bool cr_udp_host_equal(const struct cr_udp_address *a, const struct cr_udp_address *b)
{
    if (a->storage.ss_family != b->storage.ss_family) return false;
    if (a->storage.ss_family == AF_INET) {
        return as_ipv4(a)->sin_addr.s_addr == as_ipv4(b)->sin_addr.s_addr;
    }
    if (a->storage.ss_family != AF_INET6) return false;
    return memcmp(&as_ipv6(a)->sin6_addr, &as_ipv6(b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

bool cr_udp_address_equal(const struct cr_udp_address *a, const struct cr_udp_address *b)
{
    return cr_udp_host_equal(a, b) && port_of(a) == port_of(b);
}

void cr_udp_address_print(const struct cr_udp_address *address, char text[CR_UDP_TEXT_BYTES])
{
    char host[INET6_ADDRSTRLEN] = "?";
    const unsigned port = ntohs(port_of(address));
    if (address->storage.ss_family == AF_INET) {
        inet_ntop(AF_INET, &as_ipv4(address)->sin_addr, host, sizeof host);
        snprintf(text, CR_UDP_TEXT_BYTES, "%s:%u", host, port);
        return;
    }
    if (address->storage.ss_family == AF_INET6) {
        const struct in6_addr *bytes = &as_ipv6(address)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(bytes)) {
            inet_ntop(AF_INET, &bytes->s6_addr[12], host, sizeof host);
            snprintf(text, CR_UDP_TEXT_BYTES, "%s:%u", host, port);
            return;
        }
        inet_ntop(AF_INET6, bytes, host, sizeof host);
    }
    snprintf(text, CR_UDP_TEXT_BYTES, "[%s]:%u", host, port);
}

struct cr_udp_address cr_udp_reachable(const struct cr_udp *udp, const struct sockaddr_storage *to,
                                       socklen_t to_bytes)
{
    struct cr_udp_address address = {.storage = *to, .bytes = to_bytes};
    if (udp->local.storage.ss_family != AF_INET6 || to->ss_family != AF_INET) return address;
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = port_of(&address)};
    mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xff;
    memcpy(&mapped.sin6_addr.s6_addr[12], &as_ipv4(&address)->sin_addr, 4);
    memset(&address.storage, 0, sizeof address.storage);
    memcpy(&address.storage, &mapped, sizeof mapped);
    address.bytes = sizeof mapped;
    return address;
}

static bool set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/* FORCE needs CAP_NET_ADMIN; without it net.core.[rw]mem_max is the bound. */
static void set_buffers(int fd)
{
    if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER_BYTES)) {
        (void)set(fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER_BYTES);
    }
    if (!set(fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER_BYTES)) {
        (void)set(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER_BYTES);
    }
}

static void set_options(struct cr_udp *udp, bool gso)
{
    const bool ipv6 = udp->local.storage.ss_family == AF_INET6;
    set_buffers(udp->fd);
    /* "Do not fragment", and no belief in ICMP: QUIC probes the path itself. */
    if (ipv6) {
        (void)set(udp->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
    }
    (void)set(udp->fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    udp->gro = set(udp->fd, IPPROTO_UDP, UDP_GRO, 1);
    udp->gso = gso && set(udp->fd, IPPROTO_UDP, UDP_SEGMENT, 0);
}

static enum cr_err fail(struct cr_net_failure *failure, const char *what,
                        const struct cr_udp_address *address)
{
    char text[CR_UDP_TEXT_BYTES];
    cr_udp_address_print(address, text);
    failure->err = CR_ERR_IO;
    snprintf(failure->text, sizeof failure->text, "cannot %s %s: %s", what, text, strerror(errno));
    return CR_ERR_IO;
}

enum cr_err cr_udp_open(struct cr_udp *udp, const struct cr_udp_address *listen, bool gso,
                        struct cr_net_failure *failure)
{
    memset(udp, 0, sizeof *udp);
    udp->fd = socket(listen->storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (udp->fd < 0) return fail(failure, "make a UDP socket for", listen);
    udp->local = *listen;
    udp->tx = malloc(CR_UDP_TX_BYTES);
    udp->rx = malloc((size_t)CR_UDP_RX_MESSAGES * CR_UDP_RX_BYTES);
    if (!udp->tx || !udp->rx) return fail(failure, "find memory for", listen);

    set_options(udp, gso);
    if (listen->storage.ss_family == AF_INET6) {
        (void)set(udp->fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    }
    const struct sockaddr *name = (const struct sockaddr *)&listen->storage;
    if (bind(udp->fd, name, listen->bytes) != 0) return fail(failure, "bind", listen);
    udp->local.bytes = sizeof udp->local.storage;
    if (getsockname(udp->fd, (struct sockaddr *)&udp->local.storage, &udp->local.bytes) != 0) {
        return fail(failure, "learn the address of", listen);
    }
    return CR_OK;
}

void cr_udp_close(struct cr_udp *udp)
{
    if (udp->fd >= 0) close(udp->fd);
    free(udp->tx);
    free(udp->rx);
    memset(udp, 0, sizeof *udp);
    udp->fd = -1;
}

/* Sends the rest in one call, cut by the kernel. 0 or an errno. */
static int send_segmented(struct cr_udp *udp)
{
    struct iovec part = {.iov_base = udp->tx + udp->pending.offset,
                         .iov_len = udp->pending.count - udp->pending.offset};
    struct control control = {.bytes = {0}};
    struct msghdr message = {.msg_name = &udp->pending.to.storage,
                             .msg_namelen = udp->pending.to.bytes,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = CMSG_SPACE(sizeof(uint16_t))};
    const uint16_t segment_bytes = (uint16_t)udp->pending.segment_bytes;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = IPPROTO_UDP;
    head->cmsg_type = UDP_SEGMENT;
    head->cmsg_len = CMSG_LEN(sizeof segment_bytes);
    memcpy(CMSG_DATA(head), &segment_bytes, sizeof segment_bytes);

    udp->syscalls_out++;
    if (sendmsg(udp->fd, &message, 0) < 0) return errno;
    udp->datagrams_out += (part.iov_len + segment_bytes - 1) / segment_bytes;
    udp->pending.offset = udp->pending.count;
    return 0;
}

/* Sends the rest datagram by datagram. 0 or the errno of the first one not taken. */
static int send_each(struct cr_udp *udp)
{
    while (udp->pending.offset < udp->pending.count) {
        struct mmsghdr messages[CR_UDP_SEGMENTS_MAX];
        struct iovec parts[CR_UDP_SEGMENTS_MAX];
        unsigned count = 0;
        for (size_t at = udp->pending.offset;
             at < udp->pending.count && count < CR_UDP_SEGMENTS_MAX; count++) {
            size_t bytes = udp->pending.count - at;
            if (bytes > udp->pending.segment_bytes) bytes = udp->pending.segment_bytes;
            parts[count] = (struct iovec){.iov_base = udp->tx + at, .iov_len = bytes};
            messages[count] = (struct mmsghdr){.msg_hdr = {.msg_name = &udp->pending.to.storage,
                                                           .msg_namelen = udp->pending.to.bytes,
                                                           .msg_iov = &parts[count],
                                                           .msg_iovlen = 1}};
            at += bytes;
        }
        udp->syscalls_out++;
        const int sent = sendmmsg(udp->fd, messages, count, 0);
        if (sent < 0) return errno;
        for (int i = 0; i < sent; i++)
            udp->pending.offset += parts[i].iov_len;
        udp->datagrams_out += (uint64_t)sent;
    }
    return 0;
}

/* Some network cards and virtual machines refuse segmentation only when it is used (EIO). EINVAL
 * may also be the fault of the address, which is why a plain send has to succeed first. */
static int send_without_gso(struct cr_udp *udp, int refusal)
{
    const size_t before = udp->pending.offset;
    const int error = send_each(udp);
    if (refusal == EIO || (refusal == EINVAL && udp->pending.offset > before)) udp->gso = false;
    return error;
}

bool cr_udp_send_pending(struct cr_udp *udp)
{
    while (udp->pending.offset < udp->pending.count) {
        const bool many = udp->pending.count - udp->pending.offset > udp->pending.segment_bytes;
        int error = udp->gso && many ? send_segmented(udp) : send_each(udp);
        if (udp->gso && many && (error == EIO || error == EINVAL || error == EMSGSIZE)) {
            error = send_without_gso(udp, error);
        }
        if (error == 0 || error == EINTR) continue;
        if (error == EAGAIN) return false;
        /* Unreachable, too big for the interface (a probe of the path), refused by a firewall. */
        udp->lost_out++;
        udp->pending.offset += udp->pending.segment_bytes;
    }
    udp->pending.count = udp->pending.offset = 0;
    return true;
}

void cr_udp_send(struct cr_udp *udp, const struct cr_udp_address *to, size_t count,
                 size_t segment_bytes)
{
    CR_ASSERT(!cr_udp_is_busy(udp));
    CR_ASSERT(count <= CR_UDP_TX_BYTES);
    CR_ASSERT(segment_bytes > 0);
    udp->pending.to = *to;
    udp->pending.offset = 0;
    udp->pending.count = count;
    udp->pending.segment_bytes = segment_bytes;
    (void)cr_udp_send_pending(udp); /* what is left waits for cr_net_wants_write */
}

void cr_udp_send_now(struct cr_udp *udp, const struct cr_udp_address *to, const uint8_t *bytes,
                     size_t count)
{
    udp->syscalls_out++;
    const struct sockaddr *name = (const struct sockaddr *)&to->storage;
    if (sendto(udp->fd, bytes, count, 0, name, to->bytes) >= 0) {
        udp->datagrams_out++;
    } else {
        udp->lost_out++;
    }
}

/* The size of the datagrams that the kernel has joined; 0 when it is a single one. */
static size_t segment_bytes_of(struct msghdr *message)
{
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level != IPPROTO_UDP || head->cmsg_type != UDP_GRO) continue;
        int bytes;
        memcpy(&bytes, CMSG_DATA(head), sizeof bytes);
        return bytes > 0 ? (size_t)bytes : 0;
    }
    return 0;
}

static void split(struct cr_udp *udp, struct msghdr *message, size_t count,
                  const struct cr_udp_sink *sink, const struct cr_udp_address *from)
{
    const uint8_t *bytes = message->msg_iov->iov_base;
    /* Nobody can be answered at port 0; and a send there fails as if GSO were at fault. */
    if ((message->msg_flags & MSG_TRUNC) || count == 0 || port_of(from) == 0) {
        udp->truncated++;
        return;
    }
    size_t segment_bytes = segment_bytes_of(message);
    if (segment_bytes == 0) segment_bytes = count;
    for (size_t at = 0; at < count; at += segment_bytes) {
        const size_t rest = count - at;
        udp->datagrams_in++;
        sink->take(sink->context, from, bytes + at, rest < segment_bytes ? rest : segment_bytes);
    }
}

bool cr_udp_receive(struct cr_udp *udp, const struct cr_udp_sink *sink)
{
    struct mmsghdr messages[CR_UDP_RX_MESSAGES];
    struct iovec parts[CR_UDP_RX_MESSAGES];
    struct cr_udp_address from[CR_UDP_RX_MESSAGES];
    struct control controls[CR_UDP_RX_MESSAGES];
    for (size_t i = 0; i < CR_UDP_RX_MESSAGES; i++) {
        memset(&from[i], 0, sizeof from[i]);
        parts[i] =
            (struct iovec){.iov_base = udp->rx + i * CR_UDP_RX_BYTES, .iov_len = CR_UDP_RX_BYTES};
        messages[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &from[i].storage,
                                                   .msg_namelen = sizeof from[i].storage,
                                                   .msg_iov = &parts[i],
                                                   .msg_iovlen = 1,
                                                   .msg_control = &controls[i],
                                                   .msg_controllen = sizeof controls[i]}};
    }
    udp->syscalls_in++;
    const int count = recvmmsg(udp->fd, messages, CR_UDP_RX_MESSAGES, 0, NULL);
    if (count <= 0) return false;
    for (int i = 0; i < count; i++) {
        from[i].bytes = messages[i].msg_hdr.msg_namelen;
        split(udp, &messages[i].msg_hdr, messages[i].msg_len, sink, &from[i]);
    }
    return count == CR_UDP_RX_MESSAGES;
}
