/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "net/gate.h"

enum {
    CONNS_MAX = CR_GATE_HALF_OPEN_MAX + 2 * CR_VALIDATORS_MAX, /* and replaced ones, for one run */
    RECEIVES_PER_RUN = 8,
    BACKOFF_US_MIN = 50 * 1000,
    BACKOFF_US_MAX = 2000 * 1000,
    BACKOFF_UNANSWERED_US_MAX = 1000 * 1000, /* a peer that is down costs us little to try */
    STABLE_US = 5 * 1000 * 1000,
    LATE_US = 100 * 1000, /* less is the ordinary jitter of a loop */
    REPORTS_PER_S = 3,
    REPORT_AGAIN_US = 10 * 1000 * 1000,
};

/* What outlives the connections with one validator. */
struct peer {
    struct cr_conn *conn; /* dialled, or up */
    bool up;
    uint64_t up_us, dial_us, backoff_us;
    uint64_t cut_until_us;
    enum cr_conn_end reported;
    uint64_t reported_us;
};

struct cr_net {
    struct cr_net_config config;
    struct cr_conn_shared shared;
    struct cr_gate gate;
    struct cr_bucket reports;
    struct cr_prng prng;
    uint64_t now_us;
    bool running; /* callbacks may run: the net must not be entered again but to queue */
    uint32_t slots_used;
    uint32_t turn; /* whose write comes first */
    uint64_t datagrams_bad, handshakes_bad;
    struct peer peers[CR_VALIDATORS_MAX];
    struct cr_net_peer_stats stats[CR_VALIDATORS_MAX];
    struct cr_conn *slots[CONNS_MAX];
};

_Static_assert(CONNS_MAX <= UINT16_MAX, "a slot is two bytes of a connection id");

static void on_up(void *context, struct cr_conn *conn);

/* --- reports ---------------------------------------------------------------------------------- */

static void report_end(struct cr_net *net, const struct cr_conn *conn)
{
    const struct cr_net_callbacks *node = &net->config.callbacks;
    /* Before TLS is complete a dialler has shown a key, and not that it owns it. */
    const bool proven = conn->dialled || conn->phase != CR_CONN_HANDSHAKE;
    if (proven) {
        struct peer *peer = &net->peers[conn->peer];
        const bool again = peer->reported == conn->over && peer->reported_us != 0 &&
                           net->now_us < peer->reported_us + REPORT_AGAIN_US;
        if (again) return;
        peer->reported = conn->over;
        peer->reported_us = net->now_us;
    }
    if (!cr_bucket_take(&net->reports, REPORTS_PER_S, REPORTS_PER_S, net->now_us)) return;
    const char *verb = conn->over == CR_CONN_REFUSED  ? "is refused"
                       : conn->over == CR_CONN_CLOSED ? "refused us"
                       : conn->over == CR_CONN_LOST   ? "did not finish the handshake"
                                                      : "is cut off";
    char address[CR_UDP_TEXT_BYTES], text[512];
    cr_udp_address_print(&conn->remote, address);
    if (!proven) {
        snprintf(text, sizeof text, "a dialler at %s %s: %s", address, verb, conn->reason);
    } else {
        snprintf(text, sizeof text, "validator %u '%s' at %s %s: %s", (unsigned)conn->peer,
                 net->config.peers[conn->peer].name, address, verb, conn->reason);
    }
    node->report(node->context, text);
}

static bool is_bad(const struct cr_conn *conn)
{
    switch (conn->over) {
    case CR_CONN_REFUSED:
    case CR_CONN_FAULT: return true;
    case CR_CONN_CLOSED: return conn->phase != CR_CONN_UP && conn->refused_us;
    case CR_CONN_LOST: return conn->phase != CR_CONN_UP && conn->silent_packets_in > 0;
    case CR_CONN_ENDS_NOT:
    case CR_CONN_FORGOTTEN:
    case CR_CONN_REPLACED:
    case CR_CONN_BYE: return false;
    }
    CR_UNREACHABLE();
}

