/* SPDX-License-Identifier: Apache-2.0 */
#include "net/stream.h"

#include <stdio.h>
#include <string.h>

enum {
    HELLO_VERSION = 1,
    HELLO_MAGIC_BYTES = 8,
    HELLO_BYTES = HELLO_MAGIC_BYTES + 4 + CR_HASH_BYTES + 4,
    VECTORS_MAX = 16,
};

static const uint8_t hello_magic[HELLO_MAGIC_BYTES] = "CRHELLO";

/* --- hello ------------------------------------------------------------------------------------ */

void cr_stream_print_genesis(const struct cr_conn *conn, const uint8_t theirs[CR_HASH_BYTES],
                             char *text, size_t text_bytes)
{
    char their_hex[2 * CR_HASH_BYTES + 1], our_hex[2 * CR_HASH_BYTES + 1];
    cr_hex_encode(theirs, CR_HASH_BYTES, their_hex);
    cr_hex_encode(conn->shared->config->genesis_id.bytes, CR_HASH_BYTES, our_hex);
    snprintf(text, text_bytes, "its genesis id is %s, ours is %s", their_hex, our_hex);
}

static bool queue_hello(struct cr_conn *conn)
{
    const struct cr_net_config *config = conn->shared->config;
    struct cr_net_block *block = cr_net_block_new(HELLO_BYTES);
    if (!block) return false;
    uint8_t *at = block->bytes;
    memcpy(at, hello_magic, HELLO_MAGIC_BYTES);
    at += HELLO_MAGIC_BYTES;
    cr_store_le(at, HELLO_VERSION, 4);
    memcpy(at + 4, config->genesis_id.bytes, CR_HASH_BYTES);
    cr_store_le(at + 4 + CR_HASH_BYTES, config->self, 4);
    const enum cr_err err = cr_conn_send(conn, CR_NET_CONSENSUS, block);
    cr_net_block_give(block);
    return err == CR_OK;
}

static bool take_hello(struct cr_conn *conn, const uint8_t *bytes, size_t count)
{
    char text[CR_CONN_REASON_BYTES];
    if (count < HELLO_MAGIC_BYTES + 4 || memcmp(bytes, hello_magic, HELLO_MAGIC_BYTES) != 0) {
        cr_conn_stop(conn, CR_CONN_REFUSED, CR_CONN_CODE_HELLO, "its first frame is no hello");
        return false;
    }
    const uint8_t *at = bytes + HELLO_MAGIC_BYTES;
    const uint64_t version = cr_load_le(at, 4);
    if (version != HELLO_VERSION || count != HELLO_BYTES) {
        snprintf(text, sizeof text, "it speaks version %llu of the peer protocol, we speak %d",
                 (unsigned long long)version, HELLO_VERSION);
        cr_conn_stop(conn, CR_CONN_REFUSED, CR_CONN_CODE_VERSION, text);
        return false;
    }
    if (memcmp(at + 4, conn->shared->config->genesis_id.bytes, CR_HASH_BYTES) != 0) {
        cr_stream_print_genesis(conn, at + 4, text, sizeof text);
        cr_conn_stop(conn, CR_CONN_REFUSED, CR_CONN_CODE_GENESIS, text);
        return false;
    }
    const uint64_t index = cr_load_le(at + 4 + CR_HASH_BYTES, 4);
    /* Who has no seat yet, in the epoch where it stands, does not know the one that it has here. */
    if (index != conn->peer && index != CR_NET_NOBODY) {
        snprintf(text, sizeof text, "it calls itself validator %llu", (unsigned long long)index);
        cr_conn_stop(conn, CR_CONN_REFUSED, CR_CONN_CODE_HELLO, text);
        return false;
    }
    conn->phase = CR_CONN_UP;
    conn->resume = true; /* other classes may have overtaken the hello */
    conn->shared->on_up(conn->shared->context, conn);
    return true;
}

/* --- in --------------------------------------------------------------------------------------- */

struct stream_in {
    struct cr_conn *conn;
    enum cr_net_class class;
};

