/* SPDX-License-Identifier: Apache-2.0 */
/* oracle.h: the rules of docs/protocol.md 5 and 6, written down once more, by definition.
 *
 * Nothing is kept from one question to the next, nothing is counted before it is asked for, and no
 * code is shared with decide.c, chain.c and schedule.c. It reads headers only; `known` says which.
 * Slow and short, so that it can be checked against the text. For tests; include it after scene.h,
 * once. Scores (6.3) are not in it: nobody is bad here. */
#ifndef CR_CONSENSUS_ORACLE_H
#define CR_CONSENSUS_ORACLE_H

enum { ORACLE_AUTHORS = 10, ORACLE_ROUNDS = 40, NOBODY = -1 };

struct oracle_slot {
    enum cr_decision decision;
    int vertex; /* when committed */
};

struct oracle {
    const struct scene *scene; /* vertices in ascending rounds */
    bool known[SCENE_VERTICES_MAX];
    bool committed[SCENE_VERTICES_MAX];
    int parent[SCENE_VERTICES_MAX][ORACLE_AUTHORS];
    int old[SCENE_VERTICES_MAX][ORACLE_AUTHORS];
    int begin[ORACLE_ROUNDS + 4]; /* first vertex of a round */
    int highest;
    /* After the last commit. */
    int leader_round, gc_round;
    uint64_t time, schedule;
    bool absent[ORACLE_AUTHORS];
    bool in_time[ORACLE_AUTHORS][8]; /* for the i-th last commit */
    struct oracle_slot slots[ORACLE_ROUNDS][ORACLE_AUTHORS];
};

static int oracle_authors(const struct oracle *o)
{
    return (int)o->scene->committee.validators_count;
}

static uint32_t oracle_author(const struct oracle *o, int x)
{
    return o->scene->vertices[x].header.author;
}

static int oracle_round(const struct oracle *o, int x)
{
    return (int)o->scene->vertices[x].header.round;
}

static int oracle_named(const struct oracle *o, const struct cr_hash *digest)
{
    for (int i = 0; i < (int)o->scene->count; i++) {
        if (cr_hash_equal(&o->scene->vertices[i].digest, digest)) return i;
    }
    return NOBODY;
}

static void oracle_read(struct oracle *o, const struct scene *scene)
{
    memset(o, 0, sizeof *o);
    o->scene = scene;
    o->schedule = 1;
    for (int x = 0; x < (int)scene->count; x++) {
        const struct cr_header *header = &scene->vertices[x].header;
        o->highest = (int)header->round;
        for (int a = 0; a < ORACLE_AUTHORS; a++) {
            o->parent[x][a] = o->old[x][a] = NOBODY;
            if (cr_authors_has(&header->parents, (uint32_t)a))
                o->parent[x][a] = oracle_named(o, &header->parent_digests[a]);
        }
        for (uint32_t k = 0; k < header->old_count; k++)
            o->old[x][header->old[k].author] = oracle_named(o, &header->old[k].digest);
    }
    CR_ASSERT(o->highest < ORACLE_ROUNDS);
    for (int r = 0; r < ORACLE_ROUNDS + 4; r++) {
        while (o->begin[r] < (int)scene->count && oracle_round(o, o->begin[r]) < r)
            o->begin[r]++;
    }
}

static bool oracle_quorum(const struct oracle *o, const bool *authors)
{
    uint64_t stake = 0;
    for (int a = 0; a < oracle_authors(o); a++)
        stake += authors[a] ? o->scene->committee.stake[a] : 0;
    return stake >= o->scene->committee.quorum;
}

/* ---- 5: decisions ---- */

/* 5.1, with the leader clause of 3.4. */
static bool oracle_certifies(const struct oracle *o, int x, int b)
{
    const uint32_t leader = oracle_author(o, b);
    bool votes[ORACLE_AUTHORS] = {0}, other = false;
    for (int a = 0; a < oracle_authors(o); a++) {
        const int p = o->parent[x][a];
        if (p == NOBODY || o->parent[p][leader] == NOBODY) continue;
        if (o->parent[p][leader] == b)
            votes[a] = true;
        else
            other = true;
    }
    return oracle_quorum(o, votes) && !(other && o->parent[x][leader] != NOBODY);
}

