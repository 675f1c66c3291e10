/* SPDX-License-Identifier: Apache-2.0 */
/* The two digests: their formulas, what they depend on, and what they do not depend on. */
#include "ledger/testing.h"

#include "ledger/entry.h"
#include "ledger/root.h"

/* ---- a fixed scenario: all operations, failures, duplicates, expiry, a registration ---- */

enum { SCENARIO_COMMITS = 14 };

static void add_scenario_txs(struct world *world, uint64_t index)
{
    tx_begin(world, (uint32_t)(index % WORLD_ACCOUNTS), 0);
    tx_transfer(world, (uint32_t)((index + 1) % WORLD_ACCOUNTS), 10 * index);
    tx_put(world, index % 2 ? "odd" : "even", "value");
    tx_end(world);

    struct cr_tx fields = tx_fields(world, 1, 2);
    fields.flags = CR_TX_INDEPENDENT;
    for (uint32_t copy = 0; copy < 2; copy++) { /* the second is a duplicate */
        tx_begin_with(world, test_key(1).alg, &fields);
        tx_put(world, "own", index % 3 ? "short" : "a longer value");
        tx_delete(world, index % 4 ? "odd" : "own");
        tx_transfer(world, 2, index);
        tx_end(world);
    }
    if (index != 5) return;
    tx_begin(world, 6, 0);
    tx_register(world, 6);
    tx_put(world, "mine", "6");
    tx_end(world);
    tx_begin(world, 0, 0);
    tx_put(world, "forged", "");
    world->forged = true;
    tx_end(world);
}

static void run_scenario_commit(struct world *world)
{
    const uint64_t index = world_head(world)->index + 1;
    if (index <= SCENARIO_COMMITS - 4) add_scenario_txs(world, index); /* then entries expire */
    world_commit(world);
}

/* ---- what the keeper and the host were told, written down as effects.h says ---- */

static struct recorder {
    uint8_t items[1024 * 1024];
    size_t count;
    uint32_t scans;
    struct cr_state keeper;
} recorder;

static void record(const void *bytes, size_t count)
{
    assert_true(count <= sizeof recorder.items - recorder.count);
    if (count > 0) memcpy(recorder.items + recorder.count, bytes, count);
    recorder.count += count;
}

static void record_le(uint64_t value, size_t count)
{
    uint8_t bytes[8];
    cr_store_le(bytes, value, count);
    record(bytes, count);
}

static void recorded_put(void *context, const struct cr_hash *key, const uint8_t *bytes,
                         uint32_t count)
{
    record_le(2, 1);
    record(key, sizeof *key);
    record_le(count, 4);
    record(bytes, count);
    recorder.keeper.put(context, key, bytes, count);
}

static void recorded_erase(void *context, const struct cr_hash *key)
{
    record_le(3, 1);
    record(key, sizeof *key);
    recorder.keeper.erase(context, key);
}

static void recorded_scan(void *context, uint32_t bucket, cr_state_each *each, void *each_context)
{
    recorder.scans++;
    recorder.keeper.scan(context, bucket, each, each_context);
}

static void recorded_result(void *context, const struct cr_ledger_tx_result *result)
{
    world_on_result(context, result);
    if (result->result == CR_RESULT_DUPLICATE) return;
    record_le(1, 1);
    record(&result->tx->id, sizeof result->tx->id);
    record_le((uint64_t)result->result, 1);
    record_le(result->ops ? result->ops_count : 0, 2);
    if (result->ops) record(result->ops, result->ops_count);
}

static struct world *open_recorded(void)
{
    struct world *world = world_new();
    recorder.count = 0;
    recorder.scans = 0;
    recorder.keeper = world->host.state;
    world->host.state.put = recorded_put;
    world->host.state.erase = recorded_erase;
    world->host.state.scan = recorded_scan;
    world->host.on_result = recorded_result;
    cr_ledger_start_genesis(world->ledger);
    return world;
}

