/* SPDX-License-Identifier: Apache-2.0 */
#include "node/epoch_chain.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ledger/validators.h"

bool cr_epoch_vote_valid(const struct cr_hash *origin, const struct cr_public_key *key,
                         const uint8_t *signature)
{
    struct cr_prepared_key *prepared = cr_verifier()->prepare(key);
    struct cr_verify_item item = {.key = prepared,
                                  .context = (const uint8_t *)CR_EPOCH_CONTEXT,
                                  .context_bytes = CR_EPOCH_CONTEXT_BYTES,
                                  .message = origin->bytes,
                                  .message_bytes = CR_HASH_BYTES,
                                  .signature = signature,
                                  .signature_bytes = CR_MLDSA65_SIG_BYTES};
    if (!prepared) return false;
    cr_verifier()->verify(&item, 1);
    cr_verifier()->forget(prepared);
    return item.valid;
}

struct cr_cert_verdict cr_epoch_cert_judge(const struct cr_hash *genesis_id,
                                           const struct cr_epoch_cert *cert,
                                           const struct cr_committee *signers,
                                           const struct cr_genesis_validator *validators)
{
    const struct cr_hash origin = cr_epoch_origin(genesis_id, &cert->epoch);
    struct cr_cert_verdict verdict = {.fault = CR_CERT_NO_MEMBER};
    for (uint32_t i = 0; i < cert->votes_count; i++) {
        const uint8_t *signature;
        verdict.seat = cr_epoch_cert_vote(cert, i, &signature);
        if (!cr_authors_has(&signers->members, verdict.seat)) return verdict;
        if (!cr_epoch_vote_valid(&origin, &validators[verdict.seat].consensus_key, signature)) {
            verdict.fault = CR_CERT_BAD_SIGNATURE;
            return verdict;
        }
        cr_authors_add(&verdict.signers, verdict.seat);
        verdict.stake += signers->stake[verdict.seat];
    }
    verdict.fault = verdict.stake >= signers->quorum ? CR_CERT_GOOD : CR_CERT_NO_QUORUM;
    return verdict;
}

/* ---- the chain ---- */

enum cr_err cr_epoch_chain_begin(struct cr_epoch_chain *chain, const struct cr_genesis *genesis)
{
    uint64_t stake[CR_VALIDATORS_MAX];
    *chain = (struct cr_epoch_chain){.genesis = genesis, .epoch = CR_GENESIS_EPOCH};
    memcpy(chain->validators, genesis->validators,
           genesis->validators_count * sizeof chain->validators[0]);
    for (uint32_t seat = 0; seat < genesis->validators_count; seat++)
        stake[seat] = genesis->validators[seat].stake;
    return cr_committee_init(&chain->committee, &genesis->id, chain->epoch, stake,
                             genesis->validators_count);
}

__attribute__((format(printf, 2, 3))) static bool refuse(struct cr_epoch_chain *chain,
                                                         const char *format, ...)
{
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is; clang 14 errs across files */
    (void)vsnprintf(chain->text, sizeof chain->text, format, args);
    va_end(args);
    return false;
}

/* Whoever has signed has signed the hash of this table. A seat that is proved stays who it is. */
static bool table_fits(struct cr_epoch_chain *chain, const struct cr_epoch_proof *proof)
{
    const uint32_t known = chain->committee.validators_count;
    if (proof->count < known || proof->count > CR_VALIDATORS_MAX) {
        return refuse(chain, "it lists %" PRIu32 " seats, the epoch before has %" PRIu32,
                      proof->count, known);
    }
    for (uint32_t seat = 0; seat < proof->count; seat++) {
        if (seat >= known) chain->validators[seat] = proof->added[seat];
        chain->validators[seat].stake = proof->stake[seat];
    }
    const struct cr_hash table = cr_validators_hash(chain->validators, proof->count);
    if (cr_hash_equal(&table, &proof->cert.epoch.committee)) return true;
    return refuse(chain, "its validators are not those whose table was signed");
}

static bool is_signed(struct cr_epoch_chain *chain, const struct cr_epoch_cert *cert)
{
    const struct cr_cert_verdict verdict =
        cr_epoch_cert_judge(&chain->genesis->id, cert, &chain->committee, chain->validators);
    const uint32_t known = chain->committee.validators_count;
    const char *name = verdict.seat < known ? chain->validators[verdict.seat].name : "?";
    switch (verdict.fault) {
    case CR_CERT_GOOD: return true;
    case CR_CERT_NO_MEMBER:
        return refuse(chain, "seat %" PRIu32 " has signed it and has no voice in epoch %" PRIu64,
                      verdict.seat, chain->epoch);
    case CR_CERT_BAD_SIGNATURE:
        return refuse(chain,
                      "the signature of %s (seat %" PRIu32 ") does not verify: it is of another "
                      "chain, or forged",
                      name, verdict.seat);
    case CR_CERT_NO_QUORUM:
        return refuse(chain,
                      "stake %" PRIu64 " of epoch %" PRIu64 " has signed it, a quorum is %" PRIu64,
                      verdict.stake, chain->epoch, chain->committee.quorum);
    }
    CR_UNREACHABLE();
}

bool cr_epoch_chain_add(struct cr_epoch_chain *chain, const struct cr_epoch_proof *proof)
{
    const struct cr_epoch *epoch = &proof->cert.epoch;
    struct cr_committee next;
    if (epoch->number != chain->epoch + 1) {
        return refuse(chain,
                      "it is of epoch %" PRIu64 ", and the next one to be proved is %" PRIu64,
                      epoch->number, chain->epoch + 1);
    }
    if (!is_signed(chain, &proof->cert) || !table_fits(chain, proof)) return false;
    const struct cr_hash origin = cr_epoch_origin(&chain->genesis->id, epoch);
    if (cr_committee_init(&next, &origin, epoch->number, proof->stake, proof->count) != CR_OK)
        return refuse(chain, "its stakes are not those of a committee");
    chain->committee = next;
    chain->epoch = epoch->number;
    chain->began = *epoch;
    return true;
}
