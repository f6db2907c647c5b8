/*
 * take_over_message.h - what two processes say to each other when one takes over from the other
 * (take_over.h). Each message is a packet of two lines of text:
 *
 *	avedge take-over 1
 *	hello mediarelayd 1.4         from both: which daemon, of which version
 *	descriptors NAME 253          so many come with it
 *	end 9012                      that was all, so many in sum
 *	done                          all taken up
 *	go                            work; the old process is leaving
 *	no REASON                     it comes to nothing, and the old process serves on
 *
 * The number in the first line changes when an older process would misunderstand the rest.
 *
 * Pure.
 */
#ifndef BASE_DESCRIPTORS_TAKE_OVER_MESSAGE_H
#define BASE_DESCRIPTORS_TAKE_OVER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/wire.h"

enum {
	TAKE_OVER_VERSION = 1,
	TAKE_OVER_NAME_MAX = 128, /* with its NUL */
	TAKE_OVER_TEXT_MAX = 256, /* likewise */
	TAKE_OVER_MESSAGE_MAX = 512,
	TAKE_OVER_COUNT_MAX = 100000000,
};

enum take_over_kind {
	TAKE_OVER_HELLO,       /* name of the daemon; text: its version */
	TAKE_OVER_DESCRIPTORS, /* name of the group; count */
	TAKE_OVER_END,         /* count */
	TAKE_OVER_DONE,
	TAKE_OVER_GO,
	TAKE_OVER_NO, /* text: the reason */
	TAKE_OVER_KIND_COUNT
};

struct take_over_message {
	enum take_over_kind kind;
	uint32_t count;                /* 1 to TAKE_OVER_COUNT_MAX; of the end, 0 too */
	char name[TAKE_OVER_NAME_MAX]; /* [a-zA-Z0-9._-]+ */
	char text[TAKE_OVER_TEXT_MAX]; /* printable ASCII */
};

enum take_over_verdict {
	TAKE_OVER_READ,
	TAKE_OVER_GARBAGE,
	TAKE_OVER_OTHER_VERSION, /* of the protocol */
};
/* A whole packet. Members that its kind does not have are zero. */
enum take_over_verdict take_over_message_read(struct slice packet,
					      struct take_over_message *message);

/*
 * The packet, which is not terminated; its length. What is not printable in its text becomes a question
 * mark.
 */
size_t take_over_message_write(const struct take_over_message *message,
			       char packet[TAKE_OVER_MESSAGE_MAX]);

#endif
