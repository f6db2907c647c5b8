# relay/ops/: edges for people. Part of librelay.a.
relay_ops_sources = \
	relay/ops/addresses.c relay/ops/addresses.h \
	relay/ops/control.c relay/ops/control.h \
	relay/ops/record.c relay/ops/record.h
