unit_programs += \
	tests/unit/offload/test_flow_of \
	tests/unit/offload/test_flow_table \
	tests/unit/offload/test_flow_table_race \
	tests/unit/offload/test_flows \
	tests/unit/offload/test_offload \
	tests/unit/offload/test_pairs \
	tests/unit/offload/test_plane \
	tests/unit/offload/test_plane_devices \
	tests/unit/offload/test_relays \
	tests/unit/offload/test_route_asker \
	tests/unit/offload/test_routes
EXTRA_DIST += tests/unit/offload/plain_memory.h

tests_unit_offload_test_flow_table_LDADD = libbase.a $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_offload_test_flows_LDADD = libmsclient.a libturnclient.a libfixture.a libstate.a $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_offload_test_offload_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_offload_test_plane_devices_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_offload_test_plane_SOURCES = tests/unit/offload/test_plane.c \
	relay/offload/loader/plane.c
tests_unit_offload_test_plane_LDADD = libbase.a $(CHECK_LIBS) $(SYSTEMD_LIBS)
tests_unit_offload_test_relays_SOURCES = tests/unit/offload/test_relays.c \
	relay/offload/loader/relays.c
tests_unit_offload_test_relays_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_offload_test_route_asker_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_offload_test_routes_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_offload_test_pairs_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_offload_test_flow_table_race_LDADD = libbase.a $(RELAY_LIBS) $(CHECK_LIBS)

if WITH_OFFLOAD
unit_programs += tests/unit/offload/test_flow_program tests/unit/offload/test_flow_packets
# Runs the kernel's program on one packet.
check_LIBRARIES += libprogrambed.a
endif
libprogrambed_a_SOURCES = tests/unit/offload/program_bed.c tests/unit/offload/program_bed.h

tests_unit_offload_test_flow_packets_LDADD = libprogrambed.a $(FLOW_PROGRAM_LIBS) $(CHECK_LIBS)
tests_unit_offload_test_flow_program_LDADD = $(FLOW_PROGRAM_LIBS) $(CHECK_LIBS)
tests_unit_offload_test_flow_of_LDADD = libfixture.a libstate.a $(RELAY_LIBS) $(CHECK_LIBS)

include tests/unit/offload/parity.mk
