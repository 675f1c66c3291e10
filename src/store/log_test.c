/* SPDX-License-Identifier: Apache-2.0 */
#include "store/testing.h"

#include <pthread.h>
#include <stdatomic.h>

#include "store/log_internal.h"

enum {
    SEGMENT = 4096,
    BODY_MAX = 900,
};

static const struct cr_log_options small = {
    .segment_bytes = SEGMENT, .buffer_bytes = 2048, .io = &fault_io};
static const struct cr_hash genesis = {{1, 2, 3}};
static const struct cr_hash other_genesis = {{4, 5, 6}};
static struct cr_store_failure failure;

/* The record with this number: its kind, length and bytes follow from the number alone. */
static size_t body_of(uint64_t sequence, uint8_t body[BODY_MAX], enum cr_log_kind *kind)
{
    struct cr_prng prng = cr_prng_stream(7, 1, sequence);
    const size_t count = cr_prng_below(&prng, 8) == 0 ? cr_prng_below(&prng, BODY_MAX + 1)
                                                      : cr_prng_below(&prng, 120);
    for (size_t i = 0; i < count; i++)
        body[i] = (uint8_t)cr_prng_next(&prng);
    *kind = cr_prng_below(&prng, 3) == 0 ? CR_LOG_COMMIT : CR_LOG_VERTEX;
    return count;
}

static enum cr_err open_log(const char *path, uint64_t durable, struct cr_log **log)
{
    memset(&failure, 0, sizeof failure);
    const enum cr_err err = cr_log_open_with(path, &genesis, durable, &small, log, &failure);
    assert_int_equal(failure.err, err);
    assert_int_equal(failure.text[0] != '\0', err != CR_OK);
    return err;
}

static enum cr_err append_next(struct cr_log *log, struct cr_log_position *position)
{
    uint8_t body[BODY_MAX];
    enum cr_log_kind kind;
    const uint64_t sequence = cr_log_end(log).sequence;
    const size_t count = body_of(sequence, body, &kind);
    const size_t first = sequence % 3 == 0 ? count / 2 : count;
    const enum cr_err err =
        cr_log_append(log, kind, body, first, body + first, count - first, position, &failure);
    if (err == CR_OK) assert_true(position->sequence == sequence);
    return err;
}

static void append_many(struct cr_log *log, uint64_t count, struct cr_log_position *positions)
{
    struct cr_log_position ignored;
    for (uint64_t i = 0; i < count; i++) {
        struct cr_log_position *position = positions != NULL ? &positions[i] : &ignored;
        assert_int_equal(append_next(log, position), CR_OK);
        if (i % 5 == 4) assert_int_equal(cr_log_write(log, &failure), CR_OK);
        if (i % 7 == 6) assert_int_equal(cr_log_sync(log, &failure), CR_OK);
    }
    assert_int_equal(cr_log_sync(log, &failure), CR_OK);
}

/* Walks the log and checks every record; returns how many there are. */
static uint64_t check_log(struct cr_log *log)
{
    uint8_t expected[BODY_MAX];
    uint8_t body[BODY_MAX];
    enum cr_log_kind expected_kind;
    enum cr_log_kind kind;
    size_t count;
    struct cr_log_position position = {.sequence = 1};
    for (;;) {
        const struct cr_log_position here = position;
        const enum cr_err err = cr_log_next(log, &position, &kind, body, sizeof body, &count);
        if (err == CR_ERR_NOT_FOUND) break;
        assert_int_equal(err, CR_OK);
        const size_t expected_count = body_of(here.sequence, expected, &expected_kind);
        assert_int_equal(kind, expected_kind);
        assert_int_equal(count, expected_count);
        assert_memory_equal(body, expected, count);
        /* The place before the step names the record as well. */
        assert_int_equal(cr_log_read(log, &here, &kind, body, sizeof body, &count), CR_OK);
        assert_memory_equal(body, expected, count);
    }
    assert_true(position.sequence == cr_log_durable(log) + 1);
    return cr_log_durable(log);
}

/* Goal: the folder holds exactly the first records, at least `least`, and can be gone on with. */
static uint64_t check_folder(const char *path, uint64_t durable, uint64_t least)
{
    struct cr_log *log;
    assert_int_equal(open_log(path, durable, &log), CR_OK);
    const uint64_t found = check_log(log);
    assert_true(found >= least);
    append_many(log, 3, NULL);
    cr_log_close(log);
    assert_int_equal(open_log(path, found + 3, &log), CR_OK);
    assert_true(check_log(log) == found + 3);
    struct cr_log_stats stats;
    cr_log_stats(log, &stats);
    assert_true(stats.torn_bytes_cut == 0); /* nothing was left of what had been cut */
    cr_log_close(log);
    return found;
}

