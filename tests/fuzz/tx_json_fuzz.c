/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include "api/request.h"

/* Whatever JSON says, it is refused with a reason or becomes a transaction that decodes, or breaks
 * a limit that only the binary form knows. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
    static uint8_t tx_bytes[CR_TX_BYTES_MAX];
    char why[160] = "";
    size_t count = 0;
    struct cr_tx tx;
    json_t *json = json_loadb((const char *)bytes, bytes_count, JSON_REJECT_DUPLICATES, NULL);
    if (!json) return 0;
    if (cr_tx_from_json(json, tx_bytes, sizeof tx_bytes, &count, why) == CR_OK) {
        CR_ASSERT(count > 0 && count <= sizeof tx_bytes);
        CR_ASSERT(cr_tx_decode(tx_bytes, count, &tx) == CR_OK);
    } else {
        CR_ASSERT(why[0] != 0);
    }
    json_decref(json);
    return 0;
}
