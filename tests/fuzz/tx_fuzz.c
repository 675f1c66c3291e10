/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <string.h>

#include "wire/tx.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
    static uint8_t again[CR_TX_BYTES_MAX];
    static struct cr_op op;
    struct cr_tx tx;

    const enum cr_err err = cr_tx_decode(bytes, bytes_count, &tx);
    CR_ASSERT(cr_tx_check(bytes, bytes_count) == err);
    if (err != CR_OK) return 0;
    struct cr_tx_builder builder;
    size_t position = 0;
    cr_tx_begin(&builder, again, sizeof again, &tx);
    while (cr_tx_op_next(&tx, &position, &op))
        cr_tx_add(&builder, &op);
    struct cr_hash id;
    CR_ASSERT(cr_tx_end(&builder, &id) == CR_OK);
    CR_ASSERT(cr_hash_equal(&id, &tx.id));
    const size_t count = cr_tx_sign_with(&builder, tx.sig_alg, tx.signature, tx.signature_bytes);
    CR_ASSERT(count == bytes_count);
    CR_ASSERT(memcmp(bytes, again, count) == 0);
    return 0;
}
