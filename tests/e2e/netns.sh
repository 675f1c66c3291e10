# SPDX-License-Identifier: Apache-2.0
# netns.sh: validators in network namespaces of their own, on two bridges joined by one cable: nodes below `half`
# on one side, the others behind it. Sourced after lib.sh or by itself; netns_up N HALF, netns_down; $prefix.(n+1) is
# the address of node n. Needs the right to make namespaces.
tag=cr$$
prefix=10.213.$((RANDOM % 200 + 20))
hub() { ip netns exec $tag-hub "$@"; }
in_node() { local n=$1; shift; ip netns exec "$tag-$n" "$@"; }
netns_down() {
    local name
    for name in $(ip netns list | awk -v tag="$tag-" 'index($1, tag) == 1 {print $1}'); do ip netns del "$name"; done
} 2>/dev/null
netns_up() { # netns_up N HALF: false when there is no right to
    local n=0
    ip netns add $tag-hub 2>/dev/null || return 1
    hub ip link add half0 type bridge && hub ip link add half1 type bridge
    hub ip link add cable-a type veth peer name cable-b
    hub ip link set cable-a master half0 up && hub ip link set cable-b master half1 up
    for ((n = 0; n < $1; n++)); do
        ip netns add $tag-$n
        hub ip link add port$n type veth peer name eth0 netns $tag-$n
        hub ip link set port$n master half$((n >= $2)) up
        in_node $n ip address add $prefix.$((n + 1))/24 dev eth0
        in_node $n ip link set eth0 up
        in_node $n ip link set lo up
    done
    hub ip link set half0 up && hub ip link set half1 up
}
unplug() { hub ip link set cable-a down; }
plug() { hub ip link set cable-a up; }
