/* SPDX-License-Identifier: Apache-2.0 */
/* roster.h: who had which seat and stake, epoch by epoch, as far as certificates prove it.
 *
 * A seat belongs to one validator for ever (docs/protocol.md 6.7), so its key is known in every
 * epoch once it is proved in one; what changes is the stake. */
#ifndef CR_NODE_ROSTER_H
#define CR_NODE_ROSTER_H

#include "node/epoch_chain.h"

struct cr_roster {
    struct cr_epoch_chain chain;
    uint64_t (*stakes)[CR_VALIDATORS_MAX]; /* [chain.epoch], by epoch - 1; owned */
};

/* With the first epoch, which the genesis proves. Large. CR_ERR_CONFIG: these stakes are not
 * allowed; CR_ERR_FULL: memory is out. deinit also after that, and after zeros. */
CR_MUST_CHECK enum cr_err cr_roster_init(struct cr_roster *roster,
                                         const struct cr_genesis *genesis);
void cr_roster_deinit(struct cr_roster *roster);
/* One epoch more. False: roster->chain.text says why not. */
bool cr_roster_add(struct cr_roster *roster, const struct cr_epoch_proof *proof);

/* NULL: nobody is known to have this seat. */
const struct cr_genesis_validator *cr_roster_find(const struct cr_roster *roster, uint32_t seat);
/* Of an epoch, or for a later one than the last proved: of that. 0: no voice, or no seat. */
uint64_t cr_roster_stake(const struct cr_roster *roster, uint64_t epoch, uint32_t seat);
uint64_t cr_roster_total(const struct cr_roster *roster, uint64_t epoch);

#endif
