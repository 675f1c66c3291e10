/* SPDX-License-Identifier: Apache-2.0 */
/* The one writer: LMDB's write transaction as the ledger's keeper. After a failure nothing more is
 * done until end, which throws the transaction away. */
#include <errno.h>
#include <string.h>

#include "store/state_internal.h"

static void fail(struct cr_state_db *db, int code, const char *what)
{
    if (db->failed.err != CR_OK) return;
    const enum cr_err err = cr_state_fail(db, code, what, &db->failed);
    /* A full disk or map can be helped; after anything else the file is not to be trusted. */
    if (err != CR_ERR_NO_SPACE) cr_state_db_condemn(db);
}

/* The answer is that of an empty table once something has failed. */
static bool get(struct cr_state_db *db, enum cr_table table, const struct cr_table_key *key,
                struct cr_state_value *out)
{
    CR_ASSERT(db->txn != NULL);
    if (db->failed.err != CR_OK) return false;
    const int code = cr_table_get(db->txn, db->tables, table, key, out);
    if (code == MDB_SUCCESS) return true;
    if (code != MDB_NOTFOUND) fail(db, code, "read from the state cache");
    return false;
}

static void put(struct cr_state_db *db, enum cr_table table, const struct cr_table_key *key,
                const uint8_t *bytes, size_t count)
{
    CR_ASSERT(db->txn != NULL);
    if (db->failed.err != CR_OK) return;
    int code = cr_state_fill_put(db, count);
    if (code == MDB_SUCCESS) code = cr_table_put(db->txn, db->tables, table, key, bytes, count);
    if (code != MDB_SUCCESS) fail(db, code, "write to the state cache");
}

/* False when there was none. */
static bool erase(struct cr_state_db *db, enum cr_table table, const struct cr_table_key *key)
{
    CR_ASSERT(db->txn != NULL);
    if (db->failed.err != CR_OK) return false;
    int code = cr_state_fill_erase(db, 0);
    if (code == MDB_SUCCESS) code = cr_table_erase(db->txn, db->tables, table, key);
    if (code == MDB_SUCCESS) return true;
    if (code != MDB_NOTFOUND) fail(db, code, "erase from the state cache");
    return false;
}

/* ---- the keeper ---- */

static bool keeper_get(void *context, const struct cr_hash *key, struct cr_state_value *out)
{
    const struct cr_table_key table_key = cr_table_key_hash(key);
    return get(context, CR_TABLE_STATE, &table_key, out);
}

/* An entry of this bucket changes: its digest, if there is one, is no longer true. */
static void drop_digest(struct cr_state_db *db, const struct cr_hash *key)
{
    const uint32_t bucket = cr_state_bucket(key);
    if (!cr_bucket_set_has(&db->bucket_digests, bucket)) return;
    cr_bucket_set_remove(&db->bucket_digests, bucket);
    const struct cr_table_key table_key = cr_table_key_bucket(bucket);
    (void)erase(db, CR_TABLE_BUCKETS, &table_key);
}

static void keeper_put(void *context, const struct cr_hash *key, const uint8_t *bytes,
                       uint32_t count)
{
    const struct cr_table_key table_key = cr_table_key_hash(key);
    drop_digest(context, key);
    put(context, CR_TABLE_STATE, &table_key, bytes, count);
}

static void keeper_erase(void *context, const struct cr_hash *key)
{
    const struct cr_table_key table_key = cr_table_key_hash(key);
    if (erase(context, CR_TABLE_STATE, &table_key)) drop_digest(context, key);
}

static void keeper_scan(void *context, uint32_t bucket, cr_state_each *each, void *each_context)
{
    struct cr_state_db *db = context;
    CR_ASSERT(db->txn != NULL && bucket < CR_BUCKETS);
    if (db->failed.err != CR_OK) return;
    const int code = cr_table_scan(db->txn, db->tables, bucket, each, each_context);
    if (code != MDB_SUCCESS) fail(db, code, "scan the state cache");
}

static bool keeper_bucket_get(void *context, uint32_t bucket, struct cr_hash *digest)
{
    struct cr_state_db *db = context;
    struct cr_state_value value;
    CR_ASSERT(bucket < CR_BUCKETS);
    if (!cr_bucket_set_has(&db->bucket_digests, bucket)) return false;
    const struct cr_table_key table_key = cr_table_key_bucket(bucket);
    if (!get(db, CR_TABLE_BUCKETS, &table_key, &value)) return false;
    if (value.count != CR_HASH_BYTES) {
        fail(db, MDB_CORRUPTED, "read from the state cache");
        return false;
    }
    memcpy(digest->bytes, value.bytes, CR_HASH_BYTES);
    return true;
}

static void keeper_bucket_put(void *context, uint32_t bucket, const struct cr_hash *digest)
{
    struct cr_state_db *db = context;
    CR_ASSERT(bucket < CR_BUCKETS);
    const struct cr_table_key table_key = cr_table_key_bucket(bucket);
    put(db, CR_TABLE_BUCKETS, &table_key, digest->bytes, CR_HASH_BYTES);
    cr_bucket_set_add(&db->bucket_digests, bucket);
}

static void keeper_expiry_put(void *context, uint64_t commit, const struct cr_hash *key)
{
    const struct cr_table_key table_key = cr_table_key_expiry(commit, key);
    put(context, CR_TABLE_EXPIRY, &table_key, NULL, 0);
}

