/* SPDX-License-Identifier: Apache-2.0 */
/* faults.c: from active entries to states of nodes. */
#include "faults.h"

/* What all active entries together want of one node. */
struct wishes {
    bool dead, power, wiped, forgotten, paused;
    int64_t rate_ppm;
    int64_t wall_rate;
    int64_t wall_offset_ms;
    struct cr_host_faults faults;
};

static int64_t wall_rate_of(uint32_t value)
{
    static const int64_t rates[] = {0, -1, 3};
    return rates[value % CR_COUNT_OF(rates)];
}

static void break_disk(struct cr_host_faults *faults, const struct cr_plan_entry *entry)
{
    if (entry->fault == CR_FAULT_SYNC_ERROR) faults->sync_fails = true;
    if (entry->fault == CR_FAULT_FULL) faults->disk_full = true;
    if (entry->to_us > faults->repaired_us) faults->repaired_us = entry->to_us;
}

#define CASE(kind, ...) case CR_FAULT_##kind:

static void wish(struct wishes *wishes, const struct cr_plan_entry *entry)
{
    switch (entry->fault) {
    case CR_FAULT_WIPE: wishes->dead = wishes->wiped = true; return;
    case CR_FAULT_FORGET: wishes->dead = wishes->forgotten = true; return;
    case CR_FAULT_CRASH:
        wishes->dead = true;
        wishes->power = wishes->power || entry->value == 1;
        return;
    case CR_FAULT_PAUSE:
    case CR_FAULT_SLEEP: wishes->paused = true; return;
    case CR_FAULT_DISK: wishes->faults.sync_extra_us += entry->value; return;
    case CR_FAULT_CLOCK: wishes->wall_offset_ms += (int64_t)entry->value - 3000; return;
    case CR_FAULT_RATE: wishes->rate_ppm = ((int64_t)entry->value - 1000) * 1000; return;
    case CR_FAULT_WALL: wishes->wall_rate = wall_rate_of(entry->value); return;
    case CR_FAULT_SYNC_ERROR:
    case CR_FAULT_FULL: break_disk(&wishes->faults, entry); return;
    case CR_FAULT_POWER: /* of all nodes */
    case CR_FAULT_ROT:
    case CR_FAULT_BACKUP:
    case CR_FAULT_ROLLBACK:
    case CR_FAULT_DOUBLE:
    case CR_FAULT_CRASH_AT: /* of a moment */
    case CR_FAULT_PARTITION:
    case CR_FAULT_ISOLATE:
    case CR_FAULT_ONE_WAY:
    case CR_FAULT_BRIDGE:
    case CR_FAULT_RING:
    case CR_FAULT_FLAP:
    case CR_FAULT_SPLIT:
    case CR_FAULT_LOSS:
    case CR_FAULT_DUPLICATE:
    case CR_FAULT_CORRUPT:
    case CR_FAULT_REORDER:
    case CR_FAULT_STALL:
    case CR_FAULT_DELAY:
    case CR_FAULT_LINK:
    case CR_FAULT_BANDWIDTH:
    case CR_FAULT_RESET: /* of links */ CR_LIES(CASE) /* of what it says */
    case CR_FAULT_NONE:
    case CR_FAULTS_END: return;
    }
    CR_UNREACHABLE();
}

static struct wishes wishes_for(const struct cr_sim *sim, const struct cr_host *host)
{
    struct wishes wishes = {.rate_ppm = host->drift_ppm,
                            .wall_rate = 1,
                            .wall_offset_ms = host->wall_skew_ms,
                            .dead = sim->now_us < host->down_until_us || !cr_twins_is_wanted(host)};
    for (uint32_t i = 0; i < sim->plan.entries_count; i++) {
        const struct cr_plan_entry *entry = &sim->plan.entries[i];
        if (!sim->active[i]) continue;
        if (entry->fault == CR_FAULT_POWER) wishes.dead = wishes.power = true;
        if (entry->node == host->self) wish(&wishes, entry);
    }
    return wishes;
}

