/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/localnet.h"

static int add_url(struct cr_urls *urls, const char *text, size_t count)
{
    struct cr_url url;
    if (urls->count == CR_VALIDATORS_MAX) {
        return cr_cli_fail(CR_EXIT_USAGE, "--api: more than %d URLs", CR_VALIDATORS_MAX);
    }
    if (count >= CR_URL_BYTES_MAX || !cr_url_parse(text, count, &url)) {
        return cr_cli_fail(CR_EXIT_USAGE, "'%.*s' is no URL of a node; write it like %s",
                           (int)(count < 200 ? count : 200), text, CR_API_PRESET);
    }
    char *out = urls->list[urls->count++];
    memcpy(out, text, count);
    out[count] = 0;
    return CR_EXIT_OK;
}

/* The nodes of this user's local network, if there is one. */
static void add_localnet(struct cr_urls *urls)
{
    struct cr_localnet net = {0};
    char path[CR_PATH_BYTES_MAX];
    if (!cr_cli_localnet_home(NULL, net.home) || !cr_cli_join(path, net.home, "localnet.json") ||
        access(path, R_OK) != 0 || cr_localnet_read(&net) != CR_EXIT_OK) {
        return;
    }
    for (uint32_t i = 0; i < net.nodes; i++) {
        (void)snprintf(urls->list[urls->count++], CR_URL_BYTES_MAX, "http://127.0.0.1:%u",
                       net.api_port + i);
    }
}

int cr_client_urls(const char *flag, struct cr_urls *out)
{
    out->count = 0;
    const char *at = flag != NULL ? flag : getenv("CRETO_API");
    if (at == NULL) {
        add_localnet(out);
        return out->count > 0 ? CR_EXIT_OK : add_url(out, CR_API_PRESET, strlen(CR_API_PRESET));
    }
    for (;;) {
        const size_t count = strcspn(at, ",");
        const int code = add_url(out, at, count);
        if (code != CR_EXIT_OK || at[count] == 0) return code;
        at += count + 1;
    }
}

const char *cr_client_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

uint64_t cr_client_number(const json_t *object, const char *name)
{
    const json_int_t number = json_integer_value(json_object_get(object, name));
    return number < 0 ? 0 : (uint64_t)number;
}

int cr_client_call(const struct cr_urls *urls, const struct cr_http_request *request,
                   struct cr_http *http, int *status, json_t **out)
{
    enum cr_err err = CR_ERR_UNAVAILABLE;
    const uint8_t *body = NULL;
    size_t body_bytes = 0;
    *http = (struct cr_http){.fd = -1};
    for (uint32_t i = 0; i < urls->count; i++) {
        cr_http_close(http);
        CR_ASSERT(
            cr_http_open(http, urls->list[i], CR_CLIENT_TIMEOUT_MS)); /* add_url has checked */
        err = cr_http_call(http, request, status, &body, &body_bytes);
        if (err == CR_OK && *status != 503) break;
    }
    if (err == CR_ERR_UNAVAILABLE) {
        return cr_cli_fail(CR_EXIT_UNKNOWN, "%s; is the node running? try 'creto localnet status'",
                           http->text);
    }
    if (err == CR_ERR_MALFORMED) return cr_cli_fail(CR_EXIT_FAILED, "%s", http->text);
    if (err != CR_OK) return cr_cli_fail(CR_EXIT_UNKNOWN, "%s", http->text);
    json_error_t error;
    *out = json_loadb((const char *)body, body_bytes, JSON_ALLOW_NUL, &error);
    if (*out != NULL || *status >= 400) return CR_EXIT_OK;
    return cr_cli_fail(CR_EXIT_FAILED, "http://%s answers %d without JSON; is it a creto node?",
                       http->url.authority, *status);
}

int cr_client_problem(int status, json_t *problem)
{
    const char *title = cr_client_text(problem, "title");
    const char *detail = cr_client_text(problem, "detail");
    const bool both = title[0] != 0 && detail[0] != 0;
    int code = CR_EXIT_FAILED;
    if (status == 401 || status == 403) code = CR_EXIT_AUTH;
    if (status == 404) code = CR_EXIT_NOT_FOUND;
    if (status == 409) code = CR_EXIT_CONFLICT;
    if (status == 408 || status == 429 || status >= 500) code = CR_EXIT_UNKNOWN;
    return cr_cli_fail(code, "the node answers %d%s%s%s%s", status,
                       title[0] || detail[0] ? ": " : "", title, both ? ": " : "", detail);
}

int cr_client_get(const struct cr_urls *urls, const char *path, json_t **out)
{
    struct cr_http http;
    int status = 0;
    *out = NULL;
    const struct cr_http_request request = {.method = "GET", .path = path};
    int code = cr_client_call(urls, &request, &http, &status, out);
    cr_http_close(&http);
    if (code == CR_EXIT_OK && status != 200) code = cr_client_problem(status, *out);
    if (code == CR_EXIT_OK) return code;
    json_decref(*out);
    *out = NULL;
    return code;
}

int cr_client_chain(const struct cr_urls *urls, struct cr_client_chain *out)
{
    json_t *status = NULL;
    const int code = cr_client_get(urls, "/v1/node/status", &status);
    if (code != CR_EXIT_OK) return code;
    struct cr_hash id;
    const char *hex = cr_client_text(status, "genesis_id");
    const bool ok = cr_hex_decode(hex, strlen(hex), id.bytes, sizeof id.bytes) == CR_OK;
    out->commit_index = cr_client_number(status, "commit_index");
    json_decref(status);
    if (!ok) return cr_cli_fail(CR_EXIT_FAILED, "the node's status has no genesis_id");
    memcpy(out->chain, id.bytes, sizeof out->chain);
    return CR_EXIT_OK;
}
