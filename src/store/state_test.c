/* SPDX-License-Identifier: Apache-2.0 */
#include "store/testing.h"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/prng.h"
#include "ledger/testing.h"
#include "store/state_internal.h"

static const uint64_t map_bytes_usual = UINT64_C(16) << 20;
static const uint64_t map_bytes_small =
    UINT64_C(31) * 4096; /* the file fits into a struct test_file */

static const struct cr_hash genesis = {{1, 2, 3}};
static const struct cr_hash other_genesis = {{4, 5, 6}};
static struct cr_store_failure failure;
static struct cr_ledger_head head;
static bool rebuilt;

/* ---- opening ---- */

static void set_boot_id(const char *text)
{
    static struct test_file file;
    const struct test_path path = path_of("boot_id");
    file.count = strlen(text);
    file.is_there = true;
    memcpy(file.bytes, text, file.count);
    file_save(path.text, &file);
}

static enum cr_err open_sized(const char *path, uint64_t map_bytes, struct cr_state_db **db)
{
    const struct test_path boot_id = path_of("boot_id");
    const struct cr_state_options options = {.map_bytes = map_bytes, .boot_id_path = boot_id.text};
    memset(&failure, 0, sizeof failure);
    return cr_state_db_open_with(path, &genesis, &options, db, &head, &rebuilt, &failure);
}

static struct cr_state_db *open_db(const char *path)
{
    struct cr_state_db *db;
    assert_int_equal(open_sized(path, map_bytes_usual, &db), CR_OK);
    return db;
}

static struct cr_state_db *open_small(const char *path)
{
    struct cr_state_db *db;
    assert_int_equal(open_sized(path, map_bytes_small, &db), CR_OK);
    return db;
}

static void begin(struct cr_state_db *db)
{
    assert_int_equal(cr_state_db_begin(db, &failure), CR_OK);
}

static void end(struct cr_state_db *db, uint64_t index)
{
    const struct cr_ledger_head next = {.index = index,
                                        .commit_digest = cr_hash_of(&index, sizeof index)};
    assert_int_equal(cr_state_db_end(db, &next, &failure), CR_OK);
}

static struct cr_hash key_of(uint64_t number)
{
    return cr_hash_of(&number, sizeof number);
}

static void put_text(const struct cr_state *state, uint64_t number, const char *text)
{
    const struct cr_hash key = key_of(number);
    state->put(state->context, &key, (const uint8_t *)text, (uint32_t)strlen(text));
}

static bool has_text(const struct cr_state *state, uint64_t number, const char *text)
{
    const struct cr_hash key = key_of(number);
    struct cr_state_value value;
    return state->get(state->context, &key, &value) && value.count == strlen(text) &&
           memcmp(value.bytes, text, value.count) == 0;
}

static bool has_key(const struct cr_state *state, uint64_t number)
{
    const struct cr_hash key = key_of(number);
    struct cr_state_value value;
    return state->get(state->context, &key, &value);
}

/* One commit that writes entry 1 and its row. */
static void commit_text(struct cr_state_db *db, uint64_t index, const char *text)
{
    const struct cr_commit_row row = {.index = index, .txs_count = (uint32_t)index};
    begin(db);
    put_text(cr_state_db_writer(db), 1, text);
    cr_state_db_put_commit(db, &row);
    end(db, index);
}

/* ---- writer and readers ---- */

/* Goal: a reader sees the last ended execution, whole, until it asks for a new snapshot. */
static void readers_see_whole_executions(void **state)
{
    (void)state;
    const struct test_path path = path_of("state");
    struct cr_state_db *db = open_db(path.text);
    struct cr_state_reader *reader;
    struct cr_ledger_head seen;
    assert_true(head.index == 0 && cr_hash_is_zero(&head.commit_digest) && !rebuilt);
    assert_int_equal(cr_state_reader_open(db, &reader), CR_OK);
    assert_int_equal(cr_state_reader_begin(reader), CR_OK);
    assert_false(cr_state_reader_head(reader, &seen));
    cr_state_reader_end(reader);

    commit_text(db, 1, "one");
    assert_int_equal(cr_state_reader_begin(reader), CR_OK);
    const struct cr_state *view = cr_state_reader_state(reader);
    begin(db);
    put_text(cr_state_db_writer(db), 1, "two");
    assert_true(has_text(cr_state_db_writer(db), 1, "two"));
    assert_true(has_text(view, 1, "one"));
    end(db, 2);
    assert_true(has_text(view, 1, "one"));
    assert_true(cr_state_reader_head(reader, &seen) && seen.index == 1);
    cr_state_reader_end(reader);
    assert_int_equal(cr_state_reader_begin(reader), CR_OK);
    assert_true(has_text(view, 1, "two") && !has_key(view, 2));
    assert_true(cr_state_reader_head(reader, &seen) && seen.index == 2);
    cr_state_reader_end(reader);
    expect_assert_failure(cr_state_db_close(db)); /* a reader is open */
    cr_state_reader_close(reader);
    cr_state_db_close(db);

    db = open_db(path.text);
    assert_true(head.index == 2 && !rebuilt);
    const uint64_t two = 2;
    const struct cr_hash digest = cr_hash_of(&two, sizeof two);
    assert_true(cr_hash_equal(&head.commit_digest, &digest));
    cr_state_db_close(db);
}

