/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/mldsa/kernels.h"

const uint64_t cr_keccak_rc[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

const struct cr_mldsa_kernels *cr_mldsa_kernels_at(uint32_t i)
{
    const struct cr_mldsa_kernels *(*const all[])(void) = {cr_mldsa_avx512, cr_mldsa_avx2,
                                                           cr_mldsa_neon, cr_mldsa_scalar};
    for (uint32_t j = 0; j < CR_COUNT_OF(all); j++) {
        const struct cr_mldsa_kernels *kernels = all[j]();
        if (kernels && i-- == 0) return kernels;
    }
    return NULL;
}

const struct cr_mldsa_kernels *cr_mldsa_kernels(const char *name)
{
    const struct cr_mldsa_kernels *found;
    for (uint32_t i = 0; (found = cr_mldsa_kernels_at(i)); i++) {
        const size_t bytes = strlen(found->name) + 1;
        if (strlen(name) + 1 == bytes && memcmp(found->name, name, bytes) == 0) return found;
    }
    return NULL;
}
