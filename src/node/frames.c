/* SPDX-License-Identifier: Apache-2.0 */
/* frames.c: what comes from peers: frames in, verified vertices and requests to the core. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "node/replica.h"
#include "wire/message.h"
#include "wire/payload.h"

enum {
    /* One step can store n * CR_ROUNDS_AHEAD vertices when a gap closes, and commit the window. */
    STORES_PER_STEP_MAX = CR_VALIDATORS_MAX * CR_ROUNDS_AHEAD,
};
_Static_assert(CR_DISK_ITEMS_MAX >= 2 * STORES_PER_STEP_MAX, "a step's stores fit the disk queue");
_Static_assert(CR_EXECUTOR_COMMITS_MAX >= 3 * CR_ROUND_WINDOW, "a step's commits fit the executor");

bool cr_node_has_room(const struct cr_node *node)
{
    return cr_disk_room(node->disk) > STORES_PER_STEP_MAX + CR_ROUND_WINDOW &&
           cr_executor_room(node->executor) > CR_ROUND_WINDOW;
}

static void blame_many(struct cr_node *node, uint32_t peer, uint32_t reason, uint32_t count)
{
    const uint64_t pause_us = cr_blame(&node->blame, peer, reason, count, node->now_us);
    if (pause_us == 0) return;
    cr_report(CR_LOG_LEVEL_WARN, "net", "peer-cut", "validator=%s reason=%s pause_s=%" PRIu64,
              node->validators[peer].name, cr_blame_text(reason), pause_us / 1000000);
    cr_net_cut(node->net, peer, cr_blame_text(reason), pause_us);
}

void cr_node_blame(struct cr_node *node, uint32_t peer, uint32_t reason)
{
    blame_many(node, peer, reason, 1);
}

enum cr_node_given cr_node_give_vertex(struct cr_node *node, uint32_t peer, const uint8_t *bytes,
                                       uint32_t count, uint32_t lane)
{
    if (!cr_node_has_room(node)) return CR_NODE_NO_ROOM;
    struct cr_verify_job *job = cr_verify_new(node->verify);
    if (!job) return CR_NODE_NO_ROOM;
    if (cr_vertex_decode(bytes, count, &job->vertex) != CR_OK) {
        cr_node_blame(node, peer, CR_BLAME_FRAME);
        return CR_NODE_REFUSED;
    }
    const enum cr_verdict verdict =
        cr_core_admit(node->core, peer, &job->vertex.header, &job->vertex.digest);
    if (verdict != CR_VERDICT_OK) {
        /* Twice, or late: that is how things are sent here. */
        if (verdict != CR_VERDICT_KNOWN && verdict != CR_VERDICT_OLD)
            cr_node_blame(node, peer, verdict);
        return CR_NODE_REFUSED;
    }
    if (cr_verify_has(node->verify, &job->vertex.digest)) return CR_NODE_REFUSED;
    if (node->bodies.count_used > CR_NODE_BODIES_MAX / 8 * 7) {
        node->counters.vertices_refused++;
        return CR_NODE_REFUSED;
    }
    /* What was asked for is bounded by the asking. */
    if (lane == CR_SYNC_LANES && !cr_blame_may_check(&node->blame, peer, node->now_us)) {
        cr_node_blame(node, peer, CR_BLAME_HELD);
        return CR_NODE_NO_ROOM;
    }
    job->body = cr_body_new(&node->bodies, 1 + (size_t)count);
    if (job->body == CR_BODY_NONE) {
        node->counters.vertices_refused++;
        return CR_NODE_REFUSED;
    }
    struct cr_body *body = cr_body_get(&node->bodies, job->body);
    body->block->bytes[0] = CR_MESSAGE_VERTEX;
    memcpy(body->block->bytes + 1, bytes, count);
    /* The views must point into the copy that stays. */
    job->vertex.signature = body->block->bytes + 1 + (job->vertex.signature - bytes);
    job->vertex.payload = body->block->bytes + 1 + (job->vertex.payload - bytes);
    cr_body_describe(body, &job->vertex);
    job->peer = peer;
    job->lane = lane;
    job->request = lane < CR_SYNC_LANES ? node->sync.lanes[lane].request : 0;
    cr_verify_submit(node->verify);
    return CR_NODE_GIVEN;
}

/* ---- verified vertices into the core ---- */

static bool wanted(struct cr_node *node, struct cr_verify_job *job)
{
    switch (job->result) {
    case CR_VERIFY_GOOD: return true;
    case CR_VERIFY_BAD_PAYLOAD: cr_node_blame(node, job->peer, CR_BLAME_PAYLOAD); return false;
    case CR_VERIFY_BAD_SIGNATURE: cr_node_blame(node, job->peer, CR_BLAME_SIGNATURE); return false;
    }
    CR_UNREACHABLE();
}

/* Without it (memory is short) the executor verifies. */
static void verify_clients(struct cr_node *node, uint32_t handle)
{
    struct cr_body *body = cr_body_get(&node->bodies, handle);
    if (body->payload_count == 0) return;
    body->verdicts = calloc(body->payload_count, 1);
    if (!body->verdicts) return;
    const struct cr_verify_clients clients = {.body = handle,
                                              .payload = body->block->bytes + body->payload_offset,
                                              .payload_bytes = body->payload_bytes,
                                              .payload_count = body->payload_count,
                                              .verdicts = body->verdicts};
    cr_verify_clients(node->verify, &clients);
    cr_body_take(&node->bodies, handle);
    body->verifying = true;
}

