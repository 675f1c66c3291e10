/* SPDX-License-Identifier: Apache-2.0 */
/* scene.h: small DAGs for tests, written as text or drawn at random, and a decider over them.
 *
 * "r1: a b c d; r2: a b(abc) c(a'bc) d(bcd a1)" : rounds in order; a letter is an author, a quote
 * its second copy; in parentheses what it references: the round before, or a letter and a round
 * digit for an older vertex. Without parentheses: the first copies of everybody in the round
 * before. One test program includes it once. */
#ifndef CR_CONSENSUS_SCENE_H
#define CR_CONSENSUS_SCENE_H

#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "consensus/chain.h"
#include "crypto/hash.h"

enum { SCENE_VERTICES_MAX = 512, SCENE_MEMORY = 24 * 1024 * 1024 };

struct scene_vertex {
    struct cr_header header;
    struct cr_hash digest;
    uint32_t copy;
};

struct scene {
    struct cr_committee committee;
    struct cr_schedule schedule;
    struct cr_dag dag;
    struct cr_decider decider;
    void *memory;
    struct scene_vertex *vertices;
    uint32_t count;
};

static void scene_init(struct scene *s, uint32_t validators, const uint64_t *stakes)
{
    uint64_t equal[CR_VALIDATORS_MAX];
    const struct cr_hash genesis_id = {{9}};
    for (uint32_t a = 0; a < CR_VALIDATORS_MAX; a++)
        equal[a] = 1;
    if (s->memory == NULL) s->memory = aligned_alloc(64, SCENE_MEMORY);
    if (s->vertices == NULL) s->vertices = malloc(SCENE_VERTICES_MAX * sizeof *s->vertices);
    const enum cr_err err = cr_committee_init(&s->committee, &genesis_id, 0,
                                              stakes != NULL ? stakes : equal, validators);
    CR_ASSERT(err == CR_OK);
    struct cr_arena arena;
    cr_arena_init(&arena, s->memory, SCENE_MEMORY);
    cr_schedule_init(&s->schedule, &s->committee);
    cr_dag_init(&s->dag, &arena, validators, 64, 0);
    cr_decider_init(&s->decider, &arena, &s->dag, &s->committee, &s->schedule);
    s->count = 0;
}

static void scene_free(struct scene *s)
{
    free(s->memory);
    free(s->vertices);
    memset(s, 0, sizeof *s);
}

static struct scene_vertex *scene_find(struct scene *s, uint32_t round, uint32_t author,
                                       uint32_t copy)
{
    for (uint32_t i = 0; i < s->count; i++) {
        struct scene_vertex *v = &s->vertices[i];
        if (v->header.round == round && v->header.author == author && v->copy == copy) return v;
    }
    return NULL;
}

static struct scene_vertex *scene_add(struct scene *s, uint32_t round, uint32_t author,
                                      uint32_t copy)
{
    CR_ASSERT(s->count < SCENE_VERTICES_MAX);
    CR_ASSERT(scene_find(s, round, author, copy) == NULL);
    const uint32_t name[] = {round, author, copy};
    struct scene_vertex *v = &s->vertices[s->count++];
    memset(v, 0, sizeof *v);
    v->header.round = round;
    v->header.author = author;
    v->header.validators_count = s->committee.validators_count;
    v->header.timestamp_ms = round * 100 + author;
    v->digest = cr_hash_of(name, sizeof name);
    v->copy = copy;
    return v;
}

/* References copy `copy` of (round, author); round 0 is genesis. */
static void scene_refer(struct scene *s, struct scene_vertex *from, uint32_t round, uint32_t author,
                        uint32_t copy)
{
    struct cr_header *header = &from->header;
    struct cr_hash digest = cr_committee_genesis_digest(&s->committee, author);
    if (round > 0) {
        const struct scene_vertex *to = scene_find(s, round, author, copy);
        CR_ASSERT(to != NULL);
        digest = to->digest;
    }
    if (round + 1 == header->round) {
        cr_authors_add(&header->parents, author);
        header->parent_digests[author] = digest;
    } else {
        header->old[header->old_count++] = (struct cr_ref){round, author, digest};
    }
}

static void scene_refer_all(struct scene *s, struct scene_vertex *v)
{
    const uint32_t before = v->header.round - 1;
    for (uint32_t a = 0; a < s->committee.validators_count; a++) {
        if (before == 0 || scene_find(s, before, a, 0) != NULL) scene_refer(s, v, before, a, 0);
    }
}

static const char *scene_copy(const char *at, uint32_t *copy)
{
    for (*copy = 0; *at == '\''; at++)
        ++*copy;
    return at;
}

