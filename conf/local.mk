# conf/: what an administrator starts from. Not installed into sysconfdir: it would overwrite.
examplesdir = $(docdir)/examples
dist_examples_DATA = conf/mediarelayd.conf conf/mrasd.conf

# For Prometheus and Grafana.
prometheusexamplesdir = $(examplesdir)/prometheus
dist_prometheusexamples_DATA = conf/prometheus/prometheus.yml \
	conf/prometheus/avedge.rules.yml conf/prometheus/avedge.test.yml
grafanaexamplesdir = $(examplesdir)/grafana
dist_grafanaexamples_DATA = conf/grafana/avedge.json

# bash and fish find them under the name of the command, zsh by the first line of the file.
dist_bashcompletion_DATA = conf/completion/avedgectl
dist_zshcompletion_DATA = conf/completion/_avedgectl conf/completion/_avedge
dist_fishcompletion_DATA = conf/completion/avedgectl.fish
EXTRA_DIST += conf/completion/avedge conf/completion/avedge.fish
completion_names = mediarelayd mrasd avedge-load
if WITH_OFFLOAD
completion_names += avedge-offload
endif

# The keyring is made by avedgectl, the rest by the administrator.
.PHONY: install-conf uninstall-conf
install-conf:
	$(MKDIR_P) '$(DESTDIR)$(sysconfdir)/avedge'
	$(MKDIR_P) '$(DESTDIR)$(bashcompletiondir)' '$(DESTDIR)$(fishcompletiondir)'
	for name in $(completion_names); do \
		$(INSTALL_DATA) $(srcdir)/conf/completion/avedge \
			'$(DESTDIR)$(bashcompletiondir)'/$$name && \
		$(INSTALL_DATA) $(srcdir)/conf/completion/avedge.fish \
			'$(DESTDIR)$(fishcompletiondir)'/$$name.fish || exit 1; \
	done

uninstall-conf:
	cd '$(DESTDIR)$(bashcompletiondir)' && rm -f $(completion_names)
	cd '$(DESTDIR)$(fishcompletiondir)' && rm -f $(completion_names:=.fish)
	-rmdir '$(DESTDIR)$(sysconfdir)/avedge'
