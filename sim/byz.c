/* SPDX-License-Identifier: Apache-2.0 */
/* byz.c: the lies, each a row of CR_FAULTS (plan.h) and a few lines here. */
#include "byz.h"

#include <string.h>

#include "cluster.h"
#include "forge_range.h"

/* Values of lie-range from here on; below, see twist_range. */
enum {
    RANGE_TOO_LATE = 6,
    RANGE_OF_THE_PAST,
    RANGE_FORGED, /* and further on, CR_RANGE_FORGERIES of them */
    LATE_US = 3 * 1000 * 1000,
};

enum {
    COPIES_MAX = 3,
    TRANSACTIONS_EVERY = 4, /* proposals with one that is no use */
};

/* ---- who, and when ---- */

/* One alone is: the ledger takes no committee in which anybody has more than F. */
bool cr_byz_is_bounded(const struct cr_sim *sim, const uint64_t *least, const uint64_t *most)
{
    uint64_t lies = 0, others = 0;
    for (uint32_t i = 0; i < sim->nodes_count; i++) {
        const bool liar = cr_byz_is_liar(sim, i);
        lies += liar ? most[i] : 0;
        others += liar ? 0 : least[i];
    }
    return __builtin_popcount(sim->liars) <= 1 || 2 * lies < others; /* lies <= (all - 1) / 3 */
}

void cr_byz_init(struct cr_sim *sim)
{
    const uint64_t *stake = sim->committee.stake;
    uint64_t least[CR_SIM_NODES_MAX];
    memcpy(least, stake, sizeof least);
    if (sim->plan.setup.joiner) least[sim->nodes_count - 1] = 0;
    sim->liars = 0;
    for (uint32_t i = 0; i < sim->nodes_count; i++) {
        if (!((sim->plan.setup.liars >> i) & 1)) continue;
        sim->liars |= 1u << i;
        if (sim->plan.expect == CR_EXPECT_HELD && !cr_byz_is_bounded(sim, least, stake))
            sim->liars &= ~(1u << i);
    }
}

bool cr_byz_is_liar(const struct cr_sim *sim, uint32_t node)
{
    return (sim->liars >> node) & 1;
}

bool cr_byz_goes_on(const struct cr_sim *sim, uint32_t number)
{
    const struct cr_plan_entry *entry = &sim->plan.entries[number];
    return cr_fault_is_lie(entry->fault) && entry->to_us >= sim->plan.faults_until_us;
}

/* The active lie of this kind at this node; NULL: it is honest in this respect. */
static const struct cr_plan_entry *lie(const struct cr_host *host, enum cr_fault fault)
{
    const struct cr_sim *sim = host->sim;
    for (uint32_t i = 0; i < sim->plan.entries_count; i++) {
        const struct cr_plan_entry *entry = &sim->plan.entries[i];
        if (sim->active[i] && entry->fault == fault && entry->node == host->self) return entry;
    }
    return NULL;
}

static const struct cr_plan_entry *lie_to(const struct cr_host *host, enum cr_fault fault,
                                          uint32_t peer)
{
    const struct cr_plan_entry *entry = lie(host, fault);
    return entry != NULL && ((entry->group >> peer) & 1) ? entry : NULL;
}

/* Keyed by how many frames the link has carried: the same lies whatever else is left out. */
static struct cr_prng chance(const struct cr_host *host, uint32_t peer, uint64_t purpose)
{
    const struct cr_sim *sim = host->sim;
    return cr_prng_stream(sim->seed, CR_PURPOSE_LIES,
                          purpose << 48 | (uint64_t)host->self << 40 | (uint64_t)peer << 32 |
                              sim->network.links[host->self][peer].frames_total);
}

/* ---- what is signed ---- */

static void censor(const struct cr_host *host, struct cr_header *header, uint32_t group)
{
    const struct cr_committee *committee = &host->committee;
    if (header->round == 1) return;
    for (uint32_t a = 0; a < header->validators_count; a++) {
        if (a == host->self || !((group >> a) & 1) || !cr_authors_has(&header->parents, a))
            continue;
        struct cr_authors left = header->parents;
        cr_authors_remove(&left, a);
        if (cr_committee_stake_of(committee, &left) < committee->quorum) return;
        header->parents = left;
        memset(&header->parent_digests[a], 0, sizeof header->parent_digests[a]);
    }
}

