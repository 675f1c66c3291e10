/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/state_internal.h"
#include "wire/cursor.h"

void cr_row_encode_head(const struct cr_ledger_head *head, uint8_t bytes[CR_HEAD_ROW_BYTES])
{
    struct cr_writer writer = cr_writer_of(bytes, CR_HEAD_ROW_BYTES);
    cr_write_le(&writer, head->index, 8);
    cr_write_hash(&writer, &head->commit_digest);
    cr_write_hash(&writer, &head->effects_digest);
    cr_write_le(&writer, head->checkpoint_index, 8);
    cr_write_hash(&writer, &head->state_root);
    cr_write_le(&writer, head->timestamp_ms, 8);
    cr_write_le(&writer, head->txs_count, 8);
    cr_write_le(&writer, head->epoch.number, 8);
    cr_write_le(&writer, head->epoch.index, 8);
    cr_write_hash(&writer, &head->epoch.digest);
    cr_write_hash(&writer, &head->epoch.state_root);
    cr_write_hash(&writer, &head->epoch.committee);
    cr_write_le(&writer, head->epoch.timestamp_ms, 8);
    CR_ASSERT(writer.position == CR_HEAD_ROW_BYTES);
}

bool cr_row_decode_head(const struct cr_state_value *value, struct cr_ledger_head *out)
{
    struct cr_reader reader = cr_reader_of(value->bytes, value->count);
    struct cr_ledger_head head = {.index = cr_read_le(&reader, 8)};
    head.commit_digest = cr_read_hash(&reader);
    head.effects_digest = cr_read_hash(&reader);
    head.checkpoint_index = cr_read_le(&reader, 8);
    head.state_root = cr_read_hash(&reader);
    head.timestamp_ms = cr_read_le(&reader, 8);
    head.txs_count = cr_read_le(&reader, 8);
    head.epoch.number = cr_read_le(&reader, 8);
    head.epoch.index = cr_read_le(&reader, 8);
    head.epoch.digest = cr_read_hash(&reader);
    head.epoch.state_root = cr_read_hash(&reader);
    head.epoch.committee = cr_read_hash(&reader);
    head.epoch.timestamp_ms = cr_read_le(&reader, 8);
    if (cr_reader_end(&reader) != CR_OK) return false;
    *out = head;
    return true;
}

static void write_position(struct cr_writer *writer, const struct cr_log_position *position)
{
    cr_write_le(writer, position->sequence, 8);
    cr_write_le(writer, position->segment, 4);
    cr_write_le(writer, position->offset, 4);
}

static struct cr_log_position read_position(struct cr_reader *reader)
{
    struct cr_log_position position = {.sequence = cr_read_le(reader, 8)};
    position.segment = (uint32_t)cr_read_le(reader, 4);
    position.offset = (uint32_t)cr_read_le(reader, 4);
    return position;
}

void cr_row_encode_position(const struct cr_log_position *position,
                            uint8_t bytes[CR_POSITION_ROW_BYTES])
{
    struct cr_writer writer = cr_writer_of(bytes, CR_POSITION_ROW_BYTES);
    write_position(&writer, position);
    CR_ASSERT(writer.position == CR_POSITION_ROW_BYTES);
}

bool cr_row_decode_position(const struct cr_state_value *value, struct cr_log_position *out)
{
    struct cr_reader reader = cr_reader_of(value->bytes, value->count);
    const struct cr_log_position position = read_position(&reader);
    if (cr_reader_end(&reader) != CR_OK) return false;
    *out = position;
    return true;
}

void cr_row_encode_commit(const struct cr_commit_row *row, uint8_t bytes[CR_COMMIT_ROW_BYTES])
{
    struct cr_writer writer = cr_writer_of(bytes, CR_COMMIT_ROW_BYTES);
    cr_write_le(&writer, row->index, 8);
    cr_write_hash(&writer, &row->digest);
    cr_write_hash(&writer, &row->effects_digest);
    cr_write_hash(&writer, &row->state_root);
    cr_write_le(&writer, row->leader_round, 4);
    cr_write_le(&writer, row->gc_round, 4);
    cr_write_le(&writer, row->timestamp_ms, 8);
    cr_write_le(&writer, row->txs_count, 4);
    write_position(&writer, &row->position);
    CR_ASSERT(writer.position == CR_COMMIT_ROW_BYTES);
}

bool cr_row_decode_commit(const struct cr_state_value *value, struct cr_commit_row *out)
{
    struct cr_reader reader = cr_reader_of(value->bytes, value->count);
    struct cr_commit_row row = {.index = cr_read_le(&reader, 8)};
    row.digest = cr_read_hash(&reader);
    row.effects_digest = cr_read_hash(&reader);
    row.state_root = cr_read_hash(&reader);
    row.leader_round = (uint32_t)cr_read_le(&reader, 4);
    row.gc_round = (uint32_t)cr_read_le(&reader, 4);
    row.timestamp_ms = cr_read_le(&reader, 8);
    row.txs_count = (uint32_t)cr_read_le(&reader, 4);
    row.position = read_position(&reader);
    if (cr_reader_end(&reader) != CR_OK) return false;
    *out = row;
    return true;
}

size_t cr_row_encode_tx(const struct cr_ledger_tx_result *result,
                        uint8_t bytes[CR_TX_ROW_BYTES_MAX])
{
    CR_ASSERT(result->ops_count <= CR_OPS_MAX);
    const uint32_t results_count = result->ops != NULL ? result->ops_count : 0;
    struct cr_writer writer = cr_writer_of(bytes, CR_TX_ROW_BYTES_MAX);
    cr_write_le(&writer, result->commit_index, 8);
    cr_write_le(&writer, result->position, 4);
    cr_write_le(&writer, (uint64_t)result->result, 1);
    cr_write_le(&writer, result->ops_count, 2);
    cr_write_le(&writer, results_count, 2);
    if (results_count > 0) cr_write_bytes(&writer, result->ops, results_count);
    return writer.position;
}

bool cr_row_decode_tx(const struct cr_state_value *value, struct cr_tx_row *out)
{
    struct cr_reader reader = cr_reader_of(value->bytes, value->count);
    struct cr_tx_row row = {.commit_index = cr_read_le(&reader, 8)};
    row.position = (uint32_t)cr_read_le(&reader, 4);
    row.result = (enum cr_result)cr_read_le(&reader, 1);
    row.ops_count = (uint32_t)cr_read_le(&reader, 2);
    row.ops_results_count = (uint32_t)cr_read_le(&reader, 2);
    if (row.ops_results_count > CR_OPS_MAX || row.ops_count > CR_OPS_MAX) return false;
    const uint8_t *ops = cr_read_bytes(&reader, row.ops_results_count);
    if (cr_reader_end(&reader) != CR_OK) return false;
    if (row.ops_results_count > 0) memcpy(row.ops, ops, row.ops_results_count);
    *out = row;
    return true;
}
