# topology.sh - network namespaces around one relay, for the integration tests (sourced, bash).
#
#    inside                  edge                      wan (a switch)
#  +-----------+         +-----------+             +-----------------+
#  | in0       |---------| in0  out0 |-------------| br0             |
#  | 10.77.1.10|         | 10.77.1.1 | 203.0.113.1 |                 |
#  | fd77:1::10|         | fd77:1::1 | 2001:db8:   |  |           |  |
#  +-----------+         |           | 77::1       +--|-----------|--+
#   no route outside     +-----------+                |           |
#                         mediarelayd          +------+----+  +---+-------------+
#                         no forwarding        | out0 host |  | out0        nat |
#                                              | 203.0.    |  | 203.0.113.2     |
#                                              | 113.50    |  | masquerade      |
#                                              | 2001:db8: |  | 192.168.77.1    |
#                                              | 77::50    |  +---+-------------+
#                                              +-----------+      | lan0
#                                                             +---+-------------+
#                                                             | lan0        far |
#                                                             | 192.168.77.10   |
#                                                             +-----------------+
#
# Names start with ave$$-, and everything is removed when the shell ends. There is no default
# route, so no packet can leave. Client ports are below 50000: ports 50000-59999 belong to the
# relay.
#
# The relay denies special-purpose ranges such as TEST-NET as peers, so the tests allow the outside
# network explicitly; the inside network stays denied.

# shellcheck shell=bash disable=SC2034

set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
relay_py=$here/relay.py
net=ave$$
inside_addr=10.77.1.1 inside_addr6=fd77:1::1
outside_addr=203.0.113.1 outside_addr6=2001:db8:77::1
host_addr=203.0.113.50 host_addr6=2001:db8:77::50
nat_addr=203.0.113.2 far_addr=192.168.77.10
udp_port=3478 tcp_port=443
work=
own_pids=()

say() { printf '%s\n' "$*"; }

fail()
{
	say "FAIL: $*"
	if [ -n "$work" ] && [ -s "$work/relay/relay.log" ]; then
		say "--- end of the relay's log"
		grep -v "allocation ended" "$work/relay/relay.log" | tail -n 25
	fi
	exit 1
}

skip()
{
	say "$*"
	exit 77
}

need()
{
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null || skip "$tool is not installed"
	done
}

topology_down()
{
	local pid ns
	for pid in "${own_pids[@]}"; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	own_pids=()
	[ -z "$work" ] || [ ! -e "$work/relay/relay.pid" ] ||
		kill -KILL "$(cat "$work/relay/relay.pid")" 2>/dev/null
	for ns in inside edge wan host nat far; do
		[ ! -e "/run/netns/$net-$ns" ] || ip netns del "$net-$ns"
	done
	[ -z "$work" ] || rm -rf "$work"
}

in_ns()		# in_ns NAMESPACE COMMAND...
{
	local ns=$1
	shift
	ip netns exec "$net-$ns" "$@"
}

link()		# link NS1 DEVICE1 NS2 DEVICE2
{
	ip -n "$net-$1" link add "$2" type veth peer name "$4" netns "$net-$3"
	ip -n "$net-$1" link set "$2" up
	ip -n "$net-$3" link set "$4" up
}

address()	# address NS DEVICE ADDRESS...
{
	local ns=$1 device=$2 addr
	shift 2
	for addr in "$@"; do
		case $addr in
		*:*) ip -n "$net-$ns" addr add "$addr" dev "$device" nodad ;;
		*) ip -n "$net-$ns" addr add "$addr" dev "$device" ;;
		esac || return 1
	done
}

topology_up()
{
	local reason ns
	reason=$("$relay_py" available) || skip "$reason"
	[ "$(id -u)" = 0 ] || skip "network namespaces need root"
	need ip nft ss
	work=$(mktemp -d "${TMPDIR:-/tmp}/avedge-XXXXXX")
	trap topology_down EXIT
	trap 'exit 1' INT TERM HUP
	ip netns add "$net-edge" 2>/dev/null || skip "network namespaces are not permitted here"
	for ns in inside wan host nat far; do
		ip netns add "$net-$ns" || fail "no namespace $ns"
	done
	for ns in inside edge wan host nat far; do
		ip -n "$net-$ns" link set lo up
		in_ns $ns sysctl -qw net.ipv6.conf.default.accept_ra=0
		[ $ns = edge ] || in_ns $ns sysctl -qw net.ipv4.ip_local_port_range="20000 45000"
	done
	link inside in0 edge in0
	link edge out0 wan edge
	link host out0 wan host
	link nat out0 wan nat
	link far lan0 nat lan0
	ip -n "$net-wan" link add br0 type bridge
	ip -n "$net-wan" link set br0 up
	for ns in edge host nat; do
		ip -n "$net-wan" link set $ns master br0
	done
	address inside in0 10.77.1.10/24 fd77:1::10/64 &&
	address edge in0 $inside_addr/24 $inside_addr6/64 &&
	address edge out0 $outside_addr/24 $outside_addr6/64 &&
	address host out0 $host_addr/24 $host_addr6/64 &&
	address nat out0 $nat_addr/24 &&
	address nat lan0 192.168.77.1/24 &&
	address far lan0 $far_addr/24 || fail "cannot set addresses"
	ip -n "$net-far" route add 203.0.113.0/24 via 192.168.77.1
	in_ns nat sysctl -qw net.ipv4.ip_forward=1
	# Masquerading in the kernel is a port-restricted NAT.
	in_ns nat nft -f - <<-END || fail "nftables does not work here"
		table ip nat {
			chain post {
				type nat hook postrouting priority 100;
				oifname "out0" masquerade
			}
		}
	END
}

