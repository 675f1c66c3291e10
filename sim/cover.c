/* SPDX-License-Identifier: Apache-2.0 */
/* cover.c: the marks that the linker has gathered. */
#include "cover.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cover.h"

enum { MARKS_MAX = 1024 };

/* The bounds of the section, by the linker. */
/* NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming): the linker's */
extern struct cr_cover_mark __start_cr_cover[], __stop_cr_cover[]; /* lint: allow, linker's names */

#define RARE    "seen, but in less than one of a hundred seeds"
#define SERVERS "reached by scenario servers"

/* Marks that a thousand random seeds need not reach, and why. */
static const struct {
    const char *name;
    const char *why;
} exempt[] = {
    {"window_almost_full", "needs a network made for it: src/core/pacemaker_test.c"},
    {"anchor_above_the_first_round", "needs a whole round skipped: src/consensus/decide_test.c"},
    {"fetch_full", "needs more than 32 vertices missing at one peer: pushes mostly come first"},
    {"twin_met_at_start", "needs an answer that one vertex has overtaken: src/core/probe_test.c"},
    {"vertex_signed_after_our_start", "reached by scenario doubles"},
    {"nobody_to_listen_to", RARE},
    {"fetch_of_what_is_not_durable", RARE},
    {"horizon_took_what_was_ready", RARE},
    {"range_without_commits", RARE},
    {"core_without_a_seat", "needs five nodes: sim.seven"},
    {"core_without_a_voice", "needs five nodes: sim.seven"},
    {"validator_added", "needs five nodes: sim.seven"},
    {"offence_of_one_who_left", "needs five nodes: sim.changes"},
    {"range_in_too_many_parts", RARE},
    {"range_records_do_not_chain", SERVERS},
    {"range_does_not_follow", SERVERS},
    {"range_badly_signed", SERVERS},
    {"range_was_forged", SERVERS},
    {"range_conflict", SERVERS},
    {"range_conflict_with_all", SERVERS},
    {"sync_stuck", "needs ten seconds in sync without a commit"},
};

static const char *exemption(const char *name)
{
    for (size_t i = 0; i < sizeof exempt / sizeof exempt[0]; i++) {
        if (strcmp(exempt[i].name, name) == 0) return exempt[i].why;
    }
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    const struct cr_cover_mark *left = a, *right = b;
    const int files = strcmp(left->file, right->file);
    return files != 0 ? files : strcmp(left->name, right->name);
}

/* One entry for each name; the marks of a name at several places are one. */
static size_t gather(struct cr_cover_mark *out)
{
    size_t count = 0;
    for (const struct cr_cover_mark *mark = __start_cr_cover; mark < __stop_cr_cover; mark++) {
        size_t at = 0;
        while (at < count && strcmp(out[at].name, mark->name) != 0)
            at++;
        if (at == MARKS_MAX) abort();
        if (at == count) out[count++] = (struct cr_cover_mark){mark->name, mark->file, 0};
        out[at].hits += mark->hits;
    }
    qsort(out, count, sizeof out[0], by_name);
    return count;
}

static const char *short_file(const char *file)
{
    const char *src = strstr(file, "/src/");
    return src ? src + 5 : file;
}

bool cr_cover_report(void)
{
    static struct cr_cover_mark marks[MARKS_MAX];
    const size_t count = gather(marks);
    size_t never = 0;
    for (size_t i = 0; i < count; i++) {
        const struct cr_cover_mark *mark = &marks[i];
        const char *why = exemption(mark->name);
        printf("%12" PRIu64 "  %-24s %s%s%s\n", mark->hits, short_file(mark->file), mark->name,
               why ? "  -- exempt: " : "", why ? why : "");
        if (mark->hits == 0 && !why) never++;
    }
    printf("%zu marks, %zu never reached\n", count, never);
    return count > 0 && never == 0;
}
