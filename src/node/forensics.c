/* SPDX-License-Identifier: Apache-2.0 */
#include "node/forensics.h"

#include <stdlib.h>
#include <string.h>

#include "node/verify.h"
#include "store/commit_record.h"

enum { PAIRS_MAX = 4096 }; /* judged; each costs two heads of memory */

/* The first vertex seen in a slot. */
struct slot {
    uint64_t epoch;
    uint32_t round;
    uint32_t author; /* + 1; 0: free */
    struct cr_hash digest;
    uint32_t pair; /* index + 1: a second one was seen, too */
};

struct pair {
    struct cr_hash digests[2];
    uint8_t *heads[2]; /* encoded vertices, from the second pass */
    size_t bytes[2];
};

struct known_commit {
    struct cr_hash digest; /* zero: not in the log */
    uint64_t epoch;
};

struct commits {
    struct known_commit *list; /* by index */
    uint64_t count, count_max;
};

struct search {
    const struct cr_roster *roster;
    struct cr_finding *finding;
    struct slot *slots; /* open addressing */
    size_t slots_mask, slots_used;
    struct commits commits[2];
    uint32_t side;
    bool memory_out;
    struct cr_vertex vertex;
    uint32_t pairs_count;
    struct pair pairs[PAIRS_MAX];
    uint8_t evidence[CR_EVIDENCE_BYTES_MAX];
};

/* ---- slots ---- */

static size_t place_of(const struct search *search, uint64_t epoch, uint32_t round, uint32_t author)
{
    uint64_t mixed = (epoch << 40) ^ ((uint64_t)round << 8) ^ author;
    mixed *= UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(mixed >> 20) & search->slots_mask;
}

static struct slot *slot_at(const struct search *search, const struct cr_header *header)
{
    size_t at = place_of(search, header->epoch, header->round, header->author);
    for (;; at = (at + 1) & search->slots_mask) {
        struct slot *slot = &search->slots[at];
        if (slot->author == 0) return slot;
        if (slot->author == header->author + 1 && slot->round == header->round &&
            slot->epoch == header->epoch)
            return slot;
    }
}

static bool grow(struct search *search)
{
    struct search larger = {.slots_mask = search->slots ? 2 * search->slots_mask + 1 : 0xffff};
    larger.slots = calloc(larger.slots_mask + 1, sizeof *larger.slots);
    if (!larger.slots) return false;
    for (size_t i = 0; search->slots && i <= search->slots_mask; i++) {
        const struct slot *slot = &search->slots[i];
        if (slot->author == 0) continue;
        size_t at = place_of(&larger, slot->epoch, slot->round, slot->author - 1);
        while (larger.slots[at].author != 0)
            at = (at + 1) & larger.slots_mask;
        larger.slots[at] = *slot;
    }
    free(search->slots);
    search->slots = larger.slots;
    search->slots_mask = larger.slots_mask;
    return true;
}

/* ---- first pass: which slots hold two, which commits differ ---- */

static bool note_vertex(struct search *search)
{
    const struct cr_header *header = &search->vertex.header;
    if (search->slots_used * 2 > search->slots_mask && !grow(search)) return false;
    struct slot *slot = slot_at(search, header);
    if (slot->author == 0) {
        *slot = (struct slot){.epoch = header->epoch,
                              .round = header->round,
                              .author = header->author + 1,
                              .digest = search->vertex.digest};
        search->slots_used++;
        search->finding->vertices++;
    } else if (slot->pair == 0 && !cr_hash_equal(&slot->digest, &search->vertex.digest)) {
        search->finding->vertices++;
        if (search->pairs_count == PAIRS_MAX) return true;
        search->pairs[search->pairs_count++] =
            (struct pair){.digests = {slot->digest, search->vertex.digest}};
        slot->pair = search->pairs_count;
    }
    return true;
}

