/* SPDX-License-Identifier: Apache-2.0 */
/* commit_record.h: the body of a COMMIT record in the log: the commit and what a restart needs.
 *
 * version u16 | schedule_bytes u16 | schedule
 *   | scan sequence u64, segment u32, offset u32 | commit
 * `schedule` is the core's schedule state after the commit, without zeros at its end. `scan` is
 * where to begin reading the log to meet every vertex above the commit's horizon. `commit` is
 * encoded as in wire/commit.h. Pure.
 */
#ifndef CR_STORE_COMMIT_RECORD_H
#define CR_STORE_COMMIT_RECORD_H

#include "store/log.h"
#include "wire/commit.h"

struct cr_commit_record {
    const uint8_t *schedule; /* borrowed */
    uint32_t schedule_bytes;
    struct cr_log_position scan;
};

size_t cr_commit_record_bytes(const struct cr_commit_record *record,
                              const struct cr_commit *commit);
size_t cr_commit_record_encode(const struct cr_commit_record *record,
                               const struct cr_commit *commit, uint8_t *bytes, size_t bytes_max);

/* The commit's references are kept in *refs, allocated here and freed by the caller (also when it
 * fails it is NULL or valid to free). CR_ERR_VERSION, CR_ERR_TRUNCATED, CR_ERR_MALFORMED,
 * CR_ERR_FULL: memory is out. */
CR_MUST_CHECK enum cr_err cr_commit_record_decode(const uint8_t *bytes, size_t count,
                                                  struct cr_commit_record *record,
                                                  struct cr_commit *commit, struct cr_ref **refs);

#endif
