/* SPDX-License-Identifier: Apache-2.0 */
/* attest.c: what others say about our own past (docs/protocol.md 5.5).
 *
 * Every vertex attests three chains: (commit index, digest), (executed index, effects digest) and
 * (checkpoint index, state root). Who follows the same rules says the same of every index. An
 * author *contradicts* us as long as the newest statement of it that we can compare differs from
 * ours. Each digest covers the one before it, so two authors that contradict us at different
 * indices both do at the higher one: counting authors is counting at one and the same index.
 */
#include "base/cover.h"
#include "core/replica.h"

static const char *const reasons[CR_ATTESTED_COUNT] = {
    [CR_ATTESTED_COMMIT] = "more than a third of the stake attests other commits than ours",
    [CR_ATTESTED_EFFECTS] = "more than a third of the stake attests other effects than ours",
    [CR_ATTESTED_ROOT] = "more than a third of the stake attests another state than ours",
};

static struct cr_attest_own *slot_of(struct cr_core *core, enum cr_attested kind, uint64_t index)
{
    return &core->attest.own[kind][index % CR_ATTEST_KEPT];
}

const struct cr_hash *cr_attest_find(const struct cr_core *core, enum cr_attested kind,
                                     uint64_t index)
{
    const struct cr_attest_own *own = &core->attest.own[kind][index % CR_ATTEST_KEPT];
    return index > 0 && own->index == index ? &own->digest : NULL;
}

static void contradict(struct cr_core *core, enum cr_attested kind, uint32_t author,
                       const struct cr_contradiction *said)
{
    struct cr_authors *differing = &core->attest.differing[kind];
    core->attest.differences_total++;
    core->attest.differed[kind][author] = *said;
    cr_authors_add(differing, author);
    if (cr_committee_stake_of(core->committee, differing) > core->committee->faulty)
        cr_core_halt(core, reasons[kind]);
}

void cr_attest_range(struct cr_core *core, uint32_t peer, uint64_t index, const struct cr_hash *own,
                     const struct cr_hash *claimed)
{
    CR_COVER(peer_contradicts_us_in_a_range);
    const struct cr_contradiction said = {
        .index = index, .own = *own, .claimed = *claimed, .vertex = {.author = peer}};
    contradict(core, CR_ATTESTED_COMMIT, peer, &said);
}

static void judge(struct cr_core *core, enum cr_attested kind, uint32_t author)
{
    struct cr_attest_claim *claim = &core->attest.claims[kind][author];
    const struct cr_attest_own *own = slot_of(core, kind, claim->index);
    claim->waits = false;
    if (own->index != claim->index) return; /* too old, or one that we were never told */
    if (cr_hash_equal(&own->digest, &claim->digest)) {
        cr_authors_remove(&core->attest.differing[kind], author);
        return;
    }
    const struct cr_contradiction said = {
        .index = claim->index,
        .own = own->digest,
        .claimed = claim->digest,
        .vertex = {.round = claim->round, .author = author, .digest = claim->vertex},
    };
    contradict(core, kind, author, &said);
}

void cr_attest_own(struct cr_core *core, enum cr_attested kind, uint64_t index,
                   const struct cr_hash *digest)
{
    if (index == 0) return;
    if (index > core->attest.head[kind]) core->attest.head[kind] = index;
    *slot_of(core, kind, index) = (struct cr_attest_own){.index = index, .digest = *digest};
    for (uint32_t author = 0; author < core->validators_count; author++) {
        const struct cr_attest_claim *claim = &core->attest.claims[kind][author];
        if (claim->waits && claim->index <= index) judge(core, kind, author);
    }
}

/* The newest statement of an author and the one before are about one index: they prove something
 * when they differ and both vertices are at hand. Once for each author. */
static void compare(struct cr_core *core, const struct cr_attest_claim *last,
                    const struct cr_attest_claim *claim, const struct cr_event_vertex *arrival)
{
    const uint32_t author = arrival->header->author;
    if (claim->index == 0 || claim->index != last->index) return;
    if (cr_hash_equal(&claim->digest, &last->digest)) return;
    const struct cr_dag_vertex *v = cr_dag_find(&core->dag, last->round, author, &last->vertex);
    if (v == NULL || v->state == CR_DAG_MISSING) return;
    if (cr_authors_has(&core->attest.reported, author)) return;
    CR_COVER(two_statements_about_one_index);
    cr_authors_add(&core->attest.reported, author);
    struct cr_effect *evidence = cr_core_emit(core, CR_EFFECT_EVIDENCE);
    evidence->body = arrival->body;
    evidence->body_other = v->body;
}

static void hear(struct cr_core *core, enum cr_attested kind, const struct cr_attest_claim *claim,
                 const struct cr_event_vertex *arrival)
{
    const uint32_t author = arrival->header->author;
    struct cr_attest_claim *last = &core->attest.claims[kind][author];
    compare(core, last, claim, arrival);
    /* A statement ahead of us waits until we get there. One at a time: the first, or an author that
     * is always ahead would never be compared. */
    if (claim->index == 0 || claim->round <= last->round) return;
    if (last->waits && claim->index > core->attest.head[kind]) return;
    *last = *claim;
    last->waits = claim->index > core->attest.head[kind];
    if (!last->waits) judge(core, kind, author);
}

void cr_attest_hear(struct cr_core *core, const struct cr_event_vertex *arrival)
{
    const struct cr_header *header = arrival->header;
    const struct cr_attest_claim said[CR_ATTESTED_COUNT] = {
        [CR_ATTESTED_COMMIT] = {.index = header->commit_index, .digest = header->commit_digest},
        [CR_ATTESTED_EFFECTS] = {.index = header->executed_index, .digest = header->effects_digest},
        [CR_ATTESTED_ROOT] = {.index = header->checkpoint_index, .digest = header->state_root},
    };
    if (header->author == core->self) return; /* an earlier life of ours is no witness */
    for (uint32_t kind = 0; kind < CR_ATTESTED_COUNT; kind++) {
        struct cr_attest_claim claim = said[kind];
        claim.round = header->round;
        claim.vertex = arrival->digest;
        hear(core, (enum cr_attested)kind, &claim, arrival);
    }
}

bool cr_core_contradiction(const struct cr_core *core, enum cr_attested kind, uint32_t author,
                           struct cr_contradiction *out)
{
    CR_ASSERT(author < core->validators_count);
    if (!cr_authors_has(&core->attest.differing[kind], author)) return false;
    *out = core->attest.differed[kind][author];
    return true;
}