/* 5.2 */
static struct oracle_slot oracle_direct(const struct oracle *o, int round, int leader)
{
    bool present[ORACLE_AUTHORS] = {0};
    for (int x = o->begin[round + 1]; x < o->begin[round + 2]; x++)
        present[oracle_author(o, x)] |= o->known[x];
    bool skip = oracle_quorum(o, present);
    for (int b = o->begin[round]; b < o->begin[round + 1]; b++) {
        if (!o->known[b] || (int)oracle_author(o, b) != leader) continue;
        bool certify[ORACLE_AUTHORS] = {0}, refuse[ORACLE_AUTHORS] = {0};
        for (int x = o->begin[round + 1]; x < o->begin[round + 2]; x++)
            refuse[oracle_author(o, x)] |= o->known[x] && o->parent[x][leader] != b;
        for (int x = o->begin[round + 2]; x < o->begin[round + 3]; x++)
            certify[oracle_author(o, x)] |= o->known[x] && oracle_certifies(o, x, b);
        if (oracle_quorum(o, certify)) return (struct oracle_slot){CR_DECISION_COMMIT, b};
        if (!oracle_quorum(o, refuse)) skip = false;
    }
    return (struct oracle_slot){skip ? CR_DECISION_SKIP : CR_DECISION_NONE, NOBODY};
}

static void oracle_cone(const struct oracle *o, int x, int above, bool *cone)
{
    if (x == NOBODY || oracle_round(o, x) <= above || cone[x]) return;
    cone[x] = true;
    for (int a = 0; a < oracle_authors(o); a++) {
        oracle_cone(o, o->parent[x][a], above, cone);
        oracle_cone(o, o->old[x][a], above, cone);
    }
}

/* 6.2: the permutation of a round. */
static int oracle_leaders(const struct oracle *o, int round, int *order)
{
    int left[ORACLE_AUTHORS], count = 0, drawn = 0;
    for (int a = 0; a < oracle_authors(o); a++) {
        if (!o->absent[a]) left[count++] = a;
    }
    while (count > 0) {
        uint8_t text[63] = "creto/leaders/1";
        memcpy(text + 15, o->scene->committee.seed.bytes, 32);
        for (int i = 0; i < 8; i++)
            text[47 + i] = (uint8_t)(o->schedule >> 8 * i);
        text[55] = (uint8_t)round;       /* < 256 here */
        text[59] = (uint8_t)(drawn / 4); /* likewise */
        const struct cr_hash hash = cr_hash_of(text, sizeof text);
        uint64_t number = 0, stake = 0;
        for (int i = 7; i >= 0; i--)
            number = number << 8 | hash.bytes[8 * (drawn % 4) + i];
        for (int i = 0; i < count; i++)
            stake += o->scene->committee.stake[left[i]];
        uint64_t point = (uint64_t)((cr_u128)number * stake >> 64);
        int at = 0;
        for (; point >= o->scene->committee.stake[left[at]]; at++)
            point -= o->scene->committee.stake[left[at]];
        order[drawn++] = left[at];
        count--;
        for (; at < count; at++)
            left[at] = left[at + 1];
    }
    return drawn;
}

/* 5.3 */
static struct oracle_slot oracle_indirect(const struct oracle *o, int round, int leader)
{
    const struct oracle_slot *anchor = NULL;
    for (int r = round + 3; r <= o->highest && anchor == NULL; r++) {
        int order[ORACLE_AUTHORS];
        const int count = oracle_leaders(o, r, order);
        for (int i = 0; i < count && anchor == NULL; i++) {
            if (o->slots[r][order[i]].decision != CR_DECISION_SKIP) anchor = &o->slots[r][order[i]];
        }
    }
    if (anchor == NULL || anchor->decision == CR_DECISION_NONE)
        return (struct oracle_slot){CR_DECISION_NONE, NOBODY};
    bool cone[SCENE_VERTICES_MAX] = {0};
    oracle_cone(o, anchor->vertex, round, cone);
    for (int b = o->begin[round]; b < o->begin[round + 1]; b++) {
        if (!o->known[b] || (int)oracle_author(o, b) != leader) continue;
        for (int x = o->begin[round + 2]; x < o->begin[round + 3]; x++) {
            if (cone[x] && oracle_certifies(o, x, b))
                return (struct oracle_slot){CR_DECISION_COMMIT, b};
        }
    }
    return (struct oracle_slot){CR_DECISION_SKIP, NOBODY};
}

/* Everything above the last leader round, under the schedule of now. */
static void oracle_decide(struct oracle *o)
{
    for (int round = o->highest; round > o->leader_round; round--) {
        for (int a = 0; a < oracle_authors(o); a++) {
            struct oracle_slot slot = {CR_DECISION_NONE, NOBODY};
            if (!o->absent[a]) slot = oracle_direct(o, round, a);
            if (!o->absent[a] && slot.decision == CR_DECISION_NONE)
                slot = oracle_indirect(o, round, a);
            o->slots[round][a] = slot;
        }
    }
}

/* ---- 6: commits ---- */

