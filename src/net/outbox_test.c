/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include "base/prng.h"
#include "net/outbox.h"

static struct cr_net_block *make(size_t count, uint8_t value)
{
    struct cr_net_block *block = cr_net_block_new(count);
    assert_non_null(block);
    memset(block->bytes, value, count);
    return block;
}

/* Goal: whatever is written and acknowledged in whatever pieces, the bytes come in order, and a
 * block lives exactly until its last byte is acknowledged. Method: random walks against a plain
 * copy. */
static void bytes_come_in_order_and_blocks_stay(void **state)
{
    (void)state;
    enum { FRAMES = 100, COUNT_MAX = 50 };
    static uint8_t expected[FRAMES * (CR_NET_PREFIX_BYTES + COUNT_MAX)];
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct cr_prng prng = cr_prng_stream(seed, 0, 0);
        struct cr_outbox outbox = {0};
        struct cr_net_block *blocks[FRAMES];
        uint64_t ends[FRAMES];
        size_t put = 0, frames = 0, total = 0, written = 0, acked = 0;
        while (acked < total || put < FRAMES) {
            if (put < FRAMES && cr_prng_below(&prng, 2) == 0) {
                struct cr_net_block *block = make(cr_prng_below(&prng, COUNT_MAX), (uint8_t)put);
                assert_int_equal(cr_outbox_put(&outbox, block), CR_OK);
                memcpy(expected + total, block->prefix, CR_NET_PREFIX_BYTES + block->bytes_count);
                total += CR_NET_PREFIX_BYTES + block->bytes_count;
                ends[put] = total;
                blocks[put++] = block;
            }
            ngtcp2_vec vectors[4];
            const size_t count = cr_outbox_vectors(&outbox, vectors, CR_COUNT_OF(vectors));
            assert_int_equal(count > 0, cr_outbox_has_unwritten(&outbox));
            size_t at = written;
            for (size_t i = 0; i < count; at += vectors[i++].len)
                assert_memory_equal(vectors[i].base, expected + at, vectors[i].len);
            const size_t step = cr_prng_below(&prng, at - written + 1);
            frames += cr_outbox_wrote(&outbox, step);
            written += step;
            acked += cr_prng_below(&prng, written - acked + 1);
            cr_outbox_acked(&outbox, acked);
            for (size_t i = 0; i < put; i++)
                assert_int_equal(blocks[i]->references, ends[i] <= acked ? 1 : 2);
        }
        assert_int_equal(frames, FRAMES);
        assert_int_equal(cr_outbox_bytes(&outbox), 0);
        cr_outbox_deinit(&outbox);
        for (size_t i = 0; i < FRAMES; i++)
            cr_net_block_give(blocks[i]);
    }
}

/* Goal: bounded in bytes and in frames; what does not fit is not kept. */
static void full_is_full(void **state)
{
    (void)state;
    struct cr_outbox outbox = {0};
    struct cr_net_block *block = make(CR_FRAME_BYTES_MAX, 1);
    uint32_t count = 0;
    while (cr_outbox_put(&outbox, block) == CR_OK)
        count++;
    assert_in_range(count, 15, 16);
    assert_true(cr_outbox_bytes(&outbox) <= CR_NET_QUEUE_BYTES_MAX);
    assert_int_equal(block->references, count + 1);
    cr_outbox_deinit(&outbox);
    assert_int_equal(block->references, 1);
    block->bytes_count = 0; /* lowered before the next first send */
    for (count = 0; cr_outbox_put(&outbox, block) == CR_OK;)
        count++;
    assert_int_equal(count, CR_OUTBOX_FRAMES_MAX);
    cr_outbox_deinit(&outbox);
    cr_net_block_give(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_in_order_and_blocks_stay),
        cmocka_unit_test(full_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
