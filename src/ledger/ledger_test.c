/* SPDX-License-Identifier: Apache-2.0 */
/* Which transactions may run, how often, until when, and what is remembered of them. */
#include "ledger/testing.h"

#include "ledger/entry.h"

/* Goal: genesis gives the accounts, a root and the genesis id as commit digest. Method: look. */
static void genesis_writes_accounts(void **unused)
{
    (void)unused;
    struct world *world = world_open();
    const struct cr_ledger_head *head = world_head(world);
    assert_int_equal(head->index, 0);
    assert_int_equal(head->checkpoint_index, 0);
    assert_int_equal(head->timestamp_ms, 1000);
    assert_int_equal(head->txs_count, 0);
    assert_true(cr_hash_equal(&head->commit_digest, &world->genesis.id));
    assert_false(cr_hash_is_zero(&head->effects_digest));
    assert_false(cr_hash_is_zero(&head->state_root));

    for (uint32_t i = 0; i < WORLD_ACCOUNTS; i++) {
        const struct cr_hash account = test_account(i);
        const struct cr_public_key key = test_key(i);
        struct cr_account found;
        assert_true(cr_ledger_find_account(&world->host.state, &account, &found));
        assert_int_equal(found.balance, WORLD_BALANCE);
        assert_int_equal(found.registered_at, 0);
        assert_int_equal(found.key.alg, key.alg);
        assert_memory_equal(found.key.bytes, key.bytes, cr_alg_key_bytes(key.alg));
    }
    assert_false(world_has_account(world, WORLD_ACCOUNTS));
    cr_ledger_check(world->ledger);
    world_close(world);
}

/* Goal: the head follows the commits; a root appears at every checkpoint and only there. Method:
 * empty commits across two checkpoints. */
static void head_follows_commits(void **unused)
{
    (void)unused;
    struct world *world = world_open();
    struct cr_ledger_head before = *world_head(world);
    for (uint64_t index = 1; index <= 2 * WORLD_CHECKPOINT + 1; index++) {
        world_commit(world);
        const struct cr_ledger_head *head = world_head(world);
        const struct cr_hash digest = cr_hash_of(&index, sizeof index);
        assert_int_equal(head->index, index);
        assert_true(cr_hash_equal(&head->commit_digest, &digest));
        assert_int_equal(head->timestamp_ms, 1000 + 10 * index);
        assert_int_equal(head->checkpoint_index, index - index % WORLD_CHECKPOINT);
        assert_false(cr_hash_equal(&head->effects_digest, &before.effects_digest));
        assert_int_equal(cr_hash_equal(&head->state_root, &before.state_root),
                         index % WORLD_CHECKPOINT != 0);
        before = *head;
    }
    world_close(world);
}

/* Goal: a transaction for another chain, unsigned, or of an unknown account does not run, leaves
 * nothing behind, is counted, and does not keep the same transaction from running properly later.
 * Method: each wrong one, then the right one under the same id. */
static void unauthentic_ones_leave_nothing(void **unused)
{
    (void)unused;
    struct world *world = world_open();
    const struct cr_tx fields = tx_fields(world, 0, WORLD_TTL);
    const struct cr_tx stranger = tx_fields(world, 7, WORLD_TTL);
    const uint32_t entries = cr_state_memory_entries(world->memory);
    const enum cr_alg alg = test_key(0).alg;

    struct cr_tx elsewhere = fields;
    elsewhere.chain[0] ^= 1;
    tx_begin_with(world, alg, &elsewhere);
    tx_put(world, "k", "v");
    tx_end(world);

    tx_begin_with(world, alg, &fields);
    tx_put(world, "k", "v");
    world->forged = true;
    const struct cr_hash id = tx_end(world);

    tx_begin_with(world, CR_ALG_MLDSA87, &fields); /* the account's key is another one */
    tx_put(world, "k", "v");
    world->verdicts[world->txs_count] = CR_SIG_VALID;
    tx_end(world);

    tx_begin_with(world, alg, &fields);
    tx_put(world, "k", "v");
    world->verdicts[world->txs_count] = CR_SIG_INVALID;
    tx_end(world);

    tx_begin_with(world, test_key(7).alg, &stranger);
    tx_put(world, "k", "v");
    tx_end(world);
    world_commit(world);

    static const enum cr_result expected[] = {CR_RESULT_WRONG_CHAIN, CR_RESULT_BAD_SIGNATURE,
                                              CR_RESULT_BAD_SIGNATURE, CR_RESULT_BAD_SIGNATURE,
                                              CR_RESULT_UNKNOWN_ACCOUNT};
    assert_int_equal(world->results_count, CR_COUNT_OF(expected));
    for (uint32_t i = 0; i < CR_COUNT_OF(expected); i++) {
        assert_int_equal(world->results[i].result, expected[i]);
        assert_int_equal(world->results[i].position, i);
        assert_false(world->results[i].authentic);
    }
    assert_int_equal(world_head(world)->txs_count, CR_COUNT_OF(expected));
    assert_int_equal(cr_state_memory_entries(world->memory), entries);

    tx_begin_with(world, alg, &fields);
    tx_put(world, "k", "v");
    assert_int_equal(tx_run(world), CR_RESULT_OK);
    assert_true(cr_hash_equal(&world->results[0].id, &id));
    assert_true(world->results[0].authentic);
    assert_int_equal(cr_state_memory_entries(world->memory), entries + 2); /* record, recent */
    world_close(world);
}

