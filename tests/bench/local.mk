# tests/bench/: measurements, run by hand.
