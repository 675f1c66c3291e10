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
    uint64_t bytes;
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

/* What cannot be read is begun anew. */
static void find_end(struct cr_recorder *recorder)
{
    struct cr_recording *recording = &recorder->recording;
    void *file = mmap(NULL, recorder->bytes, PROT_READ, MAP_SHARED, recorder->fd, 0);
    if (file == MAP_FAILED) return;
    cr_recording_end(file, recorder->bytes, &recording->number, &recording->events);
    munmap(file, recorder->bytes);
}

struct cr_recorder *cr_recorder_open(const char *path, uint64_t bytes)
{
    if (bytes == 0) return NULL;
    struct cr_recorder *recorder = calloc(1, sizeof *recorder);
    if (!recorder) return NULL;
    recorder->bytes = bytes;
    recorder->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    const int error = recorder->fd < 0 ? errno : prepare(recorder->fd, bytes);
    if (error != 0) {
        warn("file", strerror(error));
        cr_recorder_close(recorder);
        return NULL;
    }
    recorder->recording.write = write_at;
    recorder->recording.context = recorder;
    find_end(recorder);
    return recorder;
}

void cr_recorder_begin(struct cr_recorder *recorder, const struct cr_core *core,
                       const struct cr_core_config *config)
{
    if (!recorder) return;
    const uint64_t least = cr_recording_bytes_min(core);
    recorder->recording.on = false;
    if (recorder->bytes >= least) {
        cr_recording_begin(&recorder->recording, recorder->bytes, core, config);
    } else {
        cr_report(
            CR_LOG_LEVEL_WARN, "recorder", "off",
            "what=size text=\"recorder.bytes is too small for this committee\" least=%" PRIu64,
            least);
    }
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
