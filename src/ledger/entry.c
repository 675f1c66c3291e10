/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/entry.h"

#include <string.h>

#include "crypto/hash.h"
#include "wire/cursor.h"

struct cr_hash cr_entry_key(enum cr_entry_kind kind, const uint8_t *name, size_t name_bytes)
{
    uint8_t bytes[5 + CR_STATE_KEY_BYTES_MAX] = {'C', 'E', 'K', '1', (uint8_t)kind};
    CR_ASSERT(name_bytes <= CR_STATE_KEY_BYTES_MAX);
    if (name_bytes > 0) memcpy(bytes + 5, name, name_bytes);
    return cr_hash_of(bytes, 5 + name_bytes);
}

static struct cr_writer begin(enum cr_entry_kind kind, uint8_t *out)
{
    struct cr_writer writer = cr_writer_of(out, CR_ENTRY_BYTES_MAX);
    cr_write_le(&writer, (uint64_t)kind, 1);
    cr_write_le(&writer, CR_ENTRY_VERSION, 1);
    return writer;
}

uint32_t cr_entry_encode_account(const struct cr_entry_account *account, uint8_t *out)
{
    CR_ASSERT(account->balance <= CR_BALANCE_MAX);
    CR_ASSERT(cr_alg_key_bytes(account->alg) > 0);
    struct cr_writer writer = begin(CR_ENTRY_ACCOUNT, out);
    cr_write_le(&writer, (uint64_t)account->alg, 1);
    cr_write_le(&writer, account->registered_at, 8);
    cr_write_le(&writer, account->balance, 8);
    CR_ASSERT(writer.position == CR_ENTRY_ACCOUNT_HEAD_BYTES);
    cr_write_bytes(&writer, account->key, cr_alg_key_bytes(account->alg));
    return (uint32_t)writer.position;
}

uint32_t cr_entry_encode_record(const struct cr_entry_record *record, uint8_t *out)
{
    CR_ASSERT(record->key_bytes >= 1 && record->key_bytes <= CR_STATE_KEY_BYTES_MAX);
    CR_ASSERT(record->value_bytes <= CR_STATE_VALUE_BYTES_MAX);
    struct cr_writer writer = begin(CR_ENTRY_RECORD, out);
    cr_write_hash(&writer, &record->owner);
    cr_write_le(&writer, record->version, 8);
    cr_write_le(&writer, record->key_bytes, 2);
    CR_ASSERT(writer.position == CR_ENTRY_RECORD_HEAD_BYTES);
    cr_write_bytes(&writer, record->key, record->key_bytes);
    if (record->value_bytes > 0) cr_write_bytes(&writer, record->value, record->value_bytes);
    return (uint32_t)writer.position;
}

uint32_t cr_entry_encode_recent(const struct cr_entry_recent *recent, uint8_t *out)
{
    struct cr_writer writer = begin(CR_ENTRY_RECENT, out);
    cr_write_hash(&writer, &recent->id);
    cr_write_le(&writer, recent->valid_until_commit, 8);
    CR_ASSERT(writer.position == CR_ENTRY_RECENT_BYTES);
    return (uint32_t)writer.position;
}

uint32_t cr_entry_encode_offence(const struct cr_entry_offence *offence, uint8_t *out)
{
    struct cr_writer writer = begin(CR_ENTRY_OFFENCE, out);
    cr_write_le(&writer, offence->conflict, 1);
    cr_write_hash(&writer, &offence->validator);
    cr_write_le(&writer, offence->epoch, 8);
    cr_write_le(&writer, offence->author, 2);
    cr_write_le(&writer, offence->round, 4);
    cr_write_hash(&writer, &offence->first);
    cr_write_hash(&writer, &offence->second);
    cr_write_le(&writer, offence->commit_index, 8);
    cr_write_hash(&writer, &offence->reporter);
    CR_ASSERT(writer.position == CR_ENTRY_OFFENCE_BYTES);
    return (uint32_t)writer.position;
}

