/* SPDX-License-Identifier: Apache-2.0 */
/* authors.h: a set of validators of one epoch as a bit mask. Pure; cheap to copy. */
#ifndef CR_BASE_AUTHORS_H
#define CR_BASE_AUTHORS_H

#include "base/base.h"

struct cr_authors {
    uint64_t words[CR_AUTHOR_WORDS];
};

static inline bool cr_authors_has(const struct cr_authors *set, uint32_t author)
{
    CR_ASSERT(author < CR_VALIDATORS_MAX);
    return (set->words[author / 64] >> (author % 64)) & 1;
}

static inline void cr_authors_add(struct cr_authors *set, uint32_t author)
{
    CR_ASSERT(author < CR_VALIDATORS_MAX);
    set->words[author / 64] |= UINT64_C(1) << (author % 64);
}

static inline void cr_authors_remove(struct cr_authors *set, uint32_t author)
{
    CR_ASSERT(author < CR_VALIDATORS_MAX);
    set->words[author / 64] &= ~(UINT64_C(1) << (author % 64));
}

static inline struct cr_authors cr_authors_and(struct cr_authors a, const struct cr_authors *b)
{
    for (uint32_t i = 0; i < CR_AUTHOR_WORDS; i++)
        a.words[i] &= b->words[i];
    return a;
}

static inline struct cr_authors cr_authors_or(struct cr_authors a, const struct cr_authors *b)
{
    for (uint32_t i = 0; i < CR_AUTHOR_WORDS; i++)
        a.words[i] |= b->words[i];
    return a;
}

static inline struct cr_authors cr_authors_without(struct cr_authors a, const struct cr_authors *b)
{
    for (uint32_t i = 0; i < CR_AUTHOR_WORDS; i++)
        a.words[i] &= ~b->words[i];
    return a;
}

static inline uint32_t cr_authors_count(const struct cr_authors *set)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < CR_AUTHOR_WORDS; i++) {
        /* A call where the processor's own instruction may not be assumed; most words are zero. */
        if (set->words[i] != 0) count += (uint32_t)__builtin_popcountll(set->words[i]);
    }
    return count;
}

/* The lowest author >= from, or CR_VALIDATORS_MAX when there is none:
 * for (a = cr_authors_next(s, 0); a < CR_VALIDATORS_MAX; a = cr_authors_next(s, a + 1)) */
static inline uint32_t cr_authors_next(const struct cr_authors *set, uint32_t from)
{
    for (uint32_t word = from / 64; word < CR_AUTHOR_WORDS; word++) {
        uint64_t bits = set->words[word];
        if (word == from / 64) bits &= ~UINT64_C(0) << (from % 64);
        if (bits != 0) return word * 64 + (uint32_t)__builtin_ctzll(bits);
    }
    return CR_VALIDATORS_MAX;
}

static inline bool cr_authors_is_empty(const struct cr_authors *set)
{
    return cr_authors_next(set, 0) == CR_VALIDATORS_MAX;
}

#endif
