/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/prng.h"
#include "net/net.h"

enum { NODES_MAX = 8, TIMEOUT_MS = 30 * 1000, REPORTS_BYTES = 4096 };

/* A node that checks all it receives: frame number k of (sender, class) has the size and the bytes
 * that `fill` makes from these three. */
struct node {
    uint32_t index;
    struct cr_net *net;
    struct cr_net_config config;
    struct cr_net_peer peers[NODES_MAX];
    bool up[NODES_MAX];
    uint32_t ups[NODES_MAX], downs[NODES_MAX];
    uint64_t sent[NODES_MAX][CR_NET_CLASSES], received[NODES_MAX][CR_NET_CLASSES];
    uint64_t refused; /* times on_frame said no */
    bool closed;      /* on_frame says no */
    const size_t *sizes;
    size_t sizes_count;
    uint64_t latency_us_max;
    char reports[REPORTS_BYTES];
    char reason[256];
};

static struct {
    struct cr_secret_key *keys[NODES_MAX + 1];
    struct cr_public_key publics[NODES_MAX + 1];
    struct node nodes[NODES_MAX];
    uint32_t nodes_count;
} world;

static const char *const names[NODES_MAX] = {"alpha",   "beta", "gamma", "delta",
                                             "epsilon", "zeta", "eta",   "theta"};
static const struct cr_hash genesis = {{0xaa, 1, 2, 3}};
static const struct cr_hash other_genesis = {{0xbb, 4, 5, 6}};
static const size_t sizes_all[] = {0,    1,    2,    3,     4,       5,       100,
                                   1199, 1200, 4096, 65535, 65536,   100000,  512000,
                                   0,    0,    7,    70000, 1 << 20, 1 << 20, 1};

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void fill(uint8_t *bytes, size_t count, uint32_t from, enum cr_net_class class, uint64_t k)
{
    struct cr_prng prng = cr_prng_stream(from, class, k);
    size_t at = 0;
    for (; at + 8 <= count; at += 8)
        cr_store_le(bytes + at, cr_prng_next(&prng), 8);
    for (; at < count; at++)
        bytes[at] = (uint8_t)(k + at);
}

static bool on_frame(void *context, uint32_t from, enum cr_net_class class, const uint8_t *bytes,
                     size_t count)
{
    struct node *node = context;
    static uint8_t expected[CR_FRAME_BYTES_MAX];
    if (node->closed) {
        node->refused++;
        return false;
    }
    const uint64_t k = node->received[from][class]++;
    assert_true(node->up[from]);
    assert_int_equal(count, node->sizes[k % node->sizes_count]);
    fill(expected, count, from, class, k);
    assert_memory_equal(bytes, expected, count);
    return true;
}

static void on_peer(void *context, uint32_t peer, bool up, const char *reason)
{
    struct node *node = context;
    assert_int_equal(node->up[peer], !up);
    node->up[peer] = up;
    if (up) {
        node->ups[peer]++;
        node->received[peer][0] = node->received[peer][1] = node->received[peer][2] = 0;
        node->sent[peer][0] = node->sent[peer][1] = node->sent[peer][2] = 0;
    } else {
        node->downs[peer]++;
        snprintf(node->reason, sizeof node->reason, "%s", reason);
    }
}

static void on_report(void *context, const char *text)
{
    struct node *node = context;
    const size_t at = strlen(node->reports);
    snprintf(node->reports + at, sizeof node->reports - at, "%s\n", text);
}

static struct sockaddr_in *ipv4(struct sockaddr_storage *storage)
{
    return (struct sockaddr_in *)(void *)storage;
}

static void set_loopback(struct sockaddr_storage *storage, socklen_t *bytes, in_port_t port)
{
    memset(storage, 0, sizeof *storage);
    *ipv4(storage) = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *bytes = sizeof(struct sockaddr_in);
}

static void prepare(uint32_t count)
{
    world.nodes_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct node *node = &world.nodes[i];
        memset(node, 0, sizeof *node);
        node->index = i;
        node->sizes = sizes_all;
        node->sizes_count = CR_COUNT_OF(sizes_all);
        for (uint32_t j = 0; j < count; j++)
            node->peers[j] = (struct cr_net_peer){.name = names[j], .key = &world.publics[j]};
        node->config = (struct cr_net_config){
            .self = i,
            .peers_count = count,
            .peers = node->peers,
            .key = world.keys[i],
            .genesis_id = genesis,
            .seed = 7,
            .gso = true,
            .callbacks = {.context = node,
                          .on_frame = on_frame,
                          .on_peer = on_peer,
                          .report = on_report},
        };
        set_loopback(&node->config.listen, &node->config.listen_bytes, 0);
    }
}

