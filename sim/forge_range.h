/* SPDX-License-Identifier: Apache-2.0 */
/* forge_range.h: answers to SYNC that no honest node would give; for the simulator and for
 * creto-byz. */
#ifndef CR_SIM_FORGE_RANGE_H
#define CR_SIM_FORGE_RANGE_H

#include "wire/message.h"

enum cr_range_forgery {
    CR_RANGE_OTHER_CHAIN = 0, /* from the middle on, consistent in itself */
    CR_RANGE_OTHER_PAST,      /* from the first record on, consistent in itself */
    CR_RANGE_PAST_UNCHAINED,  /* ... and it shows its seam */
    CR_RANGE_CHAIN_UNCHAINED, /* the same in the middle */
    CR_RANGE_FEWER_VERTICES,  /* the records name fewer, and so many are there */
    CR_RANGE_HALF,            /* of the commits: nothing is wrong with that */
    CR_RANGE_SWAPPED,         /* two vertices */
    CR_RANGE_SPOILED,         /* the last vertex: its payload, or its signature */
    CR_RANGE_NAMELESS,        /* "too large a record", and one vertex */
    CR_RANGE_FORGERIES,
};

/* Changes an answer. It borrows from static memory until the next call. */
void cr_forge_range(struct cr_message *range, enum cr_range_forgery kind);

#endif
