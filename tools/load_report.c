/*
 * load_report.c - see load_report.h.
 */
#include "tools/load_report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include <jansson.h>

static const char *const direction_names[] = {
	[LOAD_UP] = "up",
	[LOAD_DOWN] = "down",
};

static double per_second(uint64_t count, double seconds)
{
	return seconds > 0 ? (double)count / seconds : 0;
}

static uint64_t lost(const struct load_figures *figures)
{
	return figures->sent > figures->received ? figures->sent - figures->received : 0;
}

static double lost_percent(const struct load_figures *figures)
{
	return figures->sent > 0 ? 100.0 * (double)lost(figures) / (double)figures->sent
				 : 0;
}

static double percentile_ms(const struct histogram *h, double percent)
{
	return (double)histogram_percentile(h, percent) * 1e-6;
}

static double mbit_per_s(const struct load_options *options, uint64_t packets,
			 double seconds)
{
	return per_second(packets, seconds) * options->packet_size * 8e-6;
}

static bool had_media(const struct load_result *result)
{
	return result->media_s > 0;
}

/* Of one core, while the media ran. */
static double cpu_percent(const struct load_result *result)
{
	return result->media_s > 0 ? 100 * result->media_cpu_s / result->media_s : 0;
}

static double cpu_us_per_packet(const struct load_result *result)
{
	uint64_t packets = 0;

	for (int i = 0; i < LOAD_DIRECTIONS; i++)
		packets += result->direction[i].sent;
	return packets > 0 ? 1e6 * result->media_cpu_s / (double)packets : 0;
}

/* --- the verdict -------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void complain(struct load_verdict *verdict,
							   enum load_status status,
							   const char *format, ...)
{
	va_list args;

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
	const char *name = direction_names[direction];
	double delay_ms = percentile_ms(&figures->delay_ns, 99);

	if (!options->direction[direction])
		return;
	if (figures->sent == 0)
		complain(verdict, LOAD_EXCEEDED, "%s: nothing could be sent.", name);
	if (figures->misdelivered > 0 || figures->damaged > 0)
		complain(verdict, LOAD_EXCEEDED,
			 "%s: %" PRIu64 " packets came to the wrong place, %" PRIu64
			 " damaged.",
			 name, figures->misdelivered, figures->damaged);
	if (options->max_loss_percent >= 0 &&
	    lost_percent(figures) > options->max_loss_percent)
		complain(verdict, LOAD_EXCEEDED, "%s: %.3f %% lost, more than %g %%.",
			 name, lost_percent(figures), options->max_loss_percent);
	if (options->max_delay_ms < 0)
		return;
	if (figures->received == 0)
		complain(verdict, LOAD_EXCEEDED,
			 "%s: no packet came whose delay could be told.", name);
	else if (delay_ms > options->max_delay_ms)
		complain(
			verdict, LOAD_EXCEEDED,
			"%s: the 99th percentile of the delay is %.3f ms, more than %g ms.",
			name, delay_ms, options->max_delay_ms);
}

static void judge_clients(const struct load_options *options,
			  const struct load_result *result, struct load_verdict *verdict)
{
	const char *reason = result->reason[0] != '\0' ? result->reason : "interrupted";
	double setup_ms = percentile_ms(&result->setup_ns, 99);
	bool cycles = options->task == LOAD_CYCLES;

	if (cycles ? result->cycles_done == 0 : result->ready == 0) {
		complain(verdict, LOAD_NOTHING, "nothing could be set up: %s.", reason);
		return;
	}
	if (result->cycles_failed > 0)
		complain(verdict, LOAD_EXCEEDED,
			 "%" PRIu64 " of %" PRIu64 " cycles failed; the first: %s.",
			 result->cycles_failed,
			 result->cycles_failed + result->cycles_done, reason);
	if (result->failed > 0)
		complain(verdict, LOAD_EXCEEDED,
			 "%u of %u clients failed; the first: %s.", result->failed,
			 options->clients, reason);
	if (result->unreleased > 0)
		complain(verdict, LOAD_EXCEEDED, "%u clients could not release: %s.",
			 result->unreleased, reason);
	if (options->max_setup_ms >= 0 && setup_ms > options->max_setup_ms)
		complain(
			verdict, LOAD_EXCEEDED,
			"the 99th percentile of the set-up time is %.3f ms, more than %g ms.",
			setup_ms, options->max_setup_ms);
}

void load_judge(const struct load_options *options, const struct load_result *result,
		struct load_verdict *verdict)
{
	*verdict = (struct load_verdict){.status = LOAD_AS_EXPECTED};
	judge_clients(options, result, verdict);
	if (verdict->status == LOAD_NOTHING || options->task != LOAD_MEDIA ||
	    (result->interrupted && !had_media(result)))
		return;
	judge_direction(options, result, LOAD_UP, verdict);
	judge_direction(options, result, LOAD_DOWN, verdict);
}

/* --- text --------------------------------------------------------------------------------- */