/* --- the life of connections ------------------------------------------------------------------ */

static bool find_slot(struct cr_net *net, uint16_t *out)
{
    for (uint32_t i = 0; i < CONNS_MAX; i++) {
        if (net->slots[i]) continue;
        if (i >= net->slots_used) net->slots_used = i + 1;
        *out = (uint16_t)i;
        return true;
    }
    return false;
}

/* Decorrelated jitter: each delay is drawn between the least one and three times the one before. */
static void schedule_dial(struct cr_net *net, struct peer *peer, uint64_t backoff_us_max)
{
    const uint64_t spread_us = 3 * peer->backoff_us - BACKOFF_US_MIN;
    uint64_t backoff_us = BACKOFF_US_MIN + cr_prng_below(&net->prng, spread_us);
    if (backoff_us > backoff_us_max) backoff_us = backoff_us_max;
    peer->backoff_us = backoff_us;
    peer->dial_us = net->now_us + backoff_us;
    if (peer->dial_us < peer->cut_until_us) peer->dial_us = peer->cut_until_us;
}

static void set_down(struct cr_net *net, uint32_t index, const char *reason)
{
    struct peer *peer = &net->peers[index];
    const struct cr_net_callbacks *node = &net->config.callbacks;
    peer->up = false;
    peer->conn = NULL;
    net->stats[index].up = false;
    net->stats[index].queued_bytes = 0;
    node->on_peer(node->context, index, false, reason);
}

/* The hello of the other side is good. Called while a packet is read. */
static void on_up(void *context, struct cr_conn *conn)
{
    struct cr_net *net = context;
    struct peer *peer = &net->peers[conn->peer];
    const struct cr_net_callbacks *node = &net->config.callbacks;
    if (net->now_us < peer->cut_until_us) {
        cr_conn_stop(conn, CR_CONN_REFUSED, CR_CONN_CODE_FRAME, "it was cut off, for some time");
        return;
    }
    if (peer->conn && peer->conn != conn) {
        cr_conn_stop(peer->conn, CR_CONN_REPLACED, CR_CONN_CODE_REPLACED, "it connected anew");
        if (peer->up) set_down(net, conn->peer, peer->conn->reason);
    }
    peer->conn = conn;
    peer->up = true;
    peer->up_us = net->now_us;
    peer->reported = CR_CONN_ENDS_NOT;
    net->stats[conn->peer].up = true;
    net->stats[conn->peer].connects++;
    node->on_peer(node->context, conn->peer, true, "");
}

static void bury(struct cr_net *net, struct cr_conn *conn)
{
    cr_conn_tell(conn, net->now_us);
    if (is_bad(conn)) {
        if (conn->phase != CR_CONN_UP) net->handshakes_bad++;
        report_end(net, conn);
    }
    net->datagrams_bad += cr_conn_discarded(conn);
    net->slots[conn->slot] = NULL;
    struct peer *peer = conn->peer == CR_CONN_PEER_NONE ? NULL : &net->peers[conn->peer];
    if (peer && peer->conn == conn) {
        const bool stable = peer->up && net->now_us >= peer->up_us + STABLE_US;
        if (stable) peer->backoff_us = BACKOFF_US_MIN;
        const bool unanswered = conn->over == CR_CONN_LOST && conn->phase == CR_CONN_HANDSHAKE;
        schedule_dial(net, peer, unanswered ? BACKOFF_UNANSWERED_US_MAX : BACKOFF_US_MAX);
        peer->conn = NULL;
        if (peer->up) set_down(net, conn->peer, conn->reason);
    }
    cr_conn_free(conn);
}

static void dial(struct cr_net *net, uint32_t index)
{
    struct peer *peer = &net->peers[index];
    const struct cr_net_peer *target = &net->config.peers[index];
    const struct cr_udp_address remote =
        cr_udp_reachable(&net->shared.udp, &target->address, target->address_bytes);
    struct cr_conn_place place = {.remote = &remote, .now_us = net->now_us};
    if (find_slot(net, &place.slot)) peer->conn = cr_conn_dial(&net->shared, &place, index);
    if (peer->conn) {
        net->slots[place.slot] = peer->conn;
    } else {
        schedule_dial(net, peer, BACKOFF_US_MAX);
    }
}

