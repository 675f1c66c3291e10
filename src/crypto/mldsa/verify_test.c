/* SPDX-License-Identifier: Apache-2.0 */
/* Whole verifications: everybody must agree, and where the answer is known, be right. Signatures
 * that are wrong in nothing but one thing are made under keys with t1 = 0 (reference.h). */
#include "base/unit.h"

#include <stdio.h>

#include "base/prng.h"
#include "crypto/mldsa/everybody_testing.h"
#include "crypto/mldsa/known.h"

enum { N = CR_MLDSA_N, MESSAGE_BYTES_MAX = 600 };

static const enum cr_alg levels[] = {CR_ALG_MLDSA44, CR_ALG_MLDSA65, CR_ALG_MLDSA87};

static void fill(struct cr_prng *prng, uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)cr_prng_next(prng);
}

/* A message and its signature, which can be changed. */
struct claim {
    const struct cr_mldsa_params *p;
    uint8_t message[MESSAGE_BYTES_MAX], context[300];
    size_t message_bytes, context_bytes, signature_bytes;
    uint8_t signature[CR_SIG_BYTES_MAX + 8];
};

static struct cr_verify_item item_of(const struct claim *claim)
{
    return (struct cr_verify_item){.context = claim->context,
                                   .context_bytes = claim->context_bytes,
                                   .message = claim->message,
                                   .message_bytes = claim->message_bytes,
                                   .signature = claim->signature,
                                   .signature_bytes = claim->signature_bytes};
}

static bool verify(const struct everybody *key, const struct claim *claim)
{
    const struct cr_verify_item item = item_of(claim);
    return everybody_verify(key, &item, false);
}

static uint8_t *z_of(struct claim *claim)
{
    return claim->signature + claim->p->ctilde_bytes;
}

static uint8_t *hints_of(struct claim *claim)
{
    return z_of(claim) + (size_t)claim->p->l * cr_mldsa_z_bytes(claim->p);
}

/* Coefficient i of all of z. */
static void set_z(struct claim *claim, uint32_t i, int32_t value)
{
    const uint32_t width = claim->p->z_bits;
    const uint32_t raw = (uint32_t)(claim->p->gamma1 - value);
    for (uint32_t bit = 0; bit < width; bit++) {
        uint8_t *byte = &z_of(claim)[(i * width + bit) / 8];
        const uint32_t mask = 1u << ((i * width + bit) % 8);
        *byte = (uint8_t)(raw >> bit & 1 ? *byte | mask : *byte & ~mask);
    }
}

/* The right c~ for what stands there, under a key with t1 = 0. */
static void seal(const struct cr_public_key *zero, struct claim *claim)
{
    const struct cr_verify_item item = item_of(claim);
    assert_true(cr_mldsa_reference_ctilde(zero, &item, claim->signature));
}

static struct cr_public_key zero_key(enum cr_alg alg)
{
    struct cr_public_key key = {.alg = alg};
    struct cr_prng prng = cr_prng_stream(1, 2, alg);
    fill(&prng, key.bytes, CR_MLDSA_RHO_BYTES);
    return key;
}

/* Valid under zero_key but for c~: short z, `hints` hints spread over the rows. */
static void make_claim(struct cr_prng *prng, enum cr_alg alg, uint32_t hints, struct claim *out)
{
    memset(out, 0, sizeof *out);
    out->p = cr_mldsa_params(alg);
    out->signature_bytes = out->p->sig_bytes;
    out->message_bytes = 32;
    out->context_bytes = 14;
    fill(prng, out->message, sizeof out->message);
    fill(prng, out->context, sizeof out->context);
    const uint64_t span = 2 * (uint64_t)(out->p->gamma1 - out->p->beta) - 1;
    for (uint32_t i = 0; i < out->p->l * N; i++)
        set_z(out, i, (int32_t)(cr_prng_below(prng, span)) - (out->p->gamma1 - out->p->beta - 1));
    uint8_t *y = hints_of(out);
    uint32_t at = 0;
    for (uint32_t row = 0; row < out->p->k; row++) {
        const uint32_t some = row + 1 == out->p->k ? hints - at : hints / out->p->k;
        for (uint32_t i = 0; i < some; i++)
            y[at++] = (uint8_t)(255 - 3 * (some - 1 - i));
        y[out->p->omega + row] = (uint8_t)at;
    }
}

static void expect(const struct everybody *key, struct claim *claim, bool valid)
{
    seal(&key->public, claim);
    assert_int_equal(verify(key, claim), valid);
}

