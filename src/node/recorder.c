/* SPDX-License-Identifier: Apache-2.0 */
#include "node/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/report.h"

struct cr_recorder {
    int fd;
    struct cr_recording recording;
};

static void warn(const char *what, const char *text)
{
    char quoted[200];
    cr_report(CR_LOG_LEVEL_WARN, "recorder", "off", "what=%s text=%s", what,
              cr_report_quote(text, quoted, sizeof quoted));
}

/* pwrite and not a mapping: a disk that fails must be an error here, not a signal. */
static bool write_at(void *context, uint64_t at, const void *bytes, size_t count)
{
    const struct cr_recorder *recorder = context;
    const uint8_t *from = bytes;
    while (count > 0) {
        const ssize_t written = pwrite(recorder->fd, from, count, (off_t)at);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            warn("write", strerror(errno));
            return false;
        }
        from += written;
        at += (uint64_t)written;
        count -= (size_t)written;
    }
    return true;
}

/* A file of another size belongs to another configuration: it is begun anew. */
static int prepare(int fd, uint64_t bytes)
{
    struct stat stat;
    if (fstat(fd, &stat) < 0) return errno;
    if ((uint64_t)stat.st_size != bytes && ftruncate(fd, 0) < 0) return errno;
    return posix_fallocate(fd, 0, (off_t)bytes);
}

static void find_end(struct cr_recorder *recorder, uint64_t bytes)
{
    void *file = mmap(NULL, bytes, PROT_READ, MAP_SHARED, recorder->fd, 0);
    if (file == MAP_FAILED) return; /* begins again; old segments are then older than ours or not */
    cr_recording_end(file, bytes, &recorder->recording.number, &recorder->recording.events);
    munmap(file, bytes);
}

struct cr_recorder *cr_recorder_open(const char *path, uint64_t bytes, const struct cr_core *core,
                                     const struct cr_core_config *config)
{
    if (bytes == 0) return NULL;
    if (bytes < cr_recording_bytes_min(core)) {
        cr_report(
            CR_LOG_LEVEL_WARN, "recorder", "off",
            "what=size text=\"recorder.bytes is too small for this committee\" least=%" PRIu64,
            cr_recording_bytes_min(core));
        return NULL;
    }
    struct cr_recorder *recorder = calloc(1, sizeof *recorder);
    if (!recorder) return NULL;
    recorder->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    const int error = recorder->fd < 0 ? errno : prepare(recorder->fd, bytes);
    if (error != 0) {
        warn("file", strerror(error));
        cr_recorder_close(recorder);
        return NULL;
    }
    recorder->recording.write = write_at;
    recorder->recording.context = recorder;
    find_end(recorder, bytes);
    cr_recording_begin(&recorder->recording, bytes, core, config);
    return recorder;
}

void cr_recorder_close(struct cr_recorder *recorder)
{
    if (!recorder) return;
    if (recorder->fd >= 0) close(recorder->fd);
    free(recorder);
}

void cr_recorder_add(struct cr_recorder *recorder, const struct cr_event *event)
{
    if (recorder) cr_recording_add(&recorder->recording, event);
}
