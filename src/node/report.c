/* SPDX-License-Identifier: Apache-2.0 */
#include "node/report.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 1024 };

static _Atomic int level_now = CR_LOG_LEVEL_INFO;

static const char *const level_names[] = {
    [CR_LOG_LEVEL_ERROR] = "error",
    [CR_LOG_LEVEL_WARN] = "warn",
    [CR_LOG_LEVEL_INFO] = "info",
    [CR_LOG_LEVEL_DEBUG] = "debug",
};

void cr_report_level(enum cr_log_level level)
{
    atomic_store_explicit(&level_now, (int)level, memory_order_relaxed);
}

bool cr_report_wanted(enum cr_log_level level)
{
    return (int)level <= atomic_load_explicit(&level_now, memory_order_relaxed);
}

/* Adds to what an earlier snprintf counted, never beyond the line. */
static size_t grown(size_t count, int added)
{
    if (added < 0) return count;
    const size_t sum = count + (size_t)added;
    return sum < LINE_BYTES - 1 ? sum : LINE_BYTES - 2;
}

void cr_report(enum cr_log_level level, const char *part, const char *event, const char *fields,
               ...)
{
    char line[LINE_BYTES];
    struct timespec t;
    struct tm utc;
    va_list args;

    if (!cr_report_wanted(level)) return;
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &utc);
    size_t count = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);
    count = grown(count, snprintf(line + count, LINE_BYTES - count,
                                  ".%03ldZ level=%s part=%s event=%s%s", t.tv_nsec / 1000000,
                                  level_names[level], part, event, fields[0] ? " " : ""));
    va_start(args, fields);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is; clang 14 errs across files */
    count = grown(count, vsnprintf(line + count, LINE_BYTES - count, fields, args));
    va_end(args);
    line[count++] = '\n';
    /* A log that cannot be written must not stop a validator. */
    if (write(STDERR_FILENO, line, count) < 0) return;
}

const char *cr_report_quote(const char *text, char *out, size_t out_bytes)
{
    size_t count = 0;
    out[count++] = '"';
    for (; *text && count + 2 < out_bytes; text++) {
        const char c = *text;
        out[count++] = c >= ' ' && c < 127 && c != '"' && c != '\\' ? c : '?';
    }
    out[count++] = '"';
    out[count] = 0;
    return out;
}

bool cr_report_allowed(struct cr_report_limit *limit, uint32_t per_second, uint64_t now_us)
{
    const uint64_t second = now_us / 1000000;
    if (second != limit->second) {
        limit->second = second;
        limit->count = 0;
    }
    if (limit->count >= per_second) {
        limit->suppressed++;
        return false;
    }
    limit->count++;
    return true;
}
