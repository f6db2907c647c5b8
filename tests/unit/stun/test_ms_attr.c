/*
 * test_ms_attr.c - attribute values of MS-TURN and of its bandwidth management, decoded
 * and encoded, and the names of its numbers.
 */
#include "stun/ms_attr.h"

#include "stun/ms_bandwidth.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/stun/bytes.h"

/*
 * The transaction id of the Allocate response in the worked example of
 * tests/vectors/ms-turn.
 */
static const uint8_t txid[MS_TXID_LEN] = {0x1c, 0xd6, 0xc0, 0x35, 0xb8, 0x30, 0xbb, 0x49,
					  0x37, 0x8a, 0x03, 0x49, 0x28, 0xca, 0x38, 0x91};

static uint8_t buf[512];
static struct ms_builder builder;

static struct ms_builder *start(void)
{
	ms_builder_start(&builder, buf, sizeof(buf), MS_ALLOCATE_RESPONSE, txid);
	return &builder;
}

/* The one attribute added since start() must have this value. */
static struct stun_attr added(uint16_t type, const char *value_hex)
{
	struct slice want = bytes_hex(value_hex);
	struct stun_attr attr;
	struct ms_msg msg;

	ck_assert_int_eq(ms_msg_parse((struct slice){buf, ms_builder_finish(&builder)},
				      &msg),
			 MS_PARSE_OK);
	ck_assert(ms_attr_next(&msg.body, &attr));
	ck_assert_uint_eq(msg.body.len, 0);
	ck_assert_uint_eq(attr.type, type);
	ck_assert_uint_eq(attr.value.len, want.len);
	if (want.len > 0)
		ck_assert_mem_eq(attr.value.data, want.data, want.len);
	bytes_free(want);
	return attr;
}

static const struct {
	const char *name;
	const char *text;
	const char *plain;
	const char *xored;
} addresses[] = {
	{"worked example", "127.0.0.1:51754", "0001 ca2a 7f000001", "0001 d6fc 63d6c034"},
	{"zero", "0.0.0.0:1", "0001 0001 00000000", "0001 1cd7 1cd6c035"},
	{"IPv6", "[2001:db8::1]:50000", "0002 c350 20010db8000000000000000000000001",
	 "0002 df86 3cd7cd8d b830bb49 378a0349 28ca3890"},
	{"IPv4-mapped stays IPv6", "[::ffff:192.0.2.1]:3478",
	 "0002 0d96 00000000000000000000ffffc0000201",
	 "0002 1140 1cd6c035 b830bb49 378afcb6 e8ca3a90"},
};

START_TEST(an_address_both_ways)
{
	struct endpoint ep, got;
	struct stun_attr attr;

	ck_assert(endpoint_parse(addresses[_i].text, 0, &ep));
	ms_add_address(start(), MS_MAPPED_ADDRESS, &ep);
	attr = added(MS_MAPPED_ADDRESS, addresses[_i].plain);
	ck_assert(stun_attr_address(&attr, &got));
	ck_assert_msg(endpoint_equal(&got, &ep), "%s", addresses[_i].name);

	ms_add_xor_address(start(), MS_XOR_MAPPED_ADDRESS, &ep);
	attr = added(MS_XOR_MAPPED_ADDRESS, addresses[_i].xored);
	ck_assert(ms_attr_xor_address(&attr, txid, &got));
	ck_assert_msg(endpoint_equal(&got, &ep), "%s", addresses[_i].name);
}
END_TEST

static const struct {
	const char *name;
	const char *hex;
	bool want;
} address_values[] = {
	{"empty", "", false},
	{"header short by one", "0001 0d", false},
	{"no address", "0001 0d96", false},
	{"IPv4 short by one", "0001 0d96 c00002", false},
	{"IPv4", "0001 0d96 c0000201", true},
	{"reserved byte is ignored", "ff01 0d96 c0000201", true},
	{"IPv4 long by one", "0001 0d96 c000020100", false},
	{"IPv4 that says IPv6", "0002 0d96 c0000201", false},
	{"IPv6 that says IPv4", "0001 0d96 00000000000000000000000000000001", false},
	{"IPv6", "0002 0d96 00000000000000000000000000000001", true},
	{"family 0", "0000 0d96 c0000201", false},
	{"family 3", "0003 0d96 c0000201", false},
};

START_TEST(an_address_is_checked)
{
	struct stun_attr attr = {MS_DESTINATION_ADDRESS,
				 bytes_hex(address_values[_i].hex)};
	struct endpoint ep;

	ck_assert_msg(stun_attr_address(&attr, &ep) == address_values[_i].want, "%s",
		      address_values[_i].name);
	ck_assert_msg(ms_attr_xor_address(&attr, txid, &ep) == address_values[_i].want,
		      "%s, xored", address_values[_i].name);
	bytes_free(attr.value);
}
END_TEST

