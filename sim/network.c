/* SPDX-License-Identifier: Apache-2.0 */
/* network.c: delay, loss, order, and connections that break. */
#include "network.h"

#include <string.h>

#include "cluster.h"

enum {
    SEND_BUFFER_BYTES = 256 * 1024, /* of a node, for one peer: small, so that it fills */
    STALL_US_MAX = 300 * 1000,
};

static struct cr_pair *pair_of(struct cr_sim *sim, uint32_t a, uint32_t b)
{
    return a < b ? &sim->network.pairs[a][b] : &sim->network.pairs[b][a];
}

static uint32_t within(struct cr_prng *prng, uint32_t least, uint32_t most)
{
    return least + (uint32_t)cr_prng_below(prng, (uint64_t)most - least + 1);
}

void cr_network_init(struct cr_sim *sim)
{
    static const struct kind {
        uint32_t delay_us_min, delay_us_max, jitter_per_100;
    } kinds[] = {{50, 400, 100}, {500, 5000, 50}, {4000, 60000, 20}, {100, 90000, 50}};
    const struct kind *kind = &kinds[sim->plan.setup.network_kind % CR_COUNT_OF(kinds)];
    for (uint32_t from = 0; from < sim->nodes_count; from++) {
        for (uint32_t to = 0; to < sim->nodes_count; to++) {
            struct cr_link *link = &sim->network.links[from][to];
            struct cr_prng prng =
                cr_prng_stream(sim->seed, CR_PURPOSE_LINKS, from * CR_SIM_NODES_MAX + to);
            link->delay_us = within(&prng, kind->delay_us_min, kind->delay_us_max);
            link->jitter_us = link->delay_us * kind->jitter_per_100 / 100;
        }
    }
}

