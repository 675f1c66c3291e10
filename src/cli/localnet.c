/* SPDX-License-Identifier: Apache-2.0 */
/* creto localnet up|down|status|kill|pause|resume|restart */
#include "cli/localnet.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cli/http.h"
#include "cli/process.h"

enum { STOP_GRACE_MS = 3000, KILL_GRACE_MS = 5000, POLL_MS = 10, READY_PRESET_S = 30 };

static void sleep_ms(uint32_t ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&pause, NULL); /* waking early only polls sooner */
}

static struct cr_process process_of(const struct cr_localnet *net, uint32_t node)
{
    char folder[CR_PATH_BYTES_MAX];
    cr_localnet_folder(net, node, folder);
    return cr_process_find(folder);
}

static bool is_ready(const struct cr_localnet *net, uint32_t node)
{
    char url[64];
    struct cr_http http;
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", net->api_port + node);
    if (!cr_http_open(&http, url, 500)) return false;
    const struct cr_http_request request = {.method = "GET", .path = "/readyz"};
    int status = 0;
    const uint8_t *body = NULL;
    size_t body_bytes = 0;
    const bool answered = cr_http_call(&http, &request, &status, &body, &body_bytes) == CR_OK;
    cr_http_close(&http);
    return answered && status == 200;
}

/* ---- up, restart ---- */

