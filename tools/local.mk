# tools/: avedgectl and avedge-load. Link with $(TOOLS_LIBS).

bin_PROGRAMS += avedgectl
avedgectl_SOURCES = \
	tools/avedgectl.c tools/ctl.h \
	tools/ctl_credential.c \
	tools/ctl_key.c \
	tools/ctl_relay.c tools/ctl_relay.h \
	tools/ctl_relay_text.c \
	tools/ctl_table.c tools/ctl_table.h
avedgectl_LDADD = $(TOOLS_LIBS)
