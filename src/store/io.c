/* SPDX-License-Identifier: Apache-2.0 */
#include "store/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int forget(int fd)
{
    return posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

const struct cr_io cr_io_system = {
    .write = pwrite,
    .read = pread,
    .sync = fdatasync,
    .sync_folder = fsync,
    .allocate = posix_fallocate,
    .forget = forget,
};

bool cr_io_write(const struct cr_io *io, int fd, const void *bytes, size_t count, uint64_t offset)
{
    const uint8_t *at = bytes;
    while (count > 0) {
        const ssize_t written = io->write(fd, at, count, (off_t)offset);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        if (written == 0) { /* no file system says this; it would loop for ever */
            errno = EIO;
            return false;
        }
        at += written;
        count -= (size_t)written;
        offset += (uint64_t)written;
    }
    return true;
}

ssize_t cr_io_read(const struct cr_io *io, int fd, void *bytes, size_t count, uint64_t offset)
{
    uint8_t *at = bytes;
    size_t total = 0;
    while (total < count) {
        const ssize_t got = io->read(fd, at + total, count - total, (off_t)(offset + total));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        total += (size_t)got;
    }
    return (ssize_t)total;
}

bool cr_io_sync(const struct cr_io *io, int fd)
{
    return io->sync(fd) == 0;
}

bool cr_io_allocate(const struct cr_io *io, int fd, uint64_t bytes)
{
    int error;
    do {
        error = io->allocate(fd, 0, (off_t)bytes);
    } while (error == EINTR);
    errno = error;
    return error == 0;
}

bool cr_io_settle(const struct cr_io *io, int fd)
{
    if (!cr_io_sync(io, fd)) return false;
    /* Advice: where the file system ignores it, we read the cache, as everybody does. */
    (void)io->forget(fd);
    return true;
}

bool cr_io_sync_parent(const struct cr_io *io, const char *path)
{
    char parent[4096];
    const char *slash = strrchr(path, '/');
    const size_t count = slash == NULL ? 0 : (size_t)(slash - path);
    if (count >= sizeof parent) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (slash == NULL) {
        memcpy(parent, ".", 2);
    } else if (count == 0) {
        memcpy(parent, "/", 2);
    } else {
        memcpy(parent, path, count);
        parent[count] = '\0';
    }
    const int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool done = io->sync_folder(fd) == 0;
    const int error = errno;
    close(fd);
    errno = error;
    return done;
}

enum cr_err cr_io_open_folder(const struct cr_io *io, const char *path, int *fd,
                              struct cr_store_failure *failure)
{
    if (mkdir(path, 0700) == 0) {
        if (!cr_io_sync_parent(io, path)) {
            return cr_store_fail_errno(failure, "sync the parent folder of", path);
        }
    } else if (errno != EEXIST) {
        return cr_store_fail_errno(failure, "create folder", path);
    }
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return cr_store_fail_errno(failure, "open folder", path);
    if (flock(folder, LOCK_EX | LOCK_NB) != 0) {
        const enum cr_err err =
            errno == EWOULDBLOCK
                ? cr_store_fail(failure, CR_ERR_BUSY, "'%.180s' is in use by another process", path)
                : cr_store_fail_errno(failure, "lock", path);
        close(folder);
        return err;
    }
    *fd = folder;
    return CR_OK;
}

bool cr_io_is_zero(const uint8_t *bytes, size_t count)
{
    if (count == 0) return true;
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0;
}

enum cr_err cr_store_fail(struct cr_store_failure *failure, enum cr_err err, const char *format,
                          ...)
{
    va_list list;
    va_start(list, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is; clang 14 errs across files */
    (void)vsnprintf(failure->text, sizeof failure->text, format, list); /* cut off is good enough */
    va_end(list);
    failure->err = err;
    return err;
}

enum cr_err cr_store_fail_errno(struct cr_store_failure *failure, const char *what,
                                const char *path)
{
    const int error = errno;
    enum cr_err err = CR_ERR_IO;
    const char *way_out = "";
    if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
        err = CR_ERR_NO_SPACE;
        way_out = "; free space there (or raise the limit) and restart";
    } else if (error == EACCES || error == EPERM || error == EROFS) {
        err = CR_ERR_PERMISSION;
    }
    return cr_store_fail(failure, err, "cannot %s '%.120s': %s%s", what, path, strerror(error),
                         way_out);
}