static void take_clients(struct cr_node *node, const struct cr_verify_clients *clients)
{
    struct cr_body *body = cr_body_get(&node->bodies, clients->body);
    body->verifying = false;
    if (clients->invalid > 0 && body->ref.author != node->self)
        blame_many(node, body->ref.author, CR_BLAME_CLIENT, clients->invalid);
    cr_body_give(&node->bodies, clients->body);
}

void cr_node_pump_verified(struct cr_node *node)
{
    struct cr_verify_job *job;
    struct cr_verify_clients clients;
    while (cr_verify_clients_done(node->verify, &clients))
        take_clients(node, &clients);
    while (cr_node_has_room(node) && cr_verify_clients_room(node->verify) &&
           (job = cr_verify_done(node->verify)) != NULL) {
        struct cr_event event = {.kind = CR_EVENT_VERTEX, .peer = job->peer};
        const bool good = wanted(node, job);
        cr_node_note_verified(node, job);
        if (good) {
            verify_clients(node, job->body);
            event.vertex = (struct cr_event_vertex){
                .header = &job->vertex.header, .digest = job->vertex.digest, .body = job->body};
            cr_node_step(node, &event);
        } else {
            cr_body_give(&node->bodies, job->body);
        }
        cr_verify_release(node->verify);
    }
    if (cr_authors_is_empty(&node->paused) || !cr_node_has_room(node)) return;
    const struct cr_authors paused = node->paused;
    node->paused = (struct cr_authors){0};
    for (uint32_t peer = cr_authors_next(&paused, 0); peer < CR_VALIDATORS_MAX;
         peer = cr_authors_next(&paused, peer + 1))
        cr_net_resume(node->net, peer);
}

/* ---- callbacks of the network ---- */

static void on_certificate(struct cr_node *node, uint32_t peer, const struct cr_message *message)
{
    switch (cr_certify_receive(node->certify, peer, message)) {
    case CR_CERTIFY_FINE: return;
    case CR_CERTIFY_FORM: cr_node_blame(node, peer, CR_BLAME_FRAME); return;
    case CR_CERTIFY_BAD: cr_node_blame(node, peer, CR_BLAME_SIGNATURE); return;
    }
    CR_UNREACHABLE();
}

static void on_request(struct cr_node *node, uint32_t peer, const struct cr_message *message)
{
    struct cr_event event = {.peer = peer};
    switch (message->type) {
    case CR_MESSAGE_STATUS:
        event.kind = CR_EVENT_STATUS;
        event.status = message->status;
        cr_node_step(node, &event);
        return;
    case CR_MESSAGE_FETCH:
        event.kind = CR_EVENT_FETCH;
        event.refs = message->refs;
        event.refs_count = message->refs_count;
        cr_node_step(node, &event);
        return;
    case CR_MESSAGE_SYNC: cr_node_serve_range(node, peer, message); return;
    case CR_MESSAGE_RANGE: cr_node_on_range(node, peer, message); return;
    case CR_MESSAGE_PROBE:
        event.kind = CR_EVENT_PROBE;
        event.probe = message->probe;
        cr_node_step(node, &event);
        return;
    case CR_MESSAGE_EPOCH_VOTE:
    case CR_MESSAGE_EPOCH_CERT: on_certificate(node, peer, message); return;
    case CR_MESSAGE_PROBE_REPLY:
        event.kind = CR_EVENT_PROBE_REPLY;
        event.probe_reply = message->probe_reply;
        cr_node_step(node, &event);
        return;
    case CR_MESSAGE_VERTEX: break;
    }
    CR_UNREACHABLE();
}

bool cr_node_on_frame(void *context, uint32_t peer, enum cr_net_class class, const uint8_t *bytes,
                      size_t count)
{
    struct cr_node *node = context;
    struct cr_message message;
    (void)class;
    if (cr_blame_is_cut(&node->blame, peer, node->now_us))
        return true; /* the rest of what it sent */
    if (cr_message_decode(bytes, count, &message) != CR_OK) {
        cr_node_blame(node, peer, CR_BLAME_FRAME);
        return true;
    }
    if (message.type != CR_MESSAGE_VERTEX) {
        if (!cr_node_has_room(node)) {
            cr_authors_add(&node->paused, peer);
            return false;
        }
        on_request(node, peer, &message);
        return true;
    }
    if (cr_node_give_vertex(node, peer, message.vertex, message.vertex_bytes, CR_SYNC_LANES) !=
        CR_NODE_NO_ROOM)
        return true;
    cr_authors_add(&node->paused, peer);
    return false;
}

void cr_node_on_peer(void *context, uint32_t peer, bool up, const char *reason)
{
    struct cr_node *node = context;
    struct cr_event event = {.kind = CR_EVENT_PEER, .peer = peer, .up = up};
    char quoted[128];
    if (up)
        cr_authors_add(&node->up, peer);
    else
        cr_authors_remove(&node->up, peer);
    node->sync.owed[peer] = 0;
    const char *name = node->validators[peer].name;
    if (up)
        cr_report(CR_LOG_LEVEL_INFO, "net", "peer-up", "validator=%s", name);
    else
        cr_report(CR_LOG_LEVEL_INFO, "net", "peer-down", "validator=%s reason=%s", name,
                  cr_report_quote(reason ? reason : "", quoted, sizeof quoted));
    cr_node_step(node, &event);
}

void cr_node_on_net_report(void *context, const char *text)
{
    struct cr_node *node = context;
    char quoted[400];
    if (!cr_report_allowed(&node->report_limit, 10, node->now_us)) return;
    cr_report(CR_LOG_LEVEL_WARN, "net", "refused", "text=%s",
              cr_report_quote(text, quoted, sizeof quoted));
}
