#!/bin/bash
# turnutils_uclient over UDP, TCP and TLS, with channels and Send, IPv4 and IPv6 relays, from
# the inside and the outside, to a peer and from relay to relay, on a default configuration that
# only allows the peers: no packet may be lost. The program draws channel numbers up to 0x7FFF and
# has all allocations as one user.
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
need turnutils_uclient turnutils_peer tcpdump
topology_up
start_relay --defaults
credential

background "$work/peer.log" ip netns exec "$net-host" turnutils_peer -L $host_addr
background "$work/peer6.log" ip netns exec "$net-host" turnutils_peer -L $host_addr6 -p 3481
capture inside edge in0
messages=25 clients=4 runs=0 checked=0
load=(-m "$clients" -n "$messages" -l 160 -z 5)
names=() pids=()

# turnutils_uclient mostly waits, so the runs over one transport run in parallel.
uclient()	# uclient NAME NS SERVER OPTION...
{
	local name=$1 ns=$2 server=$3
	shift 3
	runs=$((runs + 1))
	names[runs]=$name
	background "$work/uclient.$runs" timeout 40 ip netns exec "$net-$ns" \
		turnutils_uclient -u "$user_name" -w "$user_password" "${load[@]}" "$@" $server
	pids[runs]=$!
}

finish_runs()
{
	local out counts lost
	for ((; checked < runs; checked++)); do
		out=$work/uclient.$((checked + 1)) name=${names[checked + 1]}
		wait "${pids[checked + 1]}" || fail "$name: $(tail -n 5 "$out")"
		counts=$(sed -n 's/.*: start_mclient: tot_send_msgs=\([0-9]*\), tot_recv_msgs=/\1 /p' \
			"$out" | tail -n 1)
		lost=$(sed -n 's/.*Total lost packets \([0-9]*\).*/\1/p' "$out" | tail -n 1)
		[ -n "$counts" ] && [ "${counts% *}" = "${counts#* }" ] &&
			[ "${counts% *}" -gt 0 ] || fail "$name: sent and received: ${counts:-nothing}"
		[ "$lost" = 0 ] || fail "$name: ${lost:-?} packets lost"
	done
}

for transport in udp tcp tls; do
	case $transport in
	udp) how=(-p "$udp_port") ;;
	tcp) how=(-t -p "$tcp_port") ;;
	tls) how=(-t -S -p "$tcp_port") ;;
	esac
	for ns in inside host far; do
		server=$outside_addr
		[ $ns = inside ] && server=$inside_addr
		for mode in channel send; do
			flag=()
			[ $mode = send ] && flag=(-s)
			uclient "$transport $mode from $ns to a peer" $ns $server \
				"${how[@]}" "${flag[@]}" -e $host_addr -r 3480
			[ $mode$ns = sendfar ] && continue
			# The program takes one TLS record for one message; coturn puts several
			# into one when both ends of a call are its own.
			[ "${RELAY_UNDER_TEST:-}$transport" = coturntls ] && continue
			uclient "$transport $mode from $ns relay to relay" $ns $server \
				"${how[@]}" "${flag[@]}" -y
		done
	done
	uclient "$transport from inside to an IPv6 peer" inside $inside_addr \
		"${how[@]}" -x -c -e $host_addr6 -r 3481
	uclient "$transport over IPv6 to an IPv6 peer" inside $inside_addr6 \
		"${how[@]}" -x -c -s -e $host_addr6 -r 3481
	uclient "$transport over IPv6 to an IPv4 peer" host $outside_addr6 \
		"${how[@]}" -c -e $host_addr -r 3480
	finish_runs
done
loaded_runs=$runs

# As an administrator runs it first: nothing but the user, the peer and how to connect.
load=()
for ns in inside host far; do
	server=$outside_addr
	[ $ns = inside ] && server=$inside_addr
	uclient "plain UDP from $ns" $ns $server -e $host_addr
	uclient "plain TCP from $ns" $ns $server -t -p "$tcp_port" -e $host_addr
	uclient "plain TLS from $ns" $ns $server -t -S -p "$tcp_port" -e $host_addr
done
finish_runs

# A long run, to examine its sockets meanwhile.
background "$work/long.log" ip netns exec "$net-inside" turnutils_uclient -u "$user_name" \
	-w "$user_password" -m 2 -n 100 -z 20 -y -p $udp_port $inside_addr
wait_for 20 eval "in_ns edge ss -Huan | grep -qE ':5[0-9]{4} '" || fail "no relay socket"
relay_sockets_outside_only
wait "${own_pids[-1]}"

end_capture inside
no_relay_port_inside
stop_relay
say "$runs runs without loss, $loaded_runs of them with at least $((clients * messages)) packets"
