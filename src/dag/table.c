/* SPDX-License-Identifier: Apache-2.0 */
#include "dag/table.h"

#include "base/prng.h"

/* A keyed mix of the whole digest: without the key nobody can choose digests that collide here. The
 * digests themselves are compared in full. */
static uint32_t home(const struct cr_dag *dag, const struct cr_hash *digest)
{
    struct cr_prng mix = {dag->key};
    for (uint32_t i = 0; i < CR_HASH_BYTES; i += 8) {
        mix.state ^= cr_load_le(digest->bytes + i, 8);
        mix.state = cr_prng_next(&mix);
    }
    return (uint32_t)(mix.state >> 32) & dag->table_mask;
}

static bool same(const struct cr_dag_vertex *v, uint32_t round, uint32_t author,
                 const struct cr_hash *digest)
{
    return v->round == round && v->author == author && cr_hash_equal(&v->digest, digest);
}

/* The place where it is, or where it would be. */
static uint32_t place(const struct cr_dag *dag, uint32_t round, uint32_t author,
                      const struct cr_hash *digest)
{
    uint32_t at = home(dag, digest);
    while (dag->table[at] != 0 && !same(&dag->pool[dag->table[at]], round, author, digest))
        at = (at + 1) & dag->table_mask;
    return at;
}

struct cr_dag_vertex *cr_dag_find(const struct cr_dag *dag, uint32_t round, uint32_t author,
                                  const struct cr_hash *digest)
{
    /* Mostly it is the only one of its slot. Round and author may be anything a peer has sent. */
    const bool known = cr_dag_in_window(dag, round) && author < dag->validators_count;
    if (known && cr_dag_slot(dag, round, author)->held == 1) {
        struct cr_dag_vertex *held = cr_dag_slot_first(dag, round, author);
        CR_ASSERT(held != NULL);
        if (cr_hash_equal(&held->digest, digest)) return held;
    }
    const uint32_t index = dag->table[place(dag, round, author, digest)];
    return index != 0 ? &dag->pool[index] : NULL;
}

void cr_dag_table_add(struct cr_dag *dag, const struct cr_dag_vertex *v)
{
    const uint32_t at = place(dag, v->round, v->author, &v->digest);
    CR_ASSERT(dag->table[at] == 0);
    dag->table[at] = cr_dag_index(v->id);
}

/* Moves later entries of the run back over the hole unless that would put one before its home. */
void cr_dag_table_remove(struct cr_dag *dag, const struct cr_dag_vertex *v)
{
    uint32_t hole = place(dag, v->round, v->author, &v->digest);
    CR_ASSERT(dag->table[hole] == cr_dag_index(v->id));
    for (uint32_t at = (hole + 1) & dag->table_mask; dag->table[at] != 0;
         at = (at + 1) & dag->table_mask) {
        const uint32_t wanted = home(dag, &dag->pool[dag->table[at]].digest);
        if (((at - wanted) & dag->table_mask) < ((at - hole) & dag->table_mask)) continue;
        dag->table[hole] = dag->table[at];
        hole = at;
    }
    dag->table[hole] = 0;
}

void cr_dag_table_check(const struct cr_dag *dag)
{
    uint32_t entries = 0;
    for (uint32_t at = 0; at <= dag->table_mask; at++) {
        if (dag->table[at] == 0) continue;
        entries++;
        const struct cr_dag_vertex *v = &dag->pool[dag->table[at]];
        CR_ASSERT(v->state != CR_DAG_FREE);
        CR_ASSERT(cr_dag_find(dag, v->round, v->author, &v->digest) == v);
    }
    CR_ASSERT(entries == dag->accepted + dag->suspended + dag->missing);
}
