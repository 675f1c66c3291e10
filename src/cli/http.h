/* SPDX-License-Identifier: Apache-2.0 */
/* http.h: as much HTTP/1.1 as our own API needs: a blocking client with one kept-alive connection,
 * and the two pure functions that the benchmark's epoll loop shares with it. No TLS: the API is
 * meant for the loopback or for a proxy in front of it. */
#ifndef CR_CLI_HTTP_H
#define CR_CLI_HTTP_H

#include <netdb.h>

#include "base/base.h"

enum { CR_HTTP_HEAD_BYTES_MAX = 16 * 1024, CR_HTTP_BODY_BYTES_MAX = 64 * 1024 * 1024 };

struct cr_url {
    char host[128]; /* without brackets */
    char port[6];
    char authority[144]; /* for the Host header: host:port, [v6]:port */
};

/* "http://HOST[:PORT][/]"; false when it is something else. */
bool cr_url_parse(const char *text, size_t count, struct cr_url *out);

struct cr_http_request {
    const char *method;       /* "GET" */
    const char *path;         /* "/v1/node/status" */
    const char *content_type; /* NULL: no body */
    const uint8_t *body;
    size_t body_bytes;
    uint32_t wait_seconds; /* Prefer: wait=N; 0: none */
};

/* The head of a request with its empty line; its length, 0 when it does not fit. */
size_t cr_http_head(const struct cr_url *url, const struct cr_http_request *request, char *out,
                    size_t out_bytes);

struct cr_http_answer {
    int status; /* 200 */
    size_t head_bytes;
    size_t body_bytes;
    bool keep_alive;
};
/* CR_ERR_TRUNCATED: more bytes are needed; CR_ERR_MALFORMED: not HTTP/1.1, or chunked;
 * CR_ERR_TOO_BIG. */
CR_MUST_CHECK enum cr_err cr_http_parse(const uint8_t *bytes, size_t count,
                                        struct cr_http_answer *out);

/* Every byte that is not a letter, a digit or one of "-._~/" as %XX. False when it does not fit. */
bool cr_http_escape(const char *text, size_t count, char *out, size_t out_bytes);

struct cr_http {
    struct cr_url url;
    int fd; /* -1: not connected */
    uint32_t timeout_ms;
    uint8_t *bytes; /* owned: the last answer */
    size_t bytes_count, bytes_max;
    char text[256]; /* what went wrong */
};

/* Nothing is connected yet; false when the URL is none. close frees all. */
bool cr_http_open(struct cr_http *http, const char *url, uint32_t timeout_ms);
void cr_http_close(struct cr_http *http);
/* One exchange; *body is valid until the next one and ends with a zero byte that does not count.
 * CR_ERR_UNAVAILABLE: not connected, nothing was sent; CR_ERR_IO: it broke or took longer than
 * timeout_ms + wait, the outcome is unknown; CR_ERR_MALFORMED: not an answer of ours. http->text
 * says more. */
CR_MUST_CHECK enum cr_err cr_http_call(struct cr_http *http, const struct cr_http_request *request,
                                       int *status, const uint8_t **body, size_t *body_bytes);

/* Connects within the time; -1 and errno. Non-blocking from then on. */
int cr_http_connect(const struct cr_url *url, uint32_t timeout_ms);
uint64_t cr_clock_us(void); /* monotonic */

#endif
