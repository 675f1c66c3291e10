/* SPDX-License-Identifier: Apache-2.0 */
/* epoch_json.h: the certificate of an epoch as GET /v1/epochs/N tells it (docs/api.md). */
#ifndef CR_NODE_EPOCH_JSON_H
#define CR_NODE_EPOCH_JSON_H

#include <jansson.h>

#include "node/epoch_chain.h"

/* Reads one; `genesis_seats` are known by the genesis and need no keys here. False: out->text
 * says what is not as it should be. Nothing is said about signatures. */
bool cr_epoch_proof_from_json(const json_t *json, uint32_t genesis_seats,
                              struct cr_epoch_proof *out);

#endif
