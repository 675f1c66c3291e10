/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "node/genesis_file.h"

/* A genesis is refused with a sentence, or its id is the BLAKE3 of exactly these bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
    static struct cr_genesis genesis;
    static int fd = -1;
    char path[64];
    struct cr_config_failure failure = {0};
    if (fd < 0) fd = memfd_create("genesis", MFD_CLOEXEC);
    CR_ASSERT(fd >= 0);
    CR_ASSERT(ftruncate(fd, 0) == 0);
    CR_ASSERT(pwrite(fd, bytes, bytes_count, 0) == (ssize_t)bytes_count);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (cr_genesis_load(path, &genesis, &failure) == CR_OK) {
        const struct cr_hash id = cr_hash_of(bytes, bytes_count);
        CR_ASSERT(cr_hash_equal(&id, &genesis.id));
    } else {
        CR_ASSERT(failure.text[0] != 0);
    }
    return 0;
}
