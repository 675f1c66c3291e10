/* SPDX-License-Identifier: Apache-2.0 */
/* network.h: connections between nodes and what becomes of the frames on them.
 *
 * A connection is what QUIC gives: frames arrive in order or the connection breaks, and both ends
 * learn that, sooner or later. Faults take that away: frames get lost, doubled, damaged, overtaken.
 * What happens to a frame depends on the seed, its link and its number on that link alone.
 */
#ifndef CR_SIM_NETWORK_H
#define CR_SIM_NETWORK_H

#include "body.h"
#include "plan.h"

struct cr_sim;

/* What does not wait for each other on a connection, as in net/net.h. */
enum cr_stream { CR_STREAM_CONSENSUS, CR_STREAM_FETCH, CR_STREAM_SYNC, CR_STREAMS };

struct cr_link { /* one direction */
    uint32_t delay_us;
    uint32_t jitter_us;
    uint64_t frames_total;           /* offered to it */
    uint64_t last_at_us[CR_STREAMS]; /* when its newest frame arrives: later ones do not overtake */
    uint64_t busy_until_us;          /* with a bandwidth: when all that waits has gone out */
    /* faults active now */
    bool cut;
    uint32_t loss, duplicate, corrupt; /* per 1000 */
    uint32_t reorder_us, extra_us;
    uint32_t stall;    /* per 1000 */
    uint32_t kb_per_s; /* 0: no limit */
};

struct cr_pair { /* of (low, high) */
    bool connected;
    uint32_t generation;
};

struct cr_network {
    struct cr_link links[CR_SIM_NODES_MAX][CR_SIM_NODES_MAX]; /* from, to */
    struct cr_pair pairs[CR_SIM_NODES_MAX][CR_SIM_NODES_MAX];
    uint64_t frames_correct; /* of correct nodes, among frames_total */
    uint64_t frames_total, frames_delivered, bytes_total, resets_total, overflows_total;
};

/* Draws the delays of all links: one of a few kinds of networks, by seed. */
void cr_network_init(struct cr_sim *sim);
/* Recomputes the faults on every link from the plan entries that are active. */
void cr_network_apply(struct cr_sim *sim);
/* Takes over the reference. Without a connection it is lost. */
void cr_network_send(struct cr_sim *sim, uint32_t from, uint32_t to, enum cr_stream stream,
                     struct cr_frame *frame);

bool cr_network_is_connected(const struct cr_sim *sim, uint32_t a, uint32_t b);
bool cr_network_is_current(const struct cr_sim *sim, uint32_t a, uint32_t b, uint32_t generation);
/* Attempts a connection when the time has come; what does not succeed is tried again. */
void cr_network_connect_later(struct cr_sim *sim, uint32_t a, uint32_t b);
void cr_network_connect(struct cr_sim *sim, uint32_t a, uint32_t b);
/* Breaks a connection: what is in flight is lost, the ends notice after a while and dial again. */
void cr_network_disconnect(struct cr_sim *sim, uint32_t a, uint32_t b);
/* The idle timeout of a connection that was cut. */
void cr_network_detect(struct cr_sim *sim, uint32_t a, uint32_t b, uint32_t generation);

#endif
