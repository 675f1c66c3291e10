/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include "base/prng.h"
#include "node/mempool.h"

enum { TX_BYTES = 100 };

static const struct cr_mempool_limits limits = {
    .txs_max = 8, .txs_per_account_max = 4, .bytes_max = UINT64_C(8) * TX_BYTES};

static struct cr_tx tx_of(uint8_t id, uint8_t account, uint64_t valid_until)
{
    struct cr_tx tx = {.valid_until_commit = valid_until, .bytes_count = TX_BYTES};
    memset(tx.id.bytes, id, CR_HASH_BYTES);
    memset(tx.account.bytes, account, CR_HASH_BYTES);
    return tx;
}

static enum cr_err add(struct cr_mempool *m, uint8_t id, uint8_t account, uint64_t valid_until)
{
    uint8_t bytes[TX_BYTES];
    const struct cr_tx tx = tx_of(id, account, valid_until);
    memset(bytes, id, sizeof bytes);
    return cr_mempool_add(m, &tx, bytes);
}

static uint32_t waiting(struct cr_mempool *m)
{
    struct cr_mempool_stats stats;
    cr_mempool_stats(m, &stats);
    return stats.waiting;
}

/* Goal: every limit refuses exactly beyond itself, and a repeat is told apart. Method: fill to each
 * boundary. */
static void limits_refuse(void **state)
{
    (void)state;
    struct cr_mempool *m = cr_mempool_new(&limits);
    for (uint8_t i = 0; i < 4; i++)
        assert_int_equal(add(m, i, 1, 10), CR_OK);
    assert_int_equal(add(m, 3, 1, 10), CR_ERR_EXISTS);
    assert_int_equal(add(m, 4, 1, 10), CR_ERR_FULL); /* the account's share */
    for (uint8_t i = 4; i < 8; i++)
        assert_int_equal(add(m, i, 2, 10), CR_OK);
    assert_int_equal(add(m, 8, 3, 10), CR_ERR_FULL);
    const struct cr_tx first = tx_of(0, 1, 10);
    cr_mempool_remove(m, &first.id);
    assert_int_equal(add(m, 8, 3, 10), CR_OK);
    cr_mempool_free(m);
}

/* Goal: a payload takes in order of arrival, whole transactions only; a dropped carrier puts its
 * transactions back in front, another carrier's stay. Method: two carriers. */
static void carriers_and_requeue(void **state)
{
    (void)state;
    uint8_t payload[4 * (TX_BYTES + 4)];
    uint32_t count;
    bool carried;
    struct cr_mempool *m = cr_mempool_new(&limits);
    for (uint8_t i = 0; i < 6; i++)
        assert_int_equal(add(m, i, i, 10), CR_OK);
    assert_int_equal(cr_mempool_take(m, 7, payload, 2 * (TX_BYTES + 4) + 1, &count),
                     2 * (TX_BYTES + 4));
    assert_int_equal(count, 2);
    assert_int_equal(payload[0], TX_BYTES);
    assert_int_equal(payload[4], 0);
    assert_int_equal(payload[TX_BYTES + 8], 1);
    cr_mempool_take(m, 8, payload, TX_BYTES + 4, &count);
    assert_int_equal(count, 1);
    assert_int_equal(waiting(m), 3);

    const struct cr_tx one = tx_of(1, 1, 10);
    assert_true(cr_mempool_find(m, &one.id, &carried));
    assert_true(carried);
    cr_mempool_requeue(m, 7);
    assert_int_equal(waiting(m), 5);
    assert_true(cr_mempool_find(m, &one.id, &carried));
    assert_false(carried);
    cr_mempool_take(m, 9, payload, sizeof payload, &count);
    assert_int_equal(count, 4);
    assert_true(payload[4] <= 1); /* the returned ones go first */
    cr_mempool_free(m);
}

/* Goal: exactly what can no longer execute expires, wherever it is. Method: three times to live,
 * one of them carried. */
static void expiry(void **state)
{
    (void)state;
    uint8_t payload[TX_BYTES + 4];
    struct cr_hash ids[8];
    uint32_t count;
    struct cr_mempool *m = cr_mempool_new(&limits);
    add(m, 1, 1, 5);
    add(m, 2, 1, 6);
    add(m, 3, 1, 7);
    cr_mempool_take(m, 1, payload, sizeof payload, &count);
    assert_int_equal(cr_mempool_expire(m, 4, ids, 8), 0);
    assert_int_equal(cr_mempool_expire(m, 6, ids, 8), 2);
    assert_int_equal(cr_mempool_expire(m, 6, ids, 8), 0);
    assert_int_equal(cr_mempool_expire(m, 7, ids, 8), 1);
    assert_int_equal(ids[0].bytes[0], 3);
    assert_int_equal(waiting(m), 0);
    cr_mempool_free(m);
}

/* Goal: counts stay true under any order of calls. Method: 20,000 random calls against a plain
 * array of what must be inside. */
static void random_calls(void **state)
{
    (void)state;
    struct cr_prng prng = {7};
    bool inside[256] = {false};
    struct cr_mempool *m = cr_mempool_new(&limits);
    for (int i = 0; i < 20000; i++) {
        const uint8_t id = (uint8_t)cr_prng_below(&prng, 20);
        const struct cr_tx tx = tx_of(id, id, 1000);
        uint8_t payload[3 * (TX_BYTES + 4)];
        uint32_t count = 0, expected = 0;
        switch (cr_prng_below(&prng, 4)) {
        case 0: {
            const enum cr_err err = add(m, id, id, 1000);
            if (inside[id]) assert_int_equal(err, CR_ERR_EXISTS);
            inside[id] = inside[id] || err == CR_OK;
            break;
        }
        case 1:
            cr_mempool_remove(m, &tx.id);
            inside[id] = false;
            break;
        case 2: cr_mempool_take(m, id, payload, sizeof payload, &count); break;
        default: cr_mempool_requeue(m, id); break;
        }
        for (int k = 0; k < 256; k++)
            expected += inside[k];
        struct cr_mempool_stats stats;
        cr_mempool_stats(m, &stats);
        assert_int_equal(stats.txs, expected);
        assert_int_equal(stats.bytes, expected * TX_BYTES);
        assert_true(stats.waiting <= stats.txs);
    }
    cr_mempool_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(limits_refuse),
                                       cmocka_unit_test(carriers_and_requeue),
                                       cmocka_unit_test(expiry), cmocka_unit_test(random_calls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
