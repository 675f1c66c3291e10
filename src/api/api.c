/* SPDX-License-Identifier: Apache-2.0 */
/* api.c: the HTTP server: limits, routes, the life of a request. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/request.h"

enum {
    CONNECTION_MEMORY = 16 * 1024, /* header lines of a request must fit */
    CONNECTION_TIMEOUT_S = 15,
    LISTEN_QUEUE = 1024,
};

static const struct route {
    const char *method, *path;
    bool prefix; /* something follows the path */
    cr_handler *handle;
} routes[] = {
    {"POST", "/v1/transactions", false, cr_handle_submit},
    {"POST", "/v1/transactions/query", false, cr_handle_query},
    {"GET", "/v1/transactions/", true, cr_handle_tx},
    {"GET", "/v1/accounts/", true, cr_handle_account},
    {"GET", "/v1/state/", true, cr_handle_state},
    {"GET", "/v1/commits", false, cr_handle_commits},
    {"GET", "/v1/offences", false, cr_handle_offences},
    {"GET", "/v1/epochs/", true, cr_handle_epoch},
    {"GET", "/v1/validators", false, cr_handle_validators},
    {"GET", "/v1/node/status", false, cr_handle_status},
    {"GET", "/startupz", false, cr_handle_startupz},
    {"GET", "/livez", false, cr_handle_livez},
    {"GET", "/readyz", false, cr_handle_readyz},
    {"GET", "/metrics", false, cr_handle_metrics},
};

static bool is_path(const struct route *route, const char *path)
{
    if (!route->prefix) return strcmp(path, route->path) == 0;
    return strncmp(path, route->path, strlen(route->path)) == 0;
}

static enum MHD_Result dispatch(struct cr_request *request)
{
    struct cr_problem problem = {.status = MHD_HTTP_NOT_FOUND,
                                 .label = "no-such-resource",
                                 .title = "Not found",
                                 .outcome = "definite"};
    for (size_t i = 0; i < CR_COUNT_OF(routes); i++) {
        if (!is_path(&routes[i], request->path)) continue;
        if (strcmp(routes[i].method, request->method) == 0) return routes[i].handle(request);
        problem.status = MHD_HTTP_METHOD_NOT_ALLOWED;
        problem.label = "method";
        problem.title = "Method not allowed";
    }
    return cr_answer_problem(request, &problem,
                             "%.16s %.200s is not part of this interface; see docs/api.md",
                             request->method, request->path);
}

static enum MHD_Result refuse_size(struct cr_request *request)
{
    const struct cr_problem problem = {.status = MHD_HTTP_CONTENT_TOO_LARGE,
                                       .label = "too-large",
                                       .title = "The body is too large",
                                       .outcome = "definite"};
    return cr_answer_problem(request, &problem, "a body has at most %d bytes; send smaller batches",
                             CR_BODY_BYTES_MAX);
}

/* Keeps what fits; the rest of a body that is too big is read and thrown away. */
static void take_body(struct cr_request *request, const char *data, size_t count)
{
    if (request->too_big || count > CR_BODY_BYTES_MAX - request->body_count) {
        request->too_big = true;
        return;
    }
    if (count > request->body_max - request->body_count) {
        size_t max = request->body_max ? request->body_max : 4096;
        while (max - request->body_count < count)
            max *= 2;
        uint8_t *grown = realloc(request->body, max);
        if (!grown) {
            request->too_big = true;
            return;
        }
        request->body = grown;
        request->body_max = max;
    }
    memcpy(request->body + request->body_count, data, count);
    request->body_count += count;
}