static void text_times(FILE *out, const char *what, const struct histogram *h, bool tails)
{
	fprintf(out, "          %s min %.3f  p50 %.3f  p90 %.3f  p99 %.3f", what,
		(double)h->min * 1e-6, percentile_ms(h, 50), percentile_ms(h, 90),
		percentile_ms(h, 99));
	if (tails)
		fprintf(out, "  p99.9 %.3f", percentile_ms(h, 99.9));
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
		direction_names[direction], figures->sent, figures->received,
		lost(figures), lost_percent(figures), figures->duplicated,
		figures->reordered);
	if (figures->received > 0)
		text_times(out, "delay", &figures->delay_ns, true);
	fprintf(out, "          %.1f packets/s  %.3f Mbit/s of payload\n",
		per_second(figures->received, result->media_s),
		mbit_per_s(options, figures->received, result->media_s));
	if (figures->unsent > 0)
		fprintf(out,
			"          %" PRIu64
			" not sent: the queue of this host was full\n",
			figures->unsent);
	if (figures->misdelivered > 0 || figures->damaged > 0)
		fprintf(out, "          misdelivered %" PRIu64 "  damaged %" PRIu64 "\n",
			figures->misdelivered, figures->damaged);
}

static void text_media(FILE *out, const struct load_options *options,
		       const struct load_result *result)
{
	text_direction(out, options, result, LOAD_UP);
	text_direction(out, options, result, LOAD_DOWN);
	fprintf(out, "generator %.1f %% of a core, %.2f us for each packet",
		cpu_percent(result), cpu_us_per_packet(result));
	if (result->skipped > 0)
		fprintf(out, "; too slow for %" PRIu64 " packets", result->skipped);
	if (result->strays > 0)
		fprintf(out, "; %" PRIu64 " strays", result->strays);
	fputc('\n', out);
}

void load_report_text(FILE *out, const struct load_options *options,
		      const struct load_result *result)
{
	if (result->interrupted)
		fputs("interrupted\n", out);
	if (options->task == LOAD_CYCLES) {
		fprintf(out,
			"cycles    %" PRIu64 " done, %" PRIu64
			" failed, %.3f s, %.1f cycles/s\n",
			result->cycles_done, result->cycles_failed, result->setup_s,
			per_second(result->cycles_done, result->setup_s));
		text_times(out, "allocate", &result->setup_ns, false);
		return;
	}
	fprintf(out, "set-up    %u of %u clients, %.3f s, %.1f clients/s\n",
		result->ready, options->clients, result->setup_s,
		per_second(result->ready, result->setup_s));
	text_times(out, "time", &result->setup_ns, false);
	if (had_media(result))
		text_media(out, options, result);
	fprintf(out, "release   %u of %u clients\n", result->released, result->ready);
}

/* --- JSON --------------------------------------------------------------------------------- */

static json_t *json_times(const struct histogram *h)
{
	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "min",
			 (double)h->min * 1e-6, "mean", histogram_mean(h) * 1e-6, "p50",
			 percentile_ms(h, 50), "p90", percentile_ms(h, 90), "p99",
			 percentile_ms(h, 99), "p999", percentile_ms(h, 99.9), "max",
			 (double)h->max * 1e-6);
}