# --- the relay ----------------------------------------------------------------------------

# With KERNEL_PLANE=on the relay gets its loader, and the kernel must forward packets of the test; with
# KERNEL_PLANE=counted the records must also have exactly what "capture inside edge in0" has seen.
plane_up()	# sets plane, options of relay.py start
{
	local loader=${RELAY_BUILD_DIR:-.}/avedge-offload
	plane=()
	[ "${KERNEL_PLANE:-off}" != off ] || return 0
	[ -x "$loader" ] || skip "avedge-offload is not built"
	"$loader" --check >"$work/check" 2>&1 || skip "$(tail -n 1 "$work/check")"
	background "$work/loader.log" ip netns exec "$net-edge" "$loader" --socket "$work/loader.sock"
	wait_for 20 test -S "$work/loader.sock" || fail "no loader: $(cat "$work/loader.log")"
	plane=(--set "offload:socket = \"$work/loader.sock\"")
}

plane_forwards()
{
	local packets
	[ "${KERNEL_PLANE:-off}" != off ] || return 0
	packets=$("$here/plane_check.py" forwarded "$work/relay") || fail "no kernel plane: $packets"
	[ "$packets" -gt 0 ] || fail "the kernel forwarded nothing: $(cat "$work/loader.log")"
	say "the kernel forwarded $packets packets"
}

start_relay()	# start_relay [options of relay.py start]
{
	plane_up
	"$relay_py" start "${plane[@]}" --dir "$work/relay" --netns "$net-edge" \
		--inside $inside_addr --inside $inside_addr6 \
		--inside-net 10.77.1.0/24 --inside-net fd77:1::/64 \
		--outside $outside_addr --outside $outside_addr6 \
		--allow 203.0.113.0/24 --allow 2001:db8:77::/64 "$@" ||
		fail "the relay does not start"
	relay_pid=$(cat "$work/relay/relay.pid")
	ca_file=$work/relay/ca.pem
	[ ${#plane[@]} = 0 ] || "$here/plane_check.py" on "$work/relay" ||
		fail "the kernel plane is not on: $(cat "$work/loader.log")"
}

stop_relay()
{
	plane_forwards
	"$relay_py" stop --dir "$work/relay" || fail "the relay did not exit cleanly"
	rm -f "$work/relay/relay.pid"
	[ "${KERNEL_PLANE:-off}" != counted ] ||
		"$here/plane_check.py" records "$work/relay" "$work/inside.pcap" 10.77.1.10 ||
		fail "the records differ from what was on the link"
}

credential()	# credential [USER [rest|mras]]: sets user_name and user_password
{
	read -r user_name user_password < <(
		"$relay_py" credential --dir "$work/relay" --user "${1:-alice}" --form "${2:-rest}")
	[ -n "$user_password" ] || fail "no credential"
}

# --- background programs and captures -----------------------------------------------------

background()	# background LOG COMMAND...: killed when the test ends
{
	local log=$1
	shift
	"$@" >"$log" 2>&1 </dev/null &
	own_pids+=($!)
}

wait_for()	# wait_for SECONDS COMMAND...: until it succeeds
{
	local tries=$(($1 * 20))
	shift
	while ! "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.05
	done
}

capture()	# capture NAME NS DEVICE [FILTER]: packets into $work/NAME.pcap
{
	need tcpdump
	background "$work/$1.tcpdump" ip netns exec "$net-$2" tcpdump -i "$3" -n -U -Z root \
		--immediate-mode -s 128 -w "$work/$1.pcap" ${4:+"$4"}
	eval "capture_$1=\$!"
	wait_for 20 grep -q 'listening on' "$work/$1.tcpdump" || fail "no capture on $3 of $2"
}

end_capture()	# end_capture NAME
{
	local name=capture_$1
	sleep 0.2
	kill "${!name}" 2>/dev/null
	wait "${!name}" 2>/dev/null
}

packets()	# packets NAME FILTER: the number of captured packets that match
{
	tcpdump -n -r "$work/$1.pcap" "$2" 2>/dev/null | wc -l
}

# --- assertions ---------------------------------------------------------------------------

# There are relay sockets, and all are bound to outside addresses.
relay_sockets_outside_only()
{
	local sockets wrong
	sockets=$(in_ns edge ss -Huan | awk '{ print $4 }' |
		grep -E ':5[0-9]{4}$')
	wrong=$(grep -v -e "^$outside_addr:" -e "^\[$outside_addr6\]:" <<<"$sockets" | grep .)
	[ -z "$wrong" ] || fail "relay sockets off the outside addresses: $wrong"
	[ -n "$sockets" ] || fail "no relay socket is open"
	in_ns edge ss -Htan | awk '$4 !~ /:443$/ { print $4 }' | grep -E ':5[0-9]{4}$' |
		grep -v -e "^$outside_addr:" -e "^\[$outside_addr6\]:" &&
		fail "TCP relay sockets off the outside addresses"
	return 0
}

# The capture named inside has traffic, but no packet with a relay port.
no_relay_port_inside()
{
	[ "$(packets inside 'udp or tcp')" -gt 0 ] || fail "the inside capture saw nothing"
	[ "$(packets inside 'portrange 50000-59999')" = 0 ] ||
		fail "a relay port was seen on the inside interface"
}
