/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include <stdio.h>
#include <unistd.h>

#include "base/prng.h"
#include "crypto/hash.h"
#include "node/genesis_file.h"

static char folder[64], path[128];
static struct cr_genesis *made, *loaded;
static struct cr_config_failure failure;

static int begin(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/creto-genesis-XXXXXX", sizeof "/tmp/creto-genesis-XXXXXX");
    made = calloc(1, sizeof *made);
    loaded = calloc(1, sizeof *loaded);
    if (mkdtemp(folder) == NULL || made == NULL || loaded == NULL) return 1;
    (void)snprintf(path, sizeof path, "%s/genesis.json", folder);
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(made);
    free(loaded);
    (void)unlink(path); /* absent when the last test wrote none */
    return rmdir(folder);
}

static void fill_key(struct cr_public_key *key, enum cr_alg alg, uint64_t seed)
{
    struct cr_prng prng = cr_prng_stream(seed, alg, 0);
    key->alg = alg;
    for (uint32_t i = 0; i < cr_alg_key_bytes(alg); i++)
        key->bytes[i] = (uint8_t)cr_prng_next(&prng);
}

static void make(uint32_t validators, uint32_t accounts)
{
    memset(made, 0, sizeof *made);
    (void)snprintf(made->chain, sizeof made->chain, "test-1");
    made->timestamp_ms = 1700000000000;
    assert_true(cr_genesis_profile("lan", &made->params));
    made->validators_count = validators;
    for (uint32_t i = 0; i < validators; i++) {
        struct cr_genesis_validator *v = &made->validators[i];
        (void)snprintf(v->name, sizeof v->name, "node%u", i);
        (void)snprintf(v->address, sizeof v->address, "127.0.0.1:%u", 7000 + i);
        v->stake = 10;
        fill_key(&v->consensus_key, CR_ALG_MLDSA65, i);
        fill_key(&v->transport_key, CR_ALG_MLDSA65, 500 + i);
    }
    made->accounts_count = accounts;
    for (uint32_t i = 0; i < accounts; i++) {
        made->accounts[i].balance = i * UINT64_C(1000000);
        fill_key(&made->accounts[i].key, (enum cr_alg)(1 + i % 3), 1000 + i);
    }
}

static enum cr_err save(void)
{
    (void)unlink(path); /* of the case before */
    memset(&failure, 0, sizeof failure);
    return cr_genesis_save(made, path, &failure);
}

static char *read_file(size_t *count)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    *count = fread(text, 1, (1 << 20) - 1, file);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void write_file(const char *text, size_t count)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

static enum cr_err load(void)
{
    memset(&failure, 0, sizeof failure);
    return cr_genesis_load(path, loaded, &failure);
}

/* Goal: a genesis names an operator or not; nobody is no operator. Method: the bytes. */
static void operator_may_be_named(void **state)
{
    (void)state;
    size_t count;
    make(4, 1);
    assert_int_equal(save(), CR_OK);
    char *text = read_file(&count);
    assert_null(strstr(text, "operator"));
    free(text);
    assert_int_equal(load(), CR_OK);
    assert_true(cr_hash_is_zero(&loaded->operator_account));

    made->operator_account = cr_public_key_account(&made->accounts[0].key);
    assert_int_equal(save(), CR_OK);
    assert_int_equal(load(), CR_OK);
    assert_true(cr_hash_equal(&loaded->operator_account, &made->operator_account));
    text = read_file(&count);
    char *value = strstr(text, "\"operator\":\"");
    assert_non_null(value);
    memset(value + 12, '0', 64);
    write_file(text, count);
    assert_int_equal(load(), CR_ERR_CONFIG);
    free(text);
}

/* Goal: what was saved is what is loaded, and the id is BLAKE3 of the file. Method: compare all
 * fields; the order of the input must not matter. */