static bool is_dialled(const struct cr_net *net, uint32_t index)
{
    return index > net->config.self && net->config.peers[index].address_bytes > 0;
}

/* --- incoming datagrams ----------------------------------------------------------------------- */

static struct cr_conn *find_conn(const struct cr_net *net, const ngtcp2_version_cid *ids)
{
    if (ids->dcidlen == CR_CONN_ID_BYTES) {
        const uint64_t slot = cr_load_le(ids->dcid, 2);
        struct cr_conn *conn = slot < net->slots_used ? net->slots[slot] : NULL;
        if (conn && memcmp(conn->tag, ids->dcid + 2, CR_CONN_TAG_BYTES) == 0) return conn;
    }
    if (ids->version == 0) return NULL;
    /* A dialler that has not got our id yet repeats the one it made up. */
    for (uint32_t i = 0; i < net->slots_used; i++) {
        struct cr_conn *conn = net->slots[i];
        if (conn && !conn->dialled && conn->phase == CR_CONN_HANDSHAKE &&
            conn->first_id.datalen == ids->dcidlen &&
            memcmp(conn->first_id.data, ids->dcid, ids->dcidlen) == 0) {
            return conn;
        }
    }
    return NULL;
}

static struct cr_gate_load measure(const struct cr_net *net, const struct cr_udp_address *from)
{
    struct cr_gate_load load = {0};
    for (uint32_t i = 0; i < net->config.peers_count && !load.known; i++) {
        const struct cr_net_peer *peer = &net->config.peers[i];
        const struct cr_udp_address address =
            cr_udp_reachable(&net->shared.udp, &peer->address, peer->address_bytes);
        load.known = cr_udp_host_equal(&address, from);
    }
    for (uint32_t i = 0; i < net->slots_used; i++) {
        const struct cr_conn *conn = net->slots[i];
        if (!conn || conn->dialled || conn->phase == CR_CONN_UP) continue;
        load.half_open++;
        if (cr_udp_host_equal(&conn->remote, from)) load.half_open_host++;
    }
    return load;
}

struct datagram {
    const struct cr_udp_address *from;
    const uint8_t *bytes;
    size_t count;
};

/* A packet of no known connection that could begin one. */
static void on_first(struct cr_net *net, const struct datagram *datagram)
{
    ngtcp2_pkt_hd head;
    if (ngtcp2_accept(&head, datagram->bytes, datagram->count) != 0 ||
        head.version != NGTCP2_PROTO_VER_V1) {
        net->datagrams_bad++;
        return;
    }
    ngtcp2_cid first_id;
    const bool validated =
        cr_gate_has_token(&net->shared, &head, datagram->from, net->now_us, &first_id);
    const struct cr_gate_load load = measure(net, datagram->from);
    const enum cr_gate_verdict verdict = cr_gate_judge(&net->gate, &load, validated, net->now_us);
    struct cr_conn_place place = {.remote = datagram->from, .now_us = net->now_us};
    if (verdict == CR_GATE_RETRY) {
        cr_gate_send_retry(&net->shared, &head, datagram->from, net->now_us);
        return;
    }
    if (verdict == CR_GATE_DROP || !find_slot(net, &place.slot)) {
        net->datagrams_bad++;
        return;
    }
    struct cr_conn *conn =
        cr_conn_accept(&net->shared, &place, &head, validated ? &first_id : NULL);
    if (!conn) return;
    if (cr_conn_read(conn, datagram->from, datagram->bytes, datagram->count, net->now_us)) {
        net->slots[place.slot] = conn;
        return;
    }
    if (conn->wants_retry) {
        cr_gate_send_retry(&net->shared, &head, datagram->from, net->now_us);
    } else {
        net->datagrams_bad++;
    }
    cr_conn_free(conn);
}

