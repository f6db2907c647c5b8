# debian/: the Debian package. In the release, so that it can be built from there, too.
EXTRA_DIST += \
	debian/avedge.README.Debian \
	debian/avedge.docs \
	debian/avedge.install \
	debian/avedge.lintian-overrides \
	debian/avedge.postinst \
	debian/avedge.postrm \
	debian/avedge-tools.install \
	debian/changelog \
	debian/control \
	debian/copyright \
	debian/rules \
	debian/source/format \
	debian/tests/.shellcheckrc \
	debian/tests/control \
	debian/tests/edge.sh \
	debian/tests/relayed-call \
	debian/tests/service
