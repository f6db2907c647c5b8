#!/bin/bash
# timeout: 240
# The guide for trying each standard by hand: scripts/lab runs, and every block of commands in the
# guide succeeds as it stands.
set -u
here=$(cd "$(dirname "$0")/../lib" && pwd)
top=$(cd "$here/../../.." && pwd)
guide=$top/docs/guide-by-hand.md
build=$(cd "${RELAY_BUILD_DIR:-.}" && pwd)

say() { printf '%s\n' "$*"; }

skip()
{
	say "$*"
	exit 77
}

[ "$(id -u)" = 0 ] || skip "network namespaces need root"
command -v turnutils_uclient >/dev/null || skip "turnutils_uclient is not installed"
if [ -z "${LAB_NAMESPACE-}" ]; then
	unshare --net true 2>/dev/null || skip "network namespaces are not permitted here"
	# The addresses and ports of the lab may be taken outside.
	LAB_NAMESPACE=1 exec unshare --net "$0" "$@"
fi
ip link set lo up
sysctl -qw net.ipv4.ip_local_port_range="20000 45000"

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

BUILD_DIR=$build "$top/scripts/lab" --seconds 1 --env "$work/env" >"$work/lab.log" 2>&1 &
lab_pid=$!
while [ ! -s "$work/env" ]; do
	kill -0 $lab_pid 2>/dev/null || fail "the lab does not start: $(tail -n 20 "$work/lab.log")"
	sleep 0.2
done
grep -q "^every transport works" "$work/lab.log" || fail "the lab does not probe: $(cat "$work/lab.log")"

# Its blocks of commands, one file each.
awk -v dir="$work" '/^```sh$/ { block = dir "/block." ++n; next } /^```$/ { block = "" }
	block { print > block }' "$guide"
blocks=0
for block in "$work"/block.*; do
	[ -s "$block" ] || fail "the guide has no commands"
	blocks=$((blocks + 1))
	(
		# shellcheck source=/dev/null
		. "$work/env"
		PATH=$build:$PATH
		export OUTSIDE_ADDRESS UDP_PORT TCP_PORT CA_FILE USERNAME PASSWORD TOKEN_KEYS TOKEN_SERVER
		timeout 60 bash -e -o pipefail "$block"
	) >"$work/out" 2>&1 || fail "$(cat "$block" "$work/out")"
	# turnutils_uclient succeeds although packets were lost.
	! grep "Total lost packets [1-9]" "$work/out" || fail "$(cat "$block" "$work/out")"
done
[ $blocks -ge 5 ] || fail "only $blocks blocks of commands in the guide"
say "all $blocks blocks of commands in the guide work"