/* Goal: z is short exactly when all of it is below gamma1 - beta, at any place. */
static void norm_boundary(void **state)
{
    (void)state;
    static struct claim claim;
    static struct everybody key;
    struct cr_prng prng = cr_prng_stream(204, 2, 0);
    for (uint32_t level = 0; level < 3; level++) {
        const struct cr_public_key zero = zero_key(levels[level]);
        everybody_prepare(&zero, &key);
        make_claim(&prng, levels[level], 20, &claim);
        const int32_t bound = claim.p->gamma1 - claim.p->beta;
        const int32_t good[] = {bound - 1, 1 - bound, 0},
                      bad[] = {bound, -bound, claim.p->gamma1, 1 - claim.p->gamma1};
        for (uint32_t i = 0; i < claim.p->l * N; i += i % N == 0 ? N - 1 : 1) {
            for (uint32_t j = 0; j < CR_COUNT_OF(bad); j++) {
                set_z(&claim, i, bad[j]);
                expect(&key, &claim, false);
            }
            for (uint32_t j = 0; j < CR_COUNT_OF(good); j++) {
                set_z(&claim, i, good[j]);
                expect(&key, &claim, true);
            }
        }
        everybody_forget(&key);
    }
}

/* Goal: the form of hints, each rule at its edge. What is refused here is refused for its form. */
static void hint_form(void **state)
{
    (void)state;
    static struct claim claim, bad;
    static struct everybody key;
    struct cr_prng prng = cr_prng_stream(204, 3, 0);
    for (uint32_t level = 0; level < 3; level++) {
        const struct cr_mldsa_params *p = cr_mldsa_params(levels[level]);
        const struct cr_public_key zero = zero_key(levels[level]);
        everybody_prepare(&zero, &key);
        const uint32_t counts[] = {0, 1, p->k, p->omega - 1, p->omega};
        for (uint32_t i = 0; i < CR_COUNT_OF(counts); i++) {
            make_claim(&prng, levels[level], counts[i], &claim);
            expect(&key, &claim, true);
            for (uint32_t at = counts[i]; at < p->omega; at++) { /* padding */
                bad = claim;
                hints_of(&bad)[at] = 1;
                assert_false(verify(&key, &bad));
            }
            for (uint32_t row = 0; row < p->k; row++) { /* ends of rows */
                bad = claim;
                hints_of(&bad)[p->omega + row] = (uint8_t)(p->omega + 1);
                assert_false(verify(&key, &bad));
                bad = claim;
                hints_of(&bad)[p->omega + row] = 255;
                assert_false(verify(&key, &bad));
                if (row == 0 || hints_of(&bad)[p->omega + row - 1] == 0) continue;
                hints_of(&bad)[p->omega + row] = (uint8_t)(hints_of(&bad)[p->omega + row - 1] - 1);
                assert_false(verify(&key, &bad));
            }
        }
        uint8_t *y = hints_of(&claim); /* omega of them: rows have several */
        for (uint32_t at = 1; at < y[p->omega]; at++) {
            bad = claim;
            hints_of(&bad)[at] = y[at - 1]; /* twice */
            assert_false(verify(&key, &bad));
            hints_of(&bad)[at - 1] = y[at]; /* in the wrong order */
            assert_false(verify(&key, &bad));
        }
        everybody_forget(&key);
    }
}

/* The hints of each row become 0, 1, 2: so small that an end of a row may pass for one more. */
static void make_small(const struct cr_mldsa_params *p, uint8_t *y)
{
    uint32_t at = 0;
    for (uint32_t row = 0; row < p->k; row++) {
        for (uint32_t first = at; at < y[p->omega + row]; at++)
            y[at] = (uint8_t)(at - first);
    }
}

/* Goal: the form alone, apart from what a signature would come to: the driver's check is algorithm
 * 21. Method: good strings, changed in up to three bytes to what is beside a rule. */
static void hint_form_alone(void **state)
{
    (void)state;
    static struct claim claims[3];
    static bool h[CR_MLDSA_K_MAX][N];
    struct cr_prng prng = cr_prng_stream(204, 10, 0);
    uint32_t good = 0, bad = 0;
    for (uint32_t round = 0; round < 300000; round++) {
        const struct cr_mldsa_params *p = cr_mldsa_params(levels[round % 3]);
        const uint32_t bytes = p->omega + p->k;
        struct claim *claim = &claims[round % 3];
        if (round % 300 < 3) /* a new one for each level */
            make_claim(&prng, p->alg, p->omega - (uint32_t)cr_prng_below(&prng, 20), claim);
        uint8_t y[128];
        memcpy(y, hints_of(claim), bytes);
        if (round % 2 == 0) make_small(p, y);
        for (uint64_t changes = cr_prng_below(&prng, 4); changes > 0; changes--) {
            const uint32_t at = (uint32_t)cr_prng_below(&prng, bytes);
            const uint32_t near = y[at == 0 ? 0 : at - 1];
            const uint32_t values[] = {near,         near + 1, near - 1, p->omega, p->omega + 1,
                                       p->omega - 1, 0,        255,      y[at] + 1};
            y[at] = (uint8_t)values[cr_prng_below(&prng, CR_COUNT_OF(values))];
        }
        const bool expected = cr_mldsa_hint_bit_unpack(p, y, h);
        if (expected)
            good++;
        else
            bad++;
        assert_int_equal(cr_mldsa_hints_are_good(p, y), expected);
    }
    assert_true(good > 10000 && bad > 10000);
}

