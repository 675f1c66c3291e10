/* SPDX-License-Identifier: Apache-2.0 */
/* config.c: the keys, and where their values come from: file, environment, command line. */
#include "node/config.h"

#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/config_text.h"

#define FIELD(member) offsetof(struct cr_config, member), sizeof(((struct cr_config *)0)->member)

static const struct cr_config_key keys[] = {
    {"node.home", CR_CONFIG_PATH, "HOME", "the folder of this node; chosen by --home", 0, 0,
     FIELD(home)},
    {"node.genesis", CR_CONFIG_PATH, "HOME/genesis.json", "the genesis file of the chain", 0, 0,
     FIELD(genesis)},
    {"node.keys", CR_CONFIG_PATH, "HOME/keys",
     "folder with consensus.key, transport.key and the guard against signing twice", 0, 0,
     FIELD(keys)},
    {"node.workers", CR_CONFIG_AUTO, "auto",
     "threads that hash and check signatures; auto: one less than the cores, 1 to 16", 0, 64,
     FIELD(workers)},
    {"node.cross_check", CR_CONFIG_INTEGER, "4096",
     "one signature of so many is verified by OpenSSL too; 0: none", 0, 1000000000,
     FIELD(cross_check)},
    {"p2p.listen", CR_CONFIG_ADDRESS, "",
     "UDP address for other validators; empty: this validator's address in the genesis", 0, 0,
     FIELD(p2p_listen)},
    {"p2p.gso", CR_CONFIG_SWITCH, "true", "hand UDP packets to the kernel in groups", 0, 1,
     FIELD(gso)},
    {"api.listen", CR_CONFIG_ADDRESS, "127.0.0.1:7080", "TCP address of the HTTP interface", 0, 0,
     FIELD(api_listen)},
    {"api.connections_max", CR_CONFIG_INTEGER, "1024", "HTTP connections open at one time", 4,
     65536, FIELD(api_connections_max)},
    {"storage.path", CR_CONFIG_PATH, "HOME/data", "folder of the log and of the state", 0, 0,
     FIELD(data)},
    {"storage.map_bytes", CR_CONFIG_SIZE, "8GiB", "the most the state may grow to; sparse",
     16 * CR_MIB, 1024 * CR_GIB, FIELD(state_map_bytes)},
    {"recorder.bytes", CR_CONFIG_SIZE, "64MiB",
     "file of the events of the core, for creto replay; 0: none", 0, 64 * CR_GIB,
     FIELD(recorder_bytes)},
    {"mempool.bytes", CR_CONFIG_SIZE, "32MiB", "bytes of transactions that wait for a place",
     CR_MIB, 4 * CR_GIB, FIELD(mempool_bytes)},
    {"mempool.transactions", CR_CONFIG_INTEGER, "16384", "transactions that wait for a place", 64,
     1048576, FIELD(mempool_txs)},
    {"mempool.per_account", CR_CONFIG_INTEGER, "4096", "of them, the share of one account", 1,
     1048576, FIELD(mempool_txs_per_account)},
    {"log.level", CR_CONFIG_LEVEL, "info", "error, warn, info or debug", 0, 0, FIELD(log_level)},
};
_Static_assert(CR_COUNT_OF(keys) <= CR_CONFIG_KEYS_MAX, "every key has a place for its source");

#define PEER_PREFIX "p2p.peer."
#define ENV_PREFIX  "CRETO_"

static const char *const levels[] = {NULL, "error", "warn", "info", "debug"};

struct origin {
    enum cr_config_source source;
    const char *where; /* put before messages: "creto.conf:12: " */
};

const struct cr_config_key *cr_config_keys(uint32_t *count)
{
    *count = CR_COUNT_OF(keys);
    return keys;
}

const char *cr_config_kind_name(enum cr_config_kind kind)
{
    static const char *const names[] = {NULL,   "path",   "address", "integer", "integer or auto",
                                        "size", "switch", "level"};
    CR_ASSERT(kind > 0 && kind < CR_COUNT_OF(names));
    return names[kind];
}

const char *cr_config_source_name(enum cr_config_source source)
{
    static const char *const names[] = {"default", "file", "environment", "flag"};
    CR_ASSERT(source < CR_COUNT_OF(names));
    return names[source];
}

