/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates as a light client gets them: files, verified from the genesis on, whole and forged.
 * Four validators of the genesis and one that is added with epoch 3; real keys. */
#include "base/unit.h"

#include <stdio.h>

#include "crypto/keys.h"
#include "ledger/validators.h"
#include "node/epoch_json.h"

enum { FIRST = 4, SEATS = 5, LAST_EPOCH = 5 };

static struct cr_genesis genesis;
static struct cr_secret_key *keys[SEATS];
static struct cr_genesis_validator everybody[SEATS];
static struct cr_epoch_chain chain;
static struct cr_epoch_proof proof;
static json_t *files[LAST_EPOCH + 1]; /* by epoch, from 2 on */

/* Who has which stake in an epoch: the fifth comes with the third, the first has gone in the
 * fifth. */
static uint64_t stake_in(uint64_t epoch, uint32_t seat)
{
    if (seat == 4) return epoch >= 3 ? 1 : 0;
    return seat == 0 && epoch >= 5 ? 0 : 1;
}

static uint32_t seats_in(uint64_t epoch)
{
    return epoch >= 3 ? SEATS : FIRST;
}

static json_t *hex(const uint8_t *bytes, size_t count)
{
    static char text[2 * CR_MLDSA65_SIG_BYTES + 1];
    cr_hex_encode(bytes, count, text);
    return json_string(text);
}

static json_t *table_of(uint64_t epoch)
{
    json_t *table = json_array();
    for (uint32_t seat = 0; seat < seats_in(epoch); seat++) {
        const struct cr_genesis_validator *v = &everybody[seat];
        json_t *entry = json_pack("{s:i, s:s, s:I}", "seat", (int)seat, "name", v->name, "stake",
                                  (json_int_t)stake_in(epoch, seat));
        if (seat >= FIRST) {
            json_object_set_new(entry, "address", json_string(v->address));
            json_object_set_new(entry, "consensus_key",
                                hex(v->consensus_key.bytes, CR_MLDSA65_KEY_BYTES));
            json_object_set_new(entry, "transport_key",
                                hex(v->transport_key.bytes, CR_MLDSA65_KEY_BYTES));
        }
        json_array_append_new(table, entry);
    }
    return table;
}

static json_t *vote_of(uint32_t seat, uint32_t signer, const struct cr_epoch *epoch)
{
    uint8_t signature[CR_SIG_BYTES_MAX];
    size_t count;
    const struct cr_hash origin = cr_epoch_origin(&genesis.id, epoch);
    assert_int_equal(cr_sign(keys[signer], (const uint8_t *)CR_EPOCH_CONTEXT,
                             CR_EPOCH_CONTEXT_BYTES, origin.bytes, CR_HASH_BYTES, signature,
                             &count),
                     CR_OK);
    return json_pack("{s:i, s:o}", "seat", (int)seat, "signature", hex(signature, count));
}

static struct cr_epoch epoch_of(uint64_t number)
{
    struct cr_epoch epoch = {.number = number,
                             .index = 10 * number,
                             .digest = {{(uint8_t)number}},
                             .state_root = {{(uint8_t)number, 1}}};
    struct cr_genesis_validator table[SEATS];
    memcpy(table, everybody, sizeof table);
    for (uint32_t seat = 0; seat < seats_in(number); seat++)
        table[seat].stake = stake_in(number, seat);
    epoch.committee = cr_validators_hash(table, seats_in(number));
    return epoch;
}

/* Signed by all of the epoch before but one. */
static json_t *make_file(uint64_t number)
{
    const struct cr_epoch epoch = epoch_of(number);
    json_t *votes = json_array();
    bool left_out = false;
    for (uint32_t seat = 0; seat < seats_in(number - 1); seat++) {
        if (stake_in(number - 1, seat) == 0) continue;
        if (left_out) json_array_append_new(votes, vote_of(seat, seat, &epoch));
        left_out = true;
    }
    return json_pack(
        "{s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "epoch", (json_int_t)number, "commit_index",
        (json_int_t)epoch.index, "commit_digest", hex(epoch.digest.bytes, CR_HASH_BYTES),
        "state_root", hex(epoch.state_root.bytes, CR_HASH_BYTES), "validators_hash",
        hex(epoch.committee.bytes, CR_HASH_BYTES), "validators", table_of(number), "votes", votes);
}

