/*
 * load_net.c - see load_net.h.
 */
#include "tools/load/load_net.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/sockaddr.h"
#include "base/tls_error.h"
#include "tools/client/client_server.h"

/* The source address the system would choose; nothing is sent. */
static bool own_address_towards(const struct endpoint *server, struct ip_addr *out,
				char *error)
{
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_from_endpoint(server, &sa);
	struct endpoint own = {0};
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&sa, len) == 0;

	if (ok) {
		len = sizeof(sa);
		ok = getsockname(fd, (struct sockaddr *)&sa, &len) == 0 &&
		     sockaddr_to_endpoint(&sa, &own);
	}
	if (!ok)
		snprintf(error, LOAD_ERROR_MAX, "no route to the server: %s",
			 strerror(errno));
	if (fd >= 0)
		close(fd);
	*out = own.ip;
	return ok;
}

enum load_status load_net_find(const struct load_options *options, struct load_net *net,
			       char error[LOAD_ERROR_MAX])
{
	const char *why;

	*net = (struct load_net){.peer_address = options->peer_address,
				 .family = options->family};
	bool has_peers = !options->between_clients && options->task != LOAD_CYCLES;
	bool finds_peers = has_peers && options->peer_address.family == IP_NONE;

	/* The address of the peers is the one towards the server. */
	if (!client_server_find(options->host, options->port,
				finds_peers ? options->family : IP_NONE, &net->server,
				&why)) {
		snprintf(error, LOAD_ERROR_MAX, "%s: %s", options->host, why);
		return LOAD_NOTHING;
	}
	if (!has_peers)
		return LOAD_AS_EXPECTED;
	if (options->family != IP_NONE && finds_peers &&
	    options->family != net->server.ip.family) {
		int family = options->family == IP_V4 ? 4 : 6;

		snprintf(error, LOAD_ERROR_MAX,
			 "%s has no IPv%d address: --family %d then requires a "
			 "--peer-address of that family",
			 options->host, family, family);
		return LOAD_USAGE;
	}
	if (finds_peers && !own_address_towards(&net->server, &net->peer_address, error))
		return LOAD_NOTHING;
	/* IPv4 is the default, and some servers do not know the attribute. */
	if (net->peer_address.family == IP_V6)
		net->family = IP_V6;
	return LOAD_AS_EXPECTED;
}

SSL_CTX *load_net_tls(const struct load_options *options, char error[LOAD_ERROR_MAX])
{
	SSL_CTX *tls = options->transport == CLIENT_DTLS
			       ? client_server_dtls(options->ca_file)
			       : client_server_tls(options->ca_file);

	if (tls == NULL)
		snprintf(error, LOAD_ERROR_MAX, "%s: %s",
			 options->ca_file != NULL ? options->ca_file : "TLS",
			 tls_error_reason());
	else if (options->insecure)
		SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
	ERR_clear_error();
	return tls;
}