static void apply_to_host(struct cr_sim *sim, struct cr_host *host)
{
    const struct wishes wishes = wishes_for(sim, host);
    host->wall_offset_ms = wishes.wall_offset_ms;
    host->faults = wishes.faults;
    cr_host_set_clock(host, wishes.rate_ppm, wishes.wall_rate);
    if (wishes.dead && host->alive) {
        cr_trace_note(sim, host->self, wishes.power ? "power lost" : "killed", host->incarnation);
        cr_host_crash(host, wishes.power);
    }
    if (wishes.wiped && host->disk.count > 0) {
        cr_trace_note(sim, host->self, "data lost", host->incarnation);
        cr_disk_wipe(&host->disk);
    }
    if (wishes.forgotten && (host->disk.count > 0 || !host->disk.guard.lost)) {
        cr_trace_note(sim, host->self, "data and guard lost", host->incarnation);
        cr_disk_forget(&host->disk);
    }
    if (!wishes.dead && !host->alive) {
        cr_trace_note(sim, host->self, "boot", host->incarnation);
        cr_host_start(host);
    }
    host->paused = wishes.paused && host->alive;
}

void cr_faults_apply(struct cr_sim *sim)
{
    cr_network_apply(sim);
    for (uint32_t i = 0; i < sim->hosts_count; i++)
        apply_to_host(sim, &sim->hosts[i]);
}

void cr_faults_bury(struct cr_sim *sim)
{
    while (sim->doomed) { /* a start may end in the next death */
        sim->doomed = false;
        for (uint32_t i = 0; i < sim->hosts_count; i++) {
            struct cr_host *host = &sim->hosts[i];
            if (host->doom == CR_DOOM_NONE) continue;
            const bool power = host->doom == CR_DOOM_POWER;
            cr_trace_note(sim, host->self,
                          power ? "ends, its cache lost:" : "ends:", host->incarnation);
            cr_host_crash(host, power);
            cr_heap_push(&sim->heap,
                         (struct cr_happening){.at_us = host->down_until_us > sim->now_us
                                                            ? host->down_until_us
                                                            : sim->now_us,
                                               .kind = CR_HAPPENING_BOOT,
                                               .node = i});
        }
    }
}

/* ---- what an entry does at its beginning, at its end, and in between ---- */

static bool happens_again(const struct cr_plan_entry *entry)
{
    return entry->fault == CR_FAULT_RESET || entry->fault == CR_FAULT_FLAP ||
           entry->fault == CR_FAULT_TWIN || entry->fault == CR_FAULT_OLD_TWIN ||
           entry->fault == CR_FAULT_DOUBLE;
}

static void begin(struct cr_sim *sim, uint32_t place)
{
    const struct cr_plan_entry *entry = &sim->plan.entries[place];
    struct cr_host *host = &sim->hosts[entry->node];
    if (entry->fault == CR_FAULT_ROT) cr_disk_rot(&host->disk, entry->value);
    if (entry->fault == CR_FAULT_BACKUP || entry->fault == CR_FAULT_ROLLBACK) {
        sim->backups[place] = host->disk.durable;
        sim->backup_wipes[place] = host->disk.wipes_total;
        sim->backup_guards[place] = host->disk.guard_durable;
    }
    if (entry->fault == CR_FAULT_CRASH_AT) {
        host->operations_left = entry->value / 2;
        host->operations_end_power = entry->value % 2 == 1;
    }
    if (!happens_again(entry)) return;
    cr_heap_push(
        &sim->heap,
        (struct cr_happening){.at_us = sim->now_us, .kind = CR_HAPPENING_AGAIN, .number = place});
}

static bool has_newer(const struct cr_disk *disk, uint32_t author,
                      const struct cr_disk_guard *guard)
{
    for (uint32_t i = 0; i < disk->durable; i++) {
        const struct cr_disk_record *record = &disk->records[i];
        if (record->kind == CR_RECORD_VERTEX && record->body->author == author &&
            cr_disk_guard_allows(guard, record->body->epoch, record->body->round))
            return true;
    }
    return false;
}

/* Whether in any answers that a start waits for there is one of a correct node that has accepted
 * a vertex of `host` newer than this copy of its guard, and will not forget it. Without that, a
 * copy that passes for the newest guard is beyond what the protocol promises (4.8). */
