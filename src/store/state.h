/* SPDX-License-Identifier: Apache-2.0 */
/* state.h: LMDB as a rebuildable cache of the executed prefix: state entries, bucket digests,
 * expiry index, commit index, transaction index, vertex index, head.
 *
 * One writer (the executor): begin, execute commits, end, all on one thread. Readers (the API)
 * open short read transactions of their own and see the last ended execution; nobody waits for the
 * other. Every value carries a checksum of ours, for LMDB has none; a damaged value makes the cache
 * fail as a whole: it is condemned, every begin returns CR_ERR_CORRUPT, and the next open rebuilds
 * it.
 *
 * Durability: LMDB runs without syncing (MDB_NOSYNC): a killed process loses nothing, a lost
 * machine may damage the file. The folder therefore remembers the machine's boot id; a cache
 * that was not closed cleanly under another boot id is thrown away and rebuilt from the log.
 * The cache may be behind the log, never ahead of it: a commit is executed only after its record
 * was written (cr_log_write). Who finds the executed head missing in the log condemns the cache.
 */
#ifndef CR_STORE_STATE_H
#define CR_STORE_STATE_H

#include "ledger/ledger.h"
#include "store/log.h"
#include "wire/commit.h"

struct cr_state_db;

/* What the node remembers of an executed commit. */
struct cr_commit_row {
    uint64_t index;
    struct cr_hash digest;
    struct cr_hash effects_digest;
    struct cr_hash state_root; /* zero unless a state checkpoint is made of it */
    uint32_t leader_round;
    uint32_t gc_round;
    uint64_t timestamp_ms;
    uint32_t txs_count;
    struct cr_log_position position; /* of the COMMIT record in the log */
};

/* What the node remembers of a transaction. */
struct cr_tx_row {
    uint64_t commit_index;
    uint32_t position;
    enum cr_result result;
    uint32_t ops_count;
    uint32_t ops_results_count; /* stored per-operation results: ops_count, or 0 when none ran */
    uint8_t ops[CR_OPS_MAX];
};

/* Opens or creates the cache in folder `path`. *head is the executed head (index 0 and zero
 * digest: empty, run genesis). `map_bytes`: the LMDB map (storage.map_bytes), e.g. 8 GiB: address
 * space and a bound, not disk. *rebuilt: it was thrown away. CR_ERR_BUSY, CR_ERR_MISMATCH (of
 * another genesis), CR_ERR_VERSION (of a newer program): then nothing was thrown away. */
CR_MUST_CHECK enum cr_err cr_state_db_open(const char *path, const struct cr_hash *genesis_id,
                                           uint64_t map_bytes, struct cr_state_db **out,
                                           struct cr_ledger_head *head, bool *rebuilt,
                                           struct cr_store_failure *failure);
/* Closes cleanly (syncs); all readers are closed before. NULL is allowed. */
void cr_state_db_close(struct cr_state_db *db);
/* The cache contradicts the log: the next open throws it away. From any thread. */
void cr_state_db_condemn(struct cr_state_db *db);

/* ---- the writer ---- */
/* The keeper for the ledger: lives as long as `db`, its calls are for between begin and end. What
 * is put is no view that get has given. */
const struct cr_state *cr_state_db_writer(struct cr_state_db *db);
CR_MUST_CHECK enum cr_err cr_state_db_begin(struct cr_state_db *db,
                                            struct cr_store_failure *failure);
void cr_state_db_put_commit(struct cr_state_db *db, const struct cr_commit_row *row);
/* Completes the row of a commit whose state root was found later. */
void cr_state_db_put_root(struct cr_state_db *db, uint64_t index, const struct cr_hash *root);
/* The row of an execution (`ops` given) stays for ever; that of a refusal gives way to a later
 * result, for anybody can send somebody's transaction under a bad signature first. Duplicates are
 * not stored. */
void cr_state_db_put_tx(struct cr_state_db *db, const struct cr_ledger_tx_result *result);
/* Where a vertex of the committed prefix lies in the log, for serving old ranges. */
void cr_state_db_put_vertex(struct cr_state_db *db, const struct cr_hash *digest,
                            const struct cr_log_position *position);
/* Writes the head and publishes, or throws everything since begin away and says why:
 * CR_ERR_NO_SPACE (as before begin, to be gone on with), CR_ERR_IO, CR_ERR_CORRUPT (condemned). */
CR_MUST_CHECK enum cr_err cr_state_db_end(struct cr_state_db *db, const struct cr_ledger_head *head,
                                          struct cr_store_failure *failure);

/* ---- readers: any thread, one reader object per thread at a time ---- */
struct cr_state_reader;
/* CR_ERR_FULL: too many readers (126). */
CR_MUST_CHECK enum cr_err cr_state_reader_open(struct cr_state_db *db,
                                               struct cr_state_reader **out);
void cr_state_reader_close(struct cr_state_reader *reader);
/* begin takes a snapshot; end gives it back. Keep it short: an open snapshot pins pages. */
CR_MUST_CHECK enum cr_err cr_state_reader_begin(struct cr_state_reader *reader);
void cr_state_reader_end(struct cr_state_reader *reader);
/* A read-only keeper over the snapshot: get, scan and bucket_get; the others are NULL. Values are
 * valid until cr_state_reader_end. */
const struct cr_state *cr_state_reader_state(struct cr_state_reader *reader);
bool cr_state_reader_head(struct cr_state_reader *reader, struct cr_ledger_head *out);
bool cr_state_reader_commit(struct cr_state_reader *reader, uint64_t index,
                            struct cr_commit_row *out);
bool cr_state_reader_tx(struct cr_state_reader *reader, const struct cr_hash *id,
                        struct cr_tx_row *out);
bool cr_state_reader_vertex(struct cr_state_reader *reader, const struct cr_hash *digest,
                            struct cr_log_position *out);

#endif
