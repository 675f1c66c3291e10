/* SPDX-License-Identifier: Apache-2.0 */
/* sim.c: a whole cluster in one thread under one seed. Same seed, same run, same bytes. */
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cover.h"
#include "crash.h"
#include "options.h"
#include "recorder.h"
#include "report.h"
#include "run.h"
#include "shrink.h"

/* Of our processor time: what else the machine does is no matter of ours. */
static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void make_plan(struct cr_plan *plan, const struct cr_sim_arguments *arguments, uint64_t seed)
{
    if (!arguments->replay) {
        cr_plan_make(plan, seed, arguments->nodes_count, (uint64_t)arguments->seconds * 1000000,
                     arguments->scenario);
    } else if (!cr_plan_read(plan, arguments->replay)) {
        exit(EXIT_FAILURE);
    }
    cr_plan_skip(plan, arguments->skip);
}

static void print_failure(const struct cr_sim_arguments *arguments, uint64_t seed,
                          const struct cr_failure *failure)
{
    fflush(stdout);
    fprintf(stderr, "%s\n", failure->text);
    cr_replay_line_print(arguments, seed, stderr);
}

/* ---- one mode each ---- */

/* False: what broke was too small to be shrunk, or cannot be written. */
static bool shrink(const struct cr_sim_arguments *arguments, struct cr_plan *plan)
{
    struct cr_failure failure;
    const uint32_t runs = cr_shrink(plan, &arguments->run, &failure);
    if (runs == 0) return true; /* it held */
    fprintf(stderr, "%s\n", failure.text);
    if (cr_plan_write(plan, arguments->shrink)) {
        fprintf(stderr,
                "  shrunk in %" PRIu32 " runs to %" PRIu32 " faults, %" PRIu32 " nodes, %" PRIu64
                " ms\n  replay: creto-sim --replay %s\n",
                runs, plan->entries_count, plan->nodes_count, plan->faults_until_us / 1000,
                arguments->shrink);
    }
    return false;
}

/* Stops at the first seed that fails. */
static bool shrink_all(const struct cr_sim_arguments *arguments)
{
    static struct cr_plan plan;
    for (uint64_t i = 0; i < arguments->count; i++) {
        make_plan(&plan, arguments, arguments->seed + i);
        if (!shrink(arguments, &plan)) return false;
    }
    fprintf(stderr, "nothing to shrink: every run held\n");
    return true;
}

enum { TWICE_EVERY = 100 };

/* Some runs are made twice: the same plan must be the same run, to the last event. */
static void run_again(const struct cr_plan *plan, const struct cr_sim_arguments *arguments,
                      struct cr_failure *failure)
{
    const uint64_t trace = cr_run_sim()->trace.hash;
    if (failure->failed) return;
    cr_run_plan(plan, &arguments->run, failure);
    if (failure->failed || cr_run_sim()->trace.hash == trace) return;
    *failure = (struct cr_failure){.failed = true, .check = "TWICE"};
    snprintf(failure->text, sizeof failure->text,
             "seed 0x%" PRIx64 ": another trace when it runs again", plan->seed);
}

static bool run_all(const struct cr_sim_arguments *arguments)
{
    static struct cr_plan plan;
    struct cr_totals totals = {0};
    const double begin_s = seconds_now();
    for (uint64_t i = 0; i < arguments->count; i++) {
        struct cr_failure failure;
        const double start_s = seconds_now();
        make_plan(&plan, arguments, arguments->seed + i);
        if (arguments->plan) cr_plan_print(&plan);
        cr_run_plan(&plan, &arguments->run, &failure);
        if (i % TWICE_EVERY == TWICE_EVERY - 1) run_again(&plan, arguments, &failure);
        if (failure.failed) print_failure(arguments, plan.seed, &failure);
        if (arguments->json)
            cr_run_print_json(cr_run_sim(), !failure.failed, seconds_now() - start_s);
        cr_totals_add(&totals, cr_run_sim(), !failure.failed);
    }
    cr_totals_print(&totals, seconds_now() - begin_s, arguments->json ? stderr : stdout);
    const bool covered = !arguments->cover || cr_cover_report();
    return totals.failed == 0 && covered;
}

/* "2:FILE" */
static bool record(const char *text)
{
    char *colon;
    const unsigned long node = strtoul(text, &colon, 10);
    if (*colon == ':' && node < CR_SIM_NODES_MAX) return cr_sim_record((uint32_t)node, colon + 1);
    fprintf(stderr, "creto-sim: --record wants NODE:FILE, not '%s'\n", text);
    return false;
}

int main(int argc, char **argv)
{
    struct cr_sim_arguments arguments;
    /* Memory stays with us from one run to the next: to give it back and take it again is a tenth
     * of a short run. */
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* the most it takes */
    cr_sim_arguments_read(&arguments, argc, argv);
    bool good;
    if (arguments.record && !record(arguments.record)) return EXIT_FAILURE;
    if (arguments.write_plan) {
        static struct cr_plan plan;
        make_plan(&plan, &arguments, arguments.seed);
        good = cr_plan_write(&plan, arguments.write_plan);
    } else if (arguments.crash_points) {
        good = cr_crash_points(arguments.script, &arguments.run);
    } else if (arguments.shrink) {
        good = shrink_all(&arguments);
    } else {
        good = run_all(&arguments);
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
