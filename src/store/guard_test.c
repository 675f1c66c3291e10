/* SPDX-License-Identifier: Apache-2.0 */
#include "store/testing.h"

#include "store/guard_internal.h"

static const struct cr_hash owner = {{1, 2, 3}};
static const struct cr_hash other_owner = {{4, 5, 6}};
static struct cr_store_failure failure;

static struct cr_guard_record record_of(uint32_t round)
{
    return (struct cr_guard_record){.epoch = 1 + round / 50,
                                    .round = round,
                                    .digest = cr_hash_of(&round, sizeof round),
                                    .log_sequence = (uint64_t)round * 10};
}

static void expect_record(const struct cr_guard_record *record, uint32_t round)
{
    static const struct cr_hash none;
    const struct cr_guard_record expected = record_of(round);
    assert_true(record->round == round);
    assert_true(record->epoch == (round == 0 ? 0 : expected.epoch));
    assert_true(record->log_sequence == expected.log_sequence);
    assert_true(cr_hash_equal(&record->digest, round == 0 ? &none : &expected.digest));
}

static enum cr_err open_guard(const char *path, struct cr_guard **guard,
                              struct cr_guard_record *record, bool *found)
{
    memset(&failure, 0, sizeof failure);
    const enum cr_err err =
        cr_guard_open_with(path, &owner, &fault_io, guard, record, found, &failure);
    assert_int_equal(failure.err, err);
    return err;
}

/* Goal: it opens and holds this round. */
static void expect_round(const char *path, uint32_t round)
{
    struct cr_guard *guard;
    struct cr_guard_record record;
    bool found;
    assert_int_equal(open_guard(path, &guard, &record, &found), CR_OK);
    assert_true(found);
    expect_record(&record, round);
    cr_guard_close(guard);
}

static void write_rounds(const char *path, uint32_t from, uint32_t to)
{
    struct cr_guard *guard;
    struct cr_guard_record record;
    bool found;
    assert_int_equal(open_guard(path, &guard, &record, &found), CR_OK);
    for (uint32_t round = from; round <= to; round++) {
        const struct cr_guard_record next = record_of(round);
        assert_int_equal(cr_guard_write(guard, &next, &failure), CR_OK);
    }
    cr_guard_close(guard);
}

/* Goal: the last record comes back, over many openings; the file keeps its size and mode. */
static void round_trip(void **state)
{
    (void)state;
    const struct test_path path = path_of("guard");
    const struct test_path unnamed = path_of("guard.new");
    struct cr_guard *guard;
    struct cr_guard_record record;
    bool found = true;
    assert_int_equal(open_guard(path.text, &guard, &record, &found), CR_OK);
    assert_false(found);
    expect_record(&record, 0);
    cr_guard_close(guard);
    expect_round(path.text, 0);
    for (uint32_t round = 1; round < 120; round += 3) {
        write_rounds(path.text, round, round + 2);
        expect_round(path.text, round + 2);
    }
    write_rounds(path.text, 120, 120); /* again: the same round and digest */
    write_rounds(path.text, 120, 120);
    expect_round(path.text, 120);
    struct stat stat_of;
    assert_int_equal(stat(path.text, &stat_of), 0);
    assert_true(stat_of.st_size == 8192 && (stat_of.st_mode & 0777) == 0600);
    assert_int_not_equal(access(unnamed.text, F_OK), 0);
}

/* Goal: a lower round, or another digest for the same round, is our bug and stops us. */
static void regress_is_a_bug(void **state)
{
    (void)state;
    const struct test_path path = path_of("guard");
    struct cr_guard *guard;
    struct cr_guard_record record;
    bool found;
    write_rounds(path.text, 60, 60);
    assert_int_equal(open_guard(path.text, &guard, &record, &found), CR_OK);
    struct cr_guard_record next = record_of(60);
    next.digest.bytes[0] ^= 1;
    expect_assert_failure((void)!cr_guard_write(guard, &next, &failure));
    next = record_of(59);
    expect_assert_failure((void)!cr_guard_write(guard, &next, &failure));
    next = record_of(61);
    next.epoch--;
    expect_assert_failure((void)!cr_guard_write(guard, &next, &failure));
    next = record_of(61);
    next.round = 0;
    expect_assert_failure((void)!cr_guard_write(guard, &next, &failure));
    next = (struct cr_guard_record){.epoch = record.epoch + 1, .round = 1};
    assert_int_equal(cr_guard_write(guard, &next, &failure), CR_OK); /* a new epoch begins low */
    cr_guard_close(guard);
}

/* Goal: no torn or flipped byte makes a wrong record. Method: after every number of writes, each
 * slot damaged at every byte, then both. */
