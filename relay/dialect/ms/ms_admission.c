/*
 * ms_admission.c - bandwidth management (MS-TURNBWM) of a relay that has no policy: there is
 * room for everything, and no reservation is kept.
 *
 * A check is answered with a response for each path, a commit with an identifier as well, and
 * an update repeats the identifier. Clients that do not ask get none of this.
 */
#include <string.h>

#include "relay/core/turn.h"
#include "relay/dialect/ms/ms_reply.h"
#include "relay/dialect/ms/ms_turn.h"
#include "stun/ms_attr.h"
#include "stun/ms_bandwidth.h"

/* As much as the client asks for, or as much as there is. */
static struct ms_path open_path(const struct ms_msg *msg)
{
	struct ms_path path = {true, false, UINT32_MAX, UINT32_MAX};
	struct ms_reservation_amount amount;
	struct stun_attr attr;

	if (ms_msg_find(msg, MS_RESERVATION_AMOUNT, &attr) &&
	    ms_attr_reservation_amount(&attr, &amount)) {
		path.max_send = amount.max_send;
		path.max_receive = amount.max_receive;
	}
	return path;
}

/* Computed, so that the answer to a repeated request names it again. */
static void add_new_reservation(const struct ms_request *rq, struct ms_builder *b)
{
	const struct siphash_key *key = &rq->turn->shared->hash_key;
	uint8_t text[8 + MS_TXID_LEN + 1], id[MS_RESERVATION_ID_LEN];

	store_be64(text, rq->al->id);
	memcpy(text + 8, rq->msg->txid, MS_TXID_LEN);
	for (uint8_t half = 0; half < 2; half++) {
		text[sizeof(text) - 1] = half;
		store_be64(id + 8 * half, siphash(key, text, sizeof(text)));
	}
	ms_add_reservation_id(b, id);
}

/* False without a bandwidth request that we understand. */
static bool wanted(const struct ms_request *rq, uint16_t *message, struct slice *id)
{
	struct stun_attr attr;

	if (!rq->turn->settings->ms.bandwidth_management ||
	    !ms_msg_find(rq->msg, MS_BANDWIDTH_MESSAGE, &attr) ||
	    !ms_attr_bandwidth_message(&attr, message))
		return false;
	if (*message == MS_BANDWIDTH_UPDATE)
		return ms_msg_find(rq->msg, MS_RESERVATION_ID, &attr) &&
		       ms_attr_reservation_id(&attr, id);
	return *message == MS_BANDWIDTH_CHECK || *message == MS_BANDWIDTH_COMMIT;
}

void ms_admission_add(const struct ms_request *rq, struct ms_builder *b)
{
	const struct ms_path path = open_path(rq->msg);
	struct stun_attr attr;
	uint16_t message;
	struct slice id;

	if (!wanted(rq, &message, &id))
		return;
	ms_add_path(b, MS_REMOTE_SITE_RESPONSE, &path);
	if (ms_msg_find(rq->msg, MS_REMOTE_RELAY_SITE, &attr))
		ms_add_path(b, MS_REMOTE_RELAY_SITE_RESPONSE, &path);
	ms_add_path(b, MS_LOCAL_SITE_RESPONSE, &path);
	ms_add_path(b, MS_LOCAL_RELAY_SITE_RESPONSE, &path);
	if (message == MS_BANDWIDTH_COMMIT)
		add_new_reservation(rq, b);
	else if (message == MS_BANDWIDTH_UPDATE)
		ms_add_reservation_id(b, id.data);
}
