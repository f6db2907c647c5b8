/*
 * saved_allocation.c - see saved_allocation.h.
 *
 * An idle allocation's record is most of what it costs to keep it, so what is usual is not written: flags say
 * what is there, times are differences to its beginning, and what its credential says of its owner
 * is read from that again.
 */
#include "relay/state/saved_allocation.h"

#include <assert.h>
#include <string.h>

#include "relay/state/saved_owner.h"
#include "relay/state/state_bytes.h"

/* What is so, or what is there. */
enum {
	HAS_MS_DIALECT = 1 << 0,
	HAS_TCP_RELAY = 1 << 1,
	HAS_DATA_CONNECTIONS = 1 << 2,
	HAS_RFC5766_CHANNEL = 1 << 3,
	HAS_FINGERPRINT = 1 << 4,
	HAS_RFC8656 = 1 << 5,
	HAS_END = 1 << 6, /* ends_ms */
	/* Fewer have these: */
	HAS_MOBILITY = 1 << 7,
	HAS_MOVE = 1 << 8, /* mobility.to */
	HAS_NO_CLIENT = 1 << 9,
	HAS_REPEATABLE_MOVE = 1 << 10, /* mobility.from */
	HAS_VIA = 1 << 11,
	HAS_SECOND_ADDRESS = 1 << 12,
	HAS_LATER_HALF = 1 << 13,
	HAS_MISSING_CODE = 1 << 14,
	HAS_RESERVATION = 1 << 15,
	HAS_DEBT = 1 << 16,
	HAS_ACTIVE_DESTINATION = 1 << 17,
	HAS_MS_RESERVATION = 1 << 18,
	HAS_OWNER = 1 << 19, /* beyond what the proof says */
	HAS_RESTARTS = 1 << 20,
	HAS_ALL = (1 << 21) - 1,
};

/* --- parts ----------------------------------------------------------------------------------- */

/* Differences wrap, so whatever is written is read again. */
static void write_time(struct state_writer *w, uint64_t time_ms, uint64_t since_ms)
{
	state_write_number(w, time_ms - since_ms);
}

static uint64_t read_time(struct state_reader *r, uint64_t since_ms)
{
	return since_ms + state_read_number(r);
}

static void write_front(struct state_writer *w, const struct front *front)
{
	state_write_u8(w, (uint8_t)(front->side << 4 | front->transport));
	state_write_endpoint(w, &front->local);
}

static void read_front(struct state_reader *r, struct front *front)
{
	uint8_t both = state_read_u8(r);

	if (both >> 4 >= SIDE_COUNT || (both & 0xF) >= TRANSPORT_COUNT) {
		r->failed = true;
		both = 0;
	}
	front->side = (enum side)(both >> 4);
	front->transport = (enum transport)(both & 0xF);
	state_read_endpoint(r, &front->local);
}

static void write_traffic(struct state_writer *w, const struct traffic *traffic)
{
	state_write_number(w, traffic->packets);
	state_write_number(w, traffic->bytes);
}

static void read_traffic(struct state_reader *r, struct traffic *traffic)
{
	traffic->packets = state_read_number(r);
	traffic->bytes = state_read_number(r);
}

/* Of the MS dialect they last as long as their allocation. */
static void write_permissions(struct state_writer *w, const struct allocation_move *move)
{
	const struct allocation *al = &move->al;

	state_write_number(w, al->permission_count);
	for (uint16_t i = 0; i < al->permission_count; i++) {
		state_write_address(w, &move->permissions[i].peer);
		if (al->dialect != DIALECT_MS)
			write_time(w, move->permissions[i].expires_ms, al->created_ms);
	}
}

static void read_permissions(struct state_reader *r, struct allocation_move *move)
{
	struct allocation *al = &move->al;

	al->permission_count = (uint16_t)state_read_up_to(r, ENTRIES_EACH_MAX);
	for (uint16_t i = 0; i < al->permission_count; i++) {
		struct permission *p = &move->permissions[i];

		*p = (struct permission){.expires_ms = UINT64_MAX};
		state_read_address(r, &p->peer);
		if (al->dialect != DIALECT_MS)
			p->expires_ms = read_time(r, al->created_ms);
	}
}

