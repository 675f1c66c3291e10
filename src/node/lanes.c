/* SPDX-License-Identifier: Apache-2.0 */
/* lanes.c: ranges of old commits that we have asked for, on their way into the core: asked, checked
 * and held, then verified vertex by vertex in the order in which the core wants them. */
#include <stdlib.h>
#include <string.h>

#include "node/replica.h"

bool cr_node_open_lanes(struct cr_node *node)
{
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++) {
        node->sync.lanes[i].frame = malloc(CR_FRAME_BYTES_MAX);
        if (!node->sync.lanes[i].frame) return false;
    }
    return true;
}

void cr_node_close_lanes(struct cr_node *node)
{
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++)
        free(node->sync.lanes[i].frame);
}

/* Whatever the lane held, or has at the verifier, is void. */
static void renew(struct cr_node *node, uint32_t number)
{
    struct cr_node_lanes *sync = &node->sync;
    struct cr_node_lane *lane = &sync->lanes[number];
    *lane = (struct cr_node_lane){.request = ++sync->requests, .frame = lane->frame};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < sync->queue_count; i++) {
        if (sync->queue[i] != number) sync->queue[kept++] = sync->queue[i];
    }
    sync->queue_count = kept;
}

void cr_node_void_lanes(struct cr_node *node)
{
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++)
        renew(node, i);
}

void cr_node_start_lane(struct cr_node *node, const struct cr_effect *effect)
{
    struct cr_node_lane *lane = &node->sync.lanes[effect->range.lane];
    const struct cr_message message = {.type = CR_MESSAGE_SYNC,
                                       .from_commit = effect->range.from_commit,
                                       .to_commit =
                                           effect->range.from_commit + effect->range.commits - 1,
                                       .skip = effect->range.skip};
    renew(node, effect->range.lane);
    lane->asked = true;
    lane->from_commit = message.from_commit;
    lane->skip = message.skip;
    if (cr_node_send(node, effect->peer, CR_NET_SYNC, &message)) node->sync.owed[effect->peer]++;
}

/* The lane that has asked for this last; one that the core has given up does not tell us. */
static struct cr_node_lane *asked_for(struct cr_node *node, const struct cr_message *message)
{
    struct cr_node_lane *last = NULL;
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++) {
        struct cr_node_lane *lane = &node->sync.lanes[i];
        if (lane->asked && lane->from_commit == message->from_commit &&
            lane->skip == message->skip && (!last || lane->request > last->request))
            last = lane;
    }
    return last;
}

/* Of whoever owes us an answer: one that was given up may still be the first. One that contradicts
 * itself is told to the core even if nobody wants it any more. */
void cr_node_on_range(struct cr_node *node, uint32_t peer, const struct cr_message *message)
{
    struct cr_node_lanes *sync = &node->sync;
    struct cr_event event = {.kind = CR_EVENT_RANGE, .peer = peer};
    if (sync->owed[peer] == 0) {
        cr_node_blame(node, peer, CR_BLAME_UNASKED);
        return;
    }
    sync->owed[peer]--;
    event.range.from_commit = message->from_commit;
    event.range.to_commit = message->to_commit;
    event.range.skip = message->skip;
    event.range.vertices = message->range_count;
    const bool refusal = cr_range_is_refusal(message);
    event.range.forged = !refusal && !cr_range_check(message, &sync->vertex, &sync->claim);
    struct cr_node_lane *lane = asked_for(node, message);
    if (!lane && !event.range.forged) return;
    if (lane) event.range.lane = (uint32_t)(lane - sync->lanes);
    if (!refusal && !event.range.forged) {
        lane->asked = false;
        lane->peer = peer;
        memcpy(lane->frame, message->range, message->range_bytes);
        lane->vertices = cr_payload_begin(lane->frame, message->range_bytes, message->range_count);
        event.range.claim = &sync->claim;
    }
    cr_node_step(node, &event);
}

void cr_node_give_lane(struct cr_node *node, uint32_t number)
{
    struct cr_node_lanes *sync = &node->sync;
    CR_ASSERT(!sync->lanes[number].asked && sync->queue_count < CR_SYNC_LANES);
    sync->queue[sync->queue_count++] = number;
}

void cr_node_note_verified(struct cr_node *node, const struct cr_verify_job *job)
{
    if (job->lane == CR_SYNC_LANES) return;
    struct cr_node_lane *lane = &node->sync.lanes[job->lane];
    node->sync.under_way--;
    if (lane->request != job->request) return;
    lane->under_way--;
    if (job->result != CR_VERIFY_GOOD) lane->forged = true;
}

/* Gives the verifier as much of one lane as it takes. Returns whether that is all of it. */
static bool feed(struct cr_node *node, uint32_t number)
{
    struct cr_node_lane *lane = &node->sync.lanes[number];
    const uint8_t *bytes;
    uint32_t count;
    while (!lane->fed && node->sync.under_way < CR_NODE_RANGE_JOBS_MAX) {
        const struct cr_payload before = lane->vertices;
        if (!cr_payload_next(&lane->vertices, &bytes, &count)) {
            lane->fed = true;
            break;
        }
        const enum cr_node_given given =
            cr_node_give_vertex(node, lane->peer, bytes, count, number);
        if (given == CR_NODE_GIVEN) {
            lane->under_way++;
            node->sync.under_way++;
        }
        if (given == CR_NODE_NO_ROOM) {
            lane->vertices = before;
            break;
        }
    }
    return lane->fed;
}

void cr_node_pump_lanes(struct cr_node *node)
{
    struct cr_node_lanes *sync = &node->sync;
    for (uint32_t i = 0; i < sync->queue_count; i++) {
        if (!feed(node, sync->queue[i])) break;
    }
    while (sync->queue_count > 0 && cr_node_has_room(node)) {
        const uint32_t number = sync->queue[0];
        const struct cr_node_lane *lane = &sync->lanes[number];
        if (!lane->fed || lane->under_way > 0) return;
        sync->queue_count--;
        memmove(sync->queue, sync->queue + 1, sync->queue_count * sizeof sync->queue[0]);
        struct cr_event event = {.kind = CR_EVENT_GIVEN};
        event.range.lane = number;
        event.range.forged = lane->forged;
        cr_node_step(node, &event);
    }
}
