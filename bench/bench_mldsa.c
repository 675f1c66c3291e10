/* SPDX-License-Identifier: Apache-2.0 */
/* How many ML-DSA signatures does one core verify in a second? Messages of 32 bytes.
 *
 *   single    one signature of an encoded key; nothing is kept
 *   prepared  one signature in each call, under a key that is prepared
 *   batch     `batch` signatures in each call, under as many prepared keys
 *   cold      `batch` encoded keys are prepared together, and one signature of each verified
 *
 * `keys` prepared keys are used in turn: 16 stay in the caches, 1,024 do not. All lines are
 * measured in turn, in short trials, round by round, so that other work on the machine hits them
 * alike; a line is the 10th percentile of its trials. bench-mldsa [ROUNDS [LEVEL]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

#include "crypto/keys.h"
#include "crypto/mldsa/verify.h"

enum { CLAIMS = 16, MANY_KEYS = 1024, LINES_MAX = 64, ROUNDS_MAX = 2000, TRIAL_NS = 400000 };

enum mode { SINGLE, PREPARED, BATCH, COLD };
static const char *const mode_names[] = {"single", "prepared", "batch", "cold"};

static struct cr_public_key public[CLAIMS];
static uint8_t messages[CLAIMS][32], signatures[CLAIMS][CR_SIG_BYTES_MAX];
static size_t signature_bytes;

struct line {
    const struct cr_mldsa_kernels *kernels; /* NULL: OpenSSL */
    enum mode mode;
    uint32_t batch, keys_count;
    uint32_t calls;                          /* in a trial */
    uint32_t next;                           /* key */
    double ns[ROUNDS_MAX];                   /* for one signature */
    struct cr_prepared_key *keys[MANY_KEYS]; /* key i is that of claim i % CLAIMS */
};

static struct line lines[LINES_MAX];
static uint32_t lines_count;

_Noreturn void cr_assert_failed(const char *cond, const char *file, int line)
{
    (void)fprintf(stderr, "bench-mldsa: %s is false at %s:%d\n", cond, file, line);
    exit(EXIT_FAILURE);
}

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void make_claims(enum cr_alg alg)
{
    for (uint32_t i = 0; i < CLAIMS; i++) {
        struct cr_secret_key *secret;
        const uint8_t seed[32] = {(uint8_t)i, (uint8_t)alg};
        messages[i][0] = (uint8_t)i;
        CR_ASSERT(cr_secret_key_from_seed(alg, seed, &secret) == CR_OK);
        cr_secret_key_public(secret, &public[i]);
        CR_ASSERT(cr_sign(secret, NULL, 0, messages[i], sizeof messages[i], signatures[i],
                          &signature_bytes) == CR_OK);
        cr_secret_key_free(secret);
    }
}

/* Keys first..first+batch-1, which have memory. */
static void prepare(struct line *line, uint32_t first)
{
    const struct cr_public_key *views[CLAIMS] = {NULL};
    for (uint32_t i = 0; i < line->batch; i++)
        views[i] = &public[(first + i) % CLAIMS];
    if (line->kernels) {
        cr_mldsa_prepare(line->kernels, line->batch, views, line->keys + first);
        return;
    }
    for (uint32_t i = 0; i < line->batch; i++) {
        cr_verifier_openssl.forget(line->keys[first + i]);
        line->keys[first + i] = cr_verifier_openssl.prepare(views[i]);
    }
}

static void call(struct line *line)
{
    struct cr_verify_item items[CLAIMS];
    const bool unknown = line->mode == SINGLE || line->mode == COLD;
    const uint32_t first = line->next;
    line->next = (first + line->batch) % line->keys_count;
    if (unknown) prepare(line, first);
    for (uint32_t i = 0; i < line->batch; i++) {
        const uint32_t claim = (first + i) % CLAIMS;
        items[i] = (struct cr_verify_item){.key = line->keys[first + i],
                                           .message = messages[claim],
                                           .message_bytes = sizeof messages[0],
                                           .signature = signatures[claim],
                                           .signature_bytes = signature_bytes};
    }
    if (line->kernels)
        cr_mldsa_verify(line->kernels, items, line->batch);
    else
        cr_verifier_openssl.verify(items, line->batch);
    for (uint32_t i = 0; i < line->batch; i++)
        CR_ASSERT(items[i].valid);
}

