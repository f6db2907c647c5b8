/*
 * test_auth.c - the checks of RFC 8489 section 9.2.4 in their order, and that an unknown
 * user costs as much as a wrong password. Linked with --wrap to count the work.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "auth/credential/credential.h"
#include "relay/core/auth.h"
#include "relay/core/transactions.h"
#include "stun/attr.h"
#include "tests/unit/core/auth_request.h"
#include "tests/unit/core/fake_edge.h"
#include "tests/unit/lib/unit.h"

static struct fixture fixture;
static struct five_tuple source;
static struct auth got;

static struct {
	unsigned macs;        /* of messages */
	unsigned derivations; /* of long-term keys */
	unsigned passwords;   /* HMACs that make or check credentials */
} work;

bool __real_stun_verify(const struct stun_msg *msg, enum stun_integrity kind,
			const struct stun_key *key);
bool __wrap_stun_verify(const struct stun_msg *msg, enum stun_integrity kind,
			const struct stun_key *key);
bool __wrap_stun_verify(const struct stun_msg *msg, enum stun_integrity kind,
			const struct stun_key *key)
{
	work.macs++;
	return __real_stun_verify(msg, kind, key);
}

bool __real_stun_key_long_term(struct stun_key *key,
			       enum stun_password_algorithm algorithm,
			       struct slice username, struct slice realm,
			       struct slice password);
bool __wrap_stun_key_long_term(struct stun_key *key,
			       enum stun_password_algorithm algorithm,
			       struct slice username, struct slice realm,
			       struct slice password);
bool __wrap_stun_key_long_term(struct stun_key *key,
			       enum stun_password_algorithm algorithm,
			       struct slice username, struct slice realm,
			       struct slice password)
{
	work.derivations++;
	return __real_stun_key_long_term(key, algorithm, username, realm, password);
}

unsigned char *__real_HMAC(const EVP_MD *md, const void *key, int key_len,
			   const unsigned char *data, size_t len, unsigned char *out,
			   unsigned *out_len);
unsigned char *__wrap_HMAC(const EVP_MD *md, const void *key, int key_len,
			   const unsigned char *data, size_t len, unsigned char *out,
			   unsigned *out_len);
unsigned char *__wrap_HMAC(const EVP_MD *md, const void *key, int key_len,
			   const unsigned char *data, size_t len, unsigned char *out,
			   unsigned *out_len)
{
	work.passwords++;
	return __real_HMAC(md, key, key_len, data, len, out, out_len);
}

static void begin(void)
{
	fixture_stop(&fixture);
	ck_assert(
		fixture_start(&fixture, &(struct fixture_options){.keyring = auth_keys}));
	fixture.now_ms = 100000000; /* leaves room for nonces issued earlier */
	source = auth_source();
}

static void end(void)
{
	fixture_stop(&fixture);
}

static int ask_on(struct asking a, const struct allocation *al)
{
	struct stun_msg msg = auth_request(&fixture, a);

	memset(&work, 0, sizeof(work));
	auth_check(&fixture.turn, &msg, &source, al, fixture.now_ms, fixture.unix_s,
		   &got);
	return got.code;
}

static int ask(struct asking a)
{
	return ask_on(a, NULL);
}

