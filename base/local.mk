# base/: plumbing without protocol or policy, shared by all programs.
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	base/conffile.c base/conffile.h \
	base/log.c base/log.h \
	base/nearest.c base/nearest.h \
	base/privdrop.c base/privdrop.h \
	base/sockaddr.c base/sockaddr.h \
	base/units.c base/units.h \
	base/version.c base/version.h
