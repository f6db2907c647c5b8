#!/bin/bash
# Two Chromium browsers in a call through the relay, over UDP and over TCP, do not leave "connected" when
# the relay is killed, three times, and restarted, and video goes on within two seconds.
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
need chromium certutil
topology_up
"$here/chromium_restart.py" --directory "$work/relay" --edge-ns "$net-edge" \
	--inside-ns "$net-inside" --outside-ns "$net-far" --inside-address $inside_addr \
	--outside-address $outside_addr >"$work/calls"
status=$?
cat "$work/calls"
[ $status -eq 0 ] || fail "a call did not survive"
say "two browsers stayed connected: $(tr '\n' ';' <"$work/calls")"