static void make_log(const char *path, uint64_t count, struct cr_log_position *positions)
{
    struct cr_log *log;
    assert_int_equal(open_log(path, 0, &log), CR_OK);
    append_many(log, count, positions);
    cr_log_close(log);
}

/* A log that has just gone on in its second segment; returns its length. */
static uint64_t make_short_log(const char *path, struct cr_log_position *positions,
                               struct cr_log_position *end)
{
    struct cr_log *log;
    uint64_t count = 0;
    assert_int_equal(open_log(path, 0, &log), CR_OK);
    while (cr_log_end(log).segment == 0 || cr_log_end(log).offset < 400)
        append_many(log, 1, &positions[count++]);
    *end = cr_log_end(log);
    cr_log_close(log);
    return count;
}

/* ---- what goes in comes out ---- */

/* Goal: records of all sizes come back, over segments and openings, by walk and by place. */
static void round_trip(void **state)
{
    (void)state;
    enum { COUNT = 200, OPENINGS = 5 };
    static struct cr_log_position positions[COUNT * OPENINGS];
    const struct test_path path = path_of("log");
    uint8_t body[BODY_MAX];
    uint8_t expected[BODY_MAX];
    enum cr_log_kind kind;
    size_t count;
    struct cr_log *log;
    for (uint64_t opening = 0; opening < OPENINGS; opening++) {
        assert_int_equal(open_log(path.text, opening * COUNT, &log), CR_OK);
        append_many(log, COUNT, positions + opening * COUNT);
        assert_true(check_log(log) == (opening + 1) * COUNT);
        struct cr_log_stats stats;
        cr_log_stats(log, &stats);
        assert_true(stats.records == (opening + 1) * COUNT && stats.torn_bytes_cut == 0);
        assert_true(stats.segments == cr_log_end(log).segment + 1 && stats.prepare_failures == 0);
        if (opening == OPENINGS - 1) break;
        cr_log_close(log);
    }
    assert_true(cr_log_end(log).segment > CR_SEGMENT_FILES);
    for (uint32_t i = COUNT * OPENINGS; i-- > 0;) {
        enum cr_log_kind expected_kind;
        const size_t expected_count = body_of(i + 1, expected, &expected_kind);
        assert_int_equal(cr_log_read(log, &positions[i], &kind, body, sizeof body, &count), CR_OK);
        assert_int_equal(count, expected_count);
        assert_memory_equal(body, expected, count);
    }
    cr_log_close(log);
}

/* Goal: the bytes are those of docs/storage.md, whatever the program becomes. */
static void documented_bytes(void **state)
{
    (void)state;
    static const char segment_hex[] =
        "435245544f4c4f47010000000000000001020300000000000000000000000000"
        "0000000000000000000000000000000001000000000000000000000100000000"
        "515c23276d6e2e2253e763d066568022";
    static const char record_hex[] =
        "b1c5a1008f77845928d4e23e96832cb601000000000000000300000002000000616263";
    static struct test_file file;
    const struct test_path path = path_of("log");
    const struct test_path segment = path_of("log/00000000.seg");
    struct cr_log *log;
    struct cr_log_position at;
    char hex[2 * CR_SEGMENT_HEADER_BYTES + 1];
    assert_int_equal(cr_log_open(path.text, &genesis, 0, &log, &failure), CR_OK);
    assert_int_equal(
        cr_log_append(log, CR_LOG_COMMIT, (const uint8_t *)"abc", 3, NULL, 0, &at, &failure),
        CR_OK);
    assert_int_equal(cr_log_sync(log, &failure), CR_OK);
    cr_log_close(log);
    const int fd = open(segment.text, O_RDONLY);
    assert_true(fd >= 0 && pread(fd, file.bytes, 4096, 0) == 4096);
    close(fd);
    cr_hex_encode(file.bytes, CR_SEGMENT_HEADER_BYTES, hex);
    assert_string_equal(hex, segment_hex);
    cr_hex_encode(file.bytes + CR_SEGMENT_HEADER_BYTES, CR_RECORD_HEADER_BYTES + 3, hex);
    assert_string_equal(hex, record_hex);
}

