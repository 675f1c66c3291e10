/* SPDX-License-Identifier: Apache-2.0 */
/* testing.h: what the tests of store/ share: a folder of their own, files copied and damaged, and
 * system calls that fail at the n-th call or remember what a power loss would leave. One test
 * program includes it once. */
#ifndef CR_STORE_TESTING_H
#define CR_STORE_TESTING_H

#include "base/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/prng.h"
#include "crypto/hash.h"
#include "store/io.h"

/* ---- folders and files ---- */

static char test_root[256]; /* removed by test_root_remove */

static inline void test_root_make(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(test_root, sizeof test_root, "%.200s/store_test_XXXXXX", base ? base : ".");
    assert_non_null(mkdtemp(test_root));
}

struct test_path {
    char text[512];
};

static inline struct test_path path_of(const char *name)
{
    struct test_path path;
    snprintf(path.text, sizeof path.text, "%s/%s", test_root, name);
    return path;
}

static inline struct test_path path_in(const char *folder, const char *name)
{
    struct test_path path;
    snprintf(path.text, sizeof path.text, "%.250s/%.250s", folder, name);
    return path;
}

static inline void remove_tree(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        unlink(path);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        const struct test_path child = path_in(path, entry->d_name);
        remove_tree(child.text);
    }
    closedir(folder);
    rmdir(path);
}

/* A whole small file. `count` 0 and `is_there` false: there is none. */
struct test_file {
    uint8_t bytes[128 * 1024];
    size_t count;
    bool is_there;
};

static inline void file_load(const char *path, struct test_file *file)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    file->is_there = fd >= 0;
    file->count = 0;
    if (fd < 0) return;
    const ssize_t count = cr_io_read(&cr_io_system, fd, file->bytes, sizeof file->bytes, 0);
    assert_true(count >= 0 && (size_t)count < sizeof file->bytes);
    file->count = (size_t)count;
    close(fd);
}

static inline void file_save(const char *path, const struct test_file *file)
{
    if (!file->is_there) {
        unlink(path);
        return;
    }
    /* Not O_TRUNC: ext4 flushes a file that was emptied and written again. */
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_true(cr_io_write(&cr_io_system, fd, file->bytes, file->count, 0));
    assert_int_equal(ftruncate(fd, (off_t)file->count), 0);
    close(fd);
}

static inline void copy_folder(const char *from, const char *to)
{
    static struct test_file file;
    remove_tree(to);
    assert_int_equal(mkdir(to, 0700), 0);
    DIR *folder = opendir(from);
    assert_non_null(folder);
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.') continue;
        const struct test_path source = path_in(from, entry->d_name);
        const struct test_path target = path_in(to, entry->d_name);
        file_load(source.text, &file);
        file_save(target.text, &file);
    }
    closedir(folder);
}

/* ---- system calls that fail, and a disk that forgets ----
 *
 * Calls are counted over all kinds. The call `fault.fail_at` fails with `fault.error`; a write then
 * writes half of its bytes first. With `fault.shadow` set, that folder follows `fault.live`, but
 * only by what was synced: together they tell what may be left after a power loss. */

static struct {
    uint64_t calls;
    uint64_t fail_at; /* 0: never */
    int error;
    bool is_choppy;      /* writes and reads are short and interrupted */
    bool no_allocation;  /* the disk is full for new segments */
    bool no_sync;        /* syncs do nothing: for tests of reading */
    bool hit;            /* the failure has happened */
    const char *live;    /* a folder, or NULL */
    const char *shadow;  /* a folder, or NULL */
    void (*after)(void); /* called after every call that changes something, or NULL */
} fault;

static inline bool fault_now(void)
{
    fault.calls++;
    if (fault.calls != fault.fail_at) return false;
    fault.hit = true;
    errno = fault.error;
    return true;
}

static inline void fault_after(void)
{
    if (fault.after != NULL) fault.after();
}

static inline ssize_t fault_write(int fd, const void *bytes, size_t count, off_t offset)
{
    if (fault.is_choppy && fault.calls++ % 3 == 0) {
        errno = EINTR;
        return -1;
    }
    if (fault.is_choppy && count > 7) count = 7;
    if (fault_now()) {
        assert_true(pwrite(fd, bytes, count / 2, offset) >= 0);
        errno = fault.error;
        return -1;
    }
    const ssize_t written = pwrite(fd, bytes, count, offset);
    fault_after();
    return written;
}

static inline ssize_t fault_read(int fd, void *bytes, size_t count, off_t offset)
{
    if (fault.is_choppy && fault.calls++ % 3 == 0) {
        errno = EINTR;
        return -1;
    }
    if (fault.is_choppy && count > 5) count = 5;
    return pread(fd, bytes, count, offset);
}

/* The content of a synced file goes to the shadow folder. */
static inline void shadow_file(int fd)
{
    static struct test_file file;
    char link[64];
    char path[512];
    if (fault.shadow == NULL) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t count = readlink(link, path, sizeof path - 1);
    assert_true(count > 0);
    path[count] = '\0';
    const char *name = strrchr(path, '/') + 1;
    const struct test_path target = path_in(fault.shadow, name);
    file_load(path, &file);
    if (access(target.text, F_OK) == 0 || strstr(name, ".seg") == NULL)
        file_save(target.text, &file);
}

/* Names become durable; contents do not. */
static inline void shadow_names(void)
{
    static struct test_file file;
    if (fault.shadow == NULL) return;
    DIR *folder = opendir(fault.live);
    assert_non_null(folder);
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        const struct test_path target = path_in(fault.shadow, entry->d_name);
        if (entry->d_name[0] == '.' || access(target.text, F_OK) == 0) continue;
        const struct test_path source = path_in(fault.live, entry->d_name);
        file_load(source.text, &file); /* new segments are synced before their name is */
        file_save(target.text, &file);
    }
    closedir(folder);
}

static inline int fault_sync(int fd)
{
    if (fault_now()) return -1;
    if (!fault.no_sync && fdatasync(fd) != 0) return -1;
    shadow_file(fd);
    fault_after();
    return 0;
}

static inline int fault_sync_folder(int fd)
{
    if (fault_now()) return -1;
    if (!fault.no_sync && fsync(fd) != 0) return -1;
    shadow_names();
    fault_after();
    return 0;
}

static inline int fault_allocate(int fd, off_t offset, off_t bytes)
{
    if (fault.no_allocation) return ENOSPC;
    if (fault_now()) return fault.error;
    const int error = posix_fallocate(fd, offset, bytes);
    fault_after();
    return error;
}

static inline int fault_forget(int fd)
{
    return fault.no_sync ? 0 : cr_io_system.forget(fd);
}

static const struct cr_io fault_io = {
    .write = fault_write,
    .read = fault_read,
    .sync = fault_sync,
    .sync_folder = fault_sync_folder,
    .allocate = fault_allocate,
    .forget = fault_forget,
};

static inline void fault_reset(void)
{
    memset(&fault, 0, sizeof fault);
}

/* ---- the test program ---- */

static inline int test_setup(void **state)
{
    (void)state;
    fault_reset();
    test_root_make();
    return 0;
}

static inline int test_teardown(void **state)
{
    (void)state;
    fault_reset();
    remove_tree(test_root);
    return 0;
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)

#endif
