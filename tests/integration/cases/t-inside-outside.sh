#!/bin/bash
# The relayed address is on the outside whichever side the client is on. No client can make the
# relay send to the inside, except to the 5-tuples of its own clients.
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
need tcpdump
topology_up
start_relay
credential
capture inside edge in0
capture outside edge out0
"$here/scenarios.py" inside_outside "$net" "$user_name" "$user_password" "$ca_file" \
	>"$work/out" 2>&1 || fail "$(cat "$work/out")"
end_capture inside
end_capture outside
no_relay_port_inside
client='(host 10.77.1.10 or host fd77:1::10)'
[ "$(packets inside "(udp or tcp) and not $client")" = 0 ] ||
	fail "the relay sent packets to inside hosts that are not clients"
[ "$(packets inside "(src host $inside_addr or src host $inside_addr6) and (udp or tcp) and
	not src port $udp_port and not src port $tcp_port")" = 0 ] ||
	fail "the relay sent to the inside from a port other than its fronts"
[ "$(packets inside "arp and src host $inside_addr and not dst host 10.77.1.10")" = 0 ] ||
	fail "the relay sent ARP or NDP requests for inside hosts that are not clients"
[ "$(packets outside 'net 10.77.1.0/24 or net fd77:1::/64')" = 0 ] ||
	fail "inside addresses were seen on the outside"
[ "$(packets outside 'udp portrange 50000-59999')" -gt 0 ] ||
	fail "the outside capture saw no relay port"
stop_relay
cat "$work/out"
