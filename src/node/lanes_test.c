/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of old commits on their way into the core, as peers answer, lie, stay silent and go away.
 * Method: lanes.c alone; the core, the verifier and the network around it are the functions below,
 * which write down what they are given. */
#include "base/unit.h"

#include "core/range_sample.h"
#include "node/replica.h"

enum {
    QUICK = 1,
    SLOW = 2,
    FROM = 7,
    COMMITS = 3,
    VERTICES = COMMITS * CR_SAMPLE_VERTICES,
    TOLD_MAX = 64,
};

static struct cr_node replica;
static struct cr_sample_range range;
static struct cr_prng prng;

/* ---- the world around ---- */

static struct cr_verify_job jobs[CR_NODE_RANGE_JOBS_MAX]; /* at the verifier, in order */
static uint8_t first_bytes[CR_NODE_RANGE_JOBS_MAX][64];   /* of each one's vertex */
static uint32_t jobs_count, room, given_total;
static bool core_has_room, connected, known;
static struct cr_event told[TOLD_MAX]; /* the core; VERTEX: only the lane */
static uint32_t told_count, blamed[CR_BLAMES_COUNT], requests_count;
static struct cr_message request; /* the newest one on the wire */

bool cr_node_has_room(const struct cr_node *node)
{
    (void)node;
    return core_has_room;
}

void cr_node_step(struct cr_node *node, struct cr_event *event)
{
    (void)node;
    assert_true(told_count < TOLD_MAX);
    told[told_count++] = *event;
}

void cr_node_blame(struct cr_node *node, uint32_t peer, uint32_t reason)
{
    (void)node;
    (void)peer;
    blamed[reason]++;
}

bool cr_node_send(struct cr_node *node, uint32_t peer, enum cr_net_class class,
                  const struct cr_message *message)
{
    (void)node;
    (void)peer;
    assert_int_equal(class, CR_NET_SYNC);
    request = *message;
    requests_count++;
    return connected;
}

enum cr_node_given cr_node_give_vertex(struct cr_node *node, uint32_t peer, const uint8_t *bytes,
                                       uint32_t count, uint32_t lane)
{
    (void)node;
    if (room == 0) return CR_NODE_NO_ROOM;
    if (known) return CR_NODE_REFUSED;
    assert_true(jobs_count < CR_NODE_RANGE_JOBS_MAX);
    assert_true(count >= sizeof first_bytes[0]);
    memcpy(first_bytes[jobs_count], bytes, sizeof first_bytes[0]);
    jobs[jobs_count++] = (struct cr_verify_job){
        .peer = peer, .lane = lane, .request = replica.sync.lanes[lane].request};
    room--;
    given_total++;
    return CR_NODE_GIVEN;
}

/* The verifier is done with its oldest vertex. */
static void verify(enum cr_verify_result result)
{
    assert_true(jobs_count > 0);
    struct cr_verify_job job = jobs[0];
    job.result = result;
    jobs_count--;
    memmove(jobs, jobs + 1, jobs_count * sizeof jobs[0]);
    memmove(first_bytes, first_bytes + 1, jobs_count * sizeof first_bytes[0]);
    cr_node_note_verified(&replica, &job);
    struct cr_event event = {.kind = CR_EVENT_VERTEX, .range = {.lane = job.lane}};
    if (result == CR_VERIFY_GOOD) cr_node_step(&replica, &event);
}

static void verify_all(void)
{
    cr_node_pump_lanes(&replica);
    while (jobs_count > 0) {
        verify(CR_VERIFY_GOOD);
        cr_node_pump_lanes(&replica);
    }
}

static int set_up(void **state)
{
    (void)state;
    memset(&replica, 0, sizeof replica);
    memset(blamed, 0, sizeof blamed);
    jobs_count = told_count = given_total = requests_count = 0;
    room = CR_NODE_RANGE_JOBS_MAX;
    core_has_room = connected = true;
    known = false;
    prng = cr_prng_stream(1, 7, 3);
    cr_sample_range(&range, &prng, FROM, COMMITS);
    assert_true(cr_node_open_lanes(&replica));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cr_node_close_lanes(&replica);
    return 0;
}

