/* SPDX-License-Identifier: Apache-2.0 */
/* Verification against files of cases in OpenSSL's evp_test form, by OpenSSL, by the reference, and
 * by every back end of this processor in every lane; all must say the same. Our own cases, beside
 * this file, always run. NIST's ACVP cases run when they are there: in $CRETO_VECTORS, or in
 * shared/vectors beside the project. Cases for the internal function (message-encoding:0) are not
 * for OpenSSL, whose interface here has none; cases that hand over no message (mu) are left out. */
#include "base/unit.h"

#include <stdio.h>

#include "crypto/mldsa/everybody_testing.h"

enum { PUBLIC_NAME_BYTES = 64 };

struct sigver {
    char key_name[PUBLIC_NAME_BYTES];
    struct cr_public_key key;
    uint8_t *message;
    size_t message_bytes;
    uint8_t *signature;
    size_t signature_bytes;
    uint8_t context[512];
    size_t context_bytes;
    bool open;     /* a case has begun */
    bool internal; /* for algorithm 8 */
    bool other;    /* not our interface */
    bool fails;    /* as the file says */
};

struct counts {
    uint32_t accepted;
    uint32_t refused;
    uint32_t left_out;
};

/* Decodes all of `hex` into new memory. */
static uint8_t *bytes_of(const char *hex, size_t *count)
{
    *count = strlen(hex) / 2;
    uint8_t *bytes = malloc(*count + 1);
    assert_non_null(bytes);
    assert_int_equal(cr_hex_decode(hex, strlen(hex), bytes, *count), CR_OK);
    return bytes;
}

static bool verify(const struct sigver *one, const struct everybody *key)
{
    const struct cr_verify_item item = {.context = one->context,
                                        .context_bytes = one->context_bytes,
                                        .message = one->message,
                                        .message_bytes = one->message_bytes,
                                        .signature = one->signature,
                                        .signature_bytes = one->signature_bytes};
    return everybody_verify(key, &item, one->internal);
}

/* A valid case must not survive a change of any of its parts. */
static void spoil(struct sigver *one, const struct everybody *key)
{
    for (size_t at = 0; at < one->signature_bytes; at += 631) {
        one->signature[at] ^= 0x10;
        assert_false(verify(one, key));
        one->signature[at] ^= 0x10;
    }
    if (one->message_bytes > 0) {
        one->message[0] ^= 1;
        assert_false(verify(one, key));
        one->message[0] ^= 1;
    }
    if (one->internal) return;
    one->context_bytes++;
    assert_false(verify(one, key));
    one->context_bytes--;
}

static void finish(struct sigver *one, struct counts *counts)
{
    if (one->open && one->other) counts->left_out++;
    if (one->open && !one->other) {
        struct everybody key;
        everybody_prepare(&one->key, &key);
        const bool valid = verify(one, &key);
        if (valid == one->fails) fail_msg("%s: %s", one->key_name, valid ? "valid" : "invalid");
        if (valid) spoil(one, &key);
        everybody_forget(&key);
        if (valid)
            counts->accepted++;
        else
            counts->refused++;
    }
    free(one->message);
    free(one->signature);
    one->message = one->signature = NULL;
    one->message_bytes = one->signature_bytes = one->context_bytes = 0;
    one->open = one->internal = one->other = one->fails = false;
}

/* "NAME:ML-DSA-44:hex" */
static void read_key(char *value, struct sigver *one)
{
    char *alg = strchr(value, ':');
    assert_non_null(alg);
    *alg++ = 0;
    char *hex = strchr(alg, ':');
    assert_non_null(hex);
    *hex++ = 0;
    assert_true(strlen(value) < sizeof one->key_name);
    memcpy(one->key_name, value, strlen(value) + 1);
    one->key.alg = cr_alg_parse(alg);
    const size_t count = cr_alg_key_bytes(one->key.alg);
    assert_int_equal(cr_hex_decode(hex, strlen(hex), one->key.bytes, count), CR_OK);
}

static void read_control(const char *value, struct sigver *one)
{
    static const char context[] = "hexcontext-string:";
    if (strcmp(value, "message-encoding:0") == 0) one->internal = true;
    if (strcmp(value, "mu:1") == 0) one->other = true;
    if (strncmp(value, context, sizeof context - 1) != 0) return;
    const char *hex = value + sizeof context - 1;
    one->context_bytes = strlen(hex) / 2;
    assert_true(one->context_bytes < sizeof one->context);
    assert_int_equal(cr_hex_decode(hex, strlen(hex), one->context, one->context_bytes), CR_OK);
}

static void read_line(char *line, struct sigver *one, struct counts *counts)
{
    line[strcspn(line, "\r\n")] = 0;
    char *value = strstr(line, " = ");
    if (line[0] == '#' || !value) return;
    *value = 0;
    value += 3;
    if (strcmp(line, "PublicKeyRaw") == 0) {
        finish(one, counts);
        read_key(value, one);
    } else if (strcmp(line, "Verify-Message-Public") == 0) {
        finish(one, counts);
        one->open = true;
        assert_string_equal(strchr(value, ':') + 1, one->key_name);
    } else if (strcmp(line, "Input") == 0) {
        one->message = bytes_of(value, &one->message_bytes);
    } else if (strcmp(line, "Output") == 0) {
        one->signature = bytes_of(value, &one->signature_bytes);
    } else if (strcmp(line, "Ctrl") == 0) {
        read_control(value, one);
    } else if (strcmp(line, "Result") == 0) {
        one->fails = true;
    }
}

/* false: there is no such file. */
static bool run_file(const char *folder, const char *name, struct counts *counts)
{
    static char line[64 * 1024];
    static struct sigver one;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    if (!file) return false;
    while (fgets(line, sizeof line, file))
        read_line(line, &one, counts);
    finish(&one, counts);
    assert_int_equal(fclose(file), 0);
    return true;
}

/* Goal: our own cases: made by OpenSSL 3.5.7, one for each level, and every change of them. */
static void own_cases(void **state)
{
    (void)state;
    struct counts counts = {0};
    assert_true(run_file(CR_SOURCE_DIR "/src/crypto", "sigver_cases.txt", &counts));
    assert_int_equal(counts.accepted, 3);
    assert_int_equal(counts.refused, 0);
}

/* Goal: NIST's verdict on NIST's cases. */
static void acvp_cases(void **state)
{
    (void)state;
    const char *folder = getenv("CRETO_VECTORS");
    struct counts counts = {0};
    if (!folder) folder = CR_SOURCE_DIR "/../shared/vectors";
    if (!run_file(folder, "ml_dsa_sigver_acvp.txt", &counts)) skip();
    print_message("%u accepted, %u refused, %u left out\n", counts.accepted, counts.refused,
                  counts.left_out);
    assert_true(counts.accepted > 0 && counts.refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_cases),
        cmocka_unit_test(acvp_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