/* 6.1. Returns 0: no round can be committed now. */
static int oracle_next_round(const struct oracle *o)
{
    for (int round = o->leader_round + 1; round <= o->highest; round++) {
        bool committed = false;
        for (int a = 0; a < oracle_authors(o); a++) {
            if (o->absent[a]) continue;
            if (o->slots[round][a].decision == CR_DECISION_NONE) return 0;
            if (o->slots[round][a].decision == CR_DECISION_COMMIT) committed = true;
        }
        if (committed) return round;
    }
    return 0;
}

static int oracle_before(const struct oracle *o, int x, int y)
{
    const struct scene_vertex *a = &o->scene->vertices[x], *b = &o->scene->vertices[y];
    if (a->header.round != b->header.round) return a->header.round < b->header.round;
    if (a->header.author != b->header.author) return a->header.author < b->header.author;
    return memcmp(a->digest.bytes, b->digest.bytes, CR_HASH_BYTES) < 0;
}

/* 6.4 */
static int oracle_list(struct oracle *o, const int *leaders, int count, int *list)
{
    bool cone[SCENE_VERTICES_MAX] = {0};
    int listed = 0;
    for (int i = 0; i < count; i++)
        oracle_cone(o, leaders[i], o->gc_round, cone);
    for (int x = 0; x < (int)o->scene->count; x++) {
        if (!cone[x] || o->committed[x]) continue;
        int at = listed++;
        for (; at > 0 && oracle_before(o, x, list[at - 1]); at--)
            list[at] = list[at - 1];
        list[at] = x;
        o->committed[x] = true;
    }
    return listed;
}

/* 6.5: the lowest time at which half of the stake has spoken. */
static uint64_t oracle_median(const struct oracle *o, const int *said)
{
    uint64_t best = UINT64_MAX;
    for (int a = 0; a < oracle_authors(o); a++) {
        if (said[a] == NOBODY) continue;
        const uint64_t time = o->scene->vertices[said[a]].header.timestamp_ms;
        uint64_t upto = 0, total = 0;
        for (int b = 0; b < oracle_authors(o); b++) {
            if (said[b] == NOBODY) continue;
            const uint64_t stake = o->scene->committee.stake[b];
            total += stake;
            if (o->scene->vertices[said[b]].header.timestamp_ms <= time) upto += stake;
        }
        if (2 * upto >= total && time < best) best = time;
    }
    return best;
}

static uint64_t oracle_time(const struct oracle *o, const int *leaders, int count)
{
    int said[ORACLE_AUTHORS];
    for (int a = 0; a < ORACLE_AUTHORS; a++)
        said[a] = NOBODY;
    for (int i = 0; i < count; i++) {
        if (oracle_round(o, leaders[i]) == 1) said[oracle_author(o, leaders[i])] = leaders[i];
        for (int a = 0; a < oracle_authors(o); a++) {
            const int p = o->parent[leaders[i]][a];
            if (p != NOBODY && (said[a] == NOBODY || oracle_before(o, p, said[a]))) said[a] = p;
        }
    }
    const uint64_t median = oracle_median(o, said);
    return median > o->time ? median : o->time;
}

/* 6.2: who is absent after this commit. */
static void oracle_advance(struct oracle *o, const int *leaders, int count)
{
    const uint64_t *stake = o->scene->committee.stake;
    bool was[ORACLE_AUTHORS], allowed[ORACLE_AUTHORS] = {0};
    memcpy(was, o->absent, sizeof was);
    for (int a = 0; a < oracle_authors(o); a++) {
        bool now = false;
        uint64_t with = 0, all = 0;
        for (int i = 0; i < count; i++) {
            const uint32_t leader = oracle_author(o, leaders[i]);
            if ((int)leader == a) now = true;
            all += stake[leader];
            /* In round 1 the parents are genesis: they are there, too. */
            if (cr_authors_has(&o->scene->vertices[leaders[i]].header.parents, (uint32_t)a))
                with += stake[leader];
        }
        if (was[a] && 2 * with > all) now = true;
        memmove(&o->in_time[a][1], &o->in_time[a][0], 7 * sizeof(bool));
        o->in_time[a][0] = now;
        bool always = true;
        for (int i = 0; i < 8; i++)
            always = always && o->in_time[a][i];
        if (always) o->absent[a] = false;
    }
    for (int a = 0; a < oracle_authors(o); a++) {
        bool never = true;
        for (int i = 0; i < 8; i++)
            never = never && !o->in_time[a][i];
        for (int b = 0; b < oracle_authors(o); b++)
            allowed[b] = !o->absent[b] && b != a;
        if (never && oracle_quorum(o, allowed)) o->absent[a] = true;
    }
    if (memcmp(was, o->absent, sizeof was) != 0) o->schedule++;
}

#endif