static void attest(struct cr_header *header, uint32_t kinds)
{
    if ((kinds & 1) && header->commit_index > 0) header->commit_digest.bytes[0] ^= 1;
    if ((kinds & 2) && header->executed_index > 0) header->effects_digest.bytes[0] ^= 1;
    if ((kinds & 4) && header->checkpoint_index > 0) header->state_root.bytes[0] ^= 1;
}

void cr_byz_propose(struct cr_host *host, struct cr_header *header)
{
    const struct cr_plan_entry *entry = lie(host, CR_FAULT_CENSOR);
    if (entry != NULL) censor(host, header, entry->group);
    entry = lie(host, CR_FAULT_LIE_DIGEST);
    if (entry != NULL) attest(header, entry->value);
    struct cr_prng prng =
        cr_prng_stream(host->sim->seed, CR_PURPOSE_LIES,
                       UINT64_C(1) << 63 | (uint64_t)host->place << 40 | host->proposals_total);
    if (cr_prng_below(&prng, TRANSACTIONS_EVERY) > 0) return;
    entry = lie(host, CR_FAULT_FALSE_EVIDENCE);
    if (entry != NULL) cr_perjure(host, entry->value, entry->group);
    entry = lie(host, CR_FAULT_JUNK);
    if (entry != NULL) cr_send_junk(host, entry->value, &prng);
}

void cr_byz_vote(const struct cr_host *host, struct cr_epoch *epoch)
{
    if (lie(host, CR_FAULT_LIE_DIGEST) != NULL) epoch->digest.bytes[0] ^= 1;
}

/* ---- what leaves the node ---- */

static void send(struct cr_host *host, uint32_t peer, struct cr_frame *frame)
{
    enum cr_stream stream = CR_STREAM_CONSENSUS;
    if (!cr_twins_is_heard(host, peer)) { /* it is connected to another process with this key */
        cr_frame_give(frame);
        return;
    }
    if (frame->bytes_count > 0 && frame->bytes[0] == CR_MESSAGE_FETCH) stream = CR_STREAM_FETCH;
    if (frame->bytes_count > 0 && frame->bytes[0] == CR_MESSAGE_RANGE) stream = CR_STREAM_SYNC;
    cr_network_send(host->sim, host->self, peer, stream, frame);
}

static void send_later(struct cr_host *host, uint32_t peer, struct cr_frame *frame, uint64_t us)
{
    cr_heap_push(&host->sim->heap, (struct cr_happening){.at_us = host->sim->now_us + us,
                                                         .kind = CR_HAPPENING_RELEASE,
                                                         .node = host->place,
                                                         .incarnation = host->incarnation,
                                                         .peer = peer,
                                                         .item = frame});
}

void cr_byz_release(struct cr_host *host, uint32_t peer, struct cr_frame *frame)
{
    send(host, peer, frame);
}

static void flood(struct cr_host *host, uint32_t peer, const struct cr_vertex *own)
{
    const struct cr_plan_entry *entry = lie_to(host, CR_FAULT_FLOOD, peer);
    struct cr_prng prng = chance(host, peer, CR_FAULT_FLOOD);
    for (uint32_t i = 0; entry != NULL && i < entry->value; i++) {
        const bool copy = cr_prng_next(&prng) & 1;
        const uint32_t kind = copy ? 0 : (uint32_t)cr_prng_below(&prng, CR_FORGERIES);
        send(host, peer,
             copy ? cr_forge_copy(own, 100 + i)
                  : cr_forge_broken(own, kind, &host->committee, &prng));
    }
}

