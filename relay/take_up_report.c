/*
 * take_up_report.c - see take_up_report.h.
 */
#include "relay/take_up_report.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"

uint32_t take_up_lost(const struct take_up_report *report)
{
	uint32_t lost = 0;

	for (int i = 0; i < RESTORE_RESULT_COUNT; i++)
		lost += i != RESTORED ? report->lost[i] : 0;
	return lost;
}

/* "2 expired, 1 revoked" of counts by number, of which the first is no loss; returns how many in all. */
static uint64_t write_losses(const uint64_t *counts, int count,
			     const char *(*name)(int result), char *text, size_t size)
{
	const char *before = "";
	uint64_t lost = 0;
	size_t len = 0;

	text[0] = '\0';
	for (int i = 1; i < count; i++) {
		lost += counts[i];
		if (counts[i] == 0 || len >= size)
			continue;
		len += (size_t)snprintf(text + len, size - len, "%s%" PRIu64 " %s",
					before, counts[i], name(i));
		before = ", ";
	}
	return lost;
}

static const char *allocation_loss(int result)
{
	return restore_result_name((enum restore_result)result);
}

static const char *stream_loss(int result)
{
	return stream_restored_name((enum stream_restored)result);
}

static const char *peer_loss(int result)
{
	return peer_taken_up_name((enum peer_taken_up)result);
}

static void tell_connections(const char *whose, const uint64_t *counts, int count,
			     const char *(*name)(int result))
{
	char text[256];
	uint64_t lost = write_losses(counts, count, name, text, sizeof(text));

	if (lost > 0)
		log_notice("connections of %s: %" PRIu64 " taken up, %" PRIu64
			   " lost (%s)",
			   whose, counts[0], lost, text);
}

/* ", 3 lost (2 expired, 1 revoked)"; "" if none is. */
static void write_lost(const struct take_up_report *report, char *text, size_t size)
{
	uint64_t counts[RESTORE_RESULT_COUNT], lost;
	char losses[224];

	for (int i = 0; i < RESTORE_RESULT_COUNT; i++)
		counts[i] = report->lost[i];
	lost = write_losses(counts, RESTORE_RESULT_COUNT, allocation_loss, losses,
			    sizeof(losses));
	text[0] = '\0';
	if (lost > 0)
		snprintf(text, size, ", %" PRIu64 " lost (%s)", lost, losses);
}

void take_up_report_log(const struct take_up_report *report)
{
	char losses[256];

	write_lost(report, losses, sizeof(losses));
	log_notice("taken up: %" PRIu32 " allocations of generation %" PRIu64
		   "%s, gap %" PRIu64 " ms, take-up %" PRIu64 " ms",
		   report->taken_up, report->process, losses, report->gap_ms,
		   report->duration_ms);
	tell_connections("clients", report->streams, STREAM_RESTORED_COUNT, stream_loss);
	tell_connections("peers", report->peers, PEER_TAKEN_UP_COUNT, peer_loss);
}
