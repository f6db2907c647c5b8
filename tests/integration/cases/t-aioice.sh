#!/bin/bash
# Two aioice agents, one inside, one outside behind a NAT, relay only, over UDP, TCP and TLS:
# 200 messages of 160 and of 1200 bytes each way.
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
need tcpdump
/usr/bin/python3 -c 'import aioice' 2>/dev/null || skip "python3-aioice is not installed"
topology_up
start_relay
credential
capture inside edge in0
export SSL_CERT_FILE=$ca_file

agent()		# agent NS ROLE SERVER TRANSPORT PORT
{
	timeout 40 ip netns exec "$net-$1" "$here/aioice_agent.py" "$dir" "$2" "$4" "$3" "$5" \
		"$user_name" "$user_password" 200 >"$dir/$2.log" 2>&1
}

for transport in udp tcp tls; do
	port=$udp_port
	[ $transport = udp ] || port=$tcp_port
	dir=$work/$transport
	mkdir "$dir"
	agent inside controlling $inside_addr $transport $port &
	pid=$!
	own_pids+=("$pid")
	agent far controlled $outside_addr $transport $port
	far_status=$?
	wait $pid && [ $far_status = 0 ] || fail "$transport: $(tail -n 8 "$dir"/*.log)"
	[ "$(cat "$dir"/*.log | sort -u | grep -c .)" = 2 ] &&
		[ "$(cat "$dir"/*.log | grep -c "^relay $outside_addr 5")" = 4 ] ||
		fail "$transport: candidates: $(cat "$dir"/*.log)"
done
end_capture inside
no_relay_port_inside
stop_relay
say "three calls over UDP, TCP and TLS, 400 messages each way without loss"
