/* SPDX-License-Identifier: Apache-2.0 */
/* Readers: a read transaction each, renewed for every snapshot. */
#include <stdlib.h>
#include <string.h>

#include "store/state_internal.h"

struct cr_state_reader {
    struct cr_state_db *db; /* borrowed */
    MDB_txn *txn;           /* keeps its place in LMDB's table of readers */
    bool is_active;
    struct cr_state keeper;
};

static bool get(struct cr_state_reader *reader, enum cr_table table, const struct cr_table_key *key,
                struct cr_state_value *out)
{
    CR_ASSERT(reader->is_active);
    const int code = cr_table_get(reader->txn, reader->db->tables, table, key, out);
    if (code != MDB_SUCCESS && code != MDB_NOTFOUND) cr_state_db_condemn(reader->db);
    return code == MDB_SUCCESS;
}

static bool keeper_get(void *context, const struct cr_hash *key, struct cr_state_value *out)
{
    const struct cr_table_key table_key = cr_table_key_hash(key);
    return get(context, CR_TABLE_STATE, &table_key, out);
}

static void keeper_scan(void *context, uint32_t bucket, cr_state_each *each, void *each_context)
{
    struct cr_state_reader *reader = context;
    CR_ASSERT(reader->is_active && bucket < CR_BUCKETS);
    const int code = cr_table_scan(reader->txn, reader->db->tables, bucket, each, each_context);
    if (code != MDB_SUCCESS) cr_state_db_condemn(reader->db);
}

static bool keeper_bucket_get(void *context, uint32_t bucket, struct cr_hash *digest)
{
    struct cr_state_value value;
    CR_ASSERT(bucket < CR_BUCKETS);
    const struct cr_table_key table_key = cr_table_key_bucket(bucket);
    if (!get(context, CR_TABLE_BUCKETS, &table_key, &value)) return false;
    if (value.count != CR_HASH_BYTES) return false;
    memcpy(digest->bytes, value.bytes, CR_HASH_BYTES);
    return true;
}

/* put, erase and the others are NULL: writing through a snapshot is a bug that shows at once. */
enum cr_err cr_state_reader_open(struct cr_state_db *db, struct cr_state_reader **out)
{
    struct cr_state_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) return CR_ERR_FULL;
    const int code = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &reader->txn);
    if (code != MDB_SUCCESS) {
        free(reader);
        return code == MDB_READERS_FULL ? CR_ERR_FULL : CR_ERR_IO;
    }
    mdb_txn_reset(reader->txn);
    reader->db = db;
    reader->keeper = (struct cr_state){
        .context = reader, .get = keeper_get, .scan = keeper_scan, .bucket_get = keeper_bucket_get};
    atomic_fetch_add_explicit(&db->readers, 1, memory_order_relaxed);
    *out = reader;
    return CR_OK;
}

void cr_state_reader_close(struct cr_state_reader *reader)
{
    if (reader == NULL) return;
    mdb_txn_abort(reader->txn);
    atomic_fetch_sub_explicit(&reader->db->readers, 1, memory_order_relaxed);
    free(reader);
}

enum cr_err cr_state_reader_begin(struct cr_state_reader *reader)
{
    CR_ASSERT(!reader->is_active);
    if (atomic_load_explicit(&reader->db->condemned, memory_order_relaxed)) return CR_ERR_CORRUPT;
    if (mdb_txn_renew(reader->txn) != MDB_SUCCESS) return CR_ERR_IO;
    reader->is_active = true;
    return CR_OK;
}

void cr_state_reader_end(struct cr_state_reader *reader)
{
    if (!reader->is_active) return;
    mdb_txn_reset(reader->txn);
    reader->is_active = false;
}

const struct cr_state *cr_state_reader_state(struct cr_state_reader *reader)
{
    return &reader->keeper;
}

/* A row whose checksum is good but whose form is not: our own mistake or a lucky bit. */
static bool decoded(struct cr_state_reader *reader, bool is_good)
{
    if (!is_good) cr_state_db_condemn(reader->db);
    return is_good;
}

bool cr_state_reader_head(struct cr_state_reader *reader, struct cr_ledger_head *out)
{
    struct cr_state_value value;
    const struct cr_table_key key = cr_table_key_head();
    return get(reader, CR_TABLE_META, &key, &value) &&
           decoded(reader, cr_row_decode_head(&value, out));
}

bool cr_state_reader_commit(struct cr_state_reader *reader, uint64_t index,
                            struct cr_commit_row *out)
{
    struct cr_state_value value;
    const struct cr_table_key key = cr_table_key_number(index);
    return get(reader, CR_TABLE_COMMITS, &key, &value) &&
           decoded(reader, cr_row_decode_commit(&value, out));
}

bool cr_state_reader_tx(struct cr_state_reader *reader, const struct cr_hash *id,
                        struct cr_tx_row *out)
{
    struct cr_state_value value;
    const struct cr_table_key key = cr_table_key_hash(id);
    return get(reader, CR_TABLE_TXS, &key, &value) &&
           decoded(reader, cr_row_decode_tx(&value, out));
}

bool cr_state_reader_vertex(struct cr_state_reader *reader, const struct cr_hash *digest,
                            struct cr_log_position *out)
{
    struct cr_state_value value;
    const struct cr_table_key key = cr_table_key_hash(digest);
    return get(reader, CR_TABLE_VERTICES, &key, &value) &&
           decoded(reader, cr_row_decode_position(&value, out));
}
