/*
 * load_report.c - see load_report.h.
 */
#include "tools/load/load_report.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* --- the verdict -------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void complain(struct load_verdict *verdict,
							   enum load_status status,
							   const char *format, ...)
{
	va_list args;

	assert(verdict->status <= status && status != LOAD_USAGE);
	verdict->status = status;
	if (verdict->count == LOAD_COMPLAINTS_MAX)
		return;
	va_start(args, format);
	vsnprintf(verdict->complaints[verdict->count++], LOAD_ERROR_MAX, format, args);
	va_end(args);
}

static void judge_direction(const struct load_options *options,
			    const struct load_result *result,
			    enum load_direction direction, struct load_verdict *verdict)
{
	const struct load_figures *figures = &result->direction[direction];
	const char *name = load_direction_name(direction);
	double delay_ms = load_percentile_ms(&figures->delay_ns, 99);

	if (!options->direction[direction])
		return;
	if (figures->sent == 0)
		complain(verdict, LOAD_EXCEEDED, "%s: no packet could be sent", name);
	if (figures->misdelivered > 0 || figures->damaged > 0)
		complain(verdict, LOAD_EXCEEDED,
			 "%s: %" PRIu64 " packets misdelivered, %" PRIu64 " damaged",
			 name, figures->misdelivered, figures->damaged);
	if (options->max_loss_percent >= 0 &&
	    load_lost_percent(figures) > options->max_loss_percent)
		complain(verdict, LOAD_EXCEEDED, "%s: %.3f %% lost, limit %g %%", name,
			 load_lost_percent(figures), options->max_loss_percent);
	if (options->max_delay_ms < 0)
		return;
	if (figures->received == 0)
		complain(verdict, LOAD_EXCEEDED,
			 "%s: no packet arrived, so there is no delay to judge", name);
	else if (delay_ms > options->max_delay_ms)
		complain(verdict, LOAD_EXCEEDED,
			 "%s: the 99th percentile of the delay is %.3f ms, limit %g ms",
			 name, delay_ms, options->max_delay_ms);
}

/* Nothing of a run may be left at the server unsaid. */
static void judge_releases(const struct load_result *result, struct load_verdict *verdict)
{
	enum load_status status = verdict->status == LOAD_NOTHING ? LOAD_NOTHING
								  : LOAD_EXCEEDED;

	if (result->unreleased > 0)
		complain(
			verdict, status,
			"%u client%s could not release %s, which the server may keep until "
			"%s: %s",
			result->unreleased, result->unreleased == 1 ? "" : "s",
			result->unreleased == 1 ? "its allocation" : "their allocations",
			result->unreleased == 1 ? "it expires" : "they expire",
			result->reason);
}

static void judge_clients(const struct load_options *options,
			  const struct load_result *result, struct load_verdict *verdict)
{
	const char *reason = result->reason[0] != '\0' ? result->reason : "interrupted";
	double setup_ms = load_percentile_ms(&result->setup_ns, 99);
	bool cycles = options->task == LOAD_CYCLES;

	if (cycles ? result->cycles_done == 0 : result->ready == 0) {
		char server[LOAD_SERVER_LEN];
		complain(verdict, LOAD_NOTHING, "no client could be set up at %s: %s",
			 load_server(options, server), reason);
		judge_releases(result, verdict);
		return;
	}
	if (result->cycles_failed > 0)
		complain(verdict, LOAD_EXCEEDED,
			 "%" PRIu64 " of %" PRIu64 " cycles failed; first failure: %s",
			 result->cycles_failed,
			 result->cycles_failed + result->cycles_done, reason);
	if (result->failed > 0)
		complain(verdict, LOAD_EXCEEDED,
			 "%u of %u clients failed; first failure: %s", result->failed,
			 options->clients, reason);
	judge_releases(result, verdict);
	if (options->max_setup_ms >= 0 && setup_ms > options->max_setup_ms)
		complain(verdict, LOAD_EXCEEDED,
			 "the 99th percentile of the set-up time is %.3f ms, limit %g ms",
			 setup_ms, options->max_setup_ms);
}

void load_judge(const struct load_options *options, const struct load_result *result,
		struct load_verdict *verdict)
{
	*verdict = (struct load_verdict){.status = LOAD_AS_EXPECTED};
	judge_clients(options, result, verdict);
	if (verdict->status == LOAD_NOTHING || options->task != LOAD_MEDIA ||
	    (result->interrupted && !load_had_media(result)))
		return;
	judge_direction(options, result, LOAD_UP, verdict);
	judge_direction(options, result, LOAD_DOWN, verdict);
}

/* --- text --------------------------------------------------------------------------------- */

static void text_times(FILE *out, const char *what, const struct histogram *h, bool tails)
{
	fprintf(out, "          %s min %.3f  p50 %.3f  p90 %.3f  p99 %.3f", what,
		(double)h->min * 1e-6, load_percentile_ms(h, 50),
		load_percentile_ms(h, 90), load_percentile_ms(h, 99));
	if (tails)
		fprintf(out, "  p99.9 %.3f", load_percentile_ms(h, 99.9));
	fprintf(out, "  max %.3f ms\n", (double)h->max * 1e-6);
}

static void text_direction(FILE *out, const struct load_options *options,
			   const struct load_result *result,
			   enum load_direction direction)
{
	const struct load_figures *figures = &result->direction[direction];

