#!/bin/bash
# turnutils_uclient over UDP, TCP and TLS, with channels and Send, IPv4 and IPv6 relays, from
# the inside and the outside, to a peer and from relay to relay, on a default configuration that
# only allows the peers: no packet may be lost. The program draws channel numbers up to 0x7FFF and
# has all allocations as one user. Then every mode of the program, in a table: each relays without
# loss, or is refused for the reason given.
# slow: a table of some sixty runs
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
need turnutils_uclient turnutils_peer tcpdump
topology_up
# The keys of access tokens that the program has built in.
mkdir -p "$work/relay"
(
	umask 027
	for key in "north 01234567890123456789012345678901 A256GCM" "union 1234567890123456 A128GCM" \
		"oldempire 12345678901234567890123456789012 A256GCM"; do
		read -r kid bytes cipher <<<"$key"
		echo "$kid $(printf %s "$bytes" | base64) $cipher"
	done >"$work/relay/tokens"
)
start_relay --defaults --extra 'mobility = true' \
	--set 'third_party_authorization:server_name = "relay.test"' \
	--set "third_party_authorization:keys = \"$work/relay/tokens\""
credential

background "$work/peer.log" ip netns exec "$net-host" turnutils_peer -L $host_addr
background "$work/peer6.log" ip netns exec "$net-host" turnutils_peer -L $host_addr6 -p 3481
capture inside edge in0
messages=25 clients=4 runs=0 checked=0
load=(-m "$clients" -n "$messages" -l 160 -z 5)
names=() pids=() wants=() marks=()

login=(-u "$user_name" -w "$user_password")

# turnutils_uclient mostly waits, so the runs over one transport run in parallel.
uclient()	# uclient NAME NS SERVER OPTION...
{
	local name=$1 ns=$2 server=$3
	shift 3
	runs=$((runs + 1))
	names[runs]=$name wants[runs]=${want:-relays} marks[runs]=${mark:-}
	background "$work/uclient.$runs" timeout "${patience:-40}" ip netns exec "$net-$ns" \
		turnutils_uclient "${login[@]}" "${load[@]}" "$@" $server
	pids[runs]=$!
}

finish_runs()
{
	local out counts lost status share
	for ((; checked < runs; checked++)); do
		share=1 out=$work/uclient.$((checked + 1)) name=${names[checked + 1]}
		wait "${pids[checked + 1]}"
		status=$?
		[ -z "${marks[checked + 1]}" ] || grep -qF -- "${marks[checked + 1]}" "$out" ||
			fail "$name: status $status, without '${marks[checked + 1]}': $(tail -n 5 "$out")"
		case ${wants[checked + 1]} in
		refused)
			[ $status != 0 ] || fail "$name: not refused: $(tail -n 5 "$out")"
			continue
			;;
		ends) continue ;;
		half) share=2 ;;
		esac
		[ $status = 0 ] || fail "$name: $(tail -n 5 "$out")"
		counts=$(sed -n 's/.*: start_mclient: tot_send_msgs=\([0-9]*\), tot_recv_msgs=/\1 /p' \
			"$out" | tail -n 1)
		lost=$(sed -n 's/.*Total lost packets \([0-9]*\).*/\1/p' "$out" | tail -n 1)
		[ -n "$counts" ] && [ "${counts% *}" = $((share * ${counts#* })) ] &&
			[ "${counts% *}" -gt 0 ] || fail "$name: sent and received: ${counts:-nothing}"
		[ "$lost" = 0 ] || [ $share != 1 ] || fail "$name: ${lost:-?} packets lost"
	done
}

for transport in udp tcp tls; do
	case $transport in
	udp) how=(-p "$udp_port") ;;
	tcp) how=(-t -p "$tcp_port") ;;
	tls) how=(-t -S -p "$tcp_port") ;;
	esac
	for ns in inside host far; do
		server=$outside_addr
		[ $ns = inside ] && server=$inside_addr
		for mode in channel send; do
			flag=()
			[ $mode = send ] && flag=(-s)
			uclient "$transport $mode from $ns to a peer" $ns $server \
				"${how[@]}" "${flag[@]}" -e $host_addr -r 3480
			[ $mode$ns = sendfar ] && continue
			# The program takes one TLS record for one message; coturn puts several
			# into one when both ends of a call are its own.
			[ "${RELAY_UNDER_TEST:-}$transport" = coturntls ] && continue
			uclient "$transport $mode from $ns relay to relay" $ns $server \
				"${how[@]}" "${flag[@]}" -y
		done
	done
	uclient "$transport from inside to an IPv6 peer" inside $inside_addr \
		"${how[@]}" -x -c -e $host_addr6 -r 3481
	uclient "$transport over IPv6 to an IPv6 peer" inside $inside_addr6 \
		"${how[@]}" -x -c -s -e $host_addr6 -r 3481
	uclient "$transport over IPv6 to an IPv4 peer" host $outside_addr6 \
		"${how[@]}" -c -e $host_addr -r 3480
	finish_runs
