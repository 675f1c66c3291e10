/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/tx.h"

#include <string.h>

#include "crypto/hash.h"
#include "wire/profile.h"

enum {
    AT_OPS_COUNT = 72, /* after the other fields of fixed length */
    FIXED_BYTES = AT_OPS_COUNT + 2,
};

static const uint8_t tag[4] = {'C', 'T', 'X', '1'};

/* An operation as it lies in the bytes; views are NULL where the type has no such field. */
struct op_view {
    enum cr_op_type type;
    enum cr_alg alg;
    uint32_t key_bytes;
    uint32_t value_bytes;
    uint64_t amount;
    const uint8_t *key; /* of the record, or to be registered */
    const uint8_t *value;
    const uint8_t *to;
};

static enum cr_err read_register(struct cr_reader *reader, struct op_view *op)
{
    op->alg = (enum cr_alg)cr_read_le(reader, 1);
    op->key_bytes = (uint32_t)cr_read_le(reader, 2);
    if (reader->bad) return CR_ERR_TRUNCATED;
    if (op->key_bytes == 0 || op->key_bytes != cr_alg_key_bytes(op->alg)) return CR_ERR_MALFORMED;
    op->key = cr_read_bytes(reader, op->key_bytes);
    return CR_OK;
}

static enum cr_err read_key(struct cr_reader *reader, struct op_view *op)
{
    op->key_bytes = (uint32_t)cr_read_le(reader, 2);
    if (reader->bad) return CR_ERR_TRUNCATED;
    if (op->key_bytes == 0) return CR_ERR_MALFORMED;
    if (op->key_bytes > CR_STATE_KEY_BYTES_MAX) return CR_ERR_TOO_BIG;
    op->key = cr_read_bytes(reader, op->key_bytes);
    return CR_OK;
}

static enum cr_err read_key_and_value(struct cr_reader *reader, struct op_view *op)
{
    const enum cr_err err = read_key(reader, op);
    if (err != CR_OK) return err;
    op->value_bytes = (uint32_t)cr_read_le(reader, 4);
    if (op->value_bytes > CR_STATE_VALUE_BYTES_MAX) return CR_ERR_TOO_BIG;
    op->value = cr_read_bytes(reader, op->value_bytes);
    return CR_OK;
}

static enum cr_err read_evidence(struct cr_reader *reader, struct op_view *op)
{
    op->value_bytes = (uint32_t)cr_read_le(reader, 4);
    if (reader->bad) return CR_ERR_TRUNCATED;
    if (op->value_bytes == 0) return CR_ERR_MALFORMED;
    if (op->value_bytes > CR_EVIDENCE_BYTES_MAX) return CR_ERR_TOO_BIG;
    op->value = cr_read_bytes(reader, op->value_bytes);
    return CR_OK;
}

static enum cr_err read_validator(struct cr_reader *reader, struct op_view *op)
{
    struct cr_profile profile;
    const uint64_t action = cr_read_le(reader, 1);
    op->amount = cr_read_le(reader, 8);
    if (reader->bad) return CR_ERR_TRUNCATED;
    if (op->amount > CR_STAKE_MAX) return CR_ERR_MALFORMED;
    if (action == CR_VALIDATOR_STAKE) {
        op->to = cr_read_bytes(reader, CR_HASH_BYTES);
        return CR_OK;
    }
    if (action != CR_VALIDATOR_ADD) return CR_ERR_MALFORMED;
    const size_t begin = reader->position;
    const enum cr_err err = cr_profile_read(reader, &profile);
    if (err != CR_OK) return err;
    op->value = reader->bytes + begin;
    op->value_bytes = (uint32_t)(reader->position - begin);
    return CR_OK;
}

/* CR_OK leaves the reader to say whether the bytes were enough. */
static enum cr_err read_body(struct cr_reader *reader, struct op_view *op)
{
    switch (op->type) {
    case CR_OP_REGISTER: return read_register(reader, op);
    case CR_OP_TRANSFER:
        op->to = cr_read_bytes(reader, CR_HASH_BYTES);
        op->amount = cr_read_le(reader, 8);
        return CR_OK;
    case CR_OP_PUT: return read_key_and_value(reader, op);
    case CR_OP_DELETE: return read_key(reader, op);
    case CR_OP_EVIDENCE: return read_evidence(reader, op);
    case CR_OP_VALIDATOR: return read_validator(reader, op);
    }
    return CR_ERR_MALFORMED; /* a type we do not know */
}

