# relay/ops/: edges for people. Part of librelay.a.
relay_ops_sources =
