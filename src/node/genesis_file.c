/* SPDX-License-Identifier: Apache-2.0 */
#include "node/genesis_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/hash.h"

enum {
    FORMAT = 1,
    /* 1024 accounts of 5.3 kB and 128 validators of 8.2 kB of text, and slack. */
    FILE_BYTES_MAX = 8 * 1024 * 1024,
};
/* Sums of stakes and of balances stay below 2^63: JSON integers are signed here. */
static const uint64_t sum_max = INT64_MAX;

struct param {
    const char *name;
    size_t offset;
    uint32_t least, most;
};
#define FIELD(member) offsetof(struct cr_params, member)

/* In the order of the file: sorted by name. */
static const struct param params[] = {
    {"checkpoint_commits", FIELD(checkpoint_commits), 1, 1u << 20},
    {"epoch_ms", FIELD(epoch_ms), 0, UINT32_MAX},
    {"epoch_rounds", FIELD(epoch_rounds), 0, 1u << 30},
    {"gc_depth", FIELD(gc_depth), 8, CR_GC_DEPTH},
    {"idle_delay_us", FIELD(idle_delay_us), 1000, 60000000},
    {"payload_bytes_max", FIELD(payload_bytes_max), CR_TX_BYTES_MAX, CR_PAYLOAD_BYTES_MAX},
    {"round_delay_us", FIELD(round_delay_us), 500, 10000000},
    {"score_window", FIELD(score_window), 4, 10000},
    {"tx_ttl_max", FIELD(tx_ttl_max), 16, CR_TX_TTL_MAX},
};

static const struct {
    const char *name;
    struct cr_params params;
} profiles[] = {
    {"lan",
     {.gc_depth = 64,
      .round_delay_us = 4000,
      .idle_delay_us = 400000,
      .score_window = 20,
      .checkpoint_commits = 256,
      .epoch_rounds = 20000,
      .epoch_ms = 10 * 60 * 1000,
      .tx_ttl_max = 65536,
      .payload_bytes_max = 512 * 1024}},
    {"wan",
     {.gc_depth = 64,
      .round_delay_us = 25000,
      .idle_delay_us = 500000,
      .score_window = 100,
      .checkpoint_commits = 256,
      .epoch_ms = 60 * 60 * 1000,
      .tx_ttl_max = 65536,
      .payload_bytes_max = 512 * 1024}},
};

bool cr_genesis_profile(const char *name, struct cr_params *out)
{
    for (uint32_t i = 0; i < CR_COUNT_OF(profiles); i++) {
        if (strcmp(profiles[i].name, name) != 0) continue;
        *out = profiles[i].params;
        return true;
    }
    return false;
}

__attribute__((format(printf, 3, 4))) static enum cr_err
fail(struct cr_config_failure *failure, enum cr_err err, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is; clang 14 errs across files */
    (void)vsnprintf(failure->text, sizeof failure->text, format, list); /* a cut text still helps */
    va_end(list);
    failure->err = err;
    return err;
}

static uint32_t param_get(const struct cr_params *from, const struct param *param)
{
    uint32_t value = 0;
    memcpy(&value, (const char *)from + param->offset, sizeof value);
    return value;
}

/* ---- what a genesis must be, whoever made it ---- */

static enum cr_err check_params(const struct cr_params *p, struct cr_config_failure *failure)
{
    for (uint32_t i = 0; i < CR_COUNT_OF(params); i++) {
        const uint32_t value = param_get(p, &params[i]);
        if (value >= params[i].least && value <= params[i].most) continue;
        return fail(failure, CR_ERR_CONFIG,
                    "parameters.%s: %u is out of range; it must be %u to %u", params[i].name, value,
                    params[i].least, params[i].most);
    }
    if (p->idle_delay_us < p->round_delay_us) {
        return fail(failure, CR_ERR_CONFIG,
                    "parameters.idle_delay_us: %u is smaller than round_delay_us, %u",
                    p->idle_delay_us, p->round_delay_us);
    }
    return CR_OK;
}

/* What two validators must not have in common; no key plays two roles. */
static const char *shared(const struct cr_genesis_validator *a,
                          const struct cr_genesis_validator *b)
{
    if (strcmp(a->name, b->name) == 0) return "name";
    if (strcmp(a->address, b->address) == 0) return "address";
    if (cr_public_key_equal(&a->consensus_key, &b->consensus_key)) return "consensus_key";
    if (cr_public_key_equal(&a->transport_key, &b->transport_key)) return "transport_key";
    if (cr_public_key_equal(&a->consensus_key, &b->transport_key)) return "key";
    if (cr_public_key_equal(&a->transport_key, &b->consensus_key)) return "key";
    return NULL;
}

