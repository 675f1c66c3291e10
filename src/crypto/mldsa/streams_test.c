/* SPDX-License-Identifier: Apache-2.0 */
/* What no message is known to cause: SampleInBall that needs a second block of output, and a
 * polynomial of the matrix that needs a sixth. Method: kernels whose Keccak is replaced by one that
 * hands out what the test wants; what comes out is compared with the loops of FIPS 204's algorithms
 * 29 and 30 on the same bytes. */
#include "base/unit.h"

#include "base/prng.h"
#include "crypto/mldsa/known.h"
#include "crypto/mldsa/reference.h"
#include "crypto/mldsa/xof.h"

enum { N = CR_MLDSA_N, BLOCKS = 12, BLOCK = CR_SHAKE128_RATE };

static const struct cr_mldsa_kernels *good;
static uint8_t stream[BLOCKS][BLOCK]; /* what the n-th permutation gives to every lane */
static uint32_t permutations;

static void put_out(uint64_t *state, uint32_t lanes)
{
    for (uint32_t word = 0; word < BLOCK / 8; word++) {
        for (uint32_t i = 0; i < lanes; i++)
            memcpy(&state[word * lanes + i], &stream[permutations % BLOCKS][(size_t)8 * word], 8);
    }
    permutations++;
}

static void stream_lanes(uint64_t *state)
{
    put_out(state, good->lanes);
}

static void stream_one(uint64_t *state)
{
    put_out(state, 1);
}

/* A block in which `of_a_hundred` per cent of the candidates of both algorithms are refused: 0xff
 * is above every index but 255, and three of them are above q. */
static void fill(struct cr_prng *prng, uint8_t *block, uint32_t of_a_hundred)
{
    for (uint32_t i = 0; i < BLOCK; i += 3) {
        const bool refused = cr_prng_below(prng, 100) < of_a_hundred;
        for (uint32_t j = 0; j < 3; j++)
            block[i + j] = refused ? 0xff : (uint8_t)cr_prng_next(prng);
    }
}

/* Algorithm 30 on the bytes of the stream. Returns the blocks that it took. */
static uint32_t expected_entry(int32_t a[N])
{
    uint32_t have = 0, block = 0;
    for (; have < N; block++) {
        for (uint32_t i = 0; i < BLOCK && have < N; i += 3) {
            if (cr_mldsa_three_bytes(&stream[block % BLOCKS][i], &a[have])) have++;
        }
    }
    return block;
}

/* Goal: the first entry of a matrix is right, however many blocks it takes. */
static void sixth_block(void **state)
{
    (void)state;
    static _Alignas(64) uint8_t memory[sizeof(struct cr_prepared_key) + sizeof(int32_t) * 20 * N];
    struct cr_prng prng = cr_prng_stream(204, 8, 0);
    uint32_t longest = 0;
    for (uint32_t which = 0; (good = cr_mldsa_kernels_at(which)); which++) {
        struct cr_mldsa_kernels faked = *good;
        faked.keccak = stream_lanes;
        faked.keccak_one = stream_one;
        for (uint32_t round = 0; round < 100; round++) {
            _Alignas(64) int32_t expected[N];
            struct cr_public_key public = {.alg = CR_ALG_MLDSA44};
            const struct cr_public_key *view = &public;
            struct cr_prepared_key *key = (struct cr_prepared_key *)(void *)memory;
            for (uint32_t i = 0; i < BLOCKS; i++)
                fill(&prng, stream[i], round % 50);
            const uint32_t blocks = expected_entry(expected);
            if (blocks > longest) longest = blocks;
            good->order(expected);
            /* tr is the first job; of the others, the first begins with permutation 0 as well,
             * where there are lanes, and after the ten of tr, where there is one. */
            permutations = good->lanes == 1 ? BLOCKS - 10 : 0;
            cr_mldsa_prepare(&faked, 1, &view, &key);
            assert_memory_equal(key->rows, expected, sizeof expected);
        }
    }
    assert_true(longest >= 8);
}

/* Algorithm 29 on the bytes of the stream, of which the first block has 136. */
static uint32_t expected_ball(uint32_t tau, int32_t c[N])
{
    uint32_t at = 8;
    memset(c, 0, N * sizeof c[0]);
    for (uint32_t i = N - tau; i < N; i++) {
        uint32_t j;
        do {
            j = stream[at / CR_SHAKE256_RATE % BLOCKS][at % CR_SHAKE256_RATE];
            at++;
        } while (j > i);
        const uint32_t bit = i + tau - N;
        c[i] = c[j];
        c[j] = stream[0][bit / 8] >> (bit % 8) & 1 ? -1 : 1;
    }
    return (at + CR_SHAKE256_RATE - 1) / CR_SHAKE256_RATE;
}

static int32_t seen[N]; /* the first polynomial that was short enough to be c */
static bool found;

/* c is the only polynomial with coefficients in {-1, 0, 1} and no more. */
static void spy_ntt(int32_t w[N])
{
    bool is_c = true;
    for (uint32_t i = 0; i < N; i++)
        is_c = is_c && w[i] >= -1 && w[i] <= 1;
    if (is_c && !found) {
        memcpy(seen, w, sizeof seen);
        found = true;
    }
    good->ntt(w);
}

/* Goal: c of a signature whose hash gives the stream, alone and as the first of a full batch; also
 * when no byte of the first block is an index. */
static void second_squeeze(void **state)
{
    (void)state;
    static struct cr_mldsa_spoilt known;
    static _Alignas(64) uint8_t memory[sizeof(struct cr_prepared_key) + sizeof(int32_t) * 64 * N];
    struct cr_prng prng = cr_prng_stream(204, 9, 0);
    uint32_t longest = 0;
    for (uint32_t which = 0; (good = cr_mldsa_kernels_at(which)); which++) {
        struct cr_mldsa_kernels faked = *good;
        faked.keccak = stream_lanes;
        faked.keccak_one = stream_one;
        faked.ntt = spy_ntt;
        for (uint32_t round = 0; round < 300; round++) {
            const struct cr_mldsa_known *from = &cr_mldsa_known[round % 3];
            const struct cr_mldsa_params *p = cr_mldsa_params(from->alg);
            const struct cr_public_key *view = &known.key;
            struct cr_prepared_key *key = (struct cr_prepared_key *)(void *)memory;
            int32_t expected[N];
            cr_mldsa_spoil(from, CR_SPOIL_NOTHING, &known);
            cr_mldsa_prepare(good, 1, &view, &key);
            key->kernels = &faked;
            for (uint32_t i = 0; i < BLOCKS; i++)
                fill(&prng, stream[i], i == 0 && round % 7 == 0 ? 100 : round % 96);
            const uint32_t blocks = expected_ball(p->tau, expected);
            if (blocks > longest) longest = blocks;
            known.item.key = key;
            struct cr_verify_item items[CR_MLDSA_LANES_MAX];
            const uint32_t count = round % 2 == 0 ? 1 : good->lanes;
            for (uint32_t i = 0; i < count; i++)
                items[i] = known.item;
            /* One lane: mu, whose message fits in one block with tr, comes first. */
            permutations = good->lanes == 1 ? BLOCKS - 1 : 0;
            found = false;
            cr_mldsa_verify(&faked, items, count);
            assert_true(found);
            assert_memory_equal(seen, expected, sizeof expected);
            for (uint32_t i = 0; i < count; i++)
                assert_false(items[i].valid);
        }
    }
    assert_true(longest >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sixth_block),
        cmocka_unit_test(second_squeeze),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
