/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: memory that runs out never turns a valid signature into an invalid one: the process stops.
 * Method: OpenSSL's n-th request for memory while a key is prepared and a signature verified fails,
 * or that one and all after it, for every n, each in a process and a thread of its own. */
#include "base/base.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/keys.h"

enum { VALID = 0, INVALID = 1, STOPPED = 2, REQUESTS_MAX = 1000 };

static long left = -1; /* requests until one fails; negative: none does */
static bool all_after; /* and so do all after it */
static bool failed;

static bool fails(void)
{
    if (failed && all_after) return true;
    if (left < 0 || left-- > 0) return false;
    failed = true;
    return true;
}

static void *give(size_t bytes, const char *file, int line)
{
    (void)file, (void)line;
    return fails() ? NULL : malloc(bytes); /* lint: allow, OpenSSL's hook */
}

static void *give_more(void *old, size_t bytes, const char *file, int line)
{
    (void)file, (void)line;
    return fails() ? NULL : realloc(old, bytes); /* lint: allow, OpenSSL's hook */
}

static void take_back(void *old, const char *file, int line)
{
    (void)file, (void)line;
    free(old); /* lint: allow, OpenSSL's hook */
}

_Noreturn void cr_assert_failed(const char *cond, const char *file, int line)
{
    if (!failed) (void)fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, cond);
    _exit(STOPPED);
}

static struct cr_public_key public;

static void *verify(void *context)
{
    struct cr_verify_item *item = context;
    struct cr_prepared_key *prepared = cr_verifier_openssl.prepare(&public);
    item->key = prepared;
    cr_verifier_openssl.verify(item, 1);
    cr_verifier_openssl.forget(prepared);
    return NULL;
}

/* What a process says whose request number `at` fails; *reached: it came to that request. */
static int verdict(struct cr_verify_item item, long at, bool *reached)
{
    const pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        left = at;
        if (pthread_create(&thread, NULL, verify, &item) != 0) _exit(0xf);
        if (pthread_join(thread, NULL) != 0) _exit(0xf);
        _exit((item.valid ? VALID : INVALID) | (failed ? 0x10 : 0));
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
    const int code = WEXITSTATUS(status);
    *reached = code == STOPPED || (code & 0x10) != 0;
    return code & 0xf;
}

static bool try_all(struct cr_verify_item item, bool all)
{
    all_after = all;
    long at = 0;
    long stopped = 0;
    for (bool reached = true; reached && at < REQUESTS_MAX; at++) {
        const int got = verdict(item, at, &reached);
        stopped += got == STOPPED;
        if (got == VALID || (got == STOPPED && reached)) continue;
        (void)fprintf(stderr, "request %ld: verdict %d\n", at, got);
        return false;
    }
    (void)printf("%ld requests, %ld stops\n", at - 1, stopped);
    return stopped > 0 && at < REQUESTS_MAX;
}

int main(void)
{
    static const uint8_t message[32] = {1};
    static uint8_t signature[CR_SIG_BYTES_MAX];
    const uint8_t seed[32] = {5};
    struct cr_secret_key *secret = NULL;
    struct cr_verify_item item = {.message = message, .message_bytes = sizeof message};

    if (CRYPTO_set_mem_functions(give, give_more, take_back) != 1) return EXIT_FAILURE;
    if (cr_secret_key_from_seed(CR_ALG_MLDSA65, seed, &secret) != CR_OK) return EXIT_FAILURE;
    cr_secret_key_public(secret, &public);
    if (cr_sign(secret, NULL, 0, message, sizeof message, signature, &item.signature_bytes) !=
        CR_OK)
        return EXIT_FAILURE;
    item.signature = signature;

    const bool passed = try_all(item, false) && try_all(item, true);
    cr_secret_key_free(secret);
    return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
