/* SPDX-License-Identifier: Apache-2.0 */
#include "node/mempool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct entry {
    struct cr_hash id;
    struct cr_hash account;
    uint64_t valid_until;
    uint8_t *bytes; /* owned; NULL: the entry is free */
    uint32_t bytes_count;
    uint32_t carrier;        /* NONE: waiting */
    uint32_t next, previous; /* in the waiting list, or the free list */
    uint32_t id_next;        /* in the chain of its id's bucket */
    uint32_t account_next;   /* in the chain of its account's bucket */
};

struct cr_mempool {
    pthread_mutex_t lock;
    struct cr_mempool_limits limits;
    uint32_t count, waiting;
    uint64_t bytes;
    uint64_t oldest_valid_until; /* lower bound: no scan for expiry below it */
    uint32_t first, last, free_first;
    uint32_t buckets_mask;
    uint32_t *id_buckets;
    uint32_t *account_buckets;
    struct entry *entries;
};

/* Ids and accounts are BLAKE3 digests that a sender can grind, but only against the first bits:
 * a chain is at most txs_max long, and those cost the sender a valid signature each. */
static uint32_t bucket_of(const struct cr_mempool *m, const struct cr_hash *hash)
{
    return (uint32_t)cr_load_le(hash->bytes + 8, 4) & m->buckets_mask;
}

struct cr_mempool *cr_mempool_new(const struct cr_mempool_limits *limits)
{
    struct cr_mempool *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    uint32_t buckets = 1024;
    while (buckets < limits->txs_max)
        buckets *= 2;
    m->limits = *limits;
    m->buckets_mask = buckets - 1;
    m->first = m->last = NONE;
    m->oldest_valid_until = UINT64_MAX;
    pthread_mutex_init(&m->lock, NULL);
    m->entries = calloc(limits->txs_max, sizeof m->entries[0]);
    m->id_buckets = malloc(buckets * sizeof m->id_buckets[0]);
    m->account_buckets = malloc(buckets * sizeof m->account_buckets[0]);
    if (!m->entries || !m->id_buckets || !m->account_buckets) {
        cr_mempool_free(m);
        return NULL;
    }
    memset(m->id_buckets, 0xff, buckets * sizeof m->id_buckets[0]);
    memset(m->account_buckets, 0xff, buckets * sizeof m->account_buckets[0]);
    for (uint32_t i = 0; i < limits->txs_max; i++)
        m->entries[i].next = i + 1 < limits->txs_max ? i + 1 : NONE;
    return m;
}

