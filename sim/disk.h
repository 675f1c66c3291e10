/* SPDX-License-Identifier: Apache-2.0 */
/* disk.h: the log and the guard record of one node, and what a crash leaves of them.
 *
 * A record is in the cache from its append, and durable from the end of a sync that began later.
 * Lost power keeps everything durable; of the rest a kernel has written back some sectors and not
 * others, and the log ends before the first record that is not whole. The guard is one atomic slot,
 * written when the log is durable: the other way round, power lost everywhere at once can leave a
 * round that more than F nodes may not sign again and nobody has, and the chain stops for ever.
 */
#ifndef CR_SIM_DISK_H
#define CR_SIM_DISK_H

#include "base/prng.h"
#include "core/core.h"
#include "memory.h"

struct cr_body;

enum cr_disk_record_kind {
    CR_RECORD_VERTEX = 1,
    CR_RECORD_COMMIT,
};

struct cr_disk_record {
    enum cr_disk_record_kind kind;
    uint64_t sequence;    /* VERTEX: of its STORE; COMMIT: of the last STORE before it */
    struct cr_body *body; /* VERTEX: holds one reference */
    uint8_t *commit;      /* COMMIT: encoded (wire/commit.h) */
    uint32_t commit_bytes;
    struct cr_schedule_state *schedule; /* COMMIT: what RESTORE_HEAD wants back */
};

struct cr_disk_guard {
    uint64_t epoch;
    uint32_t round; /* 0: nothing signed yet */
    struct cr_hash digest;
    bool lost; /* made in place of one that is gone, or a copy of an old one */
};

struct cr_disk {
    struct cr_disk_record *records;
    uint32_t count, count_max;
    uint32_t durable; /* records */
    struct cr_disk_guard guard, guard_durable;

    bool syncing;
    uint32_t sync_count; /* records that the sync under way covers */
    struct cr_disk_guard sync_guard;
    uint64_t syncs_total;
    uint64_t operations_total; /* writes, syncs and ends of syncs */
    uint32_t wipes_total;
    uint32_t rotten; /* number of a record that cannot be read any more, from 1; 0: none */

    struct cr_map vertices; /* digest -> first record */
    uint64_t newest_epoch;  /* of no vertex in the log a greater one */
    uint32_t *commits;      /* commit index -> record; a later record of the same index wins */
    uint32_t commits_count, commits_max;
};

/* Both take over the reference or memory in the record. */
void cr_disk_append(struct cr_disk *disk, const struct cr_disk_record *record);
void cr_disk_append_commit(struct cr_disk *disk, uint64_t index,
                           const struct cr_disk_record *record);

/* Whether there is something to sync and no sync under way; then begins one. */
bool cr_disk_sync_begin(struct cr_disk *disk);
/* Returns the greatest STORE sequence that has become durable, 0 for none. */
uint64_t cr_disk_sync_end(struct cr_disk *disk);

/* Loses what is lost. With `all_written` (the process dies, the machine does not) the log keeps
 * everything appended. Afterwards what is left is durable. */
void cr_disk_crash(struct cr_disk *disk, struct cr_prng *prng, bool all_written);
/* Whether what was signed last lies before this. */
bool cr_disk_guard_allows(const struct cr_disk_guard *guard, uint64_t epoch, uint32_t round);
/* The data folder is gone. The guard is not: it lies beside the key. */
void cr_disk_wipe(struct cr_disk *disk);
/* Key alone is left: the data folder and the guard are gone. */
void cr_disk_forget(struct cr_disk *disk);
/* One record goes bad, `per_1000` of the way through the log. Nobody notices before it is read. */
void cr_disk_rot(struct cr_disk *disk, uint32_t per_1000);
bool cr_disk_is_rotten(const struct cr_disk *disk, const struct cr_disk_record *record);
/* The data folder is what it was when the log had `count` records. The guard is not touched. */
void cr_disk_restore(struct cr_disk *disk, uint32_t count);
/* The guard, too, is put back from a copy; `told`: and recognised as one. */
void cr_disk_restore_guard(struct cr_disk *disk, const struct cr_disk_guard *guard, bool told);
/* An empty disk gets the first `count` records of another, and no guard. */
void cr_disk_copy(struct cr_disk *disk, const struct cr_disk *from, uint32_t count);
/* Durable at once: before anything that is appended from now on. */
void cr_disk_mark_guard_lost(struct cr_disk *disk);
/* Brings the guard up to an own vertex that the log holds: part of every boot. */
void cr_disk_raise_guard(struct cr_disk *disk, uint32_t author);

bool cr_disk_is_durable(const struct cr_disk *disk, const struct cr_hash *vertex);
/* The first record of a vertex, the newest of a commit, durable or not; NULL when there is none. */
const struct cr_disk_record *cr_disk_vertex(const struct cr_disk *disk,
                                            const struct cr_hash *digest);
const struct cr_disk_record *cr_disk_commit(const struct cr_disk *disk, uint64_t index);
/* The greatest commit index in the log whose record is durable. */
uint64_t cr_disk_commits_durable(const struct cr_disk *disk);

#endif
