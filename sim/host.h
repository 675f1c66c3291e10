/* SPDX-License-Identifier: Apache-2.0 */
/* host.h: one simulated node: a core, and everything that the node around it owes it.
 *
 * The duties are those of core/core.h: decode and verify before VERTEX, sign proposals, write the
 * log and the guard, send, execute commits, serve old ranges, restart from what the disk has left.
 * Invariant: no vertex of ours is on the wire before it, all it refers to, and the guard record are
 * durable here.
 */
#ifndef CR_SIM_HOST_H
#define CR_SIM_HOST_H

#include "core/core.h"
#include "executor.h"
#include "network.h"
#include "plan.h"
#include "votes.h"

struct cr_sim;

/* A lane of SYNC: what was asked for last, and the answer that waits for its turn. Whether an
 * answer is late, and of whom it is, is the core's business. */
struct cr_asked {
    bool active;
    uint32_t number; /* of the request, over all lanes */
    uint64_t from_commit;
    uint32_t skip;          /* vertices of from_commit that came in parts */
    uint32_t peer;          /* whose answer `frame` is */
    struct cr_frame *frame; /* NULL: none; ours */
};

/* How a node's clocks run. They are lines from the last change of their rates on. */
struct cr_host_clock {
    uint64_t since_us;     /* virtual time of that change, and ... */
    uint64_t local_us;     /* ... the monotonic clock then */
    int64_t rate_ppm;      /* of the monotonic clock, less a million */
    uint64_t wall_from_us; /* virtual time since which the wall clock has been wrong */
    int64_t wall_rate;     /* seconds it goes on in one; 1: right */
};

/* What the plan does to a node now. */
struct cr_host_faults {
    uint64_t sync_extra_us;
    bool sync_fails, disk_full;
    uint64_t repaired_us; /* when the disk is well again */
};

/* A process that has to die, but is in the middle of a step. */
enum cr_doom { CR_DOOM_NONE = 0, CR_DOOM_KILLED, CR_DOOM_POWER };

/* What the core in office has ordered: its own counters must say the same. */
struct cr_host_orders {
    uint64_t proposals, fetches, syncs;
};

struct cr_host_counters {
    uint64_t steps, frames_sent, frames_refused, restarts, requeued, ranges_served;
    uint64_t vertices_decoded, vertices_refused, bad_signatures;
};

struct cr_host {
    struct cr_sim *sim;
    uint32_t self;  /* the validator */
    uint32_t place; /* among all processes; self, or behind them all (twins.h) */
    uint32_t entry; /* of a twin: the place in the plan that makes it */
    bool alive;
    bool paused;
    uint32_t incarnation; /* of the process; 0: never started */
    struct cr_core_config config;
    struct cr_committee committee; /* of the epoch that the core is in */
    int64_t wall_skew_ms;          /* always; with the jumps of now: wall_offset_ms */
    int64_t wall_offset_ms;
    int64_t drift_ppm; /* of the monotonic clock, always */
    struct cr_host_clock clock;
    struct cr_host_faults faults;
    enum cr_doom doom;         /* nothing happens at this node any more until it is buried */
    uint64_t down_until_us;    /* then it starts again */
    uint32_t operations_left;  /* of the disk, until it dies; 0: no such plan */
    bool operations_end_power; /* in which way */

    void *memory; /* of the core: each new one begins at its beginning */
    size_t memory_bytes;
    struct cr_core *core;
    struct cr_effects effects;
    bool sealing;               /* a SEALED is owed to the core */
    bool stepping;              /* effects of a step are being performed */
    uint64_t tick_at_us;        /* virtual time of the newest TICK armed; UINT64_MAX: none */
    uint32_t tick_number;       /* of that TICK: older ones are stale */
    uint64_t commit_index;      /* last COMMIT of this process, or its head */
    uint64_t stored_last;       /* newest STORE */
    uint64_t stored_told;       /* newest STORED */
    struct cr_core_stats stats; /* after the last step */
    uint32_t waiting_told;

