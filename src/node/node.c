/* SPDX-License-Identifier: Apache-2.0 */
/* node.c: turns the main loop of a validator. */
#include "node/node.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "crypto/verifier.h"
#include "node/byz.h"
#include "node/clock.h"
#include "node/genesis_file.h"
#include "node/replica.h"

enum { STATUS_PERIOD_US = 100 * 1000 };

static void on_disk(struct cr_node *node)
{
    struct cr_disk_item item;
    struct cr_store_failure failure;
    while (cr_disk_take(node->disk, &item)) {
        if (item.kind == CR_LOG_COMMIT) {
            cr_executor_logged(node->executor, item.tag, &item.position);
            continue;
        }
        struct cr_body *body = cr_body_get(&node->bodies, item.tag);
        body->position = item.position;
        cr_node_note_position(node, body->ref.round, &item.position);
        node->stores_open--;
        cr_body_give(&node->bodies, item.tag);
    }
    const uint64_t durable = cr_disk_durable(node->disk);
    if (durable > node->durable_told) {
        struct cr_event event = {.kind = CR_EVENT_STORED, .sequence = durable};
        node->durable_told = durable;
        cr_node_step(node, &event);
    }
    if (cr_disk_failed(node->disk, &failure)) {
        node->exit_code = cr_node_refuse_store(&failure);
        node->stopping = true;
    }
}

static void on_sealed(struct cr_node *node)
{
    struct cr_seal_job *job = cr_seal_done(node->seal);
    if (!job) return;
    node->sealing = false;
    if (job->failed) {
        node->exit_code =
            cr_node_refuse(CR_EXIT_FAILED, "key", "OpenSSL cannot sign with consensus.key");
        node->stopping = true;
        return;
    }
    struct cr_body *body = cr_body_get(&node->bodies, job->body);
    const struct cr_vertex described = {.header = job->header, .digest = job->digest};
    cr_body_describe(body, &described);
    body->verdicts = job->header.payload_count > 0 ? malloc(job->header.payload_count) : NULL;
    /* The mempool holds nothing whose signature was not verified here. */
    if (body->verdicts) memset(body->verdicts, CR_SIG_VALID, job->header.payload_count);
    /* The step may propose again at once, so the signer must be free before it. */
    node->sealed = job->header;
    struct cr_event event = {.kind = CR_EVENT_SEALED};
    event.vertex =
        (struct cr_event_vertex){.header = &node->sealed, .digest = job->digest, .body = job->body};
    cr_seal_release(node->seal);
    cr_node_step(node, &event);
}

static void on_waiting(struct cr_node *node)
{
    struct cr_mempool_stats stats;
    cr_mempool_stats(node->mempool, &stats);
    if (stats.waiting == node->waiting_told) return;
    struct cr_event event = {.kind = CR_EVENT_WAITING, .waiting = stats.waiting};
    node->waiting_told = stats.waiting;
    cr_node_step(node, &event);
}

/* What our next vertex attests. The genesis is not a checkpoint: its root is in nobody's vertex. */
static void tell_executed(struct cr_node *node)
{
    const struct cr_ledger_head *head = cr_executor_head(node->executor);
    struct cr_event event = {.kind = CR_EVENT_EXECUTED};
    if (head->index == 0) return;
    event.executed.index = head->index;
    event.executed.effects_digest = head->effects_digest;
    event.executed.checkpoint_index = head->checkpoint_index;
    if (head->checkpoint_index > 0) event.executed.state_root = head->state_root;
    cr_node_step(node, &event);
}

static void run_commits(struct cr_node *node)
{
    struct cr_store_failure failure = {0};
    bool executed = false;
    if (cr_executor_run(node->executor, &executed, &failure) != CR_OK) {
        node->exit_code = cr_node_refuse_store(&failure);
        node->stopping = true;
        return;
    }
    if (executed) tell_executed(node);
    bool ended;
    if (cr_node_end_epoch(node, &ended) != CR_OK) {
        node->exit_code = cr_node_refuse(CR_EXIT_FAILED, "memory", "no memory for the next epoch");
        node->stopping = true;
        return;
    }
    if (ended) tell_executed(node);
}

static void on_signals(struct cr_node *node)
{
    struct signalfd_siginfo info;
    if (read(node->signal_fd, &info, sizeof info) != (ssize_t)sizeof info) return;
    cr_report(CR_LOG_LEVEL_INFO, "node", "stopping", "signal=%u", info.ssi_signo);
    node->stopping = true;
}