static int begin(void **state)
{
    (void)state;
    cr_verifier_use(&cr_verifier_openssl);
    genesis.id = (struct cr_hash){{1, 2, 3}};
    genesis.validators_count = FIRST;
    for (uint32_t seat = 0; seat < SEATS; seat++) {
        struct cr_genesis_validator *v = &everybody[seat];
        const uint8_t seed[32] = {(uint8_t)(seat + 1)};
        assert_int_equal(cr_secret_key_from_seed(CR_ALG_MLDSA65, seed, &keys[seat]), CR_OK);
        cr_secret_key_public(keys[seat], &v->consensus_key);
        v->transport_key.alg = CR_ALG_MLDSA65;
        v->transport_key.bytes[0] = (uint8_t)seat;
        snprintf(v->name, sizeof v->name, "node%u", seat);
        snprintf(v->address, sizeof v->address, "127.0.0.1:%u", 7000 + seat);
        v->stake = 1;
        if (seat < FIRST) genesis.validators[seat] = *v;
    }
    for (uint64_t epoch = 2; epoch <= LAST_EPOCH; epoch++)
        files[epoch] = make_file(epoch);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (uint64_t epoch = 2; epoch <= LAST_EPOCH; epoch++)
        json_decref(files[epoch]);
    for (uint32_t seat = 0; seat < SEATS; seat++)
        cr_secret_key_free(keys[seat]);
    return 0;
}

/* What is wrong; NULL: it is proved. */
static const char *add(const json_t *file)
{
    if (!cr_epoch_proof_from_json(file, genesis.validators_count, &proof)) return proof.text;
    return cr_epoch_chain_add(&chain, &proof) ? NULL : chain.text;
}

/* Proved up to this epoch. */
static void prove_up_to(uint64_t last)
{
    assert_int_equal(cr_epoch_chain_begin(&chain, &genesis), CR_OK);
    for (uint64_t epoch = 2; epoch <= last; epoch++)
        assert_null(add(files[epoch]));
}

static void expect_refused(uint64_t after, json_t *file, const char *text)
{
    prove_up_to(after);
    const char *why = add(file);
    json_decref(file);
    assert_non_null(why);
    if (!strstr(why, text)) fail_msg("'%s' does not say '%s'", why, text);
    assert_int_equal(chain.epoch, after);
    assert_null(after < LAST_EPOCH ? add(files[after + 1]) : NULL); /* it is as it was */
}

static json_t *copy_of(uint64_t epoch)
{
    return json_deep_copy(files[epoch]);
}

/* Goal: who the validators are is proved through an addition and a removal. */
static void committees_follow(void **state)
{
    (void)state;
    prove_up_to(2);
    assert_int_equal(chain.committee.validators_count, FIRST);
    prove_up_to(3);
    assert_true(chain.committee.stake[4] == 1 && chain.committee.total == 5);
    assert_string_equal(chain.validators[4].name, "node4");
    assert_memory_equal(&chain.validators[4].consensus_key, &everybody[4].consensus_key,
                        sizeof chain.validators[4].consensus_key);
    prove_up_to(LAST_EPOCH);
    assert_true(chain.committee.stake[0] == 0 && chain.committee.total == 4);
    assert_false(cr_authors_has(&chain.committee.members, 0));
}

static void gaps(void **state)
{
    (void)state;
    expect_refused(1, copy_of(3), "the next one to be proved is 2");
    expect_refused(2, copy_of(4), "the next one to be proved is 3");
    expect_refused(3, copy_of(3), "it is of epoch 3");
}

static json_t *vote_at(json_t *file, size_t i)
{
    return json_array_get(json_object_get(file, "votes"), i);
}

static void votes_that_are_none(void **state)
{
    (void)state;
    const struct cr_epoch epoch = epoch_of(3);
    /* A signature of somebody else, of another epoch, of another chain. */
    json_t *file = copy_of(3);
    json_array_set_new(json_object_get(file, "votes"), 0, vote_of(1, 2, &epoch));
    expect_refused(2, file, "signature of node1 (seat 1)");
    file = copy_of(3);
    const struct cr_epoch before = epoch_of(2);
    json_array_set_new(json_object_get(file, "votes"), 2, vote_of(3, 3, &before));
    expect_refused(2, file, "signature of node3 (seat 3)");
    genesis.id.bytes[0] ^= 1;
    file = make_file(3);
    genesis.id.bytes[0] ^= 1;
    expect_refused(2, file, "it is of another chain, or forged");
    /* Of somebody who comes with this epoch only, of somebody who has gone. */
    file = copy_of(3);
    json_array_append_new(json_object_get(file, "votes"), vote_of(4, 4, &epoch));
    expect_refused(2, file, "seat 4 has signed it and has no voice in epoch 2");
    prove_up_to(LAST_EPOCH);
    const struct cr_epoch next = epoch_of(LAST_EPOCH + 1);
    file = make_file(LAST_EPOCH + 1);
    json_array_insert_new(json_object_get(file, "votes"), 0, vote_of(0, 0, &next));
    assert_non_null(strstr(add(file), "seat 0 has signed it and has no voice"));
    json_decref(file);
    /* What is said is not what was signed. */
    file = copy_of(3);
    json_object_set_new(file, "commit_index", json_integer(31));
    expect_refused(2, file, "does not verify");
}

