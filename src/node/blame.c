/* SPDX-License-Identifier: Apache-2.0 */
#include "node/blame.h"

#define SECOND UINT64_C(1000000)

const char *cr_blame_text(uint32_t reason)
{
    static const char *const own[] = {"bad-frame",     "bad-signature", "bad-payload",
                                      "unasked-range", "forged-range",  "client-signatures",
                                      "held-back"};
    CR_ASSERT(reason < CR_BLAMES_COUNT);
    return reason < CR_VERDICTS_COUNT ? cr_verdict_text((enum cr_verdict)reason)
                                      : own[reason - CR_VERDICTS_COUNT];
}

/* What no honest peer sends. */
static bool is_its_own_fault(uint32_t reason)
{
    return reason == CR_BLAME_FRAME || reason == CR_BLAME_SIGNATURE || reason == CR_BLAME_PAYLOAD;
}

/* A budget of failed signatures: within it they are only counted. */
static bool is_over_budget(struct cr_blame_peer *it, uint32_t count, uint64_t now_us)
{
    bool within = true;
    for (uint32_t i = 0; within && i < count; i++)
        within =
            cr_bucket_take(&it->clients, CR_BLAME_CLIENTS_PER_S, CR_BLAME_CLIENTS_BURST, now_us);
    return !within;
}

uint64_t cr_blame(struct cr_blame *blame, uint32_t peer, uint32_t reason, uint32_t count,
                  uint64_t now_us)
{
    struct cr_blame_peer *it = &blame->peers[peer];
    CR_ASSERT(peer < CR_VALIDATORS_MAX && reason < CR_BLAMES_COUNT);
    it->counts[reason] += count;
    /* What was under way when it was cut off belongs to the same offence. */
    if (cr_blame_is_cut(blame, peer, now_us)) return 0;
    const bool over = reason == CR_BLAME_CLIENT && is_over_budget(it, count, now_us);
    if (!over && !is_its_own_fault(reason)) return 0;
    const bool forgiven = now_us >= it->cut_until_us + CR_BLAME_PAUSE_S_MAX * SECOND;
    uint32_t pause_s = it->pause_s == 0 || forgiven ? CR_BLAME_PAUSE_S : 2 * it->pause_s;
    if (pause_s > CR_BLAME_PAUSE_S_MAX) pause_s = CR_BLAME_PAUSE_S_MAX;
    it->pause_s = pause_s;
    it->cut_until_us = now_us + pause_s * SECOND;
    return pause_s * SECOND;
}

bool cr_blame_is_cut(const struct cr_blame *blame, uint32_t peer, uint64_t now_us)
{
    return now_us < blame->peers[peer].cut_until_us;
}

bool cr_blame_may_check(struct cr_blame *blame, uint32_t peer, uint64_t now_us)
{
    return cr_bucket_take(&blame->peers[peer].checks, CR_BLAME_CHECKS_PER_S, CR_BLAME_CHECKS_BURST,
                          now_us);
}
