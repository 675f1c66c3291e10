/* SPDX-License-Identifier: Apache-2.0 */
#include "node/roster.h"

#include <stdlib.h>
#include <string.h>

/* False: memory is out. */
static bool push(struct cr_roster *roster, uint64_t epoch, const uint64_t *stake, uint32_t count)
{
    void *grown = realloc(roster->stakes, epoch * sizeof *roster->stakes);
    if (!grown) return false;
    roster->stakes = grown;
    memset(roster->stakes[epoch - 1], 0, sizeof *roster->stakes);
    memcpy(roster->stakes[epoch - 1], stake, count * sizeof *stake);
    return true;
}

enum cr_err cr_roster_init(struct cr_roster *roster, const struct cr_genesis *genesis)
{
    roster->stakes = NULL;
    const enum cr_err err = cr_epoch_chain_begin(&roster->chain, genesis);
    if (err != CR_OK) return err;
    const struct cr_committee *first = &roster->chain.committee;
    return push(roster, roster->chain.epoch, first->stake, first->validators_count) ? CR_OK
                                                                                    : CR_ERR_FULL;
}

void cr_roster_deinit(struct cr_roster *roster)
{
    free(roster->stakes);
    roster->stakes = NULL;
}

bool cr_roster_add(struct cr_roster *roster, const struct cr_epoch_proof *proof)
{
    struct cr_epoch_chain *chain = &roster->chain;
    static const char memory[] = "memory is out";
    /* Room first: what is proved is never without its stakes. */
    if (proof->count <= CR_VALIDATORS_MAX &&
        !push(roster, chain->epoch + 1, proof->stake, proof->count)) {
        memcpy(chain->text, memory, sizeof memory);
        return false;
    }
    return cr_epoch_chain_add(chain, proof);
}

const struct cr_genesis_validator *cr_roster_find(const struct cr_roster *roster, uint32_t seat)
{
    if (seat >= roster->chain.committee.validators_count) return NULL;
    return &roster->chain.validators[seat];
}

uint64_t cr_roster_stake(const struct cr_roster *roster, uint64_t epoch, uint32_t seat)
{
    if (epoch == 0 || seat >= CR_VALIDATORS_MAX) return 0;
    return roster->stakes[(epoch < roster->chain.epoch ? epoch : roster->chain.epoch) - 1][seat];
}

uint64_t cr_roster_total(const struct cr_roster *roster, uint64_t epoch)
{
    uint64_t total = 0;
    for (uint32_t seat = 0; seat < CR_VALIDATORS_MAX; seat++)
        total += cr_roster_stake(roster, epoch, seat);
    return total;
}
