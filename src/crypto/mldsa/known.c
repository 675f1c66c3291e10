/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/mldsa/known.h"

#include "crypto/mldsa/reference.h"

enum { KEY_BYTES_MAX = sizeof(struct cr_prepared_key) + sizeof(int32_t) * 8 * 8 * CR_MLDSA_N };

static size_t unhex(const char *text, uint8_t *out, size_t room)
{
    const size_t digits = strlen(text);
    CR_ASSERT(digits / 2 <= room);
    CR_ASSERT(cr_hex_decode(text, digits, out, digits / 2) == CR_OK);
    return digits / 2;
}

static void read_known(const struct cr_mldsa_known *known, struct cr_mldsa_spoilt *out)
{
    memset(out, 0, sizeof *out);
    out->key.alg = known->alg;
    (void)unhex(known->key, out->key.bytes, sizeof out->key.bytes);
    out->item.message = out->message;
    out->item.message_bytes = unhex(known->message, out->message, sizeof out->message);
    out->item.context = out->context;
    out->item.context_bytes = unhex(known->context, out->context, sizeof out->context);
    out->item.signature = out->signature;
    out->item.signature_bytes = unhex(known->signature, out->signature, sizeof out->signature);
}

/* The hints of the first row that has two or more, as bytes *first to *end - 1 of y. */
static void find_row(const struct cr_mldsa_params *p, const uint8_t *y, uint32_t *row,
                     uint32_t *first, uint32_t *end)
{
    *first = 0;
    for (*row = 0; *row < p->k; (*row)++) {
        *end = y[p->omega + *row];
        if (*end - *first >= 2) return;
        *first = *end;
    }
    CR_UNREACHABLE(); /* the known signatures have such a row, which is not full */
}

/* One more hint, equal to the last of the row: the rest moves up. */
static void double_hint(const struct cr_mldsa_params *p, uint8_t *y, uint32_t row, uint32_t end)
{
    const uint32_t all = y[p->omega + p->k - 1];
    CR_ASSERT(all < p->omega);
    memmove(y + end, y + end - 1, all - end + 1);
    for (uint32_t i = row; i < p->k; i++)
        y[p->omega + i]++;
}

static void spoil_hints(const struct cr_mldsa_params *p, enum cr_mldsa_spoil how, uint8_t *y)
{
    uint32_t row, first, end;
    find_row(p, y, &row, &first, &end);
    if (how == CR_SPOIL_HINT) {
        y[first] = (uint8_t)(y[first] + 1 < y[first + 1] ? y[first] + 1 : y[first] - 1);
    } else if (how == CR_SPOIL_HINT_ORDER) {
        const uint8_t hint = y[first];
        y[first] = y[first + 1];
        y[first + 1] = hint;
    } else if (how == CR_SPOIL_HINT_TWICE) {
        double_hint(p, y, row, end);
    } else if (how == CR_SPOIL_HINT_PADDING) {
        y[p->omega - 1] = 1;
    } else if (how == CR_SPOIL_HINT_ENDS) {
        y[p->omega + p->k - 1] = (uint8_t)(y[p->omega + p->k - 2] - 1);
    } else {
        y[p->omega + p->k - 1] = (uint8_t)(p->omega + 1);
    }
}

/* Makes the first coefficient of z gamma1 - beta: one too much. With t1 = 0 the right c~ is known,
 * so nothing else is wrong. */
static void spoil_norm(const struct cr_mldsa_params *p, struct cr_mldsa_spoilt *out)
{
    uint8_t *z = out->signature + p->ctilde_bytes;
    memset(out->key.bytes + CR_MLDSA_RHO_BYTES, 0, p->key_bytes - CR_MLDSA_RHO_BYTES);
    z[0] = (uint8_t)p->beta; /* the encoding of z is gamma1 - z */
    z[1] = 0;
    z[2] &= (uint8_t)(0xff << (p->z_bits - 16));
    CR_ASSERT(cr_mldsa_reference_ctilde(&out->key, &out->item, out->signature));
}