static bool port_is_free(int type, uint32_t port)
{
    const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0) return true; /* the node will say what is wrong */
    const int yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    /* Lets a port in TIME_WAIT pass, as the node's own listener does. */
    if (type == SOCK_STREAM) (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const bool is_free =
        bind(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno != EADDRINUSE;
    (void)close(fd); /* only tried */
    return is_free;
}

static int check_ports(const struct cr_localnet *net, uint32_t node)
{
    const uint32_t api = net->api_port + node, p2p = net->p2p_port + node;
    const bool api_is_free = port_is_free(SOCK_STREAM, api);
    if (api_is_free && port_is_free(SOCK_DGRAM, p2p)) return CR_EXIT_OK;
    return cr_cli_fail(CR_EXIT_CONFLICT,
                       "%s port 127.0.0.1:%u of node%u is in use by another program; end that one, "
                       "or make a network elsewhere with --home DIR --api-port P --p2p-port P",
                       api_is_free ? "UDP" : "TCP", api_is_free ? p2p : api, node);
}

static int start_node(const struct cr_localnet *net, uint32_t node)
{
    char folder[CR_PATH_BYTES_MAX];
    cr_localnet_folder(net, node, folder);
    if (cr_process_start(folder) == CR_OK) return CR_EXIT_OK;
    return cr_cli_fail(CR_EXIT_FAILED, "cannot start node%u in %s: %s", node, folder,
                       strerror(errno));
}

/* The last lines of a node's log: why it ended. */
static void show_log(const char *folder)
{
    char path[CR_PATH_BYTES_MAX], text[2048];
    if (!cr_cli_join(path, folder, "node.log")) return;
    FILE *stream = fopen(path, "re");
    if (stream == NULL) return;
    if (fseek(stream, -(long)(sizeof text - 1), SEEK_END) != 0) rewind(stream);
    const size_t count = fread(text, 1, sizeof text - 1, stream);
    (void)fclose(stream); /* only read */
    text[count] = 0;
    const char *at = text + count;
    for (uint32_t lines = 0; at > text; at--) {
        if (at[-1] == '\n' && at < text + count && ++lines == 5) break;
    }
    fprintf(stderr, "--- %s ---\n%s", path, at);
}

/* Waits until the nodes [from, until) are ready. */
static int await_ready(const struct cr_localnet *net, uint32_t from, uint32_t until,
                       uint64_t timeout_s)
{
    const uint64_t deadline_us = cr_clock_us() + timeout_s * 1000000;
    for (uint32_t node = from; node < until;) {
        if (is_ready(net, node)) {
            node++;
            continue;
        }
        for (uint32_t other = from; other < until; other++) {
            if (process_of(net, other).state != CR_PROCESS_NONE) continue;
            char folder[CR_PATH_BYTES_MAX];
            cr_localnet_folder(net, other, folder);
            show_log(folder);
            return cr_cli_fail(CR_EXIT_FAILED,
                               "node%u ended while it was starting; its log: %s/node.log", other,
                               folder);
        }
        if (cr_clock_us() > deadline_us) {
            return cr_cli_fail(CR_EXIT_UNKNOWN,
                               "node%u is not ready after %u s; see 'creto localnet status' and "
                               "%s/node%u/node.log",
                               node, (unsigned)timeout_s, net->home, node);
        }
        sleep_ms(POLL_MS);
    }
    return CR_EXIT_OK;
}

static json_t *node_json(const struct cr_localnet *net, uint32_t node)
{
    static const char *const states[] = {NULL, "stopped", "running", "paused"};
    char name[32], api[64], folder[CR_PATH_BYTES_MAX];
    const struct cr_process process = process_of(net, node);
    const bool ready = process.state == CR_PROCESS_RUNNING && is_ready(net, node);
    (void)snprintf(name, sizeof name, "node%u", node);
    (void)snprintf(api, sizeof api, "http://127.0.0.1:%u", net->api_port + node);
    cr_localnet_folder(net, node, folder);
    return json_pack("{s:s,s:s,s:s,s:b,s:i,s:s}", "name", name, "api", api, "state",
                     states[process.state], "ready", ready, "pid", (int)process.pid, "folder",
                     folder);
}

/* The table of all nodes; true when all are ready. */
static bool print_nodes(const struct cr_localnet *net, bool json)
{
    bool all_ready = true;
    json_t *nodes = json_array();
    if (!json) printf("%-8s %-24s %-9s %-6s %s\n", "name", "api", "process", "ready", "pid");
    for (uint32_t i = 0; i < net->nodes; i++) {
        json_t *node = node_json(net, i);
        const bool ready = json_is_true(json_object_get(node, "ready"));
        all_ready &= ready;
        if (!json) {
            printf("%-8s %-24s %-9s %-6s %d\n", json_string_value(json_object_get(node, "name")),
                   json_string_value(json_object_get(node, "api")),
                   json_string_value(json_object_get(node, "state")), ready ? "yes" : "no",
                   (int)json_integer_value(json_object_get(node, "pid")));
        }
        json_array_append_new(nodes, node);
    }
    char key[CR_PATH_BYTES_MAX];
    if (json && cr_cli_join(key, net->home, "client.key")) {
        cr_cli_print_json(json_pack("{s:s,s:b,s:s,s:O}", "home", net->home, "ready", all_ready,
                                    "client_key", key, "nodes", nodes));
    }
    json_decref(nodes);
    return all_ready;
}

static void print_next(const struct cr_localnet *net)
{
    char key[CR_PATH_BYTES_MAX + 32] = "", api[64] = "", home[CR_PATH_BYTES_MAX + 32] = "";
    if (!net->standard_home) {
        (void)snprintf(key, sizeof key, " --key %s/client.key", net->home);
        (void)snprintf(home, sizeof home, " --home %s", net->home);
    }
    if (net->api_port != 7080) {
        (void)snprintf(api, sizeof api, " --api http://127.0.0.1:%u", net->api_port);
    }
    printf("\nnext:\n"
           "  echo '{\"op\":\"put\",\"key\":\"invoice/42\",\"value\":\"paid\"}' |"
           " creto tx submit -%s%s\n"
           "  creto get invoice/42%s\n"
           "  creto status --watch%s\n"
           "  creto localnet kill %u%s\n"
           "  creto localnet down%s\n",
           key, api, api, api, net->nodes - 1, home, home);
}

struct up_flags {
    const char *home;
    uint64_t nodes, api_port, p2p_port, epoch_rounds, timeout_s; /* 0: not given */
    bool json;
};

/* Reads the network of the folder, or plans a new one. */
static int plan_network(const struct up_flags *flags, struct cr_localnet *net)
{
    char path[CR_PATH_BYTES_MAX];
    if (!cr_cli_join(path, net->home, "localnet.json")) {
        return cr_cli_fail(CR_EXIT_USAGE, "--home: the path is too long");
    }
    if (access(path, F_OK) == 0) {
        const int code = cr_localnet_read(net);
        if (code != CR_EXIT_OK) return code;
        const bool same = (flags->nodes == 0 || flags->nodes == net->nodes) &&
                          (flags->api_port == 0 || flags->api_port == net->api_port) &&
                          (flags->p2p_port == 0 || flags->p2p_port == net->p2p_port);
        if (same) return CR_EXIT_OK;
        return cr_cli_fail(CR_EXIT_CONFLICT,
                           "%s holds a network of %u with API ports from %u and P2P ports from %u; "
                           "remove that folder, or choose another --home",
                           net->home, net->nodes, net->api_port, net->p2p_port);
    }
    net->epoch_rounds = (uint32_t)flags->epoch_rounds;
    net->nodes = flags->nodes > 0 ? (uint32_t)flags->nodes : 4;
    net->api_port = flags->api_port > 0 ? (uint32_t)flags->api_port : 7080;
    net->p2p_port = flags->p2p_port > 0 ? (uint32_t)flags->p2p_port : 7000;
    if (net->api_port + net->nodes > 65536 || net->p2p_port + net->nodes > 65536) {
        return cr_cli_fail(CR_EXIT_USAGE, "there are not %u ports from there on", net->nodes);
    }
    for (uint32_t i = 0; i < net->nodes; i++) {
        const int code = check_ports(net, i);
        if (code != CR_EXIT_OK) return code;
    }
    return cr_localnet_make(net);
}

static int start_absent(const struct cr_localnet *net)
{
    bool absent[CR_VALIDATORS_MAX] = {0};
    for (uint32_t i = 0; i < net->nodes; i++) {
        const enum cr_process_state state = process_of(net, i).state;
        if (state == CR_PROCESS_STOPPED) {
            return cr_cli_fail(CR_EXIT_CONFLICT,
                               "node%u is paused; 'creto localnet resume %u' first", i, i);
        }
        absent[i] = state == CR_PROCESS_NONE;
        const int code = absent[i] ? check_ports(net, i) : CR_EXIT_OK;
        if (code != CR_EXIT_OK) return code;
    }
    for (uint32_t i = 0; i < net->nodes; i++) {
        const int code = absent[i] ? start_node(net, i) : CR_EXIT_OK;
        if (code != CR_EXIT_OK) return code;
    }
    return CR_EXIT_OK;
}

static int bring_up(const struct up_flags *flags, struct cr_localnet *net)
{
    const uint64_t begin_us = cr_clock_us();
    int code = plan_network(flags, net);
    if (code == CR_EXIT_OK) code = start_absent(net);
    if (code == CR_EXIT_OK) code = await_ready(net, 0, net->nodes, flags->timeout_s);
    if (code != CR_EXIT_OK) return code;
    const uint64_t took_ms = (cr_clock_us() - begin_us) / 1000;
    if (!flags->json) {
        printf("%u validators ready in %u.%u s\n\n", net->nodes, (unsigned)(took_ms / 1000),
               (unsigned)(took_ms % 1000 / 100));
    }
    (void)print_nodes(net, flags->json); /* all were ready a moment ago */
    if (!flags->json) print_next(net);
    return CR_EXIT_OK;
}

int cr_cli_localnet_up(const struct cr_command *command, int words, char **word)
{
    struct up_flags flags = {.timeout_s = READY_PRESET_S};
    const struct cr_option list[] = {
        {.name = "nodes",
         .letter = 'n',
         .kind = CR_OPTION_NUMBER,
         .value = "N",
         .out = &flags.nodes,
         .meaning = "how many validators; default 4",
         .least = 1,
         .most = CR_VALIDATORS_MAX},
        {.name = "home",
         .kind = CR_OPTION_TEXT,
         .value = "DIR",
         .out = &flags.home,
         .meaning = "folder of the network"},
        {.name = "api-port",
         .kind = CR_OPTION_NUMBER,
         .value = "P",
         .out = &flags.api_port,
         .meaning = "HTTP port of node 0; default 7080",
         .least = 1,
         .most = 65535},
        {.name = "p2p-port",
         .kind = CR_OPTION_NUMBER,
         .value = "P",
         .out = &flags.p2p_port,
         .meaning = "UDP port of node 0; default 7000",
         .least = 1,
         .most = 65535},
        {.name = "epoch-rounds",
         .kind = CR_OPTION_NUMBER,
         .value = "N",
         .out = &flags.epoch_rounds,
         .meaning = "of a new network: rounds of an epoch; default 20000",
         .least = 1,
         .most = 1u << 30},
        {.name = "timeout",
         .kind = CR_OPTION_NUMBER,
         .value = "S",
         .out = &flags.timeout_s,
         .meaning = "seconds to wait until all are ready; default 30",
         .least = 1,
         .most = 3600},
        {.name = "json",
         .kind = CR_OPTION_SWITCH,
         .meaning = "one JSON object",
         .out = &flags.json},
    };
    const struct cr_options options = {
        .command = command, .list = list, .count = CR_COUNT_OF(list)};
    int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;
    struct cr_localnet net = {.standard_home = flags.home == NULL};
    if (!cr_cli_localnet_home(flags.home, net.home)) {
        return cr_cli_fail(CR_EXIT_USAGE, "--home: the path is too long");
    }
    return bring_up(&flags, &net);
}

/* ---- the other commands ---- */

/* Reads --home, --json and, when wanted, the number of a node; -1: go on. */
static int open_network(const struct cr_command *command, int words, char **word, bool *json,
                        struct cr_localnet *net, uint32_t *node)
{
    const char *home = NULL;
    static struct cr_words numbers;
    const struct cr_option list[] = {
        {.name = "home",
         .kind = CR_OPTION_TEXT,
         .value = "DIR",
         .out = &home,
         .meaning = "folder of the network"},
        {.name = "json", .kind = CR_OPTION_SWITCH, .meaning = "one JSON object", .out = json},
    };
    const struct cr_options options = {.command = command,
                                       .list = list,
                                       .count = CR_COUNT_OF(list),
                                       .words_least = node ? 1 : 0,
                                       .words_most = node ? 1 : 0,
                                       .words = &numbers};
    int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;
    *net = (struct cr_localnet){.standard_home = home == NULL};
    if (!cr_cli_localnet_home(home, net->home)) {
        return cr_cli_fail(CR_EXIT_USAGE, "--home: the path is too long");
    }
    code = cr_localnet_read(net);
    if (code != CR_EXIT_OK) return code;
    if (node == NULL) return -1;
    char *end = NULL;
    const char *text = numbers.list[0];
    const unsigned long number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != 0 || number >= net->nodes) {
        return cr_cli_fail(CR_EXIT_USAGE, "'%s' is no node: there are 0 to %u", text,
                           net->nodes - 1);
    }
    *node = (uint32_t)number;
    return -1;
}

