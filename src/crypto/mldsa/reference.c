/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/mldsa/reference.h"

enum { Q = CR_MLDSA_Q, N = CR_MLDSA_N };

typedef int32_t poly[N];

/* The residue in [0, q). */
static int32_t mod_q(int64_t a)
{
    return (int32_t)((a % Q + Q) % Q);
}

/* ---- FIPS 202: Keccak-f[1600] and the sponge ---- */

/* By 1 to 63: no offset of rho is 0 but that of lane (0, 0), which stays. */
static uint64_t rotate(uint64_t lane, uint32_t by)
{
    return lane << by | lane >> (64 - by);
}

/* Algorithm 1 of FIPS 202. */
static void theta(uint64_t a[25])
{
    uint64_t c[5];
    for (uint32_t x = 0; x < 5; x++)
        c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
    for (uint32_t x = 0; x < 5; x++) {
        const uint64_t d = c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);
        for (uint32_t y = 0; y < 5; y++)
            a[5 * y + x] ^= d;
    }
}

/* Algorithm 2 of FIPS 202. */
static void rho(uint64_t a[25])
{
    uint32_t x = 1, y = 0;
    for (uint32_t t = 0; t < 24; t++) {
        a[5 * y + x] = rotate(a[5 * y + x], (t + 1) * (t + 2) / 2 % 64);
        const uint32_t next = (2 * x + 3 * y) % 5;
        x = y;
        y = next;
    }
}

/* Algorithm 3 of FIPS 202. */
static void pi(uint64_t a[25])
{
    uint64_t old[25];
    memcpy(old, a, sizeof old);
    for (uint32_t x = 0; x < 5; x++) {
        for (uint32_t y = 0; y < 5; y++)
            a[5 * y + x] = old[5 * x + (x + 3 * y) % 5];
    }
}

/* Algorithm 4 of FIPS 202. */
static void chi(uint64_t a[25])
{
    for (uint32_t y = 0; y < 5; y++) {
        uint64_t row[5];
        memcpy(row, a + (size_t)5 * y, sizeof row);
        for (uint32_t x = 0; x < 5; x++)
            a[5 * y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
    }
}

/* Algorithm 5 of FIPS 202: one step of the shift register. */
static uint8_t rc_step(uint8_t r)
{
    return (uint8_t)(r << 1 ^ (r >> 7 ? 0x71 : 0));
}

void cr_keccak_reference(uint64_t a[25])
{
    uint8_t r = 1;
    for (uint32_t round = 0; round < 24; round++) {
        theta(a);
        rho(a);
        pi(a);
        chi(a);
        for (uint32_t j = 0; j <= 6; j++) { /* algorithm 6: iota */
            a[0] ^= (uint64_t)(r & 1) << ((1u << j) - 1);
            r = rc_step(r);
        }
    }
}

struct sponge {
    uint64_t state[25];
    uint32_t rate; /* bytes */
    uint32_t at;   /* bytes absorbed or squeezed of the block */
    bool squeezing;
};

/* H of FIPS 204 is SHAKE256, G is SHAKE128. */
static struct sponge h_init(void)
{
    return (struct sponge){.rate = 136};
}

static struct sponge g_init(void)
{
    return (struct sponge){.rate = 168};
}

static void flip(struct sponge *s, uint32_t at, uint8_t byte)
{
    s->state[at / 8] ^= (uint64_t)byte << (8 * (at % 8));
}

static void absorb(struct sponge *s, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        flip(s, s->at++, bytes[i]);
        if (s->at < s->rate) continue;
        cr_keccak_reference(s->state);
        s->at = 0;
    }
}

/* FIPS 202, 6.2: SHAKE appends 1111 and then pads by 10*1. */
static void squeeze(struct sponge *s, uint8_t *out, size_t count)
{
    if (!s->squeezing) {
        flip(s, s->at, 0x1f);
        flip(s, s->rate - 1, 0x80);
        s->at = s->rate;
        s->squeezing = true;
    }
    for (size_t i = 0; i < count; i++) {
        if (s->at == s->rate) {
            cr_keccak_reference(s->state);
            s->at = 0;
        }
        out[i] = (uint8_t)(s->state[s->at / 8] >> (8 * (s->at % 8)));
        s->at++;
    }
}

/* ---- Conversions ---- */

/* Bits first..first+count-1 of a string of bytes as an integer: algorithms 13 (BytesToBits) and 10
 * (BitsToInteger). */
