# docs/

dist_man_MANS += docs/avedgectl.1

dist_man_MANS += docs/mediarelayd.8 docs/mediarelayd.conf.5

dist_man_MANS += docs/mrasd.8 docs/mrasd.conf.5

if WITH_OFFLOAD
dist_man_MANS += docs/avedge-offload.8
else
EXTRA_DIST += docs/avedge-offload.8
endif

# For developers.
EXTRA_DIST += docs/conformance/rfc5780.tsv docs/conformance/rfc6062.tsv docs/conformance/rfc7350.tsv \
	docs/conformance/rfc7635.tsv docs/conformance/rfc7982.tsv docs/conformance/rfc7983.tsv \
	docs/conformance/rfc8016.tsv docs/conformance/rfc8155.tsv docs/conformance/rfc8489.tsv \
	docs/conformance/rfc8656.tsv
EXTRA_DIST += docs/requirements.md docs/architecture.dot docs/architecture.svg \
	docs/decisions/0001-dialects-on-one-core.md \
	docs/decisions/0002-integers-instead-of-pointers.md \
	docs/decisions/0003-strict-defaults.md \
	docs/decisions/0004-configuration-parser.md \
	docs/decisions/0005-libraries.md \
	docs/decisions/0006-one-start-up.md \
	docs/decisions/0007-two-planes.md \
	docs/decisions/0008-limits-follow-the-dialect.md \
	docs/decisions/0009-allocations-move-between-workers.md \
	docs/decisions/0010-headers-of-balancers.md \
	docs/decisions/0011-calls-survive.md

# What programs ask mrasd over HTTP.
dist_doc_DATA += docs/openapi.json
# What is asked of both daemons over their control sockets.
dist_doc_DATA += docs/control-mediarelayd.json docs/control-mrasd.json

dist_man_MANS += docs/avedge-load.1

dist_doc_DATA += docs/index.md docs/clients.md docs/control-api.md docs/records.md docs/guide-by-hand.md docs/guide-deployment.md docs/guide-lync-lab.md docs/guide-webrtc.md
dist_doc_DATA += docs/metrics.md docs/performance.md docs/performance-counters.md \
	docs/status-page-light.png docs/status-page-dark.png docs/status-page-phone.png
dist_doc_DATA += docs/conformance.md

# What the manual pages say about commands and configuration keys comes from the programs' own
# tables; tests/cli/manual-test holds them together.
.PHONY: update-manual
update-manual: avedgectl mediarelayd mrasd
	TOP_SRCDIR='$(abs_top_srcdir)' $(srcdir)/tests/cli/manual-test --update

# What the RFCs ask, with its tests; tests/lint/conformance says what the tables hold.
.PHONY: update-conformance
update-conformance:
	TOP_SRCDIR='$(abs_top_srcdir)' $(srcdir)/tests/lint/conformance --write

# The picture from its text; needs Graphviz.
.PHONY: update-architecture
update-architecture:
	dot -Tsvg $(srcdir)/docs/architecture.dot >$(srcdir)/docs/architecture.svg
