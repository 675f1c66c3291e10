/* SPDX-License-Identifier: Apache-2.0 */
#include "node/keycache.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/steps.h"
#include "crypto/hash.h"
#include "node/recent.h"

enum {
    WAYS = 8,
    PIECE_BYTES = 1024, /* what cr_hash_many takes in lanes */
    PIECES_MAX = (CR_SIG_BYTES_MAX + PIECE_BYTES - 1) / PIECE_BYTES,
};
#define BUSY (UINT32_C(1) << 31)

/* `pins` guards all of it but the atomics: whoever has raised it while it was not BUSY may read;
 * whoever has moved it from 0 to BUSY may write. */
struct entry {
    _Alignas(64) _Atomic uint32_t pins;
    _Atomic uint32_t used; /* the clock at its last use. Relaxed, as the tag: only hints */
    _Atomic uint64_t tag;  /* the beginning of the account; 0: empty */
    struct cr_hash account;
    struct cr_prepared_key *key;
    enum cr_alg alg;
};

/* A key while it is used. */
struct use {
    struct entry *entry; /* pinned. NULL: the key is the user's own */
    struct cr_prepared_key *key;
    enum cr_alg alg;
};

struct figures { /* relaxed: each is a figure of its own */
    _Atomic uint64_t hits, misses, size, evictions, passed, valid, invalid, repeated;
};

struct cr_keycache {
    uint32_t sets_mask;
    struct entry *entries; /* sets * WAYS */
    struct cr_recent recent;
    struct cr_recent_set *recent_sets;
    _Alignas(64) _Atomic uint32_t clock; /* replacements so far; relaxed */
    _Alignas(64) struct figures figures;
};

static void add(_Atomic uint64_t *figure, uint64_t count)
{
    if (count > 0) atomic_fetch_add_explicit(figure, count, memory_order_relaxed);
}

static uint32_t sets_for(uint32_t entries_max, uint32_t ways)
{
    uint32_t sets = 1;
    while (sets * ways < entries_max)
        sets *= 2;
    return sets;
}

struct cr_keycache *cr_keycache_new(uint32_t keys_max, uint32_t recent_max)
{
    const uint32_t sets = sets_for(keys_max, WAYS);
    const uint32_t recent_sets = sets_for(recent_max, CR_RECENT_WAYS);
    struct cr_keycache *c = aligned_alloc(_Alignof(struct cr_keycache), sizeof *c);
    if (!c) return NULL;
    memset(c, 0, sizeof *c);
    c->sets_mask = sets - 1;
    const size_t bytes = (size_t)sets * WAYS * sizeof(struct entry);
    c->entries = aligned_alloc(_Alignof(struct entry), bytes);
    c->recent_sets = calloc(recent_sets, sizeof c->recent_sets[0]);
    if (!c->entries || !c->recent_sets) {
        free(c->entries);
        free(c->recent_sets);
        free(c);
        return NULL;
    }
    memset(c->entries, 0, bytes);
    cr_recent_init(&c->recent, c->recent_sets, recent_sets);
    return c;
}

void cr_keycache_free(struct cr_keycache *c)
{
    if (!c) return;
    for (size_t i = 0; i < ((size_t)c->sets_mask + 1) * WAYS; i++)
        cr_verifier()->forget(c->entries[i].key);
    free(c->entries);
    free(c->recent_sets);
    free(c);
}

/* ---- the table ---- */

static struct entry *set_of(struct cr_keycache *c, const struct cr_hash *account)
{
    const size_t set = (size_t)cr_load_le(account->bytes + 16, 4) & c->sets_mask;
    return &c->entries[set * WAYS];
}

static uint64_t tag_of(const struct cr_hash *account)
{
    return cr_load_le(account->bytes, 8) | 1; /* never empty */
}

/* Release: what was read of the entry comes before, for whoever replaces it (claim). */
static void unpin(struct entry *entry)
{
    CR_STEP();
    atomic_fetch_sub_explicit(&entry->pins, 1, memory_order_release);
}

/* Acquire: pairs with the release of whoever wrote the entry (replace). */
static bool pin_if(struct entry *entry, const struct cr_hash *account)
{
    CR_STEP();
    if (atomic_load_explicit(&entry->tag, memory_order_relaxed) != tag_of(account)) return false;
    CR_STEP();
    const uint32_t before = atomic_fetch_add_explicit(&entry->pins, 1, memory_order_acquire);
    if (before < BUSY && cr_hash_equal(&entry->account, account)) return true;
    unpin(entry);
    return false;
}

static bool find(struct cr_keycache *c, const struct cr_hash *account, struct use *use)
{
    struct entry *set = set_of(c, account);
    for (uint32_t i = 0; i < WAYS; i++) {
        if (!pin_if(&set[i], account)) continue;
        const uint32_t now = atomic_load_explicit(&c->clock, memory_order_relaxed);
        /* Written only when it differs, or all workers would fight for the line. */
        if (atomic_load_explicit(&set[i].used, memory_order_relaxed) != now)
            atomic_store_explicit(&set[i].used, now, memory_order_relaxed);
        *use = (struct use){.entry = &set[i], .key = set[i].key, .alg = set[i].alg};
        return true;
    }
    return false;
}

