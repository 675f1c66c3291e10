/* SPDX-License-Identifier: Apache-2.0 */
/* walk.c: walks over the graph: cones, and the check of everything against a recomputation. */
#include <string.h>

#include "dag/dag.h"
#include "dag/table.h"

uint32_t cr_dag_new_stamp(struct cr_dag *dag)
{
    if (++dag->stamp == 0) { /* wrapped: old stamps would look new */
        for (uint32_t i = 1; i < dag->pool_max; i++)
            dag->pool[i].stamp = 0;
        dag->stamp = 1;
    }
    return dag->stamp;
}

void cr_dag_stamp_cone(struct cr_dag *dag, struct cr_dag_vertex *from, uint32_t lowest,
                       uint32_t stamp)
{
    if (from->stamp == stamp || from->round < lowest) return;
    uint32_t depth = 0;
    from->stamp = stamp;
    dag->stack[depth++] = from->id;
    while (depth > 0) {
        const struct cr_dag_vertex *v = &dag->pool[cr_dag_index(dag->stack[--depth])];
        for (uint32_t a = 0; a < dag->validators_count; a++) {
            struct cr_dag_vertex *to = cr_dag_ref(dag, v, a);
            if (to == NULL || to->round < lowest || to->stamp == stamp) continue;
            if (to->state != CR_DAG_ACCEPTED) continue;
            to->stamp = stamp;
            CR_ASSERT(depth < dag->pool_max); /* each vertex once */
            dag->stack[depth++] = to->id;
        }
    }
}

void cr_dag_mark_own(struct cr_dag *dag, struct cr_dag_vertex *own)
{
    if (own->own_cone) return;
    uint32_t depth = 0;
    own->own_cone = true;
    dag->stack[depth++] = own->id;
    while (depth > 0) {
        const struct cr_dag_vertex *v = &dag->pool[cr_dag_index(dag->stack[--depth])];
        for (uint32_t a = 0; a < dag->validators_count; a++) {
            struct cr_dag_vertex *to = cr_dag_ref(dag, v, a);
            if (to == NULL || to->own_cone || to->state != CR_DAG_ACCEPTED) continue;
            to->own_cone = true;
            CR_ASSERT(depth < dag->pool_max); /* each vertex once */
            dag->stack[depth++] = to->id;
        }
    }
}

static bool has_gap(const struct cr_dag *dag, const struct cr_dag_vertex *v)
{
    for (uint32_t a = 0; a < dag->validators_count; a++) {
        const struct cr_dag_vertex *to = cr_dag_ref(dag, v, a);
        if (to != NULL && (to->state != CR_DAG_ACCEPTED || to->gap)) return true;
    }
    return false;
}

/* Upward, so that references are marked before those who hold them. */
void cr_dag_mark_gaps(struct cr_dag *dag)
{
    for (uint32_t r = dag->gc_round + 1; r <= dag->highest; r++) {
        for (uint32_t i = cr_dag_round(dag, r)->first; i != 0; i = dag->pool[i].round_next) {
            if (dag->pool[i].state == CR_DAG_ACCEPTED)
                dag->pool[i].gap = has_gap(dag, &dag->pool[i]);
        }
    }
}

/* ---- check ---- */

static void check_votes(const struct cr_dag *dag, const struct cr_dag_vertex *v)
{
    struct cr_authors voters = {0}, nonvoters = {0};
    for (uint32_t a = 0; a < dag->validators_count; a++) {
        if (!cr_dag_in_window(dag, v->round + 1)) continue;
        const struct cr_dag_vertex *x = cr_dag_slot_first(dag, v->round + 1, a);
        for (; x != NULL; x = cr_dag_slot_next(dag, x)) {
            if (x->state != CR_DAG_ACCEPTED) continue;
            const bool votes =
                cr_authors_has(&x->parents, v->author) && cr_dag_ref(dag, x, v->author) == v;
            cr_authors_add(votes ? &voters : &nonvoters, a);
        }
    }
    CR_ASSERT(memcmp(&voters, &v->voters, sizeof voters) == 0);
    CR_ASSERT(memcmp(&nonvoters, &v->nonvoters, sizeof nonvoters) == 0);
}

