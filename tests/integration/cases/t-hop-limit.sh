#!/bin/bash
# The hop limit (IPv4: TTL) of relayed datagrams on the wire: the system's by default; with
# relay.hop_limit = decrement one less than what came, also for what is there when a reload says so.
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
topology_up

scenario()	# scenario NAME
{
	credential
	"$here/ip_header.py" "$1" "$net" "$user_name" "$user_password" "$ca_file" \
		>>"$work/out" 2>&1 || fail "$(cat "$work/out")"
}

start_relay
scenario hop_limit_default
sed -i 's/^relay {/relay {\n\thop_limit = decrement/' "$work/relay/relay.conf"
grep -q decrement "$work/relay/relay.conf" || fail "the configuration has no section relay"
kill -HUP "$relay_pid"
wait_for 10 grep -q "hop_limit" "$work/relay/relay.log" || fail "no reload"
capture out edge out0 udp
scenario hop_limit_decrement
end_capture out
# Datagrams to peers that came with 9 leave with 8, of both families.
[ "$(packets out "src $outside_addr and src portrange 50000-59999 and ip[8] = 8")" -gt 0 ] &&
	[ "$(packets out "src $outside_addr6 and ip6[7] = 8")" -gt 0 ] ||
	fail "no datagram left with a hop limit of 8"
dropped=$(cd "$here" && python3 -c 'import sys, control
print(control.ask(sys.argv[1], "GET", "/v1/counters")[1]["drops"].get("hop-limit", 0))' \
	"$work/relay/relay.sock")
[ "$dropped" = 24 ] || fail "$dropped datagrams dropped for their hop limit, not 24"
stop_relay
cat "$work/out"
