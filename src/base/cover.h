/* SPDX-License-Identifier: Apache-2.0 */
/* cover.h: marks on rare paths, so that a campaign of the simulator can prove that it went there.
 *
 * CR_COVER(name) is nothing at all in the product and in unit tests. The simulator links the pure
 * layers compiled once more with CR_COVER_COUNTS: there every mark is a counter, and the linker
 * gathers all of them in one section (sim/cover.c), so that there is no list to keep. The same name
 * at several places is one mark. `creto-sim --cover` fails for a mark that was never reached. */
#ifndef CR_BASE_COVER_H
#define CR_BASE_COVER_H

#include <stdint.h>

#ifdef CR_COVER_COUNTS

struct cr_cover_mark {
    const char *name;
    const char *file;
    uint64_t hits;
} __attribute__((aligned(32))); /* as far apart as in an array, whatever a compiler prefers */

#define CR_COVER(mark)                                                         \
    do {                                                                       \
        static struct cr_cover_mark cr_cover_##mark                            \
            __attribute__((section("cr_cover"), used)) = {#mark, __FILE__, 0}; \
        cr_cover_##mark.hits++;                                                \
    } while (0)

#else

#define CR_COVER(mark) ((void)0)

#endif

#endif
