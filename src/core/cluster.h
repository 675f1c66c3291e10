/* SPDX-License-Identifier: Apache-2.0 */
/* cluster.h: a few cores in one process with virtual time, for the tests of this folder. It is the
 * smallest host that fulfils the duties of core.h; faults are fields of struct cluster.
 * Bodies are indices of one table of vertices that all nodes share. One test program includes
 * it. */
#ifndef CR_CORE_CLUSTER_H
#define CR_CORE_CLUSTER_H

#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "core/core.h"

enum { CLUSTER_NODES_MAX = 16 };

struct sealed {
    uint8_t *bytes; /* encoded header: a decoded one is 10 KiB */
    uint32_t bytes_count;
    uint32_t round;
    uint32_t txs;
    uint64_t sealed_us; /* virtual time */
    struct cr_hash digest;
};

struct logged {
    uint32_t body;
    uint64_t commit; /* index of the commit that contains it, 0: none yet */
};

/* What was asked for with SYNC, and the answer that waits for its turn: where it can be had. */
struct lane {
    bool asked;
    bool empty; /* the vertices lack, whatever was claimed */
    uint32_t peer;
    uint64_t from, to;
};

struct node {
    struct cr_core *core;
    void *memory, *effects_memory;
    struct cr_effects effects;
    bool up;
    struct logged *log;
    uint32_t log_count, log_max;
    uint64_t log_sequence; /* STORE sequence of log[log_count - 1] in this life */
    uint32_t signed_round;
    struct cr_core_head *heads; /* by commit index; [0] is empty */
    uint32_t **commit_bodies;   /* by commit index */
    uint32_t *commit_counts;
    uint32_t commits, commits_max;
    uint64_t armed_us;
    uint32_t txs_waiting, txs_committed, requeued, evidence;
    struct lane lanes[CR_SYNC_LANES];
    uint64_t verified_us; /* when all vertices of the lanes that were wanted so far are */
    uint32_t accused;     /* bit mask of peers */
    const char *halted;
    enum cr_memory knows; /* what its next START knows */
    uint32_t twin_round;  /* of a TWIN, 0: none */
};

struct mail {
    uint64_t at_us, order;
    uint32_t to;
    uint32_t life; /* of the receiver when sent */
    struct cr_event event;
    uint32_t body; /* VERTEX, SEALED */
    struct cr_ref refs[CR_FETCH_REFS_MAX];
};

struct cluster {
    struct cr_committee committee;
    struct cr_core_config config;
    uint32_t count;
    struct node nodes[CLUSTER_NODES_MAX];
    uint32_t lives[CLUSTER_NODES_MAX];
    struct sealed *vertices;
    uint32_t vertices_count, vertices_max;
    struct mail *mails; /* binary heap by (at_us, order) */
    uint32_t mails_count, mails_max;
    uint64_t now_us, orders, wall_base_ms;
    struct cr_prng random;
    uint64_t delay_us_min, delay_us_max, store_us;
    uint64_t verify_us; /* for each vertex of a range, one after the other */
    uint32_t drop_per_1000;
    uint32_t check_every; /* steps between two cr_core_check of the stepping core; 0: never */
    uint64_t steps;
    bool lying; /* node 0 signs two vertices for every round and shows each half one */
    void (*alter)(const struct cluster *, uint32_t node, struct cr_header *); /* own, or NULL */
    bool twins_allowed;
    /* NULL: answers stay as they are */
    void (*alter_reply)(const struct cluster *, uint32_t node, struct cr_probe_reply *);
    void (*watch)(struct cluster *c, uint32_t i, const struct cr_event *event); /* before a step */
    bool (*cut)(const struct cluster *, uint32_t from, uint32_t to); /* NULL: all connected */
    /* NULL: between delay_us_min and delay_us_max */
    uint64_t (*delay)(struct cluster *, uint32_t from, uint32_t to, const struct mail *);
    void (*trace)(const struct cluster *, uint32_t node, const struct cr_effect *); /* or NULL */
    /* What a peer makes of its answer to SYNC before it arrives; NULL: all are honest. */
    void (*answer)(struct cluster *, struct cr_event *range, struct cr_claim *, struct lane *);
};

