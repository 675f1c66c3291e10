/* SPDX-License-Identifier: Apache-2.0 */
/* node.c: opens everything, turns the main loop, closes everything. */
#include "node/node.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/address.h"
#include "node/clock.h"
#include "node/genesis_file.h"
#include "node/replica.h"

enum {
    STATUS_PERIOD_US = 100 * 1000,
    KEYS_CACHED_MAX = 2048,
    WORKERS_MAX = 16,
};

/* ---- opening: each step says in one sentence what is wrong ---- */

/* One thread verifies on small machines; signing and the disk have threads of their own. */
uint32_t cr_node_workers(const struct cr_config *config)
{
    if (config->workers > 0) return config->workers < WORKERS_MAX ? config->workers : WORKERS_MAX;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cores <= 2) return 1;
    return cores / 2 < WORKERS_MAX ? (uint32_t)cores / 2 : WORKERS_MAX;
}

static int refuse(int code, const char *what, const char *text)
{
    char quoted[700];
    cr_report(CR_LOG_LEVEL_ERROR, "node", "cannot-start", "what=%s text=%s", what,
              cr_report_quote(text, quoted, sizeof quoted));
    return code;
}

static int refuse_store(const struct cr_store_failure *failure)
{
    const bool config = failure->err == CR_ERR_MISMATCH || failure->err == CR_ERR_PERMISSION ||
                        failure->err == CR_ERR_VERSION;
    if (failure->err == CR_ERR_BUSY) return refuse(CR_EXIT_CONFLICT, "storage", failure->text);
    return refuse(config ? CR_EXIT_USAGE : CR_EXIT_IO, "storage", failure->text);
}

static int open_genesis(struct cr_node *node)
{
    struct cr_config_failure failure = {0};
    uint64_t stake[CR_VALIDATORS_MAX];
    node->genesis = calloc(1, sizeof *node->genesis);
    if (!node->genesis) return refuse(CR_EXIT_FAILED, "memory", "memory is out");
    if (cr_genesis_load(node->config->genesis, node->genesis, &failure) != CR_OK)
        return refuse(CR_EXIT_USAGE, "genesis", failure.text);
    for (uint32_t i = 0; i < node->genesis->validators_count; i++)
        stake[i] = node->genesis->validators[i].stake;
    if (cr_committee_init(&node->committee, &node->genesis->id, 1, stake,
                          node->genesis->validators_count) != CR_OK)
        return refuse(
            CR_EXIT_USAGE, "genesis",
            "the stakes are not allowed: none may be 0 or, with more than 3 validators, above "
            "a third of the total");
    return CR_EXIT_OK;
}

static int load_key(const struct cr_node *node, const char *name, struct cr_secret_key **out)
{
    char path[CR_PATH_BYTES_MAX + 32];
    char text[CR_PATH_BYTES_MAX + 200];
    snprintf(path, sizeof path, "%s/%s", node->config->keys, name);
    const enum cr_err err = cr_secret_key_load(path, out);
    if (err == CR_OK) return CR_EXIT_OK;
    snprintf(text, sizeof text, "cannot use key '%s': %s%s", path, cr_err_text(err),
             err == CR_ERR_PERMISSION ? "; it must be a regular file of yours with mode 0600" : "");
    return refuse(CR_EXIT_USAGE, "key", text);
}

static bool same_key(const struct cr_public_key *a, const struct cr_public_key *b)
{
    return a->alg == b->alg && memcmp(a->bytes, b->bytes, cr_alg_key_bytes(a->alg)) == 0;
}

