/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/config.h"

static bool path_in(const char *folder, const char *name, char *out)
{
    const int count = snprintf(out, CR_PATH_BYTES_MAX, "%s/%s", folder, name);
    return count > 0 && count < CR_PATH_BYTES_MAX;
}

struct stat_of_process {
    char state;
    unsigned long threads;
    unsigned long long started;
};

/* From /proc/PID/stat: fields 3, 20 and 22 of proc(5). */
static bool read_stat(long pid, struct stat_of_process *out)
{
    char path[64], text[1024];
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *stream = fopen(path, "re");
    if (stream == NULL) return false;
    const size_t count = fread(text, 1, sizeof text - 1, stream);
    (void)fclose(stream); /* only read */
    text[count] = 0;
    const char *at = strrchr(text, ')'); /* the name before it may hold anything */
    if (at == NULL || at[1] != ' ' || at[2] == 0) return false;
    out->state = at[2];
    at += 2;
    for (int field = 3; field < 22; field++) {
        if (field == 20) out->threads = strtoul(at, NULL, 10);
        at = strchr(at, ' ');
        if (at == NULL) return false;
        at++;
    }
    char *end = NULL;
    out->started = strtoull(at, &end, 10);
    return end != at;
}

struct cr_process cr_process_find(const char *folder)
{
    const struct cr_process none = {0, CR_PROCESS_NONE};
    char path[CR_PATH_BYTES_MAX], text[64] = "", *end = NULL;
    if (!path_in(folder, "node.pid", path)) return none;
    FILE *stream = fopen(path, "re");
    if (stream == NULL) return none;
    const bool read = fgets(text, sizeof text, stream) != NULL;
    (void)fclose(stream); /* only read */
    if (!read) return none;
    const long pid = strtol(text, &end, 10);
    if (end == text || *end != ' ' || pid <= 1) return none;
    const unsigned long long wanted = strtoull(end + 1, NULL, 10);
    struct stat_of_process stat;
    if (!read_stat(pid, &stat) || stat.started != wanted) return none;
    /* Dead, only not buried. As long as other threads end, its ports and locks are not free. */
    if ((stat.state == 'Z' || stat.state == 'X') && stat.threads <= 1) return none;
    const bool stopped = stat.state == 'T' || stat.state == 't';
    return (struct cr_process){(pid_t)pid, stopped ? CR_PROCESS_STOPPED : CR_PROCESS_RUNNING};
}

bool cr_process_signal(const char *folder, int signal)
{
    const struct cr_process process = cr_process_find(folder);
    return process.state != CR_PROCESS_NONE && kill(process.pid, signal) == 0;
}

void cr_process_forget(const char *folder)
{
    char path[CR_PATH_BYTES_MAX];
    if (path_in(folder, "node.pid", path)) (void)unlink(path); /* a stale one does no harm */
}

/* In the child, after fork: only what is safe there. */
_Noreturn static void become(const char *program, const char *folder, int log)
{
    /* Settings of the caller's shell must not give all nodes the same address. */
    static const char *const cleared[] = {"CRETO_API_LISTEN", "CRETO_P2P_LISTEN",
                                          "CRETO_NODE_GENESIS", "CRETO_NODE_KEYS",
                                          "CRETO_STORAGE_PATH"};
    for (uint32_t i = 0; i < CR_COUNT_OF(cleared); i++)
        (void)unsetenv(cleared[i]); /* the names are valid */
    const int null = open("/dev/null", O_RDONLY);
    if (setsid() < 0 || null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0) {
        _exit(127);
    }
    (void)execl(program, "creto", "start", "--home", folder, (char *)NULL);
    _exit(127);
}

static enum cr_err write_pid(const char *folder, pid_t pid)
{
    char path[CR_PATH_BYTES_MAX];
    struct stat_of_process stat;
    if (!path_in(folder, "node.pid", path) || !read_stat(pid, &stat)) return CR_ERR_IO;
    FILE *stream = fopen(path, "we");
    if (stream == NULL) return CR_ERR_IO;
    const bool wrote = fprintf(stream, "%ld %llu\n", (long)pid, stat.started) > 0;
    return fclose(stream) == 0 && wrote ? CR_OK : CR_ERR_IO;
}

enum cr_err cr_process_start(const char *folder)
{
    char program[CR_PATH_BYTES_MAX], path[CR_PATH_BYTES_MAX];
    const ssize_t count = readlink("/proc/self/exe", program, sizeof program - 1);
    if (count <= 0 || !path_in(folder, "node.log", path)) return CR_ERR_IO;
    program[count] = 0;
    const int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log < 0) return CR_ERR_IO;
    const pid_t pid = fork();
    if (pid == 0) become(program, folder, log);
    const int error = errno;
    (void)close(log); /* the child has its own */
    errno = error;
    if (pid < 0) return CR_ERR_IO;
    const enum cr_err err = write_pid(folder, pid);
    if (err != CR_OK) (void)kill(pid, SIGKILL); /* nobody could end it later */
    return err;
}
