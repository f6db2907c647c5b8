#!/bin/bash
# DSCP and ECN of datagrams over DTLS, on the wire: as section dscp says for DTLS, not as for UDP, and
# what the client marks passes to its peer (RFC 8656 section 14).
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
topology_up
need turnutils_uclient turnutils_peer

# Through the relay over DTLS, from host to a peer there.
dtls_call()
{
	credential
	capture out edge out0 udp
	timeout 30 ip netns exec "$net-host" turnutils_uclient -S -n 10 -m 1 -l 200 \
		-e $host_addr -r 4800 -X -g -u "$user_name" -w "$user_password" \
		-p $udp_port $outside_addr >"$work/uclient" 2>&1 || fail "$(tail -5 "$work/uclient")"
	end_capture out
}

# Records of application data to the client, and datagrams to the peer, with that DSCP; all others.
to_client() { packets out "src $outside_addr and udp src port $udp_port and udp[8] = 23 and $1"; }
to_peer() { packets out "src $outside_addr and udp dst port 4800 and $1"; }

background "$work/peer" ip netns exec "$net-host" turnutils_peer -L $host_addr -p 4800
in_ns host nft -f - <<-END || fail "nftables does not work here"
	table ip marks {
		chain out {
			type filter hook output priority 0;
			udp dport $udp_port ip dscp set af21
			udp dport $udp_port ip ecn set ce
		}
	}
END
start_relay --extra 'dscp { peers = copy outside = cs1 outside_dtls = cs4 }'
dtls_call
stop_relay
[ "$(to_client 'ip[1] & 0xfc = 0x80')" -gt 5 ] || fail "nothing to the client with cs4"
[ "$(to_client 'ip[1] & 0xfc = 0x20')" = 0 ] || fail "DTLS is marked as UDP is"
[ "$(to_peer 'ip[1] = 0x4b')" -gt 5 ] || fail "af21 with CE does not pass to the peer"
say "DTLS is marked as configured, and passes marks on"