static bool is_remembered(const struct cr_sim *sim, const struct cr_host *host,
                          const struct cr_disk_guard *guard)
{
    struct cr_authors set = {0};
    for (uint32_t i = 0; i < sim->nodes_count; i++) {
        if (i != host->self && !cr_byz_is_liar(sim, i) &&
            has_newer(&sim->hosts[i].disk, host->self, guard))
            cr_authors_add(&set, i);
    }
    for (uint32_t i = 0; i < sim->plan.entries_count; i++) {
        if (cr_fault_forgets(sim->plan.entries[i].fault))
            cr_authors_remove(&set, sim->plan.entries[i].node);
    }
    return cr_committee_stake_of(&sim->committee, &set) > sim->committee.faulty;
}

/* A copy of a folder that was emptied since is of another life: nobody would put it back. */
static void restore(struct cr_sim *sim, uint32_t place)
{
    const struct cr_plan_entry *entry = &sim->plan.entries[place];
    struct cr_host *host = &sim->hosts[entry->node];
    if (host->disk.wipes_total != sim->backup_wipes[place]) return;
    if (host->alive) cr_host_crash(host, false);
    cr_trace_note(sim, host->self, "data of old", sim->backups[place]);
    cr_disk_restore(&host->disk, sim->backups[place]);
    if (entry->fault != CR_FAULT_ROLLBACK) return;
    const struct cr_disk_guard *guard = &sim->backup_guards[place];
    cr_disk_restore_guard(&host->disk, guard,
                          entry->value == 0 || !is_remembered(sim, host, guard));
}

static void end(struct cr_sim *sim, uint32_t place)
{
    const struct cr_plan_entry *entry = &sim->plan.entries[place];
    if (entry->fault == CR_FAULT_BACKUP || entry->fault == CR_FAULT_ROLLBACK) restore(sim, place);
    cr_twins_end(sim, place);
    if (entry->fault == CR_FAULT_CRASH_AT) sim->hosts[entry->node].operations_left = 0;
}

void cr_faults_on_plan(struct cr_sim *sim, uint32_t place, bool begins)
{
    const struct cr_plan_entry *entry = &sim->plan.entries[place];
    cr_trace_note(sim, entry->node,
                  begins ? "plan entry begins:" : "plan entry ends:", entry->number);
    sim->active[place] = begins;
    cr_check_canary(sim);
    if (begins)
        cr_twins_prepare(sim, place);
    else
        end(sim, place);
    cr_faults_apply(sim);
    if (begins) begin(sim, place);
}

/* Breaks one connection; returns when to come again. */
static uint64_t reset_one(struct cr_sim *sim, const struct cr_plan_entry *entry, uint32_t times)
{
    struct cr_prng prng =
        cr_prng_stream(sim->seed, CR_PURPOSE_RESET, (uint64_t)entry->number << 32 | times);
    const uint32_t a = (uint32_t)cr_prng_below(&prng, sim->nodes_count);
    const uint32_t step = 1 + (uint32_t)cr_prng_below(&prng, sim->nodes_count - 1);
    sim->network.resets_total++;
    cr_network_disconnect(sim, a, (a + step) % sim->nodes_count);
    return sim->now_us + 1 + cr_prng_below(&prng, (uint64_t)entry->value * 2000);
}

void cr_faults_again(struct cr_sim *sim, struct cr_happening again)
{
    const struct cr_plan_entry *entry = &sim->plan.entries[again.number];
    if (entry->fault == CR_FAULT_RESET) {
        again.at_us = reset_one(sim, entry, again.incarnation);
    } else {
        if (entry->fault == CR_FAULT_FLAP) cr_network_apply(sim);
        cr_twins_deal(sim, again.number, again.incarnation);
        again.at_us = sim->now_us + 1 + (uint64_t)entry->value * 1000;
    }
    again.incarnation++; /* counts the times of this entry */
    if (again.at_us < entry->to_us || cr_byz_goes_on(sim, again.number))
        cr_heap_push(&sim->heap, again);
}
