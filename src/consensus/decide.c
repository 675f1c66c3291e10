/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus/decide.h"

#include "base/cover.h"

/* Rounds from a leader to the first round whose leaders can be its anchor (docs/protocol.md
 * 5.3). */
enum { WAVE = 3 };

void cr_decider_init(struct cr_decider *decider, struct cr_arena *arena, struct cr_dag *dag,
                     const struct cr_committee *committee, const struct cr_schedule *schedule)
{
    *decider = (struct cr_decider){
        .dag = dag,
        .committee = committee,
        .schedule = schedule,
        .rounds = cr_arena_take(arena, dag->window, sizeof *decider->rounds),
    };
}

static struct cr_leader_round *at(const struct cr_decider *decider, uint32_t round)
{
    CR_ASSERT(cr_dag_in_window(decider->dag, round));
    return &decider->rounds[round & (decider->dag->window - 1)];
}

/* A new round, or one decided under another schedule, begins with nothing decided. */
static void prepare(struct cr_decider *decider, uint32_t round)
{
    struct cr_leader_round *leaders = at(decider, round);
    if (leaders->round == round && leaders->schedule == decider->schedule->number) return;
    if (leaders->round == round) CR_COVER(decisions_dropped_by_new_schedule);
    *leaders = (struct cr_leader_round){.round = round, .schedule = decider->schedule->number};
    leaders->count = cr_schedule_leaders(decider->schedule, round, leaders->order);
}

/* ---- certificates ---- */

static bool votes_for(const struct cr_dag *dag, const struct cr_dag_vertex *p,
                      const struct cr_dag_vertex *b)
{
    return cr_authors_has(&p->parents, b->author) && cr_dag_ref(dag, p, b->author) == b;
}

/* The leader clause: x shows two copies of b's slot and still has the equivocator's next vertex
 * among its parents (docs/protocol.md 3.4). */
static bool breaks_clause(const struct cr_dag *dag, const struct cr_dag_vertex *x,
                          const struct cr_dag_vertex *b)
{
    if (cr_dag_slot(dag, b->round, b->author)->held < 2) return false;
    if (!cr_authors_has(&x->parents, b->author)) return false;
    const struct cr_dag_vertex *seen = NULL;
    for (uint32_t a = cr_authors_next(&x->parents, 0); a < CR_VALIDATORS_MAX;
         a = cr_authors_next(&x->parents, a + 1)) {
        const struct cr_dag_vertex *p = cr_dag_ref(dag, x, a);
        if (p == NULL || !cr_authors_has(&p->parents, b->author)) continue;
        const struct cr_dag_vertex *copy = cr_dag_ref(dag, p, b->author);
        if (copy == NULL || copy == seen) continue;
        if (seen != NULL) {
            CR_COVER(leader_clause_broken);
            return true;
        }
        seen = copy;
    }
    return false;
}

/* The masks are exact unless some author between them has two copies: then the parents of x must
 * be asked one by one. */
bool cr_decider_certifies(const struct cr_decider *decider, const struct cr_dag_vertex *x,
                          const struct cr_dag_vertex *b)
{
    const struct cr_dag *dag = decider->dag;
    CR_ASSERT(x->round == b->round + 2);
    struct cr_authors votes = cr_authors_and(x->parents, &b->voters);
    if (cr_dag_round(dag, b->round + 1)->variants) {
        CR_COVER(votes_counted_one_by_one);
        const struct cr_authors candidates = votes;
        for (uint32_t a = cr_authors_next(&candidates, 0); a < CR_VALIDATORS_MAX;
             a = cr_authors_next(&candidates, a + 1)) {
            const struct cr_dag_vertex *p = cr_dag_ref(dag, x, a);
            if (p == NULL || !votes_for(dag, p, b)) cr_authors_remove(&votes, a);
        }
    }
    if (cr_committee_stake_of(decider->committee, &votes) < decider->committee->quorum)
        return false;
    return !breaks_clause(dag, x, b);
}

