#!/bin/bash
# A peer whose port is closed, that is prohibited, does not exist or has no route costs the packets
# sent to it, never the allocation, its other peers or its permissions. Its client is told what the
# network says.
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
topology_up
in_ns host nft -f - <<-END || fail "nftables does not work here"
	table ip filter {
		chain in {
			type filter hook input priority 0;
			udp dport 7777 reject with icmp type admin-prohibited
		}
	}
	table ip6 filter {
		chain in {
			type filter hook input priority 0;
			udp dport 7777 reject with icmpv6 type admin-prohibited
		}
	}
END
# The peer must not rate-limit its ICMP errors.
in_ns host sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 2>/dev/null
in_ns host sysctl -qw net.ipv6.icmp.ratelimit=0
# The way to far has a link with a small MTU.
address nat out0 2001:db8:77::2/64 && address nat lan0 fd77:2::1/64 ||
	fail "cannot set addresses"
in_ns nat sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.icmp.ratelimit=0
ip -n "$net-edge" route add 192.168.77.0/24 via $nat_addr
ip -n "$net-edge" route add fd77:2::/64 via 2001:db8:77::2
ip -n "$net-nat" link set lan0 mtu 1280
start_relay --allow 198.51.100.0/24 --allow 192.168.77.0/24 --allow fd77:2::/64
credential
for scenario in icmp_peer icmp_told; do
	"$here/scenarios.py" $scenario "$net" "$user_name" "$user_password" "$ca_file" \
		>>"$work/out" 2>&1 || fail "$(cat "$work/out")"
done
stop_relay
cat "$work/out"
