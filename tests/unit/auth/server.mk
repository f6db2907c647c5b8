# mrasd around its decisions: configuration, first lines, HTTP.
unit_programs += \
	tests/unit/auth/test_http \
	tests/unit/auth/test_http_relays \
	tests/unit/auth/test_language \
	tests/unit/auth/test_mras_config \
	tests/unit/auth/test_mras_control \
	tests/unit/auth/test_mras_record \
	tests/unit/auth/test_mras_reload \
	tests/unit/auth/test_mras_self_test
tests_unit_auth_test_mras_config_SOURCES = tests/unit/auth/test_mras_config.c \
	tests/unit/lib/config_docs.c tests/unit/lib/config_docs.h \
	tests/unit/lib/source_file.c tests/unit/lib/source_file.h
tests_unit_auth_test_mras_config_LDADD = $(ISSUER_LIBS) $(CHECK_LIBS)

# The same with files in a directory, but without sockets.
check_LIBRARIES += libissuerfixture.a
libissuerfixture_a_SOURCES = tests/unit/auth/issuer_fixture.c tests/unit/auth/issuer_fixture.h
tests_unit_auth_test_mras_control_SOURCES = tests/unit/auth/test_mras_control.c \
	tests/unit/lib/openapi_routes.c tests/unit/lib/openapi_routes.h \
	tests/unit/lib/json_schema.c tests/unit/lib/json_schema.h \
	tests/unit/lib/source_file.c tests/unit/lib/source_file.h
tests_unit_auth_test_mras_control_LDADD = libissuerfixture.a $(ISSUER_LIBS) $(CHECK_LIBS)
tests_unit_auth_test_mras_record_LDADD = libissuerfixture.a $(ISSUER_LIBS) $(CHECK_LIBS)
tests_unit_auth_test_mras_reload_LDADD = libissuerfixture.a $(ISSUER_LIBS) $(CHECK_LIBS)

http_fixture = tests/unit/auth/http_fixture.c tests/unit/auth/http_fixture.h \
	tests/unit/lib/json_schema.c tests/unit/lib/json_schema.h \
	tests/unit/lib/source_file.c tests/unit/lib/source_file.h
tests_unit_auth_test_http_SOURCES = tests/unit/auth/test_http.c $(http_fixture)
tests_unit_auth_test_http_LDADD = libissuer.a libmrasfixture.a $(ISSUER_LIBS) $(CHECK_LIBS)
tests_unit_auth_test_http_relays_SOURCES = tests/unit/auth/test_http_relays.c $(http_fixture)
tests_unit_auth_test_http_relays_LDADD = libissuer.a libmrasfixture.a $(ISSUER_LIBS) $(CHECK_LIBS)
tests_unit_auth_test_language_LDADD = libissuer.a libstun.a $(CHECK_LIBS)
tests_unit_auth_test_mras_self_test_LDADD = libissuer.a libmrasfixture.a $(ISSUER_LIBS) $(CHECK_LIBS)