static void saved_and_loaded_are_equal(void **state)
{
    (void)state;
    make(7, 5);
    assert_int_equal(save(), CR_OK);
    assert_int_equal(load(), CR_OK);
    assert_true(cr_hash_equal(&made->id, &loaded->id));
    assert_string_equal(loaded->chain, "test-1");
    assert_int_equal(loaded->timestamp_ms, made->timestamp_ms);
    assert_memory_equal(&loaded->params, &made->params, sizeof made->params);
    assert_int_equal(loaded->validators_count, 7);
    assert_int_equal(loaded->accounts_count, 5);
    assert_memory_equal(loaded->validators, made->validators, sizeof made->validators);
    assert_memory_equal(loaded->accounts, made->accounts, sizeof made->accounts);
    for (uint32_t i = 1; i < 7; i++) {
        assert_true(memcmp(loaded->validators[i - 1].consensus_key.bytes,
                           loaded->validators[i].consensus_key.bytes, CR_MLDSA65_KEY_BYTES) < 0);
    }
    size_t count = 0;
    char *text = read_file(&count);
    const struct cr_hash id = cr_hash_of(text, count);
    assert_true(cr_hash_equal(&id, &made->id));
    free(text);

    const struct cr_hash before = made->id;
    make(7, 5);
    const struct cr_genesis_validator first = made->validators[0];
    made->validators[0] = made->validators[6];
    made->validators[6] = first;
    assert_int_equal(save(), CR_OK);
    assert_true(cr_hash_equal(&before, &made->id));
}

static void a_file_is_never_overwritten(void **state)
{
    (void)state;
    make(4, 0);
    assert_int_equal(save(), CR_OK);
    assert_int_equal(cr_genesis_save(made, path, &failure), CR_ERR_EXISTS);
    assert_non_null(strstr(failure.text, path));
    assert_int_equal(load(), CR_OK);
}

/* Goal: no byte of the file can change without being noticed: either it is refused, or the id is
 * another one. Method: change bytes all over the file. */
static void every_byte_counts(void **state)
{
    (void)state;
    make(4, 1);
    assert_int_equal(save(), CR_OK);
    size_t count = 0;
    char *text = read_file(&count);
    for (size_t i = 0; i < count; i += i < 256 || i + 256 > count ? 1 : 97) {
        const char before = text[i];
        text[i] = before == '1' ? '2' : '1';
        write_file(text, count);
        if (load() == CR_OK) assert_false(cr_hash_equal(&loaded->id, &made->id));
        text[i] = before;
    }
    free(text);
}

/* Goal: the same content in another form is refused. Method: white space, newlines, numbers. */
static void only_one_form_is_accepted(void **state)
{
    (void)state;
    make(4, 0);
    assert_int_equal(save(), CR_OK);
    size_t count = 0;
    char *text = read_file(&count);
    char *changed = malloc(count + 64);
    assert_non_null(changed);

    memcpy(changed, text, count); /* no newline */
    write_file(changed, count - 1);
    assert_int_equal(load(), CR_ERR_CONFIG);
    changed[count] = '\n'; /* two of them */
    write_file(changed, count + 1);
    assert_int_equal(load(), CR_ERR_CONFIG);
    changed[0] = ' '; /* a space in front */
    memcpy(changed + 1, text, count);
    write_file(changed, count + 1);
    assert_int_equal(load(), CR_ERR_CONFIG);
    assert_non_null(strstr(failure.text, "not canonical"));

    char *digit = strstr(text, "\"gc_depth\":64"); /* upper-case hexadecimal and 64 -> 6.4e1 */
    assert_non_null(digit);
    const size_t head = (size_t)(digit - text) + 11;
    memcpy(changed, text, head);
    memcpy(changed + head, "6.4e1", 5);
    memcpy(changed + head + 5, text + head + 2, count - head - 2);
    write_file(changed, count + 3);
    assert_int_equal(load(), CR_ERR_CONFIG);
    free(changed);
    free(text);
}

static void replace(const char *from, const char *to, const char *message)
{
    make(4, 1);
    assert_int_equal(save(), CR_OK);
    size_t count = 0;
    char *text = read_file(&count), *at = strstr(text, from);
    assert_non_null(at);
    char *changed = calloc(1, count + strlen(to) + 1);
    assert_non_null(changed);
    const size_t head = (size_t)(at - text);
    memcpy(changed, text, head);
    memcpy(changed + head, to, strlen(to));
    memcpy(changed + head + strlen(to), at + strlen(from), count - head - strlen(from));
    write_file(changed, count - strlen(from) + strlen(to));
    assert_int_equal(load(), CR_ERR_CONFIG);
    if (strstr(failure.text, message) == NULL) print_error("%s: %s\n", to, failure.text);
    assert_non_null(strstr(failure.text, message));
    assert_non_null(strstr(failure.text, path));
    free(changed);
    free(text);
}