/* The one place that knows the form of operations. */
static enum cr_err read_op(struct cr_reader *reader, struct op_view *op)
{
    const uint8_t *type = cr_read_bytes(reader, 1);
    if (!type) return CR_ERR_TRUNCATED;
    *op = (struct op_view){.type = (enum cr_op_type)type[0]};
    const enum cr_err err = read_body(reader, op);
    if (err != CR_OK) return err;
    return reader->bad ? CR_ERR_TRUNCATED : CR_OK;
}

static enum cr_err read_fixed(struct cr_reader *reader, struct cr_tx *tx)
{
    const uint8_t *magic = cr_read_bytes(reader, sizeof tag);
    const uint32_t version = (uint32_t)cr_read_le(reader, 2);
    tx->flags = (uint32_t)cr_read_le(reader, 2);
    const uint8_t *chain = cr_read_bytes(reader, CR_TX_CHAIN_BYTES);
    tx->account = cr_read_hash(reader);
    const uint8_t *client_id = cr_read_bytes(reader, CR_TX_CLIENT_ID_BYTES);
    tx->valid_until_commit = cr_read_le(reader, 8);
    tx->ops_count = (uint32_t)cr_read_le(reader, 2);
    if (reader->bad) return CR_ERR_TRUNCATED;
    CR_ASSERT(reader->position == FIXED_BYTES);

    if (memcmp(magic, tag, sizeof tag) != 0) return CR_ERR_MALFORMED;
    if (version != CR_TX_VERSION) return CR_ERR_VERSION;
    if ((tx->flags & ~(uint32_t)CR_TX_INDEPENDENT) != 0) return CR_ERR_MALFORMED;
    if (tx->ops_count == 0) return CR_ERR_MALFORMED;
    if (tx->ops_count > CR_OPS_MAX) return CR_ERR_TOO_BIG;
    memcpy(tx->chain, chain, sizeof tx->chain);
    memcpy(tx->client_id, client_id, sizeof tx->client_id);
    return CR_OK;
}

static enum cr_err read_ops(struct cr_reader *reader, struct cr_tx *tx)
{
    tx->ops = reader->bytes + reader->position;
    for (uint32_t i = 0; i < tx->ops_count; i++) {
        struct op_view op;
        const enum cr_err err = read_op(reader, &op);
        if (err != CR_OK) return err;
    }
    tx->ops_bytes = (uint32_t)(reader->position - FIXED_BYTES);
    return CR_OK;
}

static enum cr_err read_signature(struct cr_reader *reader, struct cr_tx *tx)
{
    tx->sig_alg = (enum cr_alg)cr_read_le(reader, 1);
    tx->signature_bytes = (uint32_t)cr_read_le(reader, 2);
    if (reader->bad) return CR_ERR_TRUNCATED;
    if (tx->signature_bytes == 0 || tx->signature_bytes != cr_alg_sig_bytes(tx->sig_alg))
        return CR_ERR_MALFORMED;
    tx->signature = cr_read_bytes(reader, tx->signature_bytes);
    return cr_reader_end(reader);
}

/* Everything but the id. */
static enum cr_err read_tx(const uint8_t *bytes, size_t count, struct cr_tx *tx)
{
    if (count > CR_TX_BYTES_MAX) return CR_ERR_TOO_BIG;
    struct cr_reader reader = cr_reader_of(bytes, count);
    tx->bytes_count = (uint32_t)count;
    enum cr_err err = read_fixed(&reader, tx);
    if (err == CR_OK) err = read_ops(&reader, tx);
    if (err == CR_OK) err = read_signature(&reader, tx);
    return err;
}

enum cr_err cr_tx_check(const uint8_t *bytes, size_t count)
{
    struct cr_tx tx;
    return read_tx(bytes, count, &tx);
}

enum cr_err cr_tx_decode(const uint8_t *bytes, size_t count, struct cr_tx *out)
{
    struct cr_tx tx;
    const enum cr_err err = read_tx(bytes, count, &tx);
    if (err != CR_OK) return err;
    tx.id = cr_hash_of(bytes, FIXED_BYTES + (size_t)tx.ops_bytes);
    *out = tx;
    return CR_OK;
}

