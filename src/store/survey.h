/* SPDX-License-Identifier: Apache-2.0 */
/* survey.h: reads a log that may be damaged, of a node that may be running: takes no lock, changes
 * nothing, and goes on behind what cannot be read. For forensics, never for recovery. */
#ifndef CR_STORE_SURVEY_H
#define CR_STORE_SURVEY_H

#include "store/log.h"

struct cr_log_survey {
    uint64_t records;  /* valid ones */
    uint32_t segments; /* that hold some */
    uint32_t damaged;  /* segments whose records end in something else than zeros */
};

/* A valid record; false ends the survey. `body` is valid during the call. */
typedef bool cr_log_visit(void *context, enum cr_log_kind kind, const uint8_t *body, size_t bytes);

/* Visits every valid record of the log in folder `path` in order: of each segment, up to the
 * first record that is damaged. CR_ERR_NOT_FOUND: no such folder, or no segment in it.
 * CR_ERR_MISMATCH: it belongs to another genesis. CR_ERR_VERSION: written by a newer program.
 * CR_ERR_IO. CR_ERR_FULL: memory is out. */
CR_MUST_CHECK enum cr_err cr_log_survey(const char *path, const struct cr_hash *genesis_id,
                                        cr_log_visit *visit, void *context,
                                        struct cr_log_survey *out,
                                        struct cr_store_failure *failure);

#endif