static int open_keys(struct cr_node *node)
{
    struct cr_public_key consensus, transport;
    int code = load_key(node, "consensus.key", &node->consensus_key);
    if (code == CR_EXIT_OK) code = load_key(node, "transport.key", &node->transport_key);
    if (code != CR_EXIT_OK) return code;
    cr_secret_key_public(node->consensus_key, &consensus);
    cr_secret_key_public(node->transport_key, &transport);
    for (node->self = 0; node->self < node->genesis->validators_count; node->self++) {
        if (same_key(&node->genesis->validators[node->self].consensus_key, &consensus)) break;
    }
    if (node->self == node->genesis->validators_count)
        return refuse(CR_EXIT_USAGE, "key",
                      "consensus.key is not the key of any validator in the genesis; is this the "
                      "right key folder, and the right genesis?");
    if (!same_key(&node->genesis->validators[node->self].transport_key, &transport))
        return refuse(
            CR_EXIT_USAGE, "key",
            "transport.key is not the transport key that the genesis gives this validator");
    return CR_EXIT_OK;
}

static int open_storage(struct cr_node *node)
{
    struct cr_store_failure failure = {0};
    struct cr_public_key key;
    char path[CR_PATH_BYTES_MAX + 32];
    bool found, rebuilt;
    cr_secret_key_public(node->consensus_key, &key);
    const struct cr_hash owner = cr_public_key_account(&key);

    snprintf(path, sizeof path, "%s/guard", node->config->keys);
    if (cr_guard_open(path, &owner, &node->guard, &node->guard_record, &found, &failure) != CR_OK)
        return refuse_store(&failure);
    if (mkdir(node->config->data, 0700) < 0 && errno != EEXIST) {
        snprintf(failure.text, sizeof failure.text, "cannot create '%.200s': %s",
                 node->config->data, strerror(errno));
        return refuse(CR_EXIT_USAGE, "storage", failure.text);
    }
    snprintf(path, sizeof path, "%s/log", node->config->data);
    if (cr_log_open(path, &node->genesis->id, found ? node->guard_record.log_sequence : 0,
                    &node->log, &failure) != CR_OK)
        return refuse_store(&failure);
    snprintf(path, sizeof path, "%s/state", node->config->data);
    if (cr_state_db_open(path, &node->genesis->id, node->config->state_map_bytes, &node->db,
                         &node->recovered_head, &rebuilt, &failure) != CR_OK)
        return refuse_store(&failure);
    if (rebuilt)
        cr_report(CR_LOG_LEVEL_WARN, "store", "state-rebuilt",
                  "text=\"the state was not closed cleanly before the machine stopped; it is "
                  "rebuilt from the log\"");
    if (cr_state_reader_open(node->db, &node->reader) != CR_OK ||
        cr_state_reader_open(node->db, &node->submit_reader) != CR_OK)
        return refuse(CR_EXIT_IO, "storage", "cannot read the state database");
    return CR_EXIT_OK;
}

static int open_core(struct cr_node *node)
{
    const struct cr_params *params = &node->genesis->params;
    uint64_t table_key;
    if (getrandom(&table_key, sizeof table_key, 0) != (ssize_t)sizeof table_key)
        return refuse(CR_EXIT_FAILED, "system", "no randomness from the kernel");
    const struct cr_core_config config = {.committee = &node->committee,
                                          .table_key = table_key,
                                          .self = node->self,
                                          .gc_depth = params->gc_depth,
                                          .round_delay_us = params->round_delay_us,
                                          .idle_delay_us = params->idle_delay_us,
                                          .round_timeout_us = params->round_delay_us * 5 + 20000,
                                          .round_timeout_us_max = 2000000,
                                          .payload_bytes_max = params->payload_bytes_max};
    struct cr_arena arena;
    struct cr_effects measured;
    cr_arena_init_measure(&arena);
    cr_core_init(&arena, &config);
    cr_effects_init(&arena, &measured, &config);
    node->core_bytes = arena.bytes_used;
    node->core_memory = aligned_alloc(64, arena.bytes_used);
    if (!node->core_memory) return refuse(CR_EXIT_FAILED, "memory", "no memory for the core");
    cr_arena_init(&arena, node->core_memory, node->core_bytes);
    node->core = cr_core_init(&arena, &config);
    cr_effects_init(&arena, &node->effects, &config);
    cr_arena_seal(&arena);
    return CR_EXIT_OK;
}

