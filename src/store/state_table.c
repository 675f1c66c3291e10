/* SPDX-License-Identifier: Apache-2.0 */
/* LMDB has no checksums: eight bytes over table, key and value stand behind every value. */
#include <string.h>

#include "store/state_internal.h"

#define CHECKSUM_SEED UINT64_C(0x31454c4156455243) /* "CRVALUE1"; all zeros shall not check */

static const char *const names[CR_TABLES] = {
    [CR_TABLE_META] = "meta",         [CR_TABLE_STATE] = "state",
    [CR_TABLE_BUCKETS] = "buckets",   [CR_TABLE_EXPIRY] = "expiry",
    [CR_TABLE_COMMITS] = "commits",   [CR_TABLE_TXS] = "txs",
    [CR_TABLE_VERTICES] = "vertices",
};

/* ---- keys ---- */

static void store_be(uint8_t *bytes, uint64_t value, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(value >> (8 * (count - 1 - i)));
}

struct cr_table_key cr_table_key_hash(const struct cr_hash *hash)
{
    struct cr_table_key key = {.count = CR_HASH_BYTES};
    memcpy(key.bytes, hash->bytes, CR_HASH_BYTES);
    return key;
}

struct cr_table_key cr_table_key_number(uint64_t number)
{
    struct cr_table_key key = {.count = 8};
    store_be(key.bytes, number, 8);
    return key;
}

struct cr_table_key cr_table_key_bucket(uint32_t bucket)
{
    struct cr_table_key key = {.count = 2};
    store_be(key.bytes, bucket, 2);
    return key;
}

struct cr_table_key cr_table_key_expiry(uint64_t commit, const struct cr_hash *hash)
{
    struct cr_table_key key = {.count = 8 + CR_HASH_BYTES};
    store_be(key.bytes, commit, 8);
    memcpy(key.bytes + 8, hash->bytes, CR_HASH_BYTES);
    return key;
}

struct cr_table_key cr_table_key_head(void)
{
    return (struct cr_table_key){.bytes = {'h', 'e', 'a', 'd'}, .count = 4};
}

/* LMDB takes keys by a pointer that is not const; it does not write through it. */
static MDB_val view_of(struct cr_table_key *key)
{
    return (MDB_val){.mv_size = key->count, .mv_data = key->bytes};
}

/* ---- values ---- */

/* Damage is no enemy: no cryptography. A step is one-to-one in `sum` and in `word`, so damage
 * within one word is always found, and any other but once in 2^64. BLAKE3 took several times as
 * long, for each value that is read or written and for all of the state at every checkpoint. */
static uint64_t stir(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * UINT64_C(0x9fb21c651e98df25); /* odd */
    return sum ^ sum >> 32;
}

static uint64_t stir_bytes(uint64_t sum, const uint8_t *bytes, size_t count)
{
    sum = stir(sum, count);
    for (; count >= 8; count -= 8, bytes += 8)
        sum = stir(sum, cr_load_le(bytes, 8));
    return count > 0 ? stir(sum, cr_load_le(bytes, count)) : sum;
}

static void checksum(enum cr_table table, const MDB_val *key, const uint8_t *bytes, size_t count,
                     uint8_t out[CR_STATE_CHECKSUM_BYTES])
{
    uint64_t sum = stir(CHECKSUM_SEED, (uint64_t)table);
    sum = stir_bytes(sum, key->mv_data, key->mv_size);
    cr_store_le(out, stir_bytes(sum, bytes, count), CR_STATE_CHECKSUM_BYTES);
}

bool cr_table_open_value(enum cr_table table, const MDB_val *key, const MDB_val *stored,
                         struct cr_state_value *out)
{
    uint8_t expected[CR_STATE_CHECKSUM_BYTES];
    if (stored->mv_size < CR_STATE_CHECKSUM_BYTES) return false;
    const uint8_t *bytes = stored->mv_data;
    const size_t count = stored->mv_size - CR_STATE_CHECKSUM_BYTES;
    checksum(table, key, bytes, count, expected);
    if (memcmp(expected, bytes + count, sizeof expected) != 0) return false;
    *out = (struct cr_state_value){.bytes = bytes, .count = (uint32_t)count};
    return true;
}

int cr_table_open_all(MDB_txn *txn, MDB_dbi tables[CR_TABLES])
{
    for (uint32_t i = 0; i < CR_TABLES; i++) {
        const int code = mdb_dbi_open(txn, names[i], MDB_CREATE, &tables[i]);
        if (code != MDB_SUCCESS) return code;
    }
    return MDB_SUCCESS;
}

