/* SPDX-License-Identifier: Apache-2.0 */
/* Seven validators that collect votes on the ends of epochs from each other, with real keys and
 * files; only the network and the state behind them are made up. */
#include "node/certify.h"

#include "core/ballot.h"
#include "core/core.h"
#include "ledger/validators.h"
#include "node/epoch_chain.h"
#include "store/testing.h"

enum { NODES = 7, MAIL_MAX = 4096 };
#define SECOND_US UINT64_C(1000000)

struct node {
    uint32_t self;
    struct cr_certify *certify;
    struct cr_epochs *epochs;
    struct cr_epoch said[8]; /* how each epoch began here */
    uint32_t halts;
    uint32_t bad, malformed; /* messages that it has refused */
};

static struct cr_genesis genesis;
static struct cr_secret_key *keys[NODES];
static struct node nodes[NODES];
static struct cr_authors everybody;
static struct {
    uint32_t from, to, bytes_count;
    uint8_t *bytes;
} mail[MAIL_MAX];
static uint32_t mail_count;
static uint64_t now_us;

/* ---- a node ---- */

static bool stakes(void *context, uint64_t epoch, struct cr_entry_committee *out)
{
    (void)context;
    *out = (struct cr_entry_committee){.epoch = epoch, .count = NODES};
    for (uint32_t i = 0; i < NODES; i++)
        out->stake[i] = genesis.validators[i].stake;
    return true;
}

static bool is_ours(void *context, const struct cr_epoch *epoch)
{
    const struct node *node = context;
    const struct cr_hash a = cr_epoch_origin(&genesis.id, epoch);
    const struct cr_hash b = cr_epoch_origin(&genesis.id, &node->said[epoch->number % 8]);
    return cr_hash_equal(&a, &b);
}

static void post(uint32_t from, uint32_t to, const struct cr_message *message)
{
    assert_true(mail_count < MAIL_MAX);
    const size_t count = cr_message_bytes(message);
    mail[mail_count].from = from;
    mail[mail_count].to = to;
    mail[mail_count].bytes_count = (uint32_t)count;
    mail[mail_count].bytes = malloc(count);
    assert_int_equal(cr_message_encode(message, mail[mail_count++].bytes, count), count);
}

static void send_to(void *context, uint32_t peer, const struct cr_message *message)
{
    const struct node *node = context;
    post(node->self, peer, message);
}

static void refuted(void *context)
{
    struct node *node = context;
    node->halts++;
}

static void start(struct node *node)
{
    struct cr_store_failure failure;
    char name[32];
    snprintf(name, sizeof name, "epochs%u", node->self);
    const struct test_path certs = path_of(name);
    snprintf(name, sizeof name, "epoch%u", node->self);
    const struct test_path vote = path_of(name);
    assert_int_equal(cr_epochs_open(certs.text, vote.text, &node->epochs, &failure), CR_OK);
    node->certify = cr_certify_new(&(struct cr_certify_config){.genesis = &genesis,
                                                               .validators = genesis.validators,
                                                               .key = keys[node->self],
                                                               .epochs = node->epochs,
                                                               .context = node,
                                                               .stakes = stakes,
                                                               .is_ours = is_ours,
                                                               .send = send_to,
                                                               .refuted = refuted});
    assert_non_null(node->certify);
}

static void stop(struct node *node)
{
    cr_certify_free(node->certify);
    cr_epochs_close(node->epochs);
}

static int begin(void **state)
{
    (void)state;
    cr_verifier_use(&cr_verifier_openssl);
    test_root_make();
    memset(&genesis, 0, sizeof genesis);
    memset(nodes, 0, sizeof nodes);
    genesis.id = (struct cr_hash){{4, 5, 6}};
    genesis.validators_count = NODES;
    everybody = (struct cr_authors){0};
    for (uint32_t i = 0; i < NODES; i++) {
        const uint8_t seed[32] = {(uint8_t)(i + 1)};
        assert_int_equal(cr_secret_key_from_seed(CR_ALG_MLDSA65, seed, &keys[i]), CR_OK);
        cr_secret_key_public(keys[i], &genesis.validators[i].consensus_key);
        snprintf(genesis.validators[i].name, sizeof genesis.validators[i].name, "node%u", i);
        genesis.validators[i].stake = 1;
        nodes[i].self = i;
        start(&nodes[i]);
        cr_authors_add(&everybody, i);
    }
    mail_count = 0;
    now_us = 1;
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < NODES; i++) {
        stop(&nodes[i]);
        cr_secret_key_free(keys[i]);
    }
    for (uint32_t i = 0; i < mail_count; i++)
        free(mail[i].bytes);
    remove_tree(test_root);
    return 0;
}

