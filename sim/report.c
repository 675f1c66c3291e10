/* SPDX-License-Identifier: Apache-2.0 */
/* report.c: sums and lines. */
#include "report.h"

#include <inttypes.h>

void cr_totals_add(struct cr_totals *totals, const struct cr_sim *sim, bool held)
{
    for (uint32_t i = 0; i < sim->hosts_count; i++) {
        totals->steps += sim->hosts[i].counters.steps;
        totals->restarts += sim->hosts[i].counters.restarts;
        totals->vertices += sim->hosts[i].counters.vertices_decoded;
        totals->refused += sim->hosts[i].counters.bad_signatures;
        totals->requeued += sim->hosts[i].counters.requeued;
    }
    const struct cr_core_stats *sum = &sim->check.sum;
    totals->evidence += sim->check.evidence_total;
    totals->forks += sim->check.forks_total;
    totals->halts += sim->check.halts_total;
    totals->blames += sim->check.blames_total;
    totals->offences += sim->accusations.offences_count;
    totals->perjuries += sim->accusations.refused_total;
    totals->cores.fetches_total += sum->fetches_total;
    totals->cores.syncs_total += sum->syncs_total;
    totals->cores.timeouts_total += sum->timeouts_total;
    totals->cores.slots_direct += sum->slots_direct;
    totals->cores.slots_indirect += sum->slots_indirect;
    totals->cores.slots_skipped += sum->slots_skipped;
    totals->frames += sim->network.frames_total;
    totals->rounds += sim->check.rounds_total;
    totals->commits += sim->check.commits_count ? sim->check.commits_count - 1 : 0;
    totals->txs += sim->clients.final_count;
    totals->virtual_s += (double)sim->now_us / 1e6;
    totals->held += held;
    totals->failed += !held;
}

void cr_run_print_json(const struct cr_sim *sim, bool held, double cpu_s)
{
    struct cr_totals one = {0};
    cr_totals_add(&one, sim, held);
    printf("{\"seed\":\"0x%" PRIx64 "\",\"nodes\":%" PRIu32 ",\"scenario\":\"%s\",\"held\":%s,"
           "\"virtual_s\":%.3f,\"events\":%" PRIu64 ",\"events_per_cpu_s\":%.0f,\"rounds\":%" PRIu64
           ",\"commits\":%" PRIu64 ",\"txs\":%" PRIu64 ",\"frames\":%" PRIu64
           ",\"vertices\":%" PRIu64 ",\"fetches\":%" PRIu64 ",\"syncs\":%" PRIu64
           ",\"restarts\":%" PRIu64 ",\"heal_s\":%.3f,\"latency_ms_max\":%" PRIu64
           ",\"trace\":\"%016" PRIx64 "\"}\n",
           sim->seed, sim->nodes_count, sim->plan.scenario->name, held ? "true" : "false",
           one.virtual_s, one.steps, (double)one.steps / cpu_s, one.rounds, one.commits, one.txs,
           one.frames, one.vertices, one.cores.fetches_total, one.cores.syncs_total, one.restarts,
           ((double)sim->now_us - (double)sim->plan.faults_until_us) / 1e6,
           sim->clients.latency_us_max / 1000, sim->trace.hash);
}

void cr_totals_print(const struct cr_totals *totals, double cpu_s, FILE *out)
{
    const struct cr_core_stats *cores = &totals->cores;
    fprintf(out,
            "simulated %.0f s in %.1f s of CPU: %" PRIu64 " events (%.0f/s), %" PRIu64
            " rounds, %" PRIu64 " commits, %" PRIu64 " transactions, %" PRIu64 " frames, %" PRIu64
            " restarts\n",
            totals->virtual_s, cpu_s, totals->steps, (double)totals->steps / cpu_s, totals->rounds,
            totals->commits, totals->txs, totals->frames, totals->restarts);
    fprintf(out,
            "reached: slots direct %" PRIu64 " indirect %" PRIu64 " skipped %" PRIu64
            ", fetches %" PRIu64 ", syncs %" PRIu64 ", timeouts %" PRIu64 ", requeued %" PRIu64
            ", refused %" PRIu64 ", evidence %" PRIu64 ", on record %" PRIu64
            ", false evidence %" PRIu64 ", forks %" PRIu64 ", halts %" PRIu64 ", blames %" PRIu64
            "\n",
            cores->slots_direct, cores->slots_indirect, cores->slots_skipped, cores->fetches_total,
            cores->syncs_total, cores->timeouts_total, totals->requeued, totals->refused,
            totals->evidence, totals->offences, totals->perjuries, totals->forks, totals->halts,
            totals->blames);
    fprintf(out, "%" PRIu64 " seeds held, %" PRIu64 " failed\n", totals->held, totals->failed);
}

void cr_replay_line_print(const struct cr_sim_arguments *arguments, uint64_t seed, FILE *out)
{
    if (arguments->replay) {
        fprintf(out, "  replay: creto-sim --replay %s", arguments->replay);
    } else {
        fprintf(out,
                "  replay: creto-sim --seed 0x%" PRIx64 " --nodes %" PRIu32 " --seconds %" PRIu32,
                seed, arguments->nodes_count, arguments->seconds);
        if (arguments->scenario != cr_scenario_find("swarm"))
            fprintf(out, " --scenario %s", arguments->scenario->name);
    }
    if (arguments->skip) fprintf(out, " --skip %s", arguments->skip);
    if (arguments->run.canary) {
        const char *before = " --canary ";
        for (uint32_t kind = 1; kind < CR_FAULTS_END; kind++) {
            if (!(arguments->run.canary >> kind & 1)) continue;
            fprintf(out, "%s%s", before, cr_fault_name((enum cr_fault)kind));
            before = ",";
        }
    }
    fputc('\n', out);
}