/* Goal: the edges of reading: a small buffer, no such record, not durable yet. */
static void reading_edges(void **state)
{
    (void)state;
    const struct test_path path = path_of("log");
    struct cr_log *log;
    uint8_t body[BODY_MAX] = {7};
    enum cr_log_kind kind;
    size_t count = 0;
    struct cr_log_position at;
    assert_int_equal(open_log(path.text, 0, &log), CR_OK);
    struct cr_log_position begin = {.sequence = 1};
    assert_int_equal(cr_log_next(log, &begin, &kind, body, 1, &count), CR_ERR_NOT_FOUND);
    assert_int_equal(cr_log_append(log, CR_LOG_VERTEX, body, 100, NULL, 0, &at, &failure), CR_OK);
    assert_int_equal(cr_log_write(log, &failure), CR_OK);
    assert_true(cr_log_durable(log) == 0);
    assert_int_equal(cr_log_read(log, &at, &kind, body, 100, &count), CR_ERR_NOT_FOUND);
    assert_int_equal(cr_log_sync(log, &failure), CR_OK);
    assert_true(cr_log_durable(log) == 1);
    assert_int_equal(cr_log_read(log, &at, &kind, body, 99, &count), CR_ERR_TOO_BIG);
    assert_int_equal(count, 100);
    assert_int_equal(cr_log_next(log, &begin, &kind, body, 99, &count), CR_ERR_TOO_BIG);
    assert_true(begin.sequence == 1 && begin.offset == 0);
    assert_int_equal(cr_log_read(log, &at, &kind, body, 100, &count), CR_OK);
    const struct cr_log_position nowhere[] = {{.sequence = 0},
                                              {.sequence = 2},
                                              {.sequence = 1, .segment = 9},
                                              {.sequence = 1, .segment = 0, .offset = SEGMENT - 8}};
    for (size_t i = 0; i < CR_COUNT_OF(nowhere); i++)
        assert_int_equal(cr_log_read(log, &nowhere[i], &kind, body, 100, &count), CR_ERR_NOT_FOUND);
    const struct cr_log_position inside = {.sequence = 1, .offset = at.offset + 3};
    assert_int_equal(cr_log_read(log, &inside, &kind, body, 100, &count), CR_ERR_CHECKSUM);
    cr_log_close(log);
}

/* Goal: records larger than what is left of a segment or of the buffer, and misuse. */
static void sizes(void **state)
{
    (void)state;
    const struct test_path path = path_of("log");
    static uint8_t body[CR_LOG_RECORD_BYTES_MAX + 1];
    enum { GREATEST = 2048 - CR_SEGMENT_HEADER_BYTES - CR_RECORD_HEADER_BYTES };
    struct cr_log *log;
    struct cr_log_position at;
    enum cr_log_kind kind;
    size_t count;
    assert_int_equal(open_log(path.text, 0, &log), CR_OK);
    for (uint32_t i = 0; i < 20; i++) {
        body[0] = (uint8_t)i;
        assert_int_equal(
            cr_log_append(log, CR_LOG_COMMIT, body, GREATEST - i, NULL, 0, &at, &failure), CR_OK);
    }
    expect_assert_failure(
        (void)!cr_log_append(log, CR_LOG_COMMIT, body, GREATEST + 1, NULL, 0, &at, &failure));
    expect_assert_failure((void)!cr_log_append(
        log, CR_LOG_COMMIT, body, CR_LOG_RECORD_BYTES_MAX + 1, NULL, 0, &at, &failure));
    assert_int_equal(cr_log_sync(log, &failure), CR_OK);
    struct cr_log_position position = {.sequence = 1};
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(cr_log_next(log, &position, &kind, body, GREATEST, &count), CR_OK);
        assert_true(count == GREATEST - i && body[0] == i);
    }
    cr_log_close(log);

    /* The real sizes, once. */
    const struct test_path real = path_of("real");
    assert_int_equal(cr_log_open(real.text, &genesis, 0, &log, &failure), CR_OK);
    for (uint32_t i = 0; i < 9; i++) {
        body[i] = (uint8_t)(i + 1);
        assert_int_equal(cr_log_append(log, CR_LOG_VERTEX, body, 1000, body + 1000,
                                       CR_LOG_RECORD_BYTES_MAX - 1000, &at, &failure),
                         CR_OK);
    }
    assert_int_equal(cr_log_sync(log, &failure), CR_OK);
    cr_log_close(log);
    assert_int_equal(cr_log_open(real.text, &genesis, 9, &log, &failure), CR_OK);
    assert_int_equal(cr_log_read(log, &at, &kind, body, sizeof body, &count), CR_OK);
    assert_true(count == CR_LOG_RECORD_BYTES_MAX && body[8] == 9 && at.segment == 2);
    cr_log_close(log);
}