/* Goal: `verify` is asked exactly when no verdict is known. Method: count its calls. */
static void verdicts_spare_verification(void **unused)
{
    (void)unused;
    static const struct {
        enum cr_sig_verdict verdict;
        bool forged;
        enum cr_result result;
        uint32_t calls;
    } cases[] = {
        {CR_SIG_UNKNOWN, false, CR_RESULT_OK, 1},
        {CR_SIG_UNKNOWN, true, CR_RESULT_BAD_SIGNATURE, 1},
        {CR_SIG_VALID, true, CR_RESULT_OK, 0},
        {CR_SIG_INVALID, false, CR_RESULT_BAD_SIGNATURE, 0},
    };
    struct world *world = world_open();
    for (uint32_t i = 0; i < CR_COUNT_OF(cases); i++) {
        world->verify_calls = 0;
        tx_begin(world, i % WORLD_ACCOUNTS, 0);
        tx_transfer(world, 0, 1);
        world->forged = cases[i].forged;
        world->verdicts[0] = (uint8_t)cases[i].verdict;
        assert_int_equal(tx_run(world), cases[i].result);
        assert_int_equal(world->verify_calls, cases[i].calls);
    }
    world_close(world);
}

/* Goal: valid_until_commit is inclusive, and TTL is bounded inclusively. Method: a transaction for
 * every valid_until around both bounds and at the ends of 64 bits, all in one commit. */
static void time_bounds_are_exact(void **unused)
{
    (void)unused;
    struct world *world = world_open();
    world_skip_to(world, 20);
    const uint64_t index = 21;
    const struct {
        uint64_t valid_until;
        enum cr_result result;
    } cases[] = {
        {0, CR_RESULT_EXPIRED},
        {index - 1, CR_RESULT_EXPIRED},
        {index, CR_RESULT_OK},
        {index + WORLD_TTL, CR_RESULT_OK},
        {index + WORLD_TTL + 1, CR_RESULT_TTL_TOO_LONG},
        {UINT64_MAX, CR_RESULT_TTL_TOO_LONG},
    };
    for (uint32_t i = 0; i < CR_COUNT_OF(cases); i++) {
        struct cr_tx fields = tx_fields(world, 0, 0);
        fields.valid_until_commit = cases[i].valid_until;
        tx_begin_with(world, test_key(0).alg, &fields);
        tx_put(world, "k", "v");
        tx_end(world);
    }
    world_commit(world);
    for (uint32_t i = 0; i < CR_COUNT_OF(cases); i++)
        assert_int_equal(world->results[i].result, cases[i].result);
    assert_int_equal(world_head(world)->txs_count, CR_COUNT_OF(cases));
    world_close(world);
}

static bool is_remembered(const struct world *world, const struct cr_hash *id)
{
    const struct cr_hash key = cr_entry_key(CR_ENTRY_RECENT, id->bytes, sizeof id->bytes);
    struct cr_state_value value;
    return world->host.state.get(world->host.state.context, &key, &value);
}

/* Goal: for every lifetime, a transaction is a duplicate as long as it is valid and expired from
 * then on; its memory goes exactly when it expires. Method: send the same one in every commit. */