bool cr_decider_accept(struct cr_decider *decider, const struct cr_dag_vertex *v)
{
    const struct cr_dag *dag = decider->dag;
    bool clean = true;
    if (v->round < 3 || !cr_dag_in_window(dag, v->round - 2)) return clean;
    for (uint32_t a = 0; a < dag->validators_count; a++) {
        struct cr_dag_vertex *b = cr_dag_slot_first(dag, v->round - 2, a);
        if (b != NULL && breaks_clause(dag, v, b)) clean = false;
        for (; b != NULL; b = cr_dag_slot_next(dag, b)) {
            if (b->state != CR_DAG_ACCEPTED) continue;
            if (cr_decider_certifies(decider, v, b)) cr_authors_add(&b->certifiers, v->author);
        }
    }
    return clean;
}

/* ---- decisions ---- */

static bool quorum(const struct cr_decider *decider, const struct cr_authors *set)
{
    return cr_committee_stake_of(decider->committee, set) >= decider->committee->quorum;
}

static void conflict(struct cr_decider *decider, const char *why)
{
    if (decider->conflict == NULL) decider->conflict = why;
}

/* What the accepted vertices say directly (docs/protocol.md 5.2). */
static struct cr_leader_slot judge_direct(struct cr_decider *decider, uint32_t round,
                                          uint32_t author)
{
    const struct cr_dag *dag = decider->dag;
    struct cr_leader_slot verdict = {.direct = true};
    const struct cr_dag_round *next =
        cr_dag_in_window(dag, round + 1) ? cr_dag_round(dag, round + 1) : NULL;
    bool skip = next != NULL && quorum(decider, &next->present);

    const struct cr_dag_vertex *b = cr_dag_slot_first(dag, round, author);
    for (; b != NULL; b = cr_dag_slot_next(dag, b)) {
        if (b->state != CR_DAG_ACCEPTED) continue;
        if (skip && !quorum(decider, &b->nonvoters)) skip = false;
        if (!quorum(decider, &b->certifiers)) continue;
        if (verdict.decision == CR_DECISION_COMMIT)
            conflict(decider, "two copies of one leader vertex are committed");
        verdict.decision = CR_DECISION_COMMIT;
        verdict.vertex = b->id;
    }
    if (skip && verdict.decision == CR_DECISION_COMMIT)
        conflict(decider, "one leader slot is both committed and skipped");
    if (skip) verdict.decision = CR_DECISION_SKIP;
    return verdict;
}

static void decide_direct(struct cr_decider *decider, uint32_t round)
{
    struct cr_leader_round *leaders = at(decider, round);
    for (uint32_t i = 0; i < leaders->count; i++) {
        struct cr_leader_slot *slot = &leaders->slots[i];
        const struct cr_leader_slot now = judge_direct(decider, round, leaders->order[i]);
        if (now.decision == CR_DECISION_NONE) continue;
        if (slot->decision == CR_DECISION_NONE) {
            *slot = now;
            if (now.decision == CR_DECISION_COMMIT) CR_COVER(direct_commit);
            if (now.decision == CR_DECISION_SKIP) CR_COVER(direct_skip);
            continue;
        }
        if (slot->decision != now.decision || slot->vertex != now.vertex)
            conflict(decider, "a decision about a leader slot has changed");
    }
}

/* Is there a certificate for b among the stamped vertices two rounds up? */
static bool certified_in_cone(const struct cr_decider *decider, const struct cr_dag_vertex *b,
                              uint32_t stamp)
{
    const struct cr_dag *dag = decider->dag;
    for (uint32_t a = cr_authors_next(&b->certifiers, 0); a < CR_VALIDATORS_MAX;
         a = cr_authors_next(&b->certifiers, a + 1)) {
        const struct cr_dag_vertex *x = cr_dag_slot_first(dag, b->round + 2, a);
        for (; x != NULL; x = cr_dag_slot_next(dag, x)) {
            if (x->state != CR_DAG_ACCEPTED || x->stamp != stamp) continue;
            if (cr_decider_certifies(decider, x, b)) return true;
        }
    }
    return false;
}

