/*
 * load_net.c - see load_net.h.
 */
#include "tools/load/load_net.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/sockaddr.h"
#include "base/tls_error.h"

static bool resolve(const struct load_options *options, struct endpoint *server,
		    char *error)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *list;
	struct sockaddr_storage sa = {0};

	if (ip_addr_parse(options->host, &server->ip)) {
		server->port = options->port;
		return true;
	}
	int code = getaddrinfo(options->host, NULL, &hints, &list);
	if (code != 0) {
		snprintf(error, LOAD_ERROR_MAX, "%s: %s.", options->host,
			 code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
		return false;
	}
	memcpy(&sa, list->ai_addr, list->ai_addrlen);
	freeaddrinfo(list);
	if (!sockaddr_to_endpoint(&sa, server)) {
		snprintf(error, LOAD_ERROR_MAX, "%s: not an IP address.", options->host);
		return false;
	}
	server->port = options->port;
	return true;
}

/* The address that the system would send from; nothing is sent. */
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
		snprintf(error, LOAD_ERROR_MAX, "no way to the server: %s.",
			 strerror(errno));
	if (fd >= 0)
		close(fd);
	*out = own.ip;
	return ok;
}

bool load_net_find(const struct load_options *options, struct load_net *net,
		   char error[LOAD_ERROR_MAX])
{
	*net = (struct load_net){.peer_address = options->peer_address,
				 .family = options->family};
	if (!resolve(options, &net->server, error))
		return false;
	if (options->between_clients || options->task == LOAD_CYCLES)
		return true;
	if (net->peer_address.family == IP_NONE &&
	    !own_address_towards(&net->server, &net->peer_address, error))
		return false;
	if (options->family != IP_NONE && options->family != net->peer_address.family) {
		snprintf(error, LOAD_ERROR_MAX,
			 "--family %d needs peers of that family: name a --peer-address.",
			 options->family == IP_V4 ? 4 : 6);
		return false;
	}
	/* Servers give IPv4 to who does not ask, and some know nothing of the attribute. */
	if (net->peer_address.family == IP_V6)
		net->family = IP_V6;
	return true;
}

static bool trust(SSL_CTX *tls, const struct load_options *options)
{
	if (options->insecure) {
		SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
		return true;
	}
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	return options->ca_file != NULL
		       ? SSL_CTX_load_verify_file(tls, options->ca_file) == 1
		       : SSL_CTX_set_default_verify_paths(tls) == 1;
}

SSL_CTX *load_net_tls(const struct load_options *options, char error[LOAD_ERROR_MAX])
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	if (tls != NULL && SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1 &&
	    trust(tls, options)) {
		ERR_clear_error();
		return tls;
	}
	snprintf(error, LOAD_ERROR_MAX, "%s: %s.",
		 options->ca_file != NULL ? options->ca_file : "TLS", tls_error_reason());
	ERR_clear_error();
	SSL_CTX_free(tls);
	return NULL;
}
