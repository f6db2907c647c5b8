unit_programs += \
	tests/unit/test_units \
	tests/unit/test_version
