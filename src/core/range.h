/* SPDX-License-Identifier: Apache-2.0 */
/* range.h: what an answer to SYNC says of the chain, checked before any of its vertices is used
 * (docs/protocol.md 8.2).
 *
 * An answer that contradicts itself is nobody's but its sender's: its records are a chain, and its
 * vertices are those that the records name. One that does not may still be invented; then it
 * differs from what we decide ourselves, and the digests kept here show from which commit on.
 */
#ifndef CR_CORE_RANGE_H
#define CR_CORE_RANGE_H

#include "wire/commit.h"
#include "wire/message.h"

/* What the sender says the chain is. */
struct cr_claim {
    uint64_t from;           /* its first commit */
    uint32_t count;          /* of commits; 0: the one record was too large to be sent */
    uint64_t epoch;          /* of all of them */
    bool closing;            /* the last one closes its epoch */
    struct cr_hash previous; /* digest of commit from - 1 */
    struct cr_hash digests[CR_SYNC_COMMITS_MAX];
};

/* Whether a RANGE that is not a refusal agrees with itself: a record for each of its commits (a
 * part has that of its one commit; one that is alone may lack), in a chain within one epoch, and
 * just the vertices that they name, in order, but for those that are skipped and, in a part, the
 * rest. Behind a closing commit others may follow. `scratch` is for one decoded vertex; `out` is
 * written in any case. */
CR_MUST_CHECK bool cr_range_check(const struct cr_message *range, struct cr_vertex *scratch,
                                  struct cr_claim *out);
/* "I cannot serve that." */
bool cr_range_is_refusal(const struct cr_message *range);

#endif
