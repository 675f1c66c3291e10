/* SPDX-License-Identifier: Apache-2.0 */
/* unit.h: what every unit test begins with: cmocka, and assertions as cmocka knows them, so that
 * expect_assert_failure(call) checks that misuse is caught. One test program includes it once. */
#ifndef CR_BASE_UNIT_H
#define CR_BASE_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

_Noreturn void cr_assert_failed(const char *cond, const char *file, int line)
{
    mock_assert(0, cond, file, line); /* jumps away */
    abort();
}

#endif
