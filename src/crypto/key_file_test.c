/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/keys.h"

static char folder[] = "/tmp/creto-keys-......";
static char path[64];
static char text[32 * 1024];

static int enter_folder(void **state)
{
    (void)state;
    memset(strchr(folder, '.'), 'X', 6); /* what mkdtemp wants */
    if (!mkdtemp(folder)) return -1;
    (void)snprintf(path, sizeof path, "%s/key.pem", folder);
    return 0;
}

static int leave_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

static struct cr_secret_key *key_of(enum cr_alg alg)
{
    const uint8_t seed[32] = {9};
    struct cr_secret_key *key = NULL;
    assert_int_equal(cr_secret_key_from_seed(alg, seed, &key), CR_OK);
    return key;
}

static void write_file(const char *bytes, size_t count)
{
    (void)unlink(path);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, count), count);
    assert_int_equal(close(fd), 0);
}

static size_t read_file(void)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    const size_t count = fread(text, 1, sizeof text - 1, file);
    text[count] = 0;
    assert_int_equal(fclose(file), 0);
    return count;
}

static enum cr_err load(void)
{
    void *const untouched = text;
    struct cr_secret_key *key = untouched;
    const enum cr_err err = cr_secret_key_load(path, &key);
    if (err == CR_OK)
        cr_secret_key_free(key);
    else
        assert_ptr_equal(key, untouched);
    return err;
}

/* Goal: what is loaded is what was saved, in a file that nobody else reads, whatever the umask. */
static void saved_keys_are_loaded(void **state)
{
    (void)state;
    static const mode_t umasks[] = {0, 022, 0177, 0777};
    for (uint32_t i = 0; i < 12; i++) {
        struct cr_secret_key *key = key_of((enum cr_alg)(1 + i % 3));
        struct cr_secret_key *loaded = NULL;
        static struct cr_public_key expected, got;
        struct stat status;
        const mode_t before = umask(umasks[i / 3]);
        const enum cr_err err = cr_secret_key_save(key, path);
        (void)umask(before);
        assert_int_equal(err, CR_OK);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
        assert_int_equal(cr_secret_key_load(path, &loaded), CR_OK);
        cr_secret_key_public(key, &expected);
        cr_secret_key_public(loaded, &got);
        assert_memory_equal(&got, &expected, sizeof got);
        uint8_t signature[CR_SIG_BYTES_MAX];
        size_t count = 0;
        assert_int_equal(cr_sign(loaded, NULL, 0, NULL, 0, signature, &count), CR_OK);
        assert_int_equal(cr_secret_key_save(key, path), CR_ERR_EXISTS);
        cr_secret_key_free(key);
        cr_secret_key_free(loaded);
        assert_int_equal(unlink(path), 0);
    }
}

/* Goal: a file that others may read, write or run is refused. Method: all 4096 modes. */
static void only_private_modes(void **state)
{
    (void)state;
    struct cr_secret_key *key = key_of(CR_ALG_MLDSA44);
    assert_int_equal(cr_secret_key_save(key, path), CR_OK);
    cr_secret_key_free(key);
    for (mode_t mode = 0; mode < 010000; mode++) {
        struct stat status;
        assert_int_equal(chmod(path, mode), 0);
        assert_int_equal(stat(path, &status), 0);
        const mode_t set = status.st_mode & 07777; /* an ordinary user cannot set every bit */
        const bool wide = (set & ~(mode_t)0600) != 0;
        const bool readable = (set & 0400) != 0 || geteuid() == 0;
        if (wide || !readable) assert_int_equal(load(), CR_ERR_PERMISSION);
    }
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(load(), CR_OK);
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(load(), CR_OK);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, 0), 0);
        assert_int_equal(load(), CR_ERR_PERMISSION);
    }
}

/* Goal: only regular files; nothing waits, nothing is followed when a file is made. */
static void only_regular_files(void **state)
{
    (void)state;
    struct cr_secret_key *key = key_of(CR_ALG_MLDSA44);
    (void)unlink(path);
    assert_int_equal(load(), CR_ERR_NOT_FOUND);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(load(), CR_ERR_PERMISSION);
    assert_int_equal(cr_secret_key_save(key, path), CR_ERR_EXISTS);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0600), 0);
    assert_int_equal(load(), CR_ERR_PERMISSION);
    assert_int_equal(cr_secret_key_save(key, path), CR_ERR_EXISTS);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink("elsewhere", path), 0);
    assert_int_equal(load(), CR_ERR_NOT_FOUND);
    assert_int_equal(cr_secret_key_save(key, path), CR_ERR_EXISTS);
    assert_int_equal(unlink(path), 0);

    char missing[96];
    (void)snprintf(missing, sizeof missing, "%s/no/key.pem", folder);
    assert_int_equal(cr_secret_key_save(key, missing), CR_ERR_NOT_FOUND);
    cr_secret_key_free(key);
}

