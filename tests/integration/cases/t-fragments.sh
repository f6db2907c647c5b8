#!/bin/bash
# Datagrams larger than a link, on the wire: whole both ways between all families, in fragments
# through a narrow link, and with DF the client learns that link's MTU. RFC 8656 sections 13 to 16.
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
topology_up
# The way to far has a link with a small MTU, and no translation of addresses.
in_ns nat nft flush ruleset
address nat out0 2001:db8:77::2/64 && address nat lan0 fd77:2::1/64 &&
	address far lan0 fd77:2::10/64 || fail "cannot set addresses"
in_ns nat sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.icmp.ratelimit=0
in_ns nat sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 2>/dev/null
for ns in edge host; do
	ip -n "$net-$ns" route add 192.168.77.0/24 via $nat_addr
	ip -n "$net-$ns" route add fd77:2::/64 via 2001:db8:77::2
done
ip -n "$net-far" route add 2001:db8:77::/64 via fd77:2::1
ip -n "$net-nat" link set lan0 mtu 1280
ip -n "$net-far" link set lan0 mtu 1280
start_relay --allow 192.168.77.0/24 --allow fd77:2::/64
credential
capture out edge out0 'ip or ip6'
for scenario in whole narrow narrow_client; do
	"$here/ip_header.py" $scenario "$net" "$user_name" "$user_password" "$ca_file" \
		>>"$work/out" 2>&1 || fail "$(cat "$work/out")"
done
end_capture out
# IPv4 to peers: DF is 0 but on what asked for it. IPv6: fragments have their header.
from="src $outside_addr and udp and src portrange 50000-59999"
[ "$(packets out "$from and ip[6] & 0x40 = 0")" -gt 0 ] || fail "no datagram without DF"
with_df=$(packets out "$from and ip[6] & 0x40 != 0")
[ "$with_df" = 2 ] || fail "$with_df datagrams with DF left, not 2"
[ "$(packets out "src $outside_addr and ip[6] & 0x20 != 0")" -gt 0 ] || fail "no IPv4 fragment"
[ "$(packets out "src $outside_addr6 and ip6[6] = 44")" -gt 0 ] || fail "no IPv6 fragment"
stop_relay
cat "$work/out"
