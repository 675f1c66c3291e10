/* SPDX-License-Identifier: Apache-2.0 */
/* tx_json.c: a transaction as JSON for people and scripts. The binary form is what is signed:
 * whatever the JSON says is encoded canonically and then treated like any other transaction.
 *
 * {"chain": hex, "account": hex, "client_id": hex, "valid_until_commit": n,
 *  "mode": "atomic" | "independent", "operations": [...], "signature": {"algorithm", "hex"}}
 * A key or a value is a string (its UTF-8 bytes) or {"hex": "..."}.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/request.h"

static enum cr_err complain(char why[160], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum cr_err complain(char why[160], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is; clang 14 errs across files */
    vsnprintf(why, 160, format, args);
    va_end(args);
    return CR_ERR_MALFORMED;
}

static enum cr_err take_hex(const json_t *json, const char *name, uint8_t *out, size_t count,
                            char why[160])
{
    const json_t *field = json_object_get(json, name);
    const char *text = json_string_value(field);
    if (!text) return complain(why, "'%s' is missing or not a string", name);
    if (cr_hex_decode(text, json_string_length(field), out, count) != CR_OK)
        return complain(why, "'%s' must be %zu hexadecimal digits", name, 2 * count);
    return CR_OK;
}

/* Bytes of a string or of {"hex"}; *owned is freed by the caller. */
static enum cr_err take_bytes(const json_t *json, const char *name, const uint8_t **out,
                              uint32_t *count, uint8_t **owned, char why[160])
{
    const json_t *field = json_object_get(json, name);
    if (json_is_string(field)) {
        *out = (const uint8_t *)json_string_value(field);
        *count = (uint32_t)json_string_length(field);
        return CR_OK;
    }
    const json_t *hex = json_object_get(field, "hex");
    if (!json_is_string(hex) || json_object_size(field) != 1)
        return complain(why, "'%s' must be a string or {\"hex\": \"...\"}", name);
    const size_t bytes = json_string_length(hex) / 2;
    *owned = malloc(bytes + 1);
    if (!*owned) return complain(why, "memory is out");
    if (cr_hex_decode(json_string_value(hex), json_string_length(hex), *owned, bytes) != CR_OK)
        return complain(why, "'%s' is not hexadecimal", name);
    *out = *owned;
    *count = (uint32_t)bytes;
    return CR_OK;
}

static enum cr_err register_op(const json_t *json, struct cr_op *op, char why[160])
{
    op->type = CR_OP_REGISTER;
    op->register_key.alg = cr_alg_parse(json_string_value(json_object_get(json, "algorithm"))
                                            ? json_string_value(json_object_get(json, "algorithm"))
                                            : "");
    if (op->register_key.alg == 0)
        return complain(why, "'algorithm' must be ML-DSA-44, ML-DSA-65 or ML-DSA-87");
    return take_hex(json, "key", op->register_key.bytes, cr_alg_key_bytes(op->register_key.alg),
                    why);
}

static enum cr_err transfer_op(const json_t *json, struct cr_op *op, char why[160])
{
    const json_t *amount = json_object_get(json, "amount");
    op->type = CR_OP_TRANSFER;
    if (!json_is_integer(amount) || json_integer_value(amount) < 0)
        return complain(why, "'amount' must be a whole number from 0");
    op->amount = (uint64_t)json_integer_value(amount);
    return take_hex(json, "to", op->to.bytes, CR_HASH_BYTES, why);
}

