"""Scores as files that a CRM takes in."""