static int32_t bits(const uint8_t *bytes, uint32_t first, uint32_t count)
{
    int32_t value = 0;
    for (uint32_t i = 0; i < count; i++)
        value |= (bytes[(first + i) / 8] >> ((first + i) % 8) & 1) << i;
    return value;
}

/* Algorithm 14, CoeffFromThreeBytes. */
bool cr_mldsa_three_bytes(const uint8_t b[3], int32_t *coefficient)
{
    int32_t b2 = b[2];                             /* 1 */
    if (b2 > 127) b2 -= 128;                       /* 2..4 */
    const int32_t z = b2 << 16 | b[1] << 8 | b[0]; /* 5 */
    if (z >= Q) return false;                      /* 6, 7 */
    *coefficient = z;
    return true;
}

/* Algorithm 16, SimpleBitPack, for coefficients of `width` bits; `out` is zero. */
static void simple_bit_pack(const poly w, uint32_t width, uint8_t *out)
{
    for (uint32_t i = 0; i < N * width; i++)
        out[i / 8] = (uint8_t)(out[i / 8] | (w[i / width] >> (i % width) & 1) << (i % 8));
}

/* Algorithm 18, SimpleBitUnpack, for coefficients of `width` bits. */
static void simple_bit_unpack(const uint8_t *v, uint32_t width, poly w)
{
    for (uint32_t i = 0; i < N; i++)
        w[i] = bits(v, i * width, width);
}

/* Algorithm 19, BitUnpack(v, gamma1 - 1, gamma1). */
void cr_mldsa_unpack_z(const struct cr_mldsa_params *p, const uint8_t *v, poly w)
{
    for (uint32_t i = 0; i < N; i++)
        w[i] = p->gamma1 - bits(v, i * p->z_bits, p->z_bits);
}

/* Algorithm 21, HintBitUnpack. */
bool cr_mldsa_hint_bit_unpack(const struct cr_mldsa_params *p, const uint8_t *y,
                              bool h[CR_MLDSA_K_MAX][N])
{
    memset(h, 0, CR_MLDSA_K_MAX * sizeof h[0]);                                  /* 1 */
    uint32_t index = 0;                                                          /* 2 */
    for (uint32_t i = 0; i < p->k; i++) {                                        /* 3 */
        if (y[p->omega + i] < index || y[p->omega + i] > p->omega) return false; /* 4, 5 */
        const uint32_t first = index;                                            /* 6 */
        while (index < y[p->omega + i]) {                                        /* 7 */
            if (index > first && y[index - 1] >= y[index]) return false;         /* 8..11 */
            h[i][y[index]] = true;                                               /* 12 */
            index++;                                                             /* 13 */
        }
    }
    for (uint32_t i = index; i < p->omega; i++) { /* 16 */
        if (y[i] != 0) return false;              /* 17 */
    }
    return true;
}

/* ---- Sampling ---- */

/* Algorithm 29, SampleInBall. */
static void sample_in_ball(const struct cr_mldsa_params *p, const uint8_t *seed, poly c)
{
    uint8_t s[8], j;
    struct sponge h = h_init();                 /* 2 */
    memset(c, 0, sizeof(poly));                 /* 1 */
    absorb(&h, seed, p->ctilde_bytes);          /* 3 */
    squeeze(&h, s, sizeof s);                   /* 4, 5 */
    for (uint32_t i = N - p->tau; i < N; i++) { /* 6 */
        do                                      /* 7..10 */
            squeeze(&h, &j, 1);
        while (j > i);
        c[i] = c[j]; /* 11 */
        const uint32_t bit = i + p->tau - N;
        c[j] = s[bit / 8] >> (bit % 8) & 1 ? -1 : 1; /* 12 */
    }
}

/* Algorithm 30, RejNTTPoly. */
static void rej_ntt_poly(const uint8_t seed[34], poly a)
{
    uint8_t s[3];
    struct sponge g = g_init();                  /* 2 */
    absorb(&g, seed, 34);                        /* 3 */
    for (uint32_t j = 0; j < N;) {               /* 1, 4 */
        squeeze(&g, s, sizeof s);                /* 5 */
        if (cr_mldsa_three_bytes(s, &a[j])) j++; /* 6, 7 */
    }
}

/* Algorithm 32, ExpandA. */
static void expand_a(const struct cr_mldsa_params *p, const uint8_t *key,
                     poly a[CR_MLDSA_K_MAX][CR_MLDSA_L_MAX])
{
    uint8_t seed[34];
    memcpy(seed, key, CR_MLDSA_RHO_BYTES);
    for (uint32_t r = 0; r < p->k; r++) {     /* 1 */
        for (uint32_t s = 0; s < p->l; s++) { /* 2 */
            seed[32] = (uint8_t)s;            /* 3 */
            seed[33] = (uint8_t)r;
            rej_ntt_poly(seed, a[r][s]); /* 4 */
        }
    }
}