void cr_mldsa_spoil(const struct cr_mldsa_known *known, enum cr_mldsa_spoil how,
                    struct cr_mldsa_spoilt *out)
{
    const struct cr_mldsa_params *p = cr_mldsa_params(known->alg);
    read_known(known, out);
    uint8_t *y = out->signature + p->ctilde_bytes + (size_t)p->l * cr_mldsa_z_bytes(p);
    switch (how) {
    case CR_SPOIL_NOTHING: break;
    case CR_SPOIL_LENGTH: out->item.signature_bytes--; break;
    case CR_SPOIL_CONTEXT_LENGTH: out->item.context_bytes = sizeof out->context; break;
    case CR_SPOIL_CONTEXT: out->item.context_bytes++; break;
    case CR_SPOIL_MESSAGE: out->item.message_bytes++; break;
    case CR_SPOIL_CTILDE: out->signature[p->ctilde_bytes - 1] ^= 1; break;
    case CR_SPOIL_Z: out->signature[p->ctilde_bytes] ^= 1; break;
    case CR_SPOIL_HINT:
    case CR_SPOIL_HINT_ORDER:
    case CR_SPOIL_HINT_TWICE:
    case CR_SPOIL_HINT_PADDING:
    case CR_SPOIL_HINT_ENDS:
    case CR_SPOIL_HINT_COUNT: spoil_hints(p, how, y); break;
    case CR_SPOIL_NORM: spoil_norm(p, out); break;
    case CR_SPOIL_KEY: out->key.bytes[p->key_bytes - 1] ^= 1; break;
    case CR_SPOILS: CR_UNREACHABLE();
    }
}

/* All cases of one level, each with the key that it is for. */
struct cases {
    struct cr_mldsa_spoilt spoilt[CR_SPOILS];
    _Alignas(64) uint8_t key[KEY_BYTES_MAX], zero_key[KEY_BYTES_MAX], other_key[KEY_BYTES_MAX];
};

static struct cr_prepared_key *prepare(const struct cr_mldsa_kernels *kernels,
                                       const struct cr_public_key *public, void *memory)
{
    struct cr_prepared_key *key = memory;
    cr_mldsa_prepare(kernels, 1, &public, &key);
    return key;
}

static void make_cases(const struct cr_mldsa_kernels *kernels, const struct cr_mldsa_known *known,
                       struct cases *cases)
{
    for (uint32_t how = 0; how < CR_SPOILS; how++)
        cr_mldsa_spoil(known, (enum cr_mldsa_spoil)how, &cases->spoilt[how]);
    struct cr_prepared_key *key = prepare(kernels, &cases->spoilt[0].key, cases->key);
    for (uint32_t how = 0; how < CR_SPOILS; how++)
        cases->spoilt[how].item.key = key;
    struct cr_mldsa_spoilt *norm = &cases->spoilt[CR_SPOIL_NORM];
    struct cr_mldsa_spoilt *other = &cases->spoilt[CR_SPOIL_KEY];
    norm->item.key = prepare(kernels, &norm->key, cases->zero_key);
    other->item.key = prepare(kernels, &other->key, cases->other_key);
}

/* A full batch that begins with this case and goes on with the next ones; and the case alone. */
static bool passes(const struct cr_mldsa_kernels *kernels, const struct cases *cases,
                   uint32_t first)
{
    struct cr_verify_item items[CR_MLDSA_LANES_MAX + 1];
    bool good = true;
    for (uint32_t i = 0; i <= kernels->lanes; i++)
        items[i] = cases->spoilt[i == kernels->lanes ? first : (first + i) % CR_SPOILS].item;
    cr_mldsa_verify(kernels, items, kernels->lanes);
    cr_mldsa_verify(kernels, items + kernels->lanes, 1);
    for (uint32_t i = 0; i <= kernels->lanes; i++) {
        const uint32_t how = i == kernels->lanes ? first : (first + i) % CR_SPOILS;
        good = good && items[i].valid == (how == CR_SPOIL_NOTHING);
    }
    return good;
}

bool cr_mldsa_known_answers(const struct cr_mldsa_kernels *kernels)
{
    CR_SCRATCH struct cases cases;
    for (uint32_t level = 0; level < CR_COUNT_OF(cr_mldsa_known); level++) {
        make_cases(kernels, &cr_mldsa_known[level], &cases);
        for (uint32_t first = 0; first < CR_SPOILS; first++) {
            if (!passes(kernels, &cases, first)) return false;
        }
    }
    return true;
}

const struct cr_mldsa_kernels *cr_mldsa_trusted(const struct cr_mldsa_kernels *wanted)
{
    if (cr_mldsa_known_answers(wanted)) return wanted;
    const struct cr_mldsa_kernels *scalar = cr_mldsa_scalar();
    CR_ASSERT(cr_mldsa_known_answers(scalar)); /* else nothing here can be trusted */
    return scalar;
}
