/*
 * ms_registry.h - the numbers of MS-TURN, Microsoft's dialect of TURN, and their names.
 *
 * The dialect is based on drafts of 2005, so a number it shares with STUN may have another
 * meaning: NONCE and REALM are swapped, 0x0004 is Send, and a type has no method and class.
 */
#ifndef STUN_MS_REGISTRY_H
#define STUN_MS_REGISTRY_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define MS_MAGIC_COOKIE 0x72C64BC6u

enum {
	MS_HEADER_LEN = 20,
	MS_ATTR_HEADER_LEN = 4,
	MS_TXID_LEN = 16,
	MS_COOKIE_LEN = 4,      /* value of MAGIC-COOKIE, first in every message, ... */
	MS_COOKIE_ATTR_LEN = 8, /* ... and with its header */
	MS_TEXT_MAX = 128,      /* NONCE and REALM */
	MS_CONNECTION_ID_LEN = 20,  /* in MS-SEQUENCE-NUMBER */
	MS_RESERVATION_ID_LEN = 16, /* Bandwidth Reservation Identifier */
	/* Lengths of MESSAGE-INTEGRITY's value tell the algorithm. */
	MS_MI_SHA1_LEN = 20,
	MS_MI_SHA256_LEN = 32,
	MS_MSG_MIN = 28,    /* a header and the cookie */
	MS_MSG_MAX = 65535, /* the payload of a frame of a stream */
};

static_assert(MS_MSG_MIN == MS_HEADER_LEN + MS_COOKIE_ATTR_LEN,
	      "a header and the cookie");

enum ms_type {
	MS_ALLOCATE_REQUEST = 0x0003,
	MS_ALLOCATE_RESPONSE = 0x0103,
	MS_ALLOCATE_ERROR = 0x0113,
	MS_SEND_REQUEST = 0x0004, /* never answered */
	MS_DATA_INDICATION = 0x0115,
	MS_SET_ACTIVE_DESTINATION_REQUEST = 0x0006,
	MS_SET_ACTIVE_DESTINATION_RESPONSE = 0x0106,
	MS_SET_ACTIVE_DESTINATION_ERROR = 0x0116,
};

enum ms_attr_type {
	MS_MAPPED_ADDRESS = 0x0001, /* in an Allocate response: the relayed address */
	MS_USERNAME = 0x0006,
	MS_MESSAGE_INTEGRITY = 0x0008,
	MS_ERROR_CODE = 0x0009,
	MS_UNKNOWN_ATTRIBUTES = 0x000A,
	MS_LIFETIME = 0x000D,
	MS_ALTERNATE_SERVER = 0x000E,
	MS_COOKIE = 0x000F, /* MAGIC-COOKIE */
	MS_BANDWIDTH = 0x0010,
	MS_DESTINATION_ADDRESS = 0x0011,
	MS_REMOTE_ADDRESS = 0x0012,
	MS_DATA = 0x0013,
	MS_NONCE = 0x0014, /* in STUN: REALM */
	MS_REALM = 0x0015, /* in STUN: NONCE */
	MS_REQUESTED_ADDRESS_FAMILY = 0x0017,
	/* Clients of Skype send these; not documented. A 420 would end their call. */
	MS_SKYPE_0800 = 0x0800,
	MS_SKYPE_24DF = 0x24DF,
	MS_SKYPE_3802 = 0x3802,
	MS_UNDOCUMENTED_8006 =
		0x8006, /* seen from clients, ignored as any of that range */
	MS_VERSION = 0x8008,
	MS_XOR_MAPPED_ADDRESS = 0x8020,
	MS_ALTERNATE_HOST_NAME = 0x8032,
	MS_UNDOCUMENTED_8036 = 0x8036,
	MS_APP_ID = 0x8037,
	MS_SECURE_TAG = 0x8039,
	MS_SEQUENCE_NUMBER = 0x8050,
	MS_CANDIDATE_IDENTIFIER = 0x8054,
	MS_SERVICE_QUALITY = 0x8055,
	MS_BANDWIDTH_MESSAGE = 0x8056, /* Bandwidth Admission Control Message */
	MS_RESERVATION_ID = 0x8057,
	MS_RESERVATION_AMOUNT = 0x8058,
	MS_REMOTE_SITE = 0x8059,
	MS_REMOTE_RELAY_SITE = 0x805A,
	MS_LOCAL_SITE = 0x805B,
	MS_LOCAL_RELAY_SITE = 0x805C,
	MS_REMOTE_SITE_RESPONSE = 0x805D,
	MS_REMOTE_RELAY_SITE_RESPONSE = 0x805E,
	MS_LOCAL_SITE_RESPONSE = 0x805F,
	MS_LOCAL_RELAY_SITE_RESPONSE = 0x8060,
	MS_SIP_DIALOG_ID = 0x8061,
	MS_SIP_CALL_ID = 0x8062,
	MS_LOCATION_PROFILE = 0x8068,
	MS_IMPLEMENTATION_VERSION = 0x8070,
	MS_ALTERNATE_MAPPED_ADDRESS = 0x8090,
	MS_MULTIPLEXED_SESSION_ID = 0x8095,
};

/* Values of MS-VERSION; each includes the features of those before it. */
enum ms_version {
	MS_VERSION_ICE = 1,
	MS_VERSION_ICE2 = 2,
	MS_VERSION_SHA256 = 3,
	MS_VERSION_IPV6 = 4,
	MS_VERSION_MULTIPLEXED_UDP = 5,
	MS_VERSION_MULTIPLEXED = 6,
};

enum ms_error {
	MS_TRY_ALTERNATE = 300,
	MS_BAD_REQUEST = 400,
	MS_UNAUTHORIZED = 401,
	MS_UNKNOWN_ATTRIBUTE = 420,
	MS_STALE_CREDENTIALS = 430,
	MS_INTEGRITY_CHECK_FAILURE = 431,
	MS_MISSING_USERNAME = 432,
	MS_MISSING_REALM = 434,
	MS_MISSING_NONCE = 435,
	MS_UNKNOWN_USER = 436,
	MS_NO_BINDING = 437,
	MS_STALE_NONCE = 438,
	MS_TRANSITIONING = 439, /* of the drafts; the dialect has no such state */
	MS_NO_DESTINATION = 440,
	MS_WRONG_USERNAME = 441,
	MS_SERVER_ERROR = 500,
	MS_GLOBAL_FAILURE = 600,
};

/*
 * Whether the dialect has this attribute, or clients are known to send it. An unknown one that
 * the receiver must understand is answered with 420; types from 0x8000 on may be ignored.
 */
bool ms_attr_is_known(uint16_t type);

static inline bool ms_attr_is_required(uint16_t type)
{
	return type < 0x8000;
}

/* Reason phrase; "" for an unknown code. */
const char *ms_error_reason(int code);

/* "Allocate request", "MS-SEQUENCE-NUMBER"; NULL for an unknown number. For people only. */
const char *ms_type_name(uint16_t type);
const char *ms_attr_name(uint16_t type);

#endif