static void damaged_slots(void **state)
{
    (void)state;
    static struct test_file file;
    static struct test_file damaged;
    const struct test_path path = path_of("guard");
    struct cr_guard *guard;
    struct cr_guard_record record;
    bool found;
    fault.no_sync = true;
    for (uint32_t writes = 1; writes <= 4; writes++) {
        write_rounds(path.text, writes, writes);
        file_load(path.text, &file);
        const uint32_t newest = writes % 2; /* the first record lies in slot 0 */
        for (uint32_t at = 0; at < CR_GUARD_RECORD_BYTES; at++) {
            if (at >= 9 && at < 12) continue; /* the version: a newer one, see `refusals` */
            for (uint32_t slot = 0; slot < 2; slot++) {
                damaged = file;
                damaged.bytes[slot * CR_GUARD_SLOT_BYTES + at] ^= 0x80;
                if (at == 8) damaged.bytes[slot * CR_GUARD_SLOT_BYTES + at] = 0;
                file_save(path.text, &damaged);
                expect_round(path.text, slot == newest ? writes - 1 : writes);
            }
            damaged.bytes[at] ^= 1;
            damaged.bytes[CR_GUARD_SLOT_BYTES + at] ^= 1;
            if (at == 8) continue;
            file_save(path.text, &damaged);
            assert_int_equal(open_guard(path.text, &guard, &record, &found), CR_ERR_CORRUPT);
        }
        file_save(path.text, &file);
    }
    /* A write that replaces a torn slot leaves the good one alone. */
    file.bytes[0] ^= 1; /* the newest after four writes */
    file_save(path.text, &file);
    expect_round(path.text, 3);
    write_rounds(path.text, 5, 5);
    file_load(path.text, &damaged);
    assert_memory_equal(damaged.bytes + CR_GUARD_SLOT_BYTES, file.bytes + CR_GUARD_SLOT_BYTES,
                        CR_GUARD_SLOT_BYTES);
    expect_round(path.text, 5);
}

/* Goal: every refusal has its own error, and changes nothing. */
static void refusals(void **state)
{
    (void)state;
    static struct test_file file;
    static struct test_file after;
    const struct test_path path = path_of("guard");
    struct cr_guard *guard;
    struct cr_guard *second;
    struct cr_guard_record record;
    bool found;
    write_rounds(path.text, 1, 5);
    assert_int_equal(open_guard(path.text, &guard, &record, &found), CR_OK);
    assert_int_equal(open_guard(path.text, &second, &record, &found), CR_ERR_BUSY);
    cr_guard_close(guard);

    file_load(path.text, &file);
    assert_int_equal(cr_guard_open(path.text, &other_owner, &guard, &record, &found, &failure),
                     CR_ERR_MISMATCH);
    assert_non_null(strstr(failure.text, "0102030000000000"));
    after = file;
    after.bytes[8] = CR_GUARD_VERSION + 1;
    file_save(path.text, &after);
    assert_int_equal(open_guard(path.text, &guard, &record, &found), CR_ERR_VERSION);
    after = file;
    after.count = CR_GUARD_SLOT_BYTES;
    file_save(path.text, &after);
    assert_int_equal(open_guard(path.text, &guard, &record, &found), CR_ERR_CORRUPT);
    after.count = 0;
    file_save(path.text, &after);
    assert_int_equal(open_guard(path.text, &guard, &record, &found), CR_ERR_CORRUPT);
    file_load(path.text, &after);
    assert_true(after.count == 0);
    file_save(path.text, &file);
    expect_round(path.text, 5);
    const struct test_path nowhere = path_of("no/guard");
    assert_int_equal(open_guard(nowhere.text, &guard, &record, &found), CR_ERR_IO);
}

/* Goal: whatever call fails, the error stays, and the file holds the last acknowledged record or
 * the one after it. Method: fail the n-th call for every n, creation included. */
static void every_failing_call(void **state)
{
    (void)state;
    const struct test_path path = path_of("guard");
    bool was_hit = true;
    for (uint64_t n = 1; was_hit; n++) {
        struct cr_guard *guard;
        struct cr_guard_record record;
        bool found;
        unlink(path.text);
        fault_reset();
        fault.no_sync = true;
        fault.fail_at = n;
        fault.error = n % 2 == 0 ? EIO : ENOSPC;
        uint32_t acknowledged = 0;
        enum cr_err err = open_guard(path.text, &guard, &record, &found);
        if (err == CR_OK) {
            while (err == CR_OK && acknowledged < 5) {
                const struct cr_guard_record next = record_of(acknowledged + 1);
                err = cr_guard_write(guard, &next, &failure);
                if (err == CR_OK) acknowledged++;
            }
            if (err != CR_OK) {
                const struct cr_guard_record next = record_of(acknowledged + 2);
                const uint64_t calls = fault.calls;
                assert_int_equal(cr_guard_write(guard, &next, &failure), err);
                assert_true(fault.calls == calls);
            }
            cr_guard_close(guard);
        }
        assert_int_equal(err, !fault.hit ? CR_OK : n % 2 == 0 ? CR_ERR_IO : CR_ERR_NO_SPACE);
        was_hit = fault.hit;
        fault_reset();
        assert_int_equal(open_guard(path.text, &guard, &record, &found), CR_OK);
        assert_true(record.round == acknowledged || record.round == acknowledged + 1);
        assert_true(CR_IMPLIES(acknowledged > 0, found));
        cr_guard_close(guard);
    }
}

