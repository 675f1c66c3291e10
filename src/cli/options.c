/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"

static const struct cr_option *find(const struct cr_options *options, const char *name,
                                    size_t count)
{
    for (uint32_t i = 0; i < options->count; i++) {
        const struct cr_option *option = &options->list[i];
        if (strlen(option->name) == count && memcmp(option->name, name, count) == 0) return option;
    }
    return NULL;
}

static const struct cr_option *find_letter(const struct cr_options *options, char letter)
{
    for (uint32_t i = 0; i < options->count; i++) {
        if (options->list[i].letter == letter) return &options->list[i];
    }
    return NULL;
}

static int unknown(const struct cr_options *options, const char *word)
{
    const char *nearest = NULL;
    uint32_t best = 3;
    for (uint32_t i = 0; i < options->count; i++) {
        const uint32_t distance = cr_text_distance(word + 2, options->list[i].name);
        if (distance >= best) continue;
        best = distance;
        nearest = options->list[i].name;
    }
    if (nearest != NULL) {
        return cr_cli_fail(CR_EXIT_USAGE, "unknown option '%s'; did you mean '--%s'?", word,
                           nearest);
    }
    return cr_cli_fail(CR_EXIT_USAGE, "unknown option '%s'; see 'creto %s --help'", word,
                       options->command->name);
}

static bool parse_number(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    if (text[0] == 0) return false;
    for (const char *at = text; *at != 0; at++) {
        if (*at < '0' || *at > '9') return false;
        if (value > (UINT64_MAX - 9) / 10) return false;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    *out = value;
    return true;
}

static int set_number(const struct cr_option *option, const char *value)
{
    uint64_t number = 0;
    if (!parse_number(value, &number)) {
        return cr_cli_fail(CR_EXIT_USAGE, "--%s: '%s' is not a whole number", option->name, value);
    }
    if (number < option->least || number > option->most) {
        return cr_cli_fail(CR_EXIT_USAGE,
                           "--%s: %s is out of range; it must be %" PRIu64 " to %" PRIu64,
                           option->name, value, option->least, option->most);
    }
    *(uint64_t *)option->out = number;
    return -1;
}

static int set(const struct cr_option *option, const char *value)
{
    switch (option->kind) {
    case CR_OPTION_SWITCH: *(bool *)option->out = true; return -1;
    case CR_OPTION_TEXT: *(const char **)option->out = value; return -1;
    case CR_OPTION_NUMBER: return set_number(option, value);
    case CR_OPTION_LIST: {
        struct cr_words *list = option->out;
        if (list->count == CR_WORDS_MAX) {
            return cr_cli_fail(CR_EXIT_USAGE, "--%s: more than %d of them", option->name,
                               CR_WORDS_MAX);
        }
        list->list[list->count++] = value;
        return -1;
    }
    }
    CR_UNREACHABLE();
}

/* Reads the option at word[*at] and moves *at to its last word. */
static int read_option(const struct cr_options *options, int words, char **word, int *at)
{
    const char *text = word[*at];
    const bool is_long = text[1] == '-';
    const char *equals = is_long ? strchr(text, '=') : NULL;
    const struct cr_option *option = NULL;
    if (is_long) {
        const size_t count = equals ? (size_t)(equals - text) - 2 : strlen(text + 2);
        option = find(options, text + 2, count);
    } else if (text[2] == 0) {
        option = find_letter(options, text[1]);
    }
    if (option == NULL) return unknown(options, text);
    if (option->kind == CR_OPTION_SWITCH) {
        if (equals == NULL) return set(option, "");
        return cr_cli_fail(CR_EXIT_USAGE, "--%s takes no value", option->name);
    }
    if (equals != NULL) return set(option, equals + 1);
    if (*at + 1 == words) {
        return cr_cli_fail(CR_EXIT_USAGE, "--%s wants a value: %s", option->name, option->value);
    }
    ++*at;
    return set(option, word[*at]);
}

static int read_word(const struct cr_options *options, const char *word)
{
    const uint32_t count = options->words == NULL ? 0 : options->words->count;
    if (count == options->words_most) {
        return cr_cli_fail(CR_EXIT_USAGE, "'%s' is one word too many; see 'creto %s --help'", word,
                           options->command->name);
    }
    options->words->list[options->words->count++] = word;
    return -1;
}

int cr_options_read(const struct cr_options *options, int words, char **word)
{
    CR_ASSERT(options->words_most <= CR_WORDS_MAX);
    CR_ASSERT(CR_IMPLIES(options->words_most > 0, options->words != NULL));
    bool only_words = false;
    for (int i = 0; i < words; i++) {
        const bool dash = !only_words && word[i][0] == '-' && word[i][1] != 0;
        if (dash && strcmp(word[i], "--") == 0) {
            only_words = true;
            continue;
        }
        if (dash && (strcmp(word[i], "--help") == 0 || strcmp(word[i], "-h") == 0)) {
            cr_options_help(options, stdout);
            return CR_EXIT_OK;
        }
        const int code = dash ? read_option(options, words, word, &i) : read_word(options, word[i]);
        if (code >= 0) return code;
    }
    const uint32_t count = options->words == NULL ? 0 : options->words->count;
    if (count < options->words_least) {
        return cr_cli_fail(CR_EXIT_USAGE, "missing: %s; see 'creto %s --help'",
                           options->command->words, options->command->name);
    }
    return -1;
}

void cr_options_help(const struct cr_options *options, FILE *out)
{
    const struct cr_command *command = options->command;
    const bool has_words = command->words[0] != 0;
    fprintf(out, "usage: creto %s%s%s%s\n\n%s.\n", command->name, has_words ? " " : "",
            command->words, options->count > 0 ? " [options]" : "", command->meaning);
    if (options->count > 0) fputs("\noptions:\n", out);
    for (uint32_t i = 0; i < options->count; i++) {
        const struct cr_option *option = &options->list[i];
        char left[48], letter[8] = "";
        if (option->letter != 0) (void)snprintf(letter, sizeof letter, "-%c, ", option->letter);
        (void)snprintf(left, sizeof left, "%s--%s%s%s", letter, option->name,
                       option->value ? " " : "", option->value ? option->value : "");
        fprintf(out, "  %-24s  %s\n", left, option->meaning);
    }
    fprintf(out, "\nexample:\n%s", command->example);
}
