/*
 * next_start.c - see next_start.h.
 */
#include "relay/reload/next_start.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/ssl.h>

#include "relay/front/fronts.h"
#include "relay/front/tls.h"
#include "relay/reload/network.h"
#include "relay/reload/relay_config.h"

static bool is_bound(const struct front *front, const struct network_front *rows,
		     size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (transport_is_stream(rows[i].front.transport) ==
			    transport_is_stream(front->transport) &&
		    endpoint_equal(&rows[i].front.local, &front->local))
			return true;
	}
	return false;
}

static bool has_address(const struct ip_addr *ip, const struct network_address *rows,
			size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (ip_addr_equal(&rows[i].address.local, ip))
			return true;
	}
	return false;
}

static void what_is_new(const struct network_view *view, struct network *now,
			bool wanted[NETWORK_ROWS])
{
	struct network_front fronts[FRONTS_MAX];
	struct network_address addresses[PORT_POOL_ADDRESSES_MAX];
	size_t front_count = network_fronts(now, fronts),
	       address_count = network_addresses(now, addresses);

	for (size_t i = 0; i < FRONTS_MAX; i++)
		wanted[i] = view->front_states[i] == NETWORK_SERVING &&
			    !is_bound(&view->fronts[i], fronts, front_count);
	for (size_t i = 0; i < PORT_POOL_ADDRESSES_MAX; i++)
		wanted[FRONTS_MAX + i] =
			view->relay_states[i] == NETWORK_SERVING &&
			!has_address(&view->relay[i].local, addresses, address_count);
}

static bool try_network(const struct relay_config *next, struct network *now, char *error,
			size_t error_size)
{
	/* As a process that begins sees it. */
	struct network *fresh = network_new();
	struct network_view view;
	bool wanted[NETWORK_ROWS];

	if (fresh == NULL) {
		snprintf(error, error_size, "out of memory");
		return false;
	}
	bool good = network_plan(fresh, next, &view, error, error_size);

	network_free(fresh);
	if (!good)
		return false;
	what_is_new(&view, now, wanted);
	return fronts_try(next, view.fronts, wanted, error, error_size) &&
	       fronts_try_outside(next, view.relay, &wanted[FRONTS_MAX], error,
				  error_size);
}

static bool try_tls(const struct relay_config *next, char *error, size_t error_size)
{
	const char *faulty;

	if (next->tls.certificate == NULL)
		return true;
	SSL_CTX *tls = tls_context_new(next->tls.certificate, next->tls.private_key,
				       &faulty, error, error_size);
	if (tls == NULL)
		return config_locate_file(&next->common, faulty, error, error_size);
	SSL_CTX_free(tls);
	return true;
}

bool next_start_try(const struct relay_config *next, struct network *now, char *error,
		    size_t error_size)
{
	return try_tls(next, error, error_size) &&
	       try_network(next, now, error, error_size);
}