/* Waits until nodes [from, until) are gone, ports and locks included. */
static void await_end(const struct cr_localnet *net, uint32_t from, uint32_t until, uint32_t ms)
{
    const uint64_t deadline_us = cr_clock_us() + UINT64_C(1000) * ms;
    for (;;) {
        uint32_t alive = 0;
        for (uint32_t i = from; i < until; i++)
            alive += process_of(net, i).state != CR_PROCESS_NONE;
        if (alive == 0 || cr_clock_us() >= deadline_us) return;
        sleep_ms(POLL_MS);
    }
}

/* SIGTERM, and SIGKILL to whoever is still there after the grace. Nodes [from, until). */
static uint32_t end_nodes(const struct cr_localnet *net, uint32_t from, uint32_t until)
{
    uint32_t ended = 0;
    char folder[CR_PATH_BYTES_MAX];
    for (uint32_t i = from; i < until; i++) {
        cr_localnet_folder(net, i, folder);
        if (!cr_process_signal(folder, SIGTERM)) continue;
        (void)cr_process_signal(folder, SIGCONT); /* a frozen one must be able to end */
        ended++;
    }
    await_end(net, from, until, STOP_GRACE_MS);
    for (uint32_t i = from; i < until; i++) {
        cr_localnet_folder(net, i, folder);
        if (cr_process_signal(folder, SIGKILL)) {
            fprintf(stderr, "creto: node%u did not end within %d s and was killed\n", i,
                    STOP_GRACE_MS / 1000);
        }
    }
    await_end(net, from, until, KILL_GRACE_MS);
    for (uint32_t i = from; i < until; i++) {
        cr_localnet_folder(net, i, folder);
        cr_process_forget(folder);
    }
    return ended;
}

