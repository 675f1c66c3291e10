/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/mldsa.h"

#include <string.h>

#include "crypto/hash.h"

static const struct row {
    enum cr_alg alg;
    const char *name;
    uint32_t key_bytes;
    uint32_t sig_bytes;
} rows[] = {
    {CR_ALG_MLDSA44, "ML-DSA-44", CR_MLDSA44_KEY_BYTES, CR_MLDSA44_SIG_BYTES},
    {CR_ALG_MLDSA65, "ML-DSA-65", CR_MLDSA65_KEY_BYTES, CR_MLDSA65_SIG_BYTES},
    {CR_ALG_MLDSA87, "ML-DSA-87", CR_MLDSA87_KEY_BYTES, CR_MLDSA87_SIG_BYTES},
};

static const struct row *find(enum cr_alg alg)
{
    for (size_t i = 0; i < CR_COUNT_OF(rows); i++) {
        if (rows[i].alg == alg) return &rows[i];
    }
    return NULL;
}

uint32_t cr_alg_key_bytes(enum cr_alg alg)
{
    const struct row *row = find(alg);
    return row ? row->key_bytes : 0;
}

uint32_t cr_alg_sig_bytes(enum cr_alg alg)
{
    const struct row *row = find(alg);
    return row ? row->sig_bytes : 0;
}

const char *cr_alg_name(enum cr_alg alg)
{
    const struct row *row = find(alg);
    return row ? row->name : NULL;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Does `text` spell `name`, all as it is or all in lower case? */
static bool spells(const char *text, const char *name)
{
    bool as_is = true;
    bool lowered = true;
    for (size_t i = 0; as_is || lowered; i++) {
        as_is = as_is && text[i] == name[i];
        lowered = lowered && text[i] == lower(name[i]);
        if (text[i] == 0 || name[i] == 0) break;
    }
    return as_is || lowered;
}

enum cr_alg cr_alg_parse(const char *name)
{
    for (size_t i = 0; i < CR_COUNT_OF(rows); i++) {
        if (spells(name, rows[i].name)) return rows[i].alg;
    }
    return (enum cr_alg)0;
}

bool cr_public_key_equal(const struct cr_public_key *a, const struct cr_public_key *b)
{
    return a->alg == b->alg && memcmp(a->bytes, b->bytes, cr_alg_key_bytes(a->alg)) == 0;
}

struct cr_hash cr_public_key_account(const struct cr_public_key *key)
{
    const uint32_t key_bytes = cr_alg_key_bytes(key->alg);
    CR_ASSERT(key_bytes > 0);
    struct cr_hasher hasher;
    cr_hasher_init(&hasher);
    cr_hasher_add(&hasher, "CRACCT1", 8); /* the final zero is part of the tag */
    cr_hasher_add_le(&hasher, key->alg, 1);
    cr_hasher_add(&hasher, key->bytes, key_bytes);
    return cr_hasher_end(&hasher);
}

static const struct cr_verifier *in_use;

void cr_verifier_use(const struct cr_verifier *verifier)
{
    CR_ASSERT(verifier != NULL);
    in_use = verifier;
}

const struct cr_verifier *cr_verifier(void)
{
    CR_ASSERT(in_use != NULL);
    return in_use;
}
