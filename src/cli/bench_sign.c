/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "cli/bench.h"
#include "crypto/hash.h"

enum {
    REGISTER_BATCH = 128, /* 4 kB each: half a request's limit */
    REGISTER_WAIT_S = 30,
    KEY_TEXT_BYTES = 96,
    SIGN_OVERHEAD = 4 + 76 + 3 + CR_MLDSA44_SIG_BYTES, /* frame, fixed part, signature */
};

/* The key of one record: own to this run, client and transaction. */
static uint32_t key_text(const struct cr_bench *bench, uint64_t index, uint64_t op, char *out)
{
    char run[2 * sizeof bench->run_id + 1];
    cr_hex_encode(bench->run_id, sizeof bench->run_id, run);
    const uint64_t client = index % bench->plan.clients, turn = index / bench->plan.clients;
    const int count =
        snprintf(out, KEY_TEXT_BYTES, "bench/%s/%llu/%llu/%llu", run, (unsigned long long)client,
                 (unsigned long long)turn, (unsigned long long)op);
    CR_ASSERT(count > 0 && count < KEY_TEXT_BYTES);
    return (uint32_t)count;
}

uint64_t cr_bench_tx_bytes(const struct cr_bench_plan *plan)
{
    const uint64_t op = 1 + 2 + 48 + 4 + plan->op_bytes; /* keys are shorter than 48 bytes here */
    const uint64_t bytes = SIGN_OVERHEAD + plan->ops_per_tx * op;
    return bytes <= CR_TX_BYTES_MAX ? bytes : 0;
}

static void client_seed(struct cr_bench *bench, uint32_t client)
{
    static const char tag[] = "creto/bench/1";
    struct cr_hasher hasher;
    cr_hasher_init(&hasher);
    cr_hasher_add(&hasher, tag, sizeof tag);
    cr_hasher_add(&hasher, bench->run_id, sizeof bench->run_id);
    cr_hasher_add_le(&hasher, client, 4);
    const struct cr_hash seed = cr_hasher_end(&hasher);
    memcpy(bench->clients[client].seed, seed.bytes, sizeof bench->clients[client].seed);
}

/* Begins a transaction of the client whose key it is. */
static void begin(const struct cr_bench *bench, const struct cr_public_key *key, uint64_t number,
                  struct cr_tx_builder *builder, uint8_t *bytes)
{
    struct cr_tx fields = {.account = cr_public_key_account(key),
                           .valid_until_commit = bench->chain.commit_index + bench->plan.ttl};
    memcpy(fields.chain, bench->chain.chain, sizeof fields.chain);
    memcpy(fields.client_id, bench->run_id, sizeof bench->run_id);
    cr_store_le(fields.client_id + sizeof bench->run_id, number, 8);
    cr_tx_begin(builder, bytes, CR_TX_BYTES_MAX, &fields);
}

/* Ends and signs it; a copy with its frame, or false. */
static bool finish(const struct cr_secret_key *key, struct cr_tx_builder *builder,
                   struct cr_bench_tx *out)
{
    uint8_t signature[CR_SIG_BYTES_MAX];
    size_t signature_bytes = 0;
    if (cr_tx_end(builder, &out->id) != CR_OK) return false;
    if (cr_sign(key, (const uint8_t *)CR_TX_CONTEXT, CR_TX_CONTEXT_BYTES, out->id.bytes,
                sizeof out->id.bytes, signature, &signature_bytes) != CR_OK) {
        return false;
    }
    const size_t count = cr_tx_sign_with(builder, CR_ALG_MLDSA44, signature, signature_bytes);
    out->bytes = count == 0 ? NULL : malloc(count + 4);
    if (out->bytes == NULL) return false;
    cr_store_le(out->bytes, count, 4);
    memcpy(out->bytes + 4, builder->bytes, count);
    out->bytes_count = (uint32_t)count + 4;
    return true;
}

/* ---- load transactions ---- */

struct signer {
    struct cr_bench *bench;
    uint32_t index;
    struct cr_secret_key **keys; /* per client, made when first needed */
    uint8_t bytes[CR_TX_BYTES_MAX];
};

static bool make_tx(struct signer *signer, uint64_t index)
{
    struct cr_bench *bench = signer->bench;
    const uint64_t client = index % bench->plan.clients;
    if (signer->keys[client] == NULL &&
        cr_secret_key_from_seed(CR_ALG_MLDSA44, bench->clients[client].seed,
                                &signer->keys[client]) != CR_OK) {
        return false;
    }
    struct cr_public_key public;
    struct cr_tx_builder builder;
    cr_secret_key_public(signer->keys[client], &public);
    begin(bench, &public, index, &builder, signer->bytes);

    struct cr_prng prng = cr_prng_stream(cr_load_le(bench->run_id, 8), 1, index);
    uint8_t value[CR_STATE_VALUE_BYTES_MAX + 8];
    for (uint64_t op_index = 0; op_index < bench->plan.ops_per_tx; op_index++) {
        char key[KEY_TEXT_BYTES];
        for (uint64_t at = 0; at < bench->plan.op_bytes; at += 8)
            cr_store_le(value + at, cr_prng_next(&prng), 8);
        const struct cr_op op = {.type = CR_OP_PUT,
                                 .key = (const uint8_t *)key,
                                 .key_bytes = key_text(bench, index, op_index, key),
                                 .value = value,
                                 .value_bytes = (uint32_t)bench->plan.op_bytes};
        cr_tx_add(&builder, &op);
    }
    return finish(signer->keys[client], &builder, &bench->txs[index]);
}

