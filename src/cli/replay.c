/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c: goes through a recording (core/recording.h) with a core of its own. No node, no
 * network, no disk: the core alone, so that a debugger sees what happened, as often as wanted. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/recording.h"

struct replay {
    uint64_t until; /* events before this number */
    bool trace;
    bool stopped; /* by --until */
    struct cr_committee committee;
    struct cr_core_config config;
    void *memory;
    struct cr_core *core;
    struct cr_effects effects;
    uint64_t event; /* number of the next one */
    uint64_t replayed, marks, commits;
};

/* ---- the core ---- */

static bool take_core(struct replay *replay)
{
    struct cr_arena arena;
    struct cr_effects measured;
    cr_arena_init_measure(&arena);
    (void)cr_core_init(&arena, &replay->config);
    cr_effects_init(&arena, &measured, &replay->config);
    free(replay->memory);
    replay->memory = aligned_alloc(64, arena.bytes_used);
    if (!replay->memory) return false;
    cr_arena_init(&arena, replay->memory, arena.bytes_used);
    replay->core = cr_core_init(&arena, &replay->config);
    cr_effects_init(&arena, &replay->effects, &replay->config);
    return true;
}

/* What cr_core_init asserts of its configuration, which comes from a file here. */
static bool config_is_sound(const struct cr_core_config *config)
{
    const uint32_t window = config->round_window != 0 ? config->round_window : CR_ROUND_WINDOW;
    return window >= 8 && window <= CR_ROUND_WINDOW && (window & (window - 1)) == 0 &&
           config->gc_depth >= 3 && config->gc_depth <= window &&
           config->gc_depth + window / 4 + 4 <= window && config->round_timeout_us > 0 &&
           config->round_timeout_us <= config->round_timeout_us_max;
}

static int differs(const struct replay *replay, const char *where, uint64_t recorded)
{
    return cr_cli_fail(CR_EXIT_FAILED,
                       "the state differs %s, before event %" PRIu64 ": recorded %016" PRIx64
                       ", here %016" PRIx64
                       "; the recording comes from another build, or the core is not deterministic",
                       where, replay->event, recorded, cr_core_hash(replay->core));
}

/* A segment that goes on where the last one ended needs no image: the states must agree. */
static int begin(struct replay *replay, const struct cr_recording_segment *segment)
{
    const bool follows =
        replay->core && segment->image_bytes > 0 && segment->event == replay->event;
    if (!follows) {
        if (cr_recording_config(segment, &replay->committee, &replay->config) != CR_OK ||
            !config_is_sound(&replay->config))
            return cr_cli_fail(CR_EXIT_FAILED, "segment %" PRIu64 " has no usable configuration",
                               segment->number);
        if (!take_core(replay)) return cr_cli_fail(CR_EXIT_FAILED, "memory is out");
        replay->event = segment->event;
        if (segment->image_bytes > 0 &&
            !cr_core_load(replay->core, segment->image, segment->image_bytes)) {
            return cr_cli_fail(CR_EXIT_FAILED,
                               "the image of segment %" PRIu64
                               " is not of a core of this build; use the program that wrote it",
                               segment->number);
        }
        printf("segment %" PRIu64 ": validator %" PRIu32 " of %" PRIu32 ", epoch %" PRIu64
               ", event %" PRIu64 ", from %s\n",
               segment->number, replay->config.self, replay->committee.validators_count,
               replay->committee.epoch, segment->event,
               segment->image_bytes > 0 ? "an image" : "a fresh core");
    }
    if (cr_core_hash(replay->core) != segment->hash)
        return differs(replay, "at the begin of a segment", segment->hash);
    return CR_EXIT_OK;
}

/* ---- the events ---- */

static void print_event(const struct replay *replay, const struct cr_event *event)
{
    char name[CR_REF_TEXT_BYTES] = "";
    switch (event->kind) {
    case CR_EVENT_RESTORE_VERTEX:
    case CR_EVENT_VERTEX:
    case CR_EVENT_SEALED: {
        const struct cr_ref ref = {.round = event->vertex.header->round,
                                   .author = event->vertex.header->author,
                                   .digest = event->vertex.digest};
        cr_ref_print(&ref, name, sizeof name);
        break;
    }
    case CR_EVENT_RESTORE_HEAD:
    case CR_EVENT_START:
    case CR_EVENT_TICK:
    case CR_EVENT_STORED:
    case CR_EVENT_EXECUTED:
    case CR_EVENT_WAITING:
    case CR_EVENT_PEER:
    case CR_EVENT_STATUS:
    case CR_EVENT_FETCH:
    case CR_EVENT_RANGE:
    case CR_EVENT_CLOSE:
    case CR_EVENT_PROBE:
    case CR_EVENT_PROBE_REPLY:
    case CR_EVENT_GIVEN:
    case CR_EVENT_REFUTED: break;
    }
    printf("%10" PRIu64 " %14" PRIu64 " %-14s peer %-3" PRIu32 " %3" PRIu32 " effects %s\n",
           replay->event, event->now_us, cr_event_kind_text(event->kind), event->peer,
           replay->effects.count, name);
}

