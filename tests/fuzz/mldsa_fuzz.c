/* SPDX-License-Identifier: Apache-2.0 */
/* Every back end of this processor gives one answer, and now and then the reference is asked too.
 * The first byte is the level, two are an offset, the next one says how much of the signature there
 * is; the rest is laid over a known signature from there on by exclusive or, so that nothing but
 * zeros is a valid one. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/mldsa/known.h"
#include "crypto/mldsa/reference.h"

enum { HEAD = 4, KERNELS_MAX = 4 };

static struct cr_mldsa_spoilt known;
static uint8_t good[3][CR_SIG_BYTES_MAX];
static struct cr_mldsa_spoilt cases[3];
static const struct cr_mldsa_kernels *kernels[KERNELS_MAX + 1];
static struct cr_prepared_key *keys[3][KERNELS_MAX];

static void begin(void)
{
    for (uint32_t level = 0; level < 3; level++) {
        cr_mldsa_spoil(&cr_mldsa_known[level], CR_SPOIL_NOTHING, &cases[level]);
        memcpy(good[level], cases[level].signature, sizeof good[level]);
        const struct cr_public_key *public = &cases[level].key;
        for (uint32_t i = 0; (kernels[i] = cr_mldsa_kernels_at(i)); i++) {
            CR_ASSERT(i < KERNELS_MAX);
            keys[level][i] = aligned_alloc(64, cr_mldsa_key_bytes(public->alg));
            CR_ASSERT(keys[level][i] != NULL);
            cr_mldsa_prepare(kernels[i], 1, &public, &keys[level][i]);
        }
    }
}

/* The case in the lane that `lane` says, valid ones in the others. */
static bool verify(uint32_t level, uint32_t which, uint32_t lane, const struct cr_verify_item *item)
{
    struct cr_verify_item items[CR_MLDSA_LANES_MAX];
    const uint32_t lanes = kernels[which]->lanes;
    CR_ASSERT(lanes > 0);
    for (uint32_t i = 0; i < lanes; i++) {
        items[i] = *item;
        items[i].key = keys[level][which];
        if (i == lane % lanes) continue;
        items[i].signature = good[level];
        items[i].signature_bytes = cr_alg_sig_bytes(cases[level].key.alg);
    }
    cr_mldsa_verify(kernels[which], items, lanes);
    for (uint32_t i = 0; i < lanes; i++)
        CR_ASSERT(i == lane % lanes || items[i].valid);
    return items[lane % lanes].valid;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
    if (!kernels[0]) begin();
    if (bytes_count < HEAD) return 0;
    const uint32_t level = bytes[0] % 3;
    const size_t whole = cr_alg_sig_bytes(cases[level].key.alg);
    const size_t offset = (size_t)cr_load_le(bytes + 1, 2) % whole;
    memcpy(known.signature, good[level], whole);
    for (size_t i = HEAD; i < bytes_count && offset + i - HEAD < whole; i++)
        known.signature[offset + i - HEAD] ^= bytes[i];
    struct cr_verify_item item = cases[level].item;
    item.signature = known.signature;
    item.signature_bytes = bytes[3] == 0 ? whole : whole + bytes[3] % 3 - 1;
    const bool unchanged =
        item.signature_bytes == whole && memcmp(known.signature, good[level], whole) == 0;

    const bool valid = verify(level, 0, bytes[0] / 3, &item);
    CR_ASSERT(CR_IMPLIES(unchanged, valid));
    for (uint32_t which = 1; kernels[which]; which++)
        CR_ASSERT(verify(level, which, bytes[0] / 3, &item) == valid);
    if (valid || bytes[bytes_count - 1] % 16 == 0) {
        CR_ASSERT(cr_mldsa_reference_verify(&cases[level].key, &item) == valid);
    }
    return 0;
}
