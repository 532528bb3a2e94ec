"""Schema versions: what an older release wrote is read as this one writes it.

A table or document has a list of migrations, each a pure function from one schema to the next. Its
schema version is one more than their number; what bears no mark has schema 1. To change a schema:
change the contract, add a migration, and run `make fixture` before the release.
"""
