/* SPDX-License-Identifier: Apache-2.0 */
/* cover.h: whether the runs of this process went everywhere (base/cover.h). */
#ifndef CR_SIM_COVER_H
#define CR_SIM_COVER_H

#include <stdbool.h>

/* Prints how often each mark was reached. False: one never was, and is not exempt. */
bool cr_cover_report(void);

#endif
