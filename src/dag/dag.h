/* SPDX-License-Identifier: Apache-2.0 */
/* dag.h: the vertices above the horizon: who referenced what, what is missing, who voted for whom.
 *
 * The DAG knows authors and rounds, but neither stake nor time nor messages: consensus/ decides on
 * it, core/ feeds and cleans it. A vertex is *missing* (somebody referenced it), then *suspended*
 * (we hold it, some reference is not accepted), then *accepted* (the whole cone above the horizon
 * is). Every state lives in one pool with one id, so that a reference never has to be redirected.
 *
 * An id is an index and a generation: an id whose vertex has been dropped resolves to NULL, which
 * every reader takes as "below the horizon".
 *
 * Pure; all memory comes from the arena. docs/protocol.md 3 and 4.
 *
 * Invariants:
 *   an accepted vertex has every reference accepted or at or below the horizon at its acceptance;
 *   `voters` and `nonvoters` are exactly what a recomputation from the references gives;
 *   counts per author stay within their quota, whatever arrives.
 */
#ifndef CR_DAG_DAG_H
#define CR_DAG_DAG_H

#include "base/arena.h"
#include "base/authors.h"
#include "wire/vertex.h"

enum {
    CR_DAG_NONE = 0,
    CR_DAG_INDEX_BITS = 18,
};

enum cr_dag_state {
    CR_DAG_FREE = 0,
    CR_DAG_MISSING,
    CR_DAG_SUSPENDED,
    CR_DAG_ACCEPTED,
};

struct cr_dag_vertex {
    struct cr_hash digest;
    uint32_t id;
    uint32_t round;
    uint32_t author;
    enum cr_dag_state state;

    /* Suspended and accepted. */
    uint32_t body;
    uint64_t timestamp_ms;
    struct cr_authors parents; /* authors referenced at round - 1 */
    struct cr_authors old;     /* authors referenced below round - 1 */
    uint32_t slot_next;        /* index: next held copy of this author and round, by digest */
    uint32_t waits;            /* references not accepted, and holds */
    uint32_t payer;            /* author whose quotas bear it and what it brings up */
    bool spare;                /* it came as a second copy: a spare of its payer */
    bool committed;
    bool own_cone; /* an ancestor of a vertex of ours, or ours */
    bool payload;  /* has transactions */
    bool gap;      /* something of its cone has not arrived; see gap_round */
    bool stored;   /* came from the log, or a STORE was ordered */

    /* Accepted: authors with a vertex of the next round that references this one, or does not
     * (an equivocator may be in both), and authors of certificates two rounds up. */
    struct cr_authors voters, nonvoters, certifiers;

    /* Missing. */
    uint32_t charged;                    /* payer of the vertex that brought the reference up */
    uint32_t source;                     /* peer that sent that vertex */
    uint32_t asks;                       /* requests sent so far */
    uint64_t ask_at_us;                  /* when to ask next */
    uint32_t missing_next, missing_prev; /* indices; list of the round */

    uint32_t waiting;    /* link + 1 of the first child that waits for this one */
    uint32_t round_next; /* index: all vertices of the round */
    uint32_t stamp;      /* marks of graph walks */
};

/* One author in one round. */
struct cr_dag_slot {
    uint32_t first; /* index: held copies (suspended or accepted), ascending digest */
    uint32_t held;
    bool evidence; /* an equivocation here has been reported */
};

struct cr_dag_round {
    struct cr_authors present; /* authors with an accepted vertex */
    bool variants;             /* some slot holds two copies */
    uint32_t first;            /* index: list over round_next */
    uint32_t missing;          /* index: list over missing_next */
    uint32_t missing_count;
};

struct cr_dag {
    uint32_t validators_count;
    uint32_t window;      /* rounds gc_round + 1 .. gc_round + window - 1 can be held */
    uint32_t pool_max;    /* index 0 is not used */
    uint32_t extra_max;   /* second and later copies that one author pays for */
    uint32_t missing_max; /* missing vertices that one author pays for */
    uint64_t key;

    uint32_t gc_round;
    uint32_t highest;   /* round of the highest accepted vertex */
    uint32_t gap_round; /* no accepted vertex lacks a reference above this round */
    uint32_t last_round[CR_VALIDATORS_MAX]; /* the same per author */
    uint32_t equivocal[CR_VALIDATORS_MAX];  /* highest round with two copies seen, per author */
    uint32_t extra[CR_VALIDATORS_MAX];
    uint32_t missing_by[CR_VALIDATORS_MAX];
    uint32_t accepted, suspended, missing;

    struct cr_dag_vertex *pool;
    uint32_t *refs;              /* [pool_max][validators_count]: ids by author */
    uint32_t *links;             /* the same shape: next child that waits for the same parent */
    struct cr_dag_round *rounds; /* [window] */
    struct cr_dag_slot *slots;   /* [window][validators_count] */
    uint32_t *table;             /* open addressing: indices */
    uint32_t table_mask;
    uint32_t *ready; /* [pool_max] ring of ids: nothing to wait for any more */
    uint32_t ready_head, ready_count;
    uint32_t *stack; /* [pool_max] of graph walks */
    uint32_t free_first;
    uint32_t stamp;
};

/* With a measuring arena it only counts; the DAG may not be used then. `window` is a power of 2. */
void cr_dag_init(struct cr_dag *dag, struct cr_arena *arena, uint32_t validators_count,
                 uint32_t window, uint64_t key);

static inline uint32_t cr_dag_index(uint32_t id)
{
    return id & ((UINT32_C(1) << CR_DAG_INDEX_BITS) - 1);
}

