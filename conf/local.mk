# conf/: what an administrator starts from. Not installed into sysconfdir: it would overwrite.
examplesdir = $(docdir)/examples
dist_examples_DATA = conf/mediarelayd.conf conf/mrasd.conf

# For Prometheus and Grafana.
prometheusexamplesdir = $(examplesdir)/prometheus
dist_prometheusexamples_DATA = conf/prometheus/prometheus.yml \
	conf/prometheus/avedge.rules.yml conf/prometheus/avedge.test.yml
grafanaexamplesdir = $(examplesdir)/grafana
dist_grafanaexamples_DATA = conf/grafana/avedge.json

# For systemd. The sources have names of their own; what is installed is called avedge.conf.
systemd_templates = \
	conf/systemd/mediarelayd.service.in \
	conf/systemd/mrasd.service.in \
	conf/systemd/tmpfiles.conf.in
nodist_systemdsystemunit_DATA = \
	conf/systemd/mediarelayd.service \
	conf/systemd/mrasd.service
dist_systemdsystemunit_DATA = conf/systemd/avedge.target
EXTRA_DIST += $(systemd_templates) conf/systemd/sysusers.conf
CLEANFILES += \
	$(nodist_systemdsystemunit_DATA) \
	conf/systemd/tmpfiles.conf

all-local: $(nodist_systemdsystemunit_DATA) conf/systemd/tmpfiles.conf
$(nodist_systemdsystemunit_DATA) conf/systemd/tmpfiles.conf: $(systemd_templates) Makefile
	$(AM_V_GEN)$(MKDIR_P) conf/systemd && sed \
		-e 's|@sysconfdir[@]|$(sysconfdir)|g' \
		-e 's|@sbindir[@]|$(sbindir)|g' \
		-e 's|@bindir[@]|$(bindir)|g' \
		$(srcdir)/$@.in >$@.part && mv $@.part $@

# Found by bash under the name of the command.
dist_bashcompletion_DATA = conf/completion/avedgectl
EXTRA_DIST += conf/completion/avedge
completion_names = mediarelayd mrasd avedge-load

# The keyring is made by avedgectl, the rest by the administrator.
install-data-local: conf/systemd/tmpfiles.conf
	$(MKDIR_P) '$(DESTDIR)$(sysconfdir)/avedge'
	$(MKDIR_P) '$(DESTDIR)$(sysusersdir)' '$(DESTDIR)$(tmpfilesdir)'
	$(INSTALL_DATA) $(srcdir)/conf/systemd/sysusers.conf \
		'$(DESTDIR)$(sysusersdir)/avedge.conf'
	$(INSTALL_DATA) conf/systemd/tmpfiles.conf '$(DESTDIR)$(tmpfilesdir)/avedge.conf'
	$(MKDIR_P) '$(DESTDIR)$(bashcompletiondir)'
	for name in $(completion_names); do \
		$(INSTALL_DATA) $(srcdir)/conf/completion/avedge \
			'$(DESTDIR)$(bashcompletiondir)'/$$name || exit 1; \
	done

uninstall-local:
	cd '$(DESTDIR)$(bashcompletiondir)' && rm -f $(completion_names)
	rm -f '$(DESTDIR)$(sysusersdir)/avedge.conf' '$(DESTDIR)$(tmpfilesdir)/avedge.conf'
	-rmdir '$(DESTDIR)$(sysconfdir)/avedge'