/* ---- High bits and hints ---- */

/* Algorithm 36, Decompose. */
void cr_mldsa_decompose(int32_t gamma2, int32_t r, int32_t *r1, int32_t *r0)
{
    const int32_t plus = mod_q(r); /* 1 */
    *r0 = plus % (2 * gamma2);     /* 2: mod+-, in (-gamma2, gamma2] */
    if (*r0 > gamma2) *r0 -= 2 * gamma2;
    if (plus - *r0 == Q - 1) { /* 3 */
        *r1 = 0;               /* 4 */
        *r0 = *r0 - 1;         /* 5 */
    } else {
        *r1 = (plus - *r0) / (2 * gamma2); /* 6 */
    }
}

/* Algorithm 40, UseHint. */
int32_t cr_mldsa_use_hint(int32_t gamma2, bool hint, int32_t r)
{
    const int32_t m = (Q - 1) / (2 * gamma2); /* 1 */
    int32_t r1, r0;
    cr_mldsa_decompose(gamma2, r, &r1, &r0);      /* 2 */
    if (hint && r0 > 0) return (r1 + 1) % m;      /* 3 */
    if (hint && r0 <= 0) return (r1 - 1 + m) % m; /* 4 */
    return r1;                                    /* 5 */
}

/* ---- Number theoretic transform ---- */

/* Appendix B: zeta^BitRev8(m) mod q; the first is never used. */
const int32_t cr_mldsa_zetas[N] = {
    0,       4808194, 3765607, 3761513, 5178923, 5496691, 5234739, 5178987, 7778734, 3542485,
    2682288, 2129892, 3764867, 7375178, 557458,  7159240, 5010068, 4317364, 2663378, 6705802,
    4855975, 7946292, 676590,  7044481, 5152541, 1714295, 2453983, 1460718, 7737789, 4795319,
    2815639, 2283733, 3602218, 3182878, 2740543, 4793971, 5269599, 2101410, 3704823, 1159875,
    394148,  928749,  1095468, 4874037, 2071829, 4361428, 3241972, 2156050, 3415069, 1759347,
    7562881, 4805951, 3756790, 6444618, 6663429, 4430364, 5483103, 3192354, 556856,  3870317,
    2917338, 1853806, 3345963, 1858416, 3073009, 1277625, 5744944, 3852015, 4183372, 5157610,
    5258977, 8106357, 2508980, 2028118, 1937570, 4564692, 2811291, 5396636, 7270901, 4158088,
    1528066, 482649,  1148858, 5418153, 7814814, 169688,  2462444, 5046034, 4213992, 4892034,
    1987814, 5183169, 1736313, 235407,  5130263, 3258457, 5801164, 1787943, 5989328, 6125690,
    3482206, 4197502, 7080401, 6018354, 7062739, 2461387, 3035980, 621164,  3901472, 7153756,
    2925816, 3374250, 1356448, 5604662, 2683270, 5601629, 4912752, 2312838, 7727142, 7921254,
    348812,  8052569, 1011223, 6026202, 4561790, 6458164, 6143691, 1744507, 1753,    6444997,
    5720892, 6924527, 2660408, 6600190, 8321269, 2772600, 1182243, 87208,   636927,  4415111,
    4423672, 6084020, 5095502, 4663471, 8352605, 822541,  1009365, 5926272, 6400920, 1596822,
    4423473, 4620952, 6695264, 4969849, 2678278, 4611469, 4829411, 635956,  8129971, 5925040,
    4234153, 6607829, 2192938, 6653329, 2387513, 4768667, 8111961, 5199961, 3747250, 2296099,
    1239911, 4541938, 3195676, 2642980, 1254190, 8368000, 2998219, 141835,  8291116, 2513018,
    7025525, 613238,  7070156, 6161950, 7921677, 6458423, 4040196, 4908348, 2039144, 6500539,
    7561656, 6201452, 6757063, 2105286, 6006015, 6346610, 586241,  7200804, 527981,  5637006,
    6903432, 1994046, 2491325, 6987258, 507927,  7192532, 7655613, 6545891, 5346675, 8041997,
    2647994, 3009748, 5767564, 4148469, 749577,  4357667, 3980599, 2569011, 6764887, 1723229,
    1665318, 2028038, 1163598, 5011144, 3994671, 8368538, 7009900, 3020393, 3363542, 214880,
    545376,  7609976, 3105558, 7277073, 508145,  7826699, 860144,  3430436, 140244,  6866265,
    6195333, 3123762, 2358373, 6187330, 5365997, 6663603, 2926054, 7987710, 8077412, 3531229,
    4405932, 4606686, 1900052, 7598542, 1054478, 7648983,
};

