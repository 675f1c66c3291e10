/* SPDX-License-Identifier: Apache-2.0 */
/* config_text.h: numbers as a configuration writes them. */
#ifndef CR_NODE_CONFIG_TEXT_H
#define CR_NODE_CONFIG_TEXT_H

#include "base/base.h"

#define CR_KIB UINT64_C(1024)
#define CR_MIB (1024 * CR_KIB)
#define CR_GIB (1024 * CR_MIB)

/* Digits only; no sign, no space. `out` stays untouched on failure. */
bool cr_config_parse_digits(const char *text, size_t count, uint64_t *out);
/* Digits and maybe a unit: 4096, 32MiB, 8GiB. */
bool cr_config_parse_size(const char *text, uint64_t *out);
/* The same in reverse, with the greatest unit that leaves a whole number. */
void cr_config_print_size(uint64_t bytes, char *out, size_t out_bytes);

#endif
