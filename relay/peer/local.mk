# relay/peer/: the relayed side. Part of librelay.a.
relay_peer_sources =
