/* SPDX-License-Identifier: Apache-2.0 */
#include "votes.h"

#include "cluster.h"
#include "ledger/validators.h"

enum {
    SHOW_US = 1000 * 1000, /* as in node/certify.c */
    REMIND_US = 10 * SHOW_US,
};

void cr_votes_begin(struct cr_host *host)
{
    const struct cr_sim *sim = host->sim;
    const struct cr_epoch *epoch = &host->config.epoch;
    struct cr_ballot *ballot = &host->votes.open[epoch->number % CR_VOTES_OPEN];
    struct cr_entry_committee before;
    host->votes.show_us = 0;
    if (epoch->number <= 1) return;
    const bool known =
        cr_validators_stakes(sim->genesis, &host->executor.host.state, epoch->number - 1, &before);
    CR_ASSERT(known);
    const enum cr_err err = cr_ballot_begin(
        ballot, &sim->genesis->id, epoch,
        sim->plan.setup.changes == 0 ? sim->committee.stake : before.stake, before.count);
    CR_ASSERT(err == CR_OK);
    if (cr_ballot_wants(ballot, host->self, &ballot->origin) && !host->halted)
        (void)cr_ballot_add(ballot, host->self, &ballot->origin);
}

static void sign(const struct cr_host *host, const struct cr_epoch *epoch, uint8_t *vote)
{
    const struct cr_hash origin = cr_epoch_origin(&host->sim->genesis->id, epoch);
    uint8_t author[4];
    cr_store_le(author, host->self, sizeof author);
    cr_store_le(vote, host->self, 2);
    cr_stub_sign(&origin, author, sizeof author, vote + 2, CR_MLDSA65_SIG_BYTES);
}

static void show(struct cr_host *host, const struct cr_ballot *ballot)
{
    uint8_t vote[CR_EPOCH_VOTE_BYTES];
    struct cr_message message = {.type = CR_MESSAGE_EPOCH_VOTE,
                                 .epoch_cert = {.epoch = ballot->epoch, 1, vote}};
    if (cr_byz_is_liar(host->sim, host->self)) cr_byz_vote(host, &message.epoch_cert.epoch);
    sign(host, &message.epoch_cert.epoch, vote);
    struct cr_frame *frame = cr_frame_take(&message);
    for (uint32_t peer = 0; peer < host->sim->nodes_count; peer++) {
        if (peer != host->self && host->peers_up[peer] && cr_host_knows(host, peer))
            cr_host_send(host, peer, CR_STREAM_CONSENSUS, cr_frame_share(frame));
    }
    cr_frame_give(frame);
}

void cr_votes_run(struct cr_host *host)
{
    struct cr_votes *votes = &host->votes;
    const uint64_t now_us = host->sim->now_us;
    if (now_us < votes->show_us || host->config.epoch.number <= 1) return;
    votes->show_us = now_us + SHOW_US;
    const bool remind = now_us >= votes->remind_us;
    if (remind) votes->remind_us = now_us + REMIND_US;
    for (uint32_t i = 0; i < CR_VOTES_OPEN; i++) {
        const struct cr_ballot *ballot = &votes->open[i];
        if (!cr_authors_has(&ballot->voted, host->self)) continue;
        if (!cr_ballot_is_whole(ballot) ||
            (remind && ballot->epoch.number == host->config.epoch.number))
            show(host, ballot);
    }
}

void cr_votes_receive(struct cr_host *host, uint32_t peer, const struct cr_epoch_cert *vote)
{
    const uint8_t *signature;
    if (vote->votes_count != 1) return;
    const uint32_t seat = cr_epoch_cert_vote(vote, 0, &signature);
    struct cr_ballot *ballot = &host->votes.open[vote->epoch.number % CR_VOTES_OPEN];
    const struct cr_hash origin = cr_epoch_origin(&host->sim->genesis->id, &vote->epoch);
    uint8_t author[4];
    cr_store_le(author, seat, sizeof author);
    if (seat != peer || ballot->epoch.number != vote->epoch.number) return;
    if (!cr_ballot_wants(ballot, seat, &origin)) return;
    if (!cr_stub_verify(&origin, author, sizeof author, signature, CR_MLDSA65_SIG_BYTES)) return;
    (void)cr_ballot_add(ballot, seat, &origin);
    if (host->votes.refuted || !cr_ballot_is_refuted(ballot)) return;
    host->votes.refuted = true;
    cr_host_step(host, &(struct cr_event){.kind = CR_EVENT_REFUTED});
}
