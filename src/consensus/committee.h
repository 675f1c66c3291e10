/* SPDX-License-Identifier: Apache-2.0 */
/* committee.h: who votes in an epoch, with which stake, and the thresholds that follow.
 * Exact integers; docs/protocol.md 2. Immutable for an epoch; borrowed by everything below core.
 *
 * N total stake, F = (N - 1) / 3 tolerated, Q = N - F quorum, V = F + 1 (at least one correct).
 */
#ifndef CR_CONSENSUS_COMMITTEE_H
#define CR_CONSENSUS_COMMITTEE_H

#include "base/authors.h"
#include "wire/commit.h"

struct cr_committee {
    uint64_t epoch;
    enum cr_row row;
    struct cr_hash origin; /* cr_epoch_origin */
    struct cr_hash seed;   /* of the epoch: leader permutations */
    uint32_t validators_count;
    struct cr_authors members; /* who has stake; the others keep their index and have no voice */
    uint64_t stake[CR_VALIDATORS_MAX];
    uint64_t total;  /* N < 2^63 */
    uint64_t faulty; /* F */
    uint64_t quorum; /* Q */
    uint64_t honest; /* V: any set of this stake has a correct member */
    bool equal;      /* all stakes equal: masks are counted by popcount */
    /* Otherwise by four authors at a time: the stake of each of their 16 subsets. */
    uint64_t quads[CR_VALIDATORS_MAX / 4][16];
};

/* CR_ERR_CONFIG: no validators, too many, nobody with stake, the sum too great, or (with more than
 * three members) one stake above F, which alone could stop the chain. seed and genesis digests are
 * derived from origin and epoch. */
CR_MUST_CHECK enum cr_err cr_committee_init(struct cr_committee *committee,
                                            const struct cr_hash *origin, uint64_t epoch,
                                            const uint64_t *stake, uint32_t validators_count);
/* What an epoch grows from: the genesis id for the first, then a hash over everything in `epoch`
 * but the time. Whoever believes another past shares no vertex with us. */
struct cr_hash cr_epoch_origin(const struct cr_hash *genesis_id, const struct cr_epoch *epoch);
/* The same validators with the same weights. */
bool cr_committee_same_stakes(const struct cr_committee *a, const struct cr_committee *b);
/* Sum of the stakes of a set. */
uint64_t cr_committee_stake_of(const struct cr_committee *committee, const struct cr_authors *set);
/* Digest of the virtual round-0 vertex of an author. Never transmitted. */
struct cr_hash cr_committee_genesis_digest(const struct cr_committee *committee, uint32_t author);

#endif
