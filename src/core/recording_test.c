/* SPDX-License-Identifier: Apache-2.0 */
/* A recording gives the core back that was recorded: from its begin, from an image, after the ring
 * has gone round, after a restart. */
#include "base/unit.h"

#include "core/cluster.h"
#include "core/recording.h"

#define SECOND UINT64_C(1000000)

static struct cluster cluster;
static struct cr_recording recording;
static uint8_t *file;
static uint64_t file_bytes;

static bool write_file(void *context, uint64_t at, const void *bytes, size_t count)
{
    (void)context;
    CR_ASSERT(at + count <= file_bytes);
    memcpy(file + at, bytes, count);
    return true;
}

static void watch(struct cluster *c, uint32_t i, const struct cr_event *event)
{
    if (i != 1) return;
    if (recording.core != c->nodes[1].core) return;
    cr_recording_add(&recording, event);
}

/* Node 1 is recorded from its first event on; `before` events of earlier lives are in the file. */
static void start_recorded(void)
{
    struct cr_core_config config = cluster.config;
    struct cr_arena arena;
    cr_arena_init_measure(&arena);
    config.self = 1;
    (void)cr_core_init(&arena, &config);
    if (file == NULL) {
        /* The core says how much it needs, so one must be there before the file. */
        void *memory = aligned_alloc(64, arena.bytes_used);
        cr_arena_init(&arena, memory, arena.bytes_used);
        file_bytes = cr_recording_bytes_min(cr_core_init(&arena, &config));
        free(memory);
        file = calloc(1, file_bytes);
        recording.write = write_file;
    }
    cr_recording_end(file, file_bytes, &recording.number, &recording.events);
    /* start_node makes the core and steps it at once: it lies where the first one lay. */
    struct node *node = &cluster.nodes[1];
    if (node->memory == NULL) node->memory = aligned_alloc(64, arena.bytes_used);
    cr_arena_init(&arena, node->memory, arena.bytes_used);
    node->core = cr_core_init(&arena, &config);
    cr_recording_begin(&recording, file_bytes, node->core, &config);
    start_node(&cluster, 1, 0);
}

struct replayed {
    struct cr_committee committee;
    struct cr_core_config config;
    void *memory;
    struct cr_core *core;
    struct cr_effects effects;
    void *effects_memory;
    uint64_t events, marks, differing;
};

static void replay_free(struct replayed *r)
{
    free(r->memory);
    free(r->effects_memory);
    r->memory = r->effects_memory = NULL;
}

static void replay_begin(struct replayed *r, const struct cr_recording_segment *segment)
{
    struct cr_arena arena;
    replay_free(r);
    assert_int_equal(cr_recording_config(segment, &r->committee, &r->config), CR_OK);
    cr_arena_init_measure(&arena);
    (void)cr_core_init(&arena, &r->config);
    r->memory = aligned_alloc(64, arena.bytes_used);
    cr_arena_init(&arena, r->memory, arena.bytes_used);
    r->core = cr_core_init(&arena, &r->config);
    cr_arena_init_measure(&arena);
    cr_effects_init(&arena, &r->effects, &r->config);
    r->effects_memory = aligned_alloc(64, arena.bytes_used);
    cr_arena_init(&arena, r->effects_memory, arena.bytes_used);
    cr_effects_init(&arena, &r->effects, &r->config);
    if (segment->image_bytes > 0)
        assert_true(cr_core_load(r->core, segment->image, segment->image_bytes));
    assert_true(cr_core_hash(r->core) == segment->hash);
    cr_core_check(r->core);
}

/* All records of a segment, without the one with number `skip`. */
static void replay_segment(struct replayed *r, const struct cr_recording_segment *segment,
                           uint64_t skip)
{
    static struct cr_event_parts parts;
    struct cr_recording_walk walk = {.segment = segment};
    struct cr_recording_record record;
    struct cr_event event;
    while (cr_recording_next(&walk, &record)) {
        if (record.mark) {
            r->marks++;
            r->differing += record.hash != cr_core_hash(r->core);
            continue;
        }
        assert_int_equal(cr_event_decode(record.bytes, record.count, &event, &parts), CR_OK);
        r->events++;
        if (walk.records == skip) continue;
        cr_core_step(r->core, &event, &r->effects);
    }
}