/* NULL: never was, or dropped since. */
static inline struct cr_dag_vertex *cr_dag_get(const struct cr_dag *dag, uint32_t id)
{
    struct cr_dag_vertex *v = &dag->pool[cr_dag_index(id)];
    return id != CR_DAG_NONE && v->state != CR_DAG_FREE && v->id == id ? v : NULL;
}

/* The vertex of `author` that `v` references; NULL: none, or below the horizon. */
static inline struct cr_dag_vertex *cr_dag_ref(const struct cr_dag *dag,
                                               const struct cr_dag_vertex *v, uint32_t author)
{
    return cr_dag_get(dag, dag->refs[(size_t)cr_dag_index(v->id) * dag->validators_count + author]);
}

static inline bool cr_dag_in_window(const struct cr_dag *dag, uint32_t round)
{
    return round > dag->gc_round && round - dag->gc_round < dag->window;
}

static inline struct cr_dag_round *cr_dag_round(const struct cr_dag *dag, uint32_t round)
{
    CR_ASSERT(cr_dag_in_window(dag, round));
    return &dag->rounds[round & (dag->window - 1)];
}

static inline struct cr_dag_slot *cr_dag_slot(const struct cr_dag *dag, uint32_t round,
                                              uint32_t author)
{
    CR_ASSERT(cr_dag_in_window(dag, round));
    CR_ASSERT(author < dag->validators_count);
    return &dag->slots[(size_t)(round & (dag->window - 1)) * dag->validators_count + author];
}

/* The held copies of a slot, ascending digest: for (v = first; v; v = next). */
static inline struct cr_dag_vertex *cr_dag_slot_first(const struct cr_dag *dag, uint32_t round,
                                                      uint32_t author)
{
    const uint32_t index = cr_dag_slot(dag, round, author)->first;
    return index != 0 ? &dag->pool[index] : NULL;
}

static inline struct cr_dag_vertex *cr_dag_slot_next(const struct cr_dag *dag,
                                                     const struct cr_dag_vertex *v)
{
    return v->slot_next != 0 ? &dag->pool[v->slot_next] : NULL;
}

/* All of round, author and digest must fit: a reference that lies about the round names another
 * vertex, one that never comes. */
struct cr_dag_vertex *cr_dag_find(const struct cr_dag *dag, uint32_t round, uint32_t author,
                                  const struct cr_hash *digest);

struct cr_dag_arrival {
    const struct cr_header *header; /* valid by itself (consensus/validity.h) */
    const struct cr_hash *digest;
    uint32_t body;
    uint32_t source;     /* peer that sent it: asked first for what is missing */
    uint64_t ask_at_us;  /* when to ask for it */
    uint32_t wait_above; /* wait only for references above this round, >= gc_round */
    uint32_t holds;      /* extra reasons to wait, each ended by cr_dag_unhold */
    bool returning;      /* it was held before a restart */
};
/* Whether the vertex may be held now: within the window, and somebody can pay for it. An author
 * pays for its own vertices up to half of its quotas, else the peer that sent it does: a correct
 * one sends what is committed, or asked for, or its own. For one that something held references
 * pays whoever pays for that, up to the whole of its quotas. So what liars build on and send
 * nobody else pays for, and what a correct author builds on or sends no liar can keep out. What
 * was held before a restart (`returning`) fitted then and fits now, whoever pays. Asks for header,
 * digest, source, returning. */
bool cr_dag_has_room(const struct cr_dag *dag, const struct cr_dag_arrival *arrival);
/* Takes a vertex that has room and is not held yet. It becomes ready when nothing is missing. */
struct cr_dag_vertex *cr_dag_insert(struct cr_dag *dag, const struct cr_dag_arrival *arrival);
void cr_dag_unhold(struct cr_dag *dag, struct cr_dag_vertex *v);

/* Nobody waits any longer for vertices of `from` and later, up to and including `to`. */
void cr_dag_stop_waiting(struct cr_dag *dag, uint32_t from, uint32_t to);

/* The next vertex to accept; NULL: none. */
struct cr_dag_vertex *cr_dag_next_ready(struct cr_dag *dag);
/* Counts its votes and lets its children go. */
void cr_dag_accept(struct cr_dag *dag, struct cr_dag_vertex *v);

/* Raises the horizon by one round. Every vertex of the new gc_round must have been released. */
void cr_dag_raise_horizon(struct cr_dag *dag);
/* Forgets a vertex of round gc_round + 1 and lets its children go. */
void cr_dag_release(struct cr_dag *dag, struct cr_dag_vertex *v);
/* Moves an empty DAG to a horizon (restart). */
void cr_dag_start_at(struct cr_dag *dag, uint32_t gc_round);

/* Begins a graph walk: every stamp differs from the returned one. */
uint32_t cr_dag_new_stamp(struct cr_dag *dag);
/* Stamps the accepted cone of `from` (itself too) down to round `lowest`. Vertices stamped already
 * are not entered again. */
void cr_dag_stamp_cone(struct cr_dag *dag, struct cr_dag_vertex *from, uint32_t lowest,
                       uint32_t stamp);

/* Marks the cone of a vertex of ours: `own_cone`. Each vertex is visited once in its life. */
void cr_dag_mark_own(struct cr_dag *dag, struct cr_dag_vertex *own);

/* Sets `gap` of all accepted vertices: a vertex of their cone above the horizon is not accepted.
 * Needed only while gap_round > gc_round; otherwise there is none, whatever the marks say. */
void cr_dag_mark_gaps(struct cr_dag *dag);

/* Recomputes everything from the references and asserts that it is the same; votes only above
 * `votes_above` (below it, sync may accept out of order). */
void cr_dag_check(const struct cr_dag *dag, uint32_t votes_above);

#endif
