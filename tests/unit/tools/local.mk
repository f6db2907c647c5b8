unit_programs += \
	tests/unit/tools/test_client_auth \
	tests/unit/tools/test_client_credential \
	tests/unit/tools/test_ctl_text \
	tests/unit/tools/test_histogram \
	tests/unit/tools/test_load_options \
	tests/unit/tools/test_load_report \
	tests/unit/tools/test_load_traffic \
	tests/unit/tools/test_pacer \
	tests/unit/tools/test_packet_stream \
	tests/unit/tools/test_stamp
tests_unit_tools_test_client_auth_LDADD = libclient.a libstun.a $(CRYPTO_LIBS) $(CHECK_LIBS)
tests_unit_tools_test_client_credential_LDADD = libclient.a libcredential.a libstun.a libbase.a \
	$(CRYPTO_LIBS) $(CHECK_LIBS)
tests_unit_tools_test_ctl_text_LDADD = libctl.a libcredential.a $(JANSSON_LIBS) $(CHECK_LIBS)
tests_unit_tools_test_histogram_LDADD = libloadcore.a $(CHECK_LIBS)
tests_unit_tools_test_load_options_LDADD = libloadcore.a libcredential.a libstun.a libbase.a \
	$(CRYPTO_LIBS) $(CHECK_LIBS)
tests_unit_tools_test_load_report_LDADD = libloadcore.a libcredential.a libstun.a libbase.a \
	$(CRYPTO_LIBS) $(CHECK_LIBS)
tests_unit_tools_test_load_traffic_LDADD = libloadcore.a $(CHECK_LIBS)
tests_unit_tools_test_pacer_LDADD = libloadcore.a $(CHECK_LIBS)
tests_unit_tools_test_packet_stream_LDADD = libclient.a $(CHECK_LIBS)
tests_unit_tools_test_stamp_LDADD = libloadcore.a $(CHECK_LIBS)
