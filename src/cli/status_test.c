/* SPDX-License-Identifier: Apache-2.0 */
/* What `creto status` says of a node that catches up, word for word. */
#include "base/unit.h"

#include "cli/status.h"

static void expect(const char *status, const char *line)
{
    char text[512], cut[12];
    json_t *node = json_loads(status, 0, NULL);
    assert_non_null(node);
    cr_status_sync(node, text, sizeof text);
    assert_string_equal(text, line);
    cr_status_sync(node, cut, sizeof cut); /* whatever the names are */
    assert_memory_equal(cut, line, strlen(line) < sizeof cut ? strlen(line) + 1 : sizeof cut - 1);
    json_decref(node);
}

static void the_line_is_as_written(void **state)
{
    (void)state;
    expect("{\"syncing\":false,\"ready\":true}", "in sync");
    expect("{\"syncing\":false,\"ready\":false}", "not catching up"); /* not connected yet */
    expect("{\"syncing\":true,\"sync\":{\"behind\":1234,\"commits_per_s\":0,\"from\":[],"
           "\"forged\":0}}",
           "1234 commits behind");
    expect("{\"syncing\":true,\"sync\":{\"behind\":1234,\"commits_per_s\":850,"
           "\"from\":[\"node0\",\"node2\"],\"forged\":0}}",
           "1234 commits behind, 850/s, 2 s left, from node0 node2");
    expect("{\"syncing\":true,\"sync\":{\"behind\":9,\"commits_per_s\":10,\"from\":[\"node1\"],"
           "\"forged\":1}}",
           "9 commits behind, 10/s, 1 s left, from node1, 1 forged range");
    expect("{\"syncing\":true,\"sync\":{\"behind\":9,\"commits_per_s\":10,\"from\":[\"node1\"],"
           "\"forged\":3}}",
           "9 commits behind, 10/s, 1 s left, from node1, 3 forged ranges");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_line_is_as_written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
