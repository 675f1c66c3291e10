/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/validators.h"

#include <string.h>

#include "crypto/hash.h"

static void add_text(struct cr_hasher *hasher, const char *text)
{
    const size_t bytes = strlen(text);
    cr_hasher_add_le(hasher, bytes, 1);
    cr_hasher_add(hasher, text, bytes);
}

struct cr_hash cr_validators_hash(const struct cr_genesis_validator *validators, uint32_t count)
{
    struct cr_hasher hasher;
    cr_hasher_init(&hasher);
    cr_hasher_add(&hasher, "CVT1", 4);
    cr_hasher_add_le(&hasher, count, 2);
    for (uint32_t i = 0; i < count; i++) {
        const struct cr_genesis_validator *v = &validators[i];
        add_text(&hasher, v->name);
        add_text(&hasher, v->address);
        cr_hasher_add_le(&hasher, v->stake, 8);
        cr_hasher_add(&hasher, v->consensus_key.bytes, CR_MLDSA65_KEY_BYTES);
        cr_hasher_add(&hasher, v->transport_key.bytes, CR_MLDSA65_KEY_BYTES);
    }
    return cr_hasher_end(&hasher);
}
