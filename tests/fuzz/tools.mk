# Fuzz targets of the tools.
fuzz_programs += tests/fuzz/fuzz_packet_stream
tests_fuzz_fuzz_packet_stream_LDADD = libloadcore.a $(FUZZ_LIBS)
EXTRA_DIST += tests/fuzz/corpus/packet_stream