static enum cr_inbox_verdict take_frame(void *context, const uint8_t *bytes, size_t count)
{
    const struct stream_in *stream = context;
    struct cr_conn *conn = stream->conn;
    const struct cr_net_callbacks *node = &conn->shared->config->callbacks;
    if (conn->phase != CR_CONN_UP) {
        if (stream->class != CR_NET_CONSENSUS) return CR_INBOX_HELD;
        if (!take_hello(conn, bytes, count)) return CR_INBOX_FAULT;
    } else if (!node->on_frame(node->context, conn->peer, stream->class, bytes, count)) {
        return CR_INBOX_HELD;
    }
    struct cr_net_peer_stats *stats = &conn->shared->stats[conn->peer];
    stats->frames_in++;
    stats->bytes_in += CR_NET_PREFIX_BYTES + count;
    return CR_INBOX_TAKEN;
}

/* Stream numbers of one side are 4 apart (RFC 9000, 2.1); ngtcp2 lets only CR_NET_CLASSES pass. */
static bool class_of(int64_t stream_id, enum cr_net_class *out)
{
    const int64_t number = stream_id >> 2;
    if (number < 0 || number >= CR_NET_CLASSES) return false;
    *out = (enum cr_net_class)number;
    return true;
}

static int64_t incoming_id(const struct cr_conn *conn, enum cr_net_class class)
{
    return ((int64_t) class << 2) | (conn->dialled ? 3 : 2);
}

