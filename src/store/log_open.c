/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a log is recovery: look at everything first, refuse what is not ours, and only then cut
 * the torn tail. The reasons are in docs/storage.md, "Recovery". */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/log_internal.h"

const struct cr_log_options cr_log_options_default = {
    .segment_bytes = CR_LOG_SEGMENT_BYTES,
    .buffer_bytes = 8 * 1024 * 1024,
    .io = &cr_io_system,
};
_Static_assert(CR_LOG_RECORD_BYTES_MAX + CR_SEGMENT_HEADER_BYTES + CR_RECORD_HEADER_BYTES <=
                   8 * 1024 * 1024,
               "the greatest record fits the buffer, behind a segment header");

struct recovery {
    struct cr_log *log;
    uint32_t files_count; /* segments 0 .. files_count - 1 are there */
    uint32_t used_count;  /* of these, the ones that have a header */
    uint64_t floor;       /* every record up to here was durable once */
    uint64_t sequence;    /* of the next record */
    uint8_t *image;       /* of one segment */
    size_t image_bytes;   /* what the file had of it; the rest is zero */
    struct cr_store_failure *failure;
};

static enum cr_err fail_file(const struct recovery *recovery, const char *what, uint32_t index)
{
    char path[256];
    const int error = errno;
    cr_log_segment_path(recovery->log, index, path, sizeof path);
    errno = error;
    return cr_store_fail_errno(recovery->failure, what, path);
}

static enum cr_err corrupt(const struct recovery *recovery, uint32_t index, uint32_t offset)
{
    char path[160];
    cr_log_segment_path(recovery->log, index, path, sizeof path);
    return cr_store_fail(recovery->failure, CR_ERR_CORRUPT,
                         "'%.110s' is damaged at byte %" PRIu32 ": record %" PRIu64
                         " was durable (up to %" PRIu64
                         "); move the folder away to fetch it from the peers again",
                         path, offset, recovery->sequence, recovery->floor);
}

/* Segments are numbered without gaps; anything else in the folder is not ours. */
static enum cr_err count_files(struct recovery *recovery)
{
    const int fd = openat(recovery->log->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        if (fd >= 0) close(fd);
        return cr_store_fail_errno(recovery->failure, "list", recovery->log->path);
    }
    uint32_t found = 0;
    uint32_t end = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        uint32_t index;
        if (!cr_segment_parse_name(entry->d_name, &index)) continue;
        found++;
        if (index >= end) end = index + 1;
    }
    closedir(folder);
    if (found != end) {
        return cr_store_fail(recovery->failure, CR_ERR_CORRUPT,
                             "'%.150s' has %" PRIu32 " of the %" PRIu32 " segment files 0..%" PRIu32
                             ": some were removed",
                             recovery->log->path, found, end, end - 1);
    }
    recovery->files_count = end;
    return CR_OK;
}

/* Loads the first `count` bytes of a segment; what the file does not have is zero. */
static enum cr_err load(struct recovery *recovery, uint32_t index, size_t count)
{
    const struct cr_io *io = recovery->log->options.io;
    const int fd = cr_segment_open(recovery->log->folder, index, O_RDONLY);
    if (fd < 0) return fail_file(recovery, "open", index);
    CR_ASSERT(recovery->image != NULL);
    /* Only the newest segments can hold what was never synced: a segment is synced before the next
     * one gets its header. */
    const bool is_settled = index + 2 < recovery->files_count || cr_io_settle(io, fd);
    const ssize_t got = is_settled ? cr_io_read(io, fd, recovery->image, count, 0) : -1;
    const int error = errno;
    close(fd);
    errno = error;
    if (got < 0) return fail_file(recovery, is_settled ? "read" : "sync", index);
    recovery->image_bytes = (size_t)got;
    memset(recovery->image + got, 0, count - (size_t)got);
    return CR_OK;
}

static enum cr_err refuse_genesis(const struct recovery *recovery, const struct cr_hash *theirs)
{
    char found[17];
    char wanted[17];
    cr_hex_encode(theirs->bytes, 8, found);
    cr_hex_encode(recovery->log->genesis_id.bytes, 8, wanted);
    return cr_store_fail(recovery->failure, CR_ERR_MISMATCH,
                         "the log '%.100s' belongs to genesis %s..., not to %s...",
                         recovery->log->path, found, wanted);
}

static enum cr_err check_header(struct recovery *recovery, uint32_t index,
                                const struct cr_segment_header *header)
{
    const struct cr_log *log = recovery->log;
    if (!cr_hash_equal(&header->genesis_id, &log->genesis_id)) {
        return refuse_genesis(recovery, &header->genesis_id);
    }
    if (header->segment_bytes != log->options.segment_bytes) {
        return cr_store_fail(recovery->failure, CR_ERR_VERSION,
                             "the log '%.120s' has segments of %" PRIu32
                             " bytes, this program knows %" PRIu32,
                             log->path, header->segment_bytes, log->options.segment_bytes);
    }
    if (header->index != index || header->first_sequence == 0) {
        return corrupt(recovery, index, 0);
    }
    return CR_OK;
}

