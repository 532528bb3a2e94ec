"""Scores over HTTP: what the last run issued, and new opportunities by the champion of now."""