/* What goes out beside the vertex, to peers of the group. */
static void send_extras(struct cr_host *host, uint32_t peer, const struct cr_vertex *own,
                        const struct cr_frame *frame)
{
    struct cr_prng prng = chance(host, peer, CR_FAULT_FORGE);
    const struct cr_plan_entry *entry = lie_to(host, CR_FAULT_FORGE, peer);
    if (entry != NULL)
        send(host, peer, cr_forge_broken(own, entry->value, &host->committee, &prng));
    entry = lie_to(host, CR_FAULT_GARBAGE, peer);
    if (entry != NULL) send(host, peer, cr_forge_garbage(frame, entry->value, &prng));
    entry = lie_to(host, CR_FAULT_LATE_COPY, peer);
    if (entry != NULL) send_later(host, peer, cr_forge_copy(own, 1), entry->value * UINT64_C(1000));
    flood(host, peer, own);
}

/* An own vertex: in time or late, this copy or another, or not at all. */
static void send_own(struct cr_host *host, uint32_t peer, const struct cr_vertex *own,
                     struct cr_frame *frame)
{
    const uint32_t round = own->header.round;
    send_extras(host, peer, own, frame);
    const struct cr_plan_entry *entry = lie_to(host, CR_FAULT_EQUIVOCATE, peer);
    if (entry != NULL) {
        cr_frame_give(frame);
        frame = cr_forge_copy(own, 1 + peer % entry->value);
    }
    struct cr_prng prng = chance(host, peer, CR_FAULT_BAD_SIGNATURE);
    entry = lie(host, CR_FAULT_BAD_SIGNATURE);
    if (entry != NULL && cr_prng_below(&prng, 1000) < entry->value) {
        struct cr_frame *bad = cr_frame_copy(frame);
        bad->bytes[1 + own->header_bytes + 3] ^= 1;
        cr_frame_give(frame);
        frame = bad;
    }
    const bool to_one =
        lie(host, CR_FAULT_ONE_LISTENER) != NULL && round % host->sim->nodes_count != peer;
    if (to_one || lie_to(host, CR_FAULT_WITHHOLD, peer) != NULL) {
        cr_frame_give(frame);
        return;
    }
    entry = lie_to(host, CR_FAULT_LAST_MOMENT, peer);
    if (entry != NULL)
        send_later(host, peer, frame, entry->value);
    else
        send(host, peer, frame);
}

static void twist_status(struct cr_status *status, uint32_t kind)
{
    switch (kind) {
    case 0: status->commit_index += 1000000; return;
    case 1: status->commit_index = UINT64_MAX; return;
    case 2: status->commit_index /= 2; return;
    case 3: status->round_of_receiver = 0; return; /* push me everything again */
    case 4: status->round_of_receiver = UINT32_MAX; return;
    case 5: status->oldest_commit = UINT64_MAX; return;
    case 6: status->round = UINT32_MAX; return;
    default: CR_UNREACHABLE();
    }
}

/* False: no answer at all. */
static void twist_reply(struct cr_probe_reply *reply, uint32_t way)
{
    if (way % 4 == 0) reply->round = reply->round_of_receiver = 0;
    if (way % 4 == 1) reply->round += 1000000;
    if (way % 4 == 2) reply->round_of_receiver += 1000000;
    reply->recovering = reply->recovering != (way % 4 == 3);
}

static bool twist_range(struct cr_message *range, uint32_t kind)
{
    switch (kind) {
    case 0: return false;
    case 1:
        range->to_commit = range->from_commit - 1;
        range->range_count = 0;
        range->range_bytes = 0;
        return true; /* "I cannot" */
    case 2: range->to_commit += 3; return true;
    case 3:
        range->range_count = 0;
        range->range_bytes = 0;
        return true;                                                /* all of it: nothing */
    case 4: range->to_commit = range->from_commit - 1; return true; /* a part, for ever */
    case 5:
        range->from_commit++;
        range->to_commit++;
        return true;
    case RANGE_TOO_LATE:
    case RANGE_OF_THE_PAST: return true;
    default: cr_forge_range(range, (enum cr_range_forgery)(kind - RANGE_FORGED)); return true;
    }
}

void cr_byz_misread(struct cr_host *host, uint32_t peer, struct cr_message *sync)
{
    const struct cr_plan_entry *entry = lie_to(host, CR_FAULT_LIE_RANGE, peer);
    if (entry == NULL || entry->value != RANGE_OF_THE_PAST) return;
    sync->to_commit -= sync->from_commit - 1;
    sync->from_commit = 1;
}