static double trial(struct line *line)
{
    const double start = now_ns();
    for (uint32_t i = 0; i < line->calls; i++)
        call(line);
    return (now_ns() - start) / line->calls / line->batch;
}

static void add(const struct cr_mldsa_kernels *kernels, enum mode mode, uint32_t batch,
                uint32_t keys_count)
{
    CR_ASSERT(lines_count < LINES_MAX && CLAIMS % batch == 0);
    struct line *line = &lines[lines_count++];
    line->kernels = kernels;
    line->mode = mode;
    line->batch = batch;
    line->keys_count = keys_count;
    line->next = 0;
    for (uint32_t i = 0; i < keys_count; i++) {
        line->keys[i] = kernels ? aligned_alloc(64, cr_mldsa_key_bytes(public[0].alg)) : NULL;
        CR_ASSERT(!kernels || line->keys[i] != NULL);
    }
    for (uint32_t first = 0; first < keys_count; first += batch)
        prepare(line, first);
    line->calls = 4;
    (void)trial(line); /* warms up */
    const double ns = trial(line) * batch;
    line->calls = ns < TRIAL_NS ? (uint32_t)(TRIAL_NS / ns) + 1 : 1;
}

static void drop(struct line *line)
{
    for (uint32_t i = 0; i < line->keys_count; i++) {
        if (line->kernels)
            free(line->keys[i]);
        else
            cr_verifier_openssl.forget(line->keys[i]);
    }
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(struct line *line, uint32_t rounds)
{
    qsort(line->ns, rounds, sizeof line->ns[0], by_value);
    const bool own = line->kernels != NULL;
    printf("{\"bench\": \"mldsa_verify\", \"level\": %u, \"library\": \"%s\", \"backend\": \"%s\", "
           "\"mode\": \"%s\", \"batch\": %u, \"keys\": %u, \"per_second\": %.0f, \"us\": %.2f, "
           "\"compiler\": \"%s\"}\n",
           (uint32_t)strtoul(cr_alg_name(public[0].alg) + 7, NULL, 10), own ? "creto" : "openssl",
           own ? line->kernels->name : OpenSSL_version(OPENSSL_VERSION_STRING),
           mode_names[line->mode], line->batch, line->keys_count, 1e9 / line->ns[rounds / 10],
           line->ns[rounds / 10] / 1e3, own ? line->kernels->compiler : "as installed");
}

static void bench(enum cr_alg alg, uint32_t rounds)
{
    const struct cr_mldsa_kernels *kernels;
    make_claims(alg);
    lines_count = 0;
    add(NULL, SINGLE, 1, CLAIMS);
    add(NULL, PREPARED, 1, CLAIMS);
    for (uint32_t i = 0; (kernels = cr_mldsa_kernels_at(i)); i++) {
        add(kernels, SINGLE, 1, CLAIMS);
        add(kernels, PREPARED, 1, CLAIMS);
        add(kernels, BATCH, 4, CLAIMS);
        add(kernels, COLD, 4, CLAIMS);
        if (kernels->lanes < 4) continue;
        add(kernels, BATCH, 8, CLAIMS);
        add(kernels, BATCH, 8, MANY_KEYS);
    }
    for (uint32_t round = 0; round < rounds; round++) {
        for (uint32_t i = 0; i < lines_count; i++)
            lines[i].ns[round] = trial(&lines[i]);
    }
    for (uint32_t i = 0; i < lines_count; i++) {
        print(&lines[i], rounds);
        drop(&lines[i]);
    }
}

int main(int count, char **word)
{
    const uint32_t rounds = count > 1 ? (uint32_t)strtoul(word[1], NULL, 10) : 200;
    if (rounds < 10 || rounds > ROUNDS_MAX) return EXIT_FAILURE;
    for (enum cr_alg alg = CR_ALG_MLDSA44; alg <= CR_ALG_MLDSA87; alg++) {
        if (count > 2 && strcmp(cr_alg_name(alg) + 7, word[2]) != 0) continue;
        bench(alg, rounds);
    }
    return EXIT_SUCCESS;
}