/* Goal: every length of message over several blocks of SHAKE256, and contexts up to 255 bytes, and
 * not more; the internal function of M' says the same as the external one. */
static void lengths(void **state)
{
    (void)state;
    static struct claim claim;
    static struct everybody key;
    static uint8_t inner[2 + 255 + MESSAGE_BYTES_MAX];
    struct cr_prng prng = cr_prng_stream(204, 4, 0);
    const struct cr_public_key zero = zero_key(CR_ALG_MLDSA44);
    everybody_prepare(&zero, &key);
    make_claim(&prng, CR_ALG_MLDSA44, 10, &claim);
    for (size_t bytes = 0; bytes <= 300; bytes++) {
        claim.message_bytes = bytes;
        claim.context_bytes = bytes <= 255 ? 255 - bytes : bytes - 255;
        expect(&key, &claim, true);
        inner[0] = 0;
        inner[1] = (uint8_t)claim.context_bytes;
        memcpy(inner + 2, claim.context, claim.context_bytes);
        memcpy(inner + 2 + claim.context_bytes, claim.message, claim.message_bytes);
        struct cr_verify_item item = item_of(&claim);
        item.message = inner;
        item.message_bytes = 2 + claim.context_bytes + claim.message_bytes;
        item.context_bytes = 999; /* is not looked at */
        item.context = NULL;
        assert_true(everybody_verify(&key, &item, true));
        item.message_bytes++;
        assert_false(everybody_verify(&key, &item, true));
    }
    for (claim.context_bytes = 256; claim.context_bytes < 300; claim.context_bytes++)
        assert_false(verify(&key, &claim));
    claim.context_bytes = 0;
    expect(&key, &claim, true);
    for (claim.signature_bytes = 0; claim.signature_bytes < sizeof claim.signature;
         claim.signature_bytes++) {
        if (claim.signature_bytes == claim.p->sig_bytes) continue;
        assert_false(verify(&key, &claim));
    }
    everybody_forget(&key);
}

/* Goal: the reasons of the test at start-up, for everybody. */
static void spoilt(void **state)
{
    (void)state;
    static struct cr_mldsa_spoilt one;
    static struct everybody key;
    for (uint32_t level = 0; level < 3; level++) {
        for (uint32_t how = 0; how < CR_SPOILS; how++) {
            cr_mldsa_spoil(&cr_mldsa_known[level], (enum cr_mldsa_spoil)how, &one);
            everybody_prepare(&one.key, &key);
            assert_int_equal(everybody_verify(&key, &one.item, false), how == CR_SPOIL_NOTHING);
            everybody_forget(&key);
        }
    }
}

/* Goal: an item without a key is invalid, and so is nothing else because of it; no items. */
static void no_key(void **state)
{
    (void)state;
    static struct cr_mldsa_spoilt one;
    static struct everybody key;
    cr_mldsa_spoil(&cr_mldsa_known[1], CR_SPOIL_NOTHING, &one);
    everybody_prepare(&one.key, &key);
    for (uint32_t i = 0; i < key.count; i++) {
        struct cr_verify_item items[3] = {one.item, one.item, one.item};
        items[0].key = items[2].key = key.keys[i];
        items[1].key = NULL;
        cr_mldsa_verify(key.kernels[i], items, 3);
        assert_true(items[0].valid && !items[1].valid && items[2].valid);
        cr_mldsa_verify(key.kernels[i], NULL, 0);
    }
    everybody_forget(&key);
}

