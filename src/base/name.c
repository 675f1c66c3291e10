/* SPDX-License-Identifier: Apache-2.0 */
#include "base/name.h"

#include <string.h>

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool cr_name_ok(const char *text)
{
    const size_t bytes = strlen(text);
    if (bytes == 0 || bytes > CR_NAME_BYTES_MAX || !is_alnum(text[0])) return false;
    for (size_t i = 1; i < bytes; i++) {
        if (!is_alnum(text[i]) && text[i] != '-' && text[i] != '_' && text[i] != '.') return false;
    }
    return true;
}

static bool is_port(const char *text)
{
    uint32_t port = 0;
    for (; *text >= '0' && *text <= '9' && port <= 65535; text++)
        port = port * 10 + (uint32_t)(*text - '0');
    return *text == 0 && port >= 1 && port <= 65535;
}

bool cr_address_ok(const char *text)
{
    const size_t bytes = strlen(text);
    const char *colon = strrchr(text, ':');
    if (bytes >= CR_ADDRESS_BYTES_MAX || colon == NULL || colon == text) return false;
    if (!is_port(colon + 1)) return false;

    const size_t host = (size_t)(colon - text);
    const bool six = text[0] == '[';
    if (six && (host < 4 || text[host - 1] != ']')) return false;
    for (size_t i = six ? 1 : 0; i < (six ? host - 1 : host); i++) {
        const bool known = is_alnum(text[i]) || text[i] == '.' || text[i] == '-' || text[i] == '_';
        if (!known && !(six && text[i] == ':')) return false;
    }
    return true;
}
