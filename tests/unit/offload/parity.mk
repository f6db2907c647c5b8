race_model = tests/unit/offload/race_model.c tests/unit/offload/race_model.h
tests_unit_offload_test_flow_table_race_SOURCES = tests/unit/offload/test_flow_table_race.c \
	$(race_model)

unit_programs += tests/unit/offload/test_parity
if WITH_OFFLOAD
unit_programs += \
	tests/unit/offload/test_parity_kernel \
	tests/unit/offload/test_program_race
endif

# Both planes side by side, with the program of the kernel and with one for this machine.
frames = tests/unit/offload/frame.c tests/unit/offload/frame.h
kernel_run = tests/unit/offload/kernel_test_run.c tests/unit/offload/kernel_plane.h
parity = tests/unit/offload/parity.c tests/unit/offload/parity.h \
	tests/unit/offload/parity_relay.c tests/unit/offload/parity_relay.h \
	tests/unit/offload/socket_plane.c tests/unit/offload/socket_plane.h $(frames)
parity_libs = libfixture.a libstate.a $(RELAY_LIBS)
tests_unit_offload_test_parity_kernel_SOURCES = tests/unit/offload/test_parity.c $(parity) $(kernel_run)
tests_unit_offload_test_parity_kernel_LDADD = $(parity_libs) $(FLOW_PROGRAM_LIBS) $(CHECK_LIBS)
tests_unit_offload_test_program_race_SOURCES = tests/unit/offload/test_program_race.c $(race_model) \
	$(frames) $(kernel_run)
tests_unit_offload_test_program_race_LDADD = $(RELAY_LIBS) $(FLOW_PROGRAM_LIBS) $(CHECK_LIBS)

# The program for this machine; x86-64 only, since packets lie below 4 GiB, where addresses fit a context. Headers
# in a packet are aligned as its device likes, and the kernel's verifier knows.
check_LIBRARIES += libnativeprogram.a
libnativeprogram_a_SOURCES = tests/unit/offload/kernel_native.c tests/unit/offload/kernel_plane.h \
	tests/unit/offload/native_program.c tests/unit/offload/native_program.h
libnativeprogram_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/unit/offload/native
libnativeprogram_a_CFLAGS = $(AM_CFLAGS) -fno-sanitize=alignment
EXTRA_DIST += tests/unit/offload/native/bpf/bpf_helpers.h tests/unit/offload/native/bpf/bpf_endian.h
tests_unit_offload_test_parity_SOURCES = tests/unit/offload/test_parity.c $(parity)
tests_unit_offload_test_parity_LDADD = libnativeprogram.a $(parity_libs) $(CHECK_LIBS)