/* The first open takes any free port and tells the others; a later one takes the same again. */
static void open_node(struct node *node)
{
    struct cr_net_failure failure;
    const enum cr_err err = cr_net_open(&node->config, &node->net, &failure);
    if (err != CR_OK) fail_msg("%s", failure.text);
    struct sockaddr_storage bound;
    socklen_t bytes = sizeof bound;
    assert_int_equal(getsockname(cr_net_fd(node->net), (struct sockaddr *)&bound, &bytes), 0);
    node->config.listen = bound;
    for (uint32_t j = 0; j < world.nodes_count; j++) {
        world.nodes[j].peers[node->index].address = bound;
        world.nodes[j].peers[node->index].address_bytes = bytes;
    }
}

static void close_node(struct node *node)
{
    cr_net_close(node->net);
    node->net = NULL;
    memset(node->up, 0, sizeof node->up);
}

/* As if by SIGKILL: nothing more is sent. */
static void kill_node(struct node *node)
{
    const int nowhere = open("/dev/null", O_RDWR);
    assert_true(nowhere >= 0);
    assert_true(dup2(nowhere, cr_net_fd(node->net)) >= 0);
    close(nowhere);
    close_node(node);
}

static void start(uint32_t count)
{
    prepare(count);
    for (uint32_t i = 0; i < count; i++)
        open_node(&world.nodes[i]);
}

static void stop(void)
{
    for (uint32_t i = 0; i < world.nodes_count; i++)
        close_node(&world.nodes[i]);
}

/* A bad line between nodes 0 and 1: loses, doubles and swaps datagrams. */
static struct {
    int fd;
    struct cr_prng prng;
    uint32_t lost_per_100, doubled_per_100, late_per_100;
    uint32_t lose; /* the n-th datagram of each side */
    bool bent;     /* each datagram comes after damaged copies of it */
    uint32_t passed[2];
    struct sockaddr_in late_to;
    uint8_t late[65536];
    size_t late_count;
} line;

static void pass(const uint8_t *bytes, size_t count, const struct sockaddr_in *to)
{
    (void)sendto(line.fd, bytes, count, 0, (const struct sockaddr *)to, sizeof *to);
}

static void pass_damaged(const uint8_t *bytes, size_t count, const struct sockaddr_in *to,
                         const struct sockaddr_in *from)
{
    static uint8_t copy[65536];
    memcpy(copy, bytes, count);
    const uint64_t flips = 1 + cr_prng_below(&line.prng, 3);
    const size_t reach = cr_prng_below(&line.prng, 2) == 0 && count > 48 ? 48 : count;
    for (uint64_t i = 0; i < flips; i++)
        copy[cr_prng_below(&line.prng, reach)] ^= (uint8_t)(1u << cr_prng_below(&line.prng, 8));
    pass(copy, count, to);
    pass(bytes, cr_prng_below(&line.prng, count), to);
    pass(cr_prng_below(&line.prng, 2) == 0 ? bytes : copy, count, from);
}

static void relay(void)
{
    static uint8_t bytes[65536];
    struct sockaddr_in from;
    socklen_t from_bytes = sizeof from;
    for (;;) {
        const ssize_t count =
            recvfrom(line.fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &from_bytes);
        if (count <= 0) return;
        const struct sockaddr_in *dialler = ipv4(&world.nodes[0].config.listen);
        const struct sockaddr_in *to =
            from.sin_port == dialler->sin_port ? ipv4(&world.nodes[1].config.listen) : dialler;
        if (++line.passed[to == dialler] == line.lose) continue;
        if (line.bent) pass_damaged(bytes, (size_t)count, to, &from);
        const uint64_t dice = cr_prng_below(&line.prng, 100);
        if (dice < line.lost_per_100) continue;
        if (dice < line.lost_per_100 + line.late_per_100 && line.late_count == 0) {
            memcpy(line.late, bytes, (size_t)count);
            line.late_count = (size_t)count;
            line.late_to = *to;
            continue;
        }
        pass(bytes, (size_t)count, to);
        if (dice >= 100 - line.doubled_per_100) pass(bytes, (size_t)count, to);
        if (line.late_count > 0) pass(line.late, line.late_count, &line.late_to);
        line.late_count = 0;
    }
}