/* `branch` 0 and 1 are two pasts. */
static struct cr_epoch epoch_of(uint64_t number, uint8_t branch)
{
    return (struct cr_epoch){.number = number,
                             .index = 100 * number,
                             .digest = {{branch}},
                             .state_root = {{(uint8_t)number}},
                             .committee = {{9}}};
}

static void enter(uint32_t i, uint64_t number, uint8_t branch)
{
    const struct cr_epoch epoch = epoch_of(number, branch);
    nodes[i].said[number % 8] = epoch;
    assert_int_equal(cr_certify_begin(nodes[i].certify, &epoch, i, true), CR_OK);
}

static void enter_all(uint64_t number)
{
    for (uint32_t i = 0; i < NODES; i++)
        enter(i, number, 0);
}

static void receive(uint32_t from, struct node *node, const uint8_t *bytes, size_t count)
{
    struct cr_message message;
    assert_int_equal(cr_message_decode(bytes, count, &message), CR_OK);
    switch (cr_certify_receive(node->certify, from, &message)) {
    case CR_CERTIFY_FINE: break;
    case CR_CERTIFY_FORM: node->malformed++; break;
    case CR_CERTIFY_BAD: node->bad++; break;
    }
}

/* Everybody in `up` is connected with all others in it, for some seconds. */
static void run(const struct cr_authors *up, uint32_t seconds)
{
    for (uint32_t turn = 0; turn < 4 * seconds; turn++, now_us += SECOND_US / 4) {
        for (uint32_t i = 0; i < NODES; i++) {
            struct cr_authors others = *up;
            if (!cr_authors_has(up, i)) continue;
            cr_authors_remove(&others, i);
            cr_certify_run(nodes[i].certify, &others, now_us);
        }
        for (uint32_t i = 0; i < mail_count; i++) {
            if (cr_authors_has(up, mail[i].to) && cr_authors_has(up, mail[i].from))
                receive(mail[i].from, &nodes[mail[i].to], mail[i].bytes, mail[i].bytes_count);
            free(mail[i].bytes);
            mail[i].bytes = NULL;
        }
        mail_count = 0;
    }
}

static struct cr_authors without(uint32_t a)
{
    struct cr_authors set = everybody;
    cr_authors_remove(&set, a);
    return set;
}

/* A vote of this seat, whatever its node thinks. */
static void show_vote(uint32_t seat, uint32_t to, const struct cr_epoch *epoch, bool forged)
{
    uint8_t vote[CR_EPOCH_VOTE_BYTES], signature[CR_SIG_BYTES_MAX];
    size_t count;
    const struct cr_hash origin = cr_epoch_origin(&genesis.id, epoch);
    assert_int_equal(cr_sign(keys[forged ? (seat + 1) % NODES : seat],
                             (const uint8_t *)CR_EPOCH_CONTEXT, CR_EPOCH_CONTEXT_BYTES,
                             origin.bytes, CR_HASH_BYTES, signature, &count),
                     CR_OK);
    cr_store_le(vote, seat, 2);
    memcpy(vote + 2, signature, CR_MLDSA65_SIG_BYTES);
    post(seat, to,
         &(struct cr_message){.type = CR_MESSAGE_EPOCH_VOTE, .epoch_cert = {*epoch, 1, vote}});
}

static void expect_halts(const uint32_t halts[NODES])
{
    for (uint32_t i = 0; i < NODES; i++)
        assert_true((nodes[i].halts > 0) == (halts[i] > 0));
}

static const uint32_t no_halts[NODES];

/* ---- tests ---- */

/* Goal: everybody comes to a certificate, which a light client verifies; a node that was away asks
 * for all that it has missed, and a new start finds them on the disk. */
