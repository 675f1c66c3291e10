/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: no assertion can be reached by what peers say, and every quota holds. Method: one core
 * among random well-formed headers of all authors, its own key included, with references to real
 * and invented vertices, wild rounds, horizons and claims; random status, fetch and range messages;
 * and enough honest vertices that commits happen. */
#include "base/unit.h"

#include "base/prng.h"
#include "core/core.h"
#include "crypto/hash.h"

enum { KNOWN_MAX = 1 << 15, HONEST = 2 };

static struct cr_ref known[KNOWN_MAX];
static uint32_t known_count;
static struct cr_core *core;
static struct cr_effects effects;
static struct cr_committee committee;
static struct cr_prng prng;
static uint64_t now_us;
static uint32_t bodies;
static struct cr_header proposal;
static struct cr_hash own_digests[1024]; /* by round */
static bool sealing, storing, halted;
static uint64_t sequence, commits;
static uint32_t gc_round, evidence, seed_mix;

static uint64_t below(uint64_t bound)
{
    return cr_prng_below(&prng, bound);
}

static void step(struct cr_event *event)
{
    now_us += below(500);
    event->now_us = now_us;
    event->wall_ms = 1000000 + now_us / 1000;
    cr_core_step(core, event, &effects);
    for (uint32_t i = 0; i < effects.count; i++) {
        const struct cr_effect *effect = &effects.items[i];
        if (effect->kind == CR_EFFECT_PROPOSE) {
            proposal = *effect->header;
            proposal.payload_bytes = 0;
            sealing = true;
        }
        if (effect->kind == CR_EFFECT_STORE) {
            assert_int_equal(effect->store.sequence, sequence + 1);
            sequence++;
            if (effect->store.own) storing = true;
        }
        if (effect->kind == CR_EFFECT_COMMIT) {
            commits++;
            gc_round = effect->commit.record.gc_round;
        }
        if (effect->kind == CR_EFFECT_EVIDENCE) evidence++;
        if (effect->kind == CR_EFFECT_HALT || effect->kind == CR_EFFECT_TWIN) halted = true;
    }
}

static void remember(const struct cr_header *header, const struct cr_hash *digest)
{
    if (known_count < KNOWN_MAX)
        known[known_count++] = (struct cr_ref){header->round, header->author, *digest};
}

static struct cr_hash digest_of(const struct cr_header *header)
{
    static uint8_t bytes[CR_HEADER_BYTES_MAX];
    return cr_header_digest(bytes, cr_header_encode(header, bytes, sizeof bytes));
}

static void arrive(const struct cr_header *header, bool always)
{
    const struct cr_hash digest = digest_of(header);
    remember(header, &digest);
    const uint32_t peer = 1 + (uint32_t)below(3);
    const enum cr_verdict verdict = cr_core_admit(core, peer, header, &digest);
    if (verdict != CR_VERDICT_OK && !always) return;
    struct cr_event event = {.kind = CR_EVENT_VERTEX, .peer = peer};
    event.vertex = (struct cr_event_vertex){header, digest, ++bodies};
    step(&event);
}

/* A vertex known of that author and round, mostly; else an invented one. */
static struct cr_hash some_digest(uint32_t round, uint32_t author)
{
    if (round == 0) return cr_committee_genesis_digest(&committee, author);
    struct cr_hash found = {{(uint8_t)below(250), (uint8_t)round, (uint8_t)author, 1}};
    if (below(60) == 0) return found;
    const uint32_t from = known_count > 600 ? known_count - 600 : 0;
    for (uint32_t i = from; i < known_count; i++) {
        if (known[i].round == round && known[i].author == author) {
            found = known[i].digest;
            if (below(2) == 0) break;
        }
    }
    return found;
}

