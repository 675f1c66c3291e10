/* SPDX-License-Identifier: Apache-2.0 */
/* profile.h: who a validator is, for as long as the chain lives: everything but its stake.
 *
 *   name_bytes u8 | name | address_bytes u8 | address | consensus key[1952] | transport key[1952]
 *
 * Part of a VALIDATOR operation and of the entry that it makes. Pure. */
#ifndef CR_WIRE_PROFILE_H
#define CR_WIRE_PROFILE_H

#include "base/name.h"
#include "wire/cursor.h"

enum {
    CR_PROFILE_BYTES_MAX =
        1 + CR_NAME_BYTES_MAX + 1 + CR_ADDRESS_BYTES_MAX - 1 + 2 * CR_MLDSA65_KEY_BYTES,
};

struct cr_profile {
    char name[CR_NAME_BYTES_MAX + 1];
    char address[CR_ADDRESS_BYTES_MAX]; /* where peers dial */
    const uint8_t *consensus_key;       /* ML-DSA-65; views, as the other */
    const uint8_t *transport_key;
};

/* Reads the next profile. Form: a name, an address, two different keys. `out` is written only on
 * CR_OK. */
CR_MUST_CHECK enum cr_err cr_profile_read(struct cr_reader *reader, struct cr_profile *out);
/* `out` holds CR_PROFILE_BYTES_MAX and overlaps no key. Returns the count of bytes written. */
uint32_t cr_profile_encode(const struct cr_profile *profile, uint8_t *out);

#endif
