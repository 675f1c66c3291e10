/* SPDX-License-Identifier: Apache-2.0 */
#include "node/body.h"

#include <stdlib.h>

bool cr_bodies_init(struct cr_bodies *bodies, uint32_t count_max, uint64_t bytes_max)
{
    *bodies = (struct cr_bodies){.count_max = count_max, .bytes_max = bytes_max};
    bodies->items = calloc(count_max, sizeof bodies->items[0]);
    if (!bodies->items) return false;
    for (uint32_t i = 0; i < count_max; i++)
        bodies->items[i].next_free = i + 1 < count_max ? i + 1 : CR_BODY_NONE;
    return true;
}

static void empty(struct cr_bodies *bodies, struct cr_body *body)
{
    bodies->bytes_used -= body->block->bytes_count;
    bodies->count_used--;
    cr_net_block_give(body->block);
    free(body->verdicts);
    *body = (struct cr_body){.next_free = bodies->free_first};
}

void cr_bodies_deinit(struct cr_bodies *bodies)
{
    for (uint32_t i = 0; bodies->items && i < bodies->count_max; i++) {
        if (bodies->items[i].references > 0) empty(bodies, &bodies->items[i]);
    }
    free(bodies->items);
    *bodies = (struct cr_bodies){0};
}

uint32_t cr_body_new(struct cr_bodies *bodies, size_t block_bytes)
{
    const uint32_t body = bodies->free_first;
    if (body == CR_BODY_NONE) return CR_BODY_NONE;
    if (block_bytes > bodies->bytes_max - bodies->bytes_used) return CR_BODY_NONE;
    struct cr_net_block *block = cr_net_block_new(block_bytes);
    if (!block) return CR_BODY_NONE;
    bodies->free_first = bodies->items[body].next_free;
    bodies->items[body] = (struct cr_body){.references = 1, .block = block};
    bodies->bytes_used += block_bytes;
    bodies->count_used++;
    return body;
}

struct cr_body *cr_body_get(struct cr_bodies *bodies, uint32_t body)
{
    CR_ASSERT(body < bodies->count_max);
    CR_ASSERT(bodies->items[body].references > 0);
    return &bodies->items[body];
}

void cr_body_take(struct cr_bodies *bodies, uint32_t body)
{
    cr_body_get(bodies, body)->references++;
}

void cr_body_give(struct cr_bodies *bodies, uint32_t body)
{
    struct cr_body *item = cr_body_get(bodies, body);
    if (--item->references > 0) return;
    empty(bodies, item);
    bodies->free_first = body;
}

void cr_body_describe(struct cr_body *body, const struct cr_vertex *vertex)
{
    const struct cr_header *header = &vertex->header;
    body->ref =
        (struct cr_ref){.round = header->round, .author = header->author, .digest = vertex->digest};
    body->payload_bytes = header->payload_bytes;
    body->payload_count = header->payload_count;
    body->payload_offset = body->block->bytes_count - header->payload_bytes;
}