/* Reads all headers, before anything is changed: which segments are in use, and are they ours? A
 * header also vouches for the past: the records before it were synced before it was written. */
static enum cr_err read_headers(struct recovery *recovery)
{
    for (uint32_t i = 0; i < recovery->files_count; i++) {
        enum cr_err err = load(recovery, i, CR_SEGMENT_HEADER_BYTES);
        if (err != CR_OK) return err;
        struct cr_segment_header header;
        switch (cr_segment_header_decode(recovery->image, &header)) {
        case CR_SEGMENT_EMPTY:
        case CR_SEGMENT_BAD: continue;
        case CR_SEGMENT_NEWER:
            return cr_store_fail(recovery->failure, CR_ERR_VERSION,
                                 "the log '%.130s' has format %" PRIu32
                                 ", this program knows %d; run a newer program",
                                 recovery->log->path, header.version, CR_LOG_VERSION);
        case CR_SEGMENT_VALID: break;
        }
        err = check_header(recovery, i, &header);
        if (err != CR_OK) return err;
        recovery->used_count = i + 1;
        if (recovery->floor < header.first_sequence - 1) {
            recovery->floor = header.first_sequence - 1;
        }
    }
    return CR_OK;
}

/* Walks the records. After it, log->index and log->offset are the end of the log. */
static enum cr_err scan_used(struct recovery *recovery)
{
    struct cr_log *log = recovery->log;
    for (uint32_t i = 0; i < recovery->used_count; i++) {
        const enum cr_err err = load(recovery, i, log->options.segment_bytes);
        if (err != CR_OK) return err;
        struct cr_segment_header header;
        if (cr_segment_header_decode(recovery->image, &header) != CR_SEGMENT_VALID) {
            return corrupt(recovery, i, 0); /* a later header vouches for it */
        }
        if (header.first_sequence != recovery->sequence) {
            return corrupt(recovery, log->index, log->offset);
        }
        const struct cr_segment_scan scan = cr_segment_scan(
            &log->hasher, recovery->image, log->options.segment_bytes, recovery->sequence);
        recovery->sequence = scan.sequence_next;
        log->index = i;
        log->offset = scan.end;
        log->bytes += scan.end;
    }
    if (recovery->sequence - 1 >= recovery->floor) return CR_OK;
    if (recovery->used_count > 0) return corrupt(recovery, log->index, log->offset);
    return cr_store_fail(recovery->failure, CR_ERR_CORRUPT,
                         "the log '%.120s' is empty, but the guard knows %" PRIu64
                         " durable records: is another folder configured?",
                         log->path, recovery->floor);
}

/* Files behind the end hold nothing, or what a lost machine left of a write that was not synced. A
 * header is never torn, so a bad one with records behind it was damaged later. */
static enum cr_err check_unused(struct recovery *recovery)
{
    const size_t count = recovery->log->options.segment_bytes;
    for (uint32_t i = recovery->used_count; i < recovery->files_count; i++) {
        const enum cr_err err = load(recovery, i, count);
        if (err != CR_OK) return err;
        const bool has_header = !cr_io_is_zero(recovery->image, CR_SEGMENT_HEADER_BYTES);
        const bool has_records = !cr_io_is_zero(recovery->image + CR_SEGMENT_HEADER_BYTES,
                                                count - CR_SEGMENT_HEADER_BYTES);
        if (has_header && has_records) return corrupt(recovery, i, 0);
    }
    return CR_OK;
}

/* Overwrites everything from `from` on with zeros, durably: an old record behind the end must never
 * look like the continuation of what will be written before it. */
static enum cr_err cut(struct recovery *recovery, uint32_t index, uint32_t from)
{
    const uint32_t segment_bytes = recovery->log->options.segment_bytes;
    const struct cr_io *io = recovery->log->options.io;
    enum cr_err err = load(recovery, index, segment_bytes);
    if (err != CR_OK) return err;
    size_t end = segment_bytes;
    while (end > from && recovery->image[end - 1] == 0)
        end--;
    const size_t torn = end - from;
    if (torn == 0 && recovery->image_bytes == segment_bytes) return CR_OK;

    const int fd = cr_segment_open(recovery->log->folder, index, O_RDWR);
    if (fd < 0) return fail_file(recovery, "open", index);
    memset(recovery->image, 0, torn);
    if (!cr_io_write(io, fd, recovery->image, torn, from) ||
        !cr_io_allocate(io, fd, segment_bytes) || !cr_io_sync(io, fd)) {
        err = fail_file(recovery, "cut the torn tail of", index);
    }
    close(fd);
    recovery->log->torn_bytes_cut += torn;
    return err;
}

