#!/bin/bash
# The DSCP policy on the wire, by side, transport and group of users: TCP connections and their
# datagrams, copied, set and cleared; a reload changes the groups of allocations that exist.
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
topology_up

scenario()	# scenario NAME [USER]
{
	credential "${2:-alice}"
	"$here/ip_header.py" "$1" "$net" "$user_name" "$user_password" "$ca_file" \
		>>"$work/out" 2>&1 || fail "$(cat "$work/out")"
}

start_relay
scenario streams_default
stop_relay

start_relay --extra 'dscp { outside_tcp = copy outside_tls = cs2 inside_tcp = af41 }'
scenario streams_policy
stop_relay

start_relay --extra 'dscp { peers = ef inside = default outside = default inside_tcp = af41 }
user_group gateways { users = {"gate*"} dscp_peers = cs5 dscp_clients = cs1 dscp_connections = cs3 }
user_group lan { networks = {10.77.1.0/24, "fd77:1::/64"} dscp_peers = default dscp_clients = copy }'
scenario group_gateways gate-7
scenario group_lan
export RELAY_DIR=$work/relay
scenario group_reload gate-8
stop_relay
cat "$work/out"