/* Algorithm 41, NTT. */
void cr_mldsa_ntt(poly w)
{
    uint32_t m = 0;                                             /* 4 */
    for (uint32_t len = 128; len >= 1; len /= 2) {              /* 5, 6, 18 */
        for (uint32_t start = 0; start < N; start += 2 * len) { /* 7, 8, 16 */
            m++;                                                /* 9 */
            const int64_t z = cr_mldsa_zetas[m];                /* 10 */
            for (uint32_t j = start; j < start + len; j++) {    /* 11 */
                const int64_t t = z * w[j + len] % Q;           /* 12 */
                w[j + len] = mod_q(w[j] - t);                   /* 13 */
                w[j] = mod_q(w[j] + t);                         /* 14 */
            }
        }
    }
}

/* Algorithm 42, NTT^-1. */
void cr_mldsa_ntt_inverse(poly w)
{
    uint32_t m = N;                                             /* 4 */
    for (uint32_t len = 1; len < N; len *= 2) {                 /* 5, 6, 19 */
        for (uint32_t start = 0; start < N; start += 2 * len) { /* 7, 8, 17 */
            m--;                                                /* 9 */
            const int64_t z = -cr_mldsa_zetas[m];               /* 10 */
            for (uint32_t j = start; j < start + len; j++) {    /* 11 */
                const int64_t t = w[j];                         /* 12 */
                w[j] = mod_q(t + w[j + len]);                   /* 13 */
                w[j + len] = mod_q(z * ((t - w[j + len]) % Q)); /* 14, 15 */
            }
        }
    }
    for (uint32_t j = 0; j < N; j++)           /* 22, 23 */
        w[j] = mod_q(INT64_C(8347681) * w[j]); /* 21: f = 256^-1 mod q */
}

/* ---- Verification ---- */

/* The decoded key and signature, and what is computed of them. */
struct work {
    poly t1[CR_MLDSA_K_MAX];
    poly a[CR_MLDSA_K_MAX][CR_MLDSA_L_MAX];
    poly z[CR_MLDSA_L_MAX];
    bool h[CR_MLDSA_K_MAX][N];
    poly c, w;
    uint8_t tr[CR_MLDSA_TR_BYTES], mu[CR_MLDSA_MU_BYTES];
    uint8_t ctilde[CR_MLDSA_CTILDE_BYTES_MAX];
    bool has_ctilde;
};

/* Algorithm 23, pkDecode; the seed rho is the beginning of the key. */
static void pk_decode(const struct cr_mldsa_params *p, const uint8_t *pk, poly *t1)
{
    for (uint32_t i = 0; i < p->k; i++)
        simple_bit_unpack(pk + CR_MLDSA_RHO_BYTES + (size_t)CR_MLDSA_T1_BYTES * i, 10, t1[i]);
}

/* Algorithm 27, sigDecode; c~ is the beginning of the signature. */
static bool sig_decode(const struct cr_mldsa_params *p, const uint8_t *sig, struct work *w)
{
    const uint8_t *x = sig + p->ctilde_bytes;
    for (uint32_t i = 0; i < p->l; i++, x += cr_mldsa_z_bytes(p))
        cr_mldsa_unpack_z(p, x, w->z[i]);
    return cr_mldsa_hint_bit_unpack(p, x, w->h);
}

/* Section 2.3: the largest absolute value. */
static int32_t infinity_norm(const struct cr_mldsa_params *p, poly *z)
{
    int32_t norm = 0;
    for (uint32_t i = 0; i < p->l; i++) {
        for (uint32_t j = 0; j < N; j++) {
            const int32_t size = z[i][j] < 0 ? -z[i][j] : z[i][j];
            if (size > norm) norm = size;
        }
    }
    return norm;
}

/* Row i of algorithm 8, line 9: NTT^-1(A o NTT(z) - NTT(c) o NTT(t1 * 2^d)). The arguments are in
 * the NTT domain, as algorithms 44 to 48 want them. */
