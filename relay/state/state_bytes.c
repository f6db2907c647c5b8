/*
 * state_bytes.c - see state_bytes.h.
 */
#include "relay/state/state_bytes.h"

#include <assert.h>
#include <string.h>

/* --- writing --------------------------------------------------------------------------------- */

void state_write_bytes(struct state_writer *w, const void *bytes, size_t len)
{
	assert(w->len <= w->size);
	if (w->size - w->len < len)
		w->failed = true;
	if (w->failed || len == 0)
		return;
	memcpy(w->data + w->len, bytes, len);
	w->len += len;
}

void state_write_u8(struct state_writer *w, uint8_t value)
{
	state_write_bytes(w, &value, 1);
}

void state_write_number(struct state_writer *w, uint64_t value)
{
	uint8_t bytes[STATE_NUMBER_MAX];
	size_t len = 0;

	for (; value > 0x7F; value >>= 7)
		bytes[len++] = (uint8_t)(value | 0x80);
	bytes[len++] = (uint8_t)value;
	assert(len <= sizeof(bytes));
	state_write_bytes(w, bytes, len);
}

void state_write_slice(struct state_writer *w, struct slice slice)
{
	state_write_number(w, slice.len);
	state_write_bytes(w, slice.data, slice.len);
}

void state_write_address(struct state_writer *w, const struct ip_addr *ip)
{
	state_write_u8(w, ip->family);
	state_write_bytes(w, ip->bytes, ip_addr_len(ip->family));
}

void state_write_endpoint(struct state_writer *w, const struct endpoint *ep)
{
	uint8_t port[2];

	store_be16(port, ep->port);
	state_write_address(w, &ep->ip);
	if (ep->ip.family != IP_NONE)
		state_write_bytes(w, port, sizeof(port));
}

/* --- reading --------------------------------------------------------------------------------- */

void state_read_bytes(struct state_reader *r, void *bytes, size_t len)
{
	if (r->rest.len < len)
		r->failed = true;
	if (r->failed) {
		memset(bytes, 0, len);
		return;
	}
	if (len > 0)
		memcpy(bytes, r->rest.data, len);
	r->rest = slice_skip(r->rest, len);
}

uint8_t state_read_u8(struct state_reader *r)
{
	uint8_t value;

	state_read_bytes(r, &value, 1);
	return value;
}

uint64_t state_read_number(struct state_reader *r)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 7 * STATE_NUMBER_MAX; shift += 7) {
		uint8_t byte = state_read_u8(r);

		/* Of the tenth byte, 64 bits have room for one. */
		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t)(byte & 0x7F) << shift;
		if (byte <= 0x7F)
			return value;
	}
	r->failed = true;
	return 0;
}

uint64_t state_read_up_to(struct state_reader *r, uint64_t max)
{
	uint64_t value = state_read_number(r);

	if (value <= max)
		return value;
	r->failed = true;
	return 0;
}

struct slice state_read_slice(struct state_reader *r, size_t max)
{
	size_t len = (size_t)state_read_up_to(r, max);
	struct slice slice = {r->rest.data, len};

	if (r->failed || r->rest.len < len) {
		r->failed = true;
		return (struct slice){NULL, 0};
	}
	r->rest = slice_skip(r->rest, len);
	return slice;
}

void state_read_name(struct state_reader *r, char *name, size_t max)
{
	struct slice text = state_read_slice(r, max);

	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] <= ' ' || text.data[i] > '~' || text.data[i] == '"')
			r->failed = true;
	}
	if (r->failed)
		text.len = 0;
	if (text.len > 0)
		memcpy(name, text.data, text.len);
	name[text.len] = '\0';
}

void state_read_address(struct state_reader *r, struct ip_addr *ip)
{
	*ip = (struct ip_addr){.family = state_read_u8(r)};
	if (ip->family > IP_V6) {
		r->failed = true;
		ip->family = IP_NONE;
	}
	state_read_bytes(r, ip->bytes, ip_addr_len(ip->family));
}

void state_read_endpoint(struct state_reader *r, struct endpoint *ep)
{
	uint8_t port[2] = {0};

	*ep = (struct endpoint){0};
	state_read_address(r, &ep->ip);
	if (ep->ip.family != IP_NONE)
		state_read_bytes(r, port, sizeof(port));
	ep->port = load_be16(port);
}

bool state_reader_is_done(const struct state_reader *r)
{
	return !r->failed && r->rest.len == 0;
}
