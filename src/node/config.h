/* SPDX-License-Identifier: Apache-2.0 */
/* config.h: a node's own configuration: where things lie and listen. Nothing here is agreed; what
 * validators must agree on stands in the genesis.
 *
 * One schema table (config.c) holds every key with its type, default, range and one line of
 * documentation; `creto config show` and docs/configuration.md come from it. File format: [section]
 * and key = value (inih). Order of authority: default < file < environment CRETO_SECTION_KEY <
 * command line.
 */
#ifndef CR_NODE_CONFIG_H
#define CR_NODE_CONFIG_H

#include "base/name.h"

enum {
    CR_PATH_BYTES_MAX = 512,
    CR_CONFIG_PEERS_MAX = CR_VALIDATORS_MAX,
    CR_CONFIG_KEYS_MAX = 32,
    CR_CONFIG_NAME_BYTES = 64, /* of a key; longer names are unknown ones */
};

enum cr_log_level {
    CR_LOG_LEVEL_ERROR = 1,
    CR_LOG_LEVEL_WARN,
    CR_LOG_LEVEL_INFO,
    CR_LOG_LEVEL_DEBUG
};

/* Where a value came from, for `creto config show`. */
enum cr_config_source { CR_CONFIG_DEFAULT = 0, CR_CONFIG_FILE, CR_CONFIG_ENV, CR_CONFIG_FLAG };

struct cr_config {
    char home[CR_PATH_BYTES_MAX];          /* [node] home; the other paths default to be below it */
    char genesis[CR_PATH_BYTES_MAX];       /* [node] genesis        = HOME/genesis.json */
    char data[CR_PATH_BYTES_MAX];          /* [storage] path        = HOME/data   (log/, state/) */
    char keys[CR_PATH_BYTES_MAX];          /* [node] keys           = HOME/keys   (consensus.key,
                                          transport.key, guard) */
    char p2p_listen[CR_ADDRESS_BYTES_MAX]; /* [p2p] listen   = "": address of this validator in
                                                 the genesis */
    char api_listen[CR_ADDRESS_BYTES_MAX]; /* [api] listen   = 127.0.0.1:7080 */
    uint32_t api_connections_max;          /* [api] connections_max = 1024 */
    uint64_t state_map_bytes;              /* [storage] map_bytes   = 8GiB */
    uint64_t recorder_bytes;               /* [recorder] bytes      = 64MiB; 0: off */
    uint64_t mempool_bytes;                /* [mempool] bytes       = 32MiB */
    uint32_t mempool_txs;                  /* [mempool] transactions = 16384 */
    uint32_t mempool_txs_per_account;      /* [mempool] per_account = 4096 */
    uint32_t workers;                      /* [node] workers        = auto (0) */
    uint32_t cross_check;                  /* [node] cross_check    = 4096; 0: none */
    bool gso;                              /* [p2p] gso             = true */
    enum cr_log_level log_level;           /* [log] level           = info */
    uint32_t peers_count; /* [p2p] peer.NAME = host:port : dial this instead of genesis */
    struct {
        char name[CR_NAME_BYTES_MAX + 1];
        char address[CR_ADDRESS_BYTES_MAX];
    } peers[CR_CONFIG_PEERS_MAX];
    uint8_t sources[CR_CONFIG_KEYS_MAX]; /* enum cr_config_source, in the order of the schema */
};

struct cr_config_failure {
    enum cr_err err;
    char text[640]; /* "/x/creto.conf:12: unknown key 'api.listne'; did you mean 'api.listen'?" */
};

enum cr_config_kind {
    CR_CONFIG_PATH = 1, /* absolute, or below the home folder */
    CR_CONFIG_ADDRESS,  /* host:port, [v6]:port */
    CR_CONFIG_INTEGER,
    CR_CONFIG_AUTO,   /* integer or "auto", which is 0 */
    CR_CONFIG_SIZE,   /* bytes: 4096, 32MiB, 8GiB */
    CR_CONFIG_SWITCH, /* true, false */
    CR_CONFIG_LEVEL,  /* error, warn, info, debug */
};

struct cr_config_key {
    const char *name; /* "api.listen" */
    enum cr_config_kind kind;
    const char *preset;   /* default as text; "HOME/..." for paths */
    const char *meaning;  /* one line */
    uint64_t least, most; /* of numbers */
    size_t offset, bytes; /* of the field in struct cr_config */
};
/* The schema, in order. */
const struct cr_config_key *cr_config_keys(uint32_t *count);
const char *cr_config_kind_name(enum cr_config_kind kind);       /* "size" */
const char *cr_config_source_name(enum cr_config_source source); /* "environment" */
/* CRETO_API_LISTEN for "api.listen"; `out` holds CR_CONFIG_NAME_BYTES + 8 bytes. */
void cr_config_env_name(const char *name, char *out);

/* Defaults for a home folder, then HOME/creto.conf when it exists, then the environment. `home`
 * is made absolute. CR_ERR_CONFIG with the file, line, key, and the way out. */
CR_MUST_CHECK enum cr_err cr_config_load(const char *home, struct cr_config *out,
                                         struct cr_config_failure *failure);
/* Sets one key as a flag would: "api.listen", "127.0.0.1:9000". */
CR_MUST_CHECK enum cr_err cr_config_set(struct cr_config *config, const char *name,
                                        const char *value, struct cr_config_failure *failure);
/* The value of a key as text and its source; false when there is no such key. */
bool cr_config_get(const struct cr_config *config, const char *name, char *out, size_t out_bytes,
                   enum cr_config_source *source);

/* Insertions, deletions and changes that make one text the other: for "did you mean". Texts of
 * CR_CONFIG_NAME_BYTES or more are far from everything. */
uint32_t cr_text_distance(const char *a, const char *b);

#endif