/* Goal: several keys prepared at once, of all levels, are what they are when prepared alone. */
static void prepared_together(void **state)
{
    (void)state;
    enum { KEYS = 7 };
    static struct cr_public_key public[KEYS];
    const struct cr_public_key *views[KEYS];
    struct cr_prepared_key *together[KEYS], *alone;
    struct cr_prng prng = cr_prng_stream(204, 5, 0);
    const struct cr_mldsa_kernels *kernels;
    for (uint32_t i = 0; i < KEYS; i++) {
        public[i].alg = levels[i % 3];
        fill(&prng, public[i].bytes, cr_alg_key_bytes(public[i].alg));
        views[i] = &public[i];
    }
    for (uint32_t which = 0; (kernels = cr_mldsa_kernels_at(which)); which++) {
        for (uint32_t i = 0; i < KEYS; i++)
            assert_non_null(together[i] = aligned_alloc(64, cr_mldsa_key_bytes(public[i].alg)));
        cr_mldsa_prepare(kernels, KEYS, views, together);
        for (uint32_t i = 0; i < KEYS; i++) {
            const struct cr_mldsa_params *p = cr_mldsa_params(public[i].alg);
            assert_non_null(alone = aligned_alloc(64, cr_mldsa_key_bytes(public[i].alg)));
            cr_mldsa_prepare(kernels, 1, &views[i], &alone);
            assert_memory_equal(alone->tr, together[i]->tr, sizeof alone->tr);
            assert_memory_equal(alone->rows, together[i]->rows,
                                (size_t)p->k * (p->l + 1) * N * sizeof(int32_t));
            free(alone);
            free(together[i]);
        }
    }
}

/* ---- the campaign: mutated triples ---- */

enum { SEEDS = 24, TOGETHER = 16, KINDS = 12 };

static struct seed {
    struct everybody key;
    struct claim claim;
} seeds[SEEDS];

/* Half of them signed by OpenSSL, half made under keys with t1 = 0. */
static void make_seeds(void)
{
    struct cr_prng prng = cr_prng_stream(204, 6, 0);
    for (uint32_t i = 0; i < SEEDS; i++) {
        struct claim *claim = &seeds[i].claim;
        const enum cr_alg alg = levels[i % 3];
        const uint8_t from[32] = {(uint8_t)(i / 6)};
        make_claim(&prng, alg, (uint32_t)cr_prng_below(&prng, cr_mldsa_params(alg)->omega + 1),
                   claim);
        claim->message_bytes = cr_prng_below(&prng, 2) == 0 ? 32 : cr_prng_below(&prng, 300);
        claim->context_bytes = cr_prng_below(&prng, 256);
        if (i % 2 == 0) {
            struct cr_public_key zero = zero_key(alg);
            zero.bytes[0] = (uint8_t)i;
            everybody_prepare(&zero, &seeds[i].key);
            seal(&zero, claim);
        } else {
            struct cr_secret_key *secret;
            struct cr_public_key public;
            assert_int_equal(cr_secret_key_from_seed(alg, from, &secret), CR_OK);
            cr_secret_key_public(secret, &public);
            everybody_prepare(&public, &seeds[i].key);
            assert_int_equal(cr_sign(secret, claim->context, claim->context_bytes, claim->message,
                                     claim->message_bytes, claim->signature,
                                     &claim->signature_bytes),
                             CR_OK);
            cr_secret_key_free(secret);
        }
        assert_true(verify(&seeds[i].key, claim));
    }
}

static void mutate_hints(struct cr_prng *prng, struct claim *claim)
{
    uint8_t *y = hints_of(claim);
    const uint32_t bytes = claim->p->omega + claim->p->k;
    const uint32_t at = (uint32_t)cr_prng_below(prng, bytes);
    const uint64_t kind = cr_prng_below(prng, 4);
    if (kind == 0) y[at] = (uint8_t)cr_prng_next(prng);
    if (kind == 1) y[at] = (uint8_t)(y[at] + 1 - 2 * cr_prng_below(prng, 2));
    if (kind == 2) y[at] = y[cr_prng_below(prng, bytes)];
    if (kind == 3) memset(y + at, 0, bytes - at);
}

static void mutate_z(struct cr_prng *prng, struct claim *claim)
{
    const int32_t bound = claim->p->gamma1 - claim->p->beta, gamma1 = claim->p->gamma1;
    const int32_t edges[] = {bound, -bound, bound - 1, 1 - bound, gamma1, 1 - gamma1, 0};
    const uint32_t at = (uint32_t)cr_prng_below(prng, (uint64_t)claim->p->l * N);
    set_z(claim, at, edges[cr_prng_below(prng, CR_COUNT_OF(edges))]);
}