__attribute__((format(printf, 2, 3))) static enum cr_err fail(struct cr_config_failure *failure,
                                                              const char *format, ...)
{
    va_list list;
    va_start(list, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is; clang 14 errs across files */
    (void)vsnprintf(failure->text, sizeof failure->text, format, list); /* a cut text still helps */
    va_end(list);
    failure->err = CR_ERR_CONFIG;
    return CR_ERR_CONFIG;
}

/* Copies; false when it does not fit. */
static bool copy(char *out, size_t out_bytes, const char *text)
{
    const size_t bytes = strlen(text);
    if (bytes >= out_bytes) return false;
    memcpy(out, text, bytes + 1);
    return true;
}

void cr_config_env_name(const char *name, char *out)
{
    memcpy(out, ENV_PREFIX, sizeof ENV_PREFIX);
    char *at = out + sizeof ENV_PREFIX - 1;
    for (uint32_t i = 0; name[i] != 0 && i < CR_CONFIG_NAME_BYTES - 1; i++) {
        const char c = name[i];
        *at++ = c == '.' ? '_' : (c >= 'a' && c <= 'z') ? (char)(c - 'a' + 'A') : c;
    }
    *at = 0;
}

static const struct cr_config_key *find(const char *name)
{
    for (uint32_t i = 0; i < CR_COUNT_OF(keys); i++) {
        if (strcmp(keys[i].name, name) == 0) return &keys[i];
    }
    return NULL;
}

static enum cr_err unknown(const struct origin *from, const char *name,
                           struct cr_config_failure *failure)
{
    char shown[CR_CONFIG_NAME_BYTES + 8] = "";
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < CR_COUNT_OF(keys); i++) {
        char candidate[CR_CONFIG_NAME_BYTES + 8] = "";
        (void)copy(candidate, sizeof candidate, keys[i].name); /* names of ours fit */
        if (from->source == CR_CONFIG_ENV) cr_config_env_name(keys[i].name, candidate);
        const uint32_t distance = cr_text_distance(name, candidate);
        if (distance >= best) continue;
        best = distance;
        memcpy(shown, candidate, sizeof shown);
    }
    if (best <= 2 || best <= strlen(name) / 4) {
        return fail(failure, "%sunknown key '%s'; did you mean '%s'?", from->where, name, shown);
    }
    return fail(failure, "%sunknown key '%s'; 'creto config explain' lists all keys", from->where,
                name);
}

/* ---- values ---- */

static void print_number(const struct cr_config_key *key, uint64_t number, char *out,
                         size_t out_bytes)
{
    if (key->kind == CR_CONFIG_SIZE) {
        cr_config_print_size(number, out, out_bytes);
    } else if (key->kind == CR_CONFIG_AUTO && number == 0) {
        (void)snprintf(out, out_bytes, "auto");
    } else {
        (void)snprintf(out, out_bytes, "%llu", (unsigned long long)number);
    }
}

static enum cr_err set_path(struct cr_config *config, const struct cr_config_key *key,
                            const char *value, const struct origin *from,
                            struct cr_config_failure *failure)
{
    char *out = (char *)config + key->offset;
    const bool absolute = value[0] == '/';
    const size_t home = absolute ? 0 : strlen(config->home) + 1;
    if (value[0] == 0) return fail(failure, "%s%s: the path is empty", from->where, key->name);
    if (home + strlen(value) >= key->bytes) {
        return fail(failure, "%s%s: the path is longer than %zu bytes", from->where, key->name,
                    key->bytes - 1);
    }
    if (home > 0) {
        memcpy(out, config->home, home - 1);
        out[home - 1] = '/';
    }
    memcpy(out + home, value, strlen(value) + 1);
    return CR_OK;
}

static enum cr_err set_number(struct cr_config *config, const struct cr_config_key *key,
                              const char *value, const struct origin *from,
                              struct cr_config_failure *failure)
{
    uint64_t number = 0;
    const bool automatic = key->kind == CR_CONFIG_AUTO && strcmp(value, "auto") == 0;
    const bool parsed = automatic || (key->kind == CR_CONFIG_SIZE
                                          ? cr_config_parse_size(value, &number)
                                          : cr_config_parse_digits(value, strlen(value), &number));
    if (!parsed) {
        return fail(failure, "%s%s: '%s' is not %s", from->where, key->name, value,
                    key->kind == CR_CONFIG_SIZE ? "a size; write it like 4096, 32MiB or 8GiB"
                                                : "a whole number");
    }
    if (number < key->least || number > key->most) {
        char least[32], most[32];
        print_number(key, key->least, least, sizeof least);
        print_number(key, key->most, most, sizeof most);
        return fail(failure, "%s%s: %s is out of range; it must be %s to %s", from->where,
                    key->name, value, least, most);
    }
    char *out = (char *)config + key->offset;
    if (key->bytes == sizeof(uint32_t)) {
        const uint32_t small = (uint32_t)number;
        memcpy(out, &small, sizeof small);
    } else {
        CR_ASSERT(key->bytes == sizeof number);
        memcpy(out, &number, sizeof number);
    }
    return CR_OK;
}