/* A packet of a connection that is not known: either the peer has forgotten one of ours and says so
 * (the end of the packet is a token that only ngtcp2 knows), or we have forgotten it and say so. */
static void on_orphan(struct cr_net *net, const struct datagram *datagram,
                      const ngtcp2_version_cid *ids)
{
    for (uint32_t i = 0; i < net->slots_used; i++) {
        struct cr_conn *conn = net->slots[i];
        if (!conn || !cr_udp_address_equal(&conn->remote, datagram->from)) continue;
        (void)cr_conn_read(conn, datagram->from, datagram->bytes, datagram->count, net->now_us);
        if (conn->over == CR_CONN_FORGOTTEN) return;
    }
    net->datagrams_bad++;
    ngtcp2_cid id;
    ngtcp2_cid_init(&id, ids->dcid, ids->dcidlen);
    cr_gate_send_reset(&net->gate, &net->shared, &id, datagram->count, datagram->from, net->now_us);
}

static void on_datagram(void *context, const struct cr_udp_address *from, const uint8_t *bytes,
                        size_t count)
{
    struct cr_net *net = context;
    const struct datagram datagram = {.from = from, .bytes = bytes, .count = count};
    ngtcp2_version_cid ids;
    if (ngtcp2_pkt_decode_version_cid(&ids, bytes, count, CR_CONN_ID_BYTES) != 0) {
        net->datagrams_bad++;
        return;
    }
    const bool is_long = (bytes[0] & 0x80) != 0;
    struct cr_conn *conn = find_conn(net, &ids);
    if (conn) {
        (void)cr_conn_read(conn, from, bytes, count, net->now_us);
    } else if (is_long) {
        on_first(net, &datagram);
    } else {
        on_orphan(net, &datagram, &ids);
    }
}

/* --- the interface ---------------------------------------------------------------------------- */

static enum cr_err check_config(const struct cr_net_config *config, struct cr_net_failure *failure)
{
    failure->err = CR_ERR_CONFIG;
    const bool seated = config->self < config->peers_count;
    if (config->peers_count > CR_VALIDATORS_MAX || (!seated && config->self != CR_NET_NOBODY)) {
        snprintf(failure->text, sizeof failure->text, "validator %u of %u is not possible",
                 (unsigned)config->self, (unsigned)config->peers_count);
        return CR_ERR_CONFIG;
    }
    struct cr_public_key own;
    cr_secret_key_public(config->key, &own);
    for (uint32_t i = 0; i < config->peers_count; i++) {
        if (config->peers[i].key->alg == CR_ALG_MLDSA65) continue;
        snprintf(failure->text, sizeof failure->text,
                 "the transport key of validator '%s' is not of ML-DSA-65", config->peers[i].name);
        return CR_ERR_CONFIG;
    }
    if (!seated) return CR_OK;
    const struct cr_net_peer *self = &config->peers[config->self];
    const bool same = memcmp(own.bytes, self->key->bytes, CR_MLDSA65_KEY_BYTES) == 0;
    if (own.alg != CR_ALG_MLDSA65 || !same) {
        snprintf(failure->text, sizeof failure->text,
                 "our transport key is not the one of validator '%s'", self->name);
        return CR_ERR_CONFIG;
    }
    return CR_OK;
}

enum cr_err cr_net_open(const struct cr_net_config *config, struct cr_net **out,
                        struct cr_net_failure *failure)
{
    enum cr_err err = check_config(config, failure);
    if (err != CR_OK) return err;
    struct cr_net *net = calloc(1, sizeof *net);
    if (!net) {
        failure->err = CR_ERR_IO;
        snprintf(failure->text, sizeof failure->text, "memory is out");
        return CR_ERR_IO;
    }
    net->config = *config;
    net->prng = cr_prng_stream(config->seed, 0x6e6574, config->self);
    net->shared = (struct cr_conn_shared){
        .config = &net->config, .stats = net->stats, .context = net, .on_up = on_up};
    net->shared.udp.fd = -1;
    for (uint32_t i = 0; i < config->peers_count; i++)
        net->peers[i].backoff_us = BACKOFF_US_MIN;
    const struct cr_udp_address listen = {.storage = config->listen, .bytes = config->listen_bytes};
    err = cr_tls_open(&net->shared.tls, config->key, cr_conn_judge, failure);
    if (err == CR_OK) err = cr_udp_open(&net->shared.udp, &listen, config->gso, failure);
    if (err != CR_OK) {
        cr_net_close(net);
        return err;
    }
    *out = net;
    return CR_OK;
}

