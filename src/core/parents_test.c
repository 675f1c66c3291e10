/* SPDX-License-Identifier: Apache-2.0 */
/* Our own vertices after the data folder was lost: what others hand back to us, with or without all
 * that it refers to; and those of somebody else who has our key. Method: one core of four, all
 * vertices written by hand. */
#include "base/unit.h"

#include "core/core.h"

enum { SELF = 0, NODES = 4, OTHERS = 1 << 1 | 1 << 2 | 1 << 3, ALL = OTHERS | 1 << SELF };
enum { LAST = 30, HELD_BACK = 8, GAP_ROUND = 3 };

static struct cr_committee committee;
static struct cr_core *core;
static struct cr_effects effects;
static void *memory;
static uint64_t now_us, sequence, commits;
static uint32_t bodies, proposals, own_stores, broadcasts, dropped, requeued, twins;
static bool twin_expected;
static struct cr_header proposal;
static struct cr_hash digests[LAST + 2][NODES];

static void step(struct cr_event *event)
{
    now_us += 10;
    event->now_us = now_us;
    event->wall_ms = 1000000 + now_us / 1000;
    cr_core_step(core, event, &effects);
    for (uint32_t i = 0; i < effects.count; i++) {
        const struct cr_effect *effect = &effects.items[i];
        if (effect->kind == CR_EFFECT_PROPOSE) {
            proposal = *effect->header;
            proposal.payload_bytes = 0; /* as a host without transactions */
            proposals++;
        }
        if (effect->kind == CR_EFFECT_STORE) sequence = effect->store.sequence;
        if (effect->kind == CR_EFFECT_STORE && effect->store.own) own_stores++;
        if (effect->kind == CR_EFFECT_COMMIT) commits++;
        if (effect->kind == CR_EFFECT_DROP && effect->verdict == CR_VERDICT_CROWDED) dropped++;
        if (effect->kind == CR_EFFECT_REQUEUE) requeued++;
        if (effect->kind == CR_EFFECT_BROADCAST) broadcasts++;
        if (effect->kind == CR_EFFECT_TWIN) twins++;
    }
    cr_core_check(core);
}

static void wait_us(uint64_t us)
{
    now_us += us;
    struct cr_event tick = {.kind = CR_EVENT_TICK};
    step(&tick);
}

/* A core that has lost everything but its guard record, and peers that claim `commit_index`. */
static void begin(uint32_t signed_round, uint64_t commit_index)
{
    static const uint64_t stakes[NODES] = {1, 1, 1, 1};
    const struct cr_hash genesis_id = {{7}};
    assert_int_equal(cr_committee_init(&committee, &genesis_id, 0, stakes, NODES), CR_OK);
    const struct cr_core_config config = {
        .committee = &committee,
        .self = SELF,
        .gc_depth = 40,
        .round_delay_us = 100,
        .idle_delay_us = 100,
        .round_timeout_us = 2000,
        .round_timeout_us_max = 100000,
        .payload_bytes_max = 1000,
        .twin_expected = twin_expected,
    };
    struct cr_arena arena;
    cr_arena_init_measure(&arena);
    (void)cr_core_init(&arena, &config);
    cr_effects_init(&arena, &effects, &config);
    memory = aligned_alloc(64, arena.bytes_used);
    cr_arena_init(&arena, memory, arena.bytes_used);
    core = cr_core_init(&arena, &config);
    cr_effects_init(&arena, &effects, &config);
    now_us = sequence = commits = 0;
    bodies = proposals = own_stores = broadcasts = dropped = requeued = twins = 0;

    struct cr_event start = {.kind = CR_EVENT_START, .signed_round = signed_round};
    step(&start);
    for (uint32_t p = 1; p < NODES; p++) {
        struct cr_event up = {.kind = CR_EVENT_PEER, .peer = p, .up = true};
        step(&up);
        struct cr_event status = {.kind = CR_EVENT_STATUS, .peer = p};
        status.status.commit_index = commit_index;
        status.status.oldest_commit = 1;
        step(&status);
    }
}

static struct cr_hash digest_of(const struct cr_header *header)
{
    static uint8_t bytes[CR_HEADER_BYTES_MAX];
    return cr_header_digest(bytes, cr_header_encode(header, bytes, sizeof bytes));
}