static void certificates_come_to_everybody(void **state)
{
    (void)state;
    const struct cr_authors six = without(6);
    for (uint64_t number = 2; number < 6; number++) {
        for (uint32_t i = 0; i < 6; i++)
            enter(i, number, 0);
        run(&six, 2);
    }
    assert_int_equal(cr_certify_stats(nodes[0].certify).certified, 5);
    for (uint64_t number = 2; number < 6; number++)
        enter(6, number, 0);
    run(&everybody, 8);
    assert_int_equal(cr_certify_stats(nodes[6].certify).certified, 5);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_true(nodes[i].bad == 0 && nodes[i].malformed == 0);
        stop(&nodes[i]);
        start(&nodes[i]);
    }
    static uint8_t bytes[CR_EPOCH_CERT_BYTES_MAX];
    struct cr_reader reader = cr_reader_of(bytes, cr_epochs_get(nodes[6].epochs, 4, bytes));
    struct cr_epoch_cert cert;
    struct cr_committee committee;
    const uint64_t equal[NODES] = {1, 1, 1, 1, 1, 1, 1};
    assert_int_equal(cr_epoch_cert_read(&reader, &cert), CR_OK);
    assert_int_equal(cr_committee_init(&committee, &genesis.id, 3, equal, NODES), CR_OK);
    const struct cr_cert_verdict verdict =
        cr_epoch_cert_judge(&genesis.id, &cert, &committee, genesis.validators);
    assert_int_equal(verdict.fault, CR_CERT_GOOD);
    assert_true(verdict.stake >= committee.quorum);
    enter_all(5);
    run(&everybody, 3);
    expect_halts(no_halts);
    assert_int_equal(cr_certify_stats(nodes[0].certify).conflicts, 0);
}

/* Goal: two of seven that lie get nothing: forged votes are refused, votes for others too; votes
 * for another end halt nobody, and are named. F + 1 of them do halt. */
static void f_liars_halt_nobody(void **state)
{
    (void)state;
    const struct cr_epoch ours = epoch_of(2, 0), other = epoch_of(2, 1);
    enter_all(2);
    show_vote(1, 0, &ours, true);
    show_vote(2, 0, &other, true);
    show_vote(5, 0, &other, false);
    show_vote(6, 0, &other, false);
    show_vote(6, 0, &ours, false);
    show_vote(5, 0, &(struct cr_epoch){.number = 9, .index = 1}, false); /* not yet: ignored */
    mail[mail_count - 1].from = 4; /* and nobody speaks for another */
    run(&everybody, 3);
    assert_int_equal(nodes[0].bad, 2);
    assert_int_equal(nodes[0].malformed, 1);
    expect_halts(no_halts);
    const struct cr_certify_stats stats = cr_certify_stats(nodes[0].certify);
    assert_true(cr_authors_has(&stats.differed, 5) && cr_authors_has(&stats.differed, 6));
    assert_int_equal(cr_authors_count(&stats.differed), 2);
    assert_int_equal(stats.conflicts, 2);
    assert_int_equal(stats.certified, 2);
    show_vote(4, 0, &other, false);
    run(&everybody, 1);
    expect_halts((const uint32_t[NODES]){1});
}

/* Goal: a fork that nodes meet in different epochs does not go unnoticed: they refuse each other's
 * vertices there, but not votes. Method: three liars vote for both pasts, which makes a quorum of
 * each with the two correct validators of that side. One side goes on for three epochs before the
 * two meet; the votes of two correct ones alone are no more than F could lie, so it takes the
 * certificate of the other side. Exactly the liars have then signed both. */
static void a_fork_over_epochs_is_seen(void **state)
{
    (void)state;
    struct cr_authors left = {0}, right = {0};
    for (uint32_t i = 0; i < NODES; i++) /* 0 1 | 2 3 | liars 4 5 6, who work for the left */
        cr_authors_add(i == 2 || i == 3 ? &right : &left, i);
    for (uint32_t i = 0; i < NODES; i++)
        enter(i, 2, i == 2 || i == 3);
    const struct cr_epoch other = epoch_of(2, 1);
    run(&left, 3);
    for (uint32_t liar = 4; liar < NODES; liar++) {
        show_vote(liar, 2, &other, false);
        show_vote(liar, 3, &other, false);
    }
    for (uint32_t i = 0; i < mail_count; i++)
        receive(mail[i].from, &nodes[mail[i].to], mail[i].bytes, mail[i].bytes_count);
    run(&right, 3);
    assert_int_equal(cr_certify_stats(nodes[1].certify).certified, 2);
    assert_int_equal(cr_certify_stats(nodes[3].certify).certified, 2);
    for (uint64_t number = 3; number < 6; number++) {
        for (uint32_t i = 0; i < NODES; i++)
            if (cr_authors_has(&left, i)) enter(i, number, 0);
        run(&left, 2);
    }
    expect_halts(no_halts);

    struct cr_authors correct = {0};
    for (uint32_t i = 0; i < 4; i++)
        cr_authors_add(&correct, i);
    run(&correct, 12);
    expect_halts((const uint32_t[NODES]){1, 1, 0, 0});
    const struct cr_certify_stats seen = cr_certify_stats(nodes[0].certify);
    assert_int_equal(seen.conflicts, 3);
    assert_int_equal(cr_authors_count(&seen.differed), 5); /* the liars and who believes them */
    /* The others see it when they get as far, or when the votes of their own epoch are shown. */
    for (uint32_t i = 2; i < 4; i++)
        for (uint64_t number = 3; number < 6; number++)
            enter(i, number, 1);
    run(&correct, 12);
    expect_halts((const uint32_t[NODES]){1, 1, 1, 1});
}