/* One turn of everybody's main loop. */
static void turn(int wait_ms_max)
{
    struct pollfd fds[NODES_MAX + 1];
    nfds_t fds_count = 0;
    uint64_t deadline = UINT64_MAX;
    for (uint32_t i = 0; i < world.nodes_count; i++) {
        const struct cr_net *net = world.nodes[i].net;
        if (!net) continue;
        const short events = (short)(POLLIN | (cr_net_wants_write(net) ? POLLOUT : 0));
        fds[fds_count++] = (struct pollfd){.fd = cr_net_fd(net), .events = events};
        const uint64_t due = cr_net_deadline_us(net);
        if (due < deadline) deadline = due;
    }
    const uint64_t before = now_us();
    uint64_t wait_us = deadline > before ? deadline - before : 0;
    if (wait_us > (uint64_t)wait_ms_max * 1000) wait_us = (uint64_t)wait_ms_max * 1000;
    const struct timespec wait = {.tv_sec = (time_t)(wait_us / 1000000),
                                  .tv_nsec = (long)(wait_us % 1000000) * 1000};
    if (line.fd > 0) fds[fds_count++] = (struct pollfd){.fd = line.fd, .events = POLLIN};
    ppoll(fds, fds_count, &wait, NULL);
    if (line.fd > 0) relay();
    for (uint32_t i = 0; i < world.nodes_count; i++) {
        if (!world.nodes[i].net) continue;
        cr_net_run(world.nodes[i].net, now_us());
        cr_net_flush(world.nodes[i].net, now_us());
    }
}

static void run_for(uint64_t ms)
{
    const uint64_t end = now_us() + ms * 1000;
    while (now_us() < end)
        turn(10);
}

static bool all_up(void)
{
    for (uint32_t i = 0; i < world.nodes_count; i++) {
        for (uint32_t j = 0; j < world.nodes_count; j++) {
            if (i != j && !world.nodes[i].up[j]) return false;
        }
    }
    return true;
}

/* Returns the milliseconds it took. */
static uint64_t run_until(bool (*done)(void), const char *what)
{
    const uint64_t begin = now_us();
    while (!done()) {
        if (now_us() > begin + UINT64_C(1000) * TIMEOUT_MS) fail_msg("timeout: %s", what);
        turn(20);
    }
    return (now_us() - begin) / 1000;
}

static enum cr_err send_next(struct node *from, uint32_t to, enum cr_net_class class)
{
    const uint64_t k = from->sent[to][class];
    struct cr_net_block *block = cr_net_block_new(from->sizes[k % from->sizes_count]);
    assert_non_null(block);
    fill(block->bytes, block->bytes_count, from->index, class, k);
    const enum cr_err err = cr_net_send(from->net, to, class, block);
    if (err == CR_OK) from->sent[to][class]++;
    cr_net_block_give(block);
    return err;
}

static bool all_received(void)
{
    for (uint32_t i = 0; i < world.nodes_count; i++) {
        for (uint32_t j = 0; j < world.nodes_count; j++) {
            const size_t bytes = sizeof world.nodes[i].sent[j];
            if (i != j && memcmp(world.nodes[i].sent[j], world.nodes[j].received[i], bytes) != 0) {
                return false;
            }
        }
    }
    return true;
}

/* Each node sends each other one all sizes in all classes. */
static void send_all_sizes(struct node *from)
{
    for (uint32_t to = 0; to < world.nodes_count; to++) {
        for (uint32_t k = 0; to != from->index && k < from->sizes_count * CR_NET_CLASSES; k++) {
            const enum cr_net_class class = (enum cr_net_class)(k % CR_NET_CLASSES);
            assert_int_equal(send_next(from, to, class), CR_OK);
        }
    }
}

static void exchange(uint32_t rounds)
{
    for (uint32_t round = 0; round < rounds; round++) {
        for (uint32_t i = 0; i < world.nodes_count; i++) {
            send_all_sizes(&world.nodes[i]);
            turn(0); /* making the frames takes long under the sanitizers */
        }
        run_until(all_received, "frames arrive");
    }
}

/* Goal: every size arrives whole and in order, both ways, in all classes, in a mesh of four. */
static void frames_of_all_sizes_arrive(void **state)
{
    (void)state;
    start(4);
    const uint64_t ms = run_until(all_up, "mesh is up");
    exchange(2);
    struct cr_net_stats stats;
    struct cr_net_peer_stats peer;
    cr_net_stats(world.nodes[0].net, &stats);
    cr_net_peer_stats(world.nodes[0].net, 1, &peer);
    printf("mesh of 4 up in %llu ms; gso %d, gro %d; %llu datagrams in %llu sends; rtt %llu us\n",
           (unsigned long long)ms, stats.gso, stats.gro, (unsigned long long)stats.datagrams_out,
           (unsigned long long)stats.syscalls_out, (unsigned long long)peer.rtt_us);
    assert_true(peer.up);
    assert_int_equal(peer.connects, 1);
    assert_int_equal(peer.frames_out, 1 + 2 * CR_COUNT_OF(sizes_all) * CR_NET_CLASSES);
    assert_int_equal(peer.frames_in, peer.frames_out);
    assert_int_equal(stats.handshakes_bad, 0);
    assert_string_equal(world.nodes[0].reports, "");
    stop();
}