static void again(void **state)
{
    (void)tear_down(state);
    (void)set_up(state);
}

static void ask(uint32_t lane, uint32_t peer, uint64_t from)
{
    const struct cr_effect effect = {
        .kind = CR_EFFECT_SYNC,
        .peer = peer,
        .range = {.lane = lane, .from_commit = from, .commits = COMMITS}};
    cr_node_start_lane(&replica, &effect);
}

static void answer(uint32_t peer)
{
    cr_node_on_range(&replica, peer, &range.message);
}

static void answer_from(uint32_t peer, uint64_t from)
{
    cr_sample_range(&range, &prng, from, COMMITS);
    answer(peer);
}

static const struct cr_event *last_told(void)
{
    assert_true(told_count > 0);
    return &told[told_count - 1];
}

/* ---- what is as it should be ---- */

/* Goal: the claim is told at once, the vertices go to the verifier when the core wants them, all
 * and in order, and GIVEN comes behind the last of them. */
static void an_answer_goes_its_way(void **state)
{
    (void)state;
    ask(1, QUICK, FROM);
    assert_int_equal(request.from_commit, FROM);
    assert_int_equal(request.to_commit, FROM + COMMITS - 1);
    answer(QUICK);
    assert_int_equal(told_count, 1);
    assert_int_equal(told[0].kind, CR_EVENT_RANGE);
    assert_int_equal(told[0].peer, QUICK);
    assert_int_equal(told[0].range.lane, 1);
    assert_int_equal(told[0].range.vertices, VERTICES);
    assert_false(told[0].range.forged);
    assert_int_equal(told[0].range.claim->count, COMMITS);
    cr_node_pump_lanes(&replica);
    assert_int_equal(jobs_count, 0);

    cr_node_give_lane(&replica, 1);
    cr_node_pump_lanes(&replica);
    assert_int_equal(jobs_count, VERTICES);
    const uint8_t *vertex;
    uint32_t count;
    struct cr_payload sent =
        cr_payload_begin(range.vertices, range.message.range_bytes, range.message.range_count);
    for (uint32_t i = 0; cr_payload_next(&sent, &vertex, &count); i++)
        assert_memory_equal(first_bytes[i], vertex, sizeof first_bytes[0]);
    for (uint32_t i = 0; i < VERTICES; i++) {
        cr_node_pump_lanes(&replica);
        assert_int_equal(told_count, 1 + i);
        verify(CR_VERIFY_GOOD);
    }
    cr_node_pump_lanes(&replica);
    assert_int_equal(told_count, 2 + VERTICES);
    assert_int_equal(last_told()->kind, CR_EVENT_GIVEN);
    assert_int_equal(last_told()->range.lane, 1);
    assert_false(last_told()->range.forged);
}

/* Goal: answers may come in any order; GIVENs are in the order in which the core wanted them. */
static void the_order_is_the_cores(void **state)
{
    (void)state;
    ask(0, QUICK, FROM);
    ask(1, SLOW, FROM + COMMITS);
    answer_from(SLOW, FROM + COMMITS);
    answer_from(QUICK, FROM);
    cr_node_give_lane(&replica, 0);
    cr_node_give_lane(&replica, 1);
    verify_all();
    assert_int_equal(told_count, 2 + 2 * (VERTICES + 1));
    for (uint32_t i = 0; i <= VERTICES; i++) {
        assert_int_equal(told[2 + i].range.lane, 0);
        assert_int_equal(told[3 + VERTICES + i].range.lane, 1);
    }
    assert_int_equal(told[2 + VERTICES].kind, CR_EVENT_GIVEN);
}

/* Goal: the verifier may have room for some vertices only: none is lost, none goes twice. And what
 * the core does not want (it knows them all) is no reason to wait. */
