/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include "store/commit_record.h"
#include "wire/sample.h"

enum { REFS = 40 };

static struct cr_ref given[REFS];
static uint8_t bytes[4096];

/* Goal: what was encoded comes back; nothing shorter, longer or newer does. */
static void round_trip(void **state)
{
    (void)state;
    struct cr_prng prng = cr_prng_stream(1, 2, 3);
    uint8_t schedule[100];
    cr_sample_bytes(&prng, schedule, sizeof schedule);
    for (uint32_t schedule_bytes = 0; schedule_bytes <= sizeof schedule; schedule_bytes += 25) {
        const struct cr_commit commit = cr_sample_commit(&prng, 3, 20, given);
        const struct cr_commit_record record = {
            .schedule = schedule,
            .schedule_bytes = schedule_bytes,
            .scan = {.sequence = UINT64_MAX, .segment = UINT32_MAX, .offset = 7},
        };
        const size_t count = cr_commit_record_encode(&record, &commit, bytes, sizeof bytes - 1);
        assert_int_equal(count, cr_commit_record_bytes(&record, &commit));

        struct cr_commit_record record_out;
        struct cr_commit commit_out;
        struct cr_ref *refs;
        assert_int_equal(cr_commit_record_decode(bytes, count, &record_out, &commit_out, &refs),
                         CR_OK);
        assert_int_equal(record_out.schedule_bytes, schedule_bytes);
        assert_memory_equal(record_out.schedule, schedule, schedule_bytes);
        assert_memory_equal(&record_out.scan, &record.scan, sizeof record.scan);
        const struct cr_hash digest = cr_commit_digest(&commit);
        const struct cr_hash digest_out = cr_commit_digest(&commit_out);
        assert_true(cr_hash_equal(&digest, &digest_out));
        free(refs);

        for (size_t cut = 0; cut < count; cut++) {
            assert_int_not_equal(
                cr_commit_record_decode(bytes, cut, &record_out, &commit_out, &refs), CR_OK);
            free(refs);
        }
        assert_int_equal(cr_commit_record_decode(bytes, count + 1, &record_out, &commit_out, &refs),
                         CR_ERR_TRAILING);
        free(refs);
        bytes[0]++;
        assert_int_equal(cr_commit_record_decode(bytes, count, &record_out, &commit_out, &refs),
                         CR_ERR_VERSION);
        free(refs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
