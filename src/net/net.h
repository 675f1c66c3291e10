/* SPDX-License-Identifier: Apache-2.0 */
/* net.h: the mesh of validators: one QUIC connection per pair, mutually authenticated with
 * ML-DSA-65 certificates pinned to the validator set, X25519MLKEM768 key exchange (RFC 9000, 9001;
 * TLS 1.3, RFC 8446). Carries frames: length-prefixed byte strings on one long-lived
 * unidirectional stream per class and direction.
 *
 * Single-threaded: every call and every callback belongs to the thread that drives cr_net_run.
 * The socket is UDP with GSO and GRO where the kernel has them (run-time fallback). No call blocks.
 *
 * The loop: wait for cr_net_fd (level-triggered) or the deadline; cr_net_run; work; cr_net_flush.
 * Callbacks come from cr_net_run only. They may call cr_net_send, cr_net_resume and the statistics,
 * nothing else. Waiting in whole milliseconds slows sending down: deadlines are microseconds.
 *
 * Who dials: the validator with the smaller index dials the greater one; a lost connection is
 * dialled again with decorrelated jitter. A peer that is not in the validator set, shows another
 * key or another genesis id is refused, counted and (rate-limited) reported through `report`.
 * A connection is lost when the peer acknowledges nothing for 1.5 s, so the thread that drives the
 * net should not stop for longer. What was queued on a lost connection is lost.
 *
 * Back-pressure: a frame goes to `on_frame` whole; when that returns false the frame is kept, that
 * peer's stream is not read further and flow control stops the sender, until cr_net_resume. Memory
 * per peer is bounded by the stream windows (1.5 MiB per class) and, per class, by
 * CR_NET_QUEUE_BYTES_MAX of frames and 65536 frames that are not yet acknowledged; a frame beyond
 * that is refused with CR_ERR_FULL and the caller may drop it: the fetch protocol heals losses.
 */
#ifndef CR_NET_NET_H
#define CR_NET_NET_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/base.h"
#include "crypto/keys.h"

enum cr_net_class {
    CR_NET_CONSENSUS = 0, /* own vertices, status: highest priority */
    CR_NET_FETCH,         /* missing vertices: requests and answers */
    CR_NET_SYNC,          /* ranges of old commits: lowest priority */
    CR_NET_CLASSES,
};

enum { CR_NET_NOBODY = CR_VALIDATORS_MAX }; /* `self` of who has no seat yet */
enum { CR_NET_QUEUE_BYTES_MAX = 16 * 1024 * 1024, CR_NET_PREFIX_BYTES = 4 };

/* A frame shared by many sends. Reference-counted; not thread-safe. `bytes_count` may be lowered
 * before the first send; from then on nothing of it may change. */
struct cr_net_block {
    uint32_t references;
    uint32_t bytes_count;
    uint8_t prefix[CR_NET_PREFIX_BYTES]; /* the net's own */
    uint8_t bytes[];
};

/* One reference, for the caller. NULL when memory is out. cr_net_block_give drops one. */
struct cr_net_block *cr_net_block_new(size_t bytes_count);
void cr_net_block_give(struct cr_net_block *block);

struct cr_net_peer {
    const char *name;                /* for messages; borrowed */
    const struct cr_public_key *key; /* transport key, ML-DSA-65; borrowed */
    struct sockaddr_storage address; /* where to dial; the config may override it per peer */
    socklen_t address_bytes;         /* 0: not known, is not dialled */
};

struct cr_net_callbacks {
    void *context;
    /* `bytes` are valid during the call. False: try again after cr_net_resume(peer). */
    bool (*on_frame)(void *context, uint32_t peer, enum cr_net_class class, const uint8_t *bytes,
                     size_t count);
    /* up: handshake complete, both hellos checked. down: `reason` is a static or call-lived text */
    void (*on_peer)(void *context, uint32_t peer, bool up, const char *reason);
    /* A sentence for the operator's log, at most a few per second in all. */
    void (*report)(void *context, const char *text);
};

