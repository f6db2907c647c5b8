#!/bin/bash
# avedge-load against the relay: no packet is lost, duplicated or changed over any transport in any
# mode, and the exit status shows when something is wrong.
# slow: every transport and mode
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
# shellcheck source=../lib/load.sh
. "$(dirname "$0")/../lib/load.sh"
topology_up
start_relay --set 'limits:allocations_per_user = 0' --set 'limits:allocations_per_prefix = 0' \
	--set 'limits:stranger_rate = 0' --set 'ms:version = 4' --set 'ms:ipv6 = true'
credential

for transport in udp dtls tcp tls; do
	port=$tcp_port
	case $transport in udp | dtls) port=$udp_port ;; esac
	for mode in channel send; do
		name="$transport $mode"
		load 0 "$name" host "$transport:$outside_addr:$port" --mode $mode \
			--clients 10 --duration 1s --max-loss 0
		holds "$name" "[$complete] | all"
		holds "$name" '.set_up.ready == 10 and .set_up.released == 10 and .status == 0'
		name="$transport $mode between inside clients"
		load 0 "$name" inside "$transport:$inside_addr:$port" --mode $mode \
			--between-clients --clients 20 --duration 1s --max-loss 0
		holds "$name" "[$complete] | all"
	done
	name="$transport over IPv6, long packets in bursts"
	load 0 "$name" host "$transport:[$outside_addr6]:$port" --clients 4 --packet-size 1200 \
		--rate 125 --burst 5 --duration 1s --max-loss 0
	holds "$name" "[$complete] | all"
done

# The Microsoft dialect, with bare data and with Sends. Over streams, relayed addresses and peers
# use TCP, and no packet may be lost.
rest_name=$user_name rest_password=$user_password
credential alice mras
for transport in udp tcp ptls; do
	port=$tcp_port
	[ $transport = udp ] && port=$udp_port
	for mode in channel send; do
		name="Microsoft dialect, $transport $mode"
		load 0 "$name" host "$transport:$outside_addr:$port" --dialect ms --mode $mode \
			--clients 10 --duration 1s --max-loss 0
		holds "$name" "[$complete] | all"
		holds "$name" '.set_up.ready == 10 and .set_up.released == 10 and .status == 0'
		holds "$name" '.dialect == "ms" and .media.strays == 0'
		name="$name between inside clients"
		load 0 "$name" inside "$transport:$inside_addr:$port" --dialect ms --mode $mode \
			--between-clients --clients 20 --duration 1s --max-loss 0
		holds "$name" "[$complete] | all"
	done
	name="Microsoft dialect, $transport, long packets in bursts"
	load 0 "$name" host "$transport:$outside_addr:$port" --dialect ms --clients 4 \
		--packet-size 1200 --rate 125 --burst 5 --duration 1s --max-loss 0
	holds "$name" "[$complete] | all"
	name="Microsoft dialect, $transport over IPv6"
	load 0 "$name" host "$transport:[$outside_addr6]:$port" --dialect ms --clients 10 \
		--duration 1s --max-loss 0
	holds "$name" "[$complete] | all"
	name="cycles of the Microsoft dialect, $transport"
	load 0 "$name" host "$transport:$outside_addr:$port" --dialect ms --clients 4 --cycles 100
	holds "$name" '.cycles.done == 100'
done
load 2 "Microsoft dialect over real TLS" host "tls:$outside_addr:$tcp_port" --dialect ms
says "Microsoft dialect over real TLS" "ptls:"
load 3 "Microsoft dialect, no pseudo-TLS" host "ptls:$outside_addr:9" --dialect ms
load 3 "Microsoft dialect, peers on the inside" inside "udp:$inside_addr:$udp_port" \
	--dialect ms --duration 1s
says "Microsoft dialect, peers on the inside" "440"
says "Microsoft dialect, peers on the inside" "in the relay's peers.allow, or use --between-clients"
left_nothing "Microsoft dialect, peers on the inside"
user_password=AAAA
load 3 "Microsoft dialect, a wrong password" host "udp:$outside_addr:$udp_port" --dialect ms
says "Microsoft dialect, a wrong password" "431"
user_name=$rest_name user_password=$rest_password

load 0 "one direction" host "udp:$outside_addr:$udp_port" --direction up --clients 3 --duration 1s \
	--max-loss 0 --max-delay 500 --max-setup 5000
holds "one direction" '.media.up.received == 150 and .media.down == null'

load 0 "hold" host "udp:$outside_addr:$udp_port" --clients 2000 --hold --duration 1s
holds "hold" '.set_up.ready == 2000 and .set_up.released == 2000 and .media == null'
load 0 "cycles" host "udp:$outside_addr:$udp_port" --clients 8 --cycles 1000
holds "cycles" '.cycles.done == 1000 and .cycles.failed == 0'
load 0 "cycles over DTLS" host "dtls:$outside_addr:$udp_port" --clients 4 --cycles 100
holds "cycles over DTLS" '.cycles.done == 100 and .handshakes.done == 100'
load 3 "DTLS, a certificate for another name" host "dtls:$outside_addr:$udp_port" \
	--tls-name other.example
says "DTLS, a certificate for another name" "DTLS: server certificate: hostname mismatch"
load 0 "cycles over TLS" host "tls:$outside_addr:$tcp_port" --clients 4 --cycles 100
holds "cycles over TLS" '.cycles.done == 100'

