/* SPDX-License-Identifier: Apache-2.0 */
#include "net/conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/stream.h"

enum {
    WRITES_PER_TURN = 16, /* times CR_UDP_TX_BYTES, then the next connection has its turn */
    JUMBO_BYTES = 8952,   /* an MTU of 9000 less the IPv6 and UDP headers */
    FIRST_ID_BYTES = 18,
};

static const uint16_t path_probes[] = {1452, JUMBO_BYTES};

static ngtcp2_tstamp ns(uint64_t us)
{
    return us * NGTCP2_MICROSECONDS;
}

/* --- ngtcp2's callbacks ----------------------------------------------------------------------- */

static ngtcp2_conn *quic_of(ngtcp2_crypto_conn_ref *ref)
{
    const struct cr_conn *conn = ref->user_data;
    return conn->quic;
}

static void on_random(uint8_t *bytes, size_t count, const ngtcp2_rand_ctx *context)
{
    (void)context;
    cr_tls_random(bytes, count);
}

static void make_id(const struct cr_conn *conn, ngtcp2_cid *out)
{
    uint8_t bytes[CR_CONN_ID_BYTES];
    cr_store_le(bytes, conn->slot, 2);
    memcpy(bytes + 2, conn->tag, CR_CONN_TAG_BYTES);
    cr_tls_random(bytes + 2 + CR_CONN_TAG_BYTES, sizeof bytes - 2 - CR_CONN_TAG_BYTES);
    ngtcp2_cid_init(out, bytes, sizeof bytes);
}

bool cr_conn_reset_token(const struct cr_tls *tls, const ngtcp2_cid *id,
                         ngtcp2_stateless_reset_token *out)
{
    return ngtcp2_crypto_generate_stateless_reset_token(out->data, tls->reset_secret,
                                                        sizeof tls->reset_secret, id) == 0;
}

