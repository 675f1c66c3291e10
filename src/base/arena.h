/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h: memory that is handed out once, at start, and never given back.
 *
 * A module says how much it wants by taking from a measuring arena (no memory behind it), so that
 * one function serves as footprint and as init. The node prints who took what (the memory plan)
 * and seals the arena; taking from a sealed arena is a bug. Not thread-safe: start-up only.
 */
#ifndef CR_BASE_ARENA_H
#define CR_BASE_ARENA_H

#include "base/base.h"

struct cr_arena {
    uint8_t *memory; /* borrowed, 64-byte aligned; NULL: only measure */
    size_t bytes_max;
    size_t bytes_used;
    bool sealed;
};

void cr_arena_init(struct cr_arena *arena, void *memory, size_t bytes);
/* An arena that only counts: cr_arena_take returns NULL and adds to bytes_used. */
void cr_arena_init_measure(struct cr_arena *arena);
/* Zeroed memory for `count` objects of `bytes_each`, aligned to 64 bytes. Running out is a bug. */
void *cr_arena_take(struct cr_arena *arena, size_t count, size_t bytes_each);
void cr_arena_seal(struct cr_arena *arena);

#endif
