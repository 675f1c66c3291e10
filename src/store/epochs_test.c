/* SPDX-License-Identifier: Apache-2.0 */
#include "store/testing.h"

#include "store/epochs.h"

enum { HEAD_BYTES = 24 };

static uint8_t body[CR_EPOCH_CERT_BYTES_MAX], got[CR_EPOCH_CERT_BYTES_MAX];

static enum cr_err try_open(struct cr_epochs **out)
{
    struct cr_store_failure failure = {0};
    const struct test_path certs = path_of("epochs"), vote = path_of("epoch");
    const enum cr_err err = cr_epochs_open(certs.text, vote.text, out, &failure);
    assert_int_equal(failure.err, err);
    return err;
}

static struct cr_epochs *open_both(void)
{
    struct cr_epochs *epochs = NULL;
    assert_int_equal(try_open(&epochs), CR_OK);
    return epochs;
}

/* Body number n, of n bytes and a few. */
static size_t make(uint32_t n)
{
    for (uint32_t i = 0; i < n + 40; i++)
        body[i] = (uint8_t)(i * 7 + n);
    return n + 40;
}

static void expect(struct cr_epochs *epochs, uint64_t epoch, uint32_t n)
{
    const size_t count = make(n);
    assert_true(cr_epochs_has(epochs, epoch));
    assert_int_equal(cr_epochs_get(epochs, epoch, got), count);
    assert_memory_equal(got, body, count);
}

static void forget(void)
{
    unlink(path_of("epochs").text);
    unlink(path_of("epoch").text);
}

/* Goal: what is put is there, also after the next start, in whatever order it came; votes that are
 * kept as evidence lie between and are nobody's certificate. */
static void certificates(void **state)
{
    (void)state;
    forget();
    struct cr_epochs *epochs = open_both();
    assert_false(cr_epochs_has(epochs, 2));
    assert_int_equal(cr_epochs_get(epochs, 2, got), 0);
    assert_true(cr_epochs_put(epochs, 700, body, make(700)));
    assert_true(cr_epochs_keep(epochs, 3, body, make(9)));
    assert_true(cr_epochs_put(epochs, 2, body, make(2)));
    for (uint32_t life = 0; life < 2; life++) {
        expect(epochs, 2, 2);
        expect(epochs, 700, 700);
        assert_false(cr_epochs_has(epochs, 3));
        assert_false(cr_epochs_has(epochs, 701));
        assert_false(cr_epochs_has(epochs, UINT64_MAX));
        cr_epochs_close(epochs);
        epochs = open_both();
    }
    cr_epochs_close(epochs);
}

/* Goal: a torn end is cut off wherever it tears, and what is put afterwards is found.
 * Method: every length of a file of three; then every byte of the last record damaged. */
static void torn_tail(void **state)
{
    (void)state;
    static struct test_file whole, torn;
    const struct test_path path = path_of("epochs");
    forget();
    struct cr_epochs *epochs = open_both();
    size_t ends[4] = {0};
    for (uint32_t n = 2; n < 5; n++) {
        ends[n - 1] = ends[n - 2] + HEAD_BYTES + make(n);
        assert_true(cr_epochs_put(epochs, n, body, make(n)));
    }
    cr_epochs_close(epochs);
    file_load(path.text, &whole);
    assert_int_equal(whole.count, ends[3]);
    for (size_t cut = 0; cut < 2 * whole.count; cut++) {
        torn = whole;
        if (cut < whole.count)
            torn.count = cut;
        else
            torn.bytes[cut - whole.count] ^= 1; /* what follows it is cut off as well */
        const size_t damaged = cut % whole.count;
        file_save(path.text, &torn);
        epochs = open_both();
        for (uint32_t n = 2; n < 5; n++)
            assert_true(cr_epochs_has(epochs, n) == (damaged >= ends[n - 1]));
        assert_true(cr_epochs_put(epochs, 9, body, make(9)));
        cr_epochs_close(epochs);
        epochs = open_both();
        expect(epochs, 9, 9);
        cr_epochs_close(epochs);
    }
}

/* Goal: one origin for an epoch, none for an earlier one, whatever starts lie between. */
static void one_vote(void **state)
{
    (void)state;
    const struct cr_hash a = {{1}}, b = {{2}};
    forget();
    struct cr_epochs *epochs = open_both();
    assert_true(cr_epochs_may_sign(epochs, 5, &a));
    for (uint32_t life = 0; life < 2; life++) {
        assert_false(cr_epochs_may_sign(epochs, 5, &b));
        assert_true(cr_epochs_may_sign(epochs, 5, &a));
        assert_false(cr_epochs_may_sign(epochs, 4, &a));
        cr_epochs_close(epochs);
        epochs = open_both();
    }
    assert_true(cr_epochs_may_sign(epochs, 6, &b));
    assert_false(cr_epochs_may_sign(epochs, 5, &a));
    cr_epochs_close(epochs);
}

/* Goal: what cannot be written down is not signed, and a damaged vote is not guessed. */
static void vote_that_cannot_be_kept(void **state)
{
    (void)state;
    static struct test_file file;
    const struct cr_hash a = {{1}};
    const struct test_path vote = path_of("epoch"), other = path_of("epoch.new");
    forget();
    assert_int_equal(mkdir(other.text, 0700), 0); /* no file can take its place */
    struct cr_epochs *epochs = open_both();
    assert_false(cr_epochs_may_sign(epochs, 5, &a));
    assert_int_equal(rmdir(other.text), 0);
    assert_true(cr_epochs_may_sign(epochs, 5, &a));
    cr_epochs_close(epochs);
    file_load(vote.text, &file);
    for (size_t i = 0; i < 2 * file.count; i++) {
        struct cr_epochs *damaged = NULL;
        static struct test_file copy;
        copy = file;
        if (i < file.count)
            copy.bytes[i] ^= 1;
        else
            copy.count = i - file.count;
        file_save(vote.text, &copy);
        assert_int_equal(try_open(&damaged), CR_ERR_CORRUPT);
    }
}

int main(void)
{
    test_root_make();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates),
        cmocka_unit_test(torn_tail),
        cmocka_unit_test(one_vote),
        cmocka_unit_test(vote_that_cannot_be_kept),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_tree(test_root);
    return failed;
}
