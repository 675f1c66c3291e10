/* SPDX-License-Identifier: Apache-2.0 */
#include "dag/dag.h"

#include <string.h>

#include "base/cover.h"
#include "dag/table.h"

static uint32_t greater(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Per author: one vertex per round of the window, `extra` copies beyond (correct authors can each
 * reference another copy, for the two or three rounds until all know of the equivocation), and
 * the missing vertices that what it pays for has brought up: at least two rounds full. Two rounds
 * are enough: of the missing ones nearest to what we hold, each brings up no more than the round
 * below, which they share, and is itself paid for no longer. */
void cr_dag_init(struct cr_dag *dag, struct cr_arena *arena, uint32_t validators_count,
                 uint32_t window, uint64_t key)
{
    CR_ASSERT(validators_count > 0 && validators_count <= CR_VALIDATORS_MAX);
    CR_ASSERT(window >= 8 && (window & (window - 1)) == 0);
    const uint32_t extra = greater(window, validators_count);
    const uint32_t missing = greater(64, 2 * validators_count);
    const uint32_t pool = 1 + validators_count * (window + extra + missing);
    CR_ASSERT(pool <= UINT32_C(1) << CR_DAG_INDEX_BITS);

    uint32_t table = 1;
    while (table < 2 * pool)
        table *= 2;
    const size_t slots = (size_t)window * validators_count;
    const size_t refs = (size_t)pool * validators_count;
    *dag = (struct cr_dag){
        .validators_count = validators_count,
        .window = window,
        .pool_max = pool,
        .extra_max = extra,
        .missing_max = missing,
        .key = key,
        .pool = cr_arena_take(arena, pool, sizeof *dag->pool),
        .refs = cr_arena_take(arena, refs, sizeof *dag->refs),
        .links = cr_arena_take(arena, refs, sizeof *dag->links),
        .rounds = cr_arena_take(arena, window, sizeof *dag->rounds),
        .slots = cr_arena_take(arena, slots, sizeof *dag->slots),
        .table = cr_arena_take(arena, table, sizeof *dag->table),
        .table_mask = table - 1,
        .ready = cr_arena_take(arena, pool, sizeof *dag->ready),
        .stack = cr_arena_take(arena, pool, sizeof *dag->stack),
    };
    if (dag->pool == NULL) return;
    for (uint32_t i = pool - 1; i > 0; i--) {
        dag->pool[i].id = i;
        dag->pool[i].round_next = dag->free_first;
        dag->free_first = i;
    }
}

void cr_dag_start_at(struct cr_dag *dag, uint32_t gc_round)
{
    CR_ASSERT(dag->accepted + dag->suspended + dag->missing == 0);
    dag->gc_round = gc_round;
    dag->highest = greater(dag->highest, gc_round);
}

/* ---- the pool ---- */

static struct cr_dag_vertex *take(struct cr_dag *dag, uint32_t round, uint32_t author,
                                  const struct cr_hash *digest)
{
    CR_ASSERT(dag->free_first != 0); /* the quotas add up to the pool */
    struct cr_dag_vertex *v = &dag->pool[dag->free_first];
    dag->free_first = v->round_next;

    struct cr_dag_round *in = cr_dag_round(dag, round);
    *v = (struct cr_dag_vertex){.id = v->id,
                                .digest = *digest,
                                .round = round,
                                .author = author,
                                .state = CR_DAG_MISSING,
                                .round_next = in->first};
    in->first = cr_dag_index(v->id);
    cr_dag_table_add(dag, v);
    const size_t row = (size_t)cr_dag_index(v->id) * dag->validators_count;
    memset(&dag->refs[row], 0, dag->validators_count * sizeof dag->refs[0]);
    return v;
}

/* The next generation of the index: ids that still point here resolve to NULL. */
static void give_back(struct cr_dag *dag, struct cr_dag_vertex *v)
{
    cr_dag_table_remove(dag, v);
    v->state = CR_DAG_FREE;
    v->id += UINT32_C(1) << CR_DAG_INDEX_BITS;
    v->round_next = dag->free_first;
    dag->free_first = cr_dag_index(v->id);
}

/* ---- missing vertices ---- */

static struct cr_dag_vertex *add_missing(struct cr_dag *dag, const struct cr_ref *ref,
                                         const struct cr_dag_arrival *arrival, uint32_t payer)
{
    struct cr_dag_vertex *v = take(dag, ref->round, ref->author, &ref->digest);
    v->charged = payer;
    v->source = arrival->source;
    v->ask_at_us = arrival->ask_at_us;

    struct cr_dag_round *round = cr_dag_round(dag, ref->round);
    v->missing_next = round->missing;
    if (round->missing != 0) dag->pool[round->missing].missing_prev = cr_dag_index(v->id);
    round->missing = cr_dag_index(v->id);
    round->missing_count++;
    dag->missing_by[v->charged]++;
    dag->missing++;
    return v;
}

static void remove_missing(struct cr_dag *dag, struct cr_dag_vertex *v)
{
    struct cr_dag_round *round = cr_dag_round(dag, v->round);
    if (v->missing_next != 0) dag->pool[v->missing_next].missing_prev = v->missing_prev;
    if (v->missing_prev != 0)
        dag->pool[v->missing_prev].missing_next = v->missing_next;
    else
        round->missing = v->missing_next;
    CR_ASSERT(round->missing_count > 0);
    CR_ASSERT(dag->missing_by[v->charged] > 0);
    round->missing_count--;
    dag->missing_by[v->charged]--;
    dag->missing--;
}

/* ---- arrival ---- */

/* The index-th reference of a header, parents first. */
static bool reference(const struct cr_header *header, uint32_t author, struct cr_ref *out)
{
    if (!cr_authors_has(&header->parents, author)) return false;
    *out = (struct cr_ref){header->round - 1, author, header->parent_digests[author]};
    return true;
}

static uint32_t new_missing(const struct cr_dag *dag, const struct cr_header *header)
{
    uint32_t count = 0;
    struct cr_ref ref;
    for (uint32_t a = 0; a < dag->validators_count; a++) {
        if (!reference(header, a, &ref) || ref.round <= dag->gc_round) continue;
        if (cr_dag_find(dag, ref.round, ref.author, &ref.digest) == NULL) count++;
    }
    for (uint32_t i = 0; i < header->old_count; i++) {
        const struct cr_ref *old = &header->old[i];
        if (old->round <= dag->gc_round) continue;
        if (cr_dag_find(dag, old->round, old->author, &old->digest) == NULL) count++;
    }
    return count;
}

struct claim {
    const struct cr_dag_vertex *missing; /* its entry, when something references it */
    uint32_t brings_up;                  /* missing vertices */
    bool copy;                           /* not the first of its slot */
    bool many;                           /* the slot holds all the copies that come for free */
    bool wanted;
};

static bool can_pay(const struct cr_dag *dag, uint32_t author, const struct claim *claim)
{
    const uint32_t copies = claim->wanted ? dag->extra_max : dag->extra_max / 2;
    const uint32_t missing = claim->wanted ? dag->missing_max : dag->missing_max / 2;
    const bool refund = claim->missing != NULL && claim->missing->charged == author;
    if (claim->copy && dag->extra[author] >= copies) {
        CR_COVER(copies_of_an_author_at_their_limit);
        return false;
    }
    return dag->missing_by[author] + claim->brings_up - (refund ? 1 : 0) <= missing;
}

/* validators_count: nobody. */
static uint32_t payer_of(const struct cr_dag *dag, const struct cr_dag_arrival *arrival,
                         const struct claim *claim)
{
    const uint32_t n = dag->validators_count;
    const uint32_t author = arrival->header->author;
    const bool returning = arrival->returning;
    for (uint32_t i = 0; i < n && returning; i++) {
        if (can_pay(dag, (author + i) % n, claim)) return (author + i) % n;
    }
    if (claim->missing == NULL) {
        if (claim->many) CR_COVER(copies_of_a_slot_at_their_limit);
        if (!claim->many && can_pay(dag, author, claim)) return author;
        const bool other = arrival->source != author;
        return other && can_pay(dag, arrival->source, claim) ? arrival->source : n;
    }
    for (uint32_t at = claim->missing->waiting; at != 0; at = dag->links[at - 1]) {
        const uint32_t payer = dag->pool[(at - 1) / n].payer;
        if (can_pay(dag, payer, claim)) return payer;
    }
    return can_pay(dag, claim->missing->charged, claim) ? claim->missing->charged : n;
}

/* Counting what is missing costs a look-up for each reference, so it is tried without first. */
static uint32_t find_payer(const struct cr_dag *dag, const struct cr_dag_arrival *arrival)
{
    const struct cr_header *header = arrival->header;
    const struct cr_dag_vertex *v =
        cr_dag_find(dag, header->round, header->author, arrival->digest);
    const struct cr_dag_slot *slot = cr_dag_slot(dag, header->round, header->author);
    struct claim claim = {.missing = v,
                          .brings_up = cr_authors_count(&header->parents) + header->old_count,
                          .copy = slot->held > 0,
                          .many = slot->held >= CR_VARIANTS_MAX,
                          .wanted = v != NULL || arrival->returning};
    uint32_t payer = payer_of(dag, arrival, &claim);
    if (payer < dag->validators_count) return payer;
    claim.brings_up = new_missing(dag, header);
    return payer_of(dag, arrival, &claim);
}

bool cr_dag_has_room(const struct cr_dag *dag, const struct cr_dag_arrival *arrival)
{
    const struct cr_header *header = arrival->header;
    if (!cr_dag_in_window(dag, header->round)) return false;
    return find_payer(dag, arrival) < dag->validators_count;
}

static void enter_slot(struct cr_dag *dag, struct cr_dag_vertex *v)
{
    struct cr_dag_slot *slot = cr_dag_slot(dag, v->round, v->author);
    uint32_t *at = &slot->first;
    while (*at != 0 && cr_hash_compare(&dag->pool[*at].digest, &v->digest) < 0)
        at = &dag->pool[*at].slot_next;
    v->slot_next = *at;
    *at = cr_dag_index(v->id);
    if (slot->held++ == 0) return;

    CR_COVER(second_copy_held);
    v->spare = true;
    dag->extra[v->payer]++;
    dag->equivocal[v->author] = greater(dag->equivocal[v->author], v->round);
    cr_dag_round(dag, v->round)->variants = true;
}

/* Somebody else has built on what only its author was known to have, and its author may keep it
 * back for ever: now ask the other one. */
static void retell(struct cr_dag_vertex *to, const struct cr_dag_arrival *arrival)
{
    if (to->state != CR_DAG_MISSING) return;
    if (to->source != to->author || arrival->source == to->author) return;
    to->source = arrival->source;
    to->asks = 0;
    to->ask_at_us = arrival->ask_at_us;
}

static void refer(struct cr_dag *dag, struct cr_dag_vertex *v, const struct cr_ref *ref,
                  const struct cr_dag_arrival *arrival)
{
    if (ref->round <= dag->gc_round) return;
    struct cr_dag_vertex *to = cr_dag_find(dag, ref->round, ref->author, &ref->digest);
    if (to == NULL)
        to = add_missing(dag, ref, arrival, v->payer);
    else
        retell(to, arrival);

    const uint32_t link = cr_dag_index(v->id) * dag->validators_count + ref->author; /* < 2^25 */
    dag->refs[link] = to->id;
    if (to->state == CR_DAG_ACCEPTED || ref->round <= arrival->wait_above) return;
    dag->links[link] = to->waiting;
    to->waiting = link + 1;
    v->waits++;
}

static void push_ready(struct cr_dag *dag, const struct cr_dag_vertex *v)
{
    CR_ASSERT(dag->ready_count < dag->pool_max);
    dag->ready[(dag->ready_head + dag->ready_count++) % dag->pool_max] = v->id;
}

struct cr_dag_vertex *cr_dag_insert(struct cr_dag *dag, const struct cr_dag_arrival *arrival)
{
    const struct cr_header *header = arrival->header;
    CR_ASSERT(arrival->wait_above >= dag->gc_round);
    const uint32_t payer = find_payer(dag, arrival);
    CR_ASSERT(payer < dag->validators_count); /* cr_dag_has_room said so */
    struct cr_dag_vertex *v = cr_dag_find(dag, header->round, header->author, arrival->digest);
    if (v == NULL) {
        v = take(dag, header->round, header->author, arrival->digest);
    } else {
        CR_ASSERT(v->state == CR_DAG_MISSING);
        remove_missing(dag, v);
    }
    v->state = CR_DAG_SUSPENDED;
    v->body = arrival->body;
    v->timestamp_ms = header->timestamp_ms;
    v->parents = header->parents;
    v->payload = header->payload_count > 0;
    v->waits = arrival->holds;
    v->payer = payer;
    v->spare = false;
    dag->suspended++;
    enter_slot(dag, v);

    struct cr_ref ref;
    for (uint32_t a = 0; a < dag->validators_count; a++) {
        if (reference(header, a, &ref)) refer(dag, v, &ref, arrival);
    }
    for (uint32_t i = 0; i < header->old_count; i++) {
        cr_authors_add(&v->old, header->old[i].author);
        refer(dag, v, &header->old[i], arrival);
    }
    if (v->waits == 0) push_ready(dag, v);
    return v;
}

static void waited(struct cr_dag *dag, struct cr_dag_vertex *v)
{
    CR_ASSERT(v->state == CR_DAG_SUSPENDED);
    CR_ASSERT(v->waits > 0);
    if (--v->waits == 0) push_ready(dag, v);
}

void cr_dag_unhold(struct cr_dag *dag, struct cr_dag_vertex *v)
{
    waited(dag, v);
}

static void let_children_go(struct cr_dag *dag, struct cr_dag_vertex *v)
{
    while (v->waiting != 0) {
        const uint32_t link = v->waiting - 1;
        v->waiting = dag->links[link];
        waited(dag, &dag->pool[link / dag->validators_count]);
    }
}

void cr_dag_stop_waiting(struct cr_dag *dag, uint32_t from, uint32_t to)
{
    if (from <= dag->gc_round) from = dag->gc_round + 1;
    for (uint32_t round = from; round <= to; round++) {
        for (uint32_t i = cr_dag_round(dag, round)->first; i != 0; i = dag->pool[i].round_next)
            let_children_go(dag, &dag->pool[i]);
    }
}

struct cr_dag_vertex *cr_dag_next_ready(struct cr_dag *dag)
{
    while (dag->ready_count > 0) {
        const uint32_t id = dag->ready[dag->ready_head];
        dag->ready_head = (dag->ready_head + 1) % dag->pool_max;
        dag->ready_count--;
        struct cr_dag_vertex *v = cr_dag_get(dag, id);
        if (v != NULL) return v;
        CR_COVER(horizon_took_what_was_ready);
    }
    return NULL;
}

/* ---- acceptance ---- */

/* Whoever is accepted in this round already cannot have referenced `v`. */
static void count_votes(struct cr_dag *dag, struct cr_dag_vertex *v)
{
    if (cr_dag_in_window(dag, v->round + 1))
        v->nonvoters = cr_dag_round(dag, v->round + 1)->present;
    if (!cr_dag_in_window(dag, v->round - 1)) return;

    CR_ASSERT(dag->pool != NULL); /* clang's analyzer cannot know it */
    for (uint32_t a = 0; a < dag->validators_count; a++) {
        const struct cr_dag_vertex *choice =
            cr_authors_has(&v->parents, a) ? cr_dag_ref(dag, v, a) : NULL;
        struct cr_dag_vertex *b = cr_dag_slot_first(dag, v->round - 1, a);
        for (; b != NULL; b = cr_dag_slot_next(dag, b)) {
            if (b->state != CR_DAG_ACCEPTED) continue;
            cr_authors_add(b == choice ? &b->voters : &b->nonvoters, v->author);
        }
    }
}

static void note_gaps(struct cr_dag *dag, const struct cr_dag_vertex *v)
{
    for (uint32_t a = 0; a < dag->validators_count; a++) {
        const struct cr_dag_vertex *to = cr_dag_ref(dag, v, a);
        if (to == NULL || to->state == CR_DAG_ACCEPTED) continue;
        CR_COVER(gap);
        dag->gap_round = greater(dag->gap_round, to->round);
    }
}

void cr_dag_accept(struct cr_dag *dag, struct cr_dag_vertex *v)
{
    CR_ASSERT(v->state == CR_DAG_SUSPENDED);
    CR_ASSERT(v->waits == 0);
    CR_ASSERT(v->round > dag->gc_round);
    v->state = CR_DAG_ACCEPTED;
    dag->suspended--;
    dag->accepted++;
    count_votes(dag, v);
    note_gaps(dag, v);
    cr_authors_add(&cr_dag_round(dag, v->round)->present, v->author);
    dag->highest = greater(dag->highest, v->round);
    dag->last_round[v->author] = greater(dag->last_round[v->author], v->round);
    let_children_go(dag, v);
}

/* ---- the horizon ---- */

void cr_dag_release(struct cr_dag *dag, struct cr_dag_vertex *v)
{
    struct cr_dag_round *round = cr_dag_round(dag, v->round);
    CR_ASSERT(v->round == dag->gc_round + 1);
    CR_ASSERT(round->first == cr_dag_index(v->id)); /* from the front of the list */
    round->first = v->round_next;

    switch (v->state) {
    case CR_DAG_MISSING: remove_missing(dag, v); break;
    case CR_DAG_SUSPENDED: dag->suspended--; break;
    case CR_DAG_ACCEPTED: dag->accepted--; break;
    case CR_DAG_FREE: CR_UNREACHABLE();
    }
    if (v->state != CR_DAG_MISSING && v->spare) dag->extra[v->payer]--;
    let_children_go(dag, v);
    give_back(dag, v);
}

void cr_dag_raise_horizon(struct cr_dag *dag)
{
    struct cr_dag_round *round = cr_dag_round(dag, dag->gc_round + 1);
    CR_ASSERT(round->first == 0);
    CR_ASSERT(round->missing_count == 0);
    for (uint32_t a = 0; a < dag->validators_count; a++)
        *cr_dag_slot(dag, dag->gc_round + 1, a) = (struct cr_dag_slot){0};
    *round = (struct cr_dag_round){0};
    dag->gc_round++;
    dag->highest = greater(dag->highest, dag->gc_round);
}
