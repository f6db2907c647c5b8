# relay/ops/: edges for people. Part of librelay.a.
relay_ops_sources = \
	relay/ops/addresses.c relay/ops/addresses.h \
	relay/ops/worker_load.c relay/ops/worker_load.h \
	relay/ops/continuity.c relay/ops/continuity.h \
	relay/ops/control.c relay/ops/control.h \
	relay/ops/control_documents.h \
	relay/ops/control_allocations.c \
	relay/ops/control_counters.c \
	relay/ops/control_limits.c \
	relay/ops/control_offload.c \
	relay/ops/control_records.c \
	relay/ops/control_status.c \
	relay/ops/counter_sets.c relay/ops/counter_sets.h \
	relay/ops/metrics.c relay/ops/metrics.h \
	relay/ops/metrics_gather.c \
	relay/ops/metrics_http.c relay/ops/metrics_http.h \
	relay/ops/page.c relay/ops/page.h \
	relay/ops/page_html.h \
	relay/ops/page_status.c \
	relay/ops/port_conflicts.c relay/ops/port_conflicts.h \
	relay/ops/port_table.c relay/ops/port_table.h \
	relay/ops/record.c relay/ops/record.h \
	relay/ops/record_sums.c relay/ops/record_sums.h \
	relay/ops/record_writer.c relay/ops/record_writer.h \
	relay/ops/records.c relay/ops/records.h \
	relay/ops/status_line.c relay/ops/status_line.h

# The status page, as bytes.
EXTRA_DIST += relay/ops/page.html
CLEANFILES += relay/ops/page_html.c
relay/ops/page_html.c: relay/ops/page.html
	$(AM_V_GEN)$(MKDIR_P) relay/ops && { \
		echo '#include "relay/ops/page_html.h"'; \
		echo 'const char page_html_bytes[] = {'; \
		od -An -v -td1 $(srcdir)/relay/ops/page.html | \
			sed 's/\(-*[0-9][0-9]*\)/\1,/g'; \
		echo '};'; \
		echo 'const size_t page_html_len = sizeof(page_html_bytes);'; \
	} >$@.new && mv $@.new $@
