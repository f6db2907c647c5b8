/*
 * load_result.c - figures derived from the counts of a run.
 */
#include "tools/load/load_result.h"

const char *load_direction_name(enum load_direction direction)
{
	return direction == LOAD_UP ? "up" : "down";
}

bool load_had_media(const struct load_result *result)
{
	return result->media_s > 0;
}

double load_per_second(uint64_t count, double seconds)
{
	return seconds > 0 ? (double)count / seconds : 0;
}

uint64_t load_lost(const struct load_figures *figures)
{
	return figures->sent > figures->received ? figures->sent - figures->received : 0;
}

double load_lost_percent(const struct load_figures *figures)
{
	return figures->sent > 0
		       ? 100.0 * (double)load_lost(figures) / (double)figures->sent
		       : 0;
}

double load_lost_per_move(const struct load_result *result)
{
	uint64_t lost = load_lost(&result->direction[LOAD_UP]) +
			load_lost(&result->direction[LOAD_DOWN]);

	return result->moves > 0 ? (double)lost / (double)result->moves : 0;
}

double load_percentile_ms(const struct histogram *h, double percent)
{
	return (double)histogram_percentile(h, percent) * 1e-6;
}

double load_mbit_per_s(const struct load_options *options, uint64_t packets,
		       double seconds)
{
	return load_per_second(packets, seconds) * options->packet_size * 8e-6;
}

double load_cpu_percent(const struct load_result *result)
{
	return load_had_media(result) ? 100 * result->media_cpu_s / result->media_s : 0;
}

double load_cpu_us_per_packet(const struct load_result *result)
{
	uint64_t packets =
		result->direction[LOAD_UP].sent + result->direction[LOAD_DOWN].sent;

	return packets > 0 ? 1e6 * result->media_cpu_s / (double)packets : 0;
}