int cr_table_get(MDB_txn *txn, const MDB_dbi tables[CR_TABLES], enum cr_table table,
                 const struct cr_table_key *key, struct cr_state_value *out)
{
    struct cr_table_key copy = *key;
    MDB_val view = view_of(&copy);
    MDB_val stored;
    const int code = mdb_get(txn, tables[table], &view, &stored);
    if (code != MDB_SUCCESS) return code;
    return cr_table_open_value(table, &view, &stored, out) ? MDB_SUCCESS : MDB_CORRUPTED;
}

int cr_table_put(MDB_txn *txn, const MDB_dbi tables[CR_TABLES], enum cr_table table,
                 const struct cr_table_key *key, const uint8_t *bytes, size_t count)
{
    struct cr_table_key copy = *key;
    MDB_val view = view_of(&copy);
    MDB_val place = {.mv_size = count + CR_STATE_CHECKSUM_BYTES};
    const int code = mdb_put(txn, tables[table], &view, &place, MDB_RESERVE);
    if (code != MDB_SUCCESS) return code;
    uint8_t *to = place.mv_data;
    if (count > 0) memcpy(to, bytes, count);
    checksum(table, &view, to, count, to + count);
    return MDB_SUCCESS;
}

int cr_table_erase(MDB_txn *txn, const MDB_dbi tables[CR_TABLES], enum cr_table table,
                   const struct cr_table_key *key)
{
    struct cr_table_key copy = *key;
    MDB_val view = view_of(&copy);
    return mdb_del(txn, tables[table], &view, NULL);
}

/* ---- ranges ---- */

int cr_table_scan(MDB_txn *txn, const MDB_dbi tables[CR_TABLES], uint32_t bucket,
                  cr_state_each *each, void *each_context)
{
    struct cr_table_key first = {.count = CR_HASH_BYTES};
    store_be(first.bytes, (uint64_t)bucket << (16 - CR_BUCKETS_LOG2), 2);
    MDB_val view = view_of(&first);
    MDB_val stored;
    MDB_cursor *cursor;
    int code = mdb_cursor_open(txn, tables[CR_TABLE_STATE], &cursor);
    if (code != MDB_SUCCESS) return code;
    code = mdb_cursor_get(cursor, &view, &stored, MDB_SET_RANGE);
    while (code == MDB_SUCCESS) {
        struct cr_hash key;
        struct cr_state_value value;
        if (view.mv_size != CR_HASH_BYTES ||
            !cr_table_open_value(CR_TABLE_STATE, &view, &stored, &value)) {
            code = MDB_CORRUPTED;
            break;
        }
        memcpy(key.bytes, view.mv_data, CR_HASH_BYTES);
        if (cr_state_bucket(&key) != bucket) break;
        each(each_context, &key, &value);
        code = mdb_cursor_get(cursor, &view, &stored, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

int cr_table_take_expired(MDB_txn *txn, const MDB_dbi tables[CR_TABLES], uint64_t commit,
                          struct cr_hash *keys, uint32_t max, uint32_t *taken)
{
    static const struct cr_hash least;
    struct cr_table_key first = cr_table_key_expiry(commit, &least);
    MDB_val view = view_of(&first);
    MDB_val stored;
    MDB_cursor *cursor;
    int code = mdb_cursor_open(txn, tables[CR_TABLE_EXPIRY], &cursor);
    if (code != MDB_SUCCESS) return code;
    *taken = 0;
    code = mdb_cursor_get(cursor, &view, &stored, MDB_SET_RANGE);
    while (code == MDB_SUCCESS && *taken < max) {
        struct cr_state_value value;
        if (view.mv_size != CR_TABLE_KEY_BYTES_MAX ||
            !cr_table_open_value(CR_TABLE_EXPIRY, &view, &stored, &value)) {
            code = MDB_CORRUPTED;
            break;
        }
        if (memcmp(view.mv_data, first.bytes, 8) != 0) break;
        memcpy(keys[*taken].bytes, (const uint8_t *)view.mv_data + 8, CR_HASH_BYTES);
        ++*taken;
        code = mdb_cursor_del(cursor, 0);
        if (code == MDB_SUCCESS) code = mdb_cursor_get(cursor, &view, &stored, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}
