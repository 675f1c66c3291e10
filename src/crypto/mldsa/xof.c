/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/mldsa/xof.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words of a sponge are little-endian");

enum { WORDS = 25 };

struct lane {
    struct cr_xof_job job;
    uint32_t part;  /* the one that is being absorbed */
    bool is_open;   /* has a job */
    bool squeezing; /* all is absorbed */
};

struct sponges {
    _Alignas(64) uint64_t words[WORDS * CR_MLDSA_LANES_MAX];
    uint8_t block[CR_SHAKE128_RATE + CR_MLDSA_SLACK];
    uint32_t count;
    void (*permute)(uint64_t *words);
    struct lane lanes[CR_MLDSA_LANES_MAX];
};

static void add(struct sponges *s, uint32_t lane, const uint8_t *bytes, uint32_t rate)
{
    for (uint32_t i = 0; i < rate / 8; i++) {
        uint64_t word;
        memcpy(&word, bytes + (size_t)8 * i, sizeof word);
        s->words[i * s->count + lane] ^= word;
    }
}

/* The next block of a message that has less than one left in its present part: pieced together,
 * with FIPS 202's padding for SHAKE when it is the last one. */
static void piece_together(struct lane *lane, uint8_t *block)
{
    struct cr_xof_job *job = &lane->job;
    size_t have = 0;
    memset(block, 0, job->rate);
    while (have < job->rate && lane->part < job->parts_count) {
        const size_t left = job->parts[lane->part].count, room = job->rate - have;
        const size_t some = left < room ? left : room;
        if (some > 0) memcpy(block + have, job->parts[lane->part].bytes, some);
        have += some;
        job->parts[lane->part].count -= some;
        if (some > 0) job->parts[lane->part].bytes += some;
        if (some == left) lane->part++;
    }
    if (have == job->rate) return;
    block[have] = 0x1f;
    block[job->rate - 1] ^= 0x80;
    lane->squeezing = true;
}

static void absorb(struct sponges *s, uint32_t i)
{
    struct lane *lane = &s->lanes[i];
    struct cr_xof_job *job = &lane->job;
    if (lane->part < job->parts_count && job->parts[lane->part].count >= job->rate) {
        add(s, i, job->parts[lane->part].bytes, job->rate);
        job->parts[lane->part].bytes += job->rate;
        job->parts[lane->part].count -= job->rate;
        return;
    }
    piece_together(lane, s->block);
    add(s, i, s->block, job->rate);
}

/* After a permutation: a block of output, if all is absorbed. */
static void squeeze(struct sponges *s, uint32_t i)
{
    struct lane *lane = &s->lanes[i];
    if (!lane->squeezing) return;
    for (uint32_t word = 0; word < lane->job.rate / 8; word++)
        memcpy(s->block + (size_t)8 * word, &s->words[word * s->count + i], 8);
    lane->is_open = lane->job.take(lane->job.context, s->block);
}

static bool begin(struct sponges *s, uint32_t i, cr_xof_next *next, void *source)
{
    struct lane *lane = &s->lanes[i];
    if (!next(source, i, &lane->job)) return false;
    lane->part = 0;
    lane->is_open = true;
    lane->squeezing = false;
    for (uint32_t word = 0; word < WORDS; word++)
        s->words[word * s->count + i] = 0;
    return true;
}

void cr_xof_run(const struct cr_mldsa_kernels *kernels, uint32_t count, cr_xof_next *next,
                void *source)
{
    CR_SCRATCH struct sponges s;
    const bool wide = count >= kernels->lanes_pay_at;
    bool more = true; /* jobs may be left */
    s.count = wide ? kernels->lanes : 1;
    s.permute = wide ? kernels->keccak : kernels->keccak_one;
    for (uint32_t i = 0; i < s.count; i++)
        s.lanes[i].is_open = false;
    for (;;) {
        uint32_t busy = 0;
        for (uint32_t i = 0; i < s.count; i++) {
            struct lane *lane = &s.lanes[i];
            if (!lane->is_open && more) more = begin(&s, i, next, source);
            if (!lane->is_open) continue;
            if (!lane->squeezing) absorb(&s, i);
            busy++;
        }
        if (busy == 0) return;
        s.permute(s.words);
        for (uint32_t i = 0; i < s.count; i++) {
            if (s.lanes[i].is_open) squeeze(&s, i);
        }
    }
}
