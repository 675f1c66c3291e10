/* SPDX-License-Identifier: Apache-2.0 */
/* ExpandA, tr and the transform of t1. The matrix of a key of level 65 takes 30 jobs of SHAKE128,
 * tr one job of SHAKE256 that is as long as three of them: it begins first and fills a lane. */
#include "crypto/mldsa/verify.h"
#include "crypto/mldsa/xof.h"

enum { N = CR_MLDSA_N };

size_t cr_mldsa_key_bytes(enum cr_alg alg)
{
    const struct cr_mldsa_params *p = cr_mldsa_params(alg);
    if (!p) return 0;
    return sizeof(struct cr_prepared_key) + (size_t)p->k * (p->l + 1) * N * sizeof(int32_t);
}

/* FIPS 204, algorithm 30, in progress. */
struct entry {
    const struct cr_mldsa_kernels *kernels;
    int32_t *to;
    uint32_t have;
    _Alignas(64) int32_t coefficients[N + CR_SHAKE_CANDIDATES + CR_MLDSA_SLACK];
};

static bool take_entry(void *context, const uint8_t *block)
{
    struct entry *entry = context;
    entry->have += entry->kernels->reject(block, entry->coefficients + entry->have);
    if (entry->have < N) return true;
    memcpy(entry->to, entry->coefficients, N * sizeof(int32_t));
    entry->kernels->order(entry->to);
    return false;
}

static bool take_tr(void *context, const uint8_t *block)
{
    struct cr_prepared_key *key = context;
    memcpy(key->tr, block, sizeof key->tr);
    return false;
}

struct source {
    const struct cr_mldsa_kernels *kernels;
    struct cr_prepared_key *const *keys;
    uint32_t keys_count;
    uint32_t hashed; /* keys whose tr is given out */
    uint32_t key;    /* whose matrix is next */
    uint32_t row, column;
    struct entry lanes[CR_MLDSA_LANES_MAX];
};

static const uint8_t numbers[CR_MLDSA_K_MAX] = {0, 1, 2, 3, 4, 5, 6, 7};

static void next_tr(struct source *source, struct cr_xof_job *job)
{
    struct cr_prepared_key *key = source->keys[source->hashed++];
    *job = (struct cr_xof_job){.rate = CR_SHAKE256_RATE,
                               .parts_count = 1,
                               .parts = {{key->public.bytes, key->params->key_bytes}},
                               .take = take_tr,
                               .context = key};
}

static bool next_job(void *context, uint32_t lane, struct cr_xof_job *job)
{
    struct source *source = context;
    if (source->hashed < source->keys_count) {
        next_tr(source, job);
        return true;
    }
    if (source->key == source->keys_count) return false;
    struct cr_prepared_key *key = source->keys[source->key];
    const uint32_t l = key->params->l;
    struct entry *entry = &source->lanes[lane];
    entry->kernels = source->kernels;
    entry->have = 0;
    entry->to = key->rows + ((size_t)source->row * (l + 1) + source->column) * N;
    *job = (struct cr_xof_job){.rate = CR_SHAKE128_RATE,
                               .parts_count = 3,
                               .parts = {{key->public.bytes, CR_MLDSA_RHO_BYTES},
                                         {&numbers[source->column], 1},
                                         {&numbers[source->row], 1}},
                               .take = take_entry,
                               .context = entry};
    if (++source->column < l) return true;
    source->column = 0;
    if (++source->row < key->params->k) return true;
    source->row = 0;
    source->key++;
    return true;
}

/* -t1 2^d: t1 has 10 bits, so that its absolute value is at most q - 1. */
static void unpack_t1(const uint8_t *bytes, int32_t t[N])
{
    for (uint32_t i = 0; i < N; i += 4, bytes += 5) {
        const uint64_t forty = (uint64_t)bytes[4] << 32 | (uint64_t)bytes[3] << 24 |
                               (uint64_t)bytes[2] << 16 | (uint64_t)bytes[1] << 8 | bytes[0];
        for (uint32_t j = 0; j < 4; j++)
            t[i + j] = -(int32_t)((forty >> (10 * j) & 0x3ff) << CR_MLDSA_D);
    }
}

static void prepare_t1(struct cr_prepared_key *key)
{
    const struct cr_mldsa_params *p = key->params;
    for (uint32_t i = 0; i < p->k; i++) {
        int32_t *t = key->rows + ((size_t)i * (p->l + 1) + p->l) * N;
        unpack_t1(key->public.bytes + CR_MLDSA_RHO_BYTES + (size_t)CR_MLDSA_T1_BYTES * i, t);
        key->kernels->ntt(t);
        for (uint32_t j = 0; j < N; j++) /* `row` wants at most q; this is done once for a key */
            t[j] %= CR_MLDSA_Q;
    }
}

void cr_mldsa_prepare(const struct cr_mldsa_kernels *kernels, uint32_t count,
                      const struct cr_public_key *const *encoded,
                      struct cr_prepared_key *const *out)
{
    uint32_t jobs = 0;
    CR_SCRATCH struct source source;
    for (uint32_t i = 0; i < count; i++) {
        const struct cr_mldsa_params *p = cr_mldsa_params(encoded[i]->alg);
        CR_ASSERT(p != NULL);
        out[i]->kernels = kernels;
        out[i]->params = p;
        out[i]->public = *encoded[i];
        jobs += 1 + p->k * p->l;
    }
    source.kernels = kernels;
    source.keys = out;
    source.keys_count = count;
    source.hashed = source.key = source.row = source.column = 0;
    cr_xof_run(kernels, jobs, next_job, &source);
    for (uint32_t i = 0; i < count; i++)
        prepare_t1(out[i]);
}
