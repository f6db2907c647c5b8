#!/bin/bash
# A peer whose port is closed, that is prohibited, does not exist or has no route costs the packets
# sent to it, never the allocation, its other peers or its permissions.
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
END
# The peer must not rate-limit its ICMP errors.
in_ns host sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 2>/dev/null
start_relay --allow 198.51.100.0/24
credential
"$here/scenarios.py" icmp_peer "$net" "$user_name" "$user_password" "$ca_file" >"$work/out" \
	2>&1 || fail "$(cat "$work/out")"
stop_relay
cat "$work/out"