void cr_tx_decode_many(const struct cr_hash_input *views, uint32_t count, struct cr_tx *out,
                       bool *good)
{
    struct cr_hash_input signed_parts[CR_TX_MANY] = {0};
    struct cr_hash ids[CR_TX_MANY];
    CR_ASSERT(count <= CR_TX_MANY);
    for (uint32_t i = 0; i < count; i++) {
        good[i] = read_tx(views[i].bytes, views[i].count, &out[i]) == CR_OK;
        signed_parts[i] = (struct cr_hash_input){
            .bytes = views[i].bytes, .count = good[i] ? FIXED_BYTES + (size_t)out[i].ops_bytes : 0};
    }
    cr_hash_many(signed_parts, count, ids);
    for (uint32_t i = 0; i < count; i++)
        out[i].id = ids[i];
}

static void fill_op(const struct op_view *op, struct cr_op *out)
{
    const bool registers = op->type == CR_OP_REGISTER;
    out->type = op->type;
    out->amount = op->amount;
    out->key = registers ? NULL : op->key;
    out->key_bytes = registers ? 0 : op->key_bytes;
    out->value = op->value;
    out->value_bytes = op->value_bytes;
    if (op->to)
        memcpy(&out->to, op->to, sizeof out->to);
    else
        memset(&out->to, 0, sizeof out->to);
    if (!registers) return;
    out->register_key = (struct cr_public_key){.alg = op->alg};
    memcpy(out->register_key.bytes, op->key, op->key_bytes);
}

bool cr_tx_op_next(const struct cr_tx *tx, size_t *position, struct cr_op *out)
{
    CR_ASSERT(*position <= tx->ops_bytes);
    if (*position == tx->ops_bytes) return false;
    struct cr_reader reader = cr_reader_of(tx->ops, tx->ops_bytes);
    reader.position = *position;
    struct op_view op;
    const enum cr_err err = read_op(&reader, &op);
    CR_ASSERT(err == CR_OK); /* cr_tx_decode has been here */
    *position = reader.position;
    fill_op(&op, out);
    return true;
}

/* False: the builder has failed, now or before. */
static bool has_room(struct cr_tx_builder *builder, size_t count)
{
    CR_ASSERT(builder->bytes_count <= builder->bytes_max);
    if (builder->err == CR_OK && count > builder->bytes_max - builder->bytes_count)
        builder->err = CR_ERR_TOO_BIG;
    return builder->err == CR_OK;
}

void cr_tx_begin(struct cr_tx_builder *builder, uint8_t *bytes, size_t bytes_max,
                 const struct cr_tx *fields)
{
    *builder = (struct cr_tx_builder){.bytes = bytes, .bytes_max = bytes_max, .err = CR_OK};
    if (bytes_max > CR_TX_BYTES_MAX) builder->bytes_max = CR_TX_BYTES_MAX;
    if ((fields->flags & ~(uint32_t)CR_TX_INDEPENDENT) != 0) builder->err = CR_ERR_MALFORMED;
    if (!has_room(builder, FIXED_BYTES)) return;
    struct cr_writer writer = cr_writer_of(bytes, builder->bytes_max);
    cr_write_bytes(&writer, tag, sizeof tag);
    cr_write_le(&writer, CR_TX_VERSION, 2);
    cr_write_le(&writer, fields->flags, 2);
    cr_write_bytes(&writer, fields->chain, sizeof fields->chain);
    cr_write_hash(&writer, &fields->account);
    cr_write_bytes(&writer, fields->client_id, sizeof fields->client_id);
    cr_write_le(&writer, fields->valid_until_commit, 8);
    CR_ASSERT(writer.position == AT_OPS_COUNT);
    cr_write_le(&writer, 0, 2); /* until cr_tx_end knows */
    builder->bytes_count = writer.position;
}

static bool is_profile(const struct cr_op *op)
{
    struct cr_profile profile;
    struct cr_reader reader = cr_reader_of(op->value, op->value_bytes);
    return cr_profile_read(&reader, &profile) == CR_OK && cr_reader_end(&reader) == CR_OK;
}

