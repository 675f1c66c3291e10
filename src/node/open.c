/* SPDX-License-Identifier: Apache-2.0 */
/* open.c: opens everything a validator consists of, and closes it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/address.h"
#include "node/clock.h"
#include "node/genesis_file.h"
#include "node/halt.h"
#include "node/replica.h"

enum {
    KEYS_CACHED_MAX = 2048,
    TXS_REMEMBERED_MAX = 64 * 1024, /* some seconds at full load; 3 MiB */
    WORKERS_MAX = 16,
};

/* ---- opening: each step says in one sentence what is wrong ---- */

/* One worker on small machines, else all cores but that of the main loop. Signing and the disk have
 * threads of their own. */
uint32_t cr_node_workers(const struct cr_config *config)
{
    if (config->workers > 0) return config->workers < WORKERS_MAX ? config->workers : WORKERS_MAX;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cores <= 2) return 1;
    return cores - 1 < WORKERS_MAX ? (uint32_t)cores - 1 : WORKERS_MAX;
}

int cr_node_refuse(int code, const char *what, const char *text)
{
    char quoted[700];
    cr_report(CR_LOG_LEVEL_ERROR, "node", "failed", "what=%s text=%s", what,
              cr_report_quote(text, quoted, sizeof quoted));
    return code;
}

int cr_node_refuse_store(const struct cr_store_failure *failure)
{
    const bool config = failure->err == CR_ERR_MISMATCH || failure->err == CR_ERR_PERMISSION ||
                        failure->err == CR_ERR_VERSION;
    if (failure->err == CR_ERR_BUSY)
        return cr_node_refuse(CR_EXIT_CONFLICT, "storage", failure->text);
    return cr_node_refuse(config ? CR_EXIT_USAGE : CR_EXIT_IO, "storage", failure->text);
}

static int open_genesis(struct cr_node *node)
{
    struct cr_config_failure failure = {0};
    uint64_t stake[CR_VALIDATORS_MAX];
    node->genesis = calloc(1, sizeof *node->genesis);
    if (!node->genesis) return cr_node_refuse(CR_EXIT_FAILED, "memory", "memory is out");
    node->validators = calloc(CR_VALIDATORS_MAX, sizeof *node->validators);
    if (!node->validators) return cr_node_refuse(CR_EXIT_FAILED, "memory", "memory is out");
    if (cr_genesis_load(node->config->genesis, node->genesis, &failure) != CR_OK)
        return cr_node_refuse(CR_EXIT_USAGE, "genesis", failure.text);
    for (uint32_t i = 0; i < node->genesis->validators_count; i++)
        stake[i] = node->genesis->validators[i].stake;
    if (cr_committee_init(&node->committee, &node->genesis->id, 1, stake,
                          node->genesis->validators_count) != CR_OK) {
        return cr_node_refuse(
            CR_EXIT_USAGE, "genesis",
            "the stakes are not allowed: none may be 0 or, with more than 3 validators, above "
            "a third of the total");
    }
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
    return cr_node_refuse(CR_EXIT_USAGE, "key", text);
}

static int open_keys(struct cr_node *node)
{
    struct cr_public_key consensus, transport;
    int code = load_key(node, "consensus.key", &node->consensus_key);
    if (code == CR_EXIT_OK) code = load_key(node, "consensus.key", &node->report_key);
    if (code == CR_EXIT_OK) code = load_key(node, "transport.key", &node->transport_key);
    if (code != CR_EXIT_OK) return code;
    cr_secret_key_public(node->consensus_key, &consensus);
    cr_secret_key_public(node->transport_key, &transport);
    for (uint32_t seat = 0; seat < node->genesis->validators_count; seat++) {
        const struct cr_genesis_validator *v = &node->genesis->validators[seat];
        if (!cr_public_key_equal(&v->consensus_key, &consensus)) continue;
        if (cr_public_key_equal(&v->transport_key, &transport)) return CR_EXIT_OK;
        return cr_node_refuse(
            CR_EXIT_USAGE, "key",
            "transport.key is not the transport key that the genesis gives this validator");
    }
    if (!cr_hash_is_zero(&node->genesis->operator_account)) return CR_EXIT_OK; /* it may join */
    return cr_node_refuse(
        CR_EXIT_USAGE, "key",
        "consensus.key is not the key of any validator in the genesis; is this the right key "
        "folder, and the right genesis?");
}

