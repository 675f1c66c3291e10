/* SPDX-License-Identifier: Apache-2.0 */
/* validity.h: what may be said of a vertex without knowing any other (docs/protocol.md 3.1).
 *
 * Agreed code: validity depends on the header and the epoch alone, never on a horizon, a clock or
 * what has arrived. Two correct nodes can therefore never differ about it.
 */
#ifndef CR_CONSENSUS_VALIDITY_H
#define CR_CONSENSUS_VALIDITY_H

#include "consensus/committee.h"

/* Why a vertex was let go. Everything above RELEASED is counted per author or peer. SELF and
 * LEADER_CLAUSE are marks: the vertex is counted in the statistics and kept (docs/protocol.md 3.4:
 * rejecting it would let nodes with different horizons differ). ANCESTOR is not given today. */
#define CR_VERDICTS(X)                                                                          \
    X(CR_VERDICT_OK, 0, "ok")                                                                   \
    X(CR_VERDICT_RELEASED, 1, "released") /* held before, now below the horizon */              \
    X(CR_VERDICT_KNOWN, 2, "known")       /* we have it */                                      \
    X(CR_VERDICT_OLD, 3, "old")           /* round at or below the horizon */                   \
    X(CR_VERDICT_FAR, 4, "far")           /* too far ahead to be held */                        \
    X(CR_VERDICT_CROWDED, 5, "crowded")   /* the quota of the author is used up */              \
    X(CR_VERDICT_EPOCH, 6, "wrong-epoch")                                                       \
    X(CR_VERDICT_AUTHOR, 7, "unknown-author")                                                   \
    X(CR_VERDICT_WIDTH, 8, "wrong-committee-size")                                              \
    X(CR_VERDICT_SELF, 9, "own-vertex-from-outside") /* a vertex of ours that we do not know */ \
    X(CR_VERDICT_QUORUM, 10, "parents-below-quorum")                                            \
    X(CR_VERDICT_SELF_PARENT, 11, "no-own-parent")                                              \
    X(CR_VERDICT_GENESIS, 12, "wrong-genesis-parent")                                           \
    X(CR_VERDICT_LEADER_CLAUSE, 13, "leader-clause")                                            \
    X(CR_VERDICT_ANCESTOR, 14, "invalid-ancestor")                                              \
    X(CR_VERDICT_GC_ROUND, 15, "horizon-above-round")                                           \
    X(CR_VERDICT_PAYLOAD, 16, "payload-limit")

#define CR_VERDICTS_ENUM(name, code, text) name = (code),
enum cr_verdict { CR_VERDICTS(CR_VERDICTS_ENUM) };
enum { CR_VERDICTS_COUNT = 17 };
const char *cr_verdict_text(enum cr_verdict verdict);

/* OK, or the first rule of docs/protocol.md 3.1 that the header breaks. */
enum cr_verdict cr_header_judge(const struct cr_committee *committee,
                                const struct cr_header *header);

#endif