static struct cr_hash recorded_digest(const struct cr_ledger_head *previous,
                                      const struct cr_ledger_head *head)
{
    struct cr_hasher hasher;
    uint8_t le[8];
    cr_hasher_init(&hasher);
    cr_hasher_add(&hasher, "CEF1", 4);
    cr_hasher_add(&hasher, &previous->effects_digest, 32);
    cr_store_le(le, head->index, 8);
    cr_hasher_add(&hasher, le, 8);
    cr_hasher_add(&hasher, &head->commit_digest, 32);
    cr_store_le(le, head->timestamp_ms, 8);
    cr_hasher_add(&hasher, le, 8);
    cr_hasher_add(&hasher, recorder.items, recorder.count);
    return cr_hasher_end(&hasher);
}

/* Goal: the effects digest is the one that effects.h describes. Method: compute it from what keeper
 * and host were told, for genesis and each commit of the scenario, and for a commit that is larger
 * than the buffer. */
static void effects_digest_is_as_documented(void **unused)
{
    (void)unused;
    struct world *world = open_recorded();
    const struct cr_ledger_head none = {0};
    struct cr_hash expected = recorded_digest(&none, world_head(world));
    assert_true(cr_hash_equal(&world_head(world)->effects_digest, &expected));
    for (uint32_t i = 0; i <= SCENARIO_COMMITS; i++) {
        const struct cr_ledger_head previous = *world_head(world);
        recorder.count = 0;
        if (i == SCENARIO_COMMITS) {
            static uint8_t value[CR_STATE_VALUE_BYTES_MAX];
            tx_begin(world, 0, 0);
            for (char key[] = "A"; key[0] <= 'T'; key[0]++)
                tx_put_bytes(world, key, value, sizeof value);
            tx_end(world);
        }
        run_scenario_commit(world);
        expected = recorded_digest(&previous, world_head(world));
        assert_true(cr_hash_equal(&world_head(world)->effects_digest, &expected));
    }
    world_close(world);
}

/* Goal: what changes nothing writes nothing. Method: transfers of 0 and to oneself, and a record
 * that comes and goes; only the result and the remembered transaction are recorded. */
static void no_change_is_no_write(void **unused)
{
    (void)unused;
    struct world *world = open_recorded();
    tx_begin(world, 0, 0);
    tx_transfer(world, 1, 0);
    tx_transfer(world, 0, 5);
    tx_put(world, "k", "v");
    tx_delete(world, "k");
    tx_end(world);
    recorder.count = 0;
    world_commit(world);
    assert_int_equal(world->results[0].result, CR_RESULT_OK);
    const size_t result_bytes = 1 + 32 + 1 + 2 + 4, put_bytes = 1 + 32 + 4 + CR_ENTRY_RECENT_BYTES;
    assert_int_equal(recorder.count, result_bytes + put_bytes);
    world_close(world);
}

/* Goal: the formula does not change unnoticed. Method: the scenario's digests as they were when
 * this was written. A change of them is a change of the protocol: it breaks every running chain. */
static void golden_digests(void **unused)
{
    (void)unused;
    struct world *world = world_open();
    expect_hash(&world_head(world)->effects_digest,
                "6b5c1286ac1b8a0436f34f2742ed83922c646c7ca560fb056d9f742f4de9420f");
    expect_hash(&world_head(world)->state_root,
                "2fc38d26c29440ff7e747d169567acc91f52c6a9c9bdbca2839af2abc1e9517b");
    while (world_head(world)->index < SCENARIO_COMMITS)
        run_scenario_commit(world);
    expect_hash(&world_head(world)->effects_digest,
                "777639c7efeeb4f014bd4a6f0a45812bb160041bdfcaea634bf69371400bc88b");
    assert_int_equal(world_head(world)->checkpoint_index, 12);
    expect_hash(&world_head(world)->state_root,
                "ba7dfb035277115826e19b4a8c878185f72887c6bc97e52309f548fa7c24e596");
    world_close(world);
}

/* Goal: any difference in what is ordered or in what comes of it changes the effects digest, and
 * nothing else does. Method: one commit, varied in one thing at a time; all digests differ, except
 * those of the first two, which are the same commit. */
