/* SPDX-License-Identifier: Apache-2.0 */
/* report.h: what runs have amounted to. */
#ifndef CR_SIM_REPORT_H
#define CR_SIM_REPORT_H

#include <stdio.h>

#include "options.h"

struct cr_totals {
    uint64_t held, failed, steps, frames, rounds, commits, txs, restarts;
    uint64_t vertices, refused, requeued, evidence, offences, perjuries, forks, halts, blames;
    struct cr_core_stats cores; /* how often the rare paths were taken */
    double virtual_s;
};

void cr_totals_add(struct cr_totals *totals, const struct cr_sim *sim, bool held);
void cr_totals_print(const struct cr_totals *totals, double cpu_s, FILE *out);
/* One run as one line of JSON. */
void cr_run_print_json(const struct cr_sim *sim, bool held, double cpu_s);
/* The command that makes this run again. */
void cr_replay_line_print(const struct cr_sim_arguments *arguments, uint64_t seed, FILE *out);

#endif
