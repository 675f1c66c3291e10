/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <string.h>

#include "crypto/hash.h"
#include "wire/commit.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
    enum { REFS_MAX = 4096 };
    static struct cr_ref refs[REFS_MAX];
    static uint8_t again[128 + REFS_MAX * CR_REF_BYTES];
    struct cr_commit commit;

    if (cr_commit_decode(bytes, bytes_count, refs, REFS_MAX, &commit) != CR_OK) return 0;
    CR_ASSERT(cr_commit_bytes(&commit) == bytes_count);
    CR_ASSERT(cr_commit_encode(&commit, again, sizeof again) == bytes_count);
    CR_ASSERT(memcmp(bytes, again, bytes_count) == 0);
    const struct cr_hash digest = cr_commit_digest(&commit);
    const struct cr_hash expected = cr_hash_of(bytes, bytes_count);
    CR_ASSERT(cr_hash_equal(&digest, &expected));
    return 0;
}
