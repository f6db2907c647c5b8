#!/bin/bash
# HAProxy in front of the relay, configured as the deployment guide has it: turnutils_uclient over TCP
# and TLS, with PROXY headers of both versions, and a browser behind a NAT in calls with one inside. The
# relay knows the clients by their own addresses and tells through which balancer they come; health
# checks, with a header and without, find it and leave nothing in the log.
# slow: many calls, one after another
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
need haproxy turnutils_uclient turnutils_peer tcpdump
topology_up
guide=$here/../../../docs/guide-deployment.md
# Clients of the balancer use its address, so that is in the certificate.
mkdir -p "$work/relay"
"$relay_py" certificate --dir "$work/relay" --outside $outside_addr --outside $host_addr \
	--inside $inside_addr || fail "no certificate"
start_relay --outside-line "balancers = {$host_addr}"
credential

# --- HAProxy: that of the guide, and what it does not need

sed -n '/^```haproxy$/,/^```$/{/^```/d;p}' "$guide" >"$work/guide.cfg"
grep -q "server edge1 $outside_addr:443 send-proxy-v2" "$work/guide.cfg" ||
	fail "the guide has no configuration of HAProxy"
cat >"$work/more.cfg" <<-END
	global
		stats socket $work/haproxy.sock level admin
	frontend version_1
		bind $host_addr:5349
		default_backend version_1
	backend version_1
		server edge2 $outside_addr:443 send-proxy check check-send-proxy inter 2s
	backend only_connects
		server edge3 $outside_addr:443 send-proxy-v2 check inter 2s
	backend with_checksum
		server edge4 $outside_addr:443 send-proxy-v2 proxy-v2-options crc32c,unique-id,ssl check check-send-proxy inter 2s
	frontend with_checksum
		bind $host_addr:5350
		unique-id-format %{+X}o%ci%cp%fi%fp%Ts%rt%pid
		default_backend with_checksum
END
haproxy_log=$work/haproxy.log
background "$haproxy_log" ip netns exec "$net-host" haproxy -db -f "$work/guide.cfg" -f "$work/more.cfg"

haproxy_asks()	# haproxy_asks COMMAND
{
	python3 - "$work/haproxy.sock" "$1" <<-'END'
		import socket, sys
		with socket.socket(socket.AF_UNIX) as sock:
		    sock.connect(sys.argv[1])
		    sock.sendall(sys.argv[2].encode() + b"\n")
		    while chunk := sock.recv(65536):
		        sys.stdout.write(chunk.decode())
	END
}

# Column 6: the operational state; 2 is up. Column 15: a check has passed.
servers_up()
{
	[ "$(haproxy_asks "show servers state" | awk '$4 ~ /^edge/ && $6 == 2' | wc -l)" = 4 ]
}
wait_for 20 servers_up || fail "HAProxy does not find the relay: $(cat "$haproxy_log")"

ask_relay()	# ask_relay PATH PYTHON-EXPRESSION: of the document d
{
	python3 - "$here" "$work/relay/relay.sock" "$1" "$2" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		import control
		d = control.ask(sys.argv[2], "GET", sys.argv[3])[1]
		print(eval(sys.argv[4]))
	END
}

# --- turnutils_uclient, from the balancer's own host and from behind the NAT

background "$work/peer.log" ip netns exec "$net-host" turnutils_peer -L $host_addr
messages=25 clients=4
through_balancer()	# through_balancer NAME NS OPTION...
{
	local name=$1 ns=$2 out=$work/uclient.log lost
	shift 2
	in_ns "$ns" timeout 60 turnutils_uclient -u "$user_name" -w "$user_password" -m $clients \
		-n $messages -l 160 -z 5 -e $host_addr -r 3480 "$@" $host_addr >"$out" 2>&1 ||
		fail "$name: $(tail -n 5 "$out")"
	lost=$(sed -n 's/.*Total lost packets \([0-9]*\).*/\1/p' "$out" | tail -n 1)
	grep -q "tot_recv_msgs=$((messages * clients))\b" "$out" && [ "$lost" = 0 ] ||
		fail "$name: $(grep -E 'tot_|lost' "$out" | tail -n 3)"
}
for port in 443 5349 5350; do
	for flags in "-t" "-t -S"; do
		for ns in host far; do
			# shellcheck disable=SC2086
			through_balancer "$port $flags from $ns" $ns $flags -p $port
		done
	done
