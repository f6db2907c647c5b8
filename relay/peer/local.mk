# relay/peer/: the relayed side. Part of librelay.a.
relay_peer_sources = \
	relay/peer/relay_udp.c relay/peer/relay_udp.h