/* A header with the vertices of the round before as parents, one for each bit of `parents`. */
static struct cr_header *write_header(uint32_t round, uint32_t author, uint32_t parents)
{
    static struct cr_header header;
    memset(&header, 0, sizeof header);
    header.round = round;
    header.author = author;
    header.validators_count = NODES;
    header.timestamp_ms = 1000000;
    for (uint32_t a = 0; a < NODES; a++) {
        if ((parents >> a & 1) == 0) continue;
        cr_authors_add(&header.parents, a);
        header.parent_digests[a] =
            round == 1 ? cr_committee_genesis_digest(&committee, a) : digests[round - 1][a];
    }
    return &header;
}

static void deliver(const struct cr_header *header)
{
    struct cr_event event = {.kind = CR_EVENT_VERTEX, .peer = 1};
    event.vertex = (struct cr_event_vertex){header, digest_of(header), ++bodies};
    digests[header->round][header->author] = event.vertex.digest;
    step(&event);
}

static void deliver_round(uint32_t round, uint32_t authors, uint32_t parents)
{
    for (uint32_t a = 0; a < NODES; a++) {
        if (authors >> a & 1) deliver(write_header(round, a, parents));
    }
}

static bool proposed_old(uint32_t round, const struct cr_hash *digest)
{
    return proposal.old_count == 1 && proposal.old[0].round == round &&
           proposal.old[0].author == SELF && cr_hash_equal(&proposal.old[0].digest, digest);
}

/* Goal: our last vertex came back by sync, but something that it refers to did not. The next one
 * refers to our highest vertex without a gap, not to that one, and its header can be encoded. */
static void a_gap_in_our_last_vertex_is_passed_over(void **state)
{
    (void)state;
    begin(LAST, HELD_BACK + 4);
    for (uint32_t r = 1; r <= HELD_BACK; r++)
        deliver_round(r, ALL, ALL);
    assert_true(commits > GAP_ROUND);
    struct cr_core_stats stats;
    cr_core_stats(core, &stats);
    assert_true(stats.syncing);
    assert_true(stats.leader_round >= GAP_ROUND);

    /* Rounds up to 19 are only written; our vertex of round 20 comes before them, in sync. */
    for (uint32_t r = HELD_BACK + 1; r < LAST; r++) {
        for (uint32_t a = 0; a < NODES; a++)
            digests[r][a] = digest_of(write_header(r, a, ALL));
    }
    struct cr_header *last = write_header(LAST, SELF, 1 << SELF | 1 << 1 | 1 << 2);
    last->old[last->old_count++] = (struct cr_ref){GAP_ROUND, 3, {{99}}};
    deliver(last);
    for (uint32_t r = HELD_BACK + 1; r < LAST; r++)
        deliver_round(r, ALL, ALL);
    deliver_round(LAST, OTHERS, ALL);
    cr_core_stats(core, &stats);
    assert_int_equal(stats.round, LAST);
    assert_int_equal(stats.missing, 1);
    assert_false(stats.syncing);

    wait_us(200000);
    assert_int_equal(proposals, 1);
    assert_int_equal(proposal.round, LAST + 1);
    assert_false(cr_authors_has(&proposal.parents, SELF));
    assert_int_equal(cr_authors_count(&proposal.parents), NODES - 1);
    assert_true(proposed_old(LAST - 1, &digests[LAST - 1][SELF]));
    (void)digest_of(&proposal); /* asserts that others accept it */
    assert_int_equal(cr_header_judge(&committee, &proposal), CR_VERDICT_OK);
    free(memory);
}

