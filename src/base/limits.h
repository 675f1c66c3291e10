/* SPDX-License-Identifier: Apache-2.0 */
/* limits.h: every maximum of the system and its derivation. Configuration may lower a bound, never
 * raise it. docs/limits.md says why each value was chosen. */
#ifndef CR_BASE_LIMITS_H
#define CR_BASE_LIMITS_H

#include <stdint.h>

enum {
    CR_HASH_BYTES = 32,

    /* Committee. Masks of authors are CR_AUTHOR_WORDS 64-bit words. */
    CR_VALIDATORS_MAX = 128,
    CR_AUTHOR_WORDS = CR_VALIDATORS_MAX / 64,

    /* Names: chain ids, validator names. Letters, digits, '-', '_', '.'. */
    CR_NAME_BYTES_MAX = 32,
    CR_ADDRESS_BYTES_MAX = 128, /* "host:port" and its terminating zero */

    /* ML-DSA (FIPS 204, table 2). */
    CR_MLDSA44_KEY_BYTES = 1312,
    CR_MLDSA44_SIG_BYTES = 2420,
    CR_MLDSA65_KEY_BYTES = 1952,
    CR_MLDSA65_SIG_BYTES = 3309,
    CR_MLDSA87_KEY_BYTES = 2592,
    CR_MLDSA87_SIG_BYTES = 4627,
    CR_KEY_BYTES_MAX = CR_MLDSA87_KEY_BYTES,
    CR_SIG_BYTES_MAX = CR_MLDSA87_SIG_BYTES,

    /* Ledger. */
    CR_OPS_MAX = 1024,               /* operations under one signature */
    CR_STATE_KEY_BYTES_MAX = 256,    /* bytes of a key of the key-value part */
    CR_STATE_VALUE_BYTES_MAX = 8192, /* bytes of a value */
    CR_TX_BYTES_MAX = 256 * 1024,    /* one encoded transaction, signature included */
    CR_TX_TTL_MAX = 1u << 16,        /* valid_until_commit may lie this far ahead of execution */
    CR_BUCKETS_LOG2 = 12,            /* state buckets: 2^12 */
    CR_BUCKETS = 1 << CR_BUCKETS_LOG2,

    /* Vertices. A header grows with n: fixed part + bitmap + 32 per parent + 38 per old parent. */
    CR_OLD_PARENTS_MAX = CR_VALIDATORS_MAX,
    CR_EVIDENCE_MAX = 4,
    CR_HEADER_BYTES_MAX = 16 * 1024,
    CR_PAYLOAD_BYTES_MAX = 768 * 1024,
    CR_PAYLOAD_TXS_MAX = 4096,
    CR_VERTEX_BYTES_MAX = CR_HEADER_BYTES_MAX + CR_PAYLOAD_BYTES_MAX,
    CR_EVIDENCE_BYTES_MAX = 4 + 2 * (4 + CR_HEADER_BYTES_MAX), /* tag, two heads of vertices */

    /* DAG window. Rounds kept: a power of two > gc depth + rounds accepted ahead + slack. */
    CR_ROUND_WINDOW = 256,
    CR_GC_DEPTH = 64,     /* rounds below a committed leader round that may still be committed */
    CR_ROUNDS_AHEAD = 64, /* rounds above the highest accepted round that are held suspended */
    CR_SCORE_WINDOW = 20, /* commits after which leaders are judged, unless the genesis differs */
    CR_VARIANTS_MAX = 4,  /* equivocating copies kept per author and round */

    /* Peer messages. */
    CR_FRAME_BYTES_MAX = 1024 * 1024,
    CR_FETCH_REFS_MAX = 32,                /* vertices asked for in one request */
    CR_SYNC_COMMITS_MAX = 64,              /* commits asked for in one range request */
    CR_SYNC_BYTES_MAX = 900 * 1024,        /* bytes of records and vertices in one sync response */
    CR_SYNC_RECORD_BYTES_MAX = 192 * 1024, /* a larger commit record is left out of it */
    CR_SYNC_LANES = 4,                     /* ranges asked for at a time */
};

_Static_assert(CR_VALIDATORS_MAX % 64 == 0, "author masks are whole words");
_Static_assert((CR_ROUND_WINDOW & (CR_ROUND_WINDOW - 1)) == 0, "round modulo is a mask");
_Static_assert(CR_ROUND_WINDOW > CR_GC_DEPTH + CR_ROUNDS_AHEAD + 16,
               "a slot of the ring is free before a new round needs it");
_Static_assert(CR_VERTEX_BYTES_MAX + 64 <= CR_FRAME_BYTES_MAX, "a vertex fits one frame");
_Static_assert(CR_SYNC_RECORD_BYTES_MAX + CR_VERTEX_BYTES_MAX + 64 <= CR_FRAME_BYTES_MAX,
               "a vertex fits a sync response beside the record that names it");
_Static_assert(CR_EVIDENCE_BYTES_MAX + 8 * 1024 < CR_TX_BYTES_MAX,
               "a transaction with the largest evidence fits, its signer's key and signature too");
_Static_assert(CR_TX_BYTES_MAX <= CR_PAYLOAD_BYTES_MAX, "a transaction fits a payload");

#endif