static void begin(uint64_t seed)
{
    cluster_init(&cluster, 4, seed);
    cluster.watch = watch;
    memset(&recording, 0, sizeof recording);
    for (uint32_t i = 0; i < 4; i++) {
        if (i == 1)
            start_recorded();
        else
            start_node(&cluster, i, 0);
        offer(&cluster, i, 50);
    }
}

static void end(void)
{
    cluster_free(&cluster);
    free(file);
    file = NULL;
}

/* Goal: from the first event to the last: the same state at each mark and at the end. */
static void first_to_last(void **state)
{
    (void)state;
    static struct cr_recording_segment segments[CR_RECORDING_SEGMENTS];
    struct replayed r = {0};
    begin(1);
    run_until(&cluster, SECOND / 2);
    assert_int_equal(cr_recording_segments(file, file_bytes, segments), 1);
    assert_int_equal(segments[0].image_bytes, 0);
    replay_begin(&r, &segments[0]);
    replay_segment(&r, &segments[0], 0);
    assert_true(r.events == recording.events && r.events > 1500);
    assert_true(r.marks > 0);
    assert_int_equal(r.differing, 0);
    assert_true(cr_core_hash(r.core) == cr_core_hash(cluster.nodes[1].core));
    replay_free(&r);
    end();
}

/* Goal: after the ring has gone round every segment begins with an image from which the state goes
 * on as it did; the original core is not needed for it. */
static void images_after_wrapping(void **state)
{
    (void)state;
    static struct cr_recording_segment segments[CR_RECORDING_SEGMENTS];
    struct replayed r = {0};
    begin(2);
    for (uint64_t t = 1; recording.number < CR_RECORDING_SEGMENTS + 2; t++)
        run_until(&cluster, t * SECOND / 4);
    const uint64_t hash = cr_core_hash(cluster.nodes[1].core);
    const uint64_t events = recording.events;
    memset(cluster.nodes[1].memory, 0xdb, cr_core_image_bytes(cluster.nodes[1].core));
    assert_int_equal(cr_recording_segments(file, file_bytes, segments), CR_RECORDING_SEGMENTS);
    for (uint32_t i = 0; i < CR_RECORDING_SEGMENTS; i++) {
        assert_int_equal(segments[i].number, 3 + i);
        assert_true(segments[i].image_bytes > 0);
        r.events = segments[i].event;
        replay_begin(&r, &segments[i]);
        replay_segment(&r, &segments[i], 0);
        if (i + 1 < CR_RECORDING_SEGMENTS) {
            assert_int_equal(r.events, segments[i + 1].event);
            assert_true(cr_core_hash(r.core) == segments[i + 1].hash);
        }
    }
    assert_int_equal(r.events, events);
    assert_int_equal(r.differing, 0);
    assert_true(cr_core_hash(r.core) == hash);
    cr_core_check(r.core);
    replay_free(&r);
    end();
}

/* Goal: a restart begins a segment of its own behind what was there, with a fresh core. */
static void restart_goes_on_behind(void **state)
{
    (void)state;
    static struct cr_recording_segment segments[CR_RECORDING_SEGMENTS];
    struct replayed r = {0};
    begin(3);
    run_until(&cluster, SECOND / 4);
    const uint64_t before = recording.events;
    stop_node(&cluster, 1);
    start_recorded();
    run_until(&cluster, SECOND / 2);
    assert_int_equal(cr_recording_segments(file, file_bytes, segments), 2);
    assert_int_equal(segments[1].event, before);
    assert_int_equal(segments[1].image_bytes, 0);
    replay_begin(&r, &segments[1]);
    replay_segment(&r, &segments[1], 0);
    assert_int_equal(r.events, recording.events - before);
    assert_true(cr_core_hash(r.core) == cr_core_hash(cluster.nodes[1].core));
    replay_free(&r);
    end();
}