static const struct {
	const char *name;
	int what;
	int code;
	enum auth_failure failure;
	enum stun_integrity reply;
} rows[] = {
	/* step 1 */
	{"no integrity (T-080)", 0, 401, AUTH_FAILURE_NO_INTEGRITY, 0},
	{"no integrity, no user either", NO_USERNAME | NO_NONCE | NO_REALM, 401,
	 AUTH_FAILURE_NO_INTEGRITY, 0},
	/* step 2 */
	{"no USERNAME (T-081)", MD5 | NO_USERNAME, 400, AUTH_FAILURE_MISSING, 0},
	{"no REALM (T-081)", MD5 | NO_REALM, 400, AUTH_FAILURE_MISSING, 0},
	{"no NONCE (T-081)", MD5 | NO_NONCE, 400, AUTH_FAILURE_MISSING, 0},
	{"USERNAME and USERHASH (T-123)", MD5 | WITH_USERHASH, 400, AUTH_FAILURE_MISSING,
	 0},
	{"USERHASH of 31 bytes (T-121)", MD5 | NO_USERNAME | BAD_USERHASH, 400,
	 AUTH_FAILURE_MISSING, 0},
	{"MI of 16 bytes (T-065)", MI_SHORT, 400, AUTH_FAILURE_MISSING, 0},
	{"MI256 of 16 bytes (T-064)", MI256_SHORT, 400, AUTH_FAILURE_MISSING, 0},
	{"MI256 of 36 bytes (T-064)", MI256_LONG, 400, AUTH_FAILURE_MISSING, 0},
	{"good MI, MI256 of 16 bytes (T-064)", MI | MI256_SHORT, 400,
	 AUTH_FAILURE_MISSING, 0},
	/* step 3 */
	{"neither: MD5 (T-082)", MD5, 0, AUTH_FAILURE_NONE, STUN_INTEGRITY_SHA1},
	{"both, SHA-256", SHA256, 0, AUTH_FAILURE_NONE, STUN_INTEGRITY_SHA256},
	{"both, MD5", PAS | PA_MD5 | MI256, 0, AUTH_FAILURE_NONE, STUN_INTEGRITY_SHA256},
	{"both, MD5, MI (T-087)", PAS | PA_MD5 | MI, 0, AUTH_FAILURE_NONE,
	 STUN_INTEGRITY_SHA256},
	{"both, SHA-256, MI (T-089)", PAS | PA_SHA256 | KEY_SHA256 | MI, 0,
	 AUTH_FAILURE_NONE, STUN_INTEGRITY_SHA256},
	{"neither, MI256 (T-091, T-E04)", MI256, 0, AUTH_FAILURE_NONE,
	 STUN_INTEGRITY_SHA1},
	{"PA only (T-082)", PA_SHA256 | KEY_SHA256 | MI256, 400, AUTH_FAILURE_BID_DOWN,
	 0},
	{"PA MD5 only (T-082)", PA_MD5 | MI, 400, AUTH_FAILURE_BID_DOWN, 0},
	{"PAS only (T-082)", PAS | MI, 400, AUTH_FAILURE_BID_DOWN, 0},
	{"PAS shortened (T-082)", PAS_SHORT | PA_SHA256 | KEY_SHA256 | MI256, 400,
	 AUTH_FAILURE_BID_DOWN, 0},
	{"PAS reordered (T-082)", PAS_REORDERED | PA_MD5 | MI256, 400,
	 AUTH_FAILURE_BID_DOWN, 0},
	{"PA not in the list (T-082)", PAS | PA_OTHER | MI256, 400, AUTH_FAILURE_BID_DOWN,
	 0},
	{"PA with parameters (T-082)", PAS | PA_PARAMETERS | KEY_SHA256 | MI256, 400,
	 AUTH_FAILURE_BID_DOWN, 0},
	{"two entries in PA", PAS | PA_TWICE | KEY_SHA256 | MI256, 400,
	 AUTH_FAILURE_BID_DOWN, 0},
	{"PA of two bytes", PAS | PA_CUT | KEY_SHA256 | MI256, 400, AUTH_FAILURE_BID_DOWN,
	 0},
	{"nonce of an RFC 5389 server, PA only", PLAIN_NONCE | PA_MD5 | MI, 438,
	 AUTH_FAILURE_STALE_NONCE, STUN_INTEGRITY_SHA256},
	{"feature bits stripped (T-115)", STRIPPED_NONCE | MI, 438,
	 AUTH_FAILURE_STALE_NONCE, STUN_INTEGRITY_SHA1},
	{"feature bits stripped, SHA-256 (T-115)", STRIPPED_NONCE | SHA256, 438,
	 AUTH_FAILURE_STALE_NONCE, STUN_INTEGRITY_SHA256},
	/* step 4 */
	{"wrong realm (T-083)", MD5 | WRONG_REALM, 401, AUTH_FAILURE_UNKNOWN_USER, 0},
	{"USERHASH alone (T-122)", MD5 | NO_USERNAME | WITH_USERHASH, 401,
	 AUTH_FAILURE_UNKNOWN_USER, 0},
	{"bid-down before the unknown user", PAS | MI | WRONG_REALM, 400,
	 AUTH_FAILURE_BID_DOWN, 0},
	/* step 5 */
	{"wrong password, MI (T-084)", MD5 | WRONG_PASSWORD, 401, AUTH_FAILURE_BAD_MAC,
	 0},
	{"wrong password, MI256 (T-084)", SHA256 | WRONG_PASSWORD, 401,
	 AUTH_FAILURE_BAD_MAC, 0},
	{"key of the other algorithm", PAS | PA_MD5 | KEY_SHA256 | MI256, 401,
	 AUTH_FAILURE_BAD_MAC, 0},
	{"bad MI, good MI256 (T-084)", MI_BAD | SHA256, 0, AUTH_FAILURE_NONE,
	 STUN_INTEGRITY_SHA256},
	/* step 6 */
	{"stale nonce, good MAC (T-085)", MD5 | STALE_NONCE, 438,
	 AUTH_FAILURE_STALE_NONCE, STUN_INTEGRITY_SHA1},
	{"stale nonce, bad MAC (T-085)", MD5 | STALE_NONCE | WRONG_PASSWORD, 401,
	 AUTH_FAILURE_BAD_MAC, 0},
	{"nonce of another port, good MAC (T-113)", SHA256 | FOREIGN_NONCE, 438,
	 AUTH_FAILURE_STALE_NONCE, STUN_INTEGRITY_SHA256},
	{"nonce of another port, bad MAC", SHA256 | FOREIGN_NONCE | WRONG_PASSWORD, 401,
	 AUTH_FAILURE_BAD_MAC, 0},
};

