/*
 * peer_take_up.c - see peer_take_up.h.
 */
#include "relay/peer/peer_take_up.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/sockios.h>

#include "base/descriptors/connection_store.h"
#include "base/net/tcp_progress.h"
#include "relay/core/allocation_table.h"
#include "relay/core/connection_homes.h"
#include "relay/core/permission.h"
#include "relay/core/tcp_connection.h"
#include "relay/core/tcp_relay.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/loop.h"
#include "relay/peer/data_conn.h"
#include "relay/peer/inherited_pipes.h"
#include "relay/peer/peer_conn.h"
#include "relay/state/state_view.h"

const char *peer_taken_up_name(enum peer_taken_up result)
{
	static const char *const names[] = {
		[PEER_RESTORED] = "taken-up",
		[PEER_LOST_DAMAGED] = "damaged",
		[PEER_LOST_ALLOCATION] = "no-allocation",
		[PEER_LOST_SOCKET] = "no-socket",
		[PEER_LOST_CLIENT] = "no-client",
		[PEER_LOST_IN_DOUBT] = "in-doubt",
		[PEER_LOST_REFUSED] = "refused",
		[PEER_LOST_FULL] = "full",
	};

	assert(result < PEER_TAKEN_UP_COUNT);
	return names[result];
}

/* One worker's records, and what is known of the one that is being taken up. */
struct take_up {
	const struct state_view *view;
	const struct peer_take_up *with;
	struct inherited_pipes *pipes;
	struct saved_peer_bytes *pieces; /* by connection, way and place */
	size_t count;
	const uint64_t *words; /* of its record */
	uint32_t index;        /* of its record */
	struct saved_peer saved;
	struct relay_tcp *relays;
	uint32_t slot;
	int fd; /* with the peer; -1: none */
};

/* --- bytes in records ------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
	const struct saved_peer_bytes *x = a, *y = b;

	if (x->serial != y->serial)
		return x->serial < y->serial ? -1 : 1;
	if (x->way != y->way)
		return x->way < y->way ? -1 : 1;
	return x->from < y->from ? -1 : x->from > y->from;
}

/* False: out of memory. */
static bool read_pieces(struct take_up *t)
{
	struct state_found found;
	uint32_t cursor = 0;
	size_t size = 0;

	while (state_view_next(t->view, STATE_PEER_BYTES, &cursor, &found)) {
		if (t->count == size) {
			size = size > 0 ? 2 * size : 64;
			struct saved_peer_bytes *more =
				reallocarray(t->pieces, size, sizeof(*more));

			if (more == NULL)
				return false;
			t->pieces = more;
		}
		/* A gap is noticed where the bytes are missed. */
		if (found.good &&
		    saved_peer_bytes_read(found.record, &t->pieces[t->count]))
			t->count++;
	}
	if (t->count > 0)
		qsort(t->pieces, t->count, sizeof(*t->pieces), compare);
	return true;
}

/* The first piece of this connection and way, of which there may be none. */
static size_t first_piece(const struct take_up *t, enum saved_peer_way way)
{
	const struct saved_peer_bytes sought = {.serial = t->saved.serial, .way = way};
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&t->pieces[middle], &sought) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_of(const struct take_up *t, size_t i, enum saved_peer_way way)
{
	return i < t->count && t->pieces[i].serial == t->saved.serial &&
	       t->pieces[i].way == way;
}

/* Bytes in memory of its own, which grow. */
struct bytes {
	uint8_t *data;
	size_t len;
};

static bool append(struct bytes *bytes, struct slice more)
{
	uint8_t *data = realloc(bytes->data, bytes->len + more.len);

	if (data == NULL)
		return false;
	memcpy(data + bytes->len, more.data, more.len);
	bytes->data = data;
	bytes->len += more.len;
	return true;
}

