/* SPDX-License-Identifier: Apache-2.0 */
/* entry.h: what stands in the state, byte for byte.
 *
 * key of an entry = BLAKE3("CEK1" | kind u8 | name)
 * Encodings, little-endian, canonical: equal entries are equal bytes. Every entry holds its own
 * name, so that bytes which come from elsewhere (a snapshot) can be checked against their key.
 *
 *   ACCOUNT 1   name: the account, BLAKE3 of the key (crypto/mldsa.h)
 *     kind u8 | version u8 | alg u8 | registered_at u64 | balance u64 | key (length by alg)
 *   RECORD 2    name: the key of the record
 *     kind u8 | version u8 | owner[32] | version u64 | key_bytes u16 | key | value (what is left)
 *   RECENT 3    name: the id of a transaction that was executed and might be sent again
 *     kind u8 | version u8 | id[32] | valid_until_commit u64
 *
 *   OFFENCE 4   name: account of the validator's consensus key, epoch u64
 *     kind u8 | version u8 | conflict u8 | validator[32] | epoch u64 | author u16 | round u32
 *     | first[32] | second[32] | commit_index u64 | reporter[32]
 *     that it has signed two vertices that conflict; the first proof counts, and stays
 *   VALIDATOR 5 name: seat u16
 *     kind u8 | version u8 | seat u16 | since_epoch u64 | profile (wire/profile.h)
 *     one that was added after the genesis, from that epoch on and for ever
 *   COMMITTEE 6 name: epoch u64
 *     kind u8 | version u8 | epoch u64 | count u16 | count x stake u64
 *     by seat; only on a chain with an operator (ledger/validators.h)
 *
 * Pure. Decoders check form only, write `out` only on CR_OK, and give views into `bytes`. */
#ifndef CR_LEDGER_ENTRY_H
#define CR_LEDGER_ENTRY_H

#include "crypto/mldsa.h"
#include "ledger/genesis.h"
#include "wire/evidence.h"
#include "wire/profile.h"

enum cr_entry_kind {
    CR_ENTRY_ACCOUNT = 1,
    CR_ENTRY_RECORD = 2,
    CR_ENTRY_RECENT = 3,
    CR_ENTRY_OFFENCE = 4,
    CR_ENTRY_VALIDATOR = 5,
    CR_ENTRY_COMMITTEE = 6,
};

enum {
    CR_ENTRY_VERSION = 1,
    CR_ENTRY_ACCOUNT_HEAD_BYTES = 1 + 1 + 1 + 8 + 8,
    CR_ENTRY_RECORD_HEAD_BYTES = 1 + 1 + CR_HASH_BYTES + 8 + 2,
    CR_ENTRY_RECENT_BYTES = 1 + 1 + CR_HASH_BYTES + 8,
    CR_ENTRY_OFFENCE_BYTES =
        1 + 1 + 1 + CR_HASH_BYTES + 8 + 2 + 4 + 2 * CR_HASH_BYTES + 8 + CR_HASH_BYTES,
    CR_ENTRY_VALIDATOR_HEAD_BYTES = 1 + 1 + 2 + 8,
    CR_ENTRY_COMMITTEE_HEAD_BYTES = 1 + 1 + 8 + 2,
    /* The largest is a full record. */
    CR_ENTRY_BYTES_MAX =
        CR_ENTRY_RECORD_HEAD_BYTES + CR_STATE_KEY_BYTES_MAX + CR_STATE_VALUE_BYTES_MAX,
};

_Static_assert(CR_ENTRY_ACCOUNT_HEAD_BYTES + CR_KEY_BYTES_MAX <= CR_ENTRY_BYTES_MAX,
               "an account is no larger than a record");
_Static_assert(CR_ENTRY_VALIDATOR_HEAD_BYTES + CR_PROFILE_BYTES_MAX <= CR_ENTRY_BYTES_MAX,
               "nor is a validator");
