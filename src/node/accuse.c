/* SPDX-License-Identifier: Apache-2.0 */
#include "node/accuse.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/keys.h"
#include "node/report.h"

enum {
    /* Time to live of a report: long enough for a slow network, short enough to try again. */
    TTL_COMMITS = 1000,
    OVERHEAD_BYTES = 16 * 1024, /* of a transaction: head, REGISTER, signature */
};

struct accused {
    uint8_t *evidence; /* owned; NULL: none, or recorded by now */
    size_t evidence_bytes;
    struct cr_hash report; /* id of its newest transaction */
    uint64_t epoch;        /* of the evidence */
    bool recorded;
    struct cr_entry_offence offence;
};

struct cr_accuse {
    struct cr_accuse_config config;
    struct cr_public_key public_key;
    struct cr_hash account;
    uint64_t reports; /* made so far: no two have the same id */
    struct accused accused[CR_VALIDATORS_MAX];
    uint8_t scratch[CR_EVIDENCE_BYTES_MAX + OVERHEAD_BYTES];
};

struct cr_accuse *cr_accuse_new(const struct cr_accuse_config *config)
{
    struct cr_accuse *accuse = calloc(1, sizeof *accuse);
    if (!accuse) return NULL;
    accuse->config = *config;
    cr_secret_key_public(config->key, &accuse->public_key);
    accuse->account = cr_public_key_account(&accuse->public_key);
    return accuse;
}

void cr_accuse_free(struct cr_accuse *accuse)
{
    if (!accuse) return;
    for (uint32_t i = 0; i < CR_VALIDATORS_MAX; i++)
        free(accuse->accused[i].evidence);
    free(accuse);
}

void cr_accuse_begin_epoch(struct cr_accuse *accuse, uint64_t epoch, uint32_t validators_count)
{
    accuse->config.epoch = epoch;
    accuse->config.validators_count = validators_count;
}

void cr_accuse_note(struct cr_accuse *accuse, uint32_t author, const uint8_t *a, size_t a_bytes,
                    const uint8_t *b, size_t b_bytes)
{
    CR_ASSERT(author < accuse->config.validators_count);
    struct accused *accused = &accuse->accused[author];
    if (accused->recorded || accused->evidence) return;
    const size_t count = cr_evidence_encode(a, a_bytes, b, b_bytes, accuse->scratch);
    accused->evidence = count > 0 ? malloc(count) : NULL;
    if (!accused->evidence) return; /* the others have seen it, too */
    memcpy(accused->evidence, accuse->scratch, count);
    accused->evidence_bytes = count;
    accused->epoch = accuse->config.epoch;
}

/* The operations are independent: we may have been registered meanwhile. */
static size_t make_report(struct cr_accuse *accuse, const struct accused *accused, uint64_t index)
{
    const struct cr_genesis *genesis = accuse->config.genesis;
    const uint32_t ttl = genesis->params.tx_ttl_max;
    struct cr_tx fields = {.account = accuse->account,
                           .flags = CR_TX_INDEPENDENT,
                           .valid_until_commit = index + (ttl < TTL_COMMITS ? ttl : TTL_COMMITS)};
    const struct cr_op introduce = {.type = CR_OP_REGISTER, .register_key = accuse->public_key};
    const struct cr_op prove = {.type = CR_OP_EVIDENCE,
                                .value = accused->evidence,
                                .value_bytes = (uint32_t)accused->evidence_bytes};
    struct cr_tx_builder builder;
    struct cr_hash id;
    uint8_t signature[CR_SIG_BYTES_MAX];
    size_t signature_bytes = 0;
    memcpy(fields.chain, genesis->id.bytes, sizeof fields.chain);
    memcpy(fields.client_id, "evidence", 8);
    cr_store_le(fields.client_id + 8, ++accuse->reports, 8);
    cr_tx_begin(&builder, accuse->scratch, sizeof accuse->scratch, &fields);
    cr_tx_add(&builder, &introduce);
    cr_tx_add(&builder, &prove);
    if (cr_tx_end(&builder, &id) != CR_OK) return 0;
    if (cr_sign(accuse->config.key, (const uint8_t *)CR_TX_CONTEXT, CR_TX_CONTEXT_BYTES, id.bytes,
                CR_HASH_BYTES, signature, &signature_bytes) != CR_OK)
        return 0;
    return cr_tx_sign_with(&builder, accuse->public_key.alg, signature, signature_bytes);
}

static void report(struct cr_accuse *accuse, struct accused *accused, uint64_t index)
{
    struct cr_tx tx;
    bool carried;
    if (cr_mempool_find(accuse->config.mempool, &accused->report, &carried)) return;
    const size_t count = make_report(accuse, accused, index);
    if (count == 0 || cr_tx_decode(accuse->scratch, count, &tx) != CR_OK) return;
    /* Full: again at the next run. */
    if (cr_mempool_add(accuse->config.mempool, &tx, accuse->scratch) == CR_OK)
        accused->report = tx.id;
}

static void look_up(struct cr_accuse *accuse, uint32_t author)
{
    struct accused *accused = &accuse->accused[author];
    const struct cr_genesis_validator *validator = &accuse->config.validators[author];
    const struct cr_hash account = cr_public_key_account(&validator->consensus_key);
    const uint64_t epoch = accused->evidence ? accused->epoch : accuse->config.epoch;
    if (!cr_ledger_find_offence(cr_state_reader_state(accuse->config.reader), &account, epoch,
                                &accused->offence))
        return;
    accused->recorded = true;
    free(accused->evidence);
    accused->evidence = NULL;
    cr_report(CR_LOG_LEVEL_WARN, "ledger", "offence",
              "validator=%s conflict=%s epoch=%" PRIu64 " round=%u commit=%" PRIu64
              " text=\"proved on the chain: it has signed two vertices that conflict\"",
              validator->name, cr_conflict_name(accused->offence.conflict), accused->offence.epoch,
              accused->offence.round, accused->offence.commit_index);
}

void cr_accuse_run(struct cr_accuse *accuse, bool may_send)
{
    const uint32_t count = accuse->config.validators_count;
    struct cr_ledger_head head;
    if (cr_state_reader_begin(accuse->config.reader) != CR_OK) return;
    const bool known = cr_state_reader_head(accuse->config.reader, &head);
    for (uint32_t author = 0; author < count; author++) {
        if (!accuse->accused[author].recorded) look_up(accuse, author);
    }
    cr_state_reader_end(accuse->config.reader);
    for (uint32_t author = 0; known && may_send && author < count; author++) {
        if (accuse->accused[author].evidence) report(accuse, &accuse->accused[author], head.index);
    }
}

const struct cr_entry_offence *cr_accuse_recorded(const struct cr_accuse *accuse, uint32_t author)
{
    return accuse->accused[author].recorded ? &accuse->accused[author].offence : NULL;
}
