#!/bin/bash
# Browsers and Microsoft clients at the same time on the same ports of one relay: Chromium calls
# over UDP, TCP and TLS, and meanwhile calls between pairs of libnice agents in OC2007R2 mode over
# UDP, framed TCP and pseudo-TLS. No call fails, and the pairs lose no message.
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
need chromium certutil pkg-config gcc tcpdump
pkg-config --exists nice || skip "libnice is not installed"
topology_up
# shellcheck disable=SC2046
gcc -std=gnu11 -O1 -g -Wall -Wextra -o "$work/nice_pair" "$here/nice_pair.c" \
	$(pkg-config --cflags --libs nice) || fail "nice_pair does not build"
start_relay
capture inside edge in0

credential
"$here/chromium_call.py" --inside-ns "$net-inside" --outside-ns "$net-far" \
	--inside-address $inside_addr --outside-address $outside_addr \
	--user "$user_name" --password "$user_password" --ca "$ca_file" \
	--log "$work/chromium.log" >"$work/calls" 2>&1 &
browsers=$!
own_pids+=("$browsers")

credential bob mras
agent()		# agent NS ROLE SERVER TRANSPORT PORT
{
	timeout 60 ip netns exec "$net-$1" "$work/nice_pair" "$dir" "$2" oc2007r2 "$4" "$3" "$5" \
		"$user_name" "$user_password" 200 >"$dir/$2.log" 2>&1
}

declare -A good
pairs=0 at_once=0
while kill -0 $browsers 2>/dev/null; do
	for transport in udp tcp tls; do
		port=$udp_port
		[ $transport = udp ] || port=$tcp_port
		dir=$work/$((++pairs))
		mkdir "$dir"
		calls_before=$(wc -l <"$work/calls")
		agent inside controlling $inside_addr $transport $port &
		pid=$!
		own_pids+=("$pid")
		agent far controlled $outside_addr $transport $port
		far_status=$?
		wait $pid && [ $far_status = 0 ] ||
			fail "$transport beside browsers: $(cat "$dir"/*.log)"
		good[$transport]=$((${good[$transport]:-0} + 1))
		# A call that ended while this pair was talking.
		[ "$(wc -l <"$work/calls")" = "$calls_before" ] || at_once=$((at_once + 1))
	done
done
wait $browsers
status=$?
cat "$work/calls"
if [ $status -ne 0 ]; then
	grep -v -e dbus -e vaapi -e gpu "$work/chromium.log" | tail -n 15
	fail "a browser call failed"
fi
[ $at_once -gt 0 ] || fail "no pair called during a browser call"
end_capture inside
no_relay_port_inside
stop_relay
say "browsers on UDP, TCP and TLS beside libnice pairs: ${good[udp]} on UDP, ${good[tcp]} on" \
	"framed TCP, ${good[tls]} on pseudo-TLS"
