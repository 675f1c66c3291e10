/* SPDX-License-Identifier: Apache-2.0 */
/* The assertion handler of every program that brings none of its own: unit tests, fuzzers, benches.
 * It sits in an archive, so the linker takes it only where the symbol is still missing. */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void cr_assert_failed(const char *cond, const char *file, int line)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, cond);
    abort();
}
