#!/bin/bash
# Four workers of the ThreadSanitizer build during calls over UDP, TCP and TLS, calls of the
# Microsoft dialect from relayed address to relayed address, short-lived allocations and
# connections, reloads, and constant reads of metrics and status page: no report.
# slow: ThreadSanitizer
build=${TSAN_BUILD_DIR:-${RELAY_BUILD_DIR:-.}/../tsan}
if [ ! -x "$build/mediarelayd" ]; then
	echo "there is no ThreadSanitizer build of mediarelayd"
	exit 77
fi
RELAY_BUILD_DIR=$build
export RELAY_BUILD_DIR
export TSAN_OPTIONS=halt_on_error=0:second_deadlock_stack=1:exitcode=99
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
need turnutils_uclient turnutils_peer curl
topology_up
start_relay --workers 4 --set 'limits:stranger_rate = 0' \
	--set 'metrics:address = "127.0.0.1:9478"'
credential
background "$work/peer.log" ip netns exec "$net-host" turnutils_peer -L $host_addr

load=()
run()		# run NAME NS COMMAND...
{
	local name=$1 ns=$2
	shift 2
	background "$work/run.$name" timeout 60 ip netns exec "$net-$ns" "$@"
	load+=($!)
	names+=("$name")
}
names=()
uclient=(turnutils_uclient -u "$user_name" -w "$user_password" -m 6 -n 60 -l 160 -z 10)
run udp inside "${uclient[@]}" -p $udp_port -e $host_addr $inside_addr
run udp-send far "${uclient[@]}" -s -p $udp_port -e $host_addr $outside_addr
run relays inside "${uclient[@]}" -y -p $udp_port $inside_addr
run tcp inside "${uclient[@]}" -t -p $tcp_port -e $host_addr $inside_addr
run tcp-relays host "${uclient[@]}" -t -y -p $tcp_port $outside_addr
run tls far "${uclient[@]}" -t -S -p $tcp_port -e $host_addr $outside_addr
if [ -x "$build/avedge-load" ]; then
	rest_name=$user_name rest_password=$user_password
	credential alice mras
	lync=("$build/avedge-load" --dialect ms --user "$user_name" --password "$user_password"
		--between-clients --clients 20 --duration 3s --max-loss 0)
	user_name=$rest_name user_password=$rest_password
	run ms-udp far "${lync[@]}" --server udp:$outside_addr:$udp_port
	run ms-ptls inside "${lync[@]}" --server ptls:$inside_addr:$tcp_port
	run ms-tcp-send host "${lync[@]}" --mode send --server tcp:$outside_addr:$tcp_port
fi
run churn host "$here/load_clients.py" $outside_addr $udp_port "$user_name" "$user_password" 40 60
run connections host /usr/bin/python3 -c "
import socket
for i in range(400):
    s = socket.create_connection(('$outside_addr', $tcp_port), 5)
    s.send(b'\\x16\\x03\\x01' if i % 2 else b'\\0\\1\\0\\0\\x21\\x12\\xa4\\x42')
    s.close()"
# shellcheck disable=SC2016 # the inner shell expands it
run figures edge bash -c 'for ((i = 0; i < 150; i++)); do
	curl -sf http://127.0.0.1:9478/metrics http://127.0.0.1:9478/status.json >/dev/null || exit 1
done'
for i in 1 2 3 4 5 6; do
	sleep 0.7
	"$relay_py" reload --dir "$work/relay"
done
for i in "${!load[@]}"; do
	wait "${load[i]}" || fail "${names[i]}: $(tail -n 5 "$work/run.${names[i]}")"
done
lost=$(grep -h 'Total lost packets' "$work"/run.* | grep -v 'packets 0 ')
[ -z "$lost" ] || fail "under ThreadSanitizer: $lost"
stop_relay
# Allocations that go from worker to worker with their clients.
"$(dirname "$0")/t-mobility.py" >"$work/mobility" 2>&1
status=$?
[ $status = 0 ] || [ $status = 77 ] || fail "mobile clients: $(tail -n 20 "$work/mobility")"
say "no report from four workers under mixed load"
