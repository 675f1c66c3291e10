/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the scripts of tests/golden/core-*.txt: commands to a cluster (core/cluster.h), then after
 * "----" every effect of every core as text, up to an empty line. A difference fails; with
 * CR_GOLDEN_REWRITE=1 the files are written anew, and the diff is for the reviewer. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/unit.h"

#include "core/cluster.h"

static struct cluster cluster;
static FILE *out;

static void print_ref(const struct cr_ref *ref)
{
    char text[64];
    cr_ref_print(ref, text, sizeof text);
    fprintf(out, " %s", text);
}

static void print_body(uint32_t body)
{
    const struct cr_header *header = header_of(&cluster, body);
    const struct cr_ref ref = {header->round, header->author, cluster.vertices[body].digest};
    print_ref(&ref);
}

static void print_propose(const struct cr_header *header)
{
    fprintf(out, "PROPOSE round %u parents ", header->round);
    for (uint32_t a = 0; a < cluster.count; a++) {
        if (cr_authors_has(&header->parents, a)) fprintf(out, "%u", a);
    }
    for (uint32_t i = 0; i < header->old_count; i++)
        print_ref(&header->old[i]);
    fprintf(out, " gc %u commit %" PRIu64, header->gc_round, header->commit_index);
}

static void print_commit(const struct cr_effect *effect)
{
    const struct cr_commit *record = &effect->commit.record;
    fprintf(out, "COMMIT %" PRIu64 " round %u gc %u schedule %" PRIu64 " time %" PRIu64 " leaders",
            record->index, record->leader_round, record->gc_round, record->schedule,
            record->timestamp_ms - cluster.wall_base_ms);
    for (uint32_t i = 0; i < record->leaders_count; i++)
        fprintf(out, " %u", record->leaders[i].author);
    fprintf(out, " vertices");
    for (uint32_t i = 0; i < record->vertices_count; i++)
        fprintf(out, " %u@%u", record->vertices[i].author, record->vertices[i].round);
    fprintf(out, " digest %02x%02x%02x%02x", effect->commit.digest.bytes[0],
            effect->commit.digest.bytes[1], effect->commit.digest.bytes[2],
            effect->commit.digest.bytes[3]);
}

static void print_status(const struct cr_effect *effect)
{
    fprintf(out, "SEND_STATUS to %u round %u yours %u commit %" PRIu64, effect->peer,
            effect->status.round, effect->status.round_of_receiver, effect->status.commit_index);
}

static void print_effect(const struct cr_effect *effect)
{
    switch (effect->kind) {
    case CR_EFFECT_PROPOSE: print_propose(effect->header); return;
    case CR_EFFECT_STORE:
        fprintf(out, "STORE %" PRIu64 "%s", effect->store.sequence,
                effect->store.own ? " own" : "");
        print_body(effect->body);
        return;
    case CR_EFFECT_BROADCAST: fprintf(out, "BROADCAST"), print_body(effect->body); return;
    case CR_EFFECT_SEND: fprintf(out, "SEND to %u", effect->peer), print_body(effect->body); return;
    case CR_EFFECT_SEND_STATUS: print_status(effect); return;
    case CR_EFFECT_FETCH:
        fprintf(out, "FETCH from %u", effect->peer);
        for (uint32_t i = 0; i < effect->refs_count; i++)
            print_ref(&effect->refs[i]);
        return;
    case CR_EFFECT_SYNC:
        fprintf(out, "SYNC %u from %u commits %" PRIu64 " count %u", effect->range.lane,
                effect->peer, effect->range.from_commit, effect->range.commits);
        return;
    case CR_EFFECT_GIVE: fprintf(out, "GIVE %u", effect->range.lane); return;
    case CR_EFFECT_FORGED:
        fprintf(out, "FORGED by %u at %" PRIu64, effect->peer, effect->range.from_commit);
        return;
    case CR_EFFECT_COMMIT: print_commit(effect); return;
    case CR_EFFECT_DROP:
        fprintf(out, "DROP %s", cr_verdict_text(effect->verdict)), print_body(effect->body);
        return;
    case CR_EFFECT_REQUEUE: fprintf(out, "REQUEUE"), print_body(effect->body); return;
    case CR_EFFECT_EVIDENCE:
        fprintf(out, "EVIDENCE"), print_body(effect->body), print_body(effect->body_other);
        return;
    case CR_EFFECT_HALT: fprintf(out, "HALT %s", effect->reason); return;
    case CR_EFFECT_TWIN: fprintf(out, "TWIN round %u", effect->round); return;
    case CR_EFFECT_SEND_PROBE:
        fprintf(out, "SEND_PROBE to %u round %u", effect->peer, effect->probe.round);
        return;
    case CR_EFFECT_SEND_PROBE_REPLY:
        fprintf(out, "SEND_PROBE_REPLY to %u round %u yours %u%s", effect->peer,
                effect->probe_reply.round, effect->probe_reply.round_of_receiver,
                effect->probe_reply.recovering ? " recovering" : "");
        return;
    }
}

