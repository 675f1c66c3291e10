/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: two logs that disagree name those who signed twice, all of them and nobody else.
 * Method: real keys and real logs; four validators of which two sign two vertices for one round.
 * */
#include "node/forensics.h"

#include "crypto/keys.h"
#include "crypto/verifier.h"
#include "ledger/validators.h"
#include "node/verify.h"
#include "store/commit_record.h"
#include "store/testing.h"

enum { N = 4, ADDED = 4, ROUNDS = 6, FORK = 3 };

static struct cr_genesis genesis;
static struct cr_roster roster;
static struct cr_secret_key *keys[N + 1]; /* the last one is of who is added */
static struct cr_epoch_proof proof;
static struct cr_finding finding;
static struct cr_store_failure failure;

static int setup(void **state)
{
    (void)state;
    cr_verifier_use(cr_verifier_start(NULL));
    memset(&genesis, 0, sizeof genesis);
    genesis.id = (struct cr_hash){{4, 5, 6}};
    genesis.validators_count = N;
    for (uint32_t i = 0; i <= N; i++) {
        const uint8_t seed[32] = {(uint8_t)(i + 1)};
        if (keys[i] == NULL)
            assert_int_equal(cr_secret_key_from_seed(CR_ALG_MLDSA65, seed, &keys[i]), CR_OK);
        if (i == N) break;
        cr_secret_key_public(keys[i], &genesis.validators[i].consensus_key);
        genesis.validators[i].stake = 10;
    }
    assert_int_equal(cr_roster_init(&roster, &genesis), CR_OK);
    test_root_make();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cr_finding_free(&finding);
    cr_roster_deinit(&roster);
    remove_tree(test_root);
    return 0;
}

/* The vertex of an author in a round, as `copy`; signed by `signer`. */
static struct cr_ref append_vertex(struct cr_log *log, uint32_t round, uint32_t author,
                                   uint32_t copy, uint32_t signer)
{
    static struct cr_header header;
    static uint8_t bytes[CR_HEADER_BYTES_MAX + CR_SIG_BYTES_MAX];
    uint8_t signature[CR_SIG_BYTES_MAX], context[CR_VERTEX_CONTEXT_BYTES];
    size_t signature_bytes = 0;
    struct cr_log_position at;
    memset(&header, 0, sizeof header);
    header.epoch = 1;
    header.round = round;
    header.author = author;
    header.validators_count = author < N ? N : N + 1;
    header.timestamp_ms = 1000 * round + copy;
    header.payload_root = cr_hash_of(NULL, 0);
    for (uint32_t a = 0; a < N; a++) {
        cr_authors_add(&header.parents, a);
        header.parent_digests[a] = (struct cr_hash){{(uint8_t)round, (uint8_t)a, 1}};
    }
    const size_t head = cr_header_encode(&header, bytes, sizeof bytes);
    const struct cr_hash digest = cr_header_digest(bytes, head);
    cr_vertex_context(&genesis.id, context);
    assert_int_equal(cr_sign(keys[signer], context, sizeof context, digest.bytes, CR_HASH_BYTES,
                             signature, &signature_bytes),
                     CR_OK);
    const size_t count = cr_vertex_encode_head(&header, CR_ALG_MLDSA65, signature, signature_bytes,
                                               bytes, sizeof bytes);
    assert_int_equal(cr_log_append(log, CR_LOG_VERTEX, bytes, count, NULL, 0, &at, &failure),
                     CR_OK);
    return (struct cr_ref){round, author, digest};
}

static void append_commit(struct cr_log *log, uint64_t index, struct cr_hash *previous,
                          const struct cr_ref *leader)
{
    uint8_t bytes[1024];
    struct cr_log_position at;
    const struct cr_commit commit = {.index = index,
                                     .previous = *previous,
                                     .epoch = 1,
                                     .row = CR_ROW_CLASSIC,
                                     .leader_round = leader->round,
                                     .leaders_count = 1,
                                     .leaders = leader,
                                     .vertices_count = 1,
                                     .vertices = leader};
    const struct cr_commit_record record = {.scan = {.sequence = 1}};
    const size_t count = cr_commit_record_encode(&record, &commit, bytes, sizeof bytes);
    assert_int_equal(cr_log_append(log, CR_LOG_COMMIT, bytes, count, NULL, 0, &at, &failure),
                     CR_OK);
    *previous = cr_commit_digest(&commit);
}

