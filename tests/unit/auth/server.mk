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
	tests/unit/lib/source_file.c tests/unit/lib/source_file.h
tests_unit_auth_test_mras_config_LDADD = $(ISSUER_LIBS) $(CHECK_LIBS)

# The same with files in a folder, but without sockets.
check_LIBRARIES += libissuerworld.a
libissuerworld_a_SOURCES = tests/unit/auth/issuer_world.c tests/unit/auth/issuer_world.h
tests_unit_auth_test_mras_control_SOURCES = tests/unit/auth/test_mras_control.c \
	tests/unit/lib/described_routes.c tests/unit/lib/described_routes.h \
	tests/unit/lib/json_schema.c tests/unit/lib/json_schema.h \
	tests/unit/lib/source_file.c tests/unit/lib/source_file.h
tests_unit_auth_test_mras_control_LDADD = libissuerworld.a $(ISSUER_LIBS) $(CHECK_LIBS)
tests_unit_auth_test_mras_record_LDADD = libissuerworld.a $(ISSUER_LIBS) $(CHECK_LIBS)
tests_unit_auth_test_mras_reload_LDADD = libissuerworld.a $(ISSUER_LIBS) $(CHECK_LIBS)

http_world = tests/unit/auth/http_world.c tests/unit/auth/http_world.h \
	tests/unit/lib/json_schema.c tests/unit/lib/json_schema.h \
	tests/unit/lib/source_file.c tests/unit/lib/source_file.h
tests_unit_auth_test_http_SOURCES = tests/unit/auth/test_http.c $(http_world)
tests_unit_auth_test_http_LDADD = libissuer.a libmrasworld.a $(ISSUER_LIBS) $(CHECK_LIBS)
tests_unit_auth_test_http_relays_SOURCES = tests/unit/auth/test_http_relays.c $(http_world)
tests_unit_auth_test_http_relays_LDADD = libissuer.a libmrasworld.a $(ISSUER_LIBS) $(CHECK_LIBS)
tests_unit_auth_test_language_LDADD = libissuer.a libstun.a $(CHECK_LIBS)
tests_unit_auth_test_mras_self_test_LDADD = libissuer.a libmrasworld.a $(ISSUER_LIBS) $(CHECK_LIBS)
