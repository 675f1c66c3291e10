/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/verifier.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "crypto/keys.h"
#include "crypto/mldsa/known.h"

static const struct cr_mldsa_kernels *kernels; /* set by cr_verifier_start */
static struct cr_verifier verifier;
static bool fell_back;

/* Counters and a setting that nothing else depends on: relaxed. */
static _Atomic uint32_t cross_check_every;
static _Atomic uint64_t seen, cross_checks, mismatches;

/* NULL only for an unknown algorithm: memory that runs out stops the process (mldsa.h). */
static struct cr_prepared_key *prepare(const struct cr_public_key *key)
{
    const size_t bytes = cr_mldsa_key_bytes(key->alg);
    if (bytes == 0) return NULL;
    struct cr_prepared_key *made = aligned_alloc(64, bytes);
    CR_ASSERT(made != NULL);
    cr_mldsa_prepare(kernels, 1, &key, &made);
    return made;
}

static void forget(struct cr_prepared_key *key)
{
    free(key);
}

static void cross_check(const struct cr_verify_item *item)
{
    struct cr_verify_item again = *item;
    struct cr_prepared_key *key = cr_verifier_openssl.prepare(&item->key->public);
    again.key = key; /* OpenSSL's, which has the same name and is another struct */
    cr_verifier_openssl.verify(&again, 1);
    cr_verifier_openssl.forget(key);
    atomic_fetch_add_explicit(&cross_checks, 1, memory_order_relaxed);
    if (again.valid != item->valid) atomic_fetch_add_explicit(&mismatches, 1, memory_order_relaxed);
}

static void verify(struct cr_verify_item *items, uint32_t count)
{
    cr_mldsa_verify(kernels, items, count);
    const uint32_t every = atomic_load_explicit(&cross_check_every, memory_order_relaxed);
    if (every == 0) return;
    const uint64_t first = atomic_fetch_add_explicit(&seen, count, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) {
        if ((first + i) % every == 0 && items[i].key) cross_check(&items[i]);
    }
}

const struct cr_verifier *cr_verifier_start(const char *name)
{
    if (!name) name = getenv("CR_MLDSA_BACKEND");
    if (name && strcmp(name, cr_verifier_openssl.name) == 0) return &cr_verifier_openssl;
    const struct cr_mldsa_kernels *wanted = name ? cr_mldsa_kernels(name) : cr_mldsa_kernels_at(0);
    if (!wanted) return NULL;
    kernels = cr_mldsa_trusted(wanted);
    fell_back = kernels != wanted;
    verifier = (struct cr_verifier){.name = kernels->name,
                                    .lanes = kernels->lanes,
                                    .prepare = prepare,
                                    .forget = forget,
                                    .verify = verify};
    return &verifier;
}

void cr_verifier_cross_check(uint32_t every)
{
    atomic_store_explicit(&cross_check_every, every, memory_order_relaxed);
}

void cr_verifier_stats(struct cr_verifier_stats *out)
{
    *out = (struct cr_verifier_stats){
        .fell_back = fell_back,
        .cross_checks = atomic_load_explicit(&cross_checks, memory_order_relaxed),
        .mismatches = atomic_load_explicit(&mismatches, memory_order_relaxed)};
}
