/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus/chain.h"

#include "base/cover.h"

void cr_chain_init(struct cr_chain *chain, const struct cr_committee *committee, uint32_t gc_depth)
{
    *chain = (struct cr_chain){.committee = committee,
                               .gc_depth = gc_depth,
                               .end_round = UINT32_MAX,
                               .end_ms = UINT64_MAX};
}

void cr_chain_begin(struct cr_chain *chain, const struct cr_epoch *epoch, uint32_t rounds,
                    uint32_t ms)
{
    CR_ASSERT(epoch->number == chain->committee->epoch);
    chain->index = epoch->index;
    chain->digest = epoch->digest;
    chain->timestamp_ms = epoch->timestamp_ms;
    if (rounds > 0) chain->end_round = rounds;
    if (ms > 0) chain->end_ms = epoch->timestamp_ms + ms;
}

bool cr_chain_ends(const struct cr_chain *chain, uint32_t leader_round, uint64_t timestamp_ms)
{
    if (leader_round < CR_EPOCH_ROUNDS_MIN) return false;
    return leader_round >= chain->end_round || timestamp_ms >= chain->end_ms;
}

struct leaders {
    const struct cr_dag_vertex *vertex[CR_VALIDATORS_MAX];
    uint32_t count;
    uint64_t stake;
};

static struct cr_ref ref_of(const struct cr_dag_vertex *v)
{
    return (struct cr_ref){v->round, v->author, v->digest};
}

static bool wait_for_cone(void)
{
    CR_COVER(commit_waits_for_its_cone);
    return false;
}

/* Stamps what the leaders add: everything above the horizon that is reachable and not committed.
 * Not "down to the author's last committed round": a vertex that only others reference would be
 * lost. Returns false when something of it has not arrived. */
static bool walk(struct cr_dag *dag, uint32_t from, uint32_t stamp, uint32_t *lowest)
{
    uint32_t depth = 0;
    struct cr_dag_vertex *root = cr_dag_get(dag, from);
    CR_ASSERT(root != NULL);
    CR_ASSERT(!root->committed);
    if (root->stamp == stamp) return true;
    root->stamp = stamp;
    dag->stack[depth++] = from;
    while (depth > 0) {
        const struct cr_dag_vertex *v = &dag->pool[cr_dag_index(dag->stack[--depth])];
        if (v->round < *lowest) *lowest = v->round;
        for (uint32_t a = 0; a < dag->validators_count; a++) {
            struct cr_dag_vertex *to = cr_dag_ref(dag, v, a);
            if (to == NULL || to->committed || to->stamp == stamp) continue;
            if (to->state != CR_DAG_ACCEPTED) return wait_for_cone();
            to->stamp = stamp;
            CR_ASSERT(depth < dag->pool_max); /* each vertex once */
            dag->stack[depth++] = to->id;
        }
    }
    return true;
}

static void append(struct cr_chain_commit *out, struct cr_dag_vertex *v)
{
    const uint32_t at = out->record.vertices_count++;
    CR_ASSERT(out->record.leaders_count + at < out->refs_max);
    if (v->round == out->record.gc_round + 1) CR_COVER(committed_at_the_horizon);
    if (v->slot_next != 0) CR_COVER(equivocation_with_a_copy_committed);
    v->committed = true;
    out->refs[out->record.leaders_count + at] = ref_of(v);
    out->bodies[at] = v->body;
}

/* Ascending (round, author, digest): the rounds, the slots and their copies lie in that order. */
static void list(struct cr_dag *dag, uint32_t stamp, uint32_t lowest, uint32_t highest,
                 struct cr_chain_commit *out)
{
    out->record.vertices = out->refs + out->record.leaders_count;
    out->record.vertices_count = 0;
    for (uint32_t round = lowest; round <= highest; round++) {
        for (uint32_t a = 0; a < dag->validators_count; a++) {
            struct cr_dag_vertex *v = cr_dag_slot_first(dag, round, a);
            for (; v != NULL; v = cr_dag_slot_next(dag, v)) {
                if (v->state != CR_DAG_ACCEPTED || v->stamp != stamp || v->committed) continue;
                append(out, v);
            }
        }
    }
}

/* ---- agreed time ---- */

struct sample {
    uint64_t timestamp_ms;
    uint64_t stake;
};

