/* SPDX-License-Identifier: Apache-2.0 */
/* state_memory.h: a keeper of the state (ledger/state.h) in memory, for tests, the simulator and
 * benchmarks: fixed capacity, taken from the arena once. Running out of it is a bug of the caller.
 *
 * Entries of a bucket form a binary search tree. Keys are hashes, so it is balanced well enough
 * without further work; somebody who grinds keys makes it slow, never wrong. Pure. */
#ifndef CR_LEDGER_STATE_MEMORY_H
#define CR_LEDGER_STATE_MEMORY_H

#include "base/arena.h"
#include "ledger/state.h"

struct cr_state_memory; /* opaque, in the arena */

struct cr_state_memory_limits {
    uint32_t entries_max;
    uint32_t expiries_max;
    size_t bytes_max; /* of values; each takes the next power of two, at least 64 */
};

struct cr_state_memory *cr_state_memory_init(struct cr_arena *arena,
                                             const struct cr_state_memory_limits *limits);
/* Forgets everything. */
void cr_state_memory_clear(struct cr_state_memory *memory);
/* The calls of the keeper; `memory` outlives it. */
struct cr_state cr_state_memory_keeper(struct cr_state_memory *memory);
uint32_t cr_state_memory_entries(const struct cr_state_memory *memory);

#endif
