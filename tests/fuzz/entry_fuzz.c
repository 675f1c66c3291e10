/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <string.h>

#include "ledger/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
    static uint8_t again[CR_ENTRY_BYTES_MAX];
    struct cr_entry_account account;
    struct cr_entry_record record;
    struct cr_entry_recent recent;
    struct cr_entry_offence offence;
    struct cr_entry_validator validator;
    struct cr_entry_committee committee;
    struct cr_hash key;
    size_t count = 0;

    if (cr_entry_decode_account(bytes, bytes_count, &account) == CR_OK)
        count = cr_entry_encode_account(&account, again);
    else if (cr_entry_decode_record(bytes, bytes_count, &record) == CR_OK)
        count = cr_entry_encode_record(&record, again);
    else if (cr_entry_decode_recent(bytes, bytes_count, &recent) == CR_OK)
        count = cr_entry_encode_recent(&recent, again);
    else if (cr_entry_decode_offence(bytes, bytes_count, &offence) == CR_OK)
        count = cr_entry_encode_offence(&offence, again);
    else if (cr_entry_decode_validator(bytes, bytes_count, &validator) == CR_OK)
        count = cr_entry_encode_validator(&validator, again);
    else if (cr_entry_decode_committee(bytes, bytes_count, &committee) == CR_OK)
        count = cr_entry_encode_committee(&committee, again);
    CR_ASSERT((cr_entry_key_of(bytes, bytes_count, &key) == CR_OK) == (count > 0));
    if (count == 0) return 0;
    CR_ASSERT(count == bytes_count);
    CR_ASSERT(memcmp(bytes, again, count) == 0);
    return 0;
}
