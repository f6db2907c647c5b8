/*
 * ctl_complete.c - completion in a shell. The running daemons supply ids, users, keys, subsystems
 * and relays.
 */
#include "tools/ctl/ctl_complete.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_command.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_text.h"

enum { TIMEOUT_MS = 2000 }; /* somebody is waiting */

/* What is being typed, and whether candidates are followed by a tab and their description. */
struct typing {
	const char *word;
	bool described;
};

/* A name that needs escapes is not offered. */
static bool is_plain(const char *text)
{
	char clean[CTL_CELL_MAX];

	return *text != '\0' && strcmp(ctl_clean(text, clean, sizeof(clean)), text) == 0;
}

/* about: what it is; NULL if the word says so itself. */
static void offer_described(const char *word, const char *about,
			    const struct typing *typing)
{
	if (strncmp(word, typing->word, strlen(typing->word)) != 0 || !is_plain(word))
		return;
	if (typing->described && about)
		printf("%s\t%s\n", word, about);
	else
		puts(word);
}

static void offer(const char *word, const struct typing *typing)
{
	offer_described(word, NULL, typing);
}

static void offer_words(const char *const *words, const struct typing *typing)
{
	assert(words != NULL);
	for (; *words; words++)
		offer(*words, typing);
}

/* Each value once: a user has many allocations. */
static void offer_members(const json_t *rows, const char *name,
			  const struct typing *typing)
{
	json_t *seen = json_object();
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		const char *word = json_string_value(json_object_get(row, name));

		if (!word || json_object_get(seen, word))
			continue;
		json_object_set_new(seen, word, json_true());
		offer(word, typing);
	}
	json_decref(seen);
}

/* The names of an object's members, or the values of a member of the rows in a list. */
static void offer_answer(struct ctl_daemon daemon, const char *path, const char *list,
			 const char *name, const struct typing *typing)
{
	json_t *document, *value;
	const char *key;

	assert(path && list);
	daemon.quiet = true;
	daemon.timeout_ms = TIMEOUT_MS;
	if (ctl_ask(&daemon, "GET", path, NULL, &document, NULL) != CTL_OK)
		return;
	if (name) {
		offer_members(json_object_get(document, list), name, typing);
	} else {
		offer("default", typing);
		json_object_foreach(json_object_get(document, list), key, value)
			offer(key, typing);
	}
	json_decref(document);
}

static void offer_allocations(const struct ctl_args *args, const char *name,
			      const struct typing *typing)
{
	offer_answer(ctl_relay_of(args), "/v1/allocations?limit=10000", "allocations",
		     name, typing);
}

static void offer_kind(const struct ctl_args *args, enum ctl_kind kind,
		       const char *const *choices, const struct typing *typing)
{
	switch (kind) {
	case CTL_FILE:
		puts(":files");
		break;
	case CTL_CHOICE:
		offer_words(choices, typing);
		break;
	case CTL_LEVEL:
		offer_words(ctl_levels, typing);
		break;
	case CTL_SWITCH:
		offer_words(ctl_switches, typing);
		break;
	case CTL_ALLOCATION:
		offer_allocations(args, "id", typing);
		break;
	case CTL_USER:
		offer_allocations(args, "user", typing);
		break;
	case CTL_KEY:
		offer_allocations(args, "key_id", typing);
		break;
	case CTL_SUBSYSTEM:
		offer_answer(ctl_daemon_of(args), "/v1/log-levels", "subsystems", NULL,
			     typing);
		break;
	case CTL_MRAS_RELAY:
		offer_answer(ctl_mras_of(args), "/v1/relays", "relays", "address",
			     typing);
		break;
	case CTL_NOTHING:
	case CTL_FLAG:
	case CTL_TEXT:
	case CTL_NUMBER:
	case CTL_DURATION:
	case CTL_PERIOD:
	case CTL_PREFIX:
	case CTL_SINCE:
		break;
	}
}