/* False: the connection is over. */
static bool settle(struct cr_conn *conn, enum cr_net_class class, enum cr_err err, size_t consumed)
{
    if (err != CR_OK) {
        const char *reason = err == CR_ERR_UNAVAILABLE ? "memory is out"
                             : err == CR_ERR_TOO_BIG   ? "it sent a frame above the limit"
                                                       : "it broke the protocol";
        cr_conn_stop(conn, CR_CONN_FAULT, CR_CONN_CODE_FRAME, reason);
        return false;
    }
    if (consumed == 0) return true;
    const int64_t stream_id = incoming_id(conn, class);
    if (ngtcp2_conn_extend_max_stream_offset(conn->quic, stream_id, consumed) != 0) return false;
    ngtcp2_conn_extend_max_offset(conn->quic, consumed);
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are ngtcp2's */
static int on_data(ngtcp2_conn *quic, uint32_t flags, int64_t stream_id, uint64_t offset,
                   const uint8_t *data, size_t data_bytes, void *context, void *stream_context)
{
    (void)quic, (void)offset, (void)stream_context;
    struct cr_conn *conn = context;
    struct stream_in stream = {.conn = conn};
    if (!class_of(stream_id, &stream.class)) return NGTCP2_ERR_CALLBACK_FAILURE;
    const struct cr_inbox_sink sink = {.context = &stream, .take = take_frame};
    size_t consumed = 0;
    const enum cr_err err = cr_inbox_put(&conn->inbox[stream.class], data, data_bytes,
                                         CR_CONN_STREAM_WINDOW, &sink, &consumed);
    if (!settle(conn, stream.class, err, consumed)) return NGTCP2_ERR_CALLBACK_FAILURE;
    if (flags & NGTCP2_STREAM_DATA_FLAG_FIN) {
        cr_conn_stop(conn, CR_CONN_FAULT, CR_CONN_CODE_FRAME, "it ended a stream");
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
}

static int on_reset_in(ngtcp2_conn *quic, int64_t stream_id, uint64_t final_bytes, uint64_t code,
                       void *context, void *stream_context)
{
    (void)quic, (void)stream_id, (void)final_bytes, (void)code, (void)stream_context;
    cr_conn_stop(context, CR_CONN_FAULT, CR_CONN_CODE_FRAME, "it reset a stream");
    return NGTCP2_ERR_CALLBACK_FAILURE;
}

static int on_stop_out(ngtcp2_conn *quic, int64_t stream_id, uint64_t code, void *context,
                       void *stream_context)
{
    return on_reset_in(quic, stream_id, 0, code, context, stream_context);
}

void cr_stream_resume_all(struct cr_conn *conn)
{
    for (uint32_t i = 0; i < CR_NET_CLASSES && conn->over == CR_CONN_ENDS_NOT; i++) {
        struct stream_in stream = {.conn = conn, .class = (enum cr_net_class)i};
        const struct cr_inbox_sink sink = {.context = &stream, .take = take_frame};
        size_t consumed = 0;
        const enum cr_err err = cr_inbox_resume(&conn->inbox[i], &sink, &consumed);
        if (!settle(conn, stream.class, err, consumed)) {
            cr_conn_stop(conn, CR_CONN_FAULT, CR_CONN_CODE_INTERNAL, "memory is out");
        }
    }
}

/* --- out -------------------------------------------------------------------------------------- */

bool cr_stream_open_all(struct cr_conn *conn)
{
    for (uint32_t i = 0; i < CR_NET_CLASSES; i++) {
        if (ngtcp2_conn_open_uni_stream(conn->quic, &conn->stream_ids[i], NULL) != 0) {
            cr_conn_stop(conn, CR_CONN_REFUSED, CR_CONN_CODE_FRAME, "it allows too few streams");
            return false;
        }
    }
    return queue_hello(conn);
}

static int on_acked(ngtcp2_conn *quic, int64_t stream_id, uint64_t offset, uint64_t bytes,
                    void *context, void *stream_context)
{
    (void)quic, (void)stream_context;
    struct cr_conn *conn = context;
    enum cr_net_class class;
    if (!class_of(stream_id, &class)) return NGTCP2_ERR_CALLBACK_FAILURE;
    cr_outbox_acked(&conn->outbox[class], offset + bytes);
    return 0;
}

static void wrote(struct cr_conn *conn, uint32_t class, size_t bytes)
{
    const uint32_t frames = cr_outbox_wrote(&conn->outbox[class], bytes);
    struct cr_net_peer_stats *stats = &conn->shared->stats[conn->peer];
    stats->frames_out += frames;
    stats->bytes_out += bytes;
}

static bool can_write(struct cr_conn *conn, uint32_t class)
{
    return conn->phase != CR_CONN_HANDSHAKE && cr_outbox_has_unwritten(&conn->outbox[class]) &&
           ngtcp2_conn_get_max_stream_data_left(conn->quic, conn->stream_ids[class]) > 0 &&
           ngtcp2_conn_get_max_data_left(conn->quic) > 0;
}

ngtcp2_ssize cr_stream_write(ngtcp2_conn *quic, ngtcp2_path *path, ngtcp2_pkt_info *info,
                             uint8_t *packet, size_t packet_bytes, ngtcp2_tstamp now, void *context)
{
    struct cr_conn *conn = context;
    bool blocked[CR_NET_CLASSES] = {false};
    for (;;) {
        uint32_t class = 0;
        while (class < CR_NET_CLASSES && (blocked[class] || !can_write(conn, class)))
            class ++;
        const bool none = class == CR_NET_CLASSES;
        ngtcp2_vec vectors[VECTORS_MAX];
        const size_t vectors_count =
            none ? 0 : cr_outbox_vectors(&conn->outbox[class], vectors, VECTORS_MAX);
        ngtcp2_ssize taken = -1;
        const ngtcp2_ssize made = ngtcp2_conn_writev_stream(
            quic, path, info, packet, packet_bytes, &taken,
            none ? NGTCP2_WRITE_STREAM_FLAG_NONE : NGTCP2_WRITE_STREAM_FLAG_MORE,
            none ? -1 : conn->stream_ids[class], vectors, vectors_count, now);
        if (!none && taken > 0) wrote(conn, class, (size_t)taken);
        if (made != NGTCP2_ERR_WRITE_MORE && made != NGTCP2_ERR_STREAM_DATA_BLOCKED) return made;
        if (!none && taken <= 0) blocked[class] = true;
    }
}

void cr_stream_callbacks(ngtcp2_callbacks *callbacks)
{
    callbacks->recv_stream_data = on_data;
    callbacks->stream_reset = on_reset_in;
    callbacks->stream_stop_sending = on_stop_out;
    callbacks->acked_stream_data_offset = on_acked;
}
