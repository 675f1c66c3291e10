/* SPDX-License-Identifier: Apache-2.0 */
/* conn.h: one QUIC connection with one validator: handshake, hello, frames both ways.
 *
 * Knows ngtcp2 and nothing of dialling, limits or the other connections. It never ends itself: on
 * any failure it turns `over` and keeps the reason until the net buries it.
 *
 * Streams: each side opens one unidirectional stream per class, in the order of the classes, so a
 * stream's number says its class. The first frame of the consensus stream is the hello:
 *
 *      "CRHELLO\0"  8     version u32     genesis id 32     validator index u32
 *
 * Frames of other classes that overtake it are held.
 */
#ifndef CR_NET_CONN_H
#define CR_NET_CONN_H

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_ossl.h>

#include "net/inbox.h"
#include "net/outbox.h"
#include "net/tls.h"
#include "net/udp.h"

#define CR_CONN_PEER_NONE UINT32_MAX

enum {
    CR_CONN_ID_BYTES = 12, /* slot 2, tag 6, random 4 */
    CR_CONN_TAG_BYTES = 6,
    CR_CONN_REASON_BYTES = 176,
    CR_CONN_STREAM_WINDOW = 1536 * 1024,
    CR_CONN_WINDOW = CR_NET_CLASSES * CR_CONN_STREAM_WINDOW,
    CR_CONN_HANDSHAKE_US = 5 * 1000 * 1000,
    CR_CONN_HELLO_US = 2 * CR_CONN_HANDSHAKE_US,
    CR_CONN_UNANSWERED_US = 1000 * 1000, /* a dialled peer says nothing at all */
    CR_CONN_SILENCE_US = 1500 * 1000,    /* a peer stops acknowledging */
};

_Static_assert(CR_CONN_STREAM_WINDOW > CR_FRAME_BYTES_MAX + CR_NET_PREFIX_BYTES,
               "credit comes back frame by frame, so the window holds the largest one");

enum cr_conn_phase {
    CR_CONN_HANDSHAKE = 1, /* TLS */
    CR_CONN_HELLO,         /* TLS is complete, the peer's hello is awaited */
    CR_CONN_UP,
};

enum cr_conn_end {
    CR_CONN_ENDS_NOT = 0,
    CR_CONN_LOST,      /* no answer */
    CR_CONN_CLOSED,    /* by the peer */
    CR_CONN_FORGOTTEN, /* stateless reset: the peer was started again */
    CR_CONN_REPLACED,  /* by a newer connection of the same peer */
    CR_CONN_REFUSED,   /* key, hello */
    CR_CONN_FAULT,     /* the peer broke the protocol, or something of ours failed */
    CR_CONN_BYE,       /* the net is closed */
};

/* Application error codes of CONNECTION_CLOSE. */
enum cr_conn_code {
    CR_CONN_CODE_BYE = 0,
    CR_CONN_CODE_REPLACED = 1,
    CR_CONN_CODE_GENESIS = 2, /* the reason phrase is the closer's genesis id in hex */
    CR_CONN_CODE_VERSION = 3,
    CR_CONN_CODE_HELLO = 4,
    CR_CONN_CODE_FRAME = 5,
    CR_CONN_CODE_INTERNAL = 6,
};

struct cr_conn;

/* What all connections of one net share. */
struct cr_conn_shared {
    const struct cr_net_config *config;
    struct cr_net_peer_stats *stats; /* by validator index */
    struct cr_udp udp;
    struct cr_tls tls;
    void *context;
    void (*on_up)(void *context, struct cr_conn *conn); /* the hello is good */
};

struct cr_conn {
    struct cr_conn_shared *shared;
    ngtcp2_conn *quic;
    SSL *tls;
    ngtcp2_crypto_ossl_ctx *ossl;
    ngtcp2_crypto_conn_ref ref;
    struct cr_udp_address remote;
    ngtcp2_cid first_id; /* accepted connections: what the dialler aimed its first packets at */
    uint16_t slot;
    uint8_t tag[CR_CONN_TAG_BYTES];
    bool dialled;
    bool dirty;  /* there may be something to write */
    bool resume; /* held frames are to be offered again */
    enum cr_conn_phase phase;
    uint32_t peer;
    uint64_t opened_us, up_us;
    uint64_t expiry_us;         /* of ngtcp2 */
    uint64_t silent_since_us;   /* 0, or nothing has come since then while something is in flight */
    uint64_t silent_packets_in; /* packets received until then */
    int64_t stream_ids[CR_NET_CLASSES]; /* ours */
    struct cr_outbox outbox[CR_NET_CLASSES];
    struct cr_inbox inbox[CR_NET_CLASSES];
    enum cr_conn_end over;
    bool tell; /* the peer is still to be told that it is over */
    enum cr_conn_code code;
    bool refused_key; /* by the judge */
    bool refused_us;  /* the peer closed with an error */
    bool wants_retry; /* the first packet cannot be used before a Retry */
    char reason[CR_CONN_REASON_BYTES];
};

/* The slot is where an incoming packet finds the connection again. */
struct cr_conn_place {
    uint16_t slot;
    const struct cr_udp_address *remote;
    uint64_t now_us;
};

/* NULL when memory is out. */
struct cr_conn *cr_conn_dial(struct cr_conn_shared *shared, const struct cr_conn_place *place,
                             uint32_t peer);
/* `retried_id` is what the client first aimed at when it comes back after a Retry, else NULL. */
struct cr_conn *cr_conn_accept(struct cr_conn_shared *shared, const struct cr_conn_place *place,
                               const ngtcp2_pkt_hd *head, const ngtcp2_cid *retried_id);
void cr_conn_free(struct cr_conn *conn);

/* Ends the connection; the first reason stays. cr_conn_tell sends it to the peer, best effort. */
void cr_conn_stop(struct cr_conn *conn, enum cr_conn_end end, enum cr_conn_code code,
                  const char *reason);
void cr_conn_tell(struct cr_conn *conn, uint64_t now_us);

/* False when QUIC could make nothing of the datagram. */
bool cr_conn_read(struct cr_conn *conn, const struct cr_udp_address *from, const uint8_t *bytes,
                  size_t count, uint64_t now_us);
/* Runs timers that are due. Unless the socket was emptied (`all_read`), silence is no proof. */
void cr_conn_tick(struct cr_conn *conn, uint64_t now_us, bool all_read);
uint64_t cr_conn_deadline_us(const struct cr_conn *conn);
/* Packets that QUIC threw away: not to be decrypted, and the like. */
uint64_t cr_conn_discarded(const struct cr_conn *conn);
/* Offers held frames again. */
void cr_conn_resume(struct cr_conn *conn);
/* Writes until nothing is left, the socket is busy or the turn is over (`dirty` then stays). */
void cr_conn_write(struct cr_conn *conn, uint64_t now_us);

CR_MUST_CHECK enum cr_err cr_conn_send(struct cr_conn *conn, enum cr_net_class class,
                                       struct cr_net_block *block);

/* Makes a token for a stateless reset of connection id `id`. */
bool cr_conn_reset_token(const struct cr_tls *tls, const ngtcp2_cid *id,
                         ngtcp2_stateless_reset_token *out);

/* The judge for cr_tls_open: `user_data` is a connection. */
bool cr_conn_judge(void *user_data, const uint8_t *key, size_t key_bytes);

#endif
