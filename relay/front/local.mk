# relay/front/: the client side. Part of librelay.a.
relay_front_sources =
