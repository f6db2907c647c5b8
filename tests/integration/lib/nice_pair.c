/*
 * nice_pair.c - one libnice agent of a relayed call; two of them make the call.
 *
 *   nice_pair DIR ROLE MODE TRANSPORT HOST PORT USER PASSWORD COUNT
 *
 * ROLE is "controlling" or "controlled", MODE "rfc5245" (or another word of modes[] below),
 * TRANSPORT "udp", "tcp" or, with the Microsoft modes, "tls", which is libnice's pseudo-TLS.
 * The agents exchange their descriptions as files in DIR: SDP, or for oc2007, where each candidate
 * has its own user name and password, lines with those. Each then sends COUNT messages of 160 and
 * COUNT of 1200 bytes and counts what arrives. The last line shows the selected pair; the exit
 * status is 0 if every message arrived intact and both candidates are relayed.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nice/agent.h>

enum {
	STREAM_TIMEOUT_S = 30,
	PACE_MS = 2,
	/*
	 * Messages in flight: fewer than the smallest socket buffer on the path holds, so that a
	 * busy machine loses none.
	 */
	WINDOW = 32,
	SMALL = 160,
	LARGE = 1200,
	FIRST = 0x80, /* the first bit, as of RTP and RTCP */
};

struct mode {
	const char *name;
	NiceCompatibility compatibility;
	bool candidates_have_names;
};

static const struct mode modes[] = {
	{"rfc5245", NICE_COMPATIBILITY_RFC5245, false},
	{"oc2007", NICE_COMPATIBILITY_OC2007, true},
	{"oc2007r2", NICE_COMPATIBILITY_OC2007R2, false},
};

struct call {
	GMainLoop *loop;
	NiceAgent *agent;
	guint stream;
	const struct mode *mode;
	const char *dir, *role, *other;
	unsigned count; /* messages of each size */
	unsigned sent, received, wrong;
	bool described, ready, failed;
	bool other_done, told;
};

static void give_up(struct call *call, const char *why)
{
	fprintf(stderr, "%s: %s\n", call->role, why);
	call->failed = true;
	g_main_loop_quit(call->loop);
}

static char *path_of(const struct call *call, const char *role, const char *suffix)
{
	return g_strdup_printf("%s/%s.%s", call->dir, role, suffix);
}

/* Written aside and renamed, so that the other agent never reads half a file. */
static void leave_file(struct call *call, const char *suffix, const char *text)
{
	char *path = path_of(call, call->role, suffix);
	char *aside = g_strdup_printf("%s.new", path);

	if (!g_file_set_contents(aside, text, -1, NULL) || rename(aside, path) != 0)
		give_up(call, "cannot leave a file");
	g_free(aside);
	g_free(path);
}

static char *take_file(const struct call *call, const char *suffix)
{
	char *path = path_of(call, call->other, suffix), *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		text = NULL;
	g_free(path);
	return text;
}

static size_t size_of(const struct call *call, unsigned number)
{
	return number < call->count ? SMALL : LARGE;
}

static uint8_t byte_of(unsigned number, size_t at)
{
	return (uint8_t)(number * 31 + at);
}

/* One line: foundation, transport, priority, address, port, user name, password. */
static void add_line(GString *text, const NiceCandidate *cand)
{
	char address[NICE_ADDRESS_STRING_LEN];

	nice_address_to_string(&cand->addr, address);
	g_string_append_printf(text, "%s %d %u %s %u %s %s\n", cand->foundation,
			       (int)cand->transport, cand->priority, address,
			       nice_address_get_port(&cand->addr), cand->username,
			       cand->password);
}

static char *describe_by_name(struct call *call)
{
	GSList *candidates =
		nice_agent_get_local_candidates(call->agent, call->stream, 1);
	GString *text = g_string_new("");

	for (GSList *item = candidates; item; item = item->next) {
		const NiceCandidate *cand = item->data;
		if (cand->type == NICE_CANDIDATE_TYPE_RELAYED)
			add_line(text, cand);
	}
	g_slist_free_full(candidates, (GDestroyNotify)nice_candidate_free);
	return g_string_free(text, FALSE);
}