/* Goal: whose state is not what was signed learns that from the certificate; the others go on. */
static void a_node_with_another_state_halts(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < NODES; i++)
        enter(i, 2, i == 3);
    run(&everybody, 3);
    expect_halts((const uint32_t[NODES]){0, 0, 0, 1});
    for (uint32_t i = 0; i < NODES; i++) {
        const struct cr_certify_stats stats = cr_certify_stats(nodes[i].certify);
        assert_int_equal(cr_authors_has(&stats.differed, 3), i != 3);
        assert_int_equal(stats.conflicts, 0);
    }
}

/* Goal: after a restart on another past the key does not vote again: it would look guilty. And a
 * certificate on the disk that says something else than the state stops the node. */
static void nobody_votes_twice(void **state)
{
    (void)state;
    enter_all(2);
    run(&everybody, 2);
    stop(&nodes[1]);
    start(&nodes[1]);
    enter(1, 2, 1);
    run(&everybody, 3);
    for (uint32_t i = 0; i < NODES; i++)
        assert_int_equal(cr_certify_stats(nodes[i].certify).conflicts, 0);
    expect_halts((const uint32_t[NODES]){0, 1});
}

/* Goal: certificates that nobody asked for cost nothing and change nothing; a bad one that was
 * asked for is its sender's fault. */
static void bad_certificates(void **state)
{
    (void)state;
    const struct cr_authors pair = {{3}};
    static uint8_t bytes[CR_EPOCH_CERT_BYTES_MAX];
    struct cr_message message = {.type = CR_MESSAGE_EPOCH_CERT};
    enter_all(2);
    run(&everybody, 2);
    const size_t count = cr_epochs_get(nodes[1].epochs, 2, bytes);
    struct cr_reader reader = cr_reader_of(bytes, count);
    assert_int_equal(cr_epoch_cert_read(&reader, &message.epoch_cert), CR_OK);

    stop(&nodes[0]);
    unlink(path_of("epochs0").text);
    start(&nodes[0]);
    enter(0, 2, 0);
    bytes[count - 1] ^= 1; /* the last signature */
    assert_int_equal(cr_certify_receive(nodes[0].certify, 1, &message), CR_CERTIFY_FINE);
    assert_false(cr_epochs_has(nodes[0].epochs, 2));
    cr_certify_run(nodes[0].certify, &pair, now_us); /* it asks itself, then 1 */
    cr_certify_run(nodes[0].certify, &pair, now_us += SECOND_US);
    assert_int_equal(cr_certify_receive(nodes[0].certify, 1, &message), CR_CERTIFY_BAD);
    assert_false(cr_epochs_has(nodes[0].epochs, 2));

    bytes[count - 1] ^= 1;
    message.epoch_cert.votes_count = 4; /* all good, and one less than a quorum */
    cr_certify_run(nodes[0].certify, &pair, now_us += SECOND_US);
    cr_certify_run(nodes[0].certify, &pair, now_us += SECOND_US);
    assert_int_equal(cr_certify_receive(nodes[0].certify, 1, &message), CR_CERTIFY_BAD);
    assert_false(cr_epochs_has(nodes[0].epochs, 2));
    message.epoch_cert.votes_count = 5;
    cr_certify_run(nodes[0].certify, &pair, now_us += SECOND_US);
    cr_certify_run(nodes[0].certify, &pair, now_us += SECOND_US);
    assert_int_equal(cr_certify_receive(nodes[0].certify, 1, &message), CR_CERTIFY_FINE);
    assert_true(cr_epochs_has(nodes[0].epochs, 2));
}

/* Goal: who asks and asks gets some certificates a second, and goes on tomorrow; nobody is cut. */
static void asking_is_bounded(void **state)
{
    (void)state;
    const struct cr_authors alone = {{1}};
    const struct cr_message ask = {.type = CR_MESSAGE_EPOCH_CERT,
                                   .epoch_cert.epoch = {.number = 2, .index = 1}};
    enter_all(2);
    run(&everybody, 2);
    uint32_t given[3];
    for (uint32_t second = 0; second < 3; second++) {
        for (uint32_t i = 0; i < 1000; i++)
            assert_int_equal(cr_certify_receive(nodes[0].certify, 5, &ask), CR_CERTIFY_FINE);
        given[second] = mail_count;
        now_us += SECOND_US;
        cr_certify_run(nodes[0].certify, &alone, now_us);
    }
    assert_true(given[0] > 0 && given[0] <= 16);
    assert_int_equal(given[2] - given[1], given[1] - given[0]);
    assert_int_equal(given[1] - given[0], 16);
}

