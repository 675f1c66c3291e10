/* SPDX-License-Identifier: Apache-2.0 */
/* byz.h: where the test program creto-byz (tests/byz) does something else than an honest node. In
 * the product these functions are empty and there is no way to make them anything else. */
#ifndef CR_NODE_BYZ_H
#define CR_NODE_BYZ_H

#include "core/core.h"
#include "wire/message.h"

struct cr_node;

#ifdef CR_BYZANTINE
#define CR_BYZ_TWIN_EXPECTED true
/* Whether it performed the effect in its own way. */
bool cr_byz_perform(struct cr_node *node, const struct cr_effect *effect);
/* In each turn of the main loop, before what was queued is written. */
void cr_byz_turn(struct cr_node *node);
/* Changes an answer to SYNC; false: nothing is answered. */
bool cr_byz_answer(struct cr_message *range);
#else
#define CR_BYZ_TWIN_EXPECTED false
static inline bool cr_byz_perform(struct cr_node *node, const struct cr_effect *effect)
{
    (void)node;
    (void)effect;
    return false;
}
static inline void cr_byz_turn(struct cr_node *node)
{
    (void)node;
}
static inline bool cr_byz_answer(struct cr_message *range)
{
    (void)range;
    return true;
}
#endif

#endif
