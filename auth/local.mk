# auth/: credentials. credential.c is pure and linked into the relay and the tools.
noinst_LIBRARIES += libcredential.a
libcredential_a_SOURCES =
