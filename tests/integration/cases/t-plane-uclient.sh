#!/bin/bash
# turnutils_uclient with the kernel plane, over channels, from the inside, the outside and behind a NAT, to
# a peer and from relay to relay: no packet is lost, the kernel forwards nearly all of them, and
# the records have exactly the packets that were on the link.
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
need turnutils_uclient turnutils_peer tcpdump
KERNEL_PLANE=counted
topology_up
start_relay
credential
background "$work/peer.log" ip netns exec "$net-host" turnutils_peer -L $host_addr
background "$work/peer6.log" ip netns exec "$net-host" turnutils_peer -L $host_addr6 -p 3481
capture inside edge in0
clients=4 messages=250 total=0
names=() pids=() passes=()

uclient()	# uclient PASSES NAME NS SERVER OPTION...: begins a load; each message passes so often
{
	local name=$2 ns=$3 server=$4
	passes+=("$1")
	shift 4
	background "$work/uclient.${#names[@]}" timeout 60 ip netns exec "$net-$ns" turnutils_uclient \
		-u "$user_name" -w "$user_password" -m $clients -n $messages -l 160 -z 4 "$@" $server
	pids+=($!) names+=("$name")
}

finish()	# finish NUMBER: none of its packets is lost
{
	local out=$work/uclient.$1 name=${names[$1]} lost sent
	wait "${pids[$1]}" || fail "$name: $(tail -n 5 "$out")"
	lost=$(sed -n 's/.*Total lost packets \([0-9]*\).*/\1/p' "$out" | tail -n 1)
	sent=$(sed -n 's/.*start_mclient: tot_send_msgs=\([0-9]*\),.*/\1/p' "$out" | tail -n 1)
	[ "$lost" = 0 ] && [ "${sent:-0}" -gt 0 ] || fail "$name: ${lost:-?} of ${sent:-?} lost"
	total=$((total + passes[$1] * sent))
}

for ns in inside host far; do
	server=$outside_addr
	[ $ns = inside ] && server=$inside_addr
	uclient 2 "from $ns to a peer" $ns $server -e $host_addr -r 3480
	uclient 1 "from $ns, relay to relay" $ns $server -y
done
uclient 2 "over IPv6 to an IPv6 peer" inside $inside_addr6 -x -e $host_addr6 -r 3481
for number in "${!names[@]}"; do
	finish "$number"
done
forwarded=$("$here/plane_check.py" forwarded "$work/relay")
[ "$forwarded" -gt $((total * 9 / 10)) ] ||
	fail "the kernel forwarded $forwarded of $total packets: $("$here/plane_check.py" view "$work/relay")"
end_capture inside
no_relay_port_inside
stop_relay
say "${#names[@]} loads of turnutils_uclient, $total packets, none lost"
