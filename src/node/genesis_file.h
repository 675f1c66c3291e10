/* SPDX-License-Identifier: Apache-2.0 */
/* genesis_file.h: genesis.json: canonical JSON (sorted keys, no white space between tokens, one
 * newline at the end) whose BLAKE3 is the genesis id. docs/storage.md describes the fields. */
#ifndef CR_NODE_GENESIS_FILE_H
#define CR_NODE_GENESIS_FILE_H

#include "ledger/genesis.h"
#include "node/config.h"

/* Reads and checks a genesis file. Refuses: JSON that is not canonical, unknown or missing fields,
 * bad names, validators not sorted by key or repeated, accounts not sorted by id or repeated,
 * stakes outside the limits, parameters out of range. CR_ERR_NOT_FOUND, CR_ERR_IO, CR_ERR_CONFIG
 * with a sentence. `out` is large: do not put it on the stack. */
CR_MUST_CHECK enum cr_err cr_genesis_load(const char *path, struct cr_genesis *out,
                                          struct cr_config_failure *failure);
/* Sorts validators and accounts, checks all, writes the canonical file (CR_ERR_EXISTS when there is
 * one) whole or not at all, syncs it and sets id. */
CR_MUST_CHECK enum cr_err cr_genesis_save(struct cr_genesis *genesis, const char *path,
                                          struct cr_config_failure *failure);
/* Parameters of a profile: "lan" or "wan". False: no such profile. */
bool cr_genesis_profile(const char *name, struct cr_params *out);

#endif
