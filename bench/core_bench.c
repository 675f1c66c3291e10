/* SPDX-License-Identifier: Apache-2.0 */
/* What does one accepted vertex cost the core, does a step ever allocate, and how much memory does
 * a core plan for?
 *
 * One core, validator 0, in a network without faults: all others speak in every round, every
 * vertex references all of the round before. A step is everything that follows from one vertex:
 * acceptance, votes, certificates, decisions, a commit when one is due, the next proposal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/core.h"
#include "crypto/hash.h"

enum {
    ROUNDS_BEFORE = 150, /* the window is full and the horizon moves */
    ROUNDS_MEASURED = 200,
    STEP_US = 50, /* virtual time between two steps */
};

static struct bench {
    struct cr_committee committee;
    struct cr_core *core;
    struct cr_effects effects;
    struct cr_header header, own;
    uint64_t now_us;
    uint32_t bodies;
    uint32_t commits;
    double us[ROUNDS_MEASURED * CR_VALIDATORS_MAX];
    uint32_t us_count;
} bench;

/* ---- every allocation of the program comes by here (linker option --wrap) ---- */

static uint64_t allocations;

/* The names are the linker's. */
/* NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming) */
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    allocations++;
    return __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    allocations++;
    return __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    allocations++;
    return __real_realloc(memory, bytes);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    allocations++;
    return __real_aligned_alloc(alignment, bytes);
}
/* NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming) */

/* ---- the network around the core ---- */

static struct cr_hash digest_of(uint32_t round, uint32_t author)
{
    if (round == 0) return cr_committee_genesis_digest(&bench.committee, author);
    const uint32_t name[] = {round, author};
    return cr_hash_of(name, sizeof name);
}

static void step(struct cr_event *event)
{
    bench.now_us += STEP_US;
    event->now_us = bench.now_us;
    event->wall_ms = bench.now_us / 1000;
    cr_core_step(bench.core, event, &bench.effects);
}

/* Seals and stores what the last step ordered, until nothing more comes. */
static void follow(void)
{
    uint64_t stored = 0;
    bool proposed = false;
    for (uint32_t i = 0; i < bench.effects.count; i++) {
        const struct cr_effect *effect = &bench.effects.items[i];
        if (effect->kind == CR_EFFECT_COMMIT) bench.commits++;
        if (effect->kind == CR_EFFECT_STORE && effect->store.own) stored = effect->store.sequence;
        if (effect->kind != CR_EFFECT_PROPOSE) continue;
        bench.own = *effect->header;
        proposed = true;
    }
    if (proposed) {
        bench.own.payload_count = bench.own.payload_bytes = 0;
        struct cr_event event = {.kind = CR_EVENT_SEALED};
        event.vertex =
            (struct cr_event_vertex){&bench.own, digest_of(bench.own.round, 0), bench.bodies++};
        step(&event);
        follow();
    }
    if (stored > 0) {
        struct cr_event event = {.kind = CR_EVENT_STORED, .sequence = stored};
        step(&event);
        follow();
    }
}

static void fill_parents(struct cr_header *header, uint32_t round)
{
    for (uint32_t a = 0; a < bench.committee.validators_count; a++) {
        cr_authors_add(&header->parents, a);
        header->parent_digests[a] = digest_of(round - 1, a);
    }
}

static void play_round(uint32_t round, bool measured)
{
    struct cr_header *header = &bench.header;
    memset(header, 0, sizeof *header);
    header->validators_count = bench.committee.validators_count;
    header->round = round;
    header->payload_count = 1;
    header->payload_bytes = 1;
    fill_parents(header, round);
    for (uint32_t a = 1; a < bench.committee.validators_count; a++) {
        header->author = a;
        struct cr_event event = {.kind = CR_EVENT_VERTEX, .peer = a};
        event.vertex = (struct cr_event_vertex){header, digest_of(round, a), bench.bodies++};
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        step(&event);
        clock_gettime(CLOCK_MONOTONIC, &to);
        if (measured)
            bench.us[bench.us_count++] =
                (double)(to.tv_sec - from.tv_sec) * 1e6 + (double)(to.tv_nsec - from.tv_nsec) / 1e3;
        follow();
    }
}

/* ---- what is measured ---- */

static struct cr_core_config config_of(uint32_t validators, bool equal)
{
    const struct cr_hash genesis_id = {{7}};
    uint64_t stakes[CR_VALIDATORS_MAX];
    for (uint32_t a = 0; a < validators; a++)
        stakes[a] = equal ? 1 : 1000 + a;
    const enum cr_err err = cr_committee_init(&bench.committee, &genesis_id, 0, stakes, validators);
    CR_ASSERT(err == CR_OK);
    return (struct cr_core_config){.committee = &bench.committee,
                                   .gc_depth = CR_GC_DEPTH,
                                   .round_delay_us = 1,
                                   .idle_delay_us = 1,
                                   .round_timeout_us = 1000 * 1000,
                                   .round_timeout_us_max = 1000 * 1000,
                                   .payload_bytes_max = 1000};
}

static size_t memory_of(const struct cr_core_config *config)
{
    struct cr_arena arena;
    struct cr_effects effects;
    cr_arena_init_measure(&arena);
    (void)cr_core_init(&arena, config);
    cr_effects_init(&arena, &effects, config);
    return arena.bytes_used;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool measure_steps(uint32_t validators, bool equal)
{
    bench = (struct bench){0};
    const struct cr_core_config config = config_of(validators, equal);
    const size_t bytes = memory_of(&config);
    void *memory = aligned_alloc(64, bytes);
    struct cr_arena arena;
    cr_arena_init(&arena, memory, bytes);
    bench.core = cr_core_init(&arena, &config);
    cr_effects_init(&arena, &bench.effects, &config);
    cr_arena_seal(&arena); /* taking more would be a failed assertion */

    const uint64_t before = allocations;
    step(&(struct cr_event){.kind = CR_EVENT_START});
    follow();
    for (uint32_t round = 1; round <= ROUNDS_BEFORE + ROUNDS_MEASURED; round++)
        play_round(round, round > ROUNDS_BEFORE);
    const uint64_t made = allocations - before;
    CR_ASSERT(bench.commits >= ROUNDS_BEFORE + ROUNDS_MEASURED - 4); /* it was the real path */

    double sum = 0;
    for (uint32_t i = 0; i < bench.us_count; i++)
        sum += bench.us[i];
    qsort(bench.us, bench.us_count, sizeof bench.us[0], by_value);
    printf("{\"bench\": \"core_step_n%u%s\", \"unit\": \"us\", \"median\": %.3g, \"mean\": %.3g, "
           "\"p99\": %.3g, \"max\": %.3g, \"steps\": %u, \"allocations\": %llu}\n",
           validators, equal ? "" : "_unequal", bench.us[bench.us_count / 2], sum / bench.us_count,
           bench.us[bench.us_count * 99 / 100], bench.us[bench.us_count - 1], bench.us_count,
           (unsigned long long)made);
    free(memory);
    return made == 0;
}

int main(void)
{
    bool good = true;
    const uint32_t sizes[] = {10, 100};
    for (size_t i = 0; i < CR_COUNT_OF(sizes); i++) {
        good = measure_steps(sizes[i], true) && good;
        good = measure_steps(sizes[i], false) && good;
    }
    const struct cr_core_config config = config_of(CR_VALIDATORS_MAX, true);
    printf("{\"bench\": \"core_memory_n%u\", \"unit\": \"MiB\", \"value\": %.1f}\n",
           CR_VALIDATORS_MAX, (double)memory_of(&config) / (1 << 20));
    return good ? 0 : 1;
}