static enum cr_err set_level(struct cr_config *config, const char *value, const struct origin *from,
                             struct cr_config_failure *failure)
{
    for (uint32_t i = CR_LOG_LEVEL_ERROR; i <= CR_LOG_LEVEL_DEBUG; i++) {
        if (strcmp(levels[i], value) != 0) continue;
        config->log_level = (enum cr_log_level)i;
        return CR_OK;
    }
    return fail(failure, "%slog.level: '%s' is none of error, warn, info, debug", from->where,
                value);
}

static enum cr_err set_address(struct cr_config *config, const struct cr_config_key *key,
                               const char *value, const struct origin *from,
                               struct cr_config_failure *failure)
{
    const bool empty_means_default = value[0] == 0 && key->preset[0] == 0;
    if (!empty_means_default && !cr_address_ok(value)) {
        return fail(failure, "%s%s: '%s' is no address; write it like 127.0.0.1:7000 or [::1]:7000",
                    from->where, key->name, value);
    }
    (void)copy((char *)config + key->offset, key->bytes, value); /* cr_address_ok has checked it */
    return CR_OK;
}

static enum cr_err set_switch(struct cr_config *config, const struct cr_config_key *key,
                              const char *value, const struct origin *from,
                              struct cr_config_failure *failure)
{
    const bool on = strcmp(value, "true") == 0;
    if (!on && strcmp(value, "false") != 0) {
        return fail(failure, "%s%s: '%s' is neither true nor false", from->where, key->name, value);
    }
    memcpy((char *)config + key->offset, &on, sizeof on);
    return CR_OK;
}

static enum cr_err set_key(struct cr_config *config, const struct cr_config_key *key,
                           const char *value, const struct origin *from,
                           struct cr_config_failure *failure)
{
    switch (key->kind) {
    case CR_CONFIG_PATH: return set_path(config, key, value, from, failure);
    case CR_CONFIG_ADDRESS: return set_address(config, key, value, from, failure);
    case CR_CONFIG_INTEGER:
    case CR_CONFIG_AUTO:
    case CR_CONFIG_SIZE: return set_number(config, key, value, from, failure);
    case CR_CONFIG_SWITCH: return set_switch(config, key, value, from, failure);
    case CR_CONFIG_LEVEL: return set_level(config, value, from, failure);
    }
    CR_UNREACHABLE();
}

static enum cr_err set_peer(struct cr_config *config, const char *name, const char *value,
                            const struct origin *from, struct cr_config_failure *failure)
{
    if (!cr_name_ok(name)) {
        return fail(failure, "%s" PEER_PREFIX "%s: the part after the prefix is no validator name",
                    from->where, name);
    }
    if (!cr_address_ok(value)) {
        return fail(failure, "%s" PEER_PREFIX "%s: '%s' is no address; write it like 10.0.0.7:7000",
                    from->where, name, value);
    }
    uint32_t i = 0;
    while (i < config->peers_count && strcmp(config->peers[i].name, name) != 0)
        i++;
    if (i == CR_CONFIG_PEERS_MAX) {
        return fail(failure, "%smore than %d peers", from->where, CR_CONFIG_PEERS_MAX);
    }
    (void)copy(config->peers[i].name, sizeof config->peers[i].name, name);        /* checked */
    (void)copy(config->peers[i].address, sizeof config->peers[i].address, value); /* checked */
    if (i == config->peers_count) config->peers_count++;
    return CR_OK;
}

static enum cr_err assign(struct cr_config *config, const char *name, const char *value,
                          const struct origin *from, struct cr_config_failure *failure)
{
    if (strncmp(name, PEER_PREFIX, sizeof PEER_PREFIX - 1) == 0) {
        return set_peer(config, name + sizeof PEER_PREFIX - 1, value, from, failure);
    }
    const struct cr_config_key *key = find(name);
    if (key == NULL) return unknown(from, name, failure);
    if (key == &keys[0]) {
        return fail(failure, "%s%s is chosen by --home or CRETO_NODE_HOME", from->where, name);
    }
    const enum cr_err err = set_key(config, key, value, from, failure);
    if (err == CR_OK) config->sources[key - keys] = (uint8_t)from->source;
    return err;
}

/* ---- the file ---- */

