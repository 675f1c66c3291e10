/* SPDX-License-Identifier: Apache-2.0 */
/* Secret keys in files: PKCS#8 PEM, "PRIVATE KEY". There is no pass phrase: nothing may ask for
 * one. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/keys.h"
#include "crypto/openssl.h"

/* An ML-DSA-87 key with its seed is 6.8 KiB of PEM. */
enum { FILE_BYTES_MAX = 16 * 1024, PATH_BYTES_MAX = 4096 };

static enum cr_err err_of_errno(void)
{
    switch (errno) {
    case ENOENT: return CR_ERR_NOT_FOUND;
    case EEXIST: return CR_ERR_EXISTS;
    case EACCES:
    case EPERM: return CR_ERR_PERMISSION;
    case ENOSPC:
    case EDQUOT: return CR_ERR_NO_SPACE;
    }
    return CR_ERR_IO;
}

/* `name`, `header` and `der` are what PEM_read_bio_ex gave. */
static enum cr_err parse_der(const char *name, const char *header, const uint8_t *der, long count,
                             struct cr_secret_key **out)
{
    if (strcmp(name, PEM_STRING_PKCS8INF) != 0 || header[0] != 0) return CR_ERR_MALFORMED;
    const uint8_t *end = der;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &end, count);
    if (!info) return CR_ERR_MALFORMED;
    EVP_PKEY *key = NULL;
    if (end == der + count) key = EVP_PKCS82PKEY_ex(info, cr_openssl_context(), NULL);
    PKCS8_PRIV_KEY_INFO_free(info); /* cleanses */
    return key ? cr_openssl_secret_key(key, out) : CR_ERR_MALFORMED;
}

static enum cr_err parse_pem(const uint8_t *bytes, size_t count, struct cr_secret_key **out)
{
    if (!cr_openssl_context()) return CR_ERR_CRYPTO;
    BIO *bio = BIO_new_mem_buf(bytes, (int)count);
    if (!bio) return CR_ERR_CRYPTO;
    char *name = NULL;
    char *header = NULL;
    uint8_t *der = NULL;
    long der_count = 0;
    enum cr_err err = CR_ERR_MALFORMED;
    ERR_set_mark();
    if (PEM_read_bio_ex(bio, &name, &header, &der, &der_count, PEM_FLAG_SECURE) == 1) {
        err = parse_der(name, header, der, der_count, out);
        OPENSSL_secure_free(name);
        OPENSSL_secure_free(header);
        OPENSSL_secure_clear_free(der, (size_t)der_count);
    }
    ERR_pop_to_mark();
    BIO_free(bio);
    return err;
}

/* Whose file it is, and that nobody else may read or write it. */
static enum cr_err check_file(int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0) return err_of_errno();
    if (!S_ISREG(status.st_mode)) return CR_ERR_PERMISSION;
    if ((status.st_mode & 07777 & ~(mode_t)0600) != 0) return CR_ERR_PERMISSION;
    if (status.st_uid != geteuid()) return CR_ERR_PERMISSION;
    if (status.st_size > FILE_BYTES_MAX) return CR_ERR_MALFORMED;
    return CR_OK;
}

/* Until the end of the file or of the buffer. */
static enum cr_err read_all(int fd, uint8_t *bytes, size_t bytes_max, size_t *count)
{
    *count = 0;
    while (*count < bytes_max) {
        const ssize_t got = read(fd, bytes + *count, bytes_max - *count);
        if (got == 0) return CR_OK;
        if (got > 0)
            *count += (size_t)got;
        else if (errno != EINTR)
            return err_of_errno();
    }
    return CR_OK;
}

enum cr_err cr_secret_key_load(const char *path, struct cr_secret_key **out)
{
    /* O_NONBLOCK: a fifo is refused by what it is, not waited for. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return err_of_errno();
    uint8_t bytes[FILE_BYTES_MAX];
    size_t count = 0;
    enum cr_err err = check_file(fd);
    if (err == CR_OK) err = read_all(fd, bytes, sizeof bytes, &count);
    if (err == CR_OK) err = parse_pem(bytes, count, out);
    OPENSSL_cleanse(bytes, count);
    close(fd);
    return err;
}

static enum cr_err write_all(int fd, const char *bytes, size_t count)
{
    for (size_t done = 0; done < count;) {
        const ssize_t put = write(fd, bytes + done, count - done);
        if (put > 0)
            done += (size_t)put;
        else if (put == 0 || errno != EINTR)
            return put == 0 ? CR_ERR_IO : err_of_errno();
    }
    return fsync(fd) == 0 ? CR_OK : err_of_errno();
}

/* A new name is durable once its folder is. */
static enum cr_err sync_folder(const char *path)
{
    char folder[PATH_BYTES_MAX];
    const size_t count = strlen(path);
    if (count >= sizeof folder) return CR_ERR_IO;
    memcpy(folder, path, count + 1);
    char *slash = strrchr(folder, '/');
    if (!slash)
        memcpy(folder, ".", 2);
    else if (slash == folder)
        folder[1] = 0;
    else
        *slash = 0;
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return err_of_errno();
    const enum cr_err err = fsync(fd) == 0 ? CR_OK : err_of_errno();
    close(fd);
    return err;
}

static enum cr_err create(const char *path, const char *pem, size_t count)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return err_of_errno();
    enum cr_err err = fchmod(fd, 0600) == 0 ? CR_OK : err_of_errno(); /* whatever the umask */
    if (err == CR_OK) err = write_all(fd, pem, count);
    if (close(fd) != 0 && err == CR_OK) err = err_of_errno();
    if (err == CR_OK) err = sync_folder(path);
    if (err != CR_OK) (void)unlink(path); /* half a key is worse than none; `err` tells already */
    return err;
}

enum cr_err cr_secret_key_save(const struct cr_secret_key *key, const char *path)
{
    BIO *bio = BIO_new(BIO_s_mem()); /* cleanses when it grows and when it is freed */
    if (!bio) return CR_ERR_CRYPTO;
    enum cr_err err = CR_ERR_CRYPTO;
    ERR_set_mark();
    if (PEM_write_bio_PKCS8PrivateKey(bio, key->key, NULL, NULL, 0, NULL, NULL) == 1) {
        char *pem = NULL;
        const long count = BIO_get_mem_data(bio, &pem);
        if (count > 0 && count <= FILE_BYTES_MAX) err = create(path, pem, (size_t)count);
    }
    ERR_pop_to_mark();
    BIO_free(bio);
    return err;
}