/* Goal: a damaged file is refused or, at worst, still the same key. Method: every prefix, every
 * character replaced. */
static void damaged_files(void **state)
{
    (void)state;
    struct cr_secret_key *key = key_of(CR_ALG_MLDSA44);
    static struct cr_public_key expected, got;
    cr_secret_key_public(key, &expected);
    (void)unlink(path);
    assert_int_equal(cr_secret_key_save(key, path), CR_OK);
    cr_secret_key_free(key);
    const size_t count = read_file();
    for (size_t cut = 0; cut + 1 < count; cut += 13) {
        write_file(text, cut);
        assert_int_equal(load(), CR_ERR_MALFORMED);
    }
    for (size_t at = 0; at < count; at += 7) {
        const char before = text[at];
        struct cr_secret_key *loaded = NULL;
        text[at] = before == 'A' ? 'B' : 'A';
        write_file(text, count);
        text[at] = before;
        const enum cr_err err = cr_secret_key_load(path, &loaded);
        if (err != CR_OK) {
            assert_int_equal(err, CR_ERR_MALFORMED);
            continue;
        }
        cr_secret_key_public(loaded, &got);
        assert_memory_equal(&got, &expected, sizeof got);
        cr_secret_key_free(loaded);
    }
}

static void write_bio(BIO *bio)
{
    char *bytes = NULL;
    const long count = BIO_get_mem_data(bio, &bytes);
    assert_true(count > 0);
    write_file(bytes, (size_t)count);
    BIO_free(bio);
}

/* Goal: other keys and other forms are refused, and nobody is asked for a pass phrase. */
static void other_contents(void **state)
{
    (void)state;
    EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, other, NULL, NULL, 0, NULL, NULL), 1);
    write_bio(bio);
    assert_int_equal(load(), CR_ERR_MALFORMED);
    EVP_PKEY_free(other);

    struct cr_secret_key *key = key_of(CR_ALG_MLDSA65);
    EVP_PKEY *ours = cr_secret_key_evp(key);
    bio = BIO_new(BIO_s_mem());
    assert_int_equal(
        PEM_write_bio_PKCS8PrivateKey(bio, ours, EVP_aes_256_cbc(), "secret", 6, NULL, NULL), 1);
    write_bio(bio);
    assert_int_equal(load(), CR_ERR_MALFORMED);
    bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(bio, ours), 1);
    write_bio(bio);
    assert_int_equal(load(), CR_ERR_MALFORMED);
    cr_secret_key_free(key);

    write_file("", 0);
    assert_int_equal(load(), CR_ERR_MALFORMED);
    write_file("not a key\n", 10);
    assert_int_equal(load(), CR_ERR_MALFORMED);
    memset(text, 'x', sizeof text);
    write_file(text, sizeof text);
    assert_int_equal(load(), CR_ERR_MALFORMED);
}

/* A PEM file with this name and header around the PKCS#8 of `key`, and `extra` bytes behind it. */
static void write_pem(const struct cr_secret_key *key, const char *name, const char *header,
                      int extra)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(cr_secret_key_evp(key));
    uint8_t der[8192] = {0};
    uint8_t *end = der;
    const int count = i2d_PKCS8_PRIV_KEY_INFO(info, &end);
    assert_in_range(count, 1000, 8000);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio(bio, name, header, der, count + extra) > 0);
    PKCS8_PRIV_KEY_INFO_free(info);
    write_bio(bio);
}

/* Goal: a right key in a wrong wrapping is refused. */
static void strict_wrapping(void **state)
{
    (void)state;
    struct cr_secret_key *key = key_of(CR_ALG_MLDSA44);
    write_pem(key, "PRIVATE KEY", "", 0);
    assert_int_equal(load(), CR_OK);
    const size_t count = read_file();
    write_pem(key, "PRIVATE KEY", "", 1);
    assert_int_equal(load(), CR_ERR_MALFORMED);
    write_pem(key, "PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n", 0);
    assert_int_equal(load(), CR_ERR_MALFORMED);
    write_pem(key, "SECRET KEY", "", 0);
    assert_int_equal(load(), CR_ERR_MALFORMED);
    cr_secret_key_free(key);

    const size_t largest = 16384; /* no key is as large as this */
    memset(text + count, '\n', sizeof text - count);
    write_file(text, largest);
    assert_int_equal(load(), CR_OK);
    write_file(text, largest + 1);
    assert_int_equal(load(), CR_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_keys_are_loaded), cmocka_unit_test(only_private_modes),
        cmocka_unit_test(only_regular_files),    cmocka_unit_test(damaged_files),
        cmocka_unit_test(other_contents),        cmocka_unit_test(strict_wrapping),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
