/* SPDX-License-Identifier: Apache-2.0 */
/* host.c: what happens at a node, turned into events for its core. */
#include "host.h"

#include "cluster.h"
#include "recorder.h"
#include "wire/payload.h"

static uint64_t local_at(const struct cr_host_clock *clock, uint64_t virtual_us)
{
    const int64_t passed_us = (int64_t)(virtual_us - clock->since_us);
    return clock->local_us + (uint64_t)(passed_us + passed_us * clock->rate_ppm / 1000000);
}

static uint64_t local_us(const struct cr_host *host)
{
    return local_at(&host->clock, host->sim->now_us);
}

static uint64_t wall_ms(const struct cr_host *host)
{
    const struct cr_host_clock *clock = &host->clock;
    const int64_t passed_us = (int64_t)(host->sim->now_us - clock->wall_from_us);
    const int64_t wall_us = (int64_t)clock->wall_from_us + passed_us * clock->wall_rate;
    return (uint64_t)((int64_t)CR_SIM_EPOCH_MS + wall_us / 1000 + host->wall_offset_ms);
}

/* The first virtual time at which this node's clock has reached `local_us`. */
static uint64_t virtual_us(const struct cr_host *host, uint64_t wanted_us)
{
    const struct cr_host_clock *clock = &host->clock;
    if (wanted_us >= UINT64_MAX / 4000000) return UINT64_MAX;
    if (wanted_us <= clock->local_us) return clock->since_us;
    const uint64_t rate = (uint64_t)(1000000 + clock->rate_ppm);
    uint64_t at_us = clock->since_us + (wanted_us - clock->local_us) * 1000000 / rate;
    while (local_at(clock, at_us) < wanted_us)
        at_us++;
    return at_us;
}

/* ---- body handles ---- */

uint32_t cr_host_handle_take(struct cr_host *host, struct cr_body *body)
{
    uint32_t handle;
    if (host->handles_free_count > 0) {
        handle = host->handles_free[--host->handles_free_count];
    } else {
        handle = host->bodies_count++;
        host->bodies = cr_run_grow(host->bodies, &host->bodies_max, host->bodies_count,
                                   sizeof(struct cr_body *));
        host->handles_free = cr_run_grow(host->handles_free, &host->handles_free_max,
                                         host->bodies_count, sizeof(uint32_t));
    }
    host->bodies[handle] = body;
    return handle;
}

/* ---- a step ---- */

static void arm(struct cr_host *host)
{
    uint64_t at_us = virtual_us(host, cr_core_deadline_us(host->core));
    if (at_us == UINT64_MAX) {
        host->tick_at_us = UINT64_MAX;
        return;
    }
    if (at_us < host->sim->now_us) at_us = host->sim->now_us;
    if (at_us == host->tick_at_us) return;
    host->tick_at_us = at_us;
    cr_heap_push(&host->sim->heap, (struct cr_happening){.at_us = at_us,
                                                         .kind = CR_HAPPENING_TICK,
                                                         .node = host->place,
                                                         .incarnation = host->incarnation,
                                                         .number = ++host->tick_number});
}

void cr_host_set_clock(struct cr_host *host, int64_t rate_ppm, int64_t wall_rate)
{
    struct cr_host_clock *clock = &host->clock;
    if (clock->wall_rate != wall_rate) {
        clock->wall_from_us = host->sim->now_us;
        clock->wall_rate = wall_rate;
    }
    if (clock->rate_ppm == rate_ppm) return;
    clock->local_us = local_us(host);
    clock->since_us = host->sim->now_us;
    clock->rate_ppm = rate_ppm;
    if (host->alive) arm(host);
}

void cr_host_step(struct cr_host *host, struct cr_event *event)
{
    CR_ASSERT(host->alive && !host->stepping);
    if (host->doom != CR_DOOM_NONE) return; /* what the event has brought goes with the process */
    event->now_us = local_us(host);
    event->wall_ms = wall_ms(host);
    host->counters.steps++;
    host->stepping = true;
    cr_sim_recorder_add(host->place, event);
    cr_core_step(host->core, event, &host->effects);
    cr_trace_step(host, event);
    cr_host_perform(host);
    host->stepping = false;
    if (host->doom != CR_DOOM_NONE) return; /* in the middle of its effects */
    arm(host);
    cr_check_step(host);
}

void cr_host_on_tick(struct cr_host *host, uint32_t number)
{
    if (host->tick_number != number || host->tick_at_us == UINT64_MAX) return; /* armed anew */
    host->tick_at_us = UINT64_MAX;
    cr_host_step(host, &(struct cr_event){.kind = CR_EVENT_TICK});
    if (host->doom == CR_DOOM_NONE) cr_votes_run(host);
}

