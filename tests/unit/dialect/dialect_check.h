/*
 * dialect_check.h - shared by the tests of the IETF dialect: one fixture, some clients,
 * rows of attributes in wire form.
 */
#ifndef TESTS_UNIT_DIALECT_DIALECT_CHECK_H
#define TESTS_UNIT_DIALECT_DIALECT_CHECK_H

#include <string.h>

#include "tests/unit/dialect/turn_client.h"
#include "tests/unit/lib/unit.h"

#define ALICE "192.0.2.200:5000"
#define BOB "192.0.2.201:5000"
#define PEER "192.0.2.1:7000"
#define PEER_OTHER_PORT "192.0.2.1:7001"
#define PEER_B "192.0.2.2:7000"
#define PEER_C "192.0.2.3:7000"
#define PEER_V6 "[2001:db8:1::1]:7000"

static struct fixture fixture;
static struct client alice, bob;

static inline void begin_with(const struct fixture_options *options)
{
	ck_assert(fixture_start(&fixture, options));
	strcpy(fixture.settings.software, "avedge");
	client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_UDP, "alice");
	client_init(&bob, &fixture, BOB, FRONT_OUTSIDE_UDP, "bob");
}

static inline void begin(void)
{
	begin_with(NULL);
}

static inline void end(void)
{
	fixture_stop(&fixture);
}

/* The answer is well formed and has this code. */
static inline void expect(const struct client *c, int want, const char *name)
{
	ck_assert_msg(c->fault == NULL, "%s: %s", name, c->fault);
	ck_assert_msg(c->code == want, "%s: got %d, want %d", name, c->code, want);
}

static inline void expect_silence(const struct client *c, enum drop_reason reason,
				  uint64_t before, const char *name)
{
	ck_assert_msg(c->out.action == DISPATCH_NOTHING, "%s: action %d", name,
		      c->out.action);
	ck_assert_msg(fixture_drops(c->fixture, reason) == before + 1,
		      "%s: not counted as %s", name, drop_reason_name(reason));
}

static inline void advance(uint64_t ms)
{
	fixture.now_ms += ms;
	fixture.unix_s += (int64_t)(ms / 1000);
	dispatch_expire(&fixture.turn, fixture.now_ms);
}

/* An attribute in a row of a table; type 0 ends the list. */
struct attr_row {
	uint16_t type;
	uint8_t len;
	uint8_t value[24];
};

static inline void add_rows(struct client *c, const struct attr_row *attrs, size_t max)
{
	for (size_t i = 0; i < max && attrs[i].type != 0; i++)
		stun_builder_add(&c->b, attrs[i].type, attrs[i].value, attrs[i].len);
}

#define ADD_ROWS(c, attrs) add_rows(c, attrs, ARRAY_LEN(attrs))

/* Attributes for rows of tables. */
#define TRANSPORT(protocol)                  \
	{                                    \
		TURN_REQUESTED_TRANSPORT, 4, \
		{                            \
			protocol             \
		}                            \
	}
#define UDP TRANSPORT(17)
#define FAMILY(family)                            \
	{                                         \
		TURN_REQUESTED_ADDRESS_FAMILY, 4, \
		{                                 \
			family                    \
		}                                 \
	}
#define ADDITIONAL(family)                         \
	{                                          \
		TURN_ADDITIONAL_ADDRESS_FAMILY, 4, \
		{                                  \
			family                     \
		}                                  \
	}
#define EVEN_PORT(bits)            \
	{                          \
		TURN_EVEN_PORT, 1, \
		{                  \
			bits       \
		}                  \
	}
#define TOKEN                                  \
	{                                      \
		TURN_RESERVATION_TOKEN, 8,     \
		{                              \
			1, 2, 3, 4, 5, 6, 7, 8 \
		}                              \
	}
#define DONT_FRAGMENT                  \
	{                              \
		TURN_DONT_FRAGMENT, 0, \
		{                      \
			0              \
		}                      \
	}
#define LIFETIME(high, low)             \
	{                               \
		TURN_LIFETIME, 4,       \
		{                       \
			0, 0, high, low \
		}                       \
	}
#define UNKNOWN            \
	{                  \
		0x7FFF, 4, \
		{          \
			0  \
		}          \
	}

/* Allocate with these attributes, after a login if necessary. */
static inline int allocate(struct client *c, const struct attr_row *attrs, size_t count)
{
	if (c->nonce_len == 0)
		client_login(c);
	client_start(c, TURN_ALLOCATE);
	stun_add_u32(&c->b, TURN_REQUESTED_TRANSPORT, 17u << 24);
	add_rows(c, attrs, count);
	return client_ask(c);
}

/* True if the relayed transport address in the answer has this IP address. */
static inline void expect_relayed(const struct client *c, const char *address,
				  const char *name)
{
	struct endpoint got = client_address(c, TURN_XOR_RELAYED_ADDRESS);
	char text[ENDPOINT_TEXT_LEN];
	struct ip_addr want;

	ck_assert(ip_addr_parse(address, &want));
	ck_assert_msg(ip_addr_equal(&got.ip, &want), "%s: %s", name,
		      ip_addr_format(&got.ip, text, sizeof(text)));
}

#endif
