/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/state_memory.h"

#include <string.h>

#include "ledger/entry.h"

enum {
    BLOCK_BYTES = 64, /* the smallest; class c has BLOCK_BYTES << c */
    CLASSES = 9,
    EXPIRY_TREES = 4096, /* a commit belongs to the tree of its number modulo this */
    NIL = 0,             /* node 0 and block 0 are never handed out */
};

_Static_assert(BLOCK_BYTES << (CLASSES - 1) >= CR_ENTRY_BYTES_MAX, "every entry fits a block");

/* An entry, or a filed expiry. Order: commit, then key; the commit of an entry is 0. */
struct node {
    struct cr_hash key;
    uint64_t commit;
    uint32_t left, right; /* left also links free nodes */
    uint32_t block;       /* in units of BLOCK_BYTES */
    uint32_t count;       /* bytes of the value */
};

struct cr_state_memory {
    uint32_t nodes_max, nodes_used, nodes_free;
    uint32_t blocks_max, blocks_used;
    uint32_t blocks_free[CLASSES]; /* the first bytes of a free block name the next one */
    uint32_t entries_max, entries_count;
    uint32_t expiries_max, expiries_count;
    uint32_t entries[CR_BUCKETS]; /* roots */
    uint32_t expiries[EXPIRY_TREES];
    bool digests_known[CR_BUCKETS];
    struct cr_hash digests[CR_BUCKETS];
    struct node *nodes;
    uint8_t *blocks;
};

struct cr_state_memory *cr_state_memory_init(struct cr_arena *arena,
                                             const struct cr_state_memory_limits *limits)
{
    const size_t blocks_max = limits->bytes_max / BLOCK_BYTES + 1;
    CR_ASSERT(blocks_max <= UINT32_MAX);
    CR_ASSERT(limits->entries_max < UINT32_MAX - limits->expiries_max);
    const uint32_t nodes_max = limits->entries_max + limits->expiries_max + 1;

    struct cr_state_memory *memory = cr_arena_take(arena, 1, sizeof *memory);
    struct node *nodes = cr_arena_take(arena, nodes_max, sizeof *nodes);
    uint8_t *blocks = cr_arena_take(arena, blocks_max, BLOCK_BYTES);
    if (!memory) return NULL; /* the arena only measures */
    memory->nodes = nodes;
    memory->nodes_max = nodes_max;
    memory->blocks = blocks;
    memory->blocks_max = (uint32_t)blocks_max;
    memory->entries_max = limits->entries_max;
    memory->expiries_max = limits->expiries_max;
    cr_state_memory_clear(memory);
    return memory;
}

void cr_state_memory_clear(struct cr_state_memory *memory)
{
    memory->nodes_used = 1; /* 0 is NIL */
    memory->nodes_free = NIL;
    memory->blocks_used = 1;
    memset(memory->blocks_free, 0, sizeof memory->blocks_free);
    memory->entries_count = 0;
    memory->expiries_count = 0;
    memset(memory->entries, 0, sizeof memory->entries);
    memset(memory->expiries, 0, sizeof memory->expiries);
    memset(memory->digests_known, 0, sizeof memory->digests_known);
}

uint32_t cr_state_memory_entries(const struct cr_state_memory *memory)
{
    return memory->entries_count;
}

/* ---- blocks: memory for values ---- */

static uint32_t class_of(uint32_t count)
{
    uint32_t class = 0;
    while ((uint32_t)BLOCK_BYTES << class < count)
        class ++;
    CR_ASSERT(class < CLASSES);
    return class;
}

static uint8_t *block_at(const struct cr_state_memory *memory, uint32_t block)
{
    return memory->blocks + (size_t)block * BLOCK_BYTES;
}

static uint32_t block_take(struct cr_state_memory *memory, uint32_t class)
{
    uint32_t block = memory->blocks_free[class];
    if (block != NIL) {
        memcpy(&memory->blocks_free[class], block_at(memory, block), sizeof block);
        return block;
    }
    CR_ASSERT(memory->blocks_max - memory->blocks_used >= 1u << class);
    block = memory->blocks_used;
    memory->blocks_used += 1u << class;
    return block;
}

static void block_give(struct cr_state_memory *memory, uint32_t block, uint32_t class)
{
    memcpy(block_at(memory, block), &memory->blocks_free[class], sizeof block);
    memory->blocks_free[class] = block;
}

/* ---- trees ---- */

static uint32_t node_take(struct cr_state_memory *memory)
{
    uint32_t node = memory->nodes_free;
    if (node != NIL) {
        memory->nodes_free = memory->nodes[node].left;
    } else {
        CR_ASSERT(memory->nodes_used < memory->nodes_max);
        node = memory->nodes_used++;
    }
    return node;
}

static void node_give(struct cr_state_memory *memory, uint32_t node)
{
    memory->nodes[node].left = memory->nodes_free;
    memory->nodes_free = node;
}

static int compare(const struct node *node, uint64_t commit, const struct cr_hash *key)
{
    if (node->commit != commit) return node->commit < commit ? -1 : 1;
    return cr_hash_compare(&node->key, key);
}

/* The link that leads to the node, or the empty one where it belongs. */
static uint32_t *find_link(struct cr_state_memory *memory, uint32_t *root, uint64_t commit,
                           const struct cr_hash *key)
{
    uint32_t *link = root;
    while (*link != NIL) {
        struct node *node = &memory->nodes[*link];
        const int order = compare(node, commit, key);
        if (order == 0) return link;
        link = order < 0 ? &node->right : &node->left;
    }
    return link;
}

