/* SPDX-License-Identifier: Apache-2.0 */
/* tx.h: commands that sign operations, send them and wait. */
#ifndef CR_CLI_TX_H
#define CR_CLI_TX_H

#include "cli/cli.h"
#include "cli/client.h"

/* The operations (cli/tx_file.h) that the words of a command mean. NULL: said what is wrong, *code
 * is the exit code. */
typedef json_t *cr_tx_make(const struct cr_words *words, const struct cr_urls *urls, int *code);

/* Takes the options of `tx submit` and `count` words; returns the exit code. */
int cr_tx_submit(const struct cr_command *command, int words, char **word, uint32_t count,
                 cr_tx_make *make);

#endif
