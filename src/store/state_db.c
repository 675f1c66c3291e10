/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing the cache, and deciding whether it may be trusted. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/state_internal.h"

enum { SPACE_BYTES_MIN = 1024 * 1024 }; /* less is a full disk */

/* Pages are changed where they lie; else each is made in a copy and written by a call, which took a
 * quarter of the time of a loaded node. The thread sanitizer does not see how LMDB, which it has
 * not compiled, hands pages from the writer to readers: there the calls stay. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WRITE_FLAGS 0u
#endif
#endif
#ifndef WRITE_FLAGS
#define WRITE_FLAGS MDB_WRITEMAP
#endif

/* LMDB calls a short write EIO; what is short is most often the disk's space. */
static bool is_disk_full(const struct cr_state_db *db, int code)
{
    struct statvfs disk;
    return code == EIO && statvfs(db->path, &disk) == 0 &&
           disk.f_bavail * disk.f_frsize < SPACE_BYTES_MIN;
}

enum cr_err cr_state_fail(const struct cr_state_db *db, int code, const char *what,
                          struct cr_store_failure *failure)
{
    if (code == MDB_MAP_FULL) {
        return cr_store_fail(failure, CR_ERR_NO_SPACE,
                             "cannot %s '%.110s': all %" PRIu64
                             " bytes are used; raise storage.map_bytes and restart",
                             what, db->path, db->map_bytes);
    }
    if (code > 0) {
        errno = is_disk_full(db, code) ? ENOSPC : code;
        return cr_store_fail_errno(failure, what, db->path);
    }
    const enum cr_err err = code == MDB_CORRUPTED || code == MDB_INVALID ||
                                    code == MDB_PAGE_NOTFOUND || code == MDB_VERSION_MISMATCH ||
                                    code == MDB_PANIC
                                ? CR_ERR_CORRUPT
                                : CR_ERR_IO;
    return cr_store_fail(failure, err, "cannot %s '%.130s': %s%s", what, db->path,
                         mdb_strerror(code),
                         err == CR_ERR_CORRUPT ? "; restart: it is rebuilt from the log" : "");
}

void cr_state_db_condemn(struct cr_state_db *db)
{
    if (atomic_exchange_explicit(&db->condemned, true, memory_order_relaxed)) return;
    struct cr_mark mark = db->mark;
    mark.kind = CR_MARK_CONDEMNED;
    /* If it cannot be written, the damage is met again after the restart, and condemned again. */
    (void)!cr_mark_write(db->folder, &mark);
}

/* ---- may it be trusted? ---- */

enum verdict {
    TRUST = 1, /* or there is none */
    DISCARD,
    REFUSE,
};

static uint64_t data_bytes(const struct cr_state_db *db)
{
    struct stat stat;
    return fstatat(db->folder, "data.mdb", &stat, 0) == 0 ? (uint64_t)stat.st_size : 0;
}

static enum verdict judge(const struct cr_state_db *db, const struct cr_mark *mark,
                          struct cr_store_failure *failure)
{
    if (mark->version > CR_STATE_VERSION) {
        (void)cr_store_fail(failure, CR_ERR_VERSION,
                            "the state cache '%.100s' has format %" PRIu32
                            ", this program knows %d; run a newer program or remove it",
                            db->path, mark->version, CR_STATE_VERSION);
        return REFUSE;
    }
    const uint64_t bytes = data_bytes(db);
    if (bytes == 0) return TRUST;
    if (mark->kind == CR_MARK_NONE || mark->version < CR_STATE_VERSION) return DISCARD;
    if (!cr_hash_equal(&mark->genesis_id, &db->mark.genesis_id)) {
        char found[17];
        char wanted[17];
        cr_hex_encode(mark->genesis_id.bytes, 8, found);
        cr_hex_encode(db->mark.genesis_id.bytes, 8, wanted);
        (void)cr_store_fail(failure, CR_ERR_MISMATCH,
                            "the state cache '%.100s' belongs to genesis %s..., not to %s...",
                            db->path, found, wanted);
        return REFUSE;
    }
    if (mark->kind == CR_MARK_CONDEMNED) return DISCARD;
    if (mark->kind == CR_MARK_CLOSED) return bytes < mark->data_bytes ? DISCARD : TRUST;
    const bool same_boot = mark->boot_id[0] != '\0' && strcmp(mark->boot_id, db->mark.boot_id) == 0;
    return same_boot ? TRUST : DISCARD;
}

