/* SPDX-License-Identifier: Apache-2.0 */
/* replay FOLDER [COUNT [FIRST]]: runs a fuzz target, without libFuzzer, on every file of the folder
 * and then on COUNT deterministic mutations of them, numbers FIRST and up. Mutation n depends on
 * the files and on n alone, so the number that a failure prints replays it: replay FOLDER 1 n. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/prng.h"
#include "fuzz.h"

enum { SEEDS_MAX = 256, SEED_BYTES_MAX = 64 * 1024, EDITS_MAX = 6 };

struct seed {
    uint8_t *bytes;
    size_t count;
};

static struct seed seeds[SEEDS_MAX];
static uint32_t seeds_count;
static char where[512]; /* what runs now, for the handler */

static void on_crash(int number)
{
    static const char before[] = "fuzz: failed at ";
    if (write(STDERR_FILENO, before, sizeof before - 1) < 0) _exit(1);
    if (write(STDERR_FILENO, where, strlen(where)) < 0) _exit(1);
    if (write(STDERR_FILENO, "\n", 1) < 0) _exit(1);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* A copy of exactly this size, so that a sanitizer sees any read beyond it. */
static void run(const uint8_t *bytes, size_t count)
{
    uint8_t *copy = malloc(count > 0 ? count : 1);
    if (!copy) exit(EXIT_FAILURE);
    if (count > 0) memcpy(copy, bytes, count);
    (void)LLVMFuzzerTestOneInput(copy, count);
    free(copy);
}

static void edit(struct cr_prng *prng, uint8_t *bytes, size_t *count)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     2,
                                     0x7f,
                                     0x80,
                                     0xff,
                                     0x100,
                                     0x7fff,
                                     0xffff,
                                     0x10000,
                                     0x7fffffff,
                                     0xffffffff,
                                     0xffffffffffffffff};
    const uint64_t kind = cr_prng_below(prng, 6);
    const size_t at = (size_t)cr_prng_below(prng, *count + 1);
    const size_t left = *count - at;
    if (kind == 0 && left > 0) {
        bytes[at] ^= (uint8_t)(1u << cr_prng_below(prng, 8));
    } else if (kind == 1 && left > 0) {
        bytes[at] = (uint8_t)cr_prng_next(prng);
    } else if (kind == 2) { /* an integer of some width, at its limits or beside the old one */
        const size_t width = (size_t)1 << cr_prng_below(prng, 4);
        if (width > left) return;
        const uint64_t mask = width == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;
        uint64_t value = edges[cr_prng_below(prng, CR_COUNT_OF(edges))];
        if (cr_prng_below(prng, 2) == 0) value = cr_load_le(bytes + at, width) + value - 1;
        cr_store_le(bytes + at, value & mask, width);
    } else if (kind == 3) {
        *count = at;
    } else if (kind == 4) { /* something is inserted, or put in its place */
        const struct seed *other = &seeds[cr_prng_below(prng, seeds_count)];
        const size_t from = (size_t)cr_prng_below(prng, other->count + 1);
        const size_t some = (size_t)cr_prng_below(prng, other->count - from + 1);
        if (some > SEED_BYTES_MAX - *count) return;
        memmove(bytes + at + some, bytes + at, left);
        memcpy(bytes + at, other->bytes + from, some);
        *count += some;
    } else if (left > 0) { /* something is cut out */
        const size_t some = 1 + (size_t)cr_prng_below(prng, left);
        memmove(bytes + at, bytes + at + some, left - some);
        *count -= some;
    }
}

static void mutate(uint64_t number)
{
    static uint8_t bytes[SEED_BYTES_MAX];
    struct cr_prng prng = cr_prng_stream(1, 1, number);
    const struct seed *seed = &seeds[cr_prng_below(&prng, seeds_count)];
    size_t count = seed->count;
    memcpy(bytes, seed->bytes, count);
    const uint64_t edits = 1 + cr_prng_below(&prng, EDITS_MAX);
    for (uint64_t i = 0; i < edits; i++)
        edit(&prng, bytes, &count);
    (void)snprintf(where, sizeof where, "mutation %llu", (unsigned long long)number);
    run(bytes, count);
}

static int is_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void load(const char *path)
{
    static uint8_t bytes[SEED_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    if (!file || seeds_count == SEEDS_MAX) {
        (void)fprintf(stderr, "fuzz: cannot load '%s'\n", path);
        exit(EXIT_FAILURE);
    }
    struct seed *seed = &seeds[seeds_count++];
    seed->count = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    seed->bytes = malloc(seed->count + 1);
    if (!seed->bytes) exit(EXIT_FAILURE);
    memcpy(seed->bytes, bytes, seed->count);
}

static void replay_files(const char *folder)
{
    struct dirent **names = NULL;
    const int count = scandir(folder, &names, is_file, alphasort);
    for (int i = 0; i < count; i++) {
        (void)snprintf(where, sizeof where, "%s/%s", folder, names[i]->d_name);
        free(names[i]);
        load(where);
        run(seeds[seeds_count - 1].bytes, seeds[seeds_count - 1].count);
    }
    free(names);
    if (count <= 0) {
        (void)fprintf(stderr, "fuzz: no seeds in '%s'\n", folder);
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) return EXIT_FAILURE;
    const uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    const uint64_t first = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    (void)signal(SIGABRT, on_crash);
    (void)signal(SIGSEGV, on_crash);
    run(NULL, 0);
    replay_files(argv[1]);
    for (uint64_t i = 0; i < count; i++)
        mutate(first + i);
    (void)printf("%u files, %llu mutations\n", seeds_count, (unsigned long long)count);
    for (uint32_t i = 0; i < seeds_count; i++)
        free(seeds[i].bytes);
    return EXIT_SUCCESS;
}
