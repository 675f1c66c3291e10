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

/* Takes the line "<prefix><word>" from *at; false when there is none or the word does not fit. */
static bool take_line(const char **at, const char *prefix, char *word, size_t word_bytes)
{
    const size_t prefix_count = strlen(prefix);
    if (strncmp(*at, prefix, prefix_count) != 0) return false;
    const char *begin = *at + prefix_count;
    const size_t count = strcspn(begin, "\n");
    if (begin[count] != '\n' || count >= word_bytes) return false;
    memcpy(word, begin, count);
    word[count] = '\0';
    *at = begin + count + 1;
    return true;
}

static bool take_number(const char *word, uint64_t *out)
{
    char *end;
    if (word[0] < '0' || word[0] > '9') return false;
    errno = 0;
    *out = strtoull(word, &end, 10);
    return errno == 0 && *end == '\0';
}

static bool take_kind(char *word, struct cr_mark *mark)
{
    char *space = strchr(word, ' ');
    if (space == NULL || !take_number(space + 1, &mark->data_bytes)) return false;
    *space = '\0';
    for (uint32_t i = CR_MARK_OPEN; i < CR_COUNT_OF(kind_names); i++) {
        if (strcmp(word, kind_names[i]) == 0) mark->kind = (enum cr_mark_kind)i;
    }
    return mark->kind != CR_MARK_NONE;
}

void cr_mark_read(int folder, struct cr_mark *out)
{
    char text[TEXT_BYTES];
    char word[2 * CR_HASH_BYTES + 1];
    const char *at = text;
    uint64_t version;
    struct cr_mark mark = {.kind = CR_MARK_NONE};
    *out = mark;
    if (!read_text(folder, "mark", text)) return;
    if (!take_line(&at, "creto state cache ", word, sizeof word)) return;
    if (!take_number(word, &version) || version > UINT32_MAX) return;
    out->version = mark.version = (uint32_t)version; /* a newer one says more than we can read */
    if (!take_line(&at, "genesis ", word, sizeof word)) return;
    if (cr_hex_decode(word, strlen(word), mark.genesis_id.bytes, CR_HASH_BYTES) != CR_OK) return;
    if (!take_line(&at, "boot ", mark.boot_id, sizeof mark.boot_id)) return;
    if (!take_line(&at, "is ", word, sizeof word) || !take_kind(word, &mark)) return;
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