static void no_room(void **state)
{
    ask(0, QUICK, FROM);
    answer(QUICK);
    cr_node_give_lane(&replica, 0);
    for (uint32_t i = 0; i < VERTICES; i++) {
        room = 1;
        cr_node_pump_lanes(&replica);
        cr_node_pump_lanes(&replica);
        assert_int_equal(jobs_count, 1);
        verify(CR_VERIFY_GOOD);
    }
    core_has_room = false; /* for what GIVEN leads to */
    room = 1;
    cr_node_pump_lanes(&replica);
    assert_int_equal(given_total, VERTICES);
    assert_int_equal(last_told()->kind, CR_EVENT_VERTEX);
    core_has_room = true;
    cr_node_pump_lanes(&replica);
    assert_int_equal(last_told()->kind, CR_EVENT_GIVEN);

    again(state);
    known = true;
    ask(0, QUICK, FROM);
    answer(QUICK);
    cr_node_give_lane(&replica, 0);
    cr_node_pump_lanes(&replica);
    assert_int_equal(last_told()->kind, CR_EVENT_GIVEN);
}

/* ---- lies ---- */

/* Goal: an answer that contradicts itself is told as forged, whatever its size and lengths say, and
 * nothing of it is kept; the lane waits for another. */
static void forged_answers_are_told(void **state)
{
    for (uint32_t lie = 0; lie < 6; lie++) {
        again(state);
        struct cr_message *message = &range.message;
        switch (lie) {
        case 0: range.vertices[3] = 0xff; break; /* a length beyond the end */
        case 1: message->range_count++; break;
        case 2: message->range_bytes--; break;
        case 3: message->records_bytes = 3; break;
        case 4: message->to_commit++; break;
        case 5: range.records[4 + 80] ^= 1; break;
        }
        ask(0, QUICK, FROM);
        answer(QUICK);
        assert_int_equal(told_count, 1);
        assert_true(told[0].range.forged);
        assert_null(told[0].range.claim);
        assert_int_equal(told[0].peer, QUICK);
        cr_node_pump_lanes(&replica);
        assert_int_equal(given_total, 0);

        cr_sample_range(&range, &prng, FROM, COMMITS);
        ask(0, SLOW, FROM);
        answer(SLOW);
        assert_int_equal(told_count, 2);
        assert_non_null(told[1].range.claim);
    }
}

/* Goal: a badly signed vertex, or one with another payload, makes its own range forged and no
 * other, and its vertex is no event. */
static void bad_vertices_are_told(void **state)
{
    (void)state;
    const enum cr_verify_result results[] = {CR_VERIFY_BAD_SIGNATURE, CR_VERIFY_BAD_PAYLOAD};
    for (uint32_t r = 0; r < CR_COUNT_OF(results); r++) {
        told_count = 0;
        room = CR_NODE_RANGE_JOBS_MAX;
        ask(0, QUICK, FROM);
        ask(1, SLOW, FROM + COMMITS);
        answer_from(QUICK, FROM);
        answer_from(SLOW, FROM + COMMITS);
        cr_node_give_lane(&replica, 0);
        cr_node_give_lane(&replica, 1);
        cr_node_pump_lanes(&replica);
        verify(CR_VERIFY_GOOD);
        verify(results[r]);
        verify_all();
        assert_int_equal(told_count, 2 + 2 * (VERTICES + 1) - 1);
        const struct cr_event *first = &told[2 + VERTICES - 1];
        assert_int_equal(first->kind, CR_EVENT_GIVEN);
        assert_int_equal(first->range.lane, 0);
        assert_true(first->range.forged);
        assert_int_equal(last_told()->kind, CR_EVENT_GIVEN);
        assert_false(last_told()->range.forged);
    }
}

/* Goal: what nobody asked for is the sender's fault and goes no further: at all, a second time, or
 * after the connection was lost (frames.c forgets what is owed). */
static void unasked_answers_are_blamed(void **state)
{
    (void)state;
    answer(QUICK);
    assert_int_equal(blamed[CR_BLAME_UNASKED], 1);
    ask(0, QUICK, FROM);
    answer(SLOW);
    assert_int_equal(blamed[CR_BLAME_UNASKED], 2);
    assert_int_equal(told_count, 0);
    answer(QUICK);
    answer(QUICK);
    assert_int_equal(blamed[CR_BLAME_UNASKED], 3);
    assert_int_equal(told_count, 1);
    ask(0, QUICK, FROM);
    replica.sync.owed[QUICK] = 0;
    answer(QUICK);
    assert_int_equal(blamed[CR_BLAME_UNASKED], 4);
    connected = false; /* the request was not sent: there will be no answer */
    ask(0, QUICK, FROM);
    answer(QUICK);
    assert_int_equal(blamed[CR_BLAME_UNASKED], 5);
    assert_int_equal(told_count, 1);
}

