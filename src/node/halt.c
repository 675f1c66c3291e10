/* SPDX-License-Identifier: Apache-2.0 */
/* halt.c: the safety halt (docs/protocol.md 5.4, docs/operations.md): nothing more is signed, and
 * what is known of the reason is written to DATA/halted.json. That file is also the mark that keeps
 * the node from being started again before somebody has read it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/halt.h"
#include "wire/evidence.h"

enum {
    COMMITS_SHOWN = 8,
    RECORD_BYTES_SHOWN = 64 * 1024, /* a larger record is named by its digest only */
};

static json_t *hex(const uint8_t *bytes, size_t count)
{
    char *text = malloc(2 * count + 1);
    if (!text) return json_null();
    cr_hex_encode(bytes, count, text);
    json_t *json = json_string(text);
    free(text);
    return json;
}

static json_t *hash(const struct cr_hash *digest)
{
    return hex(digest->bytes, sizeof digest->bytes);
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* The signed head of a vertex that is still in memory; null when it is not. */
static json_t *signed_head(const struct cr_node *node, const struct cr_hash *digest)
{
    for (uint32_t i = 0; i < node->bodies.count_max; i++) {
        const struct cr_body *body = &node->bodies.items[i];
        if (body->references == 0 || !cr_hash_equal(&body->ref.digest, digest)) continue;
        return hex(cr_body_vertex(body), cr_body_vertex_bytes(body) - body->payload_bytes);
    }
    return json_null();
}

static json_t *contradictions(const struct cr_node *node)
{
    static const char *const about[CR_ATTESTED_COUNT] = {"commit", "effects", "state-root"};
    json_t *list = json_array();
    struct cr_contradiction said;
    for (uint32_t kind = 0; kind < CR_ATTESTED_COUNT; kind++) {
        for (uint32_t author = 0; author < node->committee.validators_count; author++) {
            if (!cr_core_contradiction(node->core, (enum cr_attested)kind, author, &said)) continue;
            json_array_append_new(
                list, json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "validator",
                                node->validators[author].name, "about", about[kind], "index",
                                number(said.index), "ours", hash(&said.own), "theirs",
                                hash(&said.claimed), "vertex", hash(&said.vertex.digest), "signed",
                                signed_head(node, &said.vertex.digest)));
        }
    }
    return list;
}

/* Every two vertices of one author and round that are in memory. */
static json_t *equivocations(const struct cr_node *node)
{
    const uint32_t slots = CR_VALIDATORS_MAX * CR_ROUND_WINDOW;
    uint32_t *first = calloc(slots, sizeof *first); /* body + 1, by author and round */
    uint8_t *evidence = malloc(CR_EVIDENCE_BYTES_MAX);
    json_t *list = json_array();
    for (uint32_t i = 0; first && evidence && i < node->bodies.count_max; i++) {
        const struct cr_body *body = &node->bodies.items[i];
        if (body->references == 0 || cr_hash_is_zero(&body->ref.digest)) continue;
        const uint32_t slot =
            body->ref.author * CR_ROUND_WINDOW + body->ref.round % CR_ROUND_WINDOW;
        if (first[slot] == 0) {
            first[slot] = i + 1;
            continue;
        }
        const struct cr_body *other = &node->bodies.items[first[slot] - 1];
        const size_t count =
            cr_evidence_encode(cr_body_vertex(body), cr_body_vertex_bytes(body),
                               cr_body_vertex(other), cr_body_vertex_bytes(other), evidence);
        if (count == 0) continue; /* the same vertex, or another round */
        json_array_append_new(
            list, json_pack("{s:s, s:o, s:o}", "validator", node->validators[body->ref.author].name,
                            "round", number(body->ref.round), "evidence", hex(evidence, count)));
    }
    free(first);
    free(evidence);
    return list;
}

static json_t *commits(struct cr_node *node)
{
    json_t *list = json_array();
    struct cr_ledger_head head;
    struct cr_commit_row row;
    if (cr_state_reader_begin(node->reader) != CR_OK) return list;
    const uint64_t last = cr_state_reader_head(node->reader, &head) ? head.index : 0;
    uint64_t index = last > COMMITS_SHOWN ? last - COMMITS_SHOWN + 1 : 1;
    for (; index <= last && cr_state_reader_commit(node->reader, index, &row); index++) {
        enum cr_log_kind kind;
        size_t count = 0;
        const bool read = cr_log_read(node->log, &row.position, &kind, node->record_scratch,
                                      RECORD_BYTES_SHOWN, &count) == CR_OK;
        json_array_append_new(
            list, json_pack("{s:o, s:o, s:o, s:i, s:o}", "index", number(index), "digest",
                            hash(&row.digest), "effects_digest", hash(&row.effects_digest),
                            "leader_round", (int)row.leader_round, "record",
                            read ? hex(node->record_scratch, count) : json_null()));
    }
    cr_state_reader_end(node->reader);
    return list;
}

static json_t *describe(struct cr_node *node, const char *reason)
{
    struct cr_core_stats *stats = malloc(sizeof *stats);
    if (!stats) return NULL;
    cr_core_stats(node->core, stats);
    json_t *json = json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "reason", reason, "validator",
        cr_node_name(node), "genesis_id", hash(&node->genesis->id), "commit_index",
        number(stats->commit_index), "commit_digest", hash(&stats->commit_digest), "contradictions",
        contradictions(node), "equivocations", equivocations(node), "commits", commits(node));
    free(stats);
    return json;
}

static bool write_all(int fd, const char *text)
{
    const size_t count = strlen(text);
    size_t done = 0;
    while (done < count) {
        const ssize_t now = write(fd, text + done, count - done);
        if (now < 0 && errno == EINTR) continue;
        if (now <= 0) return false;
        done += (size_t)now;
    }
    return true;
}

static void path_of(const struct cr_node *node, char path[CR_HALT_PATH_BYTES])
{
    (void)snprintf(path, CR_HALT_PATH_BYTES, "%s/halted.json", node->config->data);
}

static bool save(struct cr_node *node, const char *reason, const char *path)
{
    json_t *json = describe(node, reason);
    char *text = json ? json_dumps(json, JSON_INDENT(1) | JSON_PRESERVE_ORDER) : NULL;
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    /* An empty file is a mark, too. */
    const bool saved = fd >= 0 && text && write_all(fd, text) && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    free(text);
    json_decref(json);
    return saved;
}

void cr_node_halt(struct cr_node *node, const char *reason)
{
    char path[CR_HALT_PATH_BYTES];
    node->halted = true;
    node->halt_reason = reason;
    atomic_store_explicit(&node->accepting, false, memory_order_release);
    path_of(node, path);
    const bool saved = save(node, reason, path);
    cr_report(CR_LOG_LEVEL_ERROR, "consensus", "halt",
              "reason=\"%s\" evidence=\"%s\" saved=%s text=\"nothing more is signed; reads go on; "
              "keep the data folder\"",
              reason, path, saved ? "yes" : "no");
}

bool cr_node_was_halted(const struct cr_node *node, char path[CR_HALT_PATH_BYTES])
{
    path_of(node, path);
    return access(path, F_OK) == 0;
}
