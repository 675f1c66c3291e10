/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int cr_cli_fail(int code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs("creto: ", stderr);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is; clang 14 errs across files */
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    return code;
}

int cr_cli_exit_of(enum cr_err err)
{
    switch (err) {
    case CR_OK: return CR_EXIT_OK;
    case CR_ERR_CONFIG:
    case CR_ERR_TOO_BIG:
    case CR_ERR_MALFORMED:
    case CR_ERR_TRUNCATED:
    case CR_ERR_TRAILING:
    case CR_ERR_VERSION: return CR_EXIT_USAGE;
    case CR_ERR_NOT_FOUND: return CR_EXIT_NOT_FOUND;
    case CR_ERR_CHECKSUM:
    case CR_ERR_SIGNATURE:
    case CR_ERR_MISMATCH: return CR_EXIT_VERIFICATION;
    case CR_ERR_UNAVAILABLE: return CR_EXIT_UNKNOWN;
    case CR_ERR_PERMISSION: return CR_EXIT_AUTH;
    case CR_ERR_EXISTS:
    case CR_ERR_BUSY: return CR_EXIT_CONFLICT;
    case CR_ERR_FULL:
    case CR_ERR_IO:
    case CR_ERR_NO_SPACE:
    case CR_ERR_CORRUPT:
    case CR_ERR_CRYPTO: return CR_EXIT_FAILED;
    }
    CR_UNREACHABLE();
}

void cr_cli_print_json(json_t *json)
{
    CR_ASSERT(json != NULL);
    json_dumpf(json, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    fputc('\n', stdout);
    fflush(stdout);
    json_decref(json);
}

bool cr_cli_path(char *out, const char *path)
{
    const int count = snprintf(out, CR_PATH_BYTES_MAX, "%s", path);
    return count > 0 && count < CR_PATH_BYTES_MAX;
}

bool cr_cli_join(char *out, const char *folder, const char *name)
{
    char joined[CR_PATH_BYTES_MAX]; /* `out` may be `folder` */
    const int count = snprintf(joined, sizeof joined, "%s/%s", folder, name);
    if (count < 0 || (size_t)count >= sizeof joined) return false;
    memcpy(out, joined, (size_t)count + 1);
    return true;
}

/* Where this user's data lies: XDG base directory specification; /var/lib without a home. */
static bool data_folder(const char *name, char *out)
{
    const char *data = getenv("XDG_DATA_HOME");
    if (data != NULL && data[0] == '/') {
        return cr_cli_join(out, data, "creto") && cr_cli_join(out, out, name);
    }
    const char *home = getenv("HOME");
    if (home == NULL || home[0] != '/') return cr_cli_join(out, "/var/lib/creto", name);
    return cr_cli_join(out, home, ".local/share/creto") && cr_cli_join(out, out, name);
}

bool cr_cli_home(const char *flag, char *out)
{
    const char *env = getenv("CRETO_NODE_HOME");
    if (flag != NULL) return cr_cli_path(out, flag);
    if (env != NULL && env[0] != 0) return cr_cli_path(out, env);
    return data_folder("node", out);
}

bool cr_cli_localnet_home(const char *flag, char *out)
{
    char here[CR_PATH_BYTES_MAX];
    if (flag == NULL) return data_folder("localnet", out);
    if (flag[0] == '/') return cr_cli_path(out, flag);
    /* Absolute, so that the command lines of the nodes name their network. */
    return getcwd(here, sizeof here) != NULL && cr_cli_join(out, here, flag);
}

static enum cr_err make_one(const char *path)
{
    struct stat status;
    if (mkdir(path, 0700) == 0) return CR_OK;
    if (errno == ENOSPC || errno == EDQUOT) return CR_ERR_NO_SPACE;
    if (errno != EEXIST) return errno == EACCES ? CR_ERR_PERMISSION : CR_ERR_IO;
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) return CR_ERR_EXISTS;
    return CR_OK;
}

enum cr_err cr_cli_make_folder(const char *path)
{
    char part[CR_PATH_BYTES_MAX];
    if (!cr_cli_path(part, path)) return CR_ERR_TOO_BIG;
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        const enum cr_err err = make_one(part);
        if (err != CR_OK) return err;
        *slash = '/';
    }
    return make_one(part);
}

enum cr_err cr_cli_write_new(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno == EEXIST ? CR_ERR_EXISTS : errno == EACCES ? CR_ERR_PERMISSION : CR_ERR_IO;
    size_t left = strlen(text);
    while (left > 0) {
        const ssize_t wrote = write(fd, text, left);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) break;
        text += wrote;
        left -= (size_t)wrote;
    }
    const bool ok = left == 0 && fsync(fd) == 0;
    const bool closed = close(fd) == 0;
    if (ok && closed) return CR_OK;
    (void)unlink(path); /* half a file must not look like one */
    return CR_ERR_IO;
}