void cr_mempool_free(struct cr_mempool *m)
{
    if (!m) return;
    for (uint32_t i = 0; m->entries && i < m->limits.txs_max; i++)
        free(m->entries[i].bytes);
    free(m->entries);
    free(m->id_buckets);
    free(m->account_buckets);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static uint32_t find(const struct cr_mempool *m, const struct cr_hash *id)
{
    uint32_t i = m->id_buckets[bucket_of(m, id)];
    while (i != NONE && !cr_hash_equal(&m->entries[i].id, id))
        i = m->entries[i].id_next;
    return i;
}

static uint32_t count_of_account(const struct cr_mempool *m, const struct cr_hash *account)
{
    uint32_t count = 0;
    for (uint32_t i = m->account_buckets[bucket_of(m, account)]; i != NONE;
         i = m->entries[i].account_next) {
        if (cr_hash_equal(&m->entries[i].account, account)) count++;
    }
    return count;
}

static void link_waiting(struct cr_mempool *m, uint32_t i, bool front)
{
    struct entry *e = &m->entries[i];
    e->carrier = NONE;
    e->previous = front ? NONE : m->last;
    e->next = front ? m->first : NONE;
    if (e->previous != NONE) m->entries[e->previous].next = i;
    if (e->next != NONE) m->entries[e->next].previous = i;
    if (front || m->first == NONE) m->first = i;
    if (!front || m->last == NONE) m->last = i;
    m->waiting++;
}

static void unlink_waiting(struct cr_mempool *m, uint32_t i)
{
    const struct entry *e = &m->entries[i];
    if (e->previous != NONE) m->entries[e->previous].next = e->next;
    if (e->next != NONE) m->entries[e->next].previous = e->previous;
    if (m->first == i) m->first = e->next;
    if (m->last == i) m->last = e->previous;
    m->waiting--;
}

static enum cr_err add(struct cr_mempool *m, const struct cr_tx *tx, const uint8_t *bytes)
{
    if (find(m, &tx->id) != NONE) return CR_ERR_EXISTS;
    if (m->free_first == NONE || m->count == m->limits.txs_max) return CR_ERR_FULL;
    if (tx->bytes_count > m->limits.bytes_max - m->bytes) return CR_ERR_FULL;
    if (count_of_account(m, &tx->account) >= m->limits.txs_per_account_max) return CR_ERR_FULL;
    uint8_t *copy = malloc(tx->bytes_count);
    if (!copy) return CR_ERR_FULL;
    memcpy(copy, bytes, tx->bytes_count);

    const uint32_t i = m->free_first;
    struct entry *e = &m->entries[i];
    m->free_first = e->next;
    uint32_t *id_bucket = &m->id_buckets[bucket_of(m, &tx->id)];
    uint32_t *account_bucket = &m->account_buckets[bucket_of(m, &tx->account)];
    *e = (struct entry){.id = tx->id,
                        .account = tx->account,
                        .valid_until = tx->valid_until_commit,
                        .bytes = copy,
                        .bytes_count = tx->bytes_count,
                        .id_next = *id_bucket,
                        .account_next = *account_bucket};
    *id_bucket = *account_bucket = i;
    link_waiting(m, i, false);
    m->count++;
    m->bytes += tx->bytes_count;
    if (e->valid_until < m->oldest_valid_until) m->oldest_valid_until = e->valid_until;
    return CR_OK;
}

static void discard(struct cr_mempool *m, uint32_t i)
{
    struct entry *e = &m->entries[i];
    uint32_t *link = &m->id_buckets[bucket_of(m, &e->id)];
    while (*link != i)
        link = &m->entries[*link].id_next;
    *link = e->id_next;
    link = &m->account_buckets[bucket_of(m, &e->account)];
    while (*link != i)
        link = &m->entries[*link].account_next;
    *link = e->account_next;
    if (e->carrier == NONE) unlink_waiting(m, i);
    m->count--;
    m->bytes -= e->bytes_count;
    free(e->bytes);
    *e = (struct entry){.next = m->free_first};
    m->free_first = i;
}

enum cr_err cr_mempool_add(struct cr_mempool *m, const struct cr_tx *tx, const uint8_t *bytes)
{
    pthread_mutex_lock(&m->lock);
    const enum cr_err err = add(m, tx, bytes);
    pthread_mutex_unlock(&m->lock);
    return err;
}

bool cr_mempool_find(struct cr_mempool *m, const struct cr_hash *id, bool *carried)
{
    pthread_mutex_lock(&m->lock);
    const uint32_t i = find(m, id);
    if (i != NONE) *carried = m->entries[i].carrier != NONE;
    pthread_mutex_unlock(&m->lock);
    return i != NONE;
}

size_t cr_mempool_take(struct cr_mempool *m, uint32_t carrier, uint8_t *payload, size_t bytes_max,
                       uint32_t *txs_count)
{
    size_t filled = 0;
    *txs_count = 0;
    CR_ASSERT(carrier != NONE);
    pthread_mutex_lock(&m->lock);
    while (m->first != NONE && *txs_count < CR_PAYLOAD_TXS_MAX) {
        const uint32_t i = m->first;
        struct entry *e = &m->entries[i];
        if (4 + (size_t)e->bytes_count > bytes_max - filled) break;
        unlink_waiting(m, i);
        e->carrier = carrier;
        cr_store_le(payload + filled, e->bytes_count, 4);
        memcpy(payload + filled + 4, e->bytes, e->bytes_count);
        filled += 4 + (size_t)e->bytes_count;
        ++*txs_count;
    }
    pthread_mutex_unlock(&m->lock);
    return filled;
}

size_t cr_mempool_payload_bytes(struct cr_mempool *m, size_t bytes_max)
{
    pthread_mutex_lock(&m->lock);
    const uint64_t bytes = m->waiting > 0 ? m->bytes + 4 * (uint64_t)m->waiting : 0;
    pthread_mutex_unlock(&m->lock);
    return bytes < bytes_max ? (size_t)bytes : bytes_max;
}

void cr_mempool_requeue(struct cr_mempool *m, uint32_t carrier)
{
    pthread_mutex_lock(&m->lock);
    for (uint32_t i = 0; i < m->limits.txs_max; i++) {
        if (m->entries[i].bytes && m->entries[i].carrier == carrier) link_waiting(m, i, true);
    }
    pthread_mutex_unlock(&m->lock);
}

void cr_mempool_remove(struct cr_mempool *m, const struct cr_hash *id)
{
    pthread_mutex_lock(&m->lock);
    const uint32_t i = find(m, id);
    if (i != NONE) discard(m, i);
    pthread_mutex_unlock(&m->lock);
}

static uint32_t expire(struct cr_mempool *m, uint64_t index, struct cr_hash *ids, uint32_t max)
{
    uint32_t count = 0;
    uint64_t oldest = UINT64_MAX;
    if (m->oldest_valid_until > index) return 0;
    for (uint32_t i = 0; i < m->limits.txs_max; i++) {
        if (!m->entries[i].bytes) continue;
        const uint64_t until = m->entries[i].valid_until;
        if (until <= index && count < max) {
            ids[count++] = m->entries[i].id;
            discard(m, i);
        } else if (until < oldest) {
            oldest = until;
        }
    }
    m->oldest_valid_until = oldest;
    return count;
}

uint32_t cr_mempool_expire(struct cr_mempool *m, uint64_t index, struct cr_hash *ids, uint32_t max)
{
    pthread_mutex_lock(&m->lock);
    const uint32_t count = expire(m, index, ids, max);
    pthread_mutex_unlock(&m->lock);
    return count;
}

void cr_mempool_stats(struct cr_mempool *m, struct cr_mempool_stats *out)
{
    pthread_mutex_lock(&m->lock);
    *out = (struct cr_mempool_stats){.txs = m->count, .waiting = m->waiting, .bytes = m->bytes};
    pthread_mutex_unlock(&m->lock);
}
