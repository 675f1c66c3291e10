/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/log_internal.h"

enum {
    /* Zeros written into the next segment per sync. Overwriting written blocks makes fdatasync a
     * quarter faster for groups up to 64 KiB and does nothing for large ones (docs/storage.md,
     * "Figures"). One slice per sync suits both: with small groups there are thousands of syncs
     * until the segment is needed, with large groups few, and little is written in vain. A disk
     * that is busy gets no more to do: there the queue decides, not the kind of blocks. */
    SPARE_SLICE_BYTES = 64 * 1024,
    SPARE_BUSY_US = 1000,    /* the last sync took at least this long */
    SPARE_RETRY_SYNCS = 256, /* after the next segment could not be made */
};

void cr_log_segment_path(const struct cr_log *log, uint32_t index, char *out, size_t out_bytes)
{
    char name[CR_SEGMENT_NAME_BYTES];
    cr_segment_name(index, name);
    (void)snprintf(out, out_bytes, "%.100s/%s", log->path, name); /* for people: may be cut off */
}

enum cr_err cr_log_fail(struct cr_log *log, const char *what, uint32_t index,
                        struct cr_store_failure *failure)
{
    char path[160];
    const int error = errno;
    cr_log_segment_path(log, index, path, sizeof path);
    errno = error;
    (void)cr_store_fail_errno(&log->failed, what, path); /* returned below */
    *failure = log->failed;
    return failure->err;
}

void cr_log_buffer_header(struct cr_log *log, uint32_t index)
{
    CR_ASSERT(log->buffer_count == 0);
    const struct cr_segment_header header = {
        .version = CR_LOG_VERSION,
        .index = index,
        .genesis_id = log->genesis_id,
        .first_sequence = log->sequence_next,
        .segment_bytes = log->options.segment_bytes,
    };
    cr_segment_header_encode(&header, log->buffer);
    log->buffer_count = CR_SEGMENT_HEADER_BYTES;
}

void cr_log_close(struct cr_log *log)
{
    if (log == NULL) return;
    cr_segment_files_deinit(&log->files);
    if (log->fd >= 0) close(log->fd);
    if (log->spare.fd >= 0) close(log->spare.fd);
    if (log->folder >= 0) close(log->folder); /* gives the lock back */
    free(log->buffer);
    free(log->path);
    free(log);
}

static enum cr_err write_buffer(struct cr_log *log, struct cr_store_failure *failure)
{
    if (log->buffer_count == 0) return CR_OK;
    if (!cr_io_write(log->options.io, log->fd, log->buffer, log->buffer_count, log->offset)) {
        return cr_log_fail(log, "write", log->index, failure);
    }
    log->offset += log->buffer_count;
    log->buffer_count = 0;
    log->sequence_written = log->sequence_next - 1;
    return CR_OK;
}

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Figures have one writer, so a load and a store do. */
static void store_relaxed(_Atomic uint64_t *figure, uint64_t value)
{
    atomic_store_explicit(figure, value, memory_order_relaxed);
}

static uint64_t load_relaxed(const _Atomic uint64_t *figure)
{
    return atomic_load_explicit(figure, memory_order_relaxed);
}

static enum cr_err sync_written(struct cr_log *log, struct cr_store_failure *failure)
{
    if (log->sequence_written == load_relaxed(&log->durable)) return CR_OK;
    const uint64_t start = now_us();
    if (!cr_io_sync(log->options.io, log->fd)) {
        return cr_log_fail(log, "sync", log->index, failure);
    }
    const uint64_t took = now_us() - start;
    /* Partner: the acquire in cr_log_durable. */
    atomic_store_explicit(&log->durable, log->sequence_written, memory_order_release);
    store_relaxed(&log->syncs, load_relaxed(&log->syncs) + 1);
    store_relaxed(&log->sync_us_last, took);
    if (took > load_relaxed(&log->sync_us_max)) store_relaxed(&log->sync_us_max, took);
    return CR_OK;
}

/* Goes on in the next segment. The old one is synced before the new one gets its header: a header
 * vouches for everything before it. */
static enum cr_err rotate(struct cr_log *log, struct cr_store_failure *failure)
{
    enum cr_err err = write_buffer(log, failure);
    if (err == CR_OK) err = sync_written(log, failure);
    if (err != CR_OK) return err;

    const uint32_t index = log->index + 1;
    int fd = log->spare.fd;
    if (fd < 0) {
        fd = cr_segment_create(log->options.io, log->folder, index, log->options.segment_bytes);
        if (fd < 0) return cr_log_fail(log, "create", index, failure);
    }
    close(log->fd);
    log->spare = (struct cr_log_spare){.fd = -1};
    log->fd = fd;
    log->index = index;
    log->offset = 0;
    cr_log_buffer_header(log, index);
    store_relaxed(&log->segments, index + 1);
    store_relaxed(&log->bytes, load_relaxed(&log->bytes) + CR_SEGMENT_HEADER_BYTES);
    return CR_OK;
}

/* Makes room for `bytes` bytes in the current segment and in the buffer. */
static enum cr_err make_room(struct cr_log *log, uint32_t bytes, struct cr_store_failure *failure)
{
    if (log->offset + log->buffer_count + bytes > log->options.segment_bytes) {
        const enum cr_err err = rotate(log, failure);
        if (err != CR_OK) return err;
    }
    if (log->buffer_count + bytes > log->options.buffer_bytes) return write_buffer(log, failure);
    return CR_OK;
}