/* The option that a word names, "--name" with or without "=value"; or OPTION_NONE. */
static enum ctl_option_id option_of(const struct ctl_command *command, const char *word)
{
	if (strncmp(word, "--", 2) != 0)
		return OPTION_NONE;
	for (size_t i = 0; command->options[i]; i++) {
		const char *name = ctl_options[command->options[i]].name;
		size_t len = strlen(name);

		if (strncmp(word + 2, name, len) == 0 &&
		    (word[2 + len] == '\0' || word[2 + len] == '='))
			return command->options[i];
	}
	return OPTION_NONE;
}

static bool takes_word(enum ctl_option_id id)
{
	return id != OPTION_NONE && ctl_options[id].kind != CTL_FLAG &&
	       ctl_options[id].kind != CTL_PERIOD;
}

/* "--option=VAL": values are offered, without the option. */
static bool complete_assignment(const struct ctl_args *args, const struct typing *typing)
{
	enum ctl_option_id id = option_of(args->command, typing->word);
	const char *equals = strchr(typing->word, '=');
	struct typing value = *typing;

	if (!equals || id == OPTION_NONE)
		return false;
	value.word = equals + 1;
	offer_kind(args, ctl_options[id].kind, ctl_options[id].choices, &value);
	return true;
}

static void offer_options(const struct ctl_command *command, const struct typing *typing)
{
	char word[64];

	for (size_t i = 0; command->options[i]; i++) {
		const struct ctl_option *option = &ctl_options[command->options[i]];

		snprintf(word, sizeof(word), "--%s", option->name);
		offer_described(word, option->help, typing);
	}
	offer_described("--help", "show the options of this command", typing);
}

/* words are those after the command's name; the last is the one being typed. */
static void complete_command(const struct ctl_command *command, int count, char **words,
			     const struct typing *typing)
{
	struct ctl_args args = {.command = command, .name = command->name};
	int operands = 0;

	assert(count > 0);
	for (int i = 0; i + 1 < count; i++) {
		enum ctl_option_id id = option_of(command, words[i]);
		const char *equals = strchr(words[i], '=');

		if (!takes_word(id)) {
			operands += *words[i] != '-';
			continue;
		}
		if (equals) {
			args.values[id] = equals + 1;
		} else if (i + 2 < count) {
			args.values[id] = words[++i];
		} else {
			offer_kind(&args, ctl_options[id].kind, ctl_options[id].choices,
				   typing);
			return;
		}
	}
	if (complete_assignment(&args, typing))
		return;
	if (*typing->word == '-')
		offer_options(command, typing);
	else if (operands < CTL_OPERANDS_MAX)
		offer_kind(&args, command->operands[operands], NULL, typing);
}

/* The first words of all commands, or the second words of a group. */
static void offer_names(const char *group, const struct typing *typing)
{
	char word[64], last[64] = "";

	for (size_t i = 0; i < ctl_command_count; i++) {
		const char *about = ctl_commands[i].purpose;
		const char *name = group ? ctl_command_in(&ctl_commands[i], group)
					 : ctl_commands[i].name;

		if (!name)
			continue;
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(name, " "), name);
		/* Commands of one group are adjacent. */
		if (strcmp(word, last) != 0)
			offer_described(word, strchr(name, ' ') ? NULL : about, typing);
		strcpy(last, word);
	}
}

void ctl_complete(int count, char **words, bool described)
{
	const struct ctl_command *command;
	struct typing typing = {.described = described};
	int used;

	if (count == 0)
		return;
	typing.word = words[count - 1];
	command = ctl_command_find(count - 1, words, &used);
	if (command) {
		complete_command(command, count - used, words + used, &typing);
	} else if (count == 1) {
		offer_names(NULL, &typing);
		offer_described("--help", "show all commands", &typing);
		offer_described("--version", "show the version", &typing);
	} else if (count == 2 && ctl_command_is_group(words[0])) {
		offer_names(words[0], &typing);
	}
}
