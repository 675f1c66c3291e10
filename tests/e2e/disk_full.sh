#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Goal: a full disk stops that node with a clear message, changes nothing and harms nobody else; with
# space again it comes back.
# Method: the data folder of one node on a small tmpfs. Needs the right to mount; skipped without.
. "$(dirname "$0")/lib.sh"
also_ended() { umount -l "$home/small" 2>/dev/null; }
must 'four nodes come up' up 4
check 'node 3 stops' localnet kill 3
mkdir "$home/small"
if ! mount -t tmpfs -o size=64m tmpfs "$home/small" 2>/dev/null; then
    trap - EXIT
    "$creto" localnet down --home "$home" >/dev/null
    rm -rf "$home"
    echo 'skipped: mounting needs root'
    exit 77
fi
rm -f "$home/node3/data/recording" # it alone would fill the small disk
cp -r "$home/node3/data" "$home/small/data"
start() {
    "$creto" start --home "$home/node3" --set storage.path="$home/small/data" 2>>"$home/node3/log2" &
    pid=$!
    started+=($pid)
}
start
must 'node 3 runs on the small disk' wait_until 20 is_ready 3
fallocate -l 64m "$home/small/ballast" 2>/dev/null || head -c 64m /dev/zero >"$home/small/ballast" 2>/dev/null
gone() { ! kill -0 $pid 2>/dev/null; }
for i in 1 2 3 4 5 6 7 8; do
    gone && break
    "$creto" bench --api "$(urls 0 1 2)" --clients 2 --ops-per-tx 16 --op-bytes 4096 --rate 40 --seconds 4 \
        --json >/dev/null
done
check 'node 3 stops by itself' wait_until 20 gone
wait $pid
code=$?
check 'with exit code 74' equal $code 74
check 'its log names the file and the reason' contains "$(tail -n 5 "$home/node3/log2")" 'No space left'
check 'the others go on' eval 'put 0 still yes --wait final >/dev/null'
rm -f "$home/small/ballast"
mount -o remount,size=512m "$home/small"
start
check 'with space again it comes back' wait_until 20 is_ready 3
check 'and catches up' wait_until 30 reached 3 "$(commit_of 0)"
check 'all nodes agree' agree 0 1 2 3
