/* SPDX-License-Identifier: Apache-2.0 */
/* guard_internal.h: for tests: the layout, and opening with other system calls. */
#ifndef CR_STORE_GUARD_INTERNAL_H
#define CR_STORE_GUARD_INTERNAL_H

#include "store/guard.h"
#include "store/io.h"

enum {
    CR_GUARD_VERSION = 1,
    CR_GUARD_SLOT_BYTES = 4096, /* what a disk writes at once, or a multiple of it */
    CR_GUARD_SLOTS = 2,
    CR_GUARD_CHECKSUM_AT = 112,
    CR_GUARD_RECORD_BYTES = CR_GUARD_CHECKSUM_AT + CR_HASH_BYTES,
};

CR_MUST_CHECK enum cr_err cr_guard_open_with(const char *path, const struct cr_hash *owner,
                                             const struct cr_io *io, struct cr_guard **out,
                                             struct cr_guard_record *record, bool *found,
                                             struct cr_store_failure *failure);

#endif
