/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/http.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const size_t room_bytes = 16384; /* for one piece of an answer */

uint64_t cr_clock_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bool copy(char *out, size_t out_bytes, const char *text, size_t count)
{
    if (count >= out_bytes) return false;
    memcpy(out, text, count);
    out[count] = 0;
    return true;
}

bool cr_url_parse(const char *text, size_t count, struct cr_url *out)
{
    static const char scheme[] = "http://";
    static const char known[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_:";
    const size_t scheme_bytes = sizeof scheme - 1;
    if (count < scheme_bytes || memcmp(text, scheme, scheme_bytes) != 0) return false;
    text += scheme_bytes;
    count -= scheme_bytes;
    if (count > 0 && text[count - 1] == '/') count--;

    struct cr_url url = {.port = "80"};
    const char *host = text, *end = text + count, *port = NULL;
    if (count > 0 && text[0] == '[') {
        const char *bracket = memchr(text, ']', count);
        if (bracket == NULL) return false;
        host = text + 1;
        if (bracket + 1 < end) port = bracket + 1;
        end = bracket;
    } else if ((port = memchr(text, ':', count)) != NULL) {
        end = port;
    }
    const size_t host_bytes = (size_t)(end - host);
    if (host_bytes == 0 || !copy(url.host, sizeof url.host, host, host_bytes)) return false;
    if (strspn(url.host, known) != host_bytes) return false;
    if (port != NULL) {
        const size_t port_bytes = (size_t)(text + count - port) - 1;
        if (*port != ':' || port_bytes == 0) return false;
        if (!copy(url.port, sizeof url.port, port + 1, port_bytes)) return false;
        if (strspn(url.port, "0123456789") != port_bytes) return false;
    }
    const bool six = strchr(url.host, ':') != NULL;
    (void)snprintf(url.authority, sizeof url.authority, six ? "[%s]:%s" : "%s:%s", url.host,
                   url.port);
    *out = url;
    return true;
}

size_t cr_http_head(const struct cr_url *url, const struct cr_http_request *request, char *out,
                    size_t out_bytes)
{
    char type[96] = "", wait[32] = "";
    if (request->content_type != NULL) {
        (void)snprintf(type, sizeof type, "Content-Type: %s\r\n", request->content_type);
    }
    if (request->wait_seconds > 0) {
        (void)snprintf(wait, sizeof wait, "Prefer: wait=%u\r\n", request->wait_seconds);
    }
    const int count =
        snprintf(out, out_bytes,
                 "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: creto/" CR_VERSION
                 "\r\nContent-Length: %zu\r\n%s%s\r\n",
                 request->method, request->path, url->authority, request->body_bytes, type, wait);
    return count > 0 && (size_t)count < out_bytes ? (size_t)count : 0;
}

/* ---- answers ---- */

static bool header_is(const char *line, size_t count, const char *name, const char **value,
                      size_t *value_count)
{
    const size_t name_count = strlen(name);
    if (count <= name_count || line[name_count] != ':') return false;
    if (strncasecmp(line, name, name_count) != 0) return false;
    const char *at = line + name_count + 1, *end = line + count;
    while (at < end && *at == ' ')
        at++;
    while (end > at && end[-1] == ' ')
        end--;
    *value = at;
    *value_count = (size_t)(end - at);
    return true;
}

static enum cr_err parse_header(const char *line, size_t count, struct cr_http_answer *answer,
                                bool *measured)
{
    const char *value = NULL;
    size_t value_count = 0;
    if (header_is(line, count, "transfer-encoding", &value, &value_count)) return CR_ERR_MALFORMED;
    if (header_is(line, count, "connection", &value, &value_count)) {
        if (value_count == 5 && strncasecmp(value, "close", 5) == 0) answer->keep_alive = false;
        return CR_OK;
    }
    if (!header_is(line, count, "content-length", &value, &value_count)) return CR_OK;
    if (value_count == 0 || *measured) return CR_ERR_MALFORMED;
    *measured = true;
    for (size_t i = 0; i < value_count; i++) {
        if (value[i] < '0' || value[i] > '9') return CR_ERR_MALFORMED;
        answer->body_bytes = answer->body_bytes * 10 + (size_t)(value[i] - '0');
        if (answer->body_bytes > CR_HTTP_BODY_BYTES_MAX) return CR_ERR_TOO_BIG;
    }
    return CR_OK;
}

enum cr_err cr_http_parse(const uint8_t *bytes, size_t count, struct cr_http_answer *out)
{
    static const char begin[] = "HTTP/1.1 ";
    const char *text = (const char *)bytes;
    const size_t begin_bytes = sizeof begin - 1;
    const size_t seen = count < begin_bytes ? count : begin_bytes;
    if (memcmp(text, begin, seen) != 0) return CR_ERR_MALFORMED;
    const char *end = memmem(text, count, "\r\n\r\n", 4);
    if (end == NULL) return count > CR_HTTP_HEAD_BYTES_MAX ? CR_ERR_TOO_BIG : CR_ERR_TRUNCATED;
    if ((size_t)(end - text) < begin_bytes + 3) return CR_ERR_MALFORMED;

    struct cr_http_answer answer = {.keep_alive = true};
    answer.head_bytes = (size_t)(end - text) + 4;
    for (size_t i = begin_bytes; i < begin_bytes + 3; i++) {
        if (text[i] < '0' || text[i] > '9') return CR_ERR_MALFORMED;
        answer.status = answer.status * 10 + (text[i] - '0');
    }
    bool measured = false;
    const char *line = memmem(text, count, "\r\n", 2);
    while (line != NULL && line < end) {
        line += 2;
        const char *next = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        if (next == NULL) return CR_ERR_MALFORMED;
        const enum cr_err err = parse_header(line, (size_t)(next - line), &answer, &measured);
        if (err != CR_OK) return err;
        line = next;
    }
    if (!measured && answer.status != 204) return CR_ERR_MALFORMED;
    *out = answer;
    return CR_OK;
}

bool cr_http_escape(const char *text, size_t count, char *out, size_t out_bytes)
{
    static const char plain[] = "-._~/";
    static const char digits[] = "0123456789ABCDEF";
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const unsigned char c = (unsigned char)text[i];
        const bool alnum =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (at + 4 > out_bytes) return false;
        if (alnum || (c != 0 && strchr(plain, c) != NULL)) {
            out[at++] = (char)c;
            continue;
        }
        out[at++] = '%';
        out[at++] = digits[c >> 4];
        out[at++] = digits[c & 15];
    }
    if (at >= out_bytes) return false;
    out[at] = 0;
    return true;
}