/* Whatever made it halt is still there. Somebody has to look first. */
static int refuse_halted(const struct cr_node *node)
{
    char path[CR_HALT_PATH_BYTES], text[CR_HALT_PATH_BYTES + 160];
    if (!cr_node_was_halted(node, path)) return CR_EXIT_OK;
    (void)snprintf(text, sizeof text,
                   "this node has halted, and '%s' says why; read it and \"Safety halt\" in "
                   "docs/operations.md, then move it away",
                   path);
    return cr_node_refuse(CR_EXIT_HALT, "halted", text);
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
        return cr_node_refuse_store(&failure);
    if (mkdir(node->config->data, 0700) < 0 && errno != EEXIST) {
        snprintf(failure.text, sizeof failure.text, "cannot create '%.200s': %s",
                 node->config->data, strerror(errno));
        return cr_node_refuse(CR_EXIT_USAGE, "storage", failure.text);
    }
    snprintf(path, sizeof path, "%s/log", node->config->data);
    if (cr_log_open(path, &node->genesis->id, found ? node->guard_record.log_sequence : 0,
                    &node->log, &failure) != CR_OK)
        return cr_node_refuse_store(&failure);
    snprintf(path, sizeof path, "%s/state", node->config->data);
    if (cr_state_db_open(path, &node->genesis->id, node->config->state_map_bytes, &node->db,
                         &node->recovered_head, &rebuilt, &failure) != CR_OK)
        return cr_node_refuse_store(&failure);
    if (rebuilt) {
        cr_report(
            CR_LOG_LEVEL_WARN, "store", "state-rebuilt",
            "text=\"the state cache cannot be trusted or is not there; it is rebuilt from the "
            "log\"");
    }
    if (cr_state_reader_open(node->db, &node->reader) != CR_OK ||
        cr_state_reader_open(node->db, &node->submit_reader) != CR_OK)
        return cr_node_refuse(CR_EXIT_IO, "storage", "cannot read the state database");
    char vote_path[sizeof path];
    snprintf(vote_path, sizeof vote_path, "%s/epoch", node->config->keys);
    snprintf(path, sizeof path, "%s/epochs", node->config->data);
    if (cr_epochs_open(path, vote_path, &node->epochs, &failure) != CR_OK)
        return cr_node_refuse_store(&failure);
    snprintf(path, sizeof path, "%s/recording", node->config->data);
    node->recorder = cr_recorder_open(path, node->config->recorder_bytes);
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
        return cr_node_refuse(CR_EXIT_FAILED, "memory", "no memory for vertices");
    node->payload_scratch = malloc(CR_PAYLOAD_BYTES_MAX);
    node->submitted = calloc(1, sizeof *node->submitted);
    node->record_scratch = malloc(CR_LOG_RECORD_BYTES_MAX);
    node->mempool = cr_mempool_new(&limits);
    node->keycache = cr_keycache_new(KEYS_CACHED_MAX, TXS_REMEMBERED_MAX);
    if (!node->payload_scratch || !node->submitted || !node->record_scratch || !node->mempool ||
        !node->keycache || !cr_node_open_lanes(node))
        return cr_node_refuse(CR_EXIT_FAILED, "memory", "memory is out");
    const struct cr_executor_config config = {.genesis = node->genesis,
                                              .db = node->db,
                                              .log = node->log,
                                              .bodies = &node->bodies,
                                              .keycache = node->keycache,
                                              .mempool = node->mempool,
                                              .wake_fd = node->wake_fd};
    const bool empty =
        node->recovered_head.index == 0 && cr_hash_is_zero(&node->recovered_head.commit_digest);
    node->executor = cr_executor_new(&config, &node->recovered_head, empty, &failure);
    if (!node->executor) return cr_node_refuse_store(&failure);
    node->accuse = cr_accuse_new(&(struct cr_accuse_config){.genesis = node->genesis,
                                                            .validators = node->validators,
                                                            .epoch = node->committee.epoch,
                                                            .key = node->report_key,
                                                            .mempool = node->mempool,
                                                            .reader = node->reader});
    if (!node->accuse || !cr_node_open_certify(node))
        return cr_node_refuse(CR_EXIT_FAILED, "memory", "memory is out");
    return CR_EXIT_OK;
}

static int open_threads(struct cr_node *node)
{
    const struct cr_verify_config config = {.workers = cr_node_workers(node->config),
                                            .wake_fd = node->wake_fd,
                                            .genesis_id = node->genesis->id,
                                            .keycache = node->keycache,
                                            .db = node->db};
    node->verify = cr_verify_start(&config);
    node->seal = cr_seal_start(node->consensus_key, &node->genesis->id, node->wake_fd);
    node->disk = cr_disk_start(node->log, node->guard, node->wake_fd);
    if (node->verify && node->seal && node->disk) return CR_EXIT_OK;
    return cr_node_refuse(CR_EXIT_FAILED, "threads", "cannot start the threads of the node");
}

static const char *address_of_peer(const struct cr_node *node, uint32_t peer)
{
    const struct cr_genesis_validator *validator = &node->validators[peer];
    for (uint32_t i = 0; i < node->config->peers_count; i++) {
        if (strcmp(node->config->peers[i].name, validator->name) == 0)
            return node->config->peers[i].address;
    }
    return validator->address;
}

