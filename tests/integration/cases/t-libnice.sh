#!/bin/bash
# Two libnice agents in RFC 5245 mode, one inside, one outside behind a NAT, relay only, over
# UDP and TCP: 200 messages of 160 and of 1200 bytes each way. (libnice knows TLS towards a
# relay only as pseudo-TLS, which is another dialect.)
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
need pkg-config gcc tcpdump
pkg-config --exists nice || skip "libnice is not installed"
topology_up
# shellcheck disable=SC2046
gcc -std=gnu11 -O1 -g -Wall -Wextra -o "$work/nice_pair" "$here/nice_pair.c" \
	$(pkg-config --cflags --libs nice) || fail "nice_pair does not build"
start_relay
credential
capture inside edge in0
mode=${NICE_MODE:-rfc5245}

agent()		# agent NS ROLE SERVER TRANSPORT PORT
{
	timeout 40 ip netns exec "$net-$1" "$work/nice_pair" "$dir" "$2" "$mode" "$4" "$3" "$5" \
		"$user_name" "$user_password" 200 >"$dir/$2.log" 2>&1
}

for transport in udp tcp; do
	port=$udp_port
	[ $transport = tcp ] && port=$tcp_port
	for roles in "controlling controlled" "controlled controlling"; do
		dir=$work/$transport-${roles%% *}
		mkdir "$dir"
		agent inside ${roles% *} $inside_addr $transport $port &
		pid=$!
		own_pids+=("$pid")
		agent far ${roles#* } $outside_addr $transport $port
		far_status=$?
		wait $pid && [ $far_status = 0 ] ||
			fail "$transport, inside ${roles% *}: $(cat "$dir"/*.log)"
		[ "$(cat "$dir"/*.log | grep -c "local $outside_addr:5[0-9]* remote $outside_addr:5")" \
			= 2 ] || fail "$transport: not the outside address: $(cat "$dir"/*.log)"
	done
done
end_capture inside
no_relay_port_inside
stop_relay
say "four calls over UDP and TCP, 400 messages each way without loss"
