/* SPDX-License-Identifier: Apache-2.0 */
/* byz.h: nodes that lie. A liar runs the same core and the same host as everybody; the active plan
 * entries of the kinds below change what it signs, what leaves it, and what it answers.
 *
 * Who may lie in a run is fixed at its beginning (setup value `liars`): nodes of at most F stake,
 * so that everything the protocol promises must hold for all others. Entries of other nodes do
 * nothing. A lie whose interval reaches the end of the faults goes on while everything else heals.
 */
#ifndef CR_SIM_BYZ_H
#define CR_SIM_BYZ_H

#include "body.h"

struct cr_sim;
struct cr_host;

/* Sets sim->liars: the planned ones, less those with whom they would hold more than F stake. */
void cr_byz_init(struct cr_sim *sim);
/* Whether liars hold at most F stake in every epoch, if stakes stay between these two. */
bool cr_byz_is_bounded(const struct cr_sim *sim, const uint64_t *least, const uint64_t *most);
bool cr_byz_is_liar(const struct cr_sim *sim, uint32_t node);
/* Whether entry `number` of the plan goes on after the faults. */
bool cr_byz_goes_on(const struct cr_sim *sim, uint32_t number);

/* What a liar's host hands over. The header of a proposal, before it is signed. */
void cr_byz_propose(struct cr_host *host, struct cr_header *header);
/* How an epoch began, before that is signed. */
void cr_byz_vote(const struct cr_host *host, struct cr_epoch *epoch);
/* A frame on its way to the network; takes over the reference. */
void cr_byz_send(struct cr_host *host, uint32_t peer, struct cr_frame *frame);
/* A request of a peer: other copies of its own vertices are known to the liar alone. */
void cr_byz_answer(struct cr_host *host, uint32_t peer, const struct cr_message *fetch);
/* What it answers when it is asked for old commits. */
void cr_byz_misread(struct cr_host *host, uint32_t peer, struct cr_message *sync);
/* The time has come to send what was held back; takes over the reference. */
void cr_byz_release(struct cr_host *host, uint32_t peer, struct cr_frame *frame);

/* ---- forge.c: vertices that no core would make ---- */
/* A header under the stub signature of `signer`, encoded into `out`; returns the count of bytes. */
uint32_t cr_forge_head(const struct cr_header *header, uint32_t signer, uint8_t *out, size_t max);
/* Another vertex for the same slot: the same but for its time. salt > 0. */
struct cr_frame *cr_forge_copy(const struct cr_vertex *vertex, uint32_t salt);
/* One rule broken, signed as if it were not; kind < CR_FORGERIES. */
struct cr_frame *cr_forge_broken(const struct cr_vertex *vertex, uint32_t kind,
                                 const struct cr_committee *committee, struct cr_prng *prng);
/* A frame that does not decode, made of one that does; kind < CR_GARBAGES. */
struct cr_frame *cr_forge_garbage(const struct cr_frame *frame, uint32_t kind,
                                  struct cr_prng *prng);
enum { CR_FORGERIES = 18, CR_GARBAGES = 6 };

#endif
