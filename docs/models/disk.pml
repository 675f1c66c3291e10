/* SPDX-License-Identifier: Apache-2.0 */
/* disk.pml: disk before wire (protocol 4.5), with lost power at any moment.
 *
 * Four validators, F = 1, three of a round are a quorum. Each one, for each round: signs one of two
 * contents, writes the log, writes the guard, sends. A write becomes durable at any time after it,
 * in the safe order before the next step. Power fails at any moment, for one or for all, POWER
 * times in all; what is not durable is lost. A restart goes on after max(guard, log). A round that
 * the guard names and the log lacks is burned: nothing of it is signed again.
 *   safe:      as it is
 *   must fail: -DSEND_FIRST (sends before anything is durable: two vertices of one round)
 *              -DGUARD_FIRST (guard before log: one loss of power burns a round on more than F) */
#define POWER 1
#define LAST 2

byte round[4] = 1;      /* being written; LAST + 1: done */
byte stage[4];          /* 0 nothing, 1 signed, 2 log durable, 3 guard durable, 4 both */
byte log_[4], guard[4]; /* highest durable round */
bit content[4];         /* of what is signed now */
byte sent[12];          /* [4 (round - 1) + validator]: mask of contents seen by others */
byte burned[3];         /* [round]: how many can never have it */
byte losses;

inline send(v) {
    sent[4 * (round[v] - 1) + v] = sent[4 * (round[v] - 1) + v] | (1 << content[v]);
    assert(sent[4 * (round[v] - 1) + v] != 3) /* never two vertices of one round */
}

inline restart(v) {
    if
    :: guard[v] > log_[v] -> burned[guard[v]]++; assert(burned[guard[v]] <= 1); log_[v] = guard[v]
    :: else
    fi;
    /* In the log without a trace in the guard: it comes back from the log and is sent then. */
    round[v] = log_[v] + 1;
    stage[v] = 0;
    content[v] = 0
}

inline step(v) {
    if
    :: atomic { stage[v] == 0 && round[v] <= LAST ->
            if
            :: content[v] = 0
            :: v == 0 -> content[v] = 1 /* for the others who signs is enough */
            fi;
            stage[v] = 1;
#ifdef SEND_FIRST
            send(v)
#endif
        }
#ifdef GUARD_FIRST
    :: atomic { stage[v] == 1 -> guard[v] = round[v]; stage[v] = 3 }
    :: atomic { stage[v] == 3 -> log_[v] = round[v]; stage[v] = 4 }
#else
    :: atomic { stage[v] == 1 -> log_[v] = round[v]; stage[v] = 2 }
    :: atomic { stage[v] == 2 -> guard[v] = round[v]; stage[v] = 4 }
#endif
    :: atomic { stage[v] == 4 -> send(v); round[v]++; stage[v] = 0; content[v] = 0 }
    fi
}

active proctype everybody() {
    byte v;
    do
    :: round[0] <= LAST -> step(0)
    :: round[1] <= LAST -> step(1)
    :: round[2] <= LAST -> step(2)
    :: round[3] <= LAST -> step(3)
    :: atomic { losses < POWER -> losses++;
            if
            :: true -> restart(0); restart(1); restart(2); restart(3)
            :: true -> restart(0)
            fi }
    :: round[0] > LAST && round[1] > LAST && round[2] > LAST && round[3] > LAST -> break
    od
}