/* All that is there of a way from that byte on. False: some before others are not, or no memory. */
static bool gather(const struct take_up *t, enum saved_peer_way way, uint64_t from,
		   struct bytes *out)
{
	for (size_t i = first_piece(t, way); is_of(t, i, way); i++) {
		const struct saved_peer_bytes *piece = &t->pieces[i];
		uint64_t end = piece->from + piece->bytes.len, at = from + out->len;

		if (end <= at)
			continue;
		if (piece->from > at ||
		    !append(out, slice_skip(piece->bytes, (size_t)(at - piece->from))))
			return false;
	}
	return true;
}

/* --- connections of relayed addresses -------------------------------------------------------- */

/*
 * What the process before has read of a peer, and not handled: from that byte on, so many. It was read
 * before the process began, or lies in the window. False: neither.
 */
static bool find_rest(const struct take_up *t, uint64_t from, uint64_t len,
		      struct bytes *rest)
{
	const uint64_t *words;
	const uint8_t *window = state_view_window(t->view, PEER_WINDOW, &words);

	if (len > PEER_PIECE_MAX || !gather(t, SAVED_FROM_PEER, from, rest))
		return false;
	if (rest->len > 0)
		return rest->len == len;
	return window != NULL && words[0] == peer_window_word(t->index, from) &&
	       append(rest, (struct slice){window + FORWARD_HEADER_MAX, (size_t)len});
}

/* Has the client's stream accepted the message that was made of them? */
static bool was_delivered(const struct take_up *t)
{
	const struct delivery *delivery = t->relays->delivery;
	uint64_t before = t->words[SAVED_PEER_CLIENT];

	return before != 0 &&
	       delivery->client_accepted(delivery->self, t->slot) + 1 > before;
}

static enum peer_taken_up open_again(struct take_up *t, struct tcp_port *port)
{
	bool ends = t->saved.kind == SAVED_PEER_ENDING;
	struct peer_conn_was was = {
		.state = ends ? PEER_CONN_FLUSHING : PEER_CONN_OPEN,
		.fd = t->fd,
		.local = t->saved.local,
		.peer = t->saved.peer,
		.progress = {.start = t->saved.start,
			     .handled = t->words[SAVED_PEER_HANDLED],
			     .frame_word = t->words[SAVED_PEER_FRAME]},
	};
	struct bytes queue = {0}, rest = {0};
	struct tcp_progress now;
	enum peer_taken_up result = PEER_LOST_IN_DOUBT;

	if (!tcp_progress_read(t->fd, &now))
		return PEER_LOST_SOCKET;
	was.progress.given = now.given - t->saved.start.given;
	uint64_t taken = now.taken - t->saved.start.taken;
	uint64_t unhandled = taken - was.progress.handled;

	if (unhandled > 0 && !ends && was_delivered(t)) {
		was.progress.handled = taken;
		unhandled = 0;
	}
	if ((unhandled > 0 && !ends &&
	     !find_rest(t, was.progress.handled, unhandled, &rest)) ||
	    !gather(t, SAVED_TO_PEER, was.progress.given, &queue))
		goto done;
	was.progress.queue = (struct slice){queue.data, queue.len};
	was.progress.rest = (struct slice){rest.data, rest.len};
	result = PEER_LOST_FULL;
	if (peer_conn_restore(t->relays, port, &was)) {
		t->fd = -1;
		result = PEER_RESTORED;
	}
done:
	free(queue.data);
	free(rest.data);
	return result;
}

/* Its socket is there only if the process ended just when it was connected: nothing has passed. */
static enum peer_taken_up connect_again(struct take_up *t, struct tcp_port *port)
{
	struct peer_conn_was was = {
		.state = PEER_CONN_CONNECTING,
		.fd = -1,
		.local = t->saved.local,
		.peer = t->saved.peer,
		.progress.frame_word = t->words[SAVED_PEER_FRAME],
	};
	struct bytes queue = {0};
	struct tcp_progress now;
	enum peer_taken_up result = PEER_LOST_IN_DOUBT;

