#!/bin/bash
# TCP allocations (RFC 6062) with turnutils_uclient: active (-T), where one client of each pair
# connects to the relayed address of the other, and passive (-P), where the program itself is the
# peer that connects; over TCP, TLS and IPv6, with four workers, so that three of four
# data connections come to another worker than that of their allocation. Nothing may be lost.
# slow: many runs
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
need turnutils_uclient curl
topology_up
start_relay --workers 4 --set 'metrics:address = "127.0.0.1:9478"'
credential

messages=40 clients=8
load=(-m "$clients" -n "$messages" -l 200 -z 10)
run()		# run NAME SHARE NS SERVER OPTION...: one of SHARE messages comes back
{
	local name=$1 share=$2 ns=$3 server=$4 out sent received
	shift 4
	out=$work/uclient
	timeout 60 ip netns exec "$net-$ns" turnutils_uclient -u "$user_name" \
		-w "$user_password" "${load[@]}" -p $tcp_port "$@" "$server" >"$out" 2>&1 ||
		fail "$name: $(tail -n 5 "$out")"
	read -r sent received < <(
		sed -n 's/.*: start_mclient: tot_send_msgs=\([0-9]*\), tot_recv_msgs=/\1 /p' \
			"$out" | tail -n 1)
	[ "${sent:-0}" -gt 0 ] && [ $((received * share)) = "$sent" ] ||
		fail "$name: sent ${sent:-nothing}, received ${received:-nothing}"
	say "$name: sent $sent, received $received"
}

run "active over TCP" 1 inside $inside_addr -T
run "active over TLS" 1 inside $inside_addr -T -S
run "active over TCP, behind NAT" 1 far $outside_addr -T
run "active over TCP, IPv6 relay" 1 inside $inside_addr -T -x
# Its own end of the peer's connection answers nothing, so half of what it counts is sent there.
run "passive over TCP" 2 host $outside_addr -P -L $host_addr
# It cannot do that over TLS, not with its own server either.
run "passive over IPv6, IPv6 relay" 2 host $outside_addr6 -P -x -L $host_addr6

moved=$(in_ns edge curl -sf http://127.0.0.1:9478/metrics |
	awk '$1 == "avedge_connections_handed_over_total" { print $2 }')
[ "${moved:-0}" -gt 10 ] || fail "handed over: ${moved:-none}"
say "handed over: $moved"
stop_relay