static int by_consensus_key(const void *a, const void *b)
{
    const struct cr_genesis_validator *left = a, *right = b;
    return memcmp(left->consensus_key.bytes, right->consensus_key.bytes, CR_MLDSA65_KEY_BYTES);
}

static enum cr_err check_validator(const struct cr_genesis *genesis, uint32_t index,
                                   struct cr_config_failure *failure)
{
    const struct cr_genesis_validator *v = &genesis->validators[index];
    if (!cr_name_ok(v->name)) {
        return fail(failure, CR_ERR_CONFIG,
                    "validators[%u]: '%s' is no name: 1 to %d letters, digits, '-', '_', '.'",
                    index, v->name, CR_NAME_BYTES_MAX);
    }
    if (!cr_address_ok(v->address)) {
        return fail(failure, CR_ERR_CONFIG, "validator '%s': '%s' is no host:port", v->name,
                    v->address);
    }
    if (v->stake == 0) return fail(failure, CR_ERR_CONFIG, "validator '%s': no stake", v->name);
    if (v->consensus_key.alg != CR_ALG_MLDSA65 || v->transport_key.alg != CR_ALG_MLDSA65) {
        return fail(failure, CR_ERR_CONFIG, "validator '%s': keys must be ML-DSA-65", v->name);
    }
    if (cr_public_key_equal(&v->consensus_key, &v->transport_key)) {
        return fail(failure, CR_ERR_CONFIG, "validator '%s': one key in two roles", v->name);
    }
    for (uint32_t i = 0; i < index; i++) {
        const char *what = shared(v, &genesis->validators[i]);
        if (what == NULL) continue;
        return fail(failure, CR_ERR_CONFIG, "validators '%s' and '%s' share their %s",
                    genesis->validators[i].name, v->name, what);
    }
    if (index > 0 && by_consensus_key(v - 1, v) > 0) {
        return fail(failure, CR_ERR_CONFIG, "validators are not sorted by consensus_key");
    }
    return CR_OK;
}

static enum cr_err check_validators(const struct cr_genesis *genesis,
                                    struct cr_config_failure *failure)
{
    const uint32_t count = genesis->validators_count;
    if (count == 0 || count > CR_VALIDATORS_MAX) {
        return fail(failure, CR_ERR_CONFIG, "validators: %u of them; there must be 1 to %d", count,
                    CR_VALIDATORS_MAX);
    }
    uint64_t total = 0, largest = 0;
    for (uint32_t i = 0; i < count; i++) {
        const enum cr_err err = check_validator(genesis, i, failure);
        if (err != CR_OK) return err;
        const uint64_t stake = genesis->validators[i].stake;
        if (stake > sum_max - total) {
            return fail(failure, CR_ERR_CONFIG, "the sum of the stakes exceeds 2^63 - 1");
        }
        total += stake;
        if (stake > largest) largest = stake;
    }
    if (count > 3 && largest > (total - 1) / 3) {
        return fail(failure, CR_ERR_CONFIG,
                    "one validator has a stake of %" PRIu64 " of %" PRIu64
                    ": alone it could stop the chain; keep every stake at a third or less",
                    largest, total);
    }
    return CR_OK;
}

struct ranked {
    struct cr_hash id;
    uint32_t index;
};

static int by_id(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;
    return cr_hash_compare(&left->id, &right->id);
}

static enum cr_err check_accounts(const struct cr_genesis *genesis,
                                  struct cr_config_failure *failure)
{
    if (genesis->accounts_count > CR_GENESIS_ACCOUNTS_MAX) {
        return fail(failure, CR_ERR_CONFIG, "accounts: more than %d", CR_GENESIS_ACCOUNTS_MAX);
    }
    uint64_t total = 0;
    struct cr_hash before = {{0}};
    for (uint32_t i = 0; i < genesis->accounts_count; i++) {
        const struct cr_genesis_account *account = &genesis->accounts[i];
        if (cr_alg_key_bytes(account->key.alg) == 0) {
            return fail(failure, CR_ERR_CONFIG, "accounts[%u].key: unknown algorithm", i);
        }
        if (account->balance > sum_max - total) {
            return fail(failure, CR_ERR_CONFIG, "the sum of the balances exceeds 2^63 - 1");
        }
        total += account->balance;
        const struct cr_hash id = cr_public_key_account(&account->key);
        if (i > 0 && cr_hash_compare(&before, &id) >= 0) {
            return fail(failure, CR_ERR_CONFIG, "accounts[%u]: repeated, or not sorted by id", i);
        }
        before = id;
    }
    return CR_OK;
}