	if (t->fd >= 0 && tcp_progress_read(t->fd, &now)) {
		was.state = PEER_CONN_OPEN;
		was.fd = t->fd;
		was.progress.start = (struct saved_start){now.taken, now.given};
	}
	if (gather(t, SAVED_TO_PEER, 0, &queue)) {
		was.progress.queue = (struct slice){queue.data, queue.len};
		result = PEER_LOST_FULL;
		if (peer_conn_restore(t->relays, port, &was)) {
			t->fd = was.fd >= 0 ? -1 : t->fd;
			result = PEER_RESTORED;
		}
	}
	free(queue.data);
	return result;
}

static bool has_peer(const struct tcp_port *port, const struct endpoint *peer)
{
	const struct peer_conn *conn;

	LIST_FOREACH(conn, &port->conns, link)
	{
		if (endpoint_equal(&conn->peer, peer))
			return true;
	}
	return false;
}

static enum peer_taken_up take_up_peer(struct take_up *t)
{
	struct turn *turn = t->relays->delivery->turn;
	struct tcp_port *port = &t->relays->ports[t->slot];

	if (port->owner == NULL || has_peer(port, &t->saved.peer) ||
	    allocation_has_data_connections(allocation_at(turn->table, t->slot)))
		return PEER_LOST_DAMAGED;
	struct tcp_relay_load load = tcp_port_load(port);
	if (!tcp_relay_outgoing(turn, &load))
		return PEER_LOST_FULL;
	if (t->saved.kind == SAVED_PEER_CONNECTING)
		return connect_again(t, port);
	return t->fd >= 0 ? open_again(t, port) : PEER_LOST_SOCKET;
}

/* --- data connections ------------------------------------------------------------------------ */

/* In the core; PENDING if it is not known yet. NONE: it contradicts others, or there is no room. */
static uint32_t restore_core(struct take_up *t, enum tcp_connection_state state)
{
	struct turn *turn = t->relays->delivery->turn;
	struct allocation *al = allocation_at(turn->table, t->slot);
	struct tcp_connection was = {
		.id = t->saved.id,
		.state = state,
		.is_incoming = t->saved.is_incoming,
		.peer = t->saved.named,
		.created_ms = t->saved.created_ms,
		.until_ms = state == TCP_CONNECTION_PENDING ? t->saved.until_ms
							    : UINT64_MAX,
	};

	if (state == TCP_CONNECTION_CONNECTING) {
		memcpy(was.connect.txid, t->saved.txid, sizeof(was.connect.txid));
		was.connect.kind = t->saved.integrity;
		was.connect.has_fingerprint = t->saved.has_fingerprint;
		was.connect.key = al->owner.key;
	}
	/* It is with its allocation, wherever its id would lead now. */
	if (tcp_connection_worker(turn, was.id) != turn->worker &&
	    (turn->shared->connection_homes == NULL ||
	     !connection_homes_add(turn->shared->connection_homes, was.id, turn->worker)))
		return TCP_CONNECTION_NONE;
	return tcp_connection_restore(turn, al, &was);
}

/* What is under way in one direction. False: it cannot be known. */
static bool find_way(struct take_up *t, enum tcp_direction direction, int source,
		     uint64_t taken, uint64_t given, struct data_conn_was *was,
		     struct bytes *first)
{
	bool to_peer = direction == TCP_TO_PEER;
	enum saved_peer_way way = to_peer ? SAVED_TO_PEER : SAVED_TO_CLIENT;
	uint64_t before = to_peer ? t->saved.first_to_peer : t->saved.first_to_client;
	uint64_t pipe =
		t->words[to_peer ? SAVED_PEER_PIPE_TO_PEER : SAVED_PEER_PIPE_TO_CLIENT];
	int64_t under_way = (int64_t)(before + taken - given);
	int there = 0;

	if (given < before) {
		if (taken != 0 || !gather(t, way, given, first) ||
		    first->len != before - given)
			return false;
		was->first[direction] = (struct slice){first->data, first->len};
		return true;
	}
	if (under_way == 0)
		return true;
	if (under_way > 0) {
		was->piped[direction] = (size_t)under_way;
		return inherited_pipes_take(t->pipes, pipe, (size_t)under_way,
					    was->pipes[direction]);
	}
	/* It was copied, and the source not told yet, which waits until this process serves. */
	was->repeated[direction] = (size_t)-under_way;
	return ioctl(source, SIOCINQ, &there) == 0 && (int64_t)there >= -under_way;
}