/* Goal: rows come back as they were; absent ones are absent. */
static void rows(void **state)
{
    (void)state;
    const struct test_path path = path_of("state");
    struct cr_state_db *db = open_db(path.text);
    struct cr_state_reader *reader;
    const struct cr_commit_row commit = {.index = UINT64_C(0x0102030405060708),
                                         .digest = key_of(1),
                                         .effects_digest = key_of(2),
                                         .state_root = key_of(3),
                                         .leader_round = 77,
                                         .gc_round = 13,
                                         .timestamp_ms = UINT64_MAX,
                                         .txs_count = UINT32_MAX,
                                         .position = {.sequence = 5, .segment = 6, .offset = 7}};
    const struct cr_log_position place = {.sequence = UINT64_MAX, .segment = 3, .offset = 9};
    const struct cr_hash vertex = key_of(4);
    struct cr_commit_row early = commit;
    early.state_root = (struct cr_hash){{0}};
    begin(db);
    cr_state_db_put_commit(db, &early);
    cr_state_db_put_vertex(db, &vertex, &place);
    end(db, 1);
    begin(db);
    cr_state_db_put_root(db, commit.index, &commit.state_root);
    end(db, 2);

    struct cr_commit_row commit_out;
    struct cr_log_position place_out;
    const struct cr_hash absent = key_of(5);
    assert_int_equal(cr_state_reader_open(db, &reader), CR_OK);
    assert_int_equal(cr_state_reader_begin(reader), CR_OK);
    assert_true(cr_state_reader_commit(reader, commit.index, &commit_out));
    assert_true(commit_out.index == commit.index && commit_out.txs_count == commit.txs_count);
    assert_true(cr_hash_equal(&commit_out.digest, &commit.digest));
    assert_true(cr_hash_equal(&commit_out.effects_digest, &commit.effects_digest));
    assert_true(cr_hash_equal(&commit_out.state_root, &commit.state_root));
    assert_true(commit_out.leader_round == 77 && commit_out.gc_round == 13);
    assert_true(commit_out.timestamp_ms == UINT64_MAX && commit_out.position.sequence == 5);
    assert_true(commit_out.position.segment == 6 && commit_out.position.offset == 7);
    assert_false(cr_state_reader_commit(reader, 1, &commit_out));
    assert_true(cr_state_reader_vertex(reader, &vertex, &place_out));
    assert_true(place_out.sequence == UINT64_MAX && place_out.segment == 3);
    assert_true(place_out.offset == 9);
    assert_false(cr_state_reader_vertex(reader, &absent, &place_out));
    cr_state_reader_end(reader);
    cr_state_reader_close(reader);
    cr_state_db_close(db);
}

static void put_result(struct cr_state_db *db, const struct cr_hash *id, uint64_t commit_index,
                       enum cr_result result, const uint8_t *ops)
{
    const struct cr_tx tx = {.id = *id};
    const struct cr_ledger_tx_result told = {.tx = &tx,
                                             .commit_index = commit_index,
                                             .position = 7,
                                             .result = result,
                                             .authentic = ops != NULL,
                                             .ops_count = CR_OPS_MAX,
                                             .ops = ops};
    begin(db);
    cr_state_db_put_tx(db, &told);
    end(db, commit_index);
}

/* Goal: the row of an execution stays, that of a refusal gives way, a duplicate leaves no row. */
static void transaction_rows(void **state)
{
    (void)state;
    const struct test_path path = path_of("state");
    struct cr_state_db *db = open_db(path.text);
    struct cr_state_reader *reader;
    struct cr_tx_row row;
    uint8_t ops[CR_OPS_MAX];
    const struct cr_hash id = key_of(1);
    const struct cr_hash other = key_of(2);
    for (uint32_t i = 0; i < CR_OPS_MAX; i++)
        ops[i] = (uint8_t)(i % CR_RESULTS_COUNT);
    assert_int_equal(cr_state_reader_open(db, &reader), CR_OK);

    put_result(db, &id, 1, CR_RESULT_BAD_SIGNATURE, NULL);
    assert_int_equal(cr_state_reader_begin(reader), CR_OK);
    assert_true(cr_state_reader_tx(reader, &id, &row));
    assert_true(row.result == CR_RESULT_BAD_SIGNATURE && row.commit_index == 1);
    assert_true(row.ops_count == CR_OPS_MAX && row.ops_results_count == 0);
    cr_state_reader_end(reader);

    put_result(db, &id, 2, CR_RESULT_OK, ops);
    put_result(db, &id, 3, CR_RESULT_EXPIRED, NULL);
    put_result(db, &id, 4, CR_RESULT_DUPLICATE, NULL);
    put_result(db, &other, 5, CR_RESULT_DUPLICATE, NULL);
    assert_int_equal(cr_state_reader_begin(reader), CR_OK);
    assert_true(cr_state_reader_tx(reader, &id, &row));
    assert_true(row.result == CR_RESULT_OK && row.commit_index == 2 && row.position == 7);
    assert_true(row.ops_results_count == CR_OPS_MAX);
    assert_memory_equal(row.ops, ops, sizeof ops);
    assert_false(cr_state_reader_tx(reader, &other, &row));
    cr_state_reader_end(reader);
    cr_state_reader_close(reader);
    cr_state_db_close(db);
}