static enum cr_err check(const struct cr_genesis *genesis, struct cr_config_failure *failure)
{
    if (!cr_name_ok(genesis->chain)) {
        return fail(failure, CR_ERR_CONFIG,
                    "chain: '%s' is no name: 1 to %d letters, digits, '-', '_', '.'",
                    genesis->chain, CR_NAME_BYTES_MAX);
    }
    if (genesis->timestamp_ms == 0 || genesis->timestamp_ms > sum_max) {
        return fail(failure, CR_ERR_CONFIG, "timestamp_ms: out of range");
    }
    enum cr_err err = check_params(&genesis->params, failure);
    if (err == CR_OK) err = check_validators(genesis, failure);
    if (err == CR_OK) err = check_accounts(genesis, failure);
    return err;
}

/* ---- to JSON ---- */

static json_t *hex_of(const struct cr_public_key *key)
{
    char text[2 * CR_KEY_BYTES_MAX + 1];
    cr_hex_encode(key->bytes, cr_alg_key_bytes(key->alg), text);
    return json_string(text);
}

static json_t *validator_json(const struct cr_genesis_validator *v)
{
    return json_pack("{s:s,s:I,s:s,s:o,s:o}", "name", v->name, "stake", (json_int_t)v->stake,
                     "address", v->address, "consensus_key", hex_of(&v->consensus_key),
                     "transport_key", hex_of(&v->transport_key));
}

static json_t *account_json(const struct cr_genesis_account *account)
{
    return json_pack("{s:s,s:o,s:I}", "algorithm", cr_alg_name(account->key.alg), "key",
                     hex_of(&account->key), "balance", (json_int_t)account->balance);
}

