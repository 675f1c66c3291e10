/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/epochs.h"

/* A file of certificates with anything in it is opened, cut where it makes no sense, and takes one
 * more. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
    static uint8_t got[CR_EPOCH_CERT_BYTES_MAX];
    static int fd = -1;
    char path[64];
    struct cr_epochs *epochs = NULL;
    struct cr_store_failure failure;
    if (fd < 0) fd = memfd_create("epochs", MFD_CLOEXEC);
    CR_ASSERT(fd >= 0 && ftruncate(fd, 0) == 0);
    CR_ASSERT(pwrite(fd, bytes, bytes_count, 0) == (ssize_t)bytes_count);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    CR_ASSERT(cr_epochs_open(path, "/nowhere/epoch", &epochs, &failure) == CR_OK);
    for (uint64_t epoch = 0; epoch < 64; epoch++)
        CR_ASSERT((cr_epochs_get(epochs, epoch, got) > 0) == cr_epochs_has(epochs, epoch));
    CR_ASSERT(cr_epochs_put(epochs, 7, (const uint8_t *)"seven", 5));
    CR_ASSERT(cr_epochs_get(epochs, 7, got) == 5);
    cr_epochs_close(epochs);
    return 0;
}
