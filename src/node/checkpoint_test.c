/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints that are hashed beside the execution: over the real state database, with the real
 * thread, against a ledger in memory that makes each of them at once. */
#include "node/checkpoint.h"

#include <pthread.h>

#include "ledger/testing.h"
#include "store/testing.h"

enum { COMMITS = 64, KEYS = 40 };

/* The same commits go to both. */
struct pair {
    struct cr_prng prng;
    struct world *at_once;             /* in memory */
    struct world *beside;              /* over LMDB */
    struct cr_hash roots[COMMITS + 1]; /* of at_once, by commit; zero: no checkpoint */
    struct cr_state_db *db;
    struct cr_checkpoint *checkpoint;
    void *ledger_memory; /* of a ledger that was started again */
    struct cr_store_failure failure;
    uint32_t taken;
};

static void open_db(struct pair *pair, struct cr_ledger_head *head)
{
    const struct test_path path = path_of("state");
    bool rebuilt;
    assert_int_equal(cr_state_db_open(path.text, &pair->at_once->genesis.id, 64 << 20, &pair->db,
                                      head, &rebuilt, &pair->failure),
                     CR_OK);
    assert_false(rebuilt);
    pair->beside->host.state = *cr_state_db_writer(pair->db);
    pair->checkpoint = cr_checkpoint_new(pair->db, -1);
    assert_non_null(pair->checkpoint);
}

static void begin(struct pair *pair)
{
    assert_int_equal(cr_state_db_begin(pair->db, &pair->failure), CR_OK);
}

static void end(struct pair *pair)
{
    assert_int_equal(cr_state_db_end(pair->db, world_head(pair->beside), &pair->failure), CR_OK);
}

static struct pair *pair_open(uint64_t seed)
{
    struct pair *pair = calloc(1, sizeof *pair);
    struct cr_ledger_head head;
    assert_non_null(pair);
    pair->prng = cr_prng_stream(seed, 1, 1);
    pair->at_once = world_open();
    pair->beside = world_new();
    pair->beside->later = true;
    open_db(pair, &head);
    begin(pair);
    cr_ledger_start_genesis(pair->beside->ledger);
    end(pair);
    return pair;
}

static void pair_close(struct pair *pair)
{
    cr_checkpoint_free(pair->checkpoint);
    cr_state_db_close(pair->db);
    world_close(pair->at_once);
    world_close(pair->beside);
    free(pair->ledger_memory);
    free(pair);
}

static void add_random_txs(struct world *world, struct cr_prng prng)
{
    for (uint64_t i = cr_prng_below(&prng, 6); i > 0; i--) {
        char key[16], value[16];
        tx_begin(world, (uint32_t)cr_prng_below(&prng, WORLD_ACCOUNTS), CR_TX_INDEPENDENT);
        for (uint64_t op = cr_prng_below(&prng, 4); op > 0; op--) {
            snprintf(key, sizeof key, "k%u", (unsigned)cr_prng_below(&prng, KEYS));
            snprintf(value, sizeof value, "v%u", (unsigned)cr_prng_below(&prng, 1000));
            tx_put(world, key, value);
        }
        snprintf(key, sizeof key, "k%u", (unsigned)cr_prng_below(&prng, KEYS));
        tx_delete(world, key);
        tx_transfer(world, (uint32_t)cr_prng_below(&prng, WORLD_ACCOUNTS), 1);
        tx_end(world);
    }
}

/* Between begin and end. */
static void take(struct pair *pair)
{
    const struct cr_ledger_head *head = world_head(pair->beside);
    (void)cr_checkpoint_end(pair->checkpoint);
    cr_ledger_take_checkpoint(pair->beside->ledger);
    assert_true(head->checkpoint_index > 0 && head->checkpoint_index <= head->index);
    assert_true(cr_hash_equal(&head->state_root, &pair->roots[head->checkpoint_index]));
    cr_ledger_check(pair->beside->ledger); /* every cached digest is true */
    pair->taken++;
}

static void take_if_done(struct pair *pair)
{
    if (!cr_checkpoint_is_done(pair->checkpoint)) return;
    begin(pair);
    take(pair);
    end(pair);
}

/* A commit of random transactions, in both. What it needs is taken in before. */
static void execute(struct pair *pair, bool closing)
{
    struct world *worlds[] = {pair->at_once, pair->beside};
    struct cr_ledger *ledger = pair->beside->ledger;
    const uint64_t index = world_head(pair->beside)->index + 1;
    const struct cr_ledger_commit next = {.index = index, .closing = closing};
    for (uint32_t w = 0; w < 2; w++) {
        add_random_txs(worlds[w], pair->prng);
        worlds[w]->closing = closing;
    }
    (void)cr_prng_next(&pair->prng);
    world_commit(pair->at_once);
    const struct cr_ledger_head *at_once = world_head(pair->at_once);
    if (at_once->checkpoint_index == index) pair->roots[index] = at_once->state_root;

    begin(pair);
    if (cr_ledger_has_open_checkpoint(ledger) && cr_ledger_is_checkpoint(ledger, &next)) take(pair);
    world_commit(pair->beside);
    end(pair);
}