/* ---- against the keeper in memory ---- */

struct listing {
    struct cr_hash digest;
    uint32_t count;
    struct cr_hash last;
};

static void list(void *context, const struct cr_hash *key, const struct cr_state_value *value)
{
    struct listing *listing = context;
    struct cr_hasher hasher;
    assert_true(listing->count == 0 || cr_hash_compare(&listing->last, key) < 0);
    listing->last = *key;
    listing->count++;
    cr_hasher_init(&hasher);
    cr_hasher_add(&hasher, listing->digest.bytes, CR_HASH_BYTES);
    cr_hasher_add(&hasher, key->bytes, CR_HASH_BYTES);
    cr_hasher_add(&hasher, value->bytes, value->count);
    listing->digest = cr_hasher_end(&hasher);
}

static void expect_same_bucket(const struct cr_state *a, const struct cr_state *b, uint32_t bucket)
{
    struct listing in_a = {.count = 0};
    struct listing in_b = {.count = 0};
    a->scan(a->context, bucket, list, &in_a);
    b->scan(b->context, bucket, list, &in_b);
    assert_true(in_a.count == in_b.count && cr_hash_equal(&in_a.digest, &in_b.digest));
    struct cr_hash digest_a = {{0}};
    struct cr_hash digest_b = {{0}};
    assert_int_equal(a->bucket_get(a->context, bucket, &digest_a),
                     b->bucket_get(b->context, bucket, &digest_b));
    assert_true(cr_hash_equal(&digest_a, &digest_b));
}

/* Keys of a few buckets only, so that they meet. */
static struct cr_hash crowded_key(struct cr_prng *prng)
{
    struct cr_hash key = key_of(cr_prng_below(prng, 40));
    key.bytes[0] = cr_prng_below(prng, 2) == 0 ? 0 : 0xff;
    key.bytes[1] = (uint8_t)cr_prng_next(prng) & 0xf0;
    return key;
}

static void random_call(struct cr_prng *prng, const struct cr_state *a, const struct cr_state *b)
{
    static uint8_t bytes[9000];
    const struct cr_hash key = crowded_key(prng);
    const uint64_t commit = cr_prng_below(prng, 20);
    const uint64_t kind = cr_prng_below(prng, 10);
    if (kind < 4) {
        const uint32_t count =
            (uint32_t)cr_prng_below(prng, cr_prng_below(prng, 10) == 0 ? sizeof bytes : 100);
        for (uint32_t i = 0; i < count; i++)
            bytes[i] = (uint8_t)cr_prng_next(prng);
        a->put(a->context, &key, bytes, count);
        b->put(b->context, &key, bytes, count);
    } else if (kind < 6) {
        a->erase(a->context, &key);
        b->erase(b->context, &key);
    } else if (kind == 6) {
        a->bucket_put(a->context, cr_state_bucket(&key), &key);
        b->bucket_put(b->context, cr_state_bucket(&key), &key);
    } else if (kind == 7) {
        a->expiry_put(a->context, commit, &key);
        b->expiry_put(b->context, commit, &key);
    } else if (kind == 8) {
        struct cr_hash keys_a[5];
        struct cr_hash keys_b[5];
        const uint32_t count = a->expiry_take(a->context, commit, keys_a, 5);
        assert_int_equal(b->expiry_take(b->context, commit, keys_b, 5), count);
        assert_memory_equal(keys_a, keys_b, count * sizeof keys_a[0]);
    } else {
        struct cr_state_value value_a;
        struct cr_state_value value_b;
        const bool found = a->get(a->context, &key, &value_a);
        assert_int_equal(b->get(b->context, &key, &value_b), found);
        if (!found) return;
        assert_int_equal(value_a.count, value_b.count);
        assert_memory_equal(value_a.bytes, value_b.bytes, value_a.count);
    }
}

/* Goal: it is a keeper like the one in memory. Method: the same random calls to both, over many
 * executions and some openings. */