static NiceCandidate *take_line(const struct call *call, const char *line)
{
	char **words = g_strsplit(line, " ", 0);
	NiceCandidate *cand = NULL;

	if (g_strv_length(words) == 7) {
		cand = nice_candidate_new(NICE_CANDIDATE_TYPE_RELAYED);
		g_strlcpy(cand->foundation, words[0], sizeof(cand->foundation));
		cand->transport = (NiceCandidateTransport)atoi(words[1]);
		cand->priority = (guint32)strtoul(words[2], NULL, 10);
		cand->stream_id = call->stream;
		cand->component_id = 1;
		nice_address_set_from_string(&cand->addr, words[3]);
		nice_address_set_port(&cand->addr, (guint)atoi(words[4]));
		cand->username = g_strdup(words[5]);
		cand->password = g_strdup(words[6]);
	}
	g_strfreev(words);
	return cand;
}

/* How many candidates of the other were understood. */
static int understand_by_name(struct call *call, const char *text)
{
	char **lines = g_strsplit(text, "\n", 0);
	GSList *candidates = NULL;
	int count;

	for (char **line = lines; *line; line++) {
		NiceCandidate *cand = take_line(call, *line);
		if (cand)
			candidates = g_slist_append(candidates, cand);
	}
	/* Checks that come to a stream without a name of the other are put aside for ever. */
	if (candidates) {
		const NiceCandidate *first = candidates->data;
		nice_agent_set_remote_credentials(call->agent, call->stream,
						  first->username, first->password);
	}
	count = nice_agent_set_remote_candidates(call->agent, call->stream, 1,
						 candidates);
	g_slist_free_full(candidates, (GDestroyNotify)nice_candidate_free);
	g_strfreev(lines);
	return count;
}

static void gathered(NiceAgent *agent, guint stream, gpointer data)
{
	struct call *call = data;
	bool by_name = call->mode->candidates_have_names;
	char *text = by_name ? describe_by_name(call)
			     : nice_agent_generate_local_sdp(agent);

	(void)stream;
	if (by_name ? *text == '\0' : !strstr(text, " typ relay"))
		give_up(call, "no relayed candidate");
	leave_file(call, "description", text);
	g_free(text);
}

static bool understand(struct call *call, const char *text)
{
	return (call->mode->candidates_have_names
			? understand_by_name(call, text)
			: nice_agent_parse_remote_sdp(call->agent, text)) > 0;
}

static void state_changed(NiceAgent *agent, guint stream, guint component, guint state,
			  gpointer data)
{
	struct call *call = data;

	(void)agent, (void)stream, (void)component;
	if (state == NICE_COMPONENT_STATE_READY)
		call->ready = true;
	else if (state == NICE_COMPONENT_STATE_FAILED)
		give_up(call, "the checks failed");
}

/*
 * In the Microsoft modes libnice sends some checks a second time with the CRC that an old client
 * of Microsoft miscalculates, and hands such a copy to the application when it receives one.
 */
static bool is_stray_check(const uint8_t *bytes, guint len)
{
	static const uint8_t cookie[] = {0x21, 0x12, 0xa4, 0x42};

	return len >= 20 && bytes[0] == 0 && bytes[1] == 1 &&
	       len == 20 + ((guint)bytes[2] << 8 | bytes[3]) &&
	       memcmp(bytes + 4, cookie, sizeof(cookie)) == 0;
}

static const NiceCandidate *find_transport(GSList *candidates,
					   NiceCandidateTransport transport)
{
	for (GSList *item = candidates; item; item = item->next) {
		const NiceCandidate *cand = item->data;
		if (cand->transport == transport)
			return cand;
	}
	return NULL;
}

/*
 * In OC2007 mode every check nominates. Over TCP libnice looks for the nominated pair with its
 * passive candidate while its own check, which has succeeded, went out from the active one, and
 * so the controlled agent never gets ready. When its peer talks already, the pair is known.
 */
