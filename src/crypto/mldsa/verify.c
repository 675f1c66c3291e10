/* SPDX-License-Identifier: Apache-2.0 */
/* The lanes are those of Keccak: mu, SampleInBall and the last hash of up to eight signatures at
 * once. The arithmetic between them takes one signature after the other, in vectors. */
#include "crypto/mldsa/verify.h"
#include "crypto/mldsa/xof.h"

enum { N = CR_MLDSA_N };

/* A signature on its way. */
struct work {
    struct cr_verify_item *item;
    const struct cr_mldsa_params *p;
    uint32_t ball_at; /* SampleInBall: the coefficient that is next */
    uint64_t signs;   /* the first eight bytes of its hash */
    bool has_signs;
    uint8_t prefix[2];
    bool internal; /* algorithm 8 */
    bool is_short; /* z is */
    _Alignas(64) int32_t c[N];
    /* mu and then w1: what is hashed at the end. Packing may write beyond. */
    _Alignas(64) uint8_t last[CR_MLDSA_MU_BYTES + CR_MLDSA_K_MAX * (N / 2) + CR_MLDSA_SLACK];
};

bool cr_mldsa_hints_are_good(const struct cr_mldsa_params *p, const uint8_t *y)
{
    uint32_t index = 0;
    for (uint32_t i = 0; i < p->k; i++) {
        const uint32_t first = index, end = y[p->omega + i];
        if (end < first || end > p->omega) return false;
        for (index = first; index < end; index++) {
            if (index > first && y[index - 1] >= y[index]) return false;
        }
    }
    for (uint32_t i = index; i < p->omega; i++) {
        if (y[i] != 0) return false;
    }
    return true;
}

static const uint8_t *hints_of(const struct cr_mldsa_params *p, const uint8_t *signature)
{
    return signature + p->ctilde_bytes + (size_t)p->l * cr_mldsa_z_bytes(p);
}

/* What can be refused without arithmetic. */
static bool form_is_good(const struct cr_verify_item *item, bool internal)
{
    if (!item->key) return false;
    const struct cr_mldsa_params *p = item->key->params;
    if (item->signature_bytes != p->sig_bytes) return false;
    if (!internal && item->context_bytes > CR_MLDSA_CONTEXT_BYTES_MAX) return false;
    return cr_mldsa_hints_are_good(p, hints_of(p, item->signature));
}

/* Algorithm 29 from line 4, as far as this block of output goes. */
static bool take_ball(void *context, const uint8_t *block)
{
    struct work *w = context;
    uint32_t at = 0;
    if (!w->has_signs) {
        memcpy(&w->signs, block, sizeof w->signs);
        at = sizeof w->signs;
        w->has_signs = true;
    }
    for (; at < CR_SHAKE256_RATE && w->ball_at < N; at++) {
        const uint32_t i = w->ball_at, j = block[at];
        if (j > i) continue;
        w->c[i] = w->c[j];
        w->c[j] = 1 - 2 * (int32_t)(w->signs & 1);
        w->signs >>= 1;
        w->ball_at++;
    }
    return w->ball_at < N;
}

static bool take_mu(void *context, const uint8_t *block)
{
    struct work *w = context;
    memcpy(w->last, block, CR_MLDSA_MU_BYTES);
    return false;
}

static bool take_ctilde(void *context, const uint8_t *block)
{
    struct work *w = context;
    w->item->valid = memcmp(block, w->item->signature, w->p->ctilde_bytes) == 0;
    return false;
}

struct source {
    struct work *works;
    uint32_t count;
    uint32_t given; /* jobs */
};

/* mu = H(tr | M') */
static void mu_job(struct work *w, struct cr_xof_job *job)
{
    const struct cr_verify_item *item = w->item;
    const bool external = !w->internal;
    w->prefix[0] = 0;
    w->prefix[1] = external ? (uint8_t)item->context_bytes : 0;
    *job = (struct cr_xof_job){.rate = CR_SHAKE256_RATE,
                               .parts_count = 4,
                               .parts = {{item->key->tr, CR_MLDSA_TR_BYTES},
                                         {w->prefix, external ? sizeof w->prefix : 0},
                                         {item->context, external ? item->context_bytes : 0},
                                         {item->message, item->message_bytes}},
                               .take = take_mu,
                               .context = w};
}

static void ball_job(struct work *w, struct cr_xof_job *job)
{
    memset(w->c, 0, sizeof w->c);
    w->ball_at = N - w->p->tau;
    w->has_signs = false;
    *job = (struct cr_xof_job){.rate = CR_SHAKE256_RATE,
                               .parts_count = 1,
                               .parts = {{w->item->signature, w->p->ctilde_bytes}},
                               .take = take_ball,
                               .context = w};
}