static void same_as_in_memory(void **state)
{
    (void)state;
    const struct cr_state_memory_limits limits = {
        .entries_max = 2000, .expiries_max = 5000, .bytes_max = (size_t)32 << 20};
    struct cr_arena arena;
    cr_arena_init_measure(&arena);
    (void)cr_state_memory_init(&arena, &limits);
    const size_t bytes = arena.bytes_used;
    void *taken = aligned_alloc(64, bytes);
    assert_non_null(taken);
    cr_arena_init(&arena, taken, bytes);
    const struct cr_state memory = cr_state_memory_keeper(cr_state_memory_init(&arena, &limits));

    const struct test_path path = path_of("state");
    struct cr_state_db *db = open_db(path.text);
    struct cr_prng prng = cr_prng_stream(1, 1, 1);
    for (uint64_t index = 1; index <= 60; index++) {
        begin(db);
        for (uint32_t i = 0; i < 200; i++)
            random_call(&prng, &memory, cr_state_db_writer(db));
        for (uint32_t i = 0; i < 20; i++) {
            const struct cr_hash key = crowded_key(&prng);
            expect_same_bucket(&memory, cr_state_db_writer(db), cr_state_bucket(&key));
        }
        end(db, index);
        if (index % 10 != 0) continue;
        cr_state_db_close(db);
        db = open_db(path.text);
        assert_true(head.index == index && !rebuilt);
    }
    struct cr_state_reader *reader;
    assert_int_equal(cr_state_reader_open(db, &reader), CR_OK);
    assert_int_equal(cr_state_reader_begin(reader), CR_OK);
    for (uint32_t bucket = 0; bucket < CR_BUCKETS; bucket++)
        expect_same_bucket(&memory, cr_state_reader_state(reader), bucket);
    cr_state_reader_end(reader);
    cr_state_reader_close(reader);
    cr_state_db_close(db);
    free(taken);
}

static void random_commit(struct world *world, struct cr_prng *prng)
{
    for (uint64_t txs = cr_prng_below(prng, 12); txs > 0; txs--) {
        tx_begin(world, (uint32_t)cr_prng_below(prng, 6), cr_prng_below(prng, 2) == 0);
        if (cr_prng_below(prng, 4) == 0) tx_register(world, (uint32_t)cr_prng_below(prng, 8));
        for (uint64_t ops = 1 + cr_prng_below(prng, 4); ops > 0; ops--) {
            char name[16];
            snprintf(name, sizeof name, "record %u", (unsigned)cr_prng_below(prng, 40));
            switch (cr_prng_below(prng, 3)) {
            case 0:
                tx_transfer(world, (uint32_t)cr_prng_below(prng, 6), cr_prng_below(prng, 300));
                break;
            case 1: tx_put(world, name, name + cr_prng_below(prng, 6)); break;
            case 2: tx_delete(world, name); break;
            }
        }
        tx_end(world);
    }
}

static void run_commit(struct world *world, struct cr_state_db *db, struct cr_prng *prng)
{
    random_commit(world, prng);
    if (db == NULL) {
        world_commit(world);
        return;
    }
    begin(db);
    world_commit(world);
    assert_int_equal(cr_state_db_end(db, world_head(world), &failure), CR_OK);
}

/* Goal: the ledger reaches the same digests over this keeper as over the one in memory, also when
 * it is closed and opened on the way. */
static void ledger_over_both(void **state)
{
    (void)state;
    const struct test_path path = path_of("state");
    struct world *reference = world_open();
    struct world *world = world_new();
    struct cr_prng prng = cr_prng_stream(9, 9, 9);
    struct cr_prng same_prng = prng;
    struct cr_state_db *db = open_db(path.text);
    world->host.state = *cr_state_db_writer(db);
    begin(db);
    cr_ledger_start_genesis(world->ledger);
    assert_int_equal(cr_state_db_end(db, world_head(world), &failure), CR_OK);

    for (uint32_t i = 1; i <= 40; i++) {
        run_commit(reference, NULL, &prng);
        run_commit(world, db, &same_prng);
        const struct cr_ledger_head *expected = world_head(reference);
        const struct cr_ledger_head *found = world_head(world);
        assert_true(cr_hash_equal(&expected->effects_digest, &found->effects_digest));
        assert_true(cr_hash_equal(&expected->state_root, &found->state_root));
        assert_true(expected->txs_count == found->txs_count && found->index == i);
        if (i % 7 != 0) continue;
        cr_state_db_close(db);
        db = open_db(path.text);
        assert_true(head.index == i && cr_hash_equal(&head.effects_digest, &found->effects_digest));
        world->host.state = *cr_state_db_writer(db);
        cr_ledger_start_at(world->ledger, &head);
    }
    assert_true(world_head(world)->txs_count > 100);
    cr_state_db_close(db);
    world_close(world);
    world_close(reference);
}

/* ---- failures ---- */

/* Goal: a full map throws the execution away, says which setting to raise, and can be gone on
 * with; bucket digests are those of before. */