static int open_parts(struct cr_node *node)
{
    struct cr_store_failure failure = {.text = "memory is out"};
    const struct cr_mempool_limits limits = {.txs_max = node->config->mempool_txs,
                                             .txs_per_account_max =
                                                 node->config->mempool_txs_per_account,
                                             .bytes_max = node->config->mempool_bytes};
    if (!cr_bodies_init(&node->bodies, CR_NODE_BODIES_MAX, CR_NODE_BODY_BYTES_MAX))
        return refuse(CR_EXIT_FAILED, "memory", "no memory for vertices");
    node->payload_scratch = malloc(CR_PAYLOAD_BYTES_MAX);
    node->record_scratch = malloc(CR_LOG_RECORD_BYTES_MAX);
    node->range.frame = malloc(CR_FRAME_BYTES_MAX);
    node->mempool = cr_mempool_new(&limits);
    node->keycache = cr_keycache_new(KEYS_CACHED_MAX);
    if (!node->payload_scratch || !node->record_scratch || !node->range.frame || !node->mempool ||
        !node->keycache)
        return refuse(CR_EXIT_FAILED, "memory", "memory is out");
    const struct cr_executor_config config = {.genesis = node->genesis,
                                              .db = node->db,
                                              .log = node->log,
                                              .bodies = &node->bodies,
                                              .keycache = node->keycache,
                                              .mempool = node->mempool};
    const bool empty =
        node->recovered_head.index == 0 && cr_hash_is_zero(&node->recovered_head.commit_digest);
    node->executor = cr_executor_new(&config, &node->recovered_head, empty, &failure);
    return node->executor ? CR_EXIT_OK : refuse_store(&failure);
}

static int open_threads(struct cr_node *node)
{
    const struct cr_public_key *keys[CR_VALIDATORS_MAX];
    for (uint32_t i = 0; i < node->genesis->validators_count; i++)
        keys[i] = &node->genesis->validators[i].consensus_key;
    const struct cr_verify_config config = {.threads = cr_node_workers(node->config),
                                            .wake_fd = node->wake_fd,
                                            .validators_count = node->genesis->validators_count,
                                            .keys = keys,
                                            .genesis_id = node->genesis->id,
                                            .keycache = node->keycache,
                                            .db = node->db};
    node->verify = cr_verify_start(&config);
    node->seal = cr_seal_start(node->consensus_key, &node->genesis->id, node->wake_fd);
    node->disk = cr_disk_start(node->log, node->guard, node->wake_fd);
    if (node->verify && node->seal && node->disk) return CR_EXIT_OK;
    return refuse(CR_EXIT_FAILED, "threads", "cannot start the threads of the node");
}

static const char *address_of_peer(const struct cr_node *node, uint32_t peer)
{
    const struct cr_genesis_validator *validator = &node->genesis->validators[peer];
    for (uint32_t i = 0; i < node->config->peers_count; i++) {
        if (strcmp(node->config->peers[i].name, validator->name) == 0)
            return node->config->peers[i].address;
    }
    return validator->address;
}