uint32_t cr_entry_encode_validator(const struct cr_entry_validator *validator, uint8_t *out)
{
    CR_ASSERT(validator->seat < CR_VALIDATORS_MAX);
    struct cr_writer writer = begin(CR_ENTRY_VALIDATOR, out);
    cr_write_le(&writer, validator->seat, 2);
    cr_write_le(&writer, validator->since_epoch, 8);
    CR_ASSERT(writer.position == CR_ENTRY_VALIDATOR_HEAD_BYTES);
    return (uint32_t)writer.position +
           cr_profile_encode(&validator->profile, out + writer.position);
}

uint32_t cr_entry_encode_committee(const struct cr_entry_committee *committee, uint8_t *out)
{
    CR_ASSERT(committee->count >= 1 && committee->count <= CR_VALIDATORS_MAX);
    struct cr_writer writer = begin(CR_ENTRY_COMMITTEE, out);
    cr_write_le(&writer, committee->epoch, 8);
    cr_write_le(&writer, committee->count, 2);
    CR_ASSERT(writer.position == CR_ENTRY_COMMITTEE_HEAD_BYTES);
    for (uint32_t i = 0; i < committee->count; i++)
        cr_write_le(&writer, committee->stake[i], 8);
    return (uint32_t)writer.position;
}

static struct cr_hash key_of_number(enum cr_entry_kind kind, uint64_t number, size_t bytes)
{
    uint8_t name[8];
    cr_store_le(name, number, bytes);
    return cr_entry_key(kind, name, bytes);
}

struct cr_hash cr_entry_validator_key(uint32_t seat)
{
    return key_of_number(CR_ENTRY_VALIDATOR, seat, 2);
}

struct cr_hash cr_entry_committee_key(uint64_t epoch)
{
    return key_of_number(CR_ENTRY_COMMITTEE, epoch, 8);
}

struct cr_hash cr_entry_offence_key(const struct cr_hash *validator, uint64_t epoch)
{
    uint8_t name[CR_HASH_BYTES + 8];
    struct cr_writer writer = cr_writer_of(name, sizeof name);
    cr_write_hash(&writer, validator);
    cr_write_le(&writer, epoch, 8);
    return cr_entry_key(CR_ENTRY_OFFENCE, name, sizeof name);
}

/* Kind and version: every decoder begins with them. A short input is left to cr_reader_end. */
static enum cr_err open_entry(struct cr_reader *reader, enum cr_entry_kind kind)
{
    const uint64_t found = cr_read_le(reader, 1);
    const uint64_t version = cr_read_le(reader, 1);
    if (reader->bad) return CR_ERR_TRUNCATED;
    if (found != (uint64_t)kind) return CR_ERR_MALFORMED;
    if (version != CR_ENTRY_VERSION) return CR_ERR_VERSION;
    return CR_OK;
}

enum cr_err cr_entry_decode_account(const uint8_t *bytes, size_t count,
                                    struct cr_entry_account *out)
{
    struct cr_reader reader = cr_reader_of(bytes, count);
    enum cr_err err = open_entry(&reader, CR_ENTRY_ACCOUNT);
    if (err != CR_OK) return err;

    struct cr_entry_account account = {.alg = (enum cr_alg)cr_read_le(&reader, 1)};
    account.registered_at = cr_read_le(&reader, 8);
    account.balance = cr_read_le(&reader, 8);
    if (reader.bad) return CR_ERR_TRUNCATED;
    if (cr_alg_key_bytes(account.alg) == 0) return CR_ERR_MALFORMED;
    if (account.balance > CR_BALANCE_MAX) return CR_ERR_MALFORMED;
    account.key = cr_read_bytes(&reader, cr_alg_key_bytes(account.alg));
    err = cr_reader_end(&reader);
    if (err == CR_OK) *out = account;
    return err;
}

enum cr_err cr_entry_decode_record(const uint8_t *bytes, size_t count, struct cr_entry_record *out)
{
    struct cr_reader reader = cr_reader_of(bytes, count);
    const enum cr_err err = open_entry(&reader, CR_ENTRY_RECORD);
    if (err != CR_OK) return err;

