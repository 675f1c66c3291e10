/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "store/guard_internal.h"
#include "wire/cursor.h"

static const char magic[8] = {'C', 'R', 'E', 'T', 'O', 'G', 'R', 'D'};
enum { FILE_BYTES = CR_GUARD_SLOTS * CR_GUARD_SLOT_BYTES };

struct cr_guard {
    const struct cr_io *io;
    char *path;
    int fd;        /* holds the lock */
    uint32_t slot; /* of the record that counts */
    uint64_t counter;
    uint64_t file; /* which one it is */
    bool blind;    /* made in place of one that was gone; nothing was written since */
    struct cr_hash owner;
    struct cr_guard_record record;
    struct cr_store_failure failed; /* err != CR_OK: final */
};

/* ---- the bytes of a slot ---- */

enum slot_form {
    SLOT_VALID = 1,
    SLOT_BAD,
    SLOT_NEWER,
};

struct slot {
    uint64_t counter;
    uint64_t file; /* that it was written to; 0: in place of one that was gone */
    struct cr_hash owner;
    struct cr_guard_record record;
};

static void encode(const struct slot *slot, uint8_t bytes[CR_GUARD_SLOT_BYTES])
{
    memset(bytes, 0, CR_GUARD_SLOT_BYTES);
    struct cr_writer writer = cr_writer_of(bytes, CR_GUARD_SLOT_BYTES);
    cr_write_bytes(&writer, magic, sizeof magic);
    cr_write_le(&writer, CR_GUARD_VERSION, 4);
    cr_write_le(&writer, slot->record.round, 4);
    cr_write_le(&writer, slot->counter, 8);
    cr_write_le(&writer, slot->record.epoch, 8);
    cr_write_le(&writer, slot->record.log_sequence, 8);
    cr_write_le(&writer, slot->file, 8);
    cr_write_hash(&writer, &slot->record.digest);
    cr_write_hash(&writer, &slot->owner);
    CR_ASSERT(writer.position == CR_GUARD_CHECKSUM_AT);
    const struct cr_hash hash = cr_hash_of(bytes, CR_GUARD_CHECKSUM_AT);
    cr_write_hash(&writer, &hash);
}

static enum slot_form decode(const uint8_t bytes[CR_GUARD_SLOT_BYTES], struct slot *out)
{
    struct cr_reader reader = cr_reader_of(bytes, CR_GUARD_RECORD_BYTES);
    if (memcmp(cr_read_bytes(&reader, sizeof magic), magic, sizeof magic) != 0) return SLOT_BAD;
    if (cr_read_le(&reader, 4) > CR_GUARD_VERSION) return SLOT_NEWER;
    struct slot slot = {.record = {.round = (uint32_t)cr_read_le(&reader, 4)}};
    slot.counter = cr_read_le(&reader, 8);
    slot.record.epoch = cr_read_le(&reader, 8);
    slot.record.log_sequence = cr_read_le(&reader, 8);
    slot.file = cr_read_le(&reader, 8);
    slot.record.digest = cr_read_hash(&reader);
    slot.owner = cr_read_hash(&reader);
    const struct cr_hash hash = cr_hash_of(bytes, CR_GUARD_CHECKSUM_AT);
    const struct cr_hash stored = cr_read_hash(&reader);
    if (!cr_hash_equal(&hash, &stored)) return SLOT_BAD;
    *out = slot;
    return SLOT_VALID;
}

/* ---- opening ---- */

/* What tells this file from a copy of it: its inode and, where the file system knows it, the time
 * of its birth, which nothing can set. Not the device: its number may change with a reboot. */
static bool identify(struct cr_guard *guard, struct cr_store_failure *failure)
{
    struct statx stat;
    const unsigned wanted = STATX_INO | STATX_BTIME;
    if (statx(guard->fd, "", AT_EMPTY_PATH, wanted, &stat) != 0) {
        (void)cr_store_fail_errno(failure, "stat", guard->path);
        return false;
    }
    const bool born = (stat.stx_mask & STATX_BTIME) != 0;
    const uint64_t facts[] = {stat.stx_ino, born ? (uint64_t)stat.stx_btime.tv_sec : 0,
                              born ? stat.stx_btime.tv_nsec : 0};
    const struct cr_hash hash = cr_hash_of(facts, sizeof facts);
    guard->file = cr_load_le(hash.bytes, 8) | 1; /* never 0 */
    return true;
}

static enum cr_err take_lock(struct cr_guard *guard, struct cr_store_failure *failure)
{
    if (flock(guard->fd, LOCK_EX | LOCK_NB) == 0) return CR_OK;
    if (errno != EWOULDBLOCK) return cr_store_fail_errno(failure, "lock", guard->path);
    return cr_store_fail(failure, CR_ERR_BUSY,
                         "'%.150s' is locked: another process uses this key; stop it first",
                         guard->path);
}

