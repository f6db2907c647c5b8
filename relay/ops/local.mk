# relay/ops/: edges for people. Part of librelay.a.
relay_ops_sources = \
	relay/ops/addresses.c relay/ops/addresses.h \
	relay/ops/busy.c relay/ops/busy.h \
	relay/ops/control.c relay/ops/control.h \
	relay/ops/metrics.c relay/ops/metrics.h \
	relay/ops/metrics_gather.c \
	relay/ops/observer.c relay/ops/observer.h \
	relay/ops/record.c relay/ops/record.h \
	relay/ops/status_line.c relay/ops/status_line.h