/* ---- vertices from outside ---- */

/* False: the sender must have known that it is no vertex of its author. */
static bool on_vertex(struct cr_host *host, uint32_t peer, struct cr_frame *frame,
                      const uint8_t *bytes, uint32_t bytes_count)
{
    const struct cr_arrival *arrival =
        cr_arrival_look(host->sim->arrivals, frame, bytes, bytes_count);
    const struct cr_vertex *vertex = &arrival->vertex;
    if (!cr_byz_is_liar(host->sim, peer)) host->counters.vertices_decoded++;
    if (!arrival->decoded) {
        host->counters.frames_refused++;
        return false;
    }
    if (cr_core_admit(host->core, peer, &vertex->header, &vertex->digest) != CR_VERDICT_OK) {
        host->counters.vertices_refused++;
        return true;
    }
    if (!arrival->valid) {
        host->counters.bad_signatures++;
        return false;
    }
    struct cr_body *body = cr_body_take(frame, vertex, bytes, bytes_count);
    const uint32_t handle = cr_host_handle_take(host, body);
    cr_host_step(
        host, &(struct cr_event){
                  .kind = CR_EVENT_VERTEX,
                  .peer = peer,
                  .vertex = {.header = &vertex->header, .digest = vertex->digest, .body = handle}});
    return true;
}

/* ---- old ranges ---- */

void cr_host_void_lanes(struct cr_host *host)
{
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++) {
        if (host->lanes[i].frame) cr_frame_give(host->lanes[i].frame);
        host->lanes[i] = (struct cr_asked){0};
    }
}

/* Who contradicts itself lies, whether or not anybody still wants the answer. */
static void on_range(struct cr_host *host, uint32_t peer, struct cr_frame *frame,
                     const struct cr_message *message)
{
    static struct cr_vertex scratch;
    static struct cr_claim claim;
    struct cr_event event = {.kind = CR_EVENT_RANGE, .peer = peer};
    event.range.from_commit = message->from_commit;
    event.range.to_commit = message->to_commit;
    event.range.skip = message->skip;
    event.range.vertices = message->range_count;
    const bool refusal = cr_range_is_refusal(message);
    if (!refusal && !cr_range_check(message, &scratch, &claim)) {
        event.range.forged = true;
        cr_host_step(host, &event);
        return;
    }
    struct cr_asked *lane = NULL; /* that which asked for it last */
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++) {
        struct cr_asked *asked = &host->lanes[i];
        if (asked->active && asked->from_commit == message->from_commit &&
            asked->skip == message->skip && (lane == NULL || asked->number > lane->number))
            lane = asked;
    }
    if (lane == NULL) return;
    event.range.lane = (uint32_t)(lane - host->lanes);
    if (!refusal) {
        lane->active = false;
        lane->peer = peer;
        lane->frame = cr_frame_share(frame);
        event.range.claim = &claim;
    }
    cr_host_step(host, &event);
}

void cr_host_on_give(struct cr_host *host, uint32_t lane, uint32_t number)
{
    static struct cr_message message;
    struct cr_asked *held = &host->lanes[lane];
    struct cr_event given = {.kind = CR_EVENT_GIVEN, .range = {.lane = lane}};
    struct cr_frame *frame = held->frame;
    if (!frame || held->number != number) return; /* asked for anew since */
    const uint32_t peer = held->peer;
    held->frame = NULL;
    CR_ASSERT(cr_message_decode(frame->bytes, frame->bytes_count, &message) == CR_OK);
    struct cr_payload walk =
        cr_payload_begin(message.range, message.range_bytes, message.range_count);
    const uint8_t *vertex;
    uint32_t vertex_bytes;
    while (cr_payload_next(&walk, &vertex, &vertex_bytes)) {
        if (!on_vertex(host, peer, frame, vertex, vertex_bytes)) given.range.forged = true;
    }
    cr_frame_give(frame);
    cr_host_step(host, &given);
}

/* ---- frames ---- */

