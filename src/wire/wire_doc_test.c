/* SPDX-License-Identifier: Apache-2.0 */
/* The examples of docs/wire.md: ```hex NAME, then lines of bytes; what follows ';' is comment. */
#include "base/unit.h"

#include <stdio.h>

#include "wire/commit.h"
#include "wire/message.h"
#include "wire/tx.h"
#include "wire/vertex.h"

static uint8_t expected[1024];
static uint8_t documented[1024];

static struct cr_hash hash_of_bytes(int byte)
{
    struct cr_hash hash;
    memset(&hash, byte, sizeof hash);
    return hash;
}

/* Takes the bytes of a line over; returns how many there are now. */
static size_t add_line(const char *line, size_t count)
{
    for (size_t i = 0; line[i] != 0 && line[i] != ';' && line[i] != '\n';) {
        if (line[i] == ' ') {
            i++;
            continue;
        }
        assert_true(line[i + 1] != 0 && count < sizeof documented);
        assert_int_equal(cr_hex_decode(line + i, 2, documented + count, 1), CR_OK);
        i += 2;
        count++;
    }
    return count;
}

static size_t read_example(const char *name)
{
    char line[512];
    char fence[64];
    bool inside = false;
    size_t count = 0;
    (void)snprintf(fence, sizeof fence, "```hex %s\n", name);
    FILE *file = fopen(CR_SOURCE_DIR "/docs/wire.md", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (inside && strncmp(line, "```", 3) == 0) break;
        if (inside) count = add_line(line, count);
        if (strcmp(line, fence) == 0) inside = true;
    }
    assert_int_equal(fclose(file), 0);
    return count;
}

static void check(const char *name, size_t count)
{
    const size_t documented_count = read_example(name);
    if (documented_count == count && memcmp(documented, expected, count) == 0) return;
    static char text[2 * sizeof expected + 1];
    cr_hex_encode(expected, count, text);
    fail_msg("docs/wire.md, %s: should be\n%s", name, text);
}

static void header_example(void **state)
{
    (void)state;
    static struct cr_header header;
    static struct cr_vertex vertex;
    static uint8_t bytes[8192];
    static const uint8_t signature[CR_MLDSA44_SIG_BYTES];
    header.epoch = 1;
    header.round = 7;
    header.author = 3;
    header.validators_count = 4;
    header.timestamp_ms = 1700000000000;
    header.payload_root = hash_of_bytes(0x11);
    header.gc_round = 2;
    header.commit_index = 5;
    header.commit_digest = hash_of_bytes(0x22);
    header.executed_index = 4;
    header.effects_digest = hash_of_bytes(0x33);
    header.parents.words[0] = 1 << 0 | 1 << 2 | 1 << 3;
    header.parent_digests[0] = hash_of_bytes(0xa0);
    header.parent_digests[2] = hash_of_bytes(0xa2);
    header.parent_digests[3] = hash_of_bytes(0xa3);
    header.old_count = 1;
    header.old[0] = (struct cr_ref){.round = 4, .author = 1, .digest = hash_of_bytes(0xa1)};
    check("header", cr_header_encode(&header, expected, sizeof expected));
    const size_t count = cr_vertex_encode_head(&header, CR_ALG_MLDSA44, signature, sizeof signature,
                                               bytes, sizeof bytes);
    assert_int_equal(cr_vertex_decode(bytes, count, &vertex), CR_OK);
}