/* Goal: exactly a quorum; and a signer that is there twice is counted once: not at all. */
static void below_the_quorum(void **state)
{
    (void)state;
    json_t *file = copy_of(3); /* 1 2 3 of four: a quorum */
    json_array_remove(json_object_get(file, "votes"), 1);
    expect_refused(2, file, "stake 2 of epoch 2 has signed it, a quorum is 3");
    file = copy_of(3);
    json_array_remove(json_object_get(file, "votes"), 1);
    json_array_insert(json_object_get(file, "votes"), 1, vote_at(file, 0));
    expect_refused(2, file, "one is there twice");
    file = copy_of(3);
    json_array_clear(json_object_get(file, "votes"));
    expect_refused(2, file, "stake 0 of epoch 2");
    file = copy_of(5); /* 4 of five, and then 3 */
    json_array_remove(json_object_get(file, "votes"), 3);
    expect_refused(4, file, "a quorum is 4");
}

/* Goal: the table is what was signed: no stake, key, seat or name can be changed. */
static void swapped_committees(void **state)
{
    (void)state;
    const char *const wrong = "not those whose table was signed";
    json_t *file = copy_of(3);
    json_t *table = json_object_get(file, "validators");
    json_object_set_new(json_array_get(table, 2), "stake", json_integer(2));
    expect_refused(2, file, wrong);
    file = copy_of(3);
    table = json_object_get(file, "validators");
    json_object_set_new(json_array_get(table, 4), "consensus_key",
                        hex(everybody[0].consensus_key.bytes, CR_MLDSA65_KEY_BYTES));
    expect_refused(2, file, wrong);
    file = copy_of(3);
    json_object_set_new(file, "validators", table_of(2));
    expect_refused(2, file, wrong);
    file = copy_of(4);
    json_object_set_new(file, "validators", table_of(2));
    expect_refused(3, file, "it lists 4 seats, the epoch before has 5");
    file = copy_of(3);
    json_object_set_new(file, "validators_hash", hex(genesis.id.bytes, CR_HASH_BYTES));
    expect_refused(2, file, "does not verify");
    file = copy_of(4); /* another key for a seat that is proved is nothing but a word */
    table = json_object_get(file, "validators");
    json_object_set_new(json_array_get(table, 4), "consensus_key",
                        hex(everybody[0].consensus_key.bytes, CR_MLDSA65_KEY_BYTES));
    prove_up_to(3);
    assert_null(add(file));
    assert_memory_equal(&chain.validators[4].consensus_key, &everybody[4].consensus_key,
                        sizeof chain.validators[4].consensus_key);
    json_decref(file);
}

/* Goal: a file that lacks something is refused with the name of it. */
static void truncated(void **state)
{
    (void)state;
    static const char *const names[] = {"epoch",          "commit_index", "commit_digest",
                                        "state_root",     "validators",   "votes",
                                        "validators_hash"};
    for (size_t i = 0; i < CR_COUNT_OF(names); i++) {
        char quoted[40];
        json_t *file = copy_of(3);
        json_object_del(file, names[i]);
        snprintf(quoted, sizeof quoted, "'%s'", names[i]);
        expect_refused(2, file, quoted);
    }
    static const char *const of_a_seat[] = {"seat", "stake", "name", "address", "consensus_key"};
    for (size_t i = 0; i < CR_COUNT_OF(of_a_seat); i++) {
        json_t *file = copy_of(3);
        json_object_del(json_array_get(json_object_get(file, "validators"), 4), of_a_seat[i]);
        expect_refused(2, file, of_a_seat[i]);
    }
    json_t *file = copy_of(3);
    json_object_set_new(vote_at(file, 0), "signature", json_string("00ff"));
    expect_refused(2, file, "'signature' is missing, or not 6618 hexadecimal digits");
    file = copy_of(3);
    json_object_set_new(vote_at(file, 2), "seat", json_integer(CR_VALIDATORS_MAX));
    expect_refused(2, file, "vote 2 is of no seat");
    file = copy_of(3);
    json_array_remove(json_object_get(file, "validators"), 1);
    expect_refused(2, file, "entry 1 of 'validators' is of another seat");
    expect_refused(2, json_null(), "'epoch'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(committees_follow),   cmocka_unit_test(gaps),
        cmocka_unit_test(votes_that_are_none), cmocka_unit_test(below_the_quorum),
        cmocka_unit_test(swapped_committees),  cmocka_unit_test(truncated),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
