/* SPDX-License-Identifier: Apache-2.0 */
/* name.h: what the names and addresses of validators may look like. */
#ifndef CR_BASE_NAME_H
#define CR_BASE_NAME_H

#include "base/base.h"

/* "host:port" or "[v6]:port" with a port of 1..65535, shorter than CR_ADDRESS_BYTES_MAX. */
bool cr_address_ok(const char *text);
/* 1..CR_NAME_BYTES_MAX letters, digits, '-', '_', '.'; the first is a letter or a digit. */
bool cr_name_ok(const char *text);

#endif
