# tests/bench/: measurements, run by hand.
EXTRA_DIST += tests/bench/testbed.py tests/bench/super_packets.py tests/bench/before-after \
	tests/bench/proxy-cost tests/bench/restart-silence tests/bench/take-up-speed \
	tests/bench/coturn-side-by-side tests/bench/ms-against-ietf

# Asks mrasd at a rate; make check builds it and runs it not.
check_PROGRAMS += tests/bench/mras_load
tests_bench_mras_load_SOURCES = tests/bench/mras_load.c
tests_bench_mras_load_LDADD = libloadcore.a $(TOOLS_LIBS)
EXTRA_DIST += tests/bench/mrasd-rate

# What tcp-data-side-by-side measures with.
check_PROGRAMS += tests/bench/tcp_stream
tests_bench_tcp_stream_SOURCES = tests/bench/tcp_stream.c
EXTRA_DIST += tests/bench/tcp-data-side-by-side

# What whole-system measures with: the generator, and the yardsticks.
check_PROGRAMS += tests/bench/media tests/bench/bare_forwarder
tests_bench_media_SOURCES = tests/bench/media.c
tests_bench_media_LDADD = libclient.a libloadcore.a $(TOOLS_LIBS)
tests_bench_bare_forwarder_SOURCES = tests/bench/bare_forwarder.c tests/bench/bare_forwarder.h
tests_bench_bare_forwarder_LDADD = libstun.a
EXTRA_DIST += tests/bench/whole-system tests/bench/edge_bed.py tests/bench/bare_tc.bpf.c