/* Goal: more dialers at once on one host than are let in without a Retry. */
static void many_dial_at_once(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 1000, 30000};
    prepare(8);
    for (uint32_t i = 0; i < 8; i++) {
        world.nodes[i].sizes = sizes;
        world.nodes[i].sizes_count = CR_COUNT_OF(sizes);
        open_node(&world.nodes[i]);
    }
    const uint64_t ms = run_until(all_up, "mesh is up");
    printf("mesh of 8 up in %llu ms\n", (unsigned long long)ms);
    exchange(1);
    stop();
}

static void open_line(void)
{
    line.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_storage bound;
    socklen_t bytes;
    set_loopback(&bound, &bytes, 0);
    assert_int_equal(bind(line.fd, (struct sockaddr *)&bound, bytes), 0);
    assert_int_equal(getsockname(line.fd, (struct sockaddr *)&bound, &bytes), 0);
    world.nodes[0].peers[1].address = bound;
}

static void close_line(void)
{
    close(line.fd);
    memset(&line, 0, sizeof line);
}

/* Goal: no single lost datagram keeps a pair apart for long. Method: lose the first one, or the
 * second, or ... of each side. */
static void handshakes_survive_any_loss(void **state)
{
    (void)state;
    uint64_t ms_max = 0;
    for (uint32_t k = 1; k <= 16; k++) {
        start(2);
        open_line();
        line.lose = k;
        const uint64_t ms = run_until(all_up, "pair is up");
        if (ms > ms_max) ms_max = ms;
        close_line();
        stop();
    }
    printf("one lost datagram: up after %llu ms at most\n", (unsigned long long)ms_max);
    assert_in_range(ms_max, 0, 1000);
}

/* Goal: lost bytes are sent again from the blocks that were kept; handshakes get through too. */
static void frames_survive_a_bad_line(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        prepare(2);
        open_node(&world.nodes[0]);
        open_node(&world.nodes[1]);
        open_line();
        line.prng = cr_prng_stream(seed, 1, 0);
        line.lost_per_100 = line.doubled_per_100 = line.late_per_100 = seed == 0 ? 0 : 8;
        run_until(all_up, "pair is up");
        exchange(1);
        close_line();
        stop();
    }
}

/* What the wrapped calls of udp.c do instead of sending: see CMakeLists.txt. */
static struct {
    int segmented_errno, errno_now_and_then;
    struct cr_prng prng;
} fault;

ssize_t real_sendmsg(int fd, const struct msghdr *message, int flags) __asm__("__real_sendmsg");
ssize_t wrap_sendmsg(int fd, const struct msghdr *message, int flags) __asm__("__wrap_sendmsg");
int real_sendmmsg(int fd, struct mmsghdr *messages, unsigned count,
                  int flags) __asm__("__real_sendmmsg");
int wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count,
                  int flags) __asm__("__wrap_sendmmsg");

static bool is_time_for_fault(void)
{
    return fault.errno_now_and_then != 0 && cr_prng_below(&fault.prng, 3) == 0;
}

ssize_t wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    errno = fault.segmented_errno;
    if (fault.segmented_errno != 0 && message->msg_controllen > 0) return -1;
    errno = fault.errno_now_and_then;
    if (is_time_for_fault()) return -1;
    return real_sendmsg(fd, message, flags);
}

int wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    errno = fault.errno_now_and_then;
    if (is_time_for_fault()) return -1;
    /* The kernel may take fewer than it is given. */
    const unsigned some = fault.errno_now_and_then == 0 || count < 2 ? count : count / 2;
    return real_sendmmsg(fd, messages, some, flags);
}

/* Goal: a network card that refuses segmentation, a full socket buffer and a network that is down
 * for moments lose nothing. */
