/* SPDX-License-Identifier: Apache-2.0 */
#include "net/outbox.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_MIN = 16 };

static struct cr_net_block *block_at(const struct cr_outbox *outbox, uint32_t index)
{
    CR_ASSERT(index < outbox->count);
    return outbox->ring[(outbox->first + index) & (outbox->slots - 1)];
}

static size_t frame_bytes(const struct cr_net_block *block)
{
    return CR_NET_PREFIX_BYTES + (size_t)block->bytes_count;
}

void cr_outbox_deinit(struct cr_outbox *outbox)
{
    for (uint32_t i = 0; i < outbox->count; i++)
        cr_net_block_give(block_at(outbox, i));
    free(outbox->ring);
    memset(outbox, 0, sizeof *outbox);
}

static bool grow(struct cr_outbox *outbox)
{
    const uint32_t slots = outbox->slots == 0 ? SLOTS_MIN : outbox->slots * 2;
    struct cr_net_block **ring = malloc(slots * sizeof(struct cr_net_block *));
    if (!ring) return false;
    for (uint32_t i = 0; i < outbox->count; i++)
        ring[i] = block_at(outbox, i);
    free(outbox->ring);
    outbox->ring = ring;
    outbox->slots = slots;
    outbox->first = 0;
    return true;
}

enum cr_err cr_outbox_put(struct cr_outbox *outbox, struct cr_net_block *block)
{
    const size_t bytes = frame_bytes(block);
    if (outbox->count >= CR_OUTBOX_FRAMES_MAX) return CR_ERR_FULL;
    if (outbox->count > 0 && cr_outbox_bytes(outbox) + bytes > CR_NET_QUEUE_BYTES_MAX) {
        return CR_ERR_FULL;
    }
    if (outbox->count == outbox->slots && !grow(outbox)) return CR_ERR_FULL;

    /* What the caller cut down after cr_net_block_new; the same value for every peer. */
    cr_store_le(block->prefix, block->bytes_count, CR_NET_PREFIX_BYTES);
    block->references++;
    outbox->ring[(outbox->first + outbox->count) & (outbox->slots - 1)] = block;
    outbox->count++;
    outbox->offset_end += bytes;
    return CR_OK;
}

size_t cr_outbox_vectors(const struct cr_outbox *outbox, ngtcp2_vec *vectors, size_t vectors_max)
{
    size_t count = 0;
    size_t skip = outbox->next_offset;
    for (uint32_t i = outbox->next; i < outbox->count && count < vectors_max; i++) {
        struct cr_net_block *block = block_at(outbox, i);
        /* Prefix and bytes are one run (block.c), addressed from the block itself. */
        uint8_t *frame = (uint8_t *)block + offsetof(struct cr_net_block, prefix);
        vectors[count++] = (ngtcp2_vec){.base = frame + skip, .len = frame_bytes(block) - skip};
        skip = 0;
    }
    return count;
}

uint32_t cr_outbox_wrote(struct cr_outbox *outbox, size_t bytes)
{
    CR_ASSERT(bytes <= outbox->offset_end - outbox->offset_written);
    uint32_t completed = 0;
    outbox->offset_written += bytes;
    outbox->next_offset += bytes;
    while (outbox->next < outbox->count) {
        const size_t whole = frame_bytes(block_at(outbox, outbox->next));
        if (outbox->next_offset < whole) break;
        outbox->next_offset -= whole;
        outbox->next++;
        completed++;
    }
    return completed;
}

void cr_outbox_acked(struct cr_outbox *outbox, uint64_t offset)
{
    CR_ASSERT(offset <= outbox->offset_written); /* ngtcp2 checks what a peer acknowledges */
    while (outbox->next > 0) {
        struct cr_net_block *block = block_at(outbox, 0);
        if (outbox->offset_first + frame_bytes(block) > offset) return;
        outbox->offset_first += frame_bytes(block);
        outbox->first = (outbox->first + 1) & (outbox->slots - 1);
        outbox->count--;
        outbox->next--;
        cr_net_block_give(block);
    }
}