/* ---- damage ---- */

/* Where the records of the last segment end, to know how many a cut leaves. */
static uint64_t records_before(const struct cr_log_position *positions, uint64_t count,
                               const struct cr_log_position *end, uint32_t offset)
{
    uint64_t whole = 0;
    for (uint64_t i = 0; i < count; i++) {
        const struct cr_log_position *next = i + 1 == count ? end : &positions[i + 1];
        const bool is_earlier = positions[i].segment < end->segment;
        if (is_earlier || next->offset <= offset) whole++;
    }
    return whole;
}

enum damage { CUT, ZEROED, GARBAGE, DAMAGES };

static void apply(enum damage damage, struct test_file *file, uint32_t from)
{
    struct cr_prng prng = cr_prng_stream(3, 3, from);
    for (size_t i = from; i < file->count; i++)
        file->bytes[i] = damage == GARBAGE ? (uint8_t)cr_prng_next(&prng) : 0;
    if (damage == CUT) file->count = from;
}

/* Goal: whatever the tail lost, the log is exactly the whole records before it, unless the guard
 * knows better. Method: the last segment cut, zeroed and overwritten from every byte on. */
static void torn_at_every_byte(void **state)
{
    (void)state;
    static struct cr_log_position positions[200];
    static struct test_file file;
    static struct test_file damaged;
    const struct test_path path = path_of("log");
    const struct test_path copy = path_of("copy");
    struct cr_log *log;
    struct cr_log_position end;
    fault.no_sync = true;
    const uint64_t all = make_short_log(path.text, positions, &end);
    char name[CR_SEGMENT_NAME_BYTES];
    cr_segment_name(end.segment, name);
    const struct test_path last = path_in(copy.text, name);
    const struct test_path source = path_in(path.text, name);
    file_load(source.text, &file);
    const uint64_t before = records_before(positions, all, &end, 0);

    for (uint32_t offset = 0; offset <= end.offset + 40; offset++) {
        const uint64_t whole = records_before(positions, all, &end, offset);
        for (uint32_t damage = CUT; damage < DAMAGES; damage++) {
            copy_folder(path.text, copy.text);
            damaged = file;
            apply((enum damage)damage, &damaged, offset);
            file_save(last.text, &damaged);
            /* A header is never torn: garbage there is damage, or a version that is not ours. */
            if (damage == GARBAGE && offset < CR_SEGMENT_HEADER_BYTES) {
                assert_int_not_equal(open_log(copy.text, 0, &log), CR_OK);
                continue;
            }
            if (whole < all) assert_int_equal(open_log(copy.text, all, &log), CR_ERR_CORRUPT);
            assert_true(check_folder(copy.text, before, whole) == whole);
        }
    }
}

/* Goal: no flipped byte of a header or a record goes unnoticed. Method: every one of them. */
static void every_flipped_byte_is_found(void **state)
{
    (void)state;
    static struct cr_log_position positions[200];
    static struct test_file file;
    const struct test_path path = path_of("log");
    struct cr_log *log;
    struct cr_log_position end;
    fault.no_sync = true;
    const uint64_t all = make_short_log(path.text, positions, &end);
    for (uint32_t segment = 0; segment <= end.segment; segment++) {
        char name[CR_SEGMENT_NAME_BYTES];
        cr_segment_name(segment, name);
        const struct test_path victim = path_in(path.text, name);
        uint32_t used = end.offset;
        for (uint32_t i = 0; i < all && segment < end.segment; i++) {
            enum cr_log_kind kind;
            uint8_t body[BODY_MAX];
            if (positions[i].segment != segment) continue;
            used = positions[i].offset + CR_RECORD_HEADER_BYTES +
                   (uint32_t)body_of(i + 1, body, &kind);
        }
        for (uint32_t offset = 0; offset < used; offset++) {
            file_load(victim.text, &file);
            file.bytes[offset] ^= (uint8_t)(1u << (offset % 8));
            file_save(victim.text, &file);
            /* A later segment vouches as well as the guard does. */
            const enum cr_err err = open_log(path.text, segment < end.segment ? 0 : all, &log);
            assert_true(err == CR_ERR_CORRUPT || err == CR_ERR_VERSION);
            file.bytes[offset] ^= (uint8_t)(1u << (offset % 8));
            file_save(victim.text, &file);
        }
    }
    assert_int_equal(open_log(path.text, all, &log), CR_OK);
    assert_true(check_log(log) == all);
    cr_log_close(log);
}