static void random_vertex(uint32_t highest)
{
    static struct cr_header header;
    memset(&header, 0, sizeof header);
    header.round = 1 + (uint32_t)below(highest + 3);
    if (below(4) != 0 && highest > 3) header.round = highest - 3 + (uint32_t)below(5);
    if (below(200) == 0) header.round = (uint32_t)cr_prng_next(&prng) | 1;
    header.author = below(seed_mix) == 0 ? (uint32_t)below(4) : 3;
    if (header.author == 0 && header.round >= highest) header.author = 3; /* a stolen key: twins */
    header.validators_count = 4;
    header.timestamp_ms = 1000000 + now_us / 1000 + (below(30) == 0 ? cr_prng_next(&prng) >> 1 : 0);
    header.payload_count = (uint32_t)below(2);
    header.payload_bytes = header.payload_count * 10;
    header.commit_index = below(20) == 0 ? cr_prng_next(&prng) : commits;
    header.commit_digest.bytes[0] = header.commit_index > 0;
    header.gc_round = header.round > 70 ? header.round - 70 : 0;
    if (below(10) == 0) header.gc_round = (uint32_t)below(header.round + 1);
    for (uint32_t a = 0; a < 4; a++) {
        if (below(8) != 0) {
            cr_authors_add(&header.parents, a);
            header.parent_digests[a] = some_digest(header.round - 1, a);
        } else if (header.round > 2 && below(2)) {
            const uint32_t r = header.round - 2 - (uint32_t)below(header.round > 40 ? 38 : 1);
            if (r > 0) header.old[header.old_count++] = (struct cr_ref){r, a, some_digest(r, a)};
        }
    }
    arrive(&header, below(3) == 0);
}

/* Peers 1 and 2 behave: with us they are a quorum. They know what we accepted of each other. */
static void honest_vertices(void)
{
    static uint32_t next = 1;
    if (known_count == 0) next = 1;
    struct cr_core_stats stats;
    cr_core_stats(core, &stats);
    if (stats.round + 1 < next || halted) return;
    static struct cr_hash last[4];
    static struct cr_header header;
    struct cr_hash made[4] = {0};
    for (uint32_t a = 1; a <= HONEST; a++) {
        memset(&header, 0, sizeof header);
        header.round = next;
        header.author = a;
        header.validators_count = 4;
        header.gc_round = gc_round + 2 <= next ? gc_round : 0;
        header.timestamp_ms = 1000000 + now_us / 1000;
        for (uint32_t p = 0; p <= HONEST; p++) {
            cr_authors_add(&header.parents, p);
            header.parent_digests[p] =
                next == 1 ? cr_committee_genesis_digest(&committee, p) : last[p];
        }
        if (next > 1) header.parent_digests[0] = own_digests[(next - 1) % 1024];
        arrive(&header, false);
        made[a] = digest_of(&header);
    }
    memcpy(last, made, sizeof last);
    next++;
}

static void random_range(struct cr_event *event)
{
    static struct cr_claim claim;
    event->kind = CR_EVENT_RANGE;
    event->range.from_commit = below(3) ? commits + 1 : cr_prng_next(&prng);
    event->range.to_commit = event->range.from_commit + below(66) - 2;
    event->range.lane = (uint32_t)below(CR_SYNC_LANES + 1);
    event->range.skip = (uint32_t)below(2);
    event->range.forged = below(20) == 0;
    memset(&claim, 0, sizeof claim);
    claim.from = event->range.from_commit;
    claim.count = (uint32_t)below(CR_SYNC_COMMITS_MAX + 1);
    claim.epoch = below(10) == 0 ? 1 : 0;
    claim.previous.bytes[0] = claim.digests[0].bytes[0] = below(2) != 0;
    if (below(4) != 0) event->range.claim = &claim;
}

static void random_message(uint32_t highest)
{
    struct cr_ref refs[CR_FETCH_REFS_MAX];
    struct cr_event event = {.peer = 1 + (uint32_t)below(3)};
    switch (below(7)) {
    case 0:
        event.kind = CR_EVENT_STATUS;
        event.status = (struct cr_status){.round = (uint32_t)cr_prng_next(&prng),
                                          .round_of_receiver = (uint32_t)below(highest + 2),
                                          .commit_index = commits + below(event.peer == 3 ? 20 : 8),
                                          .oldest_commit = below(10)};
        if (below(5) == 0) event.status.round_of_receiver = UINT32_MAX;
        if (event.peer == 3 && below(20) == 0) event.status.commit_index = UINT64_MAX;
        break;
    case 1:
        event.kind = CR_EVENT_FETCH;
        event.refs = refs;
        event.refs_count = (uint32_t)below(CR_FETCH_REFS_MAX + 1);
        for (uint32_t i = 0; i < event.refs_count; i++)
            refs[i] = known_count > 0 ? known[below(known_count)] : (struct cr_ref){0};
        break;
    case 2: random_range(&event); break;
    case 3:
        event.kind = CR_EVENT_PEER;
        event.up = below(4) != 0;
        break;
    case 4:
        event.kind = CR_EVENT_GIVEN;
        event.range.lane = (uint32_t)below(CR_SYNC_LANES + 1);
        event.range.forged = below(20) == 0;
        break;
    case 5:
        event.kind = CR_EVENT_WAITING;
        event.waiting = (uint32_t)below(3);
        break;
    default: event.kind = CR_EVENT_TICK; break;
    }
    step(&event);
}

