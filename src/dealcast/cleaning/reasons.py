"""REASONS: why cleaning sets a row aside. The first one that is true of a row is its reason."""

import polars as pl

from dealcast.cells import DIMENSIONS, REFERENCES, is_unusable, shown, usable
from dealcast.cleaning.spec import SetAside
from dealcast.contracts import CLOSED_STAGES, EARLIEST, LARGEST_AMOUNT, LATEST, OPEN_STAGES, STAGES

_OPPORTUNITIES = ("opportunities",)

_stage = pl.col("deal_stage")
_open, _closed = _stage.is_in(OPEN_STAGES), _stage.is_in(CLOSED_STAGES)
_value = usable("close_value")
# How an open one with dates and a value would have closed.
_closed_by_value = pl.when(pl.col("engage_date").is_not_null()).then(
    pl.when(_value > 0).then(pl.lit("Won")).when(_value == 0).then(pl.lit("Lost"))
)
_stages = ", ".join(STAGES)


def says(text: str, *columns: str) -> pl.Expr:
    """The text with a cell in each pair of braces; a blank cell is called so."""
    return pl.format(text, *(shown(c) for c in columns))


def near(column: str) -> str:
    """Name of the mark: the known value most like an unknown one; null where nothing is near."""
    return f"{column}_near"


def _set_to_near(column: str, otherwise: str) -> pl.Expr:
    return pl.coalesce(
        pl.format(f"set {column} to '{{}}'", pl.col(near(column))), pl.lit(otherwise)
    )


def _fix_near(column: str) -> pl.Expr:
    return pl.when(pl.col(near(column)).is_not_null()).then(pl.lit(column))


def _unusable_date(code: str, column: str) -> SetAside:
    return SetAside(
        code,
        f"Unusable {column}",
        f"no date can be read there, or none from {EARLIEST.year} to {LATEST.year}",
        _OPPORTUNITIES,
        is_unusable(column),
        says(f"{column} '{{}}' is no date from {EARLIEST.year} to {LATEST.year}", column),
        pl.lit(f"write {column} as YYYY-MM-DD"),
    )


def _unknown_key(code: str, column: str, table: str) -> SetAside:
    return SetAside(
        code,
        f"{column} not in {table}",
        f"{table} has no such key, nor one that differs in form only",
        _OPPORTUNITIES,
        pl.col(f"{column}_unknown"),
        says(f"{column} '{{}}' is not in {table}", column),
        _set_to_near(column, f"add it to {table}, or mend {column}"),
        _fix_near(column),
        pl.col(near(column)),
    )