struct file {
    struct cr_config *config;
    struct cr_config_failure *failure;
    const char *path;
    FILE *stream;
    uint32_t line;
    bool failed;
};

/* inih does not tell the handler the line, so the lines are counted where they are read. */
static char *read_line(char *text, int text_bytes, void *context)
{
    struct file *file = context;
    if (file->failed || fgets(text, text_bytes, file->stream) == NULL) return NULL;
    file->line++;
    const size_t count = strlen(text);
    if (count + 1 == (size_t)text_bytes && text[count - 1] != '\n') {
        file->failed = true;
        (void)fail(file->failure, "%s:%u: the line is longer than %zu bytes", file->path,
                   file->line, count);
        return NULL;
    }
    return text;
}

static bool seen_before(const struct file *file, const char *name)
{
    const struct cr_config_key *key = find(name);
    if (key != NULL) return file->config->sources[key - keys] == CR_CONFIG_FILE;
    if (strncmp(name, PEER_PREFIX, sizeof PEER_PREFIX - 1) != 0) return false;
    for (uint32_t i = 0; i < file->config->peers_count; i++) {
        if (strcmp(file->config->peers[i].name, name + sizeof PEER_PREFIX - 1) == 0) return true;
    }
    return false;
}

static int on_pair(void *context, const char *section, const char *name, const char *value)
{
    struct file *file = context;
    if (file->failed) return 0;

    char where[CR_PATH_BYTES_MAX + 64], full[2 * CR_CONFIG_NAME_BYTES], text[CR_PATH_BYTES_MAX];
    (void)snprintf(where, sizeof where, "%s:%u: ", file->path, file->line);
    const int count = snprintf(full, sizeof full, "%s.%s", section, name);
    const struct origin from = {CR_CONFIG_FILE, where};
    file->failed = true; /* until all is well */
    if (section[0] == 0) {
        (void)fail(file->failure, "%s'%s' stands in no section; is a '[section]' line missing?",
                   where, name);
        return 0;
    }
    if (count < 0 || (size_t)count >= sizeof full || !copy(text, sizeof text, value)) {
        (void)fail(file->failure, "%sa name or value of this length is not known here", where);
        return 0;
    }
    if (seen_before(file, full)) {
        (void)fail(file->failure, "%s'%s' is set twice; remove one of the lines", where, full);
        return 0;
    }
    const size_t bytes = strlen(text);
    const bool quoted = bytes >= 2 && text[0] == '"' && text[bytes - 1] == '"';
    if (quoted) text[bytes - 1] = 0;
    if (assign(file->config, full, text + (quoted ? 1 : 0), &from, file->failure) != CR_OK)
        return 0;
    file->failed = false;
    return 1;
}

static enum cr_err load_file(struct cr_config *config, struct cr_config_failure *failure)
{
    char path[CR_PATH_BYTES_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/creto.conf", config->home);
    FILE *stream = fopen(path, "re");
    if (stream == NULL && errno == ENOENT) return CR_OK;
    if (stream == NULL) return fail(failure, "cannot open %s: %s", path, strerror(errno));

    struct file file = {.config = config, .failure = failure, .path = path, .stream = stream};
    const int bad_line = ini_parse_stream(read_line, &file, on_pair, &file);
    const bool broken = ferror(stream) != 0;
    (void)fclose(stream); /* it was only read */
    if (file.failed) return CR_ERR_CONFIG;
    if (broken) return fail(failure, "cannot read %s", path);
    if (bad_line == 0) return CR_OK;
    return fail(failure, "%s:%d: expected 'key = value' or '[section]'", path, bad_line);
}

/* ---- the environment ---- */

static bool known_section(const char *env)
{
    for (uint32_t i = 0; i < CR_COUNT_OF(keys); i++) {
        char name[CR_CONFIG_NAME_BYTES + 8];
        cr_config_env_name(keys[i].name, name);
        const size_t section = sizeof ENV_PREFIX + strcspn(keys[i].name, ".");
        if (strncmp(env, name, section) == 0) return true;
    }
    return false;
}

static enum cr_err load_variable(struct cr_config *config, const char *variable,
                                 struct cr_config_failure *failure)
{
    const char *equals = strchr(variable, '=');
    if (equals == NULL || strncmp(variable, ENV_PREFIX, sizeof ENV_PREFIX - 1) != 0) return CR_OK;
    char name[2 * CR_CONFIG_NAME_BYTES];
    const size_t name_bytes = (size_t)(equals - variable);
    if (name_bytes >= sizeof name) return CR_OK;
    memcpy(name, variable, name_bytes);
    name[name_bytes] = 0;

