/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h: everything that decides a run, and everything that will go wrong in it.
 *
 * From the seed comes a plan: the values of the cluster and a list of faults, each with an interval
 * of virtual time; execution only reads it. Every seed enables a random subset of the kinds (swarm
 * testing): bugs hide where faults mask each other. Every kind draws from a random stream of its
 * own, so that leaving one entry out changes no other. A plan can be written as text, edited, and
 * executed again (plan_text.c).
 */
#ifndef CR_SIM_PLAN_H
#define CR_SIM_PLAN_H

#include "base/prng.h"

enum {
    CR_SIM_NODES_MIN = 4,
    CR_SIM_NODES_MAX = 16,
    CR_SIM_SECONDS_MAX = 100000,
    CR_PLAN_ENTRIES_MAX = 256,
};

/* What the random streams of a run are for. Their numbers are part of every seed's meaning. */
enum cr_purpose {
    CR_PURPOSE_SETUP = 1,
    CR_PURPOSE_SWARM,
    CR_PURPOSE_FAULTS,         /* + kind, by index */
    CR_PURPOSE_LINKS,          /* delays of every pair */
    CR_PURPOSE_CONNECT,        /* by pair and generation */
    CR_PURPOSE_DISK,           /* by node and sync */
    CR_PURPOSE_CRASH,          /* by node and incarnation */
    CR_PURPOSE_SEAL,           /* by node and proposal */
    CR_PURPOSE_EXECUTE,        /* by node and commit */
    CR_PURPOSE_LOAD,           /* by transaction */
    CR_PURPOSE_RESET,          /* by plan entry */
    CR_PURPOSE_LIES,           /* by kind, link and frame */
    CR_PURPOSE_TWINS,          /* by plan entry and times */
    CR_PURPOSE_PACKET,         /* + link, by frame: takes as many numbers as there are links */
    CR_PURPOSE_VERIFY = 4000,  /* by node and request for old commits */
    CR_PURPOSE_REORDER = 4096, /* after the run */
};

/* kind, name, entries at most, interval in ms (least, most), value (least, most), what it is */
/* Of liars (byz.h): the node is one of them, the group are its victims. */
#define CR_LIES(X)                                                                                 \
    X(EQUIVOCATE, "equivocate", 3, 500, 8000, 1, 3, "the group gets other copies of each vertex")  \
    X(LATE_COPY, "late-copy", 2, 500, 6000, 1, 3000, "ms after a vertex the group gets a copy")    \
    X(WITHHOLD, "withhold", 3, 500, 8000, 0, 1, "vertices are not pushed to the group")            \
    X(MUTE, "mute", 2, 500, 6000, 0, 0, "the group hears nothing")                                 \
    X(LAST_MOMENT, "last-moment", 2, 500, 6000, 5000, 400000, "us that vertices are held back")    \
    X(ONE_LISTENER, "one-listener", 2, 500, 6000, 0, 0, "each vertex is pushed to one node only")  \
    X(BAD_SIGNATURE, "bad-signature", 2, 500, 4000, 1, 1000, "per 1000 vertices are signed badly") \
    X(FORGE, "forge", 5, 200, 4000, 0, 17, "beside each vertex one that breaks this rule")         \
    X(GARBAGE, "garbage", 3, 200, 4000, 0, 5, "beside each vertex a frame that does not decode")   \
    X(FLOOD, "flood", 2, 200, 3000, 1, 20, "so many invented vertices beside each")                \
    X(LIE_STATUS, "lie-status", 4, 500, 6000, 0, 6, "a status that is not true, in this way")      \
    X(LIE_RANGE, "lie-range", 4, 500, 6000, 0, 16, "answers to SYNC that are wrong, in this way")  \
    X(LIE_DIGEST, "lie-digest", 2, 500, 6000, 1, 7, "attests a wrong commit 1, effects 2, root 4") \
    X(CENSOR, "censor", 2, 500, 6000, 0, 0, "does not refer to the group where a quorum is left")  \
    X(TWIN, "twin", 2, 500, 8000, 100, 3000,                                                       \
      "ms after which peers change between it and a second process with its key and log")          \
    X(OLD_TWIN, "old-twin", 1, 500, 8000, 100, 3000, "the same, and the second has an old log")    \
    X(FALSE_EVIDENCE, "false-evidence", 4, 200, 4000, 0, 9,                                        \
      "accuses the group, or itself, in this way, in its payload")                                 \
    X(JUNK, "junk", 3, 200, 4000, 0, 2, "sends transactions that are no use, in this way")