static struct cr_request *start(struct cr_api *api, struct MHD_Connection *connection,
                                const char *method, const char *path)
{
    struct cr_request *request = calloc(1, sizeof *request);
    if (!request) return NULL;
    request->api = api;
    request->connection = connection;
    request->method = method;
    request->path = path;
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    request->too_big = length && strtoull(length, NULL, 10) > CR_BODY_BYTES_MAX;
    return request;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are libmicrohttpd's */
static enum MHD_Result on_access(void *context, struct MHD_Connection *connection, const char *path,
                                 const char *method, const char *version, const char *data,
                                 size_t *data_count, void **state)
{
    struct cr_request *request = *state;
    (void)version;
    if (!request) {
        *state = request = start(context, connection, method, path);
        if (!request) return MHD_NO;
        /* A declared length above the limit is refused before a byte of it is read. */
        return request->too_big ? refuse_size(request) : MHD_YES;
    }
    request->path = path;
    request->method = method;
    if (*data_count > 0) {
        take_body(request, data, *data_count);
        *data_count = 0;
        return MHD_YES;
    }
    return request->too_big ? refuse_size(request) : dispatch(request);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct cr_request *request = *state;
    (void)context;
    (void)connection;
    (void)code;
    if (!request) return;
    cr_request_leave(request);
    free(request->waiter.entries);
    free(request->submitted);
    free(request->body);
    free(request);
    *state = NULL;
}

static void wake(void *context)
{
    struct cr_request *request = context;
    MHD_resume_connection(request->connection);
}

static void on_log(void *context, const char *format, va_list args)
{
    (void)context; /* what clients do wrong is counted, not logged line by line */
    (void)format;
    (void)args;
}

/* ---- open and close ---- */

static enum cr_err fail(struct cr_store_failure *failure, enum cr_err err, const char *what,
                        const char *listen, const char *why)
{
    failure->err = err;
    snprintf(failure->text, sizeof failure->text,
             "%s '%.80s': %s; set api.listen to a free host:port", what, listen, why);
    return err;
}

static bool split(const char *listen, char host[96], char port[8])
{
    const char *colon = strrchr(listen, ':');
    if (!colon || strlen(colon + 1) == 0 || strlen(colon + 1) > 5) return false;
    size_t count = (size_t)(colon - listen);
    snprintf(port, 8, "%s", colon + 1);
    if (count >= 2 && listen[0] == '[' && listen[count - 1] == ']') {
        listen++;
        count -= 2;
    }
    if (count == 0 || count >= 96) return false;
    memcpy(host, listen, count);
    host[count] = 0;
    return true;
}

/* Binds here and not in the library, so that the reason of a failure is known. */
static enum cr_err open_socket(const char *listen_text, int *out, struct cr_store_failure *failure)
{
    char host[96], port[8];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    const int one = 1;
    if (!split(listen_text, host, port) || getaddrinfo(host, port, &hints, &found) != 0)
        return fail(failure, CR_ERR_CONFIG, "cannot understand the address", listen_text,
                    "it is not host:port");
    const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const bool good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
                      bind(fd, found->ai_addr, found->ai_addrlen) == 0 &&
                      listen(fd, LISTEN_QUEUE) == 0;
    const int error = errno;
    freeaddrinfo(found);
    if (good) {
        *out = fd;
        return CR_OK;
    }
    if (fd >= 0) close(fd);
    return fail(failure, CR_ERR_IO, "cannot listen on", listen_text, strerror(error));
}

static enum cr_err start_daemon(struct cr_api *api, int fd, struct cr_store_failure *failure)
{
    api->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on_access, api, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)api->config.connections_max,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_TIMEOUT_S, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, NULL, MHD_OPTION_END);
    if (api->daemon) return CR_OK;
    close(fd);
    return fail(failure, CR_ERR_IO, "cannot serve on", api->config.listen, "libmicrohttpd refused");
}

enum cr_err cr_api_open(const struct cr_api_config *config, struct cr_api **out,
                        struct cr_store_failure *failure)
{
    int fd = -1;
    enum cr_err err = open_socket(config->listen, &fd, failure);
    if (err != CR_OK) return err;
    struct cr_api *api = calloc(1, sizeof *api);
    if (!api) {
        close(fd);
        return fail(failure, CR_ERR_FULL, "cannot serve on", config->listen, "memory is out");
    }
    api->config = *config;
    pthread_mutex_init(&api->lock, NULL);
    api->waiters = cr_waiters_new(wake);
    err = cr_state_reader_open(config->backend.state, &api->reader);
    if (err == CR_OK && api->waiters)
        err = start_daemon(api, fd, failure);
    else {
        close(fd);
        err = fail(failure, CR_ERR_FULL, "cannot serve on", config->listen, "memory is out");
    }
    if (err != CR_OK) {
        cr_api_close(api);
        return err;
    }
    *out = api;
    return CR_OK;
}

void cr_api_close(struct cr_api *api)
{
    if (!api) return;
    if (api->waiters) cr_waiters_stop(api->waiters);
    if (api->daemon) {
        /* Woken requests get their answer before the connections close. */
        const MHD_socket fd = MHD_quiesce_daemon(api->daemon);
        for (int i = 0; i < 50; i++) {
            const union MHD_DaemonInfo *info =
                MHD_get_daemon_info(api->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
            if (!info || info->num_connections == 0 || i >= 10) break;
            usleep(10000);
        }
        MHD_stop_daemon(api->daemon);
        if (fd != MHD_INVALID_SOCKET) close(fd);
    }
    cr_waiters_free(api->waiters);
    cr_state_reader_close(api->reader);
    pthread_mutex_destroy(&api->lock);
    free(api);
}

void cr_api_final(struct cr_api *api, const struct cr_api_result *results, uint32_t count)
{
    cr_waiters_final(api->waiters, results, count);
}
