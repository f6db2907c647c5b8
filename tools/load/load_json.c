/*
 * load_json.c - the figures of a run as JSON. What they mean is in the manual page.
 */
#include "tools/load/load_report.h"

#include <string.h>

#include <jansson.h>

/* Jansson remembers nothing: a member that cannot be added makes the whole thing useless. */
struct object {
	json_t *json;
	bool failed;
};

static struct object object(void)
{
	json_t *json = json_object();

	return (struct object){json, json == NULL};
}

static void put(struct object *object, const char *key, json_t *value)
{
	if (json_object_set_new(object->json, key, value) != 0)
		object->failed = true;
}

static void put_count(struct object *object, const char *key, uint64_t count)
{
	put(object, key, json_integer((json_int_t)count));
}

static void put_real(struct object *object, const char *key, double value)
{
	put(object, key, json_real(value));
}

/* NULL if anything is missing. */
static json_t *finish(struct object *object)
{
	if (!object->failed)
		return object->json;
	json_decref(object->json);
	return NULL;
}

static json_t *times(const struct histogram *h)
{
	struct object o = object();

	put_real(&o, "min", (double)h->min * 1e-6);
	put_real(&o, "mean", histogram_mean(h) * 1e-6);
	put_real(&o, "p50", load_percentile_ms(h, 50));
	put_real(&o, "p90", load_percentile_ms(h, 90));
	put_real(&o, "p99", load_percentile_ms(h, 99));
	put_real(&o, "p999", load_percentile_ms(h, 99.9));
	put_real(&o, "max", (double)h->max * 1e-6);
	return finish(&o);
}

static json_t *one_direction(const struct load_options *options,
			     const struct load_result *result,
			     enum load_direction direction)
{
	const struct load_figures *figures = &result->direction[direction];
	struct object o;

	if (!options->direction[direction])
		return json_null();
	o = object();
	put_count(&o, "sent", figures->sent);
	put_count(&o, "unsent", figures->unsent);
	put_count(&o, "received", figures->received);
	put_count(&o, "lost", load_lost(figures));
	put_real(&o, "lost_percent", load_lost_percent(figures));
	put_count(&o, "duplicated", figures->duplicated);
	put_count(&o, "reordered", figures->reordered);
	put_count(&o, "misdelivered", figures->misdelivered);
	put_count(&o, "damaged", figures->damaged);
	put_real(&o, "packets_per_s",
		 load_per_second(figures->received, result->media_s));
	put_real(&o, "payload_mbit_per_s",
		 load_mbit_per_s(options, figures->received, result->media_s));
	put(&o, "delay_ms", times(&figures->delay_ns));
	return finish(&o);
}

static json_t *media(const struct load_options *options, const struct load_result *result)
{
	const struct load_figures *up = &result->direction[LOAD_UP];
	const struct load_figures *down = &result->direction[LOAD_DOWN];
	struct object o;

	if (!load_had_media(result))
		return json_null();
	o = object();
	put_real(&o, "seconds", result->media_s);
	put_count(&o, "packet_size", options->packet_size);
	put_count(&o, "sent", up->sent + down->sent);
	put_count(&o, "received", up->received + down->received);
	put_count(&o, "skipped", result->skipped);
	put_count(&o, "strays", result->strays);
	put_real(&o, "cpu_percent", load_cpu_percent(result));
	put_real(&o, "cpu_us_per_packet", load_cpu_us_per_packet(result));
	put(&o, "up", one_direction(options, result, LOAD_UP));
	put(&o, "down", one_direction(options, result, LOAD_DOWN));
	return finish(&o);
}

static json_t *cycles(const struct load_options *options,
		      const struct load_result *result)
{
	struct object o;

	if (options->task != LOAD_CYCLES)
		return json_null();
	o = object();
	put_count(&o, "done", result->cycles_done);
	put_count(&o, "failed", result->cycles_failed);
	put_count(&o, "moved", result->moved);
	put_real(&o, "seconds", result->setup_s);
	put_real(&o, "per_s", load_per_second(result->cycles_done, result->setup_s));
	put(&o, "allocate_ms", times(&result->setup_ns));
	return finish(&o);
}

static json_t *set_up(const struct load_options *options,
		      const struct load_result *result)
{
	struct object o;

	if (options->task == LOAD_CYCLES)
		return json_null();
	o = object();
	put_count(&o, "clients", options->clients);
	put_count(&o, "ready", result->ready);
	put_count(&o, "failed", result->failed);
	put_count(&o, "moved", result->moved);
	put_count(&o, "released", result->released);
	put_count(&o, "unreleased", result->unreleased);
	put_real(&o, "seconds", result->setup_s);
	put_real(&o, "per_s", load_per_second(result->ready, result->setup_s));
	put(&o, "time_ms", times(&result->setup_ns));
	return finish(&o);
}

static json_t *first_failure(const struct load_result *result)
{
	struct object o;

	if (result->reason[0] == '\0')
		return json_null();
	o = object();
	put_count(&o, "code", (uint64_t)result->reason_code);
	put(&o, "reason", json_string(result->reason));
	return finish(&o);
}

static json_t *complaints(const struct load_verdict *verdict)
{
	json_t *list = json_array();

	for (size_t i = 0; i < verdict->count; i++)
		json_array_append_new(list, json_string(verdict->complaints[i]));
	return list;
}

static json_t *server(const struct load_options *options)
{
	bool bracket = strchr(options->host, ':') != NULL;

	return json_sprintf("%s:%s%s%s:%d", load_transport_name(options->transport),
			    bracket ? "[" : "", options->host, bracket ? "]" : "",
			    (int)options->port);
}

bool load_report_json(FILE *out, const struct load_options *options,
		      const struct load_result *result,
		      const struct load_verdict *verdict)
{
	struct object o = object();

	put(&o, "server", server(options));
	put(&o, "dialect", json_string(options->dialect_ms ? "ms" : "ietf"));
	put(&o, "mode", json_string(options->send_mode ? "send" : "channel"));
	put(&o, "interrupted", json_boolean(result->interrupted));
	put(&o, "set_up", set_up(options, result));
	put(&o, "media", media(options, result));
	put(&o, "cycles", cycles(options, result));
	put(&o, "first_failure", first_failure(result));
	put(&o, "complaints", complaints(verdict));
	put_count(&o, "status", (uint64_t)verdict->status);

	json_t *root = finish(&o);
	bool written = root != NULL &&
		       json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) ==
			       0 &&
		       fputc('\n', out) != EOF;
	json_decref(root);
	return written;
}