struct cr_net_config {
    /* On a host with several addresses: the one that peers dial. IPv6 also serves IPv4. */
    struct sockaddr_storage listen;
    socklen_t listen_bytes;
    uint32_t self;                   /* CR_NET_NOBODY: dials nobody, and waits to be dialled */
    uint32_t peers_count;            /* validators, self included */
    const struct cr_net_peer *peers; /* by validator index; borrowed, outlives the net */
    const struct cr_secret_key *key; /* own transport key; borrowed */
    struct cr_hash genesis_id;
    uint64_t seed; /* jitter */
    bool gso;      /* false: never use UDP_SEGMENT */
    struct cr_net_callbacks callbacks;
};

struct cr_net;

struct cr_net_failure {
    enum cr_err err;
    char text[200]; /* "cannot bind 127.0.0.1:7000: Address already in use" */
};

/* CR_ERR_IO (socket, bind), CR_ERR_CRYPTO, CR_ERR_CONFIG; *failure says what in a sentence. */
CR_MUST_CHECK enum cr_err cr_net_open(const struct cr_net_config *config, struct cr_net **out,
                                      struct cr_net_failure *failure);
/* More validators are known: `peers` of the configuration has been filled up to this count. Who had
 * no seat may have one now. Not from within callbacks. */
void cr_net_extend(struct cr_net *net, uint32_t peers_count, uint32_t self);
/* Sends CONNECTION_CLOSE to everybody and frees everything. NULL is allowed. */
void cr_net_close(struct cr_net *net);

/* A descriptor that becomes readable when cr_net_run has something to read (epoll-able), whether
 * the socket has to be watched for writability too, and the time of the next timer. */
int cr_net_fd(const struct cr_net *net);
bool cr_net_wants_write(const struct cr_net *net);
uint64_t cr_net_deadline_us(const struct cr_net *net);

/* Reads what is there, runs timers, dials, calls back. `now_us` is CLOCK_MONOTONIC. */
void cr_net_run(struct cr_net *net, uint64_t now_us);
/* Writes what was queued. Call once after each batch of work. */
void cr_net_flush(struct cr_net *net, uint64_t now_us);

/* Queues a frame; takes a reference of its own. CR_ERR_UNAVAILABLE: not connected;
 * CR_ERR_FULL: the peer does not read fast enough; CR_ERR_TOO_BIG: above CR_FRAME_BYTES_MAX. */
CR_MUST_CHECK enum cr_err cr_net_send(struct cr_net *net, uint32_t peer, enum cr_net_class class,
                                      struct cr_net_block *block);
/* Lets a peer whose frame was refused by on_frame go on. */
void cr_net_resume(struct cr_net *net, uint32_t peer);

/* Ends the connection with a peer that broke a rule of the layers above, and lets none come up
 * again for `pause_us`. May be called from within callbacks; on_peer follows in the next run. */
void cr_net_cut(struct cr_net *net, uint32_t peer, const char *reason, uint64_t pause_us);

struct cr_net_peer_stats {
    bool up;
    uint64_t rtt_us;                                     /* smoothed */
    uint64_t bytes_in, bytes_out, frames_in, frames_out; /* prefixes and hellos included */
    uint64_t connects, refused_full; /* refused_full: frames dropped by a full queue */
    uint64_t queued_bytes;           /* not yet acknowledged */
};
struct cr_net_stats {
    uint64_t datagrams_in, datagrams_out, syscalls_in, syscalls_out;
    uint64_t datagrams_bad;  /* not QUIC, unknown connection, failed to decrypt */
    uint64_t handshakes_bad; /* wrong key, wrong genesis, not a validator, timed out */
    bool gso, gro;
};
void cr_net_peer_stats(const struct cr_net *net, uint32_t peer, struct cr_net_peer_stats *out);
void cr_net_stats(const struct cr_net *net, struct cr_net_stats *out);

#endif
