/*
 * fuzz_config.c - any text is a configuration, or an error with its place and remedy. A
 * valid configuration can be written and read back. Two of them, separated by a line
 * "%%", are a reload: each difference has an effect, and fronts and addresses that stay
 * keep their indices.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config/reload.h"
#include "relay/reload/network.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/lib/configs.h"

#define BETWEEN "\n%%\n"

static void difference(void *arg, const char *key, const char *before, const char *after,
		       enum reload_effect effect)
{
	size_t *count = arg;

	/* A configuration does not differ from itself. */
	FUZZ_CHECK(count != NULL);
	FUZZ_CHECK(*key && strcmp(before, after) != 0);
	FUZZ_CHECK(strcmp(reload_effect_name(effect), "unknown") != 0);
	++*count;
}

static struct relay_config *parse(const char *text, size_t len)
{
	char error[600] = "";
	struct relay_config *config =
		relay_config_parse("F", text, len, error, sizeof(error));

	if (!config) {
		FUZZ_CHECK(strncmp(error, "F:", 2) == 0 && strchr(error, ';'));
		return NULL;
	}
	for (int i = 0; i < SIDE_COUNT; i++)
		FUZZ_CHECK(config->sides[i].address_count > 0);
	FUZZ_CHECK(config->relay.ports.first >= 1024 &&
		   config->relay.ports.first <= config->relay.ports.last);
	FUZZ_CHECK(config_compare(&config->common, &config->common, difference, NULL) ==
		   0);
	return config;
}

/*
 * --- writing and reading back
 * --------------------------------------------------------------
 */

struct writer {
	FILE *out;
	char block[64]; /* the open section: "limits", "side inside" */
};

static void open_block(struct writer *writer, const char *block)
{
	if (strcmp(writer->block, block) == 0)
		return;
	fputs(*writer->block ? "}\n" : "", writer->out);
	snprintf(writer->block, sizeof(writer->block), "%s", block);
	if (*block)
		fprintf(writer->out, "%s {\n", block);
}

/* "limits.idle" becomes idle = '5m' in limits { }. */
static void write_entry(void *arg, const struct config_entry *entry)
{
	struct writer *writer = arg;
	char block[64];

	snprintf(block, sizeof(block), "%s", entry->key);
	char *dot = strrchr(block, '.');
	*(dot ? dot : block) = '\0';
	for (char *p = block; (p = strchr(p, '.'));)
		*p = ' ';
	open_block(writer, block);
	fprintf(writer->out, "%s = ", dot ? dot + 1 : entry->key);
	if (*entry->value == '{') {
		fputs(entry->value, writer->out);
	} else {
		fputc('\'', writer->out);
		for (const char *p = entry->value; *p; p++)
			fprintf(writer->out, *p == '\'' || *p == '\\' ? "\\%c" : "%c",
				*p);
		fputc('\'', writer->out);
	}
	fputc('\n', writer->out);
}

static void must_survive_writing(const struct relay_config *config)
{
	char error[600] = "", *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	FUZZ_CHECK(out != NULL);
	struct writer writer = {.out = out};
	FUZZ_CHECK(config_list(&config->common, write_entry, &writer));
	open_block(&writer, "");
	FUZZ_CHECK(fclose(out) == 0);

	struct relay_config *again =
		relay_config_parse("again", text, size, error, sizeof(error));
	if (!again) {
		fprintf(stderr, "%s\n%s", error, text);
		abort();
	}
	FUZZ_CHECK(config_compare(&config->common, &again->common, difference, NULL) ==
		   0);
	relay_config_free(again);
	free(text);
}

/* --- a reload ------------------------------------------------------------------------------- */

static size_t wanted_fronts(const struct relay_config *config)
{
	size_t wanted = 0;

	for (int i = 0; i < SIDE_COUNT; i++) {
		const struct relay_config_side *side = &config->sides[i];

		/* Each port is a plain front and a secure one. */
		wanted += 2 * side->address_count *
			  (side->udp_port_count + side->tcp_port_count);
	}
	return wanted;
}

static void check_plan(const struct network_view *before, const struct network_view *plan,
		       const struct relay_config *config)
{
	size_t fronts = 0, addresses = 0;

	for (size_t i = 0; i < FRONTS_MAX; i++) {
		const struct front *front = &plan->fronts[i];

		fronts += plan->front_states[i] == NETWORK_SERVING;
		if (before->front_states[i] == NETWORK_FREE)
			continue;
		/*
		 * A front or address that is there stays as it is; the plan does not
		 * release it.
		 */
		FUZZ_CHECK(plan->front_states[i] != NETWORK_FREE);
		FUZZ_CHECK(front->side == before->fronts[i].side &&
			   front->transport == before->fronts[i].transport &&
			   endpoint_equal(&front->local, &before->fronts[i].local));
	}
	for (size_t i = 0; i < PORT_POOL_ADDRESSES_MAX; i++) {
		const struct relay_address *address = &plan->relay[i];

		addresses += plan->relay_states[i] == NETWORK_SERVING;
		FUZZ_CHECK(plan->relay_states[i] == NETWORK_FREE ||
			   address->retired ==
				   (plan->relay_states[i] == NETWORK_RETIRED));
		if (before->relay_states[i] == NETWORK_FREE)
			continue;
		FUZZ_CHECK(plan->relay_states[i] != NETWORK_FREE);
		FUZZ_CHECK(ip_addr_equal(&address->local, &before->relay[i].local) &&
			   ip_addr_equal(&address->public, &before->relay[i].public));
	}
	FUZZ_CHECK(fronts == wanted_fronts(config));
	FUZZ_CHECK(addresses == config->sides[SIDE_OUTSIDE].address_count);
}

/* False if it is refused, with a reason. */
static bool apply(struct network *network, const struct relay_config *config)
{
	char error[600] = "";
	struct network_view plan, before = *network_view(network);

	if (!network_plan(network, config, &plan, error, sizeof(error))) {
		FUZZ_CHECK(strncmp(error, "F:", 2) == 0 && strchr(error, ';'));
		return false;
	}
	check_plan(&before, &plan, config);
	network_set(network, &plan);
	return true;
}

static void reload(const struct relay_config *before, const struct relay_config *after)
{
	struct network *network = network_new();
	size_t there = 0, back = 0;

	FUZZ_CHECK(network != NULL);
	FUZZ_CHECK(config_compare(&before->common, &after->common, difference, &there) ==
		   there);
	FUZZ_CHECK(config_compare(&after->common, &before->common, difference, &back) ==
		   there);
	FUZZ_CHECK(there == back);
	FUZZ_CHECK(apply(network, before));
	/* And back: nothing is lost. */
	if (apply(network, after))
		FUZZ_CHECK(apply(network, before));
	network_free(network);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *between = memmem(data, size, BETWEEN, strlen(BETWEEN));
	size_t first = between ? (size_t)(between - text) : size;
	size_t second = between ? first + strlen(BETWEEN) : size;
	struct relay_config *config = parse(text, first);
	struct relay_config *next =
		between && config ? parse(text + second, size - second) : NULL;

	if (config)
		must_survive_writing(config);
	if (next)
		reload(config, next);
	relay_config_free(config);
	relay_config_free(next);
	return 0;
}
