/* SPDX-License-Identifier: Apache-2.0 */
/* disk.c: a log that loses its tail. */
#include "disk.h"

#include <string.h>

#include "body.h"

enum { SECTOR_BYTES = 4096, RECORD_HEAD_BYTES = 64 };

static void note_vertex(struct cr_disk *disk, const struct cr_disk_record *record, uint32_t at)
{
    cr_map_add(&disk->vertices, &record->body->digest, at);
    if (record->body->epoch > disk->newest_epoch) disk->newest_epoch = record->body->epoch;
}

void cr_disk_append(struct cr_disk *disk, const struct cr_disk_record *record)
{
    disk->records =
        cr_run_grow(disk->records, &disk->count_max, disk->count + 1, sizeof disk->records[0]);
    if (record->kind == CR_RECORD_VERTEX) {
        note_vertex(disk, record, disk->count);
    }
    disk->records[disk->count++] = *record;
}

static void note_commit(struct cr_disk *disk, uint64_t index, uint32_t at)
{
    CR_ASSERT(index <= disk->commits_count && index < UINT32_MAX);
    disk->commits =
        cr_run_grow(disk->commits, &disk->commits_max, (uint32_t)index + 1, sizeof(uint32_t));
    disk->commits[index] = at;
    if (index == disk->commits_count) disk->commits_count++;
}

void cr_disk_append_commit(struct cr_disk *disk, uint64_t index,
                           const struct cr_disk_record *record)
{
    CR_ASSERT(record->kind == CR_RECORD_COMMIT && index >= 1);
    if (disk->commits_count == 0) note_commit(disk, 0, UINT32_MAX); /* nothing is commit 0 */
    note_commit(disk, index, disk->count);
    cr_disk_append(disk, record);
}

bool cr_disk_sync_begin(struct cr_disk *disk)
{
    if (disk->syncing || disk->durable == disk->count) return false;
    disk->syncing = true;
    disk->sync_count = disk->count;
    disk->sync_guard = disk->guard;
    disk->syncs_total++;
    return true;
}

uint64_t cr_disk_sync_end(struct cr_disk *disk)
{
    CR_ASSERT(disk->syncing && disk->sync_count > disk->durable);
    disk->syncing = false;
    disk->durable = disk->sync_count;
    disk->guard_durable = disk->sync_guard;
    return disk->records[disk->durable - 1].sequence;
}

static void cut(struct cr_disk *disk, uint32_t count)
{
    if (disk->rotten > count) disk->rotten = 0;
    while (disk->count > count) {
        const struct cr_disk_record *record = &disk->records[--disk->count];
        if (record->kind == CR_RECORD_VERTEX) cr_body_give(record->body);
        cr_run_give(record->commit);
        cr_run_give(record->schedule);
    }
}

/* What a node does when it opens its log: finds every vertex and every commit again. */
static void find_all(struct cr_disk *disk)
{
    cr_map_clear(&disk->vertices);
    disk->commits_count = 0;
    for (uint32_t i = 0; i < disk->count; i++) {
        const struct cr_disk_record *record = &disk->records[i];
        if (record->kind == CR_RECORD_VERTEX) {
            note_vertex(disk, record, i);
            continue;
        }
        if (disk->commits_count == 0) note_commit(disk, 0, UINT32_MAX);
        note_commit(disk, cr_disk_record_commit_index(record), i);
    }
}

/* Each sector that was not synced has reached the disk or not, by a coin. How many records from the
 * first on are whole? One sector may hold many records, and one record many sectors. */
static uint32_t whole_records(const struct cr_disk *disk, struct cr_prng *prng)
{
    const uint64_t chance = 1 + cr_prng_below(prng, 16); /* per 16 */
    uint64_t sector_begins = 0, at = 0;
    bool written = cr_prng_below(prng, 16) < chance;
    for (uint32_t i = disk->durable; i < disk->count; i++) {
        const struct cr_disk_record *record = &disk->records[i];
        at += RECORD_HEAD_BYTES;
        at += record->kind == CR_RECORD_VERTEX ? record->body->vertex_bytes : record->commit_bytes;
        while (written && at > sector_begins + SECTOR_BYTES) {
            sector_begins += SECTOR_BYTES;
            written = cr_prng_below(prng, 16) < chance;
        }
        if (!written) return i - disk->durable;
    }
    return disk->count - disk->durable;
}

