/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_seeds FOLDER: writes the seeds of the wire's targets to FOLDER/<target>/. Run by hand when a
 * format changes: build/release/bin/fuzz_seeds tests/fuzz/corpus. They are small, for they are
 * committed: ML-DSA-44, signatures of zeros. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/event.h"
#include "core/range_sample.h"
#include "crypto/hash.h"
#include "wire/evidence.h"
#include "wire/sample.h"

enum { TX_BYTES_MAX = 32 * 1024 };

static const uint8_t signature[CR_MLDSA44_SIG_BYTES];
static uint8_t bytes[64 * 1024];
static const char *root;

static void put(const char *target, const char *name, size_t count)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", root, target);
    if (mkdir(path, 0777) != 0 && errno != EEXIST) exit(EXIT_FAILURE);
    (void)snprintf(path, sizeof path, "%s/%s/%s", root, target, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, count, file) != count || fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

static void put_vertices(struct cr_prng *prng)
{
    static struct cr_header header;
    cr_sample_header(prng, 1, &header);
    put("vertex_fuzz", "one",
        cr_vertex_encode_head(&header, CR_ALG_MLDSA44, signature, sizeof signature, bytes,
                              sizeof bytes));
    cr_sample_header(prng, 13, &header);
    header.payload_count = 1;
    header.payload_bytes = 3;
    const size_t count = cr_vertex_encode_head(&header, CR_ALG_MLDSA44, signature, sizeof signature,
                                               bytes, sizeof bytes);
    memcpy(bytes + count, "abc", 3);
    put("vertex_fuzz", "thirteen", count + 3);
}

/* Returns the count of bytes at `out`. */
static size_t make_tx(struct cr_prng *prng, enum cr_op_type first, uint32_t ops, uint8_t *out)
{
    struct cr_tx_builder builder;
    const struct cr_tx fields = {.account = cr_sample_hash(prng), .valid_until_commit = 1000};
    cr_tx_begin(&builder, out, TX_BYTES_MAX, &fields);
    for (uint32_t i = 0; i < ops; i++) {
        struct cr_op op;
        uint8_t space[CR_SAMPLE_SPACE_BYTES];
        cr_sample_op(prng, (enum cr_op_type)((uint32_t)first + i), space, &op);
        op.register_key.alg = op.type == CR_OP_REGISTER ? CR_ALG_MLDSA44 : (enum cr_alg)0;
        op.key_bytes = op.key_bytes % 20 + (op.key_bytes > 0 ? 1 : 0);
        if (op.type != CR_OP_VALIDATOR && op.value_bytes > 0)
            op.value_bytes = 1 + op.value_bytes % 20;
        cr_tx_add(&builder, &op);
    }
    struct cr_hash id;
    if (cr_tx_end(&builder, &id) != CR_OK) exit(EXIT_FAILURE);
    return cr_tx_sign_with(&builder, CR_ALG_MLDSA44, signature, sizeof signature);
}

static void put_txs(struct cr_prng *prng)
{
    put("tx_fuzz", "register", make_tx(prng, CR_OP_REGISTER, 1, bytes));
    put("tx_fuzz", "others", make_tx(prng, CR_OP_TRANSFER, 3, bytes));
    const size_t tx = make_tx(prng, CR_OP_PUT, 2, bytes + 6);
    cr_store_le(bytes, 1, 2);
    cr_store_le(bytes + 2, tx, 4);
    put("payload_fuzz", "one", 6 + tx);
    memset(bytes, 0, 2);
    put("payload_fuzz", "none", 2);
}

static void put_commits(struct cr_prng *prng)
{
    struct cr_ref refs[8];
    struct cr_commit commit = cr_sample_commit(prng, 1, 1, refs);
    put("commit_fuzz", "small", cr_commit_encode(&commit, bytes, sizeof bytes));
    commit = cr_sample_commit(prng, 2, 5, refs);
    put("commit_fuzz", "larger", cr_commit_encode(&commit, bytes, sizeof bytes));
}

static void put_message(const char *name, const struct cr_message *message)
{
    put("message_fuzz", name, cr_message_encode(message, bytes, sizeof bytes));
}