/* Segment 0 gets its header at once: even an empty log belongs to one genesis. */
static enum cr_err start_empty(struct recovery *recovery)
{
    struct cr_log *log = recovery->log;
    const struct cr_io *io = log->options.io;
    const int fd = cr_segment_create(io, log->folder, 0, log->options.segment_bytes);
    if (fd < 0) return fail_file(recovery, "create", 0);
    cr_log_buffer_header(log, 0);
    const bool done = cr_io_write(io, fd, log->buffer, log->buffer_count, 0) && cr_io_sync(io, fd);
    const enum cr_err err = done ? CR_OK : fail_file(recovery, "write", 0);
    close(fd);
    log->offset = log->buffer_count;
    log->bytes = log->buffer_count;
    log->buffer_count = 0;
    return err;
}

static enum cr_err repair(struct recovery *recovery)
{
    for (uint32_t i = recovery->used_count; i < recovery->files_count; i++) {
        const enum cr_err err = cut(recovery, i, 0);
        if (err != CR_OK) return err;
    }
    if (recovery->used_count == 0) return start_empty(recovery);
    return cut(recovery, recovery->log->index, recovery->log->offset);
}

/* Takes over the end of the log for appending. */
static enum cr_err take_over(struct recovery *recovery)
{
    struct cr_log *log = recovery->log;
    log->fd = cr_segment_open(log->folder, log->index, O_RDWR);
    if (log->fd < 0) return fail_file(recovery, "open", log->index);
    if (recovery->files_count > log->index + 1) {
        log->spare.fd = cr_segment_open(log->folder, log->index + 1, O_RDWR);
        if (log->spare.fd < 0) return fail_file(recovery, "open", log->index + 1);
        log->spare.zeroed = log->options.segment_bytes; /* as good as it gets */
    }
    log->segments = log->index + 1;
    log->sequence_next = recovery->sequence;
    log->sequence_written = recovery->sequence - 1;
    log->durable = recovery->sequence - 1; /* cr_io_settle has synced what had not been */
    return CR_OK;
}

static enum cr_err recover(struct recovery *recovery)
{
    enum cr_err err = count_files(recovery);
    if (err == CR_OK) err = read_headers(recovery);
    if (err == CR_OK) err = scan_used(recovery);
    if (err == CR_OK) err = check_unused(recovery);
    if (err == CR_OK) err = repair(recovery);
    if (err == CR_OK) err = take_over(recovery);
    return err;
}

static struct cr_log *new_log(const char *path, const struct cr_hash *genesis_id,
                              const struct cr_log_options *options)
{
    struct cr_log *log = calloc(1, sizeof *log);
    if (log == NULL) return NULL;
    log->options = *options;
    log->genesis_id = *genesis_id;
    log->hasher = cr_record_hasher(genesis_id);
    log->folder = log->fd = log->spare.fd = -1;
    log->sequence_next = 1;
    cr_segment_files_init(&log->files, options->io, -1);
    log->path = strdup(path);
    log->buffer = malloc(options->buffer_bytes);
    if (log->path != NULL && log->buffer != NULL) return log;
    cr_log_close(log);
    return NULL;
}

enum cr_err cr_log_open_with(const char *path, const struct cr_hash *genesis_id,
                             uint64_t durable_sequence, const struct cr_log_options *options,
                             struct cr_log **out, struct cr_store_failure *failure)
{
    CR_ASSERT(options->buffer_bytes > CR_SEGMENT_HEADER_BYTES + CR_RECORD_HEADER_BYTES);
    CR_ASSERT(options->segment_bytes > CR_SEGMENT_HEADER_BYTES + CR_RECORD_HEADER_BYTES);
    struct cr_log *log = new_log(path, genesis_id, options);
    struct recovery recovery = {
        .log = log,
        .floor = durable_sequence,
        .sequence = 1,
        .image = malloc(options->segment_bytes),
        .failure = failure,
    };
    enum cr_err err = CR_OK;
    if (log == NULL || recovery.image == NULL) {
        errno = ENOMEM;
        err = cr_store_fail_errno(failure, "get memory for", path);
    }
    if (err == CR_OK && durable_sequence > 0 && access(path, F_OK) != 0 && errno == ENOENT) {
        err = cr_store_fail(failure, CR_ERR_NOT_FOUND,
                            "there is no log '%.120s', but the guard knows %" PRIu64
                            " durable records: is its disk mounted?",
                            path, durable_sequence);
    }
    if (err == CR_OK) err = cr_io_open_folder(options->io, path, &log->folder, failure);
    if (err == CR_OK) {
        log->files.folder = log->folder;
        err = recover(&recovery);
    }
    free(recovery.image);
    if (err != CR_OK) {
        cr_log_close(log);
        return err;
    }
    *out = log;
    return CR_OK;
}

enum cr_err cr_log_open(const char *path, const struct cr_hash *genesis_id,
                        uint64_t durable_sequence, struct cr_log **out,
                        struct cr_store_failure *failure)
{
    return cr_log_open_with(path, genesis_id, durable_sequence, &cr_log_options_default, out,
                            failure);
}
