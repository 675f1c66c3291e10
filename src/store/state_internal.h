/* SPDX-License-Identifier: Apache-2.0 */
/* state_internal.h: the insides of the state cache: its tables and their checksums (state_table.c),
 * the mark that tells whether a cache may be trusted (state_mark.c), the rows (state_rows.c).
 * Internal to store/. */
#ifndef CR_STORE_STATE_INTERNAL_H
#define CR_STORE_STATE_INTERNAL_H

#include <lmdb.h>
#include <stdatomic.h>

#include "store/io.h"
#include "store/state.h"

/* ---- tables ---- */

enum cr_table {
    CR_TABLE_META = 0,
    CR_TABLE_STATE,
    CR_TABLE_BUCKETS,
    CR_TABLE_EXPIRY,
    CR_TABLE_COMMITS,
    CR_TABLE_TXS,
    CR_TABLE_VERTICES,
    CR_TABLES,
};

enum {
    CR_STATE_CHECKSUM_BYTES = 8, /* behind every value */
    CR_TABLE_KEY_BYTES_MAX = 8 + CR_HASH_BYTES,
    CR_BOOT_ID_BYTES = 40, /* a UUID as text */
};

/* Numbers are big-endian in keys, so that LMDB's order of bytes is the order of numbers. */
struct cr_table_key {
    uint8_t bytes[CR_TABLE_KEY_BYTES_MAX];
    size_t count;
};
struct cr_table_key cr_table_key_hash(const struct cr_hash *hash);
struct cr_table_key cr_table_key_number(uint64_t number);
struct cr_table_key cr_table_key_bucket(uint32_t bucket);
struct cr_table_key cr_table_key_expiry(uint64_t commit, const struct cr_hash *hash);
struct cr_table_key cr_table_key_head(void);

/* These return LMDB's codes; MDB_CORRUPTED also when our checksum does not match. */
CR_MUST_CHECK int cr_table_open_all(MDB_txn *txn, MDB_dbi tables[CR_TABLES]);
CR_MUST_CHECK int cr_table_get(MDB_txn *txn, const MDB_dbi tables[CR_TABLES], enum cr_table table,
                               const struct cr_table_key *key, struct cr_state_value *out);
/* `bytes` is no view into the database: the page may move before it is copied. */
CR_MUST_CHECK int cr_table_put(MDB_txn *txn, const MDB_dbi tables[CR_TABLES], enum cr_table table,
                               const struct cr_table_key *key, const uint8_t *bytes, size_t count);
CR_MUST_CHECK int cr_table_erase(MDB_txn *txn, const MDB_dbi tables[CR_TABLES], enum cr_table table,
                                 const struct cr_table_key *key);
/* Splits a stored value. False: damaged. */
bool cr_table_open_value(enum cr_table table, const MDB_val *key, const MDB_val *stored,
                         struct cr_state_value *out);

/* Every entry of a bucket, ascending. */
CR_MUST_CHECK int cr_table_scan(MDB_txn *txn, const MDB_dbi tables[CR_TABLES], uint32_t bucket,
                                cr_state_each *each, void *each_context);
/* Takes out up to `max` keys filed under `commit`. */
CR_MUST_CHECK int cr_table_take_expired(MDB_txn *txn, const MDB_dbi tables[CR_TABLES],
                                        uint64_t commit, struct cr_hash *keys, uint32_t max,
                                        uint32_t *taken);

/* ---- rows ---- */

enum {
    CR_HEAD_ROW_BYTES = 8 + 32 + 32 + 8 + 32 + 8 + 8 + (8 + 8 + 32 + 32 + 32 + 8),
    CR_POSITION_ROW_BYTES = 8 + 4 + 4,
    CR_COMMIT_ROW_BYTES = 8 + 3 * 32 + 4 + 4 + 8 + 4 + CR_POSITION_ROW_BYTES,
    CR_TX_ROW_HEAD_BYTES = 8 + 4 + 1 + 2 + 2,
    CR_TX_ROW_BYTES_MAX = CR_TX_ROW_HEAD_BYTES + CR_OPS_MAX,
};