done
loaded_runs=$runs

# As an administrator runs it first: nothing but the user, the peer and how to connect.
load=()
for ns in inside host far; do
	server=$outside_addr
	[ $ns = inside ] && server=$inside_addr
	uclient "plain UDP from $ns" $ns $server -e $host_addr
	uclient "plain TCP from $ns" $ns $server -t -p "$tcp_port" -e $host_addr
	uclient "plain TLS from $ns" $ns $server -t -S -p "$tcp_port" -e $host_addr
done
finish_runs

# --- every mode --------------------------------------------------------------------------------

# mode WANT NAME MARK OPTION...: from the outside. WANT is
#   relays   every packet comes back
#   half     every second one does
#   refused  the program fails
#   ends     it comes to its end or is stopped; afterwards the relay serves as before
# and MARK is part of its output, with the reason; '' is in every output.
mode()
{
	local want=$1 name=$2 mark=$3
	shift 3
	uclient "$name" host $outside_addr "$@"
}

load=(-m 2 -n 5 -l 160 -z 5)
udp=(-p "$udp_port") dtls=(-S -p "$udp_port") tcp=(-t -p "$tcp_port") tls=(-t -S -p "$tcp_port")
peer=(-e "$host_addr" -r 3480) peer6=(-e "$host_addr6" -r 3481)

mode relays "-s, Send over UDP" '' "${udp[@]}" -s "${peer[@]}"
mode relays "-y, one client to another" '' "${udp[@]}" -y
mode relays "-c, without RTCP" '' "${udp[@]}" -c "${peer[@]}"
mode relays "-D, padding over UDP" '' "${udp[@]}" -D "${peer[@]}"
mode relays "-D over TCP" '' "${tcp[@]}" -D "${peer[@]}"
mode relays "-g, DONT-FRAGMENT" '' "${udp[@]}" -g "${peer[@]}"
mode relays "-g -s, DONT-FRAGMENT in each Send" '' "${udp[@]}" -g -s "${peer[@]}"
mode relays "-x, an IPv6 relayed address" '' "${udp[@]}" -x "${peer6[@]}"
mode relays "-X, an IPv4 relayed address" '' "${udp[@]}" -X "${peer[@]}"
finish_runs
mode relays "-o, an ORIGIN attribute" '' "${udp[@]}" -o https://call.example "${peer[@]}"
mode relays "-a, a bandwidth attribute" '' "${udp[@]}" -a 64000 "${peer[@]}"
mode relays "-G, extra requests" '' "${udp[@]}" -G "${peer[@]}"
mode relays "-G over TLS" '' "${tls[@]}" -G "${peer[@]}"
mode relays "-B, random disconnects" '' "${udp[@]}" -B "${peer[@]}"
mode relays "-L, a local address" '' "${udp[@]}" -L $host_addr "${peer[@]}"
mode relays "-d, a local device" '' "${udp[@]}" -d out0 "${peer[@]}"
finish_runs
mode relays "-M, mobility over UDP" '' "${udp[@]}" -M "${peer[@]}"
mode relays "-M over TCP" '' "${tcp[@]}" -M "${peer[@]}"
mode relays "-M -s, with Sends" '' "${udp[@]}" -M -s "${peer[@]}"
mode relays "-S, DTLS" '' "${dtls[@]}" "${peer[@]}"
mode relays "-S -s, DTLS with Sends" '' "${dtls[@]}" -s "${peer[@]}"
mode relays "-S -y, one client of DTLS to another" '' "${dtls[@]}" -y
mode relays "-S -x, to an IPv6 peer" '' "${dtls[@]}" -x "${peer6[@]}"
mode relays "-S -E, a verified certificate" '' "${dtls[@]}" -E "$ca_file" "${peer[@]}"
mode relays "-T, TCP relaying" '' -T -p "$tcp_port"
# Of each pair of connections with itself, the program answers on one alone.
mode half "-T -P, peers that connect" '' -T -P -L $host_addr -p "$tcp_port"
mode relays "-T -S, TCP relaying over TLS" '' -T -S -p "$tcp_port"
patience=6
# The program never answers the ConnectionAttempt then, coturn's own server included.
mode ends "-T -P -S, peers that connect, over TLS" '' -T -P -S -L $host_addr -p "$tcp_port"
patience=
finish_runs
mode relays "-E, a verified certificate" '' "${tls[@]}" -E "$ca_file" "${peer[@]}"
# The program ignores what it is told: TLS stays strong.
mode relays "-F, a cipher suite" "connected with cipher" -v "${tls[@]}" -F AES128-SHA "${peer[@]}"
mode relays "-U, no encryption" "connected with cipher" -v "${tls[@]}" -U "${peer[@]}"
# Channels need no permission of their own (RFC 8656 section 12.2), Sends do.
mode relays "-I, no permissions, but channels" '' "${udp[@]}" -I "${peer[@]}"
patience=6
# It asks for both families by the number of a draft, 0x8032, which is ignored, so that it has an IPv4
# address only; and refreshes IPv4, IPv6 or both by chance. Both by the right number: t-dual.py.
mode ends "-Z, addresses of both families" "Received relay addr" -v "${udp[@]}" -Z "${peer[@]}"
mode ends "-Z over TLS" "Received relay addr" -v "${tls[@]}" -Z "${peer[@]}"
mode ends "-I -s, no permissions: every Send is dropped" "tot_recv_msgs=0" \
	"${udp[@]}" -I -s "${peer[@]}"