/* Goal: damage that happens while the log is open is found by the reader. */
static void reader_finds_damage(void **state)
{
    (void)state;
    const struct test_path path = path_of("log");
    const struct test_path victim = path_of("log/00000000.seg");
    struct cr_log *log;
    uint8_t body[BODY_MAX];
    enum cr_log_kind kind;
    size_t count;
    make_log(path.text, 1, NULL);
    assert_int_equal(open_log(path.text, 1, &log), CR_OK);
    const struct cr_log_position end = cr_log_end(log);
    const struct cr_log_position at = {.sequence = 1};
    const int fd = open(victim.text, O_RDWR);
    assert_true(fd >= 0);
    for (uint32_t offset = 0; offset < end.offset; offset++) {
        uint8_t byte;
        assert_true(pread(fd, &byte, 1, offset) == 1);
        byte ^= 0x10;
        assert_true(pwrite(fd, &byte, 1, offset) == 1);
        const enum cr_err err = cr_log_read(log, &at, &kind, body, sizeof body, &count);
        assert_true(err == CR_ERR_CHECKSUM || err == CR_ERR_NOT_FOUND);
        byte ^= 0x10;
        assert_true(pwrite(fd, &byte, 1, offset) == 1);
    }
    assert_int_equal(cr_log_read(log, &at, &kind, body, sizeof body, &count), CR_OK);
    close(fd);
    cr_log_close(log);
}

/* Goal: a valid record from elsewhere is not taken for the next one. Method: behind the end lie a
 * record of another chain, the last record again, and the one after the next. */
static void foreign_records(void **state)
{
    (void)state;
    static struct cr_log_position positions[5];
    static struct test_file ours;
    static struct test_file theirs;
    const struct test_path path = path_of("log");
    const struct test_path other = path_of("other");
    const struct test_path segment = path_of("log/00000000.seg");
    const struct test_path other_segment = path_of("other/00000000.seg");
    struct cr_log *log;
    make_log(path.text, 3, positions);
    assert_int_equal(cr_log_open_with(other.text, &other_genesis, 0, &small, &log, &failure),
                     CR_OK);
    append_many(log, 5, positions);
    const struct cr_log_position end = cr_log_end(log);
    cr_log_close(log);
    file_load(other_segment.text, &theirs);

    const uint32_t our_end = positions[3].offset; /* of equal records, so at equal places */
    file_load(segment.text, &ours);
    memcpy(ours.bytes + our_end, theirs.bytes + our_end, end.offset - our_end);
    file_save(segment.text, &ours);
    assert_true(check_folder(path.text, 0, 3) == 3);

    memset(ours.bytes + our_end, 0, SEGMENT - our_end);
    memcpy(ours.bytes + our_end, ours.bytes + positions[2].offset, our_end - positions[2].offset);
    file_save(segment.text, &ours);
    assert_true(check_folder(path.text, 0, 3) == 3);

    remove_tree(path.text);
    make_log(path.text, 5, positions);
    file_load(segment.text, &ours);
    memmove(ours.bytes + positions[3].offset, ours.bytes + positions[4].offset,
            SEGMENT - positions[4].offset);
    file_save(segment.text, &ours);
    assert_int_equal(open_log(path.text, 4, &log), CR_ERR_CORRUPT);
    assert_true(check_folder(path.text, 3, 3) == 3);
}

/* Goal: what is torn leaves nothing behind. Method: the old records 2 and 3 are whole, record 1 is
 * torn; a new record 1 of the same length must not make them valid again. */