static uint32_t keeper_expiry_take(void *context, uint64_t commit, struct cr_hash *keys,
                                   uint32_t max)
{
    struct cr_state_db *db = context;
    uint32_t taken = 0;
    CR_ASSERT(db->txn != NULL);
    if (db->failed.err != CR_OK) return 0;
    enum { PLACE_BYTES = 512 }; /* they are neighbours, at least eight in a page */
    int code = cr_state_fill_erase(db, (size_t)max * PLACE_BYTES);
    if (code == MDB_SUCCESS)
        code = cr_table_take_expired(db->txn, db->tables, commit, keys, max, &taken);
    if (code == MDB_SUCCESS) return taken;
    fail(db, code, "take from the state cache");
    return 0;
}

void cr_state_writer_init(struct cr_state_db *db)
{
    db->keeper = (struct cr_state){
        .context = db,
        .get = keeper_get,
        .put = keeper_put,
        .erase = keeper_erase,
        .scan = keeper_scan,
        .bucket_get = keeper_bucket_get,
        .bucket_put = keeper_bucket_put,
        .expiry_put = keeper_expiry_put,
        .expiry_take = keeper_expiry_take,
    };
}

const struct cr_state *cr_state_db_writer(struct cr_state_db *db)
{
    return &db->keeper;
}

/* ---- rows ---- */

void cr_state_db_put_commit(struct cr_state_db *db, const struct cr_commit_row *row)
{
    uint8_t bytes[CR_COMMIT_ROW_BYTES];
    const struct cr_table_key key = cr_table_key_number(row->index);
    cr_row_encode_commit(row, bytes);
    put(db, CR_TABLE_COMMITS, &key, bytes, sizeof bytes);
}

void cr_state_db_put_root(struct cr_state_db *db, uint64_t index, const struct cr_hash *root)
{
    struct cr_state_value value;
    struct cr_commit_row row;
    const struct cr_table_key key = cr_table_key_number(index);
    if (!get(db, CR_TABLE_COMMITS, &key, &value)) return;
    if (!cr_row_decode_commit(&value, &row)) {
        fail(db, MDB_CORRUPTED, "read from the state cache");
        return;
    }
    row.state_root = *root;
    cr_state_db_put_commit(db, &row);
}

/* The row of an execution stays. That of a refusal does not: somebody else may have sent the same
 * transaction with a bad signature before, or it was sent too early. */
static bool is_final(struct cr_state_db *db, const struct cr_table_key *key)
{
    struct cr_state_value value;
    struct cr_tx_row old;
    if (!get(db, CR_TABLE_TXS, key, &value)) return false;
    if (cr_row_decode_tx(&value, &old)) return old.ops_results_count > 0;
    fail(db, MDB_CORRUPTED, "read from the state cache");
    return true;
}

void cr_state_db_put_tx(struct cr_state_db *db, const struct cr_ledger_tx_result *result)
{
    uint8_t bytes[CR_TX_ROW_BYTES_MAX];
    if (result->result == CR_RESULT_DUPLICATE) return; /* there is a row of the execution */
    const struct cr_table_key key = cr_table_key_hash(&result->tx->id);
    if (is_final(db, &key)) return;
    put(db, CR_TABLE_TXS, &key, bytes, cr_row_encode_tx(result, bytes));
}

void cr_state_db_put_vertex(struct cr_state_db *db, const struct cr_hash *digest,
                            const struct cr_log_position *position)
{
    uint8_t bytes[CR_POSITION_ROW_BYTES];
    const struct cr_table_key key = cr_table_key_hash(digest);
    cr_row_encode_position(position, bytes);
    put(db, CR_TABLE_VERTICES, &key, bytes, sizeof bytes);
}

/* ---- begin and end ---- */

enum cr_err cr_state_db_begin(struct cr_state_db *db, struct cr_store_failure *failure)
{
    CR_ASSERT(db->txn == NULL);
    if (atomic_load_explicit(&db->condemned, memory_order_relaxed)) {
        return cr_state_fail(db, MDB_CORRUPTED, "use the state cache", failure);
    }
    int code = cr_state_begin_fill(db);
    if (code == MDB_SUCCESS) code = mdb_txn_begin(db->env, NULL, 0, &db->txn);
    if (code != MDB_SUCCESS) {
        db->txn = NULL;
        return cr_state_fail(db, code, "begin to write to the state cache", failure);
    }
    db->failed = (struct cr_store_failure){.err = CR_OK};
    db->bucket_digests_old = db->bucket_digests;
    return CR_OK;
}

enum cr_err cr_state_db_end(struct cr_state_db *db, const struct cr_ledger_head *head,
                            struct cr_store_failure *failure)
{
    uint8_t bytes[CR_HEAD_ROW_BYTES];
    const struct cr_table_key key = cr_table_key_head();
    cr_row_encode_head(head, bytes);
    put(db, CR_TABLE_META, &key, bytes, sizeof bytes);

    /* What a reader has found damaged since begin may be in a state root that came in. */
    if (atomic_load_explicit(&db->condemned, memory_order_relaxed))
        fail(db, MDB_CORRUPTED, "trust the state cache");

    MDB_txn *txn = db->txn;
    db->txn = NULL;
    if (db->failed.err == CR_OK) {
        const int code = mdb_txn_commit(txn); /* frees it, also when it fails */
        if (code == MDB_SUCCESS) return CR_OK;
        fail(db, code, "commit to the state cache");
    } else {
        mdb_txn_abort(txn);
    }
    db->bucket_digests = db->bucket_digests_old;
    *failure = db->failed;
    return failure->err;
}
