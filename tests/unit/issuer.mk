# mrasd around its decisions: configuration, first lines, HTTP.
unit_programs += \
	tests/unit/test_http \
	tests/unit/test_http_relays \
	tests/unit/test_language \
	tests/unit/test_mras_config \
	tests/unit/test_mras_control \
	tests/unit/test_mras_record \
	tests/unit/test_mras_reload \
	tests/unit/test_mras_self_test
tests_unit_test_mras_config_SOURCES = tests/unit/test_mras_config.c \
	tests/unit/source_file.c tests/unit/source_file.h
tests_unit_test_mras_config_LDADD = $(ISSUER_LIBS) $(CHECK_LIBS)

# The same with files in a folder, but without sockets.
check_LIBRARIES += libissuerworld.a
libissuerworld_a_SOURCES = tests/unit/issuer_world.c tests/unit/issuer_world.h
tests_unit_test_mras_control_SOURCES = tests/unit/test_mras_control.c \
	tests/unit/described_routes.c tests/unit/described_routes.h \
	tests/unit/json_schema.c tests/unit/json_schema.h \
	tests/unit/source_file.c tests/unit/source_file.h
tests_unit_test_mras_control_LDADD = libissuerworld.a $(ISSUER_LIBS) $(CHECK_LIBS)
tests_unit_test_mras_record_LDADD = libissuerworld.a $(ISSUER_LIBS) $(CHECK_LIBS)
tests_unit_test_mras_reload_LDADD = libissuerworld.a $(ISSUER_LIBS) $(CHECK_LIBS)

http_world = tests/unit/http_world.c tests/unit/http_world.h \
	tests/unit/json_schema.c tests/unit/json_schema.h \
	tests/unit/source_file.c tests/unit/source_file.h
tests_unit_test_http_SOURCES = tests/unit/test_http.c $(http_world)
tests_unit_test_http_LDADD = libissuer.a libmrasworld.a $(ISSUER_LIBS) $(CHECK_LIBS)
tests_unit_test_http_relays_SOURCES = tests/unit/test_http_relays.c $(http_world)
tests_unit_test_http_relays_LDADD = libissuer.a libmrasworld.a $(ISSUER_LIBS) $(CHECK_LIBS)
tests_unit_test_language_LDADD = libissuer.a libstun.a $(CHECK_LIBS)
tests_unit_test_mras_self_test_LDADD = libissuer.a libmrasworld.a $(ISSUER_LIBS) $(CHECK_LIBS)
