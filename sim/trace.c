/* SPDX-License-Identifier: Apache-2.0 */
/* trace.c: the columns of a run. */
#include "trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cluster.h"

enum {
    FACTS_BYTES = 68,
    HASH_EVERY = 1024, /* steps between two hashes of all that the core knows */
};

static void mix(struct cr_trace *trace, uint64_t value)
{
    trace->hash = (trace->hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    trace->hash ^= trace->hash >> 29;
}

static void mix_digest(struct cr_trace *trace, const struct cr_hash *digest)
{
    mix(trace, cr_load_le(digest->bytes, 8));
}

static void print_vertex(const struct cr_event_vertex *vertex, char *out)
{
    const struct cr_ref ref = {
        .round = vertex->header->round, .author = vertex->header->author, .digest = vertex->digest};
    cr_ref_print(&ref, out, FACTS_BYTES);
}

static void print_refs(const struct cr_event *event, char *out, size_t room)
{
    char first[48] = "";
    if (event->refs_count > 0) cr_ref_print(&event->refs[0], first, sizeof first);
    snprintf(out, room, "%s%s%.0" PRIu32, first, event->refs_count > 1 ? " +" : "",
             event->refs_count > 1 ? event->refs_count - 1 : 0);
}

static void mix_facts(struct cr_trace *trace, const struct cr_event *event)
{
    switch (event->kind) {
    case CR_EVENT_RESTORE_HEAD: mix_digest(trace, &event->head->commit_digest); return;
    case CR_EVENT_RESTORE_VERTEX:
    case CR_EVENT_VERTEX:
    case CR_EVENT_SEALED: mix_digest(trace, &event->vertex.digest); return;
    case CR_EVENT_EXECUTED: mix_digest(trace, &event->executed.effects_digest); return;
    case CR_EVENT_START:
    case CR_EVENT_TICK:
    case CR_EVENT_STORED:
    case CR_EVENT_WAITING:
    case CR_EVENT_PEER:
    case CR_EVENT_STATUS:
    case CR_EVENT_FETCH:
    case CR_EVENT_RANGE:
    case CR_EVENT_PROBE:
    case CR_EVENT_PROBE_REPLY:
    case CR_EVENT_GIVEN:
    case CR_EVENT_REFUTED:
    case CR_EVENT_CLOSE: return;
    }
}

/* The name of the event, and its facts in `out`. */
static const char *describe(const struct cr_event *event, char *out)
{
    const size_t room = FACTS_BYTES;
    switch (event->kind) {
    case CR_EVENT_RESTORE_HEAD:
        snprintf(out, room, "commit %" PRIu64 " leader r%" PRIu32, event->head->commit_index,
                 event->head->leader_round);
        return "head";
    case CR_EVENT_RESTORE_VERTEX:
        print_vertex(&event->vertex, out);
        return event->committed ? "log+" : "log";
    case CR_EVENT_START:
        snprintf(out, room, "guard r%" PRIu32 "%s", event->signed_round,
                 event->memory == CR_MEMORY_LOST ? " lost" : "");
        return "start";
    case CR_EVENT_PROBE: snprintf(out, room, "knows r%" PRIu32, event->probe.round); return "probe";
    case CR_EVENT_PROBE_REPLY:
        snprintf(out, room, "r%" PRIu32 " has r%" PRIu32 "%s", event->probe_reply.round,
                 event->probe_reply.round_of_receiver,
                 event->probe_reply.recovering ? " lost" : "");
        return "reply";
    case CR_EVENT_TICK: return "tick";
    case CR_EVENT_CLOSE: return "close";
    case CR_EVENT_VERTEX: print_vertex(&event->vertex, out); return "vertex";
    case CR_EVENT_SEALED: print_vertex(&event->vertex, out); return "sealed";
    case CR_EVENT_STORED: snprintf(out, room, "%" PRIu64, event->sequence); return "stored";
    case CR_EVENT_EXECUTED:
        snprintf(out, room, "commit %" PRIu64, event->executed.index);
        return "exec";
    case CR_EVENT_WAITING: snprintf(out, room, "%" PRIu32 " tx", event->waiting); return "waiting";
    case CR_EVENT_PEER: snprintf(out, room, "%s", event->up ? "up" : "down"); return "peer";
    case CR_EVENT_STATUS:
        snprintf(out, room, "r%" PRIu32 " has r%" PRIu32 " commit %" PRIu64, event->status.round,
                 event->status.round_of_receiver, event->status.commit_index);
        return "status";
    case CR_EVENT_FETCH: print_refs(event, out, room); return "fetch";
    case CR_EVENT_RANGE:
        snprintf(out, room, "%" PRIu64 "..%" PRIu64, event->range.from_commit,
                 event->range.to_commit);
        return event->range.forged ? "forged" : "range";
    case CR_EVENT_GIVEN: snprintf(out, room, "lane %" PRIu32, event->range.lane); return "given";
    case CR_EVENT_REFUTED: return "refuted";
    }
    CR_UNREACHABLE();
}

static char letter_of(enum cr_effect_kind kind)
{
    switch (kind) {
    case CR_EFFECT_PROPOSE: return 'P';
    case CR_EFFECT_STORE: return 'S';
    case CR_EFFECT_BROADCAST: return 'B';
    case CR_EFFECT_SEND: return 's';
    case CR_EFFECT_SEND_STATUS: return 't';
    case CR_EFFECT_FETCH: return 'f';
    case CR_EFFECT_SYNC: return 'y';
    case CR_EFFECT_COMMIT: return 'C';
    case CR_EFFECT_DROP: return 'd';
    case CR_EFFECT_REQUEUE: return 'q';
    case CR_EFFECT_EVIDENCE: return 'E';
    case CR_EFFECT_HALT: return 'H';
    case CR_EFFECT_TWIN: return 'T';
    case CR_EFFECT_SEND_PROBE: return 'a';
    case CR_EFFECT_SEND_PROBE_REPLY: return 'r';
    case CR_EFFECT_GIVE: return 'g';
    case CR_EFFECT_FORGED: return 'F';
    }
    CR_UNREACHABLE();
}

/* "SSSPs" and so on; many equal ones in a row are counted: "d12". */
static void print_effects(const struct cr_effects *effects, char *out, size_t out_bytes)
{
    size_t at = 0;
    out[0] = 0;
    for (uint32_t i = 0; i < effects->count && at + 8 < out_bytes;) {
        uint32_t run = 1;
        while (i + run < effects->count && effects->items[i + run].kind == effects->items[i].kind)
            run++;
        at += (size_t)snprintf(out + at, out_bytes - at, run > 1 ? "%c%" PRIu32 " " : "%c ",
                               letter_of(effects->items[i].kind), run);
        i += run;
    }
}

static bool is_printed(const struct cr_sim *sim)
{
    return sim->trace.print && sim->now_us >= sim->trace.from_us;
}

void cr_trace_step(struct cr_host *host, const struct cr_event *event)
{
    struct cr_sim *sim = host->sim;
    struct cr_trace *trace = &sim->trace;
    char facts[FACTS_BYTES] = "";
    mix(trace, sim->now_us);
    mix(trace, (uint64_t)host->place << 32 | (uint64_t)event->kind);
    for (uint32_t i = 0; i < host->effects.count; i++) {
        const struct cr_effect *effect = &host->effects.items[i];
        mix(trace, (uint64_t)effect->kind << 32 | effect->peer);
        if (effect->kind == CR_EFFECT_COMMIT) mix_digest(trace, &effect->commit.digest);
    }
    if (++trace->lines % HASH_EVERY == 0) mix(trace, cr_core_hash(host->core));
    mix_facts(trace, event);
    if (!is_printed(sim)) return;
    const char *name = describe(event, facts);

    char effects[28];
    char peer[8] = "";
    struct cr_core_stats stats;
    cr_core_stats(host->core, &stats);
    print_effects(&host->effects, effects, sizeof effects);
    switch (event->kind) {
    case CR_EVENT_VERTEX:
    case CR_EVENT_PEER:
    case CR_EVENT_STATUS:
    case CR_EVENT_FETCH:
    case CR_EVENT_PROBE:
    case CR_EVENT_PROBE_REPLY:
    case CR_EVENT_RANGE: snprintf(peer, sizeof peer, "<%" PRIu32, event->peer); break;
    case CR_EVENT_RESTORE_HEAD:
    case CR_EVENT_RESTORE_VERTEX:
    case CR_EVENT_CLOSE:
    case CR_EVENT_GIVEN:
    case CR_EVENT_REFUTED:
    case CR_EVENT_START:
    case CR_EVENT_TICK:
    case CR_EVENT_SEALED:
    case CR_EVENT_STORED:
    case CR_EVENT_EXECUTED:
    case CR_EVENT_WAITING: break;
    }
    printf("%11.6f %*s%-*" PRIu32 " %-7s %-3s %-34s %-26s r%-5" PRIu32 " c%-5" PRIu32 " g%-5" PRIu32
           " k%-5" PRIu64 " m%-3" PRIu32 " s%-3" PRIu32 "%s\n",
           (double)sim->now_us / 1e6, (int)host->self, "", (int)(sim->nodes_count - host->self),
           host->self, name, peer, facts, effects, stats.round, stats.clock, stats.gc_round,
           stats.commit_index, stats.missing, stats.suspended, stats.syncing ? " syncing" : "");
}

void cr_trace_end(struct cr_sim *sim)
{
    for (uint32_t i = 0; i < sim->nodes_count; i++)
        mix(&sim->trace, cr_core_hash(sim->hosts[i].core));
}

void cr_trace_note(struct cr_sim *sim, uint32_t node, const char *what, uint64_t value)
{
    mix(&sim->trace, sim->now_us ^ value);
    mix(&sim->trace, node);
    if (!is_printed(sim)) return;
    printf("%11.6f %*s%-*" PRIu32 " ------- %s %" PRIu64 "\n", (double)sim->now_us / 1e6, (int)node,
           "", (int)(sim->nodes_count - node), node, what, value);
}