static void decide_indirect(struct cr_decider *decider, uint32_t round,
                            struct cr_dag_vertex *anchor)
{
    struct cr_dag *dag = decider->dag;
    struct cr_leader_round *leaders = at(decider, round);
    uint32_t stamp = 0;
    for (uint32_t i = 0; i < leaders->count; i++) {
        struct cr_leader_slot *slot = &leaders->slots[i];
        if (slot->decision != CR_DECISION_NONE) continue;
        if (anchor->round > round + WAVE) CR_COVER(anchor_above_the_first_round);
        if (stamp == 0) {
            stamp = cr_dag_new_stamp(dag);
            cr_dag_stamp_cone(dag, anchor, round + 2, stamp);
        }
        *slot = (struct cr_leader_slot){.decision = CR_DECISION_SKIP};
        const struct cr_dag_vertex *b = cr_dag_slot_first(dag, round, leaders->order[i]);
        for (; b != NULL; b = cr_dag_slot_next(dag, b)) {
            if (b->state != CR_DAG_ACCEPTED || !certified_in_cone(decider, b, stamp)) continue;
            if (slot->decision == CR_DECISION_COMMIT)
                conflict(decider, "two copies of one leader vertex have certificates");
            *slot = (struct cr_leader_slot){.decision = CR_DECISION_COMMIT, .vertex = b->id};
        }
        if (slot->decision == CR_DECISION_COMMIT) CR_COVER(indirect_commit);
        if (slot->decision == CR_DECISION_SKIP) CR_COVER(indirect_skip);
    }
}

/* The first slot of a round that is not skipped; NULL: all are. */
static const struct cr_leader_slot *first_open(const struct cr_decider *decider, uint32_t round)
{
    const struct cr_leader_round *leaders = at(decider, round);
    for (uint32_t i = 0; i < leaders->count; i++) {
        if (leaders->slots[i].decision != CR_DECISION_SKIP) return &leaders->slots[i];
    }
    return NULL;
}

/* Downward, so that the anchor of a round is decided before the round. The anchor of round r is the
 * first slot from round r + 3 on that is not skipped; where all of round r + 3 is skipped it is the
 * anchor of round r + 1. */
static void decide_all_indirect(struct cr_decider *decider, uint32_t lowest, uint32_t highest)
{
    uint32_t anchor = CR_DAG_NONE;
    for (uint32_t round = highest; round >= lowest; round--) {
        if (round + WAVE > highest) continue;
        const struct cr_leader_slot *open = first_open(decider, round + WAVE);
        if (open != NULL) anchor = open->vertex; /* none while undecided */
        if (anchor == CR_DAG_NONE) continue;
        struct cr_dag_vertex *v = cr_dag_get(decider->dag, anchor);
        CR_ASSERT(v != NULL);
        decide_indirect(decider, round, v);
    }
}

/* How many rounds lie above the lowest one that is not decided. */
static void note_depth(uint32_t depth)
{
    if (depth < WAVE - 1) return; /* nothing could be decided yet */
    if (depth == WAVE - 1) CR_COVER(undecided_depth_2);
    if (depth == WAVE) CR_COVER(undecided_depth_3);
    if (depth > WAVE && depth < 2 * WAVE) CR_COVER(undecided_depth_4);
    if (depth >= 2 * WAVE) CR_COVER(undecided_depth_6);
    if (depth >= 4 * WAVE) CR_COVER(undecided_depth_12);
}

/* The lowest round with a committed leader, when everything up to it is decided. */
static uint32_t deliverable(const struct cr_decider *decider, uint32_t lowest, uint32_t highest)
{
    for (uint32_t round = lowest; round <= highest; round++) {
        const struct cr_leader_round *leaders = at(decider, round);
        bool committed = false;
        for (uint32_t i = 0; i < leaders->count; i++) {
            if (leaders->slots[i].decision == CR_DECISION_NONE) {
                note_depth(highest - round);
                return 0;
            }
            if (leaders->slots[i].decision == CR_DECISION_COMMIT) committed = true;
        }
        if (committed) return round;
    }
    return 0;
}

