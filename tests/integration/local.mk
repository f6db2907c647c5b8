# tests/integration/: run by scripts/test, not by make check.

EXTRA_DIST += \
	tests/integration/.shellcheckrc \
	tests/integration/run \
	tests/integration/topology.sh \
	tests/integration/alone.py \
	tests/integration/crowd.py \
	tests/integration/namespaces.py \
	tests/integration/mras.py \
	tests/integration/msclient.py \
	tests/integration/mras_bench.py \
	tests/integration/relay.py \
	tests/integration/turnclient.py \
	tests/integration/aioice_agent.py \
	tests/integration/chromium_call.py \
	tests/integration/chromium_page.html \
	tests/integration/ice_lite.py \
	tests/integration/nice_pair.c \
	tests/integration/scenarios.py \
	tests/integration/t-across-dialects.sh \
	tests/integration/t-aioice.sh \
	tests/integration/t-avedgectl.py \
	tests/integration/t-bursts.py \
	tests/integration/t-checklist.py \
	tests/integration/t-chromium.sh \
	tests/integration/t-control.py \
	tests/integration/t-cut-frames.py \
	tests/integration/t-icmp-peer.sh \
	tests/integration/t-inside-outside.sh \
	tests/integration/t-lab-libnice.sh \
	tests/integration/t-leak.py \
	tests/integration/t-limits.py \
	tests/integration/t-load.sh \
	tests/integration/t-libnice.sh \
	tests/integration/t-libnice-ms.sh \
	tests/integration/t-many-allocations.py \
	tests/integration/t-many-users.py \
	tests/integration/t-mrasd.py \
	tests/integration/t-mrasd-control.py \
	tests/integration/t-ms-streams.py \
	tests/integration/t-mrasd-time.py \
	tests/integration/t-prometheus.py \
	tests/integration/t-public-address.sh \
	tests/integration/t-reload.py \
	tests/integration/t-restart-and-reload.sh \
	tests/integration/t-side-by-side.sh \
	tests/integration/t-sipp.py \
	tests/integration/t-status-page.py \
	tests/integration/t-stranger.py \
	tests/integration/t-tsan.sh \
	tests/integration/t-slow-client.py \
	tests/integration/t-uclient.sh \
	tests/integration/checklist/__init__.py \
	tests/integration/checklist/auth.py \
	tests/integration/checklist/base.py \
	tests/integration/checklist/data.py \
	tests/integration/checklist/messages.py \
	tests/integration/checklist/outside.py \
	tests/integration/checklist/turn.py

.PHONY: check-integration
check-integration: all
	$(srcdir)/tests/integration/run -b $(abs_builddir)