static bool note_commit(struct commits *commits, const struct cr_commit *commit)
{
    /* Indices of a log are consecutive: a gap this wide is no log of ours. */
    if (commit->index > commits->count + (1u << 20)) return true;
    if (commit->index >= commits->count_max) {
        const uint64_t wanted = 2 * commit->index + 1024;
        struct known_commit *more = realloc(commits->list, wanted * sizeof *more);
        if (!more) return false;
        memset(more + commits->count_max, 0, (wanted - commits->count_max) * sizeof *more);
        commits->list = more;
        commits->count_max = wanted;
    }
    commits->list[commit->index] = (struct known_commit){cr_commit_digest(commit), commit->epoch};
    if (commit->index >= commits->count) commits->count = commit->index + 1;
    return true;
}

static bool first_pass(void *context, enum cr_log_kind kind, const uint8_t *body, size_t bytes)
{
    struct search *search = context;
    bool enough_memory = true;
    if (kind == CR_LOG_VERTEX && cr_vertex_decode(body, bytes, &search->vertex) == CR_OK) {
        enough_memory = note_vertex(search);
    } else if (kind == CR_LOG_COMMIT) {
        struct cr_commit_record record;
        struct cr_commit commit;
        struct cr_ref *refs;
        if (cr_commit_record_decode(body, bytes, &record, &commit, &refs) == CR_OK)
            enough_memory = note_commit(&search->commits[search->side], &commit);
        free(refs);
    }
    search->memory_out = !enough_memory;
    return enough_memory;
}

static void compare_commits(const struct search *search, struct cr_finding *out)
{
    const struct commits *a = &search->commits[0], *b = &search->commits[1];
    const uint64_t both = a->count < b->count ? a->count : b->count;
    for (uint32_t side = 0; side < 2; side++)
        out->tips[side] = search->commits[side].count > 0 ? search->commits[side].count - 1 : 0;
    out->epoch = CR_GENESIS_EPOCH;
    for (uint64_t i = 1; i < both; i++) {
        const struct known_commit *in_a = &a->list[i], *in_b = &b->list[i];
        if (cr_hash_is_zero(&in_a->digest) || cr_hash_is_zero(&in_b->digest)) continue;
        /* An epoch that ended in one of them only has the members of the last common one. */
        if (in_a->epoch == in_b->epoch) out->epoch = in_a->epoch;
        if (!cr_hash_equal(&in_a->digest, &in_b->digest)) {
            out->conflict = i;
            out->digests[0] = in_a->digest;
            out->digests[1] = in_b->digest;
            return;
        }
        out->common = i;
    }
}

/* ---- second pass: the proofs ---- */

/* Only the head of a vertex is signed and kept: its payload is not needed. */
static bool second_pass(void *context, enum cr_log_kind kind, const uint8_t *body, size_t bytes)
{
    struct search *search = context;
    const struct cr_vertex *vertex = &search->vertex;
    if (kind != CR_LOG_VERTEX || cr_vertex_decode(body, bytes, &search->vertex) != CR_OK)
        return true;
    const struct slot *slot = slot_at(search, &vertex->header);
    if (slot->pair == 0) return true;
    struct pair *pair = &search->pairs[slot->pair - 1];
    for (uint32_t i = 0; i < 2; i++) {
        if (pair->heads[i] || !cr_hash_equal(&pair->digests[i], &vertex->digest)) continue;
        pair->heads[i] = malloc(bytes);
        search->memory_out = !pair->heads[i];
        if (search->memory_out) return false;
        memcpy(pair->heads[i], body, bytes);
        pair->bytes[i] = bytes;
    }
    return true;
}

static bool is_named(const struct cr_finding *finding, uint32_t author)
{
    for (uint32_t i = 0; i < finding->culprits_count; i++) {
        if (finding->culprits[i].author == author) return true;
    }
    return false;
}

static void judge(struct search *search, const struct pair *pair)
{
    struct cr_finding *finding = search->finding;
    struct cr_culprit found;
    size_t count = 0;
    if (pair->heads[0] && pair->heads[1])
        count = cr_evidence_encode(pair->heads[0], pair->bytes[0], pair->heads[1], pair->bytes[1],
                                   search->evidence);
    if (count == 0 || !cr_forensics_verify(search->roster, search->evidence, count, &found)) {
        finding->unverified++;
        return;
    }
    if (is_named(finding, found.author)) return;
    found.evidence = malloc(count);
    search->memory_out = !found.evidence;
    if (search->memory_out) return;
    memcpy(found.evidence, search->evidence, count);
    found.evidence_bytes = count;
    finding->guilty_stake += cr_roster_stake(search->roster, finding->epoch, found.author);
    finding->culprits[finding->culprits_count++] = found;
}