void cr_host_on_frame(struct cr_host *host, uint32_t peer, struct cr_frame *frame)
{
    static struct cr_message message;
    if (!cr_host_knows(host, peer)) return;
    if (cr_message_decode(frame->bytes, frame->bytes_count, &message) != CR_OK) {
        host->counters.frames_refused++;
        return;
    }
    switch (message.type) {
    case CR_MESSAGE_VERTEX:
        (void)on_vertex(host, peer, frame, message.vertex, message.vertex_bytes);
        return;
    case CR_MESSAGE_STATUS:
        cr_host_step(host, &(struct cr_event){
                               .kind = CR_EVENT_STATUS, .peer = peer, .status = message.status});
        return;
    case CR_MESSAGE_FETCH:
        if (cr_byz_is_liar(host->sim, host->self)) cr_byz_answer(host, peer, &message);
        cr_host_step(host, &(struct cr_event){.kind = CR_EVENT_FETCH,
                                              .peer = peer,
                                              .refs = message.refs,
                                              .refs_count = message.refs_count});
        return;
    case CR_MESSAGE_SYNC:
        if (cr_byz_is_liar(host->sim, host->self)) cr_byz_misread(host, peer, &message);
        cr_host_serve_sync(host, peer, &message);
        return;
    case CR_MESSAGE_RANGE: on_range(host, peer, frame, &message); return;
    case CR_MESSAGE_EPOCH_VOTE: cr_votes_receive(host, peer, &message.epoch_cert); return;
    case CR_MESSAGE_EPOCH_CERT: host->counters.frames_refused++; return; /* nobody sends them */
    case CR_MESSAGE_PROBE:
        cr_host_step(
            host, &(struct cr_event){.kind = CR_EVENT_PROBE, .peer = peer, .probe = message.probe});
        return;
    case CR_MESSAGE_PROBE_REPLY:
        cr_host_step(host, &(struct cr_event){.kind = CR_EVENT_PROBE_REPLY,
                                              .peer = peer,
                                              .probe_reply = message.probe_reply});
        return;
    }
    CR_UNREACHABLE();
}

static void tell_peer(struct cr_host *host, uint32_t peer, bool up)
{
    host->peers_up[peer] = up;
    if (!cr_host_knows(host, peer)) return; /* told when it does (boot.c) */
    cr_host_step(host, &(struct cr_event){.kind = CR_EVENT_PEER, .peer = peer, .up = up});
}

void cr_host_on_peer(struct cr_host *host, uint32_t peer, bool up)
{
    /* Down, or up again before we have noticed that it was down. */
    if (host->peers_up[peer]) tell_peer(host, peer, false);
    if (up) tell_peer(host, peer, true);
}

/* ---- our own work ---- */

void cr_host_on_sealed(struct cr_host *host, struct cr_body *body)
{
    static struct cr_vertex vertex;
    cr_body_decode(body, &vertex);
    host->sealing = false;
    const uint32_t handle = cr_host_handle_take(host, body);
    cr_host_step(
        host, &(struct cr_event){
                  .kind = CR_EVENT_SEALED,
                  .vertex = {.header = &vertex.header, .digest = vertex.digest, .body = handle}});
    cr_host_end_epoch(host);
}

void cr_host_on_synced(struct cr_host *host)
{
    if (host->faults.sync_fails) {
        cr_host_doom(host, CR_DOOM_POWER,
                     host->faults.repaired_us); /* and what it kept back is lost */
        return;
    }
    const uint64_t stored = cr_disk_sync_end(&host->disk);
    cr_host_count_operation(host);
    cr_host_sync_disk(host);
    if (stored <= host->stored_told) return; /* only commits */
    host->stored_told = stored;
    cr_host_step(host, &(struct cr_event){.kind = CR_EVENT_STORED, .sequence = stored});
}

void cr_host_on_execute(struct cr_host *host)
{
    host->executing = false;
    cr_executor_run(&host->executor);
    host->executed_index = cr_ledger_head(host->executor.ledger)->index;
    cr_host_execute_later(host);
    cr_host_tell_executed(host);
    cr_host_end_epoch(host);
}

void cr_host_tell_executed(struct cr_host *host)
{
    const struct cr_ledger_head *head = cr_ledger_head(host->executor.ledger);
    if (head->index == 0) return;
    static const struct cr_hash none;
    const bool checkpoint = head->checkpoint_index > 0; /* the genesis has a root, but no index */
    cr_host_step(
        host, &(struct cr_event){.kind = CR_EVENT_EXECUTED,
                                 .executed = {.index = head->index,
                                              .effects_digest = head->effects_digest,
                                              .checkpoint_index = head->checkpoint_index,
                                              .state_root = checkpoint ? head->state_root : none}});
}

void cr_host_tell_waiting(struct cr_host *host)
{
    if (host->mempool_count == host->waiting_told) return;
    host->waiting_told = host->mempool_count;
    cr_host_step(host,
                 &(struct cr_event){.kind = CR_EVENT_WAITING, .waiting = host->mempool_count});
}

void cr_host_submit(struct cr_host *host, uint32_t tx)
{
    host->mempool = cr_run_grow(host->mempool, &host->mempool_max, host->mempool_count + 1,
                                sizeof host->mempool[0]);
    host->mempool[host->mempool_count++] = tx;
}