static void refused_sends_lose_nothing(void **state)
{
    (void)state;
    static const struct {
        int segmented_errno, errno_now_and_then;
        bool gso_stays;
    } cases[] = {{EIO, 0, false},    {EINVAL, 0, false},   {EMSGSIZE, 0, true},
                 {0, EAGAIN, true},  {EIO, EAGAIN, false}, {0, ENETUNREACH, true},
                 {0, ENOBUFS, true}, {EIO, EINTR, false}};
    for (size_t i = 0; i < CR_COUNT_OF(cases); i++) {
        fault.segmented_errno = cases[i].segmented_errno;
        fault.errno_now_and_then = cases[i].errno_now_and_then;
        fault.prng = cr_prng_stream(i, 2, 0);
        start(2);
        run_until(all_up, "pair is up");
        exchange(1);
        struct cr_net_stats stats;
        cr_net_stats(world.nodes[0].net, &stats);
        assert_int_equal(stats.gso, cases[i].gso_stays);
        memset(&fault, 0, sizeof fault);
        stop();
    }
}

/* Goal: an IPv6 socket that serves both reaches, and is reached from, an IPv4 one. */
static void both_families_meet(void **state)
{
    (void)state;
    for (uint32_t which = 0; which < 2; which++) {
        prepare(2);
        struct node *dual = &world.nodes[which];
        memset(&dual->config.listen, 0, sizeof dual->config.listen);
        const struct sockaddr_in6 any = {.sin6_family = AF_INET6};
        memcpy(&dual->config.listen, &any, sizeof any);
        dual->config.listen_bytes = sizeof any;
        open_node(dual);
        struct sockaddr_in6 bound;
        memcpy(&bound, &dual->config.listen, sizeof bound);
        open_node(&world.nodes[1 - which]);
        struct cr_net_peer *dialled = &world.nodes[1 - which].peers[which];
        set_loopback(&dialled->address, &dialled->address_bytes, bound.sin6_port);
        run_until(all_up, "pair is up");
        exchange(1);
        stop();
    }
}

/* Goal: who can bend, cut and reflect datagrams on the way, but not hold them up, does no harm. */
static void bent_datagrams_are_harmless(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        start(2);
        open_line();
        line.prng = cr_prng_stream(seed, 3, 0);
        line.bent = true;
        run_until(all_up, "pair is up");
        exchange(1);
        assert_int_equal(world.nodes[0].downs[1] + world.nodes[1].downs[0], 0);
        close_line();
        stop();
    }
}

/* Goal: the same without UDP_SEGMENT. */
static void frames_arrive_without_gso(void **state)
{
    (void)state;
    prepare(2);
    for (uint32_t i = 0; i < 2; i++) {
        world.nodes[i].config.gso = false;
        open_node(&world.nodes[i]);
    }
    run_until(all_up, "pair is up");
    exchange(1);
    struct cr_net_stats stats;
    cr_net_stats(world.nodes[0].net, &stats);
    assert_false(stats.gso);
    stop();
}

static uint64_t queued(uint32_t from, uint32_t to)
{
    struct cr_net_peer_stats stats;
    cr_net_peer_stats(world.nodes[from].net, to, &stats);
    return stats.queued_bytes;
}

/* Goal: a reader that says no stops the sender, loses nothing and holds back no other class.
 * Method: fill the queue while the reader is closed; open it; all that was accepted arrives. */
static void back_pressure_stops_the_sender(void **state)
{
    (void)state;
    start(2);
    run_until(all_up, "pair is up");
    struct node *from = &world.nodes[0], *to = &world.nodes[1];
    to->closed = true;
    uint32_t full = 0;
    for (uint32_t k = 0; k < 4000; k++) {
        const enum cr_err err = send_next(from, 1, CR_NET_SYNC);
        assert_true(err == CR_OK || err == CR_ERR_FULL);
        if (err == CR_ERR_FULL) full++;
        if (k % 100 == 0) turn(1);
    }
    assert_true(full > 0);
    run_for(300);
    assert_in_range(queued(0, 1), CR_NET_QUEUE_BYTES_MAX / 2, CR_NET_QUEUE_BYTES_MAX);
    assert_int_equal(to->received[0][CR_NET_SYNC], 0);
    const uint64_t refused = to->refused;
    run_for(100);
    assert_int_equal(to->refused, refused); /* it is not asked again before cr_net_resume */
    struct cr_net_peer_stats stats;
    cr_net_peer_stats(from->net, 1, &stats);
    assert_int_equal(stats.refused_full, full);

    to->closed = false; /* now the consensus class passes, and the other one still waits */
    const uint64_t sent = from->sent[1][CR_NET_SYNC];
    assert_int_equal(send_next(from, 1, CR_NET_CONSENSUS), CR_OK);
    run_for(100);
    assert_int_equal(to->received[0][CR_NET_CONSENSUS], 1);
    assert_int_equal(to->received[0][CR_NET_SYNC], 0);
    for (uint32_t k = 0; k < 50; k++) { /* opened and closed again and again */
        to->closed = k % 2 == 1;
        cr_net_resume(to->net, 0);
        turn(1);
    }
    to->closed = false;
    cr_net_resume(to->net, 0);
    run_until(all_received, "held frames arrive");
    assert_int_equal(to->received[0][CR_NET_SYNC], sent);
    run_for(100);
    assert_int_equal(queued(0, 1), 0);
    stop();
}