static int open_net(struct cr_node *node)
{
    struct cr_net_peer *peers = calloc(CR_VALIDATORS_MAX, sizeof *peers);
    struct cr_net_failure failure = {0};
    struct cr_net_config config = {.self = node->self,
                                   .peers_count = node->genesis->validators_count,
                                   .peers = peers,
                                   .key = node->transport_key,
                                   .genesis_id = node->genesis->id,
                                   .seed = cr_now_us() ^ ((uint64_t)getpid() << 32),
                                   .gso = node->config->gso,
                                   .callbacks = {.context = node,
                                                 .on_frame = cr_node_on_frame,
                                                 .on_peer = cr_node_on_peer,
                                                 .report = cr_node_on_net_report}};
    char text[300];
    if (!peers) return refuse(CR_EXIT_FAILED, "memory", "memory is out");
    node->net_peers = peers;
    for (uint32_t i = 0; i < config.peers_count; i++) {
        const char *address = address_of_peer(node, i);
        peers[i].name = node->genesis->validators[i].name;
        peers[i].key = &node->genesis->validators[i].transport_key;
        if (!cr_address_resolve(address, &peers[i].address, &peers[i].address_bytes)) {
            snprintf(text, sizeof text,
                     "cannot resolve the address '%.100s' of validator %.32s; set p2p.peer.%.32s",
                     address, peers[i].name, peers[i].name);
            return refuse(CR_EXIT_USAGE, "p2p", text);
        }
    }
    const char *listen = node->config->p2p_listen[0]
                             ? node->config->p2p_listen
                             : node->genesis->validators[node->self].address;
    if (!cr_address_resolve(listen, &config.listen, &config.listen_bytes)) {
        snprintf(text, sizeof text, "cannot resolve p2p.listen '%.100s'", listen);
        return refuse(CR_EXIT_USAGE, "p2p", text);
    }
    if (cr_net_open(&config, &node->net, &failure) != CR_OK)
        return refuse(CR_EXIT_USAGE, "p2p", failure.text);
    return CR_EXIT_OK;
}

static int open_api(struct cr_node *node)
{
    struct cr_store_failure failure = {0};
    struct cr_api_config config = {.listen = node->config->api_listen,
                                   .connections_max = node->config->api_connections_max,
                                   .version = CR_VERSION};
    cr_node_backend(node, &config.backend);
    if (cr_api_open(&config, &node->api, &failure) != CR_OK)
        return refuse(CR_EXIT_USAGE, "api", failure.text);
    cr_executor_set_api(node->executor, node->api);
    return CR_EXIT_OK;
}

static int open_loop(struct cr_node *node)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    node->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    node->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    node->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (node->epoll_fd < 0 || node->wake_fd < 0 || node->signal_fd < 0)
        return refuse(CR_EXIT_FAILED, "system", strerror(errno));
    return CR_EXIT_OK;
}

static int watch(struct cr_node *node, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    if (epoll_ctl(node->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0) return CR_EXIT_OK;
    return refuse(CR_EXIT_FAILED, "system", strerror(errno));
}

static int open_all(struct cr_node *node)
{
    struct cr_store_failure failure = {0};
    int code = open_loop(node);
    if (code == CR_EXIT_OK) code = open_genesis(node);
    if (code == CR_EXIT_OK) code = open_keys(node);
    if (code == CR_EXIT_OK) code = open_storage(node);
    if (code == CR_EXIT_OK) code = open_core(node);
    if (code == CR_EXIT_OK) code = open_parts(node);
    if (code == CR_EXIT_OK) code = open_threads(node);
    if (code == CR_EXIT_OK) code = open_api(node);
    if (code == CR_EXIT_OK && cr_node_recover(node, &failure) != CR_OK)
        code = refuse_store(&failure);
    if (code == CR_EXIT_OK) code = open_net(node);
    if (code == CR_EXIT_OK) code = watch(node, node->wake_fd);
    if (code == CR_EXIT_OK) code = watch(node, node->signal_fd);
    if (code == CR_EXIT_OK) code = watch(node, cr_net_fd(node->net));
    return code;
}

/* ---- the loop ---- */

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
        cr_body_give(&node->bodies, item.tag);
    }
    const uint64_t durable = cr_disk_durable(node->disk);
    if (durable > node->durable_told) {
        struct cr_event event = {.kind = CR_EVENT_STORED, .sequence = durable};
        node->durable_told = durable;
        cr_node_step(node, &event);
    }
    if (cr_disk_failed(node->disk, &failure)) {
        node->exit_code = refuse_store(&failure);
        node->stopping = true;
    }
}

