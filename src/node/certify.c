/* SPDX-License-Identifier: Apache-2.0 */
#include "node/certify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/ballot.h"
#include "ledger/validators.h"
#include "node/epoch_chain.h"
#include "node/report.h"

enum {
    SHOW_US = 1000 * 1000,    /* votes without a certificate are shown again */
    REMIND_US = 10 * SHOW_US, /* the newest one with a certificate, for who is on another branch */
    NOBODY = CR_VALIDATORS_MAX,
    /* Of one peer in a second: certificates that it gets, and votes on epochs that are not open any
     * more. Both cost reads. */
    SERVED_MAX = 16,
    OLD_VOTES_MAX = 1,
};

/* The votes on one epoch. What differs from ours is in the store. */
struct round {
    struct cr_ballot ballot;
    bool done;           /* the certificate is in the store */
    uint8_t *signatures; /* [seats], for our origin; owned */
};

struct cr_certify {
    struct cr_certify_config config;
    uint64_t epoch; /* the running one */
    uint32_t self;
    struct round rounds[CR_CERTIFY_OPEN]; /* by epoch */
    uint64_t show_us, remind_us, ask_us;
    bool refuted;
    uint64_t cursor;     /* of the search for what is missing */
    uint64_t asked;      /* epoch whose certificate we lack, 0: none; asked for ... */
    uint32_t asked_peer; /* ... at this peer */
    uint64_t doubted[CR_VALIDATORS_MAX]; /* epoch whose certificate a peer has to show: its vote
                                            is not ours; 0: none */
    uint32_t served[CR_VALIDATORS_MAX], old_votes[CR_VALIDATORS_MAX]; /* in this second */
    struct cr_certify_stats stats;
    uint8_t scratch[CR_EPOCH_CERT_BYTES_MAX]; /* a certificate on its way to or from the store */
};

struct cr_certify *cr_certify_new(const struct cr_certify_config *config)
{
    struct cr_certify *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->config = *config;
    c->self = NOBODY;
    c->asked_peer = NOBODY - 1; /* the first to be asked is the first there is */
    c->stats.certified = CR_GENESIS_EPOCH;
    return c;
}

void cr_certify_free(struct cr_certify *c)
{
    for (uint32_t i = 0; c && i < CR_CERTIFY_OPEN; i++)
        free(c->rounds[i].signatures);
    free(c);
}

struct cr_certify_stats cr_certify_stats(const struct cr_certify *c)
{
    return c->stats;
}

static const char *name_of(const struct cr_certify *c, uint32_t seat)
{
    return c->config.validators[seat].name;
}

static struct round *find_round(struct cr_certify *c, uint64_t epoch)
{
    struct round *round = &c->rounds[epoch % CR_CERTIFY_OPEN];
    return round->ballot.epoch.number == epoch ? round : NULL;
}

/* The commit digest covers all commits before it; the table is what the next quorum comes from. The
 * root of a closing commit is found with its execution: its row never lacks it. */
static bool is_known(const struct cr_genesis *genesis, struct cr_state_reader *reader,
                     const struct cr_epoch *epoch)
{
    struct cr_commit_row row;
    struct cr_hash table;
    return cr_state_reader_commit(reader, epoch->index, &row) &&
           cr_hash_equal(&row.digest, &epoch->digest) &&
           cr_hash_equal(&row.state_root, &epoch->state_root) &&
           cr_validators_hash_of(genesis, cr_state_reader_state(reader), epoch->number, &table) &&
           cr_hash_equal(&table, &epoch->committee);
}

bool cr_certify_began_here(const struct cr_genesis *genesis, struct cr_state_reader *reader,
                           const struct cr_epoch *epoch)
{
    if (cr_state_reader_begin(reader) != CR_OK) return true; /* that is no contradiction */
    const bool known = is_known(genesis, reader, epoch);
    cr_state_reader_end(reader);
    if (known) return true;
    /* What is damaged was not found either. Then the cache is condemned: the node ends, and builds
     * it anew. */
    if (cr_state_reader_begin(reader) != CR_OK) return true;
    cr_state_reader_end(reader);
    return false;
}