static void write_channels(struct state_writer *w, const struct allocation_move *move)
{
	const struct allocation *al = &move->al;

	state_write_number(w, al->channel_count);
	for (uint16_t i = 0; i < al->channel_count; i++) {
		const struct channel *ch = &move->channels[i];

		state_write_number(w, ch->number);
		state_write_endpoint(w, &ch->peer);
		write_time(w, ch->expires_ms, al->created_ms);
	}
}

/* A channel rests on the permission of its peer's address, if there is one. */
static uint32_t permission_of(const struct allocation_move *move,
			      const struct ip_addr *peer)
{
	for (uint16_t i = 0; i < move->al.permission_count; i++) {
		if (ip_addr_equal(&move->permissions[i].peer, peer))
			return i;
	}
	return SLOT_NONE;
}

static void read_channels(struct state_reader *r, struct allocation_move *move)
{
	struct allocation *al = &move->al;

	al->channel_count = (uint16_t)state_read_up_to(r, ENTRIES_EACH_MAX);
	for (uint16_t i = 0; i < al->channel_count && !r->failed; i++) {
		struct channel *ch = &move->channels[i];

		*ch = (struct channel){
			.number = (uint16_t)state_read_up_to(r, UINT16_MAX),
		};
		state_read_endpoint(r, &ch->peer);
		ch->expires_ms = read_time(r, al->created_ms);
		ch->permission = permission_of(move, &ch->peer.ip);
	}
}

static size_t txid_len(const struct allocation *al)
{
	return al->dialect == DIALECT_MS ? MS_TXID_LEN : STUN_TXID_LEN;
}

/* Trimmed, so they lie at the beginning. */
static void write_transactions(struct state_writer *w, const struct allocation *al)
{
	const struct transactions *transactions = &al->transactions;
	size_t count = 0;

	while (count < TRANSACTIONS_KEPT && transactions->kept[count].until_ms != 0)
		count++;
	assert(count % TRANSACTIONS_KEPT == transactions->next);
	state_write_number(w, count);
	for (size_t i = 0; i < count; i++) {
		state_write_bytes(w, transactions->kept[i].txid, txid_len(al));
		write_time(w, transactions->kept[i].until_ms, al->created_ms);
		state_write_number(w, transactions->codes[i]);
	}
}

static void read_transactions(struct state_reader *r, struct allocation *al)
{
	struct transactions *transactions = &al->transactions;
	size_t count = (size_t)state_read_up_to(r, TRANSACTIONS_KEPT);

	for (size_t i = 0; i < count; i++) {
		state_read_bytes(r, transactions->kept[i].txid, txid_len(al));
		transactions->kept[i].until_ms = read_time(r, al->created_ms);
		transactions->codes[i] = (uint16_t)state_read_up_to(r, UINT16_MAX);
		r->failed = r->failed || transactions->kept[i].until_ms == 0;
	}
	transactions->next = (uint8_t)(count % TRANSACTIONS_KEPT);
}

static void write_mobility(struct state_writer *w, const struct allocation_image *image,
			   uint64_t flags)
{
	const struct mobility *mobility = &image->move.mobility;

	state_write_number(w, mobility->ticket);
	state_write_number(w, mobility->moves);
	state_write_number(w, mobility->hops);
	if (flags & HAS_REPEATABLE_MOVE) {
		state_write_endpoint(w, &mobility->from.client);
		write_front(w, &image->from_front);
		state_write_bytes(w, mobility->txid, sizeof(mobility->txid));
		state_write_number(w, mobility->answered_s);
		write_time(w, mobility->until_ms, image->move.al.created_ms);
	}
	if (flags & HAS_MOVE) {
		state_write_endpoint(w, &mobility->to.client);
		write_front(w, &image->to_front);
		state_write_number(w, mobility->via);
		state_write_u8(w, mobility->fingerprint);
	}
}