/* Goal: with no vertex of ours without a gap we wait; once it is closed our last is a parent. */
static void without_a_complete_one_we_wait(void **state)
{
    (void)state;
    begin(LAST, HELD_BACK + 4);
    deliver_round(1, OTHERS, ALL);
    for (uint32_t r = 2; r <= HELD_BACK; r++)
        deliver_round(r, OTHERS, OTHERS);
    for (uint32_t r = HELD_BACK + 1; r < LAST; r++) {
        for (uint32_t a = 1; a < NODES; a++)
            digests[r][a] = digest_of(write_header(r, a, OTHERS));
    }
    struct cr_header lost = *write_header(GAP_ROUND, SELF, OTHERS);
    lost.gc_round = GAP_ROUND - 2; /* it had jumped: no parent of its own */
    struct cr_header *last = write_header(LAST, SELF, OTHERS);
    last->old[last->old_count++] = (struct cr_ref){GAP_ROUND, SELF, digest_of(&lost)};
    deliver(last);
    for (uint32_t r = HELD_BACK + 1; r <= LAST; r++)
        deliver_round(r, OTHERS, OTHERS);
    struct cr_core_stats stats;
    cr_core_stats(core, &stats);
    assert_int_equal(stats.round, LAST);
    assert_false(stats.syncing);

    for (uint32_t i = 0; i < 20; i++)
        wait_us(10000);
    assert_int_equal(proposals, 0);
    deliver(&lost);
    wait_us(20000);
    assert_int_equal(proposals, 1);
    assert_int_equal(proposal.round, LAST + 1);
    assert_true(cr_authors_has(&proposal.parents, SELF));
    assert_int_equal(proposal.old_count, 0);
    free(memory);
}

/* Goal: what the guard covers is an earlier life's: we take it, build on it and go on after it. */
static void a_round_of_ours_that_came_back_is_not_signed_again(void **state)
{
    (void)state;
    begin(1, 0);
    assert_int_equal(proposals, 0);
    deliver_round(1, ALL, ALL);
    wait_us(20000);
    assert_int_equal(twins, 0);
    assert_int_equal(proposals, 1);
    assert_int_equal(proposal.round, 2);
    assert_true(cr_hash_equal(&proposal.parent_digests[SELF], &digests[1][SELF]));
    free(memory);
}

static void seal(const struct cr_header *header)
{
    struct cr_event sealed = {.kind = CR_EVENT_SEALED};
    sealed.vertex = (struct cr_event_vertex){header, digest_of(header), ++bodies};
    step(&sealed);
}

/* Goal: a vertex of ours above the guard is somebody else's. It is reported once, nothing more is
 * signed, not even what is being signed, and the commits go on. */
static void a_vertex_of_ours_above_the_guard_ends_our_signing(void **state)
{
    (void)state;
    begin(0, 0);
    assert_int_equal(proposals, 1);
    assert_int_equal(proposal.round, 1);
    const struct cr_header before = proposal;
    deliver_round(1, ALL, ALL);
    assert_int_equal(twins, 1);
    seal(&before);
    assert_int_equal(own_stores, 0);
    assert_int_equal(dropped, 1);
    assert_int_equal(requeued, 1);
    for (uint32_t r = 2; r <= LAST; r++) {
        deliver_round(r, ALL, ALL);
        wait_us(200000);
    }
    struct cr_core_stats stats;
    cr_core_stats(core, &stats);
    assert_true(stats.twin);
    assert_int_equal(twins, 1);
    assert_int_equal(proposals, 1);
    assert_int_equal(broadcasts, 0);
    assert_true(commits > LAST / 2);
    free(memory);
}

/* Goal: what is on its way to the disk when the twin shows stays unseen: it may be the second one
 * of its round. */
static void a_twin_keeps_a_stored_vertex_unseen(void **state)
{
    (void)state;
    for (uint32_t shows = 0; shows < 2; shows++) {
        begin(0, 0);
        const struct cr_header before = proposal;
        seal(&before);
        assert_int_equal(own_stores, 1);
        const uint64_t own_sequence = sequence;
        if (shows == 1) deliver_round(1, ALL, 1 << SELF | 1 << 1 | 1 << 2);
        assert_int_equal(twins, shows);
        struct cr_event stored = {.kind = CR_EVENT_STORED, .sequence = own_sequence};
        step(&stored);
        assert_int_equal(broadcasts, 1 - shows);
        free(memory);
    }
}

