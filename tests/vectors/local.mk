# tests/vectors/: test vectors read by the unit tests. List them in EXTRA_DIST.
EXTRA_DIST += \
	tests/vectors/mras/README \
	tests/vectors/mras/mrasp.xsd \
	tests/vectors/ms-turn/README \
	tests/vectors/ms-turn/ms-turn-vectors.json \
	tests/vectors/precis/README \
	tests/vectors/precis/freeform.json \
	tests/vectors/sip \
	tests/vectors/stun/README \
	tests/vectors/stun/rfc-vectors.json