static void a_transaction_runs_once(void **unused)
{
    (void)unused;
    for (uint64_t ttl = 0; ttl <= WORLD_TTL; ttl++) {
        struct world *world = world_open();
        const struct cr_tx fields = tx_fields(world, 0, ttl);
        struct cr_hash id = {{0}};
        for (uint64_t i = 0; i <= ttl + 2; i++) {
            tx_begin_with(world, test_key(0).alg, &fields);
            tx_transfer(world, 1, 5);
            id = tx_end(world);
            world_commit(world);
            const enum cr_result expected = i == 0     ? CR_RESULT_OK
                                            : i <= ttl ? CR_RESULT_DUPLICATE
                                                       : CR_RESULT_EXPIRED;
            assert_int_equal(world->results[0].result, expected);
            assert_int_equal(world->results[0].authentic, i == 0);
            assert_int_equal(is_remembered(world, &id), i <= ttl);
        }
        assert_int_equal(world_balance(world, 0), WORLD_BALANCE - 5);
        assert_int_equal(world_head(world)->txs_count, 3); /* one ran, two came too late */
        world_close(world);
    }
}

/* Goal: duplicates inside a commit and over its payloads have no effect and are not counted, but
 * they are told of and have a position. Method: five copies in three payloads, one of them
 * empty. */
static void duplicates_inside_a_commit(void **unused)
{
    (void)unused;
    struct world *world = world_open();
    const struct cr_tx fields = tx_fields(world, 0, 3);
    uint32_t second = 0;
    for (uint32_t i = 0; i < 5; i++) {
        if (i == 2) second = world->payload_bytes;
        tx_begin_with(world, test_key(0).alg, &fields);
        tx_transfer(world, 1, 5);
        tx_end(world);
    }
    const struct cr_ledger_payload payloads[] = {
        {.bytes = world->payload, .bytes_count = second, .txs_count = 2},
        {.bytes = NULL},
        {.bytes = world->payload + second,
         .bytes_count = world->payload_bytes - second,
         .txs_count = 3},
    };
    world_commit_payloads(world, 3, payloads);
    assert_int_equal(world->results_count, 5);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(world->results[i].position, i);
        assert_int_equal(world->results[i].commit_index, 1);
        assert_int_equal(world->results[i].result, i ? CR_RESULT_DUPLICATE : CR_RESULT_OK);
    }
    assert_int_equal(world_balance(world, 1), WORLD_BALANCE + 5);
    assert_int_equal(world_head(world)->txs_count, 1);
    world_close(world);
}

/* Goal: a failed transaction with a good signature is remembered, too. Method: an overdraft sent
 * again after the balance would suffice. */
static void a_failed_one_does_not_run_later(void **unused)
{
    (void)unused;
    struct world *world = world_open();
    const struct cr_tx fields = tx_fields(world, 0, 5);
    tx_begin_with(world, test_key(0).alg, &fields);
    tx_transfer(world, 1, WORLD_BALANCE + 1);
    assert_int_equal(tx_run(world), CR_RESULT_OVERDRAFT);
    assert_true(world->results[0].authentic);

    tx_begin(world, 1, 0);
    tx_transfer(world, 0, 1);
    assert_int_equal(tx_run(world), CR_RESULT_OK);

    tx_begin_with(world, test_key(0).alg, &fields);
    tx_transfer(world, 1, WORLD_BALANCE + 1);
    assert_int_equal(tx_run(world), CR_RESULT_DUPLICATE);
    assert_int_equal(world_balance(world, 0), WORLD_BALANCE + 1);
    world_close(world);
}

/* Goal: many entries that expire at once all go. Method: more than the ledger takes at a time. */
static void many_expire_at_once(void **unused)
{
    (void)unused;
    struct world *world = world_open();
    const uint32_t entries = cr_state_memory_entries(world->memory);
    for (uint32_t i = 0; i < 700; i++) {
        const struct cr_tx fields = tx_fields(world, i % WORLD_ACCOUNTS, i < 600 ? 1 : 2);
        tx_begin_with(world, test_key(i % WORLD_ACCOUNTS).alg, &fields);
        tx_transfer(world, 0, 0);
        tx_end(world);
    }
    world_commit(world);
    assert_int_equal(cr_state_memory_entries(world->memory), entries + 700);
    world_commit(world);
    assert_int_equal(cr_state_memory_entries(world->memory), entries + 700);
    world_commit(world);
    assert_int_equal(cr_state_memory_entries(world->memory), entries + 100);
    world_commit(world);
    assert_int_equal(cr_state_memory_entries(world->memory), entries);
    world_close(world);
}