START_TEST(numbers_both_ways)
{
	struct stun_attr attr;
	uint32_t number;
	uint8_t family;

	ms_add_u32(start(), MS_LIFETIME, 600);
	attr = added(MS_LIFETIME, "00000258");
	ck_assert(stun_attr_u32(&attr, &number));
	ck_assert_uint_eq(number, 600);

	ms_add_family(start(), IP_V6);
	attr = added(MS_REQUESTED_ADDRESS_FAMILY, "02000000");
	ck_assert(stun_attr_first_of_four(&attr, &family));
	ck_assert_uint_eq(family, IP_V6);
}
END_TEST

START_TEST(an_error_both_ways)
{
	struct stun_attr attr;
	struct slice reason;
	int code;

	ms_add_error_code(start(), MS_NO_BINDING, ms_error_reason(MS_NO_BINDING));
	attr = added(MS_ERROR_CODE, "0000 0425 4e6f2042696e64696e67");
	ck_assert(stun_attr_error_code(&attr, &code, &reason));
	ck_assert_int_eq(code, 437);
	ck_assert_uint_eq(reason.len, strlen("No Binding"));
	ck_assert_mem_eq(reason.data, "No Binding", reason.len);

	ms_add_error_code(start(), 600, "");
	attr = added(MS_ERROR_CODE, "0000 0600");
	ck_assert(stun_attr_error_code(&attr, &code, &reason));
	ck_assert_int_eq(code, 600);
	ck_assert_uint_eq(reason.len, 0);
}
END_TEST

START_TEST(unknown_attributes_both_ways)
{
	static const uint16_t types[] = {0x0002, 0x0019, 0x7fff};
	struct stun_attr attr;
	uint16_t type;

	ms_add_unknown_attributes(start(), types, 3);
	attr = added(MS_UNKNOWN_ATTRIBUTES, "0002 0019 7fff");
	for (size_t i = 0; i < 3; i++) {
		ck_assert(ms_unknown_next(&attr.value, &type));
		ck_assert_uint_eq(type, types[i]);
	}
	ck_assert(!ms_unknown_next(&attr.value, &type));

	ms_add_unknown_attributes(start(), NULL, 0);
	attr = added(MS_UNKNOWN_ATTRIBUTES, "");
	ck_assert(!ms_unknown_next(&attr.value, &type));

	struct slice odd = bytes_hex("0002 00");
	ck_assert(ms_unknown_next(&odd, &type));
	ck_assert(!ms_unknown_next(&odd, &type));
	bytes_free((struct slice){odd.data - 2, 3});
}
END_TEST

START_TEST(a_sequence_number_both_ways)
{
	struct ms_sequence sequence = {.number = 0x01020304}, got;

	for (size_t i = 0; i < sizeof(sequence.connection_id); i++)
		sequence.connection_id[i] = (uint8_t)(0xa0 + i);
	ms_add_sequence(start(), &sequence);
	struct stun_attr attr = added(
		MS_SEQUENCE_NUMBER, "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3 01020304");
	ck_assert(ms_attr_sequence(&attr, &got));
	ck_assert_uint_eq(got.number, sequence.number);
	ck_assert_mem_eq(got.connection_id, sequence.connection_id, MS_CONNECTION_ID_LEN);
}
END_TEST

START_TEST(service_quality_both_ways)
{
	struct ms_service_quality quality = {MS_STREAM_VIDEO, MS_QUALITY_RELIABLE}, got;

	ms_add_service_quality(start(), &quality);
	struct stun_attr attr = added(MS_SERVICE_QUALITY, "0002 0001");
	ck_assert(ms_attr_service_quality(&attr, &got));
	ck_assert_uint_eq(got.stream_type, 2);
	ck_assert_uint_eq(got.quality, 1);

	/* Unassigned numbers are returned unchanged. */
	attr.value = bytes_hex("ffff fffe");
	ck_assert(ms_attr_service_quality(&attr, &got));
	ck_assert_uint_eq(got.stream_type, 0xFFFF);
	ck_assert_uint_eq(got.quality, 0xFFFE);
	bytes_free(attr.value);
}
END_TEST