START_TEST(steps_come_in_the_rfcs_order) /* RFC 8489 section 9.2.4 */
{
	int code = ask((struct asking){.what = rows[_i].what});

	ck_assert_msg(code == rows[_i].code && got.failure == rows[_i].failure,
		      "%s: got %d, %s", rows[_i].name, code,
		      auth_failure_name(got.failure));
	ck_assert_msg(got.reply_kind == rows[_i].reply, "%s: reply kind %d",
		      rows[_i].name, got.reply_kind);
	if (code == 0 || code == 438) {
		ck_assert_str_eq(got.owner.user, "alice");
		ck_assert_str_eq(got.owner.key_id, "k1");
		ck_assert_uint_eq(got.owner.key.len,
				  rows[_i].what & KEY_SHA256 ? 32 : 16);
	} else {
		ck_assert_uint_eq(got.owner.key.len, 0);
		ck_assert_str_eq(got.owner.user, "");
	}
}
END_TEST

static const struct {
	const char *name;
	const char *bytes;
	int want;
} usernames[] = {
	{"not a credential", "alice", 401},
	{"no digits before the colon (T-560)", "abc:12", 401},
	{"sign (T-560)", "-1:x", 401},
	{"two bytes of UTF-8", "caf\xc3\xa9", 401},
	{"four bytes of UTF-8", "\xf0\x9f\x98\x80", 401},
	{"continuation alone (T-094)", "\x80", 400},
	{"cut off (T-094)", "caf\xc3", 400},
	{"cut by another character", "\xe2\x82:", 400},
	{"overlong NUL (T-094)", "\xc0\x80", 400},
	{"overlong, three bytes", "\xe0\x80\x80", 400},
	{"overlong, four bytes", "\xf0\x80\x80\x80", 400},
	{"surrogate", "\xed\xa0\x80", 400},
	{"last before the surrogates", "\xed\x9f\xbf", 401},
	{"above U+10FFFF", "\xf4\x90\x80\x80", 400},
	{"largest", "\xf4\x8f\xbf\xbf", 401},
	{"five bytes, as in old UTF-8", "\xf8\x90\x80\x80", 400},
	{"invalid byte", "\xff", 400},
};

START_TEST(username_is_utf8) /* T-094 */
{
	int code = ask((struct asking){.username = usernames[_i].bytes, .what = MD5});
	ck_assert_msg(code == usernames[_i].want, "%s: got %d", usernames[_i].name, code);
}
END_TEST

START_TEST(username_has_up_to_763_bytes) /* T-094 */
{
	static char name[800];
	int len = snprintf(name, sizeof(name), "%s", alice(&fixture, 600));

	memset(name + len, 'e', sizeof(name) - 1 - (size_t)len);
	ck_assert_int_eq(
		ask((struct asking){.username = name, .username_len = 763, .what = MD5}),
		0);
	ck_assert_int_eq(
		ask((struct asking){.username = name, .username_len = 764, .what = MD5}),
		400);
}
END_TEST

static const struct {
	const char *name;
	const char *key_id;
	int want;
} ring[] = {
	{"the key that signs", "k1", 0},
	{"another valid key", "k2", 0},
	{"a key past its time", "k0", 401},
};

