/* SPDX-License-Identifier: Apache-2.0 */
/* twins.c: who is there twice, and who hears which. */
#include "twins.h"

#include "cluster.h"

static bool makes_twin(const struct cr_sim *sim, const struct cr_plan_entry *entry)
{
    const bool lies = cr_byz_is_liar(sim, entry->node);
    if (entry->fault == CR_FAULT_DOUBLE) return !lies;
    return lies && (entry->fault == CR_FAULT_TWIN || entry->fault == CR_FAULT_OLD_TWIN);
}

void cr_twins_init(struct cr_sim *sim)
{
    for (uint32_t node = 0; node < sim->nodes_count; node++) {
        for (uint32_t peer = 0; peer < sim->nodes_count; peer++)
            sim->routes[node][peer] = (uint8_t)node;
    }
    sim->hosts_count = sim->nodes_count;
    for (uint32_t i = 0; i < sim->plan.entries_count; i++) {
        const struct cr_plan_entry *entry = &sim->plan.entries[i];
        if (!makes_twin(sim, entry)) continue;
        if (sim->hosts_count == sim->nodes_count + CR_SIM_TWINS_MAX) return;
        struct cr_host *twin = &sim->hosts[sim->hosts_count++];
        cr_host_init(twin, sim, entry->node);
        twin->entry = i;
    }
}

struct cr_host *cr_twins_of(struct cr_sim *sim, uint32_t node, uint32_t peer)
{
    return &sim->hosts[sim->routes[node][peer]];
}

bool cr_twins_is_heard(const struct cr_host *host, uint32_t peer)
{
    return host->sim->routes[host->self][peer] == host->place;
}

bool cr_twins_is_double(const struct cr_host *host)
{
    return host->place >= host->sim->nodes_count && !cr_byz_is_liar(host->sim, host->self);
}

bool cr_twins_is_wanted(const struct cr_host *host)
{
    if (host->place < host->sim->nodes_count) return true;
    if (cr_twins_is_double(host) && host->incarnation > 0) return false; /* it has ended */
    return host->sim->active[host->entry];
}

/* The twin of an entry; NULL: it makes none. */
static struct cr_host *twin_of(struct cr_sim *sim, uint32_t place)
{
    for (uint32_t i = sim->nodes_count; i < sim->hosts_count; i++) {
        if (sim->hosts[i].entry == place) return &sim->hosts[i];
    }
    return NULL;
}

/* What the second process finds: everything, an old log, or the key alone. The guard in it is a
 * copy at best, and known to be one. */
static void copy_folder(const struct cr_plan_entry *entry, const struct cr_disk *from,
                        struct cr_disk *to, struct cr_prng *prng)
{
    static const struct cr_disk_guard none;
    const uint32_t kind = entry->value % 3;
    const uint32_t part = (uint32_t)cr_prng_below(prng, (uint64_t)from->durable + 1);
    if (kind < 2) cr_disk_copy(to, from, kind == 0 ? from->durable : part);
    cr_disk_restore_guard(to, kind == 0 ? &from->guard_durable : &none, true);
}

void cr_twins_prepare(struct cr_sim *sim, uint32_t place)
{
    const struct cr_plan_entry *entry = &sim->plan.entries[place];
    struct cr_host *twin = twin_of(sim, place);
    if (twin == NULL) return;
    struct cr_prng prng =
        cr_prng_stream(sim->seed, CR_PURPOSE_TWINS, UINT64_C(1) << 63 | entry->number);
    const struct cr_disk *disk = &sim->hosts[entry->node].disk;
    if (entry->fault == CR_FAULT_DOUBLE) {
        copy_folder(entry, disk, &twin->disk, &prng);
        return;
    }
    const bool old = entry->fault == CR_FAULT_OLD_TWIN;
    cr_disk_copy(&twin->disk, disk,
                 old ? (uint32_t)cr_prng_below(&prng, (uint64_t)disk->durable + 1) : disk->durable);
}

static void move(struct cr_sim *sim, uint32_t node, uint32_t peer, uint32_t to)
{
    if (sim->routes[node][peer] == to) return;
    cr_network_disconnect(sim, node, peer);
    sim->routes[node][peer] = (uint8_t)to;
    cr_network_connect_later(sim, node, peer);
}

/* F peers after each other hear the second process, while it lives. */
static void deal_by_turns(struct cr_sim *sim, const struct cr_host *twin, uint32_t times)
{
    const uint32_t others = sim->nodes_count - 1, faulty = others / 3;
    for (uint32_t i = 0; i < others; i++) {
        const uint32_t peer = (twin->self + 1 + i) % sim->nodes_count;
        const bool turn = (i + others - times * faulty % others) % others < faulty;
        if (turn && twin->alive)
            move(sim, twin->self, peer, twin->place);
        else if (cr_twins_is_heard(twin, peer))
            move(sim, twin->self, peer, twin->self);
    }
}

void cr_twins_deal(struct cr_sim *sim, uint32_t place, uint32_t times)
{
    const struct cr_plan_entry *entry = &sim->plan.entries[place];
    const struct cr_host *twin = twin_of(sim, place);
    if (twin != NULL && cr_twins_is_double(twin)) {
        deal_by_turns(sim, twin, times);
        return;
    }
    uint32_t places[1 + CR_SIM_TWINS_MAX] = {entry->node};
    uint32_t count = 1;
    if (twin == NULL) return;
    for (uint32_t i = sim->nodes_count; i < sim->hosts_count; i++) {
        const struct cr_host *other = &sim->hosts[i];
        if (other->self == entry->node && cr_twins_is_wanted(other)) places[count++] = i;
    }
    struct cr_prng prng =
        cr_prng_stream(sim->seed, CR_PURPOSE_TWINS, (uint64_t)entry->number << 32 | times);
    for (uint32_t peer = 0; peer < sim->nodes_count; peer++) {
        const uint32_t lot = places[cr_prng_below(&prng, count)];
        const bool first = times == 0;
        if (peer == entry->node || (first && !((entry->group >> peer) & 1))) continue;
        move(sim, entry->node, peer, first ? twin->place : lot);
    }
}

void cr_twins_end(struct cr_sim *sim, uint32_t place)
{
    const struct cr_host *twin = twin_of(sim, place);
    if (twin != NULL && twin->alive && cr_twins_is_double(twin))
        cr_check_double(twin, sim->now_us - sim->plan.entries[place].from_us);
    for (uint32_t peer = 0; twin != NULL && peer < sim->nodes_count; peer++) {
        if (cr_twins_is_heard(twin, peer)) move(sim, twin->self, peer, twin->self);
    }
}