static void full_map(void **state)
{
    (void)state;
    enum { VALUE = 4000 };
    static char large[VALUE + 1];
    memset(large, 'x', VALUE);
    const struct test_path path = path_of("state");
    struct cr_state_db *db;
    struct cr_hash digest = key_of(9);
    struct cr_hash out;
    assert_int_equal(open_sized(path.text, UINT64_C(1) << 20, &db), CR_OK);
    const struct cr_state *keeper = cr_state_db_writer(db);
    commit_text(db, 1, "one");
    const struct cr_hash key = key_of(1);
    begin(db);
    keeper->bucket_put(keeper->context, cr_state_bucket(&key), &digest);
    end(db, 2);

    begin(db);
    put_text(keeper, 1, "lost"); /* drops the digest */
    assert_false(keeper->bucket_get(keeper->context, cr_state_bucket(&key), &out));
    for (uint64_t i = 2; i < 1000; i++)
        put_text(keeper, i, large);
    assert_false(has_key(keeper, 1)); /* after a failure it answers anything */
    keeper->erase(keeper->context, &key);
    assert_int_equal(keeper->expiry_take(keeper->context, 1, &out, 1), 0);
    const struct cr_ledger_head next = {.index = 3};
    assert_int_equal(cr_state_db_end(db, &next, &failure), CR_ERR_NO_SPACE);
    assert_int_equal(failure.err, CR_ERR_NO_SPACE);
    assert_non_null(strstr(failure.text, "storage.map_bytes"));

    begin(db);
    assert_true(has_text(keeper, 1, "one") && !has_key(keeper, 2));
    assert_true(keeper->bucket_get(keeper->context, cr_state_bucket(&key), &out));
    assert_true(cr_hash_equal(&out, &digest));
    end(db, 3);
    cr_state_db_close(db);

    assert_int_equal(open_sized(path.text, UINT64_C(8) << 20, &db), CR_OK);
    assert_true(head.index == 3 && !rebuilt);
    begin(db);
    for (uint64_t i = 2; i < 1000; i++)
        put_text(cr_state_db_writer(db), i, large);
    end(db, 4);
    cr_state_db_close(db);
}

static uint64_t used_bytes(const struct cr_state_db *db)
{
    MDB_envinfo info;
    assert_int_equal(mdb_env_info(db->env, &info), MDB_SUCCESS);
    return (info.me_last_pgno + 1) * db->page_bytes;
}

/* Goal: no page without a place on the disk: there it would be a SIGBUS. Method: transactions of
 * any size over values of any length; after each, LMDB's last page lies below the end that was
 * reckoned with, and that below what was filled. */
static void place_comes_first(void **state)
{
    (void)state;
    static char text[4001];
    struct cr_prng prng = cr_prng_stream(9, 9, 9);
    const struct test_path path = path_of("state");
    struct cr_state_db *db = NULL;
    assert_int_equal(open_sized(path.text, UINT64_C(256) << 20, &db), CR_OK);
    const struct cr_state *keeper = cr_state_db_writer(db);
    memset(text, 'x', sizeof text - 1);
    for (uint64_t index = 1; index <= 200; index++) {
        const uint64_t writes = cr_prng_below(&prng, index % 10 == 0 ? 2000 : 20);
        const uint64_t length = cr_prng_below(&prng, index % 3 == 0 ? sizeof text : 200);
        begin(db);
        for (uint64_t i = 0; i < writes; i++) {
            const struct cr_hash key = key_of(cr_prng_below(&prng, 3000));
            if (cr_prng_below(&prng, 4) == 0)
                keeper->erase(keeper->context, &key);
            else
                keeper->put(keeper->context, &key, (const uint8_t *)text, (uint32_t)length);
            keeper->expiry_put(keeper->context, index, &key);
        }
        struct cr_hash taken[64];
        (void)keeper->expiry_take(keeper->context, index - 1, taken, 64);
        end(db, index);
        assert_true(used_bytes(db) <= db->end && db->end <= db->filled);
    }
    struct stat data;
    assert_int_equal(stat(path_in(path.text, "data.mdb").text, &data), 0);
    assert_true((uint64_t)data.st_blocks * 512 >= db->filled);
    cr_state_db_close(db);
}

enum writes { CHANGE, ADD, LEAVE, WRITES_END };

static void write_many(struct cr_state_db *db, enum writes kind, uint64_t index)
{
    enum { COUNT = 12000 };
    static char text[5001];
    const struct cr_state *keeper = cr_state_db_writer(db);
    memset(text, 'x', sizeof text - 1);
    begin(db);
    for (uint64_t i = 0; i < COUNT; i++) {
        static const uint64_t keys[] = {[CHANGE] = 1999, [ADD] = UINT64_MAX, [LEAVE] = 7};
        const struct cr_hash key = key_of((index * COUNT + i) % keys[kind]);
        const uint64_t length = kind == LEAVE ? 5000 : 300; /* of pages of its own */
        if (kind == LEAVE) keeper->erase(keeper->context, &key);
        keeper->put(keeper->context, &key, (const uint8_t *)text, (uint32_t)length);
    }
    end(db, index);
}

/* Goal: many writes get the place that they need, and not what each could need at worst. Method:
 * transactions that change the same records over and over, that add records, and that leave pages
 * behind with every write. */
static void place_is_not_wasted(void **state)
{
    (void)state;
    const struct test_path path = path_of("state");
    for (enum writes kind = CHANGE; kind < WRITES_END; kind++) {
        struct cr_state_db *db = NULL;
        remove_tree(path.text);
        assert_int_equal(open_sized(path.text, UINT64_C(1) << 30, &db), CR_OK);
        for (uint64_t index = 1; index <= 3; index++) {
            write_many(db, kind, index);
            const uint64_t used = used_bytes(db);
            assert_true(used <= db->end && db->end <= db->filled);
            if (kind != LEAVE) assert_true(db->filled <= used + (UINT64_C(48) << 20));
        }
        cr_state_db_close(db);
    }
}