/* A log in which authors of `liars` show copy `copy` in round FORK; `signers` shifts who signs. */
static void write_log(const char *name, uint32_t copy, uint32_t liars, uint32_t rounds)
{
    struct cr_log *log;
    struct cr_hash previous = {{0}};
    assert_int_equal(cr_log_open(path_of(name).text, &genesis.id, 0, &log, &failure), CR_OK);
    for (uint32_t round = 1; round <= rounds; round++) {
        struct cr_ref refs[N];
        for (uint32_t a = 0; a < N; a++) {
            const bool lies = round == FORK && ((liars >> a) & 1);
            refs[a] = append_vertex(log, round, a, lies ? copy : 0, a);
        }
        append_commit(log, round, &previous, &refs[1]);
    }
    assert_int_equal(cr_log_sync(log, &failure), CR_OK);
    cr_log_close(log);
}

static enum cr_err compare(void)
{
    const struct test_path a = path_of("a"), b = path_of("b");
    const char *const logs[2] = {a.text, b.text};
    cr_finding_free(&finding);
    return cr_forensics(&roster, logs, &finding, &failure);
}

static void the_guilty_are_named(void **state)
{
    (void)state;
    write_log("a", 1, 0x6, ROUNDS);
    write_log("b", 2, 0x6, ROUNDS + 2);
    assert_int_equal(compare(), CR_OK);
    assert_int_equal(finding.conflict, FORK);
    assert_int_equal(finding.common, FORK - 1);
    assert_int_equal(finding.tips[0], ROUNDS);
    assert_int_equal(finding.tips[1], ROUNDS + 2);
    assert_int_equal(finding.culprits_count, 2);
    assert_int_equal(finding.guilty_stake, 20);
    assert_int_equal(finding.total_stake, 40);
    assert_int_equal(finding.unverified, 0);
    for (uint32_t i = 0; i < 2; i++) {
        struct cr_culprit *culprit = &finding.culprits[i];
        struct cr_culprit again;
        assert_int_equal(culprit->author, i + 1);
        assert_int_equal(culprit->round, FORK);
        assert_true(
            cr_forensics_verify(&roster, culprit->evidence, culprit->evidence_bytes, &again));
        assert_int_equal(again.author, i + 1);
        culprit->evidence[culprit->evidence_bytes - 1] ^= 1; /* of the second signature */
        assert_false(
            cr_forensics_verify(&roster, culprit->evidence, culprit->evidence_bytes, &again));
    }
}

static void equal_logs_accuse_nobody(void **state)
{
    (void)state;
    write_log("a", 1, 0x6, ROUNDS);
    write_log("b", 1, 0x6, ROUNDS - 1); /* other signatures, the same vertices */
    assert_int_equal(compare(), CR_OK);
    assert_int_equal(finding.conflict, 0);
    assert_int_equal(finding.common, ROUNDS - 1);
    assert_int_equal(finding.culprits_count, 0);
    assert_int_equal(finding.unverified, 0);
    assert_int_equal(finding.vertices, N * ROUNDS);
}

/* The certificate of epoch 2, in which the added one has as much stake as the others; signed by
 * three of four. */