static void read_mobility(struct state_reader *r, struct allocation_image *image,
			  uint64_t flags)
{
	struct mobility *mobility = &image->move.mobility;

	mobility->ticket = (uint16_t)state_read_up_to(r, UINT16_MAX);
	mobility->moves = (uint32_t)state_read_up_to(r, UINT32_MAX);
	mobility->hops = (uint16_t)state_read_up_to(r, UINT16_MAX);
	if (flags & HAS_REPEATABLE_MOVE) {
		state_read_endpoint(r, &mobility->from.client);
		read_front(r, &image->from_front);
		state_read_bytes(r, mobility->txid, sizeof(mobility->txid));
		mobility->answered_s = (uint32_t)state_read_up_to(r, UINT32_MAX);
		mobility->until_ms = read_time(r, image->move.al.created_ms);
		r->failed = r->failed || mobility->until_ms == 0;
	}
	if (flags & HAS_MOVE) {
		state_read_endpoint(r, &mobility->to.client);
		read_front(r, &image->to_front);
		mobility->via = (uint16_t)state_read_up_to(r, UINT16_MAX);
		mobility->fingerprint = state_read_up_to(r, 1) != 0;
	}
}

static void write_ms(struct state_writer *w, const struct allocation_image *image,
		     uint64_t flags)
{
	const struct ms_state *ms = &image->move.al.ms;
	const struct ms_reservation *reservation = &image->ms_reservation;

	state_write_bytes(w, ms->sequence.connection_id,
			  sizeof(ms->sequence.connection_id));
	state_write_number(w, ms->sequence.newest);
	state_write_number(w, ms->sequence.seen);
	state_write_u8(w, ms->stream_type);
	state_write_u8(w, ms->quality);
	if (flags & HAS_ACTIVE_DESTINATION)
		state_write_endpoint(w, &image->move.al.active.peer);
	if (flags & HAS_MS_RESERVATION) {
		const struct ms_reservation_amount *amount = &reservation->amount;

		state_write_number(w, reservation->state);
		state_write_bytes(w, reservation->id, sizeof(reservation->id));
		state_write_number(w, amount->min_send);
		state_write_number(w, amount->max_send);
		state_write_number(w, amount->min_receive);
		state_write_number(w, amount->max_receive);
		state_write_number(w, reservation->bps);
		state_write_number(w, reservation->expires_ms);
		state_write_number(w, reservation->packets);
	}
}

static void read_ms(struct state_reader *r, struct allocation_image *image,
		    uint64_t flags)
{
	struct ms_state *ms = &image->move.al.ms;
	struct ms_reservation *reservation = &image->ms_reservation;

	state_read_bytes(r, ms->sequence.connection_id,
			 sizeof(ms->sequence.connection_id));
	ms->sequence.newest = (uint32_t)state_read_up_to(r, UINT32_MAX);
	ms->sequence.seen = state_read_number(r);
	ms->stream_type = state_read_u8(r);
	ms->quality = state_read_u8(r);
	if (flags & HAS_ACTIVE_DESTINATION)
		state_read_endpoint(r, &image->move.al.active.peer);
	if (flags & HAS_MS_RESERVATION) {
		struct ms_reservation_amount *amount = &reservation->amount;

		reservation->state = (enum ms_reservation_state)state_read_up_to(
			r, MS_RESERVATION_ENDED);
		state_read_bytes(r, reservation->id, sizeof(reservation->id));
		amount->min_send = (uint32_t)state_read_up_to(r, UINT32_MAX);
		amount->max_send = (uint32_t)state_read_up_to(r, UINT32_MAX);
		amount->min_receive = (uint32_t)state_read_up_to(r, UINT32_MAX);
		amount->max_receive = (uint32_t)state_read_up_to(r, UINT32_MAX);
		reservation->bps = state_read_number(r);
		reservation->expires_ms = state_read_number(r);
		reservation->packets = state_read_number(r);
	}
}

