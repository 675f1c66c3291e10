/* SPDX-License-Identifier: Apache-2.0 */
/* The checker must notice: a check that never fails is none. */
#include "ledger/testing.h"

#include "ledger/check.h"
#include "ledger/entry.h"

_Noreturn void cr_assert_failed(const char *cond, const char *file, int line)
{
    mock_assert(0, cond, file, line); /* jumps back into expect_assert_failure */
    abort();
}

enum damage {
    NONE,
    BALANCE,
    ACCOUNT_GONE,
    ACCOUNT_OF_LATER,
    RECORD_OF_LATER,
    RECENT_OUTLIVED,
    RECENT_TOO_FAR,
    WRONG_KEY,
    NO_ENTRY,
    STALE_DIGEST,
    DAMAGES,
};

static void put(const struct world *world, enum cr_entry_kind kind, const void *name,
                size_t name_bytes, const uint8_t *bytes, uint32_t count)
{
    const struct cr_hash key = cr_entry_key(kind, name, name_bytes);
    world->host.state.put(world->host.state.context, &key, bytes, count);
}

static void put_account(const struct world *world, uint64_t registered_at, uint64_t balance)
{
    uint8_t bytes[CR_ENTRY_BYTES_MAX];
    const struct cr_public_key key = test_key(0);
    const struct cr_hash name = test_account(0);
    const struct cr_entry_account account = {
        .alg = key.alg, .key = key.bytes, .registered_at = registered_at, .balance = balance};
    put(world, CR_ENTRY_ACCOUNT, &name, 32, bytes, cr_entry_encode_account(&account, bytes));
}

static void put_record(const struct world *world, const char *key_of_entry, uint64_t version)
{
    uint8_t bytes[CR_ENTRY_BYTES_MAX];
    const struct cr_entry_record record = {
        .version = version, .key = (const uint8_t *)"k", .key_bytes = 1};
    put(world, CR_ENTRY_RECORD, key_of_entry, 1, bytes, cr_entry_encode_record(&record, bytes));
}

static void put_recent(const struct world *world, uint64_t valid_until)
{
    uint8_t bytes[CR_ENTRY_BYTES_MAX];
    const struct cr_entry_recent recent = {.valid_until_commit = valid_until};
    put(world, CR_ENTRY_RECENT, &recent.id, 32, bytes, cr_entry_encode_recent(&recent, bytes));
}

static void do_damage(const struct world *world, enum damage damage)
{
    const struct cr_state *state = &world->host.state;
    const uint64_t index = world_head(world)->index;
    const struct cr_hash name = test_account(0);
    const struct cr_hash key = cr_entry_key(CR_ENTRY_ACCOUNT, name.bytes, 32);
    put_account(world, 0, WORLD_BALANCE + (damage == BALANCE));
    if (damage == ACCOUNT_GONE) state->erase(state->context, &key);
    if (damage == ACCOUNT_OF_LATER) put_account(world, index + 1, WORLD_BALANCE);
    put_record(world, damage == WRONG_KEY ? "j" : "k", index + (damage == RECORD_OF_LATER));
    put_recent(world, damage == RECENT_OUTLIVED  ? index - 1
                      : damage == RECENT_TOO_FAR ? index + WORLD_TTL + 1
                                                 : index);
    if (damage == NO_ENTRY) state->put(state->context, &name, (const uint8_t *)"?", 1);
    if (damage == STALE_DIGEST) state->bucket_put(state->context, 77, &name);
}

/* Apart, because no local variable survives the jump for certain. */
static void expect_notice(const struct cr_ledger *ledger)
{
    expect_assert_failure(cr_ledger_check(ledger));
}

/* Goal: every invariant is checked, and a sound state passes. Method: damage one thing at a
 * time. */
static void every_damage_is_noticed(void **unused)
{
    (void)unused;
    for (uint32_t damage = NONE; damage < DAMAGES; damage++) {
        struct world *world = world_open();
        world_skip_to(world, 5);
        do_damage(world, (enum damage)damage);
        if (damage == NONE)
            cr_ledger_check(world->ledger);
        else
            expect_notice(world->ledger);
        world_close(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_damage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
