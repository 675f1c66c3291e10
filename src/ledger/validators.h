/* SPDX-License-Identifier: Apache-2.0 */
/* validators.h: who the validators of an epoch are (docs/protocol.md 6.7).
 *
 * A validator has a *seat*, its index, for ever: those of the genesis in its order, later ones as
 * they were added. What changes is the stake; without stake a seat has no voice. The stakes of an
 * epoch stand in its COMMITTEE entry, those of the next one as well as soon as one differs, and
 * at the latest with the closing commit. On a chain without an operator neither is written: its
 * epochs all have the stakes of the genesis.
 *
 * The table as one hash:
 *   BLAKE3("CVT1" | count u16 | count x {name_bytes u8 | name | address_bytes u8 | address
 *          | stake u64 | consensus key[1952] | transport key[1952]}), by seat */
#ifndef CR_LEDGER_VALIDATORS_H
#define CR_LEDGER_VALIDATORS_H

#include "ledger/entry.h"
#include "ledger/ledger.h"

enum { CR_VALIDATORS_LEAST = 4 }; /* so few members no operation may leave: below, F is 0 */

/* The stakes of an epoch, as far as the chain knows them. The next epoch's are those that it would
 * begin with now. */
bool cr_validators_stakes(const struct cr_genesis *genesis, const struct cr_state *state,
                          uint64_t epoch, struct cr_entry_committee *out);
/* Name, address and keys of a seat; views die with the next write. */
bool cr_validators_profile(const struct cr_genesis *genesis, const struct cr_state *state,
                           uint32_t seat, struct cr_profile *out);
/* A validator as it was in an epoch. */
bool cr_validators_find(const struct cr_genesis *genesis, const struct cr_state *state,
                        uint64_t epoch, uint32_t seat, struct cr_genesis_validator *out);
/* All of them; `out` has room for CR_VALIDATORS_MAX. Returns the count, 0: not known. */
uint32_t cr_validators_list(const struct cr_genesis *genesis, const struct cr_state *state,
                            uint64_t epoch, struct cr_genesis_validator *out);

struct cr_hash cr_validators_hash(const struct cr_genesis_validator *validators, uint32_t count);
/* The same from the state; false: not known. */
bool cr_validators_hash_of(const struct cr_genesis *genesis, const struct cr_state *state,
                           uint64_t epoch, struct cr_hash *out);

enum cr_result cr_validators_judge(const struct cr_entry_committee *now,
                                   const struct cr_entry_committee *next);

#endif
