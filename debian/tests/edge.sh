# shellcheck shell=bash
# An edge on loopback addresses, for the tests next to this file. Sourced.
inside=127.0.1.1
outside=127.0.2.1

say()
{
	printf -- '-- %s\n' "$*"
}

fail()
{
	printf 'FAIL: %s\n' "$*" >&2
	exit 1
}

# eventually SECONDS COMMAND...: retry until it succeeds
eventually()
{
	local tries=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

# make_certificates DIR: a CA; relay, mras and trusted (fe01.lab.example) with keys
make_certificates()
{
	local name san log=$1/openssl.log

	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 60 \
		-subj '/CN=avedge test CA' -addext basicConstraints=critical,CA:TRUE \
		-addext keyUsage=critical,keyCertSign,cRLSign \
		-keyout "$1/ca.key" -out "$1/ca.pem" 2>"$log" || fail "$(cat "$log")"
	for name in relay mras trusted; do
		case $name in
		relay) san="IP:$inside,IP:$outside" ;;
		mras) san="IP:$inside" ;;
		trusted) san=DNS:fe01.lab.example ;;
		esac
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
			-subj "/CN=$name.lab.example" -keyout "$1/$name.key" \
			-out "$1/$name.csr" 2>"$log" || fail "$(cat "$log")"
		openssl x509 -req -in "$1/$name.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" \
			-CAcreateserial -days 60 -out "$1/$name.pem" -extfile <(printf \
			'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$san") \
			2>"$log" || fail "$(cat "$log")"
	done
}

# relay_configuration KEYS CERTIFICATE PRIVATE_KEY UDP_PORT TCP_PORT
relay_configuration()
{
	cat <<-CONF
		keys = "$1"
		tls {
			certificate = "$2"
			private_key = "$3"
		}
		side inside {
			addresses = {$inside}
			networks = {127.0.1.0/24}
			udp_ports = $4
			tcp_ports = $5
		}
		side outside {
			addresses = {$outside}
			udp_ports = $4
			tcp_ports = $5
		}
		# In the test everything is on one host.
		peers {
			allow = {127.0.0.0/8, 127.0.0.1}
		}
	CONF
}

# mras_configuration KEYS CERTIFICATE PRIVATE_KEY CA PORT UDP_PORT TCP_PORT
mras_configuration()
{
	local location

	cat <<-CONF
		addresses = {$inside}
		port = $5
		keys = "$1"
		tls {
			certificate = "$2"
			private_key = "$3"
			ca = "$4"
		}
		server "fe01.lab.example" {
			networks = {127.0.0.0/8}
		}
	CONF
	for location in inside outside; do
		cat <<-CONF
			relay {
				location = $location
				host = ${!location}
				udp_ports = $6
				tcp_ports = $7
			}
		CONF
	done
}

# control_block SOCKET GROUP
control_block()
{
	printf 'control {\n\tsocket = "%s"\n\tgroup = "%s"\n}\n' "$1" "$2"
}

# metrics_block ADDRESS:PORT
metrics_block()
{
	printf 'metrics {\n\taddress = "%s"\n}\n' "$1"
}

# fetch_credential DIR PORT: like a trusted server; sets username and password
fetch_credential()
{
	local answer

	answer=$(avedgectl mras-probe "$inside:$2" --http --form rest --identity alice --ttl 1h \
		--ca "$1/ca.pem" --cert "$1/trusted.pem" --key "$1/trusted.key") ||
		fail "no credential from mrasd: $answer"
	printf '%s\n' "$answer"
	username=$(sed -n 's/^username  *//p' <<<"$answer")
	password=$(sed -n 's/^password  *//p' <<<"$answer")
}

# call DIR SERVER [OPTION...]: a relayed call with that credential, without loss
call()
{
	local dir=$1 server=$2
	shift 2
	avedge-load --server "$server" --user "$username" --password "$password" \
		--ca "$dir/ca.pem" --peer-address 127.0.0.1 --duration 2s --max-loss 0 "$@"
}