static void *run_signer(void *context)
{
    struct signer *signer = context;
    struct cr_bench *bench = signer->bench;
    signer->keys = calloc(bench->plan.clients, sizeof(struct cr_secret_key *));
    bool ok = signer->keys != NULL;
    for (uint64_t i = signer->index; ok && i < bench->plan.txs_count; i += bench->signers_count) {
        if (atomic_load_explicit(&bench->stop_signing, memory_order_relaxed)) break;
        ok = make_tx(signer, i);
        /* Pairs with the acquire of the loop: what was written before is seen there. */
        if (ok) atomic_store_explicit(&bench->txs[i].ready, true, memory_order_release);
    }
    if (!ok) atomic_store(&bench->signing_failed, true);
    for (uint64_t i = 0; signer->keys != NULL && i < bench->plan.clients; i++)
        cr_secret_key_free(signer->keys[i]);
    free(signer->keys);
    free(signer);
    return NULL;
}

bool cr_bench_sign_start(struct cr_bench *bench)
{
    const uint32_t wanted = bench->signers_count;
    for (uint32_t i = 0; i < wanted; i++) {
        struct signer *signer = calloc(1, sizeof *signer);
        if (signer != NULL) {
            signer->bench = bench;
            signer->index = i;
            if (pthread_create(&bench->signers[i], NULL, run_signer, signer) == 0) continue;
        }
        free(signer);
        atomic_store(&bench->stop_signing, true);
        for (uint32_t j = 0; j < i; j++)
            (void)pthread_join(bench->signers[j], NULL); /* ours, and joined once */
        return false;
    }
    return true;
}

bool cr_bench_sign_join(struct cr_bench *bench)
{
    for (uint32_t i = 0; i < bench->signers_count; i++)
        (void)pthread_join(bench->signers[i], NULL); /* ours, and joined once */
    return !atomic_load(&bench->signing_failed);
}

/* ---- registration ---- */

static bool make_registration(const struct cr_bench *bench, uint32_t client,
                              struct cr_bench_tx *out)
{
    static uint8_t bytes[CR_TX_BYTES_MAX];
    struct cr_secret_key *key = NULL;
    if (cr_secret_key_from_seed(CR_ALG_MLDSA44, bench->clients[client].seed, &key) != CR_OK) {
        return false;
    }
    struct cr_op op = {.type = CR_OP_REGISTER};
    struct cr_tx_builder builder;
    cr_secret_key_public(key, &op.register_key);
    begin(bench, &op.register_key, UINT64_MAX, &builder, bytes);
    cr_tx_add(&builder, &op);
    const bool ok = finish(key, &builder, out);
    cr_secret_key_free(key);
    return ok;
}

static int judge(const json_t *answer, uint32_t count)
{
    const json_t *results = json_object_get(answer, "results");
    for (uint32_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(results, i);
        const char *state = cr_client_text(item, "state"), *result = cr_client_text(item, "result");
        if (strcmp(state, "final") == 0) continue;
        return cr_cli_fail(strcmp(state, "rejected") == 0 ? CR_EXIT_FAILED : CR_EXIT_UNKNOWN,
                           "a client account could not be registered: %s %s", state, result);
    }
    return CR_EXIT_OK;
}

/* Registers clients [from, from + count) by one request. */
static int register_some(struct cr_bench *bench, uint32_t from, uint32_t count)
{
    uint8_t *body = NULL;
    size_t body_bytes = 0;
    bool ok = true;
    for (uint32_t i = 0; ok && i < count; i++) {
        struct cr_bench_tx tx = {0};
        uint8_t *more = NULL;
        ok = make_registration(bench, from + i, &tx);
        if (ok) more = realloc(body, body_bytes + tx.bytes_count);
        if (more != NULL) {
            memcpy(more + body_bytes, tx.bytes, tx.bytes_count);
            body = more;
            body_bytes += tx.bytes_count;
        }
        ok = more != NULL;
        free(tx.bytes);
    }
    int code = ok ? CR_EXIT_OK : cr_cli_fail(CR_EXIT_FAILED, "cannot make client accounts");
    if (ok) {
        const struct cr_http_request request = {.method = "POST",
                                                .path = "/v1/transactions",
                                                .content_type = "application/octet-stream",
                                                .body = body,
                                                .body_bytes = body_bytes,
                                                .wait_seconds = REGISTER_WAIT_S};
        struct cr_http http;
        json_t *answer = NULL;
        int status = 0;
        code = cr_client_call(&bench->urls, &request, &http, &status, &answer);
        cr_http_close(&http);
        if (code == CR_EXIT_OK) {
            code = status < 300 ? judge(answer, count) : cr_client_problem(status, answer);
        }
        json_decref(answer);
    }
    free(body);
    return code;
}

int cr_bench_register(struct cr_bench *bench)
{
    const uint32_t count = (uint32_t)bench->plan.clients;
    int code = CR_EXIT_OK;
    for (uint32_t i = 0; i < count; i++)
        client_seed(bench, i);
    for (uint32_t i = 0; code == CR_EXIT_OK && i < count; i += REGISTER_BATCH)
        code = register_some(bench, i, count - i < REGISTER_BATCH ? count - i : REGISTER_BATCH);
    return code;
}