void cr_net_extend(struct cr_net *net, uint32_t peers_count, uint32_t self)
{
    CR_ASSERT(!net->running);
    CR_ASSERT(peers_count >= net->config.peers_count && peers_count <= CR_VALIDATORS_MAX);
    CR_ASSERT(self < peers_count || self == CR_NET_NOBODY);
    CR_ASSERT(net->config.self == CR_NET_NOBODY || net->config.self == self);
    for (uint32_t i = net->config.peers_count; i < peers_count; i++)
        net->peers[i].backoff_us = BACKOFF_US_MIN;
    net->config.peers_count = peers_count;
    net->config.self = self;
}

void cr_net_close(struct cr_net *net)
{
    if (!net) return;
    for (uint32_t i = 0; i < net->slots_used; i++) {
        struct cr_conn *conn = net->slots[i];
        if (!conn) continue;
        cr_conn_stop(conn, CR_CONN_BYE, CR_CONN_CODE_BYE, "");
        cr_conn_tell(conn, net->now_us);
        cr_conn_free(conn);
    }
    cr_udp_close(&net->shared.udp);
    cr_tls_close(&net->shared.tls);
    free(net);
}

int cr_net_fd(const struct cr_net *net)
{
    return net->shared.udp.fd;
}

bool cr_net_wants_write(const struct cr_net *net)
{
    return cr_udp_is_busy(&net->shared.udp);
}

uint64_t cr_net_deadline_us(const struct cr_net *net)
{
    const bool busy = cr_udp_is_busy(&net->shared.udp);
    uint64_t deadline = UINT64_MAX;
    for (uint32_t i = 0; i < net->slots_used; i++) {
        const struct cr_conn *conn = net->slots[i];
        if (!conn) continue;
        if (conn->dirty && !busy) return 0;
        const uint64_t due = cr_conn_deadline_us(conn);
        if (due < deadline) deadline = due;
    }
    for (uint32_t i = net->config.self + 1; i < net->config.peers_count; i++) {
        const struct peer *peer = &net->peers[i];
        if (!peer->conn && is_dialled(net, i) && peer->dial_us < deadline) {
            deadline = peer->dial_us;
        }
    }
    return deadline;
}

/* Time in which we were late ourselves (a busy machine, a stopped process) is not the peers'
 * silence: to drop all of them then would only make more work. */
static void forgive(struct cr_net *net, uint64_t late_us)
{
    for (uint32_t i = 0; i < net->slots_used; i++) {
        struct cr_conn *conn = net->slots[i];
        if (conn && conn->silent_since_us != 0) conn->silent_since_us += late_us;
    }
}

static void advance(struct cr_net *net, uint64_t now_us)
{
    if (now_us <= net->now_us) return; /* QUIC aborts when time falls */
    const uint64_t due_us = cr_net_deadline_us(net);
    const uint64_t since_us = due_us > net->now_us ? due_us : net->now_us;
    if (now_us > since_us && now_us - since_us > LATE_US) forgive(net, now_us - since_us);
    net->now_us = now_us;
}