static enum cr_err discard(struct cr_state_db *db, struct cr_store_failure *failure)
{
    static const char *const files[] = {"data.mdb", "lock.mdb"};
    for (size_t i = 0; i < CR_COUNT_OF(files); i++) {
        if (unlinkat(db->folder, files[i], 0) != 0 && errno != ENOENT) {
            return cr_store_fail_errno(failure, "throw away the state cache", db->path);
        }
    }
    return CR_OK;
}

/* ---- opening ---- */

static int load_bucket_digests(struct cr_state_db *db, MDB_txn *txn)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val stored;
    int code = mdb_cursor_open(txn, db->tables[CR_TABLE_BUCKETS], &cursor);
    if (code != MDB_SUCCESS) return code;
    code = mdb_cursor_get(cursor, &key, &stored, MDB_FIRST);
    while (code == MDB_SUCCESS) {
        const uint8_t *bytes = key.mv_data;
        const uint32_t bucket =
            key.mv_size == 2 ? (uint32_t)bytes[0] << 8 | bytes[1] : (uint32_t)CR_BUCKETS;
        if (bucket >= CR_BUCKETS) {
            code = MDB_CORRUPTED;
            break;
        }
        cr_bucket_set_add(&db->bucket_digests, bucket);
        code = mdb_cursor_get(cursor, &key, &stored, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

static int load_head(struct cr_state_db *db, MDB_txn *txn, struct cr_ledger_head *head)
{
    struct cr_state_value value;
    const struct cr_table_key key = cr_table_key_head();
    const int code = cr_table_get(txn, db->tables, CR_TABLE_META, &key, &value);
    *head = (struct cr_ledger_head){.index = 0};
    if (code == MDB_NOTFOUND) return MDB_SUCCESS;
    if (code != MDB_SUCCESS) return code;
    return cr_row_decode_head(&value, head) ? MDB_SUCCESS : MDB_CORRUPTED;
}

static int load_all(struct cr_state_db *db, struct cr_ledger_head *head)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(db->env, NULL, 0, &txn);
    if (code != MDB_SUCCESS) return code;
    code = cr_table_open_all(txn, db->tables);
    if (code == MDB_SUCCESS) code = load_bucket_digests(db, txn);
    if (code == MDB_SUCCESS) code = load_head(db, txn, head);
    if (code == MDB_SUCCESS) return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return code;
}

static enum cr_err open_env(struct cr_state_db *db, struct cr_ledger_head *head,
                            struct cr_store_failure *failure)
{
    /* NOTLS: a reader belongs to its object, not to a thread. NORDAHEAD: keys are hashes, reading
     * ahead fetches what nobody wants. */
    const unsigned flags = MDB_NOSYNC | MDB_NOTLS | MDB_NORDAHEAD | WRITE_FLAGS;
    int dead = 0;
    db->bucket_digests = (struct cr_bucket_set){0};
    db->filled = 0;
    int code = mdb_env_create(&db->env);
    if (code == MDB_SUCCESS) code = mdb_env_set_maxdbs(db->env, CR_TABLES);
    if (code == MDB_SUCCESS) code = mdb_env_set_mapsize(db->env, (size_t)db->map_bytes);
    if (code == MDB_SUCCESS) code = mdb_env_open(db->env, db->path, flags, 0600);
    if (code == MDB_SUCCESS) code = mdb_reader_check(db->env, &dead);
    if (code == MDB_SUCCESS) code = cr_state_begin_fill(db);
    if (code == MDB_SUCCESS) code = load_all(db, head);
    if (code == MDB_SUCCESS) return CR_OK;
    mdb_env_close(db->env); /* NULL is allowed */
    db->env = NULL;
    return cr_state_fail(db, code, "open the state cache", failure);
}

/* From here on, and until it is closed, the cache is to be trusted only while the machine runs. */
static enum cr_err mark_open(struct cr_state_db *db, struct cr_store_failure *failure)
{
    db->mark.kind = CR_MARK_OPEN;
    if (cr_mark_write(db->folder, &db->mark)) return CR_OK;
    return cr_store_fail_errno(failure, "write the mark of the state cache", db->path);
}

static enum cr_err open_judged(struct cr_state_db *db, struct cr_ledger_head *head, bool *rebuilt,
                               struct cr_store_failure *failure)
{
    struct cr_mark mark;
    cr_mark_read(db->folder, &mark);
    const enum verdict verdict = judge(db, &mark, failure);
    if (verdict == REFUSE) return failure->err;
    *rebuilt = verdict == DISCARD;
    enum cr_err err = verdict == DISCARD ? discard(db, failure) : CR_OK;
    if (err == CR_OK) err = mark_open(db, failure);
    if (err == CR_OK) err = open_env(db, head, failure);
    if (err != CR_ERR_CORRUPT) return err;

    *rebuilt = true;
    err = discard(db, failure);
    return err == CR_OK ? open_env(db, head, failure) : err;
}

static void close_all(struct cr_state_db *db)
{
    if (db->env != NULL) mdb_env_close(db->env);
    if (db->folder >= 0) close(db->folder); /* gives the lock back */
    free(db->path);
    free(db);
}

enum cr_err cr_state_db_open_with(const char *path, const struct cr_hash *genesis_id,
                                  const struct cr_state_options *options, struct cr_state_db **out,
                                  struct cr_ledger_head *head, bool *rebuilt,
                                  struct cr_store_failure *failure)
{
    struct cr_state_db *db = calloc(1, sizeof *db);
    char *path_copy = strdup(path);
    if (db == NULL || path_copy == NULL) {
        free(db);
        free(path_copy);
        errno = ENOMEM;
        return cr_store_fail_errno(failure, "get memory for", path);
    }
    db->path = path_copy;
    db->folder = -1;
    db->map_bytes = options->map_bytes;
    db->mark = (struct cr_mark){.version = CR_STATE_VERSION, .genesis_id = *genesis_id};
    cr_boot_id_read(options->boot_id_path, db->mark.boot_id);
    cr_state_writer_init(db);

    struct cr_ledger_head found = {.index = 0};
    bool was_rebuilt = false;
    enum cr_err err = cr_io_open_folder(&cr_io_system, path, &db->folder, failure);
    if (err == CR_OK) err = open_judged(db, &found, &was_rebuilt, failure);
    if (err != CR_OK) {
        close_all(db);
        return err;
    }
    *out = db;
    *head = found;
    *rebuilt = was_rebuilt;
    return CR_OK;
}

enum cr_err cr_state_db_open(const char *path, const struct cr_hash *genesis_id, uint64_t map_bytes,
                             struct cr_state_db **out, struct cr_ledger_head *head, bool *rebuilt,
                             struct cr_store_failure *failure)
{
    const struct cr_state_options options = {.map_bytes = map_bytes,
                                             .boot_id_path = "/proc/sys/kernel/random/boot_id"};
    return cr_state_db_open_with(path, genesis_id, &options, out, head, rebuilt, failure);
}

void cr_state_db_close(struct cr_state_db *db)
{
    if (db == NULL) return;
    CR_ASSERT(db->readers == 0);
    if (db->txn != NULL) mdb_txn_abort(db->txn);
    const bool condemned = atomic_load_explicit(&db->condemned, memory_order_relaxed);
    if (!condemned && mdb_env_sync(db->env, 1) == MDB_SUCCESS) {
        struct cr_mark mark = db->mark;
        mark.kind = CR_MARK_CLOSED;
        mark.data_bytes = data_bytes(db);
        (void)!cr_mark_write(db->folder, &mark); /* or else it stays "open": rebuilt at worst */
    }
    close_all(db);
}