static void on_sealed(struct cr_node *node)
{
    struct cr_seal_job *job = cr_seal_done(node->seal);
    if (!job) return;
    if (job->failed) {
        node->exit_code = refuse(CR_EXIT_FAILED, "key", "OpenSSL cannot sign with consensus.key");
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
    event.vertex = (struct cr_event_vertex){
        .header = &node->sealed, .digest = job->digest, .body = job->body};
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
        node->exit_code = refuse_store(&failure);
        node->stopping = true;
        return;
    }
    if (executed) tell_executed(node);
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
    cr_node_pump_range(node);
    on_sealed(node);
    on_waiting(node);
    if (cr_core_deadline_us(node->core) <= node->now_us && cr_node_has_room(node))
        cr_node_step(node, &tick);
    run_commits(node);
    cr_net_flush(node->net, cr_now_us()); /* not the turn's time: it would count as delay */
    if (node->now_us - node->status_us >= STATUS_PERIOD_US) cr_node_update_status(node);
}

static void sleep_until_work(struct cr_node *node)
{
    struct epoll_event events[4];
    uint64_t deadline = cr_core_deadline_us(node->core);
    const uint64_t net_deadline = cr_net_deadline_us(node->net);
    const uint64_t status_deadline = node->status_us + 5 * STATUS_PERIOD_US;
    if (net_deadline < deadline) deadline = net_deadline;
    if (status_deadline < deadline) deadline = status_deadline;
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
    struct cr_event start = {.kind = CR_EVENT_START, .signed_round = node->guard_record.round};
    node->now_us = node->commit_us = cr_now_us();
    cr_node_step(node, &start);
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
    return node->exit_code;
}

/* Waiting clients get an answer, what is signed becomes durable, what is logged gets executed. */
static void close_all(struct cr_node *node)
{
    struct cr_store_failure failure;
    bool executed = true;
    cr_api_close(node->api);
    if (node->executor) cr_executor_set_api(node->executor, NULL);
    cr_net_close(node->net);
    cr_verify_stop(node->verify);
    cr_seal_stop(node->seal);
    while (node->executor && node->exit_code == CR_EXIT_OK && executed) {
        if (cr_executor_run(node->executor, &executed, &failure) != CR_OK) break;
    }
    cr_disk_stop(node->disk);
    cr_executor_free(node->executor);
    cr_keycache_free(node->keycache);
    cr_mempool_free(node->mempool);
    cr_state_reader_close(node->reader);
    cr_state_reader_close(node->submit_reader);
    cr_state_db_close(node->db);
    cr_log_close(node->log);
    cr_guard_close(node->guard);
    cr_bodies_deinit(&node->bodies);
    cr_secret_key_free(node->consensus_key);
    cr_secret_key_free(node->transport_key);
    free(node->range.frame);
    free(node->payload_scratch);
    free(node->record_scratch);
    free(node->core_memory);
    free(node->net_peers);
    free(node->genesis);
    if (node->epoll_fd >= 0) close(node->epoll_fd);
    if (node->wake_fd >= 0) close(node->wake_fd);
    if (node->signal_fd >= 0) close(node->signal_fd);
    pthread_mutex_destroy(&node->submit_lock);
    pthread_mutex_destroy(&node->status_lock);
}

/* Before any thread exists: they inherit the mask. A full disk or a closed pipe is an error code here,
 * not a signal. */
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
    cr_verifier_use(&cr_verifier_openssl);

    int code = open_all(node);
    if (code == CR_EXIT_OK) {
        char id[2 * CR_HASH_BYTES + 1];
        cr_hex_encode(node->genesis->id.bytes, CR_HASH_BYTES, id);
        cr_node_print_plan(node);
        cr_report(CR_LOG_LEVEL_INFO, "node", "started",
                  "version=%s chain=%s genesis_id=%s validator=%s validators=%u quorum=%" PRIu64
                  " api=http://%s",
                  CR_VERSION, node->genesis->chain, id, node->genesis->validators[node->self].name,
                  node->committee.validators_count, node->committee.quorum, config->api_listen);
        code = loop(node);
    }
    node->exit_code = code;
    close_all(node);
    free(node);
    if (code == CR_EXIT_OK) cr_report(CR_LOG_LEVEL_INFO, "node", "stopped", "code=0");
    return code;
}