_IDENTITY = (
    SetAside(
        "CL101",
        "No opportunity id",
        "nothing can be said of it later",
        _OPPORTUNITIES,
        pl.col("opportunity_id").is_null(),
        pl.lit("opportunity_id is blank"),
        pl.lit("set opportunity_id to its id in the CRM"),
    ),
    SetAside(
        "CL102",
        "Exact copy",
        "the first of equal rows is kept",
        _OPPORTUNITIES,
        pl.col("is_copy"),
        says("an equal row with opportunity_id '{}' stands before it", "opportunity_id"),
        pl.lit("nothing to do: the first of them is kept"),
    ),
    SetAside(
        "CL103",
        "Different rows under one id",
        "which one holds cannot be known: all are set aside",
        _OPPORTUNITIES,
        pl.col("is_conflict"),
        says("opportunity_id '{}' has several rows that differ", "opportunity_id"),
        pl.lit("make them equal, or give the others an opportunity_id of their own"),
    ),
    SetAside(
        "CL104",
        "Unknown stage",
        f"the stage is none of {_stages}",
        _OPPORTUNITIES,
        _stage.is_null() | ~_stage.is_in(STAGES),
        says(f"deal_stage '{{}}' is none of {_stages}", "deal_stage"),
        _set_to_near("deal_stage", "map its name to one of ours in the mapping"),
        _fix_near("deal_stage"),
        pl.col(near("deal_stage")),
    ),
)
_CELLS = (
    _unusable_date("CL105", "engage_date"),
    _unusable_date("CL106", "close_date"),
    SetAside(
        "CL107",
        "Unusable close_value",
        f"no number can be read there, or none from 0 to {LARGEST_AMOUNT:,.0f}",
        _OPPORTUNITIES,
        is_unusable("close_value"),
        says(f"close_value '{{}}' is no amount from 0 to {LARGEST_AMOUNT:,.0f}", "close_value"),
        pl.when(_stage == "Lost")
        .then(pl.lit("set close_value to 0, the revenue of a lost one"))
        .otherwise(pl.lit("write close_value as a number, or blank it")),
        pl.when(_stage == "Lost").then(pl.lit("close_value")),
        pl.when(_stage == "Lost").then(pl.lit("0")),
    ),
)
_STAGE_AND_DATES = (
    SetAside(
        "CL108",
        "Engaged without an engage date",
        "an age cannot be computed; only a Prospecting opportunity has none",
        _OPPORTUNITIES,
        (_closed | (_stage == "Engaging")) & pl.col("engage_date").is_null(),
        says("deal_stage is '{}', but engage_date is blank", "deal_stage"),
        pl.lit("give engage_date"),
    ),
    SetAside(
        "CL109",
        "Closed without a close date",
        "when it closed cannot be guessed",
        _OPPORTUNITIES,
        _closed & pl.col("close_date").is_null(),
        says("deal_stage is '{}', but close_date is blank", "deal_stage"),
        pl.lit("give close_date, or an open deal_stage"),
    ),
    SetAside(
        "CL110",
        "Closes before it engages",
        "which date is wrong cannot be known",
        _OPPORTUNITIES,
        usable("close_date") < usable("engage_date"),
        says("close_date {} is before engage_date {}", "close_date", "engage_date"),
        pl.lit("swap the two dates, or mend the wrong one"),
    ),
    SetAside(
        "CL111",
        "Open with a close date",
        "whether it closed cannot be known",
        _OPPORTUNITIES,
        _open & pl.col("close_date").is_not_null(),
        says("deal_stage is '{}', but close_date is {}", "deal_stage", "close_date"),
        pl.when(_closed_by_value.is_not_null())
        .then(pl.format("it has a value too: set deal_stage to '{}'", _closed_by_value))
        .when(_value.is_null())
        .then(pl.lit("blank close_date; or set deal_stage to how it closed"))
        .otherwise(pl.lit("give engage_date, and set deal_stage to how it closed")),
        pl.when(_closed_by_value.is_not_null())
        .then(pl.lit("deal_stage"))
        .when(_value.is_null())
        .then(pl.lit("close_date")),
        _closed_by_value,
    ),
    SetAside(
        "CL112",
        "Open with a close value",
        "whether it closed cannot be known",
        _OPPORTUNITIES,
        _open & pl.col("close_value").is_not_null(),
        says("deal_stage is '{}', but close_value is {}", "deal_stage", "close_value"),
        pl.lit("blank close_value; or set deal_stage and close_date to how it closed"),
        pl.lit("close_value"),
    ),
    SetAside(
        "CL113",
        "Won with value 0",
        "it was lost, or its value is not known",
        _OPPORTUNITIES,
        (_stage == "Won") & (_value == 0),
        says("deal_stage is 'Won', but close_value is {}", "close_value"),
        pl.lit("give close_value, or blank it where it is not known; or set deal_stage to 'Lost'"),
    ),
)
_REFERENCES = tuple(
    _unknown_key(code, column, table)
    for code, (column, table) in zip(("CL114", "CL115", "CL116"), REFERENCES.items(), strict=True)
)
_DIMENSION_ROWS = (
    SetAside(
        "CL121",
        "Row without its key",
        "no opportunity can name it",
        DIMENSIONS,
        pl.col("key").is_null(),
        pl.lit("the key is blank"),
        pl.lit("give the key"),
    ),
    SetAside(
        "CL122",
        "Key in several rows",
        "one row is kept, blank where they disagree (CL009)",
        DIMENSIONS,
        pl.col("is_copy"),
        says("'{}' stands in a row before it; that one is kept, blank where they disagree", "key"),
        pl.lit("keep one row of each key in the export"),
    ),
)
REASONS: tuple[SetAside, ...] = (
    *_IDENTITY,
    *_CELLS,
    *_STAGE_AND_DATES,
    *_REFERENCES,
    *_DIMENSION_ROWS,
)
