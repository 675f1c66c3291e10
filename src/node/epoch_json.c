/* SPDX-License-Identifier: Apache-2.0 */
#include "node/epoch_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct parse {
    uint32_t genesis_seats;
    struct cr_epoch_proof *out;
};

__attribute__((format(printf, 2, 3))) static bool refuse(const struct parse *parse,
                                                         const char *format, ...)
{
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is; clang 14 errs across files */
    (void)vsnprintf(parse->out->text, sizeof parse->out->text, format, args);
    va_end(args);
    return false;
}

/* A whole number below 2^63 that is no less than `least`. */
static bool take_number(const struct parse *parse, const json_t *object, const char *name,
                        int64_t least, uint64_t *out)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value) || json_integer_value(value) < least)
        return refuse(parse, "'%s' is missing, or no number of %lld or more", name,
                      (long long)least);
    *out = (uint64_t)json_integer_value(value);
    return true;
}

static bool take_bytes(const struct parse *parse, const json_t *object, const char *name,
                       uint8_t *out, size_t count)
{
    const char *text = json_string_value(json_object_get(object, name));
    if (text && strlen(text) == 2 * count && cr_hex_decode(text, 2 * count, out, count) == CR_OK)
        return true;
    return refuse(parse, "'%s' is missing, or not %zu hexadecimal digits", name, 2 * count);
}

static bool take_text(const struct parse *parse, const json_t *object, const char *name, char *out,
                      size_t out_bytes)
{
    const char *text = json_string_value(json_object_get(object, name));
    if (!text || strlen(text) >= out_bytes || text[0] == 0)
        return refuse(parse, "'%s' is missing, or not 1 to %zu bytes", name, out_bytes - 1);
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool take_list(const struct parse *parse, const json_t *object, const char *name,
                      uint32_t *count)
{
    const json_t *list = json_object_get(object, name);
    if (!json_is_array(list) || json_array_size(list) > CR_VALIDATORS_MAX)
        return refuse(parse, "'%s' is missing, or not a list of %d at most", name,
                      CR_VALIDATORS_MAX);
    *count = (uint32_t)json_array_size(list);
    return true;
}

/* Seats are listed in order, all of them. */
static bool take_seat(const struct parse *parse, const json_t *entry, uint32_t seat)
{
    struct cr_epoch_proof *out = parse->out;
    struct cr_genesis_validator *v = &out->added[seat];
    uint64_t listed = 0;
    if (!take_number(parse, entry, "seat", 0, &listed) ||
        !take_number(parse, entry, "stake", 0, &out->stake[seat]))
        return false;
    if (listed != seat) return refuse(parse, "entry %u of 'validators' is of another seat", seat);
    if (seat < parse->genesis_seats) return true;
    v->consensus_key.alg = v->transport_key.alg = CR_ALG_MLDSA65;
    return take_text(parse, entry, "name", v->name, sizeof v->name) &&
           take_text(parse, entry, "address", v->address, sizeof v->address) &&
           take_bytes(parse, entry, "consensus_key", v->consensus_key.bytes,
                      CR_MLDSA65_KEY_BYTES) &&
           take_bytes(parse, entry, "transport_key", v->transport_key.bytes, CR_MLDSA65_KEY_BYTES);
}

static bool take_table(const struct parse *parse, const json_t *json)
{
    struct cr_epoch_proof *out = parse->out;
    if (!take_list(parse, json, "validators", &out->count)) return false;
    for (uint32_t seat = 0; seat < out->count; seat++) {
        const json_t *entry = json_array_get(json_object_get(json, "validators"), seat);
        if (!take_seat(parse, entry, seat)) return false;
    }
    return true;
}

/* The encoded form is written, and then read like any other: it has the rules. */
static bool take_votes(const struct parse *parse, const json_t *json, struct cr_writer *writer)
{
    uint32_t count = 0;
    if (!take_list(parse, json, "votes", &count)) return false;
    cr_write_le(writer, count, 2);
    for (uint32_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(json_object_get(json, "votes"), i);
        uint8_t signature[CR_MLDSA65_SIG_BYTES];
        uint64_t seat = 0;
        if (!take_number(parse, entry, "seat", 0, &seat) ||
            !take_bytes(parse, entry, "signature", signature, sizeof signature))
            return false;
        if (seat >= CR_VALIDATORS_MAX) return refuse(parse, "vote %u is of no seat", i);
        cr_write_le(writer, seat, 2);
        cr_write_bytes(writer, signature, sizeof signature);
    }
    return true;
}

bool cr_epoch_proof_from_json(const json_t *json, uint32_t genesis_seats,
                              struct cr_epoch_proof *out)
{
    const struct parse parse = {.genesis_seats = genesis_seats, .out = out};
    struct cr_writer writer = cr_writer_of(out->bytes, sizeof out->bytes);
    struct cr_hash hashes[3] = {0};
    uint64_t number = 0, index = 0;
    if (!take_number(&parse, json, "epoch", 2, &number) ||
        !take_number(&parse, json, "commit_index", 1, &index) ||
        !take_bytes(&parse, json, "commit_digest", hashes[0].bytes, CR_HASH_BYTES) ||
        !take_bytes(&parse, json, "state_root", hashes[1].bytes, CR_HASH_BYTES) ||
        !take_bytes(&parse, json, "validators_hash", hashes[2].bytes, CR_HASH_BYTES))
        return false;
    cr_write_le(&writer, number, 8);
    cr_write_le(&writer, index, 8);
    for (uint32_t i = 0; i < 3; i++)
        cr_write_hash(&writer, &hashes[i]);
    if (!take_table(&parse, json) || !take_votes(&parse, json, &writer)) return false;
    struct cr_reader reader = cr_reader_of(out->bytes, writer.position);
    if (cr_epoch_cert_read(&reader, &out->cert) == CR_OK) return true;
    return refuse(&parse, "the votes are not in the order of their seats, or one is there twice");
}