static void choose_pair(struct call *call)
{
	GSList *locals = nice_agent_get_local_candidates(call->agent, call->stream, 1);
	GSList *remotes = nice_agent_get_remote_candidates(call->agent, call->stream, 1);
	const NiceCandidate *local =
		find_transport(locals, NICE_CANDIDATE_TRANSPORT_TCP_ACTIVE);
	const NiceCandidate *remote =
		find_transport(remotes, NICE_CANDIDATE_TRANSPORT_TCP_PASSIVE);

	if (local && remote &&
	    !nice_agent_set_selected_pair(call->agent, call->stream, 1, local->foundation,
					  remote->foundation))
		give_up(call, "cannot choose the pair");
	g_slist_free_full(locals, (GDestroyNotify)nice_candidate_free);
	g_slist_free_full(remotes, (GDestroyNotify)nice_candidate_free);
}

static void message(NiceAgent *agent, guint stream, guint component, guint len,
		    gchar *buf, gpointer data)
{
	struct call *call = data;
	const uint8_t *bytes = (const uint8_t *)buf;
	unsigned number;

	(void)agent, (void)stream, (void)component;
	if (is_stray_check(bytes, len))
		return;
	if (len < 4) {
		call->wrong++;
		return;
	}
	number = (unsigned)(bytes[0] & ~FIRST) << 8 | bytes[1];
	if ((bytes[0] & FIRST) == 0 || number >= 2 * call->count ||
	    len != size_of(call, number)) {
		call->wrong++;
		return;
	}
	for (size_t i = 2; i < len; i++) {
		if (bytes[i] != byte_of(number, i)) {
			call->wrong++;
			return;
		}
	}
	call->received++;
	if (!call->ready && call->mode->candidates_have_names)
		choose_pair(call);
}

static void send_one(struct call *call)
{
	uint8_t buf[LARGE];
	size_t len = size_of(call, call->sent);

	buf[0] = (uint8_t)(FIRST | call->sent >> 8);
	buf[1] = (uint8_t)call->sent;
	for (size_t i = 2; i < len; i++)
		buf[i] = byte_of(call->sent, i);
	if (nice_agent_send(call->agent, call->stream, 1, (guint)len,
			    (const gchar *)buf) == (gint)len)
		call->sent++;
}

/* Every few milliseconds: the next step of the call. */
static gboolean step(gpointer data)
{
	struct call *call = data;
	char *text;

	if (!call->described) {
		text = take_file(call, "description");
		if (text && !understand(call, text))
			give_up(call, "the other description is not understood");
		call->described = text;
		g_free(text);
		return G_SOURCE_CONTINUE;
	}
	if (!call->ready)
		return G_SOURCE_CONTINUE;
	if (call->sent < 2 * call->count) {
		if (call->sent < call->received + call->wrong + WINDOW)
			send_one(call);
		return G_SOURCE_CONTINUE;
	}
	if (call->received + call->wrong >= 2 * call->count && !call->told) {
		leave_file(call, "done", "");
		call->told = true;
	}
	text = take_file(call, "done");
	call->other_done = text;
	g_free(text);
	if (call->told && call->other_done)
		g_main_loop_quit(call->loop);
	return G_SOURCE_CONTINUE;
}

static gboolean too_late(gpointer data)
{
	struct call *call = data;
	char text[128];

	snprintf(text, sizeof(text), "%s; sent %u, received %u",
		 call->ready ? "not everything arrived" : "no connection", call->sent,
		 call->received);
	give_up(call, text);
	return G_SOURCE_REMOVE;
}

static bool candidate_is_relay(const NiceCandidate *cand, const char *what)
{
	char text[NICE_ADDRESS_STRING_LEN];

	nice_address_to_string(&cand->addr, text);
	printf(" %s %s:%u", what, text, nice_address_get_port(&cand->addr));
	return cand->type == NICE_CANDIDATE_TYPE_RELAYED;
}

