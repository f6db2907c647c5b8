#!/bin/bash
# A relayed address of the Microsoft dialect talks to one of RFC 8656, on one relay. The engines
# of the two kinds of clients cannot do that with each other, since they sign their ICE checks
# differently; so each talks to ice_lite.py, which has its relayed address in the other dialect:
# libnice in OC2007R2 mode to one of RFC 8656, libnice in RFC 5245 mode to a Microsoft one.
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
need pkg-config gcc tcpdump
pkg-config --exists nice || skip "libnice is not installed"
topology_up
# shellcheck disable=SC2046
gcc -std=gnu11 -O1 -g -Wall -Wextra -o "$work/nice_pair" "$here/nice_pair.c" \
	$(pkg-config --cflags --libs nice) || fail "nice_pair does not build"
start_relay
declare -A user password
credential
user[ietf]=$user_name password[ietf]=$user_password
credential alice mras
user[ms]=$user_name password[ms]=$user_password
capture inside edge in0
export SSL_CERT_FILE=$ca_file
calls=0

port_of()	# port_of TRANSPORT
{
	if [ "$1" = udp ]; then say $udp_port; else say $tcp_port; fi
}

# call MODE TRANSPORT DIALECT TRANSPORT: libnice in that mode inside, ice_lite.py outside.
call()
{
	local mode=$1 transport=$2 dialect=$3 other=$4 own=ms far_status pid
	local dir=$work/$1-$2-$3-$4

	[ "$mode" = oc2007r2 ] || own=ietf
	mkdir "$dir"
	timeout 40 ip netns exec "$net-inside" "$work/nice_pair" "$dir" controlling "$mode" \
		"$transport" $inside_addr "$(port_of "$transport")" "${user[$own]}" \
		"${password[$own]}" 200 >"$dir/nice.log" 2>&1 &
	pid=$!
	own_pids+=("$pid")
	timeout 40 ip netns exec "$net-far" "$here/ice_lite.py" "$dir" "$dialect" "$mode" \
		"$other" $outside_addr "$(port_of "$other")" "${user[$dialect]}" \
		"${password[$dialect]}" 200 >"$dir/lite.log" 2>&1
	far_status=$?
	wait $pid && [ $far_status = 0 ] ||
		fail "$mode over $transport to $dialect over $other: $(cat "$dir"/*.log)"
	[ "$(cat "$dir"/*.log | grep -c "local $outside_addr:5[0-9]* remote $outside_addr:5")" = 2 ] ||
		fail "not from outside address to outside address: $(cat "$dir"/*.log)"
	calls=$((calls + 1))
}

for other in udp tcp tls; do
	call oc2007r2 udp ietf $other
done
for transport in udp tcp; do
	call rfc5245 $transport ms udp
done
end_capture inside
no_relay_port_inside
stop_relay
say "$calls calls across the dialects, 400 messages each way without loss"