static void print_effects(struct replay *replay)
{
    for (uint32_t i = 0; i < replay->effects.count; i++) {
        const struct cr_effect *effect = &replay->effects.items[i];
        if (effect->kind == CR_EFFECT_HALT) printf("%36sHALT %s\n", "", effect->reason);
        if (effect->kind == CR_EFFECT_TWIN) printf("%36sTWIN\n", "");
        if (effect->kind != CR_EFFECT_COMMIT) continue;
        char digest[2 * CR_HASH_BYTES + 1];
        replay->commits++;
        if (!replay->trace) continue;
        cr_hex_encode(effect->commit.digest.bytes, CR_HASH_BYTES, digest);
        printf("%36sCOMMIT %" PRIu64 " %.16s\n", "", effect->commit.record.index, digest);
    }
}

static int run_segment(struct replay *replay, const struct cr_recording_segment *segment)
{
    static struct cr_event_parts parts;
    struct cr_recording_walk walk = {.segment = segment};
    struct cr_recording_record record;
    struct cr_event event;
    int code = begin(replay, segment);
    while (code == CR_EXIT_OK && !replay->stopped && cr_recording_next(&walk, &record)) {
        if (record.mark) {
            replay->marks++;
            if (record.hash != cr_core_hash(replay->core))
                code = differs(replay, "at a mark", record.hash);
            continue;
        }
        if (replay->event >= replay->until) {
            replay->stopped = true;
            break;
        }
        if (cr_event_decode(record.bytes, record.count, &event, &parts) != CR_OK) {
            return cr_cli_fail(CR_EXIT_FAILED,
                               "event %" PRIu64 " cannot be read; another build wrote it",
                               replay->event);
        }
        cr_core_step(replay->core, &event, &replay->effects);
        if (replay->trace) print_event(replay, &event);
        print_effects(replay);
        replay->event++;
        replay->replayed++;
    }
    return code;
}

static int run(struct replay *replay, const uint8_t *file, uint64_t bytes)
{
    struct cr_recording_segment segments[CR_RECORDING_SEGMENTS];
    const uint32_t count = cr_recording_segments(file, bytes, segments);
    int code = CR_EXIT_OK;
    if (count == 0) return cr_cli_fail(CR_EXIT_FAILED, "there is no recording in this file");
    for (uint32_t i = 0; code == CR_EXIT_OK && !replay->stopped && i < count; i++) {
        if (i > 0 && segments[i].image_bytes > 0 && segments[i].event != replay->event)
            printf("events %" PRIu64 " to %" PRIu64 " cannot be read\n", replay->event,
                   segments[i].event);
        code = run_segment(replay, &segments[i]);
    }
    if (code != CR_EXIT_OK) return code;
    cr_core_check(replay->core);
    struct cr_core_stats stats;
    cr_core_stats(replay->core, &stats);
    printf("%" PRIu64 " events, %" PRIu64 " commits, %" PRIu64 " marks equal; at event %" PRIu64
           ": round %" PRIu32 ", commit %" PRIu64 ", state %016" PRIx64 "\n",
           replay->replayed, replay->commits, replay->marks, replay->event, stats.round,
           stats.commit_index, cr_core_hash(replay->core));
    return CR_EXIT_OK;
}

int cr_cli_replay(const struct cr_command *command, int words, char **word)
{
    static struct replay replay;
    struct cr_words files = {0};
    replay.until = UINT64_MAX;
    const struct cr_option list[] = {{.name = "until",
                                      .kind = CR_OPTION_NUMBER,
                                      .value = "N",
                                      .out = &replay.until,
                                      .most = UINT64_MAX,
                                      .meaning = "stop before event N"},
                                     {.name = "trace",
                                      .kind = CR_OPTION_SWITCH,
                                      .out = &replay.trace,
                                      .meaning = "a line for every event and every commit"}};
    const struct cr_options options = {.command = command,
                                       .list = list,
                                       .count = CR_COUNT_OF(list),
                                       .words_least = 1,
                                       .words_most = 1,
                                       .words = &files};
    int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;

    struct stat stat;
    const int fd = open(files.list[0], O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &stat) < 0) {
        code =
            cr_cli_fail(CR_EXIT_NOT_FOUND, "cannot open '%s': %s", files.list[0], strerror(errno));
        if (fd >= 0) close(fd);
        return code;
    }
    const size_t bytes = (size_t)stat.st_size;
    /* Private: a node may still write to it; what is read stays what it was, or nearly. */
    void *file = bytes > 0 ? mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    code = file == MAP_FAILED ? cr_cli_fail(CR_EXIT_FAILED, "cannot read '%s'", files.list[0])
                              : run(&replay, file, bytes);
    if (file != MAP_FAILED) munmap(file, bytes);
    free(replay.memory);
    close(fd);
    return code;
}