/* What the epoch began from here, as far as we can tell: in full as long as votes are collected. */
static bool says_ours(struct cr_certify *c, const struct cr_epoch *epoch)
{
    const struct round *round = find_round(c, epoch->number);
    if (!round) return c->config.is_ours(c->config.context, epoch);
    const struct cr_hash origin = cr_epoch_origin(&c->config.genesis->id, epoch);
    return cr_hash_equal(&origin, &round->ballot.origin);
}

/* ---- votes for what we say ---- */

static uint8_t *signature_of(const struct round *round, uint32_t seat)
{
    return round->signatures + (size_t)seat * CR_MLDSA65_SIG_BYTES;
}

/* Writes one vote behind `position` of the scratch. */
static void put_vote(uint8_t *at, uint32_t seat, const uint8_t *signature)
{
    cr_store_le(at, seat, 2);
    memcpy(at + 2, signature, CR_MLDSA65_SIG_BYTES);
}

static bool save(struct cr_certify *c, const struct cr_epoch_cert *cert)
{
    struct cr_writer writer = cr_writer_of(c->scratch, sizeof c->scratch);
    cr_epoch_cert_write(&writer, cert);
    return cr_epochs_put(c->config.epochs, cert->epoch.number, c->scratch, writer.position);
}

static void finish(struct cr_certify *c, struct round *round)
{
    uint8_t *votes = malloc((size_t)CR_VALIDATORS_MAX * CR_EPOCH_VOTE_BYTES);
    struct cr_epoch_cert cert = {.epoch = round->ballot.epoch, .votes = votes};
    if (!votes) return; /* the next vote, or somebody else's certificate */
    for (uint32_t seat = cr_authors_next(&round->ballot.voted, 0); seat < CR_VALIDATORS_MAX;
         seat = cr_authors_next(&round->ballot.voted, seat + 1))
        put_vote(votes + (size_t)cert.votes_count++ * CR_EPOCH_VOTE_BYTES, seat,
                 signature_of(round, seat));
    round->done = save(c, &cert);
    free(votes);
    if (!round->done) return;
    cr_report(CR_LOG_LEVEL_INFO, "consensus", "epoch-certified", "number=%" PRIu64 " votes=%u",
              cert.epoch.number, cert.votes_count);
}

/* ---- votes for something else ---- */

static void keep(struct cr_certify *c, const struct cr_epoch *epoch, uint32_t seat,
                 const uint8_t *signature)
{
    uint8_t vote[CR_EPOCH_VOTE_BYTES];
    const struct cr_epoch_cert cert = {.epoch = *epoch, .votes_count = 1, .votes = vote};
    struct cr_writer writer = cr_writer_of(c->scratch, sizeof c->scratch);
    put_vote(vote, seat, signature);
    cr_epoch_cert_write(&writer, &cert);
    (void)!cr_epochs_keep(c->config.epochs, epoch->number, c->scratch, writer.position);
}

static void note_conflict(struct cr_certify *c, struct round *round, uint32_t seat)
{
    c->stats.conflicts++;
    if (!round->done) keep(c, &round->ballot.epoch, seat, signature_of(round, seat));
    cr_report(CR_LOG_LEVEL_WARN, "consensus", "epoch-two-votes",
              "validator=%s number=%" PRIu64
              " text=\"it has signed two different ends of one epoch; both votes are kept\"",
              name_of(c, seat), round->ballot.epoch.number);
}

/* A verified vote, be it shown or part of a certificate. `round` is open: the node keeps track of
 * who has signed what. */