mode ends "-h, stays after its last packet" "tot_recv_msgs" "${udp[@]}" -h "${peer[@]}"
# It may close its old connection twice, and crashes; t-mobility.py tries until a run comes through.
mode ends "-M over TLS" '' "${tls[@]}" -M "${peer[@]}"
mode ends "-S -M, DTLS and mobility" '' "${dtls[@]}" -M "${peer[@]}"
# It binds a second channel to its peer, which RFC 8656 section 12.2 forbids.
mode refused "-N, negative tests" "channel bind: error 400" "${udp[@]}" -N "${peer[@]}"
# It spoils bits of its messages at random, and waits for some answers forever.
mode ends "-R, broken messages" '' "${udp[@]}" -R "${peer[@]}"
mode ends "-R over TCP" '' "${tcp[@]}" -R "${peer[@]}"
mode ends "-O, connects and leaves" '' "${udp[@]}" -O "${peer[@]}"
mode ends "-O over TLS" '' "${tls[@]}" -O "${peer[@]}"
mode refused "-b, over SCTP, which the relay does not speak" '' -b -p $tcp_port "${peer[@]}"
patience=
# The program makes the user name and password of the shared secret itself.
login=(-u carol -W "$(cat "$work/relay/secret")")
mode relays "-W, the secret of TURN REST" '' "${udp[@]}" "${peer[@]}"
login=(-J)
mode relays "-J, access tokens of its own" '' "${udp[@]}" "${peer[@]}"
mode relays "-J over TLS" '' "${tls[@]}" "${peer[@]}"
mode relays "-J -S, over DTLS" '' "${dtls[@]}" "${peer[@]}"
# Its ConnectionBind shows no token.
patience=6
mode ends "-J -T, TCP relaying" '' -T -p "$tcp_port"
patience=
login=(-u "$user_name" -w wrong)
mode refused "-w, a wrong password" "Cannot complete Allocation" "${udp[@]}" "${peer[@]}"
login=(-u "$user_name" -w "$user_password")
finish_runs
mode relays "after all modes" '' "${udp[@]}" "${peer[@]}"
finish_runs
modes=$((runs - loaded_runs))

# A long run, to examine its sockets meanwhile.
background "$work/long.log" ip netns exec "$net-inside" turnutils_uclient -u "$user_name" \
	-w "$user_password" -m 2 -n 100 -z 20 -y -p $udp_port $inside_addr
wait_for 20 eval "in_ns edge ss -Huan | grep -qE ':5[0-9]{4} '" || fail "no relay socket"
relay_sockets_outside_only
wait "${own_pids[-1]}"

end_capture inside
no_relay_port_inside
stop_relay
say "$loaded_runs runs of $((clients * messages)) packets or more without loss, and $modes of plain and of special modes"
