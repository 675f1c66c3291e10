/* SPDX-License-Identifier: Apache-2.0 */
/* ballot.h: what the validators of an epoch have signed about its end (docs/protocol.md 6.8).
 *
 * Whoever collects votes verifies them first. A seat may vote for two ends: then it counts on both
 * sides, once on each. Pure; the votes themselves are the host's to keep. */
#ifndef CR_CORE_BALLOT_H
#define CR_CORE_BALLOT_H

#include "consensus/committee.h"

struct cr_ballot {
    struct cr_epoch epoch;       /* that has begun here; number 0: none */
    struct cr_hash origin;       /* of it: what a vote signs */
    struct cr_committee signers; /* of the epoch before */
    struct cr_authors voted;     /* for our origin */
    struct cr_authors differing; /* for another one */
};

/* CR_ERR_CONFIG: these are no stakes of a committee. */
CR_MUST_CHECK enum cr_err cr_ballot_begin(struct cr_ballot *ballot,
                                          const struct cr_hash *genesis_id,
                                          const struct cr_epoch *epoch, const uint64_t *stake,
                                          uint32_t count);
/* Whether a vote of this seat for this origin would change anything: it need not be verified
 * otherwise. */
bool cr_ballot_wants(const struct cr_ballot *ballot, uint32_t seat, const struct cr_hash *origin);
/* A verified vote. True: this seat has now signed two ends of one epoch. */
bool cr_ballot_add(struct cr_ballot *ballot, uint32_t seat, const struct cr_hash *origin);
/* A quorum has signed what we say. */
bool cr_ballot_is_whole(const struct cr_ballot *ballot);
/* More than F has signed something else: one of them at least is correct. */
bool cr_ballot_is_refuted(const struct cr_ballot *ballot);

#endif