static void trace(const struct cluster *c, uint32_t node, const struct cr_effect *effect)
{
    fprintf(out, "%6" PRIu64 " n%u ", c->now_us, node);
    print_effect(effect);
    fprintf(out, "\n");
}

static uint32_t value(const char *line, const char *key, uint32_t otherwise)
{
    const char *at = strstr(line, key);
    return at != NULL ? (uint32_t)strtoul(at + strlen(key), NULL, 10) : otherwise;
}

static void print_stats(uint32_t i)
{
    struct cr_core_stats stats;
    cr_core_stats(cluster.nodes[i].core, &stats);
    fprintf(out,
            "%6" PRIu64 " n%u stats round %u clock %u gc %u commit %" PRIu64
            " suspended %u missing %u direct %" PRIu64 " indirect %" PRIu64 " skipped %" PRIu64
            " timeouts %" PRIu64 " equivocations %" PRIu64 "\n",
            cluster.now_us, i, stats.round, stats.clock, stats.gc_round, stats.commit_index,
            stats.suspended, stats.missing, stats.slots_direct, stats.slots_indirect,
            stats.slots_skipped, stats.timeouts_total, stats.equivocations_total);
}

/* One line of a script; false: not known. */
static bool command(const char *line)
{
    if (strncmp(line, "cluster", 7) == 0) {
        cluster_free(&cluster);
        cluster_init(&cluster, value(line, "nodes=", 4), 1);
        cluster.delay_us_max = cluster.delay_us_min;
        cluster.check_every = 1;
        cluster.config.round_window = value(line, "window=", 0);
        cluster.config.gc_depth = value(line, "gc=", cluster.config.gc_depth);
        cluster.config.idle_delay_us = value(line, "idle_us=", cluster.config.idle_delay_us);
        cluster.lying = strstr(line, "lying") != NULL;
        return true;
    }
    const uint32_t node = value(line, "node=", 0);
    if (strncmp(line, "start", 5) == 0)
        start_node(&cluster, node, value(line, "back=", 0));
    else if (strncmp(line, "stop", 4) == 0)
        stop_node(&cluster, node);
    else if (strncmp(line, "offer", 5) == 0)
        offer(&cluster, node, value(line, "txs=", 1));
    else if (strncmp(line, "run", 3) == 0)
        run_until(&cluster, cluster.now_us + value(line, "us=", 1000));
    else if (strncmp(line, "stats", 5) == 0)
        print_stats(node);
    else if (strncmp(line, "quiet", 5) == 0)
        cluster.trace = NULL;
    else if (strncmp(line, "trace", 5) == 0)
        cluster.trace = trace;
    else
        return line[0] == '#' || line[0] == '\n';
    return true;
}

/* Copies the script and runs it; skips the old results. */
static void play(FILE *script)
{
    static char line[512];
    bool results = false;
    while (fgets(line, sizeof line, script) != NULL) {
        if (results) {
            results = line[0] != '\n';
            continue;
        }
        if (strncmp(line, "----", 4) == 0) {
            results = true;
            continue;
        }
        /* the commands of a block stand before its results */
        char *buffer;
        size_t count;
        FILE *whole = out;
        fprintf(whole, "%s", line);
        out = open_memstream(&buffer, &count);
        const bool understood = command(line);
        fclose(out);
        out = whole;
        if (count > 0) fprintf(out, "----\n%s\n", buffer);
        free(buffer);
        assert_true(understood);
    }
}

enum { TEXT_BYTES = 4 * 1024 * 1024 };

static char *read_all(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, TEXT_BYTES);
    assert_non_null(text);
    const size_t count = fread(text, 1, TEXT_BYTES - 1, file);
    text[count] = 0;
    fclose(file);
    return text;
}

static void compare(const char *path, char *was, char *now)
{
    uint32_t number = 1;
    char *a = was, *b = now;
    while (*a == *b && *a != 0) {
        if (*a == '\n') number++;
        a++, b++;
    }
    if (*a == *b) return;
    while (a > was && a[-1] != '\n')
        a--, b--;
    a[strcspn(a, "\n")] = 0;
    b[strcspn(b, "\n")] = 0;
    print_error("%s:%u\n  expected: %s\n  got:      %s\n", path, number, a, b);
    fail();
}

static void golden_scripts_give_the_same_text(void **state)
{
    (void)state;
    const char *root = getenv("CRETO_ROOT");
    char folder[512], path[1024];
    snprintf(folder, sizeof folder, "%s/tests/golden", root != NULL ? root : "..");
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    uint32_t scripts = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strncmp(entry->d_name, "core-", 5) != 0) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        char *was = read_all(path), *now;
        size_t count;
        FILE *script = fopen(path, "r");
        out = open_memstream(&now, &count);
        play(script);
        fclose(out);
        fclose(script);
        if (getenv("CR_GOLDEN_REWRITE") != NULL) {
            FILE *file = fopen(path, "w");
            assert_non_null(file);
            assert_int_equal(fwrite(now, 1, count, file), count);
            fclose(file);
        } else {
            compare(path, was, now);
        }
        free(was);
        free(now);
        scripts++;
    }
    closedir(dir);
    cluster_free(&cluster);
    assert_true(scripts > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden_scripts_give_the_same_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
