/* SPDX-License-Identifier: Apache-2.0 */
/* disk.h: the disk thread: appends to the segment log in order and makes it durable.
 *
 * Group commit: whatever has arrived is appended together and, when a vertex of ours is among it,
 * made durable by one fdatasync; the guard is written and synced behind it, before the next one.
 * Others' vertices and commit records ride along, or are synced within CR_DISK_LINGER_MS when
 * nothing of ours comes. A failure is final: nothing more is written, and the main loop is told.
 */
#ifndef CR_NODE_DISK_H
#define CR_NODE_DISK_H

#include "base/histogram.h"
#include "store/guard.h"
#include "store/log.h"

enum {
    CR_DISK_ITEMS_MAX = 16384, /* > twice what one step of the core can store */
    CR_DISK_LINGER_MS = 20,
};

struct cr_disk_item {
    enum cr_log_kind kind;
    uint32_t tag;         /* the owner's: a body handle, or the slot of a commit */
    const uint8_t *bytes; /* borrowed until the item comes back */
    size_t bytes_count;
    uint64_t sequence; /* of the core's STORE; 0 for commit records */
    bool own;          /* guard it */
    bool lost;         /* mark the guard before it is written */
    struct cr_guard_record guard;
    struct cr_log_position position; /* out: where it lies */
};

struct cr_disk;

struct cr_disk *cr_disk_start(struct cr_log *log, struct cr_guard *guard, int wake_fd);
/* Makes everything durable, unless it has failed before. NULL is allowed. */
void cr_disk_stop(struct cr_disk *disk);

/* Main loop. False: the queue is full (CR_DISK_ITEMS_MAX under way). */
bool cr_disk_put(struct cr_disk *disk, const struct cr_disk_item *item);
void cr_disk_kick(struct cr_disk *disk); /* after a batch of puts */
uint32_t cr_disk_room(const struct cr_disk *disk);
/* Main loop: the next item that lies in the log (not yet durable); false when there is none. */
bool cr_disk_take(struct cr_disk *disk, struct cr_disk_item *item);
/* The greatest STORE sequence that is durable. */
uint64_t cr_disk_durable(const struct cr_disk *disk);
/* True when the disk has failed; *failure says how. */
bool cr_disk_failed(struct cr_disk *disk, struct cr_store_failure *failure);

struct cr_disk_stats {
    uint64_t syncs;
    struct cr_histogram sync_us; /* of the log */
};
void cr_disk_stats(struct cr_disk *disk, struct cr_disk_stats *out);

#endif
