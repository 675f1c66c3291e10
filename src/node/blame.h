/* SPDX-License-Identifier: Apache-2.0 */
/* blame.h: what each peer has sent that it should not have, counted by reason, and when it is cut
 * off for it.
 *
 * A peer answers for what an honest one never sends: nobody passes on a vertex without having
 * checked it, so a frame that does not decode, a signature that is not the author's and a payload
 * that is not the one of the header are the sender's own, whoever the author is. Such a peer is
 * cut off, for longer each time. Nor does an honest author carry a transaction whose client's
 * signature it has not verified; there the sender may be another, and one mistake could be ours,
 * so that an author has a budget of them before it is cut off. Everything else (too far ahead,
 * over a quota, of another epoch) also comes from honest peers that are slow or fast: it is
 * counted. Authors are blamed by their own signatures only: that is evidence (docs/protocol.md
 * 3.4), and not here.
 */
#ifndef CR_NODE_BLAME_H
#define CR_NODE_BLAME_H

#include "base/bucket.h"
#include "consensus/validity.h"

/* Reasons: the verdicts on vertices (enum cr_verdict), and behind them: */
enum {
    CR_BLAME_FRAME = CR_VERDICTS_COUNT, /* a message or a vertex that does not decode */
    CR_BLAME_SIGNATURE,                 /* not the author's */
    CR_BLAME_PAYLOAD,                   /* not the one of the header, or malformed */
    CR_BLAME_UNASKED,                   /* a range that we did not ask for */
    CR_BLAME_FORGED,                    /* old commits that are not those of the chain */
    CR_BLAME_CLIENT,                    /* clients' signatures of its own vertices */
    CR_BLAME_HELD,                      /* no fault: held back, it sends faster than we check */
    CR_BLAMES_COUNT,

    CR_BLAME_CHECKS_PER_S = 2000, /* signatures checked for one peer */
    CR_BLAME_CHECKS_BURST = 2048, /* some rounds of the largest committee */
    CR_BLAME_CLIENTS_PER_S = 1,   /* invalid clients' signatures in one author's vertices */
    CR_BLAME_CLIENTS_BURST = 64,
    CR_BLAME_PAUSE_S = 1, /* cut off the first time; then twice as long each time */
    CR_BLAME_PAUSE_S_MAX = 600,
};

struct cr_blame_peer {
    uint64_t counts[CR_BLAMES_COUNT];
    uint64_t cut_until_us;
    uint32_t pause_s; /* of the last cut; 0: none, or long ago */
    struct cr_bucket checks, clients;
};

struct cr_blame {
    struct cr_blame_peer peers[CR_VALIDATORS_MAX];
};

const char *cr_blame_text(uint32_t reason);
/* Counts `count` of them. Returns for how long the peer is to be cut off now, 0: not at all. */
uint64_t cr_blame(struct cr_blame *blame, uint32_t peer, uint32_t reason, uint32_t count,
                  uint64_t now_us);
bool cr_blame_is_cut(const struct cr_blame *blame, uint32_t peer, uint64_t now_us);
/* Whether one more signature may be checked for this peer; takes the right to it. */
bool cr_blame_may_check(struct cr_blame *blame, uint32_t peer, uint64_t now_us);

#endif
