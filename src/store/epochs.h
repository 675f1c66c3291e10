/* SPDX-License-Identifier: Apache-2.0 */
/* epochs.h: the certificates of epochs, and what our key has signed about an epoch's end.
 *
 * `epochs` in the data folder, appended to, never synced: what is lost can be had from others.
 *   "CEC1" | bytes u32 | epoch u64 | check u64 | certificate (wire/epoch_cert.h)
 *   "CEX1" | the same: a certificate with one vote, for another end of the epoch than ours or by
 *            somebody who has voted for both; evidence, read by nobody here
 * `epoch` beside the key, synced before a vote is shown, replaced as a whole:
 *   "CRETOEPV" | epoch u64 | origin[32] | check u64
 * check: the first 8 bytes of the BLAKE3 of all the rest of the record. */
#ifndef CR_STORE_EPOCHS_H
#define CR_STORE_EPOCHS_H

#include "store/log.h"
#include "wire/epoch_cert.h"

struct cr_epochs;

/* Cuts off what is torn at the end. CR_ERR_IO, CR_ERR_CORRUPT (the vote), CR_ERR_FULL. */
CR_MUST_CHECK enum cr_err cr_epochs_open(const char *certs_path, const char *vote_path,
                                         struct cr_epochs **out, struct cr_store_failure *failure);
void cr_epochs_close(struct cr_epochs *epochs); /* NULL is allowed */

/* Whether our key may sign this origin of an epoch: nothing else was signed for it or for a later
 * one. Remembered before it returns true. Main loop only. */
bool cr_epochs_may_sign(struct cr_epochs *epochs, uint64_t epoch, const struct cr_hash *origin);

/* Any thread. `out` holds CR_EPOCH_CERT_BYTES_MAX; returns the count of bytes, 0: not here. */
size_t cr_epochs_get(struct cr_epochs *epochs, uint64_t epoch, uint8_t *out);
bool cr_epochs_has(struct cr_epochs *epochs, uint64_t epoch);
/* Main loop only. False: the disk or memory is full; it can be had again. */
bool cr_epochs_put(struct cr_epochs *epochs, uint64_t epoch, const uint8_t *bytes, size_t count);
/* Keeps a vote as evidence. Main loop only; false as above. */
bool cr_epochs_keep(struct cr_epochs *epochs, uint64_t epoch, const uint8_t *bytes, size_t count);

#endif
