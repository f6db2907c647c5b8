/*
 * test_saved_allocation.c - every kind of allocation as a record and back; records of other versions.
 */
#include "relay/state/saved_allocation.h"

#include <string.h>

#include "tests/unit/lib/unit.h"
#include "tests/unit/state/images.h"
#include "tests/unit/state/next_saved_allocation.h"

static struct allocation_image image, again;
static uint8_t bytes[SAVED_ALLOCATION_MAX];

static struct slice write(enum image_kind kind)
{
	image_make(&image, kind);
	ck_assert_msg(allocation_image_is_sound(&image), "%s", image_kind_name(kind));
	allocation_image_trim(&image, IMAGE_NOW_MS);

	size_t len = saved_allocation_write(&image, bytes, sizeof(bytes));

	ck_assert_msg(len > 0, "%s", image_kind_name(kind));
	return (struct slice){bytes, len};
}

START_TEST(every_kind_comes_back) /* one for each */
{
	struct slice record = write((enum image_kind)_i);
	enum saved_verdict verdict = saved_allocation_read(record, &again);

	ck_assert_msg(verdict == SAVED_GOOD, "%s: verdict %d",
		      image_kind_name((enum image_kind)_i), verdict);
	const char *difference = images_difference(&image, &again);

	ck_assert_msg(difference == NULL, "%s: %s differs",
		      image_kind_name((enum image_kind)_i), difference);
}
END_TEST

START_TEST(no_prefix_of_a_record_is_one) /* one for each kind */
{
	struct slice record = write((enum image_kind)_i);
	size_t step = 1 + record.len / 1000;

	for (size_t len = 0; len < record.len; len += step) {
		struct slice part = {record.data, len};

		ck_assert_msg(saved_allocation_read(part, &again) != SAVED_GOOD,
			      "%s: %zu of %zu bytes",
			      image_kind_name((enum image_kind)_i), len, record.len);
	}
}
END_TEST

START_TEST(too_little_room_is_told)
{
	size_t len = write(IMAGE_FULL).len;

	ck_assert_uint_eq(saved_allocation_write(&image, bytes, len), len);
	ck_assert_uint_eq(saved_allocation_write(&image, bytes, len - 1), 0);
	ck_assert_uint_eq(saved_allocation_write(&image, bytes, 0), 0);
}
END_TEST

/* It is kept for every idle call. */
START_TEST(the_typical_record_is_short)
{
	size_t len = write(IMAGE_TYPICAL).len;

	ck_assert_msg(len <= 150, "%zu bytes", len);
}
END_TEST

START_TEST(no_record_holds_a_key)
{
	static const uint8_t secret[STUN_KEY_MAX] = "0123456789abcdef0123456789abcde";

	image_make(&image, IMAGE_TYPICAL);
	image.move.owner.key.len = 32;
	memcpy(image.move.owner.key.bytes, secret, sizeof(secret));
	memcpy(image.move.owner.id.bytes, secret, sizeof(image.move.al.owner.id));
	size_t len = saved_allocation_write(&image, bytes, sizeof(bytes));

	ck_assert_uint_gt(len, 0);
	ck_assert_ptr_null(memmem(bytes, len, secret, 4));
}
END_TEST

START_TEST(what_is_over_is_trimmed)
{
	image_make(&image, IMAGE_IPV6);
	image.move.permissions[0].expires_ms = IMAGE_NOW_MS;
	image.move.channels[1].expires_ms = IMAGE_NOW_MS;
	image.move.al.transactions.kept[0].until_ms = IMAGE_NOW_MS;
	allocation_image_trim(&image, IMAGE_NOW_MS);
	ck_assert_uint_eq(image.move.al.permission_count, 0);
	ck_assert_uint_eq(image.move.al.channel_count, 1);
	ck_assert_uint_eq(image.move.channels[0].number, 0x4FFF);
	ck_assert_msg(image.move.channels[0].permission == SLOT_NONE,
		      "the channel remains without its permission");
	ck_assert_uint_eq(image.move.al.transactions.kept[0].until_ms, 0);
	ck_assert(allocation_image_is_sound(&image));

	size_t len = saved_allocation_write(&image, bytes, sizeof(bytes));

	ck_assert_int_eq(saved_allocation_read((struct slice){bytes, len}, &again),
			 SAVED_GOOD);
	ck_assert_ptr_null(images_difference(&image, &again));
}
END_TEST

/* A channel's permission moves up when one before it is over. */
START_TEST(a_channel_keeps_its_permission)
{
	image_make(&image, IMAGE_FULL);
	image.move.permissions[0].expires_ms = 1;
	allocation_image_trim(&image, IMAGE_NOW_MS);
	ck_assert_uint_eq(image.move.channels[0].permission, SLOT_NONE);
	ck_assert_uint_eq(image.move.channels[200].permission, 199);
	ck_assert(allocation_image_is_sound(&image));
}
END_TEST

/* What agrees with no allocation is refused, although each field for itself could be. */
static void two_of_one_number(void)
{
	image.move.channels[1] = image.move.channels[0];
	image.move.channels[1].peer.port++;
	image.move.al.channel_count = 2;
}

static void two_of_one_peer(void)
{
	image.move.channels[1] = image.move.channels[0];
	image.move.channels[1].number++;
	image.move.al.channel_count = 2;
}

static void two_permissions_of_one_address(void)
{
	image.move.permissions[1] = image.move.permissions[0];
	image.move.al.permission_count = 2;
}

static void peer_of_another_family(void)
{
	image.move.permissions[0].peer.family = IP_V6;
	image.move.al.channel_count = 0;
}

static void number_of_no_channel(void)
{
	image.move.channels[0].number = 0x3FFF;
}