START_TEST(bandwidth_messages_both_ways)
{
	static const uint8_t id[MS_RESERVATION_ID_LEN] = "reservation id .";
	struct ms_reservation_amount amount = {1, 2, 3, 0xfffffffe}, amount_got;
	struct stun_attr attr;
	struct slice id_got;
	uint16_t message;

	ms_add_bandwidth_message(start(), MS_BANDWIDTH_UPDATE);
	attr = added(MS_BANDWIDTH_MESSAGE, "0000 0002");
	ck_assert(ms_attr_bandwidth_message(&attr, &message));
	ck_assert_uint_eq(message, MS_BANDWIDTH_UPDATE);
	attr.value = bytes_hex("ffff 0001"); /* reserved bits are ignored */
	ck_assert(ms_attr_bandwidth_message(&attr, &message));
	ck_assert_uint_eq(message, MS_BANDWIDTH_COMMIT);
	bytes_free(attr.value);

	ms_add_reservation_id(start(), id);
	attr = added(MS_RESERVATION_ID, "7265736572766174696f6e206964202e");
	ck_assert(ms_attr_reservation_id(&attr, &id_got));
	ck_assert_uint_eq(id_got.len, MS_RESERVATION_ID_LEN);
	ck_assert_ptr_eq(id_got.data, attr.value.data);

	ms_add_reservation_amount(start(), &amount);
	attr = added(MS_RESERVATION_AMOUNT, "00000001 00000002 00000003 fffffffe");
	ck_assert(ms_attr_reservation_amount(&attr, &amount_got));
	ck_assert_uint_eq(amount_got.min_send, 1);
	ck_assert_uint_eq(amount_got.max_send, 2);
	ck_assert_uint_eq(amount_got.min_receive, 3);
	ck_assert_uint_eq(amount_got.max_receive, 0xfffffffe);
}
END_TEST

static const struct {
	const char *name;
	uint16_t type;
	bool usable, failover, failover_got;
	const char *hex;
} paths[] = {
	{"remote site, usable", MS_REMOTE_SITE_RESPONSE, true, false, false,
	 "80000000 000007d0 ffffffff"},
	{"remote site, over the telephone network", MS_REMOTE_SITE_RESPONSE, false, true,
	 true, "40000000 000007d0 ffffffff"},
	{"local site, both", MS_LOCAL_SITE_RESPONSE, true, true, true,
	 "c0000000 000007d0 ffffffff"},
	{"remote relay has no failover", MS_REMOTE_RELAY_SITE_RESPONSE, true, true, false,
	 "80000000 000007d0 ffffffff"},
	{"local relay has no failover", MS_LOCAL_RELAY_SITE_RESPONSE, false, true, false,
	 "00000000 000007d0 ffffffff"},
};

START_TEST(a_path_both_ways)
{
	struct ms_path path = {paths[_i].usable, paths[_i].failover, 2000, UINT32_MAX};
	struct ms_path got;

	ms_add_path(start(), paths[_i].type, &path);
	struct stun_attr attr = added(paths[_i].type, paths[_i].hex);
	ck_assert(ms_attr_path(&attr, &got));
	ck_assert_msg(got.usable == paths[_i].usable, "%s", paths[_i].name);
	ck_assert_msg(got.pstn_failover == paths[_i].failover_got, "%s", paths[_i].name);
	ck_assert_uint_eq(got.max_send, 2000);
	ck_assert_uint_eq(got.max_receive, UINT32_MAX);

	/* Reserved bits are ignored, and the failover bit where it has no meaning. */
	uint8_t value[12] = {0x7f, 0xff, 0xff, 0xff};
	attr.value = (struct slice){value, sizeof(value)};
	ck_assert(ms_attr_path(&attr, &got));
	ck_assert(!got.usable);
	ck_assert(got.pstn_failover == (paths[_i].type == MS_REMOTE_SITE_RESPONSE ||
					paths[_i].type == MS_LOCAL_SITE_RESPONSE));
}
END_TEST

/* Decoders with the result ignored: only the length matters here. */
static bool takes_sequence(const struct stun_attr *attr)
{
	struct ms_sequence out;
	return ms_attr_sequence(attr, &out);
}

static bool takes_quality(const struct stun_attr *attr)
{
	struct ms_service_quality out;
	return ms_attr_service_quality(attr, &out);
}

static bool takes_text(const struct stun_attr *attr)
{
	struct slice out;
	return ms_attr_text(attr, &out);
}

static bool takes_message(const struct stun_attr *attr)
{
	uint16_t out;
	return ms_attr_bandwidth_message(attr, &out);
}

static bool takes_reservation_id(const struct stun_attr *attr)
{
	struct slice out;
	return ms_attr_reservation_id(attr, &out);
}

static bool takes_amount(const struct stun_attr *attr)
{
	struct ms_reservation_amount out;
	return ms_attr_reservation_amount(attr, &out);
}

