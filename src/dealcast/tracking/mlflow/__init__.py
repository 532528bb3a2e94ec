"""Runs and models in MLflow too; the store keeps the truth."""
