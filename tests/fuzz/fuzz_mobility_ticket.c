/*
 * fuzz_mobility_ticket.c - arbitrary bytes as a ticket of a mobile allocation: only what was sealed
 * can be opened.
 */
#include <string.h>

#include "relay/core/mobility_ticket.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mobility_key key = {{1, 2, 3}};
	struct mobility_ticket ticket, opened;
	uint8_t sealed[MOBILITY_TICKET_LEN];

	/* The first bytes say what to seal, and the others change some of it. */
	FUZZ_CHECK(!mobility_ticket_open(&key, (struct slice){data, size}, &opened));
	if (size < 8)
		return 0;
	ticket.name = load_be64(data) >> 16;
	ticket.number = load_be16(data + 6);
	FUZZ_CHECK(mobility_ticket_seal(&key, &ticket, sealed));
	bool changed = false;

	for (size_t i = 8; i < size && i < 8 + sizeof(sealed); i++) {
		changed = changed || data[i] != 0;
		sealed[i - 8] ^= data[i];
	}
	bool opens = mobility_ticket_open(&key, (struct slice){sealed, sizeof(sealed)},
					  &opened);

	FUZZ_CHECK(opens == !changed);
	FUZZ_CHECK(!opens ||
		   (opened.name == ticket.name && opened.number == ticket.number));
	return 0;
}