#define CR_FAULTS(X)                                                                             \
    X(PARTITION, "partition", 3, 100, 4000, 0, 0, "group and rest hear nothing of each other")   \
    X(ISOLATE, "isolate", 3, 100, 5000, 0, 0, "one node hears nothing and is not heard")         \
    X(ONE_WAY, "one-way", 3, 100, 3000, 0, 0, "the group is not heard, but hears")               \
    X(LOSS, "loss", 3, 100, 4000, 10, 400, "per 1000 frames are lost")                           \
    X(DUPLICATE, "duplicate", 2, 100, 4000, 10, 500, "per 1000 frames arrive twice")             \
    X(CORRUPT, "corrupt", 2, 100, 3000, 1, 50, "per 1000 frames have a bit flipped")             \
    X(REORDER, "reorder", 2, 100, 4000, 1000, 200000, "us of extra delay, each frame its own")   \
    X(DELAY, "delay", 3, 100, 3000, 10000, 1500000, "us more on all links of one node")          \
    X(RESET, "reset", 3, 100, 4000, 20, 800, "ms between resets of random connections")          \
    X(CRASH, "crash", 6, 20, 4000, 0, 1, "process killed (0) or power lost (1)")                 \
    X(WIPE, "wipe", 1, 20, 2000, 0, 0, "one node loses its data folder, not its key and guard")  \
    X(POWER, "power", 2, 20, 1500, 0, 0, "all nodes lose power at once")                         \
    X(PAUSE, "pause", 3, 20, 3000, 0, 0, "one node stands still")                                \
    X(DISK, "disk", 3, 100, 4000, 5000, 600000, "us that each sync of one node takes longer")    \
    X(CLOCK, "clock", 4, 100, 4000, 0, 6000, "ms of jump of one node's wall clock, less 3000")   \
    X(LINK, "link", 6, 200, 5000, 20000, 800000,                                                 \
      "us more from one node to the first other of the group")                                   \
    X(BRIDGE, "bridge", 2, 100, 4000, 0, 0, "group and rest have only one node in common")       \
    X(RING, "ring", 2, 100, 4000, 0, 0, "every node hears its two neighbours only")              \
    X(FLAP, "flap", 2, 500, 5000, 50, 1000, "ms until a partition comes, goes, comes again")     \
    X(BANDWIDTH, "bandwidth", 2, 500, 5000, 100, 3000, "kB/s on each link of one node")          \
    X(STALL, "stall", 2, 100, 4000, 10, 300, "per 1000 frames come late, with their stream")     \
    X(RATE, "rate", 2, 100, 5000, 800, 1200, "per 1000: how fast the clocks of one node run")    \
    X(WALL, "wall", 2, 100, 5000, 0, 2, "one wall clock stands (0), runs back (1), races (2)")   \
    X(SYNC_ERROR, "sync-error", 2, 100, 3000, 0, 0, "a sync of one node fails: it stops")        \
    X(FULL, "full", 2, 100, 3000, 0, 0, "the disk of one node is full: it stops")                \
    X(ROT, "rot", 2, 20, 3000, 0, 999, "per 1000 of one node's log: the record that goes bad")   \
    X(BACKUP, "backup", 1, 500, 6000, 0, 0, "one node gets its data of the beginning back")      \
    X(CRASH_AT, "crash-at", 2, 100, 4000, 2, 3000,                                               \
      "half of it: the disk operation at which one node dies (odd: power lost)")                 \
    X(SLEEP, "sleep", 3, 30000, 180000, 0, 0, "one node stands still for minutes")               \
    CR_LIES(X)                                                                                   \
    X(FORGET, "forget", 2, 20, 2000, 0, 0, "one node loses its data folder and its guard")       \
    X(ROLLBACK, "rollback", 2, 500, 6000, 0, 1, "old data and guard are back; 1: nothing tells") \
    X(SPLIT, "split", 1, 500, 4000, 0, 0, "a partition that only liars and their links ignore")  \
    X(DOUBLE, "double", 1, 2000, 9000, 100, 1500,                                                \
      "ms after which the next peers hear a second process, of a correct node, by mistake")

#define CR_FAULTS_ENUM(name, ...) CR_FAULT_##name,
enum cr_fault { CR_FAULT_NONE = 0, CR_FAULTS(CR_FAULTS_ENUM) CR_FAULTS_END };