static enum cr_err refuse_owner(const struct cr_guard *guard, const struct cr_hash *theirs,
                                struct cr_store_failure *failure)
{
    char found[17];
    char wanted[17];
    cr_hex_encode(theirs->bytes, 8, found);
    cr_hex_encode(guard->owner.bytes, 8, wanted);
    return cr_store_fail(failure, CR_ERR_MISMATCH, "'%.110s' guards key %s..., not this key %s...",
                         guard->path, found, wanted);
}

static enum cr_err load(struct cr_guard *guard, struct cr_store_failure *failure)
{
    uint8_t bytes[FILE_BYTES] = {0};
    const bool settled = cr_io_settle(guard->io, guard->fd);
    if (!settled || cr_io_read(guard->io, guard->fd, bytes, sizeof bytes, 0) < 0) {
        return cr_store_fail_errno(failure, settled ? "read" : "sync", guard->path);
    }
    uint32_t valid_count = 0;
    for (uint32_t i = 0; i < CR_GUARD_SLOTS; i++) {
        struct slot slot;
        switch (decode(bytes + (size_t)i * CR_GUARD_SLOT_BYTES, &slot)) {
        case SLOT_BAD: continue;
        case SLOT_NEWER:
            return cr_store_fail(failure, CR_ERR_VERSION,
                                 "'%.150s' was written by a newer program; run that one",
                                 guard->path);
        case SLOT_VALID: break;
        }
        if (!cr_hash_equal(&slot.owner, &guard->owner)) {
            return refuse_owner(guard, &slot.owner, failure);
        }
        if (valid_count++ > 0 && slot.counter < guard->counter) continue;
        guard->slot = i;
        guard->counter = slot.counter;
        guard->record = slot.record;
        guard->record.lost = slot.file != guard->file;
        guard->blind = slot.file == 0;
    }
    if (valid_count > 0) return CR_OK;
    return cr_store_fail(
        failure, CR_ERR_CORRUPT,
        "'%.110s' is damaged: what this key signed last is not known; move it away, "
        "then the others are asked",
        guard->path);
}

/* Writes the first record into the empty file `guard->fd`, then gives the file its name. */
static enum cr_err fill_and_name(struct cr_guard *guard, const char *unnamed,
                                 struct cr_store_failure *failure)
{
    uint8_t bytes[FILE_BYTES] = {0};
    guard->counter = 1;
    const struct slot slot = {.counter = guard->counter,
                              .file = guard->record.lost ? 0 : guard->file,
                              .owner = guard->owner};
    encode(&slot, bytes);
    if (ftruncate(guard->fd, 0) != 0 ||
        !cr_io_write(guard->io, guard->fd, bytes, sizeof bytes, 0) ||
        !cr_io_sync(guard->io, guard->fd)) {
        return cr_store_fail_errno(failure, "write", unnamed);
    }
    if (link(unnamed, guard->path) != 0) {
        if (errno != EEXIST) return cr_store_fail_errno(failure, "create", guard->path);
        return cr_store_fail(failure, CR_ERR_BUSY, "'%.150s' was just made by another process",
                             guard->path);
    }
    return CR_OK;
}

/* A guard that exists is whole: it is written under another name first. A crash before the link
 * leaves only that other file, which is locked and begun anew the next time. */
