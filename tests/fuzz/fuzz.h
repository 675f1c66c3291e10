/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.h: what a fuzz target defines. It gets any bytes, must not crash, and asserts (CR_ASSERT)
 * that what decodes encodes to the very same bytes. The same source is linked to libFuzzer (presets
 * asan and fuzz) and to replay.c (every preset). To add one: x_fuzz.c, a line in CMakeLists.txt,
 * seeds in corpus/x_fuzz/. */
#ifndef CR_FUZZ_H
#define CR_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it so */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count);

#endif