void cr_row_encode_head(const struct cr_ledger_head *head, uint8_t bytes[CR_HEAD_ROW_BYTES]);
void cr_row_encode_commit(const struct cr_commit_row *row, uint8_t bytes[CR_COMMIT_ROW_BYTES]);
size_t cr_row_encode_tx(const struct cr_ledger_tx_result *result,
                        uint8_t bytes[CR_TX_ROW_BYTES_MAX]);
void cr_row_encode_position(const struct cr_log_position *position,
                            uint8_t bytes[CR_POSITION_ROW_BYTES]);
/* False when the length is wrong. */
bool cr_row_decode_head(const struct cr_state_value *value, struct cr_ledger_head *out);
bool cr_row_decode_commit(const struct cr_state_value *value, struct cr_commit_row *out);
bool cr_row_decode_tx(const struct cr_state_value *value, struct cr_tx_row *out);
bool cr_row_decode_position(const struct cr_state_value *value, struct cr_log_position *out);

/* ---- the mark ---- */

enum cr_mark_kind {
    CR_MARK_NONE = 0, /* no file, or not to be understood */
    CR_MARK_OPEN,     /* in use, or not closed: to be trusted as long as the machine runs */
    CR_MARK_CLOSED,   /* closed and synced */
    CR_MARK_CONDEMNED,
};

enum { CR_STATE_VERSION = 1 };

struct cr_mark {
    uint32_t version;
    struct cr_hash genesis_id;
    char boot_id[CR_BOOT_ID_BYTES];
    enum cr_mark_kind kind;
    uint64_t data_bytes; /* length of data.mdb when it was closed */
};

void cr_mark_read(int folder, struct cr_mark *out);
/* Durable and whole when it returns true; else errno says why, and the old one is there. */
CR_MUST_CHECK bool cr_mark_write(int folder, const struct cr_mark *mark);
/* The identity of this run of the machine; "" when it cannot be known. */
void cr_boot_id_read(const char *path, char out[CR_BOOT_ID_BYTES]);

/* ---- the database ---- */

struct cr_state_options {
    uint64_t map_bytes;
    const char *boot_id_path;
};

CR_MUST_CHECK enum cr_err cr_state_db_open_with(const char *path, const struct cr_hash *genesis_id,
                                                const struct cr_state_options *options,
                                                struct cr_state_db **out,
                                                struct cr_ledger_head *head, bool *rebuilt,
                                                struct cr_store_failure *failure);

struct cr_state_db {
    char *path;
    int folder; /* holds the lock */
    uint64_t map_bytes;
    struct cr_mark mark; /* as it is on disk */
    MDB_env *env;
    MDB_dbi tables[CR_TABLES]; /* fixed after open */
    _Atomic bool condemned; /* relaxed: it only ever rises, and whoever sees it late sees it soon */
    _Atomic uint32_t readers; /* open reader objects */

    /* The writer's. */
    MDB_txn *txn; /* between begin and end */
    struct cr_state keeper;
    struct cr_store_failure failed; /* since begin */
    uint64_t filled;                /* bytes of data.mdb that have their place on the disk */
    uint64_t page_bytes;
    uint64_t begun; /* the end of what LMDB used at begin, in bytes */
    uint64_t left;  /* bytes of pages taken since, that may be in no tree any more */
    uint64_t end;   /* where LMDB can be at most by now */
    struct cr_bucket_set bucket_digests;     /* which buckets have one: saves a delete per put */
    struct cr_bucket_set bucket_digests_old; /* at begin, for a rollback */
};

/* The error for one of LMDB's codes, and what the operator reads. */
enum cr_err cr_state_fail(const struct cr_state_db *db, int code, const char *what,
                          struct cr_store_failure *failure);

/* state_fill.c: LMDB writes through its map, where a page that finds no place on the disk is a
 * SIGBUS. So the file gets its place before LMDB can be there. Both return an LMDB code or an
 * errno. */
/* From what is in use now. */
CR_MUST_CHECK int cr_state_begin_fill(struct cr_state_db *db);
/* Before one more put of a value of so many bytes; before an erase, or some of neighbours, which
 * have so many bytes together. */
CR_MUST_CHECK int cr_state_fill_put(struct cr_state_db *db, size_t bytes);
CR_MUST_CHECK int cr_state_fill_erase(struct cr_state_db *db, size_t bytes);

/* state_writer.c */
void cr_state_writer_init(struct cr_state_db *db);

#endif
