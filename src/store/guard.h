/* SPDX-License-Identifier: Apache-2.0 */
/* guard.h: the record of what this validator's key has signed last, kept beside the key and not
 * with the data, so that a lost or restored data folder cannot make it sign a round twice.
 *
 * The file has two 4 KiB slots, written in turn: {magic, version, counter, epoch, round, log
 * sequence, file, vertex digest, owner (BLAKE3 of the public key), checksum}. The valid slot with
 * the greater counter counts; one torn slot is normal, two bad slots are CR_ERR_CORRUPT. The file
 * is preallocated, appears under its name only when it is whole, is never replaced, and is locked
 * while open.
 * Each record names the file that it was written to (inode and time of birth). A record in another
 * file was copied there: how old it is, nobody knows. Nor is anything known when there was no file.
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
    bool lost; /* the key may have signed more than this: a copy, or made in place of one gone */
};

struct cr_guard;

/* Makes `path` for a key that was made just now and has signed nothing. CR_ERR_EXISTS: there is one
 * already, which stays. */
CR_MUST_CHECK enum cr_err cr_guard_make(const char *path, const struct cr_hash *owner,
                                        struct cr_store_failure *failure);
/* Opens or creates `path` (mode 0600). *found tells whether the file existed. CR_ERR_BUSY: another
 * process uses this key. CR_ERR_MISMATCH: it guards another key. CR_ERR_VERSION: written by a newer
 * program; then nothing is changed. */
CR_MUST_CHECK enum cr_err cr_guard_open(const char *path, const struct cr_hash *owner,
                                        struct cr_guard **out, struct cr_guard_record *record,
                                        bool *found, struct cr_store_failure *failure);
/* What the key has signed is more than this guard knows. Durable when it returns CR_OK; stays so
 * until the next cr_guard_write. */
CR_MUST_CHECK enum cr_err cr_guard_mark_lost(struct cr_guard *guard,
                                             struct cr_store_failure *failure);
/* Somebody vouches that this copy is the newest and that its original will never be used again.
 * CR_ERR_NOT_FOUND: it is no copy, but was made in place of one that was gone. */
CR_MUST_CHECK enum cr_err cr_guard_adopt(struct cr_guard *guard, struct cr_store_failure *failure);
/* Durable when it returns CR_OK. From then on nothing is lost: whoever writes knows that nothing
 * above this record was signed. (epoch, round) never falls; the same round with another digest is
 * a bug of ours. */
CR_MUST_CHECK enum cr_err cr_guard_write(struct cr_guard *guard,
                                         const struct cr_guard_record *record,
                                         struct cr_store_failure *failure);
void cr_guard_close(struct cr_guard *guard); /* NULL is allowed */

#endif
