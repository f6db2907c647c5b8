#!/bin/bash
# The outside address is behind 1:1 NAT: the relay binds 192.168.77.10, the world sees
# 203.0.113.9. Here the relay runs in "far", behind "nat", with a second link to "inside":
#
#   inside 10.77.2.10 --- 10.77.2.1 far 192.168.77.10 --- nat 203.0.113.9 --- host
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
topology_up
public_addr=203.0.113.9
link inside in1 far in1
address inside in1 10.77.2.10/24 && address far in1 10.77.2.1/24 &&
	address nat out0 $public_addr/32 || fail "cannot set addresses"
in_ns nat nft -f - <<-END || fail "nftables does not work here"
	table ip nat {
		chain pre {
			type nat hook prerouting priority -100;
			ip daddr $public_addr dnat to $far_addr
		}
		chain one_to_one {
			type nat hook postrouting priority 90;
			oifname "out0" ip saddr $far_addr snat to $public_addr
		}
	}
END
"$relay_py" start --dir "$work/relay" --netns "$net-far" --inside 10.77.2.1 \
	--inside-net 10.77.2.0/24 --outside $far_addr --public $public_addr \
	--allow 203.0.113.0/24 || fail "the relay does not start"
credential
"$here/scenarios.py" public_address "$net" "$user_name" "$user_password" \
	"$work/relay/ca.pem" >"$work/out" 2>&1 || fail "$(cat "$work/out")"
stop_relay
cat "$work/out"
