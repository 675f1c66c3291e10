/* SPDX-License-Identifier: Apache-2.0 */
#include "store/epochs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "store/io.h"

enum {
    PATH_BYTES_MAX = 4096,
    HEAD_BYTES = 4 + 4 + 8 + 8,
    VOTE_BYTES = 8 + 8 + CR_HASH_BYTES + 8,
    TAIL_BYTES = 16 << 20, /* of the file, in which bodies are checked at the start: no power loss
                              reaches back so far */
    EPOCHS_MAX = 1 << 24,  /* three hundred years of ten minutes: what is above is damage */
};

static const char cert_magic[4] = {'C', 'E', 'C', '1'};
static const char kept_magic[4] = {'C', 'E', 'X', '1'}; /* a vote for another end than ours */
static const char vote_magic[8] = {'C', 'R', 'E', 'T', 'O', 'E', 'P', 'V'};

struct place {
    uint64_t offset; /* 0 with bytes 0: not here */
    uint32_t bytes;
};

struct cr_epochs {
    const struct cr_io *io;
    char vote_path[PATH_BYTES_MAX];
    int fd;
    uint64_t end;
    uint64_t voted_epoch; /* 0: never */
    struct cr_hash voted_origin;
    pthread_mutex_t lock; /* places */
    uint64_t places_count;
    struct place *places; /* by epoch */
};

static uint64_t check_of(const uint8_t *a, size_t a_bytes, const uint8_t *b, size_t b_bytes)
{
    struct cr_hasher hasher;
    cr_hasher_init(&hasher);
    cr_hasher_add(&hasher, a, a_bytes);
    cr_hasher_add(&hasher, b, b_bytes);
    const struct cr_hash hash = cr_hasher_end(&hasher);
    return cr_load_le(hash.bytes, 8);
}

/* ---- certificates ---- */

/* False: memory is out. */
static bool note(struct cr_epochs *e, uint64_t epoch, const struct place *place)
{
    if (epoch >= e->places_count) {
        const uint64_t count = epoch + epoch / 2 + 64;
        struct place *grown = realloc(e->places, count * sizeof *grown);
        if (!grown) return false;
        memset(grown + e->places_count, 0, (count - e->places_count) * sizeof *grown);
        e->places = grown;
        e->places_count = count;
    }
    e->places[epoch] = *place;
    return true;
}

/* The record at e->end. */
struct record {
    bool kept; /* a vote for another end */
    uint64_t epoch;
    struct place place;
};

/* The head of a record; false: it is none. */
static bool read_head(const struct cr_epochs *e, uint64_t size, uint8_t head[HEAD_BYTES],
                      struct record *out)
{
    if (size - e->end < HEAD_BYTES) return false;
    if (cr_io_read(e->io, e->fd, head, HEAD_BYTES, e->end) != HEAD_BYTES) return false;
    out->kept = memcmp(head, kept_magic, sizeof kept_magic) == 0;
    if (!out->kept && memcmp(head, cert_magic, sizeof cert_magic) != 0) return false;
    out->epoch = cr_load_le(head + 8, 8);
    out->place = (struct place){.offset = e->end, .bytes = (uint32_t)cr_load_le(head + 4, 4)};
    return out->place.bytes > 0 && out->place.bytes <= CR_EPOCH_CERT_BYTES_MAX &&
           size - e->end - HEAD_BYTES >= out->place.bytes && out->epoch < EPOCHS_MAX;
}

/* What is torn is at the end: there the body is read as well. */
static bool read_record(const struct cr_epochs *e, uint64_t size, uint8_t *body, struct record *out)
{
    uint8_t head[HEAD_BYTES];
    if (!read_head(e, size, head, out)) return false;
    if (size - e->end > TAIL_BYTES) return true;
    const ssize_t count = out->place.bytes;
    return cr_io_read(e->io, e->fd, body, out->place.bytes, e->end + HEAD_BYTES) == count &&
           check_of(head, 16, body, out->place.bytes) == cr_load_le(head + 16, 8);
}

static enum cr_err scan(struct cr_epochs *e, const char *path, struct cr_store_failure *failure)
{
    struct stat stat;
    struct record record;
    if (fstat(e->fd, &stat) < 0) return cr_store_fail_errno(failure, "look at", path);
    uint8_t *body = malloc(CR_EPOCH_CERT_BYTES_MAX);
    bool enough = body != NULL;
    while (enough && read_record(e, (uint64_t)stat.st_size, body, &record)) {
        enough = record.kept || note(e, record.epoch, &record.place);
        e->end += HEAD_BYTES + record.place.bytes;
    }
    free(body);
    if (!enough) return cr_store_fail(failure, CR_ERR_FULL, "memory is out");
    if (ftruncate(e->fd, (off_t)e->end) < 0) return cr_store_fail_errno(failure, "cut", path);
    return CR_OK;
}

static struct place find(struct cr_epochs *e, uint64_t epoch)
{
    struct place place = {0};
    pthread_mutex_lock(&e->lock);
    if (epoch < e->places_count) place = e->places[epoch];
    pthread_mutex_unlock(&e->lock);
    return place;
}

bool cr_epochs_has(struct cr_epochs *e, uint64_t epoch)
{
    return find(e, epoch).bytes > 0;
}

size_t cr_epochs_get(struct cr_epochs *e, uint64_t epoch, uint8_t *out)
{
    uint8_t head[HEAD_BYTES];
    const struct place place = find(e, epoch);
    if (place.bytes == 0) return 0;
    if (cr_io_read(e->io, e->fd, head, sizeof head, place.offset) != HEAD_BYTES) return 0;
    if (cr_io_read(e->io, e->fd, out, place.bytes, place.offset + HEAD_BYTES) !=
        (ssize_t)place.bytes)
        return 0;
    return check_of(head, 16, out, place.bytes) == cr_load_le(head + 16, 8) ? place.bytes : 0;
}

