/*
 * process_metrics.c - getrusage() and /proc/self. What cannot be found out is left out.
 */
#include "base/metrics/process_metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

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
		"Address space; most of it is reserved for allocations to come.");
	openmetrics_count(om, total * page, NULL);
	openmetrics_family(om, METRIC_GAUGE, "process_resident_memory_bytes", "bytes",
			   "Memory in use.");
	openmetrics_count(om, resident * page, NULL);
}

/* Newer kernels say how many entries there are; else they are counted. */
static uint64_t open_files(void)
{
	struct stat st;
	uint64_t count = 0;

	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		return (uint64_t)st.st_size;
	DIR *folder = opendir("/proc/self/fd");
	if (folder == NULL)
		return 0;
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count - 1; /* the folder itself */
}

/* Not by getrlimit(): the sandbox of the units forbids the system call that it makes. */
static uint64_t most_files(void)
{
	FILE *file = fopen("/proc/self/limits", "re");
	uint64_t most = 0;
	char line[128];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL &&
	       sscanf(line, "Max open files %" SCNu64, &most) != 1)
		;
	if (file != NULL)
		fclose(file);
	return most;
}

static void write_files(struct openmetrics *om)
{
	uint64_t open = open_files(), most = most_files();

	if (open == 0 || most == 0)
		return;
	openmetrics_family(om, METRIC_GAUGE, "process_open_fds", NULL,
			   "Open descriptors; each UDP allocation has one.");
	openmetrics_count(om, open, NULL);
	openmetrics_family(om, METRIC_GAUGE, "process_max_fds", NULL,
			   "Most descriptors that may be open.");
	openmetrics_count(om, most, NULL);
}

void process_metrics(struct openmetrics *om, int64_t started_s)
{
	openmetrics_family(om, METRIC_INFO, "avedge_build", NULL,
			   "The version that runs.");
	openmetrics_count(om, 1, "version", version_string(), NULL);
	openmetrics_family(om, METRIC_GAUGE, "process_start_time_seconds", "seconds",
			   "When the daemon started, Unix time.");
	openmetrics_count(om, (uint64_t)started_s, NULL);
	write_cpu(om);
	write_memory(om);
	write_files(om);
}
