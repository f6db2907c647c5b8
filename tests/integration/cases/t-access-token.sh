#!/bin/bash
# Third-party authorization (RFC 7635) with clients that nobody here wrote: turnutils_uclient -J makes
# its tokens itself, with a new key and often another kid for each Refresh, over UDP, DTLS, TCP and
# TLS, without losing a packet; turnutils_oauth opens a token of avedgectl, and makes one that is accepted.
# waits: tokens expire
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
need turnutils_uclient turnutils_peer turnutils_oauth
topology_up
name=relay.avedge.test

# The keys that turnutils_uclient has built in; of their bytes it takes as many as the cipher needs.
north=$(printf 01234567890123456789012345678901 | base64)
union=$(printf 1234567890123456 | base64)
oldempire=$(printf 12345678901234567890123456789012 | base64)
write_keys()	# write_keys LINE...
{
	mkdir -p "$work/relay"
	(umask 027 && printf '%s\n' "$@" >"$work/relay/tokens.new") &&
		mv "$work/relay/tokens.new" "$work/relay/tokens"
}
write_keys "north $north A256GCM" "union $union A128GCM" "oldempire $oldempire A256GCM"
start_relay --set "third_party_authorization:server_name = \"$name\"" \
	--set "third_party_authorization:keys = \"$work/relay/tokens\""
background "$work/peer.log" ip netns exec "$net-host" turnutils_peer -L $host_addr

uclient()	# uclient NAME NS SERVER OPTION...
{
	local run=$1 ns=$2 server=$3 lost counts
	shift 3
	timeout 60 ip netns exec "$net-$ns" turnutils_uclient -J -m 3 -n 25 -l 160 -z 5 "$@" \
		"$server" >"$work/uclient" 2>&1 || fail "$run: $(tail -n 5 "$work/uclient")"
	counts=$(sed -n 's/.*: start_mclient: tot_send_msgs=\([0-9]*\), tot_recv_msgs=/\1 /p' \
		"$work/uclient" | tail -n 1)
	lost=$(sed -n 's/.*Total lost packets \([0-9]*\).*/\1/p' "$work/uclient" | tail -n 1)
	[ -n "$counts" ] && [ "${counts% *}" = "${counts#* }" ] && [ "${counts% *}" -gt 0 ] ||
		fail "$run: sent and received: ${counts:-nothing}: $(tail -n 5 "$work/uclient")"
	[ "$lost" = 0 ] || fail "$run: ${lost:-?} packets lost"
}

uclient_relays_without_loss()
{
	uclient "UDP, channels" host $outside_addr -p $udp_port -e $host_addr
	uclient "UDP, Send, from inside" inside $inside_addr -p $udp_port -s -e $host_addr
	uclient "UDP, behind a NAT, relay to relay" far $outside_addr -p $udp_port -y
	uclient "TCP" host $outside_addr -t -p $tcp_port -e $host_addr
	uclient "TLS, from inside" inside $inside_addr -t -S -p $tcp_port -e $host_addr
	uclient "DTLS" host $outside_addr -S -p $udp_port -e $host_addr
	uclient "extra requests" host $outside_addr -p $udp_port -G -e $host_addr
	grep -qE 'allocation ended.*USER=(north|union|oldempire)' "$work/relay/relay.log" ||
		grep -qE '(user|USER)[=" :]+(north|union|oldempire)' "$work/relay/relay.log" ||
		fail "no record names a kid: $(grep -m1 'allocation ended' "$work/relay/relay.log")"
}

avedgectl()
{
	local dir=${RELAY_BUILD_DIR:-$here/../../..}
	"$dir/avedgectl" "$@"
}

turnutils_oauth_opens_our_tokens()
{
	local token out
	for kid in north union; do
		local key=$north cipher=A256GCM
		[ $kid = north ] || { key=$union cipher=A128GCM; }
		token=$(avedgectl access-token --keys "$work/relay/tokens" --server-name $name \
			--kid $kid --ttl 30m | sed -n 's/^access_token *//p')
		out=$(turnutils_oauth -d -v -i $name -j $kid -k "$key" -l "$(date +%s)" -m 7200 \
			-n $cipher -t "$token" 2>&1)
		grep -qa 'Valid token' <<<"$out" && grep -qa 'lifetime: 1800' <<<"$out" ||
			fail "turnutils_oauth on a token of ours: $out"
	done
}

we_open_tokens_of_turnutils_oauth()
{
	local key token
	key=$(printf 'a session key of 20.' | base64)
	token=$(turnutils_oauth -e -v -i $name -j north -k "$north" -l "$(date +%s)" -m 7200 \
		-n A256GCM -o "$(printf 'twelve bytes' | base64)" -p "$key" -r 3600 2>&1 |
		sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')
	[ -n "$token" ] || fail "turnutils_oauth makes no token"
	"$here/turnclient_token.py" "$net-host" $outside_addr $udp_port north "$token" "$key" ||
		fail "a token of turnutils_oauth is refused"
}

# Our own client, with session keys of both lengths.
avedge_load_relays()
{
	local bits mac_key token
	for bits in "" --sha256; do
		read -r mac_key token < <(avedgectl access-token --keys "$work/relay/tokens" \
			--server-name $name $bits |
			awk '/^mac_key/ { key = $2 } /^access_token/ { print key, $2 }')
		ip netns exec "$net-host" "${RELAY_BUILD_DIR:-$here/../../..}/avedge-load" \
			--server udp:$outside_addr --user north --password "$mac_key" \
			--access-token "$token" --clients 10 --between-clients --duration 2s \
			>"$work/load" 2>&1 || fail "avedge-load $bits: $(tail -n 5 "$work/load")"
		[ "$(grep -c ' lost 0 ' "$work/load")" = 2 ] ||
			fail "avedge-load $bits: $(cat "$work/load")"
	done
}

# The relay reads a changed file by itself; what a lost key made ends.
keys_are_rotated()
{
	write_keys "north $north A256GCM"
	wait_for 90 grep -q 'third_party_authorization.keys: .* -> ' "$work/relay/relay.log" || fail "the relay did not notice"
	"$here/turnclient_token.py" "$net-host" $outside_addr $udp_port union \
		"$(avedgectl access-token --keys "$work/former" --server-name $name --kid union |
			sed -n 's/^access_token *//p')" "" --want 401 || fail "a lost key still opens"
}

uclient_relays_without_loss
turnutils_oauth_opens_our_tokens
we_open_tokens_of_turnutils_oauth
avedge_load_relays
cp -p "$work/relay/tokens" "$work/former"
keys_are_rotated
stop_relay