/* Finds `text` in data.mdb and flips a bit of it; returns how often it was there. */
static uint32_t flip_in_file(const char *folder, const void *text, size_t count)
{
    static uint8_t bytes[(16 << 20) + 1];
    const struct test_path path = path_in(folder, "data.mdb");
    const int fd = open(path.text, O_RDWR);
    assert_true(fd >= 0);
    const ssize_t got = cr_io_read(&cr_io_system, fd, bytes, sizeof bytes, 0);
    assert_true(got > 0 && (size_t)got < sizeof bytes);
    uint32_t found = 0;
    for (size_t at = 0; at + count <= (size_t)got; at++) {
        if (memcmp(bytes + at, text, count) != 0) continue;
        const uint8_t flipped = bytes[at + count / 2] ^ 4;
        assert_true(pwrite(fd, &flipped, 1, (off_t)(at + count / 2)) == 1);
        found++;
    }
    close(fd);
    return found;
}

/* Goal: no single bit of a value, of its check sum or of its key can change unseen. */
static void every_bit_counts(void **state)
{
    (void)state;
    static uint8_t copy[64];
    const struct test_path path = path_of("state");
    struct cr_hash key = key_of(1);
    struct cr_state_value value;
    MDB_val view = {.mv_size = CR_HASH_BYTES, .mv_data = key.bytes}, stored;
    struct cr_state_db *db = open_db(path.text);
    begin(db);
    put_text(cr_state_db_writer(db), 1, "twenty-one characters");
    assert_int_equal(mdb_get(db->txn, db->tables[CR_TABLE_STATE], &view, &stored), MDB_SUCCESS);
    assert_true(stored.mv_size == 21 + CR_STATE_CHECKSUM_BYTES);
    memcpy(copy, stored.mv_data, stored.mv_size);
    stored.mv_data = copy;
    view = (MDB_val){.mv_size = CR_HASH_BYTES, .mv_data = key.bytes};
    assert_true(cr_table_open_value(CR_TABLE_STATE, &view, &stored, &value));
    assert_false(cr_table_open_value(CR_TABLE_TXS, &view, &stored, &value));
    for (size_t bit = 0; bit < 8 * (stored.mv_size + CR_HASH_BYTES); bit++) {
        uint8_t *at =
            bit / 8 < stored.mv_size ? &copy[bit / 8] : &key.bytes[bit / 8 - stored.mv_size];
        *at ^= (uint8_t)(1u << bit % 8);
        assert_false(cr_table_open_value(CR_TABLE_STATE, &view, &stored, &value));
        *at ^= (uint8_t)(1u << bit % 8);
    }
    stored.mv_size--;
    assert_false(cr_table_open_value(CR_TABLE_STATE, &view, &stored, &value));
    memset(copy, 0, sizeof copy);
    memset(key.bytes, 0, sizeof key.bytes);
    assert_false(cr_table_open_value(CR_TABLE_STATE, &view, &stored, &value));
    end(db, 1);
    cr_state_db_close(db);
}

/* Goal: a damaged value is found on reading, by writer and reader; the cache is rebuilt. */
static void damaged_values(void **state)
{
    (void)state;
    static const char text[] = "a text that is found again";
    const struct test_path path = path_of("state");
    struct cr_state_reader *reader;
    set_boot_id("aaaa-1"); /* else it would be thrown away anyhow */
    for (uint32_t by_reader = 0; by_reader < 2; by_reader++) {
        struct cr_state_db *db = open_db(path.text);
        commit_text(db, 1, text);
        cr_state_db_close(db);
        assert_true(flip_in_file(path.text, text, strlen(text)) > 0);
        db = open_db(path.text);
        assert_true(head.index == 1 && !rebuilt);
        assert_int_equal(cr_state_reader_open(db, &reader), CR_OK);
        const struct cr_ledger_head next = {.index = 2};
        if (by_reader == 1) {
            assert_int_equal(cr_state_reader_begin(reader), CR_OK);
            assert_false(has_key(cr_state_reader_state(reader), 1));
            cr_state_reader_end(reader);
        } else {
            begin(db);
            assert_false(has_key(cr_state_db_writer(db), 1));
            assert_int_equal(cr_state_db_end(db, &next, &failure), CR_ERR_CORRUPT);
            assert_non_null(strstr(failure.text, "rebuilt from the log"));
        }
        assert_int_equal(cr_state_reader_begin(reader), CR_ERR_CORRUPT);
        assert_int_equal(cr_state_db_begin(db, &failure), CR_ERR_CORRUPT);
        cr_state_reader_close(reader);
        cr_state_db_close(db);
        db = open_db(path.text);
        assert_true(head.index == 0 && rebuilt);
        cr_state_db_close(db);
        db = open_db(path.text);
        assert_true(!rebuilt);
        cr_state_db_close(db);
    }
}

