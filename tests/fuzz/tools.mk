# Fuzz targets of the tools.
fuzz_programs += tests/fuzz/fuzz_packet_stream
tests_fuzz_fuzz_packet_stream_LDADD = libclient.a $(FUZZ_LIBS)
EXTRA_DIST += tests/fuzz/corpus/packet_stream

fuzz_programs += \
	tests/fuzz/fuzz_ctl_frame \
	tests/fuzz/fuzz_ctl_text \
	tests/fuzz/fuzz_import
tests_fuzz_fuzz_ctl_frame_LDADD = libctl.a $(FUZZ_LIBS) $(JANSSON_LIBS)
tests_fuzz_fuzz_ctl_text_LDADD = libctl.a $(FUZZ_LIBS) $(JANSSON_LIBS)
tests_fuzz_fuzz_import_LDADD = libctl.a $(FUZZ_LIBS) $(RELAY_LIBS)
EXTRA_DIST += tests/fuzz/corpus/ctl_frame tests/fuzz/corpus/ctl_text tests/fuzz/corpus/import
