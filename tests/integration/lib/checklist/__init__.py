"""The rows of t-checklist.py."""