uint32_t cr_decider_run(struct cr_decider *decider)
{
    const uint32_t lowest = decider->delivered + 1;
    const uint32_t highest = decider->dag->highest;
    if (decider->conflict != NULL) return 0;
    for (uint32_t round = lowest; round <= highest; round++) {
        prepare(decider, round);
        decide_direct(decider, round);
    }
    decide_all_indirect(decider, lowest, highest);
    if (decider->conflict != NULL) return 0;
    return deliverable(decider, lowest, highest);
}

uint32_t cr_decider_leaders(const struct cr_decider *decider, uint32_t round,
                            uint32_t ids[CR_VALIDATORS_MAX])
{
    const struct cr_leader_round *leaders = at(decider, round);
    CR_ASSERT(leaders->round == round);
    uint32_t count = 0;
    for (uint32_t i = 0; i < leaders->count; i++) {
        if (leaders->slots[i].decision == CR_DECISION_COMMIT)
            ids[count++] = leaders->slots[i].vertex;
    }
    CR_ASSERT(count > 0);
    return count;
}

void cr_decider_deliver(struct cr_decider *decider, uint32_t round)
{
    CR_ASSERT(round > decider->delivered);
    for (uint32_t r = decider->delivered + 1; r <= round; r++) {
        const struct cr_leader_round *leaders = at(decider, r);
        for (uint32_t i = 0; i < leaders->count; i++) {
            const struct cr_leader_slot *slot = &leaders->slots[i];
            CR_ASSERT(slot->decision != CR_DECISION_NONE);
            if (slot->decision == CR_DECISION_SKIP) decider->skipped++;
            if (slot->decision != CR_DECISION_COMMIT) continue;
            if (slot->direct)
                decider->direct++;
            else
                decider->indirect++;
        }
    }
    decider->delivered = round;
}

enum cr_decision cr_decider_slot(const struct cr_decider *decider, uint32_t round, uint32_t author)
{
    if (!cr_dag_in_window(decider->dag, round)) return CR_DECISION_NONE;
    const struct cr_leader_round *leaders = at(decider, round);
    if (leaders->round != round || leaders->schedule != decider->schedule->number)
        return CR_DECISION_NONE;
    for (uint32_t i = 0; i < leaders->count; i++) {
        if (leaders->order[i] == author) return leaders->slots[i].decision;
    }
    return CR_DECISION_NONE;
}

static void check_certifiers(const struct cr_decider *decider, const struct cr_dag_vertex *b)
{
    const struct cr_dag *dag = decider->dag;
    struct cr_authors certifiers = {0};
    for (uint32_t a = 0; a < dag->validators_count; a++) {
        if (!cr_dag_in_window(dag, b->round + 2)) continue;
        const struct cr_dag_vertex *x = cr_dag_slot_first(dag, b->round + 2, a);
        for (; x != NULL; x = cr_dag_slot_next(dag, x)) {
            if (x->state == CR_DAG_ACCEPTED && cr_decider_certifies(decider, x, b))
                cr_authors_add(&certifiers, a);
        }
    }
    for (uint32_t i = 0; i < CR_AUTHOR_WORDS; i++)
        CR_ASSERT(certifiers.words[i] == b->certifiers.words[i]);
}

void cr_decider_check(const struct cr_decider *decider)
{
    const struct cr_dag *dag = decider->dag;
    for (uint32_t r = decider->delivered + 1; r <= dag->highest; r++) {
        for (uint32_t a = 0; a < dag->validators_count; a++) {
            const struct cr_dag_vertex *b = cr_dag_slot_first(dag, r, a);
            for (; b != NULL; b = cr_dag_slot_next(dag, b)) {
                if (b->state == CR_DAG_ACCEPTED) check_certifiers(decider, b);
            }
        }
    }
}
