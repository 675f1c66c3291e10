/* SPDX-License-Identifier: Apache-2.0 */
/* xof.h: many SHAKE computations at once, as many in parallel as a back end permutes together.
 *
 * Each lane works on a job of its own and takes the next one as soon as it is done, whatever the
 * others do: messages of different lengths, SHAKE128 beside SHAKE256, one block of output or many.
 * So lanes are idle only at the very end. */
#ifndef CR_CRYPTO_MLDSA_XOF_H
#define CR_CRYPTO_MLDSA_XOF_H

#include "crypto/mldsa/kernels.h"

enum { CR_XOF_PARTS_MAX = 4 };

struct cr_xof_job {
    uint32_t rate; /* bytes: which SHAKE */
    uint32_t parts_count;
    struct {
        const uint8_t *bytes; /* borrowed until the job is done */
        size_t count;
    } parts[CR_XOF_PARTS_MAX]; /* the message is all of them, one after the other */
    /* Takes a block of output (of `rate` bytes, CR_MLDSA_SLACK more may be read) and returns
     * whether another one is wanted. */
    bool (*take)(void *context, const uint8_t *block);
    void *context;
};

/* Gives the job for a lane that has none, false when there are no more. What a job points to may be
 * kept by lane: a lane has one job at a time. */
typedef bool cr_xof_next(void *source, uint32_t lane, struct cr_xof_job *job);

/* `count` is how many jobs there are: it decides whether lanes pay. */
void cr_xof_run(const struct cr_mldsa_kernels *kernels, uint32_t count, cr_xof_next *next,
                void *source);

#endif
