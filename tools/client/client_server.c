/*
 * client_server.c - see client_server.h.
 */
#include "tools/client/client_server.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include "base/sockaddr.h"

static int family_of(const struct addrinfo *info)
{
	return info->ai_family == AF_INET    ? IP_V4
	       : info->ai_family == AF_INET6 ? IP_V6
					     : IP_NONE;
}

bool client_server_find(const char *host, uint16_t port, uint8_t family,
			struct endpoint *server, const char **why)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
	struct sockaddr_storage sa = {0};
	struct addrinfo *list, *found;
	int code = getaddrinfo(host, NULL, &hints, &list);

	if (code != 0) {
		*why = code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code);
		return false;
	}
	found = list;
	while (found != NULL && family != IP_NONE && family_of(found) != family)
		found = found->ai_next;
	if (found == NULL)
		found = list;
	memcpy(&sa, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(list);
	*why = "not an IP address";
	if (!sockaddr_to_endpoint(&sa, server))
		return false;
	server->port = port;
	return true;
}

static SSL_CTX *trusting(const SSL_METHOD *method, int min_version, const char *ca_file)
{
	SSL_CTX *tls = SSL_CTX_new(method);

	if (tls != NULL && SSL_CTX_set_min_proto_version(tls, min_version) == 1 &&
	    (ca_file != NULL ? SSL_CTX_load_verify_file(tls, ca_file)
			     : SSL_CTX_set_default_verify_paths(tls)) == 1) {
		SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
		return tls;
	}
	SSL_CTX_free(tls);
	return NULL;
}

SSL_CTX *client_server_tls(const char *ca_file)
{
	return trusting(TLS_client_method(), TLS1_2_VERSION, ca_file);
}

SSL_CTX *client_server_dtls(const char *ca_file)
{
	return trusting(DTLS_client_method(), DTLS1_2_VERSION, ca_file);
}