/* The first node after (commit, key): the first at all when key is NULL. NIL at the end. */
static uint32_t find_next(const struct cr_state_memory *memory, uint32_t root, uint64_t commit,
                          const struct cr_hash *key)
{
    uint32_t best = NIL;
    for (uint32_t at = root; at != NIL;) {
        const struct node *node = &memory->nodes[at];
        const bool after = key ? compare(node, commit, key) > 0 : node->commit >= commit;
        if (after) best = at;
        at = after ? node->left : node->right;
    }
    return best;
}

static void unlink_node(struct cr_state_memory *memory, uint32_t *link)
{
    struct node *nodes = memory->nodes;
    const uint32_t gone = *link;
    if (nodes[gone].left == NIL) {
        *link = nodes[gone].right;
    } else if (nodes[gone].right == NIL) {
        *link = nodes[gone].left;
    } else {
        /* The next greater node, which has no left child, takes its place. */
        uint32_t *next_link = &nodes[gone].right;
        while (nodes[*next_link].left != NIL)
            next_link = &nodes[*next_link].left;
        const uint32_t next = *next_link;
        *next_link = nodes[next].right;
        nodes[next].left = nodes[gone].left;
        nodes[next].right = nodes[gone].right;
        *link = next;
    }
    node_give(memory, gone);
}

/* ---- the keeper's calls ---- */

static struct cr_state_value value_of(const struct cr_state_memory *memory, const struct node *node)
{
    return (struct cr_state_value){.bytes = block_at(memory, node->block), .count = node->count};
}

static bool get(void *context, const struct cr_hash *key, struct cr_state_value *out)
{
    struct cr_state_memory *memory = context;
    const uint32_t *link = find_link(memory, &memory->entries[cr_state_bucket(key)], 0, key);
    if (*link == NIL) return false;
    *out = value_of(memory, &memory->nodes[*link]);
    return true;
}

static void put(void *context, const struct cr_hash *key, const uint8_t *bytes, uint32_t count)
{
    struct cr_state_memory *memory = context;
    const uint32_t bucket = cr_state_bucket(key);
    const uint32_t class = class_of(count);
    uint32_t *link = find_link(memory, &memory->entries[bucket], 0, key);
    if (*link == NIL) {
        CR_ASSERT(memory->entries_count < memory->entries_max);
        memory->entries_count++;
        *link = node_take(memory);
        memory->nodes[*link] = (struct node){.key = *key, .block = block_take(memory, 0)};
    }
    struct node *node = &memory->nodes[*link];
    if (class_of(node->count) != class) {
        block_give(memory, node->block, class_of(node->count));
        node->block = block_take(memory, class);
    }
    memcpy(block_at(memory, node->block), bytes, count);
    node->count = count;
    memory->digests_known[bucket] = false;
}

static void erase(void *context, const struct cr_hash *key)
{
    struct cr_state_memory *memory = context;
    const uint32_t bucket = cr_state_bucket(key);
    uint32_t *link = find_link(memory, &memory->entries[bucket], 0, key);
    if (*link == NIL) return;
    block_give(memory, memory->nodes[*link].block, class_of(memory->nodes[*link].count));
    unlink_node(memory, link);
    memory->entries_count--;
    memory->digests_known[bucket] = false;
}

static void scan(void *context, uint32_t bucket, cr_state_each *each, void *each_context)
{
    struct cr_state_memory *memory = context;
    CR_ASSERT(bucket < CR_BUCKETS);
    const uint32_t root = memory->entries[bucket];
    for (uint32_t at = find_next(memory, root, 0, NULL); at != NIL;) {
        const struct node *node = &memory->nodes[at];
        const struct cr_state_value value = value_of(memory, node);
        each(each_context, &node->key, &value);
        at = find_next(memory, root, 0, &node->key);
    }
}

static bool bucket_get(void *context, uint32_t bucket, struct cr_hash *digest)
{
    const struct cr_state_memory *memory = context;
    CR_ASSERT(bucket < CR_BUCKETS);
    if (!memory->digests_known[bucket]) return false;
    *digest = memory->digests[bucket];
    return true;
}

static void bucket_put(void *context, uint32_t bucket, const struct cr_hash *digest)
{
    struct cr_state_memory *memory = context;
    CR_ASSERT(bucket < CR_BUCKETS);
    memory->digests[bucket] = *digest;
    memory->digests_known[bucket] = true;
}

static void expiry_put(void *context, uint64_t commit, const struct cr_hash *key)
{
    struct cr_state_memory *memory = context;
    uint32_t *link = find_link(memory, &memory->expiries[commit % EXPIRY_TREES], commit, key);
    if (*link != NIL) return;
    CR_ASSERT(memory->expiries_count < memory->expiries_max);
    memory->expiries_count++;
    *link = node_take(memory);
    memory->nodes[*link] = (struct node){.key = *key, .commit = commit};
}

static uint32_t expiry_take(void *context, uint64_t commit, struct cr_hash *keys, uint32_t max)
{
    struct cr_state_memory *memory = context;
    uint32_t *root = &memory->expiries[commit % EXPIRY_TREES];
    uint32_t taken = 0;
    while (taken < max) {
        const uint32_t first = find_next(memory, *root, commit, NULL);
        if (first == NIL || memory->nodes[first].commit != commit) break;
        keys[taken] = memory->nodes[first].key;
        unlink_node(memory, find_link(memory, root, commit, &keys[taken]));
        memory->expiries_count--;
        taken++;
    }
    return taken;
}

struct cr_state cr_state_memory_keeper(struct cr_state_memory *memory)
{
    return (struct cr_state){.context = memory,
                             .get = get,
                             .put = put,
                             .erase = erase,
                             .scan = scan,
                             .bucket_get = bucket_get,
                             .bucket_put = bucket_put,
                             .expiry_put = expiry_put,
                             .expiry_take = expiry_take};
}
