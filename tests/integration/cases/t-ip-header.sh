#!/bin/bash
# The second byte of the IP header of relayed datagrams, DSCP and ECN, on the wire: passed on by
# default, or as section dscp of the configuration says.
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
scenario ip_header
scenario flow_labels
stop_relay

in_ns host nft -f - <<-END || fail "nftables does not work here"
	table inet marks {
		chain in {
			type filter hook input priority 0;
			ip dscp af41 tcp sport 443 counter comment "marked"
			ip dscp != af41 tcp sport 443 tcp flags & (syn | rst | psh) == psh counter comment "other"
		}
	}
END
start_relay --extra 'dscp { peers = ef outside = default outside_tcp = af41 }'
scenario ip_header_policy
stop_relay
counters=$(in_ns host nft list table inet marks)
[[ $counters =~ packets\ ([0-9]+)\ bytes\ [0-9]+\ comment\ \"marked ]] &&
	[ "${BASH_REMATCH[1]}" -gt 20 ] || fail "TCP is not marked: $counters"
[[ $counters =~ packets\ 0\ bytes\ 0\ comment\ \"other ]] ||
	fail "some segments with data are not marked: $counters"
cat "$work/out"