static void old_tail_does_not_return(void **state)
{
    (void)state;
    static struct cr_log_position positions[3];
    static struct test_file file;
    const struct test_path path = path_of("log");
    const struct test_path segment = path_of("log/00000000.seg");
    struct cr_log *log;
    make_log(path.text, 3, positions);
    file_load(segment.text, &file);
    file.bytes[positions[0].offset] ^= 1;
    file_save(segment.text, &file);
    assert_int_equal(open_log(path.text, 0, &log), CR_OK);
    assert_true(cr_log_durable(log) == 0);
    struct cr_log_stats stats;
    cr_log_stats(log, &stats);
    assert_true(stats.torn_bytes_cut > positions[2].offset - positions[0].offset);
    append_many(log, 1, NULL);
    cr_log_close(log);
    assert_int_equal(open_log(path.text, 1, &log), CR_OK);
    assert_true(check_log(log) == 1);
    cr_log_close(log);
}

/* Goal: what is not ours, or not all there, is refused by name, and not changed. */
static void refusals(void **state)
{
    (void)state;
    static struct test_file before;
    static struct test_file after;
    const struct test_path path = path_of("log");
    const struct test_path first = path_of("log/00000000.seg");
    struct cr_log *log;
    struct cr_log *second;
    make_log(path.text, 80, NULL);
    assert_int_equal(open_log(path.text, 0, &log), CR_OK);
    assert_int_equal(open_log(path.text, 0, &second), CR_ERR_BUSY);
    cr_log_close(log);

    file_load(first.text, &before);
    assert_int_equal(cr_log_open_with(path.text, &other_genesis, 0, &small, &log, &failure),
                     CR_ERR_MISMATCH);
    assert_non_null(strstr(failure.text, "0102030000000000"));
    assert_non_null(strstr(failure.text, "0405060000000000"));
    assert_int_equal(cr_log_open(path.text, &genesis, 0, &log, &failure), CR_ERR_VERSION);

    after = before;
    after.bytes[8] = CR_LOG_VERSION + 1;
    after.bytes[SEGMENT / 2] ^= 1; /* would be damage, were it ours */
    file_save(first.text, &after);
    before = after;
    assert_int_equal(open_log(path.text, 0, &log), CR_ERR_VERSION);
    file_load(first.text, &after);
    assert_memory_equal(before.bytes, after.bytes, before.count);

    unlink(first.text);
    assert_int_equal(open_log(path.text, 0, &log), CR_ERR_CORRUPT);
    remove_tree(path.text);
    assert_int_equal(open_log(path.text, 80, &log), CR_ERR_NOT_FOUND);
    assert_int_not_equal(access(path.text, F_OK), 0);
    assert_int_equal(mkdir(path.text, 0700), 0);
    assert_int_equal(open_log(path.text, 80, &log), CR_ERR_CORRUPT);
    assert_non_null(strstr(failure.text, "knows 80 durable records"));
    const struct test_path no_parent = path_of("no/log");
    assert_int_equal(open_log(no_parent.text, 0, &log), CR_ERR_IO);
}

/* ---- failures while writing ---- */

/* Appends, writes and syncs until something fails; returns what was acknowledged as durable. */
static uint64_t run_until_failure(const char *path, enum cr_err expected)
{
    struct cr_log *log;
    struct cr_log_position position;
    enum cr_err err = open_log(path, 0, &log);
    if (err != CR_OK) {
        assert_int_equal(err, expected);
        return 0;
    }
    const uint64_t begin = cr_log_durable(log);
    for (uint32_t i = 0; err == CR_OK && i < 100; i++) {
        err = append_next(log, &position);
        if (err == CR_OK && i % 5 == 4) err = cr_log_write(log, &failure);
        if (err == CR_OK && i % 7 == 6) err = cr_log_sync(log, &failure);
    }
    if (err != CR_OK) { /* sticky, with the same words, and without touching the disk */
        const struct cr_store_failure first = failure;
        const uint64_t calls = fault.calls;
        assert_int_equal(err, expected);
        assert_int_equal(append_next(log, &position), expected);
        assert_int_equal(cr_log_write(log, &failure), expected);
        assert_int_equal(cr_log_sync(log, &failure), expected);
        assert_string_equal(failure.text, first.text);
        assert_true(fault.calls == calls);
    }
    const uint64_t durable = cr_log_durable(log);
    assert_true(durable >= begin);
    if (err != CR_OK) assert_true(check_log(log) == durable); /* still readable */
    cr_log_close(log);
    return durable;
}

