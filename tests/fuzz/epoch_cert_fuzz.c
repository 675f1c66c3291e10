/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <string.h>

#include "wire/epoch_cert.h"

/* What is read is written as the same bytes, and every seat in it is there once. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
    static uint8_t again[CR_EPOCH_CERT_BYTES_MAX];
    struct cr_epoch_cert cert;
    bool seen[CR_VALIDATORS_MAX] = {false};
    struct cr_reader reader = cr_reader_of(bytes, bytes_count);
    if (cr_epoch_cert_read(&reader, &cert) != CR_OK) return 0;
    struct cr_writer writer = cr_writer_of(again, sizeof again);
    cr_epoch_cert_write(&writer, &cert);
    CR_ASSERT(writer.position == reader.position && writer.position == cr_epoch_cert_bytes(&cert));
    CR_ASSERT(memcmp(bytes, again, writer.position) == 0);
    for (uint32_t i = 0; i < cert.votes_count; i++) {
        const uint8_t *signature;
        const uint32_t seat = cr_epoch_cert_vote(&cert, i, &signature);
        CR_ASSERT(seat < CR_VALIDATORS_MAX && !seen[seat]);
        seen[seat] = true;
    }
    return 0;
}