static void turn(struct cr_node *node)
{
    struct cr_event tick = {.kind = CR_EVENT_TICK};
    node->counters.wakeups++;
    cr_net_run(node->net, node->now_us);
    on_disk(node);
    cr_node_pump_verified(node);
    cr_node_pump_lanes(node);
    on_sealed(node);
    on_waiting(node);
    if (cr_core_deadline_us(node->core) <= node->now_us && cr_node_has_room(node))
        cr_node_step(node, &tick);
    run_commits(node);
    cr_certify_run(node->certify, &node->up, node->now_us);
    cr_byz_turn(node);
    cr_net_flush(node->net, cr_now_us()); /* not the turn's time: it would count as delay */
    if (node->now_us - node->status_us >= STATUS_PERIOD_US) cr_node_update_status(node);
}

static void sleep_until_work(struct cr_node *node)
{
    struct epoll_event events[4];
    uint64_t deadline = cr_core_deadline_us(node->core);
    const uint64_t net_deadline = cr_net_deadline_us(node->net);
    const uint64_t status_deadline = node->status_us + UINT64_C(5) * STATUS_PERIOD_US;
    if (net_deadline < deadline) deadline = net_deadline;
    if (status_deadline < deadline) deadline = status_deadline;
    if (cr_executor_is_ready(node->executor)) deadline = 0;
    const uint64_t now_us = cr_now_us();
    const uint64_t wait_us = deadline > now_us ? deadline - now_us : 0;
    const struct timespec timeout = {.tv_sec = (time_t)(wait_us / 1000000),
                                     .tv_nsec = (long)(wait_us % 1000000) * 1000};
    struct epoll_event net_event = {.events =
                                        EPOLLIN | (cr_net_wants_write(node->net) ? EPOLLOUT : 0),
                                    .data = {.fd = cr_net_fd(node->net)}};
    if (net_event.events != node->net_events) {
        epoll_ctl(node->epoll_fd, EPOLL_CTL_MOD, cr_net_fd(node->net), &net_event);
        node->net_events = net_event.events;
    }
    const int count = epoll_pwait2(node->epoll_fd, events, 4, &timeout, NULL);
    for (int i = 0; i < count; i++) {
        uint64_t ignored;
        if (events[i].data.fd == node->signal_fd) on_signals(node);
        if (events[i].data.fd == node->wake_fd && read(node->wake_fd, &ignored, sizeof ignored) < 0)
            continue;
    }
}

static int loop(struct cr_node *node)
{
    const enum cr_memory memory = node->guard_record.lost ? CR_MEMORY_LOST : CR_MEMORY_KEPT;
    node->now_us = node->commit_us = cr_now_us();
    if (!cr_node_start_core(node, node->signed_round, memory))
        return cr_node_refuse(CR_EXIT_FAILED, "randomness", "the system gives no random numbers");
    tell_executed(node);
    cr_node_update_status(node);
    atomic_store_explicit(&node->accepting, true, memory_order_release);
    while (!node->stopping) {
        sleep_until_work(node);
        node->now_us = cr_now_us();
        atomic_store_explicit(&node->turned_us, node->now_us, memory_order_relaxed);
        turn(node);
    }
    atomic_store_explicit(&node->accepting, false, memory_order_release);
    if (node->exit_code == CR_EXIT_OK && node->halted) return CR_EXIT_HALT;
    if (node->exit_code == CR_EXIT_OK && node->twin) return CR_EXIT_TWIN;
    return node->exit_code;
}

/* Before any thread exists: they inherit the mask. A full disk or a closed pipe is an error code
 * here, not a signal. */
static void set_signals(void)
{
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

int cr_node_run(const struct cr_config *config)
{
    struct cr_node *node = calloc(1, sizeof *node);
    if (!node) return CR_EXIT_FAILED;
    node->config = config;
    node->epoll_fd = node->wake_fd = node->signal_fd = -1;
    pthread_mutex_init(&node->submit_lock, NULL);
    pthread_mutex_init(&node->status_lock, NULL);
    cr_report_level(config->log_level);
    set_signals();
    cr_verifier_cross_check(config->cross_check);

    int code = cr_node_open(node);
    if (code == CR_EXIT_OK) {
        char id[2 * CR_HASH_BYTES + 1];
        cr_hex_encode(node->genesis->id.bytes, CR_HASH_BYTES, id);
        cr_node_print_plan(node);
        cr_report(CR_LOG_LEVEL_INFO, "node", "started",
                  "version=%s chain=%s genesis_id=%s validator=%s validators=%u quorum=%" PRIu64
                  " api=http://%s",
                  CR_VERSION, node->genesis->chain, id, cr_node_name(node),
                  node->committee.validators_count, node->committee.quorum, config->api_listen);
        code = loop(node);
    }
    node->exit_code = code;
    cr_node_close(node);
    free(node);
    if (code == CR_EXIT_OK) cr_report(CR_LOG_LEVEL_INFO, "node", "stopped", "code=0");
    return code;
}