/* Relayed addresses and when they go. */
static void write_relayed(struct state_writer *w, const struct allocation_image *image,
			  uint64_t flags)
{
	const struct allocation *al = &image->move.al;
	const struct endpoint first = {image->relay_address, al->relay_port},
			      second = {image->second_address, al->dual.port};

	state_write_endpoint(w, &first);
	if (flags & HAS_SECOND_ADDRESS)
		state_write_endpoint(w, &second);
	state_write_number(w, al->lifetime_s);
	write_time(w, al->expires_ms, al->created_ms);
	if (flags & HAS_END)
		write_time(w, al->ends_ms, al->created_ms);
	if (flags & HAS_LATER_HALF) {
		state_write_u8(w, al->dual.later_family);
		write_time(w, al->dual.later_ms, al->created_ms);
	}
	if (flags & HAS_MISSING_CODE)
		state_write_number(w, al->dual.missing_code);
	if (flags & HAS_RESERVATION)
		state_write_bytes(w, al->reservation.token,
				  sizeof(al->reservation.token));
}

static void read_relayed(struct state_reader *r, struct allocation_image *image,
			 uint64_t flags)
{
	struct allocation *al = &image->move.al;
	struct endpoint first, second = {0};

	state_read_endpoint(r, &first);
	if (flags & HAS_SECOND_ADDRESS)
		state_read_endpoint(r, &second);
	image->relay_address = first.ip;
	image->second_address = second.ip;
	al->relay_port = first.port;
	al->dual.port = second.port;
	al->families = first.ip.family | second.ip.family;
	al->lifetime_s = (uint32_t)state_read_up_to(r, UINT32_MAX);
	al->expires_ms = read_time(r, al->created_ms);
	al->ends_ms = flags & HAS_END ? read_time(r, al->created_ms) : UINT64_MAX;
	if (flags & HAS_LATER_HALF) {
		al->dual.later_family = state_read_u8(r);
		al->dual.later_ms = read_time(r, al->created_ms);
		r->failed = r->failed || al->dual.later_family == IP_NONE;
	}
	if (flags & HAS_MISSING_CODE)
		al->dual.missing_code = (uint16_t)state_read_up_to(r, UINT16_MAX);
	if (flags & HAS_RESERVATION) {
		state_read_bytes(r, al->reservation.token, sizeof(al->reservation.token));
		al->reservation.held = true;
	}
}

/* --- the record ------------------------------------------------------------------------------ */

static uint64_t flags_of(const struct allocation_image *image)
{
	const struct allocation *al = &image->move.al;
	const struct ms_reservation *reservation = &image->ms_reservation;
	uint64_t flags = 0;

	flags |= al->dialect == DIALECT_MS ? HAS_MS_DIALECT : 0;
	flags |= al->relay_transport == TRANSPORT_TCP ? HAS_TCP_RELAY : 0;
	flags |= al->data_connections ? HAS_DATA_CONNECTIONS : 0;
	flags |= al->rfc5766_channel ? HAS_RFC5766_CHANNEL : 0;
	flags |= al->fingerprint ? HAS_FINGERPRINT : 0;
	flags |= al->shows_rfc8656 ? HAS_RFC8656 : 0;
	flags |= al->ends_ms != UINT64_MAX ? HAS_END : 0;
	flags |= al->mobile ? HAS_MOBILITY : 0;
	flags |= al->moving ? HAS_MOVE : 0;
	flags |= al->client_gone ? HAS_NO_CLIENT : 0;
	flags |= image->move.mobility.until_ms != 0 ? HAS_REPEATABLE_MOVE : 0;
	flags |= image->via.ip.family != IP_NONE ? HAS_VIA : 0;
	flags |= al->dual.port != 0 ? HAS_SECOND_ADDRESS : 0;
	flags |= al->dual.later_family != IP_NONE ? HAS_LATER_HALF : 0;
	flags |= al->dual.missing_code != 0 ? HAS_MISSING_CODE : 0;
	flags |= al->reservation.held ? HAS_RESERVATION : 0;
	if (al->lease.average.full_ns != 0 || al->lease.peak.full_ns != 0)
		flags |= HAS_DEBT;
	flags |= destination_is_set(&al->active) ? HAS_ACTIVE_DESTINATION : 0;
	if (reservation->state != MS_RESERVATION_NONE || reservation->packets != 0)
		flags |= HAS_MS_RESERVATION;
	flags |= saved_owner_is_in_proof(&image->move.owner, &image->proof) ? 0
									    : HAS_OWNER;
	flags |= al->restarts != 0 ? HAS_RESTARTS : 0;
	return flags;
}