/* ---- queue ---- */

static bool mail_before(const struct mail *a, const struct mail *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void post(struct cluster *c, const struct mail *mail)
{
    if (c->mails_count == c->mails_max) {
        c->mails_max = c->mails_max ? 2 * c->mails_max : 1024;
        c->mails = realloc(c->mails, c->mails_max * sizeof *c->mails);
    }
    uint32_t i = c->mails_count++;
    c->mails[i] = *mail;
    c->mails[i].order = c->orders++;
    while (i > 0 && mail_before(&c->mails[i], &c->mails[(i - 1) / 2])) {
        const struct mail swapped = c->mails[i];
        c->mails[i] = c->mails[(i - 1) / 2];
        c->mails[(i - 1) / 2] = swapped;
        i = (i - 1) / 2;
    }
}

static bool take_mail(struct cluster *c, uint64_t until_us, struct mail *out)
{
    if (c->mails_count == 0 || c->mails[0].at_us > until_us) return false;
    *out = c->mails[0];
    c->mails[0] = c->mails[--c->mails_count];
    uint32_t i = 0;
    for (;;) {
        uint32_t first = i;
        for (uint32_t child = 2 * i + 1; child <= 2 * i + 2; child++) {
            if (child < c->mails_count && mail_before(&c->mails[child], &c->mails[first]))
                first = child;
        }
        if (first == i) return true;
        const struct mail swapped = c->mails[i];
        c->mails[i] = c->mails[first];
        c->mails[first] = swapped;
        i = first;
    }
}

static void post_to_self(struct cluster *c, uint32_t node, uint64_t after_us,
                         const struct cr_event *event, uint32_t body)
{
    struct mail mail = {.at_us = c->now_us + after_us,
                        .to = node,
                        .life = c->lives[node],
                        .event = *event,
                        .body = body};
    post(c, &mail);
}

static void send_to(struct cluster *c, uint32_t from, uint32_t to, struct mail *mail)
{
    if (!c->nodes[to].up || from == to) return;
    if (c->cut != NULL && c->cut(c, from, to)) return;
    if (cr_prng_below(&c->random, 1000) < c->drop_per_1000) return;
    const uint64_t spread = c->delay_us_max - c->delay_us_min + 1;
    mail->at_us =
        c->now_us + (c->delay != NULL ? c->delay(c, from, to, mail)
                                      : c->delay_us_min + cr_prng_below(&c->random, spread));
    mail->to = to;
    mail->life = c->lives[to];
    mail->event.peer = from;
    post(c, mail);
}

static void send_vertex(struct cluster *c, uint32_t from, uint32_t to, uint32_t body)
{
    struct mail mail = {.event = {.kind = CR_EVENT_VERTEX}, .body = body};
    send_to(c, from, to, &mail);
}

/* ---- vertices ---- */

static uint32_t seal(struct cluster *c, const struct cr_header *header)
{
    if (c->vertices_count == c->vertices_max) {
        c->vertices_max = c->vertices_max ? 2 * c->vertices_max : 1024;
        c->vertices = realloc(c->vertices, c->vertices_max * sizeof *c->vertices);
    }
    struct sealed *v = &c->vertices[c->vertices_count];
    const size_t count = cr_header_bytes(header);
    *v = (struct sealed){.bytes = malloc(count),
                         .bytes_count = (uint32_t)count,
                         .round = header->round,
                         .txs = header->payload_count,
                         .sealed_us = c->now_us};
    CR_ASSERT(cr_header_encode(header, v->bytes, count) == count);
    v->digest = cr_header_digest(v->bytes, count);
    return c->vertices_count++;
}

/* Valid until the next call. */
static const struct cr_header *header_of(const struct cluster *c, uint32_t body)
{
    enum { SIGNATURE_BLOCK = 1 + 2 + CR_MLDSA44_SIG_BYTES, PAYLOAD_MAX = 4096 };
    static uint8_t bytes[CR_HEADER_BYTES_MAX + SIGNATURE_BLOCK + PAYLOAD_MAX];
    static struct cr_vertex vertex;
    const struct sealed *v = &c->vertices[body];
    memcpy(bytes, v->bytes, v->bytes_count);
    bytes[v->bytes_count] = CR_ALG_MLDSA44;
    cr_store_le(bytes + v->bytes_count + 1, CR_MLDSA44_SIG_BYTES, 2);
    const enum cr_err err =
        cr_vertex_decode(bytes, v->bytes_count + SIGNATURE_BLOCK + (size_t)v->txs * 100, &vertex);
    CR_ASSERT(err == CR_OK);
    return &vertex.header;
}

/* ---- effects ---- */

static void on_propose(struct cluster *c, uint32_t i, const struct cr_header *header)
{
    struct node *node = &c->nodes[i];
    struct cr_header filled = *header;
    const bool room = header->payload_bytes > 0;
    filled.payload_count = room ? (node->txs_waiting < 10 ? node->txs_waiting : 10) : 0;
    filled.payload_bytes = filled.payload_count * 100;
    filled.payload_root = (struct cr_hash){{(uint8_t)c->vertices_count, 1}};
    node->txs_waiting -= filled.payload_count;
    if (c->alter != NULL) c->alter(c, i, &filled);
    const struct cr_event sealed = {.kind = CR_EVENT_SEALED};
    const uint32_t body = seal(c, &filled);
    post_to_self(c, i, 0, &sealed, body);
    if (c->lying && i == 0) { /* the other copy is the next body */
        filled.payload_root.bytes[1] = 2;
        seal(c, &filled);
    }
    const struct cr_event waiting = {.kind = CR_EVENT_WAITING, .waiting = node->txs_waiting};
    post_to_self(c, i, 0, &waiting, 0);
}

static void on_store(struct cluster *c, uint32_t i, const struct cr_effect *effect)
{
    struct node *node = &c->nodes[i];
    if (node->log_count == node->log_max) {
        node->log_max = node->log_max ? 2 * node->log_max : 1024;
        node->log = realloc(node->log, node->log_max * sizeof *node->log);
    }
    CR_ASSERT(effect->store.sequence == node->log_sequence + 1);
    node->log_sequence++;
    node->log[node->log_count++] = (struct logged){.body = effect->body};
    if (!effect->store.own) return;
    CR_ASSERT(effect->store.round > node->signed_round);
    node->signed_round = effect->store.round;
    const struct cr_event stored = {.kind = CR_EVENT_STORED, .sequence = node->log_sequence};
    post_to_self(c, i, c->store_us, &stored, 0);
}

static void on_commit(struct cluster *c, uint32_t i, const struct cr_effect *effect)
{
    struct node *node = &c->nodes[i];
    const struct cr_commit *record = &effect->commit.record;
    if (record->index >= node->commits_max) {
        node->commits_max = node->commits_max ? 2 * node->commits_max : 256;
        node->heads = realloc(node->heads, node->commits_max * sizeof *node->heads);
        node->commit_bodies =
            realloc(node->commit_bodies, node->commits_max * sizeof *node->commit_bodies);
        node->commit_counts =
            realloc(node->commit_counts, node->commits_max * sizeof *node->commit_counts);
        memset(&node->heads[0], 0, sizeof node->heads[0]);
    }
    const struct cr_hash previous =
        record->index > 1 ? node->heads[record->index - 1].commit_digest : (struct cr_hash){{0}};
    CR_ASSERT(cr_hash_equal(&previous, &record->previous));
    if (record->index <= node->commits) { /* decided again after a restart: the same */
        CR_ASSERT(cr_hash_equal(&node->heads[record->index].commit_digest, &effect->commit.digest));
        CR_ASSERT(memcmp(&node->heads[record->index].schedule, effect->commit.schedule,
                         sizeof *effect->commit.schedule) == 0);
        free(node->commit_bodies[record->index]);
    } else {
        CR_ASSERT(record->index == node->commits + 1);
        node->commits++;
    }
    node->heads[record->index] = (struct cr_core_head){.commit_index = record->index,
                                                       .commit_digest = effect->commit.digest,
                                                       .leader_round = record->leader_round,
                                                       .gc_round = record->gc_round,
                                                       .timestamp_ms = record->timestamp_ms,
                                                       .schedule = *effect->commit.schedule};
    uint32_t *bodies = malloc((record->vertices_count + 1) * sizeof *bodies);
    for (uint32_t k = 0; k < record->vertices_count; k++) {
        bodies[k] = effect->commit.bodies[k];
        node->txs_committed += c->vertices[bodies[k]].txs;
        for (uint32_t l = node->log_count; l > 0; l--) {
            if (node->log[l - 1].body != bodies[k]) continue;
            node->log[l - 1].commit = record->index;
            break;
        }
    }
    node->commit_bodies[record->index] = bodies;
    node->commit_counts[record->index] = record->vertices_count;
    const struct cr_event executed = {
        .kind = CR_EVENT_EXECUTED,
        .executed = {.index = record->index, .effects_digest = effect->commit.digest}};
    post_to_self(c, i, 0, &executed, 0);
}

/* What node i says of commits from..to. */
static struct cr_claim claim_of(const struct cluster *c, uint32_t i, uint64_t from, uint64_t to)
{
    const struct cr_core_head *heads = c->nodes[i].heads;
    struct cr_claim claim = {.from = from, .count = (uint32_t)(to - from + 1)};
    claim.epoch = c->committee.epoch;
    claim.previous = heads[from - 1].commit_digest;
    for (uint64_t index = from; index <= to; index++)
        claim.digests[index - from] = heads[index].commit_digest;
    return claim;
}

static void serve_range(struct cluster *c, uint32_t i, uint32_t to, const struct cr_effect *sync)
{
    const struct node *node = &c->nodes[i];
    const uint64_t from = sync->range.from_commit;
    uint64_t last = from + sync->range.commits - 1;
    if (last > node->commits) last = node->commits;
    struct mail mail = {.event = {.kind = CR_EVENT_RANGE}};
    mail.event.range.lane = sync->range.lane;
    mail.event.range.from_commit = from;
    mail.event.range.to_commit = last;
    send_to(c, i, to, &mail);
}

/* The vertices that a lane holds, in order, behind those of the lanes before. */
static void give_lane(struct cluster *c, uint32_t i, uint32_t number)
{
    struct node *node = &c->nodes[i];
    const struct lane *lane = &node->lanes[number];
    const struct node *server = &c->nodes[lane->peer];
    const uint64_t last = lane->empty || lane->to > server->commits ? 0 : lane->to;
    if (node->verified_us < c->now_us) node->verified_us = c->now_us;
    for (uint64_t index = lane->from; index <= last; index++) {
        for (uint32_t k = 0; k < server->commit_counts[index]; k++) {
            const struct cr_event vertex = {.kind = CR_EVENT_VERTEX, .peer = lane->peer};
            node->verified_us += c->verify_us;
            post_to_self(c, i, node->verified_us - c->now_us, &vertex,
                         server->commit_bodies[index][k]);
        }
    }
    const struct cr_event given = {.kind = CR_EVENT_GIVEN, .range = {.lane = number}};
    post_to_self(c, i, node->verified_us - c->now_us, &given, 0);
}

static void perform(struct cluster *c, uint32_t i, const struct cr_effect *effect)
{
    struct node *node = &c->nodes[i];
    if (c->trace != NULL) c->trace(c, i, effect);
    switch (effect->kind) {
    case CR_EFFECT_PROPOSE: on_propose(c, i, effect->header); return;
    case CR_EFFECT_STORE: on_store(c, i, effect); return;
    case CR_EFFECT_BROADCAST:
        for (uint32_t to = 0; to < c->count; to++)
            send_vertex(c, i, to, effect->body + (c->lying && i == 0 && to % 2 == 1));
        return;
    case CR_EFFECT_SEND: send_vertex(c, i, effect->peer, effect->body); return;
    case CR_EFFECT_SEND_STATUS: {
        struct mail mail = {.event = {.kind = CR_EVENT_STATUS, .status = effect->status}};
        send_to(c, i, effect->peer, &mail);
        return;
    }
    case CR_EFFECT_FETCH: {
        struct mail mail = {.event = {.kind = CR_EVENT_FETCH, .refs_count = effect->refs_count}};
        memcpy(mail.refs, effect->refs, effect->refs_count * sizeof effect->refs[0]);
        send_to(c, i, effect->peer, &mail);
        return;
    }
    case CR_EFFECT_SYNC:
        node->lanes[effect->range.lane] =
            (struct lane){.asked = true, .from = effect->range.from_commit};
        if (c->nodes[effect->peer].up && (c->cut == NULL || !c->cut(c, i, effect->peer)))
            serve_range(c, effect->peer, i, effect);
        return;
    case CR_EFFECT_GIVE: give_lane(c, i, effect->range.lane); return;
    case CR_EFFECT_FORGED: node->accused |= 1u << effect->peer; return;
    case CR_EFFECT_COMMIT: on_commit(c, i, effect); return;
    case CR_EFFECT_DROP: return;
    case CR_EFFECT_REQUEUE:
        node->requeued++;
        node->txs_waiting += c->vertices[effect->body].txs;
        return;
    case CR_EFFECT_EVIDENCE: node->evidence++; return;
    case CR_EFFECT_HALT: node->halted = effect->reason; return;
    case CR_EFFECT_TWIN:
        CR_ASSERT(c->twins_allowed); /* else the guard of a node in this harness is never lost */
        node->twin_round = effect->round;
        return;
    case CR_EFFECT_SEND_PROBE: {
        struct mail mail = {.event = {.kind = CR_EVENT_PROBE, .probe = effect->probe}};
        send_to(c, i, effect->peer, &mail);
        return;
    }
    case CR_EFFECT_SEND_PROBE_REPLY: {
        struct mail mail = {
            .event = {.kind = CR_EVENT_PROBE_REPLY, .probe_reply = effect->probe_reply}};
        if (c->alter_reply != NULL) c->alter_reply(c, i, &mail.event.probe_reply);
        send_to(c, i, effect->peer, &mail);
        return;
    }
    }
    CR_UNREACHABLE();
}

/* ---- steps ---- */

static void step(struct cluster *c, uint32_t i, struct cr_event *event)
{
    struct node *node = &c->nodes[i];
    event->now_us = c->now_us;
    event->wall_ms = c->wall_base_ms + c->now_us / 1000;
    if (c->watch != NULL) c->watch(c, i, event);
    cr_core_step(node->core, event, &node->effects);
    c->steps++;
    if (c->check_every != 0 && c->steps % c->check_every == 0) cr_core_check(node->core);
    for (uint32_t k = 0; k < node->effects.count; k++)
        perform(c, i, &node->effects.items[k]);

    const uint64_t deadline = cr_core_deadline_us(node->core);
    if (deadline == UINT64_MAX || deadline == node->armed_us) return;
    node->armed_us = deadline;
    const struct cr_event tick = {.kind = CR_EVENT_TICK};
    post_to_self(c, i, deadline > c->now_us ? deadline - c->now_us : 0, &tick, 0);
}

static void deliver_range(struct cluster *c, uint32_t i, struct cr_event *event)
{
    static struct cr_claim claim;
    struct lane *lane = &c->nodes[i].lanes[event->range.lane];
    const uint64_t from = event->range.from_commit, to = event->range.to_commit;
    if (!lane->asked || lane->from != from || to > c->nodes[event->peer].commits) return;
    if (to >= from) {
        claim = claim_of(c, event->peer, from, to);
        event->range.claim = &claim;
        struct lane answered = {.peer = event->peer, .from = from, .to = to};
        if (c->answer != NULL) c->answer(c, event, &claim, &answered);
        if (!event->range.forged) *lane = answered;
    }
    step(c, i, event);
}

static void deliver(struct cluster *c, struct mail *mail)
{
    struct node *node = &c->nodes[mail->to];
    struct cr_event *event = &mail->event;
    if (!node->up || mail->life != c->lives[mail->to]) return;
    if (event->kind == CR_EVENT_VERTEX || event->kind == CR_EVENT_SEALED) {
        const struct sealed *v = &c->vertices[mail->body];
        const struct cr_header *header = header_of(c, mail->body);
        event->vertex = (struct cr_event_vertex){header, v->digest, mail->body};
        if (event->kind == CR_EVENT_VERTEX &&
            cr_core_admit(node->core, event->peer, header, &v->digest) != CR_VERDICT_OK)
            return;
        step(c, mail->to, event);
        return;
    }
    if (event->kind == CR_EVENT_FETCH) event->refs = mail->refs;
    if (event->kind == CR_EVENT_RANGE) {
        deliver_range(c, mail->to, event);
        return;
    }
    if (event->kind == CR_EVENT_TICK) {
        if (node->armed_us > c->now_us) return; /* an old alarm */
        node->armed_us = UINT64_MAX;
    }
    step(c, mail->to, event);
}

static void run_until(struct cluster *c, uint64_t until_us)
{
    static struct mail mail;
    while (take_mail(c, until_us, &mail)) {
        c->now_us = mail.at_us;
        deliver(c, &mail);
    }
    c->now_us = until_us;
}

/* ---- life and death ---- */

static void connect(struct cluster *c, uint32_t i, bool up)
{
    for (uint32_t p = 0; p < c->count; p++) {
        if (p == i || !c->nodes[p].up) continue;
        struct cr_event there = {.kind = CR_EVENT_PEER, .peer = i, .up = up};
        step(c, p, &there);
        if (!up) continue;
        struct cr_event here = {.kind = CR_EVENT_PEER, .peer = p, .up = true};
        step(c, i, &here);
    }
}

/* `back`: commits the host had not yet written down when it went down. */
static void start_node(struct cluster *c, uint32_t i, uint32_t back)
{
    struct node *node = &c->nodes[i];
    struct cr_core_config config = c->config;
    config.self = i;
    config.twin_expected = c->lying && i == 0;
    struct cr_arena arena;
    cr_arena_init_measure(&arena);
    (void)cr_core_init(&arena, &config);
    if (node->memory == NULL) node->memory = aligned_alloc(64, arena.bytes_used);
    cr_arena_init(&arena, node->memory, arena.bytes_used);
    node->core = cr_core_init(&arena, &config);
    CR_ASSERT(arena.bytes_used == arena.bytes_max);
    if (node->effects_memory == NULL) {
        cr_arena_init_measure(&arena);
        cr_effects_init(&arena, &node->effects, &config);
        node->effects_memory = aligned_alloc(64, arena.bytes_used);
        cr_arena_init(&arena, node->effects_memory, arena.bytes_used);
        cr_effects_init(&arena, &node->effects, &config);
    }
    c->lives[i]++;
    node->up = true;
    node->armed_us = UINT64_MAX;
    node->log_sequence = 0;

    const uint32_t head = node->commits > back ? node->commits - back : 0;
    if (head > 0) {
        struct cr_event event = {.kind = CR_EVENT_RESTORE_HEAD, .head = &node->heads[head]};
        step(c, i, &event);
    }
    const uint32_t gc_round = head > 0 ? node->heads[head].gc_round : 0;
    for (uint32_t l = 0; l < node->log_count; l++) {
        const struct logged *logged = &node->log[l];
        const struct sealed *v = &c->vertices[logged->body];
        if (v->round <= gc_round) continue;
        struct cr_event event = {.kind = CR_EVENT_RESTORE_VERTEX};
        event.vertex =
            (struct cr_event_vertex){header_of(c, logged->body), v->digest, logged->body};
        event.committed = logged->commit > 0 && logged->commit <= head;
        step(c, i, &event);
    }
    struct cr_event start = {.kind = CR_EVENT_START,
                             .signed_round = node->signed_round,
                             .memory = node->knows,
                             .nonce = c->orders};
    step(c, i, &start);
    connect(c, i, true);
}

#define UNUSED_IN_SOME_TESTS __attribute__((unused))

UNUSED_IN_SOME_TESTS static void stop_node(struct cluster *c, uint32_t i)
{
    c->nodes[i].up = false;
    c->lives[i]++;
    connect(c, i, false);
}

UNUSED_IN_SOME_TESTS static void offer(struct cluster *c, uint32_t i, uint32_t txs)
{
    c->nodes[i].txs_waiting += txs;
    const struct cr_event waiting = {.kind = CR_EVENT_WAITING, .waiting = c->nodes[i].txs_waiting};
    if (c->nodes[i].up) post_to_self(c, i, 0, &waiting, 0);
}

static void cluster_init_stakes(struct cluster *c, uint32_t count, const uint64_t *stakes,
                                uint64_t seed)
{
    const struct cr_hash genesis_id = {{1, 2, 3}};
    memset(c, 0, sizeof *c);
    const enum cr_err err = cr_committee_init(&c->committee, &genesis_id, 0, stakes, count);
    CR_ASSERT(err == CR_OK);
    c->config = (struct cr_core_config){
        .committee = &c->committee,
        .gc_depth = CR_GC_DEPTH,
        .round_delay_us = 2000,
        .idle_delay_us = 2000,
        .round_timeout_us = 25 * 1000,
        .round_timeout_us_max = 2 * 1000 * 1000,
        .payload_bytes_max = 1000,
    };
    c->count = count;
    c->random = cr_prng_stream(seed, 1, 0);
    c->delay_us_min = 200;
    c->delay_us_max = 400;
    c->store_us = 300;
    c->wall_base_ms = UINT64_C(1700000000000);
    c->check_every = 499;
}

static void cluster_init(struct cluster *c, uint32_t count, uint64_t seed)
{
    uint64_t stakes[CLUSTER_NODES_MAX];
    for (uint32_t a = 0; a < CLUSTER_NODES_MAX; a++)
        stakes[a] = 1;
    cluster_init_stakes(c, count, stakes, seed);
}

static void cluster_free(struct cluster *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        struct node *node = &c->nodes[i];
        for (uint32_t k = 1; k <= node->commits; k++)
            free(node->commit_bodies[k]);
        free(node->commit_bodies);
        free(node->commit_counts);
        free(node->heads);
        free(node->log);
        free(node->memory);
        free(node->effects_memory);
    }
    for (uint32_t v = 0; v < c->vertices_count; v++)
        free(c->vertices[v].bytes);
    free(c->vertices);
    free(c->mails);
}

/* Every two nodes agree on the commits both have. Returns the lowest commit index. */
UNUSED_IN_SOME_TESTS static uint32_t agreement(const struct cluster *c)
{
    uint32_t lowest = UINT32_MAX;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct node *node = &c->nodes[i];
        CR_ASSERT(node->halted == NULL);
        if (node->commits < lowest) lowest = node->commits;
        for (uint32_t k = 1; i > 0 && k <= node->commits && k <= c->nodes[0].commits; k++)
            CR_ASSERT(
                cr_hash_equal(&node->heads[k].commit_digest, &c->nodes[0].heads[k].commit_digest));
    }
    return lowest;
}

#endif