done
records=$(grep -c "allocation ended.* CLIENT=$nat_addr:" "$work/relay/relay.log")
[ "$records" -ge $((6 * clients)) ] || fail "$records records name $nat_addr"
for version in v1 v2; do
	count=$(ask_relay /v1/counters "d['proxy_headers']['$version']")
	[ "$count" -ge $((4 * clients)) ] || fail "$count headers of version $version"
done

# --- health checks, a few seconds of them

wait_for 20 eval '[ "$(ask_relay /v1/counters "d[\"proxy_headers\"][\"local\"]")" -gt 5 ]' ||
	fail "no health checks: $(ask_relay /v1/counters 'd["proxy_headers"]')"
servers_up || fail "the relay is down for HAProxy"
ask_relay /v1/counters "{k: v for k, v in d['proxy_headers'].items() if v}"
refused=$(ask_relay /v1/counters "sum(v for k, v in d['proxy_headers'].items()
	if k not in ('v1', 'v2', 'local', 'unknown'))")
[ "$refused" = 0 ] || fail "$refused headers are refused"
grep -E "refused|error:" "$work/relay/relay.log" && fail "the log has lines about the balancer"

# --- a header from elsewhere, by somebody who is no balancer

in_ns far python3 - "$here" $outside_addr <<-'END' || fail "a spoofed header"
	import sys
	sys.path.insert(0, sys.argv[1])
	import proxy_header as p
	sock = p.connect((sys.argv[2], 443), "192.168.77.10",
	                 p.v2(("203.0.113.50", 7), (sys.argv[2], 443)))
	try:
	    sys.exit(sock.recv(100) != b"")
	except ConnectionResetError:
	    pass
END
grep -q "refused a PROXY header from $nat_addr:[0-9]*, which is not in side.outside.balancers" \
	"$work/relay/relay.log" || fail "the log does not name the key"

# --- browsers

if command -v chromium >/dev/null && command -v certutil >/dev/null; then
	capture inside edge in0
	before=$(grep -c "allocation ended.*SIDE=outside" "$work/relay/relay.log")
	"$here/chromium_call.py" --inside-ns "$net-inside" --outside-ns "$net-far" \
		--inside-address $inside_addr --outside-address $outside_addr \
		--outside-server $host_addr --user "$user_name" --password "$user_password" \
		--ca "$ca_file" --log "$work/chromium.log" tcp tls >"$work/calls" &
	calls=$!
	own_pids+=("$calls")
	wait_for 60 eval 'ask_relay /v1/allocations "[a for a in d[\"allocations\"] if
		a[\"side\"] == \"outside\" and a[\"client\"].startswith(\"$nat_addr:\") and
		str(a[\"via\"]).startswith(\"$host_addr:\")]" | grep -q via' ||
		fail "no allocation of the browser's address, through the balancer:
			$(ask_relay /v1/allocations 'd["allocations"]')"
	wait $calls
	status=$?
	cat "$work/calls"
	if [ $status -ne 0 ]; then
		grep -v -e dbus -e vaapi -e gpu "$work/chromium.log" | tail -n 15
		fail "a call failed"
	fi
	wait_for 10 eval '[ "$(grep -c "allocation ended.*SIDE=outside.*CLIENT=$nat_addr:" \
		"$work/relay/relay.log")" -gt "$records" ]' || fail "no record of the browser's address"
	grep "allocation ended.*SIDE=outside" "$work/relay/relay.log" | tail -n +$((before + 1)) |
		grep "CLIENT=$host_addr:" && fail "a record names the balancer"
	end_capture inside
	no_relay_port_inside
	said=", and browsers call each other"
else
	said="; no browser here"
fi
stop_relay
say "clients of HAProxy are known by their addresses$said"