bool cr_node_resolve_peer(struct cr_node *node, uint32_t peer)
{
    struct cr_net_peer *out = &node->net_peers[peer];
    out->name = node->validators[peer].name;
    out->key = &node->validators[peer].transport_key;
    return cr_address_resolve(address_of_peer(node, peer), &out->address, &out->address_bytes);
}

static const char *own_address(const struct cr_node *node)
{
    if (node->config->p2p_listen[0]) return node->config->p2p_listen;
    return node->self != CR_NET_NOBODY ? node->validators[node->self].address : "";
}

static int open_net(struct cr_node *node)
{
    struct cr_net_peer *peers = calloc(CR_VALIDATORS_MAX, sizeof *peers);
    struct cr_net_failure failure = {0};
    struct cr_net_config config = {.self = node->self,
                                   .peers_count = node->committee.validators_count,
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
    if (!peers) return cr_node_refuse(CR_EXIT_FAILED, "memory", "memory is out");
    node->net_peers = peers;
    for (uint32_t i = 0; i < config.peers_count; i++) {
        if (cr_node_resolve_peer(node, i) || node->committee.stake[i] == 0) continue;
        snprintf(text, sizeof text,
                 "cannot resolve the address '%.100s' of validator %.32s; set p2p.peer.%.32s",
                 address_of_peer(node, i), peers[i].name, peers[i].name);
        return cr_node_refuse(CR_EXIT_USAGE, "p2p", text);
    }
    const char *listen = own_address(node);
    if (!cr_address_resolve(listen, &config.listen, &config.listen_bytes)) {
        snprintf(text, sizeof text, "cannot resolve p2p.listen '%.100s'%s", listen,
                 listen[0] ? "" : "; who is no validator yet has to say where it listens");
        return cr_node_refuse(CR_EXIT_USAGE, "p2p", text);
    }
    if (cr_net_open(&config, &node->net, &failure) != CR_OK)
        return cr_node_refuse(CR_EXIT_USAGE, "p2p", failure.text);
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
        return cr_node_refuse(CR_EXIT_USAGE, "api", failure.text);
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
        return cr_node_refuse(CR_EXIT_FAILED, "system", strerror(errno));
    return CR_EXIT_OK;
}

static int watch(struct cr_node *node, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    if (epoll_ctl(node->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0) return CR_EXIT_OK;
    return cr_node_refuse(CR_EXIT_FAILED, "system", strerror(errno));
}

int cr_node_open(struct cr_node *node)
{
    struct cr_store_failure failure = {0};
    int code = open_loop(node);
    if (code == CR_EXIT_OK) code = open_genesis(node);
    if (code == CR_EXIT_OK) code = open_keys(node);
    if (code == CR_EXIT_OK) code = refuse_halted(node);
    if (code == CR_EXIT_OK) code = open_storage(node);
    if (code == CR_EXIT_OK) code = open_parts(node);
    if (code == CR_EXIT_OK) code = open_threads(node);
    if (code == CR_EXIT_OK) code = open_api(node);
    if (code == CR_EXIT_OK && cr_node_recover(node, &failure) != CR_OK)
        code = cr_node_refuse_store(&failure);
    if (code == CR_EXIT_OK) code = open_net(node);
    if (code == CR_EXIT_OK) code = watch(node, node->wake_fd);
    if (code == CR_EXIT_OK) code = watch(node, node->signal_fd);
    if (code == CR_EXIT_OK) code = watch(node, cr_net_fd(node->net));
    return code;
}

/* Waiting clients get an answer, what is signed becomes durable, what is logged gets executed. */
void cr_node_close(struct cr_node *node)
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
    cr_accuse_free(node->accuse);
    cr_certify_free(node->certify);
    cr_epochs_close(node->epochs);
    cr_executor_free(node->executor);
    cr_keycache_free(node->keycache);
    cr_mempool_free(node->mempool);
    cr_state_reader_close(node->reader);
    cr_state_reader_close(node->submit_reader);
    cr_state_db_close(node->db);
    cr_log_close(node->log);
    cr_guard_close(node->guard);
    cr_recorder_close(node->recorder);
    cr_bodies_deinit(&node->bodies);
    cr_secret_key_free(node->consensus_key);
    cr_secret_key_free(node->report_key);
    cr_secret_key_free(node->transport_key);
    cr_node_close_lanes(node);
    free(node->payload_scratch);
    free(node->submitted);
    free(node->record_scratch);
    free(node->core_memory);
    free(node->net_peers);
    free(node->validators);
    free(node->genesis);
    if (node->epoll_fd >= 0) close(node->epoll_fd);
    if (node->wake_fd >= 0) close(node->wake_fd);
    if (node->signal_fd >= 0) close(node->signal_fd);
    pthread_mutex_destroy(&node->submit_lock);
    pthread_mutex_destroy(&node->status_lock);
}
