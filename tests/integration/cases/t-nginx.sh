#!/bin/bash
# nginx, configured as the deployment guide has it: as a balancer in front of the relay, with PROXY headers
# over TCP; as the web server that shares the relay's port, reached by curl with HTTP/2 and HTTP/1.1 next
# to turnutils_uclient over TLS, directly and through the balancer. And what it makes of UDP.
# shellcheck source=../lib/topology.sh
. "$(dirname "$0")/../lib/topology.sh"
need nginx curl turnutils_uclient turnutils_peer
stream_module=/usr/lib/nginx/modules/ngx_stream_module.so
[ -e $stream_module ] || skip "nginx has no module stream"
topology_up
guide=$here/../../../docs/guide-deployment.md
plain_addr=203.0.113.51 # of a balancer that sends no headers
address host out0 $plain_addr/24
mkdir -p "$work/relay"
"$relay_py" certificate --dir "$work/relay" --outside $outside_addr --outside $host_addr \
	--inside $inside_addr || fail "no certificate"
start_relay --outside-line "balancers = {$host_addr}" \
	--set 'pass_through outside:backend = "127.0.0.1:8443"' \
	--set 'pass_through outside:proxy_protocol = true'
credential

from_guide()	# from_guide LANGUAGE: its only block in that language
{
	sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/{/^\`\`\`/d;p}" "$guide"
}

run_nginx()	# run_nginx NAMESPACE NAME: with the configuration in $work/NAME.conf
{
	local dir=$work/nginx-$2
	mkdir -p "$dir"
	{
		echo "daemon off; user root; worker_processes 1; pid $dir/pid;"
		echo "error_log $dir/error.log info; load_module $stream_module;"
		echo "events { worker_connections 1000; }"
		cat "$work/$2.conf"
	} >"$dir/nginx.conf"
	background "$dir/out" ip netns exec "$net-$1" nginx -p "$dir" -c "$dir/nginx.conf"
	wait_for 10 test -s "$dir/pid" || fail "nginx: $(cat "$dir/out" "$dir/error.log")"
}

# A PEM file of the relay serves the web server as well.
{
	echo "http { access_log $work/web.log;"
	from_guide nginx-web | sed -e "s,/etc/ssl/web.pem,$work/relay/relay.pem," \
		-e "s,/etc/ssl/private/web.key,$work/relay/relay.key," \
		-e "s,location / {,location /large { root $work; } &,"
	echo "}"
} >"$work/web.conf"
run_nginx edge web
{
	from_guide nginx
	cat <<-END
		# UDP as nginx has it: without a header, and with its one line of version 1.
		stream {
			server {
				listen $plain_addr:3478 udp;
				proxy_pass $outside_addr:3478;
				proxy_bind $plain_addr;
			}
			server {
				listen $host_addr:3478 udp;
				proxy_pass $outside_addr:3478;
				proxy_bind $host_addr;
				proxy_protocol on;
			}
		}
	END
} | sed -z 's/}\n# UDP[^\n]*\nstream {//' >"$work/balancer.conf"
run_nginx host balancer

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

# --- the web server on the relay's port

web()	# web NAMESPACE ADDRESS:PORT VERSION CLIENT [OPTION...]: what the web server answers
{
	local ns=$1 where=$2 version=$3 client=$4 answer
	shift 4
	answer=$(in_ns "$ns" curl -sS --max-time 10 --cacert "$ca_file" "--http$version" "$@" \
		--connect-to "$outside_addr:443:$where" https://$outside_addr/) ||
		fail "HTTP/$version at $where from $ns: $answer"
	grep -qxE "$client HTTP/$version(\.0)?" <<<"$answer" ||
		fail "HTTP/$version at $where from $ns: $answer"
}
uclient()	# uclient NAME NAMESPACE SERVER OPTION...
{
	local name=$1 ns=$2 server=$3 out=$work/uclient.$RANDOM
	shift 3
	in_ns "$ns" timeout 60 turnutils_uclient -u "$user_name" -w "$user_password" -m 2 -n 20 \
		-l 160 -z 5 -e $host_addr -r 3480 "$@" "$server" >"$out" 2>&1 ||
		fail "$name: $(tail -n 5 "$out")"
	grep -q "tot_recv_msgs=40\b" "$out" || fail "$name: $(grep tot_ "$out" | tail -n 1)"
}
background "$work/peer.log" ip netns exec "$net-host" turnutils_peer -L $host_addr
for version in 2 1.1; do
	web far $outside_addr:443 $version $nat_addr
	web host $outside_addr:443 $version $plain_addr --interface $plain_addr
	web far $host_addr:8443 $version $nat_addr # through the balancer
done
for flags in "-t" "-t -S"; do
	# shellcheck disable=SC2086
	uclient "$flags" far $outside_addr $flags -p 443
	# shellcheck disable=SC2086
	uclient "$flags through nginx" far $host_addr $flags -p 8443
done
passed=$(ask_relay /v1/counters 'd["pass_through"]["opened"]')
[ "$passed" -ge 6 ] || fail "$passed connections are passed through"
grep -c "allocation ended.* CLIENT=$nat_addr:" "$work/relay/relay.log" | grep -qE '^[0-9]{2,}|[89]$' ||
	fail "records do not name $nat_addr: $(grep "allocation ended" "$work/relay/relay.log")"
grep "allocation ended" "$work/relay/relay.log" | grep -q "CLIENT=$host_addr:" &&
	fail "a record names the balancer"

# What does not fit in one piece, both ways.
head -c 20000000 /dev/urandom >"$work/large"
in_ns far curl -sS --max-time 20 --cacert "$ca_file" --http2 -o "$work/got" \
	https://$outside_addr/large && cmp "$work/large" "$work/got" || fail "a large answer"
head -c 500000 "$work/large" | in_ns far curl -sS --max-time 20 --cacert "$ca_file" --http1.1 \
	--data-binary @- -o /dev/null https://$outside_addr/ || fail "a large request"

# --- UDP: plain, its clients are served as nginx; from a balancer, nothing without headers is

uclient "UDP through nginx" far $plain_addr -p 3478
grep "allocation ended.*TRANSPORT=udp" "$work/relay/relay.log" | grep -q "CLIENT=$plain_addr:" ||
	fail "a client over UDP is not nginx"
missing=$(ask_relay /v1/counters 'd["proxy_headers"]["missing"]')
in_ns far timeout 20 python3 - "$here" $host_addr <<-'END' || fail "UDP with a line of version 1"
	import sys
	sys.path.insert(0, sys.argv[1])
	import turnclient as t
	try:
	    t.Client((sys.argv[2], 3478), "udp", timeout=2).binding()
	    sys.exit("it is answered")
	except TimeoutError:
	    pass
END
more=$(ask_relay /v1/counters 'd["proxy_headers"]["missing"]')
[ "$more" -gt "$missing" ] || fail "datagrams without header are not counted"
stop_relay
say "nginx hands clients on as themselves, and shares the relay's port as a web server"
