/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h: the streams of a connection: the hello, frames in, frames out. The half of conn.c that
 * knows what the bytes mean; only conn.c uses it. */
#ifndef CR_NET_STREAM_H
#define CR_NET_STREAM_H

#include "net/conn.h"

void cr_stream_callbacks(ngtcp2_callbacks *callbacks);
/* Opens our streams and queues the hello. False when the peer allows too few or memory is out. */
bool cr_stream_open_all(struct cr_conn *conn);
void cr_stream_resume_all(struct cr_conn *conn);
/* ngtcp2's write callback: one packet, the classes in order. */
ngtcp2_ssize cr_stream_write(ngtcp2_conn *quic, ngtcp2_path *path, ngtcp2_pkt_info *info,
                             uint8_t *packet, size_t packet_bytes, ngtcp2_tstamp now,
                             void *context);
/* "its genesis id is 01.., ours is 02.." */
void cr_stream_print_genesis(const struct cr_conn *conn, const uint8_t theirs[CR_HASH_BYTES],
                             char *text, size_t text_bytes);

#endif
