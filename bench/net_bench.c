/* SPDX-License-Identifier: Apache-2.0 */
/* net_bench.c: what does a byte cost through the mesh, and how long does a small frame take?
 *
 * Two processes on loopback. Bulk: the parent keeps the queue of one class filled with frames of a
 * given size for a given time; CPU is user and system time of each process per byte of frames.
 * Ping-pong: a frame of 1 KB there and back, waiting in ppoll. One line of JSON per measurement.
 *
 *      net_bench [milliseconds per measurement] [no-gso]
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/histogram.h"
#include "net/net.h"

enum { PING_BYTES = 1024, QUEUE_BYTES = 4 * 1024 * 1024 };

struct side {
    uint32_t self;
    struct cr_net *net;
    bool up, echo;
    uint64_t frames, bytes;
};

_Noreturn void cr_assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, cond);
    abort();
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void send_bytes(struct side *side, enum cr_net_class class, const uint8_t *bytes,
                       size_t count)
{
    struct cr_net_block *block = cr_net_block_new(count);
    CR_ASSERT(block != NULL);
    memcpy(block->bytes, bytes, count);
    const enum cr_err err = cr_net_send(side->net, 1 - side->self, class, block);
    CR_ASSERT(err == CR_OK); /* one frame at a time */
    cr_net_block_give(block);
}

static bool on_frame(void *context, uint32_t peer, enum cr_net_class class, const uint8_t *bytes,
                     size_t count)
{
    (void)peer;
    struct side *side = context;
    side->frames++;
    side->bytes += count;
    if (!side->echo || class != CR_NET_CONSENSUS) return true;
    /* A question about CPU is answered with a frame of 16 bytes. */
    uint8_t answer[16];
    cr_store_le(answer, cpu_us(), 8);
    cr_store_le(answer + 8, side->bytes, 8);
    send_bytes(side, class, count == PING_BYTES ? bytes : answer, count == PING_BYTES ? count : 16);
    return true;
}

static uint64_t answer_cpu_us, answer_bytes;

static bool on_answer(void *context, uint32_t peer, enum cr_net_class class, const uint8_t *bytes,
                      size_t count)
{
    (void)peer, (void)class;
    struct side *side = context;
    side->frames++;
    if (count == 16) {
        answer_cpu_us = cr_load_le(bytes, 8);
        answer_bytes = cr_load_le(bytes + 8, 8);
    }
    return true;
}

static void on_peer(void *context, uint32_t peer, bool up, const char *reason)
{
    (void)peer, (void)reason;
    ((struct side *)context)->up = up;
}

static void on_report(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "%s\n", text);
}

static void turn(struct side *side, uint64_t wait_us_max)
{
    const uint64_t deadline = cr_net_deadline_us(side->net), now = now_us();
    uint64_t wait_us = deadline > now ? deadline - now : 0;
    if (wait_us > wait_us_max) wait_us = wait_us_max;
    const short events = (short)(POLLIN | (cr_net_wants_write(side->net) ? POLLOUT : 0));
    struct pollfd fd = {.fd = cr_net_fd(side->net), .events = events};
    const struct timespec wait = {.tv_sec = (time_t)(wait_us / 1000000),
                                  .tv_nsec = (long)(wait_us % 1000000) * 1000};
    ppoll(&fd, 1, &wait, NULL);
    cr_net_run(side->net, now_us());
    cr_net_flush(side->net, now_us());
}

static void ask_cpu(struct side *side)
{
    const uint64_t before = side->frames;
    send_bytes(side, CR_NET_CONSENSUS, (const uint8_t *)"?", 1);
    cr_net_flush(side->net, now_us());
    while (side->frames == before)
        turn(side, 10000);
}

static uint64_t queued(const struct side *side)
{
    struct cr_net_peer_stats stats;
    cr_net_peer_stats(side->net, 1 - side->self, &stats);
    return stats.queued_bytes;
}

static void bench_bulk(struct side *side, size_t frame_bytes, uint64_t duration_us)
{
    struct cr_net_block *block = cr_net_block_new(frame_bytes);
    CR_ASSERT(block != NULL);
    memset(block->bytes, 7, frame_bytes);
    ask_cpu(side);
    const uint64_t their_cpu_us = answer_cpu_us, their_bytes = answer_bytes;
    const uint64_t own_cpu_us = cpu_us(), begin_us = now_us();
    struct cr_net_stats before, after;
    cr_net_stats(side->net, &before);
    while (now_us() < begin_us + duration_us || queued(side) > 0) {
        while (now_us() < begin_us + duration_us && queued(side) < QUEUE_BYTES) {
            if (cr_net_send(side->net, 1, CR_NET_FETCH, block) != CR_OK) break;
        }
        cr_net_flush(side->net, now_us());
        turn(side, 10000);
    }
    const double wall_us = (double)(now_us() - begin_us);
    const double own_us = (double)(cpu_us() - own_cpu_us);
    cr_net_stats(side->net, &after);
    struct cr_net_peer_stats peer;
    cr_net_peer_stats(side->net, 1, &peer);
    ask_cpu(side);
    const double bytes = (double)(answer_bytes - their_bytes);
    const double their_us = (double)(answer_cpu_us - their_cpu_us);
    const double datagrams = (double)(after.datagrams_out - before.datagrams_out);
    printf("{\"bench\":\"net_bulk\",\"frame_bytes\":%zu,\"gso\":%s,\"gro\":%s,\"mb_per_s\":%.0f,"
           "\"sender_ns_per_byte\":%.2f,\"receiver_ns_per_byte\":%.2f,\"bytes_per_datagram\":%.0f,"
           "\"datagrams_per_send\":%.1f,\"rtt_us\":%llu}\n",
           frame_bytes, after.gso ? "true" : "false", after.gro ? "true" : "false", bytes / wall_us,
           own_us * 1e3 / bytes, their_us * 1e3 / bytes, bytes / datagrams,
           datagrams / (double)(after.syscalls_out - before.syscalls_out),
           (unsigned long long)peer.rtt_us);
    cr_net_block_give(block);
}

