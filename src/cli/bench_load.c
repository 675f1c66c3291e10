/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: one thread, one epoll, connections that are kept.
 *
 * Open loop: transaction i is due at start + i / rate, whatever the network does, and its latency
 * counts from there. Closed loop: a client has at most `in_flight` open and sends the next one when
 * one is settled. Due transactions of a node share requests, gathered for TICK_US. A transaction
 * whose request breaks goes to another node: the same bytes may arrive twice and count once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/bench.h"

enum {
    TICK_US = 2000,
    BODY_BYTES_MAX = 1024 * 1024, /* what a node takes in one request */
    HEAD_BYTES_MAX = 512,
    WAIT_S = 30,
    REQUEST_TIMEOUT_US = (WAIT_S + 5) * 1000000,
    CONNECT_MS = 250,
    DOWN_US = 500000,   /* before a node that refused a connection is tried again */
    REFUSED_US = 50000, /* before a node that is full is tried again */
    SWEEP_US = 1000000,
    EVENTS_MAX = 256,
};

struct node;

struct connection {
    int fd; /* -1: none */
    bool busy;
    struct node *node;
    struct connection *next_idle;
    uint64_t sent_us;
    uint8_t *out; /* owned, as are the next two */
    size_t out_count, out_sent;
    uint8_t *in;
    size_t in_count, in_max;
    uint64_t *txs; /* indices of the open request */
    uint32_t txs_count;
};

struct node {
    struct cr_url url;
    struct connection *connections; /* plan.connections */
    struct connection *idle;
    uint64_t head, tail;       /* queue of due transactions: index + 1 */
    uint64_t blocked_until_us; /* full, or down */
    bool down;
};

struct slot {
    uint64_t turn, open;
};

struct load {
    struct cr_bench *bench;
    int epoll;
    uint32_t nodes_count;
    struct node *nodes;
    struct slot *slots; /* closed loop, per client */
    uint64_t next;      /* open loop: the next to become due */
    uint64_t begin_us, end_us, now_us, last_final_us;
    uint64_t next_tick_us, next_sweep_us;
    bool slots_changed, told;
};

/* ---- queues ---- */

/* It refused a connection a moment ago. */
static bool is_down(const struct load *load, const struct node *node)
{
    return node->down && node->blocked_until_us > load->now_us;
}

static void push(struct load *load, uint64_t index)
{
    const uint64_t client = index % load->bench->plan.clients;
    struct node *node = &load->nodes[client % load->nodes_count];
    for (uint32_t i = 1; is_down(load, node) && i < load->nodes_count; i++)
        node = &load->nodes[(client + i) % load->nodes_count];
    load->bench->txs[index].next = 0;
    if (node->tail > 0)
        load->bench->txs[node->tail - 1].next = index + 1;
    else
        node->head = index + 1;
    node->tail = index + 1;
}

static uint64_t pop(struct load *load, struct node *node)
{
    CR_ASSERT(node->head > 0);
    const uint64_t index = node->head - 1;
    node->head = load->bench->txs[index].next;
    if (node->head == 0) node->tail = 0;
    return index;
}

static uint64_t outstanding(const struct cr_bench *bench)
{
    return bench->submitted - bench->final - bench->rejected;
}

static void issue(struct load *load, uint64_t index, uint64_t due_us)
{
    struct cr_bench_tx *tx = &load->bench->txs[index];
    tx->due_us = due_us;
    tx->state = CR_BENCH_SENT;
    load->bench->submitted++;
    push(load, index);
}

static bool is_made(const struct load *load, uint64_t index)
{
    /* Pairs with the release of the signer. */
    return atomic_load_explicit(&load->bench->txs[index].ready, memory_order_acquire);
}

/* Open loop: everything whose time has come. A transaction that is not signed in time waits, and
 * its latency with it. */
static void issue_due(struct load *load)
{
    const struct cr_bench_plan *plan = &load->bench->plan;
    while (load->next < plan->txs_count) {
        const uint64_t due_us = load->begin_us + load->next * 1000000 / plan->rate;
        if (due_us > load->now_us || !is_made(load, load->next)) return;
        issue(load, load->next++, due_us);
    }
}