START_TEST(every_valid_key_verifies) /* T-563, T-564 */
{
	static const int kinds[] = {MD5, SHA256};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		int code =
			ask((struct asking){.key_id = ring[_i].key_id, .what = kinds[i]});
		ck_assert_msg(code == ring[_i].want, "%s: got %d", ring[_i].name, code);
		if (code == 0)
			ck_assert_str_eq(got.owner.key_id, ring[_i].key_id);
	}
}
END_TEST

static const struct {
	const char *name;
	uint16_t method;
	int64_t expires_in_s;
	int64_t skew_s;
	int64_t ttl_max_s;
	int want;
	uint64_t off_s;
} times[] = {
	{"one second left", TURN_ALLOCATE, 1, 0, 0, 0, 0},
	{"reached (T-561)", TURN_ALLOCATE, 0, 0, 0, 401, 0},
	{"long ago (T-561)", TURN_ALLOCATE, -100000, 60, 0, 401, 100000},
	{"a clock 60 s behind", TURN_ALLOCATE, -59, 60, 0, 0, 0},
	{"a clock further behind", TURN_ALLOCATE, -60, 60, 0, 401, 60},
	{"within the ceiling", TURN_ALLOCATE, 3600, 0, 3600, 0, 0},
	{"beyond the ceiling (T-567)", TURN_ALLOCATE, 3601, 0, 3600, 401, 1},
	{"a clock 60 s ahead", TURN_ALLOCATE, 3660, 60, 3600, 0, 0},
	{"a clock further ahead", TURN_ALLOCATE, 3661, 60, 3600, 401, 61},
	{"Refresh after expiry (T-562)", TURN_REFRESH, -1, 0, 0, 0, 0},
	{"CreatePermission after expiry (T-562)", TURN_CREATE_PERMISSION, -1, 0, 0, 0, 0},
	{"ChannelBind after expiry (T-562)", TURN_CHANNEL_BIND, -1, 0, 0, 0, 0},
};

START_TEST(credential_expires_for_allocate_only) /* T-561, T-562, T-567 */
{
	struct turn_refusal refusal;

	fixture.settings.limits.credential_ttl_max_s = times[_i].ttl_max_s;
	fixture.settings.limits.clock_skew_s = times[_i].skew_s;
	int code =
		ask((struct asking){.method = times[_i].method,
				    .username = alice(&fixture, times[_i].expires_in_s),
				    .what = MD5});
	ck_assert_msg(code == times[_i].want, "%s: got %d", times[_i].name, code);
	refusal = turn_read_refusal(&fixture.turn);
	if (!code) {
		ck_assert_uint_eq(refusal.at_s, 0);
		return;
	}
	ck_assert_int_eq(got.failure, times[_i].expires_in_s > 0 ? AUTH_FAILURE_TOO_FAR
								 : AUTH_FAILURE_EXPIRED);
	ck_assert_uint_eq(refusal.at_s, (uint64_t)fixture.unix_s);
	ck_assert_uint_eq(refusal.off_s, times[_i].off_s);
	ck_assert_uint_eq(refusal.too_far, times[_i].expires_in_s > 0);
}
END_TEST

/* Every form of credential, and a key that is not valid yet or no longer. */
START_TEST(keys_verify_for_the_skew)
{
	struct key *key = &fixture.settings.keyring->keys[1];

	fixture.settings.limits.clock_skew_s = 60;
	ck_assert_ptr_eq(key, key_of(&fixture, "k2"));
	key->not_before_s = fixture.unix_s + 60;
	ck_assert_int_eq(ask((struct asking){.key_id = "k2", .what = MD5}), 0);
	key->not_before_s = fixture.unix_s + 61;
	ck_assert_int_eq(ask((struct asking){.key_id = "k2", .what = MD5}), 401);
	key->not_before_s = INT64_MIN;
	key->not_after_s = fixture.unix_s - 59;
	ck_assert_int_eq(ask((struct asking){.key_id = "k2", .what = MD5}), 0);
	key->not_after_s = fixture.unix_s - 60;
	ck_assert_int_eq(ask((struct asking){.key_id = "k2", .what = MD5}), 401);
}
END_TEST

/* An allocation as the dialect makes it, after an authenticated Allocate. */
static struct allocation *allocate(struct asking a)
{
	static const uint8_t txid[STUN_TXID_LEN] = {9};
	struct allocation *al;