static void w_approx(const struct cr_mldsa_params *p, const struct work *in, uint32_t i, poly w)
{
    for (uint32_t j = 0; j < N; j++) {
        int64_t sum = 0;
        for (uint32_t s = 0; s < p->l; s++)
            sum = (sum + (int64_t)in->a[i][s][j] * in->z[s][j]) % Q;
        w[j] = mod_q(sum - (int64_t)in->c[j] * in->t1[i][j]);
    }
    cr_mldsa_ntt_inverse(w);
}

/* Lines 8 to 12 of algorithm 8 after mu: c~' into work->ctilde. */
static void commitment(const struct cr_mldsa_params *p, const uint8_t *ctilde, struct work *w)
{
    struct sponge h = h_init();
    absorb(&h, w->mu, sizeof w->mu);
    sample_in_ball(p, ctilde, w->c); /* 8 */
    cr_mldsa_ntt(w->c);
    for (uint32_t i = 0; i < p->l; i++)
        cr_mldsa_ntt(w->z[i]);
    for (uint32_t i = 0; i < p->k; i++) {
        uint8_t packed[CR_MLDSA_W1_BYTES_MAX] = {0};
        for (uint32_t j = 0; j < N; j++)
            w->t1[i][j] <<= CR_MLDSA_D;
        cr_mldsa_ntt(w->t1[i]);
        w_approx(p, w, i, w->w);         /* 9 */
        for (uint32_t j = 0; j < N; j++) /* 10 */
            w->w[j] = cr_mldsa_use_hint(p->gamma2, w->h[i][j], w->w[j]);
        simple_bit_pack(w->w, p->w1_bits, packed); /* algorithm 28, w1Encode */
        absorb(&h, packed, cr_mldsa_w1_bytes(p));
    }
    squeeze(&h, w->ctilde, p->ctilde_bytes); /* 12 */
}

/* Algorithm 8, ML-DSA.Verify_internal, for M' = prefix | message. */
static bool verify_internal(const struct cr_public_key *key, const struct cr_verify_item *item,
                            const uint8_t *prefix, size_t prefix_bytes, struct work *w)
{
    const struct cr_mldsa_params *p = cr_mldsa_params(key->alg);
    if (!p || item->signature_bytes != p->sig_bytes) return false; /* 3.6.2: lengths come first */
    pk_decode(p, key->bytes, w->t1);                               /* 1 */
    if (!sig_decode(p, item->signature, w)) return false;          /* 2..4 */
    const int32_t norm = infinity_norm(p, w->z);                   /* of 13: 9 transforms z */
    expand_a(p, key->bytes, w->a);                                 /* 5 */
    struct sponge h = h_init();
    absorb(&h, key->bytes, p->key_bytes); /* 6 */
    squeeze(&h, w->tr, sizeof w->tr);
    h = h_init();
    absorb(&h, w->tr, sizeof w->tr); /* 7 */
    absorb(&h, prefix, prefix_bytes);
    absorb(&h, item->message, item->message_bytes);
    squeeze(&h, w->mu, sizeof w->mu);
    commitment(p, item->signature, w); /* 8..12 */
    w->has_ctilde = true;
    return norm < p->gamma1 - p->beta && /* 13 */
           memcmp(w->ctilde, item->signature, p->ctilde_bytes) == 0;
}

/* Algorithm 3, ML-DSA.Verify. */
static bool verify(const struct cr_public_key *key, const struct cr_verify_item *item,
                   struct work *w)
{
    uint8_t prefix[2 + CR_MLDSA_CONTEXT_BYTES_MAX];
    if (item->context_bytes > CR_MLDSA_CONTEXT_BYTES_MAX) return false; /* 1, 2 */
    prefix[0] = 0;                                                      /* 5 */
    prefix[1] = (uint8_t)item->context_bytes;
    if (item->context_bytes > 0) memcpy(prefix + 2, item->context, item->context_bytes);
    return verify_internal(key, item, prefix, 2 + item->context_bytes, w); /* 6 */
}

bool cr_mldsa_reference_verify(const struct cr_public_key *key, const struct cr_verify_item *item)
{
    struct work w;
    return verify(key, item, &w);
}

bool cr_mldsa_reference_verify_internal(const struct cr_public_key *key,
                                        const struct cr_verify_item *item)
{
    struct work w;
    return verify_internal(key, item, NULL, 0, &w);
}

bool cr_mldsa_reference_ctilde(const struct cr_public_key *key, const struct cr_verify_item *item,
                               uint8_t *ctilde)
{
    struct work w;
    w.has_ctilde = false;
    (void)verify(key, item, &w);
    if (w.has_ctilde) memcpy(ctilde, w.ctilde, cr_mldsa_params(key->alg)->ctilde_bytes);
    return w.has_ctilde;
}