_Static_assert(CR_ENTRY_COMMITTEE_HEAD_BYTES + 8 * CR_VALIDATORS_MAX <= CR_ENTRY_BYTES_MAX,
               "nor is a committee");

struct cr_entry_account {
    enum cr_alg alg;
    const uint8_t *key;     /* cr_alg_key_bytes(alg) bytes */
    uint64_t registered_at; /* commit index; 0: genesis */
    uint64_t balance;       /* <= CR_BALANCE_MAX */
};

struct cr_entry_record {
    struct cr_hash owner;
    uint64_t version;   /* commit index of the last write */
    const uint8_t *key; /* 1..CR_STATE_KEY_BYTES_MAX bytes */
    uint32_t key_bytes;
    const uint8_t *value; /* 0..CR_STATE_VALUE_BYTES_MAX bytes */
    uint32_t value_bytes;
};

struct cr_entry_recent {
    struct cr_hash id;
    uint64_t valid_until_commit;
};

struct cr_entry_offence {
    enum cr_conflict conflict; /* never NONE */
    struct cr_hash validator;  /* account of its consensus key */
    uint64_t epoch;
    uint32_t author;              /* its index in the committee of that epoch */
    uint32_t round;               /* of the first vertex */
    struct cr_hash first, second; /* the two vertices, lower digest first */
    uint64_t commit_index;        /* at which it was proved */
    struct cr_hash reporter;      /* account that brought the proof */
};

struct cr_entry_validator {
    uint32_t seat;
    uint64_t since_epoch;
    struct cr_profile profile;
};

struct cr_entry_committee {
    uint64_t epoch;
    uint32_t count;
    uint64_t stake[CR_VALIDATORS_MAX];
};

struct cr_hash cr_entry_key(enum cr_entry_kind kind, const uint8_t *name, size_t name_bytes);

/* Each returns the count of bytes written; `out` holds CR_ENTRY_BYTES_MAX and overlaps no view. */
uint32_t cr_entry_encode_account(const struct cr_entry_account *account, uint8_t *out);
uint32_t cr_entry_encode_record(const struct cr_entry_record *record, uint8_t *out);
uint32_t cr_entry_encode_recent(const struct cr_entry_recent *recent, uint8_t *out);
uint32_t cr_entry_encode_offence(const struct cr_entry_offence *offence, uint8_t *out);
uint32_t cr_entry_encode_validator(const struct cr_entry_validator *validator, uint8_t *out);
uint32_t cr_entry_encode_committee(const struct cr_entry_committee *committee, uint8_t *out);
struct cr_hash cr_entry_validator_key(uint32_t seat);
struct cr_hash cr_entry_committee_key(uint64_t epoch);
/* The key of the one entry that a validator can have for an epoch. */
struct cr_hash cr_entry_offence_key(const struct cr_hash *validator, uint64_t epoch);

CR_MUST_CHECK enum cr_err cr_entry_decode_account(const uint8_t *bytes, size_t count,
                                                  struct cr_entry_account *out);
CR_MUST_CHECK enum cr_err cr_entry_decode_record(const uint8_t *bytes, size_t count,
                                                 struct cr_entry_record *out);
CR_MUST_CHECK enum cr_err cr_entry_decode_recent(const uint8_t *bytes, size_t count,
                                                 struct cr_entry_recent *out);
CR_MUST_CHECK enum cr_err cr_entry_decode_offence(const uint8_t *bytes, size_t count,
                                                  struct cr_entry_offence *out);
CR_MUST_CHECK enum cr_err cr_entry_decode_validator(const uint8_t *bytes, size_t count,
                                                    struct cr_entry_validator *out);
CR_MUST_CHECK enum cr_err cr_entry_decode_committee(const uint8_t *bytes, size_t count,
                                                    struct cr_entry_committee *out);

/* Decodes an entry of any kind and derives the key it belongs under. */
CR_MUST_CHECK enum cr_err cr_entry_key_of(const uint8_t *bytes, size_t count, struct cr_hash *key);

#endif
