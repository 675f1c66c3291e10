/* SPDX-License-Identifier: Apache-2.0 */
/* log_internal.h: the log's insides, shared by log.c (append, sync), log_open.c (recovery) and
 * log_read.c; and the sizes that tests change. Internal to store/. */
#ifndef CR_STORE_LOG_INTERNAL_H
#define CR_STORE_LOG_INTERNAL_H

#include <limits.h>
#include <stdatomic.h>

#include "store/segment.h"

struct cr_log_options {
    uint32_t segment_bytes;
    uint32_t buffer_bytes; /* of the write buffer; a record of the greatest size fits */
    const struct cr_io *io;
};

extern const struct cr_log_options cr_log_options_default;

CR_MUST_CHECK enum cr_err cr_log_open_with(const char *path, const struct cr_hash *genesis_id,
                                           uint64_t durable_sequence,
                                           const struct cr_log_options *options,
                                           struct cr_log **out, struct cr_store_failure *failure);

/* The segment after the current one, made before it is needed. */
struct cr_log_spare {
    int fd;              /* -1: none yet */
    uint32_t zeroed;     /* bytes written with zeros so far */
    uint64_t retry_sync; /* after a failure: not before this many syncs */
};

struct cr_log {
    struct cr_log_options options;
    char *path;
    int folder; /* holds the lock */
    struct cr_hash genesis_id;
    struct cr_hasher hasher; /* cr_record_hasher(genesis_id) */

    /* The appending thread's. The buffer's bytes belong at `offset` of segment `index`. */
    int fd;
    uint32_t index;
    uint32_t offset;
    uint8_t *buffer;
    uint32_t buffer_count;
    uint64_t sequence_next;
    uint64_t sequence_written;
    struct cr_log_spare spare;
    struct cr_store_failure failed; /* err != CR_OK: final */

    /* Stored with release by cr_log_sync after fdatasync; loaded with acquire by cr_log_read and
     * cr_log_durable on any thread: whoever sees a number may pread every record up to it. */
    _Atomic uint64_t durable;
    /* Relaxed: figures for people. Written by the appending thread only. */
    _Atomic uint64_t bytes, syncs, segments, prepare_failures, sync_us_last, sync_us_max;
    uint64_t torn_bytes_cut; /* fixed after open */

    struct cr_segment_files files;
};

/* Remembers the failure for ever and returns it. */
enum cr_err cr_log_fail(struct cr_log *log, const char *what, uint32_t index,
                        struct cr_store_failure *failure);
/* "<path>/00000007.seg" */
void cr_log_segment_path(const struct cr_log *log, uint32_t index, char *out, size_t out_bytes);
/* Puts the header of segment `index` into the (empty) buffer. */
void cr_log_buffer_header(struct cr_log *log, uint32_t index);

#endif
