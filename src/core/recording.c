/* SPDX-License-Identifier: Apache-2.0 */
#include "core/recording.h"

#include <string.h>

#include "crypto/hash.h"

static const uint8_t magic[8] = "CRREC1\n";

enum {
    RECORD_HEAD_BYTES = 4 + 4, /* bytes, check */
    MARK_KIND = 0,             /* the first byte of a mark; kinds of events begin with 1 */
    MARK_BYTES = 1 + 8,
    ROOM_FOR_RECORDS = 1 << 20, /* a segment holds at least so many bytes of them */
};

static uint64_t up_to_line(uint64_t bytes)
{
    return (bytes + 63) & ~UINT64_C(63);
}

/* Of a record: its place in the file's history goes in, so that no old one is taken for it. */
static uint32_t check_of(uint64_t segment, uint64_t record, const uint8_t *bytes, size_t count)
{
    struct cr_hasher hasher;
    cr_hasher_init(&hasher);
    cr_hasher_add_le(&hasher, segment, 8);
    cr_hasher_add_le(&hasher, record, 8);
    cr_hasher_add(&hasher, bytes, count);
    const struct cr_hash hash = cr_hasher_end(&hasher);
    return (uint32_t)cr_load_le(hash.bytes, 4);
}

/* ---- the configuration of a core ---- */

/* The numbers of a configuration, in the order in which they are written. */
struct number {
    size_t offset, bytes;
};
#define NUMBER(field)                                                                          \
    {                                                                                          \
        offsetof(struct cr_core_config, field), sizeof(((struct cr_core_config *)NULL)->field) \
    }
static const struct number numbers[] = {
    NUMBER(self),
    NUMBER(gc_depth),
    NUMBER(score_window),
    NUMBER(round_delay_us),
    NUMBER(idle_delay_us),
    NUMBER(round_timeout_us),
    NUMBER(round_timeout_us_max),
    NUMBER(payload_bytes_max),
    NUMBER(round_window),
    NUMBER(epoch),
    NUMBER(epoch_rounds),
    NUMBER(epoch_ms),
    NUMBER(sequence),
    NUMBER(observer),
    NUMBER(table_key),
    NUMBER(twin_expected),
};
_Static_assert(sizeof(struct cr_core_config) == 200,
               "the configuration of a core has changed: its numbers stand in the list above");

static size_t write_config(const struct cr_core_config *config, uint8_t *bytes, size_t bytes_max)
{
    const struct cr_committee *committee = config->committee;
    struct cr_writer writer = cr_writer_of(bytes, bytes_max);
    for (size_t i = 0; i < CR_COUNT_OF(numbers); i++) /* little-endian machines only, as all here */
        cr_write_bytes(&writer, (const uint8_t *)config + numbers[i].offset, numbers[i].bytes);
    cr_write_hash(&writer, &committee->origin);
    cr_write_le(&writer, committee->epoch, 8);
    cr_write_le(&writer, committee->validators_count, 4);
    for (uint32_t i = 0; i < committee->validators_count; i++)
        cr_write_le(&writer, committee->stake[i], 8);
    return writer.position;
}

enum cr_err cr_recording_config(const struct cr_recording_segment *segment,
                                struct cr_committee *committee, struct cr_core_config *out)
{
    uint64_t stake[CR_VALIDATORS_MAX] = {0};
    struct cr_reader reader = cr_reader_of(segment->config, segment->config_bytes);
    struct cr_core_config config = {.committee = committee};
    for (size_t i = 0; i < CR_COUNT_OF(numbers); i++) {
        const uint8_t *view = cr_read_bytes(&reader, numbers[i].bytes);
        if (!view) return CR_ERR_TRUNCATED;
        memcpy((uint8_t *)&config + numbers[i].offset, view, numbers[i].bytes);
    }
    const struct cr_hash origin = cr_read_hash(&reader);
    const uint64_t epoch = cr_read_le(&reader, 8);
    const uint64_t count = cr_read_le(&reader, 4);
    if (epoch != config.epoch.number) return CR_ERR_MALFORMED;
    if (count > CR_VALIDATORS_MAX || (config.self >= count && config.observer == 0))
        return CR_ERR_MALFORMED;
    for (uint32_t i = 0; i < count; i++)
        stake[i] = cr_read_le(&reader, 8);
    enum cr_err err = cr_reader_end(&reader);
    if (err == CR_OK) err = cr_committee_init(committee, &origin, epoch, stake, (uint32_t)count);
    if (err == CR_OK) *out = config;
    return err;
}