static const char *scene_refs(struct scene *s, struct scene_vertex *v, const char *at)
{
    for (; *at != ')'; at++) {
        if (*at == ' ') continue;
        const uint32_t author = (uint32_t)(*at - 'a');
        uint32_t copy, round = v->header.round - 1;
        at = scene_copy(at + 1, &copy);
        if (*at >= '1' && *at <= '9') round = (uint32_t)(*at++ - '0');
        scene_refer(s, v, round, author, copy);
        at--;
    }
    return at + 1;
}

__attribute__((unused)) static void scene_parse(struct scene *s, const char *at)
{
    uint32_t round = 0;
    while (*at != 0) {
        if (*at == 'r' && at[1] >= '1' && at[1] <= '9') {
            round = (uint32_t)strtoul(at + 1, NULL, 10);
            at = strchr(at, ':') + 1;
        } else if (*at >= 'a' && *at <= 'z') {
            uint32_t copy;
            const uint32_t author = (uint32_t)(*at - 'a');
            at = scene_copy(at + 1, &copy);
            struct scene_vertex *v = scene_add(s, round, author, copy);
            if (*at == '(')
                at = scene_refs(s, v, at + 1);
            else
                scene_refer_all(s, v);
        } else {
            at++;
        }
    }
}

static void scene_settle(struct scene *s)
{
    for (struct cr_dag_vertex *v = cr_dag_next_ready(&s->dag); v != NULL;
         v = cr_dag_next_ready(&s->dag)) {
        cr_dag_accept(&s->dag, v);
        cr_decider_accept(&s->decider, v);
    }
}

/* The i-th vertex arrives. */
static void scene_feed(struct scene *s, uint32_t i)
{
    const struct scene_vertex *v = &s->vertices[i];
    const struct cr_dag_arrival arrival = {.header = &v->header,
                                           .digest = &v->digest,
                                           .body = i,
                                           .wait_above = s->dag.gc_round,
                                           .returning = true};
    CR_ASSERT(cr_dag_has_room(&s->dag, &arrival));
    cr_dag_insert(&s->dag, &arrival);
    scene_settle(s);
}

static void scene_feed_all(struct scene *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        scene_feed(s, i);
}

/* Fisher-Yates. */
static void scene_shuffle(uint32_t *order, uint32_t count, struct cr_prng *random)
{
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        const uint32_t j = (uint32_t)cr_prng_below(random, i);
        const uint32_t swapped = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swapped;
    }
}

/* ---- random scenes ---- */

/* A random set of references to round - 1 that holds a quorum and, when it exists, the own vertex.
 * Of authors with several copies any one. */
static void scene_refer_random(struct scene *s, struct scene_vertex *v, struct cr_prng *random)
{
    const uint32_t n = s->committee.validators_count;
    const uint32_t before = v->header.round - 1;
    uint32_t order[CR_VALIDATORS_MAX];
    scene_shuffle(order, n, random);
    const uint64_t more = cr_prng_below(random, 3);
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < n; i++) {
            const uint32_t a = order[i];
            uint32_t copies = 0;
            while (before > 0 && scene_find(s, before, a, copies) != NULL)
                copies++;
            if ((pass == 0) != (a == v->header.author)) continue;
            const bool enough =
                cr_committee_stake_of(&s->committee, &v->header.parents) >= s->committee.quorum;
            if (enough && cr_prng_below(random, 3) > more) continue;
            if (before == 0)
                scene_refer(s, v, 0, a, 0);
            else if (copies > 0)
                scene_refer(s, v, before, a, (uint32_t)cr_prng_below(random, copies));
            else if (before > 1 && cr_prng_below(random, 2) && scene_find(s, before - 1, a, 0))
                scene_refer(s, v, before - 1, a, 0);
        }
    }
}

/* Authors below `liars` make up to three copies or none; every other author may be silent now and
 * then as long as the quorum of a round stands. */
static void scene_draw(struct scene *s, uint32_t rounds, uint32_t liars, struct cr_prng *random)
{
    const uint32_t n = s->committee.validators_count;
    for (uint32_t round = 1; round <= rounds; round++) {
        uint64_t silent = 0;
        for (uint32_t a = 0; a < n; a++) {
            uint64_t copies = 1;
            if (a < liars) copies = cr_prng_below(random, 4);
            const uint64_t stake = s->committee.stake[a];
            if (a >= liars && cr_prng_below(random, 6) == 0) copies = 0;
            if (copies == 0 && silent + stake > s->committee.faulty) copies = 1;
            if (copies == 0) silent += stake;
            for (uint32_t copy = 0; copy < copies; copy++)
                scene_refer_random(s, scene_add(s, round, a, copy), random);
        }
    }
}

#endif