static enum cr_err add_op(struct cr_tx_builder *builder, const json_t *json, char why[160])
{
    const char *name = json_string_value(json_object_get(json, "op"));
    uint8_t *owned_key = NULL;
    uint8_t *owned_value = NULL;
    struct cr_op *op = calloc(1, sizeof *op);
    enum cr_err err = CR_OK;
    if (!op) return complain(why, "memory is out");
    if (!name) {
        err = complain(why, "'op' is missing");
    } else if (strcmp(name, "register") == 0) {
        err = register_op(json, op, why);
    } else if (strcmp(name, "transfer") == 0) {
        err = transfer_op(json, op, why);
    } else if (strcmp(name, "put") == 0 || strcmp(name, "delete") == 0) {
        op->type = name[0] == 'p' ? CR_OP_PUT : CR_OP_DELETE;
        err = take_bytes(json, "key", &op->key, &op->key_bytes, &owned_key, why);
        if (err == CR_OK && op->type == CR_OP_PUT)
            err = take_bytes(json, "value", &op->value, &op->value_bytes, &owned_value, why);
        if (err == CR_OK && (op->key_bytes == 0 || op->key_bytes > CR_STATE_KEY_BYTES_MAX))
            err = complain(why, "'key' must have 1 to %d bytes", CR_STATE_KEY_BYTES_MAX);
        if (err == CR_OK && op->value_bytes > CR_STATE_VALUE_BYTES_MAX)
            err = complain(why, "'value' is longer than %d bytes", CR_STATE_VALUE_BYTES_MAX);
    } else {
        err = complain(why, "'op' must be put, delete, transfer or register");
    }
    if (err == CR_OK) cr_tx_add(builder, op);
    free(owned_key);
    free(owned_value);
    free(op);
    return err;
}

static enum cr_err take_fields(const json_t *json, struct cr_tx *tx, char why[160])
{
    const char *mode = json_string_value(json_object_get(json, "mode"));
    const json_t *until = json_object_get(json, "valid_until_commit");
    if (!json_is_object(json)) return complain(why, "the body must be a JSON object");
    enum cr_err err = take_hex(json, "chain", tx->chain, CR_TX_CHAIN_BYTES, why);
    if (err == CR_OK) err = take_hex(json, "account", tx->account.bytes, CR_HASH_BYTES, why);
    if (err == CR_OK) err = take_hex(json, "client_id", tx->client_id, CR_TX_CLIENT_ID_BYTES, why);
    if (err != CR_OK) return err;
    if (!json_is_integer(until) || json_integer_value(until) < 0)
        return complain(why, "'valid_until_commit' must be a whole number");
    tx->valid_until_commit = (uint64_t)json_integer_value(until);
    if (mode && strcmp(mode, "independent") == 0)
        tx->flags = CR_TX_INDEPENDENT;
    else if (mode && strcmp(mode, "atomic") != 0)
        return complain(why, "'mode' must be atomic or independent");
    return CR_OK;
}

static enum cr_err add_signature(struct cr_tx_builder *builder, const json_t *json, size_t *count,
                                 char why[160])
{
    uint8_t signature[CR_SIG_BYTES_MAX];
    const json_t *field = json_object_get(json, "signature");
    const char *name = json_string_value(json_object_get(field, "algorithm"));
    const enum cr_alg alg = name ? cr_alg_parse(name) : 0;
    if (alg == 0)
        return complain(why, "'signature.algorithm' must be ML-DSA-44, ML-DSA-65 or ML-DSA-87");
    const enum cr_err err = take_hex(field, "hex", signature, cr_alg_sig_bytes(alg), why);
    if (err != CR_OK) return err;
    *count = cr_tx_sign_with(builder, alg, signature, cr_alg_sig_bytes(alg));
    return *count > 0 ? CR_OK : complain(why, "the transaction is larger than the limit");
}

enum cr_err cr_tx_from_json(const json_t *json, uint8_t *bytes, size_t bytes_max, size_t *count,
                            char why[160])
{
    struct cr_tx fields = {0};
    struct cr_tx_builder builder;
    struct cr_hash id;
    size_t i;
    const json_t *op;
    enum cr_err err = take_fields(json, &fields, why);
    if (err != CR_OK) return err;
    const json_t *ops = json_object_get(json, "operations");
    if (!json_is_array(ops) || json_array_size(ops) == 0 || json_array_size(ops) > CR_OPS_MAX)
        return complain(why, "'operations' must be a list of 1 to %d operations", CR_OPS_MAX);
    cr_tx_begin(&builder, bytes, bytes_max, &fields);
    json_array_foreach(ops, i, op)
    {
        char inner[160];
        err = add_op(&builder, op, inner);
        if (err != CR_OK) return complain(why, "operation %zu: %.120s", i, inner);
    }
    err = cr_tx_end(&builder, &id);
    if (err != CR_OK)
        return complain(why, "the operations cannot be encoded: %s", cr_err_text(err));
    return add_signature(&builder, json, count, why);
}
