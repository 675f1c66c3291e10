/* SPDX-License-Identifier: Apache-2.0 */
/* options.h: words of the command line, read by table: --name VALUE, --name=VALUE, -n VALUE, and
 * words without a dash. "--" ends the options; "-" is a word. The same table prints --help. */
#ifndef CR_CLI_OPTIONS_H
#define CR_CLI_OPTIONS_H

#include <stdio.h>

#include "base/base.h"

struct cr_command {
    const char *name;    /* "tx submit" */
    const char *words;   /* "FILE|-": what stands besides options */
    const char *meaning; /* one line */
    const char *example; /* lines for --help, each with its prompt; ends with a newline */
    int (*run)(const struct cr_command *command, int words, char **word);
};

enum cr_option_kind {
    CR_OPTION_SWITCH = 1, /* bool */
    CR_OPTION_TEXT,       /* const char * */
    CR_OPTION_NUMBER,     /* uint64_t in [least, most] */
    CR_OPTION_LIST,       /* struct cr_words: may be given again and again */
};

enum { CR_WORDS_MAX = 1280 };

struct cr_words {
    uint32_t count;
    const char *list[CR_WORDS_MAX]; /* borrowed from argv */
};

struct cr_option {
    const char *name; /* "home" */
    char letter;      /* 'n', or 0 */
    enum cr_option_kind kind;
    const char *value;   /* "DIR"; NULL for a switch */
    const char *meaning; /* one line */
    void *out;           /* by kind; untouched when the option is absent */
    uint64_t least, most;
};

struct cr_options {
    const struct cr_command *command;
    const struct cr_option *list;
    uint32_t count;
    uint32_t words_least, words_most;
    struct cr_words *words; /* may be NULL when words_most is 0 */
};

/* -1: go on. Anything else is the exit code: --help was printed, or what is wrong. */
int cr_options_read(const struct cr_options *options, int words, char **word);
void cr_options_help(const struct cr_options *options, FILE *out);

#endif