/* ---- connections ---- */

/* Milliseconds left until `deadline_us`; 0 when it has passed. */
static int left_ms(uint64_t deadline_us)
{
    const uint64_t now = cr_clock_us();
    if (now >= deadline_us) return 0;
    const uint64_t left = (deadline_us - now + 999) / 1000;
    return left > 3600000 ? 3600000 : (int)left;
}

static bool wait_for(int fd, short events, uint64_t deadline_us)
{
    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = events};
        const int ready = poll(&poll_fd, 1, left_ms(deadline_us));
        if (ready > 0) return true;
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0) errno = ETIMEDOUT;
        return false;
    }
}

/* 0, or the errno of a connection that was begun. */
static int await_connection(int fd, uint64_t deadline_us)
{
    int error = 0;
    socklen_t bytes = sizeof error;
    if (!wait_for(fd, POLLOUT, deadline_us)) return errno;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 ? error : errno;
}

static int connect_to(const struct addrinfo *address, uint64_t deadline_us)
{
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    const int yes = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); /* only a matter of speed */
    int error = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) error = await_connection(fd, deadline_us);
    if (error == 0) return fd;
    (void)close(fd); /* nothing was sent */
    errno = error;
    return -1;
}

int cr_http_connect(const struct cr_url *url, uint32_t timeout_ms)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    if (getaddrinfo(url->host, url->port, &hints, &list) != 0) {
        errno = EHOSTUNREACH;
        return -1;
    }
    const uint64_t deadline_us = cr_clock_us() + (uint64_t)timeout_ms * 1000;
    int fd = -1;
    for (const struct addrinfo *at = list; at != NULL && fd < 0; at = at->ai_next)
        fd = connect_to(at, deadline_us);
    const int error = errno;
    freeaddrinfo(list);
    errno = error;
    return fd;
}

/* ---- the blocking client ---- */

bool cr_http_open(struct cr_http *http, const char *url, uint32_t timeout_ms)
{
    *http = (struct cr_http){.fd = -1, .timeout_ms = timeout_ms};
    return cr_url_parse(url, strlen(url), &http->url);
}

static void disconnect(struct cr_http *http)
{
    if (http->fd >= 0) (void)close(http->fd); /* whatever was unsaid stays unsaid */
    http->fd = -1;
}

void cr_http_close(struct cr_http *http)
{
    disconnect(http);
    free(http->bytes);
    http->bytes = NULL;
}