/* Goal: an account registers itself, with its first operation only. Method: the right way; then
 * what is not: another first operation, somebody else's key, a bad signature. */
static void accounts_register_themselves(void **unused)
{
    (void)unused;
    struct world *world = world_open();
    tx_begin(world, 5, 0);
    tx_put(world, "k", "v");
    tx_register(world, 5);
    assert_int_equal(tx_run(world), CR_RESULT_UNKNOWN_ACCOUNT);

    tx_begin(world, 5, 0);
    tx_register(world, 8);
    assert_int_equal(tx_run(world), CR_RESULT_UNKNOWN_ACCOUNT);

    tx_begin(world, 5, 0);
    tx_register(world, 5);
    world->forged = true;
    assert_int_equal(tx_run(world), CR_RESULT_BAD_SIGNATURE);
    assert_false(world_has_account(world, 5));

    tx_begin(world, 5, 0);
    tx_register(world, 5);
    tx_put(world, "k", "v");
    assert_int_equal(tx_run(world), CR_RESULT_OK);
    EXPECT_OPS(world, 0, CR_RESULT_OK, CR_RESULT_OK);
    assert_int_equal(world_balance(world, 5), 0);
    world_expect(world, "k", "v", 5, 4);

    const struct cr_hash account = test_account(5);
    struct cr_account found;
    assert_true(cr_ledger_find_account(&world->host.state, &account, &found));
    assert_int_equal(found.registered_at, 4);

    tx_begin(world, 0, 0);
    tx_transfer(world, 5, 10);
    assert_int_equal(tx_run(world), CR_RESULT_OK);
    tx_begin(world, 5, 0);
    tx_transfer(world, 0, 3);
    assert_int_equal(tx_run(world), CR_RESULT_OK);
    assert_int_equal(world_balance(world, 5), 7);
    assert_true(cr_ledger_find_account(&world->host.state, &account, &found));
    assert_int_equal(found.registered_at, 4);
    world_close(world);
}

/* Goal: bytes that are no payload or no transaction do nothing, the same everywhere, and never
 * assert. Method: an undecodable transaction between good ones, then truncations of a payload of
 * two: what is whole runs, the rest is absent. */
static void malformed_payloads_are_harmless(void **unused)
{
    (void)unused;
    struct world *world = world_open();
    for (uint32_t i = 0; i < 3; i++) {
        tx_begin(world, 0, 0);
        tx_transfer(world, 1, 1);
        if (i == 1)
            tx_raw(world, (const uint8_t *)"nonsense", 8);
        else
            tx_end(world);
    }
    world_commit(world);
    assert_int_equal(world->results_count, 2);
    assert_int_equal(world->results[0].position, 0);
    assert_int_equal(world->results[1].position, 2);
    assert_int_equal(world_head(world)->txs_count, 3);
    assert_int_equal(world_balance(world, 1), WORLD_BALANCE + 2);
    world_close(world);

    world = world_open();
    tx_begin(world, 0, 0);
    tx_transfer(world, 1, 1);
    tx_end(world);
    const uint32_t first = world->payload_bytes;
    tx_begin(world, 0, 0);
    tx_transfer(world, 1, 1);
    tx_end(world);
    const uint32_t count = world->payload_bytes;
    const uint32_t cuts[] = {0,         1,         4,         5,         first - 1, first,
                             first + 1, first + 4, first + 5, count - 1, count};
    for (uint32_t i = 0; i < CR_COUNT_OF(cuts); i++) {
        const uint32_t cut = cuts[i];
        cr_state_memory_clear(world->memory);
        cr_ledger_start_genesis(world->ledger);
        uint8_t *copy = malloc(cut + (cut == 0)); /* of that size, for the sanitizer */
        assert_non_null(copy);
        memcpy(copy, world->payload, cut);
        const struct cr_ledger_payload payload = {
            .bytes = copy, .bytes_count = cut, .txs_count = 2};
        world_commit_payloads(world, 1, &payload);
        assert_int_equal(world->results_count, (cut >= first) + (cut >= count));
        free(copy);
    }
    world_close(world);
}

/* Goal: no bytes make the ledger assert or create money. Method: a payload of all operations, some
 * bytes of it changed at random, under signatures that count as valid; world_commit checks. */
