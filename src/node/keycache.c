/* SPDX-License-Identifier: Apache-2.0 */
#include "node/keycache.h"

#include <pthread.h>
#include <stdlib.h>

enum { WAYS = 4 };

/* Shared by the table and by whoever verifies with it just now. */
struct held {
    struct cr_hash account;
    struct cr_prepared_key *key;
    enum cr_alg alg;
    uint32_t references; /* under the lock */
};

struct cr_keycache {
    pthread_mutex_t lock;
    uint32_t sets_mask;
    uint32_t turn;
    struct cr_keycache_stats stats;
    struct held **ways; /* sets * WAYS */
};

struct cr_keycache *cr_keycache_new(uint32_t entries_max)
{
    struct cr_keycache *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    uint32_t sets = 16;
    while (sets * WAYS < entries_max)
        sets *= 2;
    c->sets_mask = sets - 1;
    c->ways = calloc((size_t)sets * WAYS, sizeof(struct held *));
    pthread_mutex_init(&c->lock, NULL);
    if (!c->ways) {
        free(c);
        return NULL;
    }
    return c;
}

/* Under the lock. */
static void give(struct held *held)
{
    if (!held || --held->references > 0) return;
    cr_verifier()->forget(held->key);
    free(held);
}

void cr_keycache_free(struct cr_keycache *c)
{
    if (!c) return;
    for (uint32_t i = 0; i < (c->sets_mask + 1) * WAYS; i++)
        give(c->ways[i]);
    pthread_mutex_destroy(&c->lock);
    free(c->ways);
    free(c);
}

static struct held **set_of(struct cr_keycache *c, const struct cr_hash *account)
{
    const size_t set = (size_t)cr_load_le(account->bytes + 16, 4) & c->sets_mask;
    return &c->ways[set * WAYS];
}

static struct held *take_cached(struct cr_keycache *c, const struct cr_hash *account)
{
    struct held *found = NULL;
    pthread_mutex_lock(&c->lock);
    struct held **set = set_of(c, account);
    for (uint32_t i = 0; i < WAYS && !found; i++) {
        if (set[i] && cr_hash_equal(&set[i]->account, account)) found = set[i];
    }
    if (found) found->references++;
    if (found)
        c->stats.hits++;
    else
        c->stats.misses++;
    pthread_mutex_unlock(&c->lock);
    return found;
}

/* A reference for the caller. NULL when there is no such algorithm; never for want of memory,
 * because replicas must agree on every signature. */
static struct held *prepare(struct cr_keycache *c, const struct cr_hash *account,
                            const struct cr_public_key *key)
{
    struct held *held = calloc(1, sizeof *held);
    CR_ASSERT(held != NULL);
    *held = (struct held){.account = *account, .alg = key->alg, .references = 2};
    held->key = cr_verifier()->prepare(key);
    if (!held->key) {
        free(held);
        return NULL;
    }
    pthread_mutex_lock(&c->lock);
    struct held **way = &set_of(c, account)[c->turn++ % WAYS];
    give(*way);
    *way = held;
    pthread_mutex_unlock(&c->lock);
    return held;
}

static bool verify(struct cr_keycache *c, struct held *held, const struct cr_tx *tx)
{
    struct cr_verify_item item = {.key = held->key,
                                  .context = (const uint8_t *)CR_TX_CONTEXT,
                                  .context_bytes = CR_TX_CONTEXT_BYTES,
                                  .message = tx->id.bytes,
                                  .message_bytes = CR_HASH_BYTES,
                                  .signature = tx->signature,
                                  .signature_bytes = tx->signature_bytes};
    if (held->alg == tx->sig_alg) cr_verifier()->verify(&item, 1);
    pthread_mutex_lock(&c->lock);
    if (item.valid)
        c->stats.valid++;
    else
        c->stats.invalid++;
    give(held);
    pthread_mutex_unlock(&c->lock);
    return item.valid;
}

/* The key that the transaction brings itself, when its first operation registers its account. */
static bool own_key(const struct cr_tx *tx, struct cr_public_key *out)
{
    size_t position = 0;
    struct cr_op op;
    if (!cr_tx_op_next(tx, &position, &op) || op.type != CR_OP_REGISTER) return false;
    const struct cr_hash account = cr_public_key_account(&op.register_key);
    *out = op.register_key;
    return cr_hash_equal(&account, &tx->account);
}

static bool registered_key(struct cr_state_reader *reader, const struct cr_hash *account,
                           struct cr_public_key *out)
{
    struct cr_account found;
    if (!reader || cr_state_reader_begin(reader) != CR_OK) return false;
    const bool known = cr_ledger_find_account(cr_state_reader_state(reader), account, &found);
    if (known) *out = found.key;
    cr_state_reader_end(reader);
    return known;
}

enum cr_sig_verdict cr_keycache_verify(struct cr_keycache *c, struct cr_state_reader *reader,
                                       const struct cr_tx *tx)
{
    struct held *held = take_cached(c, &tx->account);
    if (!held) {
        struct cr_public_key key;
        if (!own_key(tx, &key) && !registered_key(reader, &tx->account, &key))
            return CR_SIG_UNKNOWN;
        held = prepare(c, &tx->account, &key);
        if (!held) return CR_SIG_INVALID;
    }
    return verify(c, held, tx) ? CR_SIG_VALID : CR_SIG_INVALID;
}

bool cr_keycache_verify_with(struct cr_keycache *c, const struct cr_public_key *key,
                             const struct cr_tx *tx)
{
    struct held *held = take_cached(c, &tx->account);
    if (!held) held = prepare(c, &tx->account, key);
    return held && verify(c, held, tx);
}

void cr_keycache_stats(struct cr_keycache *c, struct cr_keycache_stats *out)
{
    pthread_mutex_lock(&c->lock);
    *out = c->stats;
    pthread_mutex_unlock(&c->lock);
}