static json_t *json_direction(const struct load_options *options,
			      const struct load_result *result,
			      enum load_direction direction)
{
	const struct load_figures *figures = &result->direction[direction];

	if (!options->direction[direction])
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:f, s:f, s:o}",
			 "sent", (json_int_t)figures->sent, "unsent",
			 (json_int_t)figures->unsent, "received",
			 (json_int_t)figures->received, "lost", (json_int_t)lost(figures),
			 "lost_percent", lost_percent(figures), "duplicated",
			 (json_int_t)figures->duplicated, "reordered",
			 (json_int_t)figures->reordered, "misdelivered",
			 (json_int_t)figures->misdelivered, "damaged",
			 (json_int_t)figures->damaged, "packets_per_s",
			 per_second(figures->received, result->media_s),
			 "payload_mbit_per_s",
			 mbit_per_s(options, figures->received, result->media_s),
			 "delay_ms", json_times(&figures->delay_ns));
}

static json_t *json_media(const struct load_options *options,
			  const struct load_result *result)
{
	if (!had_media(result))
		return json_null();
	return json_pack("{s:f, s:i, s:I, s:I, s:f, s:f, s:o, s:o}", "seconds",
			 result->media_s, "packet_size", (int)options->packet_size,
			 "skipped", (json_int_t)result->skipped, "strays",
			 (json_int_t)result->strays, "cpu_percent", cpu_percent(result),
			 "cpu_us_per_packet", cpu_us_per_packet(result), "up",
			 json_direction(options, result, LOAD_UP), "down",
			 json_direction(options, result, LOAD_DOWN));
}

static json_t *json_cycles(const struct load_options *options,
			   const struct load_result *result)
{
	if (options->task != LOAD_CYCLES)
		return json_null();
	return json_pack("{s:I, s:I, s:f, s:f, s:o}", "done",
			 (json_int_t)result->cycles_done, "failed",
			 (json_int_t)result->cycles_failed, "seconds", result->setup_s,
			 "per_s", per_second(result->cycles_done, result->setup_s),
			 "allocate_ms", json_times(&result->setup_ns));
}

static json_t *json_set_up(const struct load_options *options,
			   const struct load_result *result)
{
	if (options->task == LOAD_CYCLES)
		return json_null();
	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:o}", "clients",
			 (int)options->clients, "ready", (int)result->ready, "failed",
			 (int)result->failed, "released", (int)result->released,
			 "unreleased", (int)result->unreleased, "seconds",
			 result->setup_s, "per_s",
			 per_second(result->ready, result->setup_s), "time_ms",
			 json_times(&result->setup_ns));
}

static json_t *json_failure(const struct load_result *result)
{
	if (result->reason[0] == '\0')
		return json_null();
	return json_pack("{s:i, s:s}", "code", result->reason_code, "reason",
			 result->reason);
}

bool load_report_json(FILE *out, const struct load_options *options,
		      const struct load_result *result,
		      const struct load_verdict *verdict)
{
	json_t *complaints = json_array();
	char server[LOAD_HOST_MAX + 16];

	for (size_t i = 0; i < verdict->count; i++)
		json_array_append_new(complaints, json_string(verdict->complaints[i]));
	snprintf(server, sizeof(server),
		 strchr(options->host, ':') != NULL ? "%s:[%s]:%u" : "%s:%s:%u",
		 load_transport_name(options->transport), options->host, options->port);
	json_t *root = json_pack(
		"{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:i, s:o}", "server", server, "mode",
		options->send_mode ? "send" : "channel", "interrupted",
		(int)result->interrupted, "setup", json_set_up(options, result), "cycles",
		json_cycles(options, result), "media", json_media(options, result),
		"first_failure", json_failure(result), "status", (int)verdict->status,
		"complaints", complaints);
	if (root == NULL)
		return false;
	bool written = json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) ==
			       0 &&
		       fputc('\n', out) != EOF;
	json_decref(root);
	return written;
}