static bool append(struct cr_epochs *e, const char magic[4], uint64_t epoch, const uint8_t *bytes,
                   size_t count)
{
    uint8_t head[HEAD_BYTES];
    CR_ASSERT(count > 0 && count <= CR_EPOCH_CERT_BYTES_MAX && epoch < EPOCHS_MAX);
    memcpy(head, magic, 4);
    cr_store_le(head + 4, count, 4);
    cr_store_le(head + 8, epoch, 8);
    cr_store_le(head + 16, check_of(head, 16, bytes, count), 8);
    if (!cr_io_write(e->io, e->fd, head, sizeof head, e->end) ||
        !cr_io_write(e->io, e->fd, bytes, count, e->end + HEAD_BYTES))
        return false;
    e->end += HEAD_BYTES + count;
    return true;
}

bool cr_epochs_put(struct cr_epochs *e, uint64_t epoch, const uint8_t *bytes, size_t count)
{
    const struct place place = {.offset = e->end, .bytes = (uint32_t)count};
    if (!append(e, cert_magic, epoch, bytes, count)) return false;
    pthread_mutex_lock(&e->lock);
    const bool noted = note(e, epoch, &place);
    pthread_mutex_unlock(&e->lock);
    return noted;
}

bool cr_epochs_keep(struct cr_epochs *e, uint64_t epoch, const uint8_t *bytes, size_t count)
{
    return append(e, kept_magic, epoch, bytes, count);
}

/* ---- our votes ---- */

static enum cr_err read_vote(struct cr_epochs *e, struct cr_store_failure *failure)
{
    uint8_t bytes[VOTE_BYTES];
    const int fd = open(e->vote_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return CR_OK;
    if (fd < 0) return cr_store_fail_errno(failure, "open", e->vote_path);
    const ssize_t count = cr_io_read(e->io, fd, bytes, sizeof bytes, 0);
    close(fd);
    if (count != VOTE_BYTES || memcmp(bytes, vote_magic, sizeof vote_magic) != 0 ||
        check_of(bytes, VOTE_BYTES - 8, bytes, 0) != cr_load_le(bytes + VOTE_BYTES - 8, 8)) {
        return cr_store_fail(failure, CR_ERR_CORRUPT,
                             "'%s' is damaged: it says what this key has signed last about the end "
                             "of an epoch",
                             e->vote_path);
    }
    e->voted_epoch = cr_load_le(bytes + 8, 8);
    memcpy(e->voted_origin.bytes, bytes + 16, CR_HASH_BYTES);
    return CR_OK;
}

/* Under another name first: at any time the old record or the new one is whole. */
static bool write_vote(struct cr_epochs *e, uint64_t epoch, const struct cr_hash *origin)
{
    uint8_t bytes[VOTE_BYTES];
    char path[PATH_BYTES_MAX];
    if (snprintf(path, sizeof path, "%s.new", e->vote_path) >= (int)sizeof path) return false;
    memcpy(bytes, vote_magic, sizeof vote_magic);
    cr_store_le(bytes + 8, epoch, 8);
    memcpy(bytes + 16, origin->bytes, CR_HASH_BYTES);
    cr_store_le(bytes + VOTE_BYTES - 8, check_of(bytes, VOTE_BYTES - 8, bytes, 0), 8);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    const bool written = cr_io_write(e->io, fd, bytes, sizeof bytes, 0) && cr_io_sync(e->io, fd);
    close(fd);
    return written && rename(path, e->vote_path) == 0 && cr_io_sync_parent(e->io, e->vote_path);
}

bool cr_epochs_may_sign(struct cr_epochs *e, uint64_t epoch, const struct cr_hash *origin)
{
    if (epoch == e->voted_epoch) return cr_hash_equal(origin, &e->voted_origin);
    if (epoch < e->voted_epoch || !write_vote(e, epoch, origin)) return false;
    e->voted_epoch = epoch;
    e->voted_origin = *origin;
    return true;
}

/* ---- opening ---- */

enum cr_err cr_epochs_open(const char *certs_path, const char *vote_path, struct cr_epochs **out,
                           struct cr_store_failure *failure)
{
    struct cr_epochs *e = calloc(1, sizeof *e);
    if (!e) return cr_store_fail(failure, CR_ERR_FULL, "memory is out");
    e->io = &cr_io_system;
    pthread_mutex_init(&e->lock, NULL);
    e->fd = open(certs_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    enum cr_err err = CR_OK;
    if (snprintf(e->vote_path, sizeof e->vote_path, "%s", vote_path) >= PATH_BYTES_MAX)
        err = cr_store_fail(failure, CR_ERR_CONFIG, "the path '%.200s...' is too long", vote_path);
    if (err == CR_OK && e->fd < 0) err = cr_store_fail_errno(failure, "open", certs_path);
    if (err == CR_OK) err = scan(e, certs_path, failure);
    if (err == CR_OK) err = read_vote(e, failure);
    if (err == CR_OK) {
        *out = e;
        return CR_OK;
    }
    cr_epochs_close(e);
    return err;
}

void cr_epochs_close(struct cr_epochs *e)
{
    if (!e) return;
    if (e->fd >= 0) close(e->fd);
    pthread_mutex_destroy(&e->lock);
    free(e->places);
    free(e);
}
