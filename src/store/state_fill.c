/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>

#include "store/state_internal.h"

enum {
    STEP_BYTES = 4 * 1024 * 1024, /* of a file that grows; what a commit of LMDB itself needs */
    /* A path of six pages is copied (enough for 10^9 records), a leaf is split; branches are split
     * so rarely that the eighth serves them and the list of free pages. */
    PAGES_PER_WRITE = 8,
    PAGE_BYTES_MAX = 64 * 1024,
};

static int count_pages(MDB_txn *txn, MDB_dbi table, uint64_t *pages)
{
    MDB_stat stat;
    const int code = mdb_stat(txn, table, &stat);
    if (code != MDB_SUCCESS) return code;
    *pages += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
    return code;
}

/* Most writes meet pages that this transaction has already: counted one by one, a thousand of them
 * would need 32 MiB. A page that was taken from the end of the file is in a tree now, or was left
 * behind (`left`); so the end is no farther than that. */
static int look_at_trees(struct cr_state_db *db)
{
    enum { FREE_PAGES = 0, NAMES = 1 }; /* LMDB's own */
    uint64_t list = 0, pages = 0;
    int code = count_pages(db->txn, FREE_PAGES, &list);
    if (code == MDB_SUCCESS) code = count_pages(db->txn, NAMES, &pages);
    for (uint32_t i = 0; i < CR_TABLES && code == MDB_SUCCESS; i++)
        code = count_pages(db->txn, db->tables[i], &pages);
    if (code != MDB_SUCCESS) return code;
    /* The list of free pages is written at the end: what there is once more, and a number for each
     * page that was copied. */
    pages += 2 * list + pages / 64;
    const uint64_t end = db->begun + db->left + pages * db->page_bytes + STEP_BYTES;
    if (end < db->end) db->end = end;
    return MDB_SUCCESS;
}

static int fill_to_end(struct cr_state_db *db)
{
    mdb_filehandle_t file;
    MDB_envinfo info;
    int code = MDB_SUCCESS;
    if (db->end + STEP_BYTES <= db->filled) return MDB_SUCCESS;
    if (db->txn) code = look_at_trees(db);
    if (code == MDB_SUCCESS) code = mdb_env_info(db->env, &info);
    if (code == MDB_SUCCESS) code = mdb_env_get_fd(db->env, &file);
    if (code != MDB_SUCCESS) return code;
    uint64_t wanted = (db->end / STEP_BYTES + 2) * STEP_BYTES;
    /* LMDB goes no further than that. */
    if (wanted > info.me_mapsize) wanted = info.me_mapsize;
    if (wanted <= db->filled) return MDB_SUCCESS;
    do {
        code = posix_fallocate(file, (off_t)db->filled, (off_t)(wanted - db->filled));
    } while (code == EINTR);
    if (code == 0) db->filled = wanted;
    return code;
}

static uint64_t page_bytes(const struct cr_state_db *db)
{
    MDB_stat stat;
    return mdb_env_stat(db->env, &stat) == MDB_SUCCESS ? stat.ms_psize : PAGE_BYTES_MAX;
}

int cr_state_begin_fill(struct cr_state_db *db)
{
    MDB_envinfo info;
    const int code = mdb_env_info(db->env, &info);
    if (code != MDB_SUCCESS) return code;
    db->page_bytes = page_bytes(db);
    db->end = db->begun = (info.me_last_pgno + 1) * db->page_bytes;
    db->left = 0;
    return fill_to_end(db);
}

int cr_state_fill_put(struct cr_state_db *db, size_t bytes)
{
    /* A value that has pages of its own leaves them when its size changes. */
    if (bytes > db->page_bytes / 4) db->left += 2 * db->page_bytes + bytes;
    db->end += PAGES_PER_WRITE * db->page_bytes + bytes;
    return fill_to_end(db);
}

int cr_state_fill_erase(struct cr_state_db *db, size_t bytes)
{
    /* A leaf and, of every second one at most, its branch. */
    db->left += 3 * db->page_bytes + bytes;
    db->end += PAGES_PER_WRITE * db->page_bytes + bytes;
    return fill_to_end(db);
}