    struct cr_body **bodies; /* by handle; NULL: free */
    uint32_t *handles_free;
    uint32_t bodies_count, bodies_max, handles_free_count, handles_free_max;

    struct cr_disk disk;
    struct cr_executor executor;
    bool executing; /* an EXECUTE is scheduled */
    uint64_t executed_index;
    uint64_t proposals_total;

    uint32_t *mempool; /* transactions by number, oldest first */
    uint32_t mempool_count, mempool_max;

    uint32_t accused; /* bit mask: whom this process has sent evidence against */
    bool forked;      /* it is not on the branch that the others are measured by (check.h) */
    bool halted;
    bool peers_up[CR_SIM_NODES_MAX];
    struct cr_asked lanes[CR_SYNC_LANES];
    uint32_t syncs_asked;
    uint64_t given_us; /* when what was ordered from them will have been given */
    struct cr_host_orders orders;
    struct cr_host_counters counters;
    struct cr_votes votes;
};

void cr_host_init(struct cr_host *host, struct cr_sim *sim, uint32_t self);
/* Boots from what is on the disk, and dials everybody. */
void cr_host_start(struct cr_host *host);
/* `power_lost`: what was not durable is gone, in part. Otherwise the machine goes on and only what
 * the process had in memory is lost. */
void cr_host_crash(struct cr_host *host, bool power_lost);

/* The process dies at the end of this instant and is down until then. */
void cr_host_doom(struct cr_host *host, enum cr_doom doom, uint64_t until_us);
/* Lets the clocks run differently from now on; see struct cr_host_clock. */
void cr_host_set_clock(struct cr_host *host, int64_t rate_ppm, int64_t wall_rate);

/* Something happened at this node; it is alive and not paused. */
void cr_host_on_frame(struct cr_host *host, uint32_t peer, struct cr_frame *frame);
void cr_host_on_tick(struct cr_host *host, uint32_t number);
void cr_host_on_sealed(struct cr_host *host, struct cr_body *body); /* takes over the reference */
void cr_host_on_synced(struct cr_host *host);
void cr_host_on_execute(struct cr_host *host);
void cr_host_on_give(struct cr_host *host, uint32_t lane, uint32_t number);
void cr_host_on_peer(struct cr_host *host, uint32_t peer, bool up);
void cr_host_submit(struct cr_host *host, uint32_t tx);
/* Tells the core how many transactions wait, when that has changed. */
void cr_host_tell_waiting(struct cr_host *host);

/* Whether it knows `peer`: who has no seat in the epoch where it stands is not let in. */
static inline bool cr_host_knows(const struct cr_host *host, uint32_t peer)
{
    return peer < host->committee.validators_count;
}
/* Whether it has a voice in that epoch. */
static inline bool cr_host_is_member(const struct cr_host *host)
{
    return cr_host_knows(host, host->self) && host->committee.stake[host->self] > 0;
}

/* ---- between host.c, effects.c and boot.c ---- */
/* One step of the core and its effects. Fills in the time. */
void cr_host_step(struct cr_host *host, struct cr_event *event);
void cr_host_perform(struct cr_host *host);
void cr_host_send(struct cr_host *host, uint32_t peer, enum cr_stream stream,
                  struct cr_frame *frame);
uint32_t cr_host_handle_take(struct cr_host *host, struct cr_body *body); /* takes the reference */
void cr_host_serve_sync(struct cr_host *host, uint32_t peer, const struct cr_message *asked);
void cr_host_void_lanes(struct cr_host *host); /* nothing was asked for */
void cr_host_sync_disk(struct cr_host *host);
void cr_host_count_operation(struct cr_host *host); /* a write, a sync, or the end of one */
/* When the closing commit is executed and the core owes nothing: a new core for the next epoch. */
void cr_host_end_epoch(struct cr_host *host);
void cr_host_execute_later(struct cr_host *host);
void cr_host_tell_executed(struct cr_host *host);

#endif