/* NOLINTNEXTLINE(readability-function-size): the body comes in two parts, so that nobody copies */
enum cr_err cr_log_append(struct cr_log *log, enum cr_log_kind kind, const uint8_t *body,
                          size_t body_bytes, const uint8_t *more, size_t more_bytes,
                          struct cr_log_position *position, struct cr_store_failure *failure)
{
    CR_ASSERT(kind == CR_LOG_VERTEX || kind == CR_LOG_COMMIT);
    CR_ASSERT(body_bytes <= CR_LOG_RECORD_BYTES_MAX);
    CR_ASSERT(more_bytes <= CR_LOG_RECORD_BYTES_MAX - body_bytes);
    const uint32_t bytes = CR_RECORD_HEADER_BYTES + (uint32_t)(body_bytes + more_bytes);
    CR_ASSERT(CR_SEGMENT_HEADER_BYTES + bytes <= log->options.segment_bytes);
    CR_ASSERT(CR_SEGMENT_HEADER_BYTES + bytes <= log->options.buffer_bytes);
    if (log->failed.err != CR_OK) {
        *failure = log->failed;
        return failure->err;
    }
    const enum cr_err err = make_room(log, bytes, failure);
    if (err != CR_OK) return err;

    const struct cr_record_header fields = {
        .sequence = log->sequence_next,
        .bytes = (uint32_t)(body_bytes + more_bytes),
        .kind = kind,
    };
    uint8_t *at = log->buffer + log->buffer_count;
    cr_record_encode(&log->hasher, &fields, body, more, more_bytes, at);
    if (body_bytes > 0) memcpy(at + CR_RECORD_HEADER_BYTES, body, body_bytes);
    if (more_bytes > 0) memcpy(at + CR_RECORD_HEADER_BYTES + body_bytes, more, more_bytes);
    *position = cr_log_end(log);
    log->buffer_count += bytes;
    log->sequence_next++;
    store_relaxed(&log->bytes, load_relaxed(&log->bytes) + bytes);
    return CR_OK;
}

enum cr_err cr_log_write(struct cr_log *log, struct cr_store_failure *failure)
{
    if (log->failed.err != CR_OK) {
        *failure = log->failed;
        return failure->err;
    }
    return write_buffer(log, failure);
}

static void give_up_spare(struct cr_log *log)
{
    store_relaxed(&log->prepare_failures, load_relaxed(&log->prepare_failures) + 1);
    log->spare.retry_sync = load_relaxed(&log->syncs) + SPARE_RETRY_SYNCS;
}

/* One slice of zeros; the kernel starts to write it now, so that the first sync of the new segment
 * finds little left to do. Unwritten blocks read as zeros too: whatever is missing costs only time,
 * so a failure here ends the zeroing and nothing else. */
static void zero_spare(struct cr_log *log)
{
    static const uint8_t zeros[SPARE_SLICE_BYTES];
    struct cr_log_spare *spare = &log->spare;
    const uint32_t left = log->options.segment_bytes - spare->zeroed;
    const uint32_t count = left < SPARE_SLICE_BYTES ? left : SPARE_SLICE_BYTES;
    if (count == 0) return;
    if (!cr_io_write(log->options.io, spare->fd, zeros, count, spare->zeroed)) {
        give_up_spare(log);
        spare->zeroed = log->options.segment_bytes;
        return;
    }
    (void)sync_file_range(spare->fd, spare->zeroed, count, SYNC_FILE_RANGE_WRITE); /* a hint */
    spare->zeroed += count;
}

/* Keeps the next segment ready from half of the current one on. When there is no space for it, the
 * current segment can still be filled: the figure prepare_failures rises, and it is tried again. */
static void prepare_spare(struct cr_log *log)
{
    if (log->offset < log->options.segment_bytes / 2) return;
    if (log->spare.fd >= 0) {
        if (load_relaxed(&log->sync_us_last) < SPARE_BUSY_US) zero_spare(log);
        return;
    }
    if (load_relaxed(&log->syncs) < log->spare.retry_sync) return;
    log->spare.fd =
        cr_segment_create(log->options.io, log->folder, log->index + 1, log->options.segment_bytes);
    if (log->spare.fd < 0) give_up_spare(log);
}

enum cr_err cr_log_sync(struct cr_log *log, struct cr_store_failure *failure)
{
    enum cr_err err = cr_log_write(log, failure);
    if (err == CR_OK) err = sync_written(log, failure);
    if (err == CR_OK) prepare_spare(log);
    return err;
}

struct cr_log_position cr_log_end(const struct cr_log *log)
{
    return (struct cr_log_position){
        .sequence = log->sequence_next,
        .segment = log->index,
        .offset = log->offset + log->buffer_count,
    };
}

uint64_t cr_log_durable(const struct cr_log *log)
{
    /* Partner: the release in sync_written. */
    return atomic_load_explicit(&log->durable, memory_order_acquire);
}

void cr_log_stats(const struct cr_log *log, struct cr_log_stats *out)
{
    *out = (struct cr_log_stats){
        .records = cr_log_durable(log),
        .bytes = load_relaxed(&log->bytes),
        .syncs = load_relaxed(&log->syncs),
        .segments = load_relaxed(&log->segments),
        .torn_bytes_cut = log->torn_bytes_cut,
        .sync_us_last = load_relaxed(&log->sync_us_last),
        .sync_us_max = load_relaxed(&log->sync_us_max),
        .prepare_failures = load_relaxed(&log->prepare_failures),
    };
}
