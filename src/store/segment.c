/* SPDX-License-Identifier: Apache-2.0 */
#include "store/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cr_segment_name(uint32_t index, char name[CR_SEGMENT_NAME_BYTES])
{
    (void)snprintf(name, CR_SEGMENT_NAME_BYTES, "%08" PRIu32 ".seg", index); /* 15 bytes at most */
}

bool cr_segment_parse_name(const char *name, uint32_t *index)
{
    if (name[0] < '0' || name[0] > '9') return false;
    const unsigned long value = strtoul(name, NULL, 10);
    if (value > UINT32_MAX) return false;
    char expected[CR_SEGMENT_NAME_BYTES];
    cr_segment_name((uint32_t)value, expected);
    if (strcmp(name, expected) != 0) return false;
    *index = (uint32_t)value;
    return true;
}

int cr_segment_open(int folder, uint32_t index, int flags)
{
    char name[CR_SEGMENT_NAME_BYTES];
    cr_segment_name(index, name);
    return openat(folder, name, flags | O_CLOEXEC, 0600);
}

int cr_segment_create(const struct cr_io *io, int folder, uint32_t index, uint32_t bytes)
{
    const int fd = cr_segment_open(folder, index, O_RDWR | O_CREAT);
    if (fd < 0) return -1;
    if (cr_io_allocate(io, fd, bytes) && cr_io_sync(io, fd) && io->sync_folder(folder) == 0) {
        return fd;
    }
    const int error = errno;
    close(fd);
    char name[CR_SEGMENT_NAME_BYTES];
    cr_segment_name(index, name);
    (void)unlinkat(folder, name, 0); /* if it stays, the next attempt takes it */
    errno = error;
    return -1;
}

struct cr_segment_scan cr_segment_scan(const struct cr_hasher *hasher, const uint8_t *image,
                                       size_t image_bytes, uint64_t sequence)
{
    size_t at = CR_SEGMENT_HEADER_BYTES;
    while (at < image_bytes && image_bytes - at >= CR_RECORD_HEADER_BYTES) {
        struct cr_record_header header;
        const size_t body = at + CR_RECORD_HEADER_BYTES;
        if (!cr_record_decode(image + at, &header)) break;
        if (header.sequence != sequence) break;
        if (header.bytes > image_bytes - body) break;
        if (!cr_record_is_valid(hasher, &header, image + body)) break;
        at = body + header.bytes;
        sequence++;
    }
    const size_t rest = at < image_bytes ? image_bytes - at : 0;
    return (struct cr_segment_scan){
        .end = (uint32_t)at,
        .sequence_next = sequence,
        .is_clean = cr_io_is_zero(image + at, rest),
    };
}

void cr_segment_files_init(struct cr_segment_files *files, const struct cr_io *io, int folder)
{
    files->io = io;
    files->folder = folder;
    for (uint32_t i = 0; i < CR_SEGMENT_FILES; i++) {
        CR_ASSERT(pthread_mutex_init(&files->slots[i].lock, NULL) == 0);
        files->slots[i].fd = -1;
    }
}

void cr_segment_files_deinit(struct cr_segment_files *files)
{
    for (uint32_t i = 0; i < CR_SEGMENT_FILES; i++) {
        if (files->slots[i].fd >= 0) close(files->slots[i].fd);
        pthread_mutex_destroy(&files->slots[i].lock);
    }
}

static enum cr_err read_slot(struct cr_segment_files *files, struct cr_segment_file *slot,
                             uint32_t index, uint64_t offset, uint8_t *bytes, size_t count,
                             size_t *read_count)
{
    if (slot->fd < 0 || slot->index != index) {
        const int fd = cr_segment_open(files->folder, index, O_RDONLY);
        if (fd < 0) return errno == ENOENT ? CR_ERR_NOT_FOUND : CR_ERR_IO;
        if (slot->fd >= 0) close(slot->fd);
        slot->fd = fd;
        slot->index = index;
    }
    const ssize_t got = cr_io_read(files->io, slot->fd, bytes, count, offset);
    if (got < 0) return CR_ERR_IO;
    *read_count = (size_t)got;
    return CR_OK;
}

enum cr_err cr_segment_files_read(struct cr_segment_files *files, uint32_t index, uint64_t offset,
                                  uint8_t *bytes, size_t count, size_t *read_count)
{
    struct cr_segment_file *slot = &files->slots[index % CR_SEGMENT_FILES];
    pthread_mutex_lock(&slot->lock);
    const enum cr_err err = read_slot(files, slot, index, offset, bytes, count, read_count);
    pthread_mutex_unlock(&slot->lock);
    return err;
}
