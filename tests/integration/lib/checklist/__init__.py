"""Rows of the black-box checklist; t-checklist.py runs them."""