static bool is_reported_by_0(void)
{
    return world.nodes[0].reports[0] != 0;
}

static bool is_reported_by_1(void)
{
    return world.nodes[1].reports[0] != 0;
}

static uint64_t handshakes_bad(uint32_t index)
{
    struct cr_net_stats stats;
    cr_net_stats(world.nodes[index].net, &stats);
    return stats.handshakes_bad;
}

/* Goal: neither side accepts another key than the one it expects. Method: the others are told that
 * `liar` has a key which it does not have. */
static void try_wrong_key(uint32_t liar)
{
    prepare(2);
    world.nodes[1 - liar].peers[liar].key = &world.publics[NODES_MAX];
    open_node(&world.nodes[0]);
    open_node(&world.nodes[1]);
    run_until(liar == 1 ? is_reported_by_0 : is_reported_by_1, "the key is refused");
    run_for(300);
    assert_false(world.nodes[0].up[1]);
    assert_false(world.nodes[1].up[0]);
    assert_true(handshakes_bad(1 - liar) > 0);
    assert_non_null(strstr(world.nodes[1 - liar].reports, "shows a key"));
    stop();
}

static void wrong_keys_are_refused(void **state)
{
    (void)state;
    try_wrong_key(0);
    try_wrong_key(1);
}

static bool both_reported(void)
{
    return is_reported_by_0() && is_reported_by_1();
}

/* Goal: nodes of two networks part, and the operators of both read both ids. */
static void another_genesis_is_refused(void **state)
{
    (void)state;
    prepare(2);
    world.nodes[1].config.genesis_id = other_genesis;
    open_node(&world.nodes[0]);
    open_node(&world.nodes[1]);
    run_until(both_reported, "the genesis is refused");
    char ours[2 * CR_HASH_BYTES + 1], theirs[2 * CR_HASH_BYTES + 1];
    cr_hex_encode(genesis.bytes, CR_HASH_BYTES, ours);
    cr_hex_encode(other_genesis.bytes, CR_HASH_BYTES, theirs);
    for (uint32_t i = 0; i < 2; i++) {
        assert_non_null(strstr(world.nodes[i].reports, ours));
        assert_non_null(strstr(world.nodes[i].reports, theirs));
        assert_int_equal(world.nodes[i].ups[1 - i], 0);
    }
    assert_true(handshakes_bad(0) > 0 && handshakes_bad(1) > 0);
    printf("%s", world.nodes[0].reports);
    stop();
}

/* Goal: a configuration that cannot work is refused with a sentence. */
static void bad_configurations_are_refused(void **state)
{
    (void)state;
    prepare(2);
    struct cr_net_failure failure;
    struct cr_net *net = NULL;
    world.nodes[0].config.key = world.keys[1];
    assert_int_equal(cr_net_open(&world.nodes[0].config, &net, &failure), CR_ERR_CONFIG);
    assert_non_null(strstr(failure.text, "alpha"));
    open_node(&world.nodes[1]);
    world.nodes[0].config.key = world.keys[0];
    world.nodes[0].config.listen = world.nodes[1].config.listen;
    assert_int_equal(cr_net_open(&world.nodes[0].config, &net, &failure), CR_ERR_IO);
    assert_non_null(strstr(failure.text, "cannot bind 127.0.0.1:"));
    assert_null(net);
    stop();
}

static bool has_0_seen_1_down(void)
{
    return world.nodes[0].downs[1] > 0;
}

static bool has_1_seen_0_down(void)
{
    return world.nodes[1].downs[0] > 0;
}

/* Goal: a node that is killed and started again is connected within about a second, whoever dials
 * and whether or not there is traffic. */
static void restart(uint32_t victim, bool traffic)
{
    start(2);
    run_until(all_up, "pair is up");
    exchange(1);
    kill_node(&world.nodes[victim]);
    run_for(50);
    open_node(&world.nodes[victim]);
    if (traffic) (void)send_next(&world.nodes[1 - victim], victim, CR_NET_CONSENSUS);
    const uint64_t down_ms = run_until(victim == 1 ? has_0_seen_1_down : has_1_seen_0_down, "down");
    const uint64_t up_ms = run_until(all_up, "up again");
    printf("restart of the %s, %s: down after %llu ms, up %llu ms later (%s)\n",
           victim == 0 ? "dialler" : "listener", traffic ? "traffic" : "idle",
           (unsigned long long)down_ms, (unsigned long long)up_ms, world.nodes[1 - victim].reason);
    assert_in_range(down_ms + up_ms, 0, 2500);
    exchange(1);
    stop();
}

