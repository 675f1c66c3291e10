/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tx_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire/profile.h"

__attribute__((format(printf, 2, 3))) static enum cr_err fail(struct cr_tx_file_failure *failure,
                                                              const char *format, ...)
{
    va_list list;
    va_start(list, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is; clang 14 errs across files */
    (void)vsnprintf(failure->text, sizeof failure->text, format, list); /* a cut text still helps */
    va_end(list);
    return CR_ERR_CONFIG;
}

enum cr_err cr_tx_file_read(const json_t *root, struct cr_tx_file *out,
                            struct cr_tx_file_failure *failure)
{
    struct cr_tx_file file = {.operations = root};
    const json_t *inner = json_object_get(root, "operations");
    if (inner != NULL) {
        const json_t *mode = json_object_get(root, "mode");
        const char *name = mode == NULL ? "atomic" : json_string_value(mode);
        file.operations = inner;
        file.independent = name != NULL && strcmp(name, "independent") == 0;
        if (name == NULL || (!file.independent && strcmp(name, "atomic") != 0)) {
            return fail(failure, "mode is neither \"atomic\" nor \"independent\"");
        }
        if (json_object_size(root) != (mode == NULL ? 1u : 2u)) {
            return fail(failure, "a member besides \"mode\" and \"operations\"");
        }
        if (!json_is_array(inner)) return fail(failure, "\"operations\" is no list");
    }
    if (!json_is_array(file.operations) && !json_is_object(file.operations)) {
        return fail(failure, "neither an operation nor a list of operations");
    }
    const uint32_t count = cr_tx_file_count(&file);
    if (count == 0 || count > CR_OPS_MAX) {
        return fail(failure, "%u operations; there must be 1 to %d", count, CR_OPS_MAX);
    }
    *out = file;
    return CR_OK;
}

uint32_t cr_tx_file_count(const struct cr_tx_file *file)
{
    return json_is_array(file->operations) ? (uint32_t)json_array_size(file->operations) : 1;
}

/* Text or {"hex": ...} into `out`. */
static enum cr_err read_bytes(const json_t *json, const char *what, uint8_t *out, size_t out_bytes,
                              uint32_t *count, struct cr_tx_file_failure *failure)
{
    const json_t *hex = json_object_get(json, "hex");
    const bool is_hex = json_is_string(hex) && json_object_size(json) == 1;
    if (!json_is_string(json) && !is_hex) {
        return fail(failure, "\"%s\" is neither text nor {\"hex\": ...}", what);
    }
    const char *text = json_string_value(is_hex ? hex : json);
    const size_t text_count = json_string_length(is_hex ? hex : json);
    const size_t bytes = is_hex ? text_count / 2 : text_count;
    if (bytes > out_bytes) return fail(failure, "\"%s\" exceeds %zu bytes", what, out_bytes);
    *count = (uint32_t)bytes;
    if (!is_hex) {
        memcpy(out, text, bytes);
    } else if (cr_hex_decode(text, text_count, out, bytes) != CR_OK) {
        return fail(failure, "\"%s\": not hexadecimal", what);
    }
    return CR_OK;
}

struct buffers {
    uint8_t key[CR_STATE_KEY_BYTES_MAX];
    uint8_t value[CR_STATE_VALUE_BYTES_MAX];
};
_Static_assert(CR_PROFILE_BYTES_MAX <= CR_STATE_VALUE_BYTES_MAX, "a profile fits the same buffer");

static enum cr_err read_record(const json_t *json, struct buffers *buffers, struct cr_op *op,
                               struct cr_tx_file_failure *failure)
{
    enum cr_err err = read_bytes(json_object_get(json, "key"), "key", buffers->key,
                                 sizeof buffers->key, &op->key_bytes, failure);
    if (err != CR_OK) return err;
    if (op->key_bytes == 0) return fail(failure, "\"key\" is empty");
    op->key = buffers->key;
    if (op->type == CR_OP_DELETE) return CR_OK;
    err = read_bytes(json_object_get(json, "value"), "value", buffers->value, sizeof buffers->value,
                     &op->value_bytes, failure);
    op->value = buffers->value;
    return err;
}

static enum cr_err read_transfer(const json_t *json, struct cr_op *op,
                                 struct cr_tx_file_failure *failure)
{
    const json_t *to = json_object_get(json, "to"), *amount = json_object_get(json, "amount");
    if (!json_is_string(to) || cr_hex_decode(json_string_value(to), json_string_length(to),
                                             op->to.bytes, sizeof op->to.bytes) != CR_OK) {
        return fail(failure, "\"to\" is no account id of 64 hexadecimal digits");
    }
    if (!json_is_integer(amount) || json_integer_value(amount) <= 0) {
        return fail(failure, "\"amount\" is no whole number above 0");
    }
    op->amount = (uint64_t)json_integer_value(amount);
    return CR_OK;
}

static enum cr_err read_stake(const json_t *json, struct cr_op *op,
                              struct cr_tx_file_failure *failure)
{
    const json_t *stake = json_object_get(json, "stake");
    if (!json_is_integer(stake) || json_integer_value(stake) < 0)
        return fail(failure, "\"stake\" is no whole number from 0");
    op->amount = (uint64_t)json_integer_value(stake);
    return CR_OK;
}

static enum cr_err read_hex(const json_t *json, const char *what, uint8_t *out, size_t bytes,
                            struct cr_tx_file_failure *failure)
{
    const json_t *hex = json_object_get(json, what);
    if (!json_is_string(hex) ||
        cr_hex_decode(json_string_value(hex), json_string_length(hex), out, bytes) != CR_OK)
        return fail(failure, "\"%s\" is not %zu bytes in hexadecimal", what, bytes);
    return CR_OK;
}

/* The members of a validator.json beside "op". */
static enum cr_err read_validator(const json_t *json, struct buffers *buffers, struct cr_op *op,
                                  struct cr_tx_file_failure *failure)
{
    uint8_t consensus[CR_MLDSA65_KEY_BYTES], transport[CR_MLDSA65_KEY_BYTES];
    struct cr_profile profile = {.consensus_key = consensus, .transport_key = transport};
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *address = json_string_value(json_object_get(json, "address"));
    enum cr_err err = read_stake(json, op, failure);
    if (err == CR_OK) err = read_hex(json, "consensus_key", consensus, sizeof consensus, failure);
    if (err == CR_OK) err = read_hex(json, "transport_key", transport, sizeof transport, failure);
    if (err != CR_OK) return err;
    if (name == NULL || !cr_name_ok(name)) return fail(failure, "\"name\" is no name");
    if (address == NULL || !cr_address_ok(address))
        return fail(failure, "\"address\" is no host:port");
    memcpy(profile.name, name, strlen(name) + 1);
    memcpy(profile.address, address, strlen(address) + 1);
    op->value = buffers->value;
    op->value_bytes = cr_profile_encode(&profile, buffers->value);
    return CR_OK;
}

static enum cr_err read_validator_stake(const json_t *json, struct cr_op *op,
                                        struct cr_tx_file_failure *failure)
{
    const enum cr_err err = read_stake(json, op, failure);
    if (err != CR_OK) return err;
    return read_hex(json, "validator", op->to.bytes, sizeof op->to.bytes, failure);
}

static enum cr_err read_op(const json_t *json, const struct cr_public_key *signer,
                           struct buffers *buffers, struct cr_op *op,
                           struct cr_tx_file_failure *failure)
{
    static const struct {
        const char *name;
        enum cr_op_type type;
        uint32_t members;
    } kinds[] = {{"register", CR_OP_REGISTER, 1},
                 {"transfer", CR_OP_TRANSFER, 3},
                 {"put", CR_OP_PUT, 3},
                 {"delete", CR_OP_DELETE, 2},
                 {"validator-add", CR_OP_VALIDATOR, 6},
                 {"validator-stake", CR_OP_VALIDATOR, 3}};

    const char *name = json_string_value(json_object_get(json, "op"));
    uint32_t kind = 0;
    while (name != NULL && kind < CR_COUNT_OF(kinds) && strcmp(kinds[kind].name, name) != 0)
        kind++;
    if (name == NULL || kind == CR_COUNT_OF(kinds)) {
        return fail(failure, "\"op\" is none of register, transfer, put, delete, validator-add, "
                             "validator-stake");
    }
    *op = (struct cr_op){.type = kinds[kind].type};
    enum cr_err err = CR_OK;
    switch (op->type) {
    case CR_OP_REGISTER: op->register_key = *signer; break;
    case CR_OP_TRANSFER: err = read_transfer(json, op, failure); break;
    case CR_OP_PUT:
    case CR_OP_DELETE: err = read_record(json, buffers, op, failure); break;
    case CR_OP_VALIDATOR:
        err = kinds[kind].members == 6 ? read_validator(json, buffers, op, failure)
                                       : read_validator_stake(json, op, failure);
        break;
    case CR_OP_EVIDENCE: CR_UNREACHABLE(); /* not in the table above: nodes make it */
    }
    if (err == CR_OK && json_object_size(json) != kinds[kind].members) {
        return fail(failure, "a member that \"%s\" does not have", name);
    }
    return err;
}

enum cr_err cr_tx_file_add(const struct cr_tx_file *file, const struct cr_public_key *signer,
                           struct cr_tx_builder *builder, struct cr_tx_file_failure *failure)
{
    struct buffers buffers;
    const uint32_t count = cr_tx_file_count(file);
    for (uint32_t i = 0; i < count; i++) {
        const bool many = json_is_array(file->operations);
        struct cr_op op;
        struct cr_tx_file_failure inner;
        if (read_op(many ? json_array_get(file->operations, i) : file->operations, signer, &buffers,
                    &op, &inner) != CR_OK) {
            return fail(failure, "operation %u: %.200s", i, inner.text);
        }
        cr_tx_add(builder, &op);
    }
    return CR_OK;
}