#ifdef AVEDGE_NEXT_STATE
/* What the next version adds: some number that it knows, and that has to come back. */
static void write_next(struct state_writer *w)
{
	state_write_number(w, SAVED_ALLOCATION_VERSION * UINT64_C(1000003));
}

static void read_next(struct state_reader *r, uint8_t version)
{
	const uint64_t expected = SAVED_ALLOCATION_VERSION * UINT64_C(1000003);

	if (version == SAVED_ALLOCATION_VERSION && state_read_number(r) != expected)
		r->failed = true;
}
#else
static void write_next(struct state_writer *w)
{
	(void)w;
}

static void read_next(struct state_reader *r, uint8_t version)
{
	(void)r;
	(void)version;
}
#endif

size_t saved_allocation_write(const struct allocation_image *image, uint8_t *out,
			      size_t size)
{
	const struct allocation *al = &image->move.al;
	const uint64_t flags = flags_of(image);
	const char *id = image->move.owner.key_id;
	const struct slice key_id = {(const uint8_t *)id, strlen(id)};
	struct state_writer w = {.data = out, .size = size};
	uint8_t mark[8];

	assert(al->side == image->front.side && al->transport == image->front.transport);
	state_write_u8(&w, SAVED_ALLOCATION_VERSION);
	state_write_number(&w, flags);
	state_write_number(&w, al->id);
	saved_proof_write(&w, &image->proof);
	state_write_number(&w, al->created_ms);
	state_write_endpoint(&w, &al->tuple.client);
	write_front(&w, &image->front);
	if (flags & HAS_VIA)
		state_write_endpoint(&w, &image->via);
	write_relayed(&w, image, flags);
	write_traffic(&w, &al->to_peer);
	write_traffic(&w, &al->to_client);
	if (flags & HAS_RESTARTS)
		state_write_number(&w, al->restarts);
	if (flags & HAS_DEBT) {
		state_write_number(&w, al->lease.average.full_ns);
		state_write_number(&w, al->lease.peak.full_ns);
	}
	state_write_bytes(&w, al->txid, sizeof(al->txid));
	state_write_slice(&w, key_id);
	store_be64(mark, image->key_mark);
	state_write_bytes(&w, mark, sizeof(mark));
	if (flags & HAS_OWNER)
		saved_owner_write(&w, &image->move.owner);
	write_permissions(&w, &image->move);
	write_channels(&w, &image->move);
	write_transactions(&w, al);
	if (flags & HAS_MOBILITY)
		write_mobility(&w, image, flags);
	if (flags & HAS_MS_DIALECT)
		write_ms(&w, image, flags);
	write_next(&w);
	return w.failed ? 0 : w.len;
}

/* All zero but for the lists, of which there is nothing. */
static void clear(struct allocation_image *image)
{
	struct allocation_move *move = &image->move;

	move->al = (struct allocation){.permissions = SLOT_NONE, .channels = SLOT_NONE};
	move->owner = (struct owner){0};
	move->mobility = (struct mobility){0};
	for (size_t i = 0; i < 2; i++)
		move->sockets[i] = (struct relay_socket_state){.fd = -1};
	image->front = image->to_front = image->from_front = (struct front){0};
	image->via = (struct endpoint){0};
	image->relay_address = image->second_address = (struct ip_addr){0};
	image->ms_reservation = (struct ms_reservation){.state = MS_RESERVATION_NONE};
	image->proof = (struct owner_proof){.kind = OWNER_PROOF_NONE};
}

