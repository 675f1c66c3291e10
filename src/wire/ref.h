/* SPDX-License-Identifier: Apache-2.0 */
/* ref.h: the encoded reference of commits and of FETCH: round u32 | author u16 | digest[32].
 * Form: author < CR_VALIDATORS_MAX. Only wire/ uses this. */
#ifndef CR_WIRE_REF_H
#define CR_WIRE_REF_H

#include "wire/cursor.h"
#include "wire/vertex.h"

/* `encoded` holds count x CR_REF_BYTES bytes. */
bool cr_refs_are_well_formed(const uint8_t *encoded, size_t count);
void cr_load_refs(const uint8_t *encoded, size_t count, struct cr_ref *out);
/* A reference that is not well-formed is a bug of ours. */
void cr_write_ref(struct cr_writer *writer, const struct cr_ref *ref);

#endif