/* One change, or none; *key may become another one. */
static void mutate(struct cr_prng *prng, struct claim *claim, const struct everybody **key,
                   struct everybody *made)
{
    const struct seed *other = &seeds[cr_prng_below(prng, SEEDS)];
    const uint64_t bit = cr_prng_next(prng);
    switch (cr_prng_below(prng, KINDS)) {
    case 0: break; /* valid */
    case 1: claim->signature[bit / 8 % claim->signature_bytes] ^= (uint8_t)(1 << bit % 8); break;
    case 2: claim->signature[bit / 8 % claim->p->ctilde_bytes] ^= (uint8_t)(1 << bit % 8); break;
    case 3: mutate_hints(prng, claim); break;
    case 4: mutate_z(prng, claim); break;
    case 5: claim->message[bit / 8 % MESSAGE_BYTES_MAX] ^= (uint8_t)(1 << bit % 8); break;
    case 6: claim->context[bit / 8 % 300] ^= (uint8_t)(1 << bit % 8); break;
    case 7: claim->context_bytes = cr_prng_below(prng, 301); break;
    case 8: claim->message_bytes = cr_prng_below(prng, 301); break;
    case 9: claim->signature_bytes += cr_prng_below(prng, 9) - 4; break;
    case 10: *key = &other->key; break;
    default:
        if (bit % 8 != 0) break; /* a flipped bit of the key has to be prepared: seldom */
        struct cr_public_key public = (*key)->public;
        public.bytes[bit / 8 % cr_alg_key_bytes(public.alg)] ^= 1;
        everybody_prepare(&public, made);
        *key = made;
    }
}

/* TOGETHER mutations in one batch of each back end, against OpenSSL and sometimes the reference. */
static uint32_t run_batch(uint64_t number)
{
    static struct claim claims[TOGETHER];
    static struct everybody made[TOGETHER];
    const struct everybody *keys[TOGETHER];
    bool expected[TOGETHER];
    uint32_t accepted = 0;
    struct cr_prng prng = cr_prng_stream(204, 7, number);
    for (uint32_t i = 0; i < TOGETHER; i++) {
        const struct seed *seed = &seeds[cr_prng_below(&prng, SEEDS)];
        claims[i] = seed->claim;
        keys[i] = &seed->key;
        mutate(&prng, &claims[i], &keys[i], &made[i]);
        struct cr_verify_item item = item_of(&claims[i]);
        item.key = keys[i]->openssl;
        cr_verifier_openssl.verify(&item, 1);
        expected[i] = item.valid;
        accepted += item.valid;
        if (i == number % TOGETHER)
            assert_int_equal(cr_mldsa_reference_verify(&keys[i]->public, &item), expected[i]);
    }
    for (uint32_t which = 0; which < keys[0]->count; which++) {
        struct cr_verify_item items[TOGETHER];
        for (uint32_t i = 0; i < TOGETHER; i++) {
            items[i] = item_of(&claims[i]);
            items[i].key = keys[i]->keys[which];
        }
        cr_mldsa_verify(keys[0]->kernels[which], items, TOGETHER);
        for (uint32_t i = 0; i < TOGETHER; i++) {
            if (items[i].valid != expected[i])
                fail_msg("batch %llu, item %u: %s", (unsigned long long)number, i,
                         keys[0]->kernels[which]->name);
        }
    }
    for (uint32_t i = 0; i < TOGETHER; i++) {
        if (keys[i] == &made[i]) everybody_forget(&made[i]);
    }
    return accepted;
}

/* Goal: on mutated triples everybody agrees. $CR_MUTATIONS is how many (make fuzz-crypto);
 * $CR_FIRST_BATCH begins later, which replays a failure. */
static void mutations(void **state)
{
    (void)state;
    const char *count_text = getenv("CR_MUTATIONS"), *first_text = getenv("CR_FIRST_BATCH");
    const uint64_t count = count_text ? strtoull(count_text, NULL, 10) : 20000;
    const uint64_t first = first_text ? strtoull(first_text, NULL, 10) : 0;
    uint64_t accepted = 0;
    make_seeds();
    for (uint64_t i = 0; i < (count + TOGETHER - 1) / TOGETHER; i++)
        accepted += run_batch(first + i);
    print_message("%llu mutations, %llu of them valid\n", (unsigned long long)count,
                  (unsigned long long)accepted);
    assert_true(count < 1000 || (accepted > count / 20 && accepted < count / 2));
    for (uint32_t i = 0; i < SEEDS; i++)
        everybody_forget(&seeds[i].key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hint_form_alone),   cmocka_unit_test(spoilt),    cmocka_unit_test(no_key),
        cmocka_unit_test(norm_boundary),     cmocka_unit_test(hint_form), cmocka_unit_test(lengths),
        cmocka_unit_test(prepared_together), cmocka_unit_test(mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