/* Closed loop: every free place of every client. */
static void issue_free(struct load *load)
{
    const struct cr_bench_plan *plan = &load->bench->plan;
    if (load->now_us >= load->end_us) return;
    if (!load->slots_changed && !plan->sign_live) return;
    load->slots_changed = false;
    for (uint64_t client = 0; client < plan->clients; client++) {
        struct slot *slot = &load->slots[client];
        while (slot->open < plan->in_flight) {
            const uint64_t index = slot->turn * plan->clients + client;
            if (index >= plan->txs_count || !is_made(load, index)) break;
            slot->turn++;
            slot->open++;
            issue(load, index, load->now_us);
        }
    }
}

/* ---- connections ---- */

static void disconnect(struct load *load, struct connection *c)
{
    if (c->fd >= 0) (void)close(c->fd); /* leaves the epoll set with it */
    c->fd = -1;
    if (!c->busy) {
        struct connection **at = &c->node->idle;
        while (*at != NULL && *at != c)
            at = &(*at)->next_idle;
        if (*at == c) *at = c->next_idle;
    }
    for (uint32_t i = 0; c->busy && i < c->txs_count; i++)
        push(load, c->txs[i]);
    c->busy = false;
    c->txs_count = 0;
    c->in_count = 0;
}

/* An idle connection, or a new one; NULL when the node is down or all are busy. */
static struct connection *take(struct load *load, struct node *node)
{
    struct connection *c = node->idle;
    if (c != NULL) {
        node->idle = c->next_idle;
        return c;
    }
    for (uint64_t i = 0; i < load->bench->plan.connections && c == NULL; i++) {
        if (node->connections[i].fd < 0) c = &node->connections[i];
    }
    if (c == NULL) return NULL;
    c->fd = cr_http_connect(&node->url, CONNECT_MS);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    if (c->fd >= 0 && epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &event) == 0) {
        node->down = false;
        return c;
    }
    if (c->fd >= 0) (void)close(c->fd); /* nothing was sent */
    c->fd = -1;
    node->down = true;
    node->blocked_until_us = load->now_us + DOWN_US;
    return NULL;
}

static bool room_for(struct connection *c, const struct cr_bench_plan *plan)
{
    if (c->out == NULL) c->out = malloc(HEAD_BYTES_MAX + BODY_BYTES_MAX);
    if (c->txs == NULL) c->txs = calloc(plan->batch_txs, sizeof *c->txs);
    return c->out != NULL && c->txs != NULL;
}

