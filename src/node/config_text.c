/* SPDX-License-Identifier: Apache-2.0 */
#include "node/config_text.h"

#include <stdio.h>
#include <string.h>

#include "node/config.h"

bool cr_config_parse_digits(const char *text, size_t count, uint64_t *out)
{
    uint64_t value = 0;
    if (count == 0) return false;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        const uint64_t digit = (uint64_t)(text[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

uint32_t cr_text_distance(const char *a, const char *b)
{
    const size_t a_count = strlen(a), b_count = strlen(b);
    if (a_count >= CR_CONFIG_NAME_BYTES || b_count >= CR_CONFIG_NAME_BYTES) return UINT32_MAX;
    uint32_t row[CR_CONFIG_NAME_BYTES] = {0};
    for (uint32_t j = 0; j <= b_count; j++)
        row[j] = j;
    for (uint32_t i = 1; i <= a_count; i++) {
        uint32_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_count; j++) {
            uint32_t best = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b_count];
}

bool cr_config_parse_size(const char *text, uint64_t *out)
{
    static const struct {
        const char *suffix;
        uint64_t factor;
    } units[] = {{"", 1},         {"B", 1},        {"KiB", CR_KIB},
                 {"MiB", CR_MIB}, {"GiB", CR_GIB}, {"TiB", 1024 * CR_GIB}};

    const size_t digits = strspn(text, "0123456789");
    uint64_t number = 0;
    if (!cr_config_parse_digits(text, digits, &number)) return false;
    const char *suffix = text + digits + strspn(text + digits, " ");
    for (uint32_t i = 0; i < CR_COUNT_OF(units); i++) {
        if (strcmp(units[i].suffix, suffix) != 0) continue;
        if (number > UINT64_MAX / units[i].factor) return false;
        *out = number * units[i].factor;
        return true;
    }
    return false;
}

void cr_config_print_size(uint64_t bytes, char *out, size_t out_bytes)
{
    static const char *const suffixes[] = {"", "KiB", "MiB", "GiB", "TiB"};
    uint32_t i = 0;
    while (i + 1 < CR_COUNT_OF(suffixes) && bytes > 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        i++;
    }
    (void)snprintf(out, out_bytes, "%llu%s", (unsigned long long)bytes, suffixes[i]);
}
