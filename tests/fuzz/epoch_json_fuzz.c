/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include "node/epoch_json.h"

/* Whatever JSON says, it is refused with a reason, or becomes a certificate within its bounds. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
    static struct cr_epoch_proof proof;
    json_t *json = json_loadb((const char *)bytes, bytes_count, JSON_REJECT_DUPLICATES, NULL);
    if (!json) return 0;
    proof.text[0] = 0;
    if (cr_epoch_proof_from_json(json, 1, &proof)) {
        CR_ASSERT(proof.count <= CR_VALIDATORS_MAX && proof.cert.epoch.number >= 2);
        CR_ASSERT(cr_epoch_cert_bytes(&proof.cert) <= sizeof proof.bytes);
    } else {
        CR_ASSERT(proof.text[0] != 0);
    }
    json_decref(json);
    return 0;
}