static void number_that_was_not_allowed(void)
{
	image.move.channels[0].number = 0x5000;
}

static void no_client_port(void)
{
	image.move.al.tuple.client.port = 0;
}

static void no_relay_port(void)
{
	image.move.al.relay_port = 0;
}

static void longer_than_it_may(void)
{
	image.move.al.ends_ms = image.move.al.expires_ms - 1;
}

static void tcp_for_a_datagram_client(void)
{
	image.move.al.relay_transport = TRANSPORT_TCP;
	image.move.al.data_connections = true;
	image.move.al.channel_count = 0;
}

static void gone_but_not_mobile(void)
{
	image.move.al.client_gone = true;
}

static void half_that_is_not_there(void)
{
	image.move.al.dual.later_family = IP_V4;
	image.move.al.dual.later_ms = image.move.al.expires_ms + 1;
}

static void key_of_no_length(void)
{
	image.proof.key_len = 17;
}

static void no_lifetime(void)
{
	image.move.al.lifetime_s = 0;
}

static const struct {
	const char *name;
	void (*spoil)(void);
} unsound[] = {
	{"two channels of one number", two_of_one_number},
	{"two channels of one peer", two_of_one_peer},
	{"two permissions of one address", two_permissions_of_one_address},
	{"a peer of another family", peer_of_another_family},
	{"a number of no channel", number_of_no_channel},
	{"a number that was not allowed", number_that_was_not_allowed},
	{"no client port", no_client_port},
	{"no relay port", no_relay_port},
	{"longer than it may be", longer_than_it_may},
	{"TCP for a client of datagrams", tcp_for_a_datagram_client},
	{"gone, and not mobile", gone_but_not_mobile},
	{"a half that is not there", half_that_is_not_there},
	{"a key of no length", key_of_no_length},
	{"no lifetime", no_lifetime},
};

START_TEST(what_contradicts_itself_is_refused) /* one for each */
{
	image_make(&image, IMAGE_TYPICAL);
	unsound[_i].spoil();
	ck_assert_msg(!allocation_image_is_sound(&image), "%s", unsound[_i].name);
	size_t len = saved_allocation_write(&image, bytes, sizeof(bytes));

	ck_assert_uint_gt(len, 0);
	ck_assert_msg(saved_allocation_read((struct slice){bytes, len}, &again) ==
			      SAVED_DAMAGED,
		      "%s", unsound[_i].name);
}
END_TEST

/* --- versions -------------------------------------------------------------------------------- */

START_TEST(the_next_version_reads_this_one) /* one for each kind */
{
	struct slice record = write((enum image_kind)_i);

	ck_assert_int_eq(next_saved_allocation_read(record, &again), SAVED_GOOD);
	ck_assert_ptr_null(images_difference(&image, &again));
}
END_TEST

START_TEST(the_next_version_reads_its_own) /* one for each kind */
{
	image_make(&image, (enum image_kind)_i);
	allocation_image_trim(&image, IMAGE_NOW_MS);
	size_t len = next_saved_allocation_write(&image, bytes, sizeof(bytes));
	struct slice record = {bytes, len};

	ck_assert_uint_gt(len, 0);
	ck_assert_uint_eq(bytes[0], SAVED_ALLOCATION_VERSION + 1);
	ck_assert_int_eq(next_saved_allocation_read(record, &again), SAVED_GOOD);
	ck_assert_ptr_null(images_difference(&image, &again));
	record.len--;
	ck_assert_msg(next_saved_allocation_read(record, &again) != SAVED_GOOD,
		      "the field that it adds has to be there");
}
END_TEST

START_TEST(this_version_refuses_the_next_one)
{
	image_make(&image, IMAGE_TYPICAL);
	size_t len = next_saved_allocation_write(&image, bytes, sizeof(bytes));

	ck_assert_int_eq(saved_allocation_read((struct slice){bytes, len}, &again),
			 SAVED_OTHER_VERSION);
}
END_TEST

START_TEST(a_version_is_read_by_the_next_alone)
{
	struct slice record = write(IMAGE_TYPICAL);

	bytes[0] = SAVED_ALLOCATION_VERSION + 2;
	ck_assert_int_eq(saved_allocation_read(record, &again), SAVED_OTHER_VERSION);
	ck_assert_int_eq(next_saved_allocation_read(record, &again), SAVED_OTHER_VERSION);
	bytes[0] = 0;
	ck_assert_msg(saved_allocation_read(record, &again) == SAVED_DAMAGED,
		      "there never was a version 0");
}
END_TEST

static void saved_allocation_suite(Suite *suite)
{
	TCase *tc = tcase_create("saved_allocation");

	tcase_add_loop_test(tc, every_kind_comes_back, 0, IMAGE_KIND_COUNT);
	tcase_add_loop_test(tc, no_prefix_of_a_record_is_one, 0, IMAGE_KIND_COUNT);
	tcase_add_test(tc, too_little_room_is_told);
	tcase_add_test(tc, the_typical_record_is_short);
	tcase_add_test(tc, no_record_holds_a_key);
	tcase_add_test(tc, what_is_over_is_trimmed);
	tcase_add_test(tc, a_channel_keeps_its_permission);
	tcase_add_loop_test(tc, what_contradicts_itself_is_refused, 0,
			    sizeof(unsound) / sizeof(unsound[0]));
	tcase_add_loop_test(tc, the_next_version_reads_this_one, 0, IMAGE_KIND_COUNT);
	tcase_add_loop_test(tc, the_next_version_reads_its_own, 0, IMAGE_KIND_COUNT);
	tcase_add_test(tc, this_version_refuses_the_next_one);
	tcase_add_test(tc, a_version_is_read_by_the_next_alone);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("saved_allocation", saved_allocation_suite)