static void tx_example(void **state)
{
    (void)state;
    const struct cr_tx fields = {.chain = {1, 2, 3, 4, 5, 6, 7, 8},
                                 .account = hash_of_bytes(0xaa),
                                 .client_id = "client",
                                 .valid_until_commit = 1000,
                                 .flags = CR_TX_INDEPENDENT};
    const struct cr_op ops[] = {
        {.type = CR_OP_TRANSFER, .to = hash_of_bytes(0xbb), .amount = 250},
        {.type = CR_OP_PUT,
         .key = (const uint8_t *)"name",
         .key_bytes = 4,
         .value = (const uint8_t *)"Ada",
         .value_bytes = 3},
        {.type = CR_OP_DELETE, .key = (const uint8_t *)"old", .key_bytes = 3},
    };
    struct cr_tx_builder builder;
    struct cr_hash id;
    cr_tx_begin(&builder, expected, sizeof expected, &fields);
    for (size_t i = 0; i < CR_COUNT_OF(ops); i++)
        cr_tx_add(&builder, &ops[i]);
    assert_int_equal(cr_tx_end(&builder, &id), CR_OK);
    check("tx", builder.bytes_count);
}

static void commit_example(void **state)
{
    (void)state;
    const struct cr_ref refs[] = {
        {.round = 7, .author = 3, .digest = hash_of_bytes(0xc3)},
        {.round = 6, .author = 0, .digest = hash_of_bytes(0xc0)},
        {.round = 7, .author = 3, .digest = hash_of_bytes(0xc3)},
    };
    const struct cr_commit commit = {.index = 2,
                                     .previous = hash_of_bytes(0x99),
                                     .epoch = 1,
                                     .row = CR_ROW_CLASSIC,
                                     .leader_round = 7,
                                     .gc_round = 0,
                                     .schedule = 1,
                                     .timestamp_ms = 1700000000000,
                                     .leaders_count = 1,
                                     .leaders = refs,
                                     .vertices_count = 2,
                                     .vertices = refs + 1};
    check("commit", cr_commit_encode(&commit, expected, sizeof expected));
}

static void check_message(const char *name, const struct cr_message *message)
{
    static struct cr_message decoded;
    const size_t count = cr_message_encode(message, expected, sizeof expected);
    check(name, count);
    assert_int_equal(cr_message_decode(documented, count, &decoded), CR_OK);
}

static void message_examples(void **state)
{
    (void)state;
    static struct cr_message message;
    message.type = CR_MESSAGE_STATUS;
    message.status = (struct cr_status){.epoch = 3,
                                        .round = 9,
                                        .round_of_receiver = 8,
                                        .gc_round = 2,
                                        .commit_index = 5,
                                        .oldest_commit = 1};
    check_message("status", &message);
    message.type = CR_MESSAGE_FETCH;
    message.refs_count = 1;
    message.refs[0] = (struct cr_ref){.round = 6, .author = 2, .digest = hash_of_bytes(0xd2)};
    check_message("fetch", &message);
    message.type = CR_MESSAGE_SYNC;
    message.from_commit = 10;
    message.to_commit = 41;
    check_message("sync", &message);
    message.type = CR_MESSAGE_RANGE;
    message.to_commit = 9;
    check_message("range", &message);
    message.to_commit = 10;
    message.records = (const uint8_t *)"\3\0\0\0rec";
    message.records_bytes = 7;
    message.records_count = 1;
    message.range = (const uint8_t *)"\2\0\0\0v0\2\0\0\0v1";
    message.range_bytes = 12;
    message.range_count = 2;
    check_message("range-of-one", &message);
    message.type = CR_MESSAGE_PROBE;
    message.probe = (struct cr_probe){.nonce = 77, .epoch = 3, .round = 9};
    check_message("probe", &message);
    message.type = CR_MESSAGE_PROBE_REPLY;
    message.probe_reply =
        (struct cr_probe_reply){.nonce = 77, .epoch = 3, .round = 14, .round_of_receiver = 9};
    check_message("probe_reply", &message);
    message.type = CR_MESSAGE_EPOCH_CERT;
    message.epoch_cert = (struct cr_epoch_cert){.epoch = {.number = 3, .index = 1}};
    check_message("epoch_cert", &message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_example),
        cmocka_unit_test(tx_example),
        cmocka_unit_test(commit_example),
        cmocka_unit_test(message_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