static bool report(struct call *call)
{
	NiceCandidate *local, *remote;
	bool relayed;

	printf("%s: sent %u received %u wrong %u", call->role, call->sent, call->received,
	       call->wrong);
	if (!nice_agent_get_selected_pair(call->agent, call->stream, 1, &local,
					  &remote)) {
		printf(" no pair\n");
		return false;
	}
	relayed = candidate_is_relay(local, "local");
	relayed &= candidate_is_relay(remote, "remote");
	printf("%s\n", relayed ? "" : " NOT RELAYED");
	return relayed && !call->failed && call->wrong == 0 &&
	       call->received == 2 * call->count;
}

static const struct mode *find_mode(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
		if (strcmp(name, modes[i].name) == 0)
			return &modes[i];
	}
	return NULL;
}

static NiceAgent *make_agent(const struct mode *mode, const char *transport,
			     bool controlling)
{
	NiceAgent *agent = nice_agent_new(NULL, mode->compatibility);
	/* There a relay reached by TCP gives a relayed address on TCP; RFC 8656 gives UDP. */
	bool microsoft_tcp = mode->compatibility != NICE_COMPATIBILITY_RFC5245 &&
			     strcmp(transport, "udp") != 0;

	if (agent)
		g_object_set(agent, "controlling-mode", controlling, "force-relay", TRUE,
			     "ice-tcp", microsoft_tcp, "ice-udp", !microsoft_tcp, "upnp",
			     FALSE, NULL);
	return agent;
}

static NiceRelayType relay_type(const char *transport)
{
	if (strcmp(transport, "tls") == 0)
		return NICE_RELAY_TYPE_TURN_TLS;
	return strcmp(transport, "tcp") == 0 ? NICE_RELAY_TYPE_TURN_TCP
					     : NICE_RELAY_TYPE_TURN_UDP;
}

int main(int argc, char **argv)
{
	struct call call = {0};
	bool good;

	if (argc != 10) {
		fprintf(stderr, "usage: nice_pair DIR ROLE MODE TRANSPORT HOST PORT USER "
				"PASSWORD COUNT\n");
		return 2;
	}
	call.dir = argv[1];
	call.role = argv[2];
	call.other = strcmp(call.role, "controlling") == 0 ? "controlled" : "controlling";
	call.count = (unsigned)atoi(argv[9]);
	call.loop = g_main_loop_new(NULL, FALSE);
	call.mode = find_mode(argv[3]);
	if (call.mode)
		call.agent = make_agent(call.mode, argv[4],
					strcmp(call.role, "controlling") == 0);
	if (!call.agent)
		return 2;

	g_signal_connect(call.agent, "candidate-gathering-done", G_CALLBACK(gathered),
			 &call);
	g_signal_connect(call.agent, "component-state-changed", G_CALLBACK(state_changed),
			 &call);
	if (strncmp(argv[5], "127.", 4) == 0) {
		/* libnice leaves loopback out by itself, and nothing else reaches such a relay. */
		NiceAddress local;
		nice_address_init(&local);
		nice_address_set_from_string(&local, "127.0.0.1");
		nice_agent_add_local_address(call.agent, &local);
	}
	call.stream = nice_agent_add_stream(call.agent, 1);
	nice_agent_set_stream_name(call.agent, call.stream, "application");
	nice_agent_set_relay_info(call.agent, call.stream, 1, argv[5],
				  (guint)atoi(argv[6]), argv[7], argv[8],
				  relay_type(argv[4]));
	nice_agent_attach_recv(call.agent, call.stream, 1, NULL, message, &call);
	if (!nice_agent_gather_candidates(call.agent, call.stream))
		give_up(&call, "cannot gather candidates");

	g_timeout_add(PACE_MS, step, &call);
	g_timeout_add_seconds(STREAM_TIMEOUT_S, too_late, &call);
	if (!call.failed)
		g_main_loop_run(call.loop);
	good = report(&call);

	nice_agent_remove_stream(call.agent, call.stream);
	g_object_unref(call.agent);
	g_main_loop_unref(call.loop);
	return good ? 0 : 1;
}
