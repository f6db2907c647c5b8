/*
 * watched.c - see watched.h.
 */
#include "relay/reload/watched.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "relay/reload/config_schema.h"

enum { LOOK_MAX = 64, KEY_NAME_MAX = 64 };

/* Paths are not in sections with titles, so a walk of the table will do. NULL: not named. */
static const char *path_of(const struct config *config, const struct config_key *key)
{
	const char *path;

	memcpy(&path, (const char *)config + key->offset, sizeof(path));
	return path;
}

struct watched watched_now(const struct config *config)
{
	struct watched watched = {0};
	size_t count = 0;

	for (size_t i = 0; i < config_schema_count; i++) {
		if (!config_schema[i].watched)
			continue;
		assert(count < WATCHED_MAX && config_schema[i].sides == 0);
		watched.stamps[count++] =
			file_stamp_of(path_of(config, &config_schema[i]));
	}
	return watched;
}

bool watched_equal(const struct watched *a, const struct watched *b)
{
	for (size_t i = 0; i < WATCHED_MAX; i++) {
		if (!file_stamp_equal(&a->stamps[i], &b->stamps[i]))
			return false;
	}
	return true;
}

static const char *look_text(const struct file_stamp *stamp, char text[LOOK_MAX])
{
	char date[32];
	struct tm tm;

	if (stamp->inode == 0 || gmtime_r(&stamp->modified.tv_sec, &tm) == NULL)
		return "no file";
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(text, LOOK_MAX, "%s, %lld bytes", date, (long long)stamp->size);
	return text;
}

static bool same_path(const struct config *before, const struct config *after,
		      const struct config_key *key)
{
	const char *was = path_of(before, key), *is = path_of(after, key);

	return was != NULL && is != NULL && strcmp(was, is) == 0;
}

bool watched_report(const struct config *before, const struct watched *looked,
		    const struct config *after, const struct watched *look,
		    struct reload_report *report)
{
	char name[KEY_NAME_MAX], was[LOOK_MAX], is[LOOK_MAX];
	size_t place = 0;

	for (size_t i = 0; i < config_schema_count; i++) {
		const struct config_key *key = &config_schema[i];

		if (!key->watched)
			continue;
		const struct file_stamp *a = &looked->stamps[place];
		const struct file_stamp *b = &look->stamps[place++];
		if (!same_path(before, after, key) || file_stamp_equal(a, b))
			continue;
		if (!reload_report_add(
			    report, config_key_name(key, SIDE_COUNT, name, sizeof(name)),
			    look_text(a, was), look_text(b, is), RELOAD_EFFECT_APPLIED))
			return false;
	}
	return true;
}