static void fail_every_call(int error, enum cr_err expected)
{
    const struct test_path path = path_of("log");
    bool was_hit = true;
    for (uint64_t n = 1; was_hit; n++) {
        remove_tree(path.text);
        fault_reset();
        fault.no_sync = true;
        fault.fail_at = n;
        fault.error = error;
        const uint64_t durable = run_until_failure(path.text, expected);
        was_hit = fault.hit;
        fault_reset();
        fault.no_sync = true;
        check_folder(path.text, durable, durable);
    }
}

/* Goal: every single failure is told, final, and loses nothing acknowledged. Method: fail the n-th
 * call that changes something, for every n, a write after half of its bytes. */
static void every_failing_call(void **state)
{
    (void)state;
    fail_every_call(EIO, CR_ERR_IO);
    fail_every_call(ENOSPC, CR_ERR_NO_SPACE);
}

/* Goal: the operator is told the path and the way out; no space for the next segment is no failure
 * as long as the current one has room. */
static void no_space(void **state)
{
    (void)state;
    const struct test_path path = path_of("log");
    struct cr_log *log;
    struct cr_log_position position;
    struct cr_log_stats stats;
    assert_int_equal(open_log(path.text, 0, &log), CR_OK);
    fault.no_allocation = true;
    while (append_next(log, &position) == CR_OK)
        assert_int_equal(cr_log_sync(log, &failure), CR_OK);
    assert_int_equal(failure.err, CR_ERR_NO_SPACE);
    assert_non_null(strstr(failure.text, "log/00000001.seg': No space left on device; free space"));
    cr_log_stats(log, &stats);
    assert_true(stats.prepare_failures == 1 && stats.segments == 1);
    assert_true(cr_log_end(log).offset > SEGMENT - BODY_MAX - CR_RECORD_HEADER_BYTES);
    const uint64_t durable = cr_log_durable(log);
    assert_true(cr_log_end(log).sequence == durable + 1);
    cr_log_close(log);
    fault_reset();
    assert_true(check_folder(path.text, durable, durable) == durable);
}

/* Goal: EINTR and short counts change nothing. */
static void choppy_calls(void **state)
{
    (void)state;
    const struct test_path path = path_of("log");
    fault.is_choppy = true;
    fault.no_sync = true;
    make_log(path.text, 60, NULL);
    assert_true(check_folder(path.text, 60, 60) == 60);
    fault.is_choppy = false;
    assert_true(check_folder(path.text, 63, 63) == 63);
}

/* ---- the process dies, the machine dies ---- */

static struct {
    struct cr_log *log;
    uint64_t durable; /* the last number that was told to somebody */
    uint64_t checks;
    uint64_t seed;
    bool is_checking;
} crash;

/* The files as a killed process leaves them: as they are. */
static void check_killed(void)
{
    if (crash.is_checking) return;
    crash.is_checking = true;
    const struct test_path live = path_of("log");
    const struct test_path copy = path_of("copy");
    copy_folder(live.text, copy.text);
    check_folder(copy.text, crash.durable, crash.durable);
    crash.checks++;
    crash.is_checking = false;
}

/* The files as a lost machine leaves them: of what was not synced, any sectors. */
static void check_lost(void)
{
    enum { SECTOR = 512 };
    static struct test_file old;
    static struct test_file now;
    if (crash.is_checking) return;
    crash.is_checking = true;
    const struct test_path shadow = path_of("shadow");
    const struct test_path copy = path_of("copy");
    const char *shadow_before = fault.shadow;
    fault.shadow = NULL;
    for (uint32_t variant = 0; variant < 3; variant++) {
        struct cr_prng prng = cr_prng_stream(crash.seed, 5, crash.checks * 3 + variant);
        copy_folder(shadow.text, copy.text);
        for (uint32_t i = 0; i < 8; i++) {
            char name[CR_SEGMENT_NAME_BYTES];
            cr_segment_name(i, name);
            const struct test_path from = path_in(fault.live, name);
            const struct test_path to = path_in(copy.text, name);
            file_load(from.text, &now);
            file_load(to.text, &old);
            if (!now.is_there || !old.is_there) continue;
            for (size_t at = 0; at < now.count; at += SECTOR) {
                const size_t count = now.count - at < SECTOR ? now.count - at : SECTOR;
                if (cr_prng_below(&prng, 2) == 0) memcpy(old.bytes + at, now.bytes + at, count);
            }
            file_save(to.text, &old);
        }
        check_folder(copy.text, crash.durable, crash.durable);
    }
    fault.shadow = shadow_before;
    crash.checks++;
    crash.is_checking = false;
}

