/* SPDX-License-Identifier: Apache-2.0 */
/* recent.h: a bounded set of digests that were met lately, shared by threads without a lock.
 *
 * It may forget, never invent: `has` compares the whole digest. Each digest has one set of WAYS
 * slots; a full set loses its oldest entry, and of two threads that write one slot at a time the
 * second gives up. A forgotten digest costs its work once more; so says whoever uses the set.
 *
 * A slot is guarded by its version: odd while it is written. The writer takes it from even to odd
 * (acquire, so that its stores come after), writes, and makes it even again (release). A reader
 * loads the version (acquire, pairs with that release), the words, and the version once more; the
 * fence keeps the words before that last load, and pairs with the writer's fence. The words are
 * atomic and relaxed: what is torn is thrown away. */
#ifndef CR_NODE_RECENT_H
#define CR_NODE_RECENT_H

#include <stdatomic.h>

#include "base/base.h"
#include "base/steps.h"

enum { CR_RECENT_WAYS = 4, CR_RECENT_WORDS = CR_HASH_BYTES / 8 };

struct cr_recent_slot {
    _Atomic uint64_t version;                /* never comes round */
    _Atomic uint64_t words[CR_RECENT_WORDS]; /* zeros: empty */
};

struct cr_recent_set {
    _Atomic uint32_t turn; /* the way to be written next; relaxed: any way will do */
    struct cr_recent_slot ways[CR_RECENT_WAYS];
};

struct cr_recent {
    uint32_t sets_mask;
    struct cr_recent_set *sets; /* borrowed, zeroed: a power of two of them */
};

static inline void cr_recent_init(struct cr_recent *recent, struct cr_recent_set *sets,
                                  uint32_t sets_count)
{
    CR_ASSERT(sets_count > 0 && (sets_count & (sets_count - 1)) == 0);
    *recent = (struct cr_recent){.sets_mask = sets_count - 1, .sets = sets};
}

static inline struct cr_recent_set *cr_recent_set_of(const struct cr_recent *recent,
                                                     const struct cr_hash *digest)
{
    return &recent->sets[(uint32_t)cr_load_le(digest->bytes + 24, 4) & recent->sets_mask];
}

static inline bool cr_recent_slot_has(struct cr_recent_slot *slot, const struct cr_hash *digest)
{
    CR_STEP();
    const uint64_t before = atomic_load_explicit(&slot->version, memory_order_acquire);
    bool same = before % 2 == 0;
    for (size_t i = 0; same && i < CR_RECENT_WORDS; i++) {
        CR_STEP();
        same = atomic_load_explicit(&slot->words[i], memory_order_relaxed) ==
               cr_load_le(digest->bytes + 8 * i, 8);
    }
    if (!same) return false;
    atomic_thread_fence(memory_order_acquire);
    CR_STEP();
    return atomic_load_explicit(&slot->version, memory_order_relaxed) == before;
}

/* The digest is not zero. */
static inline bool cr_recent_has(const struct cr_recent *recent, const struct cr_hash *digest)
{
    struct cr_recent_set *set = cr_recent_set_of(recent, digest);
    for (uint32_t i = 0; i < CR_RECENT_WAYS; i++) {
        if (cr_recent_slot_has(&set->ways[i], digest)) return true;
    }
    return false;
}

static inline void cr_recent_add(struct cr_recent *recent, const struct cr_hash *digest)
{
    struct cr_recent_set *set = cr_recent_set_of(recent, digest);
    if (cr_recent_has(recent, digest)) return;
    CR_STEP();
    const uint32_t turn = atomic_fetch_add_explicit(&set->turn, 1, memory_order_relaxed);
    struct cr_recent_slot *slot = &set->ways[turn % CR_RECENT_WAYS];
    CR_STEP();
    uint64_t version = atomic_load_explicit(&slot->version, memory_order_relaxed);
    CR_STEP();
    if (version % 2 == 1 ||
        !atomic_compare_exchange_strong_explicit(&slot->version, &version, version + 1,
                                                 memory_order_acquire, memory_order_relaxed))
        return;
    atomic_thread_fence(memory_order_release); /* odd before the first word */
    for (size_t i = 0; i < CR_RECENT_WORDS; i++) {
        CR_STEP();
        atomic_store_explicit(&slot->words[i], cr_load_le(digest->bytes + 8 * i, 8),
                              memory_order_relaxed);
    }
    CR_STEP();
    atomic_store_explicit(&slot->version, version + 2, memory_order_release);
}

#endif