/* ---- writing ---- */

uint64_t cr_recording_bytes_min(const struct cr_core *core)
{
    const uint64_t segment = CR_RECORDING_HEAD_BYTES + CR_RECORDING_CONFIG_BYTES_MAX + 2 * 64 +
                             cr_core_image_bytes(core) + ROOM_FOR_RECORDS;
    return CR_RECORDING_SEGMENTS * up_to_line(segment);
}

static bool put(struct cr_recording *recording, uint64_t at, const void *bytes, size_t count)
{
    const uint64_t base = (recording->number % CR_RECORDING_SEGMENTS) * recording->segment_bytes;
    if (recording->on)
        recording->on = recording->write(recording->context, base + at, bytes, count);
    return recording->on;
}

/* The head goes last: without it there is no segment. */
static void open_segment(struct cr_recording *recording, bool fresh)
{
    static const uint8_t nothing[CR_RECORDING_HEAD_BYTES];
    uint8_t head[CR_RECORDING_HEAD_BYTES] = {0};
    uint8_t config[CR_RECORDING_CONFIG_BYTES_MAX];
    struct cr_hasher hasher;
    const uint8_t *image = cr_core_image(recording->core);
    const size_t image_bytes = fresh ? 0 : cr_core_image_bytes(recording->core);
    const size_t config_bytes = write_config(&recording->config, config, sizeof config);
    const uint64_t image_at = up_to_line(CR_RECORDING_HEAD_BYTES + config_bytes);

    recording->number++;
    put(recording, 0, nothing, sizeof nothing);
    put(recording, CR_RECORDING_HEAD_BYTES, config, config_bytes);
    if (image_bytes > 0) put(recording, image_at, image, image_bytes);

    struct cr_writer writer = cr_writer_of(head, sizeof head);
    cr_write_bytes(&writer, magic, sizeof magic);
    cr_write_le(&writer, recording->number, 8);
    cr_write_le(&writer, recording->events, 8);
    cr_write_le(&writer, cr_core_hash(recording->core), 8);
    cr_write_le(&writer, image_bytes, 8);
    cr_write_le(&writer, config_bytes, 4);
    cr_write_le(&writer, 0, 4);
    cr_hasher_init(&hasher);
    cr_hasher_add(&hasher, head, writer.position);
    cr_hasher_add(&hasher, config, config_bytes);
    cr_hasher_add(&hasher, image, image_bytes);
    const struct cr_hash check = cr_hasher_end(&hasher);
    cr_write_bytes(&writer, check.bytes, 16);
    put(recording, 0, head, sizeof head);
    recording->at = up_to_line(image_at + image_bytes);
    recording->records = 0;
}

void cr_recording_begin(struct cr_recording *recording, uint64_t file_bytes,
                        const struct cr_core *core, const struct cr_core_config *config)
{
    CR_ASSERT(file_bytes >= cr_recording_bytes_min(core));
    recording->segment_bytes = (file_bytes / CR_RECORDING_SEGMENTS) & ~UINT64_C(63);
    recording->core = core;
    recording->config = *config;
    recording->on = true;
    open_segment(recording, true);
}

/* The record's bytes stand in scratch, behind room for its head. */
static void add(struct cr_recording *recording, size_t count)
{
    uint8_t *bytes = recording->scratch + RECORD_HEAD_BYTES;
    cr_store_le(recording->scratch, count, 4);
    cr_store_le(recording->scratch + 4,
                check_of(recording->number, recording->records, bytes, count), 4);
    put(recording, recording->at, recording->scratch, RECORD_HEAD_BYTES + count);
    recording->at += RECORD_HEAD_BYTES + count;
    recording->records++;
}

void cr_recording_add(struct cr_recording *recording, const struct cr_event *event)
{
    if (!recording->on) return;
    uint8_t *bytes = recording->scratch + RECORD_HEAD_BYTES;
    const uint64_t room = recording->segment_bytes - recording->at;
    if (room < CR_RECORDING_RECORD_BYTES_MAX + RECORD_HEAD_BYTES + MARK_BYTES)
        open_segment(recording, false);
    if (recording->events % CR_RECORDING_MARK_EVENTS == 0 && recording->records > 0) {
        bytes[0] = MARK_KIND;
        cr_store_le(bytes + 1, cr_core_hash(recording->core), 8);
        add(recording, MARK_BYTES);
    }
    add(recording, cr_event_encode(event, bytes, CR_EVENT_BYTES_MAX));
    recording->events++;
}

