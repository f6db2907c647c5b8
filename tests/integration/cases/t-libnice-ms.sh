#!/bin/bash
# timeout: 240
# Two libnice agents in OC2007R2 mode, as in Lync clients built on libnice, or in OC2007 mode, as in
# Communicator: one inside, one outside behind a NAT, relay only, with a token like those of mrasd,
# over UDP, framed TCP and pseudo-TLS: 200 messages of 160 and of 1200 bytes each way. NICE_RUNS:
# pairs per mode and transport (default 3); NICE_MODES and NICE_TRANSPORTS select them.
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
need pkg-config gcc tcpdump
pkg-config --exists nice || skip "libnice is not installed"
topology_up
# shellcheck disable=SC2046
gcc -std=gnu11 -O1 -g -Wall -Wextra -o "$work/nice_pair" "$here/nice_pair.c" \
	$(pkg-config --cflags --libs nice) || fail "nice_pair does not build"
start_relay
credential alice mras
capture inside edge in0
runs=${NICE_RUNS:-3}

agent()		# agent NS ROLE SERVER TRANSPORT PORT
{
	timeout 60 ip netns exec "$net-$1" "$work/nice_pair" "$dir" "$2" "$mode" "$4" "$3" "$5" \
		"$user_name" "$user_password" 200 >"$dir/$2.log" 2>&1
}

calls()		# calls MODE TRANSPORT
{
	local mode=$1 transport=$2 port=$udp_port good=0 run dir roles pid far_status

	[ "$transport" = udp ] || port=$tcp_port
	for run in $(seq "$runs"); do
		dir=$work/$mode-$transport-$run
		mkdir "$dir"
		roles="controlling controlled"
		[ $((run % 2)) = 1 ] || roles="controlled controlling"
		agent inside "${roles% *}" $inside_addr "$transport" $port &
		pid=$!
		own_pids+=("$pid")
		agent far "${roles#* }" $outside_addr "$transport" $port
		far_status=$?
		if wait $pid && [ $far_status = 0 ]; then
			good=$((good + 1))
		else
			say "$mode, $transport, inside ${roles% *}: $(cat "$dir"/*.log)"
		fi
	done
	say "$mode, $transport: $good of $runs"
	[ $good = "$runs" ] || failed=yes
}

for mode in ${NICE_MODES:-oc2007r2 oc2007}; do
	for transport in ${NICE_TRANSPORTS:-udp tcp tls}; do
		calls "$mode" "$transport"
	done
done
end_capture inside
no_relay_port_inside
stop_relay
[ "${failed:-no}" = no ] || fail "a call failed"
say "libnice in OC2007R2 and OC2007 mode: $runs calls each over UDP, framed TCP and pseudo-TLS"
