/* SPDX-License-Identifier: Apache-2.0 */
/* parents.c: which vertices our next one references (docs/protocol.md 4.4). */
#include "base/cover.h"
#include "core/replica.h"

static bool suspect(const struct cr_core *core, uint32_t author)
{
    return core->dag.equivocal[author] > core->dag.gc_round;
}

/* Our reference promises the whole cone. What sync accepted with a gap (protocol 8.3) must not
 * spread: a cone that nobody can complete would stop every commit that contains it. */
static bool complete(const struct cr_core *core, const struct cr_dag_vertex *v)
{
    if (core->dag.gap_round <= core->dag.gc_round || !v->gap) return true;
    CR_COVER(gap_not_referenced);
    return false;
}

/* Of several copies the one with most votes, then the lowest digest (the list is in that order). */
static const struct cr_dag_vertex *copy_at(const struct cr_core *core, uint32_t round,
                                           uint32_t author)
{
    const struct cr_dag_vertex *best = NULL;
    uint64_t best_stake = 0;
    const struct cr_dag_vertex *v = cr_dag_slot_first(&core->dag, round, author);
    for (; v != NULL; v = cr_dag_slot_next(&core->dag, v)) {
        if (v->state != CR_DAG_ACCEPTED || !complete(core, v)) continue;
        const uint64_t stake = cr_committee_stake_of(core->committee, &v->voters);
        if (best != NULL && stake <= best_stake) continue;
        if (best != NULL) CR_COVER(copy_with_more_votes);
        best = v;
        best_stake = stake;
    }
    return best;
}

static void add_parent(struct cr_header *header, const struct cr_dag_vertex *v)
{
    cr_authors_add(&header->parents, v->author);
    header->parent_digests[v->author] = v->digest;
}

/* Parents of the round before. Equivocators last, and only where the quorum needs them. */
static void choose_parents(const struct cr_core *core, struct cr_header *header)
{
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t a = 0; a < core->validators_count; a++) {
            if (suspect(core, a) && a != core->self && pass == 0) continue;
            if (pass == 1 && cr_core_quorum(core, &header->parents)) return;
            if (cr_authors_has(&header->parents, a)) continue;
            const struct cr_dag_vertex *v = copy_at(core, header->round - 1, a);
            if (v != NULL && pass == 1) CR_COVER(equivocator_needed_for_the_quorum);
            if (v != NULL) add_parent(header, v);
        }
    }
}

static void add_old(struct cr_header *header, const struct cr_dag_vertex *v)
{
    CR_ASSERT(header->old_count < CR_OLD_PARENTS_MAX);
    header->old[header->old_count++] = (struct cr_ref){v->round, v->author, v->digest};
}

/* The highest vertex of an author below round - 1 that none of ours includes yet. Not the lowest
 * rounds above the horizon: they might fall below it before our vertex is committed. */
static const struct cr_dag_vertex *left_behind(const struct cr_core *core, uint32_t round,
                                               uint32_t author)
{
    const uint32_t lowest = core->dag.gc_round + core->config.gc_depth / 4 + 1;
    uint32_t r = core->dag.last_round[author];
    if (r > round - 2) r = round - 2;
    for (; r >= lowest; r--) {
        const struct cr_dag_vertex *v = copy_at(core, r, author);
        if (v != NULL) return v->own_cone ? NULL : v;
    }
    return NULL;
}

/* Our highest vertex below round - 1. One from an earlier life that came back by sync may have a
 * gap; then a lower one must do, until a fetch or the horizon closes the gap of the other. */
static const struct cr_dag_vertex *own_below(const struct cr_core *core, uint32_t round)
{
    for (uint32_t r = round - 2; r > core->dag.gc_round; r--) {
        const struct cr_dag_vertex *v = copy_at(core, r, core->self);
        if (v != NULL) return v;
    }
    return NULL;
}

bool cr_parents_choose(const struct cr_core *core, uint32_t round, struct cr_header *header)
{
    if (round == 1) {
        for (uint32_t a = 0; a < core->validators_count; a++) {
            cr_authors_add(&header->parents, a);
            header->parent_digests[a] = cr_committee_genesis_digest(core->committee, a);
        }
        return true;
    }
    choose_parents(core, header);
    bool own = cr_authors_has(&header->parents, core->self) || core->dag.gc_round == round - 2;
    for (uint32_t a = 0; a < core->validators_count && round > 2; a++) {
        if (cr_authors_has(&header->parents, a)) continue;
        const struct cr_dag_vertex *v = NULL;
        if (a == core->self)
            v = own_below(core, round);
        else if (!suspect(core, a))
            v = left_behind(core, round, a);
        if (v != NULL) CR_COVER(old_parent);
        if (v != NULL) add_old(header, v);
        if (v != NULL && a == core->self) own = true;
    }
    return own && cr_core_quorum(core, &header->parents);
}
