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

static int fill_to_end(struct cr_state_db *db)
{
    uint64_t wanted = (db->end / STEP_BYTES + 2) * STEP_BYTES;
    mdb_filehandle_t file;
    MDB_envinfo info;
    if (db->end + STEP_BYTES <= db->filled) return MDB_SUCCESS;
    int code = mdb_env_info(db->env, &info);
    if (code == MDB_SUCCESS) code = mdb_env_get_fd(db->env, &file);
    if (code != MDB_SUCCESS) return code;
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
    db->end = (info.me_last_pgno + 1) * db->page_bytes;
    return fill_to_end(db);
}

int cr_state_fill(struct cr_state_db *db, size_t bytes)
{
    db->end += PAGES_PER_WRITE * db->page_bytes + bytes;
    return fill_to_end(db);
}