static void bench_ping(struct side *side, uint64_t duration_us)
{
    static struct cr_histogram histogram;
    static const uint8_t bytes[PING_BYTES];
    memset(&histogram, 0, sizeof histogram);
    const uint64_t begin_us = now_us(), own_cpu_us = cpu_us();
    while (now_us() < begin_us + duration_us) {
        const uint64_t sent_us = now_us(), before = side->frames;
        send_bytes(side, CR_NET_CONSENSUS, bytes, sizeof bytes);
        cr_net_flush(side->net, sent_us);
        while (side->frames == before)
            turn(side, 10000);
        cr_histogram_add(&histogram, now_us() - sent_us);
    }
    printf(
        "{\"bench\":\"net_ping\",\"frame_bytes\":%d,\"count\":%llu,\"p50_us\":%llu,\"p99_us\":%llu,"
        "\"max_us\":%llu,\"cpu_us_per_frame\":%.1f}\n",
        PING_BYTES, (unsigned long long)histogram.count,
        (unsigned long long)cr_histogram_quantile(&histogram, 50000),
        (unsigned long long)cr_histogram_quantile(&histogram, 99000),
        (unsigned long long)histogram.max,
        (double)(cpu_us() - own_cpu_us) / (double)histogram.count / 2);
}

static void open_side(struct side *side, bool gso, in_port_t port_of_1)
{
    static struct cr_secret_key *keys[2];
    static struct cr_public_key publics[2];
    static struct cr_net_peer peers[2];
    const struct sockaddr_in loopback = {.sin_family = AF_INET,
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (uint32_t i = 0; i < 2; i++) {
        const uint8_t seed[32] = {(uint8_t)i};
        const enum cr_err err = cr_secret_key_from_seed(CR_ALG_MLDSA65, seed, &keys[i]);
        CR_ASSERT(err == CR_OK);
        cr_secret_key_public(keys[i], &publics[i]);
        peers[i] = (struct cr_net_peer){.name = i == 0 ? "sender" : "receiver", .key = &publics[i]};
    }
    struct sockaddr_in target = loopback;
    target.sin_port = port_of_1;
    memcpy(&peers[1].address, &target, sizeof target);
    peers[1].address_bytes = sizeof target;
    struct cr_net_config config = {
        .self = side->self,
        .peers_count = 2,
        .peers = peers,
        .key = keys[side->self],
        .gso = gso,
        .listen_bytes = sizeof loopback,
        .callbacks = {.context = side,
                      .on_frame = side->self == 0 ? on_answer : on_frame,
                      .on_peer = on_peer,
                      .report = on_report},
    };
    memcpy(&config.listen, &loopback, sizeof loopback);
    struct cr_net_failure failure;
    if (cr_net_open(&config, &side->net, &failure) != CR_OK) {
        fprintf(stderr, "net_bench: %s\n", failure.text);
        exit(EXIT_FAILURE);
    }
}

static void receive(bool gso, int port_out)
{
    struct side side = {.self = 1, .echo = true};
    open_side(&side, gso, 0);
    struct sockaddr_in bound;
    socklen_t bytes = sizeof bound;
    getsockname(cr_net_fd(side.net), (struct sockaddr *)&bound, &bytes);
    if (write(port_out, &bound.sin_port, sizeof bound.sin_port) < 0) exit(EXIT_FAILURE);
    while (!side.up)
        turn(&side, 10000);
    while (side.up)
        turn(&side, 100000);
    cr_net_close(side.net);
}

int main(int argc, char **argv)
{
    const uint64_t ms = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000;
    const bool gso = !(argc > 2 && strcmp(argv[2], "no-gso") == 0);
    int port[2];
    if (pipe(port) != 0) return EXIT_FAILURE;
    const pid_t child = fork();
    if (child < 0) return EXIT_FAILURE;
    if (child == 0) {
        receive(gso, port[1]);
        _exit(EXIT_SUCCESS);
    }
    in_port_t port_of_1;
    if (read(port[0], &port_of_1, sizeof port_of_1) != sizeof port_of_1) return EXIT_FAILURE;
    struct side side = {.self = 0};
    const uint64_t begin_us = now_us();
    open_side(&side, gso, port_of_1);
    while (!side.up)
        turn(&side, 10000);
    printf("{\"bench\":\"net_connect\",\"us\":%llu}\n", (unsigned long long)(now_us() - begin_us));
    bench_ping(&side, ms * 1000);
    static const size_t sizes[] = {512, 4096, 65536, 524288, CR_FRAME_BYTES_MAX};
    for (size_t i = 0; i < CR_COUNT_OF(sizes); i++)
        bench_bulk(&side, sizes[i], ms * 1000);
    cr_net_close(side.net);
    waitpid(child, NULL, 0);
    return EXIT_SUCCESS;
}