static void commit(struct pair *pair, bool closing)
{
    struct cr_ledger *ledger = pair->beside->ledger;
    execute(pair, closing);
    if (cr_ledger_has_open_checkpoint(ledger) && !cr_checkpoint_is_under_way(pair->checkpoint))
        assert_int_equal(cr_checkpoint_begin(pair->checkpoint, ledger, &pair->failure), CR_OK);
}

/* Everything is taken in: there is no difference left. */
static void expect_same(struct pair *pair)
{
    if (cr_checkpoint_is_under_way(pair->checkpoint)) {
        begin(pair);
        take(pair);
        end(pair);
    }
    expect_same_head(world_head(pair->beside), world_head(pair->at_once));
}

/* Goal: when a root is found makes no difference to it. Method: random commits, some of which close
 * an epoch; the root comes in after any number of them, or at the last moment. */
static void roots_are_the_same(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < 3; seed++) {
        test_root_make();
        struct pair *pair = pair_open(seed);
        for (uint64_t i = 0; i < COMMITS; i++) {
            const bool closing = cr_prng_below(&pair->prng, 12) == 0;
            if (cr_prng_below(&pair->prng, 3) == 0) take_if_done(pair);
            commit(pair, closing);
            if (closing) expect_same(pair);
        }
        expect_same(pair);
        assert_true(pair->taken >= COMMITS / WORLD_CHECKPOINT / 2);
        pair_close(pair);
        remove_tree(test_root);
    }
}

/* Goal: a root is that of the state and of the head at its commit, not of later ones. Method: hash
 * only after three further commits have changed both, from the snapshot. */
static void the_snapshot_counts(void **unused)
{
    (void)unused;
    test_root_make();
    struct pair *pair = pair_open(7);
    struct cr_ledger *ledger = pair->beside->ledger;
    const struct cr_ledger_head *head = world_head(pair->beside);
    struct cr_state_reader *reader;
    while (!cr_ledger_has_open_checkpoint(ledger))
        execute(pair, false);
    assert_int_equal(cr_state_reader_open(pair->db, &reader), CR_OK);
    assert_int_equal(cr_state_reader_begin(reader), CR_OK);
    while (head->index < 2 * WORLD_CHECKPOINT - 1)
        execute(pair, false);
    begin(pair);
    cr_ledger_hash_checkpoint(ledger, cr_state_reader_state(reader));
    cr_ledger_take_checkpoint(ledger);
    cr_ledger_check(ledger);
    end(pair);
    assert_int_equal(head->checkpoint_index, WORLD_CHECKPOINT);
    expect_same_head(head, world_head(pair->at_once));
    cr_state_reader_close(reader);
    commit(pair, false);
    expect_same(pair);
    pair_close(pair);
    remove_tree(test_root);
}

static void restart(struct pair *pair)
{
    const struct cr_ledger_head last = *world_head(pair->beside);
    struct cr_ledger_head head;
    cr_checkpoint_free(pair->checkpoint);
    cr_state_db_close(pair->db);
    open_db(pair, &head);
    expect_same_head(&head, &last);
    void *old = pair->ledger_memory;
    pair->ledger_memory = world_restart(pair->beside, &head);
    free(old);
}

/* Goal: whoever ends while a checkpoint is under way lacks that one and no other. Method: start
 * again at random moments, most of them just after one was begun. */
static void a_lost_one_is_no_loss(void **unused)
{
    (void)unused;
    test_root_make();
    struct pair *pair = pair_open(9);
    uint32_t lost = 0;
    for (uint64_t i = 0; i < COMMITS; i++) {
        commit(pair, cr_prng_below(&pair->prng, 12) == 0);
        const bool under_way = cr_checkpoint_is_under_way(pair->checkpoint);
        if (cr_prng_below(&pair->prng, under_way ? 3 : 9) > 0) continue;
        const uint64_t before = world_head(pair->beside)->checkpoint_index;
        restart(pair);
        lost += under_way;
        assert_false(cr_ledger_has_open_checkpoint(pair->beside->ledger));
        assert_int_equal(world_head(pair->beside)->checkpoint_index, before);
    }
    assert_true(lost > 0 && pair->taken > 0);
    do
        commit(pair, false);
    while (!cr_checkpoint_is_under_way(pair->checkpoint));
    expect_same(pair);
    pair_close(pair);
    remove_tree(test_root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_are_the_same),
        cmocka_unit_test(the_snapshot_counts),
        cmocka_unit_test(a_lost_one_is_no_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
