"""CHECKS: every question to an export. To add one, add a record.

Codes: DQ1 completeness, DQ2 uniqueness, DQ3 validity, DQ4 consistency, DQ5 integrity, DQ6
timeliness, DQ7 suspicion. Where two checks would meet the same defect, one of them leaves out what
the other counts.
"""

import polars as pl

from dealcast.cells import DIMENSIONS, KEYS, REFERENCES, is_unusable, stated, usable
from dealcast.contracts import CLOSED_STAGES, EARLIEST, LATEST, OPEN_STAGES, STAGES
from dealcast.quality.findings import (
    blank_by_outcome,
    constant_columns,
    ends_mid_flight,
    gap_in,
    starts_mid_flight,
)
from dealcast.quality.reading import AS_OF, MISSPELT, STRAY_SPACE, unknown, variant
from dealcast.quality.spec import Check

_stage = pl.col("deal_stage")
_open, _closed = _stage.is_in(OPEN_STAGES), _stage.is_in(CLOSED_STAGES)
_won, _lost = _stage == "Won", _stage == "Lost"
_YEARS = f"{EARLIEST.year}-{LATEST.year}"


def _blank(column: str) -> pl.Expr:
    return pl.col(column).is_null()


def _filled(column: str) -> pl.Expr:
    return pl.col(column).is_not_null()


def _unreadable(column: str) -> pl.Expr:
    return _filled(column) & stated(column).is_null()


def _out_of_range(column: str) -> pl.Expr:
    return stated(column).is_not_null() & usable(column).is_null()


