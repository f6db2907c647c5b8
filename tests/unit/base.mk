unit_programs += tests/unit/test_version
