/* SPDX-License-Identifier: Apache-2.0 */
#include "core/ballot.h"

enum cr_err cr_ballot_begin(struct cr_ballot *ballot, const struct cr_hash *genesis_id,
                            const struct cr_epoch *epoch, const uint64_t *stake, uint32_t count)
{
    struct cr_ballot begun = {.epoch = *epoch, .origin = cr_epoch_origin(genesis_id, epoch)};
    CR_ASSERT(epoch->number > 1); /* nobody has signed the beginning of the first */
    const enum cr_err err =
        cr_committee_init(&begun.signers, &begun.origin, epoch->number - 1, stake, count);
    if (err == CR_OK) *ballot = begun;
    return err;
}

bool cr_ballot_wants(const struct cr_ballot *ballot, uint32_t seat, const struct cr_hash *origin)
{
    if (!cr_authors_has(&ballot->signers.members, seat)) return false;
    return !cr_authors_has(
        cr_hash_equal(origin, &ballot->origin) ? &ballot->voted : &ballot->differing, seat);
}

bool cr_ballot_add(struct cr_ballot *ballot, uint32_t seat, const struct cr_hash *origin)
{
    const bool ours = cr_hash_equal(origin, &ballot->origin);
    CR_ASSERT(cr_ballot_wants(ballot, seat, origin));
    cr_authors_add(ours ? &ballot->voted : &ballot->differing, seat);
    return cr_authors_has(ours ? &ballot->differing : &ballot->voted, seat);
}

bool cr_ballot_is_whole(const struct cr_ballot *ballot)
{
    return cr_committee_stake_of(&ballot->signers, &ballot->voted) >= ballot->signers.quorum;
}

bool cr_ballot_is_refuted(const struct cr_ballot *ballot)
{
    return cr_committee_stake_of(&ballot->signers, &ballot->differing) > ballot->signers.faulty;
}