/* Goal: an answer to another question is nobody's: another commit, other vertices to skip. */
static void other_answers_are_ignored(void **state)
{
    (void)state;
    ask(0, QUICK, FROM);
    answer_from(QUICK, FROM + 1);
    ask(0, QUICK, FROM);
    cr_sample_range(&range, &prng, FROM, COMMITS);
    range.message.skip = 1;
    range.message.range_count--;
    const uint32_t first = 4 + (uint32_t)cr_load_le(range.vertices, 4);
    range.message.range += first;
    range.message.range_bytes -= first;
    answer(QUICK);
    assert_int_equal(told_count, 0);
    assert_int_equal(blamed[CR_BLAME_UNASKED], 0);
}

static void a_refusal_has_no_claim(void **state)
{
    (void)state;
    ask(2, QUICK, FROM);
    range.message =
        (struct cr_message){.type = CR_MESSAGE_RANGE, .from_commit = FROM, .to_commit = FROM - 1};
    answer(QUICK);
    assert_int_equal(told_count, 1);
    assert_int_equal(told[0].range.lane, 2);
    assert_null(told[0].range.claim);
    assert_false(told[0].range.forged);
}

/* ---- silence, late answers, peers that go ---- */

/* Goal: a range that was asked of two has the first answer, whoever it is from; the second one is
 * ignored, unless it contradicts itself: then that is told. */
static void the_first_answer_counts(void **state)
{
    for (uint32_t late_lies = 0; late_lies < 2; late_lies++) {
        again(state);
        ask(0, SLOW, FROM);
        ask(0, QUICK, FROM); /* SLOW was silent for too long */
        answer(SLOW);
        assert_int_equal(told_count, 1);
        assert_int_equal(told[0].peer, SLOW);
        assert_int_equal(replica.sync.lanes[0].peer, SLOW);
        cr_node_give_lane(&replica, 0);
        if (late_lies) range.message.range_bytes--;
        answer(QUICK);
        assert_int_equal(told_count, 1 + late_lies);
        if (late_lies) assert_true(told[1].range.forged && told[1].peer == QUICK);
        assert_int_equal(blamed[CR_BLAME_UNASKED], 0);
        assert_int_equal(replica.sync.lanes[0].peer, SLOW);
        verify_all();
        assert_int_equal(given_total, VERTICES);
        assert_false(last_told()->range.forged);
    }
}

/* Goal: the core may ask for the same range on another lane without saying that it gave up the
 * first: the answer belongs to the newest. */
static void the_newest_lane_gets_it(void **state)
{
    (void)state;
    ask(0, SLOW, FROM);
    ask(3, QUICK, FROM);
    answer(QUICK);
    assert_int_equal(told[0].range.lane, 3);
    ask(1, QUICK, FROM + COMMITS);
    ask(0, QUICK, FROM + COMMITS);
    answer_from(QUICK, FROM + COMMITS);
    assert_int_equal(told[1].range.lane, 0);
}

/* Goal: a lane that is asked for anew is empty: its place in the order is gone, and what is still
 * at the verifier says nothing of the new answer, however badly it is signed. */
