/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include <stdio.h>

#include "cli/cli.h"

static struct cr_words words, list;
static const char *text;
static uint64_t number;
static bool flag;

static const struct cr_command command = {"test", "FILE...", "Test", "  $ creto test\n", NULL};

static int read_words(int count, const char *const *given)
{
    const struct cr_option table[] = {
        {.name = "name",
         .kind = CR_OPTION_TEXT,
         .value = "TEXT",
         .meaning = "a text",
         .out = &text},
        {.name = "count",
         .letter = 'n',
         .kind = CR_OPTION_NUMBER,
         .value = "N",
         .out = &number,
         .meaning = "a number",
         .least = 2,
         .most = 10},
        {.name = "flag",
         .letter = 'f',
         .kind = CR_OPTION_SWITCH,
         .meaning = "a flag",
         .out = &flag},
        {.name = "many", .kind = CR_OPTION_LIST, .value = "X", .meaning = "a list", .out = &list},
    };
    const struct cr_options options = {.command = &command,
                                       .list = table,
                                       .count = CR_COUNT_OF(table),
                                       .words_least = 1,
                                       .words_most = 2,
                                       .words = &words};
    char *copies[16], store[16][64];
    for (int i = 0; i < count; i++) {
        (void)snprintf(store[i], sizeof store[i], "%s", given[i]);
        copies[i] = store[i];
    }
    words.count = list.count = 0;
    text = NULL;
    number = 0;
    flag = false;
    const int code = cr_options_read(&options, count, copies);
    static char kept[64]; /* the words die with this function */
    if (text != NULL) {
        (void)snprintf(kept, sizeof kept, "%s", text);
        text = kept;
    }
    return code;
}

#define READ(...)                                                      \
    read_words((int)CR_COUNT_OF(((const char *const[]){__VA_ARGS__})), \
               (const char *const[]){__VA_ARGS__})

static void every_form_is_read(void **state)
{
    (void)state;
    assert_int_equal(READ("--name", "x", "a", "-n", "3", "--many=1", "-f", "--many", "2"), -1);
    assert_string_equal(text, "x");
    assert_int_equal(number, 3);
    assert_true(flag);
    assert_int_equal(list.count, 2);
    assert_int_equal(words.count, 1);

    assert_int_equal(READ("--name=a=b", "-", "--count=10"), -1);
    assert_string_equal(text, "a=b");
    assert_int_equal(number, 10);
    assert_int_equal(words.count, 1);

    assert_int_equal(READ("--", "--name", "-n"), -1); /* words after "--" */
    assert_null(text);
    assert_int_equal(words.count, 2);
}

static void mistakes_are_usage_errors(void **state)
{
    (void)state;
    assert_int_equal(READ("--nmae", "x", "a"), CR_EXIT_USAGE);
    assert_int_equal(READ("-x", "a"), CR_EXIT_USAGE);
    assert_int_equal(READ("-nf", "a"), CR_EXIT_USAGE);
    assert_int_equal(READ("a", "--name"), CR_EXIT_USAGE);
    assert_int_equal(READ("a", "--flag=1"), CR_EXIT_USAGE);
    assert_int_equal(READ("a", "-n", "1"), CR_EXIT_USAGE);
    assert_int_equal(READ("a", "-n", "11"), CR_EXIT_USAGE);
    assert_int_equal(READ("a", "-n", "3x"), CR_EXIT_USAGE);
    assert_int_equal(READ("a", "-n", "-3"), CR_EXIT_USAGE);
    assert_int_equal(READ("a", "-n", ""), CR_EXIT_USAGE);
    assert_int_equal(READ("a", "-n", "99999999999999999999"), CR_EXIT_USAGE);
    assert_int_equal(READ("a", "b", "c"), CR_EXIT_USAGE);
    assert_int_equal(READ("-f"), CR_EXIT_USAGE);
}

static void help_fits_one_screen(void **state)
{
    (void)state;
    assert_int_equal(READ("--help"), CR_EXIT_OK);
    assert_int_equal(READ("a", "-h"), CR_EXIT_OK);
}

static void paths_are_measured(void **state)
{
    (void)state;
    char out[CR_PATH_BYTES_MAX], name[CR_PATH_BYTES_MAX];
    assert_true(cr_cli_join(out, "/a", "b"));
    assert_string_equal(out, "/a/b");
    assert_true(cr_cli_join(out, out, "c"));
    assert_string_equal(out, "/a/b/c");
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = 0;
    assert_false(cr_cli_join(out, "/a", name));
    assert_string_equal(out, "/a/b/c");
    assert_int_equal(setenv("CRETO_NODE_HOME", "/env", 1), 0);
    assert_true(cr_cli_home("/flag", out));
    assert_string_equal(out, "/flag");
    assert_true(cr_cli_home(NULL, out));
    assert_string_equal(out, "/env");
    assert_int_equal(unsetenv("CRETO_NODE_HOME"), 0);
    assert_int_equal(setenv("XDG_DATA_HOME", "/data", 1), 0);
    assert_true(cr_cli_home(NULL, out));
    assert_string_equal(out, "/data/creto/node");
    assert_true(cr_cli_localnet_home(NULL, out));
    assert_string_equal(out, "/data/creto/localnet");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_read), cmocka_unit_test(mistakes_are_usage_errors),
        cmocka_unit_test(help_fits_one_screen), cmocka_unit_test(paths_are_measured)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
