/* SPDX-License-Identifier: Apache-2.0 */
/* shrink.c: delta debugging over the entries of a plan, then over everything else in it.
 *
 * Leaving something out changes no random stream of what stays, so that a candidate is mostly the
 * same run with less in it. A candidate counts only if the same check fails: a smaller plan that
 * breaks another rule would explain something else. Source of the first part: Zeller, Hildebrandt,
 * "Simplifying and isolating failure-inducing input", IEEE TSE 28(2), 2002.
 */
#include "shrink.h"

#include <string.h>

enum { RUNS_MAX = 3000 };

struct shrinker {
    struct cr_plan *plan; /* the smallest that fails so far */
    const struct cr_sim_options *options;
    struct cr_failure failure;
    uint32_t runs;
};

/* Keeps the candidate if it fails like the plan it comes from. */
static bool try(struct shrinker *shrinker, const struct cr_plan *candidate)
{
    struct cr_failure failure;
    if (shrinker->runs >= RUNS_MAX) return false;
    shrinker->runs++;
    cr_run_apart(candidate, shrinker->options, &failure);
    if (!failure.failed || strcmp(failure.check, shrinker->failure.check) != 0) return false;
    *shrinker->plan = *candidate;
    shrinker->failure = failure;
    return true;
}

/* ---- fewer entries ---- */

static bool try_without(struct shrinker *shrinker, uint32_t from, uint32_t count)
{
    struct cr_plan candidate = *shrinker->plan;
    memmove(candidate.entries + from, candidate.entries + from + count,
            (candidate.entries_count - from - count) * sizeof candidate.entries[0]);
    candidate.entries_count -= count;
    return try(shrinker, &candidate);
}

/* Leaves out ever smaller parts until no single entry can be spared. */
static void shrink_entries(struct shrinker *shrinker)
{
    for (uint32_t part = shrinker->plan->entries_count; part > 0;) {
        bool smaller = false;
        for (uint32_t from = 0; from < shrinker->plan->entries_count;) {
            const uint32_t rest = shrinker->plan->entries_count - from;
            if (try_without(shrinker, from, part < rest ? part : rest)) {
                smaller = true; /* what followed stands at `from` now */
            } else {
                from += part;
            }
        }
        if (part > 1 || !smaller) part /= 2;
    }
}

/* ---- fewer of everything else ---- */

/* What concerned the last node concerns another one now. */
static void drop_last_node(struct cr_plan *plan)
{
    plan->nodes_count--;
    const uint32_t everyone = (1u << plan->nodes_count) - 1;
    for (uint32_t i = 0; i < plan->entries_count; i++) {
        struct cr_plan_entry *entry = &plan->entries[i];
        entry->node %= plan->nodes_count;
        entry->group &= everyone;
        if (entry->group == 0 || entry->group == everyone) entry->group = 1;
    }
}

static void shrink_nodes(struct shrinker *shrinker)
{
    while (shrinker->plan->nodes_count > CR_SIM_NODES_MIN) {
        struct cr_plan candidate = *shrinker->plan;
        drop_last_node(&candidate);
        if (!try(shrinker, &candidate)) return;
    }
}

static void shrink_txs(struct shrinker *shrinker)
{
    while (shrinker->plan->setup.txs_count > 0) {
        struct cr_plan candidate = *shrinker->plan;
        candidate.setup.txs_count /= 2;
        if (!try(shrinker, &candidate)) return;
    }
}

static void end_at(struct cr_plan *plan, uint64_t until_us)
{
    uint32_t kept = 0;
    plan->faults_until_us = until_us;
    for (uint32_t i = 0; i < plan->entries_count; i++) {
        struct cr_plan_entry entry = plan->entries[i];
        if (entry.to_us > until_us) entry.to_us = until_us;
        if (entry.from_us < until_us) plan->entries[kept++] = entry;
    }
    plan->entries_count = kept;
}

/* All faults earlier by `by_us`. */
static void move_earlier(struct cr_plan *plan, uint64_t by_us)
{
    for (uint32_t i = 0; i < plan->entries_count; i++) {
        plan->entries[i].from_us -= by_us;
        plan->entries[i].to_us -= by_us;
    }
}

static void shrink_begin(struct shrinker *shrinker)
{
    for (;;) {
        struct cr_plan candidate = *shrinker->plan;
        uint64_t first_us = candidate.faults_until_us;
        for (uint32_t i = 0; i < candidate.entries_count; i++) {
            if (candidate.entries[i].from_us < first_us) first_us = candidate.entries[i].from_us;
        }
        if (candidate.entries_count == 0 || first_us < 2000) return;
        move_earlier(&candidate, first_us / 2);
        if (!try(shrinker, &candidate)) return;
    }
}

/* First up to the end of the last fault, then ever a third less. A plan's time is in whole ms. */
static void shrink_end(struct shrinker *shrinker)
{
    struct cr_plan candidate = *shrinker->plan;
    uint64_t last_us = 1000;
    for (uint32_t i = 0; i < candidate.entries_count; i++) {
        if (candidate.entries[i].to_us > last_us) last_us = candidate.entries[i].to_us;
    }
    candidate.faults_until_us = (last_us + 999) / 1000 * 1000;
    if (candidate.faults_until_us < shrinker->plan->faults_until_us) try(shrinker, &candidate);
    for (;;) {
        candidate = *shrinker->plan;
        const uint64_t ms = candidate.faults_until_us / 1000 * 2 / 3;
        if (ms == 0) return;
        end_at(&candidate, ms * 1000);
        if (!try(shrinker, &candidate)) return;
    }
}

/* Halves an interval from its end or from its beginning, down to a millisecond. */
static void shrink_interval(struct shrinker *shrinker, uint32_t index)
{
    for (;;) {
        const struct cr_plan_entry entry = shrinker->plan->entries[index];
        const uint64_t half_us = (entry.to_us - entry.from_us) / 2;
        if (half_us < 1000) return;
        struct cr_plan candidate = *shrinker->plan;
        candidate.entries[index].to_us = entry.from_us + half_us;
        if (try(shrinker, &candidate)) continue;
        candidate.entries[index] = entry;
        candidate.entries[index].from_us = entry.to_us - half_us;
        if (!try(shrinker, &candidate)) return;
    }
}

uint32_t cr_shrink(struct cr_plan *plan, const struct cr_sim_options *options,
                   struct cr_failure *out)
{
    struct shrinker shrinker = {.plan = plan, .options = options, .runs = 1};
    cr_run_apart(plan, options, &shrinker.failure);
    *out = shrinker.failure;
    if (!out->failed) return 0;
    shrink_entries(&shrinker);
    shrink_nodes(&shrinker);
    shrink_begin(&shrinker);
    shrink_end(&shrinker);
    shrink_txs(&shrinker);
    for (uint32_t i = 0; i < plan->entries_count; i++)
        shrink_interval(&shrinker, i);
    shrink_begin(&shrinker);
    shrink_end(&shrinker);
    shrink_entries(&shrinker);
    *out = shrinker.failure;
    return shrinker.runs;
}
