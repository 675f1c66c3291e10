/* SPDX-License-Identifier: Apache-2.0 */
#include "store/survey.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/segment.h"

struct survey {
    const char *path;
    const struct cr_hash *genesis_id;
    struct cr_hasher hasher;
    cr_log_visit *visit;
    void *context;
    struct cr_log_survey *out;
    struct cr_store_failure *failure;
    uint8_t *image;
    bool ended;
};

/* Fills *count with what the file has, at most a segment. */
static enum cr_err read_segment(struct survey *survey, int folder, uint32_t index, size_t *count)
{
    const int fd = cr_segment_open(folder, index, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return CR_ERR_NOT_FOUND;
    const ssize_t got =
        fd < 0 ? -1 : cr_io_read(&cr_io_system, fd, survey->image, CR_LOG_SEGMENT_BYTES, 0);
    const int error = errno;
    if (fd >= 0) close(fd);
    errno = error;
    if (got < 0) return cr_store_fail_errno(survey->failure, "read a segment of", survey->path);
    *count = (size_t)got;
    return CR_OK;
}

static void visit_records(struct survey *survey, size_t count, uint64_t first)
{
    const struct cr_segment_scan scan =
        cr_segment_scan(&survey->hasher, survey->image, count, first);
    if (!scan.is_clean) survey->out->damaged++;
    if (scan.sequence_next > first) survey->out->segments++;
    size_t at = CR_SEGMENT_HEADER_BYTES;
    while (at < scan.end && !survey->ended) {
        struct cr_record_header header;
        CR_ASSERT(cr_record_decode(survey->image + at, &header)); /* the scan has seen it */
        const uint8_t *body = survey->image + at + CR_RECORD_HEADER_BYTES;
        survey->out->records++;
        survey->ended = !survey->visit(survey->context, header.kind, body, header.bytes);
        at += CR_RECORD_HEADER_BYTES + header.bytes;
    }
}

static enum cr_err visit_segment(struct survey *survey, int folder, uint32_t index)
{
    struct cr_segment_header header;
    size_t count = 0;
    const enum cr_err err = read_segment(survey, folder, index, &count);
    if (err != CR_OK) return err;
    if (count < CR_SEGMENT_HEADER_BYTES) {
        survey->out->damaged++;
        return CR_OK;
    }
    switch (cr_segment_header_decode(survey->image, &header)) {
    case CR_SEGMENT_EMPTY: return CR_OK;
    case CR_SEGMENT_BAD: survey->out->damaged++; return CR_OK;
    case CR_SEGMENT_NEWER:
        return cr_store_fail(survey->failure, CR_ERR_VERSION, "'%s' was written by a newer program",
                             survey->path);
    case CR_SEGMENT_VALID: break;
    }
    if (!cr_hash_equal(&header.genesis_id, survey->genesis_id))
        return cr_store_fail(survey->failure, CR_ERR_MISMATCH,
                             "'%s' belongs to another chain than the genesis file", survey->path);
    visit_records(survey, count, header.first_sequence);
    return CR_OK;
}

enum cr_err cr_log_survey(const char *path, const struct cr_hash *genesis_id, cr_log_visit *visit,
                          void *context, struct cr_log_survey *out,
                          struct cr_store_failure *failure)
{
    struct cr_log_survey seen = {0};
    struct survey survey = {.path = path,
                            .genesis_id = genesis_id,
                            .hasher = cr_record_hasher(genesis_id),
                            .visit = visit,
                            .context = context,
                            .out = &seen,
                            .failure = failure};
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        const enum cr_err err = cr_store_fail_errno(failure, "open the log", path);
        return errno == ENOENT ? CR_ERR_NOT_FOUND : err;
    }
    survey.image = malloc(CR_LOG_SEGMENT_BYTES);
    enum cr_err err = CR_OK;
    if (!survey.image) err = cr_store_fail(failure, CR_ERR_FULL, "memory is out");
    uint32_t index = 0;
    while (err == CR_OK && !survey.ended)
        err = visit_segment(&survey, folder, index++);
    free(survey.image);
    close(folder);
    if (err == CR_ERR_NOT_FOUND && index == 1)
        return cr_store_fail(failure, CR_ERR_NOT_FOUND, "'%s' holds no log", path);
    if (err != CR_OK && err != CR_ERR_NOT_FOUND) return err;
    *out = seen;
    return CR_OK;
}
