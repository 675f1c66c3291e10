/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: agreement and liveness under every split of three rounds with an equivocator. Method: Twins
 * (Bano et al.): four validators, and validator 0 runs twice with the same key. In each of rounds
 * 1..3 the five instances are in two groups; a vertex of that round stays within its group, in all
 * 16 ways, and the epoch seed makes each validator in turn the first leader of round 4, where the
 * first anchors are. 4 * 16^3 scenarios with real cores; then everything heals. CR_TWINS=1 tries
 * all of them, otherwise every 17th is. */
#include <stdio.h>
#include <time.h>

#include "base/unit.h"

#include "core/core.h"

enum {
    INSTANCES = 5,
    CORRECT = 2, /* the first; 0 and 1 are the twins */
    VERTICES_MAX = 2048,
    QUEUE_MAX = 1 << 14,
    SPLITS = 16, /* instance 4 is always in the second group */
    ROUNDS = 3,
    DELAY_US = 500,
    HEAL_US = 30 * 1000,
    END_US = 3000 * 1000,
    COMMITS_MAX = 256,
    COMMITS = 10, /* of every correct core in the end */
};

struct lane {
    uint32_t from; /* the instance whose answer it holds */
    uint64_t first, last;
};

struct instance {
    struct lane lanes[CR_SYNC_LANES];
    struct cr_core *core;
    void *memory, *effects_memory;
    size_t bytes;
    struct cr_effects effects;
    uint64_t commits;
};

struct mail {
    uint32_t to;
    struct cr_event event;
    uint32_t body;
    struct cr_ref refs[CR_FETCH_REFS_MAX];
};

static struct instance instances[INSTANCES];
static struct cr_committee committee;
static struct cr_header headers[VERTICES_MAX];
static struct cr_hash digests[VERTICES_MAX];
static uint32_t vertices;
static struct mail queue[QUEUE_MAX];
static uint32_t queue_first, queue_count;
static struct committed {
    struct cr_hash digest;
    uint32_t count;
    uint32_t bodies[VERTICES_MAX];
} commits[COMMITS_MAX]; /* by index, as the first correct core made them */
static uint64_t commits_known, now_us, evidence;
static uint32_t split[ROUNDS + 1]; /* by round: a mask of the first group */

static uint32_t id_of(uint32_t instance)
{
    return instance == 0 ? 0 : instance - 1;
}

static struct mail *post(uint32_t to, enum cr_event_kind kind)
{
    CR_ASSERT(queue_count < QUEUE_MAX);
    struct mail *mail = &queue[(queue_first + queue_count++) % QUEUE_MAX];
    mail->to = to;
    mail->event = (struct cr_event){.kind = kind};
    return mail;
}

static bool apart(uint32_t from, uint32_t to, uint32_t round)
{
    if (round > ROUNDS) return false;
    return (split[round] >> from & 1) != (split[round] >> to & 1);
}

/* To one validator, which may be two instances, or (peer = UINT32_MAX) to all. */
static void send(uint32_t from, uint32_t peer, const struct cr_event *event, uint32_t body)
{
    for (uint32_t to = 0; to < INSTANCES; to++) {
        if (id_of(to) == id_of(from) || (peer != UINT32_MAX && id_of(to) != peer)) continue;
        if (now_us < HEAL_US && peer != UINT32_MAX) continue;
        if (now_us < HEAL_US && apart(from, to, headers[body].round)) continue;
        struct mail *mail = post(to, event->kind);
        mail->event = *event;
        mail->event.peer = id_of(from);
        mail->body = body;
        if (event->kind == CR_EVENT_FETCH)
            memcpy(mail->refs, event->refs, event->refs_count * sizeof mail->refs[0]);
    }
}

static void seal(uint32_t i, const struct cr_header *header)
{
    static uint8_t bytes[CR_HEADER_BYTES_MAX];
    CR_ASSERT(vertices < VERTICES_MAX);
    struct cr_header *own = &headers[vertices];
    *own = *header;
    own->payload_bytes = 0;
    own->payload_root.bytes[0] = (uint8_t)(1 + i); /* twins say different things */
    digests[vertices] = cr_header_digest(bytes, cr_header_encode(own, bytes, sizeof bytes));
    post(i, CR_EVENT_SEALED)->body = vertices++;
}

static void commit(uint32_t i, const struct cr_effect *effect)
{
    const uint64_t index = effect->commit.record.index;
    assert_int_equal(index, ++instances[i].commits);
    if (i < CORRECT) return;
    CR_ASSERT(index < COMMITS_MAX);
    struct committed *known = &commits[index];
    if (index > commits_known) {
        commits_known++;
        known->digest = effect->commit.digest;
        known->count = effect->commit.record.vertices_count;
        memcpy(known->bodies, effect->commit.bodies, known->count * sizeof known->bodies[0]);
    }
    assert_true(cr_hash_equal(&known->digest, &effect->commit.digest));
}