static uint32_t greater(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* From the node to the lowest other member of the group. */
static bool is_link(const struct cr_plan_entry *entry, uint32_t from, uint32_t to)
{
    const uint32_t others = entry->group & ~(1u << entry->node);
    return from == entry->node && others != 0 && to == (uint32_t)__builtin_ctz(others);
}

static bool are_neighbours(const struct cr_sim *sim, uint32_t from, uint32_t to)
{
    const uint32_t n = sim->nodes_count;
    const uint32_t step = (to + n - from) % n;
    return step == 1 || step == n - 1;
}

/* Whether a partition that comes and goes is there now. It begins with being there. */
static bool is_flapped(const struct cr_sim *sim, const struct cr_plan_entry *entry)
{
    const uint64_t since_us = sim->now_us - entry->from_us;
    return since_us / (1 + (uint64_t)entry->value * 1000) % 2 == 0;
}

#define CASE(kind, ...) case CR_FAULT_##kind:

static void apply_entry(const struct cr_sim *sim, struct cr_link *link,
                        const struct cr_plan_entry *entry, uint32_t from, uint32_t to)
{
    const bool from_in = (entry->group >> from) & 1;
    const bool to_in = (entry->group >> to) & 1;
    const bool touches = entry->node == from || entry->node == to;
    switch (entry->fault) {
    case CR_FAULT_SPLIT:
        link->cut |= from_in != to_in && !cr_byz_is_liar(sim, from) && !cr_byz_is_liar(sim, to);
        return;
    case CR_FAULT_PARTITION: link->cut |= from_in != to_in; return;
    case CR_FAULT_ISOLATE: link->cut |= touches; return;
    case CR_FAULT_ONE_WAY: link->cut |= from_in && !to_in; return;
    case CR_FAULT_LOSS: link->loss = greater(link->loss, entry->value); return;
    case CR_FAULT_DUPLICATE: link->duplicate = greater(link->duplicate, entry->value); return;
    case CR_FAULT_CORRUPT: link->corrupt = greater(link->corrupt, entry->value); return;
    case CR_FAULT_REORDER: link->reorder_us = greater(link->reorder_us, entry->value); return;
    case CR_FAULT_LINK: link->extra_us += is_link(entry, from, to) ? entry->value : 0; return;
    case CR_FAULT_DELAY: link->extra_us += touches ? entry->value : 0; return;
    case CR_FAULT_BRIDGE: link->cut |= from_in != to_in && !touches; return;
    case CR_FAULT_RING: link->cut |= !are_neighbours(sim, from, to); return;
    case CR_FAULT_FLAP: link->cut |= from_in != to_in && is_flapped(sim, entry); return;
    case CR_FAULT_STALL: link->stall = greater(link->stall, entry->value); return;
    case CR_FAULT_BANDWIDTH:
        if (touches && (link->kb_per_s == 0 || entry->value < link->kb_per_s))
            link->kb_per_s = entry->value;
        return;
    case CR_FAULT_RESET:
    case CR_FAULT_CRASH:
    case CR_FAULT_WIPE:
    case CR_FAULT_POWER:
    case CR_FAULT_PAUSE:
    case CR_FAULT_DISK:
    case CR_FAULT_CLOCK:
    case CR_FAULT_RATE:
    case CR_FAULT_WALL:
    case CR_FAULT_SYNC_ERROR:
    case CR_FAULT_FULL:
    case CR_FAULT_ROT:
    case CR_FAULT_BACKUP:
    case CR_FAULT_FORGET:
    case CR_FAULT_ROLLBACK:
    case CR_FAULT_DOUBLE:
    case CR_FAULT_CRASH_AT:
    case CR_FAULT_SLEEP: CR_LIES(CASE)
    case CR_FAULT_NONE:
    case CR_FAULTS_END: return; /* not a matter of links */
    }
    CR_UNREACHABLE();
}

/* A connection that is cut lives on until its idle timeout. */
static void watch_cut(struct cr_sim *sim, uint32_t from, uint32_t to)
{
    const struct cr_pair *pair = pair_of(sim, from, to);
    if (!pair->connected) return;
    struct cr_prng prng = cr_prng_stream(sim->seed, CR_PURPOSE_CONNECT,
                                         (uint64_t)pair->generation << 16 | from << 8 | to);
    const uint64_t timeout_us = 300000 + cr_prng_below(&prng, 1500000);
    cr_heap_push(&sim->heap, (struct cr_happening){.at_us = sim->now_us + timeout_us,
                                                   .kind = CR_HAPPENING_DETECT,
                                                   .node = from,
                                                   .peer = to,
                                                   .number = pair->generation});
}

void cr_network_apply(struct cr_sim *sim)
{
    for (uint32_t from = 0; from < sim->nodes_count; from++) {
        for (uint32_t to = 0; to < sim->nodes_count; to++) {
            if (from == to) continue;
            struct cr_link *link = &sim->network.links[from][to];
            const bool was_cut = link->cut;
            link->cut = false;
            link->loss = link->duplicate = link->corrupt = link->reorder_us = link->extra_us = 0;
            link->stall = link->kb_per_s = 0;
            for (uint32_t i = 0; i < sim->plan.entries_count; i++) {
                if (sim->active[i]) apply_entry(sim, link, &sim->plan.entries[i], from, to);
            }
            if (link->kb_per_s == 0) link->busy_until_us = 0;
            if (link->cut && !was_cut) watch_cut(sim, from, to);
        }
    }
}

bool cr_network_is_connected(const struct cr_sim *sim, uint32_t a, uint32_t b)
{
    return a < b ? sim->network.pairs[a][b].connected : sim->network.pairs[b][a].connected;
}

bool cr_network_is_current(const struct cr_sim *sim, uint32_t a, uint32_t b, uint32_t generation)
{
    const struct cr_pair *pair = a < b ? &sim->network.pairs[a][b] : &sim->network.pairs[b][a];
    return pair->connected && pair->generation == generation;
}

static struct cr_frame *damage(struct cr_frame *frame, struct cr_prng *prng)
{
    struct cr_frame *copy = cr_frame_copy(frame);
    const uint64_t bit = cr_prng_below(prng, (uint64_t)copy->bytes_count * 8);
    copy->bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    cr_frame_give(frame);
    return copy;
}

/* Where the bandwidth is limited a frame goes out behind those that wait. False: too much waits,
 * the sender has to let it go. */
static bool queue(struct cr_link *link, uint64_t *at_us, uint32_t bytes)
{
    if (link->kb_per_s == 0) return true;
    const uint64_t begin_us = link->busy_until_us > *at_us ? link->busy_until_us : *at_us;
    if ((begin_us - *at_us) * link->kb_per_s / 1000 > SEND_BUFFER_BYTES) return false;
    link->busy_until_us = begin_us + (uint64_t)bytes * 1000 / link->kb_per_s;
    *at_us = link->busy_until_us;
    return true;
}

static void deliver(struct cr_sim *sim, uint32_t from, uint32_t to, enum cr_stream stream,
                    struct cr_frame *frame, struct cr_prng *prng)
{
    struct cr_link *link = &sim->network.links[from][to];
    uint64_t *last_at_us = &link->last_at_us[stream];
    uint64_t at_us = sim->now_us;
    if (!queue(link, &at_us, frame->bytes_count)) {
        sim->network.overflows_total++;
        cr_frame_give(frame);
        return;
    }
    at_us += 1 + link->delay_us + link->extra_us;
    at_us += cr_prng_below(prng, (uint64_t)link->jitter_us + 1);
    if (link->stall > 0 && cr_prng_below(prng, 1000) < link->stall) /* lost once, sent again */
        at_us += 2 * (uint64_t)link->delay_us + cr_prng_below(prng, STALL_US_MAX);
    if (link->reorder_us > 0) {
        at_us += cr_prng_below(prng, link->reorder_us);
    } else if (at_us <= *last_at_us) {
        at_us = *last_at_us; /* equal times keep the order of sending */
    }
    if (at_us > *last_at_us) *last_at_us = at_us;
    cr_heap_push(&sim->heap, (struct cr_happening){.at_us = at_us,
                                                   .kind = CR_HAPPENING_FRAME,
                                                   .node = cr_twins_of(sim, to, from)->place,
                                                   .peer = from,
                                                   .number = pair_of(sim, from, to)->generation,
                                                   .item = frame});
}

void cr_network_send(struct cr_sim *sim, uint32_t from, uint32_t to, enum cr_stream stream,
                     struct cr_frame *frame)
{
    CR_ASSERT(from != to && to < sim->nodes_count);
    struct cr_link *link = &sim->network.links[from][to];
    struct cr_prng prng = cr_prng_stream(
        sim->seed, CR_PURPOSE_PACKET + from * CR_SIM_NODES_MAX + to, link->frames_total);
    link->frames_total++;
    sim->network.frames_total++;
    if (!cr_byz_is_liar(sim, from)) sim->network.frames_correct++;
    sim->network.bytes_total += frame->bytes_count;
    /* All are drawn, so that the loss of a frame does not shift the fate of its twin. */
    const bool lost = cr_prng_below(&prng, 1000) < link->loss;
    const bool twice = cr_prng_below(&prng, 1000) < link->duplicate;
    const bool damaged = cr_prng_below(&prng, 1000) < link->corrupt;
    if (!pair_of(sim, from, to)->connected || link->cut || lost) {
        cr_frame_give(frame);
        return;
    }
    /* These carry no signature of their own, and are held against the peer: the transport's stands
     * for them. */
    const uint8_t type = frame->bytes[0];
    if (damaged && type != CR_MESSAGE_STATUS && type != CR_MESSAGE_RANGE)
        frame = damage(frame, &prng);
    if (twice) deliver(sim, from, to, stream, cr_frame_share(frame), &prng);
    deliver(sim, from, to, stream, frame, &prng);
}

/* ---- connections ---- */

void cr_network_connect_later(struct cr_sim *sim, uint32_t a, uint32_t b)
{
    const struct cr_pair *pair = pair_of(sim, a, b);
    struct cr_prng prng = cr_prng_stream(sim->seed, CR_PURPOSE_CONNECT,
                                         (uint64_t)pair->generation << 16 | a << 8 | b);
    cr_heap_push(&sim->heap,
                 (struct cr_happening){.at_us = sim->now_us + 2000 + cr_prng_below(&prng, 200000),
                                       .kind = CR_HAPPENING_CONNECT,
                                       .node = a,
                                       .peer = b,
                                       .number = pair->generation});
}

/* What was on its way on the connection before is lost. */
static void begin_anew(struct cr_link *link)
{
    memset(link->last_at_us, 0, sizeof link->last_at_us);
    link->busy_until_us = 0;
}

void cr_network_connect(struct cr_sim *sim, uint32_t a, uint32_t b)
{
    struct cr_pair *pair = pair_of(sim, a, b);
    if (pair->connected) return; /* several attempts may be under way */
    const bool cut = sim->network.links[a][b].cut || sim->network.links[b][a].cut;
    struct cr_host *at_a = cr_twins_of(sim, a, b);
    struct cr_host *at_b = cr_twins_of(sim, b, a);
    if (!at_a->alive || !at_b->alive) return; /* its start dials again */
    if (cut || at_a->paused || at_b->paused) {
        cr_network_connect_later(sim, a, b);
        return;
    }
    pair->connected = true;
    pair->generation++;
    begin_anew(&sim->network.links[a][b]);
    begin_anew(&sim->network.links[b][a]);
    cr_host_on_peer(at_a, b, true);
    cr_host_on_peer(at_b, a, true);
}

static void tell_down(struct cr_sim *sim, uint32_t node, uint32_t peer, uint64_t delay_us)
{
    const struct cr_host *host = cr_twins_of(sim, node, peer);
    cr_heap_push(&sim->heap, (struct cr_happening){.at_us = sim->now_us + delay_us,
                                                   .kind = CR_HAPPENING_PEER_DOWN,
                                                   .node = host->place,
                                                   .incarnation = host->incarnation,
                                                   .peer = peer});
}

void cr_network_disconnect(struct cr_sim *sim, uint32_t a, uint32_t b)
{
    struct cr_pair *pair = pair_of(sim, a, b);
    if (!pair->connected) return;
    pair->connected = false;
    struct cr_prng prng = cr_prng_stream(sim->seed, CR_PURPOSE_CONNECT,
                                         (uint64_t)pair->generation << 16 | b << 8 | a);
    tell_down(sim, a, b, cr_prng_below(&prng, 50000));
    tell_down(sim, b, a, cr_prng_below(&prng, 50000));
    cr_network_connect_later(sim, a, b);
}

void cr_network_detect(struct cr_sim *sim, uint32_t a, uint32_t b, uint32_t generation)
{
    if (!cr_network_is_current(sim, a, b, generation)) return;
    if (!sim->network.links[a][b].cut && !sim->network.links[b][a].cut) return;
    cr_network_disconnect(sim, a, b);
}
