/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gate.h"

#include <string.h>

enum {
    RETRY_ID_BYTES = 16, /* unlike CR_CONN_ID_BYTES, so that it cannot look like an id of ours */
    RETRY_BYTES_MAX = 256,
    RETRY_SECONDS = 5,
    RESET_BYTES_MIN = NGTCP2_MIN_STATELESS_RESET_RANDLEN + NGTCP2_STATELESS_RESET_TOKENLEN,
    RESET_BYTES_MAX = 43, /* RFC 9000, 10.3 */
};

enum cr_gate_verdict cr_gate_judge(struct cr_gate *gate, const struct cr_gate_load *load,
                                   bool validated, uint64_t now_us)
{
    const enum cr_gate_verdict otherwise = validated ? CR_GATE_DROP : CR_GATE_RETRY;
    const uint32_t host_max = validated ? CR_GATE_HOST_MAX : CR_GATE_HOST_EASY;
    const uint32_t half_open_max = validated ? CR_GATE_HALF_OPEN_MAX : CR_GATE_HALF_OPEN_EASY;
    if (load->half_open >= CR_GATE_HALF_OPEN_MAX) return CR_GATE_DROP;
    if (load->half_open >= half_open_max || load->half_open_host >= host_max) return otherwise;
    const bool taken =
        cr_bucket_take(&gate->handshakes[load->known][validated],
                       load->known ? CR_GATE_KNOWN_PER_S : CR_GATE_STRANGERS_PER_S,
                       load->known ? CR_GATE_KNOWN_BURST : CR_GATE_STRANGERS_BURST, now_us);
    return taken ? CR_GATE_ACCEPT : otherwise;
}

bool cr_gate_has_token(const struct cr_conn_shared *shared, const ngtcp2_pkt_hd *head,
                       const struct cr_udp_address *from, uint64_t now_us, ngtcp2_cid *first_id)
{
    if (head->tokenlen == 0 || head->token[0] != NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY2) return false;
    return ngtcp2_crypto_verify_retry_token2(
               first_id, head->token, head->tokenlen, shared->tls.retry_secret,
               sizeof shared->tls.retry_secret, head->version,
               (const ngtcp2_sockaddr *)&from->storage, from->bytes, &head->dcid,
               RETRY_SECONDS * NGTCP2_SECONDS, now_us * NGTCP2_MICROSECONDS) == 0;
}

void cr_gate_send_retry(struct cr_conn_shared *shared, const ngtcp2_pkt_hd *head,
                        const struct cr_udp_address *to, uint64_t now_us)
{
    uint8_t random[RETRY_ID_BYTES];
    cr_tls_random(random, sizeof random);
    ngtcp2_cid id;
    ngtcp2_cid_init(&id, random, sizeof random);
    uint8_t token[NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN2];
    const ngtcp2_ssize token_bytes = ngtcp2_crypto_generate_retry_token2(
        token, shared->tls.retry_secret, sizeof shared->tls.retry_secret, head->version,
        (const ngtcp2_sockaddr *)&to->storage, to->bytes, &id, &head->dcid,
        now_us * NGTCP2_MICROSECONDS);
    if (token_bytes < 0) return;
    uint8_t bytes[RETRY_BYTES_MAX];
    const ngtcp2_ssize count =
        ngtcp2_crypto_write_retry(bytes, sizeof bytes, head->version, &head->scid, &id, &head->dcid,
                                  token, (size_t)token_bytes);
    if (count > 0) cr_udp_send_now(&shared->udp, to, bytes, (size_t)count);
}

void cr_gate_send_reset(struct cr_gate *gate, struct cr_conn_shared *shared, const ngtcp2_cid *id,
                        size_t packet_bytes, const struct cr_udp_address *to, uint64_t now_us)
{
    /* Shorter than what it answers, else two ends that know nothing would answer for ever. */
    if (packet_bytes <= RESET_BYTES_MIN) return;
    if (!cr_bucket_take(&gate->resets, CR_GATE_RESETS_PER_S, CR_GATE_RESETS_PER_S, now_us)) return;
    const size_t bytes_max =
        packet_bytes - 1 < RESET_BYTES_MAX ? packet_bytes - 1 : RESET_BYTES_MAX;
    ngtcp2_stateless_reset_token token;
    if (!cr_conn_reset_token(&shared->tls, id, &token)) return;
    uint8_t random[RESET_BYTES_MAX], bytes[RESET_BYTES_MAX];
    const size_t random_bytes = bytes_max - NGTCP2_STATELESS_RESET_TOKENLEN;
    cr_tls_random(random, random_bytes);
    const ngtcp2_ssize count =
        ngtcp2_pkt_write_stateless_reset2(bytes, bytes_max, &token, random, random_bytes);
    if (count > 0) cr_udp_send_now(&shared->udp, to, bytes, (size_t)count);
}
