/* SPDX-License-Identifier: Apache-2.0 */
/* steps.h: marks in front of the shared accesses of lock-free code, so that a test can force every
 * order of them (base/interleave.h). Nothing at all in the product: a test defines CR_STEPS before
 * it includes the code. */
#ifndef CR_BASE_STEPS_H
#define CR_BASE_STEPS_H

#ifdef CR_STEPS
void cr_step(void);
#define CR_STEP() cr_step()
#else
#define CR_STEP() ((void)0)
#endif

#endif
