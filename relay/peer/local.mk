# relay/peer/: the relayed side. Part of librelay.a.
relay_peer_sources = \
	relay/peer/conn_end.c relay/peer/conn_end.h \
	relay/peer/data_conn.c relay/peer/data_conn.h \
	relay/peer/data_conn_parts.h \
	relay/peer/data_flow.c relay/peer/data_flow.h \
	relay/peer/data_record.c relay/peer/data_record.h \
	relay/peer/inherited_pipes.c relay/peer/inherited_pipes.h \
	relay/peer/peer_conn.c relay/peer/peer_conn.h \
	relay/peer/peer_progress.c relay/peer/peer_progress.h \
	relay/peer/peer_record.c relay/peer/peer_record.h \
	relay/peer/peer_take_up.c relay/peer/peer_take_up.h \
	relay/peer/relay_sockets.c relay/peer/relay_sockets.h \
	relay/peer/relay_tcp.c relay/peer/relay_tcp.h \
	relay/peer/relay_udp.c relay/peer/relay_udp.h \
	relay/peer/tcp_socket.c relay/peer/tcp_socket.h