/* Encoded length; 0 when the operation is outside its limits. */
static size_t op_bytes(const struct cr_op *op)
{
    const bool has_key = op->key_bytes >= 1 && op->key_bytes <= CR_STATE_KEY_BYTES_MAX;
    const size_t register_bytes = cr_alg_key_bytes(op->register_key.alg);
    switch (op->type) {
    case CR_OP_REGISTER: return register_bytes > 0 ? 1 + 1 + 2 + register_bytes : 0;
    case CR_OP_TRANSFER: return 1 + CR_HASH_BYTES + 8;
    case CR_OP_PUT:
        if (!has_key || op->value_bytes > CR_STATE_VALUE_BYTES_MAX) return 0;
        return 1 + 2 + (size_t)op->key_bytes + 4 + op->value_bytes;
    case CR_OP_DELETE: return has_key ? 1 + 2 + (size_t)op->key_bytes : 0;
    case CR_OP_EVIDENCE:
        if (op->value_bytes == 0 || op->value_bytes > CR_EVIDENCE_BYTES_MAX) return 0;
        return 1 + 4 + (size_t)op->value_bytes;
    case CR_OP_VALIDATOR:
        if (op->amount > CR_STAKE_MAX) return 0;
        if (!op->value) return 1 + 1 + 8 + CR_HASH_BYTES;
        return is_profile(op) ? 1 + 1 + 8 + (size_t)op->value_bytes : 0;
    }
    return 0;
}

static void write_op(struct cr_writer *writer, const struct cr_op *op)
{
    const uint32_t register_bytes = cr_alg_key_bytes(op->register_key.alg);
    cr_write_le(writer, op->type, 1);
    switch (op->type) {
    case CR_OP_REGISTER:
        cr_write_le(writer, op->register_key.alg, 1);
        cr_write_le(writer, register_bytes, 2);
        cr_write_bytes(writer, op->register_key.bytes, register_bytes);
        return;
    case CR_OP_TRANSFER:
        cr_write_hash(writer, &op->to);
        cr_write_le(writer, op->amount, 8);
        return;
    case CR_OP_PUT:
    case CR_OP_DELETE:
        cr_write_le(writer, op->key_bytes, 2);
        cr_write_bytes(writer, op->key, op->key_bytes);
        if (op->type == CR_OP_DELETE) return;
        cr_write_le(writer, op->value_bytes, 4);
        cr_write_bytes(writer, op->value, op->value_bytes);
        return;
    case CR_OP_EVIDENCE:
        cr_write_le(writer, op->value_bytes, 4);
        cr_write_bytes(writer, op->value, op->value_bytes);
        return;
    case CR_OP_VALIDATOR:
        cr_write_le(writer, op->value ? CR_VALIDATOR_ADD : CR_VALIDATOR_STAKE, 1);
        cr_write_le(writer, op->amount, 8);
        if (op->value)
            cr_write_bytes(writer, op->value, op->value_bytes);
        else
            cr_write_hash(writer, &op->to);
        return;
    }
    CR_UNREACHABLE(); /* op_bytes knows no other */
}

void cr_tx_add(struct cr_tx_builder *builder, const struct cr_op *op)
{
    const size_t count = op_bytes(op);
    if (builder->err == CR_OK && (count == 0 || builder->ops_count == CR_OPS_MAX))
        builder->err = CR_ERR_MALFORMED;
    if (!has_room(builder, count)) return;
    struct cr_writer writer = cr_writer_of(builder->bytes + builder->bytes_count, count);
    write_op(&writer, op);
    CR_ASSERT(writer.position == count);
    builder->bytes_count += count;
    builder->ops_count++;
}

enum cr_err cr_tx_end(struct cr_tx_builder *builder, struct cr_hash *id)
{
    if (builder->err == CR_OK && builder->ops_count == 0) builder->err = CR_ERR_MALFORMED;
    if (builder->err != CR_OK) return builder->err;
    cr_store_le(builder->bytes + AT_OPS_COUNT, builder->ops_count, 2);
    *id = cr_hash_of(builder->bytes, builder->bytes_count);
    return CR_OK;
}

size_t cr_tx_sign_with(struct cr_tx_builder *builder, enum cr_alg alg, const uint8_t *signature,
                       size_t signature_bytes)
{
    if (signature_bytes == 0 || signature_bytes != cr_alg_sig_bytes(alg)) return 0;
    const size_t count = 1 + 2 + signature_bytes;
    if (!has_room(builder, count)) return 0;
    struct cr_writer writer = cr_writer_of(builder->bytes + builder->bytes_count, count);
    cr_write_le(&writer, alg, 1);
    cr_write_le(&writer, signature_bytes, 2);
    cr_write_bytes(&writer, signature, signature_bytes);
    builder->bytes_count += count;
    return builder->bytes_count;
}