static void check_vertex(const struct cr_dag *dag, const struct cr_dag_vertex *v,
                         uint32_t votes_above)
{
    CR_ASSERT(cr_dag_in_window(dag, v->round));
    CR_ASSERT(v->author < dag->validators_count);
    /* In the middle of a restart a committed vertex may still wait: sync accepts out of order. */
    CR_ASSERT(CR_IMPLIES(v->committed, v->state == CR_DAG_ACCEPTED || v->stored));
    if (v->state == CR_DAG_MISSING) return;
    for (uint32_t a = 0; a < dag->validators_count; a++) {
        const struct cr_dag_vertex *to = cr_dag_ref(dag, v, a);
        if (to == NULL) continue;
        CR_ASSERT(to->author == a);
        CR_ASSERT(to->round < v->round);
        if (v->state == CR_DAG_ACCEPTED && to->round > dag->gap_round)
            CR_ASSERT(to->state == CR_DAG_ACCEPTED);
        if (v->state == CR_DAG_ACCEPTED && to->round > votes_above)
            CR_ASSERT(to->state == CR_DAG_ACCEPTED);
    }
    if (v->state == CR_DAG_ACCEPTED && v->round > votes_above) check_votes(dag, v);
}

static void check_round(const struct cr_dag *dag, uint32_t round)
{
    const struct cr_dag_round *in = cr_dag_round(dag, round);
    struct cr_authors present = {0};
    uint32_t missing = 0;
    for (uint32_t i = in->first; i != 0; i = dag->pool[i].round_next) {
        const struct cr_dag_vertex *v = &dag->pool[i];
        CR_ASSERT(v->round == round);
        if (v->state == CR_DAG_ACCEPTED) cr_authors_add(&present, v->author);
        if (v->state == CR_DAG_MISSING) missing++;
    }
    CR_ASSERT(missing == in->missing_count);
    CR_ASSERT(memcmp(&present, &in->present, sizeof present) == 0);
    for (uint32_t a = 0; a < dag->validators_count; a++) {
        uint32_t held = 0;
        const struct cr_dag_vertex *before = NULL;
        const struct cr_dag_vertex *v = cr_dag_slot_first(dag, round, a);
        for (; v != NULL; v = cr_dag_slot_next(dag, v), held++) {
            CR_ASSERT(v->round == round && v->author == a);
            CR_ASSERT(before == NULL || cr_hash_compare(&before->digest, &v->digest) < 0);
            before = v;
        }
        CR_ASSERT(held == cr_dag_slot(dag, round, a)->held);
    }
}

static void check_payers(const struct cr_dag *dag)
{
    uint32_t extra[CR_VALIDATORS_MAX] = {0}, missing[CR_VALIDATORS_MAX] = {0};
    for (uint32_t i = 1; i < dag->pool_max; i++) {
        const struct cr_dag_vertex *v = &dag->pool[i];
        if (v->state == CR_DAG_FREE) continue;
        if (v->state == CR_DAG_MISSING)
            missing[v->charged]++;
        else if (v->spare)
            extra[v->payer]++;
    }
    for (uint32_t a = 0; a < dag->validators_count; a++) {
        CR_ASSERT(missing[a] == dag->missing_by[a]);
        CR_ASSERT(extra[a] == dag->extra[a]);
    }
}

void cr_dag_check(const struct cr_dag *dag, uint32_t votes_above)
{
    uint32_t counts[CR_DAG_ACCEPTED + 1] = {0};
    for (uint32_t i = 1; i < dag->pool_max; i++) {
        const struct cr_dag_vertex *v = &dag->pool[i];
        counts[v->state]++;
        if (v->state != CR_DAG_FREE) check_vertex(dag, v, votes_above);
    }
    CR_ASSERT(counts[CR_DAG_MISSING] == dag->missing);
    CR_ASSERT(counts[CR_DAG_SUSPENDED] == dag->suspended);
    CR_ASSERT(counts[CR_DAG_ACCEPTED] == dag->accepted);
    for (uint32_t r = dag->gc_round + 1; r < dag->gc_round + dag->window; r++)
        check_round(dag, r);
    check_payers(dag);
    for (uint32_t a = 0; a < dag->validators_count; a++) {
        CR_ASSERT(dag->missing_by[a] <= dag->missing_max);
        CR_ASSERT(dag->extra[a] <= dag->extra_max);
    }
    cr_dag_table_check(dag);
}
