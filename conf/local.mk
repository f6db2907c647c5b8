# conf/: what an administrator starts from. Not installed into sysconfdir: it would overwrite.
dist_doc_DATA = conf/mediarelayd.conf conf/mrasd.conf

# What belongs into it is made by the administrator, the keyring by avedgectl.
install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(sysconfdir)/avedge'

uninstall-local:
	-rmdir '$(DESTDIR)$(sysconfdir)/avedge'
