/* SPDX-License-Identifier: Apache-2.0 */
/* cluster.h: the whole simulated cluster: n nodes, one clock, one seed.
 *
 * A run has two parts. While the plan's faults last, only safety is demanded. Then everything heals
 * and liveness is demanded too: every transaction final, all nodes at the same commits, within
 * CR_SIM_HEAL_US of virtual time.
 */
#ifndef CR_SIM_CLUSTER_H
#define CR_SIM_CLUSTER_H

#include "accuse.h"
#include "byz.h"
#include "check.h"
#include "clients.h"
#include "heap.h"
#include "host.h"
#include "liveness.h"
#include "network.h"
#include "plan.h"
#include "trace.h"
#include "twins.h"

#define CR_SIM_EPOCH_MS        UINT64_C(1790000000000) /* Unix time at virtual 0 */
#define CR_SIM_HEAL_US         UINT64_C(30000000)
#define CR_SIM_CALM_US         UINT64_C(1000000)
#define CR_SIM_TRAP_DOWN_US    UINT64_C(200000) /* how long crash-at keeps a node down */
#define CR_SIM_FRAMES_STEADY   UINT64_C(3)      /* for each round and link, without faults */
#define CR_SIM_FRAMES_FAULTY   UINT64_C(40)     /* and with them */
#define CR_SIM_VERTICES_FAULTY UINT64_C(6)      /* received for each vertex and node */

/* How a run is looked at; nothing here changes what happens. */
struct cr_sim_options {
    uint32_t check_every; /* steps between two walks through a core; 0: after every step */
    uint32_t shuffles;    /* orders in which the DAG is decided again at the end; 0: it is not */
    bool trace;
    uint64_t trace_from_us;
    uint64_t canary; /* kinds of faults (1 << kind) that must not overlap: docs/testing.md */
};

struct cr_sim {
    const struct cr_sim_options *options;
    uint64_t seed; /* of the plan, as nodes_count */
    uint32_t nodes_count;
    struct cr_plan plan;
    bool active[CR_PLAN_ENTRIES_MAX];      /* by place in the plan */
    uint32_t backups[CR_PLAN_ENTRIES_MAX]; /* by place: records of the log when it was copied */
    uint32_t backup_wipes[CR_PLAN_ENTRIES_MAX];
    struct cr_disk_guard backup_guards[CR_PLAN_ENTRIES_MAX];
    uint32_t traps_total; /* deaths by crash-at */
    bool doomed;          /* a process has to die before anything else happens */

    uint64_t now_us;
    uint64_t happenings_total;
    struct cr_heap heap;
    struct cr_network network;
    struct cr_genesis *genesis;
    struct cr_committee committee;
    uint32_t liars; /* bit mask (byz.h) */
    struct cr_clients clients;
    struct cr_accusations accusations;
    struct cr_check check;
    struct cr_calm calm;
    struct cr_trace trace;
    struct cr_arrival arrivals[CR_ARRIVALS];
    uint8_t routes[CR_SIM_NODES_MAX][CR_SIM_NODES_MAX]; /* node, peer: twins.h */
    uint32_t hosts_count;
    struct cr_host hosts[CR_SIM_NODES_MAX + CR_SIM_TWINS_MAX];
};

/* Sets up everything that the plan decides; nothing happens yet. */
void cr_cluster_init(struct cr_sim *sim, const struct cr_sim_options *options,
                     const struct cr_plan *plan);
/* Runs to the end, or does not return (cr_run_fail). */
void cr_cluster_run(struct cr_sim *sim);

#endif