static void serve_range(uint32_t to, const struct cr_effect *effect)
{
    const uint32_t from = effect->peer == 0 ? 0 : effect->peer + 1;
    struct cr_event range = {.kind = CR_EVENT_RANGE};
    range.range.lane = effect->range.lane;
    range.range.from_commit = effect->range.from_commit;
    range.range.to_commit = effect->range.from_commit + effect->range.commits - 1;
    if (from < CORRECT)
        range.range.to_commit = range.range.from_commit - 1;
    else if (range.range.to_commit > instances[from].commits)
        range.range.to_commit = instances[from].commits;
    send(from, id_of(to), &range, 0);
}

static void give_lane(uint32_t i, uint32_t number)
{
    const struct lane *lane = &instances[i].lanes[number];
    for (uint64_t index = lane->first; index <= lane->last; index++) {
        for (uint32_t k = 0; k < commits[index].count; k++) {
            struct mail *mail = post(i, CR_EVENT_VERTEX);
            mail->event.peer = id_of(lane->from);
            mail->body = commits[index].bodies[k];
        }
    }
    post(i, CR_EVENT_GIVEN)->event.range.lane = number;
}

static void perform(uint32_t i, const struct cr_effect *effect)
{
    struct cr_event event = {.kind = CR_EVENT_VERTEX};
    switch (effect->kind) {
    case CR_EFFECT_PROPOSE: seal(i, effect->header); return;
    case CR_EFFECT_STORE:
        if (effect->store.own) post(i, CR_EVENT_STORED)->event.sequence = effect->store.sequence;
        return;
    case CR_EFFECT_BROADCAST: send(i, UINT32_MAX, &event, effect->body); return;
    case CR_EFFECT_SEND: send(i, effect->peer, &event, effect->body); return;
    case CR_EFFECT_SEND_STATUS:
        event.kind = CR_EVENT_STATUS;
        event.status = effect->status;
        send(i, effect->peer, &event, 0);
        return;
    case CR_EFFECT_FETCH:
        event.kind = CR_EVENT_FETCH;
        event.refs = effect->refs;
        event.refs_count = effect->refs_count;
        send(i, effect->peer, &event, 0);
        return;
    case CR_EFFECT_COMMIT: commit(i, effect); return;
    case CR_EFFECT_EVIDENCE: evidence++; return;
    case CR_EFFECT_TWIN: fail_msg("node %u is no twin, or expects it", i); return;
    case CR_EFFECT_SEND_PROBE:
    case CR_EFFECT_SEND_PROBE_REPLY: fail_msg("node %u has nothing to ask", i); return;
    case CR_EFFECT_HALT: assert_true(i < CORRECT); return;
    case CR_EFFECT_SYNC: serve_range(i, effect); return;
    case CR_EFFECT_GIVE: give_lane(i, effect->range.lane); return;
    case CR_EFFECT_FORGED: fail_msg("nobody forges"); return;
    case CR_EFFECT_DROP:
    case CR_EFFECT_REQUEUE: return;
    }
    CR_UNREACHABLE();
}

static void step(uint32_t i, struct cr_event *event)
{
    struct instance *instance = &instances[i];
    event->now_us = now_us;
    event->wall_ms = 1000000 + now_us / 1000;
    cr_core_step(instance->core, event, &instance->effects);
    for (uint32_t k = 0; k < instance->effects.count; k++)
        perform(i, &instance->effects.items[k]);
}

/* Nothing here answers late, so an answer is that to the newest question. */
static void arrive_range(uint32_t to, struct cr_event *event)
{
    static struct cr_claim claim;
    const uint64_t first = event->range.from_commit, last = event->range.to_commit;
    memset(&claim, 0, sizeof claim);
    claim.from = first;
    for (uint64_t index = first; index <= last; index++)
        claim.digests[claim.count++] = commits[index].digest;
    if (first > 1) claim.previous = commits[first - 1].digest;
    if (last >= first) event->range.claim = &claim;
    instances[to].lanes[event->range.lane] = (struct lane){event->peer + 1, first, last};
    step(to, event);
}

static void deliver(void)
{
    struct mail *mail = &queue[queue_first];
    struct cr_event event = mail->event;
    const uint32_t to = mail->to, body = mail->body;
    if (event.kind == CR_EVENT_FETCH) event.refs = mail->refs;
    queue_first = (queue_first + 1) % QUEUE_MAX;
    queue_count--;
    if (event.kind == CR_EVENT_VERTEX || event.kind == CR_EVENT_SEALED)
        event.vertex = (struct cr_event_vertex){&headers[body], digests[body], body};
    if (event.kind == CR_EVENT_VERTEX &&
        cr_core_admit(instances[to].core, event.peer, &headers[body], &digests[body]) !=
            CR_VERDICT_OK)
        return;
    if (event.kind == CR_EVENT_RANGE)
        arrive_range(to, &event);
    else
        step(to, &event);
}