static int say(const char *what, uint32_t count, bool json)
{
    if (json)
        cr_cli_print_json(json_pack("{s:i}", what, (int)count));
    else
        printf("%s: %u\n", what, count);
    return CR_EXIT_OK;
}

int cr_cli_localnet_down(const struct cr_command *command, int words, char **word)
{
    bool json = false;
    struct cr_localnet net;
    const int code = open_network(command, words, word, &json, &net, NULL);
    if (code >= 0) return code;
    return say("ended", end_nodes(&net, 0, net.nodes), json);
}

int cr_cli_localnet_status(const struct cr_command *command, int words, char **word)
{
    bool json = false;
    struct cr_localnet net;
    const int code = open_network(command, words, word, &json, &net, NULL);
    if (code >= 0) return code;
    return print_nodes(&net, json) ? CR_EXIT_OK : CR_EXIT_FAILED;
}

static int signal_node(const struct cr_command *command, int words, char **word, int signal,
                       const char *done)
{
    bool json = false;
    uint32_t node = 0;
    struct cr_localnet net;
    const int code = open_network(command, words, word, &json, &net, &node);
    if (code >= 0) return code;
    char folder[CR_PATH_BYTES_MAX];
    cr_localnet_folder(&net, node, folder);
    if (!cr_process_signal(folder, signal)) {
        return cr_cli_fail(CR_EXIT_NOT_FOUND,
                           "node%u does not run; 'creto localnet restart %u' starts it", node,
                           node);
    }
    if (signal == SIGKILL) await_end(&net, node, node + 1, KILL_GRACE_MS);
    if (json)
        cr_cli_print_json(json_pack("{s:i}", done, (int)node));
    else
        printf("node%u %s\n", node, done);
    return CR_EXIT_OK;
}

int cr_cli_localnet_kill(const struct cr_command *command, int words, char **word)
{
    return signal_node(command, words, word, SIGKILL, "killed");
}

int cr_cli_localnet_pause(const struct cr_command *command, int words, char **word)
{
    return signal_node(command, words, word, SIGSTOP, "paused");
}

int cr_cli_localnet_resume(const struct cr_command *command, int words, char **word)
{
    return signal_node(command, words, word, SIGCONT, "resumed");
}

int cr_cli_localnet_restart(const struct cr_command *command, int words, char **word)
{
    bool json = false;
    uint32_t node = 0;
    struct cr_localnet net;
    int code = open_network(command, words, word, &json, &net, &node);
    if (code >= 0) return code;
    (void)end_nodes(&net, node, node + 1); /* it may well not run */
    code = check_ports(&net, node);
    if (code == CR_EXIT_OK) code = start_node(&net, node);
    if (code == CR_EXIT_OK) code = await_ready(&net, node, node + 1, READY_PRESET_S);
    if (code != CR_EXIT_OK) return code;
    if (json)
        cr_cli_print_json(json_pack("{s:i}", "restarted", (int)node));
    else
        printf("node%u ready\n", node);
    return CR_EXIT_OK;
}