/* Goal: a damaged head, or a file that is no database, is noticed at once. */
static void damaged_head(void **state)
{
    (void)state;
    static struct test_file file;
    const struct test_path path = path_of("state");
    const struct test_path data = path_of("state/data.mdb");
    const uint64_t two = 2;
    const struct cr_hash digest = cr_hash_of(&two, sizeof two);
    set_boot_id("aaaa-1");
    struct cr_state_db *db = open_small(path.text);
    commit_text(db, 2, "two");
    cr_state_db_close(db);
    assert_true(flip_in_file(path.text, digest.bytes, CR_HASH_BYTES) > 0);
    db = open_small(path.text);
    assert_true(head.index == 0 && rebuilt);
    commit_text(db, 3, "three");
    cr_state_db_close(db);

    file_load(data.text, &file);
    memset(file.bytes, 0xa5, 8192);
    file_save(data.text, &file);
    db = open_small(path.text);
    assert_true(head.index == 0 && rebuilt);
    commit_text(db, 4, "four");
    cr_state_db_close(db);

    file_load(data.text, &file);
    file.count /= 2;
    file_save(data.text, &file);
    db = open_small(path.text);
    assert_true(head.index == 0 && rebuilt);
    cr_state_db_condemn(db);
    cr_state_db_close(db);
    db = open_small(path.text);
    assert_true(rebuilt);
    cr_state_db_close(db);
}

/* Goal: what a reader has found damaged does not come into the cache by way of a state root.
 * Method: condemn it, as a reader does, during an execution. */
static void condemned_meanwhile(void **state)
{
    (void)state;
    const struct test_path path = path_of("state");
    struct cr_state_db *db = open_db(path.text);
    commit_text(db, 1, "one");
    begin(db);
    put_text(cr_state_db_writer(db), 2, "two");
    cr_state_db_condemn(db);
    const struct cr_ledger_head next = {.index = 2};
    assert_int_equal(cr_state_db_end(db, &next, &failure), CR_ERR_CORRUPT);
    assert_non_null(strstr(failure.text, "rebuilt from the log"));
    cr_state_db_close(db);
    db = open_db(path.text);
    assert_true(head.index == 0 && rebuilt);
    cr_state_db_close(db);
}

/* ---- may it be trusted? ---- */

/* Goal: an open cache is trusted as long as the machine runs, a closed one always. Method: a copy
 * of the folder of an open cache is what a killed process leaves. */
static void boot_ids(void **state)
{
    (void)state;
    static const struct {
        const char *boot_before, *boot_after;
        bool is_closed, is_trusted;
    } cases[] = {
        {"aaaa-1", "aaaa-1", false, true},
        {"aaaa-1", "bbbb-2", false, false},
        {"aaaa-1", "bbbb-2", true, true},
        {"aaaa-1", "", false, false},
        {"", "", false, false},
        {"", "", true, true},
        {"", "aaaa-1", false, false},
    };
    const struct test_path path = path_of("state");
    const struct test_path copy = path_of("copy");
    for (size_t i = 0; i < CR_COUNT_OF(cases); i++) {
        remove_tree(path.text);
        set_boot_id(cases[i].boot_before);
        struct cr_state_db *db = open_small(path.text);
        commit_text(db, 1, "one");
        if (cases[i].is_closed) cr_state_db_close(db);
        copy_folder(path.text, copy.text);
        if (!cases[i].is_closed) cr_state_db_close(db);
        set_boot_id(cases[i].boot_after);
        db = open_small(copy.text);
        assert_int_equal(rebuilt, !cases[i].is_trusted);
        assert_true(head.index == (cases[i].is_trusted ? 1 : 0));
        cr_state_db_close(db);
    }
}

/* Goal: what is not ours is refused and kept. */
static void refusals(void **state)
{
    (void)state;
    const struct test_path path = path_of("state");
    const struct test_path mark_path = path_of("state/mark");
    const struct cr_state_options options = {.map_bytes = map_bytes_usual, .boot_id_path = "/"};
    static struct test_file mark;
    struct cr_state_db *db = open_db(path.text);
    struct cr_state_db *second;
    assert_int_equal(open_sized(path.text, map_bytes_usual, &second), CR_ERR_BUSY);
    commit_text(db, 1, "one");
    cr_state_db_close(db);
    assert_int_equal(
        cr_state_db_open_with(path.text, &other_genesis, &options, &db, &head, &rebuilt, &failure),
        CR_ERR_MISMATCH);
    assert_non_null(strstr(failure.text, "0102030000000000"));
    file_load(mark_path.text, &mark);
    mark.bytes[strlen("creto state cache ")] = '2';
    file_save(mark_path.text, &mark);
    assert_int_equal(open_sized(path.text, map_bytes_usual, &db), CR_ERR_VERSION);
    mark.bytes[strlen("creto state cache ")] = '1';
    file_save(mark_path.text, &mark);
    db = open_db(path.text);
    assert_true(head.index == 1 && !rebuilt);
    cr_state_db_close(db);
    unlink(mark_path.text); /* nobody vouches for it */
    db = open_db(path.text);
    assert_true(head.index == 0 && rebuilt);
    cr_state_db_close(db);

    /* The real boot id and the public function, once. */
    remove_tree(path.text);
    assert_int_equal(
        cr_state_db_open(path.text, &genesis, map_bytes_usual, &db, &head, &rebuilt, &failure),
        CR_OK);
    char boot_id[CR_BOOT_ID_BYTES];
    cr_boot_id_read("/proc/sys/kernel/random/boot_id", boot_id);
    assert_int_equal(strlen(boot_id), 36);
    assert_string_equal(db->mark.boot_id, boot_id);
    cr_state_db_close(db);
}

