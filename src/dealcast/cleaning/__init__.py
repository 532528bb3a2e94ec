"""Raw rows in; clean tables, an account of every change, and the rows set aside out."""

from dealcast.cleaning.export import (
    Cleaned,
    as_raw,
    clean,
    clean_dimensions,
    known_keys,
    refuse_too_many,
)
from dealcast.cleaning.log import Applied, CleaningLog, RowCount
from dealcast.cleaning.quarantine import row_hash
from dealcast.cleaning.rows import CleanedRows, RowCleaner, added_up
from dealcast.cleaning.rules import CLEANING_RULES, rules_table

__all__ = [
    "CLEANING_RULES",
    "Applied",
    "Cleaned",
    "CleanedRows",
    "CleaningLog",
    "RowCleaner",
    "RowCount",
    "added_up",
    "as_raw",
    "clean",
    "clean_dimensions",
    "known_keys",
    "refuse_too_many",
    "row_hash",
    "rules_table",
]