/* Goal: the schema is strict. Method: one damage per rule, with a piece of the message. */
static void wrong_files_are_explained(void **state)
{
    (void)state;
    replace("\"chain\":\"test-1\"", "\"chain\":\"a/b\"", "is no name");
    replace("\"chain\":\"test-1\",", "", "chain");
    replace("\"chain\":\"test-1\"", "\"chain\":\"test-1\",\"chains\":1", "chains");
    replace("\"chain\":\"test-1\"", "\"chain\":\"test-1\",\"chain\":\"test-1\"", "duplicate");
    replace("\"chain\":\"test-1\"", "\"chain\":\"12345678901234567890123456789012x\"", "too long");
    replace("\"format\":1", "\"format\":2", "format 2 is not known");
    replace("\"timestamp_ms\":1700000000000", "\"timestamp_ms\":0", "timestamp_ms");
    replace("\"gc_depth\":64", "\"gc_depth\":65", "must be 8 to 64");
    replace("\"gc_depth\":64,", "", "gc_depth is missing");
    replace("\"gc_depth\":64", "\"gc_depth\":64,\"gc_depths\":1", "not known here");
    replace("\"gc_depth\":64", "\"gc_depth\":-1", "out of range");
    replace("\"idle_delay_us\":400000", "\"idle_delay_us\":1000", "smaller than round_delay_us");
    replace("\"stake\":10", "\"stake\":0", "no stake");
    replace("\"stake\":10", "\"stake\":-5", "no stake");
    replace("\"stake\":10", "\"stake\":21", "alone it could stop the chain");
    replace("\"stake\":10", "\"stake\":9223372036854775807", "exceeds 2^63 - 1");
    replace("\"name\":\"node0\"", "\"name\":\"node1\"", "share their name");
    replace("127.0.0.1:7000", "127.0.0.1:7001", "share their address");
    replace("127.0.0.1:7000", "127.0.0.1", "no host:port");
    replace("\"consensus_key\":\"", "\"consensus_key\":\"00", "not 1952 bytes");
    replace("\"algorithm\":\"ML-DSA-44\"", "\"algorithm\":\"ML-DSA-45\"", "unknown algorithm");
    replace("\"balance\":0", "\"balance\":-1", "below 0");
    replace("{\"accounts\"", "[\"accounts\"", "line 1");
}

static void refused_before_it_is_written(void **state)
{
    (void)state;
    make(4, 0);
    made->validators[2].consensus_key = made->validators[1].consensus_key;
    assert_int_equal(save(), CR_ERR_CONFIG);
    assert_non_null(strstr(failure.text, "share their consensus_key"));
    make(4, 0);
    made->validators[2].transport_key = made->validators[1].consensus_key;
    assert_int_equal(save(), CR_ERR_CONFIG);
    make(4, 0);
    made->validators[2].transport_key = made->validators[2].consensus_key;
    assert_int_equal(save(), CR_ERR_CONFIG);
    make(0, 0);
    assert_int_equal(save(), CR_ERR_CONFIG);
    make(4, 2);
    made->accounts[1] = made->accounts[0];
    assert_int_equal(save(), CR_ERR_CONFIG);
    make(4, 2);
    made->accounts[0].balance = made->accounts[1].balance = INT64_MAX;
    assert_int_equal(save(), CR_ERR_CONFIG);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void sizes_at_the_limit(void **state)
{
    (void)state;
    make(CR_VALIDATORS_MAX, CR_GENESIS_ACCOUNTS_MAX);
    assert_int_equal(save(), CR_OK);
    assert_int_equal(load(), CR_OK);
    assert_int_equal(loaded->validators_count, CR_VALIDATORS_MAX);
    assert_int_equal(loaded->accounts_count, CR_GENESIS_ACCOUNTS_MAX);
    for (uint32_t n = 1; n < 4; n++) { /* below 4 nothing is tolerated, and any stake goes */
        make(n, 0);
        made->validators[0].stake = 1000;
        assert_int_equal(save(), CR_OK);
        assert_int_equal(load(), CR_OK);
    }
}

static void missing_files_and_profiles(void **state)
{
    (void)state;
    struct cr_params params;
    (void)unlink(path); /* of the test before */
    assert_int_equal(load(), CR_ERR_NOT_FOUND);
    assert_true(cr_genesis_profile("wan", &params));
    assert_int_equal(params.round_delay_us, 25000);
    assert_false(cr_genesis_profile("man", &params));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operator_may_be_named),
        cmocka_unit_test(saved_and_loaded_are_equal),
        cmocka_unit_test(a_file_is_never_overwritten),
        cmocka_unit_test(every_byte_counts),
        cmocka_unit_test(only_one_form_is_accepted),
        cmocka_unit_test(wrong_files_are_explained),
        cmocka_unit_test(refused_before_it_is_written),
        cmocka_unit_test(sizes_at_the_limit),
        cmocka_unit_test(missing_files_and_profiles),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
