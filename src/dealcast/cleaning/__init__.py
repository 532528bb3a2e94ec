"""Raw rows in; clean tables, an account of every change, and the rows set aside out."""

from dealcast.cleaning.export import Cleaned, as_raw, clean
from dealcast.cleaning.log import Applied, CleaningLog, RowCount
from dealcast.cleaning.quarantine import row_hash
from dealcast.cleaning.rules import CLEANING_RULES, rules_table

__all__ = [
    "CLEANING_RULES",
    "Applied",
    "Cleaned",
    "CleaningLog",
    "RowCount",
    "as_raw",
    "clean",
    "row_hash",
    "rules_table",
]