/* From no pins to BUSY. Acquire: pairs with the release of the last user (unpin). */
static bool claim(struct entry *entry)
{
    uint32_t none = 0;
    CR_STEP();
    return atomic_compare_exchange_strong_explicit(&entry->pins, &none, BUSY, memory_order_acquire,
                                                   memory_order_relaxed);
}

/* The entry of a set that is not used for the longest time and not pinned; NULL: all are. */
static struct entry *claim_oldest(struct cr_keycache *c, struct entry *set)
{
    bool tried[WAYS] = {0};
    const uint32_t now = atomic_load_explicit(&c->clock, memory_order_relaxed);
    for (uint32_t round = 0; round < WAYS; round++) {
        uint32_t oldest = WAYS, age = 0;
        for (uint32_t i = 0; i < WAYS; i++) {
            const bool empty = atomic_load_explicit(&set[i].tag, memory_order_relaxed) == 0;
            const uint32_t used = atomic_load_explicit(&set[i].used, memory_order_relaxed);
            const uint32_t own = empty ? UINT32_MAX : now - used;
            if (tried[i] || (oldest < WAYS && own <= age)) continue;
            oldest = i;
            age = own;
        }
        if (claim(&set[oldest])) return &set[oldest];
        tried[oldest] = true;
    }
    return NULL;
}

/* Puts a key into a claimed entry, which stays pinned for the caller. */
static void replace(struct cr_keycache *c, struct entry *entry, const struct cr_hash *account,
                    const struct use *use)
{
    add(entry->key ? &c->figures.evictions : &c->figures.size, 1);
    cr_verifier()->forget(entry->key);
    CR_STEP();
    entry->account = *account;
    entry->key = use->key;
    entry->alg = use->alg;
    const uint32_t now = atomic_fetch_add_explicit(&c->clock, 1, memory_order_relaxed) + 1;
    atomic_store_explicit(&entry->used, now, memory_order_relaxed);
    atomic_store_explicit(&entry->tag, tag_of(account), memory_order_relaxed);
    CR_STEP();
    /* One pin instead of BUSY, beside those who try just now. Release: pairs with pin_if. */
    atomic_fetch_sub_explicit(&entry->pins, BUSY - 1, memory_order_release);
}

/* For this use only. False when there is no such algorithm; never for want of memory, because
 * replicas must agree on every signature. */
static bool prepare_alone(struct cr_keycache *c, const struct cr_public_key *key, struct use *use)
{
    *use = (struct use){.key = cr_verifier()->prepare(key), .alg = key->alg};
    if (use->key) add(&c->figures.passed, 1);
    return use->key != NULL;
}

/* The same, and it stays. */
static bool prepare(struct cr_keycache *c, const struct cr_hash *account,
                    const struct cr_public_key *key, struct use *use)
{
    struct use made = {.key = cr_verifier()->prepare(key), .alg = key->alg};
    if (!made.key) return false;
    if (find(c, account, use)) { /* another thread was faster */
        cr_verifier()->forget(made.key);
        return true;
    }
    made.entry = claim_oldest(c, set_of(c, account));
    if (made.entry)
        replace(c, made.entry, account, &made);
    else
        add(&c->figures.passed, 1);
    *use = made;
    return true;
}

static void end_use(struct use *use)
{
    if (use->entry)
        unpin(use->entry);
    else
        cr_verifier()->forget(use->key);
}

/* ---- where keys come from ---- */

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

/* CR_SIG_VALID: there is a key to verify with. */
static enum cr_sig_verdict begin_use(struct cr_keycache *c, struct cr_state_reader *reader,
                                     const struct cr_tx *tx, struct use *use)
{
    struct cr_public_key key;
    const bool found = find(c, &tx->account, use);
    add(found ? &c->figures.hits : &c->figures.misses, 1);
    if (found) return CR_SIG_VALID;
    bool good;
    if (registered_key(reader, &tx->account, &key))
        good = prepare(c, &tx->account, &key, use);
    else if (own_key(tx, &key))
        good = prepare_alone(c, &key, use);
    else
        return CR_SIG_UNKNOWN;
    return good ? CR_SIG_VALID : CR_SIG_INVALID;
}

/* ---- what was valid lately ---- */

/* One digest over id, algorithm and signature of each; made in two steps, so that it goes through
 * the lanes: pieces of the signature first, then id and pieces. */
