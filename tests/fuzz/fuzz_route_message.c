/*
 * fuzz_route_message.c - any bytes as messages of rtnetlink: reading ends, stays within them, and gives no value
 * that is out of its bounds; and an asker that gets them as the answer makes a hop that the program can use, or none.
 */
#include "relay/offload/route_message.h"

#include <errno.h>
#include <string.h>

#include "relay/offload/route_asker.h"
#include "stun/wire.h"
#include "tests/fuzz/fuzz.h"

struct input {
	const uint8_t *data;
	size_t size;
};

/* The sequence that is asked for is put where the first message has its own. */
static int answer(void *arg, const void *request, size_t len, void *reply, size_t size)
{
	const struct input *input = arg;
	size_t copied = input->size < size ? input->size : size;

	FUZZ_CHECK(len >= 16);
	memcpy(reply, input->data, copied);
	if (copied >= 12)
		memcpy((uint8_t *)reply + 8, (const uint8_t *)request + 8, 4);
	return (int)copied;
}

static int no_more(void *arg, void *reply, size_t size)
{
	(void)arg;
	(void)reply;
	(void)size;
	return -EAGAIN;
}

static bool with_macs(void *arg, uint32_t ifindex)
{
	(void)arg;
	return ifindex % 2 == 0;
}

static void check_ip(const struct ip_addr *ip)
{
	FUZZ_CHECK(ip->family <= IP_V6);
	for (size_t i = ip_addr_len(ip->family); i < sizeof(ip->bytes); i++)
		FUZZ_CHECK(ip->bytes[i] == 0);
}

static void check_message(const struct route_message *message)
{
	switch (message->kind) {
	case ROUTE_LINK:
		FUZZ_CHECK(message->link.ifindex > 0);
		FUZZ_CHECK(memchr(message->link.name, 0, sizeof(message->link.name)) !=
			   NULL);
		break;
	case ROUTE_LINK_GONE:
		FUZZ_CHECK(message->link.ifindex > 0);
		break;
	case ROUTE_ADDRESS:
		FUZZ_CHECK(message->address.ip.family != IP_NONE);
		check_ip(&message->address.ip);
		break;
	case ROUTE_WAY:
		check_ip(&message->way.gateway);
		break;
	case ROUTE_NEIGHBOUR:
		FUZZ_CHECK(message->neighbour.ifindex > 0);
		check_ip(&message->neighbour.ip);
		break;
	case ROUTE_ERROR:
		FUZZ_CHECK(message->error >= 0);
		break;
	case ROUTE_OTHER:
	case ROUTE_RULE:
	case ROUTE_DONE:
		break;
	}
}

static void ask(const uint8_t *data, size_t size)
{
	const struct ip_addr from = {.family = IP_V4, .bytes = {192, 0, 2, 10}};
	const struct ip_addr to = {.family = IP_V4, .bytes = {198, 51, 100, 7}};
	struct input input = {data, size};
	const struct route_asker_ops ops = {answer, no_more, &input};
	struct route_asker *asker = route_asker_new(&ops);
	struct links *links = links_new();
	const struct route_link link = {
		.ifindex = 2, .is_up = true, .is_ethernet = true, .mtu = 1500};
	struct flow_hop way;

	FUZZ_CHECK(asker != NULL && links != NULL);
	route_asker_load(asker, links);
	FUZZ_CHECK(links_set(links, &link));
	route_asker_way(asker, links, &from, &to, with_macs, NULL, &way);
	if (way.ifindex != 0) {
		FUZZ_CHECK(links_find(links, way.ifindex) != NULL);
		FUZZ_CHECK(way.family == 0 || way.family == 4 || way.family == 6);
		FUZZ_CHECK(way.hop_limit > 0);
	}
	links_free(links);
	route_asker_free(asker);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct route_message message;
	struct slice rest;
	uint8_t *copy = malloc(size + 1);

	if (copy == NULL)
		abort();
	memcpy(copy, data, size);
	rest = (struct slice){copy, size};
	while (route_message_next(&rest, &message)) {
		FUZZ_CHECK(rest.len < size);
		size = rest.len;
		check_message(&message);
	}
	size = (size_t)(rest.data - copy) + rest.len;
	ask(copy, size);
	free(copy);
	return 0;
}
