# tests/bench/: measurements, run by hand.
EXTRA_DIST += tests/bench/bed.py tests/bench/super_packets.py \
	tests/bench/coturn-side-by-side
