/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/profile.h"

#include <string.h>

static enum cr_err read_text(struct cr_reader *reader, char *out, size_t out_bytes)
{
    const size_t count = (size_t)cr_read_le(reader, 1);
    const uint8_t *text = cr_read_bytes(reader, count);
    if (!text) return CR_ERR_TRUNCATED;
    if (count >= out_bytes) return CR_ERR_TOO_BIG;
    if (memchr(text, 0, count)) return CR_ERR_MALFORMED;
    memcpy(out, text, count);
    out[count] = 0;
    return CR_OK;
}

enum cr_err cr_profile_read(struct cr_reader *reader, struct cr_profile *out)
{
    struct cr_profile profile;
    enum cr_err err = read_text(reader, profile.name, sizeof profile.name);
    if (err == CR_OK) err = read_text(reader, profile.address, sizeof profile.address);
    if (err != CR_OK) return err;
    profile.consensus_key = cr_read_bytes(reader, CR_MLDSA65_KEY_BYTES);
    profile.transport_key = cr_read_bytes(reader, CR_MLDSA65_KEY_BYTES);
    if (reader->bad) return CR_ERR_TRUNCATED;
    if (!cr_name_ok(profile.name) || !cr_address_ok(profile.address)) return CR_ERR_MALFORMED;
    if (memcmp(profile.consensus_key, profile.transport_key, CR_MLDSA65_KEY_BYTES) == 0)
        return CR_ERR_MALFORMED;
    *out = profile;
    return CR_OK;
}

uint32_t cr_profile_encode(const struct cr_profile *profile, uint8_t *out)
{
    struct cr_writer writer = cr_writer_of(out, CR_PROFILE_BYTES_MAX);
    cr_write_le(&writer, strlen(profile->name), 1);
    cr_write_bytes(&writer, profile->name, strlen(profile->name));
    cr_write_le(&writer, strlen(profile->address), 1);
    cr_write_bytes(&writer, profile->address, strlen(profile->address));
    cr_write_bytes(&writer, profile->consensus_key, CR_MLDSA65_KEY_BYTES);
    cr_write_bytes(&writer, profile->transport_key, CR_MLDSA65_KEY_BYTES);
    return (uint32_t)writer.position;
}
