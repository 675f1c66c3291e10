/* SPDX-License-Identifier: Apache-2.0 */
/* amnesia.pml: a validator that has lost log and guard signs no round twice.
 *
 * Four validators, F = 1: 0 is the amnesiac, 3 lies. Before it proposes again, 0 asks the others
 * for the highest round each has proposed itself, waits for NEED answers, begins MARGIN above the
 * highest. Rounds 1..LAST.
 *   safe:     NEED 3 (more than two thirds), MARGIN 2
 *   must fail: -DNEED=2 (F + 1), -DMARGIN=1 */
#ifndef NEED
#define NEED 3
#endif
#ifndef MARGIN
#define MARGIN 2
#endif
#define LAST 6

byte own[4];        /* highest round that each has proposed */
bool signed_[9];    /* what the earlier life of 0 has shown to somebody */
bool lost;          /* 0 has lost its data once */
byte probing;       /* answers still needed; 0: none */
byte answered;      /* by whom, a mask */
byte highest;       /* of the answers */

/* A correct one proposes round r + 1 when three authors have a vertex of round r. The liar may
 * have one of any round, 0 has one of each that it has signed. Nothing else limits who is how far. */
#define HAS(a, r) ((r) == 0 || (a) == 3 || ((a) == 0 && signed_[r]) || ((a) != 0 && own[a] >= (r)))
#define QUORUM(r) (HAS(0, r) + HAS(1, r) + HAS(2, r) + HAS(3, r) >= 3)

inline advance(a) {
    own[a] < LAST && QUORUM(own[a]) -> own[a]++
}

/* An answer is the replier's own highest round; the liar says anything. */
inline answer(a, value) {
    probing > 0 && !(answered & (1 << a)) ->
        answered = answered | (1 << a);
        if
        :: value > highest -> highest = value
        :: else
        fi;
        probing--;
        if
        :: probing == 0 -> own[0] = highest + MARGIN - 1
        :: else
        fi
}

active proctype everybody() {
    byte lie;
    do
    :: atomic { advance(1) }
    :: atomic { advance(2) }
    :: atomic { probing == 0 && own[0] < LAST && QUORUM(own[0]) ->
            own[0]++;
            assert(!signed_[own[0]]); /* never two vertices of one round */
            signed_[own[0]] = true }
    /* After a jump nothing of its own is below: the quorum must stand without it. */
    :: atomic { !lost -> lost = true; own[0] = 0; highest = 0; answered = 0; probing = NEED }
    :: atomic { answer(1, own[1]) }
    :: atomic { answer(2, own[2]) }
    :: atomic { select(lie : 0 .. LAST - MARGIN); answer(3, lie) }
    :: atomic { own[1] == LAST && own[2] == LAST && probing == 0 -> break }
    od
}
