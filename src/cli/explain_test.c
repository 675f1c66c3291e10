/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include <stdio.h>

#include "cli/cli.h"

enum { SKIPPED = 77 };

/* Goal: docs/configuration.md is what the schema says. Method: compare it with the output of
 * `creto config explain`; to renew it: creto config explain > docs/configuration.md */
static void the_page_is_current(void **state)
{
    (void)state;
    char path[CR_PATH_BYTES_MAX], *wanted = NULL;
    size_t wanted_count = 0;
    (void)snprintf(path, sizeof path, "%s/docs/configuration.md", getenv("CRETO_ROOT"));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    FILE *out = open_memstream(&wanted, &wanted_count);
    assert_non_null(out);
    cr_cli_explain(out);
    assert_int_equal(fclose(out), 0);
    char *text = calloc(1, wanted_count + 2);
    assert_non_null(text);
    const size_t count = fread(text, 1, wanted_count + 1, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(count, wanted_count);
    assert_string_equal(text, wanted);
    free(text);
    free(wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_page_is_current)};
    if (getenv("CRETO_ROOT") == NULL) return SKIPPED; /* not started by ctest */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