static int on_new_id(ngtcp2_conn *quic, ngtcp2_cid *id, ngtcp2_stateless_reset_token *token,
                     size_t id_bytes, void *context)
{
    (void)quic;
    const struct cr_conn *conn = context;
    if (id_bytes != CR_CONN_ID_BYTES) return NGTCP2_ERR_CALLBACK_FAILURE;
    make_id(conn, id);
    return cr_conn_reset_token(&conn->shared->tls, id, token) ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

static int on_handshake(ngtcp2_conn *quic, void *context)
{
    struct cr_conn *conn = context;
    if (!cr_tls_alpn_agreed(conn->tls)) {
        cr_conn_stop(conn, CR_CONN_REFUSED, CR_CONN_CODE_VERSION,
                     "it does not speak creto/1 (ALPN)");
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    if (!cr_stream_open_all(conn)) return NGTCP2_ERR_CALLBACK_FAILURE;
    ngtcp2_conn_set_keep_alive_timeout(quic, 750 * NGTCP2_MILLISECONDS);
    conn->phase = CR_CONN_HELLO;
    return 0;
}

static int on_reset(ngtcp2_conn *quic, const ngtcp2_pkt_stateless_reset2 *reset, void *context)
{
    (void)quic, (void)reset;
    cr_conn_stop(context, CR_CONN_FORGOTTEN, CR_CONN_CODE_BYE, "it has been started again");
    return 0;
}

static void make_callbacks(ngtcp2_callbacks *callbacks, bool dial)
{
    *callbacks = (ngtcp2_callbacks){
        .recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
        .encrypt = ngtcp2_crypto_encrypt_cb,
        .decrypt = ngtcp2_crypto_decrypt_cb,
        .hp_mask = ngtcp2_crypto_hp_mask_cb,
        .update_key = ngtcp2_crypto_update_key_cb,
        .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
        .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
        .get_path_challenge_data2 = ngtcp2_crypto_get_path_challenge_data2_cb,
        .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
        .rand = on_random,
        .get_new_connection_id2 = on_new_id,
        .handshake_completed = on_handshake,
        .recv_stateless_reset2 = on_reset,
    };
    cr_stream_callbacks(callbacks);
    if (dial) {
        callbacks->client_initial = ngtcp2_crypto_client_initial_cb;
        callbacks->recv_retry = ngtcp2_crypto_recv_retry_cb;
    } else {
        callbacks->recv_client_initial = ngtcp2_crypto_recv_client_initial_cb;
    }
}

/* --- making and freeing ----------------------------------------------------------------------- */

static void make_settings(ngtcp2_settings *settings, uint64_t now_us)
{
    ngtcp2_settings_default(settings);
    settings->initial_ts = ns(now_us);
    settings->cc_algo = NGTCP2_CC_ALGO_CUBIC;
    settings->initial_rtt = 30 * NGTCP2_MILLISECONDS;
    settings->handshake_timeout = ns(CR_CONN_HANDSHAKE_US);
    settings->ack_thresh = 10;
    settings->max_tx_udp_payload_size = JUMBO_BYTES;
    settings->pmtud_probes = path_probes;
    settings->pmtud_probeslen = CR_COUNT_OF(path_probes);
}

static void make_params(ngtcp2_transport_params *params)
{
    ngtcp2_transport_params_default(params);
    params->initial_max_streams_uni = CR_NET_CLASSES;
    params->initial_max_stream_data_uni = CR_CONN_STREAM_WINDOW;
    params->initial_max_data = CR_CONN_WINDOW;
    params->max_idle_timeout = 10 * NGTCP2_SECONDS;
    params->max_ack_delay = 5 * NGTCP2_MILLISECONDS;
    params->disable_active_migration = 1;
}

static struct cr_conn *new_conn(struct cr_conn_shared *shared, const struct cr_conn_place *place,
                                bool dialled)
{
    struct cr_conn *conn = calloc(1, sizeof *conn);
    if (!conn) return NULL;
    conn->shared = shared;
    conn->slot = place->slot;
    conn->remote = *place->remote;
    conn->dialled = dialled;
    conn->dirty = true;
    conn->phase = CR_CONN_HANDSHAKE;
    conn->peer = CR_CONN_PEER_NONE;
    conn->opened_us = place->now_us;
    conn->expiry_us = place->now_us;
    conn->ref = (ngtcp2_crypto_conn_ref){.get_conn = quic_of, .user_data = conn};
    cr_tls_random(conn->tag, sizeof conn->tag);
    conn->tls = cr_tls_session(&shared->tls, dialled, &conn->ref);
    if (conn->tls && ngtcp2_crypto_ossl_ctx_new(&conn->ossl, conn->tls) == 0) return conn;
    cr_conn_free(conn);
    return NULL;
}

static ngtcp2_path path_to(struct cr_conn_shared *shared, struct cr_udp_address *remote)
{
    struct cr_udp_address *local = &shared->udp.local;
    return (ngtcp2_path){
        .local = {.addr = (ngtcp2_sockaddr *)&local->storage, .addrlen = local->bytes},
        .remote = {.addr = (ngtcp2_sockaddr *)&remote->storage, .addrlen = remote->bytes}};
}

static struct cr_udp_address address_of(const ngtcp2_addr *address)
{
    struct cr_udp_address out = {.bytes = address->addrlen};
    memcpy(&out.storage, address->addr, address->addrlen);
    return out;
}

struct cr_conn *cr_conn_dial(struct cr_conn_shared *shared, const struct cr_conn_place *place,
                             uint32_t peer)
{
    struct cr_conn *conn = new_conn(shared, place, true);
    if (!conn) return NULL;
    conn->peer = peer;
    ngtcp2_callbacks callbacks;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    make_callbacks(&callbacks, conn->dialled);
    make_settings(&settings, place->now_us);
    make_params(&params);
    uint8_t bytes[FIRST_ID_BYTES];
    cr_tls_random(bytes, sizeof bytes);
    ngtcp2_cid theirs, ours;
    ngtcp2_cid_init(&theirs, bytes, sizeof bytes);
    make_id(conn, &ours);
    const ngtcp2_path path = path_to(shared, &conn->remote);
    if (ngtcp2_conn_client_new(&conn->quic, &theirs, &ours, &path, NGTCP2_PROTO_VER_V1, &callbacks,
                               &settings, &params, NULL, conn) != 0) {
        cr_conn_free(conn);
        return NULL;
    }
    ngtcp2_conn_set_tls_native_handle(conn->quic, conn->ossl);
    return conn;
}

struct cr_conn *cr_conn_accept(struct cr_conn_shared *shared, const struct cr_conn_place *place,
                               const ngtcp2_pkt_hd *head, const ngtcp2_cid *retried_id)
{
    struct cr_conn *conn = new_conn(shared, place, false);
    if (!conn) return NULL;
    conn->first_id = head->dcid;
    ngtcp2_callbacks callbacks;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    make_callbacks(&callbacks, conn->dialled);
    make_settings(&settings, place->now_us);
    make_params(&params);
    params.original_dcid = retried_id ? *retried_id : head->dcid;
    params.original_dcid_present = 1;
    if (retried_id) {
        params.retry_scid = head->dcid;
        params.retry_scid_present = 1;
        settings.token = head->token;
        settings.tokenlen = head->tokenlen;
        settings.token_type = NGTCP2_TOKEN_TYPE_RETRY;
    }
    ngtcp2_cid ours;
    make_id(conn, &ours);
    ngtcp2_stateless_reset_token token;
    if (cr_conn_reset_token(&shared->tls, &ours, &token)) {
        memcpy(params.stateless_reset_token, token.data, sizeof token.data);
        params.stateless_reset_token_present = 1;
    }
    const ngtcp2_path path = path_to(shared, &conn->remote);
    if (ngtcp2_conn_server_new(&conn->quic, &head->scid, &ours, &path, NGTCP2_PROTO_VER_V1,
                               &callbacks, &settings, &params, NULL, conn) != 0) {
        cr_conn_free(conn);
        return NULL;
    }
    ngtcp2_conn_set_tls_native_handle(conn->quic, conn->ossl);
    return conn;
}

void cr_conn_free(struct cr_conn *conn)
{
    if (!conn) return;
    if (conn->tls) {
        SSL_set_app_data(conn->tls, NULL); /* OpenSSL calls back while it frees */
        SSL_free(conn->tls);
    }
    if (conn->ossl) ngtcp2_crypto_ossl_ctx_del(conn->ossl);
    if (conn->quic) ngtcp2_conn_del(conn->quic);
    for (uint32_t class = 0; class < CR_NET_CLASSES; class ++) {
        cr_outbox_deinit(&conn->outbox[class]); /* after QUIC, which points into the blocks */
        cr_inbox_deinit(&conn->inbox[class]);
    }
    free(conn);
}

/* --- who the peer is -------------------------------------------------------------------------- */

bool cr_conn_judge(void *user_data, const uint8_t *key, size_t key_bytes)
{
    struct cr_conn *conn = user_data;
    const struct cr_net_config *config = conn->shared->config;
    for (uint32_t i = 0; i < config->peers_count; i++) {
        if (memcmp(config->peers[i].key->bytes, key, key_bytes) != 0) continue;
        /* The smaller index dials, so whoever dials us is smaller. */
        const bool good = conn->dialled ? i == conn->peer : i < config->self;
        if (!good) continue;
        conn->peer = i;
        return true;
    }
    conn->refused_key = true;
    return false;
}

/* --- the end ---------------------------------------------------------------------------------- */

void cr_conn_stop(struct cr_conn *conn, enum cr_conn_end end, enum cr_conn_code code,
                  const char *reason)
{
    if (conn->over != CR_CONN_ENDS_NOT) return;
    conn->over = end;
    conn->code = code;
    conn->tell = end == CR_CONN_REPLACED || end == CR_CONN_REFUSED || end == CR_CONN_FAULT ||
                 end == CR_CONN_BYE;
    snprintf(conn->reason, sizeof conn->reason, "%s", reason);
}

void cr_conn_tell(struct cr_conn *conn, uint64_t now_us)
{
    if (!conn->tell) return;
    conn->tell = false;
    ngtcp2_ccerr error;
    ngtcp2_ccerr_default(&error);
    char hex[2 * CR_HASH_BYTES + 1];
    const struct cr_hash *genesis_id = &conn->shared->config->genesis_id;
    if (ngtcp2_conn_get_tls_alert(conn->quic) != 0) {
        ngtcp2_ccerr_set_tls_alert(&error, ngtcp2_conn_get_tls_alert(conn->quic), NULL, 0);
    } else if (conn->code == CR_CONN_CODE_GENESIS) {
        cr_hex_encode(genesis_id->bytes, CR_HASH_BYTES, hex);
        ngtcp2_ccerr_set_application_error(&error, conn->code, (const uint8_t *)hex,
                                           sizeof hex - 1);
    } else {
        ngtcp2_ccerr_set_application_error(&error, conn->code, NULL, 0);
    }
    uint8_t bytes[NGTCP2_MAX_UDP_PAYLOAD_SIZE];
    ngtcp2_path_storage path;
    ngtcp2_path_storage_zero(&path);
    ngtcp2_pkt_info info;
    const ngtcp2_ssize count = ngtcp2_conn_write_connection_close(
        conn->quic, &path.path, &info, bytes, sizeof bytes, &error, ns(now_us));
    if (count <= 0) return;
    const struct cr_udp_address to = address_of(&path.path.remote);
    cr_udp_send_now(&conn->shared->udp, &to, bytes, (size_t)count);
}

/* What the peer's CONNECTION_CLOSE says. Its text is not repeated, but for a genesis id. */
static void on_closed(struct cr_conn *conn)
{
    const ngtcp2_ccerr *error = ngtcp2_conn_get_ccerr(conn->quic);
    char text[CR_CONN_REASON_BYTES] = "it closed the connection";
    uint8_t id[CR_HASH_BYTES];
    const char *phrase = (const char *)error->reason;
    enum cr_conn_code code = CR_CONN_CODE_BYE;
    conn->refused_us = error->error_code != 0;
    if (error->type == NGTCP2_CCERR_TYPE_APPLICATION && error->error_code == CR_CONN_CODE_GENESIS &&
        cr_hex_decode(phrase, error->reasonlen, id, sizeof id) == CR_OK) {
        code = CR_CONN_CODE_GENESIS;
        cr_stream_print_genesis(conn, id, text, sizeof text);
    } else if (error->type == NGTCP2_CCERR_TYPE_TRANSPORT && (error->error_code >> 8) == 1) {
        snprintf(text, sizeof text, "it broke the handshake off (TLS alert %u)%s",
                 (unsigned)(error->error_code & 0xff),
                 conn->phase < CR_CONN_UP ? "; does it know our transport key?" : "");
    } else if (error->error_code != 0) {
        snprintf(text, sizeof text, "it closed the connection with code %llu",
                 (unsigned long long)error->error_code);
    }
    cr_conn_stop(conn, CR_CONN_CLOSED, code, text);
}

static void on_error(struct cr_conn *conn, int error)
{
    switch (error) {
    case NGTCP2_ERR_DRAINING: on_closed(conn); return;
    case NGTCP2_ERR_RETRY: /* only its first part came, say: let it begin again */
        conn->wants_retry = true;
        cr_conn_stop(conn, CR_CONN_CLOSED, CR_CONN_CODE_BYE, "it must retry");
        return;
    case NGTCP2_ERR_CLOSING: /* only after cr_conn_tell */
    case NGTCP2_ERR_DROP_CONN:
        cr_conn_stop(conn, CR_CONN_CLOSED, CR_CONN_CODE_BYE, "the first packet is not acceptable");
        return;
    case NGTCP2_ERR_IDLE_CLOSE:
        cr_conn_stop(conn, CR_CONN_LOST, CR_CONN_CODE_BYE, "it has been silent for 10 s");
        return;
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
        cr_conn_stop(conn, CR_CONN_LOST, CR_CONN_CODE_BYE, "the handshake took more than 5 s");
        return;
    default: break; /* not an enum of ours */
    }
    char text[CR_CONN_REASON_BYTES];
    if (conn->refused_key) {
        cr_conn_stop(conn, CR_CONN_REFUSED, CR_CONN_CODE_BYE,
                     conn->dialled ? "it shows a key that is not the one of this validator"
                                   : "it shows a key of no validator that has to dial us");
    }
    snprintf(text, sizeof text, "protocol error: %s", ngtcp2_strerror(error));
    cr_conn_stop(conn, CR_CONN_FAULT, CR_CONN_CODE_INTERNAL, text);
}

/* --- running ---------------------------------------------------------------------------------- */

bool cr_conn_read(struct cr_conn *conn, const struct cr_udp_address *from, const uint8_t *bytes,
                  size_t count, uint64_t now_us)
{
    if (conn->over != CR_CONN_ENDS_NOT) return true;
    struct cr_udp_address remote = *from;
    const ngtcp2_path path = path_to(conn->shared, &remote);
    const ngtcp2_pkt_info info = {0};
    const int error = ngtcp2_conn_read_pkt(conn->quic, &path, &info, bytes, count, ns(now_us));
    conn->dirty = true;
    if (error != 0) on_error(conn, error);
    return error == 0;
}

uint64_t cr_conn_discarded(const struct cr_conn *conn)
{
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info(conn->quic, &info);
    return info.pkt_discarded;
}

void cr_conn_resume(struct cr_conn *conn)
{
    conn->resume = false;
    if (conn->over != CR_CONN_ENDS_NOT) return;
    cr_stream_resume_all(conn);
    conn->dirty = true;
}

static uint64_t silence_max(const struct cr_conn *conn)
{
    const bool unanswered = conn->phase == CR_CONN_HANDSHAKE && conn->silent_packets_in == 0;
    return unanswered ? CR_CONN_UNANSWERED_US : CR_CONN_SILENCE_US;
}

static void judge_silence(struct cr_conn *conn, uint64_t now_us)
{
    if (conn->silent_since_us == 0 || now_us < conn->silent_since_us + silence_max(conn)) return;
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info(conn->quic, &info);
    if (info.pkt_recv != conn->silent_packets_in) {
        conn->dirty = true; /* the next write measures anew */
        return;
    }
    cr_conn_stop(conn, CR_CONN_LOST, CR_CONN_CODE_BYE, "it does not answer");
}

void cr_conn_tick(struct cr_conn *conn, uint64_t now_us, bool all_read)
{
    if (conn->over != CR_CONN_ENDS_NOT) return;
    if (conn->expiry_us <= now_us && ngtcp2_conn_get_expiry(conn->quic) <= ns(now_us)) {
        const int error = ngtcp2_conn_handle_expiry(conn->quic, ns(now_us));
        if (error != 0) on_error(conn, error);
        conn->dirty = true;
    }
    if (conn->phase == CR_CONN_HELLO && now_us >= conn->opened_us + CR_CONN_HELLO_US) {
        cr_conn_stop(conn, CR_CONN_REFUSED, CR_CONN_CODE_HELLO, "it sends no hello");
    }
    if (all_read) judge_silence(conn, now_us);
}

uint64_t cr_conn_deadline_us(const struct cr_conn *conn)
{
    if (conn->over != CR_CONN_ENDS_NOT || conn->resume) return 0;
    uint64_t deadline = conn->expiry_us;
    if (conn->silent_since_us != 0) {
        const uint64_t silence = conn->silent_since_us + silence_max(conn);
        if (silence < deadline) deadline = silence;
    }
    return deadline;
}

static void after_write(struct cr_conn *conn, uint64_t now_us)
{
    ngtcp2_conn_update_pkt_tx_time(conn->quic, ns(now_us));
    const ngtcp2_tstamp expiry = ngtcp2_conn_get_expiry(conn->quic);
    conn->expiry_us = expiry == UINT64_MAX ? UINT64_MAX : expiry / NGTCP2_MICROSECONDS + 1;
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info(conn->quic, &info);
    if (info.bytes_in_flight == 0) {
        conn->silent_since_us = 0;
    } else if (conn->silent_since_us == 0 || info.pkt_recv != conn->silent_packets_in) {
        conn->silent_since_us = now_us;
    }
    conn->silent_packets_in = info.pkt_recv;
    if (conn->phase != CR_CONN_UP) return;
    conn->shared->stats[conn->peer].rtt_us = info.smoothed_rtt / NGTCP2_MICROSECONDS;
}

void cr_conn_write(struct cr_conn *conn, uint64_t now_us)
{
    struct cr_udp *udp = &conn->shared->udp;
    ngtcp2_path_storage path;
    ngtcp2_path_storage_zero(&path);
    ngtcp2_pkt_info info;
    for (uint32_t turn = 0; turn < WRITES_PER_TURN; turn++) {
        if (conn->over != CR_CONN_ENDS_NOT || cr_udp_is_busy(udp)) return;
        size_t segment_bytes = 0;
        const ngtcp2_ssize count = ngtcp2_conn_write_aggregate_pkt2(
            conn->quic, &path.path, &info, udp->tx, CR_UDP_TX_BYTES, &segment_bytes,
            cr_stream_write, CR_UDP_SEGMENTS_MAX, ns(now_us));
        if (count < 0) {
            on_error(conn, (int)count);
            return;
        }
        if (count == 0) {
            conn->dirty = false;
            break;
        }
        const struct cr_udp_address to = address_of(&path.path.remote);
        cr_udp_send(udp, &to, (size_t)count, segment_bytes > 0 ? segment_bytes : (size_t)count);
    }
    after_write(conn, now_us);
}

enum cr_err cr_conn_send(struct cr_conn *conn, enum cr_net_class class, struct cr_net_block *block)
{
    const enum cr_err err = cr_outbox_put(&conn->outbox[class], block);
    if (err == CR_OK) conn->dirty = true;
    return err;
}
