/*
 * test_association.c - how often a flight of a handshake is repeated to a client that says nothing.
 */
#include "relay/front/dtls/association.h"

#include <string.h>
#include <time.h>

#include "stun/dtls_hello.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/relay/dtls_fixture.h"

static struct dtls_fixture fx;
static struct dtls_peer alice;

static void set_up(void)
{
	ck_assert(dtls_fixture_start(&fx));
	ck_assert(dtls_peer_init(&alice, &fx, "192.0.2.200:5000", NULL, DTLS1_2_VERSION));
}

static void tear_down(void)
{
	dtls_peer_free(&alice);
	dtls_fixture_stop(&fx);
}

static void count_datagram(void *self, const struct association *as,
			   struct slice datagram)
{
	(void)as;
	(void)datagram;
	++*(unsigned *)self;
}

static unsigned soon(SSL *ssl, unsigned us)
{
	(void)ssl;
	(void)us;
	return 5000;
}

/* What the holder of a cookie can have sent to its own address. OpenSSL's first wait is a second. */
START_TEST(a_flight_is_repeated_three_times) /* attack 12, attack 19 */
{
	unsigned sent = 0;
	const struct association_output output = {&sent, count_datagram};
	BIO_METHOD *method = association_bio_method();
	struct association as = {.output = &output};
	struct dtls_record record;
	struct dtls_hello hello;
	uint8_t bytes[2048];
	char *data;
	const struct timespec wait = {.tv_nsec = 10000000}, first = {.tv_sec = 1};

	dtls_peer_step(&alice);
	SSL_do_handshake(alice.ssl);
	long len = BIO_get_mem_data(alice.out, &data);
	ck_assert(len > 0 && (size_t)len <= sizeof(bytes));
	memcpy(bytes, data, (size_t)len);
	struct slice rest = {bytes, (size_t)len};
	ck_assert(dtls_record_take(&rest, &record));
	ck_assert_int_eq(dtls_hello_parse(&record, &hello), DTLS_HELLO_OK);
	ck_assert(association_begin(&as, fx.settings.dtls, method, &hello, record.whole,
				    0));
	DTLS_set_timer_cb(as.ssl, soon);
	unsigned flight = sent;
	nanosleep(&first, NULL);
	ck_assert(association_retransmit(&as));
	unsigned repeated = sent - flight; /* in more datagrams */
	ck_assert_uint_gt(repeated, 0);
	nanosleep(&wait, NULL);
	for (int i = 0; i < 9; i++) {
		ck_assert(association_retransmit(&as));
		nanosleep(&wait, NULL);
	}
	ck_assert_uint_eq(sent, flight + 3 * repeated);
	association_release(&as);
	BIO_meth_free(method);
}
END_TEST

static void association_suite(Suite *suite)
{
	TCase *tc = tcase_create("association");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_flight_is_repeated_three_times);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("association", association_suite)