/* The canonical bytes with the newline, to be freed; NULL when memory is out. */
static char *encode(const struct cr_genesis *genesis, size_t *count)
{
    json_t *validators = json_array(), *accounts = json_array(), *parameters = json_object();
    bool ok = true;
    for (uint32_t i = 0; i < genesis->validators_count; i++)
        ok &= json_array_append_new(validators, validator_json(&genesis->validators[i])) == 0;
    for (uint32_t i = 0; i < genesis->accounts_count; i++)
        ok &= json_array_append_new(accounts, account_json(&genesis->accounts[i])) == 0;
    for (uint32_t i = 0; i < CR_COUNT_OF(params); i++) {
        json_t *value = json_integer(param_get(&genesis->params, &params[i]));
        ok &= json_object_set_new(parameters, params[i].name, value) == 0;
    }
    json_t *root = json_pack("{s:i,s:s,s:I,s:o,s:o,s:o}", "format", FORMAT, "chain", genesis->chain,
                             "timestamp_ms", (json_int_t)genesis->timestamp_ms, "parameters",
                             parameters, "validators", validators, "accounts", accounts);
    if (ok && !cr_hash_is_zero(&genesis->operator_account)) {
        char text[2 * CR_HASH_BYTES + 1];
        cr_hex_encode(genesis->operator_account.bytes, CR_HASH_BYTES, text);
        ok = json_object_set_new(root, "operator", json_string(text)) == 0;
    }
    char *text = ok && root != NULL ? json_dumps(root, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    json_decref(root);
    if (text == NULL) return NULL;
    const size_t bytes = strlen(text);
    char *line = realloc(text, bytes + 2);
    if (line == NULL) {
        free(text);
        return NULL;
    }
    memcpy(line + bytes, "\n", 2);
    *count = bytes + 1;
    return line;
}

/* ---- from JSON ---- */

static enum cr_err decode_key(const char *hex, enum cr_alg alg, const char *whose,
                              struct cr_public_key *out, struct cr_config_failure *failure)
{
    out->alg = alg;
    if (cr_hex_decode(hex, strlen(hex), out->bytes, cr_alg_key_bytes(alg)) != CR_OK) {
        return fail(failure, CR_ERR_CONFIG, "%s: not %u bytes of %s key in hexadecimal", whose,
                    cr_alg_key_bytes(alg), cr_alg_name(alg));
    }
    return CR_OK;
}

static enum cr_err copy_text(char *out, size_t out_bytes, const char *text, const char *whose,
                             struct cr_config_failure *failure)
{
    const size_t bytes = strlen(text);
    if (bytes >= out_bytes) return fail(failure, CR_ERR_CONFIG, "%s: the text is too long", whose);
    memcpy(out, text, bytes + 1);
    return CR_OK;
}

static enum cr_err decode_validator(json_t *json, struct cr_genesis_validator *out,
                                    struct cr_config_failure *failure)
{
    const char *name = NULL, *address = NULL, *consensus = NULL, *transport = NULL;
    json_int_t stake = 0;
    json_error_t error;
    if (json_unpack_ex(json, &error, JSON_STRICT, "{s:s,s:I,s:s,s:s,s:s}", "name", &name, "stake",
                       &stake, "address", &address, "consensus_key", &consensus, "transport_key",
                       &transport) != 0) {
        return fail(failure, CR_ERR_CONFIG, "validators: %s", error.text);
    }
    if (stake <= 0) return fail(failure, CR_ERR_CONFIG, "validator '%s': no stake", name);
    out->stake = (uint64_t)stake;
    enum cr_err err = copy_text(out->name, sizeof out->name, name, "name", failure);
    if (err == CR_OK) {
        err = copy_text(out->address, sizeof out->address, address, "address", failure);
    }
    if (err == CR_OK) {
        err = decode_key(consensus, CR_ALG_MLDSA65, "consensus_key", &out->consensus_key, failure);
    }
    if (err == CR_OK) {
        err = decode_key(transport, CR_ALG_MLDSA65, "transport_key", &out->transport_key, failure);
    }
    return err;
}

static enum cr_err decode_account(json_t *json, struct cr_genesis_account *out,
                                  struct cr_config_failure *failure)
{
    const char *algorithm = NULL, *key = NULL;
    json_int_t balance = 0;
    json_error_t error;
    if (json_unpack_ex(json, &error, JSON_STRICT, "{s:s,s:s,s:I}", "algorithm", &algorithm, "key",
                       &key, "balance", &balance) != 0) {
        return fail(failure, CR_ERR_CONFIG, "accounts: %s", error.text);
    }
    const enum cr_alg alg = cr_alg_parse(algorithm);
    if (alg == 0) {
        return fail(failure, CR_ERR_CONFIG, "accounts: unknown algorithm '%s'", algorithm);
    }
    if (balance < 0) return fail(failure, CR_ERR_CONFIG, "accounts: a balance below 0");
    out->balance = (uint64_t)balance;
    return decode_key(key, alg, "accounts: key", &out->key, failure);
}

static enum cr_err decode_params(json_t *json, struct cr_params *out,
                                 struct cr_config_failure *failure)
{
    for (uint32_t i = 0; i < CR_COUNT_OF(params); i++) {
        const json_t *value = json_object_get(json, params[i].name);
        if (!json_is_integer(value)) {
            return fail(failure, CR_ERR_CONFIG, "parameters.%s is missing", params[i].name);
        }
        const json_int_t number = json_integer_value(value);
        if (number < 0 || number > UINT32_MAX) {
            return fail(failure, CR_ERR_CONFIG, "parameters.%s: out of range", params[i].name);
        }
        const uint32_t small = (uint32_t)number;
        memcpy((char *)out + params[i].offset, &small, sizeof small);
    }
    if (json_object_size(json) != CR_COUNT_OF(params)) {
        return fail(failure, CR_ERR_CONFIG, "parameters: a field that is not known here");
    }
    return CR_OK;
}

static enum cr_err decode_lists(json_t *validators, json_t *accounts, struct cr_genesis *out,
                                struct cr_config_failure *failure)
{
    const size_t validators_count = json_array_size(validators);
    const size_t accounts_count = json_array_size(accounts);
    if (!json_is_array(validators) || validators_count > CR_VALIDATORS_MAX) {
        return fail(failure, CR_ERR_CONFIG, "validators: no list of at most %d", CR_VALIDATORS_MAX);
    }
    if (!json_is_array(accounts) || accounts_count > CR_GENESIS_ACCOUNTS_MAX) {
        return fail(failure, CR_ERR_CONFIG, "accounts: no list of at most %d",
                    CR_GENESIS_ACCOUNTS_MAX);
    }
    out->validators_count = (uint32_t)validators_count;
    out->accounts_count = (uint32_t)accounts_count;
    enum cr_err err = CR_OK;
    for (uint32_t i = 0; err == CR_OK && i < validators_count; i++)
        err = decode_validator(json_array_get(validators, i), &out->validators[i], failure);
    for (uint32_t i = 0; err == CR_OK && i < accounts_count; i++)
        err = decode_account(json_array_get(accounts, i), &out->accounts[i], failure);
    return err;
}

static enum cr_err decode(json_t *root, struct cr_genesis *out, struct cr_config_failure *failure)
{
    json_t *parameters = NULL, *validators = NULL, *accounts = NULL;
    const char *chain = NULL, *operator_account = NULL;
    int format = 0;
    json_int_t timestamp = 0;
    json_error_t error;
    if (json_unpack_ex(root, &error, JSON_STRICT, "{s:i,s:s,s:I,s:o,s:o,s:o,s?s}", "format",
                       &format, "chain", &chain, "timestamp_ms", &timestamp, "parameters",
                       &parameters, "validators", &validators, "accounts", &accounts, "operator",
                       &operator_account) != 0) {
        return fail(failure, CR_ERR_CONFIG, "%s", error.text);
    }
    if (format != FORMAT) {
        return fail(failure, CR_ERR_CONFIG, "format %d is not known here, only %d", format, FORMAT);
    }
    if (timestamp <= 0) return fail(failure, CR_ERR_CONFIG, "timestamp_ms: out of range");
    out->timestamp_ms = (uint64_t)timestamp;
    enum cr_err err = copy_text(out->chain, sizeof out->chain, chain, "chain", failure);
    if (operator_account != NULL &&
        cr_hex_decode(operator_account, strlen(operator_account), out->operator_account.bytes,
                      CR_HASH_BYTES) != CR_OK) {
        return fail(failure, CR_ERR_CONFIG, "operator: no account id of %d hexadecimal digits",
                    2 * CR_HASH_BYTES);
    }
    if (err == CR_OK) err = decode_params(parameters, &out->params, failure);
    if (err == CR_OK) err = decode_lists(validators, accounts, out, failure);
    return err;
}

/* ---- files ---- */

static enum cr_err read_whole(const char *path, char **out, size_t *count,
                              struct cr_config_failure *failure)
{
    FILE *stream = fopen(path, "re");
    if (stream == NULL) {
        return fail(failure, errno == ENOENT ? CR_ERR_NOT_FOUND : CR_ERR_IO, "cannot open: %s",
                    strerror(errno));
    }
    char *bytes = malloc(FILE_BYTES_MAX + 1);
    if (bytes == NULL) {
        (void)fclose(stream); /* only read */
        return fail(failure, CR_ERR_IO, "memory is out");
    }
    *count = fread(bytes, 1, FILE_BYTES_MAX + 1, stream);
    const bool broken = ferror(stream) != 0;
    (void)fclose(stream); /* only read */
    if (broken || *count > FILE_BYTES_MAX) {
        free(bytes);
        return broken ? fail(failure, CR_ERR_IO, "cannot read: %s", strerror(errno))
                      : fail(failure, CR_ERR_CONFIG, "larger than %d bytes", FILE_BYTES_MAX);
    }
    *out = bytes;
    return CR_OK;
}

static enum cr_err load(const char *bytes, size_t count, struct cr_genesis *out,
                        struct cr_config_failure *failure)
{
    json_error_t error;
    json_t *root = json_loadb(bytes, count, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        return fail(failure, CR_ERR_CONFIG, "line %d: %s", error.line, error.text);
    }
    enum cr_err err = decode(root, out, failure);
    json_decref(root);
    if (err == CR_OK) err = check(out, failure);
    if (err != CR_OK) return err;

    size_t canonical_count = 0;
    char *canonical = encode(out, &canonical_count);
    if (canonical == NULL) return fail(failure, CR_ERR_IO, "memory is out");
    if (canonical_count != count || memcmp(canonical, bytes, count) != 0) {
        err = fail(failure, CR_ERR_CONFIG,
                   "not canonical JSON (sorted keys, no spaces, one newline at the end); "
                   "was it edited? fetch the original");
    }
    free(canonical);
    out->id = cr_hash_of(bytes, count);
    return err;
}

/* Puts the path before what went wrong. */
static enum cr_err with_path(enum cr_err err, const char *path, struct cr_config_failure *failure)
{
    if (err == CR_OK) return CR_OK;
    char reason[sizeof failure->text];
    memcpy(reason, failure->text, sizeof reason);
    return fail(failure, err, "%s: %s", path, reason);
}

enum cr_err cr_genesis_load(const char *path, struct cr_genesis *out,
                            struct cr_config_failure *failure)
{
    char *bytes = NULL;
    size_t count = 0;
    enum cr_err err = read_whole(path, &bytes, &count, failure);
    if (err != CR_OK) return with_path(err, path, failure);
    struct cr_genesis *genesis = calloc(1, sizeof *genesis);
    err = genesis == NULL ? fail(failure, CR_ERR_IO, "memory is out")
                          : load(bytes, count, genesis, failure);
    if (genesis != NULL && err == CR_OK) *out = *genesis;
    free(genesis);
    free(bytes);
    return with_path(err, path, failure);
}

static enum cr_err sort(struct cr_genesis *genesis, struct cr_config_failure *failure)
{
    if (genesis->validators_count > CR_VALIDATORS_MAX ||
        genesis->accounts_count > CR_GENESIS_ACCOUNTS_MAX) {
        return fail(failure, CR_ERR_CONFIG, "more than %d validators or %d accounts",
                    CR_VALIDATORS_MAX, CR_GENESIS_ACCOUNTS_MAX);
    }
    const uint32_t count = genesis->accounts_count;
    qsort(genesis->validators, genesis->validators_count, sizeof genesis->validators[0],
          by_consensus_key);
    if (count == 0) return CR_OK;

    struct ranked *ranks = calloc(count, sizeof *ranks);
    struct cr_genesis_account *sorted = calloc(count, sizeof *sorted);
    const bool ok = ranks != NULL && sorted != NULL;
    for (uint32_t i = 0; ok && i < count; i++)
        ranks[i] = (struct ranked){cr_public_key_account(&genesis->accounts[i].key), i};
    if (ok) {
        qsort(ranks, count, sizeof *ranks, by_id);
        for (uint32_t i = 0; i < count; i++)
            sorted[i] = genesis->accounts[ranks[i].index];
        memcpy(genesis->accounts, sorted, count * sizeof *sorted);
    }
    free(sorted);
    free(ranks);
    return ok ? CR_OK : fail(failure, CR_ERR_IO, "memory is out");
}

/* Written under another name and linked into place: link refuses what exists. */
static enum cr_err publish(const char *path, const char *bytes, size_t count,
                           struct cr_config_failure *failure)
{
    char temporary[CR_PATH_BYTES_MAX + 32];
    const int length = snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof temporary) {
        return fail(failure, CR_ERR_CONFIG, "the path is too long");
    }
    const int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return fail(failure, CR_ERR_IO, "cannot create: %s", strerror(errno));

    enum cr_err err = CR_OK;
    size_t done = 0;
    while (done < count) {
        const ssize_t wrote = write(fd, bytes + done, count - done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) break;
        done += (size_t)wrote;
    }
    if (done < count || fsync(fd) != 0) {
        err = fail(failure, CR_ERR_IO, "cannot write: %s", strerror(errno));
    } else if (link(temporary, path) != 0) {
        err = errno == EEXIST ? fail(failure, CR_ERR_EXISTS, "it exists already; remove it first")
                              : fail(failure, CR_ERR_IO, "cannot create: %s", strerror(errno));
    }
    (void)close(fd);         /* synced, or thrown away */
    (void)unlink(temporary); /* at worst a stray .tmp stays */
    return err;
}

enum cr_err cr_genesis_save(struct cr_genesis *genesis, const char *path,
                            struct cr_config_failure *failure)
{
    enum cr_err err = sort(genesis, failure);
    if (err == CR_OK) err = check(genesis, failure);
    if (err != CR_OK) return with_path(err, path, failure);
    size_t count = 0;
    char *bytes = encode(genesis, &count);
    if (bytes == NULL) return fail(failure, CR_ERR_IO, "memory is out");
    err = publish(path, bytes, count, failure);
    if (err == CR_OK) genesis->id = cr_hash_of(bytes, count);
    free(bytes);
    return with_path(err, path, failure);
}