static int by_author(const void *a, const void *b)
{
    const struct cr_culprit *first = a, *second = b;
    return (first->author > second->author) - (first->author < second->author);
}

bool cr_forensics_verify(const struct cr_roster *roster, const uint8_t *evidence, size_t bytes,
                         struct cr_culprit *out)
{
    struct cr_evidence *decoded = malloc(sizeof *decoded);
    bool proved = false;
    if (decoded && cr_evidence_decode(evidence, bytes, decoded) == CR_OK) {
        const struct cr_header *header = &decoded->vertices[0].header;
        const struct cr_genesis_validator *validator = cr_roster_find(roster, header->author);
        if (header->epoch >= CR_GENESIS_EPOCH && validator) {
            const struct cr_hash *id = &roster->chain.genesis->id;
            struct cr_prepared_key *key = cr_verifier()->prepare(&validator->consensus_key);
            proved = cr_verify_vertex(&decoded->vertices[0], key, id) &&
                     cr_verify_vertex(&decoded->vertices[1], key, id);
            cr_verifier()->forget(key);
            *out = (struct cr_culprit){.author = header->author,
                                       .conflict =
                                           cr_header_conflict(header, &decoded->vertices[1].header),
                                       .epoch = header->epoch,
                                       .round = header->round};
        }
    }
    free(decoded);
    return proved;
}

/* ---- both ---- */

static enum cr_err survey(struct search *search, const char *const logs[2], cr_log_visit *visit,
                          struct cr_store_failure *failure)
{
    for (search->side = 0; search->side < 2; search->side++) {
        const enum cr_err err =
            cr_log_survey(logs[search->side], &search->roster->chain.genesis->id, visit, search,
                          &search->finding->surveys[search->side], failure);
        if (err != CR_OK) return err;
        if (search->memory_out) {
            *failure = (struct cr_store_failure){.err = CR_ERR_FULL, .text = "memory is out"};
            return CR_ERR_FULL;
        }
    }
    return CR_OK;
}

static void give_up(struct search *search)
{
    for (uint32_t i = 0; i < search->pairs_count; i++) {
        free(search->pairs[i].heads[0]);
        free(search->pairs[i].heads[1]);
    }
    free(search->slots);
    free(search->commits[0].list);
    free(search->commits[1].list);
    free(search);
}

enum cr_err cr_forensics(const struct cr_roster *roster, const char *const logs[2],
                         struct cr_finding *out, struct cr_store_failure *failure)
{
    memset(out, 0, sizeof *out);
    struct search *search = calloc(1, sizeof *search);
    if (!search || !grow(search)) {
        free(search);
        *failure = (struct cr_store_failure){.err = CR_ERR_FULL, .text = "memory is out"};
        return CR_ERR_FULL;
    }
    search->roster = roster;
    search->finding = out;
    enum cr_err err = survey(search, logs, first_pass, failure);
    if (err == CR_OK) compare_commits(search, out);
    out->total_stake = cr_roster_total(roster, out->epoch);
    if (err == CR_OK && search->pairs_count > 0) err = survey(search, logs, second_pass, failure);
    for (uint32_t i = 0; err == CR_OK && i < search->pairs_count; i++)
        judge(search, &search->pairs[i]);
    qsort(out->culprits, out->culprits_count, sizeof out->culprits[0], by_author);
    if (search->memory_out) err = CR_ERR_FULL;
    give_up(search);
    return err;
}

void cr_finding_free(struct cr_finding *finding)
{
    for (uint32_t i = 0; i < finding->culprits_count; i++)
        free(finding->culprits[i].evidence);
    finding->culprits_count = 0;
}
