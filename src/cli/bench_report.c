/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "cli/bench.h"

static double ms(const struct cr_bench *bench, uint32_t per_100000)
{
    return (double)cr_histogram_quantile(&bench->latency_us, per_100000) / 1000.0;
}

static json_t *report_json(const struct cr_bench *bench, double seconds, double tps)
{
    const struct cr_bench_plan *plan = &bench->plan;
    json_t *rate = plan->rate > 0 ? json_integer((json_int_t)plan->rate) : json_string("max");
    json_t *latency = json_pack("{s:f,s:f,s:f,s:f,s:f}", "p50", ms(bench, 50000), "p90",
                                ms(bench, 90000), "p99", ms(bench, 99000), "p999", ms(bench, 99900),
                                "max", (double)bench->latency_us.max / 1000.0);
    return json_pack(
        "{s:f,s:f,s:o,s:I,s:I,s:I,s:I,s:f,s:I,s:I,s:I,s:o,s:b,s:i,s:i}", "transactions_per_second",
        tps, "operations_per_second", tps * (double)plan->ops_per_tx, "latency_ms", latency,
        "submitted", (json_int_t)bench->submitted, "final", (json_int_t)bench->final, "rejected",
        (json_int_t)bench->rejected, "unknown", (json_int_t)bench->unknown, "seconds", seconds,
        "clients", (json_int_t)plan->clients, "ops_per_tx", (json_int_t)plan->ops_per_tx,
        "op_bytes", (json_int_t)plan->op_bytes, "rate", rate, "sign_live", plan->sign_live,
        "verified_nodes", (int)bench->nodes_verified, "nodes", (int)bench->urls.count);
}

void cr_bench_report(const struct cr_bench *bench, bool json)
{
    const struct cr_bench_plan *plan = &bench->plan;
    const double seconds = (double)bench->elapsed_us / 1e6;
    const double tps = bench->elapsed_us > 0 ? (double)bench->final / seconds : 0.0;
    if (json) {
        cr_cli_print_json(report_json(bench, seconds, tps));
        return;
    }
    printf("transactions/s  %.1f\noperations/s    %.1f  (%" PRIu64 " of %" PRIu64
           " B in each transaction)\n",
           tps, tps * (double)plan->ops_per_tx, plan->ops_per_tx, plan->op_bytes);
    printf("latency ms      p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  max %.1f\n", ms(bench, 50000),
           ms(bench, 90000), ms(bench, 99000), ms(bench, 99900),
           (double)bench->latency_us.max / 1000.0);
    printf("submitted       %" PRIu64 "  final %" PRIu64 "  rejected %" PRIu64 "  unknown %" PRIu64
           "\n",
           bench->submitted, bench->final, bench->rejected, bench->unknown);
    printf("took            %.2f s, %" PRIu64 " clients, ", seconds, plan->clients);
    if (plan->rate > 0)
        printf("%" PRIu64 " transactions/s offered\n", plan->rate);
    else
        printf("closed loop, %" PRIu64 " in flight per client\n", plan->in_flight);
    printf("verified        on %u of %u nodes\n", bench->nodes_verified, bench->urls.count);
}
