/*
 * ms_registry.c - names of the numbers in ms_registry.h.
 */
#include "stun/ms_registry.h"

#include <stddef.h>

struct named {
	uint16_t number;
	const char *name;
};

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct named errors[] = {
	{MS_TRY_ALTERNATE, "Try Alternate"},
	{MS_BAD_REQUEST, "Bad Request"},
	{MS_UNAUTHORIZED, "Unauthorized"},
	{MS_UNKNOWN_ATTRIBUTE, "Unknown Attribute"},
	{MS_STALE_CREDENTIALS, "Stale Credentials"},
	{MS_INTEGRITY_CHECK_FAILURE, "Integrity Check Failure"},
	{MS_MISSING_USERNAME, "Missing Username"},
	{MS_MISSING_REALM, "Missing Realm"},
	{MS_MISSING_NONCE, "Missing Nonce"},
	{MS_UNKNOWN_USER, "Unknown User"},
	{MS_NO_BINDING, "No Binding"},
	{MS_STALE_NONCE, "Stale Nonce"},
	{MS_TRANSITIONING, "Transitioning"},
	{MS_NO_DESTINATION, "No Destination"},
	{MS_WRONG_USERNAME, "Wrong Username"},
	{MS_SERVER_ERROR, "Server Error"},
	{MS_GLOBAL_FAILURE, "Global Failure"},
};

static const struct named types[] = {
	{MS_ALLOCATE_REQUEST, "Allocate request"},
	{MS_ALLOCATE_RESPONSE, "Allocate response"},
	{MS_ALLOCATE_ERROR, "Allocate error response"},
	{MS_SEND_REQUEST, "Send request"},
	{MS_DATA_INDICATION, "Data Indication"},
	{MS_SET_ACTIVE_DESTINATION_REQUEST, "Set Active Destination request"},
	{MS_SET_ACTIVE_DESTINATION_RESPONSE, "Set Active Destination response"},
	{MS_SET_ACTIVE_DESTINATION_ERROR, "Set Active Destination error response"},
};

static const struct named attrs[] = {
	{MS_MAPPED_ADDRESS, "MAPPED-ADDRESS"},
	{MS_USERNAME, "USERNAME"},
	{MS_MESSAGE_INTEGRITY, "MESSAGE-INTEGRITY"},
	{MS_ERROR_CODE, "ERROR-CODE"},
	{MS_UNKNOWN_ATTRIBUTES, "UNKNOWN-ATTRIBUTES"},
	{MS_LIFETIME, "LIFETIME"},
	{MS_ALTERNATE_SERVER, "ALTERNATE-SERVER"},
	{MS_COOKIE, "MAGIC-COOKIE"},
	{MS_BANDWIDTH, "BANDWIDTH"},
	{MS_DESTINATION_ADDRESS, "DESTINATION-ADDRESS"},
	{MS_REMOTE_ADDRESS, "REMOTE-ADDRESS"},
	{MS_DATA, "DATA"},
	{MS_NONCE, "NONCE"},
	{MS_REALM, "REALM"},
	{MS_REQUESTED_ADDRESS_FAMILY, "REQUESTED-ADDRESS-FAMILY"},
	{MS_SKYPE_0800, "0x0800 of Skype"},
	{MS_SKYPE_24DF, "0x24DF of Skype"},
	{MS_SKYPE_3802, "0x3802 of Skype"},
	{MS_UNDOCUMENTED_8006, "undocumented 0x8006"},
	{MS_VERSION, "MS-VERSION"},
	{MS_XOR_MAPPED_ADDRESS, "MS-XOR-MAPPED-ADDRESS"},
	{MS_ALTERNATE_HOST_NAME, "MS-ALTERNATE-HOST-NAME"},
	{MS_UNDOCUMENTED_8036, "undocumented 0x8036"},
	{MS_APP_ID, "MS-APP-ID"},
	{MS_SECURE_TAG, "MS-SECURE-TAG"},
	{MS_SEQUENCE_NUMBER, "MS-SEQUENCE-NUMBER"},
	{MS_CANDIDATE_IDENTIFIER, "CANDIDATE-IDENTIFIER"},
	{MS_SERVICE_QUALITY, "MS-SERVICE-QUALITY"},
	{MS_BANDWIDTH_MESSAGE, "Bandwidth Admission Control Message"},
	{MS_RESERVATION_ID, "Bandwidth Reservation Identifier"},
	{MS_RESERVATION_AMOUNT, "Bandwidth Reservation Amount"},
	{MS_REMOTE_SITE, "Remote Site Address"},
	{MS_REMOTE_RELAY_SITE, "Remote Relay Site Address"},
	{MS_LOCAL_SITE, "Local Site Address"},
	{MS_LOCAL_RELAY_SITE, "Local Relay Site Address"},
	{MS_REMOTE_SITE_RESPONSE, "Remote Site Address Response"},
	{MS_REMOTE_RELAY_SITE_RESPONSE, "Remote Relay Site Address Response"},
	{MS_LOCAL_SITE_RESPONSE, "Local Site Address Response"},
	{MS_LOCAL_RELAY_SITE_RESPONSE, "Local Relay Site Address Response"},
	{MS_SIP_DIALOG_ID, "SIP Dialog Identifier"},
	{MS_SIP_CALL_ID, "SIP Call Identifier"},
	{MS_LOCATION_PROFILE, "Location Profile"},
	{MS_IMPLEMENTATION_VERSION, "MS-IMPLEMENTATION-VERSION"},
	{MS_ALTERNATE_MAPPED_ADDRESS, "MS-ALTERNATE-MAPPED-ADDRESS"},
	{MS_MULTIPLEXED_SESSION_ID, "MULTIPLEXED-TURN-SESSION-ID"},
};

static const char *find(const struct named *table, size_t count, unsigned number,
			const char *otherwise)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].number == number)
			return table[i].name;
	return otherwise;
}

bool ms_attr_is_known(uint16_t type)
{
	return ms_attr_name(type) != NULL;
}

const char *ms_error_reason(int code)
{
	return find(errors, ARRAY_LEN(errors), (unsigned)code, "");
}

const char *ms_type_name(uint16_t type)
{
	return find(types, ARRAY_LEN(types), type, NULL);
}

const char *ms_attr_name(uint16_t type)
{
	return find(attrs, ARRAY_LEN(attrs), type, NULL);
}
