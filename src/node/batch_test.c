/* SPDX-License-Identifier: Apache-2.0 */
#include "node/batch.h"

#include "base/unit.h"

/* Goal: small while nothing waits, full in a flood, always lanes and never more than 200 us of
 * work. Method: costs of a slow verifier, of a fast one, and of hashing. */
static void size_follows_delay_and_cost(void **state)
{
    struct cr_batch batch = {0};
    (void)state;
    assert_int_equal(cr_batch_size(&batch, 0), CR_BATCH_LANES); /* nothing is known yet */
    assert_int_equal(cr_batch_size(&batch, 1000000), CR_BATCH_LANES);
    atomic_init(&batch.item_ns, 110000); /* OpenSSL */
    assert_int_equal(cr_batch_size(&batch, 0), 1);
    assert_int_equal(cr_batch_size(&batch, 1000000), 1);
    atomic_init(&batch.item_ns, 300000);
    assert_int_equal(cr_batch_size(&batch, 0), 1);
    atomic_init(&batch.item_ns, 4500);
    assert_int_equal(cr_batch_size(&batch, 0), 8);
    assert_int_equal(cr_batch_size(&batch, 1999), 40);
    assert_int_equal(cr_batch_size(&batch, 2000), 40);
    atomic_init(&batch.item_ns, 130);
    assert_int_equal(cr_batch_size(&batch, CR_BATCH_QUEUE_US - 1), 8);
    assert_int_equal(cr_batch_size(&batch, CR_BATCH_QUEUE_US), 96);
    assert_int_equal(cr_batch_size(&batch, UINT64_C(10) * CR_BATCH_QUEUE_US), 1000);
}

/* Goal: the cost is learned and forgotten, and what was chosen can be seen. */
static void cost_is_learned(void **state)
{
    struct cr_batch batch = {0};
    (void)state;
    cr_batch_note(&batch, 0, 10, 50000);
    assert_int_equal(atomic_load(&batch.item_ns), 5001);
    for (uint32_t i = 0; i < 60; i++)
        cr_batch_note(&batch, 5000, 100, UINT64_C(100) * 1000);
    assert_in_range(atomic_load(&batch.item_ns), 1000, 1010);
    cr_batch_note(&batch, 300, 0, 77777); /* nothing was done */
    assert_int_equal(atomic_load(&batch.batches[CR_BATCH_SMALL]), 1);
    assert_int_equal(atomic_load(&batch.batches[CR_BATCH_MEDIUM]), 0);
    assert_int_equal(atomic_load(&batch.batches[CR_BATCH_LARGE]), 60);
    assert_int_equal(atomic_load(&batch.items[CR_BATCH_LARGE]), 6000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(size_follows_delay_and_cost),
        cmocka_unit_test(cost_is_learned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