/* Goal: an old vertex of the twin, below the round that is being sealed, ends that sealing too. */
static void a_late_twin_ends_what_is_being_sealed(void **state)
{
    (void)state;
    begin(0, 0);
    struct cr_header before = proposal;
    digests[1][SELF] = digest_of(&before);
    seal(&before);
    struct cr_event stored = {.kind = CR_EVENT_STORED, .sequence = sequence};
    step(&stored);
    deliver_round(1, OTHERS, ALL);
    wait_us(20000);
    assert_int_equal(broadcasts, 1);
    assert_int_equal(proposal.round, 2);
    before = proposal;
    deliver(write_header(1, SELF, 1 << SELF | 1 << 1 | 1 << 2));
    assert_int_equal(twins, 1);
    seal(&before);
    assert_int_equal(own_stores, 1);
    assert_int_equal(requeued, 1);
    free(memory);
}

/* Goal: a host that equivocates on purpose is not stopped by what comes back to it. */
static void an_expected_twin_changes_nothing(void **state)
{
    (void)state;
    twin_expected = true;
    begin(0, 0);
    twin_expected = false;
    deliver_round(1, ALL, ALL);
    seal(&(struct cr_header){.round = 1, .author = SELF, .validators_count = NODES});
    wait_us(20000);
    assert_int_equal(twins, 0);
    assert_int_equal(proposals, 2);
    assert_int_equal(proposal.round, 2);
    free(memory);
}

/* Goal: a round of ours is never signed once somebody has shown our signature for it, even if its
 * vertex is not taken for want of room: what it refers to is missing, and nobody pays for that. */
static void a_round_of_ours_without_room_is_not_signed(void **state)
{
    (void)state;
    enum { SHOWN = LAST - 2 };
    twin_expected = true; /* or the core would sign nothing at all */
    begin(0, 0);
    twin_expected = false;
    deliver_round(1, ALL, ALL);
    struct cr_hash first[NODES];
    memcpy(first, digests[1], sizeof first);
    for (uint32_t r = 2; r <= SHOWN; r++) {
        for (uint32_t a = 0; a < NODES; a++)
            digests[r - 1][a] = (struct cr_hash){{(uint8_t)r, (uint8_t)a, 77}};
        deliver(write_header(r, SELF, ALL));
    }
    assert_true(dropped > 0);
    memcpy(digests[1], first, sizeof first);
    for (uint32_t r = 2; r <= LAST; r++)
        deliver_round(r, OTHERS, OTHERS);
    seal(&(struct cr_header){.round = 1, .author = SELF, .validators_count = NODES});
    wait_us(20000);
    assert_int_equal(own_stores, 0);
    assert_int_equal(proposals, 2);
    assert_int_equal(proposal.round, SHOWN + 1);
    free(memory);
}

/* Goal: rounds far above the highest accepted one are not held, the highest that may be is. */
static void rounds_far_ahead_are_not_held(void **state)
{
    (void)state;
    begin(0, 0);
    deliver_round(1, OTHERS, ALL);
    struct cr_header *header = write_header(1 + CR_ROUNDS_AHEAD, 1, 0);
    for (uint32_t a = 0; a < NODES; a++) {
        cr_authors_add(&header->parents, a);
        header->parent_digests[a] = (struct cr_hash){{(uint8_t)a, 79}};
    }
    const struct cr_hash digest = {{80}};
    assert_int_equal(cr_core_admit(core, 1, header, &digest), CR_VERDICT_OK);
    header->round++;
    assert_int_equal(cr_core_admit(core, 1, header, &digest), CR_VERDICT_FAR);
    header->round = UINT32_MAX;
    assert_int_equal(cr_core_admit(core, 1, header, &digest), CR_VERDICT_FAR);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_of_ours_without_room_is_not_signed),
        cmocka_unit_test(rounds_far_ahead_are_not_held),
        cmocka_unit_test(a_gap_in_our_last_vertex_is_passed_over),
        cmocka_unit_test(without_a_complete_one_we_wait),
        cmocka_unit_test(a_round_of_ours_that_came_back_is_not_signed_again),
        cmocka_unit_test(a_vertex_of_ours_above_the_guard_ends_our_signing),
        cmocka_unit_test(a_twin_keeps_a_stored_vertex_unseen),
        cmocka_unit_test(a_late_twin_ends_what_is_being_sealed),
        cmocka_unit_test(an_expected_twin_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
