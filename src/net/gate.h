/* SPDX-License-Identifier: Apache-2.0 */
/* gate.h: who may begin a handshake, and what is answered without keeping any state (RFC 9000:
 * Retry, 8.1.2; stateless reset, 10.3).
 *
 * A handshake costs about 3 ms of CPU and 70 KiB for 5 s, and addresses can be forged. So the first
 * few are accepted at once; then a dialler must first show, by a Retry, that it receives what is
 * sent to its address; and the number of those that have not shown a validator's key yet is
 * bounded.
 */
#ifndef CR_NET_GATE_H
#define CR_NET_GATE_H

#include "base/bucket.h"
#include "net/conn.h"

enum {
    CR_GATE_HALF_OPEN_MAX = 64,
    CR_GATE_HALF_OPEN_EASY = 32, /* above: Retry */
    CR_GATE_HOST_MAX = 16,
    CR_GATE_HOST_EASY = 4,    /* above: Retry */
    CR_GATE_KNOWN_PER_S = 20, /* handshakes from hosts of validators */
    CR_GATE_KNOWN_BURST = CR_VALIDATORS_MAX,
    CR_GATE_STRANGERS_PER_S = 5,
    CR_GATE_STRANGERS_BURST = 16,
    CR_GATE_RESETS_PER_S = 50,
};

struct cr_gate {
    struct cr_bucket handshakes[2]
                               [2]; /* [known host][address validated]: forgers empty only theirs */
    struct cr_bucket resets;
};

enum cr_gate_verdict {
    CR_GATE_ACCEPT = 1,
    CR_GATE_RETRY,
    CR_GATE_DROP,
};

struct cr_gate_load {
    uint32_t half_open;      /* accepted connections that are not up, all */
    uint32_t half_open_host; /* and from this host */
    bool known;              /* a validator has the address of this host */
};

enum cr_gate_verdict cr_gate_judge(struct cr_gate *gate, const struct cr_gate_load *load,
                                   bool validated, uint64_t now_us);

/* Whether the packet carries a Retry token of ours for this address; *first_id becomes the id that
 * the dialler had aimed at before. */
bool cr_gate_has_token(const struct cr_conn_shared *shared, const ngtcp2_pkt_hd *head,
                       const struct cr_udp_address *from, uint64_t now_us, ngtcp2_cid *first_id);
void cr_gate_send_retry(struct cr_conn_shared *shared, const ngtcp2_pkt_hd *head,
                        const struct cr_udp_address *to, uint64_t now_us);
/* Tells the sender of a packet of `packet_bytes` that nobody knows connection `id` any more. */
void cr_gate_send_reset(struct cr_gate *gate, struct cr_conn_shared *shared, const ngtcp2_cid *id,
                        size_t packet_bytes, const struct cr_udp_address *to, uint64_t now_us);

#endif
