/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include "cli/http.h"

static bool parse_url(const char *text, struct cr_url *out)
{
    return cr_url_parse(text, strlen(text), out);
}

static void urls(void **state)
{
    (void)state;
    struct cr_url url;
    assert_true(parse_url("http://127.0.0.1:7080", &url));
    assert_string_equal(url.host, "127.0.0.1");
    assert_string_equal(url.port, "7080");
    assert_string_equal(url.authority, "127.0.0.1:7080");
    assert_true(parse_url("http://a.example/", &url));
    assert_string_equal(url.port, "80");
    assert_true(parse_url("http://[::1]:7", &url));
    assert_string_equal(url.host, "::1");
    assert_string_equal(url.authority, "[::1]:7");
    static const char *const bad[] = {"",
                                      "http://",
                                      "https://a:1",
                                      "a:1",
                                      "http://a:",
                                      "http://:1",
                                      "http://a:1x",
                                      "http://a b:1",
                                      "http://[",
                                      "http://[::1]x",
                                      "http://a:123456",
                                      "http://a/x",
                                      "http://a\r\nb:1"};
    for (uint32_t i = 0; i < CR_COUNT_OF(bad); i++)
        assert_false(parse_url(bad[i], &url));
}

static enum cr_err parse(const char *text, struct cr_http_answer *out)
{
    return cr_http_parse((const uint8_t *)text, strlen(text), out);
}

/* Goal: an answer is read at whatever pieces it comes in. Method: every prefix. */
static void answers_in_pieces(void **state)
{
    (void)state;
    static const char text[] = "HTTP/1.1 202 Accepted\r\nDate: x\r\ncontent-LENGTH:  12 \r\n\r\n"
                               "hello, world";
    struct cr_http_answer answer;
    const size_t head = sizeof text - 1 - 12;
    for (size_t i = 0; i < sizeof text; i++) {
        const enum cr_err err = cr_http_parse((const uint8_t *)text, i, &answer);
        assert_int_equal(err, i < head ? CR_ERR_TRUNCATED : CR_OK);
    }
    assert_int_equal(answer.status, 202);
    assert_int_equal(answer.head_bytes, head);
    assert_int_equal(answer.body_bytes, 12);
    assert_true(answer.keep_alive);
    assert_int_equal(
        parse("HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n", &answer), CR_OK);
    assert_false(answer.keep_alive);
    assert_int_equal(parse("HTTP/1.1 204 No Content\r\n\r\n", &answer), CR_OK);
}

static void broken_answers(void **state)
{
    (void)state;
    struct cr_http_answer answer;
    static const char *const bad[] = {
        "HTTP/1.0 200 OK\r\n\r\n",
        "SSH-2.0-x\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 \r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    };
    for (uint32_t i = 0; i < CR_COUNT_OF(bad); i++)
        assert_int_equal(parse(bad[i], &answer), CR_ERR_MALFORMED);
    assert_int_equal(parse("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", &answer),
                     CR_ERR_TOO_BIG);
    static char endless[CR_HTTP_HEAD_BYTES_MAX + 2];
    memset(endless, 'x', sizeof endless - 1);
    memcpy(endless, "HTTP/1.1 200 OK\r\n", 17);
    assert_int_equal(parse(endless, &answer), CR_ERR_TOO_BIG);
}

static void requests(void **state)
{
    (void)state;
    struct cr_url url;
    char out[512];
    assert_true(parse_url("http://a:1", &url));
    const struct cr_http_request request = {
        .method = "POST", .path = "/x", .content_type = "t", .body_bytes = 3, .wait_seconds = 30};
    const size_t count = cr_http_head(&url, &request, out, sizeof out);
    assert_int_equal(count, strlen(out));
    assert_non_null(strstr(out, "POST /x HTTP/1.1\r\nHost: a:1\r\n"));
    assert_non_null(
        strstr(out, "\r\nContent-Length: 3\r\nContent-Type: t\r\nPrefer: wait=30\r\n\r\n"));
    assert_int_equal(cr_http_head(&url, &request, out, 40), 0);
}

static void escapes(void **state)
{
    (void)state;
    char out[32];
    assert_true(cr_http_escape("a/b-c d%\xff", 9, out, sizeof out));
    assert_string_equal(out, "a/b-c%20d%25%FF");
    assert_false(cr_http_escape("aaaa", 4, out, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(urls), cmocka_unit_test(answers_in_pieces),
                                       cmocka_unit_test(broken_answers), cmocka_unit_test(requests),
                                       cmocka_unit_test(escapes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