	ck_assert_int_eq(ask(a), 0);
	const struct allocation_request request = {
		.tuple = source,
		.family = IP_V4,
		.lifetime_s = 600,
		.txid = txid,
		.owner = &got.owner,
	};
	ck_assert_int_eq(allocation_create(&fixture.turn, &request, fixture.now_ms, &al),
			 0);
	return al;
}

START_TEST(stored_key_saves_the_derivation)
{
	struct allocation *al = allocate((struct asking){.what = SHA256});

	ck_assert_int_eq(
		ask_on((struct asking){.method = TURN_REFRESH, .what = SHA256}, al), 0);
	ck_assert_uint_eq(work.macs, 1);
	ck_assert_uint_eq(work.derivations, 0);
	ck_assert_uint_eq(work.passwords, 0);
	ck_assert_str_eq(got.owner.user, "alice");
	ck_assert_str_eq(got.owner.key_id, "k1");
	ck_assert(owner_id_equal(&got.owner.id, &al->owner.id));

	/* An algorithm other than that of Allocate means another key. */
	ck_assert_int_eq(ask_on((struct asking){.method = TURN_REFRESH, .what = MD5}, al),
			 0);
	ck_assert_uint_eq(got.owner.key.len, 16);
	ck_assert_uint_gt(work.derivations, 0);
	ck_assert_int_eq(ask_on((struct asking){.method = TURN_REFRESH,
						.what = SHA256 | WRONG_PASSWORD},
				al),
			 401);
	/* The same user under the other key of the ring, as after a rotation. */
	ck_assert_int_eq(ask_on((struct asking){.method = TURN_REFRESH,
						.what = SHA256,
						.key_id = "k2"},
				al),
			 0);
	ck_assert_str_eq(got.owner.key_id, "k2");
}
END_TEST

START_TEST(stored_key_does_not_excuse_the_realm) /* T-083 */
{
	struct allocation *al = allocate((struct asking){.what = MD5});

	ck_assert_int_eq(
		ask_on((struct asking){.method = TURN_REFRESH, .what = MD5 | WRONG_REALM},
		       al),
		401);
}
END_TEST

START_TEST(repeated_allocate_outlives_the_credential) /* T-562, T-232 */
{
	struct allocation *al =
		allocate((struct asking){.username = alice(&fixture, 1), .what = MD5});
	char name[64];

	snprintf(name, sizeof(name), "%s", alice(&fixture, 1));
	fixture.unix_s += 10;
	ck_assert_int_eq(ask_on((struct asking){.username = name, .what = MD5}, al), 0);
	ck_assert_int_eq(ask_on((struct asking){.username = name, .what = SHA256}, al),
			 0);
	/* Without the allocation this is a new request. */
	ck_assert_int_eq(ask((struct asking){.username = name, .what = MD5}), 401);
}
END_TEST

START_TEST(owner_is_the_whole_username) /* T-204 */
{
	struct owner_id first;

	ck_assert_int_eq(
		ask((struct asking){.username = alice(&fixture, 10), .what = MD5}), 0);
	first = got.owner.id;
	ck_assert_int_eq(
		ask((struct asking){.username = alice(&fixture, 10), .what = SHA256}), 0);
	ck_assert(owner_id_equal(&first, &got.owner.id));
	ck_assert_int_eq(
		ask((struct asking){.username = alice(&fixture, 11), .what = MD5}), 0);
	ck_assert(!owner_id_equal(&first, &got.owner.id));
	ck_assert_str_eq(got.owner.user, "alice");
}
END_TEST

START_TEST(repetition_outlives_the_nonce) /* T-116 */
{
	struct allocation *al = allocate((struct asking){.what = MD5});
	const uint8_t txid[STUN_TXID_LEN] = {5};
	struct asking again = {
		.method = TURN_REFRESH, .what = MD5 | STALE_NONCE, .txid = 5};

	ck_assert_int_eq(ask_on(again, al), 438);
	transactions_remember(&al->transactions, txid, STUN_TXID_LEN, 0, fixture.now_ms);
	ck_assert_int_eq(ask_on(again, al), 0);
	ck_assert_int_eq(ask_on((struct asking){.method = TURN_REFRESH,
						.what = MD5 | FOREIGN_NONCE,
						.txid = 5},
				al),
			 438);
	/* Another user's allocation does not help us. */
	memset(&al->owner.id, 0, sizeof(al->owner.id));
	ck_assert_int_eq(ask_on(again, al), 438);
	al->owner.id = got.owner.id;
	fixture.now_ms += 40000;
	ck_assert_int_eq(ask_on(again, al), 438);
}
END_TEST