static void fingerprint(const struct cr_tx *txs, uint32_t count, struct cr_hash *out)
{
    struct cr_hash_input inputs[CR_TX_MANY * PIECES_MAX] = {0};
    struct cr_hash pieces[CR_TX_MANY * PIECES_MAX];
    uint8_t joined[CR_TX_MANY][CR_HASH_BYTES * (2 + PIECES_MAX)] = {0};
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t piece = 0; piece < PIECES_MAX; piece++) {
            const uint32_t at = piece * PIECE_BYTES, all = txs[i].signature_bytes;
            const uint32_t left = all > at ? all - at : 0;
            inputs[i * PIECES_MAX + piece] =
                (struct cr_hash_input){.bytes = left > 0 ? txs[i].signature + at : txs[i].signature,
                                       .count = left < PIECE_BYTES ? left : PIECE_BYTES};
        }
    }
    cr_hash_many(inputs, count * PIECES_MAX, pieces);
    for (uint32_t i = 0; i < count; i++) {
        memcpy(joined[i], txs[i].id.bytes, CR_HASH_BYTES);
        joined[i][CR_HASH_BYTES] = (uint8_t)txs[i].sig_alg;
        cr_store_le(joined[i] + CR_HASH_BYTES + 1, txs[i].signature_bytes, 4);
        memcpy(joined[i] + (size_t)2 * CR_HASH_BYTES, &pieces[(size_t)i * PIECES_MAX],
               (size_t)CR_HASH_BYTES * PIECES_MAX);
        inputs[i] = (struct cr_hash_input){.bytes = joined[i], .count = sizeof joined[i]};
    }
    cr_hash_many(inputs, count, out);
}

/* ---- verifying ---- */

static struct cr_verify_item item_of(const struct cr_tx *tx, const struct use *use)
{
    /* Without a key it is invalid, and so it is with one of another algorithm. */
    return (struct cr_verify_item){.key = use->alg == tx->sig_alg ? use->key : NULL,
                                   .context = (const uint8_t *)CR_TX_CONTEXT,
                                   .context_bytes = CR_TX_CONTEXT_BYTES,
                                   .message = tx->id.bytes,
                                   .message_bytes = CR_HASH_BYTES,
                                   .signature = tx->signature,
                                   .signature_bytes = tx->signature_bytes};
}

/* What was not valid lately, in one call. */
static void verify_rest(struct cr_keycache *c, struct cr_state_reader *reader,
                        const struct cr_tx *txs, uint32_t count, enum cr_sig_verdict *verdicts)
{
    struct cr_verify_item items[CR_TX_MANY];
    struct use uses[CR_TX_MANY];
    uint32_t item_of_tx[CR_TX_MANY], items_count = 0, valid = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (verdicts[i] != CR_SIG_UNKNOWN) continue;
        verdicts[i] = begin_use(c, reader, &txs[i], &uses[items_count]);
        if (verdicts[i] != CR_SIG_VALID) continue;
        item_of_tx[items_count] = i;
        items[items_count] = item_of(&txs[i], &uses[items_count]);
        items_count++;
    }
    cr_verifier()->verify(items, items_count);
    for (uint32_t i = 0; i < items_count; i++) {
        verdicts[item_of_tx[i]] = items[i].valid ? CR_SIG_VALID : CR_SIG_INVALID;
        valid += items[i].valid;
        end_use(&uses[i]);
    }
    add(&c->figures.valid, valid);
    add(&c->figures.invalid, items_count - valid);
}

void cr_keycache_verify(struct cr_keycache *c, struct cr_state_reader *reader,
                        const struct cr_tx *txs, uint32_t count, enum cr_sig_verdict *verdicts)
{
    struct cr_hash prints[CR_TX_MANY];
    uint32_t repeated = 0;
    CR_ASSERT(count <= CR_TX_MANY);
    fingerprint(txs, count, prints);
    for (uint32_t i = 0; i < count; i++) {
        const bool known = cr_recent_has(&c->recent, &prints[i]);
        verdicts[i] = known ? CR_SIG_VALID : CR_SIG_UNKNOWN;
        repeated += known;
    }
    add(&c->figures.repeated, repeated);
    if (repeated == count) return;
    verify_rest(c, reader, txs, count, verdicts);
    for (uint32_t i = 0; i < count; i++) {
        if (verdicts[i] == CR_SIG_VALID) cr_recent_add(&c->recent, &prints[i]);
    }
}

bool cr_keycache_verify_with(struct cr_keycache *c, const struct cr_public_key *key,
                             const struct cr_tx *tx)
{
    struct use use;
    const bool found = find(c, &tx->account, &use);
    add(found ? &c->figures.hits : &c->figures.misses, 1);
    if (!found && !prepare(c, &tx->account, key, &use)) return false;
    struct cr_verify_item item = item_of(tx, &use);
    cr_verifier()->verify(&item, 1);
    end_use(&use);
    add(item.valid ? &c->figures.valid : &c->figures.invalid, 1);
    return item.valid;
}

void cr_keycache_stats(struct cr_keycache *c, struct cr_keycache_stats *out)
{
    const struct figures *f = &c->figures;
    *out = (struct cr_keycache_stats){
        .hits = atomic_load_explicit(&f->hits, memory_order_relaxed),
        .misses = atomic_load_explicit(&f->misses, memory_order_relaxed),
        .size = atomic_load_explicit(&f->size, memory_order_relaxed),
        .evictions = atomic_load_explicit(&f->evictions, memory_order_relaxed),
        .passed = atomic_load_explicit(&f->passed, memory_order_relaxed),
        .valid = atomic_load_explicit(&f->valid, memory_order_relaxed),
        .invalid = atomic_load_explicit(&f->invalid, memory_order_relaxed),
        .repeated = atomic_load_explicit(&f->repeated, memory_order_relaxed)};
}
