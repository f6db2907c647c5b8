# auth/: credentials. libcredential.a is pure and linked into the relay and the tools;
# libkeyfile.a stands before it for whoever reads the keyring from a file.
noinst_LIBRARIES += libcredential.a libkeyfile.a
libcredential_a_SOURCES = \
	auth/base64.c auth/base64.h \
	auth/credential.c auth/credential.h \
	auth/keyring.c auth/keyring.h \
	auth/timestamp.c auth/timestamp.h
libkeyfile_a_SOURCES = \
	auth/keyfile.c auth/keyfile.h

# libmras.a: what mrasd decides, without sockets, clock and files.
noinst_LIBRARIES += libmras.a
libmras_a_SOURCES = \
	auth/drain.c auth/drain.h \
	auth/identity.c auth/identity.h \
	auth/mras_answer.c \
	auth/mras_xml.c auth/mras_xml.h \
	auth/rate.c auth/rate.h \
	auth/service.c auth/service.h \
	auth/sip.c auth/sip.h \
	auth/sip_framing.c \
	auth/sip_head.c auth/sip_head.h \
	auth/sip_message.c auth/sip_message.h \
	auth/tally.c auth/tally.h \
	auth/text.c auth/text.h
MRAS_LIBS = libmras.a libcredential.a libstun.a $(CRYPTO_LIBS) $(EXPAT_LIBS) $(OSIP_LIBS)

# mrasd. Everything but its main is in libissuer.a so that tests can link it.
sbin_PROGRAMS += mrasd
mrasd_SOURCES = auth/mras_main.c
mrasd_CPPFLAGS = $(AM_CPPFLAGS) -DSYSCONFDIR=\"$(sysconfdir)\"
mrasd_LDADD = $(ISSUER_LIBS)
noinst_LIBRARIES += libissuer.a
libissuer_a_SOURCES = \
	auth/config.c auth/config.h \
	auth/config_check.c \
	auth/config_compare.c \
	auth/config_schema.c auth/config_schema.h \
	auth/connection.c auth/connection.h \
	auth/connections.c auth/connections.h \
	auth/control.c auth/control.h \
	auth/files.c auth/files.h \
	auth/handshake.c auth/handshake.h \
	auth/http.c auth/http.h \
	auth/http_reply.c auth/http_reply.h \
	auth/issuer.c auth/issuer.h \
	auth/language.c auth/language.h \
	auth/listener.c auth/listener.h \
	auth/metrics.c auth/metrics.h \
	auth/reload.c auth/reload.h \
	auth/self_test.c auth/self_test.h \
	auth/settings.c auth/settings.h \
	auth/tls.c auth/tls.h
ISSUER_LIBS = libissuer.a libdaemon.a libkeyfile.a libmras.a libcredential.a libstun.a libbase.a \
	$(EVENT_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS) $(MICROHTTPD_LIBS) $(CONFUSE_LIBS) \
	$(JANSSON_LIBS) $(EXPAT_LIBS) $(OSIP_LIBS) $(SYSTEMD_LIBS) $(CAPNG_LIBS)