/* MRAS credentials as IETF clients present them: base64 strings. */
START_TEST(mras_token_in_text_is_accepted)
{
	struct credential_pair pair;
	uint64_t serial = 1;
	struct stun_builder b;
	struct stun_key key;
	struct stun_msg msg;
	uint8_t buf[512];
	struct slice realm = {(const uint8_t *)fixture_realm, strlen(fixture_realm)};

	ck_assert(credential_issue_mras(key_of(&fixture, "k2"), 2,
					(struct slice){(const uint8_t *)"bob", 3},
					fixture.unix_s + 60, NULL, &serial, &pair));
	for (int flip = 0; flip < 3; flip++) {
		static const int want[] = {0, 401, 401};

		/* The MAC inside the token; the password. */
		if (flip == 1)
			pair.username[70] ^= 1;
		if (flip == 2) {
			pair.username[70] ^= 1;
			pair.password[3] ^= 1;
		}
		struct slice name = {(const uint8_t *)pair.username,
				     strlen(pair.username)};
		struct slice password = {(const uint8_t *)pair.password,
					 strlen(pair.password)};

		ck_assert(stun_key_long_term(&key, STUN_PASSWORD_MD5, name, realm,
					     password));
		stun_builder_start(&b, buf, sizeof(buf), TURN_ALLOCATE, STUN_REQUEST,
				   (const uint8_t *)"transaction!");
		stun_builder_add(&b, STUN_USERNAME, name.data, name.len);
		stun_builder_add(&b, STUN_REALM, realm.data, realm.len);
		add_nonce(&fixture, &b, 0);
		stun_add_integrity(&b, STUN_INTEGRITY_SHA1, &key);
		size_t len = stun_builder_finish(&b);
		ck_assert_int_eq(stun_msg_parse((struct slice){buf, len}, &msg),
				 STUN_PARSE_OK);
		memset(&work, 0, sizeof(work));
		auth_check(&fixture.turn, &msg, &source, NULL, fixture.now_ms,
			   fixture.unix_s, &got);
		ck_assert_msg(got.code == want[flip], "flip %d: got %d", flip, got.code);
		static const enum auth_failure why[] = {AUTH_FAILURE_NONE,
							AUTH_FAILURE_UNKNOWN_KEY,
							AUTH_FAILURE_BAD_MAC};
		ck_assert_int_eq(got.failure, why[flip]);
		if (flip == 0)
			ck_assert_str_eq(got.owner.key_id, "k2");
		/*
		 * One password derivation each, whether or not one of our keys made the
		 * token.
		 */
		ck_assert_uint_eq(work.macs, 1);
		ck_assert_uint_eq(work.derivations, 1);
	}
}
END_TEST

static const struct {
	const char *name;
	const char *username;
	int what;
} strangers[] = {
	{"username of no form", "mallory", MI | WRONG_PASSWORD},
	{"expired and wrong", "1:mallory", MI | WRONG_PASSWORD},
	{"wrong realm", NULL, MI | WRONG_REALM},
	{"USERHASH alone", NULL, MI | NO_USERNAME | WITH_USERHASH},
	{"SHA-256, username of no form", "mallory", SHA256 | WRONG_PASSWORD},
};

START_TEST(unknown_user_costs_as_much_as_a_wrong_password) /* attack 41 */
{
	ck_assert_int_eq(ask((struct asking){.what = MI | WRONG_PASSWORD}), 401);
	ck_assert_int_eq(got.failure, AUTH_FAILURE_BAD_MAC);
	unsigned macs = work.macs, derivations = work.derivations,
		 passwords = work.passwords;
	ck_assert_uint_eq(macs, 2); /* one per valid key */

	int code = ask((struct asking){.username = strangers[_i].username,
				       .what = strangers[_i].what});
	ck_assert_msg(code == 401, "%s: got %d", strangers[_i].name, code);
	ck_assert_msg(work.macs == macs && work.derivations == derivations &&
			      work.passwords == passwords,
		      "%s: %u MACs, %u keys, %u passwords", strangers[_i].name, work.macs,
		      work.derivations, work.passwords);
}
END_TEST

