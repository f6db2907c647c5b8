/*
 * user_groups.c - see user_groups.h.
 */
#include "relay/core/user_groups.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "relay/core/owner.h"

/* A copy of a struct user_group. */
struct row {
	char *name;
	char **users, **keys;
	size_t user_count, key_count;
	struct ip_prefix *networks;
	size_t network_count;
};

struct user_groups {
	size_t count;
	struct row rows[];
};

bool user_groups_pattern_is_valid(const char *pattern)
{
	size_t len = strlen(pattern);

	return len > 0 && strcspn(pattern, "*") >= len - 1 &&
	       strcspn(pattern, " \t") == len;
}

static void free_texts(char **texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
}

void user_groups_free(struct user_groups *groups)
{
	if (groups == NULL)
		return;
	for (size_t i = 0; i < groups->count; i++) {
		struct row *row = &groups->rows[i];

		free(row->name);
		free_texts(row->users, row->user_count);
		free(row->networks);
		free_texts(row->keys, row->key_count);
	}
	free(groups);
}

static bool copy_texts(char ***to, size_t *to_count, const char *const *from,
		       size_t count)
{
	if (count == 0)
		return true;
	*to = calloc(count, sizeof(**to));
	if (*to == NULL)
		return false;
	for (; *to_count < count; (*to_count)++) {
		(*to)[*to_count] = strdup(from[*to_count]);
		if ((*to)[*to_count] == NULL)
			return false;
	}
	return true;
}

static bool copy_row(struct row *to, const struct user_group *from)
{
	size_t size = from->network_count * sizeof(*from->networks);

	to->name = strdup(from->name);
	if (size > 0) {
		to->networks = malloc(size);
		if (to->networks == NULL)
			return false;
		memcpy(to->networks, from->networks, size);
		to->network_count = from->network_count;
	}
	return to->name != NULL &&
	       copy_texts(&to->users, &to->user_count, from->users, from->user_count) &&
	       copy_texts(&to->keys, &to->key_count, from->keys, from->key_count);
}

struct user_groups *user_groups_new(const struct user_group *first, size_t count,
				    size_t element_size)
{
	assert(count <= USER_GROUPS_MAX && element_size >= sizeof(*first));

	struct user_groups *groups =
		calloc(1, sizeof(*groups) + count * sizeof(groups->rows[0]));
	if (groups == NULL)
		return NULL;
	for (; groups->count < count; groups->count++) {
		const void *from = (const char *)first + groups->count * element_size;

		if (!copy_row(&groups->rows[groups->count], from)) {
			groups->count++; /* what there is of it is freed, too */
			user_groups_free(groups);
			return NULL;
		}
	}
	return groups;
}

static bool pattern_matches(const char *pattern, const char *user)
{
	size_t len = strlen(pattern);

	if (len > 0 && pattern[len - 1] == '*')
		return strncmp(pattern, user, len - 1) == 0;
	return strcmp(pattern, user) == 0;
}

static bool has_user(const struct row *row, const char *user)
{
	bool found = row->user_count == 0;

	for (size_t i = 0; i < row->user_count && !found; i++)
		found = pattern_matches(row->users[i], user);
	return found;
}

static bool has_key(const struct row *row, const char *key_id)
{
	bool found = row->key_count == 0;

	for (size_t i = 0; i < row->key_count && !found; i++)
		found = strcmp(row->keys[i], key_id) == 0;
	return found;
}

uint8_t user_groups_match(const struct user_groups *groups, const struct owner *owner,
			  const struct ip_addr *client)
{
	for (size_t i = 0; groups != NULL && i < groups->count; i++) {
		const struct row *row = &groups->rows[i];

		if (has_user(row, owner->user) && has_key(row, owner->key_id) &&
		    (row->network_count == 0 ||
		     ip_prefixes_contain(row->networks, row->network_count, client)))
			return (uint8_t)(i + 1);
	}
	return USER_GROUP_NONE;
}

const char *user_groups_name(const struct user_groups *groups, uint8_t group)
{
	if (group == USER_GROUP_NONE)
		return "";
	assert(groups != NULL && group <= groups->count);
	return groups->rows[group - 1].name;
}