static void run_with_crashes(void (*after)(void), bool with_shadow)
{
    const struct test_path path = path_of("log");
    const struct test_path shadow = path_of("shadow");
    struct cr_log_position position;
    memset(&crash, 0, sizeof crash);
    assert_int_equal(mkdir(shadow.text, 0700), 0);
    assert_int_equal(mkdir(path.text, 0700), 0);
    fault.no_sync = true;
    fault.live = path.text;
    fault.shadow = with_shadow ? shadow.text : NULL;
    fault.after = after;
    struct cr_log *log;
    assert_int_equal(open_log(path.text, 0, &log), CR_OK);
    for (uint32_t i = 0; i < 150; i++) {
        assert_int_equal(append_next(log, &position), CR_OK);
        if (i % 5 == 4) assert_int_equal(cr_log_write(log, &failure), CR_OK);
        if (i % 3 == 2) assert_int_equal(cr_log_sync(log, &failure), CR_OK);
        crash.durable = cr_log_durable(log);
    }
    assert_true(cr_log_end(log).segment >= 3);
    assert_true(crash.checks > 100);
    cr_log_close(log);
    fault_reset();
}

/* Goal: kill -9 after any system call loses nothing that was durable. */
static void killed_after_every_call(void **state)
{
    (void)state;
    run_with_crashes(check_killed, false);
}

/* Goal: so does a power loss, which keeps any part of what was not synced. */
static void power_lost_after_every_call(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        run_with_crashes(check_lost, true);
        crash.seed = seed;
        remove_tree(test_root);
        assert_int_equal(mkdir(test_root, 0700), 0);
    }
}

/* ---- threads ---- */

struct reading {
    struct cr_log *log;
    _Atomic bool stop;
    _Atomic uint64_t reads;
};

static void *read_always(void *context)
{
    struct reading *reading = context;
    struct cr_log_position position = {.sequence = 1};
    uint8_t body[BODY_MAX];
    uint8_t expected[BODY_MAX];
    enum cr_log_kind kind;
    enum cr_log_kind expected_kind;
    size_t count;
    while (!atomic_load(&reading->stop)) {
        const uint64_t sequence = position.sequence;
        const uint64_t durable = cr_log_durable(reading->log);
        const enum cr_err err =
            cr_log_next(reading->log, &position, &kind, body, sizeof body, &count);
        if (err == CR_ERR_NOT_FOUND && sequence > durable) {
            position = (struct cr_log_position){.sequence = 1};
            continue;
        }
        if (err != CR_OK || count != body_of(sequence, expected, &expected_kind) ||
            memcmp(body, expected, count) != 0 || kind != expected_kind) {
            abort(); /* cmocka's assertions belong to the main thread */
        }
        struct cr_log_stats stats;
        cr_log_stats(reading->log, &stats);
        atomic_fetch_add(&reading->reads, 1);
    }
    return NULL;
}

/* Goal: readers see whole records only, at any speed of the writer. Meant for the thread
 * sanitizer. */
static void readers_beside_the_writer(void **state)
{
    (void)state;
    const struct test_path path = path_of("log");
    struct reading reading = {.log = NULL};
    pthread_t threads[2];
    fault.no_sync = true;
    static const struct cr_log_options options = {
        .segment_bytes = SEGMENT, .buffer_bytes = 2048, .io = &cr_io_system};
    assert_int_equal(cr_log_open_with(path.text, &genesis, 0, &options, &reading.log, &failure),
                     CR_OK);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_always, &reading), 0);
    for (uint32_t i = 0; i < 100 || atomic_load(&reading.reads) < 2000; i++)
        append_many(reading.log, 10, NULL);
    atomic_store(&reading.stop, true);
    for (uint32_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    cr_log_close(reading.log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(round_trip),
        STORE_TEST(documented_bytes),
        STORE_TEST(reading_edges),
        STORE_TEST(sizes),
        STORE_TEST(torn_at_every_byte),
        STORE_TEST(every_flipped_byte_is_found),
        STORE_TEST(reader_finds_damage),
        STORE_TEST(foreign_records),
        STORE_TEST(old_tail_does_not_return),
        STORE_TEST(refusals),
        STORE_TEST(every_failing_call),
        STORE_TEST(no_space),
        STORE_TEST(choppy_calls),
        STORE_TEST(killed_after_every_call),
        STORE_TEST(power_lost_after_every_call),
        STORE_TEST(readers_beside_the_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
