/* SPDX-License-Identifier: Apache-2.0 */
/* check.h: the invariants of a ledger's state, asserted by a scan of all of it: every entry decodes
 * and stands under its own key, in its bucket, ascending; no entry is of a later commit, no recent
 * transaction has outlived its time; cached bucket digests are those of the entries; the balances
 * add up to the genesis sum. For tests, the simulator and a node that checks itself. */
#ifndef CR_LEDGER_CHECK_H
#define CR_LEDGER_CHECK_H

#include "ledger/ledger.h"

void cr_ledger_check_state(const struct cr_state *state, const struct cr_genesis *genesis,
                           const struct cr_ledger_head *head);

#endif