	if (!options->direction[direction])
		return;
	fprintf(out,
		"%-9s sent %" PRIu64 "  received %" PRIu64 "  lost %" PRIu64
		" (%.3f %%)  duplicated %" PRIu64 "  reordered %" PRIu64 "\n",
		load_direction_name(direction), figures->sent, figures->received,
		load_lost(figures), load_lost_percent(figures), figures->duplicated,
		figures->reordered);
	if (figures->received > 0)
		text_times(out, "delay", &figures->delay_ns, true);
	if (figures->silence_ns.count > 0)
		text_times(out, "silence", &figures->silence_ns, false);
	fprintf(out, "          %.1f packets/s  %.3f Mbit/s of payload\n",
		load_per_second(figures->received, result->media_s),
		load_mbit_per_s(options, figures->received, result->media_s));
	if (figures->unsent > 0)
		fprintf(out,
			"          %" PRIu64
			" not sent: the queue of this host was full\n",
			figures->unsent);
	if (figures->misdelivered > 0 || figures->damaged > 0)
		fprintf(out, "          misdelivered %" PRIu64 "  damaged %" PRIu64 "\n",
			figures->misdelivered, figures->damaged);
}

static void text_moved(FILE *out, const struct load_result *result)
{
	if (result->moved > 0)
		fprintf(out,
			"          %u retries from another port (437 Allocation Mismatch)\n",
			result->moved);
}

static void text_reconnected(FILE *out, const struct load_options *options,
			     const struct load_result *result)
{
	if (options->reconnect != LOAD_RECONNECT_NONE)
		fprintf(out, "          %" PRIu64 " times a client connected again\n",
			result->reconnected);
}

static void text_handshakes(FILE *out, const struct load_options *options,
			    const struct load_result *result)
{
	if (load_has_certificate(options))
		fprintf(out, "          %" PRIu64 " %s handshake%s, %.1f per second\n",
			result->handshakes,
			options->transport == CLIENT_TLS ? "TLS" : "DTLS",
			result->handshakes == 1 ? "" : "s",
			load_per_second(result->handshakes, result->setup_s));
	if (options->tcp_relay)
		fprintf(out, "          %u data connection%s\n", result->data_connections,
			result->data_connections == 1 ? "" : "s");
}

static void text_moves(FILE *out, const struct load_options *options,
		       const struct load_result *result)
{
	if (options->move_every_s == 0)
		return;
	fprintf(out, "moves     %" PRIu64 " done, %" PRIu64 " unfinished", result->moves,
		result->unfinished);
	if (result->moves > 0)
		fprintf(out, ", %.3f packets lost per move", load_lost_per_move(result));
	fputc('\n', out);
	if (result->moves > 0)
		text_times(out, "time", &result->move_ns, false);
}

/* Only what is not the default. */
static void text_mode(FILE *out, const struct load_options *options)
{
	char server[LOAD_SERVER_LEN];

	if (options->transport != CLIENT_DTLS && !options->tcp_relay &&
	    options->move_every_s == 0 && options->access_token == NULL &&
	    options->proxied.family == IP_NONE && !options->dont_fragment)
		return;
	fprintf(out, "mode      %s%s%s%s%s", load_server(options, server),
		options->tcp_relay ? ", TCP relay" : "",
		options->access_token != NULL ? ", access token" : "",
		options->proxied.family != IP_NONE ? ", PROXY protocol" : "",
		options->dont_fragment ? ", DONT-FRAGMENT" : "");
	if (options->move_every_s > 0)
		fprintf(out, ", a move every %" PRId64 " s", options->move_every_s);
	fputc('\n', out);
}

static void text_media(FILE *out, const struct load_options *options,
		       const struct load_result *result)
{
	text_direction(out, options, result, LOAD_UP);
	text_direction(out, options, result, LOAD_DOWN);
	fprintf(out, "generator %.1f %% of a core, %.2f us per packet",
		load_cpu_percent(result), load_cpu_us_per_packet(result));
	if (result->skipped > 0)
		fprintf(out, "; too slow, skipped %" PRIu64 " packets", result->skipped);
	if (result->strays > 0)
		fprintf(out, "; %" PRIu64 " strays", result->strays);
	fputc('\n', out);
}

void load_report_text(FILE *out, const struct load_options *options,
		      const struct load_result *result)
{
	if (result->interrupted)
		fputs("interrupted\n", out);
	text_mode(out, options);
	if (options->task == LOAD_CYCLES) {
		fprintf(out,
			"cycles    %" PRIu64 " done, %" PRIu64
			" failed, %.3f s, %.1f cycles/s\n",
			result->cycles_done, result->cycles_failed, result->setup_s,
			load_per_second(result->cycles_done, result->setup_s));
		text_times(out, "allocate", &result->setup_ns, false);
		text_moved(out, result);
		text_handshakes(out, options, result);
		return;
	}
	fprintf(out, "set-up    %u of %u clients, %.3f s, %.1f clients/s\n",
		result->ready, options->clients, result->setup_s,
		load_per_second(result->ready, result->setup_s));
	text_times(out, "time", &result->setup_ns, false);
	text_moved(out, result);
	text_reconnected(out, options, result);
	text_handshakes(out, options, result);
	if (load_had_media(result))
		text_media(out, options, result);
	text_moves(out, options, result);
	if (result->icmp_errors > 0)
		fprintf(out,
			"icmp      %" PRIu64 " errors from the server; first: type %u, "
			"code %u\n",
			result->icmp_errors, result->icmp_type, result->icmp_code);
	fprintf(out, "release   %u of %u clients\n", result->released, result->ready);
}