void cr_net_run(struct cr_net *net, uint64_t now_us)
{
    CR_ASSERT(!net->running);
    net->running = true;
    advance(net, now_us);
    (void)cr_udp_send_pending(&net->shared.udp);
    const struct cr_udp_sink sink = {.context = net, .take = on_datagram};
    bool all_read = false;
    for (uint32_t i = 0; i < RECEIVES_PER_RUN && !all_read; i++)
        all_read = !cr_udp_receive(&net->shared.udp, &sink);
    for (uint32_t i = 0; i < net->slots_used; i++) {
        struct cr_conn *conn = net->slots[i];
        if (!conn) continue;
        cr_conn_tick(conn, net->now_us, all_read);
        if (conn->resume) cr_conn_resume(conn);
    }
    for (uint32_t i = 0; i < net->slots_used; i++) {
        struct cr_conn *conn = net->slots[i];
        if (conn && conn->over != CR_CONN_ENDS_NOT) bury(net, conn);
    }
    for (uint32_t i = net->config.self + 1; i < net->config.peers_count; i++) {
        if (net->peers[i].conn || !is_dialled(net, i)) continue;
        if (net->peers[i].dial_us <= net->now_us) dial(net, i);
    }
    net->running = false;
}

void cr_net_flush(struct cr_net *net, uint64_t now_us)
{
    CR_ASSERT(!net->running);
    advance(net, now_us);
    if (!cr_udp_send_pending(&net->shared.udp)) return;
    if (net->slots_used == 0) return;
    const uint32_t first = net->turn++ % net->slots_used;
    for (uint32_t i = 0; i < net->slots_used; i++) {
        struct cr_conn *conn = net->slots[(first + i) % net->slots_used];
        if (conn && conn->dirty) cr_conn_write(conn, net->now_us);
    }
}

enum cr_err cr_net_send(struct cr_net *net, uint32_t peer, enum cr_net_class class,
                        struct cr_net_block *block)
{
    CR_ASSERT(peer < net->config.peers_count);
    CR_ASSERT(class < CR_NET_CLASSES);
    if (block->bytes_count > CR_FRAME_BYTES_MAX) return CR_ERR_TOO_BIG;
    if (!net->peers[peer].up || net->peers[peer].conn->over != CR_CONN_ENDS_NOT) {
        return CR_ERR_UNAVAILABLE;
    }
    const enum cr_err err = cr_conn_send(net->peers[peer].conn, class, block);
    if (err == CR_ERR_FULL) net->stats[peer].refused_full++;
    return err;
}

void cr_net_resume(struct cr_net *net, uint32_t peer)
{
    CR_ASSERT(peer < net->config.peers_count);
    if (net->peers[peer].up) net->peers[peer].conn->resume = true;
}

void cr_net_cut(struct cr_net *net, uint32_t peer, const char *reason, uint64_t pause_us)
{
    CR_ASSERT(peer < net->config.peers_count);
    struct peer *it = &net->peers[peer];
    it->cut_until_us = net->now_us + pause_us;
    if (it->up) cr_conn_stop(it->conn, CR_CONN_FAULT, CR_CONN_CODE_FRAME, reason);
}

void cr_net_peer_stats(const struct cr_net *net, uint32_t peer, struct cr_net_peer_stats *out)
{
    CR_ASSERT(peer < net->config.peers_count);
    *out = net->stats[peer];
    const struct cr_conn *conn = net->peers[peer].up ? net->peers[peer].conn : NULL;
    out->queued_bytes = 0;
    for (uint32_t class = 0; conn && class < CR_NET_CLASSES; class ++)
        out->queued_bytes += cr_outbox_bytes(&conn->outbox[class]);
}

void cr_net_stats(const struct cr_net *net, struct cr_net_stats *out)
{
    const struct cr_udp *udp = &net->shared.udp;
    *out = (struct cr_net_stats){
        .datagrams_in = udp->datagrams_in,
        .datagrams_out = udp->datagrams_out,
        .syscalls_in = udp->syscalls_in,
        .syscalls_out = udp->syscalls_out,
        .datagrams_bad = net->datagrams_bad + udp->truncated,
        .handshakes_bad = net->handshakes_bad,
        .gso = udp->gso,
        .gro = udp->gro,
    };
    for (uint32_t i = 0; i < net->slots_used; i++) {
        if (net->slots[i]) out->datagrams_bad += cr_conn_discarded(net->slots[i]);
    }
}
