/*
 * fuzz_dtls.c - bytes become datagrams at a DTLS front: as they are, or as changes of what real
 * clients send in their handshakes and afterwards. Whatever comes, what strangers are answered is
 * shorter than what they sent, half-open associations stay within their limits, and a client that is
 * left alone is served.
 */
#include <string.h>

#include "stun/wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/relay/dtls_fixture.h"

enum { PEERS = 3, HALF_OPEN = 4, STEPS_MAX = 64 };

static struct dtls_fixture fixture;
static const char *const addresses[PEERS] = {"192.0.2.1:5000", "192.0.2.2:5000",
					     "192.0.2.1:5001"};

struct input {
	const uint8_t *data;
	size_t len;
};

static uint8_t take(struct input *in)
{
	if (in->len == 0)
		return 0;
	in->len--;
	return *in->data++;
}

static void start(void)
{
	static bool started;

	if (started)
		return;
	if (!dtls_fixture_start(&fixture))
		abort();
	fixture.settings.stream.unauthenticated = HALF_OPEN;
	started = true;
}

/* As it is, with a length in front. */
static void raw(struct input *in, const struct endpoint *from)
{
	size_t len = (size_t)take(in) << 8 | take(in);

	if (len > in->len)
		len = in->len;
	if (len > 0)
		dtls_fixture_receive(&fixture, from, in->data, len);
	in->data += len;
	in->len -= len;
}

/* The next flight of a client, with a byte changed. */
static void changed(struct input *in, struct dtls_peer *peer)
{
	uint8_t bytes[4096];
	char *data;

	SSL_do_handshake(peer->ssl);
	long len = BIO_get_mem_data(peer->out, &data);
	if (len <= 0 || (size_t)len > sizeof(bytes))
		return;
	memcpy(bytes, data, (size_t)len);
	(void)BIO_reset(peer->out);
	size_t at = ((size_t)take(in) << 8 | take(in)) % (size_t)len;
	bytes[at] ^= take(in);
	dtls_fixture_receive(&fixture, &peer->address, bytes, (size_t)len);
	dtls_peer_take(peer);
}

static void check(void)
{
	const struct counters *counters = &fixture.core.turn.counters;

	FUZZ_CHECK(counters->associations_half_open <= HALF_OPEN);
	FUZZ_CHECK(counters->associations_opened >= counters->associations_closed);
	FUZZ_CHECK(fixture.longest <= 1200);
	if (fixture.count == DTLS_DATAGRAMS)
		fixture.count = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct dtls_peer peers[PEERS], last;

	start();
	for (int i = 0; i < PEERS; i++)
		FUZZ_CHECK(dtls_peer_init(&peers[i], &fixture, addresses[i], NULL,
					  DTLS1_2_VERSION));
	for (int step = 0; in.len > 0 && step < STEPS_MAX; step++) {
		uint8_t what = take(&in);
		struct dtls_peer *peer = &peers[what % PEERS];

		switch (what / PEERS % 4) {
		case 0:
			raw(&in, &peer->address);
			break;
		case 1:
			dtls_peer_step(peer);
			break;
		case 2:
			changed(&in, peer);
			break;
		default:
			dtls_fixture_wait(&fixture, (uint64_t)take(&in) * 100);
		}
		check();
	}
	fixture.count = 0;
	FUZZ_CHECK(
		dtls_peer_init(&last, &fixture, "198.51.100.1:9", NULL, DTLS1_2_VERSION));
	FUZZ_CHECK(dtls_peer_connect(&last));
	dtls_peer_free(&last);
	for (int i = 0; i < PEERS; i++)
		dtls_peer_free(&peers[i]);
	dtls_fixture_wait(&fixture, 10000000);
	dtls_fixture_wait(&fixture, 10000000);
	FUZZ_CHECK(fixture.core.turn.counters.associations_half_open == 0);
	return 0;
}