static void killed_peers_come_back(void **state)
{
    (void)state;
    restart(0, false);
    restart(0, true);
    restart(1, false);
    restart(1, true);
}

/* Goal: a peer that stops without a word is noticed. */
static void silence_is_noticed(void **state)
{
    (void)state;
    start(2);
    run_until(all_up, "pair is up");
    run_for(100);
    kill_node(&world.nodes[1]);
    assert_int_equal(send_next(&world.nodes[0], 1, CR_NET_CONSENSUS), CR_OK);
    const uint64_t ms = run_until(has_0_seen_1_down, "silence is noticed");
    printf("silence noticed after %llu ms (%s)\n", (unsigned long long)ms, world.nodes[0].reason);
    assert_in_range(ms, 1000, 3000);
    assert_int_equal(send_next(&world.nodes[0], 1, CR_NET_CONSENSUS), CR_ERR_UNAVAILABLE);
    stop();
}

/* Goal: who was late himself does not take it for the peer's silence. Method: nobody runs for
 * longer than a silence may last, while a frame is on its way. */
static void own_pause_is_no_silence(void **state)
{
    (void)state;
    const struct timespec pause = {.tv_sec = 1, .tv_nsec = 700000000};
    start(2);
    run_until(all_up, "pair is up");
    run_for(100);
    assert_int_equal(send_next(&world.nodes[0], 1, CR_NET_CONSENSUS), CR_OK);
    cr_net_flush(world.nodes[0].net, now_us());
    nanosleep(&pause, NULL);
    run_until(all_received, "the frame arrives");
    run_for(100);
    assert_int_equal(world.nodes[0].downs[1] + world.nodes[1].downs[0], 0);
    stop();
}

/* Goal: an orderly end is seen at once. */
static void goodbye_is_seen(void **state)
{
    (void)state;
    start(2);
    run_until(all_up, "pair is up");
    close_node(&world.nodes[1]);
    assert_in_range(run_until(has_0_seen_1_down, "goodbye"), 0, 500);
    stop();
}

/* Goal: a validator that breaks the protocol is cut off, and nothing else happens. Method: bend the
 * prefix of a frame that is already queued. */
static void bent_frames_cut_the_peer_off(void **state)
{
    (void)state;
    start(3);
    run_until(all_up, "mesh is up");
    struct cr_net_block *block = cr_net_block_new(100);
    assert_non_null(block);
    memset(block->bytes, 0, 100);
    assert_int_equal(cr_net_send(world.nodes[1].net, 0, CR_NET_FETCH, block), CR_OK);
    cr_store_le(block->prefix, CR_FRAME_BYTES_MAX + 1, CR_NET_PREFIX_BYTES);
    run_until(has_0_seen_1_down, "cut off");
    cr_net_block_give(block);
    assert_non_null(strstr(world.nodes[0].reason, "above the limit"));
    assert_non_null(strstr(world.nodes[0].reports, "'beta'"));
    assert_int_equal(world.nodes[0].downs[2] + world.nodes[2].downs[0], 0);
    run_until(all_up, "it may come back");
    exchange(1);
    stop();
}

/* Goal: datagrams of all kinds from nobody change nothing and are counted. Method: random bytes,
 * with first bytes that look like each type of packet, with versions and ids. */
