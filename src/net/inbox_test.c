/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include "base/prng.h"
#include "net/inbox.h"

enum { HELD_MAX = 4096, FRAMES = 40, STREAM_BYTES = 64 * 1024 };

struct reader {
    uint32_t frames;   /* taken so far; frame k has k bytes of value k */
    uint32_t refusals; /* to come */
    bool fault;
};

static enum cr_inbox_verdict take(void *context, const uint8_t *bytes, size_t count)
{
    struct reader *reader = context;
    if (reader->fault) return CR_INBOX_FAULT;
    if (reader->refusals > 0) {
        reader->refusals--;
        return CR_INBOX_HELD;
    }
    assert_int_equal(count, reader->frames);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(bytes[i], reader->frames);
    reader->frames++;
    return CR_INBOX_TAKEN;
}

static size_t make_stream(uint8_t *out)
{
    size_t at = 0;
    for (uint32_t k = 0; k < FRAMES; k++) {
        cr_store_le(out + at, k, CR_NET_PREFIX_BYTES);
        memset(out + at + CR_NET_PREFIX_BYTES, (int)k, k);
        at += CR_NET_PREFIX_BYTES + k;
    }
    return at;
}

/* Goal: where the stream is cut, and which frames are refused first, changes nothing. Method: cut
 * it into equal pieces of every length, then at random with random refusals. */
static void every_cut_gives_the_same_frames(void **state)
{
    (void)state;
    static uint8_t stream[STREAM_BYTES];
    const size_t total = make_stream(stream);
    for (size_t piece = 1; piece <= total; piece++) {
        struct cr_inbox inbox = {0};
        struct reader reader = {0};
        const struct cr_inbox_sink sink = {.context = &reader, .take = take};
        size_t consumed = 0;
        for (size_t at = 0; at < total; at += piece) {
            const size_t count = total - at < piece ? total - at : piece;
            assert_int_equal(cr_inbox_put(&inbox, stream + at, count, HELD_MAX, &sink, &consumed),
                             CR_OK);
        }
        assert_int_equal(reader.frames, FRAMES);
        assert_int_equal(consumed, total);
        assert_int_equal(inbox.bytes_count, 0);
        cr_inbox_deinit(&inbox);
    }
}

static void refused_frames_come_again(void **state)
{
    (void)state;
    static uint8_t stream[STREAM_BYTES];
    const size_t total = make_stream(stream);
    for (uint64_t seed = 0; seed < 2000; seed++) {
        struct cr_prng prng = cr_prng_stream(seed, 0, 0);
        struct cr_inbox inbox = {0};
        struct reader reader = {0};
        const struct cr_inbox_sink sink = {.context = &reader, .take = take};
        size_t consumed = 0;
        for (size_t at = 0; at < total;) {
            size_t count = 1 + cr_prng_below(&prng, 200);
            if (count > total - at) count = total - at;
            if (cr_prng_below(&prng, 3) == 0) reader.refusals = 1;
            assert_int_equal(cr_inbox_put(&inbox, stream + at, count, HELD_MAX, &sink, &consumed),
                             CR_OK);
            at += count;
            assert_int_equal(consumed + inbox.bytes_count, at);
            if (cr_prng_below(&prng, 2) == 0) {
                assert_int_equal(cr_inbox_resume(&inbox, &sink, &consumed), CR_OK);
            }
        }
        reader.refusals = 0;
        assert_int_equal(cr_inbox_resume(&inbox, &sink, &consumed), CR_OK);
        assert_int_equal(reader.frames, FRAMES);
        assert_int_equal(consumed, total);
        cr_inbox_deinit(&inbox);
    }
}

/* Goal: no peer makes us allocate more than a frame, or the held bytes that flow control allows. */
static void limits_hold(void **state)
{
    (void)state;
    struct cr_inbox inbox = {0};
    struct reader reader = {0};
    const struct cr_inbox_sink sink = {.context = &reader, .take = take};
    size_t consumed = 0;
    uint8_t prefix[CR_NET_PREFIX_BYTES];
    cr_store_le(prefix, CR_FRAME_BYTES_MAX + 1, sizeof prefix);
    for (size_t cut = 1; cut <= sizeof prefix; cut++) {
        enum cr_err err = cr_inbox_put(&inbox, prefix, cut, HELD_MAX, &sink, &consumed);
        if (err == CR_OK && cut < sizeof prefix) {
            err =
                cr_inbox_put(&inbox, prefix + cut, sizeof prefix - cut, HELD_MAX, &sink, &consumed);
        }
        if (err == CR_OK) err = cr_inbox_put(&inbox, prefix, 1, HELD_MAX, &sink, &consumed);
        assert_int_equal(err, CR_ERR_TOO_BIG);
        cr_inbox_deinit(&inbox);
    }
    reader.refusals = 1;
    uint8_t bytes[HELD_MAX] = {0};
    assert_int_equal(cr_inbox_put(&inbox, bytes, HELD_MAX, HELD_MAX, &sink, &consumed), CR_OK);
    assert_int_equal(cr_inbox_put(&inbox, bytes, 1, HELD_MAX, &sink, &consumed), CR_ERR_TOO_BIG);
    cr_inbox_deinit(&inbox);
    reader.fault = true;
    assert_int_equal(cr_inbox_put(&inbox, bytes, 4, HELD_MAX, &sink, &consumed), CR_ERR_MALFORMED);
    assert_int_equal(consumed, 0);
    cr_inbox_deinit(&inbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_gives_the_same_frames),
        cmocka_unit_test(refused_frames_come_again),
        cmocka_unit_test(limits_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