/* Goal: a record is on the disk when it is told so. Method: a second folder gets only what is
 * synced. */
static void durable_when_told(void **state)
{
    (void)state;
    const struct test_path live = path_of("live");
    const struct test_path shadow = path_of("shadow");
    const struct test_path path = path_of("live/guard");
    const struct test_path synced = path_of("shadow/guard");
    struct cr_guard *guard;
    struct cr_guard_record record;
    bool found;
    assert_int_equal(mkdir(live.text, 0700), 0);
    assert_int_equal(mkdir(shadow.text, 0700), 0);
    write_rounds(path.text, 1, 1); /* opened again, the file has only its own name */
    fault.live = live.text;
    fault.shadow = shadow.text;
    assert_int_equal(open_guard(path.text, &guard, &record, &found), CR_OK);
    for (uint32_t round = 1; round <= 5; round++) {
        const struct cr_guard_record next = record_of(round);
        assert_int_equal(cr_guard_write(guard, &next, &failure), CR_OK);
        expect_round(synced.text, round);
    }
    cr_guard_close(guard);
}

/* Goal: EINTR and short counts change nothing. */
static void choppy_calls(void **state)
{
    (void)state;
    const struct test_path path = path_of("guard");
    fault.is_choppy = true;
    write_rounds(path.text, 1, 5);
    expect_round(path.text, 5);
}

/* Goal: a file knows itself again, and neither a copy nor one that was made in place of one gone is
 * taken for it, until the next record. Method: renamed, copied, put back, deleted, adopted. */
static void copies_are_recognised(void **state)
{
    (void)state;
    static struct test_file file;
    const struct test_path path = path_of("guard");
    const struct test_path moved = path_of("moved");
    const struct test_path copy = path_of("copy");
    struct cr_guard *guard;
    struct cr_guard_record record;
    bool found;
    assert_int_equal(cr_guard_make(path.text, &owner, &failure), CR_OK);
    assert_int_equal(cr_guard_make(path.text, &owner, &failure), CR_ERR_EXISTS);
    assert_int_equal(open_guard(path.text, &guard, &record, &found), CR_OK);
    assert_true(found && !record.lost && record.round == 0);
    cr_guard_close(guard);
    write_rounds(path.text, 1, 5);
    assert_int_equal(rename(path.text, moved.text), 0);
    assert_int_equal(open_guard(moved.text, &guard, &record, &found), CR_OK);
    assert_true(found && !record.lost && record.round == 5);
    cr_guard_close(guard);

    file_load(moved.text, &file);
    file_save(copy.text, &file);
    for (uint32_t time = 0; time < 2; time++) { /* looking at it changes nothing */
        assert_int_equal(open_guard(copy.text, &guard, &record, &found), CR_OK);
        assert_true(found && record.lost && record.round == 5);
        cr_guard_close(guard);
    }
    write_rounds(copy.text, 6, 6); /* whoever writes knows */
    assert_int_equal(open_guard(copy.text, &guard, &record, &found), CR_OK);
    assert_true(!record.lost && record.round == 6);
    cr_guard_close(guard);

    assert_int_equal(unlink(copy.text), 0);
    file_save(copy.text, &file);
    assert_int_equal(open_guard(copy.text, &guard, &record, &found), CR_OK);
    assert_true(record.lost);
    assert_int_equal(cr_guard_adopt(guard, &failure), CR_OK);
    cr_guard_close(guard);
    assert_int_equal(open_guard(copy.text, &guard, &record, &found), CR_OK);
    assert_true(!record.lost && record.round == 5);
    cr_guard_close(guard);

    assert_int_equal(unlink(copy.text), 0);
    for (uint32_t time = 0; time < 2; time++) { /* and it stays lost until something is signed */
        assert_int_equal(open_guard(copy.text, &guard, &record, &found), CR_OK);
        assert_true(found == (time > 0) && record.lost && record.round == 0);
        assert_int_equal(cr_guard_adopt(guard, &failure), CR_ERR_NOT_FOUND);
        cr_guard_close(guard);
    }
    write_rounds(copy.text, 9, 9);
    for (uint32_t time = 0; time < 2; time++) { /* marked, once, and for the next opening */
        assert_int_equal(open_guard(copy.text, &guard, &record, &found), CR_OK);
        assert_true(record.round == 9 && record.lost == (time > 0));
        assert_int_equal(cr_guard_mark_lost(guard, &failure), CR_OK);
        cr_guard_close(guard);
    }
    write_rounds(copy.text, 9, 9);
    assert_int_equal(open_guard(copy.text, &guard, &record, &found), CR_OK);
    assert_true(!record.lost && record.round == 9);
    cr_guard_close(guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(round_trip),        STORE_TEST(regress_is_a_bug),      STORE_TEST(damaged_slots),
        STORE_TEST(refusals),          STORE_TEST(every_failing_call),    STORE_TEST(choppy_calls),
        STORE_TEST(durable_when_told), STORE_TEST(copies_are_recognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
