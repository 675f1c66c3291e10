/* SPDX-License-Identifier: Apache-2.0 */
/* guard.h: the record of what this validator's key has signed last, kept beside the key and not
 * with the data, so that a lost or restored data folder cannot make it sign a round twice.
 *
 * The file has two 4 KiB slots, written in turn: {magic, version, counter, epoch, round, vertex
 * digest, log sequence, owner (BLAKE3 of the public key), checksum}. The valid slot with the
 * greater counter counts; one torn slot is normal, two bad slots are CR_ERR_CORRUPT. The file is
 * preallocated, appears under its name only when it is whole, is never replaced, and is locked
 * while open.
 * It is written after the log that holds the vertex is synced, and before the next vertex of ours
 * is: it is at most one round behind what peers may have seen (docs/storage.md, Recovery).
 *
 * Thread rule: one thread. A failed write is final: every later one returns its error.
 */
#ifndef CR_STORE_GUARD_H
#define CR_STORE_GUARD_H

#include "store/log.h"

struct cr_guard_record {
    uint64_t epoch;
    uint32_t round; /* 0: nothing signed yet */
    struct cr_hash digest;
    uint64_t log_sequence; /* everything up to here was durable when this was written */
};

struct cr_guard;

/* Opens or creates `path` (mode 0600). *found tells whether the file existed. CR_ERR_BUSY: another
 * process uses this key. CR_ERR_MISMATCH: it guards another key. CR_ERR_VERSION: written by a newer
 * program; then nothing is changed. */
CR_MUST_CHECK enum cr_err cr_guard_open(const char *path, const struct cr_hash *owner,
                                        struct cr_guard **out, struct cr_guard_record *record,
                                        bool *found, struct cr_store_failure *failure);
/* Durable when it returns CR_OK. (epoch, round) never falls; the same round with another digest is
 * a bug of ours. */
CR_MUST_CHECK enum cr_err cr_guard_write(struct cr_guard *guard,
                                         const struct cr_guard_record *record,
                                         struct cr_store_failure *failure);
void cr_guard_close(struct cr_guard *guard); /* NULL is allowed */

#endif