/* Until the earliest alarm of a core, or until what was sent has arrived. */
static void pass_time(void)
{
    uint64_t next = queue_count > 0 ? now_us + DELAY_US : END_US;
    for (uint32_t i = 0; i < INSTANCES; i++) {
        const uint64_t deadline = cr_core_deadline_us(instances[i].core);
        if (deadline < next) next = deadline;
    }
    if (next > now_us) now_us = next;
    for (uint32_t i = 0; i < INSTANCES; i++) {
        struct cr_event tick = {.kind = CR_EVENT_TICK};
        if (cr_core_deadline_us(instances[i].core) <= now_us) step(i, &tick);
    }
}

static void start(uint32_t i)
{
    struct instance *instance = &instances[i];
    const struct cr_core_config config = {.committee = &committee,
                                          .self = id_of(i),
                                          .twin_expected = i < CORRECT,
                                          .gc_depth = 16,
                                          .round_window = 64,
                                          .round_delay_us = 3000,
                                          .idle_delay_us = 3000,
                                          .round_timeout_us = 8000,
                                          .round_timeout_us_max = 100 * 1000};
    struct cr_arena arena;
    if (instance->memory == NULL) {
        cr_arena_init_measure(&arena);
        (void)cr_core_init(&arena, &config);
        instance->bytes = arena.bytes_used;
        instance->memory = aligned_alloc(64, arena.bytes_used);
        cr_arena_init_measure(&arena);
        cr_effects_init(&arena, &instance->effects, &config);
        instance->effects_memory = aligned_alloc(64, arena.bytes_used);
        cr_arena_init(&arena, instance->effects_memory, arena.bytes_used);
        cr_effects_init(&arena, &instance->effects, &config);
    }
    cr_arena_init(&arena, instance->memory, instance->bytes);
    instance->core = cr_core_init(&arena, &config);
    instance->commits = 0;
    struct cr_event event = {.kind = CR_EVENT_START};
    step(i, &event);
    for (uint32_t p = 0; p < committee.validators_count; p++) {
        struct cr_event up = {.kind = CR_EVENT_PEER, .peer = p, .up = true};
        if (p != id_of(i)) step(i, &up);
    }
}

static bool done(void)
{
    if (now_us < HEAL_US) return false;
    for (uint32_t i = CORRECT; i < INSTANCES; i++) {
        if (instances[i].commits < COMMITS) return false;
    }
    return true;
}

/* An epoch seed under which `leader` is the first of round 4. */
static void choose_committee(uint32_t leader)
{
    static struct cr_schedule schedule;
    const uint64_t stakes[4] = {1, 1, 1, 1};
    uint8_t order[CR_VALIDATORS_MAX];
    struct cr_hash genesis_id = {{0}};
    do {
        genesis_id.bytes[0]++;
        assert_int_equal(cr_committee_init(&committee, &genesis_id, 0, stakes, 4), CR_OK);
        cr_schedule_init(&schedule, &committee);
        cr_schedule_leaders(&schedule, ROUNDS + 1, order);
    } while (order[0] != leader);
}

static void play(uint32_t code)
{
    for (uint32_t r = 1; r <= ROUNDS; r++)
        split[r] = code >> 4 * (r - 1) & (SPLITS - 1);
    vertices = queue_first = queue_count = 0;
    now_us = commits_known = 0;
    for (uint32_t i = 0; i < INSTANCES; i++)
        start(i);
    while (!done() && now_us < END_US) {
        for (uint32_t arrived = queue_count; arrived > 0; arrived--)
            deliver();
        pass_time();
    }
    if (!done()) fail_msg("scenario %u: no %d commits after the splits", code, COMMITS);
    for (uint32_t i = CORRECT; i < INSTANCES && code % 64 == 0; i++)
        cr_core_check(instances[i].core);
}

static void every_split_of_three_rounds(void **state)
{
    (void)state;
    const bool all = getenv("CR_TWINS") != NULL;
    uint32_t scenarios = 0;
    const clock_t began = clock();
    for (uint32_t leader = 0; leader < 4; leader++) {
        choose_committee(leader);
        for (uint32_t code = all ? 0 : leader; code < SPLITS * SPLITS * SPLITS;
             code += all ? 1 : 17) {
            play(code);
            scenarios++;
        }
    }
    const double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
    printf("{\"bench\":\"twins\",\"scenarios\":%u,\"scenarios_per_s\":%.0f}\n", scenarios,
           scenarios / (seconds > 0 ? seconds : 1));
    assert_true(evidence > scenarios / 2); /* the twins have been seen */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_split_of_three_rounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