static void put_messages(struct cr_prng *prng)
{
    struct cr_message message = {.type = CR_MESSAGE_VERTEX};
    message.vertex = (const uint8_t *)"v";
    message.vertex_bytes = 1;
    put_message("vertex", &message);
    message.type = CR_MESSAGE_STATUS;
    message.status = (struct cr_status){8, 7, 6, 5, 4, 3};
    put_message("status", &message);
    message.type = CR_MESSAGE_FETCH;
    message.refs_count = 2;
    message.refs[0] = cr_sample_ref(prng);
    message.refs[1] = cr_sample_ref(prng);
    put_message("fetch", &message);
    message.type = CR_MESSAGE_SYNC;
    message.from_commit = 10;
    message.to_commit = 20;
    put_message("sync", &message);
    message.type = CR_MESSAGE_RANGE;
    message.range = (const uint8_t *)"\1\0\0\0a\2\0\0\0bc";
    message.range_bytes = 11;
    message.range_count = 2;
    message.records = (const uint8_t *)"\3\0\0\0rec";
    message.records_bytes = 7;
    message.records_count = 1;
    put_message("range", &message);
    message.to_commit = 9;
    message.range_bytes = message.range_count = 0;
    message.records_bytes = message.records_count = 0;
    put_message("refusal", &message);
    message = (struct cr_message){.type = CR_MESSAGE_PROBE, .probe = {9, 1, 40}};
    put_message("probe", &message);
    message =
        (struct cr_message){.type = CR_MESSAGE_PROBE_REPLY, .probe_reply = {9, 1, 41, 39, true}};
    put_message("probe_reply", &message);
}

static void put_evidence(struct cr_prng *prng)
{
    static uint8_t copies[2 * CR_HEADER_BYTES_MAX];
    size_t first;
    const size_t both = cr_sample_copies(prng, 4, copies, &first);
    put("evidence_fuzz", "copies",
        cr_evidence_encode(copies, first, copies + first, both - first, bytes));
    put("tx_fuzz", "evidence", make_tx(prng, CR_OP_EVIDENCE, 1, bytes));
}

/* Adds or sets the stake, by the stream: both are among so many. */
static void put_validators(struct cr_prng *prng)
{
    static const char *const names[] = {"validator-a", "validator-b", "validator-c"};
    for (uint32_t i = 0; i < CR_COUNT_OF(names); i++)
        put("tx_fuzz", names[i], make_tx(prng, CR_OP_VALIDATOR, 1, bytes));
}

static void put_ranges(struct cr_prng *prng)
{
    static struct cr_sample_range range;
    cr_sample_range(&range, prng, 7, 2);
    put("range_fuzz", "two", cr_message_encode(&range.message, bytes, sizeof bytes));
    cr_sample_range(&range, prng, 7, 1);
    range.commits[0].closing = true;
    cr_sample_chain(&range, 1);
    range.message.to_commit = 6;
    range.message.skip = 1;
    range.message.range_count = 1;
    range.message.range_bytes = 4 + (uint32_t)cr_load_le(range.vertices, 4);
    range.message.range = range.vertices;
    put("range_fuzz", "part", cr_message_encode(&range.message, bytes, sizeof bytes));
}

static void put_event(const char *name, const struct cr_event *event)
{
    put("event_fuzz", name, cr_event_encode(event, bytes, sizeof bytes));
}

static void put_events(struct cr_prng *prng)
{
    static struct cr_header header;
    const struct cr_core_head head = {.commit_index = 9, .leader_round = 20, .gc_round = 7};
    const struct cr_ref refs[2] = {cr_sample_ref(prng), cr_sample_ref(prng)};
    cr_sample_header(prng, 4, &header);
    struct cr_event event = {.kind = CR_EVENT_RESTORE_HEAD, .now_us = 1, .head = &head};
    put_event("restore_head", &event);
    event = (struct cr_event){.kind = CR_EVENT_RESTORE_VERTEX,
                              .vertex = {.header = &header, .body = 3},
                              .committed = true};
    put_event("restore_vertex", &event);
    event = (struct cr_event){.kind = CR_EVENT_FETCH, .peer = 2, .refs = refs, .refs_count = 2};
    put_event("fetch", &event);
    event = (struct cr_event){.kind = CR_EVENT_PEER, .peer = 1, .up = true};
    put_event("peer", &event);
    event = (struct cr_event){.kind = CR_EVENT_STATUS, .peer = 1, .status = {1, 7, 6, 5, 4, 3}};
    put_event("status", &event);
    event = (struct cr_event){
        .kind = CR_EVENT_START, .signed_round = 4, .memory = CR_MEMORY_LOST, .nonce = 9};
    put_event("start", &event);
    event = (struct cr_event){.kind = CR_EVENT_PROBE, .peer = 1, .probe = {9, 1, 40}};
    put_event("probe", &event);
    event = (struct cr_event){
        .kind = CR_EVENT_PROBE_REPLY, .peer = 1, .probe_reply = {9, 1, 41, 39, false}};
    put_event("probe_reply", &event);
    event = (struct cr_event){.kind = CR_EVENT_EXECUTED, .executed = {.index = 5}};
    put_event("executed", &event);
    const struct cr_claim claim = {.from = 3, .count = 2, .epoch = 1};
    event = (struct cr_event){.kind = CR_EVENT_RANGE,
                              .peer = 1,
                              .range = {.from_commit = 3, .to_commit = 4, .claim = &claim}};
    put_event("range", &event);
    event = (struct cr_event){.kind = CR_EVENT_GIVEN, .range = {.lane = 1}};
    put_event("given", &event);
    event = (struct cr_event){.kind = CR_EVENT_REFUTED};
    put_event("refuted", &event);
}

