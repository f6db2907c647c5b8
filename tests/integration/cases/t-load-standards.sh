#!/bin/bash
# avedge-load against the relay in the ways that are not part of RFC 8656: relayed addresses of TCP,
# clients that move, access tokens, and clients of a balancer. No packet is lost.
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
# shellcheck source=../lib/load.sh
. "$(dirname "$0")/../lib/load.sh"
topology_up
mkdir -p "$work/relay"
(umask 027 && echo "as $(head -c 32 /dev/urandom | base64) A256GCM" >"$work/relay/tokens")
no_limits=(--set 'limits:allocations_per_user = 0' --set 'limits:allocations_per_prefix = 0')
start_relay --extra 'mobility = true' "${no_limits[@]}" \
	--set 'third_party_authorization:server_name = "relay.test"' \
	--set "third_party_authorization:keys = \"$work/relay/tokens\""
credential

# Relayed addresses of TCP: clients connect to peers, and to each other.
for transport in tcp tls; do
	name="TCP relaying over $transport"
	load 0 "$name" host "$transport:$outside_addr:$tcp_port" --tcp-relay --clients 10 \
		--duration 1s --max-loss 0
	holds "$name" "[$complete] | all"
	holds "$name" '.mode == "tcp-relay" and .set_up.data_connections == 10'
	holds "$name" '.set_up.released == 10 and .status == 0'
	name="$name between inside clients"
	load 0 "$name" inside "$transport:$inside_addr:$tcp_port" --tcp-relay --between-clients \
		--clients 20 --duration 1s --max-loss 0
	holds "$name" "[$complete] | all"
	holds "$name" '.set_up.data_connections == 20'
	name="$name, long packets"
	load 0 "$name" host "$transport:[$outside_addr6]:$tcp_port" --tcp-relay --clients 4 \
		--packet-size 9000 --rate 125 --burst 5 --duration 1s --max-loss 0
	holds "$name" "[$complete] | all"
	left_nothing "$name"
done
load 3 "TCP relaying, peers on the inside" inside "tcp:$inside_addr:$tcp_port" --tcp-relay
says "TCP relaying, peers on the inside" "403"
says "TCP relaying, peers on the inside" "name 10.77.1.10 in the relay's peers.allow"

# Each move leads to any of the workers.
for transport in udp dtls tcp tls; do
	port=$tcp_port
	case $transport in udp | dtls) port=$udp_port ;; esac
	name="$transport, clients that move"
	load 0 "$name" inside "$transport:$inside_addr:$port" --between-clients --clients 4 \
		--mobility 1s --duration 3s --max-loss 0
	holds "$name" '.moves.done >= 8 and .moves.unfinished == 0 and .moves.lost_per_move == 0'
	holds "$name" '.set_up.released == 4 and .media.up.received > 100'
done
for size in '' --sha256; do
	# shellcheck disable=SC2086 # no option is no word
	read -r user_name user_password token _ < <("$control" access-token \
		--keys "$work/relay/tokens" --server-name relay.test $size | awk '{ print $2 }' | xargs)
	load 0 "an access token" inside "udp:$inside_addr:$udp_port" --access-token "$token" \
		--between-clients --duration 1s --max-loss 0
	holds "an access token" '.media.up.received > 25 and .set_up.released == 2'
done
load 3 "an unknown token" inside "udp:$inside_addr:$udp_port" --access-token AAAA
says "an unknown token" "401 Unauthenticated (does the server know that key id"
credential
load 0 "DONT-FRAGMENT" inside "udp:$inside_addr:$udp_port" --between-clients --mode send \
	--dont-fragment --duration 1s --max-loss 0
# The peers' host refuses what comes from the relay, and the relay tells the clients.
in_ns host nft -f - <<-END || fail "nftables does not work here"
	table ip load {
		chain in {
			type filter hook input priority 0
			udp sport 50000-59999 reject
		}
	}
END
load 0 "ICMP errors" host "udp:$outside_addr:$udp_port" --duration 1s
holds "ICMP errors" '.icmp.errors > 0 and .icmp.first_type == 3 and .icmp.first_code == 3'
holds "ICMP errors" '.media.up.lost == 50 and .media.down.lost == 0'
in_ns host nft delete table ip load
stop_relay

# The host is a balancer in front of the outside.
start_relay --outside-line "balancers = {$host_addr}" "${no_limits[@]}"
credential
for transport in udp dtls tcp tls; do
	port=$tcp_port
	case $transport in udp | dtls) port=$udp_port ;; esac
	name="$transport through a balancer"
	load 0 "$name" host "$transport:$outside_addr:$port" --proxy-protocol 198.51.100.9 \
		--clients 10 --duration 1s --max-loss 0
	holds "$name" "[$complete] | all"
done
"$control" records --socket "$work/relay/relay.sock" --json |
	jq -es '[.[] | select(.client | startswith("198.51.100.9:"))] | length > 0' >/dev/null ||
	fail "no record shows the client of the balancer"
left_nothing "clients of a balancer"
load 3 "a balancer without a header" host "tcp:$outside_addr:$tcp_port"
grep -q "no PROXY header" "$work/relay/relay.log" || fail "the log does not miss the header"
stop_relay
say "$runs runs with the expected status and figures"
