/* SPDX-License-Identifier: Apache-2.0 */
/* forensics.h: who broke the chain? From the logs of two nodes that disagree.
 *
 * Two nodes that commit different things both followed the rule of docs/protocol.md 5 on vertices
 * that they hold. The union of what they hold is a DAG again, and on parts of one DAG in which at
 * most F stake has two vertices in a slot the rule never disagrees (10). So when they do disagree,
 * authors of more than F stake, which is a third, have two vertices for one round in the union;
 * each such pair is signed and proves itself. Nobody else is named: a correct validator signs a
 * round once, whatever happens to it. */
#ifndef CR_NODE_FORENSICS_H
#define CR_NODE_FORENSICS_H

#include "node/roster.h"
#include "store/survey.h"
#include "wire/evidence.h"

struct cr_culprit {
    uint32_t author;
    enum cr_conflict conflict;
    uint64_t epoch;
    uint32_t round;    /* of the first vertex */
    uint8_t *evidence; /* encoded (wire/evidence.h); owned by the finding */
    size_t evidence_bytes;
};

struct cr_finding {
    uint64_t tips[2];          /* highest commit of each log */
    uint64_t common;           /* highest commit that both have, and have alike */
    uint64_t conflict;         /* first commit that differs; 0: none */
    uint64_t epoch;            /* of that commit, or of the last common one: stakes are of it */
    struct cr_hash digests[2]; /* of that commit */
    struct cr_log_survey surveys[2];
    uint64_t vertices;   /* distinct ones, in both logs together */
    uint64_t unverified; /* pairs in one slot that prove nothing: a signature does not verify, or
                            nobody is known to have that seat */
    uint32_t culprits_count;
    struct cr_culprit culprits[CR_VALIDATORS_MAX]; /* one for each, ascending author */
    uint64_t guilty_stake, total_stake;
};

/* Compares the logs in two folders; the roster says who the validators are. CR_OK whatever it
 * finds. Errors are those of cr_log_survey. The finding is large and is given up with
 * cr_finding_free, also after an error. */
CR_MUST_CHECK enum cr_err cr_forensics(const struct cr_roster *roster, const char *const logs[2],
                                       struct cr_finding *out, struct cr_store_failure *failure);
void cr_finding_free(struct cr_finding *finding);

/* Whether encoded evidence, of either kind, is signed by a validator of the roster; then *out says
 * who, what and where, without the evidence. */
bool cr_forensics_verify(const struct cr_roster *roster, const uint8_t *evidence, size_t bytes,
                         struct cr_culprit *out);

#endif