/* ---- certificates of epochs ---- */

static size_t put_text(size_t at, const char *text)
{
    memcpy(bytes + at, text, strlen(text));
    return at + strlen(text);
}

static size_t put_zeros(size_t at, const char *name, size_t count)
{
    at = put_text(at, ",\"");
    at = put_text(put_text(at, name), "\":\"");
    memset(bytes + at, '0', 2 * count);
    return put_text(at + 2 * count, "\"");
}

/* Two seats, of which the genesis knows one, and one vote. */
static void put_epoch_json(void)
{
    size_t at = put_text(0, "{\"epoch\":2,\"commit_index\":9");
    at = put_zeros(at, "commit_digest", CR_HASH_BYTES);
    at = put_zeros(at, "state_root", CR_HASH_BYTES);
    at = put_zeros(at, "validators_hash", CR_HASH_BYTES);
    at = put_text(at, ",\"validators\":[{\"seat\":0,\"stake\":1},{\"seat\":1,\"stake\":1,"
                      "\"name\":\"b\",\"address\":\"b:1\"");
    at = put_zeros(at, "consensus_key", CR_MLDSA65_KEY_BYTES);
    at = put_zeros(at, "transport_key", CR_MLDSA65_KEY_BYTES);
    at = put_text(at, "}],\"votes\":[{\"seat\":0");
    at = put_zeros(at, "signature", CR_MLDSA65_SIG_BYTES);
    put("epoch_json_fuzz", "one.json", put_text(at, "}]}\n"));
}

/* As a message, by itself, and in a file of them. */
static void put_epochs(struct cr_prng *prng)
{
    static uint8_t votes[2 * CR_EPOCH_VOTE_BYTES];
    struct cr_message message = {.type = CR_MESSAGE_EPOCH_CERT,
                                 .epoch_cert = {.epoch = {.number = 5,
                                                          .index = 77,
                                                          .digest = cr_sample_hash(prng),
                                                          .state_root = cr_sample_hash(prng),
                                                          .committee = cr_sample_hash(prng)},
                                                .votes_count = 2,
                                                .votes = votes}};
    cr_store_le(votes + CR_EPOCH_VOTE_BYTES, 3, 2);
    put_message("epoch_cert", &message);
    const size_t count = cr_epoch_cert_bytes(&message.epoch_cert);
    memmove(bytes, bytes + 1, count);
    put("epoch_cert_fuzz", "two", count);
    memmove(bytes + 24, bytes, count);
    memcpy(bytes, "CEC1", 4);
    cr_store_le(bytes + 4, count, 4);
    cr_store_le(bytes + 8, 5, 8);
    memmove(bytes + 16, bytes + 24, count); /* the check covers what lies around it */
    const struct cr_hash check = cr_hash_of(bytes, 16 + count);
    memmove(bytes + 24, bytes + 16, count);
    memcpy(bytes + 16, check.bytes, 8);
    put("epochs_fuzz", "one", 24 + count);
    message.type = CR_MESSAGE_EPOCH_VOTE;
    message.epoch_cert.votes_count = 1;
    put_message("epoch_vote", &message);
    put_epoch_json();
}

/* Valid, one bit of z, a hint, the number of hints, one byte less. */
static void put_signatures(void)
{
    static const struct {
        const char *name;
        uint8_t head[5];
    } seeds[] = {{"valid", {1, 0, 0, 0, 0}},
                 {"z", {0, 200, 4, 0, 1}},
                 {"hint", {1, 180, 12, 0, 3}},
                 {"hints", {5, 0x12, 0x12, 0, 0x80}},
                 {"short", {2, 0, 0, 3, 0}}};
    for (uint32_t i = 0; i < CR_COUNT_OF(seeds); i++) {
        memcpy(bytes, seeds[i].head, sizeof seeds[i].head);
        put("mldsa_fuzz", seeds[i].name, sizeof seeds[i].head);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) return EXIT_FAILURE;
    root = argv[1];
    struct cr_prng prng = cr_prng_stream(1, 7, 1);
    put_vertices(&prng);
    put_txs(&prng);
    put_commits(&prng);
    put_messages(&prng);
    put_evidence(&prng);
    put_events(&prng);
    put_ranges(&prng);
    put_validators(&prng);
    put_epochs(&prng);
    put_signatures();
    return EXIT_SUCCESS;
}