/* ---- reading ---- */

static bool read_segment(const uint8_t *bytes, size_t count, struct cr_recording_segment *out)
{
    struct cr_reader reader = cr_reader_of(bytes, count);
    struct cr_recording_segment segment = {0};
    struct cr_hasher hasher;
    const uint8_t *begin = cr_read_bytes(&reader, sizeof magic);
    if (!begin || memcmp(begin, magic, sizeof magic) != 0) return false;
    segment.number = cr_read_le(&reader, 8);
    segment.event = cr_read_le(&reader, 8);
    segment.hash = cr_read_le(&reader, 8);
    const uint64_t image_bytes = cr_read_le(&reader, 8);
    const uint64_t config_bytes = cr_read_le(&reader, 4);
    if (cr_read_le(&reader, 4) != 0) return false;
    const size_t checked = reader.position;
    const uint8_t *check = cr_read_bytes(&reader, 16);
    if (!check || config_bytes > CR_RECORDING_CONFIG_BYTES_MAX || image_bytes > count) return false;

    const uint64_t image_at = up_to_line(CR_RECORDING_HEAD_BYTES + config_bytes);
    const uint64_t records_at = up_to_line(image_at + image_bytes);
    if (records_at > count) return false;
    segment.config = bytes + CR_RECORDING_HEAD_BYTES;
    segment.config_bytes = (size_t)config_bytes;
    segment.image = bytes + image_at;
    segment.image_bytes = (size_t)image_bytes;
    segment.records = bytes + records_at;
    segment.records_bytes = count - (size_t)records_at;
    cr_hasher_init(&hasher);
    cr_hasher_add(&hasher, bytes, checked);
    cr_hasher_add(&hasher, segment.config, segment.config_bytes);
    cr_hasher_add(&hasher, segment.image, segment.image_bytes);
    const struct cr_hash hash = cr_hasher_end(&hasher);
    if (memcmp(hash.bytes, check, 16) != 0) return false;
    *out = segment;
    return true;
}

uint32_t cr_recording_segments(const uint8_t *file, uint64_t file_bytes,
                               struct cr_recording_segment out[CR_RECORDING_SEGMENTS])
{
    const size_t segment_bytes = (size_t)(file_bytes / CR_RECORDING_SEGMENTS) & ~(size_t)63;
    uint32_t count = 0;
    for (uint32_t i = 0; i < CR_RECORDING_SEGMENTS; i++) {
        struct cr_recording_segment segment;
        if (!read_segment(file + i * segment_bytes, segment_bytes, &segment)) continue;
        uint32_t place = count++;
        for (; place > 0 && out[place - 1].number > segment.number; place--)
            out[place] = out[place - 1];
        out[place] = segment;
    }
    return count;
}

bool cr_recording_next(struct cr_recording_walk *walk, struct cr_recording_record *out)
{
    const struct cr_recording_segment *segment = walk->segment;
    struct cr_reader reader =
        cr_reader_of(segment->records + walk->at, segment->records_bytes - walk->at);
    const size_t count = (size_t)cr_read_le(&reader, 4);
    const uint32_t check = (uint32_t)cr_read_le(&reader, 4);
    if (count == 0 || count > CR_EVENT_BYTES_MAX) return false;
    const uint8_t *bytes = cr_read_bytes(&reader, count);
    if (!bytes || check != check_of(segment->number, walk->records, bytes, count)) return false;
    const bool mark = bytes[0] == MARK_KIND;
    if (mark && count != MARK_BYTES) return false;
    *out = (struct cr_recording_record){.mark = mark, .bytes = bytes, .count = count};
    if (mark) out->hash = cr_load_le(bytes + 1, 8);
    walk->at += reader.position;
    walk->records++;
    return true;
}

void cr_recording_end(const uint8_t *file, uint64_t file_bytes, uint64_t *number, uint64_t *events)
{
    struct cr_recording_segment segments[CR_RECORDING_SEGMENTS];
    struct cr_recording_record record;
    const uint32_t count = cr_recording_segments(file, file_bytes, segments);
    *number = *events = 0;
    if (count == 0) return;
    struct cr_recording_walk walk = {.segment = &segments[count - 1]};
    *number = walk.segment->number;
    *events = walk.segment->event;
    while (cr_recording_next(&walk, &record))
        *events += !record.mark;
}
