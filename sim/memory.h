/* SPDX-License-Identifier: Apache-2.0 */
/* memory.h: the memory of one run, and how a run ends early.
 *
 * A run that fails leaves from any depth (longjmp), so that the next seed can go on; everything a
 * run took is therefore on one list and given back at once. Not for the product: it has arenas.
 */
#ifndef CR_SIM_MEMORY_H
#define CR_SIM_MEMORY_H

#include "base/base.h"

/* Zeroed memory of this run. Running out ends the program. */
void *cr_run_take(size_t bytes);
/* The same with whatever was in it: for what is filled at once. */
void *cr_run_take_raw(size_t bytes);
/* Raw, aligned to 64 bytes: for arenas, which zero what they give. Until the end of the run. */
void *cr_run_take_aligned(size_t bytes);
void cr_run_give(void *memory); /* NULL is allowed */
void cr_run_give_all(void);
/* A list with room for `wanted` entries: the old one, or a greater copy with zeroed new entries. */
void *cr_run_grow(void *list, uint32_t *count_max, uint32_t wanted, size_t bytes_each);

/* Ends the run: an invariant of the cluster is broken. `format` names the check that failed: two
 * runs with the same one have failed in the same way. */
_Noreturn void cr_run_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Digest -> number. Digests are uniform, so their first bytes are the hash. */
struct cr_map {
    struct cr_map_entry *entries;
    uint32_t count;
    uint32_t count_max; /* a power of two, or 0 */
};

#define CR_MAP_NONE UINT32_MAX

void cr_map_put(struct cr_map *map, const struct cr_hash *key, uint32_t value); /* last one wins */
/* The first one wins: returns the value that the key has now. */
uint32_t cr_map_add(struct cr_map *map, const struct cr_hash *key, uint32_t value);
uint32_t cr_map_find(const struct cr_map *map, const struct cr_hash *key); /* or CR_MAP_NONE */
void cr_map_clear(struct cr_map *map);

#endif
