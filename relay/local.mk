# relay/: mediarelayd. Everything but main.c is in librelay.a so that tests can link it.
sbin_PROGRAMS += mediarelayd
mediarelayd_SOURCES = relay/main.c
mediarelayd_CPPFLAGS = $(AM_CPPFLAGS) -DSYSCONFDIR=\"$(sysconfdir)\"
mediarelayd_LDADD = $(RELAY_LIBS)
noinst_LIBRARIES += librelay.a
librelay_a_SOURCES = \
	relay/reload/change.c relay/reload/change.h \
	relay/reload/next_owners.c relay/reload/next_owners.h \
	relay/reload/next_start.c relay/reload/next_start.h \
	relay/reload/relay_config.h \
	relay/reload/relay_schema.c relay/reload/relay_schema.h \
	relay/reload/relay_config_check.c relay/reload/relay_config_check.h \
	relay/reload/discovery_fronts.c relay/reload/discovery_fronts.h \
	relay/reload/drain.c relay/reload/drain.h \
	relay/delivery.h \
	relay/descriptor_limit.c relay/descriptor_limit.h \
	relay/loop.c relay/loop.h \
	relay/reload/offload_settings.c relay/reload/offload_settings.h \
	relay/reload/network.c relay/reload/network.h \
	relay/kernel_plane.c relay/kernel_plane.h \
	relay/leaving.c relay/leaving.h \
	relay/rates.c relay/rates.h \
	relay/past.c relay/past.h \
	relay/succession.c relay/succession.h \
	relay/take_up.c relay/take_up.h \
	relay/take_up_report.c relay/take_up_report.h \
	relay/heartbeat.c relay/heartbeat.h \
	relay/relay.c relay/relay.h \
	relay/relay_allocations.c relay/relay_allocations.h \
	relay/reload/relay_remarks.c relay/reload/relay_remarks.h \
	relay/reload/relay_reload.c relay/reload/relay_reload.h \
	relay/reload/revoked_file.c relay/reload/revoked_file.h \
	relay/self_test.c relay/self_test.h \
	relay/reload/relay_settings.c relay/reload/relay_settings.h \
	relay/relocation.c relay/relocation.h \
	relay/stray.c relay/stray.h \
	relay/throttle.c relay/throttle.h \
	relay/worker.c relay/worker.h \
	relay/worker_delivery.c relay/worker_edge.c relay/worker_flows.c \
	$(relay_front_sources) \
	$(relay_peer_sources) \
	$(relay_offload_sources) \
	$(relay_ops_sources)
nodist_librelay_a_SOURCES = relay/ops/page_html.c
