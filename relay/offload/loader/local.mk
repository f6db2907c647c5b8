# relay/offload/loader/: avedge-offload. Left out where the kernel plane is (--with-offload).
loader_sources = \
	relay/offload/loader/attachment.c relay/offload/loader/attachment.h \
	relay/offload/loader/main.c \
	relay/offload/loader/netdev.c relay/offload/loader/netdev.h \
	relay/offload/loader/netlink.c relay/offload/loader/netlink.h \
	relay/offload/loader/plane.c relay/offload/loader/plane.h \
	relay/offload/loader/privileges.c relay/offload/loader/privileges.h \
	relay/offload/loader/relays.c relay/offload/loader/relays.h \
	relay/offload/loader/self_check.c relay/offload/loader/self_check.h \
	relay/offload/loader/tc_filter.c relay/offload/loader/tc_filter.h

if WITH_OFFLOAD
sbin_PROGRAMS += avedge-offload
avedge_offload_SOURCES = $(loader_sources) relay/offload/loader_message.c
avedge_offload_CPPFLAGS = $(AM_CPPFLAGS) $(BPF_CFLAGS)
avedge_offload_LDADD = $(FLOW_PROGRAM_LIBS) libdaemon.a libstun.a libbase.a $(SYSTEMD_LIBS) $(CAPNG_LIBS)
else
EXTRA_DIST += $(loader_sources)
endif