/* The stake-weighted lower median. F of a quorum cannot move it outside what correct ones said. */
static uint64_t median(struct sample *samples, uint32_t count)
{
    uint64_t total = 0, below = 0;
    for (uint32_t i = 0; i < count; i++) {
        total += samples[i].stake;
        for (uint32_t j = i; j > 0 && samples[j - 1].timestamp_ms > samples[j].timestamp_ms; j--) {
            const struct sample swapped = samples[j];
            samples[j] = samples[j - 1];
            samples[j - 1] = swapped;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        below += samples[i].stake;
        if (below >= total - below) return samples[i].timestamp_ms;
    }
    CR_UNREACHABLE();
}

/* The copy of `author` that the leaders reference in the round before; of several, the one with the
 * lowest digest. */
static const struct cr_dag_vertex *parent_of(const struct cr_dag *dag,
                                             const struct leaders *leaders, uint32_t author)
{
    const struct cr_dag_vertex *found = NULL;
    for (uint32_t i = 0; i < leaders->count; i++) {
        if (!cr_authors_has(&leaders->vertex[i]->parents, author)) continue;
        const struct cr_dag_vertex *p = cr_dag_ref(dag, leaders->vertex[i], author);
        if (p == NULL) continue;
        if (found == NULL || cr_hash_compare(&p->digest, &found->digest) < 0) found = p;
    }
    return found;
}

static uint64_t agreed_time(const struct cr_chain *chain, const struct cr_dag *dag,
                            const struct leaders *leaders)
{
    struct sample samples[CR_VALIDATORS_MAX];
    uint32_t count = 0;
    for (uint32_t a = 0; a < dag->validators_count; a++) {
        const struct cr_dag_vertex *p = parent_of(dag, leaders, a);
        if (p == NULL) continue;
        samples[count++] = (struct sample){p->timestamp_ms, chain->committee->stake[a]};
    }
    for (uint32_t i = 0; count == 0 && i < leaders->count;
         i++) { /* round 1: parents have no time */
        const struct cr_dag_vertex *v = leaders->vertex[i];
        samples[i] = (struct sample){v->timestamp_ms, chain->committee->stake[v->author]};
        if (i + 1 == leaders->count) count = leaders->count;
    }
    const uint64_t time = median(samples, count);
    if (time < chain->timestamp_ms) CR_COVER(median_before_the_last_commit);
    return time > chain->timestamp_ms ? time : chain->timestamp_ms;
}

/* Present are the leaders of the commit, and of those who may not lead the ones whose vertex one
 * round lower was in time for more than half of these leaders (docs/protocol.md 6.2). */
static struct cr_authors in_time(const struct cr_committee *committee,
                                 const struct cr_schedule *schedule, const struct leaders *leaders)
{
    struct cr_authors set = {0};
    for (uint32_t i = 0; i < leaders->count; i++)
        cr_authors_add(&set, leaders->vertex[i]->author);
    for (uint32_t a = 0; a < committee->validators_count; a++) {
        if (cr_authors_has(&schedule->allowed, a)) continue;
        uint64_t stake = 0;
        for (uint32_t i = 0; i < leaders->count; i++) {
            if (cr_authors_has(&leaders->vertex[i]->parents, a))
                stake += committee->stake[leaders->vertex[i]->author];
        }
        if (stake > leaders->stake - stake) cr_authors_add(&set, a);
    }
    return set;
}

bool cr_chain_append(struct cr_chain *chain, struct cr_dag *dag, const struct cr_decider *decider,
                     uint32_t round, struct cr_chain_commit *out)
{
    CR_ASSERT(round > chain->leader_round);
    CR_ASSERT(!chain->closed);
    CR_ASSERT(dag->gc_round == chain->gc_round);
    uint32_t ids[CR_VALIDATORS_MAX];
    struct leaders leaders = {.count = cr_decider_leaders(decider, round, ids)};
    const uint32_t stamp = cr_dag_new_stamp(dag);
    uint32_t lowest = round;
    for (uint32_t i = 0; i < leaders.count; i++) {
        if (!walk(dag, ids[i], stamp, &lowest)) return false;
        leaders.vertex[i] = &dag->pool[cr_dag_index(ids[i])];
        leaders.stake += chain->committee->stake[leaders.vertex[i]->author];
        CR_ASSERT(i < out->refs_max);
        out->refs[i] = ref_of(leaders.vertex[i]);
    }

    out->record = (struct cr_commit){
        .index = chain->index + 1,
        .previous = chain->digest,
        .epoch = chain->committee->epoch,
        .row = chain->committee->row,
        .leader_round = round,
        .gc_round = round > chain->gc_depth ? round - chain->gc_depth : 0,
        .schedule = decider->schedule->number,
        .timestamp_ms = agreed_time(chain, dag, &leaders),
        .leaders_count = leaders.count,
        .leaders = out->refs,
    };
    out->record.closing = cr_chain_ends(chain, round, out->record.timestamp_ms);
    list(dag, stamp, lowest, round, out);
    out->digest = cr_commit_digest(&out->record);
    out->in_time = in_time(chain->committee, decider->schedule, &leaders);

    chain->index = out->record.index;
    chain->digest = out->digest;
    chain->leader_round = round;
    chain->gc_round = out->record.gc_round;
    chain->timestamp_ms = out->record.timestamp_ms;
    chain->closed = out->record.closing;
    return true;
}
