/* SPDX-License-Identifier: Apache-2.0 */
/* io.h: the few system calls that the log and the guard write with, as a table, so that a test can
 * fail the n-th of them; and the sentences an operator reads when one fails. Internal. */
#ifndef CR_STORE_IO_H
#define CR_STORE_IO_H

#include <sys/types.h>

#include "store/log.h"

/* As in the manual: -1 and errno, but `allocate` and `forget` return the error itself. */
struct cr_io {
    ssize_t (*write)(int fd, const void *bytes, size_t count, off_t offset);
    ssize_t (*read)(int fd, void *bytes, size_t count, off_t offset);
    int (*sync)(int fd);        /* fdatasync */
    int (*sync_folder)(int fd); /* fsync: names that were added or removed */
    int (*allocate)(int fd, off_t offset, off_t bytes);
    int (*forget)(int fd); /* advice to drop the cached pages of a file */
};

extern const struct cr_io cr_io_system;

/* Writes all of it: goes on after a short write and after EINTR. False: errno says why. */
CR_MUST_CHECK bool cr_io_write(const struct cr_io *io, int fd, const void *bytes, size_t count,
                               uint64_t offset);
/* Reads up to `count` bytes, fewer only at the end of the file. -1: errno says why. */
CR_MUST_CHECK ssize_t cr_io_read(const struct cr_io *io, int fd, void *bytes, size_t count,
                                 uint64_t offset);
/* Never repeated after a failure: the kernel may have marked the lost pages clean, and a second
 * call would succeed without having written them. */
CR_MUST_CHECK bool cr_io_sync(const struct cr_io *io, int fd);
/* Makes the file at least `bytes` long with blocks behind all of it. */
CR_MUST_CHECK bool cr_io_allocate(const struct cr_io *io, int fd, uint64_t bytes);
/* Makes what a reader sees the same as what the device holds: writes what is dirty, then drops the
 * cached pages. Without it, pages whose write had failed before a restart would be taken for
 * stored. */
CR_MUST_CHECK bool cr_io_settle(const struct cr_io *io, int fd);
/* Syncs the folder that holds `path`. */
CR_MUST_CHECK bool cr_io_sync_parent(const struct cr_io *io, const char *path);
/* Opens the folder `path`, making it (mode 0700) and its name durable when it is not there, and
 * takes its lock. The lock lives as long as *fd. */
CR_MUST_CHECK enum cr_err cr_io_open_folder(const struct cr_io *io, const char *path, int *fd,
                                            struct cr_store_failure *failure);

bool cr_io_is_zero(const uint8_t *bytes, size_t count);

/* Fills in the failure and returns its error. */
__attribute__((format(printf, 3, 4))) enum cr_err
cr_store_fail(struct cr_store_failure *failure, enum cr_err err, const char *format, ...);
/* "cannot <what> '<path>': <errno in words>", with the way out where there is one. */
enum cr_err cr_store_fail_errno(struct cr_store_failure *failure, const char *what,
                                const char *path);

#endif
