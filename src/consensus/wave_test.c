/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the three facts behind protocol 10 (1-3), for every DAG of one wave. Method: exhaustive.
 * Four validators, F = 1; author 0 leads slot (r, 0) and may have two copies of everything. Every
 * vertex of rounds r + 1 and r + 2 takes every possible set of parents, every vertex of round r + 3
 * is a possible anchor. Whole DAGs suffice: what a part of one decides, the whole decides, too.
 * Anchors higher up see one of these. No code of the product: this is about the rule. */
#include <stdio.h>

#include "base/unit.h"

enum {
    AUTHORS = 4,
    VERTICES = 5, /* of a round: author 0 twice, then 1, 2, 3 */
    NONE = 0,     /* votes: for no copy, the first, the second */
    CHOICES_MAX = 8,
};

static const unsigned author_of[VERTICES] = {0, 0, 1, 2, 3};

struct rule {
    unsigned quorum, skip_quorum; /* 3 */
    bool early;                   /* a bug: the anchor is of round r + 2 */
};

struct totals {
    uint64_t dags, commits, skips, anchors;
    uint64_t both;      /* a slot committed and skipped directly */
    uint64_t two;       /* both copies have certificates */
    uint64_t forgotten; /* committed directly, and an anchor sees no certificate */
    uint64_t revived;   /* skipped directly, and an anchor sees a certificate */
};

/* All sets of parents of a vertex: masks over VERTICES of the round below with one vertex per
 * author, its own author among them, of a quorum. */
static unsigned list_parents(unsigned vertex, unsigned masks[CHOICES_MAX])
{
    unsigned count = 0;
    for (unsigned mask = 1; mask < 1u << VERTICES; mask++) {
        if ((mask & 3) == 3 || __builtin_popcount(mask) < 3) continue;
        const unsigned own = author_of[vertex] == 0 ? 3u : 1u << vertex;
        if ((mask & own) == 0) continue;
        CR_ASSERT(count < CHOICES_MAX);
        masks[count++] = mask;
    }
    return count;
}

static unsigned stake(unsigned vertices)
{
    return (unsigned)__builtin_popcount(vertices >> 1 | (vertices & 1));
}

/* The vertices of round r + 2 that are certificates, for each copy. */
static void certify(const struct rule *rule, const unsigned votes[3],
                    const unsigned parents[VERTICES], unsigned certificates[3])
{
    certificates[1] = certificates[2] = 0;
    for (unsigned x = 0; x < VERTICES; x++) {
        for (unsigned copy = 1; copy <= 2; copy++) {
            if (stake(parents[x] & votes[copy]) >= rule->quorum) certificates[copy] |= 1u << x;
        }
    }
}

static void judge(const struct rule *rule, const unsigned votes[3],
                  const unsigned parents[VERTICES], struct totals *totals)
{
    const unsigned all = (1u << VERTICES) - 1;
    unsigned certificates[3], commit = NONE;
    certify(rule, votes, parents, certificates);
    for (unsigned copy = 1; copy <= 2; copy++) {
        if (stake(certificates[copy]) >= rule->quorum) commit = copy;
    }
    const bool skip =
        stake(all & ~votes[1]) >= rule->skip_quorum && stake(all & ~votes[2]) >= rule->skip_quorum;
    totals->dags++;
    totals->commits += commit != NONE;
    totals->skips += skip;
    totals->both += skip && commit != NONE;
    totals->two += certificates[1] != 0 && certificates[2] != 0;
    for (unsigned vertex = 0; vertex < VERTICES; vertex++) {
        unsigned masks[CHOICES_MAX];
        const unsigned count = rule->early ? 1 : list_parents(vertex, masks);
        for (unsigned i = 0; i < count; i++) {
            const unsigned cone = rule->early ? 1u << vertex : masks[i];
            totals->anchors++;
            totals->forgotten += commit != NONE && (cone & certificates[commit]) == 0;
            totals->revived += skip && (cone & (certificates[1] | certificates[2])) != 0;
        }
    }
}

/* Every choice of parents in round r + 2. */
static void round_two(const struct rule *rule, const unsigned votes[3], unsigned vertex,
                      unsigned parents[VERTICES], struct totals *totals)
{
    if (vertex == VERTICES) {
        judge(rule, votes, parents, totals);
        return;
    }
    unsigned masks[CHOICES_MAX];
    const unsigned count = list_parents(vertex, masks);
    for (unsigned i = 0; i < count; i++) {
        parents[vertex] = masks[i];
        round_two(rule, votes, vertex + 1, parents, totals);
    }
}

/* Every choice of votes in round r + 1. Author 0 needs an own parent, so it votes for itself. */
static struct totals search(const struct rule *rule)
{
    struct totals totals = {0};
    for (unsigned code = 0; code < 3 * 3 * 3 * 3 * 3; code++) {
        unsigned votes[3] = {0}, rest = code, parents[VERTICES];
        for (unsigned x = 0; x < VERTICES; x++, rest /= 3)
            votes[rest % 3] |= 1u << x;
        if ((votes[NONE] & 3) == 0) round_two(rule, votes, 0, parents, &totals);
    }
    return totals;
}

static void the_rule_is_safe(void **state)
{
    (void)state;
    const struct totals totals = search(&(struct rule){.quorum = 3, .skip_quorum = 3});
    assert_int_equal(totals.dags, 108 * 7 * 7 * 7 * 8 * 8);
    assert_true(totals.commits > 0 && totals.skips > 0);
    assert_int_equal(totals.both, 0);
    assert_int_equal(totals.two, 0);
    assert_int_equal(totals.forgotten, 0);
    assert_int_equal(totals.revived, 0);
}

/* The search finds what is wrong with rules that are a little different. */
static void other_rules_are_not(void **state)
{
    (void)state;
    struct totals totals = search(&(struct rule){.quorum = 2, .skip_quorum = 3});
    assert_true(totals.both > 0 && totals.two > 0 && totals.forgotten > 0);
    totals = search(&(struct rule){.quorum = 3, .skip_quorum = 2});
    assert_true(totals.both > 0 && totals.revived > 0);
    totals = search(&(struct rule){.quorum = 3, .skip_quorum = 3, .early = true});
    assert_true(totals.forgotten > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rule_is_safe),
        cmocka_unit_test(other_rules_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
