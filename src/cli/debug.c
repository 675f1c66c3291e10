/* SPDX-License-Identifier: Apache-2.0 */
/* debug.c: for auditors: the verifier of ML-DSA as a filter of JSON lines. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "crypto/mldsa/reference.h"
#include "crypto/mldsa/verify.h"
#include "crypto/verifier.h"

enum { BATCH_MAX = 256 }; /* of 40 to 70 KB each, prepared */

/* One line, decoded; all owned. */
struct claim {
    struct cr_public_key key;
    bool key_fits; /* has the length of its level */
    uint8_t *message, *context, *signature;
    size_t message_bytes, context_bytes, signature_bytes;
};

struct batch {
    const struct cr_verifier *verifier; /* NULL: the reference */
    uint32_t count, most;
    struct claim claims[BATCH_MAX];
};

static bool decode(const json_t *json, const char *name, uint8_t **bytes, size_t *count)
{
    const json_t *member = json_object_get(json, name);
    const char *text = member ? json_string_value(member) : "";
    if (!text) return false;
    *count = strlen(text) / 2;
    *bytes = malloc(*count + 1);
    return *bytes && cr_hex_decode(text, strlen(text), *bytes, *count) == CR_OK;
}

/* 65, "65" or "ML-DSA-65". */
static enum cr_alg level_of(const json_t *json)
{
    const json_t *level = json_object_get(json, "level");
    const char *text = json_string_value(level); /* NULL: not a string */
    char name[32];
    if (json_is_integer(level)) {
        (void)snprintf(name, sizeof name, "ML-DSA-%" JSON_INTEGER_FORMAT,
                       json_integer_value(level));
    } else if (text) {
        (void)snprintf(name, sizeof name, "%s%s", strlen(text) == 2 ? "ML-DSA-" : "", text);
    } else {
        return (enum cr_alg)0;
    }
    return cr_alg_parse(name);
}

static bool read_claim(const json_t *json, struct claim *out)
{
    uint8_t *key = NULL;
    size_t key_bytes = 0;
    out->key.alg = level_of(json);
    bool good = cr_alg_name(out->key.alg) && decode(json, "pk", &key, &key_bytes);
    out->key_fits = good && key_bytes == cr_alg_key_bytes(out->key.alg);
    if (out->key_fits) memcpy(out->key.bytes, key, key_bytes);
    free(key);
    good = good && decode(json, "msg", &out->message, &out->message_bytes);
    good = good && decode(json, "ctx", &out->context, &out->context_bytes);
    return good && decode(json, "sig", &out->signature, &out->signature_bytes);
}

static struct cr_verify_item item_of(const struct claim *claim)
{
    return (struct cr_verify_item){.context = claim->context,
                                   .context_bytes = claim->context_bytes,
                                   .message = claim->message,
                                   .message_bytes = claim->message_bytes,
                                   .signature = claim->signature,
                                   .signature_bytes = claim->signature_bytes};
}

static void verify(const struct batch *batch, struct cr_verify_item items[BATCH_MAX])
{
    struct cr_prepared_key *keys[BATCH_MAX];
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct claim *claim = &batch->claims[i];
        keys[i] = claim->key_fits ? batch->verifier->prepare(&claim->key) : NULL;
        items[i] = item_of(claim);
        items[i].key = keys[i];
    }
    batch->verifier->verify(items, batch->count);
    for (uint32_t i = 0; i < batch->count; i++)
        batch->verifier->forget(keys[i]);
}

static void verify_by_reference(const struct batch *batch, struct cr_verify_item items[BATCH_MAX])
{
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct claim *claim = &batch->claims[i];
        items[i] = item_of(claim);
        items[i].valid = claim->key_fits && cr_mldsa_reference_verify(&claim->key, &items[i]);
    }
}

static void finish(struct batch *batch)
{
    static struct cr_verify_item items[BATCH_MAX];
    if (batch->verifier)
        verify(batch, items);
    else
        verify_by_reference(batch, items);
    for (uint32_t i = 0; i < batch->count; i++) {
        struct claim *claim = &batch->claims[i];
        puts(items[i].valid ? "accept" : "reject");
        free(claim->message);
        free(claim->context);
        free(claim->signature);
        *claim = (struct claim){0};
    }
    batch->count = 0;
    (void)fflush(stdout); /* who asks line by line waits for it */
}

/* A line without a claim ends the command: skipping it would shift the answers. */
static int filter(struct batch *batch)
{
    char *line = NULL;
    size_t room = 0;
    int code = CR_EXIT_OK;
    for (uint32_t number = 1; code == CR_EXIT_OK && getline(&line, &room, stdin) >= 0; number++) {
        json_error_t error;
        json_t *json = json_loads(line, 0, &error);
        if (json && read_claim(json, &batch->claims[batch->count])) {
            batch->count++;
        } else {
            code = cr_cli_fail(CR_EXIT_USAGE, "line %u is not {level, pk, msg, ctx, sig} in hex",
                               number);
        }
        json_decref(json);
        if (batch->count == batch->most) finish(batch);
    }
    finish(batch);
    free(line);
    return code;
}

int cr_cli_debug_mldsa(const struct cr_command *command, int words, char **word)
{
    static struct batch batch;
    const char *backend = NULL;
    bool in_batches = false;
    const struct cr_option list[] = {
        {.name = "backend",
         .kind = CR_OPTION_TEXT,
         .value = "NAME",
         .meaning = "avx512, avx2, neon, scalar, reference or openssl; default: the fastest",
         .out = &backend},
        {.name = "batch",
         .kind = CR_OPTION_SWITCH,
         .meaning = "up to 256 lines in one call, instead of each alone",
         .out = &in_batches},
    };
    const struct cr_options options = {.command = command, .list = list, .count = 2};
    const int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;
    batch.most = in_batches ? BATCH_MAX : 1;
    if (!backend || strcmp(backend, "reference") != 0) {
        batch.verifier = cr_verifier_start(backend);
        if (!batch.verifier)
            return cr_cli_fail(CR_EXIT_USAGE, "no back end '%s' on this processor", backend);
    }
    return filter(&batch);
}