static void every_difference_shows(void **unused)
{
    (void)unused;
    enum { VARIANTS = 11 };
    struct cr_hash digests[VARIANTS];
    for (uint32_t v = 0; v < VARIANTS; v++) {
        struct world *world = world_new();
        if (v == 2) world->genesis.accounts[3].balance++;
        if (v == 3) world->genesis.timestamp_ms++;
        cr_ledger_start_genesis(world->ledger);
        const uint32_t first = v == 4 ? 1 : 0; /* the order of two transactions */
        for (uint32_t i = 0; i < 2; i++) {
            world->client_id = i ^ first;
            tx_begin(world, i ^ first, v == 5 ? CR_TX_INDEPENDENT : 0);
            tx_put(world, (i ^ first) ? "one" : "zero", v == 6 ? "w" : "v");
            tx_transfer(world, 2, v == 7 && i == 1 ? WORLD_BALANCE + 1 : 1);
            world->forged = v == 8 && i == 1;
            tx_end(world);
        }
        const struct cr_ledger_payload payload = {.bytes = world->payload,
                                                  .bytes_count = world->payload_bytes,
                                                  .txs_count = world->txs_count};
        struct cr_ledger_commit commit = {
            .index = 1, .timestamp_ms = 5000, .payloads_count = 1, .payloads = &payload};
        if (v == 9) commit.timestamp_ms++;
        if (v == 10) commit.digest.bytes[31]++;
        cr_ledger_execute(world->ledger, &commit);
        digests[v] = world_head(world)->effects_digest;
        world_close(world);
    }
    for (uint32_t a = 0; a < VARIANTS; a++) {
        for (uint32_t b = 0; b < a; b++)
            assert_int_equal(cr_hash_equal(&digests[a], &digests[b]), a == 1 && b == 0);
    }
}

/* Goal: how a commit is cut into payloads, and who found out about the signatures, changes nothing.
 * Method: the same transactions in one payload with verdicts and in four without. */
static void payload_borders_do_not_matter(void **unused)
{
    (void)unused;
    struct cr_ledger_head heads[2];
    for (uint32_t cut = 0; cut < 2; cut++) {
        struct world *world = world_open();
        uint32_t begins[5] = {0};
        for (uint32_t i = 0; i < 4; i++) {
            tx_begin(world, i, 0);
            tx_transfer(world, 0, i);
            world->forged = i == 2;
            tx_end(world);
            world->verdicts[i] = i == 2 ? CR_SIG_INVALID : CR_SIG_VALID;
            begins[i + 1] = world->payload_bytes;
        }
        struct cr_ledger_payload payloads[4];
        for (uint32_t i = 0; i < 4; i++) {
            payloads[i] = (struct cr_ledger_payload){.bytes = world->payload + begins[i],
                                                     .bytes_count = begins[i + 1] - begins[i],
                                                     .txs_count = 1};
        }
        if (cut)
            world_commit_payloads(world, 4, payloads);
        else
            world_commit(world);
        heads[cut] = *world_head(world);
        world_close(world);
    }
    assert_true(cr_hash_equal(&heads[0].effects_digest, &heads[1].effects_digest));
    assert_int_equal(heads[0].txs_count, heads[1].txs_count);
}

/* ---- state root ---- */

struct collected {
    uint8_t bytes[64 * 1024];
    size_t count;
};

static void collect(void *context, const struct cr_hash *key, const struct cr_state_value *value)
{
    struct collected *all = context;
    assert_true(all->count + 36 + value->count <= sizeof all->bytes);
    memcpy(all->bytes + all->count, key->bytes, 32);
    cr_store_le(all->bytes + all->count + 32, value->count, 4);
    memcpy(all->bytes + all->count + 36, value->bytes, value->count);
    all->count += 36 + value->count;
}

