#!/bin/bash
# timeout: 240
# The first steps of an administrator: scripts/lab, and a client with the credential from mrasd. Two
# libnice agents in OC2007R2 mode, one at the inside address, one at the outside, relay only, over
# UDP, framed TCP and pseudo-TLS: 200 messages of 160 and of 1200 bytes each way. NICE_RUNS: pairs
# of agents per transport (default 3).
set -u
here=$(cd "$(dirname "$0")/../lib" && pwd)
lab=$here/../../../scripts/lab
build=${RELAY_BUILD_DIR:-.}

say() { printf '%s\n' "$*"; }

skip()
{
	say "$*"
	exit 77
}

[ "$(id -u)" = 0 ] || skip "network namespaces need root"
if [ -z "${LAB_NAMESPACE-}" ]; then
	unshare --net true 2>/dev/null || skip "network namespaces are not permitted here"
	# The addresses and ports of the lab may be taken outside.
	LAB_NAMESPACE=1 exec unshare --net "$0" "$@"
fi
ip link set lo up
sysctl -qw net.ipv4.ip_local_port_range="20000 45000"
pkg-config --exists nice || skip "libnice is not installed"

work=$(mktemp -d "${TMPDIR:-/tmp}/avedge-XXXXXX")
lab_pid=
cleanup()
{
	[ -z "$lab_pid" ] || { kill "$lab_pid" && wait "$lab_pid"; } 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

fail()
{
	say "FAIL: $*"
	exit 1
}

# shellcheck disable=SC2046
gcc -std=gnu11 -O1 -g -Wall -Wextra -o "$work/nice_pair" "$here/nice_pair.c" \
	$(pkg-config --cflags --libs nice) || fail "nice_pair does not build"

BUILD_DIR=$build "$lab" --seconds 1 --env "$work/env" >"$work/lab.log" 2>&1 &
lab_pid=$!
while [ ! -s "$work/env" ]; do
	kill -0 $lab_pid 2>/dev/null || fail "the lab does not start: $(tail -n 20 "$work/lab.log")"
	sleep 0.2
done
# shellcheck source=/dev/null
. "$work/env"

agent()		# agent ROLE ADDRESS
{
	timeout 60 "$work/nice_pair" "$dir" "$1" oc2007r2 "$transport" "$2" "$port" \
		"$MRAS_USERNAME" "$MRAS_PASSWORD" 200 >"$dir/$1.log" 2>&1
}

runs=${NICE_RUNS:-3} failed=no counts=
for transport in udp tcp tls; do
	port=$TCP_PORT good=0
	[ $transport != udp ] || port=$UDP_PORT
	for run in $(seq "$runs"); do
		dir=$work/$transport-$run
		mkdir "$dir"
		roles="controlling controlled"
		[ $((run % 2)) = 1 ] || roles="controlled controlling"
		agent "${roles% *}" "$INSIDE_ADDRESS" &
		pid=$!
		agent "${roles#* }" "$OUTSIDE_ADDRESS"
		outside=$?
		if wait $pid && [ $outside = 0 ] &&
			[ "$(cat "$dir"/*.log | grep -c "local $OUTSIDE_ADDRESS:5.* remote $OUTSIDE_ADDRESS:5")" = 2 ]
		then
			good=$((good + 1))
		else
			say "$transport, inside ${roles% *}: $(cat "$dir"/*.log)"
		fi
	done
	counts="$counts, $transport $good of $runs"
	[ $good = "$runs" ] || failed=yes
done
[ $failed = no ] || fail "in the lab with the credential from mrasd${counts}"
say "in the lab with the credential from mrasd${counts}"