static bool takes_path(const struct stun_attr *attr)
{
	struct ms_path out;
	return ms_attr_path(attr, &out);
}

START_TEST(a_text_is_returned_whole)
{
	const struct stun_attr attr = {MS_REALM, {(const uint8_t *)"\"rtcmedia\"", 10}};
	struct slice out = {0};

	ck_assert(ms_attr_text(&attr, &out));
	ck_assert_ptr_eq(out.data, attr.value.data);
	ck_assert_uint_eq(out.len, attr.value.len);
}
END_TEST

static const struct {
	const char *name;
	bool (*takes)(const struct stun_attr *attr);
	size_t min, max;
} lengths[] = {
	{"MS-SEQUENCE-NUMBER", takes_sequence, 24, 24},
	{"MS-SERVICE-QUALITY", takes_quality, 4, 4},
	{"NONCE and REALM", takes_text, 0, 128},
	{"Bandwidth Admission Control Message", takes_message, 4, 4},
	{"Bandwidth Reservation Identifier", takes_reservation_id, 16, 16},
	{"Bandwidth Reservation Amount", takes_amount, 16, 16},
	{"Site Address Response", takes_path, 12, 12},
};

START_TEST(a_value_of_another_length_is_refused)
{
	uint8_t zeros[300] = {0};

	for (size_t len = 0; len < sizeof(zeros); len++) {
		struct stun_attr attr = {0x8000, bytes_exact(zeros, len)};
		bool want = len >= lengths[_i].min && len <= lengths[_i].max;

		ck_assert_msg(lengths[_i].takes(&attr) == want, "%s: %zu bytes",
			      lengths[_i].name, len);
		bytes_free(attr.value);
	}
}
END_TEST

/* After an overflow an adder adds nothing, and does not read what was never written. */
START_TEST(adders_stop_after_an_overflow)
{
	const struct endpoint ep = {.ip.family = IP_V4};
	const struct ms_sequence sequence = {.number = 0};
	const struct ms_path path = {.usable = true};
	const struct ms_reservation_amount amount = {0};
	uint8_t tiny[MS_MSG_MIN - 1];
	struct ms_builder b;

	ms_builder_start(&b, tiny, sizeof(tiny), MS_ALLOCATE_RESPONSE, txid);
	ms_add_address(&b, MS_MAPPED_ADDRESS, &ep);
	ms_add_xor_address(&b, MS_XOR_MAPPED_ADDRESS, &ep);
	ms_add_u32(&b, MS_LIFETIME, 1);
	ms_add_error_code(&b, MS_UNAUTHORIZED, "Unauthorized");
	ms_add_unknown_attributes(&b, &(uint16_t){2}, 1);
	ms_add_sequence(&b, &sequence);
	ms_add_path(&b, MS_LOCAL_SITE_RESPONSE, &path);
	ms_add_reservation_amount(&b, &amount);
	ck_assert_uint_eq(ms_builder_finish(&b), 0);
	ck_assert_uint_eq(b.len, 0);
}
END_TEST

