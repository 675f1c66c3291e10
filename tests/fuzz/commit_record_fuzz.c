/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "store/commit_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
    struct cr_commit_record record;
    struct cr_commit commit;
    struct cr_ref *refs;
    if (cr_commit_record_decode(bytes, bytes_count, &record, &commit, &refs) == CR_OK) {
        uint8_t *again = malloc(bytes_count);
        CR_ASSERT(again != NULL);
        CR_ASSERT(cr_commit_record_bytes(&record, &commit) == bytes_count);
        CR_ASSERT(cr_commit_record_encode(&record, &commit, again, bytes_count) == bytes_count);
        CR_ASSERT(memcmp(bytes, again, bytes_count) == 0);
        free(again);
    }
    free(refs);
    return 0;
}