static void garbage_is_harmless(void **state)
{
    (void)state;
    start(2);
    run_until(all_up, "pair is up");
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    struct cr_prng prng = cr_prng_stream(5, 0, 0);
    const struct sockaddr *to = (const struct sockaddr *)&world.nodes[1].config.listen;
    for (uint32_t k = 0; k < 6000; k++) {
        uint8_t bytes[1500];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)cr_prng_next(&prng);
        if (k % 4 != 0) bytes[0] = (uint8_t)(0x40 | bytes[0] | (k % 4 == 1 ? 0x80 : 0));
        if (k % 3 == 0) memcpy(bytes + 1, "\0\0\0\1", 4);
        if (k % 5 == 0) memset(bytes + 1, 0, 4);
        if (k % 2 == 0) bytes[5] = 8 + bytes[5] % 13;
        if (k % 6 == 0) { /* an Initial that can be parsed */
            bytes[0] = 0xc0;
            memcpy(bytes + 1, "\0\0\0\1\10", 5);
            bytes[14] = 8, bytes[23] = 0;
            bytes[24] = 0x44, bytes[25] = 0x90;
        }
        const size_t count = k % 7 == 0 ? cr_prng_below(&prng, sizeof bytes) : sizeof bytes;
        (void)sendto(fd, bytes, count, 0, to, sizeof(struct sockaddr_in));
        if (k % 20 == 0) turn(0);
    }
    close(fd);
    run_for(50);
    struct cr_net_stats stats;
    cr_net_stats(world.nodes[1].net, &stats);
    printf("garbage: %llu bad datagrams of 6000, %llu bad handshakes\n",
           (unsigned long long)stats.datagrams_bad, (unsigned long long)stats.handshakes_bad);
    assert_true(stats.datagrams_bad > 3000);
    assert_int_equal(world.nodes[1].downs[0], 0);
    exchange(1);
    stop();
}

/* Goal: a mesh without traffic costs nothing worth mentioning. */
static void idle_is_cheap(void **state)
{
    (void)state;
    start(4);
    run_until(all_up, "mesh is up");
    run_for(500);
    struct timespec before, after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    const uint64_t begin = now_us();
    uint32_t turns = 0;
    while (now_us() < begin + 2000000) {
        turn(2000);
        turns++;
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    const double ms = (double)(after.tv_sec - before.tv_sec) * 1e3 +
                      (double)(after.tv_nsec - before.tv_nsec) / 1e6;
    printf("idle mesh of 4: %.1f ms of CPU and %u turns in 2 s\n", ms, turns);
    assert_true(turns < 500);
    assert_true(all_up());
    stop();
}

static int make_keys(void **state)
{
    (void)state;
    for (uint32_t i = 0; i <= NODES_MAX; i++) {
        uint8_t seed[32] = {(uint8_t)(i + 1)};
        if (cr_secret_key_from_seed(CR_ALG_MLDSA65, seed, &world.keys[i]) != CR_OK) return -1;
        cr_secret_key_public(world.keys[i], &world.publics[i]);
    }
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (uint32_t i = 0; i <= NODES_MAX; i++)
        cr_secret_key_free(world.keys[i]);
    return 0;
}

static bool none_up(void)
{
    return !world.nodes[0].up[1] && !world.nodes[1].up[0];
}

/* Goal: who is cut off stays away for the pause and comes back after it, whoever of the two dials;
 * others are not touched. */
static void cut_off_and_back(void **state)
{
    (void)state;
    start(3);
    run_until(all_up, "all up");
    for (uint32_t by = 0; by < 2; by++) {
        const uint64_t begin_us = now_us();
        const uint32_t downs = world.nodes[2].downs[0] + world.nodes[2].downs[1];
        cr_net_cut(world.nodes[by].net, 1 - by, "a test", UINT64_C(1000000));
        assert_int_equal(send_next(&world.nodes[by], 1 - by, CR_NET_CONSENSUS), CR_ERR_UNAVAILABLE);
        run_until(none_up, "cut off");
        while (now_us() < begin_us + UINT64_C(900000)) {
            turn(10);
            assert_false(world.nodes[by].up[1 - by]);
        }
        run_until(all_up, "back again");
        assert_true(now_us() >= begin_us + UINT64_C(1000000));
        assert_int_equal(world.nodes[2].downs[0] + world.nodes[2].downs[1], downs);
    }
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_all_sizes_arrive),
        cmocka_unit_test(frames_arrive_without_gso),
        cmocka_unit_test(refused_sends_lose_nothing),
        cmocka_unit_test(both_families_meet),
        cmocka_unit_test(handshakes_survive_any_loss),
        cmocka_unit_test(frames_survive_a_bad_line),
        cmocka_unit_test(bent_datagrams_are_harmless),
        cmocka_unit_test(many_dial_at_once),
        cmocka_unit_test(back_pressure_stops_the_sender),
        cmocka_unit_test(wrong_keys_are_refused),
        cmocka_unit_test(another_genesis_is_refused),
        cmocka_unit_test(bad_configurations_are_refused),
        cmocka_unit_test(killed_peers_come_back),
        cmocka_unit_test(silence_is_noticed),
        cmocka_unit_test(own_pause_is_no_silence),
        cmocka_unit_test(goodbye_is_seen),
        cmocka_unit_test(bent_frames_cut_the_peer_off),
        cmocka_unit_test(garbage_is_harmless),
        cmocka_unit_test(idle_is_cheap),
        cmocka_unit_test(cut_off_and_back),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
