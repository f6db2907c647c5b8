# tests/bench/: measurements, run by hand.
EXTRA_DIST += tests/bench/coturn-side-by-side