static const struct {
	int code;
	const char *reason;
} errors[] = {
	{300, "Try Alternate"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{420, "Unknown Attribute"},
	{430, "Stale Credentials"},
	{431, "Integrity Check Failure"},
	{432, "Missing Username"},
	{433, ""},
	{434, "Missing Realm"},
	{435, "Missing Nonce"},
	{436, "Unknown User"},
	{437, "No Binding"},
	{438, "Stale Nonce"},
	{439, "Transitioning"},
	{440, "No Destination"},
	{441, "Wrong Username"},
	{486, ""},
	{500, "Server Error"},
	{600, "Global Failure"},
	{-1, ""},
	{65536 + 401, ""},
};

START_TEST(errors_have_reasons)
{
	ck_assert_str_eq(ms_error_reason(errors[_i].code), errors[_i].reason);
}
END_TEST

static const struct {
	uint16_t type;
	const char *name;
} names[] = {
	{0x0001, "MAPPED-ADDRESS"},
	{0x0006, "USERNAME"},
	{0x0008, "MESSAGE-INTEGRITY"},
	{0x0009, "ERROR-CODE"},
	{0x000A, "UNKNOWN-ATTRIBUTES"},
	{0x000D, "LIFETIME"},
	{0x000E, "ALTERNATE-SERVER"},
	{0x000F, "MAGIC-COOKIE"},
	{0x0010, "BANDWIDTH"},
	{0x0011, "DESTINATION-ADDRESS"},
	{0x0012, "REMOTE-ADDRESS"},
	{0x0013, "DATA"},
	{0x0014, "NONCE"}, /* swapped against STUN */
	{0x0015, "REALM"},
	{0x0017, "REQUESTED-ADDRESS-FAMILY"},
	{0x0800, "0x0800 of Skype"},
	{0x24DF, "0x24DF of Skype"},
	{0x3802, "0x3802 of Skype"},
	{0x8006, "undocumented 0x8006"},
	{0x8008, "MS-VERSION"},
	{0x8020, "MS-XOR-MAPPED-ADDRESS"},
	{0x8032, "MS-ALTERNATE-HOST-NAME"},
	{0x8036, "undocumented 0x8036"},
	{0x8037, "MS-APP-ID"},
	{0x8039, "MS-SECURE-TAG"},
	{0x8050, "MS-SEQUENCE-NUMBER"},
	{0x8054, "CANDIDATE-IDENTIFIER"},
	{0x8055, "MS-SERVICE-QUALITY"},
	{0x8056, "Bandwidth Admission Control Message"},
	{0x8057, "Bandwidth Reservation Identifier"},
	{0x8058, "Bandwidth Reservation Amount"},
	{0x8059, "Remote Site Address"},
	{0x805A, "Remote Relay Site Address"},
	{0x805B, "Local Site Address"},
	{0x805C, "Local Relay Site Address"},
	{0x805D, "Remote Site Address Response"},
	{0x805E, "Remote Relay Site Address Response"},
	{0x805F, "Local Site Address Response"},
	{0x8060, "Local Relay Site Address Response"},
	{0x8061, "SIP Dialog Identifier"},
	{0x8062, "SIP Call Identifier"},
	{0x8068, "Location Profile"},
	{0x8070, "MS-IMPLEMENTATION-VERSION"},
	{0x8090, "MS-ALTERNATE-MAPPED-ADDRESS"},
	{0x8095, "MULTIPLEXED-TURN-SESSION-ID"},
};

START_TEST(attributes_have_names)
{
	size_t next = 0;

	for (unsigned type = 0; type <= UINT16_MAX; type++) {
		bool known = next < ARRAY_LEN(names) && names[next].type == type;
		const char *name = ms_attr_name((uint16_t)type);

		ck_assert_msg((name != NULL) == known, "0x%04x", type);
		ck_assert(ms_attr_is_known((uint16_t)type) == known);
		ck_assert(ms_attr_is_required((uint16_t)type) == (type <= 0x7FFF));
		if (known)
			ck_assert_str_eq(name, names[next++].name);
	}
	ck_assert_uint_eq(next, ARRAY_LEN(names));
}
END_TEST

static const struct {
	uint16_t type;
	const char *name;
} types[] = {
	{0x0003, "Allocate request"},
	{0x0004, "Send request"},
	{0x0006, "Set Active Destination request"},
	{0x0103, "Allocate response"},
	{0x0106, "Set Active Destination response"},
	{0x0113, "Allocate error response"},
	{0x0115, "Data Indication"},
	{0x0116, "Set Active Destination error response"},
};

START_TEST(types_have_names)
{
	size_t next = 0;

	for (unsigned type = 0; type <= UINT16_MAX; type++) {
		bool known = next < ARRAY_LEN(types) && types[next].type == type;
		const char *name = ms_type_name((uint16_t)type);

		ck_assert_msg((name != NULL) == known, "0x%04x", type);
		if (known)
			ck_assert_str_eq(name, types[next++].name);
	}
}
END_TEST

static void attr_suite(Suite *suite)
{
	TCase *tc = tcase_create("values");
	tcase_add_loop_test(tc, an_address_both_ways, 0, ROWS(addresses));
	tcase_add_loop_test(tc, an_address_is_checked, 0, ROWS(address_values));
	tcase_add_test(tc, numbers_both_ways);
	tcase_add_test(tc, an_error_both_ways);
	tcase_add_test(tc, unknown_attributes_both_ways);
	tcase_add_test(tc, a_sequence_number_both_ways);
	tcase_add_test(tc, service_quality_both_ways);
	tcase_add_test(tc, bandwidth_messages_both_ways);
	tcase_add_loop_test(tc, a_path_both_ways, 0, ROWS(paths));
	tcase_add_test(tc, a_text_is_returned_whole);
	tcase_add_loop_test(tc, a_value_of_another_length_is_refused, 0, ROWS(lengths));
	tcase_add_test(tc, adders_stop_after_an_overflow);
	suite_add_tcase(suite, tc);

	tc = tcase_create("numbers");
	tcase_add_loop_test(tc, errors_have_reasons, 0, ROWS(errors));
	tcase_add_test(tc, attributes_have_names);
	tcase_add_test(tc, types_have_names);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("ms_attr", attr_suite)