/* Sends what is left; false when the connection is broken. */
static bool flush_out(struct connection *c)
{
    while (c->out_sent < c->out_count) {
        const ssize_t sent =
            send(c->fd, c->out + c->out_sent, c->out_count - c->out_sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return errno == EAGAIN;
        c->out_sent += (size_t)sent;
    }
    return true;
}

/* One request with as many due transactions as it takes. */
static void send_some(struct load *load, struct node *node, struct connection *c)
{
    const struct cr_bench *bench = load->bench;
    size_t body_bytes = 0;
    c->txs_count = 0;
    while (node->head > 0 && c->txs_count < bench->plan.batch_txs) {
        const struct cr_bench_tx *tx = &bench->txs[node->head - 1];
        if (body_bytes + tx->bytes_count > BODY_BYTES_MAX) break;
        memcpy(c->out + HEAD_BYTES_MAX + body_bytes, tx->bytes, tx->bytes_count);
        body_bytes += tx->bytes_count;
        c->txs[c->txs_count++] = pop(load, node);
    }
    CR_ASSERT(c->txs_count > 0);
    const struct cr_http_request request = {.method = "POST",
                                            .path = "/v1/transactions",
                                            .content_type = "application/octet-stream",
                                            .body_bytes = body_bytes,
                                            .wait_seconds = WAIT_S};
    char head[HEAD_BYTES_MAX];
    const size_t head_bytes = cr_http_head(&node->url, &request, head, sizeof head);
    CR_ASSERT(head_bytes > 0);
    /* The body lies behind room for any head; the head is put right before it. */
    c->out_sent = HEAD_BYTES_MAX - head_bytes;
    c->out_count = HEAD_BYTES_MAX + body_bytes;
    memcpy(c->out + c->out_sent, head, head_bytes);
    c->busy = true;
    c->sent_us = load->now_us;
    if (!flush_out(c)) disconnect(load, c);
}

static void flush_node(struct load *load, struct node *node)
{
    if (node->head == 0) return;
    if (node->blocked_until_us > load->now_us) {
        bool other = false;
        for (uint32_t i = 0; i < load->nodes_count; i++)
            other |= !is_down(load, &load->nodes[i]);
        /* Whoever waits for a node that is down moves on, once. */
        for (uint64_t last = node->tail; node->down && other && node->head > 0;) {
            const uint64_t index = pop(load, node);
            push(load, index);
            if (index + 1 == last) break;
        }
        return;
    }
    while (node->head > 0 && node->blocked_until_us <= load->now_us) {
        struct connection *c = take(load, node);
        if (c == NULL) return;
        if (!room_for(c, &load->bench->plan)) {
            disconnect(load, c);
            return;
        }
        send_some(load, node, c);
    }
}

/* ---- answers ---- */

static void complain(struct load *load, const char *what, const char *why)
{
    if (!load->told) fprintf(stderr, "creto: %s: %s (told once)\n", what, why);
    load->told = true;
}

static void settle(struct load *load, uint64_t index, const json_t *item)
{
    struct cr_bench *bench = load->bench;
    struct cr_bench_tx *tx = &bench->txs[index];
    const char *state = cr_client_text(item, "state");
    if (tx->state != CR_BENCH_SENT) return; /* settled by an earlier copy */
    if (strcmp(state, "final") == 0) {
        tx->state = CR_BENCH_FINAL;
        tx->commit_index = cr_client_number(item, "commit_index");
        tx->position = (uint32_t)cr_client_number(item, "position");
        bench->final++;
        load->last_final_us = load->now_us;
        cr_histogram_add(&bench->latency_us, load->now_us - tx->due_us);
    } else if (strcmp(state, "rejected") == 0 || strcmp(state, "expired") == 0) {
        tx->state = CR_BENCH_REJECTED;
        bench->rejected++;
        complain(load, "a transaction is rejected", cr_client_text(item, "result"));
    } else { /* not yet final, or not taken: ask again */
        push(load, index);
        return;
    }
    if (load->slots == NULL) return;
    load->slots[index % bench->plan.clients].open--;
    load->slots_changed = true;
}

static void on_answer(struct load *load, struct connection *c, int status, const char *body,
                      size_t body_bytes)
{
    struct node *node = c->node;
    json_t *answer = json_loadb(body, body_bytes, 0, NULL);
    const json_t *results = json_object_get(answer, "results");
    const bool refused = status == 429 || status == 503;
    const uint32_t count = c->txs_count;
    c->busy = false;
    c->txs_count = 0;
    c->next_idle = node->idle;
    node->idle = c;
    if (status / 100 != 2 && !refused)
        complain(load, "a request is refused", cr_client_text(answer, "detail"));
    for (uint32_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(results, i);
        const bool full = strcmp(cr_client_text(item, "state"), "unknown") == 0;
        if (full || status / 100 != 2) node->blocked_until_us = load->now_us + REFUSED_US;
        settle(load, c->txs[i], item);
    }
    json_decref(answer);
}

/* Reads all there is; false when the connection is over. */
static bool receive(struct load *load, struct connection *c)
{
    for (;;) {
        if (c->in_max - c->in_count < 4096) {
            uint8_t *in = realloc(c->in, c->in_max * 2 + 16384);
            if (in == NULL) return false;
            c->in = in;
            c->in_max = c->in_max * 2 + 16384;
        }
        const ssize_t got = recv(c->fd, c->in + c->in_count, c->in_max - c->in_count, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno == EAGAIN;
        if (got == 0 || !c->busy) return false; /* nobody asked for more */
        c->in_count += (size_t)got;
        struct cr_http_answer answer;
        const enum cr_err err = cr_http_parse(c->in, c->in_count, &answer);
        if (err == CR_ERR_TRUNCATED) continue;
        if (err != CR_OK) return false;
        if (c->in_count < answer.head_bytes + answer.body_bytes) continue;
        c->in_count = 0;
        on_answer(load, c, answer.status, (const char *)c->in + answer.head_bytes,
                  answer.body_bytes);
        if (!answer.keep_alive) return false;
    }
}

static void on_event(struct load *load, struct connection *c)
{
    if (c->fd < 0) return; /* closed by an event before this one */
    if (c->busy && !flush_out(c)) {
        disconnect(load, c);
        return;
    }
    if (!receive(load, c)) disconnect(load, c);
}

/* A node that hangs must not hold transactions for ever. */
static void sweep(struct load *load)
{
    if (load->now_us < load->next_sweep_us) return;
    load->next_sweep_us = load->now_us + SWEEP_US;
    for (uint32_t n = 0; n < load->nodes_count; n++) {
        for (uint64_t i = 0; i < load->bench->plan.connections; i++) {
            struct connection *c = &load->nodes[n].connections[i];
            if (c->fd >= 0 && c->busy && load->now_us - c->sent_us > REQUEST_TIMEOUT_US) {
                disconnect(load, c);
            }
        }
    }
}

/* ---- the loop ---- */

static bool is_over(const struct load *load)
{
    const struct cr_bench *bench = load->bench;
    const bool all_issued = bench->submitted == bench->plan.txs_count;
    const bool open_loop = bench->plan.rate > 0;
    if (load->now_us > load->end_us + UINT64_C(1000000) * CR_BENCH_DRAIN_S) return true;
    if (atomic_load(&load->bench->signing_failed)) return true;
    if (outstanding(bench) > 0) return false;
    return all_issued || (!open_loop && load->now_us >= load->end_us);
}

static int pause_ms(const struct load *load)
{
    const struct cr_bench_plan *plan = &load->bench->plan;
    uint64_t until_us = load->now_us + 10000;
    if (plan->rate > 0 && load->next < plan->txs_count) {
        const uint64_t due_us = load->begin_us + load->next * 1000000 / plan->rate;
        until_us = due_us > load->next_tick_us ? due_us : load->next_tick_us;
    }
    if (until_us <= load->now_us) return 1;
    const uint64_t ms = (until_us - load->now_us + 999) / 1000;
    return ms > 10 ? 10 : (int)ms;
}

static void run(struct load *load)
{
    struct epoll_event events[EVENTS_MAX];
    load->now_us = load->begin_us = load->last_final_us = cr_clock_us();
    load->end_us = load->begin_us + load->bench->plan.seconds * 1000000;
    load->slots_changed = true;
    while (!is_over(load)) {
        if (load->slots != NULL)
            issue_free(load);
        else if (load->now_us >= load->next_tick_us)
            issue_due(load);
        if (load->now_us >= load->next_tick_us) load->next_tick_us = load->now_us + TICK_US;
        for (uint32_t i = 0; i < load->nodes_count; i++)
            flush_node(load, &load->nodes[i]);
        const int count = epoll_wait(load->epoll, events, EVENTS_MAX, pause_ms(load));
        load->now_us = cr_clock_us();
        for (int i = 0; i < count; i++)
            on_event(load, events[i].data.ptr);
        sweep(load);
    }
    load->bench->elapsed_us = load->last_final_us - load->begin_us;
    load->bench->unknown = outstanding(load->bench);
}

static bool open_load(struct load *load)
{
    const struct cr_bench *bench = load->bench;
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->nodes_count = bench->urls.count;
    load->nodes = calloc(load->nodes_count, sizeof *load->nodes);
    if (bench->plan.rate == 0) load->slots = calloc(bench->plan.clients, sizeof *load->slots);
    if (load->epoll < 0 || load->nodes == NULL) return false;
    if (bench->plan.rate == 0 && load->slots == NULL) return false;
    for (uint32_t i = 0; i < load->nodes_count; i++) {
        struct node *node = &load->nodes[i];
        const char *url = bench->urls.list[i];
        CR_ASSERT(cr_url_parse(url, strlen(url), &node->url)); /* cr_client_urls has checked it */
        node->connections = calloc(bench->plan.connections, sizeof *node->connections);
        if (node->connections == NULL) return false;
        for (uint64_t j = 0; j < bench->plan.connections; j++) {
            node->connections[j].fd = -1;
            node->connections[j].node = node;
        }
    }
    return true;
}

static void close_load(struct load *load)
{
    for (uint32_t i = 0; load->nodes != NULL && i < load->nodes_count; i++) {
        struct node *node = &load->nodes[i];
        for (uint64_t j = 0; node->connections != NULL && j < load->bench->plan.connections; j++) {
            struct connection *c = &node->connections[j];
            if (c->fd >= 0)
                (void)close(c->fd); /* what is open stays unknown, and is asked for later */
            free(c->out);
            free(c->in);
            free(c->txs);
        }
        free(node->connections);
    }
    free(load->nodes);
    free(load->slots);
    if (load->epoll >= 0) (void)close(load->epoll);
}

int cr_bench_load(struct cr_bench *bench)
{
    struct load load = {.bench = bench, .epoll = -1};
    const bool ok = open_load(&load);
    if (ok) run(&load);
    close_load(&load);
    return ok ? CR_EXIT_OK : cr_cli_fail(CR_EXIT_FAILED, "memory or file descriptors are out");
}
