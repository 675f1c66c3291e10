/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>

#include "net/net.h"

_Static_assert(offsetof(struct cr_net_block, bytes) ==
                   offsetof(struct cr_net_block, prefix) + CR_NET_PREFIX_BYTES,
               "prefix and bytes are one run: a frame is one vector");

struct cr_net_block *cr_net_block_new(size_t bytes_count)
{
    if (bytes_count > UINT32_MAX - sizeof(struct cr_net_block)) return NULL;
    struct cr_net_block *block = malloc(sizeof *block + bytes_count);
    if (!block) return NULL;
    block->references = 1;
    block->bytes_count = (uint32_t)bytes_count;
    cr_store_le(block->prefix, bytes_count, CR_NET_PREFIX_BYTES);
    return block;
}

void cr_net_block_give(struct cr_net_block *block)
{
    CR_ASSERT(block->references > 0);
    block->references--;
    if (block->references == 0) free(block);
}