/* Takes over the frame, which is an answer to SYNC. */
static void send_range(struct cr_host *host, uint32_t peer, struct cr_message *range,
                       struct cr_frame *frame)
{
    const struct cr_plan_entry *entry = lie_to(host, CR_FAULT_LIE_RANGE, peer);
    if (entry == NULL) {
        send(host, peer, frame);
    } else if (entry->value == RANGE_TOO_LATE) {
        send_later(host, peer, frame, LATE_US);
    } else if (twist_range(range, entry->value)) {
        send(host, peer, cr_frame_take(range));
        cr_frame_give(frame);
    } else {
        cr_frame_give(frame);
    }
}

static struct cr_frame *replace(struct cr_frame *frame, const struct cr_message *message)
{
    struct cr_frame *made = cr_frame_take(message);
    cr_frame_give(frame);
    return made;
}

void cr_byz_send(struct cr_host *host, uint32_t peer, struct cr_frame *frame)
{
    static struct cr_message message;
    static struct cr_vertex vertex;
    if (lie_to(host, CR_FAULT_MUTE, peer) != NULL) {
        cr_frame_give(frame);
        return;
    }
    CR_ASSERT(cr_message_decode(frame->bytes, frame->bytes_count, &message) == CR_OK);
    const struct cr_plan_entry *entry;
    if (message.type == CR_MESSAGE_VERTEX) {
        CR_ASSERT(cr_vertex_decode(message.vertex, message.vertex_bytes, &vertex) == CR_OK);
        if (vertex.header.author == host->self) {
            send_own(host, peer, &vertex, frame);
            return;
        }
    } else if (message.type == CR_MESSAGE_STATUS) {
        entry = lie_to(host, CR_FAULT_LIE_STATUS, peer);
        if (entry != NULL) {
            twist_status(&message.status, entry->value);
            frame = replace(frame, &message);
        }
    } else if (message.type == CR_MESSAGE_PROBE_REPLY) {
        entry = lie_to(host, CR_FAULT_LIE_STATUS, peer);
        if (entry != NULL) {
            twist_reply(&message.probe_reply, entry->value);
            frame = replace(frame, &message);
        }
    } else if (message.type == CR_MESSAGE_RANGE) {
        send_range(host, peer, &message, frame);
        return;
    }
    send(host, peer, frame);
}

/* ---- what it is asked for ---- */

static void serve_copy(struct cr_host *host, uint32_t peer, const struct cr_ref *ref)
{
    static struct cr_message message;
    static struct cr_vertex own, copy;
    for (uint32_t i = 0; i < host->disk.count; i++) {
        const struct cr_disk_record *record = &host->disk.records[host->disk.count - 1 - i];
        if (record->kind != CR_RECORD_VERTEX || record->body->author != host->self) continue;
        if (record->body->round != ref->round) continue;
        cr_body_decode(record->body, &own);
        for (uint32_t salt = 1; salt <= COPIES_MAX; salt++) {
            struct cr_frame *frame = cr_forge_copy(&own, salt);
            CR_ASSERT(cr_message_decode(frame->bytes, frame->bytes_count, &message) == CR_OK);
            CR_ASSERT(cr_vertex_decode(message.vertex, message.vertex_bytes, &copy) == CR_OK);
            if (cr_hash_equal(&copy.digest, &ref->digest)) {
                send(host, peer, frame);
                return;
            }
            cr_frame_give(frame);
        }
        return;
    }
}

void cr_byz_answer(struct cr_host *host, uint32_t peer, const struct cr_message *fetch)
{
    if (lie_to(host, CR_FAULT_MUTE, peer) != NULL) return;
    const struct cr_plan_entry *withhold = lie_to(host, CR_FAULT_WITHHOLD, peer);
    if (withhold != NULL && withhold->value == 1) return;
    for (uint32_t i = 0; i < fetch->refs_count; i++) {
        if (fetch->refs[i].author == host->self) serve_copy(host, peer, &fetch->refs[i]);
    }
}
