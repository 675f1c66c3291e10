/* SPDX-License-Identifier: Apache-2.0 */
/* run.c: a run that fails leaves from any depth; here is where it arrives. */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { APART_SECONDS_MAX = 60 };

static struct cr_sim sim; /* one per process: the assert handler must find it */
static struct cr_failure *failure;
static jmp_buf leave;

static _Noreturn void leave_run(const char *check)
{
    if (!failure) abort(); /* not in a run */
    failure->failed = true;
    snprintf(failure->check, sizeof failure->check, "%s", check);
    longjmp(leave, 1);
}

static size_t begin_text(void)
{
    if (!failure) return 0;
    const int written =
        snprintf(failure->text, sizeof failure->text, "seed 0x%" PRIx64 " at %.6f s: ", sim.seed,
                 (double)sim.now_us / 1e6);
    return (size_t)written;
}

_Noreturn void cr_run_fail(const char *format, ...)
{
    va_list arguments;
    const size_t at = begin_text();
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is; clang 14 errs across files */
    if (failure) vsnprintf(failure->text + at, sizeof failure->text - at, format, arguments);
    va_end(arguments);
    leave_run(format);
}

_Noreturn void cr_assert_failed(const char *cond, const char *file, int line)
{
    const size_t at = begin_text();
    if (!failure) {
        fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, cond);
        abort();
    }
    snprintf(failure->text + at, sizeof failure->text - at, "%s:%d: assertion failed: %s", file,
             line, cond);
    leave_run(failure->text + at);
}

void cr_run_plan(const struct cr_plan *plan, const struct cr_sim_options *options,
                 struct cr_failure *out)
{
    *out = (struct cr_failure){0};
    cr_run_give_all();
    failure = out;
    if (setjmp(leave) == 0) {
        cr_cluster_init(&sim, options, plan);
        cr_cluster_run(&sim);
    }
    failure = NULL;
}

const struct cr_sim *cr_run_sim(void)
{
    return &sim;
}

/* ---- in a process of its own ---- */

static _Noreturn void run_child(const struct cr_plan *plan, const struct cr_sim_options *options,
                                struct cr_failure *out)
{
    const int nowhere = open("/dev/null", O_WRONLY);
    if (nowhere >= 0) {
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
    }
    alarm(APART_SECONDS_MAX); /* its signal ends a run that does not end */
    cr_run_plan(plan, options, out);
    _exit(EXIT_SUCCESS);
}

static void fail_apart(struct cr_failure *out, const char *what, int number)
{
    out->failed = true;
    snprintf(out->check, sizeof out->check, "%s %d", what, number);
    snprintf(out->text, sizeof out->text, "the run ended with %s %d", what, number);
}

void cr_run_apart(const struct cr_plan *plan, const struct cr_sim_options *options,
                  struct cr_failure *out)
{
    struct cr_failure *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = 0;
    fflush(stdout);
    const pid_t child = shared == MAP_FAILED ? -1 : fork();
    if (child < 0) {
        fprintf(stderr, "creto-sim: cannot start a process\n");
        exit(EXIT_FAILURE);
    }
    if (child == 0) run_child(plan, options, shared);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    *out = *shared;
    munmap(shared, sizeof *shared);
    if (WIFSIGNALED(status)) fail_apart(out, "signal", WTERMSIG(status));
    if (WIFEXITED(status) && WEXITSTATUS(status) != EXIT_SUCCESS)
        fail_apart(out, "exit code", WEXITSTATUS(status));
}