    struct cr_entry_record record = {.owner = cr_read_hash(&reader)};
    record.version = cr_read_le(&reader, 8);
    record.key_bytes = (uint32_t)cr_read_le(&reader, 2);
    if (reader.bad) return CR_ERR_TRUNCATED;
    if (record.key_bytes < 1 || record.key_bytes > CR_STATE_KEY_BYTES_MAX) return CR_ERR_MALFORMED;
    record.key = cr_read_bytes(&reader, record.key_bytes);
    if (reader.bad) return CR_ERR_TRUNCATED;
    if (count - reader.position > CR_STATE_VALUE_BYTES_MAX) return CR_ERR_TOO_BIG;
    record.value_bytes = (uint32_t)(count - reader.position);
    record.value = bytes + reader.position;
    *out = record;
    return CR_OK;
}

enum cr_err cr_entry_decode_recent(const uint8_t *bytes, size_t count, struct cr_entry_recent *out)
{
    struct cr_reader reader = cr_reader_of(bytes, count);
    enum cr_err err = open_entry(&reader, CR_ENTRY_RECENT);
    if (err != CR_OK) return err;

    struct cr_entry_recent recent = {.id = cr_read_hash(&reader)};
    recent.valid_until_commit = cr_read_le(&reader, 8);
    err = cr_reader_end(&reader);
    if (err == CR_OK) *out = recent;
    return err;
}

enum cr_err cr_entry_decode_offence(const uint8_t *bytes, size_t count,
                                    struct cr_entry_offence *out)
{
    struct cr_reader reader = cr_reader_of(bytes, count);
    enum cr_err err = open_entry(&reader, CR_ENTRY_OFFENCE);
    if (err != CR_OK) return err;

    struct cr_entry_offence offence = {.conflict = (enum cr_conflict)cr_read_le(&reader, 1)};
    offence.validator = cr_read_hash(&reader);
    offence.epoch = cr_read_le(&reader, 8);
    offence.author = (uint32_t)cr_read_le(&reader, 2);
    offence.round = (uint32_t)cr_read_le(&reader, 4);
    offence.first = cr_read_hash(&reader);
    offence.second = cr_read_hash(&reader);
    offence.commit_index = cr_read_le(&reader, 8);
    offence.reporter = cr_read_hash(&reader);
    err = cr_reader_end(&reader);
    if (err != CR_OK) return err;
    if (offence.conflict != CR_CONFLICT_EQUIVOCATION && offence.conflict != CR_CONFLICT_STATEMENT)
        return CR_ERR_MALFORMED;
    if (offence.author >= CR_VALIDATORS_MAX || offence.round == 0) return CR_ERR_MALFORMED;
    if (cr_hash_compare(&offence.first, &offence.second) >= 0) return CR_ERR_MALFORMED;
    *out = offence;
    return CR_OK;
}

enum cr_err cr_entry_decode_validator(const uint8_t *bytes, size_t count,
                                      struct cr_entry_validator *out)
{
    struct cr_reader reader = cr_reader_of(bytes, count);
    enum cr_err err = open_entry(&reader, CR_ENTRY_VALIDATOR);
    if (err != CR_OK) return err;

    struct cr_entry_validator validator = {.seat = (uint32_t)cr_read_le(&reader, 2)};
    validator.since_epoch = cr_read_le(&reader, 8);
    if (reader.bad) return CR_ERR_TRUNCATED;
    if (validator.seat >= CR_VALIDATORS_MAX) return CR_ERR_MALFORMED;
    err = cr_profile_read(&reader, &validator.profile);
    if (err == CR_OK) err = cr_reader_end(&reader);
    if (err == CR_OK) *out = validator;
    return err;
}

enum cr_err cr_entry_decode_committee(const uint8_t *bytes, size_t count,
                                      struct cr_entry_committee *out)
{
    struct cr_reader reader = cr_reader_of(bytes, count);
    enum cr_err err = open_entry(&reader, CR_ENTRY_COMMITTEE);
    if (err != CR_OK) return err;

