/* SPDX-License-Identifier: Apache-2.0 */
/* image.c: a core as the bytes of its memory. Everything a core knows lies in one piece of the
 * arena, and only `struct cr_core` at its beginning holds pointers: an image is the piece, and
 * loading it keeps the pointers of the core it is loaded into. Same program only. */
#include <string.h>

#include "core/replica.h"

size_t cr_core_image_bytes(const struct cr_core *core)
{
    return core->memory_bytes;
}

const uint8_t *cr_core_image(const struct cr_core *core)
{
    return (const uint8_t *)core;
}

static void keep_dag_pointers(struct cr_dag *dag, const struct cr_dag *of)
{
    dag->pool = of->pool;
    dag->refs = of->refs;
    dag->links = of->links;
    dag->rounds = of->rounds;
    dag->slots = of->slots;
    dag->table = of->table;
    dag->ready = of->ready;
    dag->stack = of->stack;
}

static void keep_pointers(struct cr_core *core, const struct cr_core *of)
{
    core->config.committee = core->committee = of->committee;
    keep_dag_pointers(&core->dag, &of->dag);
    core->schedule.committee = of->committee;
    core->score.committee = of->committee;
    core->score.rounds = of->score.rounds;
    core->score.slot = of->score.slot;
    core->decider.dag = of->decider.dag;
    core->decider.committee = of->committee;
    core->decider.schedule = of->decider.schedule;
    core->decider.rounds = of->decider.rounds;
    /* A text of the program; where it lay says nothing here. */
    if (core->decider.conflict != NULL) core->decider.conflict = "found before the recording";
    core->chain.committee = of->committee;
    core->effects = NULL;
    core->header = of->header;
    core->fetch_refs = of->fetch_refs;
    core->fetch_counts = of->fetch_counts;
    core->commit_refs = of->commit_refs;
    core->commit_bodies = of->commit_bodies;
    core->commit_schedules = of->commit_schedules;
}

bool cr_core_load(struct cr_core *core, const uint8_t *image, size_t bytes)
{
    if (bytes != core->memory_bytes) return false;
    CR_ASSERT(!core->started && core->sequence == 0); /* as cr_core_init left it */
    const struct cr_core fresh = *core;
    memcpy(core, image, bytes);
    keep_pointers(core, &fresh);
    return core->memory_bytes == fresh.memory_bytes &&
           core->validators_count == fresh.validators_count &&
           core->dag.window == fresh.dag.window && core->dag.pool_max == fresh.dag.pool_max &&
           core->dag.table_mask == fresh.dag.table_mask;
}
