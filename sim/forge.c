/* SPDX-License-Identifier: Apache-2.0 */
/* forge.c: vertices and frames that no correct node would make. Signatures are those of the
 * header's author: what the liar cannot sign, it signs badly. */
#include <string.h>

#include "base/prng.h"
#include "byz.h"
#include "consensus/committee.h"
#include "crypto/hash.h"

uint32_t cr_forge_head(const struct cr_header *header, uint32_t signer, uint8_t *out, size_t max)
{
    uint8_t signature[CR_MLDSA65_SIG_BYTES];
    uint8_t name[4];
    const struct cr_hash digest = cr_header_digest(out, cr_header_encode(header, out, max));
    cr_store_le(name, signer, sizeof name);
    cr_stub_sign(&digest, name, sizeof name, signature, sizeof signature);
    return (uint32_t)cr_vertex_encode_head(header, CR_ALG_MLDSA65, signature, sizeof signature, out,
                                           max);
}

static struct cr_frame *frame_of(const struct cr_header *header, const uint8_t *payload,
                                 uint32_t signer)
{
    static uint8_t bytes[CR_VERTEX_BYTES_MAX];
    const uint32_t count = cr_forge_head(header, signer, bytes, sizeof bytes);
    memcpy(bytes + count, payload, header->payload_bytes);
    return cr_frame_take(&(struct cr_message){
        .type = CR_MESSAGE_VERTEX, .vertex = bytes, .vertex_bytes = count + header->payload_bytes});
}

struct cr_frame *cr_forge_copy(const struct cr_vertex *vertex, uint32_t salt)
{
    static struct cr_header header;
    header = vertex->header;
    header.timestamp_ms += salt;
    return frame_of(&header, vertex->payload, header.author);
}

static struct cr_hash nonsense(struct cr_prng *prng)
{
    struct cr_hash hash;
    for (uint32_t i = 0; i < CR_HASH_BYTES; i += 8)
        cr_store_le(hash.bytes + i, cr_prng_next(prng) | 1, 8);
    return hash;
}

static void remove_parent(struct cr_header *header, uint32_t author)
{
    cr_authors_remove(&header->parents, author);
    memset(&header->parent_digests[author], 0, sizeof header->parent_digests[author]);
}

static void below_quorum(struct cr_header *header, const struct cr_committee *committee)
{
    for (uint32_t a = 0; a < committee->validators_count; a++) {
        if (a == header->author) continue;
        if (cr_committee_stake_of(committee, &header->parents) < committee->quorum) return;
        remove_parent(header, a);
    }
}

static void unknown_parents(struct cr_header *header, bool own_too, struct cr_prng *prng)
{
    for (uint32_t a = 0; a < header->validators_count; a++) {
        if (!cr_authors_has(&header->parents, a) || (a == header->author && !own_too)) continue;
        header->parent_digests[a] = nonsense(prng);
    }
}

static void own_parent_gone(struct cr_header *header)
{
    remove_parent(header, header->author);
    header->old_count = 0;
}

/* Claims to have jumped: everything of its own lies below its horizon. */
static void jumped(struct cr_header *header)
{
    own_parent_gone(header);
    if (header->round >= 2) header->gc_round = header->round - 2;
}

static void far(struct cr_header *header, uint32_t round)
{
    header->round = round;
    header->old_count = 0;
}

struct cr_frame *cr_forge_broken(const struct cr_vertex *vertex, uint32_t kind,
                                 const struct cr_committee *committee, struct cr_prng *prng)
{
    static struct cr_header header;
    header = vertex->header;
    const uint32_t author = header.author;
    const uint32_t n = header.validators_count;
    const uint64_t three_hours_ms = UINT64_C(3) * 3600 * 1000;
    switch (kind) {
    case 0: header.epoch++; break;
    case 1: header.author = (author + 1) % n; break;
    case 2: header.validators_count = n + 1; break;
    case 3: below_quorum(&header, committee); break;
    case 4: unknown_parents(&header, false, prng); break;
    case 5: unknown_parents(&header, true, prng); break;
    case 6: far(&header, header.round + 1000); break;
    case 7: far(&header, UINT32_MAX); break;
    case 8: far(&header, header.round + 3); break; /* parents are of another round */
    case 9: header.timestamp_ms += three_hours_ms; break;
    case 10: header.timestamp_ms -= three_hours_ms; break;
    case 11: own_parent_gone(&header); break;
    case 12: header.gc_round = header.round; break;
    case 13: jumped(&header); break;
    case 14: header.payload_root = nonsense(prng); break;
    case 15: header.payload_count += header.payload_count > 0 ? 1 : 0; break;
    case 16:
        header.commit_index += 1000000;
        header.commit_digest = nonsense(prng);
        break;
    case 17: header.parent_digests[author] = nonsense(prng); break;
    default: CR_UNREACHABLE();
    }
    return frame_of(&header, vertex->payload, author);
}

struct cr_frame *cr_forge_garbage(const struct cr_frame *frame, uint32_t kind, struct cr_prng *prng)
{
    struct cr_frame *out = cr_frame_copy(frame);
    CR_ASSERT(out->bytes_count >= 1);
    switch (kind) {
    case 0: out->bytes_count = (uint32_t)cr_prng_below(prng, out->bytes_count); break;
    case 1: out->bytes[0] = (uint8_t)(200 + cr_prng_below(prng, 56)); break;
    case 2: memset(out->bytes + 1, 0xff, out->bytes_count - 1); break; /* all counts too great */
    case 3: out->bytes[0] = CR_MESSAGE_FETCH; break;
    case 4: out->bytes[0] = CR_MESSAGE_RANGE; break;
    case 5:
        for (uint32_t i = 1; i < out->bytes_count; i++)
            out->bytes[i] = (uint8_t)cr_prng_next(prng);
        break;
    default: CR_UNREACHABLE();
    }
    return out;
}