    const struct origin from = {CR_CONFIG_ENV, "environment: "};
    for (uint32_t i = 1; i < CR_COUNT_OF(keys); i++) {
        char env[CR_CONFIG_NAME_BYTES + 8];
        cr_config_env_name(keys[i].name, env);
        if (strcmp(env, name) == 0) return assign(config, keys[i].name, equals + 1, &from, failure);
    }
    /* CRETO_BIN_DIR and the like are not ours to judge; a typo after a section's name is. */
    if (strcmp(name, "CRETO_NODE_HOME") == 0 || !known_section(name)) return CR_OK;
    return unknown(&from, name, failure);
}

static enum cr_err set_home(struct cr_config *config, const char *home,
                            struct cr_config_failure *failure)
{
    char absolute[PATH_MAX];
    if (home[0] == 0) return fail(failure, "the home folder has no name; give --home DIR");
    if (realpath(home, absolute) == NULL) {
        char here[PATH_MAX] = "";
        const bool relative = home[0] != '/';
        if (relative && getcwd(here, sizeof here) == NULL) {
            return fail(failure, "cannot tell the working folder: %s", strerror(errno));
        }
        const size_t before = relative ? strlen(here) + 1 : 0;
        if (before + strlen(home) >= sizeof absolute) return fail(failure, "home: too long");
        if (relative) {
            memcpy(absolute, here, before - 1);
            absolute[before - 1] = '/';
        }
        memcpy(absolute + before, home, strlen(home) + 1);
    }
    /* Every default below it must fit, too. */
    if (!copy(config->home, sizeof config->home - 32, absolute)) {
        return fail(failure, "the path of the home folder is longer than %zu bytes",
                    sizeof config->home - 33);
    }
    return CR_OK;
}

static enum cr_err set_presets(struct cr_config *config, struct cr_config_failure *failure)
{
    static const char below[] = "HOME/";
    const struct origin from = {CR_CONFIG_DEFAULT, ""};
    for (uint32_t i = 1; i < CR_COUNT_OF(keys); i++) {
        const char *preset = keys[i].preset;
        if (strncmp(preset, below, sizeof below - 1) == 0) preset += sizeof below - 1;
        const enum cr_err err = set_key(config, &keys[i], preset, &from, failure);
        if (err != CR_OK) return err;
    }
    return CR_OK;
}

enum cr_err cr_config_load(const char *home, struct cr_config *out,
                           struct cr_config_failure *failure)
{
    struct cr_config config = {0};
    enum cr_err err = set_home(&config, home, failure);
    if (err == CR_OK) err = set_presets(&config, failure);
    if (err == CR_OK) err = load_file(&config, failure);
    for (char **variable = environ; err == CR_OK && *variable != NULL; variable++)
        err = load_variable(&config, *variable, failure);
    if (err == CR_OK) *out = config;
    return err;
}

enum cr_err cr_config_set(struct cr_config *config, const char *name, const char *value,
                          struct cr_config_failure *failure)
{
    const struct origin from = {CR_CONFIG_FLAG, "--set: "};
    return assign(config, name, value, &from, failure);
}

/* ---- values as text ---- */

static void print_key(const struct cr_config *config, const struct cr_config_key *key, char *out,
                      size_t out_bytes)
{
    const char *field = (const char *)config + key->offset;
    uint32_t small = 0;
    uint64_t number = 0;
    if (key->bytes == sizeof small) {
        memcpy(&small, field, sizeof small);
        number = small;
    } else if (key->bytes == sizeof number) {
        memcpy(&number, field, sizeof number);
    }
    switch (key->kind) {
    case CR_CONFIG_PATH:
    case CR_CONFIG_ADDRESS: (void)snprintf(out, out_bytes, "%s", field); return;
    case CR_CONFIG_INTEGER:
    case CR_CONFIG_AUTO:
    case CR_CONFIG_SIZE: print_number(key, number, out, out_bytes); return;
    case CR_CONFIG_SWITCH: (void)snprintf(out, out_bytes, *field ? "true" : "false"); return;
    case CR_CONFIG_LEVEL: (void)snprintf(out, out_bytes, "%s", levels[config->log_level]); return;
    }
    CR_UNREACHABLE();
}

bool cr_config_get(const struct cr_config *config, const char *name, char *out, size_t out_bytes,
                   enum cr_config_source *source)
{
    const struct cr_config_key *key = find(name);
    if (key == NULL) return false;
    print_key(config, key, out, out_bytes);
    *source = (enum cr_config_source)config->sources[key - keys];
    return true;
}