    struct cr_entry_committee committee = {.epoch = cr_read_le(&reader, 8)};
    committee.count = (uint32_t)cr_read_le(&reader, 2);
    if (reader.bad) return CR_ERR_TRUNCATED;
    if (committee.count < 1 || committee.count > CR_VALIDATORS_MAX) return CR_ERR_MALFORMED;
    for (uint32_t i = 0; i < committee.count; i++)
        committee.stake[i] = cr_read_le(&reader, 8);
    err = cr_reader_end(&reader);
    if (err == CR_OK) *out = committee;
    return err;
}

static enum cr_err key_of_account(const uint8_t *bytes, size_t count, struct cr_hash *key)
{
    struct cr_entry_account account;
    const enum cr_err err = cr_entry_decode_account(bytes, count, &account);
    if (err != CR_OK) return err;
    struct cr_public_key public_key = {.alg = account.alg};
    memcpy(public_key.bytes, account.key, cr_alg_key_bytes(account.alg));
    const struct cr_hash name = cr_public_key_account(&public_key);
    *key = cr_entry_key(CR_ENTRY_ACCOUNT, name.bytes, sizeof name.bytes);
    return CR_OK;
}

static enum cr_err key_of_record(const uint8_t *bytes, size_t count, struct cr_hash *key)
{
    struct cr_entry_record record;
    const enum cr_err err = cr_entry_decode_record(bytes, count, &record);
    if (err != CR_OK) return err;
    *key = cr_entry_key(CR_ENTRY_RECORD, record.key, record.key_bytes);
    return CR_OK;
}

static enum cr_err key_of_recent(const uint8_t *bytes, size_t count, struct cr_hash *key)
{
    struct cr_entry_recent recent;
    const enum cr_err err = cr_entry_decode_recent(bytes, count, &recent);
    if (err != CR_OK) return err;
    *key = cr_entry_key(CR_ENTRY_RECENT, recent.id.bytes, sizeof recent.id.bytes);
    return CR_OK;
}

static enum cr_err key_of_offence(const uint8_t *bytes, size_t count, struct cr_hash *key)
{
    struct cr_entry_offence offence;
    const enum cr_err err = cr_entry_decode_offence(bytes, count, &offence);
    if (err != CR_OK) return err;
    *key = cr_entry_offence_key(&offence.validator, offence.epoch);
    return CR_OK;
}

static enum cr_err key_of_validator(const uint8_t *bytes, size_t count, struct cr_hash *key)
{
    struct cr_entry_validator validator;
    const enum cr_err err = cr_entry_decode_validator(bytes, count, &validator);
    if (err != CR_OK) return err;
    *key = cr_entry_validator_key(validator.seat);
    return CR_OK;
}

static enum cr_err key_of_committee(const uint8_t *bytes, size_t count, struct cr_hash *key)
{
    struct cr_entry_committee committee;
    const enum cr_err err = cr_entry_decode_committee(bytes, count, &committee);
    if (err != CR_OK) return err;
    *key = cr_entry_committee_key(committee.epoch);
    return CR_OK;
}

enum cr_err cr_entry_key_of(const uint8_t *bytes, size_t count, struct cr_hash *key)
{
    if (count == 0) return CR_ERR_TRUNCATED;
    switch ((enum cr_entry_kind)bytes[0]) {
    case CR_ENTRY_ACCOUNT: return key_of_account(bytes, count, key);
    case CR_ENTRY_RECORD: return key_of_record(bytes, count, key);
    case CR_ENTRY_RECENT: return key_of_recent(bytes, count, key);
    case CR_ENTRY_OFFENCE: return key_of_offence(bytes, count, key);
    case CR_ENTRY_VALIDATOR: return key_of_validator(bytes, count, key);
    case CR_ENTRY_COMMITTEE: return key_of_committee(bytes, count, key);
    }
    return CR_ERR_MALFORMED; /* not our byte, so not our enum either: no assertion */
}
