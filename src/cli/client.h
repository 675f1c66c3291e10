/* SPDX-License-Identifier: Apache-2.0 */
/* client.h: what the commands share as clients of the HTTP interface. */
#ifndef CR_CLI_CLIENT_H
#define CR_CLI_CLIENT_H

#include "cli/cli.h"
#include "cli/http.h"
#include "wire/tx.h"

enum { CR_CLIENT_TIMEOUT_MS = 5000, CR_URL_BYTES_MAX = 192 };

struct cr_urls {
    uint32_t count;
    char list[CR_VALIDATORS_MAX][CR_URL_BYTES_MAX];
};

/* --api as given (URL[,URL...]), or $CRETO_API, or the nodes of this user's local network, or
 * CR_API_PRESET. Says what is wrong and returns the exit code; 0: read. */
int cr_client_urls(const char *flag, struct cr_urls *out);

/* Sends to the first node of the list that takes it; *used is its index. Says what is wrong and
 * returns the exit code: CR_EXIT_UNKNOWN when nobody answers. `http` is open afterwards, to be
 * closed in any case. The request must be one that may be sent twice. */
int cr_client_call(const struct cr_urls *urls, const struct cr_http_request *request,
                   struct cr_http *http, int *status, json_t **out);
/* The same for GET; a status other than 200 is a failure, told with the problem's own words. */
int cr_client_get(const struct cr_urls *urls, const char *path, json_t **out);
/* Tells about an answer with an error status (RFC 9457) and returns the exit code. */
int cr_client_problem(int status, json_t *problem);

/* A member as text or number; "" and 0 when absent. */
const char *cr_client_text(const json_t *object, const char *name);
uint64_t cr_client_number(const json_t *object, const char *name);

/* Chain and height of the network as the first node that answers tells them. */
struct cr_client_chain {
    uint8_t chain[CR_TX_CHAIN_BYTES];
    uint64_t commit_index;
};
int cr_client_chain(const struct cr_urls *urls, struct cr_client_chain *out);

#endif