/* The digest over buckets [first, first + count), as root.h describes it. */
static struct cr_hash naive_root(const struct cr_state *state, uint32_t first, uint32_t count)
{
    static struct collected all;
    if (count == 1) {
        memcpy(all.bytes, "CBK1", 4);
        all.count = 4;
        state->scan(state->context, first, collect, &all);
        return cr_hash_of(all.bytes, all.count);
    }
    const struct cr_hash left = naive_root(state, first, count / 2);
    const struct cr_hash right = naive_root(state, first + count / 2, count / 2);
    uint8_t both[4 + 64] = "CND1";
    memcpy(both + 4, left.bytes, 32);
    memcpy(both + 36, right.bytes, 32);
    return cr_hash_of(both, sizeof both);
}

static struct cr_hash naive_seal(const struct cr_ledger_head *head, const struct cr_hash *top)
{
    /* The genesis belongs to no epoch, but when its root is there the first one begins. */
    const struct cr_epoch epoch = head->index == 0 ? (struct cr_epoch){0} : head->epoch;
    uint8_t bytes[4 + 8 + 32 + 32 + 8 + 8 + 8 + 8 + 3 * 32 + 8 + 32] = "CSR1";
    cr_store_le(bytes + 4, head->index, 8);
    memcpy(bytes + 12, head->commit_digest.bytes, 32);
    memcpy(bytes + 44, head->effects_digest.bytes, 32);
    cr_store_le(bytes + 76, head->timestamp_ms, 8);
    cr_store_le(bytes + 84, head->txs_count, 8);
    cr_store_le(bytes + 92, epoch.number, 8);
    cr_store_le(bytes + 100, epoch.index, 8);
    memcpy(bytes + 108, epoch.digest.bytes, 32);
    memcpy(bytes + 140, epoch.state_root.bytes, 32);
    memcpy(bytes + 172, epoch.committee.bytes, 32);
    cr_store_le(bytes + 204, epoch.timestamp_ms, 8);
    memcpy(bytes + 212, top->bytes, 32);
    return cr_hash_of(bytes, sizeof bytes);
}

/* Goal: the state root is the one that root.h describes, and is found by hashing the changed
 * buckets only. Method: recompute it recursively at each checkpoint; count scans. */
static void state_root_is_as_documented(void **unused)
{
    (void)unused;
    struct world *world = open_recorded();
    assert_int_equal(recorder.scans, CR_BUCKETS);
    for (uint32_t i = 0; i <= SCENARIO_COMMITS; i++) {
        const struct cr_ledger_head *head = world_head(world);
        if (head->index % WORLD_CHECKPOINT == 0) {
            const struct cr_hash top = naive_root(&recorder.keeper, 0, CR_BUCKETS);
            const struct cr_hash expected = naive_seal(head, &top);
            assert_true(cr_hash_equal(&head->state_root, &expected));
        }
        run_scenario_commit(world);
    }
    world_close(world);

    /* One changed record and one remembered transaction: two buckets at most. */
    world = open_recorded();
    tx_begin(world, 0, 0);
    tx_put(world, "k", "v");
    tx_end(world);
    world_skip_to(world, WORLD_CHECKPOINT - 1);
    recorder.scans = 0;
    const uint64_t index = WORLD_CHECKPOINT;
    const struct cr_ledger_commit commit = {.index = index};
    cr_ledger_execute(world->ledger, &commit); /* world_commit would scan to check */
    assert_int_equal(world_head(world)->checkpoint_index, index);
    assert_true(recorder.scans >= 1 && recorder.scans <= 2);
    world_close(world);
}

/* Goal: the tree depends on the entries, not on their history. Method: the same random entries put
 * in two orders, one with detours (other values, other entries that go again, updates between). */
