/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <string.h>

void cr_arena_init(struct cr_arena *arena, void *memory, size_t bytes)
{
    CR_ASSERT(memory != NULL);
    CR_ASSERT((uintptr_t)memory % 64 == 0);
    *arena = (struct cr_arena){.memory = memory, .bytes_max = bytes};
}

void cr_arena_init_measure(struct cr_arena *arena)
{
    *arena = (struct cr_arena){.bytes_max = SIZE_MAX / 2};
}

void *cr_arena_take(struct cr_arena *arena, size_t count, size_t bytes_each)
{
    CR_ASSERT(!arena->sealed);
    CR_ASSERT(bytes_each > 0 && count <= (SIZE_MAX / 2 - 63) / bytes_each);
    const size_t bytes = (count * bytes_each + 63) & ~(size_t)63; /* whole cache lines */
    CR_ASSERT(bytes <= arena->bytes_max - arena->bytes_used);
    uint8_t *taken = arena->memory ? arena->memory + arena->bytes_used : NULL;
    arena->bytes_used += bytes;
    if (taken) memset(taken, 0, bytes);
    return taken;
}

void cr_arena_seal(struct cr_arena *arena)
{
    arena->sealed = true;
}