# A record in four lines reads as a table; the formatter would give it one argument a line.
# fmt: off
COMPLETENESS = (
    Check("DQ101", "Opportunity without an id", "completeness", "critical", "opportunities",
          ("opportunity_id",), _blank("opportunity_id"),
          "give each opportunity its id in the CRM"),
    Check("DQ102", "Opportunity without a stage", "completeness", "critical", "opportunities",
          ("deal_stage",), _blank("deal_stage"),
          "export the stage, or map its column in the mapping"),
    Check("DQ103", "Engaged without an engage date", "completeness", "critical", "opportunities",
          ("deal_stage", "engage_date"), (_closed | (_stage == "Engaging")) & _blank("engage_date"),
          "give the engage date; only a Prospecting opportunity has none"),
    Check("DQ104", "Closed without a close date", "completeness", "critical", "opportunities",
          ("deal_stage", "close_date"), _closed & _blank("close_date"),
          "give the close date, or an open stage"),
    Check("DQ105", "Won without a value", "completeness", "major", "opportunities",
          ("deal_stage", "close_value"), _won & _blank("close_value"),
          "give the value; it stays blank otherwise, nothing is imputed"),
    Check("DQ106", "Lost with a blank value", "completeness", "minor", "opportunities",
          ("deal_stage", "close_value"), _lost & _blank("close_value"),
          "cleaning writes 0, the revenue of a lost one"),
    Check("DQ107", "Opportunity without a sales agent", "completeness", "major", "opportunities",
          ("sales_agent",), _blank("sales_agent"),
          "give the agent; what is computed by agent leaves these out"),
    Check("DQ108", "Opportunity without a product", "completeness", "major", "opportunities",
          ("product",), _blank("product"),
          "give the product; without it there is no list price"),
    *(Check(code, f"Row of {table} without its key", "completeness", "critical", table,
            (KEYS[table],), _blank(KEYS[table]), f"give each row its {KEYS[table]}")
      for code, table in zip(("DQ111", "DQ112", "DQ113"), DIMENSIONS, strict=True)),
)
UNIQUENESS = (
    Check("DQ201", "Different rows under one id", "uniqueness", "critical", "opportunities",
          ("opportunity_id",), pl.col("is_conflict"),
          "keep one row per opportunity, or give the others ids of their own"),
    Check("DQ202", "Exact copy of a row", "uniqueness", "major", "opportunities",
          ("opportunity_id",), pl.col("is_copy"),
          "cleaning keeps the first; look for a join or an upload done twice"),
    *(Check(code, f"Key of {table} in several rows", "uniqueness", "major", table,
            (KEYS[table],), pl.col("is_copy") | pl.col("is_conflict"),
            "cleaning keeps one row, blank where they disagree; keep the right one")
      for code, table in zip(("DQ211", "DQ212", "DQ213"), DIMENSIONS, strict=True)),
)
VALIDITY = (
    Check("DQ301", "Unknown stage", "validity", "critical", "opportunities",
          ("deal_stage",), _filled("deal_stage") & ~_stage.is_in(STAGES),
          "map the stage's name to one of ours in the mapping"),
    *(Check(code, f"Unreadable {column}", "validity", "critical", "opportunities",
            (column,), _unreadable(column), f"write it in one notation, or set {setting}")
      for code, column, setting in (
          ("DQ302", "engage_date", "source.date_order"),
          ("DQ303", "close_date", "source.date_order"),
          ("DQ304", "close_value", "source.decimal"))),
    *(Check(code, f"{column} out of {_YEARS}", "validity", "critical", "opportunities",
            (column,), _out_of_range(column), "mend the year")
      for code, column in (("DQ305", "engage_date"), ("DQ306", "close_date"))),
    Check("DQ307", "Negative or absurd close_value", "validity", "critical", "opportunities",
          ("close_value",), _out_of_range("close_value"),
          "give the revenue; a refund is not an opportunity"),
    *(Check(code, f"Unusable {column}", "validity", "minor", "opportunities",
            ("deal_stage", column), _open & is_unusable(column),
            "cleaning blanks it; it is a plan, not what happened")
      for code, column in (("DQ308", "expected_close_date"), ("DQ309", "amount"))),
    *(Check(code, f"{column} is no number or out of range", "validity", "major", table,
            (column,), is_unusable(column), "cleaning blanks it; give the right one")
      for code, table, column in (
          ("DQ311", "accounts", "year_established"),
          ("DQ312", "accounts", "revenue"),
          ("DQ313", "accounts", "employees"),
          ("DQ314", "products", "sales_price"))),
    *(Check(code, f"Stray white space in {table}", "validity", "minor", table,
            (), _filled(STRAY_SPACE), "cleaning takes it out", shows=(STRAY_SPACE,))
      for code, table in zip(("DQ321", "DQ322", "DQ323", "DQ324"), KEYS, strict=True)),
    *(Check(code, f"Known misspelling in {table}", "validity", "minor", table,
            (), _filled(MISSPELT), "cleaning mends it by cleaning.spelling", shows=(MISSPELT,))
      for code, table in zip(("DQ331", "DQ332", "DQ333", "DQ334"), KEYS, strict=True)),
)
CONSISTENCY = (
    Check("DQ401", "Closes before it engages", "consistency", "critical", "opportunities",
          ("engage_date", "close_date"), usable("close_date") < usable("engage_date"),
          "mend one of the dates; were they swapped, or day and month?"),
    Check("DQ402", "Open with a close date", "consistency", "critical", "opportunities",
          ("deal_stage", "close_date"), _open & _filled("close_date"),
          "give the closed stage, or blank the date; an expected one is expected_close_date"),
    Check("DQ403", "Open with a close value", "consistency", "critical", "opportunities",
          ("deal_stage", "close_date", "close_value"),
          _open & _filled("close_value") & _blank("close_date"),
          "give the closed stage, or blank the value; an expected one is amount"),
    Check("DQ404", "Lost with a value", "consistency", "major", "opportunities",
          ("deal_stage", "close_value"), _lost & (usable("close_value") > 0),
          "cleaning writes 0; if it was won, mend the stage"),
    Check("DQ405", "Won with value 0", "consistency", "critical", "opportunities",
          ("deal_stage", "close_value"), _won & (usable("close_value") == 0),
          "give the value, or blank it where it is not known"),
)
INTEGRITY = (
    *(Check(code, f"{column} written otherwise than in {table}", "integrity", "major",
            "opportunities", (column,), pl.col(variant(column)),
            "cleaning writes it as there; mend it in the CRM", needs=table)
      for code, (column, table) in zip(
          ("DQ501", "DQ502", "DQ503"), REFERENCES.items(), strict=True)),
    *(Check(code, f"{column} not in {table}", "integrity", "critical",
            "opportunities", (column,), pl.col(unknown(column)),
            f"add it to {table}, or mend the opportunity", needs=table)
      for code, (column, table) in zip(
          ("DQ511", "DQ512", "DQ513"), REFERENCES.items(), strict=True)),
    Check("DQ521", "Parent company not in accounts", "integrity", "notice", "accounts",
          ("account", "subsidiary_of"), pl.col(unknown("subsidiary_of")),
          "nothing depends on it; add the parent if it is a customer"),
)
TIMELINESS = (
    Check("DQ601", "Dated after data.as_of", "timeliness", "notice", "opportunities",
          ("engage_date", "close_date"),
          pl.max_horizontal(usable("engage_date"), usable("close_date")) > pl.col(AS_OF),
          "nothing, where an earlier day is replayed: the model does not see them"),
    Check("DQ602", "Ends mid-flight (right-truncated)", "timeliness", "notice", "opportunities",
          ("deal_stage",), ends_mid_flight,
          "do not count open ones as lost; the win model treats them as censored"),
    Check("DQ603", "Starts mid-flight (left-truncated)", "timeliness", "notice", "opportunities",
          ("deal_stage", "engage_date", "close_date"), starts_mid_flight,
          "do not read rates or cycles off those engaged before the first close"),
    *(Check(code, f"Gap in {column}", "timeliness", "notice", "opportunities",
            (column,), gap_in(column), "ask whether a part of the export is missing", unit="days")
      for code, column in (("DQ604", "engage_date"), ("DQ605", "close_date"))),
)
SUSPICION = (
    *(Check(code, f"{column} blank by outcome", "suspicion", "notice", "opportunities",
            ("deal_stage", column), blank_by_outcome(column),
            "keep it, and all that is joined through it, out of models")
      for code, column in (("DQ701", "account"), ("DQ702", "product"), ("DQ703", "sales_agent"))),
    Check("DQ711", "Column with a single value", "suspicion", "notice", "opportunities",
          (), constant_columns, "check the mapping and the export's defaults", unit="columns"),
)
# fmt: on

CHECKS: tuple[Check, ...] = (
    *COMPLETENESS,
    *UNIQUENESS,
    *VALIDITY,
    *CONSISTENCY,
    *INTEGRITY,
    *TIMELINESS,
    *SUSPICION,
)

# What the stage makes blank: counted and named, but not missing, and never imputed.
BLANK_BY_DESIGN: dict[str, tuple[str, tuple[str, ...]]] = {
    "open without close_date": ("close_date", OPEN_STAGES),
    "open without close_value": ("close_value", OPEN_STAGES),
    "Prospecting without engage_date": ("engage_date", ("Prospecting",)),
}


def checks_table() -> list[dict[str, str | float]]:
    """One record per check, for the generated page and for terminals."""
    return [
        {
            "code": check.code,
            "title": check.title,
            "dimension": check.dimension,
            "severity": check.severity,
            "weight": check.weight,
            "table": check.table,
            "columns": ", ".join(check.columns),
            "unit": check.unit,
            "remedy": check.remedy,
        }
        for check in CHECKS
    ]
