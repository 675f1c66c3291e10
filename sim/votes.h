/* SPDX-License-Identifier: Apache-2.0 */
/* votes.h: what the node around a core does about the ends of epochs (docs/protocol.md 6.8,
 * node/certify.h): whoever had a voice in an epoch signs how the next one began, and shows it to
 * everybody; votes of more than F stake for something else stop the core. The certificates that are
 * made of votes, and asked for, are not simulated. */
#ifndef CR_SIM_VOTES_H
#define CR_SIM_VOTES_H

#include "core/ballot.h"
#include "wire/message.h"

struct cr_host;

enum { CR_VOTES_OPEN = 16 }; /* epochs, as CR_CERTIFY_OPEN */

struct cr_votes {
    struct cr_ballot open[CR_VOTES_OPEN]; /* by epoch */
    uint64_t show_us, remind_us;
    bool refuted;
};

/* An epoch has begun here; its core is in office. */
void cr_votes_begin(struct cr_host *host);
/* From time to time: shows what was signed and has no quorum yet, and the newest now and then. */
void cr_votes_run(struct cr_host *host);
void cr_votes_receive(struct cr_host *host, uint32_t peer, const struct cr_epoch_cert *vote);

#endif
