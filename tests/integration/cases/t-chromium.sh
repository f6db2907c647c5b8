#!/bin/bash
# Two Chromium browsers, one inside, one outside behind a NAT, in relay-only calls over UDP,
# TCP and TLS: a data channel and video, decoded on both ends.
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
need chromium certutil tcpdump
topology_up
start_relay
credential
capture inside edge in0

"$here/chromium_call.py" --inside-ns "$net-inside" --outside-ns "$net-far" \
	--inside-address $inside_addr --outside-address $outside_addr \
	--user "$user_name" --password "$user_password" --ca "$ca_file" \
	--log "$work/chromium.log" >"$work/calls" &
calls=$!
own_pids+=("$calls")
wait_for 40 eval "in_ns edge ss -Huan | grep -qE ':5[0-9]{4} '" &&
	relay_sockets_outside_only
wait $calls
status=$?
cat "$work/calls"
if [ $status -ne 0 ]; then
	grep -v -e dbus -e vaapi -e gpu "$work/chromium.log" | tail -n 15
	fail "a call failed"
fi
end_capture inside
no_relay_port_inside
stop_relay
say "calls over UDP, TCP and TLS, media decoded on both ends"
