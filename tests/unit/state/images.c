/*
 * images.c - see images.h.
 */
#include "tests/unit/state/images.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/credential/access_token.h"

const char *image_kind_name(enum image_kind kind)
{
	static const char *const names[IMAGE_KIND_COUNT] = {
		[IMAGE_TYPICAL] = "typical",
		[IMAGE_IPV6] = "IPv6",
		[IMAGE_NO_PROOF] = "without a proof",
		[IMAGE_BEHIND_BALANCER] = "behind a balancer",
		[IMAGE_TLS] = "TLS",
		[IMAGE_TCP_RELAY] = "TCP relayed address",
		[IMAGE_DUAL] = "dual",
		[IMAGE_HALF_DUAL] = "half of a dual one",
		[IMAGE_RESERVING] = "reserving a port",
		[IMAGE_IN_DEBT] = "in debt",
		[IMAGE_MOBILE] = "mobile",
		[IMAGE_MOVING] = "moving",
		[IMAGE_CLIENT_GONE] = "client gone",
		[IMAGE_TOKEN] = "access token",
		[IMAGE_MS] = "MS",
		[IMAGE_MS_PSEUDO_TLS] = "MS on pseudo-TLS",
		[IMAGE_MS_DUAL] = "MS dual",
		[IMAGE_MS_RESERVED] = "MS with bandwidth",
		[IMAGE_RESTARTED] = "restarted",
		[IMAGE_FULL] = "full",
	};

	return names[kind];
}

static struct endpoint at(const char *text)
{
	struct endpoint ep;

	if (!endpoint_parse(text, 0, &ep))
		abort();
	return ep;
}

