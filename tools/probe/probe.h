/*
 * probe.h - avedgectl mras-probe: the steps of a trusted server on its way to a call, one after
 * the other, and advice for the one that fails.
 *
 * Threads  one; every call blocks, but no longer than PROBE_TIMEOUT_S.
 */
#ifndef TOOLS_PROBE_PROBE_H
#define TOOLS_PROBE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <openssl/types.h>

enum {
	PROBE_TIMEOUT_S = 5,
	PROBE_HOST_MAX = 253,
	PROBE_RELAYS_MAX = 64,
	PROBE_PORTS_MAX = 8,  /* of one transport of a relay */
	PROBE_TEXT_MAX = 800, /* a user name or password, as STUN takes them */
};

struct probe_options {
	const char *host, *port;
	const char *certificate, *key, *ca, *relay_ca;
	const char *name; /* the server's certificate must show */
	const char *identity;
	int64_t ttl_s;
	bool sip;  /* else HTTP */
	bool mras; /* HTTP: the form asked for */
	bool json;
};

/* The results so far, printed as they come or kept for a JSON document. */
struct probe_report {
	bool json;
	json_t *steps;
};

bool probe_report_begin(struct probe_report *report,
			bool json); /* false: out of memory */
void probe_report_end(struct probe_report *report);

/* A step that succeeded. */
void probe_ok(struct probe_report *report, const char *step, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A further line of the last step. */
void probe_note(struct probe_report *report, const char *step, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A step that failed, and what to do about it; returns false. */
bool probe_fail(struct probe_report *report, const char *step, const char *advice,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

/* What to do about a refusal, by its HTTP status. */
const char *probe_refusal_advice(int status);

/* --- the connection to mrasd --------------------------------------------------------------- */

struct probe_tls;

enum probe_reached { PROBE_UNREACHABLE, PROBE_REFUSED, PROBE_CONNECTED };

/* Connect, shake hands, show the certificates. */
enum probe_reached probe_tls_open(const struct probe_options *options,
				  struct probe_report *report, struct probe_tls **out);
void probe_tls_close(struct probe_tls *tls); /* NULL is allowed */

/* A response of HTTP or SIP: both have a first line, headers and a Content-Length. */
struct probe_response {
	char *text; /* malloc'ed, NUL-terminated */
	int status;
	const char *body; /* in text */
	size_t body_len;
};

/* Send a request, take its response. False after probe_fail(). */
bool probe_tls_ask(struct probe_tls *tls, struct probe_report *report,
		   const char *request, size_t len, struct probe_response *response);

/* --- request and answer ---------------------------------------------------------------------- */

struct probe_relay {
	char location[16];
	char host[PROBE_HOST_MAX + 1];
	uint16_t udp_ports[PROBE_PORTS_MAX], tcp_ports[PROBE_PORTS_MAX]; /* 0: no more */
	bool tls;         /* the answer promises TLS on tcp_ports */
	bool tls_unknown; /* it does not say */
};

struct probe_answer {
	char username[PROBE_TEXT_MAX], password[PROBE_TEXT_MAX];
	char expires[32], realm[128]; /* "" where the answer has none */
	int64_t ttl_s;
	struct probe_relay relays[PROBE_RELAYS_MAX];
	size_t relay_count;
};

/* Both: false after probe_fail(). */
bool probe_sip(struct probe_tls *tls, const struct probe_options *options,
	       struct probe_report *report, struct probe_answer *answer);
bool probe_http(struct probe_tls *tls, const struct probe_options *options,
		struct probe_report *report, struct probe_answer *answer);

/* --- relays ---------------------------------------------------------------------------------- */

/*
 * An Allocate over every transport of every relay; with a token in the Microsoft dialect, too,
 * where no answer at all means that the relay does not serve it. False if one failed.
 */
bool probe_relays(const struct probe_options *options, struct probe_report *report,
		  const struct probe_answer *answer);

#endif
