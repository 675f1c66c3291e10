/* SPDX-License-Identifier: Apache-2.0 */
/* tx_file.h: operations as people write them, JSON, to the operations of wire/tx.h.
 *
 *   {"op":"put","key":K,"value":V}   {"op":"delete","key":K}   {"op":"register"}
 *   {"op":"transfer","to":HEX,"amount":N}
 *   {"op":"validator-stake","validator":HEX,"stake":N}
 *   {"op":"validator-add", and the members of a validator.json}
 * K and V are text or {"hex":"00ff"}. A file is one operation, a list of them, or
 * {"mode":"atomic"|"independent","operations":[...]}. Unknown members are refused. */
#ifndef CR_CLI_TX_FILE_H
#define CR_CLI_TX_FILE_H

#include <jansson.h>

#include "wire/tx.h"

struct cr_tx_file {
    const json_t *operations; /* borrowed from the root: a list or one object */
    bool independent;
};

struct cr_tx_file_failure {
    char text[256];
};

CR_MUST_CHECK enum cr_err cr_tx_file_read(const json_t *root, struct cr_tx_file *out,
                                          struct cr_tx_file_failure *failure);
uint32_t cr_tx_file_count(const struct cr_tx_file *file);
/* Adds every operation; `signer` is what "register" registers. */
CR_MUST_CHECK enum cr_err cr_tx_file_add(const struct cr_tx_file *file,
                                         const struct cr_public_key *signer,
                                         struct cr_tx_builder *builder,
                                         struct cr_tx_file_failure *failure);

#endif