/* Goal: what is not the recorded history is noticed. Method: leave out a WAITING event, which
 * changes no effect of its step; the next mark differs. */
static void difference_is_noticed(void **state)
{
    (void)state;
    static struct cr_recording_segment segments[CR_RECORDING_SEGMENTS];
    struct cr_recording_record record;
    struct replayed r = {0};
    begin(4);
    run_until(&cluster, SECOND / 2);
    assert_int_equal(cr_recording_segments(file, file_bytes, segments), 1);
    uint64_t waiting = 0;
    struct cr_recording_walk walk = {.segment = &segments[0]};
    while (cr_recording_next(&walk, &record)) {
        if (!record.mark && record.bytes[0] == CR_EVENT_STATUS) waiting = walk.records;
        if (waiting > 0) break;
    }
    assert_true(waiting > 0);
    replay_begin(&r, &segments[0]);
    replay_segment(&r, &segments[0], waiting);
    assert_true(r.marks > 0 && r.differing == r.marks);
    replay_free(&r);
    end();
}

/* Goal: damaged bytes end the segment or hide it; they never become an event. */
static void damage_is_no_event(void **state)
{
    (void)state;
    static struct cr_recording_segment segments[CR_RECORDING_SEGMENTS];
    struct cr_recording_record record;
    begin(5);
    run_until(&cluster, SECOND / 8);
    assert_int_equal(cr_recording_segments(file, file_bytes, segments), 1);
    struct cr_recording_walk walk = {.segment = &segments[0]};
    for (uint32_t i = 0; i < 10; i++)
        assert_true(cr_recording_next(&walk, &record));
    file[record.bytes - file] ^= 1;
    walk = (struct cr_recording_walk){.segment = &segments[0]};
    for (uint32_t i = 0; i < 9; i++)
        assert_true(cr_recording_next(&walk, &record));
    assert_false(cr_recording_next(&walk, &record));
    file[segments[0].config - file] ^= 1;
    assert_int_equal(cr_recording_segments(file, file_bytes, segments), 0);
    end();
}

/* Goal: when a segment is written over, what is left of the old one behind the new records is not
 * taken for more of them. Method: the same events again at the same place, and fewer. */
static void old_records_are_not_read(void **state)
{
    (void)state;
    static struct cr_recording_segment segments[CR_RECORDING_SEGMENTS];
    static struct cr_recording again;
    static struct cr_event_parts parts;
    struct cr_recording_record record;
    struct replayed r = {0};
    begin(6);
    run_until(&cluster, SECOND / 8);
    assert_int_equal(cr_recording_segments(file, file_bytes, segments), 1);
    replay_begin(&r, &segments[0]);
    uint8_t *copy = malloc(segments[0].records_bytes);
    assert_non_null(copy);
    memcpy(copy, segments[0].records, segments[0].records_bytes);
    segments[0].records = copy;
    struct cr_recording_walk walk = {.segment = &segments[0]};
    again = (struct cr_recording){.write = write_file, .number = CR_RECORDING_SEGMENTS};
    cr_recording_begin(&again, file_bytes, r.core, &r.config);
    for (uint32_t i = 0; i < 10; i++) {
        struct cr_event event;
        assert_true(cr_recording_next(&walk, &record));
        assert_int_equal(cr_event_decode(record.bytes, record.count, &event, &parts), CR_OK);
        cr_recording_add(&again, &event);
    }
    uint64_t number, events;
    cr_recording_end(file, file_bytes, &number, &events);
    assert_int_equal(number, CR_RECORDING_SEGMENTS + 1);
    assert_int_equal(events, 10);
    free(copy);
    replay_free(&r);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_to_last),          cmocka_unit_test(images_after_wrapping),
        cmocka_unit_test(restart_goes_on_behind), cmocka_unit_test(difference_is_noticed),
        cmocka_unit_test(damage_is_no_event),     cmocka_unit_test(old_records_are_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
