/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/ledger.h"

#define ROW(name, code, label, text) {name, label, text},
static const struct {
    enum cr_result result;
    const char *label;
    const char *text;
} rows[] = {CR_RESULTS(ROW)};

_Static_assert(CR_COUNT_OF(rows) == CR_RESULTS_COUNT, "one row per result");

const char *cr_result_label(enum cr_result result)
{
    for (size_t i = 0; i < CR_COUNT_OF(rows); i++) {
        if (rows[i].result == result) return rows[i].label;
    }
    return NULL;
}

const char *cr_result_text(enum cr_result result)
{
    for (size_t i = 0; i < CR_COUNT_OF(rows); i++) {
        if (rows[i].result == result) return rows[i].text;
    }
    return NULL;
}
