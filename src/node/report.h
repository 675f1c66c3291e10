/* SPDX-License-Identifier: Apache-2.0 */
/* report.h: the node's log lines: logfmt on stderr, one write per line, from any thread.
 *
 *   2026-11-23T10:15:02.123Z level=info part=consensus event=commit index=12 round=40
 *
 * Text that a peer or client has chosen is quoted and escaped by CR_QUOTED. Secrets never come
 * here.
 */
#ifndef CR_NODE_REPORT_H
#define CR_NODE_REPORT_H

#include "node/config.h"

void cr_report_level(enum cr_log_level level);
bool cr_report_wanted(enum cr_log_level level);

/* `fields` is a format for "key=value key=value"; may be "". Lines above 1 KiB are cut. */
void cr_report(enum cr_log_level level, const char *part, const char *event, const char *fields,
               ...) __attribute__((format(printf, 4, 5)));

/* Quotes text for a logfmt value: printable, no quotes or control bytes. out_bytes >= 3. */
const char *cr_report_quote(const char *text, char *out, size_t out_bytes);

/* At most `per_second` lines of one kind: returns true when this one may go out. */
struct cr_report_limit {
    uint64_t second;
    uint32_t count;
    uint64_t suppressed;
};
bool cr_report_allowed(struct cr_report_limit *limit, uint32_t per_second, uint64_t now_us);

#endif