/* What a seed decides about the cluster itself: name, least, most. */
#define CR_SETUP(X)                                                                     \
    X(network_kind, 0, 3)                                                               \
    X(equal_stakes, 0, 1)                                                               \
    X(gc_depth, 3, CR_GC_DEPTH)                                                         \
    X(round_window, 0, CR_ROUND_WINDOW)                                                 \
    X(round_delay_us, 1, 10000000)                                                      \
    X(idle_delay_us, 1, 10000000)                                                       \
    X(round_timeout_us, 1, 2000000)                                                     \
    X(checkpoint_commits, 1, 1000000)                                                   \
    X(payload_bytes_max, 1, CR_PAYLOAD_BYTES_MAX)                                       \
    X(txs_count, 0, 100000)                                                             \
    X(epoch_rounds, 0, 1000000)                                                         \
    X(epoch_ms, 0, 100000000)                                                           \
    X(changes, 0, 1000) /* transactions of the operator: 0, no operator (operator.h) */ \
    X(joiner, 0, 1)     /* the last node is not in the genesis; the operator adds it */ \
    X(liars, 0, (1 << CR_SIM_NODES_MAX) - 1) /* bit mask; at most F stake of them (byz.h) */

#define CR_SETUP_FIELD(name, ...) uint32_t name;
struct cr_sim_setup {
    CR_SETUP(CR_SETUP_FIELD)
};

struct cr_plan_entry {
    uint32_t number; /* its own for ever, whatever is left out beside it: streams are keyed by it */
    enum cr_fault fault;
    uint64_t from_us, to_us;
    uint32_t node; /* of the kinds that concern one node */
    uint32_t
        group; /* bit mask of nodes, of the kinds that concern several; never none, never all */
    uint32_t value;
};

/* What a run has to come to. Beyond HELD more than F stake may lie, and nothing is demanded of
 * liveness: what is demanded is that a fork does not go unnoticed (cr_check_is_noticed). */
enum cr_expect {
    CR_EXPECT_HELD = 0, /* all that the protocol promises */
    CR_EXPECT_NOTICED,  /* whoever can see that more than F stake contradicts it halts */
    CR_EXPECT_FORK,     /* as NOTICED, and there was a fork */
    CR_EXPECT_HALT,     /* as NOTICED, and every correct node has halted */
};

/* A named choice of faults. */
struct cr_scenario {
    const char *name;
    const char *text;
    uint64_t faults; /* bit mask of kinds (1 << kind) that are allowed */
    bool swarm;      /* a random half of them is used; otherwise all */
    bool steady;     /* no faults at all: the price of a round is held to its tightest bound */
    bool operated;   /* somebody lies and the operator changes the validators, in every seed */
    enum cr_expect expect;
};

struct cr_plan {
    uint64_t seed;
    const struct cr_scenario *scenario;
    uint32_t nodes_count;
    uint64_t faults_until_us; /* everything has ended by then */
    struct cr_sim_setup setup;
    enum cr_expect expect;
    uint32_t entries_count;
    struct cr_plan_entry entries[CR_PLAN_ENTRIES_MAX];
};

void cr_plan_make(struct cr_plan *plan, uint64_t seed, uint32_t nodes_count, uint64_t until_us,
                  const struct cr_scenario *scenario);
/* Leaves out the entries whose numbers a text names: "3,7". */
void cr_plan_skip(struct cr_plan *plan, const char *list);
/* Whether a node loses what it has said: at most F nodes may, together with Byzantine ones, before
 * they have caught up again. In a plan of ours it is always the same node. */
bool cr_fault_forgets(enum cr_fault fault);
void cr_plan_print(const struct cr_plan *plan); /* for people, with what each fault means */
const char *cr_expect_name(enum cr_expect expect);
bool cr_expect_find(const char *name, enum cr_expect *out); /* false: no such name */
const char *cr_fault_name(enum cr_fault fault);
bool cr_fault_is_lie(enum cr_fault fault);                        /* a kind of CR_LIES */
enum cr_fault cr_fault_find(const char *name, size_t name_bytes); /* CR_FAULT_NONE: no such name */

/* The same as text, for cr_plan_read. False: `path` cannot be written; has said why. */
bool cr_plan_write(const struct cr_plan *plan, const char *path);
/* False: it is not a plan that can be executed; has said in which line and why. */
bool cr_plan_read(struct cr_plan *plan, const char *path);

const struct cr_scenario *cr_scenario_find(const char *name); /* NULL: no such name */
void cr_scenarios_print(void);

#endif
