/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c: one list of all blocks of a run; a small map from digests to numbers. */
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
    struct block *previous, *next;
    size_t bytes;
    size_t padding; /* keeps the memory behind the header aligned to 16 bytes */
};

static struct block blocks = {.previous = &blocks, .next = &blocks};

void *cr_run_take_raw(size_t bytes)
{
    struct block *block = malloc(sizeof *block + bytes);
    if (!block) {
        fprintf(stderr, "creto-sim: out of memory\n");
        exit(EXIT_FAILURE);
    }
    block->bytes = bytes;
    block->previous = &blocks;
    block->next = blocks.next;
    blocks.next->previous = block;
    blocks.next = block;
    return block + 1;
}

void *cr_run_take(size_t bytes)
{
    void *memory = cr_run_take_raw(bytes);
    memset(memory, 0, bytes);
    return memory;
}

void *cr_run_take_aligned(size_t bytes)
{
    uint8_t *memory = cr_run_take_raw(bytes + 63);
    return memory + (64 - (uintptr_t)memory % 64) % 64;
}

void cr_run_give(void *memory)
{
    if (!memory) return;
    struct block *block = (struct block *)memory - 1;
    block->previous->next = block->next;
    block->next->previous = block->previous;
    free(block);
}

void cr_run_give_all(void)
{
    struct block *block = blocks.next;
    while (block != &blocks) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
    blocks.next = blocks.previous = &blocks;
}

void *cr_run_grow(void *list, uint32_t *count_max, uint32_t wanted, size_t bytes_each)
{
    if (wanted <= *count_max) return list;
    uint32_t larger = *count_max ? *count_max : 16;
    while (larger < wanted)
        larger *= 2;
    void *copy = cr_run_take(larger * bytes_each);
    if (list) memcpy(copy, list, *count_max * bytes_each);
    cr_run_give(list);
    *count_max = larger;
    return copy;
}

struct cr_map_entry {
    struct cr_hash key;
    uint32_t value;
    bool used;
};

static struct cr_map_entry *slot_of(const struct cr_map *map, const struct cr_hash *key)
{
    uint32_t at = (uint32_t)cr_load_le(key->bytes, 4) & (map->count_max - 1);
    while (map->entries[at].used && !cr_hash_equal(&map->entries[at].key, key))
        at = (at + 1) & (map->count_max - 1);
    return &map->entries[at];
}

static void enlarge(struct cr_map *map)
{
    const struct cr_map old = *map;
    map->count_max = old.count_max ? old.count_max * 2 : 256;
    map->entries = cr_run_take(map->count_max * sizeof *map->entries);
    for (uint32_t i = 0; i < old.count_max; i++) {
        if (old.entries[i].used) *slot_of(map, &old.entries[i].key) = old.entries[i];
    }
    cr_run_give(old.entries);
}

void cr_map_put(struct cr_map *map, const struct cr_hash *key, uint32_t value)
{
    if (map->count * 2 >= map->count_max) enlarge(map);
    struct cr_map_entry *entry = slot_of(map, key);
    if (!entry->used) map->count++;
    *entry = (struct cr_map_entry){.key = *key, .value = value, .used = true};
}

uint32_t cr_map_add(struct cr_map *map, const struct cr_hash *key, uint32_t value)
{
    if (map->count * 2 >= map->count_max) enlarge(map);
    struct cr_map_entry *entry = slot_of(map, key);
    if (entry->used) return entry->value;
    map->count++;
    *entry = (struct cr_map_entry){.key = *key, .value = value, .used = true};
    return value;
}

uint32_t cr_map_find(const struct cr_map *map, const struct cr_hash *key)
{
    if (map->count_max == 0) return CR_MAP_NONE;
    const struct cr_map_entry *entry = slot_of(map, key);
    return entry->used ? entry->value : CR_MAP_NONE;
}

void cr_map_clear(struct cr_map *map)
{
    cr_run_give(map->entries);
    *map = (struct cr_map){0};
}
