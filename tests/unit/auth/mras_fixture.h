/*
 * mras_fixture.h - mrasd of one edge, for unit tests: a keyring, two trusted servers, a
 * relay on each side.
 */
#ifndef TESTS_UNIT_AUTH_MRAS_FIXTURE_H
#define TESTS_UNIT_AUTH_MRAS_FIXTURE_H

#include "auth/mras/service.h"

#define NOW_S INT64_C(1767225600) /* 2026-01-01T00:00:00Z */
#define NOW_MS UINT64_C(5000000)

enum {
	OPEN_SERVER, /* may ask for any identity */
	LAB_SERVER,  /* for @lab.example, 1 hour at most, 10 requests per second */
	SERVER_COUNT
};

struct mras_fixture {
	struct service service;
	struct service_server servers[SERVER_COUNT];
	struct service_relay relays[2]; /* outside, inside */
	struct keyring *keyring;
	struct service_memory *memory;
};

void mras_fixture_make(struct mras_fixture *fixture);
void mras_fixture_free(struct mras_fixture *fixture);

struct slice slice_of(const char *text);

/* Does the relay accept this pair at that time? */
bool mras_fixture_accepts(const struct mras_fixture *fixture, const char *username,
			  const char *password, int64_t unix_s);

/* The response to a request body from OPEN_SERVER; the caller frees it. */
char *mras_fixture_respond(const struct mras_fixture *fixture, const char *body,
			   size_t *len);

/* The number of times that needle occurs in haystack. */
size_t count_of(const char *haystack, const char *needle);

#endif
