/*
 * load_progress.c - see load_progress.h.
 */
#include "tools/load/load_progress.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define EVERY_NS 3000000000u

void load_progress_start(struct load_progress *progress,
			 const struct load_options *options, uint64_t now_ns)
{
	bool terminal = isatty(STDERR_FILENO);
	bool would_mix = options->json && isatty(STDOUT_FILENO);

	assert(!options->progress || !options->quiet);
	*progress = (struct load_progress){
		.wanted = options->progress ||
			  (terminal && !options->quiet && !would_mix),
		.in_place = terminal,
		.next_ns = now_ns + EVERY_NS,
	};
}

bool load_progress_is_due(struct load_progress *progress, uint64_t now_ns)
{
	if (!progress->wanted || now_ns < progress->next_ns)
		return false;
	progress->next_ns = now_ns + EVERY_NS;
	return true;
}

void load_progress_show(struct load_progress *progress, const char *format, ...)
{
	va_list args;

	fputs(progress->in_place ? "\r" : "avedge-load: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs(progress->in_place ? "\033[K" : "\n", stderr);
	progress->shown = true;
}

void load_progress_end(struct load_progress *progress)
{
	if (progress->shown && progress->in_place)
		fputs("\r\033[K", stderr);
	progress->shown = false;
}
