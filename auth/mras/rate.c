/*
 * rate.c - token buckets in a table of fixed size.
 */
#include "auth/mras/rate.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>

enum {
	ROWS = 2,
	KEY_LEN = 32,
	NS_PER_MS = 1000000,
};

struct rate_table {
	uint8_t key[KEY_LEN];
	size_t cells; /* per row */
	uint64_t used_until_ns[];
};

struct rate_table *rate_table_new(size_t cells)
{
	struct rate_table *table;

	assert(cells > 0 && (cells & (cells - 1)) == 0);
	table = calloc(1,
		       sizeof(*table) + ROWS * cells * sizeof(table->used_until_ns[0]));
	if (!table)
		return NULL;
	table->cells = cells;
	if (RAND_bytes(table->key, KEY_LEN) != 1) {
		free(table);
		return NULL;
	}
	return table;
}

void rate_table_free(struct rate_table *table)
{
	if (table)
		OPENSSL_cleanse(table->key, KEY_LEN);
	free(table);
}

/* The name's cell in each row. */
static bool find_cells(struct rate_table *table, struct slice name, uint64_t *cells[ROWS])
{
	uint8_t mac[EVP_MAX_MD_SIZE];

	if (!HMAC(EVP_sha256(), table->key, KEY_LEN, name.data, name.len, mac, NULL))
		return false;
	for (size_t row = 0; row < ROWS; row++) {
		uint64_t column = load_be64(mac + 8 * row) & (table->cells - 1);

		cells[row] = &table->used_until_ns[row * table->cells + column];
	}
	return true;
}

bool rate_allows(struct rate_table *table, struct slice name, uint32_t amount,
		 uint32_t period_ms, uint64_t now_ms)
{
	uint64_t now_ns = now_ms * NS_PER_MS;
	uint64_t period_ns = (uint64_t)period_ms * NS_PER_MS;
	uint64_t *cells[ROWS];

	assert(period_ms > 0);
	if (amount == 0)
		return true;
	if (!find_cells(table, name, cells))
		return false; /* nor could it issue a credential */

	/* The emptier cell is shared by fewer names and is closer to the truth. */
	uint64_t used_until_ns = *cells[0] < *cells[1] ? *cells[0] : *cells[1];
	if (used_until_ns < now_ns)
		used_until_ns = now_ns;
	used_until_ns += period_ns / amount;
	if (used_until_ns > now_ns + period_ns)
		return false;
	assert(used_until_ns >= now_ns);
	for (size_t row = 0; row < ROWS; row++) {
		if (*cells[row] < used_until_ns)
			*cells[row] = used_until_ns;
	}
	return true;
}
