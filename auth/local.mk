# auth/: credentials. libcredential.a is pure and linked into the relay and the tools;
# libkeyfile.a stands before it for whoever reads the keyring from a file, libopaquestring.a for
# whoever issues credentials for names.
noinst_LIBRARIES += libcredential.a libkeyfile.a libopaquestring.a
libcredential_a_SOURCES = \
	auth/credential/access_token.c auth/credential/access_token.h \
	auth/credential/base64.c auth/credential/base64.h \
	auth/credential/credential.c auth/credential/credential.h \
	auth/credential/key_line.c auth/credential/key_line.h \
	auth/credential/keyring.c auth/credential/keyring.h \
	auth/credential/timestamp.c auth/credential/timestamp.h \
	auth/credential/token_keyring.c auth/credential/token_keyring.h
libkeyfile_a_SOURCES = \
	auth/credential/keyfile.c auth/credential/keyfile.h \
	auth/credential/private_file.c auth/credential/private_file.h \
	auth/credential/token_keyfile.c auth/credential/token_keyfile.h
libopaquestring_a_SOURCES = \
	auth/credential/opaque_string.c auth/credential/opaque_string.h

# libmras.a: what mrasd decides, without sockets, clock and files.
noinst_LIBRARIES += libmras.a
libmras_a_SOURCES = \
	auth/mras/mras_drain.c auth/mras/mras_drain.h \
	auth/mras/http_framing.c auth/mras/http_framing.h \
	auth/mras/http_head.c auth/mras/http_head.h \
	auth/mras/identity.c auth/mras/identity.h \
	auth/mras/mras_answer.c \
	auth/mras/mras_xml.c auth/mras/mras_xml.h \
	auth/mras/rate.c auth/mras/rate.h \
	auth/mras/service.c auth/mras/service.h \
	auth/mras/sip.c auth/mras/sip.h \
	auth/mras/sip_framing.c \
	auth/mras/sip_head.c auth/mras/sip_head.h \
	auth/mras/sip_message.c auth/mras/sip_message.h \
	auth/mras/mras_counters.c auth/mras/mras_counters.h \
	auth/mras/text.c auth/mras/text.h
MRAS_LIBS = libmras.a libopaquestring.a libcredential.a libstun.a $(CRYPTO_LIBS) $(EXPAT_LIBS) \
	$(OSIP_LIBS) $(UNISTRING_LIBS)

# mrasd. Everything but its main is in libissuer.a so that tests can link it.
sbin_PROGRAMS += mrasd
mrasd_SOURCES = auth/server/main.c
mrasd_CPPFLAGS = $(AM_CPPFLAGS) -DSYSCONFDIR=\"$(sysconfdir)\"
mrasd_LDADD = $(ISSUER_LIBS)
noinst_LIBRARIES += libissuer.a
libissuer_a_SOURCES = \
	auth/server/mras_config.c auth/server/mras_config.h \
	auth/server/connection.c auth/server/connection.h \
	auth/server/mras_connections.c auth/server/mras_connections.h \
	auth/server/control.c auth/server/control.h \
	auth/server/mras_files.c auth/server/mras_files.h \
	auth/server/handshake.c auth/server/handshake.h \
	auth/server/greeting.c auth/server/greeting.h \
	auth/server/http_reply.c auth/server/http_reply.h \
	auth/server/http_stream.c auth/server/http_stream.h \
	auth/server/issuer.c auth/server/issuer.h \
	auth/mras/language.c auth/mras/language.h \
	auth/server/mras_listener.c auth/server/mras_listener.h \
	auth/server/metrics.c auth/server/metrics.h \
	auth/server/mras_remarks.c auth/server/mras_remarks.h \
	auth/server/mras_reload.c auth/server/mras_reload.h \
	auth/server/self_test.c auth/server/self_test.h \
	auth/server/sip_stream.c auth/server/sip_stream.h \
	auth/server/mras_settings.c auth/server/mras_settings.h \
	auth/server/tls.c auth/server/tls.h \
	auth/server/tls_hello.c auth/server/tls_hello.h
ISSUER_LIBS = libissuer.a libdaemon.a libkeyfile.a libmras.a libopaquestring.a libcredential.a \
	libstun.a libbase.a $(UNISTRING_LIBS) \
	$(EVENT_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS) $(MICROHTTPD_LIBS) \
	$(JANSSON_LIBS) $(EXPAT_LIBS) $(OSIP_LIBS) $(SYSTEMD_LIBS) $(CAPNG_LIBS)
