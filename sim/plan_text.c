/* SPDX-License-Identifier: Apache-2.0 */
/* plan_text.c: a plan as a file that a person can read, edit and keep.
 *
 *      creto-plan 1
 *      seed 0x2a
 *      scenario swarm
 *      nodes 4
 *      ms 10000
 *      gc_depth 16                                  every value of CR_SETUP, one a line
 *      expect fork                                  what it must come to; held if it is not there
 *      fault 3 partition 1200000 3400000 2 0x5 0  number, kind, from, to, node, group, value
 *
 * '#' begins a comment. All header lines are required, before the first fault: nothing is drawn
 * from the seed but what happens to single frames, syncs and transactions.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "plan.h"

enum {
    LINE_BYTES_MAX = 160,
    LINES_MAX = 4096,
    WORDS_MAX = 8,
};

/* Names and bounds of the values that come before the faults. */
enum header_key { KEY_FORMAT, KEY_SEED, KEY_SCENARIO, KEY_NODES, KEY_MS, KEY_SETUP };

enum {
    SETUP_COUNT = sizeof(struct cr_sim_setup) / sizeof(uint32_t),
    KEYS = KEY_SETUP + SETUP_COUNT
};

struct setup_row {
    const char *name;
    uint32_t least, most;
};

#define SETUP_ROW(name, least, most) {#name, least, most},
static const struct setup_row setup_rows[SETUP_COUNT] = {CR_SETUP(SETUP_ROW)};

static uint32_t *setup_at(struct cr_sim_setup *setup, uint32_t index)
{
#define SETUP_ADDRESS(name, ...) &setup->name,
    uint32_t *const fields[SETUP_COUNT] = {CR_SETUP(SETUP_ADDRESS)};
    return fields[index];
}

bool cr_plan_write(const struct cr_plan *plan, const char *path)
{
    FILE *out = fopen(path, "w");
    if (!out) {
        fprintf(stderr, "creto-sim: cannot write %s\n", path);
        return false;
    }
    fprintf(out,
            "creto-plan 1\nseed 0x%" PRIx64 "\nscenario %s\nnodes %" PRIu32 "\nms %" PRIu64 "\n",
            plan->seed, plan->scenario->name, plan->nodes_count, plan->faults_until_us / 1000);
    struct cr_sim_setup setup = plan->setup;
    for (uint32_t i = 0; i < SETUP_COUNT; i++)
        fprintf(out, "%s %" PRIu32 "\n", setup_rows[i].name, *setup_at(&setup, i));
    if (plan->expect != CR_EXPECT_HELD) fprintf(out, "expect %s\n", cr_expect_name(plan->expect));
    fprintf(out, "#     number kind from_us to_us node group value\n");
    for (uint32_t i = 0; i < plan->entries_count; i++) {
        const struct cr_plan_entry *entry = &plan->entries[i];
        fprintf(out,
                "fault %" PRIu32 " %s %" PRIu64 " %" PRIu64 " %" PRIu32 " 0x%" PRIx32 " %" PRIu32
                "\n",
                entry->number, cr_fault_name(entry->fault), entry->from_us, entry->to_us,
                entry->node, entry->group, entry->value);
    }
    const bool written = !ferror(out);
    if (fclose(out) == 0 && written) return true;
    fprintf(stderr, "creto-sim: cannot write %s\n", path);
    return false;
}

/* ---- reading ---- */

struct reader {
    const char *path;
    uint32_t line;
    struct cr_plan *plan;
    bool seen[KEYS];
    char *words[WORDS_MAX]; /* of this line */
    uint32_t words_count;
};

__attribute__((format(printf, 2, 3))) static bool refuse(const struct reader *reader,
                                                         const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s:%" PRIu32 ": ", reader->path, reader->line);
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is; clang 14 errs across files */
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return false;
}

static bool read_number(const struct reader *reader, const char *word, uint64_t least,
                        uint64_t most, uint64_t *out)
{
    char *end;
    const unsigned long long value = strtoull(word, &end, 0);
    const bool plain = word[0] >= '0' && word[0] <= '9' && *end == 0;
    if (!plain || value < least || value > most) {
        return refuse(reader, "'%s' should be a number from %" PRIu64 " to %" PRIu64, word, least,
                      most);
    }
    *out = value;
    return true;
}

static bool read_fault(struct reader *reader)
{
    struct cr_plan *plan = reader->plan;
    uint64_t values[WORDS_MAX] = {0};
    const uint64_t everyone = (UINT64_C(1) << plan->nodes_count) - 1;
    const uint64_t until_us = plan->faults_until_us;
    const uint64_t least[WORDS_MAX] = {[3] = 0, [4] = 1, [6] = 1};
    const uint64_t most[WORDS_MAX] = {
        [1] = UINT32_MAX,   [3] = until_us,  [4] = until_us, [5] = plan->nodes_count - 1,
        [6] = everyone - 1, [7] = UINT32_MAX};
    for (uint32_t key = 0; key < KEYS; key++) {
        if (!reader->seen[key]) return refuse(reader, "a fault before the header is complete");
    }
    if (reader->words_count != WORDS_MAX)
        return refuse(reader, "fault NUMBER KIND FROM_US TO_US NODE GROUP VALUE");
    for (uint32_t i = 1; i < WORDS_MAX; i++) {
        if (i == 2) continue; /* the kind */
        if (!read_number(reader, reader->words[i], least[i], most[i], &values[i])) return false;
    }
    const enum cr_fault fault = cr_fault_find(reader->words[2], strlen(reader->words[2]));
    if (fault == CR_FAULT_NONE) return refuse(reader, "no fault '%s'", reader->words[2]);
    if (values[3] >= values[4]) return refuse(reader, "the fault ends before it begins");
    if (plan->entries_count == CR_PLAN_ENTRIES_MAX)
        return refuse(reader, "more than %d faults", CR_PLAN_ENTRIES_MAX);
    for (uint32_t i = 0; i < plan->entries_count; i++) {
        if (plan->entries[i].number == values[1])
            return refuse(reader, "fault %" PRIu64 " is there twice", values[1]);
    }
    plan->entries[plan->entries_count++] = (struct cr_plan_entry){.number = (uint32_t)values[1],
                                                                  .fault = fault,
                                                                  .from_us = values[3],
                                                                  .to_us = values[4],
                                                                  .node = (uint32_t)values[5],
                                                                  .group = (uint32_t)values[6],
                                                                  .value = (uint32_t)values[7]};
    return true;
}

