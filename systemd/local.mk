# systemd/: units, users and directories. Installed, the latter two are called avedge.conf.
systemd_templates = \
	systemd/avedge-offload.service.in \
	systemd/mediarelayd.service.in \
	systemd/mrasd.service.in \
	systemd/tmpfiles.conf.in
nodist_systemdsystemunit_DATA = \
	systemd/mediarelayd.service \
	systemd/mrasd.service
dist_systemdsystemunit_DATA = systemd/avedge.target
if WITH_OFFLOAD
nodist_systemdsystemunit_DATA += systemd/avedge-offload.service
dist_systemdsystemunit_DATA += systemd/avedge-offload.socket
endif
EXTRA_DIST += $(systemd_templates) systemd/sysusers.conf
CLEANFILES += \
	$(nodist_systemdsystemunit_DATA) \
	systemd/tmpfiles.conf

all-local: $(nodist_systemdsystemunit_DATA) systemd/tmpfiles.conf
$(nodist_systemdsystemunit_DATA) systemd/tmpfiles.conf: $(systemd_templates) Makefile
	$(AM_V_GEN)$(MKDIR_P) systemd && sed \
		-e 's|@sysconfdir[@]|$(sysconfdir)|g' \
		-e 's|@sbindir[@]|$(sbindir)|g' \
		-e 's|@bindir[@]|$(bindir)|g' \
		$(srcdir)/$@.in >$@.part && mv $@.part $@

.PHONY: install-systemd uninstall-systemd
install-systemd: systemd/tmpfiles.conf
	$(MKDIR_P) '$(DESTDIR)$(sysusersdir)' '$(DESTDIR)$(tmpfilesdir)'
	$(INSTALL_DATA) $(srcdir)/systemd/sysusers.conf \
		'$(DESTDIR)$(sysusersdir)/avedge.conf'
	$(INSTALL_DATA) systemd/tmpfiles.conf '$(DESTDIR)$(tmpfilesdir)/avedge.conf'

uninstall-systemd:
	rm -f '$(DESTDIR)$(sysusersdir)/avedge.conf' '$(DESTDIR)$(tmpfilesdir)/avedge.conf'