static void give_back_pipes(const struct take_up *t, const struct data_conn_was *was)
{
	for (unsigned i = 0; i < 2; i++) {
		if (was->piped[i] > 0 && was->pipes[i][0] >= 0)
			inherited_pipes_give_back(t->pipes, was->pipes[i]);
	}
}

static bool find_ways(struct take_up *t, struct data_conn_was *was, struct bytes first[2])
{
	const struct saved_start *at_peer = &t->saved.start,
				 *at_client = &t->saved.client_start;
	struct tcp_progress peer, client;

	if (!tcp_progress_read(t->fd, &peer) ||
	    !tcp_progress_read(was->client->fd, &client))
		return false;
	return find_way(t, TCP_TO_PEER, was->client->fd, client.taken - at_client->taken,
			peer.given - at_peer->given, was, &first[TCP_TO_PEER]) &&
	       find_way(t, TCP_TO_CLIENT, t->fd, peer.taken - at_peer->taken,
			client.given - at_client->given, was, &first[TCP_TO_CLIENT]);
}

static void count_traffic(struct take_up *t, uint32_t connection,
			  const struct bound_client *client)
{
	struct tcp_connection *c =
		tcp_connection_at(t->relays->delivery->turn, connection);
	struct tcp_progress peer, at_client;

	if (!tcp_progress_read(t->fd, &peer) ||
	    !tcp_progress_read(client->fd, &at_client))
		return;
	c->to_peer.bytes = peer.given - t->saved.start.given;
	c->to_client.bytes = at_client.given - t->saved.client_start.given;
}

/* Both ends are there: what is under way? */
static enum peer_taken_up bind_again(struct take_up *t, uint32_t connection,
				     const struct five_tuple *tuple,
				     const struct bound_client *client)
{
	struct data_conn_was was = {
		.saved = &t->saved,
		.peer_fd = t->fd,
		.client = client,
		.tuple = *tuple,
		.pipes = {{-1, -1}, {-1, -1}},
	};
	struct bytes first[2] = {0};
	enum peer_taken_up result = PEER_LOST_IN_DOUBT;

	if (find_ways(t, &was, first)) {
		count_traffic(t, connection, client);
		result = data_conns_restore(t->relays->data, connection, &was)
				 ? PEER_RESTORED
				 : PEER_LOST_FULL;
	}
	if (result == PEER_RESTORED)
		t->fd = -1;
	else
		give_back_pipes(t, &was);
	free(first[0].data);
	free(first[1].data);
	return result;
}

static enum peer_taken_up take_up_bound(struct take_up *t)
{
	struct delivery *delivery = t->relays->delivery;
	struct bound_client client = {0};
	struct five_tuple tuple = {0};
	uint32_t connection;
	enum peer_taken_up result = PEER_LOST_CLIENT;

	if (t->saved.is_tls)
		return PEER_LOST_CLIENT;
	connection = restore_core(t, TCP_CONNECTION_BOUND);
	if (connection == TCP_CONNECTION_NONE)
		return PEER_LOST_FULL;
	if (t->with->client(t->with->arg, t->relays, &t->saved.front, &t->saved.client,
			    connection, true, &tuple, &client)) {
		result = bind_again(t, connection, &tuple, &client);
		if (result != PEER_RESTORED)
			t->with->unlend(t->with->arg, client.stream);
	}
	if (result != PEER_RESTORED)
		tcp_connection_gone(delivery->turn, connection,
				    result == PEER_LOST_IN_DOUBT ? PEER_IN_DOUBT
								 : PEER_BROKEN);
	return result;
}