static void prove_epoch_2(void)
{
    struct cr_genesis_validator table[N + 1];
    static uint8_t votes[3 * CR_EPOCH_VOTE_BYTES];
    memcpy(table, genesis.validators, N * sizeof table[0]);
    memset(&table[ADDED], 0, sizeof table[0]);
    cr_secret_key_public(keys[ADDED], &table[ADDED].consensus_key);
    memcpy(table[ADDED].name, "added", 6);
    table[ADDED].stake = 10;
    proof = (struct cr_epoch_proof){
        .cert = {.epoch = {.number = 2, .index = 1, .committee = cr_validators_hash(table, N + 1)},
                 .votes_count = 3,
                 .votes = votes},
        .count = N + 1};
    proof.added[ADDED] = table[ADDED];
    for (uint32_t seat = 0; seat <= N; seat++)
        proof.stake[seat] = 10;
    const struct cr_hash origin = cr_epoch_origin(&genesis.id, &proof.cert.epoch);
    for (uint32_t i = 0; i < 3; i++) {
        uint8_t signature[CR_SIG_BYTES_MAX];
        size_t count;
        assert_int_equal(cr_sign(keys[i], (const uint8_t *)CR_EPOCH_CONTEXT, CR_EPOCH_CONTEXT_BYTES,
                                 origin.bytes, CR_HASH_BYTES, signature, &count),
                         CR_OK);
        cr_store_le(votes + (size_t)i * CR_EPOCH_VOTE_BYTES, i, 2);
        memcpy(votes + (size_t)i * CR_EPOCH_VOTE_BYTES + 2, signature, CR_MLDSA65_SIG_BYTES);
    }
    assert_true(cr_roster_add(&roster, &proof));
}

static void append_copies(const char *name, uint32_t copy)
{
    struct cr_log *log;
    assert_int_equal(cr_log_open(path_of(name).text, &genesis.id, 0, &log, &failure), CR_OK);
    append_vertex(log, 4, ADDED, copy, ADDED);
    assert_int_equal(cr_log_sync(log, &failure), CR_OK);
    cr_log_close(log);
}

/* Goal: who was added later is judged as soon as a certificate says who that is, by the stakes of
 * the epoch; without one, and after a forged one, nobody is named in its place. */
static void added_validators_are_judged(void **state)
{
    (void)state;
    write_log("a", 1, 0x2, ROUNDS);
    write_log("b", 2, 0x2, ROUNDS);
    append_copies("a", 1);
    append_copies("b", 2);
    assert_int_equal(compare(), CR_OK);
    assert_int_equal(finding.culprits_count, 1);
    assert_int_equal(finding.unverified, 1);
    assert_null(cr_roster_find(&roster, ADDED));
    prove_epoch_2();
    proof.cert.epoch.index++;
    assert_false(cr_roster_add(&roster, &proof));
    assert_int_equal(cr_roster_total(&roster, 1), 40);
    assert_int_equal(cr_roster_total(&roster, 2), 50);
    assert_int_equal(cr_roster_total(&roster, 9), 50);
    assert_true(cr_roster_stake(&roster, 1, ADDED) == 0 &&
                cr_roster_stake(&roster, 2, ADDED) == 10);
    assert_int_equal(compare(), CR_OK);
    assert_int_equal(finding.culprits_count, 2);
    assert_int_equal(finding.unverified, 0);
    assert_int_equal(finding.culprits[1].author, ADDED);
    assert_int_equal(finding.epoch, 1); /* of the commit that differs: there it had no stake yet */
    assert_int_equal(finding.guilty_stake, 10);
    assert_int_equal(finding.total_stake, 40);
}

/* A log can be forged, but not a signature. */
static void the_innocent_are_not_named(void **state)
{
    (void)state;
    struct cr_log *log;
    write_log("a", 1, 0x2, ROUNDS);
    write_log("b", 2, 0x2, ROUNDS);
    assert_int_equal(cr_log_open(path_of("b").text, &genesis.id, 0, &log, &failure), CR_OK);
    append_vertex(log, 4, 3, 7, 0); /* in the name of 3, signed by another */
    assert_int_equal(cr_log_sync(log, &failure), CR_OK);
    cr_log_close(log);
    assert_int_equal(compare(), CR_OK);
    assert_int_equal(finding.culprits_count, 1);
    assert_int_equal(finding.culprits[0].author, 1);
    assert_int_equal(finding.unverified, 1);
}

static void what_is_no_log_is_refused(void **state)
{
    (void)state;
    write_log("a", 1, 0, ROUNDS);
    assert_int_equal(compare(), CR_ERR_NOT_FOUND);
    write_log("b", 1, 0, ROUNDS);
    genesis.id.bytes[0] ^= 1;
    assert_int_equal(compare(), CR_ERR_MISMATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_guilty_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(equal_logs_accuse_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(added_validators_are_judged, setup, teardown),
        cmocka_unit_test_setup_teardown(the_innocent_are_not_named, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_log_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
