/* SPDX-License-Identifier: Apache-2.0 */
/* The file "mark" in the cache's folder. As text, for operators look at it too:
 *
 *   creto state cache 1
 *   genesis 5f1c...
 *   boot 0f4e2d8c-...
 *   is closed 1048576
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/state_internal.h"

enum { TEXT_BYTES = 512 };

static const char *const kind_names[] = {
    [CR_MARK_NONE] = "none",
    [CR_MARK_OPEN] = "open",
    [CR_MARK_CLOSED] = "closed",
    [CR_MARK_CONDEMNED] = "condemned",
};

/* The whole small file as text; false when it is not there or too large. */
static bool read_text(int folder, const char *path, char text[TEXT_BYTES])
{
    const int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const ssize_t count = cr_io_read(&cr_io_system, fd, text, TEXT_BYTES, 0);
    close(fd);
    if (count < 0 || count >= TEXT_BYTES) return false;
    text[count] = '\0';
    return true;
}

void cr_boot_id_read(const char *path, char out[CR_BOOT_ID_BYTES])
{
    char text[TEXT_BYTES];
    out[0] = '\0';
    if (!read_text(AT_FDCWD, path, text)) return;
    const size_t count = strspn(text, "0123456789abcdef-");
    if (count >= CR_BOOT_ID_BYTES) return;
    memcpy(out, text, count);
    out[count] = '\0';
}

void cr_mark_read(int folder, struct cr_mark *out)
{
    char text[TEXT_BYTES];
    char genesis[2 * CR_HASH_BYTES + 1];
    char kind[16];
    struct cr_mark mark = {.kind = CR_MARK_NONE};
    *out = mark;
    if (!read_text(folder, "mark", text)) return;
    /* The version first: what a newer program writes behind it is not known. */
    if (sscanf(text, "creto state cache %" SCNu32 "\n", &mark.version) != 1) return;
    *out = mark;
    if (sscanf(
            text,
            "creto state cache %*u\ngenesis %64[0-9a-f]\nboot %39[0-9a-f?-]\nis %15[a-z] %" SCNu64,
            genesis, mark.boot_id, kind, &mark.data_bytes) != 4) {
        return;
    }
    if (cr_hex_decode(genesis, strlen(genesis), mark.genesis_id.bytes, CR_HASH_BYTES) != CR_OK) {
        return;
    }
    for (uint32_t i = CR_MARK_OPEN; i < CR_COUNT_OF(kind_names); i++) {
        if (strcmp(kind, kind_names[i]) == 0) mark.kind = (enum cr_mark_kind)i;
    }
    *out = mark;
}

bool cr_mark_write(int folder, const struct cr_mark *mark)
{
    char genesis[2 * CR_HASH_BYTES + 1];
    char text[TEXT_BYTES];
    cr_hex_encode(mark->genesis_id.bytes, CR_HASH_BYTES, genesis);
    const int count = snprintf(
        text, sizeof text,
        "creto state cache %" PRIu32 "\ngenesis %s\nboot %s\nis %s %" PRIu64 "\n", mark->version,
        genesis, mark->boot_id[0] ? mark->boot_id : "?", kind_names[mark->kind], mark->data_bytes);
    CR_ASSERT(count > 0 && (size_t)count < sizeof text);

    const int fd = openat(folder, "mark.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    bool done = cr_io_write(&cr_io_system, fd, text, (size_t)count, 0) &&
                cr_io_sync(&cr_io_system, fd) && renameat(folder, "mark.new", folder, "mark") == 0;
    if (done) done = fsync(folder) == 0;
    const int error = errno;
    close(fd);
    errno = error;
    return done;
}
