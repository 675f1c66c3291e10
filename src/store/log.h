/* SPDX-License-Identifier: Apache-2.0 */
/* log.h: the append-only segment log: the truth of a node. Everything else is derived from it.
 *
 * A log is a folder of preallocated segment files of CR_LOG_SEGMENT_BYTES, numbered from 0 without
 * gaps ("00000007.seg"): a file can so be made before the sequence number of its first record is
 * known. Every segment begins with {magic, version, genesis id, first sequence}; every record is
 * {checksum, sequence, length, kind} + body, and never spans two segments. The checksum (BLAKE3, 16
 * bytes) covers kind, length, sequence, the genesis id and the body, so that a record of another
 * place or another chain is not taken for ours. Every byte: docs/storage.md.
 *
 * Recovery: the valid records up to the first bad one are the log. A bad record above the guard's
 * position is a torn tail: cut off. Below it, or below a later segment, something that was durable
 * is damaged: CR_ERR_CORRUPT.
 *
 * Thread rule: one thread appends and syncs; any thread may read what is durable (pread), and ask
 * for cr_log_durable and cr_log_stats.
 * A failed write or fdatasync is final: the log is `failed`, every later append, write and sync
 * returns its error; what is durable stays readable. Only a new process may open it again.
 */
#ifndef CR_STORE_LOG_H
#define CR_STORE_LOG_H

#include "base/base.h"

enum {
    CR_LOG_SEGMENT_BYTES = 16 * 1024 * 1024,
    CR_LOG_RECORD_BYTES_MAX = 4 * 1024 * 1024,
};

enum cr_log_kind {
    CR_LOG_VERTEX = 1, /* an encoded vertex (wire/vertex.h) */
    CR_LOG_COMMIT = 2, /* an encoded commit record (wire/commit.h) */
};

/* Where a record lies. Totally ordered by sequence. */
struct cr_log_position {
    uint64_t sequence; /* 1 is the first record */
    uint32_t segment;  /* index of the segment file, from 0 */
    uint32_t offset;   /* of the record in it */
};

struct cr_log;

struct cr_store_failure {
    enum cr_err err;
    char text[256]; /* "cannot write '/var/lib/creto/log/00000007.seg': No space left on device" */
};

/* Opens or creates the log in folder `path` (created with mode 0700), takes a lock on it
 * (CR_ERR_BUSY), checks every record, cuts a torn tail; what it then holds is durable.
 * `durable_sequence`: what the guard says was durable (0: nothing). When there is no such folder
 * and it is not 0: CR_ERR_NOT_FOUND, and none is made; a node that starts anew, because somebody
 * moved the folder away, calls again with 0. CR_ERR_CORRUPT: shorter than that, or damaged.
 * CR_ERR_MISMATCH: it belongs to another genesis. CR_ERR_VERSION: written by a newer program. After
 * any error but a failed write nothing has been changed. */
CR_MUST_CHECK enum cr_err cr_log_open(const char *path, const struct cr_hash *genesis_id,
                                      uint64_t durable_sequence, struct cr_log **out,
                                      struct cr_store_failure *failure);
/* Does not sync: what was appended since the last cr_log_sync may be gone. NULL is allowed. */
void cr_log_close(struct cr_log *log);

/* Appends to the write buffer; *position is final at once. The record is readable after
 * cr_log_sync. The body may come in two parts (either may be empty), together at most
 * CR_LOG_RECORD_BYTES_MAX. Writes when the buffer (8 MiB) is full, and syncs when a segment is. */
CR_MUST_CHECK enum cr_err cr_log_append(struct cr_log *log, enum cr_log_kind kind,
                                        const uint8_t *body, size_t body_bytes, const uint8_t *more,
                                        size_t more_bytes, struct cr_log_position *position,
                                        struct cr_store_failure *failure);
/* Writes what was appended (no sync): it survives the process, not the machine. */
CR_MUST_CHECK enum cr_err cr_log_write(struct cr_log *log, struct cr_store_failure *failure);
/* cr_log_write and one fdatasync: everything appended is durable. Also prepares the next segment, a
 * slice at a time, once the current one is half full. */
CR_MUST_CHECK enum cr_err cr_log_sync(struct cr_log *log, struct cr_store_failure *failure);

/* The position the next record will get, unless it does not fit into the segment (only the sequence
 * number is certain); the number of the last durable record. */
struct cr_log_position cr_log_end(const struct cr_log *log);
uint64_t cr_log_durable(const struct cr_log *log);

/* Reads the record at `position` into `buffer`. *count is the body's length also when the buffer is
 * too small (CR_ERR_TOO_BIG). CR_ERR_NOT_FOUND: no such record; CR_ERR_CHECKSUM: damaged. */
CR_MUST_CHECK enum cr_err cr_log_read(struct cr_log *log, const struct cr_log_position *position,
                                      enum cr_log_kind *kind, uint8_t *buffer, size_t buffer_bytes,
                                      size_t *count);
/* Walks forward: reads the record at *position and moves *position to the next one; on an error it
 * stays. CR_ERR_NOT_FOUND at the end. Start with {.sequence = 1} (segment 0, offset 0 mean "the
 * first"). The position before the call names the record for cr_log_read too, even when it is
 * behind the last record of one segment and the record is the first of the next. */
CR_MUST_CHECK enum cr_err cr_log_next(struct cr_log *log, struct cr_log_position *position,
                                      enum cr_log_kind *kind, uint8_t *buffer, size_t buffer_bytes,
                                      size_t *count);

struct cr_log_stats {
    uint64_t records; /* durable ones */
    uint64_t bytes, syncs, segments, torn_bytes_cut;
    uint64_t sync_us_last, sync_us_max;
    uint64_t prepare_failures; /* rises when there is no space for the next segment: a warning while
                                  the current one can still be filled */
};
void cr_log_stats(const struct cr_log *log, struct cr_log_stats *out);

#endif