__attribute__((format(printf, 3, 4))) static enum cr_err fail(struct cr_http *http, enum cr_err err,
                                                              const char *format, ...)
{
    va_list list;
    va_start(list, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is; clang 14 errs across files */
    (void)vsnprintf(http->text, sizeof http->text, format, list); /* a cut text still helps */
    va_end(list);
    disconnect(http);
    return err;
}

static bool send_all(int fd, const void *bytes, size_t count, uint64_t deadline_us)
{
    const uint8_t *at = bytes;
    while (count > 0) {
        const ssize_t sent = send(fd, at, count, MSG_NOSIGNAL);
        if (sent >= 0) {
            at += sent;
            count -= (size_t)sent;
        } else if (errno == EAGAIN) {
            if (!wait_for(fd, POLLOUT, deadline_us)) return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* One more piece of the answer; false and errno when there is none (0: closed). */
static bool receive(struct cr_http *http, uint64_t deadline_us)
{
    if (http->bytes_max - http->bytes_count < room_bytes) {
        const size_t more = http->bytes_max * 2 + 4 * room_bytes;
        uint8_t *bytes = realloc(http->bytes, more);
        if (bytes == NULL) return false;
        http->bytes = bytes;
        http->bytes_max = more;
    }
    for (;;) {
        const ssize_t got = recv(http->fd, http->bytes + http->bytes_count,
                                 http->bytes_max - http->bytes_count - 1, 0);
        if (got > 0) {
            http->bytes_count += (size_t)got;
            return true;
        }
        if (got == 0) errno = 0;
        if (got < 0 && errno == EINTR) continue;
        if (got == 0 || errno != EAGAIN) return false;
        if (!wait_for(http->fd, POLLIN, deadline_us)) return false;
    }
}

static const char *reason(void)
{
    return errno == 0 ? "the node closed the connection" : strerror(errno);
}

static enum cr_err read_answer(struct cr_http *http, uint64_t deadline_us,
                               struct cr_http_answer *answer)
{
    http->bytes_count = 0;
    for (;;) {
        const enum cr_err err = http->bytes_count == 0
                                    ? CR_ERR_TRUNCATED
                                    : cr_http_parse(http->bytes, http->bytes_count, answer);
        const bool whole =
            err == CR_OK && http->bytes_count >= answer->head_bytes + answer->body_bytes;
        if (whole) return CR_OK;
        if (err != CR_OK && err != CR_ERR_TRUNCATED) {
            return fail(http, CR_ERR_MALFORMED, "http://%s does not answer like a creto node",
                        http->url.authority);
        }
        if (!receive(http, deadline_us)) {
            return fail(http, CR_ERR_IO, "no answer from http://%s: %s", http->url.authority,
                        reason());
        }
    }
}

static enum cr_err exchange(struct cr_http *http, const struct cr_http_request *request,
                            struct cr_http_answer *answer)
{
    char head[4096];
    const size_t head_bytes = cr_http_head(&http->url, request, head, sizeof head);
    if (head_bytes == 0) return fail(http, CR_ERR_TOO_BIG, "the request is too long");
    const uint64_t wait_us = (uint64_t)request->wait_seconds * 1000000;
    const uint64_t deadline_us = cr_clock_us() + (uint64_t)http->timeout_ms * 1000 + wait_us;
    if (!send_all(http->fd, head, head_bytes, deadline_us) ||
        !send_all(http->fd, request->body, request->body_bytes, deadline_us)) {
        return fail(http, CR_ERR_IO, "cannot send to http://%s: %s", http->url.authority, reason());
    }
    return read_answer(http, deadline_us, answer);
}

enum cr_err cr_http_call(struct cr_http *http, const struct cr_http_request *request, int *status,
                         const uint8_t **body, size_t *body_bytes)
{
    const bool kept = http->fd >= 0;
    if (!kept) http->fd = cr_http_connect(&http->url, http->timeout_ms);
    if (http->fd < 0) {
        return fail(http, CR_ERR_UNAVAILABLE, "cannot connect to http://%s: %s",
                    http->url.authority, strerror(errno));
    }
    struct cr_http_answer answer = {0};
    const enum cr_err err = exchange(http, request, &answer);
    /* A kept connection may have been closed while it was idle; our requests may be sent twice. */
    if (err == CR_ERR_IO && kept && http->bytes_count == 0 && errno != ETIMEDOUT) {
        return cr_http_call(http, request, status, body, body_bytes);
    }
    if (err != CR_OK) return err;
    *status = answer.status;
    *body = http->bytes + answer.head_bytes;
    *body_bytes = answer.body_bytes;
    http->bytes[answer.head_bytes + answer.body_bytes] = 0;
    if (!answer.keep_alive) disconnect(http);
    return CR_OK;
}
