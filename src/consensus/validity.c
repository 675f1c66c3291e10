/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus/validity.h"

#define ROW(name, code, text) {name, text},
static const struct {
    enum cr_verdict verdict;
    const char *text;
} rows[] = {CR_VERDICTS(ROW)};
_Static_assert(CR_COUNT_OF(rows) == CR_VERDICTS_COUNT, "the count is right");

const char *cr_verdict_text(enum cr_verdict verdict)
{
    for (size_t i = 0; i < CR_COUNT_OF(rows); i++) {
        if (rows[i].verdict == verdict) return rows[i].text;
    }
    return "unknown verdict";
}

static bool within_width(const struct cr_committee *committee, const struct cr_header *header)
{
    const uint32_t n = committee->validators_count;
    if (header->validators_count != n) return false;
    if (cr_authors_next(&header->parents, 0) >= n) return false; /* a quorum is never empty */
    for (uint32_t a = n; a < CR_VALIDATORS_MAX; a++) {
        if (cr_authors_has(&header->parents, a)) return false;
    }
    if (header->old_count > CR_OLD_PARENTS_MAX) return false;
    for (uint32_t i = 0; i < header->old_count; i++) {
        if (header->old[i].author >= n) return false;
    }
    return true;
}

/* Every reference lies above the author's own horizon, so gc_round <= round - 2. */
static bool horizon_fits(const struct cr_header *header)
{
    if (header->round < 2) return header->gc_round == 0 && header->old_count == 0;
    if (header->gc_round > header->round - 2) return false;
    for (uint32_t i = 0; i < header->old_count; i++) {
        if (header->old[i].round <= header->gc_round) return false;
        if (header->old[i].round >= header->round - 1) return false;
        if (cr_authors_has(&header->parents, header->old[i].author)) return false;
    }
    return true;
}

/* Its own earlier vertex is among the references, unless the author just jumped over its own
 * horizon, where nothing of its own can be left. */
static bool own_parent_fits(const struct cr_header *header)
{
    if (cr_authors_has(&header->parents, header->author)) return true;
    for (uint32_t i = 0; i < header->old_count; i++) {
        if (header->old[i].author == header->author) return true;
    }
    return header->round >= 2 && header->gc_round == header->round - 2;
}

static bool genesis_fits(const struct cr_committee *committee, const struct cr_header *header)
{
    if (header->round != 1) return true;
    for (uint32_t a = 0; a < committee->validators_count; a++) {
        if (!cr_authors_has(&header->parents, a)) continue;
        const struct cr_hash genesis = cr_committee_genesis_digest(committee, a);
        if (!cr_hash_equal(&genesis, &header->parent_digests[a])) return false;
    }
    return true;
}

enum cr_verdict cr_header_judge(const struct cr_committee *committee,
                                const struct cr_header *header)
{
    /* A neighbour is before or behind an end that we see at another moment: no fault of his. */
    if (header->epoch + 1 == committee->epoch) return CR_VERDICT_OLD;
    if (header->epoch == committee->epoch + 1) return CR_VERDICT_FAR;
    if (header->epoch != committee->epoch) return CR_VERDICT_EPOCH;
    if (header->author >= committee->validators_count) return CR_VERDICT_AUTHOR;
    if (committee->stake[header->author] == 0) return CR_VERDICT_AUTHOR;
    if (header->round == 0) return CR_VERDICT_OLD;
    if (!within_width(committee, header)) return CR_VERDICT_WIDTH;
    if (header->payload_bytes > CR_PAYLOAD_BYTES_MAX) return CR_VERDICT_PAYLOAD;
    if (header->payload_count > CR_PAYLOAD_TXS_MAX) return CR_VERDICT_PAYLOAD;
    if (!horizon_fits(header)) return CR_VERDICT_GC_ROUND;
    if (cr_committee_stake_of(committee, &header->parents) < committee->quorum)
        return CR_VERDICT_QUORUM;
    if (!own_parent_fits(header)) return CR_VERDICT_SELF_PARENT;
    if (!genesis_fits(committee, header)) return CR_VERDICT_GENESIS;
    return CR_VERDICT_OK;
}