static void read_flags(struct allocation *al, uint64_t flags)
{
	al->dialect = flags & HAS_MS_DIALECT ? DIALECT_MS : DIALECT_IETF;
	al->relay_transport = flags & HAS_TCP_RELAY ? TRANSPORT_TCP : TRANSPORT_UDP;
	al->data_connections = (flags & HAS_DATA_CONNECTIONS) != 0;
	al->rfc5766_channel = (flags & HAS_RFC5766_CHANNEL) != 0;
	al->fingerprint = (flags & HAS_FINGERPRINT) != 0;
	al->shows_rfc8656 = (flags & HAS_RFC8656) != 0;
	al->mobile = (flags & HAS_MOBILITY) != 0;
	al->moving = (flags & HAS_MOVE) != 0;
	al->client_gone = (flags & HAS_NO_CLIENT) != 0;
}

/* What the flags say is there, is; whether a credential says all of its owner may change with a version. */
static bool flags_are_true(const struct allocation_image *image, uint64_t flags)
{
	return ((flags_of(image) ^ flags) & ~(uint64_t)HAS_OWNER) == 0;
}

static void read_record(struct state_reader *r, struct allocation_image *image,
			uint64_t flags)
{
	struct allocation *al = &image->move.al;
	uint8_t mark[8];

	al->id = state_read_number(r);
	saved_proof_read(r, &image->proof);
	al->created_ms = state_read_number(r);
	state_read_endpoint(r, &al->tuple.client);
	read_front(r, &image->front);
	al->side = image->front.side;
	al->transport = image->front.transport;
	if (flags & HAS_VIA)
		state_read_endpoint(r, &image->via);
	read_relayed(r, image, flags);
	read_traffic(r, &al->to_peer);
	read_traffic(r, &al->to_client);
	if (flags & HAS_RESTARTS)
		al->restarts = (uint16_t)state_read_up_to(r, UINT16_MAX);
	if (flags & HAS_DEBT) {
		al->lease.average.full_ns = state_read_number(r);
		al->lease.peak.full_ns = state_read_number(r);
	}
	state_read_bytes(r, al->txid, sizeof(al->txid));
	state_read_name(r, image->move.owner.key_id, KEY_ID_MAX);
	state_read_bytes(r, mark, sizeof(mark));
	image->key_mark = load_be64(mark);
	if (flags & HAS_OWNER)
		saved_owner_read(r, &image->move.owner);
	else if (!saved_owner_from_proof(&image->proof, &image->move.owner))
		r->failed = true;
	read_permissions(r, &image->move);
	read_channels(r, &image->move);
	read_transactions(r, al);
	if (flags & HAS_MOBILITY)
		read_mobility(r, image, flags);
	if (flags & HAS_MS_DIALECT)
		read_ms(r, image, flags);
}

enum saved_verdict saved_allocation_read(struct slice record,
					 struct allocation_image *image)
{
	struct state_reader r = {.rest = record};
	uint8_t version = state_read_u8(&r);

	if (r.failed || version == 0)
		return SAVED_DAMAGED;
	if (version != SAVED_ALLOCATION_VERSION &&
	    version != SAVED_ALLOCATION_VERSION - 1)
		return SAVED_OTHER_VERSION;
	uint64_t flags = state_read_up_to(&r, HAS_ALL);

	clear(image);
	read_flags(&image->move.al, flags);
	read_record(&r, image, flags);
	read_next(&r, version);
	if (!state_reader_is_done(&r) || !allocation_image_is_sound(image) ||
	    !flags_are_true(image, flags))
		return SAVED_DAMAGED;
	return SAVED_GOOD;
}

bool saved_allocation_proof(struct slice record, uint64_t *id, struct owner_proof *proof)
{
	struct state_reader r = {.rest = record};
	bool ours = state_read_u8(&r) == SAVED_ALLOCATION_VERSION;

	state_read_up_to(&r, HAS_ALL);
	*id = state_read_number(&r);
	saved_proof_read(&r, proof);
	return ours && !r.failed;
}