static void damaged_payloads_never_assert(void **unused)
{
    (void)unused;
    struct world *world = world_open();
    struct cr_prng prng = {5};
    uint32_t ran = 0, failed = 0;
    for (uint32_t i = 0; i < 400; i++) {
        for (uint32_t flags = 0; flags <= CR_TX_INDEPENDENT; flags++) {
            tx_begin(world, i % WORLD_ACCOUNTS, flags);
            tx_put(world, "key", "value");
            tx_transfer(world, (i + 1) % WORLD_ACCOUNTS, i);
            tx_delete(world, "key");
            if (i % 8 == 0) tx_register(world, i % WORLD_ACCOUNTS);
            tx_end(world);
        }
        memset(world->verdicts, CR_SIG_VALID, 2);
        for (uint64_t flips = cr_prng_below(&prng, 4); flips > 0; flips--) {
            const uint64_t at = cr_prng_below(&prng, flips % 2 ? 300 : world->payload_bytes);
            world->payload[at] = (uint8_t)cr_prng_next(&prng);
        }
        world_commit(world);
        for (uint32_t r = 0; r < world->results_count; r++) {
            if (world->results[r].authentic)
                ran++;
            else
                failed++;
        }
    }
    assert_true(ran > 200);
    assert_true(failed > 50);
    world_close(world);
}

static struct {
    struct cr_state sound;
    struct cr_prng prng;
} failing;

static bool failing_get(void *context, const struct cr_hash *key, struct cr_state_value *out)
{
    static const uint8_t junk[64] = {1, 1, 1};
    if (!failing.sound.get(context, key, out)) *out = (struct cr_state_value){junk, sizeof junk};
    out->count = (uint32_t)cr_prng_below(&failing.prng, 3) * out->count / 2;
    return cr_prng_below(&failing.prng, 4) > 0;
}

/* Goal: a keeper that has failed and answers anything does not make the ledger assert (state.h).
 * Method: `get` lies at random: nothing, half of it, or junk. What comes out does not matter. */
static void failed_keepers_are_survived(void **unused)
{
    (void)unused;
    struct world *world = world_open();
    failing.sound = world->host.state;
    failing.prng = (struct cr_prng){9};
    world->host.state.get = failing_get;
    for (uint64_t index = 1; index <= 200; index++) {
        for (uint32_t i = 0; i < 8; i++) {
            tx_begin(world, i % 5, i % 2 ? CR_TX_INDEPENDENT : 0);
            if (i % 5 == 4) tx_register(world, 4);
            tx_transfer(world, (i + 1) % WORLD_ACCOUNTS, 100);
            tx_put(world, "k", "v");
            tx_delete(world, i % 3 ? "k" : "l");
            tx_end(world);
        }
        const struct cr_ledger_payload payload = {.bytes = world->payload,
                                                  .bytes_count = world->payload_bytes,
                                                  .txs_count = world->txs_count};
        const struct cr_ledger_commit commit = {
            .index = index, .payloads_count = 1, .payloads = &payload};
        world->results_count = 0;
        world->ops_kept_count = 0;
        cr_ledger_execute(world->ledger, &commit);
        world_forget_commit(world);
    }
    assert_int_equal(world_head(world)->index, 200);
    world_close(world);
}

/* Goal: every code has a label and a text of its own; there are no others. Method: all bytes. */
static void results_have_names(void **unused)
{
    (void)unused;
    for (int code = 0; code < 256; code++) {
        const char *label = cr_result_label((enum cr_result)code);
        const char *text = cr_result_text((enum cr_result)code);
        assert_int_equal(label != NULL, code < CR_RESULTS_COUNT);
        assert_int_equal(text != NULL, code < CR_RESULTS_COUNT);
        for (int other = 0; label && other < code && other < CR_RESULTS_COUNT; other++)
            assert_string_not_equal(label, cr_result_label((enum cr_result)other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(genesis_writes_accounts),
        cmocka_unit_test(head_follows_commits),
        cmocka_unit_test(unauthentic_ones_leave_nothing),
        cmocka_unit_test(verdicts_spare_verification),
        cmocka_unit_test(time_bounds_are_exact),
        cmocka_unit_test(a_transaction_runs_once),
        cmocka_unit_test(duplicates_inside_a_commit),
        cmocka_unit_test(a_failed_one_does_not_run_later),
        cmocka_unit_test(many_expire_at_once),
        cmocka_unit_test(accounts_register_themselves),
        cmocka_unit_test(malformed_payloads_are_harmless),
        cmocka_unit_test(damaged_payloads_never_assert),
        cmocka_unit_test(failed_keepers_are_survived),
        cmocka_unit_test(results_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
