# load.sh - avedge-load and its figures, for the integration tests (sourced after topology.sh, bash).
#
# user_name and user_password are what it logs in with; runs counts its runs.

# shellcheck shell=bash disable=SC2034,SC2154
tool=${RELAY_BUILD_DIR:-.}/avedge-load
control=${RELAY_BUILD_DIR:-.}/avedgectl
[ -x "$tool" ] || skip "avedge-load is not built"
need jq

runs=0

patience=(timeout 60)

# load STATUS NAME NS SERVER OPTION...: figures in $work/load.json, messages in $work/load.err
load()
{
	local want=$1 name=$2 ns=$3 server=$4 status
	shift 4
	runs=$((runs + 1))
	"${patience[@]}" ip netns exec "$net-$ns" "$tool" --server "$server" --user "$user_name" \
		--password "$user_password" --ca "$ca_file" --json "$@" \
		>"$work/load.json" 2>"$work/load.err"
	status=$?
	[ $status = "$want" ] ||
		fail "$name: status $status, not $want: $(cat "$work/load.err")"
}

holds()		# holds NAME JQ_EXPRESSION: of the figures
{
	jq -e "$2" "$work/load.json" >/dev/null ||
		fail "$1: not $2: $(jq -c . "$work/load.json")"
}

says()		# says NAME TEXT: among the messages
{
	grep -qF -- "$2" "$work/load.err" || fail "$1: does not say '$2': $(cat "$work/load.err")"
}

# left_nothing NAME [SECONDS]: the relay has no allocation, at once or within that time.
left_nothing()
{
	local end=$((SECONDS + ${2:-0})) left
	while :; do
		left=$("$control" status --socket "$work/relay/relay.sock" --json | jq .allocations)
		[ "$left" != 0 ] || return 0
		[ $SECONDS -lt $end ] || fail "$1: $left allocations are left"
		sleep 0.2
	done
}

# Both directions, every packet once, intact, in order, at the right place. A busy machine may delay
# the generator; the packets that it skips then were never sent.
complete='.media.sent + .media.skipped == 1000, (.media.up, .media.down | .sent > 25 and
	.received == .sent and .duplicated == 0 and .reordered == 0 and .misdelivered == 0 and
	.damaged == 0 and .unsent == 0)'