static void add_vote(struct cr_certify *c, struct round *round, const struct cr_epoch *epoch,
                     uint32_t seat, const uint8_t *signature)
{
    const struct cr_hash origin = cr_epoch_origin(&c->config.genesis->id, epoch);
    const bool ours = cr_hash_equal(&origin, &round->ballot.origin);
    if (!cr_ballot_wants(&round->ballot, seat, &origin)) return;
    if (ours) {
        memcpy(signature_of(round, seat), signature, CR_MLDSA65_SIG_BYTES);
    } else {
        keep(c, epoch, seat, signature);
        cr_authors_add(&c->stats.differed, seat);
        cr_report(CR_LOG_LEVEL_WARN, "consensus", "epoch-differs",
                  "validator=%s number=%" PRIu64
                  " text=\"it has signed another end of the epoch before than ours\"",
                  name_of(c, seat), epoch->number);
    }
    if (cr_ballot_add(&round->ballot, seat, &origin)) note_conflict(c, round, seat);
    if (!round->done && cr_ballot_is_whole(&round->ballot)) finish(c, round);
}

/* A quorum that contradicts us is more than F. */
static void take(struct cr_certify *c, const struct cr_epoch_cert *cert)
{
    struct round *round = find_round(c, cert->epoch.number);
    const bool ours = says_ours(c, &cert->epoch);
    for (uint32_t i = 0; round && i < cert->votes_count; i++) {
        const uint8_t *signature;
        const uint32_t seat = cr_epoch_cert_vote(cert, i, &signature);
        add_vote(c, round, &cert->epoch, seat, signature);
    }
    if (!ours)
        c->refuted = true;
    else if (!round && !cr_epochs_has(c->config.epochs, cert->epoch.number))
        (void)!save(c, cert); /* asked for again */
}

/* ---- ours ---- */

static void vote(struct cr_certify *c, struct round *round)
{
    uint8_t signature[CR_SIG_BYTES_MAX];
    size_t count = 0;
    const struct cr_ballot *ballot = &round->ballot;
    if (!cr_ballot_wants(ballot, c->self, &ballot->origin)) return; /* no voice, or done already */
    if (!cr_epochs_may_sign(c->config.epochs, ballot->epoch.number, &ballot->origin)) {
        cr_report(CR_LOG_LEVEL_WARN, "consensus", "epoch-not-signed",
                  "number=%" PRIu64
                  " text=\"another end of it was signed, or that cannot be kept\"",
                  ballot->epoch.number);
        return;
    }
    if (cr_sign(c->config.key, (const uint8_t *)CR_EPOCH_CONTEXT, CR_EPOCH_CONTEXT_BYTES,
                ballot->origin.bytes, CR_HASH_BYTES, signature, &count) != CR_OK)
        return;
    add_vote(c, round, &ballot->epoch, c->self, signature);
}

/* A certificate of an earlier life. It was verified then; what if we say something else by now? */
static void recall(struct cr_certify *c, struct round *round)
{
    struct cr_epoch_cert cert;
    uint8_t *bytes = malloc(CR_EPOCH_CERT_BYTES_MAX);
    const size_t count =
        bytes ? cr_epochs_get(c->config.epochs, round->ballot.epoch.number, bytes) : 0;
    struct cr_reader reader = cr_reader_of(bytes, count);
    round->done = count > 0 && cr_epoch_cert_read(&reader, &cert) == CR_OK;
    if (round->done) take(c, &cert);
    free(bytes);
}

enum cr_err cr_certify_begin(struct cr_certify *c, const struct cr_epoch *epoch, uint32_t self,
                             bool may_sign)
{
    struct round *round = &c->rounds[epoch->number % CR_CERTIFY_OPEN];
    struct cr_entry_committee before;
    c->epoch = epoch->number;
    c->self = self;
    c->show_us = c->ask_us = 0;
    if (epoch->number == CR_GENESIS_EPOCH) return CR_OK;
    if (!c->config.stakes(c->config.context, epoch->number - 1, &before)) return CR_ERR_CORRUPT;
    free(round->signatures);
    *round = (struct round){0};
    if (cr_ballot_begin(&round->ballot, &c->config.genesis->id, epoch, before.stake,
                        before.count) != CR_OK)
        return CR_ERR_CORRUPT;
    round->signatures = calloc(before.count, CR_MLDSA65_SIG_BYTES);
    if (!round->signatures) return CR_ERR_FULL;
    recall(c, round);
    if (self != NOBODY && may_sign) vote(c, round);
    return CR_OK;
}

