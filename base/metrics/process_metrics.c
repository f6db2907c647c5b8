/*
 * process_metrics.c - getrusage() and /proc/self. Unavailable figures are left out.
 */
#include "base/metrics/process_metrics.h"

#include <assert.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/version.h"

static double seconds(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static void write_cpu(struct openmetrics *om)
{
	struct rusage used;

	if (getrusage(RUSAGE_SELF, &used) != 0)
		return;
	openmetrics_family(om, METRIC_COUNTER, "process_cpu_seconds", "seconds",
			   "Processor time, user and system, of all threads.");
	openmetrics_real(om, seconds(&used.ru_utime) + seconds(&used.ru_stime), NULL);
}

static void write_memory(struct openmetrics *om)
{
	FILE *file = fopen("/proc/self/statm", "re");
	uint64_t total, resident, page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (file == NULL)
		return;
	bool known = fscanf(file, "%" SCNu64 " %" SCNu64, &total, &resident) == 2;
	fclose(file);
	if (!known)
		return;
	openmetrics_family(
		om, METRIC_GAUGE, "process_virtual_memory_bytes", "bytes",
		"Address space; most of it is reserved for future allocations.");
	openmetrics_count(om, total * page, NULL);
	openmetrics_family(om, METRIC_GAUGE, "process_resident_memory_bytes", "bytes",
			   "Memory in use.");
	openmetrics_count(om, resident * page, NULL);
}

/* The size of the directory on newer kernels (6.2); its entries are counted on others. */
static uint64_t open_files(void)
{
	struct stat st;
	uint64_t count = 0;

	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		return (uint64_t)st.st_size;
	DIR *dir = opendir("/proc/self/fd");
	if (dir == NULL)
		return 0;
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count - 1; /* dir itself */
}

/* Not getrlimit(): the sandbox of the units forbids its system call. */
static uint64_t max_files(void)
{
	FILE *file = fopen("/proc/self/limits", "re");
	uint64_t max = 0;
	char line[128];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL &&
	       sscanf(line, "Max open files %" SCNu64, &max) != 1)
		;
	if (file != NULL)
		fclose(file);
	return max;
}

static void write_files(struct openmetrics *om)
{
	uint64_t open = open_files(), max = max_files();

	if (open == 0 || max == 0)
		return;
	openmetrics_family(om, METRIC_GAUGE, "process_open_fds", NULL,
			   "Open file descriptors; each UDP allocation has one.");
	openmetrics_count(om, open, NULL);
	openmetrics_family(om, METRIC_GAUGE, "process_max_fds", NULL,
			   "Limit of open file descriptors.");
	openmetrics_count(om, max, NULL);
}

static void write_log(struct openmetrics *om)
{
	openmetrics_family(om, METRIC_COUNTER, "avedge_log_dropped_messages", NULL,
			   "Log messages that a stalled reader or a full disk cost.");
	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++)
		openmetrics_count(om, log_dropped((enum log_level)i), "level",
				  log_level_name((enum log_level)i), NULL);
}

void process_metrics(struct openmetrics *om, int64_t started_s)
{
	assert(started_s > 0);
	openmetrics_family(om, METRIC_INFO, "avedge_build", NULL, "The running version.");
	openmetrics_count(om, 1, "version", version_string(), NULL);
	openmetrics_family(om, METRIC_GAUGE, "process_start_time_seconds", "seconds",
			   "When the daemon started, Unix time.");
	openmetrics_count(om, (uint64_t)started_s, NULL);
	write_cpu(om);
	write_memory(om);
	write_files(om);
	write_log(om);
}
