/* SPDX-License-Identifier: Apache-2.0 */
/* epoch.h: certificates of epochs from files, for the commands that need to know the validators. */
#ifndef CR_CLI_EPOCH_H
#define CR_CLI_EPOCH_H

#include "cli/cli.h"
#include "node/roster.h"

/* The certificates in the files, in their order; a file holds one, or a list. Says what is wrong
 * and returns the exit code. */
int cr_cli_roster_read(struct cr_roster *roster, const struct cr_words *files);

#endif