static bool set_header(struct reader *reader, uint32_t key, const char *word)
{
    struct cr_plan *plan = reader->plan;
    uint64_t value;
    if (reader->seen[key]) return refuse(reader, "'%s' is there twice", reader->words[0]);
    reader->seen[key] = true;
    switch (key) {
    case KEY_FORMAT: return read_number(reader, word, 1, 1, &value);
    case KEY_SEED: return read_number(reader, word, 0, UINT64_MAX, &plan->seed);
    case KEY_SCENARIO:
        plan->scenario = cr_scenario_find(word);
        return plan->scenario || refuse(reader, "no scenario '%s'", word);
    case KEY_NODES:
        if (!read_number(reader, word, CR_SIM_NODES_MIN, CR_SIM_NODES_MAX, &value)) return false;
        plan->nodes_count = (uint32_t)value;
        return true;
    case KEY_MS:
        if (!read_number(reader, word, 1, CR_SIM_SECONDS_MAX * UINT64_C(1000), &value))
            return false;
        plan->faults_until_us = value * 1000;
        return true;
    default: break;
    }
    const struct setup_row *row = &setup_rows[key - KEY_SETUP];
    if (!read_number(reader, word, row->least, row->most, &value)) return false;
    *setup_at(&plan->setup, key - KEY_SETUP) = (uint32_t)value;
    return true;
}

static bool read_line(struct reader *reader)
{
    static const char *const names[KEY_SETUP] = {"creto-plan", "seed", "scenario", "nodes", "ms"};
    const char *name = reader->words[0];
    if (strcmp(name, "fault") == 0) return read_fault(reader);
    if (!reader->seen[KEY_FORMAT] && strcmp(name, names[KEY_FORMAT]) != 0)
        return refuse(reader, "not a plan: the first line should be 'creto-plan 1'");
    if (reader->words_count != 2) return refuse(reader, "'%s' wants one value", name);
    if (strcmp(name, "expect") == 0) {
        return cr_expect_find(reader->words[1], &reader->plan->expect) ||
               refuse(reader, "nothing to expect: '%s'", reader->words[1]);
    }
    for (uint32_t key = 0; key < KEYS; key++) {
        const char *known = key < KEY_SETUP ? names[key] : setup_rows[key - KEY_SETUP].name;
        if (strcmp(name, known) == 0) return set_header(reader, key, reader->words[1]);
    }
    return refuse(reader, "what is '%s'?", name);
}

static void split(struct reader *reader, char *line)
{
    reader->words_count = 0;
    line[strcspn(line, "#\n")] = 0;
    while (reader->words_count < WORDS_MAX) {
        line += strspn(line, " ");
        if (*line == 0) return;
        reader->words[reader->words_count++] = line;
        line += strcspn(line, " ");
        if (*line == 0) return;
        *line++ = 0;
    }
    reader->words_count += line[strspn(line, " ")] != 0; /* one too many */
}

static bool is_complete(const struct reader *reader)
{
    const struct cr_sim_setup *setup = &reader->plan->setup;
    for (uint32_t key = 0; key < KEYS; key++) {
        if (!reader->seen[key]) return refuse(reader, "the header is not complete");
    }
    const uint32_t window = setup->round_window ? setup->round_window : CR_ROUND_WINDOW;
    if ((window & (window - 1)) != 0 || setup->gc_depth + 24 > window)
        return refuse(reader, "round_window should be 0 or a power of two above gc_depth + 24");
    if (setup->changes > 0 && reader->plan->expect != CR_EXPECT_HELD)
        return refuse(reader, "with changes all has to hold: what is more than F changes too");
    if (setup->joiner > 0 && (setup->changes == 0 || reader->plan->nodes_count < 5))
        return refuse(reader, "a joiner wants changes, and five nodes");
    return true;
}

bool cr_plan_read(struct cr_plan *plan, const char *path)
{
    struct reader reader = {.path = path, .plan = plan};
    char line[LINE_BYTES_MAX];
    bool good = true;
    *plan = (struct cr_plan){0};
    FILE *in = fopen(path, "r");
    if (!in) {
        fprintf(stderr, "creto-sim: cannot read %s\n", path);
        return false;
    }
    while (good && fgets(line, sizeof line, in)) {
        reader.line++;
        if (!strchr(line, '\n') && !feof(in)) {
            good = refuse(&reader, "longer than %d characters", LINE_BYTES_MAX - 2);
            break;
        }
        if (reader.line > LINES_MAX) good = refuse(&reader, "more than %d lines", LINES_MAX);
        split(&reader, line);
        if (good && reader.words_count > 0) good = read_line(&reader);
    }
    good = good && is_complete(&reader);
    fclose(in);
    return good;
}
