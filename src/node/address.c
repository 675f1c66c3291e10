/* SPDX-License-Identifier: Apache-2.0 */
#include "node/address.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

bool cr_address_resolve(const char *text, struct sockaddr_storage *out, socklen_t *out_bytes)
{
    char host[128];
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || !colon[1]) return false;
    size_t host_bytes = (size_t)(colon - text);
    if (text[0] == '[') {
        if (host_bytes < 3 || text[host_bytes - 1] != ']') return false;
        text++;
        host_bytes -= 2;
    }
    if (host_bytes >= sizeof host) return false;
    memcpy(host, text, host_bytes);
    host[host_bytes] = 0;

    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0) return false;
    memcpy(out, found->ai_addr, found->ai_addrlen);
    *out_bytes = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}