void cr_disk_crash(struct cr_disk *disk, struct cr_prng *prng, bool all_written)
{
    const uint32_t loose = disk->count - disk->durable;
    /* Nothing of it, all of it, or a part: the extremes are where mistakes show. */
    const uint64_t luck = cr_prng_below(prng, 3);
    const bool guard_kept = cr_prng_next(prng) & 1;
    const uint32_t kept = luck == 0 ? 0 : luck == 1 ? loose : whole_records(disk, prng);
    cut(disk, all_written ? disk->count : disk->durable + kept);
    disk->durable = disk->count;
    const bool log_synced = disk->syncing && disk->durable >= disk->sync_count;
    if (log_synced && guard_kept) disk->guard_durable = disk->sync_guard;
    disk->guard = disk->guard_durable;
    disk->syncing = false;
    find_all(disk);
}

void cr_disk_wipe(struct cr_disk *disk)
{
    disk->wipes_total++;
    cr_disk_restore(disk, 0);
}

void cr_disk_restore_guard(struct cr_disk *disk, const struct cr_disk_guard *guard, bool told)
{
    disk->guard = *guard;
    disk->guard.lost = guard->lost || told;
    disk->guard_durable = disk->guard;
}

void cr_disk_mark_guard_lost(struct cr_disk *disk)
{
    disk->guard.lost = disk->guard_durable.lost = disk->sync_guard.lost = true;
}

void cr_disk_forget(struct cr_disk *disk)
{
    cr_disk_wipe(disk);
    cr_disk_restore_guard(disk, &(struct cr_disk_guard){0}, true);
}

void cr_disk_restore(struct cr_disk *disk, uint32_t count)
{
    CR_ASSERT(!disk->syncing && disk->durable == disk->count);
    cut(disk, count);
    disk->durable = disk->count;
    find_all(disk);
}

static void *copy_of(const void *bytes, size_t count)
{
    void *copy = cr_run_take_raw(count);
    memcpy(copy, bytes, count);
    return copy;
}

void cr_disk_copy(struct cr_disk *disk, const struct cr_disk *from, uint32_t count)
{
    CR_ASSERT(disk->count == 0 && count <= from->durable);
    for (uint32_t i = 0; i < count; i++) {
        struct cr_disk_record record = from->records[i];
        if (record.kind == CR_RECORD_VERTEX) {
            record.body = cr_body_share(record.body);
            cr_disk_append(disk, &record);
            continue;
        }
        record.commit = copy_of(record.commit, record.commit_bytes);
        record.schedule = copy_of(record.schedule, sizeof *record.schedule);
        cr_disk_append_commit(disk, cr_disk_record_commit_index(&record), &record);
    }
    disk->durable = disk->count;
}

void cr_disk_rot(struct cr_disk *disk, uint32_t per_1000)
{
    if (disk->durable == 0 || disk->rotten != 0) return;
    disk->rotten = 1 + (uint32_t)((uint64_t)disk->durable * per_1000 / 1000);
    if (disk->rotten > disk->durable) disk->rotten = disk->durable;
}

bool cr_disk_is_rotten(const struct cr_disk *disk, const struct cr_disk_record *record)
{
    return disk->rotten != 0 && record == &disk->records[disk->rotten - 1];
}

bool cr_disk_guard_allows(const struct cr_disk_guard *guard, uint64_t epoch, uint32_t round)
{
    return epoch > guard->epoch || (epoch == guard->epoch && round > guard->round);
}

void cr_disk_raise_guard(struct cr_disk *disk, uint32_t author)
{
    for (uint32_t i = 0; i < disk->count; i++) {
        const struct cr_disk_record *record = &disk->records[i];
        if (record->kind != CR_RECORD_VERTEX || record->body->author != author) continue;
        if (!cr_disk_guard_allows(&disk->guard, record->body->epoch, record->body->round)) continue;
        disk->guard = (struct cr_disk_guard){.epoch = record->body->epoch,
                                             .round = record->body->round,
                                             .digest = record->body->digest,
                                             .lost = disk->guard.lost};
    }
    disk->guard_durable = disk->guard;
}

bool cr_disk_is_durable(const struct cr_disk *disk, const struct cr_hash *vertex)
{
    const uint32_t at = cr_map_find(&disk->vertices, vertex);
    return at != CR_MAP_NONE && at < disk->durable;
}

const struct cr_disk_record *cr_disk_vertex(const struct cr_disk *disk,
                                            const struct cr_hash *digest)
{
    const uint32_t at = cr_map_find(&disk->vertices, digest);
    return at == CR_MAP_NONE ? NULL : &disk->records[at];
}

const struct cr_disk_record *cr_disk_commit(const struct cr_disk *disk, uint64_t index)
{
    if (index == 0 || index >= disk->commits_count) return NULL;
    return &disk->records[disk->commits[index]];
}

uint64_t cr_disk_commits_durable(const struct cr_disk *disk)
{
    uint32_t index = disk->commits_count ? disk->commits_count - 1 : 0;
    while (index > 0 && disk->commits[index] >= disk->durable)
        index--;
    return index;
}
