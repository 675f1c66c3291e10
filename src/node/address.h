/* SPDX-License-Identifier: Apache-2.0 */
/* address.h: "host:port" and "[v6]:port" to socket addresses. */
#ifndef CR_NODE_ADDRESS_H
#define CR_NODE_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* Asks the resolver; false when the text has no such form or no address is found. */
bool cr_address_resolve(const char *text, struct sockaddr_storage *out, socklen_t *out_bytes);

#endif