/* ---- what peers send ---- */

/* Nobody speaks for another, so a peer costs two verifications for an epoch, of those that it
 * passes. One that fails is blamed. */
static enum cr_certify_verdict on_vote(struct cr_certify *c, uint32_t peer,
                                       const struct cr_epoch_cert *cert)
{
    const uint8_t *signature;
    if (cert->votes_count != 1 || cr_epoch_cert_vote(cert, 0, &signature) != peer)
        return CR_CERTIFY_FORM;
    if (cert->epoch.number > c->epoch) return CR_CERTIFY_FINE; /* it is shown again later */
    struct round *round = find_round(c, cert->epoch.number);
    if (!round && c->old_votes[peer]++ >= OLD_VOTES_MAX) return CR_CERTIFY_FINE;
    /* Its certificate is more than its word. */
    if (!says_ours(c, &cert->epoch)) c->doubted[peer] = cert->epoch.number;
    const struct cr_hash origin = cr_epoch_origin(&c->config.genesis->id, &cert->epoch);
    if (!round || !cr_ballot_wants(&round->ballot, peer, &origin)) return CR_CERTIFY_FINE;
    if (!cr_epoch_vote_valid(&origin, &c->config.validators[peer].consensus_key, signature))
        return CR_CERTIFY_BAD;
    add_vote(c, round, &cert->epoch, peer, signature);
    if (cr_ballot_is_refuted(&round->ballot)) c->refuted = true;
    return CR_CERTIFY_FINE;
}

static void serve(struct cr_certify *c, uint32_t peer, uint64_t epoch)
{
    struct cr_message message = {.type = CR_MESSAGE_EPOCH_CERT};
    if (c->served[peer]++ >= SERVED_MAX) return; /* it asks again */
    const size_t count = cr_epochs_get(c->config.epochs, epoch, c->scratch);
    struct cr_reader reader = cr_reader_of(c->scratch, count);
    if (count > 0 && cr_epoch_cert_read(&reader, &message.epoch_cert) == CR_OK)
        c->config.send(c->config.context, peer, &message);
}

/* False: it comes late, somebody else was asked meanwhile. */
static bool was_asked(struct cr_certify *c, uint32_t peer, uint64_t epoch)
{
    const bool missing = c->asked == epoch && c->asked_peer == peer;
    const bool doubted = c->doubted[peer] == epoch;
    if (missing) c->asked = c->ask_us = 0; /* the next one at once */
    if (doubted) c->doubted[peer] = 0;
    return missing || doubted;
}

static enum cr_certify_verdict on_cert(struct cr_certify *c, uint32_t peer,
                                       const struct cr_epoch_cert *cert)
{
    const uint64_t number = cert->epoch.number;
    struct cr_entry_committee before;
    struct cr_committee signers;
    if (cert->votes_count == 0) {
        serve(c, peer, number);
        return CR_CERTIFY_FINE;
    }
    if (!was_asked(c, peer, number)) return CR_CERTIFY_FINE;
    if (cr_epochs_has(c->config.epochs, number) && says_ours(c, &cert->epoch))
        return CR_CERTIFY_FINE;
    const struct cr_hash origin = cr_epoch_origin(&c->config.genesis->id, &cert->epoch);
    if (!c->config.stakes(c->config.context, number - 1, &before) ||
        cr_committee_init(&signers, &origin, number - 1, before.stake, before.count) != CR_OK)
        return CR_CERTIFY_FINE;
    const struct cr_cert_verdict verdict =
        cr_epoch_cert_judge(&c->config.genesis->id, cert, &signers, c->config.validators);
    if (verdict.fault != CR_CERT_GOOD) return CR_CERTIFY_BAD;
    take(c, cert);
    return CR_CERTIFY_FINE;
}