static enum cr_err create(struct cr_guard *guard, struct cr_store_failure *failure)
{
    char unnamed[4096];
    const int count = snprintf(unnamed, sizeof unnamed, "%s.new", guard->path);
    if (count < 0 || (size_t)count >= sizeof unnamed) {
        errno = ENAMETOOLONG;
        return cr_store_fail_errno(failure, "create", guard->path);
    }
    guard->fd = open(unnamed, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (guard->fd < 0) return cr_store_fail_errno(failure, "create", unnamed);
    enum cr_err err = take_lock(guard, failure);
    if (err != CR_OK) return err;
    if (!identify(guard, failure)) return failure->err;
    err = fill_and_name(guard, unnamed, failure);
    (void)unlink(unnamed); /* a second name of the same file, or of one that is good for nothing */
    if (err == CR_OK && !cr_io_sync_parent(guard->io, guard->path)) {
        err = cr_store_fail_errno(failure, "sync the folder of", guard->path);
    }
    return err;
}

static enum cr_err open_existing(struct cr_guard *guard, struct cr_store_failure *failure)
{
    struct stat stat;
    const enum cr_err err = take_lock(guard, failure);
    if (err != CR_OK) return err;
    if (fstat(guard->fd, &stat) != 0) return cr_store_fail_errno(failure, "stat", guard->path);
    if (!S_ISREG(stat.st_mode) || stat.st_size != FILE_BYTES) {
        return cr_store_fail(failure, CR_ERR_CORRUPT,
                             "'%.150s' is not a guard file: %" PRId64 " bytes instead of %d",
                             guard->path, (int64_t)stat.st_size, FILE_BYTES);
    }
    return identify(guard, failure) ? load(guard, failure) : failure->err;
}

static struct cr_guard *new_guard(const char *path, const struct cr_hash *owner,
                                  const struct cr_io *io)
{
    struct cr_guard *guard = calloc(1, sizeof *guard);
    if (guard == NULL) return NULL;
    guard->io = io;
    guard->owner = *owner;
    guard->fd = -1;
    guard->path = strdup(path);
    if (guard->path != NULL) return guard;
    cr_guard_close(guard);
    return NULL;
}

enum cr_err cr_guard_open_with(const char *path, const struct cr_hash *owner,
                               const struct cr_io *io, struct cr_guard **out,
                               struct cr_guard_record *record, bool *found,
                               struct cr_store_failure *failure)
{
    struct cr_guard *guard = new_guard(path, owner, io);
    if (guard == NULL) {
        errno = ENOMEM;
        return cr_store_fail_errno(failure, "get memory for", path);
    }
    enum cr_err err;
    bool exists = true;
    guard->fd = open(path, O_RDWR | O_CLOEXEC);
    if (guard->fd >= 0) {
        err = open_existing(guard, failure);
    } else if (errno == ENOENT) {
        exists = false;
        guard->record.lost = guard->blind = true;
        err = create(guard, failure);
    } else {
        err = cr_store_fail_errno(failure, "open", path);
    }
    if (err != CR_OK) {
        cr_guard_close(guard);
        return err;
    }
    *out = guard;
    *record = guard->record;
    *found = exists;
    return CR_OK;
}

enum cr_err cr_guard_open(const char *path, const struct cr_hash *owner, struct cr_guard **out,
                          struct cr_guard_record *record, bool *found,
                          struct cr_store_failure *failure)
{
    return cr_guard_open_with(path, owner, &cr_io_system, out, record, found, failure);
}

enum cr_err cr_guard_make(const char *path, const struct cr_hash *owner,
                          struct cr_store_failure *failure)
{
    if (access(path, F_OK) == 0) {
        return cr_store_fail(failure, CR_ERR_EXISTS, "'%.150s' is there already", path);
    }
    struct cr_guard *guard = new_guard(path, owner, &cr_io_system);
    if (guard == NULL) {
        errno = ENOMEM;
        return cr_store_fail_errno(failure, "get memory for", path);
    }
    const enum cr_err err = create(guard, failure);
    cr_guard_close(guard);
    return err;
}

void cr_guard_close(struct cr_guard *guard)
{
    if (guard == NULL) return;
    if (guard->fd >= 0) close(guard->fd); /* gives the lock back */
    free(guard->path);
    free(guard);
}

/* ---- writing ---- */

static void check_order(const struct cr_guard_record *last, const struct cr_guard_record *next)
{
    CR_ASSERT(next->round > 0);
    CR_ASSERT(next->epoch >= last->epoch);
    CR_ASSERT(CR_IMPLIES(next->epoch == last->epoch, next->round >= last->round));
    CR_ASSERT(CR_IMPLIES(next->epoch == last->epoch && next->round == last->round,
                         cr_hash_equal(&next->digest, &last->digest)));
}

static enum cr_err overwrite(struct cr_guard *guard, const struct cr_guard_record *record,
                             struct cr_store_failure *failure)
{
    if (guard->failed.err != CR_OK) {
        *failure = guard->failed;
        return failure->err;
    }
    uint8_t bytes[CR_GUARD_SLOT_BYTES];
    const struct slot slot = {.counter = guard->counter + 1,
                              .file = record->lost ? 0 : guard->file,
                              .owner = guard->owner,
                              .record = *record};
    const uint32_t target = (guard->slot + 1) % CR_GUARD_SLOTS; /* the other one stays whole */
    encode(&slot, bytes);
    const bool written = cr_io_write(guard->io, guard->fd, bytes, sizeof bytes,
                                     (uint64_t)target * CR_GUARD_SLOT_BYTES);
    if (!written || !cr_io_sync(guard->io, guard->fd)) {
        (void)cr_store_fail_errno(&guard->failed, written ? "sync" : "write", guard->path);
        *failure = guard->failed;
        return failure->err;
    }
    guard->slot = target;
    guard->counter = slot.counter;
    guard->record = *record;
    guard->blind = record->lost;
    return CR_OK;
}

enum cr_err cr_guard_write(struct cr_guard *guard, const struct cr_guard_record *record,
                           struct cr_store_failure *failure)
{
    CR_ASSERT(!record->lost);
    check_order(&guard->record, record);
    return overwrite(guard, record, failure);
}

enum cr_err cr_guard_mark_lost(struct cr_guard *guard, struct cr_store_failure *failure)
{
    struct cr_guard_record record = guard->record;
    if (record.lost) return CR_OK;
    record.lost = true;
    return overwrite(guard, &record, failure);
}

enum cr_err cr_guard_adopt(struct cr_guard *guard, struct cr_store_failure *failure)
{
    struct cr_guard_record record = guard->record;
    if (guard->blind) {
        return cr_store_fail(failure, CR_ERR_NOT_FOUND,
                             "'%.150s' was made in place of one that was gone: it knows nothing",
                             guard->path);
    }
    record.lost = false;
    return overwrite(guard, &record, failure);
}
