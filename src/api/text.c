/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/api.h"

enum { TEXT_BYTES_MAX = 4 * 1024 * 1024 };

static bool grow(struct cr_text *text, size_t more)
{
    size_t wanted = text->count_max ? text->count_max : 4096;
    while (wanted - text->count < more)
        wanted *= 2;
    if (wanted > TEXT_BYTES_MAX) return false;
    if (wanted == text->count_max) return true;
    char *bytes = realloc(text->bytes, wanted);
    if (!bytes) return false;
    text->bytes = bytes;
    text->count_max = wanted;
    return true;
}

void cr_text_print(struct cr_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is; clang 14 errs across files */
    const int count = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (count < 0 || text->truncated || !grow(text, (size_t)count + 1)) {
        text->truncated = true;
        return;
    }
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is; clang 14 errs across files */
    vsnprintf(text->bytes + text->count, text->count_max - text->count, format, args);
    va_end(args);
    text->count += (size_t)count;
}
