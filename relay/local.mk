# relay/: mediarelayd. Everything but main.c is in librelay.a so that tests can link it.
sbin_PROGRAMS += mediarelayd
mediarelayd_SOURCES = relay/main.c
mediarelayd_CPPFLAGS = $(AM_CPPFLAGS) -DSYSCONFDIR=\"$(sysconfdir)\"
mediarelayd_LDADD = $(RELAY_LIBS)
noinst_LIBRARIES += librelay.a
librelay_a_SOURCES = \
	relay/change.c relay/change.h \
	relay/config.c relay/config.h \
	relay/config_check.c \
	relay/config_compare.c \
	relay/config_schema.c relay/config_schema.h \
	relay/drain.c relay/drain.h \
	relay/handoff.c relay/handoff.h \
	relay/network.c relay/network.h \
	relay/rates.c relay/rates.h \
	relay/pulse.c relay/pulse.h \
	relay/relay.c relay/relay.h \
	relay/relay_allocations.c \
	relay/reload.c relay/reload.h \
	relay/revoked_file.c relay/revoked_file.h \
	relay/self_test.c relay/self_test.h \
	relay/settings.c relay/settings.h \
	relay/settings_files.c relay/settings_files.h \
	relay/watched.c relay/watched.h \
	relay/throttle.c relay/throttle.h \
	relay/worker.c relay/worker.h \
	$(relay_front_sources) \
	$(relay_peer_sources) \
	$(relay_ops_sources)
nodist_librelay_a_SOURCES = relay/ops/page_html.c
