/* SPDX-License-Identifier: Apache-2.0 */
/* perjury.c: transactions of liars: evidence that proves nothing, and what has been there before.
 * Whoever is accused here wrongly must never be on record. */
#include <string.h>

#include "accuse.h"
#include "cluster.h"
#include "crypto/hash.h"
#include "wire/evidence.h"

/* The newest vertex of an author that this node has logged, behind `skip` others of that author. */
static const struct cr_body *newest_of(const struct cr_host *host, uint32_t author, uint32_t skip)
{
    for (uint32_t i = host->disk.count; i > 0; i--) {
        const struct cr_disk_record *record = &host->disk.records[i - 1];
        if (record->kind != CR_RECORD_VERTEX || record->body->author != author) continue;
        if (skip-- == 0) return record->body;
    }
    return NULL;
}

static const struct cr_body *victim_vertex(const struct cr_host *host, uint32_t group,
                                           uint32_t skip)
{
    const struct cr_sim *sim = host->sim;
    for (uint32_t i = 0; i < sim->nodes_count; i++) {
        if (((group >> i) & 1) && !cr_byz_is_liar(sim, i)) return newest_of(host, i, skip);
    }
    return NULL;
}

struct head {
    uint8_t bytes[CR_HEADER_BYTES_MAX];
    uint32_t count;
};

/* As cr_evidence_encode does, but of any two heads and in any order. */
static size_t pair(const struct head *a, const struct head *b, uint8_t *out)
{
    size_t at = 4;
    memcpy(out, "CEV1", 4);
    cr_store_le(out + at, a->count, 4);
    memcpy(out + at + 4, a->bytes, a->count);
    at += 4 + a->count;
    cr_store_le(out + at, b->count, 4);
    memcpy(out + at + 4, b->bytes, b->count);
    return at + 4 + b->count;
}

static void in_order(struct head *a, struct head *b)
{
    static struct cr_vertex first, second;
    CR_ASSERT(cr_vertex_decode_head(a->bytes, a->count, &first) == CR_OK);
    CR_ASSERT(cr_vertex_decode_head(b->bytes, b->count, &second) == CR_OK);
    if (cr_hash_compare(&first.digest, &second.digest) < 0) return;
    const struct head swapped = *a;
    *a = *b;
    *b = swapped;
}

/* Changes `a`, a header of the victim, and `b`, the same or of an older vertex, into what is to be
 * told; says who signs the second. */
static uint32_t tell(uint32_t kind, uint32_t self, struct cr_header *a, struct cr_header *b)
{
    const uint32_t victim = a->author;
    switch (kind) {
    case 0: /* a second vertex that the liar signs */
        *b = *a;
        b->timestamp_ms++;
        return self;
    case 1: return victim; /* two vertices of two rounds */
    case 2:                /* one of each */
        *b = *a;
        b->author = self;
        b->timestamp_ms++;
        return self;
    case 3: /* an epoch that is not yet, of its own */
        a->epoch += 1000;
        a->author = self;
        *b = *a;
        b->timestamp_ms++;
        return self;
    case 4: /* one round of two epochs, of its own */
        a->author = self;
        *b = *a;
        b->epoch++;
        return self;
    case 5: /* another statement, which the liar signs */
        *b = *a;
        b->round++;
        if (b->commit_index > 0) b->commit_digest.bytes[0] ^= 1;
        return self;
    case 6: /* one head twice */ *b = *a; return victim;
    default: /* the truth about itself */
        a->author = self;
        *b = *a;
        b->timestamp_ms++;
        return self;
    }
}

void cr_perjure(struct cr_host *host, uint32_t kind, uint32_t group)
{
    static struct cr_vertex a, b;
    static struct head heads[2];
    static uint8_t evidence[CR_EVIDENCE_BYTES_MAX];
    const struct cr_body *newest = victim_vertex(host, group, 0);
    const struct cr_body *older = victim_vertex(host, group, 1);
    if (newest == NULL || older == NULL) return;
    cr_body_decode(newest, &a);
    cr_body_decode(older, &b);
    if (host->self >= b.header.validators_count)
        return; /* it had no seat yet: nobody decodes that */
    const uint32_t second = tell(kind, host->self, &a.header, &b.header);
    heads[0].count =
        cr_forge_head(&a.header, a.header.author, heads[0].bytes, sizeof heads[0].bytes);
    heads[1].count = cr_forge_head(&b.header, second, heads[1].bytes, sizeof heads[1].bytes);
    if (kind == 6) heads[1].bytes[heads[1].count - 1] ^= 1; /* hedged signatures differ */
    in_order(&heads[0], &heads[1]);
    size_t bytes = pair(&heads[0], &heads[1], evidence);
    if (kind == 8) bytes = pair(&heads[1], &heads[0], evidence); /* the wrong way round */
    if (kind == 9) bytes -= 1 + host->proposals_total % 2000;    /* cut */
    cr_accuse_send(host, evidence, bytes);
}

void cr_send_junk(struct cr_host *host, uint32_t kind, struct cr_prng *prng)
{
    const struct cr_clients *clients = &host->sim->clients;
    const uint32_t number = (uint32_t)cr_prng_below(prng, clients->txs_count);
    struct cr_client_tx noise = {.submit_us = host->sim->now_us};
    switch (kind) {
    case 0:
        if (clients->txs[number].final) cr_host_submit(host, number);
        return;
    case 1:
        if (clients->txs[number].submit_us > host->sim->now_us) return; /* nobody has it yet */
        cr_host_submit(host, number);
        cr_host_submit(host, number);
        return;
    default: break;
    }
    noise.bytes_count = 1 + (uint32_t)cr_prng_below(prng, 600);
    noise.bytes = cr_run_take(noise.bytes_count);
    for (uint32_t i = 0; i < noise.bytes_count; i++)
        noise.bytes[i] = (uint8_t)cr_prng_next(prng);
    noise.id = cr_hash_of(noise.bytes, noise.bytes_count);
    cr_clients_take(host, &noise);
}
