/* SPDX-License-Identifier: Apache-2.0 */
/* segment.h: segment files: names, creation, the scan that recovery is made of, and a small cache
 * of open files for readers. Internal to store/. */
#ifndef CR_STORE_SEGMENT_H
#define CR_STORE_SEGMENT_H

#include <pthread.h>

#include "store/io.h"
#include "store/record.h"

enum {
    CR_SEGMENT_NAME_BYTES = 16, /* "00000007.seg" and up to 10 digits */
    CR_SEGMENT_FILES = 16,      /* segments that readers keep open */
};

void cr_segment_name(uint32_t index, char name[CR_SEGMENT_NAME_BYTES]);
/* False when `name` is not the name of a segment. */
bool cr_segment_parse_name(const char *name, uint32_t *index);
/* -1 and errno. */
int cr_segment_open(int folder, uint32_t index, int flags);
/* Makes an empty segment of `bytes` bytes, its name and size durable. An empty one that is left
 * over is taken. -1 and errno; then the file is gone again. */
int cr_segment_create(const struct cr_io *io, int folder, uint32_t index, uint32_t bytes);

/* What lies in the image of a segment behind its header. */
struct cr_segment_scan {
    uint32_t end;           /* offset behind the last valid record */
    uint64_t sequence_next; /* number of the record that is not there */
    bool is_clean;          /* nothing but zeros from `end` on */
};
/* Finds the longest run of valid records that starts with number `sequence`. */
struct cr_segment_scan cr_segment_scan(const struct cr_hasher *hasher, const uint8_t *image,
                                       size_t image_bytes, uint64_t sequence);

/* Open files for readers, by segment number modulo CR_SEGMENT_FILES. A reader holds the lock of its
 * slot during one pread; the appending thread uses a file of its own and takes no lock. */
struct cr_segment_files {
    const struct cr_io *io;
    int folder; /* borrowed */
    struct cr_segment_file {
        pthread_mutex_t lock;
        int fd; /* -1: none */
        uint32_t index;
    } slots[CR_SEGMENT_FILES];
};

void cr_segment_files_init(struct cr_segment_files *files, const struct cr_io *io, int folder);
void cr_segment_files_deinit(struct cr_segment_files *files);
/* Like cr_io_read. CR_ERR_NOT_FOUND: there is no such segment. */
CR_MUST_CHECK enum cr_err cr_segment_files_read(struct cr_segment_files *files, uint32_t index,
                                                uint64_t offset, uint8_t *bytes, size_t count,
                                                size_t *read_count);

#endif