static void host(void)
{
    struct cr_event event = {0};
    if (sealing) {
        sealing = false;
        const struct cr_hash digest = digest_of(&proposal);
        own_digests[proposal.round % 1024] = digest;
        remember(&proposal, &digest);
        event.kind = CR_EVENT_SEALED;
        event.vertex = (struct cr_event_vertex){&proposal, digest, ++bodies};
        step(&event);
    } else if (storing) {
        storing = false;
        event.kind = CR_EVENT_STORED;
        event.sequence = sequence;
        step(&event);
    }
}

static void play(uint64_t seed, uint32_t steps)
{
    static const uint64_t stakes[4] = {1, 1, 1, 1};
    const struct cr_hash genesis_id = {{7}};
    assert_int_equal(cr_committee_init(&committee, &genesis_id, 0, stakes, 4), CR_OK);
    const struct cr_core_config config = {
        .committee = &committee,
        .gc_depth = seed % 2 ? 8 : 64,
        .round_delay_us = 100,
        .idle_delay_us = 100,
        .round_timeout_us = 2000,
        .round_timeout_us_max = 100000,
        .payload_bytes_max = 1000,
        .round_window = seed % 2 ? 32 : 0,
        .table_key = seed,
    };
    struct cr_arena arena;
    cr_arena_init_measure(&arena);
    (void)cr_core_init(&arena, &config);
    cr_effects_init(&arena, &effects, &config);
    void *memory = aligned_alloc(64, arena.bytes_used);
    cr_arena_init(&arena, memory, arena.bytes_used);
    core = cr_core_init(&arena, &config);
    cr_effects_init(&arena, &effects, &config);
    prng = cr_prng_stream(seed, 5, 0);
    known_count = bodies = gc_round = 0;
    seed_mix = seed % 4 == 3 ? 2 : 1000;
    sequence = commits = 0;
    sealing = storing = halted = false;

    struct cr_event start = {.kind = CR_EVENT_START};
    step(&start);
    for (uint32_t p = 1; p < 4; p++) {
        struct cr_event event = {.kind = CR_EVENT_PEER, .peer = p, .up = true};
        step(&event);
    }
    for (uint32_t i = 0; i < steps; i++) {
        struct cr_core_stats stats;
        cr_core_stats(core, &stats);
        honest_vertices();
        host();
        for (uint64_t k = below(4); k > 0; k--)
            random_vertex(stats.round > 0 ? stats.round : 1);
        if (below(4) == 0) random_message(stats.round);
        if (i % 16 == 0) cr_core_check(core);
    }
    cr_core_check(core);
    free(memory);
}

static void hostile_peers_reach_no_assertion(void **state)
{
    (void)state;
    const char *more = getenv("CR_SEEDS");
    const uint32_t seeds = more != NULL ? (uint32_t)strtoul(more, NULL, 10) : 16;
    uint64_t total = 0;
    for (uint32_t seed = 1; seed <= seeds; seed++) {
        play(seed, 1500);
        total += commits;
        if (getenv("CR_SEEDS")) {
            print_message("seed %u: %lu commits, %u vertices, %u evidence%s\n", seed,
                          (unsigned long)commits, known_count, evidence, halted ? ", halted" : "");
        }
    }
    assert_true(total > UINT64_C(10) * seeds);
    assert_true(evidence > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hostile_peers_reach_no_assertion)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
