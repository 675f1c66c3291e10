/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/epoch_cert.h"

uint32_t cr_epoch_cert_vote(const struct cr_epoch_cert *cert, uint32_t i, const uint8_t **signature)
{
    CR_ASSERT(i < cert->votes_count);
    const uint8_t *vote = cert->votes + (size_t)i * CR_EPOCH_VOTE_BYTES;
    *signature = vote + 2;
    return (uint32_t)cr_load_le(vote, 2);
}

static bool seats_ascend(const struct cr_epoch_cert *cert)
{
    uint32_t least = 0;
    for (uint32_t i = 0; i < cert->votes_count; i++) {
        const uint8_t *signature;
        const uint32_t seat = cr_epoch_cert_vote(cert, i, &signature);
        if (seat < least || seat >= CR_VALIDATORS_MAX) return false;
        least = seat + 1;
    }
    return true;
}

enum cr_err cr_epoch_cert_read(struct cr_reader *reader, struct cr_epoch_cert *out)
{
    struct cr_epoch_cert cert = {.epoch.number = cr_read_le(reader, 8)};
    cert.epoch.index = cr_read_le(reader, 8);
    cert.epoch.digest = cr_read_hash(reader);
    cert.epoch.state_root = cr_read_hash(reader);
    cert.epoch.committee = cr_read_hash(reader);
    cert.votes_count = (uint32_t)cr_read_le(reader, 2);
    if (reader->bad) return CR_ERR_TRUNCATED;
    if (cert.epoch.number < 2 || cert.epoch.index < 1) return CR_ERR_MALFORMED;
    if (cert.votes_count > CR_VALIDATORS_MAX) return CR_ERR_TOO_BIG;
    cert.votes = cr_read_bytes(reader, (size_t)cert.votes_count * CR_EPOCH_VOTE_BYTES);
    if (!cert.votes) return CR_ERR_TRUNCATED;
    if (!seats_ascend(&cert)) return CR_ERR_MALFORMED;
    *out = cert;
    return CR_OK;
}

size_t cr_epoch_cert_bytes(const struct cr_epoch_cert *cert)
{
    return CR_EPOCH_CERT_HEAD_BYTES + (size_t)cert->votes_count * CR_EPOCH_VOTE_BYTES;
}

void cr_epoch_cert_write(struct cr_writer *writer, const struct cr_epoch_cert *cert)
{
    CR_ASSERT(cert->epoch.number >= 2 && cert->epoch.index >= 1 && seats_ascend(cert));
    cr_write_le(writer, cert->epoch.number, 8);
    cr_write_le(writer, cert->epoch.index, 8);
    cr_write_hash(writer, &cert->epoch.digest);
    cr_write_hash(writer, &cert->epoch.state_root);
    cr_write_hash(writer, &cert->epoch.committee);
    cr_write_le(writer, cert->votes_count, 2);
    cr_write_bytes(writer, cert->votes, (size_t)cert->votes_count * CR_EPOCH_VOTE_BYTES);
}
