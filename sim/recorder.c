/* SPDX-License-Identifier: Apache-2.0 */
#include "recorder.h"

#include <stdio.h>

#include "core/recording.h"

/* Room for some minutes of virtual time; then the ring goes round as a node's does. */
enum { FILE_BYTES = 256 * 1024 * 1024 };

static FILE *file;
static uint32_t recorded;
static struct cr_recording recording;

static bool write_at(void *context, uint64_t at, const void *bytes, size_t count)
{
    (void)context;
    if (fseek(file, (long)at, SEEK_SET) == 0 && fwrite(bytes, 1, count, file) == count) return true;
    fprintf(stderr, "creto-sim: the recording cannot be written\n");
    return false;
}

bool cr_sim_record(uint32_t node, const char *path)
{
    file = fopen(path, "wb");
    recorded = node;
    const uint8_t last = 0; /* the whole size, sparse */
    if (file && write_at(NULL, FILE_BYTES - 1, &last, 1)) return true;
    perror(path);
    return false;
}

void cr_sim_recorder_begin(uint32_t node, const struct cr_core *core,
                           const struct cr_core_config *config)
{
    if (!file || node != recorded) return;
    recording.write = write_at;
    cr_recording_begin(&recording, FILE_BYTES, core, config);
}

void cr_sim_recorder_add(uint32_t node, const struct cr_event *event)
{
    if (!file || node != recorded) return;
    cr_recording_add(&recording, event);
    if (fflush(file) != 0) recording.on = false; /* an assertion may end the process in this step */
}