static void a_new_question_voids_the_answer(void **state)
{
    (void)state;
    ask(0, QUICK, FROM);
    ask(1, SLOW, FROM + COMMITS);
    answer_from(QUICK, FROM);
    answer_from(SLOW, FROM + COMMITS);
    cr_node_give_lane(&replica, 0);
    cr_node_give_lane(&replica, 1);
    room = VERTICES - 1;
    cr_node_pump_lanes(&replica);
    assert_int_equal(jobs_count, VERTICES - 1);

    ask(0, SLOW, FROM); /* QUICK is gone, or was found out */
    room = CR_NODE_RANGE_JOBS_MAX;
    cr_node_pump_lanes(&replica);
    answer_from(SLOW, FROM);
    cr_node_give_lane(&replica, 0);
    for (uint32_t i = 0; i < VERTICES - 1; i++)
        verify(CR_VERIFY_BAD_SIGNATURE);
    verify_all();
    const struct cr_event *other = &told[3 + VERTICES];
    assert_int_equal(other->kind, CR_EVENT_GIVEN);
    assert_int_equal(other->range.lane, 1);
    assert_false(other->range.forged);
    assert_int_equal(last_told()->kind, CR_EVENT_GIVEN);
    assert_int_equal(last_told()->range.lane, 0);
    assert_false(last_told()->range.forged);
    assert_int_equal(told_count, 3 + 2 * (VERTICES + 1));
    assert_int_equal(replica.sync.under_way, 0);
}

/* Goal: the end of an epoch, or of the process, with every lane in another state: nothing goes on,
 * and nothing is lost (tear_down frees all). */
static void all_lanes_are_voided(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < CR_SYNC_LANES; i++)
        ask(i, QUICK, FROM + i * COMMITS);
    for (uint32_t i = 1; i < CR_SYNC_LANES; i++) /* the first one is silent */
        answer_from(QUICK, FROM + i * COMMITS);
    cr_node_give_lane(&replica, 2);
    cr_node_give_lane(&replica, 3);
    room = VERTICES + 1;
    cr_node_pump_lanes(&replica);
    told_count = 0;
    cr_node_void_lanes(&replica);
    room = CR_NODE_RANGE_JOBS_MAX;
    cr_node_pump_lanes(&replica);
    assert_int_equal(jobs_count, VERTICES + 1);
    while (jobs_count > 0)
        verify(CR_VERIFY_BAD_SIGNATURE);
    cr_node_pump_lanes(&replica);
    answer_from(QUICK, FROM); /* owed, and wanted no more */
    assert_int_equal(told_count, 0);
    assert_int_equal(replica.sync.under_way, 0);
}

/* ---- bounds ---- */

/* Goal: however much is held, only so many vertices are under verification; void ones count. And an
 * answer may be as large as a frame. */
static void bounds_hold(void **state)
{
    (void)state;
    enum { TOO_MANY = 2 * CR_NODE_RANGE_JOBS_MAX, EACH = CR_FRAME_BYTES_MAX / TOO_MANY };
    uint8_t *frame = malloc(CR_FRAME_BYTES_MAX);
    assert_non_null(frame);
    memset(frame, 1, CR_FRAME_BYTES_MAX);
    for (uint32_t i = 0; i < TOO_MANY; i++)
        cr_store_le(frame + (size_t)i * EACH, EACH - 4, 4);
    const struct cr_message huge = {.type = CR_MESSAGE_RANGE, /* no record: nothing to check */
                                    .from_commit = FROM,
                                    .to_commit = FROM,
                                    .range = frame,
                                    .range_bytes = CR_FRAME_BYTES_MAX,
                                    .range_count = TOO_MANY};
    for (uint32_t i = 0; i < 3; i++) {
        room = UINT32_MAX;
        ask(0, QUICK, FROM);
        cr_node_on_range(&replica, QUICK, &huge);
        cr_node_give_lane(&replica, 0);
        cr_node_pump_lanes(&replica);
        assert_int_equal(jobs_count, CR_NODE_RANGE_JOBS_MAX);
    }
    told_count = 0;
    while (jobs_count > 0)
        verify(CR_VERIFY_BAD_SIGNATURE);
    for (uint32_t i = 0; i < 2; i++) {
        cr_node_pump_lanes(&replica);
        while (jobs_count > 0)
            verify(CR_VERIFY_BAD_SIGNATURE);
    }
    cr_node_pump_lanes(&replica);
    assert_int_equal(told_count, 1);
    assert_int_equal(given_total, CR_NODE_RANGE_JOBS_MAX + TOO_MANY);
    free(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_goes_its_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_order_is_the_cores, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forged_answers_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_vertices_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unasked_answers_are_blamed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_answers_are_ignored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_has_no_claim, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_first_answer_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_newest_lane_gets_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_question_voids_the_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_lanes_are_voided, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bounds_hold, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
