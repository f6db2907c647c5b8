#!/bin/bash
# SIGHUP with a valid, an invalid and again a valid file during calls: nothing is lost, the invalid
# file changes nothing, a new certificate is served. An invalid file prevents the start and names
# file, line and the nearest key; a port in use names the process that holds it.
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
need turnutils_uclient turnutils_peer openssl
[ "${RELAY_UNDER_TEST:-}" != coturn ] || skip "tests the configuration of mediarelayd"
topology_up
start_relay
credential
conf=$work/relay/relay.conf
daemon=${RELAY_BUILD_DIR:-.}/mediarelayd
background "$work/peer.log" ip netns exec "$net-host" turnutils_peer -L $host_addr

long_call()	# long_call NAME OPTION...
{
	local name=$1
	shift
	background "$work/call.$name" timeout 60 ip netns exec "$net-inside" turnutils_uclient \
		-u "$user_name" -w "$user_password" -m 2 -n 400 -l 160 -z 20 \
		-e $host_addr -r 3480 "$@" $inside_addr
	eval "call_$name=\$!"
}

serial()	# the serial number of the certificate now served
{
	in_ns inside timeout 5 openssl s_client -connect $inside_addr:$tcp_port </dev/null \
		2>/dev/null | openssl x509 -noout -serial
}

said()		# said TEXT SINCE: the log has TEXT after line SINCE
{
	tail -n +"$(($2 + 1))" "$work/relay/relay.log" | grep -qiE -- "$1"
}

reload()	# reload TEXT: and wait until the log has it
{
	local since
	since=$(wc -l <"$work/relay/relay.log")
	"$relay_py" reload --dir "$work/relay"
	wait_for 20 said "$1" "$since" || fail "after SIGHUP the log does not say: $1"
}

for transport in udp tcp tls; do
	case $transport in
	udp) long_call udp -p $udp_port ;;
	tcp) long_call tcp -t -p $tcp_port ;;
	tls) long_call tls -t -S -p $tcp_port ;;
	esac
done
wait_for 10 eval "[ \$(in_ns edge ss -Huan | grep -cE ':5[0-9]{4} ') -ge 6 ]" ||
	fail "the calls do not start"

before=$(serial)
cp "$conf" "$work/good.conf"
sed -i 's|^\tallow = {|\tallow = {"198.51.100.0/24", |' "$conf"
reload 'peers\.allow'
sed -i 's|allow = {|alow = {|' "$conf"
reload 'relay\.conf:[0-9]+'
cp "$work/good.conf" "$conf"
mkdir "$work/new"
"$here/relay.py" certificate --dir "$work/new" --outside $outside_addr --inside $inside_addr ||
	fail "no new certificate"
cp "$work/new/relay.key" "$work/relay/relay.key"
cp "$work/new/relay.pem" "$work/relay/relay.pem"
reload 'peers\.allow'
new_certificate_served()
{
	[ "$(serial)" != "$before" ]
}
wait_for 20 new_certificate_served || fail "the old certificate is still served"
for pause in 0 0 0.1 0.1 0.3; do
	"$relay_py" reload --dir "$work/relay"
	sleep $pause
done

for transport in udp tcp tls; do
	pid=call_$transport
	wait "${!pid}" || fail "$transport: $(tail -n 5 "$work/call.$transport")"
	grep -q 'Total lost packets 0 ' "$work/call.$transport" ||
		fail "$transport: $(grep -i lost "$work/call.$transport")"
done

# --- starts that must not succeed ---------------------------------------------------------

refuses()	# refuses FILE PATTERN WHAT: the start ends at once and says PATTERN
{
	local out=$work/refused
	in_ns edge timeout 10 "$daemon" -c "$1" >"$out" 2>&1
	case $? in
	0) fail "$3: the relay ended with status 0" ;;
	124) fail "$3: the relay started" ;;
	esac
	grep -qE -- "$2" "$out" || fail "$3: it says: $(cat "$out")"
}

wrong=$work/wrong.conf
sed 's|udp_port|udp_prot|' "$conf" >"$wrong"
line=$(grep -n udp_prot "$wrong" | head -n 1 | cut -d: -f1)
refuses "$wrong" "wrong.conf:$line:.*udp_port" "an unknown key"
in_ns edge "$daemon" --check -c "$wrong" >"$work/check" 2>&1 && fail "--check accepts it"
grep -q "wrong.conf:$line:" "$work/check" || fail "--check says: $(cat "$work/check")"
in_ns edge "$daemon" --check -c "$conf" >"$work/check" 2>&1 ||
	fail "--check refuses the good file: $(cat "$work/check")"
sed 's|"203.0.113.0/24"|"203.0.113.0/33"|' "$conf" >"$wrong"
refuses "$wrong" "wrong.conf:$(grep -n '/33' "$wrong" | cut -d: -f1):" "a wrong prefix"

# The running relay holds the ports; then another program does.
sed "s|relay.sock|second.sock|" "$conf" >"$work/second.conf"
refuses "$work/second.conf" "$inside_addr.*($udp_port|$tcp_port).*mediarelayd.*$relay_pid" \
	"a second relay"
stop_relay
sed "s|^\(\tcertificate = \).*|\1\"$work/none.pem\"|" "$conf" >"$wrong"
refuses "$wrong" "none.pem" "a missing certificate"
for kind in SOCK_DGRAM:$udp_port SOCK_STREAM:$tcp_port; do
	background "$work/holder" ip netns exec "$net-edge" /usr/bin/python3 -c "
import socket, time
s = socket.socket(socket.AF_INET, socket.${kind%:*})
s.bind(('$outside_addr', ${kind#*:}))
if s.type == socket.SOCK_STREAM:
    s.listen()
print('bound', flush=True)
time.sleep(60)"
	holder=$!
	wait_for 20 grep -q bound "$work/holder" || fail "cannot take port ${kind#*:}"
	refuses "$conf" "$outside_addr.*${kind#*:}.*python3.*$holder" "a taken port"
	kill $holder
	wait $holder 2>/dev/null
done
say "reloads during three calls lost nothing; failed starts name the remedy"