/* Executes without end, telling after each execution. */
static _Noreturn void execute_until_killed(const char *path, int tell)
{
    struct cr_state_db *db;
    if (open_sized(path, map_bytes_usual, &db) != CR_OK) _exit(1);
    for (uint64_t index = head.index + 1;; index++) {
        char text[32];
        const struct cr_commit_row row = {.index = index};
        const struct cr_ledger_head next = {.index = index};
        if (cr_state_db_begin(db, &failure) != CR_OK) _exit(2);
        snprintf(text, sizeof text, "execution %u", (unsigned)index);
        for (uint64_t i = 0; i < 50; i++)
            put_text(cr_state_db_writer(db), i * index % 301, text);
        put_text(cr_state_db_writer(db), 1000, text);
        cr_state_db_put_commit(db, &row);
        if (cr_state_db_end(db, &next, &failure) != CR_OK) _exit(3);
        if (write(tell, &index, sizeof index) != sizeof index) _exit(4);
    }
}

/* Goal: kill -9 at any moment leaves a whole execution, not older than the last one told. */
static void killed_at_any_moment(void **state)
{
    (void)state;
    const struct test_path path = path_of("state");
    struct cr_prng prng = cr_prng_stream(4, 4, 4);
    set_boot_id("aaaa-1");
    for (uint32_t run = 0; run < 15; run++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) execute_until_killed(path.text, ends[1]);
        close(ends[1]);
        uint64_t told = 0;
        for (uint64_t i = 1 + cr_prng_below(&prng, 20); i > 0; i--)
            assert_true(read(ends[0], &told, sizeof told) == sizeof told);
        usleep((useconds_t)cr_prng_below(&prng, 2000));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        uint64_t more;
        while (read(ends[0], &more, sizeof more) == sizeof more)
            told = more;
        close(ends[0]);

        struct cr_state_db *db = open_db(path.text);
        assert_true(!rebuilt && head.index >= told);
        char text[32];
        snprintf(text, sizeof text, "execution %u", (unsigned)head.index);
        begin(db);
        assert_true(has_text(cr_state_db_writer(db), 1000, text));
        struct listing all = {.count = 0};
        for (uint32_t bucket = 0; bucket < CR_BUCKETS; bucket++) {
            all.count = 0;
            cr_state_db_writer(db)->scan(db, bucket, list, &all);
        }
        end(db, head.index);
        cr_state_db_close(db);
    }
}

/* ---- threads ---- */

struct reading {
    struct cr_state_db *db;
    _Atomic bool stop;
    _Atomic uint64_t snapshots;
};

/* Every snapshot is of one execution: head, entry and row agree. */
static void *read_always(void *context)
{
    struct reading *reading = context;
    struct cr_state_reader *reader;
    if (cr_state_reader_open(reading->db, &reader) != CR_OK) abort();
    while (!atomic_load(&reading->stop)) {
        struct cr_ledger_head seen;
        struct cr_commit_row row;
        char text[32];
        if (cr_state_reader_begin(reader) != CR_OK) abort();
        if (cr_state_reader_head(reader, &seen)) {
            snprintf(text, sizeof text, "execution %u", (unsigned)seen.index);
            if (!has_text(cr_state_reader_state(reader), 1, text)) abort();
            if (!cr_state_reader_commit(reader, seen.index, &row)) abort();
            if (row.txs_count != seen.index) abort();
            if (cr_state_reader_commit(reader, seen.index + 1, &row)) abort();
        }
        cr_state_reader_end(reader);
        atomic_fetch_add(&reading->snapshots, 1);
    }
    cr_state_reader_close(reader);
    return NULL;
}

/* Goal: readers and the writer do not disturb each other. Meant for the thread sanitizer too. */
static void readers_beside_the_writer(void **state)
{
    (void)state;
    const struct test_path path = path_of("state");
    struct reading reading = {.db = open_db(path.text)};
    pthread_t threads[2];
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_always, &reading), 0);
    for (uint64_t index = 1; index < 200 || atomic_load(&reading.snapshots) < 2000; index++) {
        char text[32];
        snprintf(text, sizeof text, "execution %u", (unsigned)index);
        commit_text(reading.db, index, text);
    }
    atomic_store(&reading.stop, true);
    for (uint32_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    cr_state_db_close(reading.db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(readers_see_whole_executions),
        STORE_TEST(rows),
        STORE_TEST(transaction_rows),
        STORE_TEST(same_as_in_memory),
        STORE_TEST(ledger_over_both),
        STORE_TEST(full_map),
        STORE_TEST(place_comes_first),
        STORE_TEST(place_is_not_wasted),
        STORE_TEST(every_bit_counts),
        STORE_TEST(damaged_values),
        STORE_TEST(damaged_head),
        STORE_TEST(condemned_meanwhile),
        STORE_TEST(boot_ids),
        STORE_TEST(refusals),
        STORE_TEST(killed_at_any_moment),
        STORE_TEST(readers_beside_the_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