static enum peer_taken_up take_up_unbound(struct take_up *t)
{
	struct turn *turn = t->relays->delivery->turn;
	struct data_conn_was was = {.saved = &t->saved, .peer_fd = t->fd};
	bool connects = t->saved.kind == SAVED_DATA_CONNECTING;
	struct bound_client client = {0};

	if (!connects && t->fd < 0)
		return PEER_LOST_SOCKET;
	uint32_t connection = restore_core(t, connects ? TCP_CONNECTION_CONNECTING
						       : TCP_CONNECTION_PENDING);
	if (connection == TCP_CONNECTION_NONE)
		return PEER_LOST_FULL;
	if (t->saved.kind == SAVED_DATA_BINDING && !t->saved.is_tls &&
	    t->with->client(t->with->arg, t->relays, &t->saved.front, &t->saved.client,
			    connection, false, &was.tuple, &client)) {
		struct tcp_connection *c = tcp_connection_at(turn, connection);

		c->state = TCP_CONNECTION_BOUND;
		c->until_ms = UINT64_MAX;
	}
	if (!data_conns_restore(t->relays->data, connection, &was)) {
		tcp_connection_gone(turn, connection, PEER_BROKEN);
		return PEER_LOST_FULL;
	}
	t->fd = -1;
	return PEER_RESTORED;
}

static enum peer_taken_up take_up_data(struct take_up *t)
{
	struct turn *turn = t->relays->delivery->turn;

	if (!allocation_has_data_connections(allocation_at(turn->table, t->slot)))
		return PEER_LOST_DAMAGED;
	if (t->saved.kind != SAVED_DATA_BOUND)
		return take_up_unbound(t);
	return t->fd >= 0 ? take_up_bound(t) : PEER_LOST_SOCKET;
}

/* --- all of them ----------------------------------------------------------------------------- */

static enum peer_taken_up take_up_saved(struct take_up *t)
{
	const struct peer_take_up *with = t->with;

	t->relays = with->others;
	if (t->saved.kind == SAVED_PEER_ENDING)
		return t->fd >= 0 ? open_again(t, NULL) : PEER_LOST_SOCKET;
	if (!with->allocation(with->arg, t->saved.allocation, &t->relays, &t->slot))
		return PEER_LOST_ALLOCATION;
	if (peer_refused_by(t->relays->delivery->turn, TRANSPORT_TCP,
			    saved_peer_is_data(&t->saved) ? &t->saved.named
							  : &t->saved.peer))
		return PEER_LOST_REFUSED;
	return saved_peer_is_data(&t->saved) ? take_up_data(t) : take_up_peer(t);
}

static enum peer_taken_up take_up(struct take_up *t, const struct state_found *found)
{
	if (!found->good || found->words == NULL ||
	    !saved_peer_read(found->record, &t->saved))
		return PEER_LOST_DAMAGED;
	t->words = found->words;
	t->index = found->index;
	t->fd = t->with->socket(t->with->arg, &t->saved.local, &t->saved.peer);
	enum peer_taken_up result = take_up_saved(t);
	/* Something is lost, which must not pass for an end. */
	if (t->fd >= 0 && t->with->lost != NULL)
		t->with->lost(t->with->arg, t->fd);
	else if (t->fd >= 0)
		fd_end(t->fd, true);
	return result;
}

void peer_take_up(const struct state_view *view, const struct peer_take_up *with,
		  struct inherited_pipes *pipes, uint64_t counts[PEER_TAKEN_UP_COUNT])
{
	struct take_up t = {.view = view, .with = with, .pipes = pipes};
	struct state_found found;
	uint32_t cursor = 0;

	/* Without some of the pieces, connections with a queue will be in doubt. */
	read_pieces(&t);
	while (state_view_next(view, STATE_PEER, &cursor, &found))
		counts[take_up(&t, &found)]++;
	free(t.pieces);
}

bool peer_take_up_pipe(struct relay_tcp *relays, struct inherited_pipes *pipes)
{
	int pipe[2];

	if (!inherited_pipes_next(pipes, pipe))
		return false;
	data_conns_add_pipe(relays->data, pipe);
	return true;
}
