#!/bin/bash
# avedgectl probe from the inside, the outside and behind NATs: what the relay serves is shown to
# work over each transport, what it does not serve is told, and what fails is said with advice.
# Against coturn, which offers NAT discovery when it has two addresses, NATs are named.
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
control=${RELAY_BUILD_DIR:-.}/avedgectl
[ -x "$control" ] || skip "avedgectl is not built"
need jq turnserver
topology_up
start_relay --defaults --extra 'mobility = true'
credential

# probe STATUS NS HOST OPTION...: its JSON in $work/probe
probe()
{
	local want=$1 ns=$2 host=$3 status
	shift 3
	timeout 60 ip netns exec "$net-$ns" "$control" probe "$host" --json "$@" >"$work/probe" 2>&1
	status=$?
	[ $status = "$want" ] || fail "$ns to $host: status $status, not $want: $(cat "$work/probe")"
}

step()		# step NAME TEXT: the step's detail contains the text
{
	jq -e --arg step "$1" --arg text "$2" \
		'any(.steps[]; .step == $step and (.detail | contains($text)))' "$work/probe" \
		>/dev/null || fail "$1 is not '$2': $(jq -c .steps "$work/probe")"
}

login=(--user "$user_name" --password "$user_password" --ca "$ca_file")
for where in "inside $inside_addr" "host $outside_addr" "far $outside_addr" \
	"inside $inside_addr6" "host $outside_addr6"; do
	read -r ns server <<<"$where"
	probe 0 "$ns" "$server" "${login[@]}"
	for transport in udp dtls tcp tls; do
		step $transport ": relays; set-up"
	done
	step "tcp relay" "relays connections of TCP"
	step mobility "an allocation follows its client"
	step fragments "DONT-FRAGMENT is granted"
	step families "both in one allocation"
	case $ns in
	far) step address "the server sees $nat_addr:" && step address ": there is a NAT" ;;
	*) step address "our own: no NAT" ;;
	esac
done

# Its own credential, from the keyring; and none, which only shows that somebody asks for one.
probe 0 host $outside_addr --keys "$work/relay/keys" --ca "$ca_file"
step tls ": relays; set-up"
probe 0 host $outside_addr --insecure
step tls "answers, and asks for a credential"

probe 1 host $outside_addr --user alice --password wrong --insecure --transport udp
step udp "401"
probe 1 host $outside_addr "${login[@]}" --transport tls --name other.example
step tls "certificate"
probe 1 host $outside_addr "${login[@]}" --transport udp --transport tcp --tcp-port 9
step udp ": relays; set-up"
step tcp "Connection refused"
probe 3 host $outside_addr --transport tcp --tcp-port 9
stop_relay

# coturn on two addresses of the outside.
other_addr=203.0.113.51
ip -n "$net-host" addr add $other_addr/24 dev out0
"$relay_py" certificate --dir "$work/relay" --outside $host_addr
background "$work/turnserver.log" ip netns exec "$net-host" turnserver -n -L $host_addr \
	-L $other_addr --cert "$work/relay/relay.pem" --pkey "$work/relay/relay.key" -a -u u:p \
	-r edge --no-cli --userdb "$work/turndb" --pidfile "$work/turnserver.pid" \
	--log-file stdout
wait_for 20 in_ns host ss -Hlun "sport = :3478" || fail "turnserver does not start"
login=(--user u --password p --insecure --tcp-port 3478)
sleep 1

nat()		# nat LINE...: the rules of the NAT between far and the outside
{
	in_ns nat nft flush ruleset
	in_ns nat nft -f - <<-END || fail "nftables does not work here"
		table ip nat {
			chain pre {
				type nat hook prerouting priority -100
				$2
			}
			chain post {
				type nat hook postrouting priority 100
				$1
			}
		}
	END
}

probe 0 host $host_addr "${login[@]}" --tls-port 5349 --dtls-port 5349
for transport in udp dtls tcp tls; do
	step $transport ": relays; set-up"
done
step "tcp relay" "relays connections of TCP"
step nat "mapping none, filtering endpoint-independent"

# A full cone: whatever arrives at the outside address goes to the one host behind it.
nat "oifname out0 snat to $nat_addr" "iifname out0 udp dport 20000-65535 dnat to $far_addr"
probe 0 far $host_addr "${login[@]}" --transport udp
step nat "mapping endpoint-independent, filtering endpoint-independent"
nat "oifname out0 masquerade" ""
probe 0 far $host_addr "${login[@]}" --transport udp
step nat "mapping endpoint-independent, filtering address and port-dependent"
# Symmetric: each destination has a port of its own.
nat "oifname out0 masquerade fully-random" ""
probe 0 far $host_addr "${login[@]}" --transport udp
step nat "mapping address and port-dependent, filtering address and port-dependent"
say "each transport works or says why, and four kinds of path are named"
