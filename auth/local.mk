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
	auth/identity.c auth/identity.h \
	auth/mras_answer.c \
	auth/mras_xml.c auth/mras_xml.h \
	auth/rate.c auth/rate.h \
	auth/service.c auth/service.h \
	auth/sip.c auth/sip.h \
	auth/sip_framing.c \
	auth/sip_head.c auth/sip_head.h \
	auth/sip_message.c auth/sip_message.h \
	auth/text.c auth/text.h
MRAS_LIBS = libmras.a libcredential.a libstun.a $(CRYPTO_LIBS) $(EXPAT_LIBS) $(OSIP_LIBS)
