/* SPDX-License-Identifier: Apache-2.0 */
/* validators.h: the table of the validators of an epoch, as one hash.
 *
 *   BLAKE3("CVT1" | count u16 | count x {name_bytes u8 | name | address_bytes u8 | address
 *          | stake u64 | consensus key[1952] | transport key[1952]})
 * in the order of their indices: ascending by the bytes of the consensus key. */
#ifndef CR_LEDGER_VALIDATORS_H
#define CR_LEDGER_VALIDATORS_H

#include "ledger/genesis.h"

struct cr_hash cr_validators_hash(const struct cr_genesis_validator *validators, uint32_t count);

#endif