patience=(timeout --preserve-status -s INT 1.5)
load 0 "an interrupt" host "udp:$outside_addr:$udp_port" --clients 10 --duration 20s --max-loss 0
holds "an interrupt" '.media.up.received > 100 and .media.down.received > 100'
holds "an interrupt" '.interrupted and .set_up.released == 10 and .media.seconds < 2'
left_nothing "an interrupt"
for signal in TERM HUP; do
	patience=(timeout --preserve-status -s "$signal" 1.5)
	load 0 "SIG$signal" host "udp:$outside_addr:$udp_port" --clients 300 --hold --duration 20s
	holds "SIG$signal" '.interrupted and .set_up.released == 300'
	left_nothing "SIG$signal"
done
patience=(timeout 60)

# Two signals while the relay stands still: the last datagrams wait at its socket.
name="two interrupts"
ip netns exec "$net-host" "$tool" --server "udp:$outside_addr:$udp_port" \
	--user "$user_name" --password "$user_password" --clients 100 --hold --duration 20s --progress \
	>"$work/load.out" 2>"$work/load.err" &
load_pid=$!
own_pids+=("$load_pid")
for ((i = 0; i < 100; i++)); do
	grep -q "^avedge-load: hold: [0-9]* of 20 s, 100 clients, 0 failed$" "$work/load.err" && break
	sleep 0.1
done
[ $i -lt 100 ] || fail "$name: no progress: $(cat "$work/load.err")"
kill -STOP "$relay_pid"
kill -INT $load_pid
sleep 0.5
kill -INT $load_pid
wait $load_pid || fail "$name: status $?"
grep -q "^release   0 of 100 clients$" "$work/load.out" || fail "$name: $(cat "$work/load.out")"
kill -CONT "$relay_pid"
left_nothing "$name" 5

# The server loses every fifth datagram to it: requests are repeated, releases too.
in_ns edge nft -f - <<-END || fail "nftables does not work here"
	table ip lossy {
		chain in {
			type filter hook input priority 0;
			udp dport $udp_port numgen random mod 5 == 0 drop
		}
	}
END
load 0 "releases over a bad link" host "udp:$outside_addr:$udp_port" --clients 4 --hold \
	--duration 1s
holds "releases over a bad link" '.set_up.released == 4'
left_nothing "releases over a bad link"
in_ns edge nft delete table ip lossy

load 1 "a delay that is too short" host "udp:$outside_addr:$udp_port" --duration 1s \
	--max-delay 0.0001
says "a delay that is too short" "99th percentile of the delay"
load 1 "a set-up time that is too short" host "udp:$outside_addr:$udp_port" --duration 1s \
	--max-setup 0.0001
says "a set-up time that is too short" "99th percentile of the set-up time"

# The peer's host drops everything from the relay: nothing arrives, and that is reported.
in_ns host nft -f - <<-END || fail "nftables does not work here"
	table ip load {
		chain in {
			type filter hook input priority 0;
			udp sport 50000-59999 drop
		}
	}
END
load 1 "loss" host "udp:$outside_addr:$udp_port" --duration 1s --max-loss 99
holds "loss" '.media.up.lost == 50 and .media.up.lost_percent == 100 and .media.down.lost == 0'
says "loss" "up: 100.000 % lost"
in_ns host nft delete table ip load

load 3 "peers on the inside" inside "udp:$inside_addr:$udp_port" --duration 1s
says "peers on the inside" "403"
says "peers on the inside" "name 10.77.1.10 in the relay's peers.allow, or use --between-clients"
left_nothing "peers on the inside"
load 3 "more peers on the inside" inside "udp:$inside_addr:$udp_port" --clients 700
left_nothing "more peers on the inside"
load 3 "peers on loopback" host "udp:$outside_addr:$udp_port" --peer-address 127.0.0.1
says "peers on loopback" "relays refuse loopback addresses: name 127.0.0.1"
left_nothing "peers on loopback"
load 0 "after refused runs" host "udp:$outside_addr:$udp_port" --clients 3 --duration 1s
# A name with addresses of both families: --family takes the one that its peers need.
printf '%s both.test\n%s both.test\n%s six.test\n' $outside_addr6 $outside_addr \
	$outside_addr6 >"$work/hosts"
# shellcheck disable=SC2016 # for the inner shell
patience=(timeout 60 unshare -m sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$work/hosts")
for family in 4 6; do
	load 0 "a name with two addresses, IPv$family" host "udp:both.test:$udp_port" \
		--family $family --duration 1s --max-loss 0
done
load 2 "a name without an IPv4 address" host "udp:six.test:$udp_port" --family 4
says "a name without an IPv4 address" "six.test has no IPv4 address: --family 4 then requires"
patience=(timeout 60)
load 3 "no server" host "udp:$outside_addr:9" --duration 1s
says "no server" "no client could be set up"
load 3 "a certificate for another name" host "tls:$outside_addr:$tcp_port" \
	--tls-name other.example
says "a certificate for another name" "certificate"
says "a certificate for another name" "--ca FILE trusts its issuer"
user_password=wrong
load 3 "a wrong password" host "udp:$outside_addr:$udp_port"
says "a wrong password" "401 Unauthenticated (wrong user name or password?)"
user_name=$(($(date +%s) - 3 * 3600 - 60)):alice
load 3 "an expired user name" host "udp:$outside_addr:$udp_port"
says "an expired user name" "401 Unauthenticated (the user name expired 3 h ago"
left_nothing "clients that were refused"
load 3 "peers at an address of others" host "udp:$outside_addr:$udp_port" --peer-address 10.9.8.7
says "peers at an address of others" "--peer-address 10.9.8.7: this host does not have that address"
load 2 "a wrong option" host "udp:$outside_addr:$udp_port" --packet-size 5
stop_relay
say "$runs runs with the expected status and figures"