START_TEST(unknown_user_is_never_accepted)
{
	/* The MAC would match if the name were taken for the other form. */
	ck_assert_int_eq(ask((struct asking){.username = "mallory", .what = MI}), 401);
	ck_assert_int_eq(ask((struct asking){.what = MI | NO_USERNAME | WITH_USERHASH}),
			 401);
	ck_assert_uint_eq(got.owner.key.len, 0);
}
END_TEST

START_TEST(ring_without_rest_keys_still_does_one_round)
{
	fixture_stop(&fixture);
	ck_assert(fixture_start(
		&fixture,
		&(struct fixture_options){
			.keyring =
				"k1 MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY= - - rest=none\n"}));
	struct keyring *one = fixture.settings.keyring;
	one->keys[0].rest = KEY_REST_SHA1;
	struct stun_msg msg = auth_request(
		&fixture, (struct asking){.username = "mallory", .what = MI});
	one->keys[0].rest = KEY_REST_NONE;
	memset(&work, 0, sizeof(work));
	auth_check(&fixture.turn, &msg, &source, NULL, fixture.now_ms, fixture.unix_s,
		   &got);
	ck_assert_int_eq(got.code, 401);
	ck_assert_uint_eq(work.macs, 1);
	ck_assert_uint_eq(work.derivations, 1);
}
END_TEST

START_TEST(offer_lists_sha256_first) /* T-093 */
{
	ck_assert_mem_eq(auth_password_algorithms, "\0\2\0\0\0\1\0\0", 8);
}
END_TEST

START_TEST(attributes_after_the_integrity_are_ignored) /* T-062, attack 36 */
{
	struct stun_msg msg =
		auth_request(&fixture, (struct asking){.what = MD5 | NO_NONCE});
	size_t len = msg.bytes.len;
	uint8_t buf[512];
	char nonce[NONCE_LEN];

	memcpy(buf, msg.bytes.data, len);

	/* The missing NONCE, after the integrity, where no MAC covers it. */
	nonce_make(&fixture.settings.nonce_key, &source,
		   (struct slice){(const uint8_t *)fixture_realm, strlen(fixture_realm)},
		   fixture.now_ms, nonce);
	store_be16(buf + len, STUN_NONCE);
	store_be16(buf + len + 2, NONCE_LEN);
	memcpy(buf + len + 4, nonce, NONCE_LEN);
	store_be16(buf + 2, (uint16_t)(len + 4 + NONCE_LEN - 20));
	ck_assert_int_eq(stun_msg_parse((struct slice){buf, len + 4 + NONCE_LEN}, &msg),
			 STUN_PARSE_OK);
	auth_check(&fixture.turn, &msg, &source, NULL, fixture.now_ms, fixture.unix_s,
		   &got);
	ck_assert_int_eq(got.code, 400);
}
END_TEST

static void auth_suite(Suite *suite)
{
	TCase *tc = tcase_create("auth");
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, steps_come_in_the_rfcs_order, 0, ROWS(rows));
	tcase_add_loop_test(tc, username_is_utf8, 0, ROWS(usernames));
	tcase_add_test(tc, username_has_up_to_763_bytes);
	tcase_add_loop_test(tc, every_valid_key_verifies, 0, ROWS(ring));
	tcase_add_loop_test(tc, credential_expires_for_allocate_only, 0, ROWS(times));
	tcase_add_test(tc, keys_verify_for_the_skew);
	tcase_add_test(tc, stored_key_saves_the_derivation);
	tcase_add_test(tc, stored_key_does_not_excuse_the_realm);
	tcase_add_test(tc, repeated_allocate_outlives_the_credential);
	tcase_add_test(tc, owner_is_the_whole_username);
	tcase_add_test(tc, repetition_outlives_the_nonce);
	tcase_add_test(tc, mras_token_in_text_is_accepted);
	tcase_add_loop_test(tc, unknown_user_costs_as_much_as_a_wrong_password, 0,
			    ROWS(strangers));
	tcase_add_test(tc, unknown_user_is_never_accepted);
	tcase_add_test(tc, ring_without_rest_keys_still_does_one_round);
	tcase_add_test(tc, offer_lists_sha256_first);
	tcase_add_test(tc, attributes_after_the_integrity_are_ignored);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("auth", auth_suite)