static void tree_does_not_know_history(void **unused)
{
    (void)unused;
    enum { ENTRIES = 500 };
    struct world *worlds[2] = {world_new(), world_new()};
    struct cr_root *roots[2] = {calloc(1, sizeof *roots[0]), calloc(1, sizeof *roots[1])};
    assert_non_null(roots[0]);
    assert_non_null(roots[1]);
    for (uint32_t w = 0; w < 2; w++) {
        const struct cr_state *state = &worlds[w]->host.state;
        for (uint32_t i = 0; i < ENTRIES; i++) {
            const uint32_t name = w ? ENTRIES - 1 - i : i;
            const struct cr_hash key = cr_hash_of(&name, sizeof name);
            const struct cr_hash value = cr_hash_of(&key, sizeof key);
            const uint32_t other_name = name + ENTRIES;
            const struct cr_hash other = cr_hash_of(&other_name, sizeof other_name);
            if (w) state->put(state->context, &key, other.bytes, 7);
            if (w) state->put(state->context, &other, value.bytes, 32);
            if (w && i % 50 == 0) cr_root_update(roots[w], state);
            state->put(state->context, &key, value.bytes, 1 + name % 32);
            if (w) state->erase(state->context, &other);
        }
    }
    const struct cr_hash a = cr_root_update(roots[0], &worlds[0]->host.state);
    struct cr_hash b = cr_root_update(roots[1], &worlds[1]->host.state);
    assert_true(cr_hash_equal(&a, &b));
    for (uint32_t bucket = 0; bucket < CR_BUCKETS; bucket++) {
        const struct cr_hash now = cr_root_bucket(&worlds[1]->host.state, bucket);
        assert_true(cr_hash_equal(&roots[0]->nodes[CR_BUCKETS + bucket], &now));
    }
    const struct cr_hash one = {{1}};
    worlds[1]->host.state.put(worlds[1]->memory, &one, one.bytes, 1);
    b = cr_root_update(roots[1], &worlds[1]->host.state);
    assert_false(cr_hash_equal(&a, &b));
    for (uint32_t w = 0; w < 2; w++) {
        free(roots[w]);
        world_close(worlds[w]);
    }
}

/* Goal: the same entries by different transactions give the same tree. Method: two ledgers whose
 * records end alike in one commit; compare once what they remember of the transactions is gone. */
static void ledgers_meet_again(void **unused)
{
    (void)unused;
    struct cr_hash tops[2];
    struct cr_ledger_head heads[2];
    for (uint32_t w = 0; w < 2; w++) {
        struct world *world = world_open();
        if (w) {
            tx_begin(world, 0, 0);
            tx_put(world, "k", "other");
            tx_put(world, "l", "other");
            tx_transfer(world, 1, 7);
            tx_end(world);
            tx_begin(world, 1, 0);
            tx_transfer(world, 0, 7);
            tx_end(world);
            tx_begin(world, 0, 0);
            tx_delete(world, "l");
            tx_end(world);
        }
        tx_begin(world, 0, 0);
        tx_put(world, "k", "v");
        tx_end(world);
        world_commit(world);
        world_skip_to(world, WORLD_TTL + 2);
        tops[w] = naive_root(&world->host.state, 0, CR_BUCKETS);
        heads[w] = *world_head(world);
        world_close(world);
    }
    assert_true(cr_hash_equal(&tops[0], &tops[1]));
    assert_false(cr_hash_equal(&heads[0].effects_digest, &heads[1].effects_digest));
    assert_false(cr_hash_equal(&heads[0].state_root, &heads[1].state_root));
}

/* Goal: a ledger that goes on from a head is the one that never stopped. Method: the scenario in
 * one run, and with a new ledger over the old keeper before every commit. */
static void resuming_changes_nothing(void **unused)
{
    (void)unused;
    struct world *through = world_open(), *halting = world_open();
    void *raw = NULL;
    while (world_head(through)->index < SCENARIO_COMMITS) {
        const struct cr_ledger_head head = *world_head(halting);
        void *old = raw;
        raw = world_restart(halting, &head);
        free(old);
        run_scenario_commit(through);
        run_scenario_commit(halting);
        expect_same_head(world_head(halting), world_head(through));
    }
    free(raw);
    world_close(through);
    world_close(halting);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(effects_digest_is_as_documented),
        cmocka_unit_test(no_change_is_no_write),
        cmocka_unit_test(golden_digests),
        cmocka_unit_test(every_difference_shows),
        cmocka_unit_test(payload_borders_do_not_matter),
        cmocka_unit_test(state_root_is_as_documented),
        cmocka_unit_test(tree_does_not_know_history),
        cmocka_unit_test(ledgers_meet_again),
        cmocka_unit_test(resuming_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
