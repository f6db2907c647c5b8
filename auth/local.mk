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
