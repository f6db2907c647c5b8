/*
 * load_json.c - the figures of a run as JSON. The manual page says what they mean.
 *
 * json_pack() is NULL if a part of it is: no figure is left out silently.
 */
#include "tools/load/load_report.h"

#include <string.h>

#include <jansson.h>

/* One member per line. */
/* clang-format off */

static json_t *times(const struct histogram *h)
{
	return json_pack(
		"{s:f, s:f, s:f, s:f, s:f, s:f, s:f}",
		"min", (double)h->min * 1e-6,
		"mean", histogram_mean(h) * 1e-6,
		"p50", load_percentile_ms(h, 50),
		"p90", load_percentile_ms(h, 90),
		"p99", load_percentile_ms(h, 99),
		"p999", load_percentile_ms(h, 99.9),
		"max", (double)h->max * 1e-6);
}

static json_t *one_direction(const struct load_options *options,
			     const struct load_result *result,
			     enum load_direction direction)
{
	const struct load_figures *figures = &result->direction[direction];

	if (!options->direction[direction])
		return json_null();
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:f, s:f, s:o, s:o}",
		"sent", (json_int_t)figures->sent,
		"unsent", (json_int_t)figures->unsent,
		"received", (json_int_t)figures->received,
		"lost", (json_int_t)load_lost(figures),
		"lost_percent", load_lost_percent(figures),
		"duplicated", (json_int_t)figures->duplicated,
		"reordered", (json_int_t)figures->reordered,
		"misdelivered", (json_int_t)figures->misdelivered,
		"damaged", (json_int_t)figures->damaged,
		"packets_per_s", load_per_second(figures->received, result->media_s),
		"payload_mbit_per_s", load_mbit_per_s(options, figures->received, result->media_s),
		"delay_ms", times(&figures->delay_ns),
		"silence_ms", times(&figures->silence_ns));
}

static json_t *media(const struct load_options *options, const struct load_result *result)
{
	const struct load_figures *up = &result->direction[LOAD_UP];
	const struct load_figures *down = &result->direction[LOAD_DOWN];
	json_int_t sent = (json_int_t)up->sent + (json_int_t)down->sent;
	json_int_t received = (json_int_t)up->received + (json_int_t)down->received;

	if (!load_had_media(result))
		return json_null();
	return json_pack(
		"{s:f, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:o, s:o}",
		"seconds", result->media_s,
		"packet_size", (json_int_t)options->packet_size,
		"sent", sent,
		"received", received,
		"skipped", (json_int_t)result->skipped,
		"strays", (json_int_t)result->strays,
		"cpu_percent", load_cpu_percent(result),
		"cpu_us_per_packet", load_cpu_us_per_packet(result),
		"up", one_direction(options, result, LOAD_UP),
		"down", one_direction(options, result, LOAD_DOWN));
}

static json_t *cycles(const struct load_options *options,
		      const struct load_result *result)
{
	if (options->task != LOAD_CYCLES)
		return json_null();
	return json_pack(
		"{s:I, s:I, s:I, s:f, s:f, s:o}",
		"done", (json_int_t)result->cycles_done,
		"failed", (json_int_t)result->cycles_failed,
		"moved", (json_int_t)result->moved,
		"seconds", result->setup_s,
		"per_s", load_per_second(result->cycles_done, result->setup_s),
		"allocate_ms", times(&result->setup_ns));
}

static json_t *set_up(const struct load_options *options,
		      const struct load_result *result)
{
	if (options->task == LOAD_CYCLES)
		return json_null();
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:o}",
		"clients", (json_int_t)options->clients,
		"ready", (json_int_t)result->ready,
		"failed", (json_int_t)result->failed,
		"moved", (json_int_t)result->moved,
		"reconnected", (json_int_t)result->reconnected,
		"released", (json_int_t)result->released,
		"unreleased", (json_int_t)result->unreleased,
		"data_connections", (json_int_t)result->data_connections,
		"seconds", result->setup_s,
		"per_s", load_per_second(result->ready, result->setup_s),
		"time_ms", times(&result->setup_ns));
}

static json_t *handshakes(const struct load_options *options,
			  const struct load_result *result)
{
	if (!load_has_certificate(options))
		return json_null();
	return json_pack(
		"{s:I, s:f}",
		"done", (json_int_t)result->handshakes,
		"per_s", load_per_second(result->handshakes, result->setup_s));
}

static json_t *moves(const struct load_options *options, const struct load_result *result)
{
	if (options->move_every_s == 0)
		return json_null();
	return json_pack(
		"{s:I, s:I, s:I, s:f, s:o}",
		"every_s", (json_int_t)options->move_every_s,
		"done", (json_int_t)result->moves,
		"unfinished", (json_int_t)result->unfinished,
		"lost_per_move", load_lost_per_move(result),
		"time_ms", times(&result->move_ns));
}

static json_t *icmp(const struct load_result *result)
{
	if (result->icmp_errors == 0)
		return json_null();
	return json_pack(
		"{s:I, s:i, s:i}",
		"errors", (json_int_t)result->icmp_errors,
		"first_type", (int)result->icmp_type,
		"first_code", (int)result->icmp_code);
}

static json_t *first_failure(const struct load_result *result)
{
	if (result->reason[0] == '\0')
		return json_null();
	return json_pack(
		"{s:i, s:s}",
		"code", result->reason_code,
		"reason", result->reason);
}

static json_t *complaints(const struct load_verdict *verdict)
{
	json_t *list = json_array();

	for (size_t i = 0; i < verdict->count; i++)
		json_array_append_new(list, json_string(verdict->complaints[i]));
	return list;
}

bool load_report_json(FILE *out, const struct load_options *options,
		      const struct load_result *result,
		      const struct load_verdict *verdict)
{
	char server[LOAD_SERVER_LEN];
	json_t *root = json_pack(
		"{s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i}",
		"server", load_server(options, server),
		"dialect", options->dialect_ms ? "ms" : "ietf",
		"mode", options->tcp_relay ? "tcp-relay" : options->send_mode ? "send" : "channel",
		"interrupted", result->interrupted,
		"set_up", set_up(options, result),
		"media", media(options, result),
		"cycles", cycles(options, result),
		"handshakes", handshakes(options, result),
		"moves", moves(options, result),
		"icmp", icmp(result),
		"first_failure", first_failure(result),
		"complaints", complaints(verdict),
		"status", (int)verdict->status);

	bool written = root != NULL &&
		       json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) ==
			       0 &&
		       fputc('\n', out) != EOF;
	json_decref(root);
	return written;
}