enum cr_certify_verdict cr_certify_receive(struct cr_certify *c, uint32_t peer,
                                           const struct cr_message *message)
{
    return message->type == CR_MESSAGE_EPOCH_VOTE ? on_vote(c, peer, &message->epoch_cert)
                                                  : on_cert(c, peer, &message->epoch_cert);
}

/* ---- from time to time ---- */

static void show_vote(struct cr_certify *c, const struct round *round, const struct cr_authors *up)
{
    uint8_t own[CR_EPOCH_VOTE_BYTES];
    const struct cr_message message = {.type = CR_MESSAGE_EPOCH_VOTE,
                                       .epoch_cert = {round->ballot.epoch, 1, own}};
    put_vote(own, c->self, signature_of(round, c->self));
    for (uint32_t peer = cr_authors_next(up, 0); peer < CR_VALIDATORS_MAX;
         peer = cr_authors_next(up, peer + 1))
        c->config.send(c->config.context, peer, &message);
}

static void show_votes(struct cr_certify *c, const struct cr_authors *up, bool remind)
{
    for (uint32_t i = 0; c->self != NOBODY && i < CR_CERTIFY_OPEN; i++) {
        const struct round *round = &c->rounds[i];
        if (!cr_authors_has(&round->ballot.voted, c->self)) continue;
        if (!round->done || (remind && round->ballot.epoch.number == c->epoch))
            show_vote(c, round, up);
    }
}

/* The next epoch whose certificate is not here, round and round; 0: none. */
static uint64_t find_missing(struct cr_certify *c)
{
    while (c->stats.certified < c->epoch && cr_epochs_has(c->config.epochs, c->stats.certified + 1))
        c->stats.certified++;
    const uint64_t from = c->stats.certified + 1;
    for (uint64_t left = c->epoch - c->stats.certified; left > 0; left--) {
        if (c->cursor < from || c->cursor > c->epoch) c->cursor = from;
        const uint64_t epoch = c->cursor++;
        if (!cr_epochs_has(c->config.epochs, epoch)) return epoch;
    }
    return 0;
}

static void ask(struct cr_certify *c, uint32_t peer, uint64_t epoch)
{
    const struct cr_message message = {.type = CR_MESSAGE_EPOCH_CERT,
                                       .epoch_cert.epoch = {.number = epoch, .index = 1}};
    c->config.send(c->config.context, peer, &message);
}

/* What is missing is asked of one peer after the other; of a doubted one its own. */
static void ask_peers(struct cr_certify *c, const struct cr_authors *up)
{
    c->asked = find_missing(c);
    if (cr_authors_is_empty(up)) return;
    c->asked_peer = cr_authors_next(up, c->asked_peer + 1);
    if (c->asked_peer >= CR_VALIDATORS_MAX) c->asked_peer = cr_authors_next(up, 0);
    if (c->asked > 0) ask(c, c->asked_peer, c->asked);
    for (uint32_t peer = cr_authors_next(up, 0); peer < CR_VALIDATORS_MAX;
         peer = cr_authors_next(up, peer + 1))
        if (c->doubted[peer] > 0) ask(c, peer, c->doubted[peer]);
}

void cr_certify_run(struct cr_certify *c, const struct cr_authors *up, uint64_t now_us)
{
    if (c->refuted) c->config.refuted(c->config.context);
    c->refuted = false;
    if (c->epoch == 0) return;
    if (now_us >= c->show_us) {
        const bool remind = now_us >= c->remind_us;
        c->show_us = now_us + SHOW_US;
        if (remind) c->remind_us = now_us + REMIND_US;
        memset(c->served, 0, sizeof c->served);
        memset(c->old_votes, 0, sizeof c->old_votes);
        show_votes(c, up, remind);
    }
    if (now_us >= c->ask_us) {
        c->ask_us = now_us + SHOW_US;
        ask_peers(c, up);
    }
}