static struct slice text_of(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

static struct front front_at(enum transport transport, const char *local)
{
	return (struct front){SIDE_OUTSIDE, transport, at(local)};
}

static void add_permission(struct allocation_image *image, const char *peer)
{
	struct allocation_move *move = &image->move;
	bool ms = move->al.dialect == DIALECT_MS;

	move->permissions[move->al.permission_count++] = (struct permission){
		.expires_ms = ms ? UINT64_MAX : IMAGE_NOW_MS + 299000,
		.peer = at(peer).ip,
	};
}

static void add_channel(struct allocation_image *image, uint16_t number, const char *peer,
			uint32_t permission)
{
	struct allocation_move *move = &image->move;

	move->channels[move->al.channel_count++] = (struct channel){
		.expires_ms = IMAGE_NOW_MS + 599000,
		.permission = permission,
		.peer = at(peer),
		.number = number,
	};
}

static void own(struct allocation_image *image, const char *user, int64_t expires_s)
{
	struct owner *owner = &image->move.owner;

	snprintf(owner->user, sizeof(owner->user), "%s", user);
	owner->credential_expires_s = expires_s;
}

static void make_typical(struct allocation_image *image)
{
	struct allocation *al = &image->move.al;

	memset(image, 0, sizeof(*image));
	al->tuple.client = at("192.0.2.200:40000");
	image->front = front_at(TRANSPORT_UDP, "198.18.0.1:3478");
	al->side = SIDE_OUTSIDE;
	al->transport = TRANSPORT_UDP;
	al->relay_transport = TRANSPORT_UDP;
	al->dialect = DIALECT_IETF;
	al->permissions = al->channels = SLOT_NONE;
	al->families = IP_V4;
	image->relay_address = at("198.18.0.1:1").ip;
	al->relay_port = 50000;
	al->fingerprint = al->shows_rfc8656 = true;
	al->lifetime_s = 600;
	al->created_ms = IMAGE_NOW_MS - 1000;
	al->expires_ms = IMAGE_NOW_MS + 599000;
	al->ends_ms = UINT64_MAX;
	al->id = UINT64_C(0x0100000007000012);
	al->to_peer = (struct traffic){3, 480};
	al->to_client = (struct traffic){4, 640};
	memcpy(al->txid, "abcdefghijkl", sizeof(al->txid));
	transactions_remember(&al->transactions, al->txid, STUN_TXID_LEN, 0,
			      IMAGE_NOW_MS - 500);
	own(image, "alice", 1700003600);
	strcpy(image->move.owner.key_id, "2026-01");
	image->proof = (struct owner_proof){
		.kind = OWNER_PROOF_USERNAME,
		.bytes = text_of("1700003600:alice"),
		.realm = text_of("avedge.test"),
		.key_len = 16,
	};
	image->key_mark = UINT64_C(0x0123456789ABCDEF);
	for (size_t i = 0; i < 2; i++)
		image->move.sockets[i].fd = -1;
	add_permission(image, "192.0.2.1:1");
	add_channel(image, 0x4001, "192.0.2.1:7000", 0);
}

static void use_front(struct allocation_image *image, enum transport transport,
		      const char *local)
{
	image->front = front_at(transport, local);
	image->move.al.transport = transport;
}

static void forget_entries(struct allocation_image *image)
{
	image->move.al.permission_count = image->move.al.channel_count = 0;
}

static void make_ipv6(struct allocation_image *image)
{
	struct allocation *al = &image->move.al;

	use_front(image, TRANSPORT_UDP, "[2001:db8::1]:3478");
	al->tuple.client = at("[2001:db8:1::2]:40000");
	image->relay_address = at("[2001:db8::1]:1").ip;
	al->families = IP_V6;
	forget_entries(image);
	add_permission(image, "[2001:db8:2::3]:1");
	add_channel(image, 0x4FFF, "[2001:db8:2::3]:7000", 0);
	/* Its permission has expired, and made room for another address. */
	add_channel(image, 0x4000, "[2001:db8:2::4]:7000", SLOT_NONE);
}

static void make_dual(struct allocation_image *image)
{
	struct allocation *al = &image->move.al;

	al->families = IP_V4 | IP_V6;
	image->second_address = at("[2001:db8::1]:1").ip;
	al->dual.port = 50001;
	al->dual.later_family = IP_V6;
	al->dual.later_ms = al->expires_ms + 60000;
	al->ends_ms = al->expires_ms + 3600000;
	add_permission(image, "[2001:db8:2::3]:1");
}

static void make_mobile(struct allocation_image *image)
{
	struct mobility *mobility = &image->move.mobility;

	image->move.al.mobile = true;
	mobility->ticket = 65535;
	mobility->moves = 7;
	mobility->hops = 2;
}

static void make_moving(struct allocation_image *image)
{
	struct mobility *mobility = &image->move.mobility;

	make_mobile(image);
	image->move.al.moving = true;
	image->to_front = image->from_front =
		(struct front){SIDE_INSIDE, TRANSPORT_TLS, at("[fd00::1]:443")};
	mobility->to.client = mobility->from.client = at("[fd00::2]:41000");
	memcpy(mobility->txid, "mnopqrstuvwx", sizeof(mobility->txid));
	mobility->answered_s = 600;
	mobility->until_ms = IMAGE_NOW_MS + 40000;
	mobility->via = 3;
	mobility->fingerprint = true;
}

static void make_token(struct allocation_image *image)
{
	static uint8_t token[ACCESS_TOKEN_MAX];

	memset(token, 0xA5, sizeof(token));
	own(image, "kid-1", 1700000600);
	image->move.owner.is_token = image->move.owner.nameless = true;
	image->proof = (struct owner_proof){
		.kind = OWNER_PROOF_TOKEN,
		.bytes = {token, sizeof(token)},
		.realm = text_of("turn.example.org"),
		.key_len = 20,
	};
}

static void make_ms(struct allocation_image *image)
{
	struct allocation *al = &image->move.al;
	struct sequence *sequence = &al->ms.sequence;

	forget_entries(image);
	al->dialect = DIALECT_MS;
	al->fingerprint = al->shows_rfc8656 = false;
	al->transactions = (struct transactions){.next = 0};
	for (uint8_t i = 0; i < 4; i++) {
		uint8_t txid[MS_TXID_LEN] = {i, 1, 2, [15] = 0xFF};

		transactions_remember(&al->transactions, txid, sizeof(txid),
				      i == 2 ? 437 : 0, IMAGE_NOW_MS - 500 + i);
	}
	memset(sequence->connection_id, 0xC3, sizeof(sequence->connection_id));
	sequence->newest = 1000;
	sequence->seen = UINT64_C(0xFFFFFFFFFFFFFFFD);
	al->ms.stream_type = 1;
	al->ms.quality = MS_UNKNOWN;
	add_permission(image, "192.0.2.1:1");
	al->active.peer = at("192.0.2.1:7000");
	own(image, "bob", 1700003600);
	image->proof.kind = OWNER_PROOF_MS_USERNAME;
	image->proof.bytes = text_of("1700003600:bob");
	image->proof.key_len = 32;
}

static void make_full(struct allocation_image *image)
{
	static char name[764];
	struct allocation *al = &image->move.al;
	char text[64];

	make_dual(image);
	forget_entries(image);
	al->rfc5766_channel = true;
	for (unsigned i = 0; i < ENTRIES_EACH_MAX; i++) {
		snprintf(text, sizeof(text),
			 "[2001:db8:ffff:ffff:ffff:ffff:ffff:%x]:65535", 0xF000 + i);
		add_permission(image, text);
		add_channel(image, (uint16_t)(0x7FFF - i), text, i);
	}
	memset(name, 'x', sizeof(name) - 1);
	memcpy(name, "1700003600:", 11);
	credential_show_user((struct slice){(uint8_t *)name + 11, sizeof(name) - 12},
			     image->move.owner.user);
	memset(image->move.owner.key_id, 'k', KEY_ID_MAX);
	al->to_peer = al->to_client = (struct traffic){UINT64_MAX, UINT64_MAX};
	al->restarts = UINT16_MAX;
	image->proof.bytes = text_of(name);
	image->via = at("[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
	make_moving(image);
}

void image_make(struct allocation_image *image, enum image_kind kind)
{
	struct allocation *al = &image->move.al;

	make_typical(image);
	switch (kind) {
	case IMAGE_TYPICAL:
		break;
	case IMAGE_IPV6:
		make_ipv6(image);
		break;
	case IMAGE_NO_PROOF:
		image->proof = (struct owner_proof){.kind = OWNER_PROOF_NONE};
		image->move.owner.quota = (struct credential_quota){10, 4000000};
		break;
	case IMAGE_BEHIND_BALANCER:
		image->via = at("10.0.0.9:1234");
		break;
	case IMAGE_TLS:
		use_front(image, TRANSPORT_TLS, "198.18.0.1:443");
		break;
	case IMAGE_TCP_RELAY:
		use_front(image, TRANSPORT_TCP, "198.18.0.1:443");
		al->relay_transport = TRANSPORT_TCP;
		al->data_connections = true;
		al->channel_count = 0;
		break;
	case IMAGE_DUAL:
		make_dual(image);
		break;
	case IMAGE_HALF_DUAL:
		al->dual.missing_code = 440;
		break;
	case IMAGE_RESERVING:
		memcpy(al->reservation.token, "12345678", RESERVATION_TOKEN_LEN);
		al->reservation.held = true;
		break;
	case IMAGE_RESTARTED:
		al->restarts = 300;
		break;
	case IMAGE_IN_DEBT:
		al->lease.average.full_ns = (IMAGE_NOW_MS + 1) * UINT64_C(1000000);
		al->lease.peak.full_ns = (IMAGE_NOW_MS + 2) * UINT64_C(1000000);
		break;
	case IMAGE_MOBILE:
		make_mobile(image);
		break;
	case IMAGE_MOVING:
		make_moving(image);
		break;
	case IMAGE_CLIENT_GONE:
		make_mobile(image);
		use_front(image, TRANSPORT_TCP, "198.18.0.1:443");
		al->client_gone = true;
		break;
	case IMAGE_TOKEN:
		make_token(image);
		break;
	case IMAGE_MS:
		make_ms(image);
		break;
	case IMAGE_MS_PSEUDO_TLS:
		make_ms(image);
		use_front(image, TRANSPORT_TCP, "198.18.0.1:443");
		al->relay_transport = TRANSPORT_TCP;
		break;
	case IMAGE_MS_DUAL:
		make_ms(image);
		make_dual(image);
		break;
	case IMAGE_MS_RESERVED:
		make_ms(image);
		image->ms_reservation = (struct ms_reservation){
			.state = MS_RESERVATION_MADE,
			.id = {1, 2, 3, [15] = 4},
			.amount = {1, 2, 3, 4},
			.bps = 6000,
			.expires_ms = IMAGE_NOW_MS + 30000,
			.packets = 7,
		};
		break;
	case IMAGE_FULL:
		make_full(image);
		break;
	case IMAGE_KIND_COUNT:
		abort();
	}
}

/* --- comparing ------------------------------------------------------------------------------- */

#define DIFFER(field)                     \
	do {                              \
		if (a->field != b->field) \
			return #field;    \
	} while (0)
#define DIFFER_BYTES(field)                                            \
	do {                                                           \
		if (memcmp(a->field, b->field, sizeof(a->field)) != 0) \
			return #field;                                 \
	} while (0)
#define DIFFER_TEXT(field)                           \
	do {                                         \
		if (strcmp(a->field, b->field) != 0) \
			return #field;               \
	} while (0)
#define DIFFER_ADDRESS(field)                             \
	do {                                              \
		if (!ip_addr_equal(&a->field, &b->field)) \
			return #field;                    \
	} while (0)
#define DIFFER_ENDPOINT(field)                             \
	do {                                               \
		if (!endpoint_equal(&a->field, &b->field)) \
			return #field;                     \
	} while (0)
#define DIFFER_FRONT(field)                   \
	do {                                  \
		DIFFER(field.side);           \
		DIFFER(field.transport);      \
		DIFFER_ENDPOINT(field.local); \
	} while (0)
#define DIFFER_SLICE(field)                                                    \
	do {                                                                   \
		if (a->field.len != b->field.len ||                            \
		    (a->field.len > 0 &&                                       \
		     memcmp(a->field.data, b->field.data, a->field.len) != 0)) \
			return #field;                                         \
	} while (0)
#define FIRST(call)                       \
	do {                              \
		const char *found = call; \
		if (found != NULL)        \
			return found;     \
	} while (0)

static const char *entries_difference(const struct allocation_move *a,
				      const struct allocation_move *b)
{
	DIFFER(al.permission_count);
	DIFFER(al.channel_count);
	for (uint16_t i = 0; i < a->al.permission_count; i++) {
		DIFFER(permissions[i].expires_ms);
		DIFFER(permissions[i].generation);
		DIFFER(permissions[i].refused);
		DIFFER(permissions[i].own);
		DIFFER_ADDRESS(permissions[i].peer);
	}
	for (uint16_t i = 0; i < a->al.channel_count; i++) {
		DIFFER(channels[i].expires_ms);
		DIFFER(channels[i].permission);
		DIFFER(channels[i].generation);
		DIFFER_ENDPOINT(channels[i].peer);
		DIFFER(channels[i].number);
		DIFFER(channels[i].refused);
		DIFFER(channels[i].own);
	}
	return NULL;
}

static const char *owner_difference(const struct owner *a, const struct owner *b)
{
	DIFFER_BYTES(id.bytes);
	DIFFER(credential_expires_s);
	DIFFER(key.len);
	DIFFER_BYTES(key.bytes);
	DIFFER_TEXT(user);
	DIFFER_TEXT(key_id);
	DIFFER(quota.allocations);
	DIFFER(quota.bandwidth_bps);
	DIFFER(nameless);
	DIFFER(is_token);
	return NULL;
}

static const char *transactions_difference(const struct transactions *a,
					   const struct transactions *b)
{
	DIFFER(next);
	for (size_t i = 0; i < TRANSACTIONS_KEPT; i++) {
		DIFFER(kept[i].until_ms);
		DIFFER_BYTES(kept[i].txid);
		DIFFER(codes[i]);
	}
	return NULL;
}

static const char *allocation_difference(const struct allocation *a,
					 const struct allocation *b)
{
	DIFFER_ENDPOINT(tuple.client);
	DIFFER(tuple.front);
	DIFFER(side);
	DIFFER(transport);
	DIFFER(slot);
	DIFFER(generation);
	DIFFER(permissions);
	DIFFER(channels);
	DIFFER(dialect);
	DIFFER(relay_transport);
	DIFFER(families);
	DIFFER(rfc5766_channel);
	DIFFER(group);
	DIFFER(lifetime_s);
	DIFFER(expires_ms);
	DIFFER(ends_ms);
	DIFFER_ENDPOINT(active.peer);
	DIFFER(active.generation);
	DIFFER(active.refused);
	DIFFER(active.own);
	DIFFER(credit);
	DIFFER(to_peer.packets);
	DIFFER(to_peer.bytes);
	DIFFER(to_client.packets);
	DIFFER(to_client.bytes);
	DIFFER(id);
	DIFFER(created_ms);
	DIFFER(relay_address);
	DIFFER(relay_port);
	DIFFER(dual.later_ms);
	DIFFER(dual.later_family);
	DIFFER(dual.address);
	DIFFER(dual.port);
	DIFFER(dual.missing_code);
	DIFFER_BYTES(reservation.token);
	DIFFER(reservation.held);
	DIFFER_BYTES(txid);
	DIFFER(fingerprint);
	DIFFER(shows_rfc8656);
	DIFFER(mobile);
	DIFFER(moving);
	DIFFER(client_gone);
	DIFFER(data_connections);
	DIFFER(end_reason);
	DIFFER(restarts);
	DIFFER(icmp_limit.second_told);
	DIFFER(user_quota);
	DIFFER(prefix_quota);
	DIFFER(user_row);
	DIFFER(prefix_row);
	DIFFER(lease.average.full_ns);
	DIFFER(lease.peak.full_ns);
	DIFFER(lease.over_average_ms);
	DIFFER(lease.over_peak_ms);
	DIFFER(lease.size);
	DIFFER(lease.taken_ms);
	DIFFER(lease.second);
	DIFFER(lease.bytes);
	DIFFER(ms.sequence.seen);
	DIFFER(ms.sequence.newest);
	DIFFER_BYTES(ms.sequence.connection_id);
	DIFFER(ms.stream_type);
	DIFFER(ms.quality);
	FIRST(transactions_difference(&a->transactions, &b->transactions));
	return NULL;
}

static const char *mobility_difference(const struct mobility *a, const struct mobility *b)
{
	DIFFER(ticket);
	DIFFER(moves);
	DIFFER(hops);
	DIFFER_ENDPOINT(from.client);
	DIFFER(from.front);
	DIFFER_BYTES(txid);
	DIFFER(answered_s);
	DIFFER(until_ms);
	DIFFER_ENDPOINT(to.client);
	DIFFER(to.front);
	DIFFER(via);
	DIFFER(charge.user_quota);
	DIFFER(charge.has_user);
	DIFFER(charge.has_prefix);
	DIFFER(charge.has_side);
	DIFFER(charge.connections);
	DIFFER(fingerprint);
	return NULL;
}

static const char *ms_reservation_difference(const struct ms_reservation *a,
					     const struct ms_reservation *b)
{
	DIFFER(state);
	DIFFER_BYTES(id);
	DIFFER(amount.min_send);
	DIFFER(amount.max_send);
	DIFFER(amount.min_receive);
	DIFFER(amount.max_receive);
	DIFFER(bps);
	DIFFER(expires_ms);
	DIFFER(packets);
	return NULL;
}

const char *images_difference(const struct allocation_image *a,
			      const struct allocation_image *b)
{
	FIRST(allocation_difference(&a->move.al, &b->move.al));
	FIRST(owner_difference(&a->move.owner, &b->move.owner));
	FIRST(entries_difference(&a->move, &b->move));
	FIRST(mobility_difference(&a->move.mobility, &b->move.mobility));
	FIRST(ms_reservation_difference(&a->ms_reservation, &b->ms_reservation));
	DIFFER_FRONT(front);
	DIFFER_FRONT(to_front);
	DIFFER_FRONT(from_front);
	DIFFER_ENDPOINT(via);
	DIFFER_ADDRESS(relay_address);
	DIFFER_ADDRESS(second_address);
	DIFFER(proof.kind);
	DIFFER_SLICE(proof.bytes);
	DIFFER_SLICE(proof.realm);
	DIFFER(proof.key_len);
	DIFFER(key_mark);
	DIFFER(move.sockets[0].fd);
	DIFFER(move.sockets[1].fd);
	return NULL;
}

void image_catch_up(struct allocation_image *image, const struct allocation_image *live)
{
	struct allocation *al = &image->move.al;
	const struct allocation *now = &live->move.al;

	al->to_peer = now->to_peer;
	al->to_client = now->to_client;
	al->lease = now->lease;
	if (al->dialect != DIALECT_MS)
		return;
	al->expires_ms = now->expires_ms;
	al->ms.sequence = now->ms.sequence;
}
