/*
 * registry.c - reason phrases and names of the numbers in registry.h.
 */
#include "stun/registry.h"

#include <stddef.h>

struct named {
	uint16_t number;
	const char *name;
};

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct named errors[] = {
	{STUN_TRY_ALTERNATE, "Try Alternate"},
	{STUN_BAD_REQUEST, "Bad Request"},
	{STUN_UNAUTHENTICATED, "Unauthenticated"},
	{STUN_FORBIDDEN, "Forbidden"},
	{STUN_MOBILITY_FORBIDDEN, "Mobility Forbidden"},
	{STUN_UNKNOWN_ATTRIBUTE, "Unknown Attribute"},
	{STUN_ALLOCATION_MISMATCH, "Allocation Mismatch"},
	{STUN_STALE_NONCE, "Stale Nonce"},
	{STUN_ADDRESS_FAMILY_NOT_SUPPORTED, "Address Family not Supported"},
	{STUN_WRONG_CREDENTIALS, "Wrong Credentials"},
	{STUN_UNSUPPORTED_TRANSPORT, "Unsupported Transport Protocol"},
	{STUN_PEER_FAMILY_MISMATCH, "Peer Address Family Mismatch"},
	{STUN_CONNECTION_EXISTS, "Connection Already Exists"},
	{STUN_CONNECTION_FAILED, "Connection Timeout or Failure"},
	{STUN_QUOTA_REACHED, "Allocation Quota Reached"},
	{STUN_SERVER_ERROR, "Server Error"},
	{STUN_INSUFFICIENT_CAPACITY, "Insufficient Capacity"},
};

static const struct named methods[] = {
	{STUN_BINDING, "Binding"},
	{TURN_ALLOCATE, "Allocate"},
	{TURN_REFRESH, "Refresh"},
	{TURN_SEND, "Send"},
	{TURN_DATA, "Data"},
	{TURN_CREATE_PERMISSION, "CreatePermission"},
	{TURN_CHANNEL_BIND, "ChannelBind"},
	{TURN_CONNECT, "Connect"},
	{TURN_CONNECTION_BIND, "ConnectionBind"},
	{TURN_CONNECTION_ATTEMPT, "ConnectionAttempt"},
};

static const struct named attrs[] = {
	{STUN_MAPPED_ADDRESS, "MAPPED-ADDRESS"},
	{STUN_CHANGE_REQUEST, "CHANGE-REQUEST"},
	{STUN_USERNAME, "USERNAME"},
	{STUN_MESSAGE_INTEGRITY, "MESSAGE-INTEGRITY"},
	{STUN_ERROR_CODE, "ERROR-CODE"},
	{STUN_UNKNOWN_ATTRIBUTES, "UNKNOWN-ATTRIBUTES"},
	{TURN_CHANNEL_NUMBER, "CHANNEL-NUMBER"},
	{TURN_LIFETIME, "LIFETIME"},
	{TURN_XOR_PEER_ADDRESS, "XOR-PEER-ADDRESS"},
	{TURN_DATA_ATTR, "DATA"},
	{STUN_REALM, "REALM"},
	{STUN_NONCE, "NONCE"},
	{TURN_XOR_RELAYED_ADDRESS, "XOR-RELAYED-ADDRESS"},
	{TURN_REQUESTED_ADDRESS_FAMILY, "REQUESTED-ADDRESS-FAMILY"},
	{TURN_EVEN_PORT, "EVEN-PORT"},
	{TURN_REQUESTED_TRANSPORT, "REQUESTED-TRANSPORT"},
	{TURN_DONT_FRAGMENT, "DONT-FRAGMENT"},
	{STUN_ACCESS_TOKEN, "ACCESS-TOKEN"},
	{STUN_MESSAGE_INTEGRITY_SHA256, "MESSAGE-INTEGRITY-SHA256"},
	{STUN_PASSWORD_ALGORITHM, "PASSWORD-ALGORITHM"},
	{STUN_USERHASH, "USERHASH"},
	{STUN_XOR_MAPPED_ADDRESS, "XOR-MAPPED-ADDRESS"},
	{TURN_RESERVATION_TOKEN, "RESERVATION-TOKEN"},
	{STUN_PRIORITY, "PRIORITY"},
	{STUN_USE_CANDIDATE, "USE-CANDIDATE"},
	{STUN_PADDING, "PADDING"},
	{STUN_RESPONSE_PORT, "RESPONSE-PORT"},
	{TURN_CONNECTION_ID, "CONNECTION-ID"},
	{TURN_ADDITIONAL_ADDRESS_FAMILY, "ADDITIONAL-ADDRESS-FAMILY"},
	{TURN_ADDRESS_ERROR_CODE, "ADDRESS-ERROR-CODE"},
	{STUN_PASSWORD_ALGORITHMS, "PASSWORD-ALGORITHMS"},
	{STUN_ALTERNATE_DOMAIN, "ALTERNATE-DOMAIN"},
	{TURN_ICMP, "ICMP"},
	{STUN_SOFTWARE, "SOFTWARE"},
	{STUN_ALTERNATE_SERVER, "ALTERNATE-SERVER"},
	{STUN_TRANSACTION_TRANSMIT_COUNTER, "TRANSACTION-TRANSMIT-COUNTER"},
	{STUN_CACHE_TIMEOUT, "CACHE-TIMEOUT"},
	{STUN_FINGERPRINT, "FINGERPRINT"},
	{STUN_ICE_CONTROLLED, "ICE-CONTROLLED"},
	{STUN_ICE_CONTROLLING, "ICE-CONTROLLING"},
	{STUN_RESPONSE_ORIGIN, "RESPONSE-ORIGIN"},
	{STUN_OTHER_ADDRESS, "OTHER-ADDRESS"},
	{STUN_THIRD_PARTY_AUTHORIZATION, "THIRD-PARTY-AUTHORIZATION"},
	{TURN_MOBILITY_TICKET, "MOBILITY-TICKET"},
};

static const char *find(const struct named *table, size_t count, unsigned number,
			const char *otherwise)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].number == number)
			return table[i].name;
	return otherwise;
}

const char *stun_error_reason(int code)
{
	return find(errors, ARRAY_LEN(errors), (unsigned)code, "");
}

const char *stun_method_name(uint16_t method)
{
	return find(methods, ARRAY_LEN(methods), method, NULL);
}

const char *stun_attr_name(uint16_t type)
{
	return find(attrs, ARRAY_LEN(attrs), type, NULL);
}