/* The jobs of the beginning: mu and c of each signature. */
static bool next_of_first(void *context, uint32_t lane, struct cr_xof_job *job)
{
    struct source *source = context;
    (void)lane;
    if (source->given == 2 * source->count) return false;
    struct work *w = &source->works[source->given / 2];
    if (source->given++ % 2 == 0)
        mu_job(w, job);
    else
        ball_job(w, job);
    return true;
}

/* The jobs of the end: c~' = H(mu | w1). Whoever's z is too long stays invalid. */
static bool next_of_last(void *context, uint32_t lane, struct cr_xof_job *job)
{
    struct source *source = context;
    (void)lane;
    while (source->given < source->count && !source->works[source->given].is_short)
        source->given++;
    if (source->given == source->count) return false;
    struct work *w = &source->works[source->given++];
    const size_t bytes = CR_MLDSA_MU_BYTES + (size_t)w->p->k * cr_mldsa_w1_bytes(w->p);
    *job = (struct cr_xof_job){.rate = CR_SHAKE256_RATE,
                               .parts_count = 1,
                               .parts = {{w->last, bytes}},
                               .take = take_ctilde,
                               .context = w};
    return true;
}

/* Algorithm 8, lines 9 and 10, and w1Encode. */
static void commitment(const struct cr_mldsa_kernels *kernels, struct work *w, const int32_t *zc)
{
    const struct cr_mldsa_params *p = w->p;
    const uint8_t *y = hints_of(p, w->item->signature);
    const uint32_t columns = p->l + 1;
    uint8_t *out = w->last + CR_MLDSA_MU_BYTES;
    uint32_t index = 0;
    for (uint32_t i = 0; i < p->k; i++, out += cr_mldsa_w1_bytes(p)) {
        CR_SCRATCH _Alignas(64) int32_t row[N];
        CR_SCRATCH _Alignas(64) uint8_t w1[N];
        kernels->row(w->item->key->rows + (size_t)i * columns * N, zc, columns, row);
        kernels->ntt_inverse(row);
        kernels->high_bits(p, row, w1);
        for (; index < y[p->omega + i]; index++)
            w1[y[index]] = cr_mldsa_hinted(p, row[y[index]], w1[y[index]]);
        kernels->pack_w1(p, w1, out);
    }
}

/* Between the hashes. */
static void compute(const struct cr_mldsa_kernels *kernels, struct work *w)
{
    const struct cr_mldsa_params *p = w->p;
    const uint8_t *bytes = w->item->signature + p->ctilde_bytes;
    CR_SCRATCH _Alignas(64) int32_t zc[(CR_MLDSA_L_MAX + 1) * N];
    w->is_short = true;
    for (uint32_t i = 0; i < p->l && w->is_short; i++, bytes += cr_mldsa_z_bytes(p))
        w->is_short = kernels->unpack_z(p, bytes, zc + (size_t)i * N);
    if (!w->is_short) return;
    memcpy(zc + (size_t)p->l * N, w->c, sizeof w->c);
    for (uint32_t i = 0; i <= p->l; i++)
        kernels->ntt(zc + (size_t)i * N);
    commitment(kernels, w, zc);
}

static void verify_some(const struct cr_mldsa_kernels *kernels, struct work *works, uint32_t count)
{
    struct source source = {.works = works, .count = count};
    cr_xof_run(kernels, 2 * count, next_of_first, &source);
    for (uint32_t i = 0; i < count; i++)
        compute(kernels, &works[i]);
    source.given = 0;
    cr_xof_run(kernels, count, next_of_last, &source);
}

static void verify_all(const struct cr_mldsa_kernels *kernels, struct cr_verify_item *items,
                       uint32_t count, bool internal)
{
    CR_SCRATCH struct work works[CR_MLDSA_LANES_MAX];
    uint32_t waiting = 0;
    for (uint32_t i = 0; i < count; i++) {
        items[i].valid = false;
        if (form_is_good(&items[i], internal)) {
            CR_ASSERT(items[i].key->kernels == kernels);
            works[waiting].item = &items[i];
            works[waiting].p = items[i].key->params;
            works[waiting].internal = internal;
            waiting++;
        }
        if (waiting == kernels->lanes || (i + 1 == count && waiting > 0)) {
            verify_some(kernels, works, waiting);
            waiting = 0;
        }
    }
}

void cr_mldsa_verify(const struct cr_mldsa_kernels *kernels, struct cr_verify_item *items,
                     uint32_t count)
{
    verify_all(kernels, items, count, false);
}

void cr_mldsa_verify_internal(const struct cr_mldsa_kernels *kernels, struct cr_verify_item *items,
                              uint32_t count)
{
    verify_all(kernels, items, count, true);
}
