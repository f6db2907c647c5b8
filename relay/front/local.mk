# relay/front/: the client side. Part of librelay.a.
relay_front_sources = \
	relay/front/dtls/association.c relay/front/dtls/association.h \
	relay/front/dtls/association_times.c relay/front/dtls/association_times.h \
	relay/front/clients.c relay/front/clients.h \
	relay/front/dtls/dtls.c relay/front/dtls/dtls.h \
	relay/front/dtls/dtls_cookie.c relay/front/dtls/dtls_cookie.h \
	relay/front/fronts.c relay/front/fronts.h \
	relay/front/next_hops.c relay/front/next_hops.h \
	relay/front/web/pass_through.c relay/front/web/pass_through.h \
	relay/front/proxy.c relay/front/proxy.h \
	relay/front/stream.c relay/front/stream.h \
	relay/front/stream_conn.c relay/front/stream_conn.h \
	relay/front/stream_frames.c relay/front/stream_frames.h \
	relay/front/stream_handover.c relay/front/stream_handover.h \
	relay/front/stream_io.c relay/front/stream_io.h \
	relay/front/stream_marks.c relay/front/stream_marks.h \
	relay/front/saved/stream_record.c relay/front/saved/stream_record.h \
	relay/front/stream_opening.c relay/front/stream_opening.h \
	relay/front/stream_times.c relay/front/stream_times.h \
	relay/front/saved/streams_restore.c relay/front/saved/streams_restore.h \
	relay/front/tcp.c relay/front/tcp.h \
	relay/front/tickets.c relay/front/tickets.h \
	relay/front/tls.c relay/front/tls.h \
	relay/front/trace.c relay/front/trace.h \
	relay/front/udp.c relay/front/udp.h \
	relay/front/udp_socket.c relay/front/udp_socket.h