/* ---- what the state says ---- */

static struct cr_hash hash_of_byte(uint8_t byte)
{
    return (struct cr_hash){{byte, 1}};
}

/* A state of two commits: 40 closes epoch 1, 41 has no state root. */
static struct cr_state_db *make_state(const struct test_path *folder)
{
    struct cr_state_db *db;
    struct cr_ledger_head head;
    struct cr_store_failure failure;
    bool rebuilt;
    assert_int_equal(
        cr_state_db_open(folder->text, &genesis.id, 16 << 20, &db, &head, &rebuilt, &failure),
        CR_OK);
    assert_int_equal(cr_state_db_begin(db, &failure), CR_OK);
    cr_state_db_put_commit(db, &(struct cr_commit_row){.index = 40,
                                                       .digest = hash_of_byte(40),
                                                       .state_root = hash_of_byte(140)});
    cr_state_db_put_commit(db, &(struct cr_commit_row){.index = 41, .digest = hash_of_byte(41)});
    head.index = 41;
    assert_int_equal(cr_state_db_end(db, &head, &failure), CR_OK);
    return db;
}

/* Every copy of these bytes in a file becomes another. */
static void damage(const char *path, const uint8_t *bytes, size_t count)
{
    static uint8_t page[4096];
    uint32_t found = 0;
    const int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (off_t at = 0; at < 4 << 20; at += (off_t)sizeof page) {
        if (pread(fd, page, sizeof page, at) != (ssize_t)sizeof page) break;
        for (size_t i = 0; i + count <= sizeof page; i++) {
            if (memcmp(page + i, bytes, count) != 0) continue;
            const uint8_t other = (uint8_t)(bytes[0] ^ 1);
            assert_int_equal(pwrite(fd, &other, 1, at + (off_t)i), 1);
            found++;
        }
    }
    close(fd);
    assert_true(found > 0);
}

/* Goal: an epoch is ours only if all of it is in the state; a damaged state contradicts nobody. */
static void what_the_state_says(void **state)
{
    (void)state;
    const struct test_path folder = path_of("state");
    struct cr_state_db *db = make_state(&folder);
    struct cr_state_reader *reader;
    assert_int_equal(cr_state_reader_open(db, &reader), CR_OK);
    const struct cr_epoch ours = {.number = 2,
                                  .index = 40,
                                  .digest = hash_of_byte(40),
                                  .state_root = hash_of_byte(140),
                                  .committee = cr_validators_hash(genesis.validators, NODES)};
    assert_true(cr_certify_began_here(&genesis, reader, &ours));

    struct cr_epoch other = ours;
    other.digest = hash_of_byte(50);
    assert_false(cr_certify_began_here(&genesis, reader, &other));
    other = ours;
    other.state_root = hash_of_byte(50);
    assert_false(cr_certify_began_here(&genesis, reader, &other));
    other = ours;
    other.committee = hash_of_byte(50);
    assert_false(cr_certify_began_here(&genesis, reader, &other));
    other = ours;
    other.index = 42;
    assert_false(cr_certify_began_here(&genesis, reader, &other));
    other.index = 41; /* whose root nobody has found: it closes nothing */
    other.digest = hash_of_byte(41);
    assert_false(cr_certify_began_here(&genesis, reader, &other));

    const struct test_path data = path_in(folder.text, "data.mdb");
    damage(data.text, ours.digest.bytes, CR_HASH_BYTES);
    assert_true(cr_certify_began_here(&genesis, reader, &ours));
    assert_int_equal(cr_state_reader_begin(reader), CR_ERR_CORRUPT);
    cr_state_reader_close(reader);
    cr_state_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(certificates_come_to_everybody, begin, end),
        cmocka_unit_test_setup_teardown(f_liars_halt_nobody, begin, end),
        cmocka_unit_test_setup_teardown(a_fork_over_epochs_is_seen, begin, end),
        cmocka_unit_test_setup_teardown(a_node_with_another_state_halts, begin, end),
        cmocka_unit_test_setup_teardown(nobody_votes_twice, begin, end),
        cmocka_unit_test_setup_teardown(bad_certificates, begin, end),
        cmocka_unit_test_setup_teardown(asking_is_bounded, begin, end),
        cmocka_unit_test_setup_teardown(what_the_state_says, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
